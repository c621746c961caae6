/* HTML to text: valid UTF-8 stays so. */
#include <attune/html.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { ARENA = 64 * 1024 * 1024 };
    struct str html = {(const char *)data, size};
    struct arena *arena = arena_new(ARENA);
    struct html_text text;
    size_t tags_left = HTML_MAX_TAGS;
    if (arena && utf8_is_valid(html) && html_to_text(arena, html, &tags_left, &text) == ERR_OK &&
        !utf8_is_valid(text.text))
        abort();
    arena_free(&arena);
    return 0;
}
