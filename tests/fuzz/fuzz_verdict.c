/* A verdict from a captured child: refused, or within every bound; and what was accepted is written and read the same.
 */
#include <attune/verdict.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES = 100 };

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_bounds(const struct verdict *verdict)
{
    check(verdict->class < CLASS_COUNT && verdict->reasons < 1u << REASON_COUNT);
    check(verdict->language[3] == '\0' && verdict->words <= READING_MAX_TEXT);
    check(verdict->from_address.length <= READING_MAX_ADDRESS && verdict->writer.length <= READING_MAX_ADDRESS);
    check(verdict->message_id.length <= READING_MAX_MESSAGE_ID);
    check(verdict->hit_count <= VERDICT_MAX_HITS);
    for (size_t i = 0; i < verdict->hit_count; i++)
        check(verdict->hits[i].rule < RULES && verdict->hits[i].field < FIELD_COUNT &&
              verdict->hits[i].start <= verdict->hits[i].end);
}

/* One that was accepted is what an honest child would have written: it comes out byte for byte. */
static void check_round_trip(const struct verdict *verdict, const uint8_t *data, size_t size)
{
    struct ipc_writer writer = {0};
    check(ipc_write_begin(&writer, FRAME_CHILD_VERDICT) == ERR_OK);
    verdict_put(&writer, verdict);
    check(ipc_write_end(&writer) == ERR_OK);
    check(writer.length - IPC_HEADER == size && memcmp(writer.bytes + IPC_HEADER, data, size) == 0);
    ipc_writer_free(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(256 * 1024);
    struct ipc_reader reader = {.bytes = data, .length = size};
    struct verdict verdict;
    const struct str *texts;
    if (verdict_get(&reader, arena, RULES, &verdict) == ERR_OK) {
        check_bounds(&verdict);
        size_t end = reader.at;
        check_round_trip(&verdict, data, end);
        if (verdict_get_texts(&reader, arena, verdict.hit_count, &texts) == ERR_OK)
            for (size_t i = 0; i < verdict.hit_count; i++)
                check(texts[i].length <= VERDICT_MAX_TEXT && utf8_is_valid(texts[i]));
    }
    arena_free(&arena);
    return 0;
}
