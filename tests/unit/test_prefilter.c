/* The prefilter: every rule whose literal begins a word is named, with the whole sentences that hold it, and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/prefilter.h>

enum { ARENA_BYTES = 8 * 1024 * 1024, RULES = 6 };

struct scan_case {
    const char *text;
    const char *parts[RULES]; /* what of the stream each rule is shown; NULL: nothing */
};

/* Rule 5 is always shown. */
static const char *const literals[RULES - 1] = {"sleep", "go to sleep", "i", "сон", "slee"};

static const struct scan_case cases[] = {
    {"", {NULL, NULL, NULL, NULL, NULL, NULL}},
    {"in a row", {NULL, NULL, NULL, NULL, NULL, " in a row\n"}},
    {"I pray and go to sleepless nights. One. Asleep",
     {" i pray and go to sleepless nights\n", " i pray and go to sleepless nights\n",
      " i pray and go to sleepless nights\n", NULL, " i pray and go to sleepless nights\n",
      " i pray and go to sleepless nights\n one\n asleep\n"}},
    {"None. You go. To sleep. None. You sleep now. None",
     {" to sleep\n none\n you sleep now\n", NULL, NULL, NULL, " to sleep\n none\n you sleep now\n",
      " none\n you go\n to sleep\n none\n you sleep now\n none\n"}},
    {"Не сон. Да", {NULL, NULL, NULL, " не сон\n", NULL, " не сон\n да\n"}},
};

static void shows_whole_sentences(void **state)
{
    (void)state;
    struct arena *arena = arena_new(ARENA_BYTES);
    struct prefilter *prefilter = prefilter_new(arena);
    for (uint32_t i = 0; i < RULES - 1; i++)
        assert_int_equal(prefilter_add(prefilter, str_of(literals[i]), i), ERR_OK);
    assert_int_equal(prefilter_add_always(prefilter, RULES - 1), ERR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct words words;
        struct prefilter_range ranges[RULES] = {{0, 0}};
        assert_int_equal(words_split(arena, str_of(cases[i].text), NULL, &words), ERR_OK);
        prefilter_scan(prefilter, &words, ranges);
        for (size_t rule = 0; rule < RULES; rule++) {
            struct str part = str_slice(words.stream, ranges[rule].from, ranges[rule].to);
            if (!str_equal(part, str_of(cases[i].parts[rule])))
                fail_msg("%s: rule %zu is shown \"%.*s\"", cases[i].text, rule, (int)part.length, part.data);
        }
    }
    arena_free(&arena);
}

/* Literals that may begin inside a word show the same sentences, and widen what the others have shown. */
static void shows_sentences_with_inner_literals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *part;
    } rows[] = {
        {"None. Asleep. None", " asleep\n"},
        {"Asleep. None. Sleep. None", " asleep\n none\n sleep\n"},
        {"Awake. None. Asleep. None", " awake\n none\n asleep\n"},
        {"Asleep, awake. None", " asleep awake\n"},
        {"Asle ep. Slee", NULL},
    };
    struct arena *arena = arena_new(ARENA_BYTES);
    struct prefilter *prefilter = prefilter_new(arena);
    assert_int_equal(prefilter_add(prefilter, STR("awake"), 0), ERR_OK);
    assert_int_equal(prefilter_add_inner(prefilter, STR("sleep"), 0), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct words words;
        struct prefilter_range range = {0, 0};
        assert_int_equal(words_split(arena, str_of(rows[i].text), NULL, &words), ERR_OK);
        prefilter_scan(prefilter, &words, &range);
        struct str part = str_slice(words.stream, range.from, range.to);
        if (!str_equal(part, str_of(rows[i].part)))
            fail_msg("%s: shown \"%.*s\"", rows[i].text, (int)part.length, part.data);
    }
    arena_free(&arena);
}

static void says_when_memory_ends(void **state)
{
    (void)state;
    struct arena *arena = arena_new(20 * 1024);
    struct prefilter *prefilter = prefilter_new(arena);
    assert_non_null(prefilter);
    char literal[] = "aaaa";
    enum err error = ERR_OK;
    for (uint32_t i = 0; error == ERR_OK && i < 100000; i++) {
        literal[i % 4] = (char)('a' + i % 26);
        error = prefilter_add(prefilter, str_of(literal), i);
    }
    assert_int_equal(error, ERR_SYSTEM);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_whole_sentences),
        cmocka_unit_test(shows_sentences_with_inner_literals),
        cmocka_unit_test(says_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
