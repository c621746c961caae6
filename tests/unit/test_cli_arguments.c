/* Options and sub-command names: what is taken, and what is refused with which sentence. */
#include <attune/cli.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum cli_exit nothing(const struct cli_arguments *arguments)
{
    (void)arguments;
    return CLI_DONE;
}

static const struct cli_command commands[] = {
    {"triage", "PATH...", "Sort stored mail", "Details.",
     CLI_OPTION_JSON | CLI_OPTION_TIMING | CLI_OPTION_JOBS | CLI_OPTION_RULES, 1, SIZE_MAX, nothing},
    {"ack", "CASE", "Acknowledge", NULL, CLI_OPTION_JSON | CLI_OPTION_AS, 1, 1, nothing},
    {"status", "", "Show", NULL, CLI_OPTION_JSON, 0, 0, nothing},
    {"rules check", "[DIR]", "Check", NULL, CLI_OPTION_JSON, 0, 1, nothing},
    {"rules test", "[DIR]", "Test", NULL, CLI_OPTION_JSON | CLI_OPTION_RULE, 0, 1, nothing},
};
enum { COUNT = sizeof commands / sizeof commands[0], MAX_WORDS = 8 };

static int word_count(const char *const *words)
{
    int count = 0;
    while (count < MAX_WORDS && words[count])
        count++;
    return count;
}

static void test_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *words[MAX_WORDS];
        size_t operands;
        const char *last;
        unsigned jobs;
        bool json;
        const char *rules;
    } cases[] = {
        {{"a.eml"}, 1, "a.eml", 0, false, NULL},
        {{"--json", "a.eml", "b.eml"}, 2, "b.eml", 0, true, NULL},
        {{"a.eml", "--json"}, 1, "a.eml", 0, true, NULL},
        {{"-"}, 1, "-", 0, false, NULL},
        {{"--jobs", "3", "--rules=dir", "x"}, 1, "x", 3, false, "dir"},
        {{"--jobs=64", "x"}, 1, "x", 64, false, NULL},
        {{"--rules", "-odd", "x"}, 1, "x", 0, false, "-odd"},
        {{"--rules=a=b", "x"}, 1, "x", 0, false, "a=b"},
        {{"--", "--json"}, 1, "--json", 0, false, NULL},
        {{"", "x"}, 2, "x", 0, false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cli_arguments got;
        struct buf problem;
        buf_init(&problem, 4096);
        assert_true(cli_parse_arguments(&commands[0], word_count(cases[i].words), (char **)(uintptr_t)cases[i].words,
                                        &got, &problem));
        assert_int_equal(got.operand_count, cases[i].operands);
        assert_string_equal(got.operands[got.operand_count - 1], cases[i].last);
        assert_int_equal(got.jobs, cases[i].jobs);
        assert_int_equal(got.json, cases[i].json);
        if (cases[i].rules)
            assert_string_equal(got.rules, cases[i].rules);
        else
            assert_null(got.rules);
        cli_arguments_free(&got);
        buf_free(&problem);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        size_t command;
        const char *words[MAX_WORDS];
        const char *sentence;
    } cases[] = {
        {0, {NULL}, "`triage` needs PATH...."},
        {0, {"--jsn", "x"}, "`triage` has no option --jsn. Did you mean --json?"},
        {0, {"--timming", "x"}, "Did you mean --timing?"},
        {0, {"--as", "x"}, "has no option --as"},
        {0, {"-j", "x"}, "options are whole words"},
        {0, {"--=x", "x"}, "options are whole words"},
        {0, {"--json=yes", "x"}, "--json takes no value."},
        {0, {"x", "--rules"}, "--rules needs a value: --rules DIR."},
        {0, {"--rules=", "x"}, "--rules needs a value"},
        {0, {"--jobs", "0", "x"}, "--jobs takes a number from 1 to 64."},
        {0, {"--jobs", "65", "x"}, "--jobs takes a number from 1 to 64."},
        {0, {"--jobs", "-1", "x"}, "--jobs takes a number from 1 to 64."},
        {0, {"--jobs", "many", "x"}, "--jobs takes a number from 1 to 64."},
        {0, {"--jobs", "99999999999999999999", "x"}, "--jobs takes a number from 1 to 64."},
        {1, {"one", "two"}, "`ack` has no use for \"two\"."},
        {2, {"now"}, "`status` has no use for \"now\"."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cli_arguments got;
        struct buf problem;
        buf_init(&problem, 4096);
        assert_false(cli_parse_arguments(&commands[cases[i].command], word_count(cases[i].words),
                                         (char **)(uintptr_t)cases[i].words, &got, &problem));
        if (!strstr(buf_text(&problem), cases[i].sentence))
            fail_msg("case %zu: \"%s\" in \"%s\"", i, cases[i].sentence, buf_text(&problem));
        cli_arguments_free(&got);
        buf_free(&problem);
    }
}

/* --help asks for nothing else, so it needs no operand. */
static void test_help_needs_no_operand(void **state)
{
    (void)state;
    const char *words[] = {"--help"};
    struct cli_arguments got;
    struct buf problem;
    buf_init(&problem, 4096);
    assert_true(cli_parse_arguments(&commands[0], 1, (char **)(uintptr_t)words, &got, &problem));
    assert_true(got.help);
    cli_arguments_free(&got);
    buf_free(&problem);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *words[MAX_WORDS];
        const char *name; /* NULL: none, and `sentence` says so */
        int used;
        const char *sentence;
    } cases[] = {
        {{"triage", "x"}, "triage", 1, NULL},
        {{"rules", "check"}, "rules check", 2, NULL},
        {{"rules", "test", "dir"}, "rules test", 2, NULL},
        {{"rules"}, NULL, 0, "`rules` needs a second word: `rules check` `rules test`."},
        {{"rules", "chek"}, NULL, 0, "There is no command `rules chek`. Did you mean `rules check`?"},
        {{"rules", "--json"}, NULL, 0, "`rules` needs a second word"},
        {{"traige"}, NULL, 0, "There is no command `traige`. Did you mean `triage`?"},
        {{"triag"}, NULL, 0, "Did you mean `triage`?"},
        {{"wholly-unlike"}, NULL, 0, "There is no command `wholly-unlike`."},
        {{""}, NULL, 0, "There is no command ``."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int used = 0;
        char **words = (char **)(uintptr_t)cases[i].words;
        int count = word_count(cases[i].words);
        const struct cli_command *found = cli_find_command(commands, COUNT, count, words, &used);
        if (cases[i].name) {
            assert_non_null(found);
            assert_string_equal(found->name, cases[i].name);
            assert_int_equal(used, cases[i].used);
            continue;
        }
        assert_null(found);
        struct buf problem;
        buf_init(&problem, 4096);
        cli_explain_unknown(commands, COUNT, count, words, &problem);
        if (!strstr(buf_text(&problem), cases[i].sentence))
            fail_msg("case %zu: \"%s\" in \"%s\"", i, cases[i].sentence, buf_text(&problem));
        buf_free(&problem);
    }
}

/* A word as long as a command line may be is told, shortened. */
static void test_long_words(void **state)
{
    (void)state;
    static char longest[200000];
    memset(longest, 'x', sizeof longest - 1);
    char *words[] = {longest};
    struct buf problem;
    buf_init(&problem, 4096);
    cli_explain_unknown(commands, COUNT, 1, words, &problem);
    assert_in_range(problem.length, 10, 200);
    buf_free(&problem);
}

static void test_help(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 65536);
    cli_print_command_help(&commands[0], &text);
    assert_non_null(strstr(buf_text(&text), "usage: attune triage [OPTION...] PATH..."));
    assert_non_null(strstr(buf_text(&text), "--jobs N"));
    assert_non_null(strstr(buf_text(&text), "--help"));
    assert_null(strstr(buf_text(&text), "--as"));
    buf_reset(&text);
    cli_print_help(commands, COUNT, &text);
    for (size_t i = 0; i < COUNT; i++)
        assert_non_null(strstr(buf_text(&text), commands[i].name));
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_help_needs_no_operand),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
