/* Any reading through a small rule set: every hit lies in its field, and the same reading gives the same hits. */
#include "rule_files.h"
#include <attune/ruleset.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static struct ruleset *ruleset;

static void open_rules(void)
{
    struct pack *pack;
    struct diag diag;
    diag_init(&diag);
    make_rule_folder();
    if (pack_load(rule_folder, &pack, &diag) != ERR_OK || ruleset_compile(pack, &ruleset, &diag) != ERR_OK)
        abort();
}

static struct hits match(struct arena *arena, const struct reading *reading)
{
    struct hits hits;
    if (ruleset_match(ruleset, arena, reading, &hits) != ERR_OK)
        abort();
    return hits;
}

/* The first byte says where the subject ends and the text begins. */
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    struct str text = {(const char *)bytes + 1, length - 1};
    if (length == 0 || !utf8_is_valid(text))
        return 0;
    if (!ruleset)
        open_rules();
    struct reading reading = {0};
    reading.fields[FIELD_TEXT] = text;
    if (bytes[0] < text.length && ((unsigned char)text.data[bytes[0]] & 0xC0) != 0x80) {
        reading.fields[FIELD_SUBJECT] = str_slice(text, 0, bytes[0]);
        reading.fields[FIELD_TEXT] = str_slice(text, bytes[0], text.length);
    }
    struct arena *arena = arena_new(128 * 1024 * 1024);
    struct hits first = match(arena, &reading), again = match(arena, &reading);
    if (first.count != again.count || first.reasons != again.reasons ||
        (first.count && memcmp(first.items, again.items, first.count * sizeof *first.items) != 0))
        abort();
    for (size_t i = 0; i < first.count; i++)
        if (first.items[i].start >= first.items[i].end ||
            first.items[i].end > reading.fields[first.items[i].field].length)
            abort();
    arena_free(&arena);
    return 0;
}
