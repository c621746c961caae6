/* Explanations: a child's answer checked to the last number, spans, lines and pieces, and the words for all names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "ruleset_files.h"
#include <attune/explain.h>

struct fixture {
    struct folder folder;
    struct clirules rules;
    struct arena *arena;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct diag diag;
    assert_non_null(fixture);
    fixture->folder = folder_make_base();
    fixture->arena = arena_new(EXPLAIN_ARENA);
    diag_init(&diag);
    assert_int_equal(clirules_load(strdup(fixture->folder.path), &fixture->rules, &diag), ERR_OK);
    diag_free(&diag);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    clirules_free(&fixture->rules);
    arena_free(&fixture->arena);
    folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

/* What a child says of a message whose text is `text`, with these hits. */
static json_t *make_answer(const char *text, const char *hits)
{
    json_t *answer =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[], s:[]}", "class", "human", "language", "en", "subject", "S",
                  "text", text, "quoted", "q\xC4\x8Dr", "signature", "", "flags", "unscreened");
    json_object_set_new(answer, "hits", json_loads(hits, JSON_DECODE_ANY, NULL));
    return answer;
}

static void build(struct fixture *fixture, const json_t *answer, struct explain *out)
{
    arena_reset(fixture->arena);
    assert_int_equal(explain_build("m", false, answer, &fixture->rules, fixture->arena, out), ERR_OK);
}

static void test_hits_are_checked(void **state)
{
    static const struct {
        const char *hits;
        size_t taken;
        bool refused;
    } cases[] = {
        {"[]", 0, false},
        {"[[0, 1, 0, 3, 0]]", 1, false},
        {"[[0, 1, 0, 10, 0], [0, 2, 1, 3, 1]]", 2, false},
        {"[[0, 1, 0, 11, 0]]", 0, true},                    /* past the end */
        {"[[0, 1, 10, 10, 0]]", 0, true},                   /* nothing */
        {"[[0, 1, 3, 2, 0]]", 0, true},                     /* backwards */
        {"[[0, 1, -1, 2, 0]]", 0, true},                    /* before the beginning */
        {"[[0, 2, 2, 4, 0]]", 0, true},                     /* within a character */
        {"[[0, 2, 0, 2, 0]]", 0, true},                     /* likewise */
        {"[[0, 4, 0, 1, 0]]", 0, true},                     /* no such field */
        {"[[0, 3, 0, 1, 0]]", 0, true},                     /* an empty field */
        {"[[99, 1, 0, 1, 0]]", 0, true},                    /* no such rule */
        {"[[0, 1, 0, 1, 2]]", 0, true},                     /* no such lowering */
        {"[[0, 1, 0, 3, 0], [0, 1, 0, 3]]", 0, true},       /* one bad hit and none is believed */
        {"[[0, 1, 0, 1.5, 0]]", 0, true},                   /* no integer */
        {"[[18446744073709551615, 1, 0, 1, 0]]", 0, false}, /* jansson refuses the number: no list at all */
        {"[{}]", 0, true},
        {"{}", 0, false},
        {"null", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct explain explain;
        json_t *answer = make_answer("ten  bytes", cases[i].hits);
        build(*state, answer, &explain);
        assert_int_equal(explain.verdict.hit_count, cases[i].taken);
        assert_int_equal((explain.verdict.reasons & REASON_SCREEN_CRASH) != 0, cases[i].refused);
        json_decref(answer);
    }
}

static void test_too_many_hits(void **state)
{
    struct explain explain;
    json_t *answer = make_answer("ten  bytes", "[]");
    for (int i = 0; i <= VERDICT_MAX_HITS; i++)
        json_array_append_new(json_object_get(answer, "hits"), json_pack("[i, i, i, i, i]", 0, 1, 0, 3, 0));
    build(*state, answer, &explain);
    assert_int_equal(explain.verdict.hit_count, 0);
    assert_true(explain.verdict.reasons & REASON_SCREEN_CRASH);
    json_decref(answer);
}

static void test_answers_of_any_form(void **state)
{
    static const char *const answers[] = {"{}", "[]", "{\"flags\": 1, \"unscreened\": {}, \"class\": []}",
                                          "{\"flags\": [1, null], \"unscreened\": [[], 2]}",
                                          "{\"class\": \"own\", \"language\": \"overlong\", \"text\": 5}"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct explain explain;
        json_t *answer = json_loads(answers[i], 0, NULL);
        build(*state, answer, &explain);
        assert_int_equal(explain.verdict.class, CLASS_UNKNOWN);
        assert_string_equal(explain.verdict.language, "");
        assert_int_equal(explain.group_count, 0);
        json_decref(answer);
    }
}

/* "plain<marked>[1]plain" of a line. */
static void print_line(const struct explain *explain, enum text_field field, size_t from, size_t to, struct buf *out)
{
    struct explain_piece piece;
    while (explain_next_piece(explain, field, &from, to, &piece)) {
        buf_add_text(out, piece.span ? "<" : "");
        buf_add_str(out, piece.text);
        buf_add_text(out, piece.span ? ">" : "");
        buf_add_text(out, piece.ends_span ? piece.span->label : "");
    }
}

static void test_pieces(void **state)
{
    static const struct {
        const char *hits;
        const char *shown;
    } cases[] = {
        {"[]", "one two|three"},
        {"[[0, 1, 0, 3, 0]]", "<one>[1] two|three"},
        {"[[0, 1, 0, 13, 0]]", "<one two>|<three>[1]"},
        {"[[0, 1, 4, 9, 0]]", "one <two>|<t>[1]hree"},
        {"[[0, 1, 0, 3, 0], [0, 1, 2, 5, 0]]", "<one t>[1]wo|three"},      /* overlapping */
        {"[[0, 1, 0, 3, 0], [0, 1, 3, 5, 0]]", "<one>[1]< t>[1]wo|three"}, /* touching */
        {"[[1, 1, 4, 7, 0], [0, 1, 4, 6, 0]]", "one <two>[1, 2]|three"},   /* one within another */
        {"[[0, 1, 0, 1, 0], [1, 1, 8, 13, 0]]", "<o>[1]ne two|<three>[2]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct explain explain;
        struct explain_line line;
        struct buf shown;
        size_t at = 0;
        json_t *answer = make_answer("one two\nthree", cases[i].hits);
        build(*state, answer, &explain);
        buf_init(&shown, 1000);
        while (explain_next_line(&explain, FIELD_TEXT, &at, &line)) {
            assert_true(line.is_line && line.left_out == 0);
            buf_add_text(&shown, shown.length ? "|" : "");
            print_line(&explain, FIELD_TEXT, line.from, line.to, &shown);
        }
        assert_string_equal(buf_text(&shown), cases[i].shown);
        buf_free(&shown);
        json_decref(answer);
    }
}

static void test_lines_left_out(void **state)
{
    struct explain explain;
    struct explain_line line;
    struct buf text, shown;
    buf_init(&text, 10000);
    buf_init(&shown, 10000);
    for (int i = 0; i < EXPLAIN_WHOLE_LINES + 1; i++)
        buf_addf(&text, "%02d\n", i);
    json_t *answer = make_answer(buf_text(&text), "[[0, 1, 30, 32, 0]]"); /* the line "10" */
    build(*state, answer, &explain);
    for (size_t at = 0; explain_next_line(&explain, FIELD_TEXT, &at, &line);) {
        buf_addf(&shown, "%zu:", line.left_out);
        buf_add_str(&shown, str_slice(explain.fields[FIELD_TEXT], line.from, line.is_line ? line.to : line.from));
        buf_add_char(&shown, ' ');
    }
    assert_string_equal(buf_text(&shown), "8:08 0:09 0:10 0:11 0:12 28: ");
    json_decref(answer);
    buf_free(&text);
    buf_free(&shown);
}

static void test_every_name_has_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++)
        assert_non_null(explain_reason_sentence(reading_reason_name(i)));
    for (enum urgency urgency = URGENCY_ROUTINE; urgency <= URGENCY_NOW; urgency++)
        assert_non_null(explain_urgency_sentence(urgency));
    for (enum mail_class class = CLASS_UNKNOWN; class < CLASS_COUNT; class ++)
        assert_non_null(explain_class_sentence(class));
    for (enum place place = PLACE_STAY; place < PLACE_COUNT; place++)
        assert_non_null(explain_place_sentence(place));
    for (enum page_target target = PAGE_NOBODY; target <= PAGE_SAFETY; target++)
        assert_non_null(explain_page_sentence(target));
    static const char *const hints[] = {"handle", "consult-clinical", "hand-over"};
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        assert_non_null(explain_hint_sentence(hints[i]));
    assert_null(explain_hint_sentence(NULL));
    assert_null(explain_reason_sentence("nonsense"));
}

static void test_deadlines(void **state)
{
    (void)state;
    static const struct {
        uint32_t seconds;
        const char *words;
    } cases[] = {
        {0, "in turn"}, {300, "within 5 min"}, {3600, "within 1 h"}, {86400, "within 24 h"}, {90, "within 90 s"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        buf_init(&out, 100);
        explain_add_deadline(&out, cases[i].seconds);
        assert_string_equal(buf_text(&out), cases[i].words);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hits_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_hits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_of_any_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_left_out, set_up, tear_down),
        cmocka_unit_test(test_every_name_has_words),
        cmocka_unit_test(test_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
