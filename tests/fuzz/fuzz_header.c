/* Header values: words, addresses, ids and dates of any bytes are valid UTF-8 and within their limits. */
#include <attune/header.h>
#include <attune/language.h>
#include <attune/reading.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena *arena;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    language_prepare();
    arena = arena_new(READING_ARENA);
    return arena && charset_prepare() == ERR_OK ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str value = {(const char *)data, size}, text, address, ids = {0};
    bool guessed;
    int64_t date_ms;
    int32_t zone_minutes;
    arena_reset(arena);
    if (header_text(arena, value, NULL, READING_MAX_SUBJECT, &text, &guessed) == ERR_OK &&
        (!utf8_is_valid(text) || text.length > READING_MAX_SUBJECT))
        abort();
    if (header_address(arena, value, &address) == ERR_OK &&
        (!utf8_is_valid(address) || address.length > READING_MAX_ADDRESS))
        abort();
    if (header_ids(arena, value, READING_MAX_MESSAGE_ID, &ids) == ERR_OK &&
        (!utf8_is_valid(ids) || ids.length > READING_MAX_MESSAGE_ID))
        abort();
    (void)header_date(value, &date_ms, &zone_minutes);
    return 0;
}
