/* The splitter: no word is lost, whatever the lines say. */
#include <attune/split.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_letters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.length; i++)
        count += (text.data[i] >= 'a' && text.data[i] <= 'z') || (text.data[i] >= 'A' && text.data[i] <= 'Z');
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { ARENA = 64 * 1024 * 1024 };
    struct str text = {(const char *)data, size};
    struct arena *arena = arena_new(ARENA);
    struct split split;
    if (arena && utf8_is_valid(text) && split_text(arena, text, &split) == ERR_OK) {
        size_t found = count_letters(split.text) + count_letters(split.quoted) + count_letters(split.signature);
        if (found != count_letters(text))
            abort();
        (void)split_points_at_quotation(split.text);
    }
    arena_free(&arena);
    return 0;
}
