/* The verdict on the wire: what is written comes back, and what a captured child would write is refused. */
#include <attune/pack.h>
#include <attune/verdict.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RULES = 10 };

static struct ipc_writer writer;
static struct arena *arena;

static struct verdict usual(void)
{
    static const struct hit hits[] = {
        {.rule = 3, .field = FIELD_TEXT, .start = 5, .end = 17, .lowered = LOWERED_NOT},
        {.rule = RULES - 1, .field = FIELD_SIGNATURE, .start = 0, .end = 0, .lowered = LOWERED_UNLESS},
    };
    return (struct verdict){
        .class = CLASS_FORM_RELAY,
        .reasons = REASON_CHARSET | REASON_CUT,
        .language = "sl",
        .points_at_quotation = true,
        .repeats_subject = true,
        .automatic = true,
        .from_address = STR("form@example.org"),
        .writer = STR("ana@example.net"),
        .message_id = STR("1@example.net"),
        .thread_ids = STR("a@example.org b@example.org"),
        .own_proof = STR("v1=00ff"),
        .date_ms = 1795000000123,
        .zone_minutes = -210,
        .words = 42,
        .hits = hits,
        .hit_count = 2,
        .cpu_us = 350,
    };
}

static struct ipc_reader put(const struct verdict *verdict)
{
    assert_int_equal(ipc_write_begin(&writer, FRAME_CHILD_VERDICT), ERR_OK);
    ipc_put_u64(&writer, 7); /* the job, as in the frame */
    verdict_put(&writer, verdict);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    return (struct ipc_reader){.bytes = writer.bytes + IPC_HEADER + 8, .length = writer.length - IPC_HEADER - 8};
}

static enum err get(struct ipc_reader reader, struct verdict *out)
{
    arena_reset(arena);
    enum err error = verdict_get(&reader, arena, RULES, out);
    return error == ERR_OK && !ipc_read_end(&reader) ? ERR_PEER : error;
}

static void assert_same(const struct verdict *a, const struct verdict *b)
{
    assert_int_equal(a->class, b->class);
    assert_int_equal(a->reasons, b->reasons);
    assert_memory_equal(a->language, b->language, sizeof a->language);
    assert_int_equal(a->is_forward, b->is_forward);
    assert_int_equal(a->points_at_quotation, b->points_at_quotation);
    assert_int_equal(a->repeats_subject, b->repeats_subject);
    assert_int_equal(a->hidden_text, b->hidden_text);
    assert_int_equal(a->automatic, b->automatic);
    assert_true(str_equal(a->from_address, b->from_address));
    assert_true(str_equal(a->writer, b->writer));
    assert_true(str_equal(a->message_id, b->message_id));
    assert_true(str_equal(a->thread_ids, b->thread_ids));
    assert_true(str_equal(a->own_proof, b->own_proof));
    assert_true(a->date_ms == b->date_ms);
    assert_int_equal(a->zone_minutes, b->zone_minutes);
    assert_int_equal(a->words, b->words);
    assert_true(a->cpu_us == b->cpu_us);
    assert_int_equal(a->hit_count, b->hit_count);
    for (size_t i = 0; i < a->hit_count; i++)
        assert_memory_equal(&a->hits[i], &b->hits[i], sizeof a->hits[i]);
}

static void comes_back_as_written(void **state)
{
    (void)state;
    struct verdict given = usual(), taken;
    assert_int_equal(get(put(&given), &taken), ERR_OK);
    assert_same(&taken, &given);
    given = (struct verdict){.zone_minutes = INT32_MIN};
    assert_int_equal(get(put(&given), &taken), ERR_OK);
    assert_same(&taken, &given);
}

static char *text_of(char byte, size_t length)
{
    char *text = malloc(length + 1);
    memset(text, byte, length);
    text[length] = '\0';
    return text;
}

static void fits_its_frame_at_its_limits(void **state)
{
    (void)state;
    char *address = text_of('a', READING_MAX_ADDRESS), *id = text_of('i', READING_MAX_MESSAGE_ID);
    char *ids = text_of('t', VERDICT_MAX_THREAD_IDS), *proof = text_of('p', VERDICT_MAX_PROOF);
    struct hit *hits = calloc(VERDICT_MAX_HITS + 1, sizeof *hits);
    struct verdict given = usual(), taken;
    given.from_address = given.writer = str_of(address);
    given.message_id = str_of(id);
    given.thread_ids = str_of(ids);
    given.own_proof = str_of(proof);
    given.hits = hits;
    given.hit_count = VERDICT_MAX_HITS;
    given.reasons = 0;
    assert_int_equal(get(put(&given), &taken), ERR_OK);
    assert_same(&taken, &given);

    given.hit_count = VERDICT_MAX_HITS + 1;
    assert_int_equal(get(put(&given), &taken), ERR_OK);
    assert_int_equal(taken.hit_count, VERDICT_MAX_HITS);
    assert_int_equal(taken.reasons, REASON_CUT);
    free(address);
    free(id);
    free(ids);
    free(proof);
    free(hits);
}

/* A mail must not be able to make an honest child look like a lying one. */
static void odd_mail_is_written_acceptably(void **state)
{
    (void)state;
    char *long_address = text_of('a', READING_MAX_ADDRESS + 1);
    const struct str broken[] = {STR("a\r\nb@example.org"), STR("a\0b@example.org"), STR("a\nb"), str_of(long_address)};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct verdict given = usual(), taken;
        given.from_address = given.writer = broken[i];
        given.message_id = i < 3 ? broken[i] : str_of(NULL);
        given.own_proof = broken[i];
        given.thread_ids = i < 3 ? broken[i] : str_of(NULL);
        assert_int_equal(get(put(&given), &taken), ERR_OK);
        assert_int_equal(taken.from_address.length, 0);
        assert_int_equal(taken.writer.length, 0);
        assert_int_equal(taken.message_id.length, 0);
        assert_int_equal(taken.thread_ids.length, 0);
        assert_int_equal(taken.own_proof.length, 0);
    }
    struct verdict given = usual(), taken;
    given.date_ms = -1;
    given.zone_minutes = 9959;
    given.cpu_us = UINT64_MAX;
    assert_int_equal(get(put(&given), &taken), ERR_OK);
    assert_true(taken.date_ms == 0);
    assert_int_equal(taken.zone_minutes, INT32_MIN);
    assert_int_equal(taken.cpu_us, VERDICT_MAX_CPU_US);
    free(long_address);
}

static void newest_thread_ids_are_kept(void **state)
{
    (void)state;
    char *ids = text_of('x', VERDICT_MAX_THREAD_IDS + 100);
    struct verdict given = usual(), taken;
    memcpy(ids + 50, " second@example.org ", 20);
    memcpy(ids + VERDICT_MAX_THREAD_IDS + 80, " last@example.org", 17);
    ids[VERDICT_MAX_THREAD_IDS + 97] = '\0';
    given.thread_ids = str_of(ids);
    assert_int_equal(get(put(&given), &taken), ERR_OK);
    assert_true(str_equal_text(taken.thread_ids, "last@example.org"));
    memset(ids, 'x', VERDICT_MAX_THREAD_IDS + 97);
    given.thread_ids = (struct str){ids, VERDICT_MAX_THREAD_IDS + 97}; /* one endless id: none that could be told */
    assert_int_equal(get(put(&given), &taken), ERR_OK);
    assert_int_equal(taken.thread_ids.length, 0);
    memset(ids, 'x', 97);
    ids[96] = ' '; /* exactly the limit stands behind this space */
    given.thread_ids = (struct str){ids, VERDICT_MAX_THREAD_IDS + 97};
    assert_int_equal(get(put(&given), &taken), ERR_OK);
    assert_int_equal(taken.thread_ids.length, VERDICT_MAX_THREAD_IDS);
    free(ids);
}

/* --- lies
 * ------------------------------------------------------------------------------------------------------------- */

/* Offsets of the fixed fields in a verdict whose five strings are empty. */
enum {
    AT_CLASS = 0,
    AT_REASONS = 1,
    AT_LANGUAGE = 5,
    AT_FLAGS = 9,
    AT_FROM = 10,
    AT_ID = 18,
    AT_DATE = 30,
    AT_ZONE = 38,
    AT_WORDS = 42,
    AT_CPU = 46,
    AT_COUNT = 54,
    AT_HIT = 56,
    AT_FIELD = AT_HIT + 4,
    AT_START = AT_HIT + 5,
    AT_END = AT_HIT + 9,
    AT_LOWERED = AT_HIT + 13,
    WHOLE = AT_HIT + 14,
};

static const struct {
    const char *name;
    size_t at;
    size_t length;
    unsigned char bytes[8];
} lies[] = {
    {"a class that is none", AT_CLASS, 1, {CLASS_COUNT}},
    {"a reason that is none", AT_REASONS, 4, {0, 0, 0, 0x80}},
    {"a crash that it survived", AT_REASONS, 4, {0, REASON_SCREEN_CRASH >> 8}},
    {"a timeout that it survived", AT_REASONS, 4, {0, REASON_SCREEN_TIMEOUT >> 8}},
    {"what a server did", AT_REASONS, 4, {0, REASON_SERVER_WITHHELD >> 8}},
    {"a language in capitals", AT_LANGUAGE, 4, {'S', 'L', 0, 0}},
    {"a language of one letter", AT_LANGUAGE, 4, {'s', 0, 0, 0}},
    {"a language without an end", AT_LANGUAGE, 4, {'s', 'l', 'o', 'v'}},
    {"a language with a letter behind its end", AT_LANGUAGE, 4, {'s', 'l', 0, 'x'}},
    {"a flag that is none", AT_FLAGS, 1, {32}},
    {"an address past the frame", AT_FROM, 4, {0xff, 0xff, 0xff, 0xff}},
    {"an address that takes the rest", AT_FROM, 4, {40}},
    {"a message id past its limit", AT_ID, 4, {0xe7, 0x03}},
    {"a date before 1970", AT_DATE, 8, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    {"a date past 9999", AT_DATE, 8, {0, 0, 0, 0, 0, 0, 0, 0x7f}},
    {"a zone past a day", AT_ZONE, 4, {0xa1, 0x05}},
    {"more words than bytes", AT_WORDS, 4, {1, 0, 0x10}},
    {"more CPU time than it may take", AT_CPU, 8, {0, 0, 0, 0, 1}},
    {"more hits than it brought", AT_COUNT, 2, {2}},
    {"fewer hits than it brought", AT_COUNT, 2, {0}},
    {"more hits than any may have", AT_COUNT, 2, {0xff, 0xff}},
    {"a rule that is none", AT_HIT, 4, {RULES}},
    {"a rule far out", AT_HIT, 4, {0xff, 0xff, 0xff, 0xff}},
    {"a field that is none", AT_FIELD, 1, {FIELD_COUNT}},
    {"an end before its start", AT_START, 4, {5}},
    {"an end past any text", AT_END, 4, {1, 0, 0x10}},
    {"a lowering that is none", AT_LOWERED, 1, {LOWERED_UNLESS + 1}},
};

static void make_plain(unsigned char out[WHOLE])
{
    static const struct hit hit = {.rule = 1, .field = FIELD_SUBJECT, .start = 1, .end = 4};
    struct verdict plain = {.class = CLASS_HUMAN, .language = "en", .hits = &hit, .hit_count = 1};
    struct ipc_reader reader = put(&plain);
    assert_int_equal(reader.length, WHOLE);
    memcpy(out, reader.bytes, WHOLE);
}

static void lies_are_refused(void **state)
{
    (void)state;
    unsigned char plain[WHOLE], lie[WHOLE];
    struct verdict taken;
    make_plain(plain);
    assert_int_equal(get((struct ipc_reader){.bytes = plain, .length = WHOLE}, &taken), ERR_OK);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        memcpy(lie, plain, WHOLE);
        memcpy(lie + lies[i].at, lies[i].bytes, lies[i].length);
        if (get((struct ipc_reader){.bytes = lie, .length = WHOLE}, &taken) != ERR_PEER)
            fail_msg("believed: %s", lies[i].name);
    }
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    struct verdict given = usual(), taken;
    struct ipc_reader whole = put(&given);
    for (size_t length = 0; length < whole.length; length++)
        assert_int_equal(get((struct ipc_reader){.bytes = whole.bytes, .length = length}, &taken), ERR_PEER);
    unsigned char *longer = malloc(whole.length + 1);
    memcpy(longer, whole.bytes, whole.length);
    longer[whole.length] = 0;
    assert_int_equal(get((struct ipc_reader){.bytes = longer, .length = whole.length + 1}, &taken), ERR_PEER);
    free(longer);
}

static void line_breaks_in_strings_are_refused(void **state)
{
    (void)state;
    struct verdict given = usual(), taken;
    struct ipc_reader whole = put(&given);
    unsigned char *copy = malloc(whole.length);
    for (size_t i = 0; i < 3; i++) {
        memcpy(copy, whole.bytes, whole.length);
        copy[AT_FROM + 4 + 3] = (unsigned char)"\r\n\0"[i];
        assert_int_equal(get((struct ipc_reader){.bytes = copy, .length = whole.length}, &taken), ERR_PEER);
    }
    free(copy);
}

static void without_memory_it_is_our_own_failure(void **state)
{
    (void)state;
    struct verdict given = usual(), taken;
    struct ipc_reader reader = put(&given);
    struct arena *small = arena_new(16);
    assert_int_equal(verdict_get(&reader, small, RULES, &taken), ERR_SYSTEM);
    arena_free(&small);
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1024 * 1024);
    return arena ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    ipc_writer_free(&writer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_written),
        cmocka_unit_test(fits_its_frame_at_its_limits),
        cmocka_unit_test(odd_mail_is_written_acceptably),
        cmocka_unit_test(newest_thread_ids_are_kept),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(line_breaks_in_strings_are_refused),
        cmocka_unit_test(without_memory_it_is_our_own_failure),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
