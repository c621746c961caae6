/* A whole mail, full and raw: whatever comes in, every field is valid UTF-8 without NUL and within its limit. */
#include <attune/reading.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena *arena;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    arena = arena_new(READING_ARENA);
    return arena && reading_prepare() == ERR_OK ? 0 : -1;
}

static void check(const struct reading *reading)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        struct str field = reading->fields[i];
        if (!utf8_is_valid(field) || field.length > READING_MAX_TEXT ||
            (field.length && memchr(field.data, '\0', field.length)))
            abort();
    }
    if (!utf8_is_valid(reading->writer) || !utf8_is_valid(reading->message_id) || !utf8_is_valid(reading->thread_ids))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading reading;
    for (int mode = SCREEN_FULL; mode <= SCREEN_RAW; mode++) {
        arena_reset(arena);
        if (reading_from_mail(arena, (struct str){(const char *)data, size}, (enum screen_mode)mode, &reading) ==
            ERR_OK)
            check(&reading);
    }
    return 0;
}
