/* The words of hits behind a verdict: cut between characters, bounded in all, refused when they are not text. */
#include <attune/verdict.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ipc_reader reader_of(const struct ipc_writer *writer, size_t length)
{
    return (struct ipc_reader){.bytes = writer->bytes + IPC_HEADER, .length = length};
}

/* Writes the words of `count` hits, each the whole of `text`, and reads them back. */
static const struct str *carry(struct ipc_writer *writer, struct arena *arena, struct hit *hits, size_t count,
                               struct str text)
{
    struct reading reading = {.fields = {[FIELD_TEXT] = text}};
    for (size_t i = 0; i < count; i++)
        hits[i] = (struct hit){.field = FIELD_TEXT, .start = 0, .end = (uint32_t)text.length};
    struct verdict verdict = {.hits = hits, .hit_count = count};
    const struct str *texts;
    assert_int_equal(ipc_write_begin(writer, FRAME_CHILD_VERDICT), ERR_OK);
    verdict_put_texts(writer, &verdict, &reading);
    assert_int_equal(ipc_write_end(writer), ERR_OK);
    struct ipc_reader reader = reader_of(writer, writer->length - IPC_HEADER);
    assert_int_equal(verdict_get_texts(&reader, arena, count, &texts), ERR_OK);
    assert_true(ipc_read_end(&reader));
    return texts;
}

static void test_words(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct ipc_writer writer = {0};
    struct hit hit;
    assert_true(str_equal_text(carry(&writer, arena, &hit, 1, STR("words"))[0], "words"));
    assert_int_equal(carry(&writer, arena, &hit, 1, STR(""))[0].length, 0);
    carry(&writer, arena, &hit, 0, STR(""));
    ipc_writer_free(&writer);
    arena_free(&arena);
}

static void test_cut_between_characters(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct ipc_writer writer = {0};
    struct hit hit;
    char text[VERDICT_MAX_TEXT + 40];
    for (size_t lead = 0; lead < 3; lead++) { /* three bytes a character, begun at each remainder */
        memset(text, 'a', lead);
        size_t length = lead;
        for (; length + 3 <= sizeof text; length += 3)
            memcpy(text + length, "\xE2\x82\xAC", 3);
        struct str got = carry(&writer, arena, &hit, 1, (struct str){text, length})[0];
        assert_true(utf8_is_valid(got));
        assert_in_range(got.length, VERDICT_MAX_TEXT - 2, VERDICT_MAX_TEXT);
    }
    ipc_writer_free(&writer);
    arena_free(&arena);
}

static void test_bounded_in_all(void **state)
{
    (void)state;
    static struct hit hits[VERDICT_MAX_HITS];
    static char text[VERDICT_MAX_TEXT];
    struct arena *arena = arena_new(1 << 20);
    struct ipc_writer writer = {0};
    memset(text, 'x', sizeof text);
    const struct str *texts = carry(&writer, arena, hits, VERDICT_MAX_HITS, (struct str){text, sizeof text});
    size_t all = 0;
    for (size_t i = 0; i < VERDICT_MAX_HITS; i++)
        all += texts[i].length;
    assert_int_equal(all, VERDICT_MAX_TEXTS);
    assert_int_equal(texts[VERDICT_MAX_HITS - 1].length, 0);
    ipc_writer_free(&writer);
    arena_free(&arena);
}

/* A hit whose place lies past its field gives no words, and reads nothing past the field. */
static void test_place_past_the_field(void **state)
{
    (void)state;
    struct ipc_writer writer = {0};
    struct hit hit = {.field = FIELD_SUBJECT, .start = 3, .end = 4000000000u};
    struct reading reading = {.fields = {[FIELD_SUBJECT] = STR("abc")}};
    struct verdict verdict = {.hits = &hit, .hit_count = 1};
    assert_int_equal(ipc_write_begin(&writer, FRAME_CHILD_VERDICT), ERR_OK);
    verdict_put_texts(&writer, &verdict, &reading);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(writer.length, IPC_HEADER + 4);
    ipc_writer_free(&writer);
}

static void test_refused(void **state)
{
    (void)state;
    static char overlong[VERDICT_MAX_TEXT + 1];
    memset(overlong, 'x', sizeof overlong);
    const struct str bad[] = {STR("\xFF"), STR("\xE2\x82"), {overlong, sizeof overlong}};
    struct arena *arena = arena_new(1 << 20);
    struct ipc_writer writer = {0};
    const struct str *texts;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ipc_write_begin(&writer, FRAME_CHILD_VERDICT), ERR_OK);
        ipc_put_str(&writer, bad[i]);
        struct ipc_reader reader = reader_of(&writer, writer.length - IPC_HEADER);
        assert_int_equal(verdict_get_texts(&reader, arena, 1, &texts), ERR_PEER);
    }
    assert_int_equal(ipc_write_begin(&writer, FRAME_CHILD_VERDICT), ERR_OK);
    ipc_put_text(&writer, "words");
    for (size_t length = 0; length < writer.length - IPC_HEADER; length++) {
        struct ipc_reader reader = reader_of(&writer, length);
        assert_int_equal(verdict_get_texts(&reader, arena, 1, &texts), ERR_PEER);
    }
    ipc_writer_free(&writer);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),          cmocka_unit_test(test_cut_between_characters),
        cmocka_unit_test(test_bounded_in_all), cmocka_unit_test(test_place_past_the_field),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
