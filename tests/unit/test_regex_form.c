/* The form of patterns: which are refused, why and where, and which literals every match holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/buf.h>
#include <attune/regex.h>
#include <stdio.h>
#include <string.h>

struct form_case {
    const char *pattern;
    const char *expected; /* "CODE message" of the fault in part, or the literals with `|` between */
};

static const struct form_case refused[] = {
    {"", "P006"},
    {"(?:pills)?", "P006"}, /* matches the empty string */
    {"(?:pills)*", "P006"},
    {"pil", "P006"},
    {"p.i.l.l.s", "P006"},
    {"[pills]{5}", "P006"},
    {"pil(?:ls)", "P006"},
    {"pill?", "P006 character 1"},
    {"pill{0,3}", "P006"},
    {"pills|tab", "P006"},
    {"(?:pills|tab)", "P006"},
    {"(?:pills|)", "P006"},
    {"(?=pills)\\w+", "P006"},
    {"(?!pills)\\w+", "P006"},
    {"100000", "P006"},
    {"i a m e", ""},
    {"i' a 1", "P006"},
    {"(?:\\w+ )+pills", "P007 character 10: a repeat without end stands inside another one"},
    {"(?:\\w+ ){2,}pills", "P007"},
    {"(?:a(?:b*c){0,3})*pills", "P007"},
    {"(?:(?=a*)b)+pills", "P007"},
    {"(?:\\w+ ){0,9}pills", ""},
    {"(?:\\w ?)+pills", ""},
    {"Pills", "P004 character 1: `P` never matches, since text is folded first: write `p`"},
    {"pilül\xC3\xA9", "P004 character 4: `ü` never matches, since text is folded first: write `u`"},
    {"[A-Z]pills", "P004 character 2"},
    {"pills, now", "P004 character 6: `,` never matches"},
    {"pills\\.", "P004 character 6: `\\.` is not allowed here"},
    {"my_pills", "P004 character 3: `_` never matches"},
    {"pills\tnow", "P004"},
    {"pills\nnow", "P004"},
    {"pills:)", "P004"},
    {"[[:alpha:]]pills", "P004 character 2: `[` never matches"},
    {"[]a]pills", "P004 character 2: a class holds"},
    {"[^]a]pills", "P004"},
    {"[ab", "P004 character 1: `[` has no `]`"},
    {"[\\b]pills", "P004"},
    {"(pills", "P004 character 1: `(` has no `)`"},
    {"pills)", "P004 character 6: `)` has no `(`"},
    {"pills)(?:a", "P004 character 6"},
    {"a]pills", "P004 character 2: `]` never matches"},
    {"a}pills", "P004"},
    {"*pills", "P004 character 1: `*` has nothing to repeat"},
    {"(?:+a)pills", "P004"},
    {"a|*pills", "P004"},
    {"pills**", "P004 character 7: a repeat cannot itself be repeated"},
    {"pills{2}{3}", "P004"},
    {"pills{,3}", "P004"},
    {"pills{3,", "P004"},
    {"pills{a}", "P004"},
    {"pills{101}", "P004 character 10: a counted repeat is {n}, {n,} or {n,m}, with numbers up to 100"},
    {"pills{3,2}", "P008"},
    {"^pills", "P004 character 1: `^` is not allowed"},
    {"pills$", "P004"},
    {"(pills) \\1", "P004 character 9: references to what was found before are not allowed"},
    {"(pills) \\g{1}", "P004"},
    {"(pills) \\k<a>", "P004"},
    {"pills\\", "P004"},
    {"pills\\K", "P004"},
    {"pills\\C", "P004"},
    {"\\Qpills\\E", "P004"},
    {"pills\\X", "P004"},
    {"pills\\x41", "P004"},
    {"pills\\é", "P004"},
    {"pills\\p", "P004 character 8: a property is written"},
    {"pills\\p{Nothing}", "P008"},
    {"(?<=my )pills", "P004 character 1: lookbehinds are not allowed"},
    {"(?<!my )pills", "P004 character 1: lookbehinds"},
    {"(?<name>pills)", "P004 character 1: named groups"},
    {"(?P<name>pills)", "P004 character 1: named groups"},
    {"(?R)pills", "P004 character 1: recursion"},
    {"(?1)pills", "P004 character 1: inline options and recursion"},
    {"(?i)pills", "P004 character 1: inline options"},
    {"(?i:pills)", "P004 character 1: inline options"},
    {"(?C1)pills", "P004 character 1: callouts"},
    {"(?>pills)", "P004 character 1: atomic groups"},
    {"(?|pills)", "P004 character 1: reset branches"},
    {"(?#pills)", "P004 character 1: comments"},
    {"(?(1)pills)", "P004 character 1: conditions"},
    {"(*UTF)pills", "P004 character 1: verbs"},
    {"pills(*SKIP)", "P004 character 6: verbs"},
    {"(*LIMIT_MATCH=9)pills", "P004 character 1: verbs"},
    {"((((((pills))))))", ""},
    {"(((((((pills)))))))", "P004 character 7: groups stand in one another 6 deep at most"},
    {"(?:[a-z]{1,100}(?:[a-z]{1,100}(?:[a-z]{1,100}){1,100}){1,100}){1,100}pills", "P008"},
};

static void refuses_what_could_run_away_or_never_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const struct form_case *row = &refused[i];
        struct regex_fault fault = {0};
        struct regex regex;
        char said[320] = "";
        enum err error = regex_compile(str_of(row->pattern), NULL, &regex, &fault);
        if (error == ERR_INPUT)
            snprintf(said, sizeof said, "%s %s", fault.code, fault.message);
        assert_true(error == ERR_OK || error == ERR_INPUT);
        if (strncmp(said, row->expected, strlen(row->expected)) != 0 || !row->expected[0] != !said[0])
            fail_msg("%s: %s", row->pattern, said);
        regex_free(&regex);
    }
}

static const struct form_case literal_cases[] = {
    {"pills", "pills"},
    {"pills?", "pill"},
    {"pills+", "pills"},
    {"pills{2,3}", "pills"},
    {"pills* now", "pill"},
    {"\\w*cide\\w*", "cide"},
    {"(?:pills|tablets)", "pills|tablets"},
    {"(?:pills|tablets)?overdose", "overdose"},
    {"(?:pills|my (?:tablets|drops)) now", "pills|tablets|drops"},
    {"(?:a|b)\\d+ pills (?:c|d)", "pills"},
    {"take [a-z]+ of these pills", "of these pills"},
    {"(?!my tablets)\\w+ pills", "pills"},
    {"\\d+ таблеток", "таблеток"},
    {"don't go", "don't go"},
};

static void finds_what_every_match_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof literal_cases / sizeof *literal_cases; i++) {
        struct regex_literals literals;
        struct regex_fault fault;
        char found[256] = "";
        if (regex_parse(str_of(literal_cases[i].pattern), &literals, &fault) != ERR_OK)
            fail_msg("%s: %s", literal_cases[i].pattern, fault.message);
        for (size_t j = 0; j < literals.count; j++) {
            size_t used = strlen(found);
            snprintf(found + used, sizeof found - used, "%s%.*s", j ? "|" : "", (int)literals.items[j].length,
                     literals.items[j].data);
        }
        assert_string_equal(found, literal_cases[i].expected);
    }
}

static void takes_200_characters(void **state)
{
    (void)state;
    struct regex_literals literals;
    struct regex_fault fault;
    struct buf pattern;
    buf_init(&pattern, 4096);
    for (int i = 0; i < REGEX_MAX_LETTERS; i++)
        buf_add_text(&pattern, "ж");
    assert_int_equal(regex_parse(buf_str(&pattern), &literals, &fault), ERR_OK);
    buf_add_text(&pattern, "a");
    assert_int_equal(regex_parse(buf_str(&pattern), &literals, &fault), ERR_INPUT);
    assert_string_equal(fault.code, "P005");
    buf_reset(&pattern);
    for (int i = 0; i < REGEX_MAX_LITERALS - 1; i++)
        buf_addf(&pattern, "%sabcd", i ? "|" : "");
    assert_int_equal(regex_parse(buf_str(&pattern), &literals, &fault), ERR_OK);
    assert_int_equal(literals.count, REGEX_MAX_LITERALS - 1);
    buf_free(&pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_could_run_away_or_never_match),
        cmocka_unit_test(finds_what_every_match_holds),
        cmocka_unit_test(takes_200_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
