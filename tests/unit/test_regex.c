/* Patterns in rules: what they find through a whole rule set, what is asked of their tests, and that no text makes them
 * run away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ruleset_files.h"
#include <attune/decide.h>
#include <attune/ruleset_compiled.h>
#include <time.h>

enum { ARENA_BYTES = 192 * 1024 * 1024 };

struct set {
    struct folder folder;
    struct pack *pack;
    struct ruleset *ruleset;
    struct diag diag;
    struct arena *arena;
    size_t tests;
};

static enum err set_try(struct set *set, const char *text)
{
    *set = (struct set){.folder = folder_make_base(), .arena = arena_new(ARENA_BYTES)};
    diag_init(&set->diag);
    folder_write(&set->folder, "en/x.yaml", text);
    enum err error = pack_load(set->folder.path, &set->pack, &set->diag);
    if (error == ERR_OK)
        error = ruleset_compile(set->pack, &set->ruleset, &set->diag);
    if (error == ERR_OK)
        error = ruleset_run_tests(set->ruleset, &set->diag, &set->tests);
    return error;
}

static void set_close(struct set *set)
{
    ruleset_free(&set->ruleset);
    pack_free(&set->pack);
    diag_free(&set->diag);
    arena_free(&set->arena);
    folder_remove(&set->folder);
}

static struct set set_open(const char *text)
{
    struct set set;
    if (set_try(&set, text) != ERR_OK)
        expect_finding(&set.diag, "(it was to load)");
    return set;
}

static struct hits match(struct set *set, struct str text)
{
    struct reading reading = {0};
    struct hits hits;
    reading.fields[FIELD_TEXT] = text;
    assert_int_equal(ruleset_match(set->ruleset, set->arena, &reading, &hits), ERR_OK);
    return hits;
}

/* "rule[words]" of each hit, "-" behind a lowered one; in the arena. */
static const char *describe(struct set *set, const char *text)
{
    struct hits hits = match(set, str_of(text));
    char *out = arena_alloc(set->arena, 4096);
    for (size_t i = 0; i < hits.count; i++) {
        const struct hit *hit = &hits.items[i];
        struct str words = str_slice(str_of(text), hit->start, hit->end);
        size_t used = strlen(out);
        snprintf(out + used, 4096 - used, "%s%s[%.*s]%s", i ? " " : "", pack_rule(set->pack, hit->rule)->id,
                 (int)words.length, words.data, hit->lowered ? "-" : "");
    }
    return out;
}

#define HEAD(id, urgency)                                                                                              \
    "  - id: " id "\n    title: T\n    cue: intent\n    urgency: " urgency                                             \
    "\n    status: live\n    why: W\n    handle: card\n"

static const char rules[] =
    "format: 1\nlanguage: en\nrules:\n" HEAD("en.count", "soon") "    say: [\"a whole box\"]\n"
                                                                 "    regex: ['\\d+ (?:more )?pills', '\\w*cide\\w*']\n"
                                                                 "    why_regex: Any number\n"
                                                                 "    unless: [\"for my dog\"]\n"
                                                                 "    tests:\n"
                                                                 "      - fires: 40 pills\n"
                                                                 "      - fires: 12 more pills\n"
                                                                 "      - fires: herbicides\n"
                                                                 "      - fires: a whole box\n"
                                                                 "      - fires: 40 pills and a b c d for my dog\n"
                                                                 "      - silent: 40 pilots\n"
                                                                 "      - silent: a whole lot\n"
                                                                 "      - silent: some pills\n"
                                                                 "      - silent: 40 pills for my dog\n" //
    HEAD("en.paged", "now") "    regex: ['tonight \\d\\d? ?(?:am|pm)']\n"
                            "    why_regex: Any hour\n"
                            "    unless: [\"session\"]\n"
                            "    tests:\n"
                            "      - fires: tonight 9 pm\n"
                            "      - fires: tonight 11pm\n"
                            "      - fires: Tonight 1 am\n"
                            "      - {fires: session tonight 9 pm, urgency: review, because: unless}\n"
                            "      - fires: tonight 9 pm a b c d e session\n"
                            "      - silent: tonight at nine\n"
                            "      - silent: tonight 123 pm\n"
                            "      - silent: tonic\n"
                            "      - silent: tone\n";

static const struct {
    const char *text;
    const char *hits;
} match_cases[] = {
    {"I have 40 pills", "en.count[40 pills]"},
    {"I have 40 PÍLLS!", "en.count[40 PÍLLS]"},
    {"I have ４０  more\npills, 12 pills", "en.count[４０  more\npills] en.count[12 pills]"},
    {"40. Pills", ""},
    {"40\n\npills", ""},
    {"40, pills", "en.count[40, pills]"}, /* signs do not count */
    {"40 pillsworth", ""},                /* whole words */
    {"x40 pills", ""},
    {"Pesticides", "en.count[Pesticides]"},
    {"A whole box, 40 pills; a whole box of pesticide",
     "en.count[A whole box] en.count[40 pills] en.count[a whole box] en.count[pesticide]"},
    {"40 pills for my dog", ""},
    {"40 pills for my dog. 40 pills", "en.count[40 pills]"},
    {"40 pills, 40 pills a b c for my dog", "en.count[40 pills]"},
    {"tonight 9 pm", "en.paged[tonight 9 pm]"},
    {"session tonight 9 pm", "en.paged[tonight 9 pm]-"},
    {"Session. Tonight 9 pm", "en.paged[Tonight 9 pm]"},
    {"tonight 9 pm, 40 pills", "en.paged[tonight 9 pm] en.count[40 pills]"},
};

static void finds_hits_as_phrases_do(void **state)
{
    (void)state;
    struct set set = set_open(rules);
    for (size_t i = 0; i < sizeof match_cases / sizeof *match_cases; i++)
        if (strcmp(describe(&set, match_cases[i].text), match_cases[i].hits) != 0)
            fail_msg("%s: %s", match_cases[i].text, describe(&set, match_cases[i].text));
    set_close(&set);
}

#define FOUR_TESTS(silent)                                                                                             \
    "    tests: [{fires: 40 pills}, {fires: 41 pills}, {fires: 42 pills}, {fires: 43 pills}, {silent: a}, "            \
    "{silent: b}, {silent: c}, {silent: " silent "}]\n"
#define WHY "    why_regex: W\n"

static const struct {
    const char *rest; /* of the rule, from its wording on */
    const char *finding;
} findings[] = {
    {"    regex: ['\\d+ Pills']\n" WHY FOUR_TESTS("pilots"),
     "x.yaml:11:13: error: en.x: character 5: `P` never matches, since text is folded first: write `p` [P004]"},
    {"    regex: ['\\d+ pills', 'a']\n" WHY FOUR_TESTS("pilots"),
     "x.yaml:11:26: error: en.x: character 1: every match"},
    {"    regex: ['\\d+ pills{3,2}']\n" WHY FOUR_TESTS("pilots"), "byte 14: PCRE2 does not take this pattern: "},
    {"    regex: ['\\d+ pills']\n" FOUR_TESTS("pilots"), "`why_regex` is missing: why can no phrase say this? [R006]"},
    {"    say: [\"a b\"]\n" WHY FOUR_TESTS("pilots"), "`why_regex` stands beside a `regex`, and this rule has none"},
    {"    regex: ['\\d+ pills']\n    why_regex: ' '\n" FOUR_TESTS("pilots"), "`why_regex` takes a text"},
    {"    regex: '\\d+ pills'\n" WHY FOUR_TESTS("pilots"), "`regex` takes a list, not a text"},
    {"    regex: []\n" WHY FOUR_TESTS("pilots"), "`regex` takes 1 to 20 entries"},
    {FOUR_TESTS("pilots"), "`say` is missing: what does the rule look for? [R006]"},
    {"    regex: ['\\d+ pills']\n" WHY
     "    tests: [{fires: 40 pills}, {fires: 4 pills}, {fires: 4 pills}, {silent: a}, {silent: b}, {silent: c}, "
     "{silent: pilots}]\n",
     "a rule with `regex` needs 4 `fires` and 4 `silent` tests or more; this one has 3 and 4 [R021]"},
    {"    regex: ['\\d+ pills']\n" WHY
     "    tests: [{fires: 40 pills}, {fires: 4 pills}, {fires: 4 pills}, {fires: 4 pills}, {silent: a}, {silent: b}, "
     "{silent: pilots}]\n",
     "this one has 4 and 3"},
    {"    regex: ['\\d+ pills']\n" WHY FOUR_TESTS("pickles"), "no `silent` test is a near miss of `regex`"},
    {"    say: [\"40 pills\"]\n    regex: ['\\d+ pills']\n" WHY FOUR_TESTS("pilots"), "half the words of a phrase"},
    {"    regex: ['\\d+ pills']\n" WHY FOUR_TESTS("50 pills"), "expected silent, but fires as `now` on \"50 pills\""},
};

static void keeps_rules_honest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof findings / sizeof *findings; i++) {
        char text[1024];
        snprintf(text, sizeof text, "format: 1\nlanguage: en\nrules:\n" HEAD("en.x", "now") "%s", findings[i].rest);
        struct set set;
        if (set_try(&set, text) != ERR_INPUT)
            fail_msg("was taken:\n%s", text);
        expect_finding(&set.diag, findings[i].finding);
        set_close(&set);
    }
}

static void repeat(struct buf *text, const char *words, size_t length)
{
    buf_init(text, 2 * 1024 * 1024);
    while (buf_str(text).length < length)
        buf_add_text(text, words);
}

static void bounds_the_hits_of_one_rule(void **state)
{
    (void)state;
    struct set set = set_open(rules);
    struct buf text;
    repeat(&text, "40 pills and ", 64 * 1024);
    struct hits hits = match(&set, buf_str(&text));
    assert_int_equal(hits.count, RULE_MAX_HITS);
    assert_int_equal(hits.reasons, 0);
    buf_free(&text);
    repeat(&text, "session tonight 9 pm. ", 4096);
    buf_add_text(&text, "tonight 9 pm");
    hits = match(&set, buf_str(&text));
    assert_int_equal(hits.count, RULE_MAX_HITS + 1);
    assert_int_equal(hits.items[RULE_MAX_HITS].lowered, LOWERED_NOT);
    buf_free(&text);
    set_close(&set);
}

/* A match ends within REGEX_REACH bytes of its first word; a word cut by that end is no word. */
static void reaches_so_far_and_no_further(void **state)
{
    (void)state;
    static const char one[] = "format: 1\nlanguage: en\nrules:\n" HEAD(
        "en.x", "soon") "    regex: ['begin[a-z ]*? tablet\\w*']\n" WHY
                        "    tests: [{fires: begin a tablet}, {fires: begin a tablet}, {fires: begin tablets}, {fires: "
                        "begin b tablet}, {silent: begin a tab}, {silent: b}, {silent: c}, {silent: d}]\n";
    struct set set = set_open(one);
    for (size_t i = 0; i < 12; i++) {
        struct buf text;
        size_t spare = REGEX_REACH - strlen("begin") - i;
        buf_init(&text, 4096);
        buf_add_text(&text, "begin");
        for (size_t at = 0; at < spare; at += 2)
            buf_add_text(&text, at + 2 <= spare ? " a" : "a");
        buf_add_text(&text, " tablets and then some");
        size_t end = strlen("begin") + spare + strlen(" tablets");
        assert_int_equal(match(&set, buf_str(&text)).count, end <= REGEX_REACH);
        buf_free(&text);
    }
    set_close(&set);
}

/* What is remembered of literals loses none that the end of an earlier reach cuts in two. */
static void keeps_a_literal_at_the_end_of_reach(void **state)
{
    (void)state;
    static const char one[] = "format: 1\nlanguage: en\nrules:\n" HEAD(
        "en.x", "soon") "    regex: ['\\w+ take pills']\n" WHY
                        "    tests: [{fires: i take pills}, {fires: i take pills}, {fires: i take pills}, {fires: i "
                        "take pills}, {silent: tak}, {silent: b}, {silent: c}, {silent: d}]\n";
    struct set set = set_open(one);
    struct buf text;
    repeat(&text, "x ", 2 * REGEX_REACH);
    buf_add_text(&text, "take pills and a few words more");
    assert_int_equal(match(&set, buf_str(&text)).count, 1);
    buf_free(&text);
    set_close(&set);
}

struct probe {
    const char *pattern;
    const char *near; /* words over and over */
    unsigned reasons; /* what must be said of 64 KiB of them */
};

static const struct probe probes[] = {
    {"\\w+ pills now", "more pills not ", 0},
    {"(?:\\w+ ){0,9}pills now", "more pills not ", 0},
    {"\\d+ (?:more )?(?:pills|tablets)", "4 more pillz 4 more pills1 ", 0},
    {"\\w*\\w*\\w*\\w*\\w*\\w*pills", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaapills1 ",
     REASON_PATTERN_LIMIT},
    {".*a.*a.*a.*a.*a.*pills no[wx]", "aa pills not ", REASON_PATTERN_LIMIT},
    {"(?:a|aa|aaa){1,100}(?:a|aa|aaa){1,100}pills", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaapillz pills1 ",
     REASON_PATTERN_LIMIT},
    {"(?=.*a.*a.*a.*a.*[qr])[a-z ]*pills", "aa pills ", REASON_PATTERN_LIMIT},
    {"(?:[a-z ]{0,100}){0,9}pills no[wx]", "aa pills not ", REASON_PATTERN_LIMIT},
    {"[^z]*[^z]*[^z]*pills no[wx]", "aa pills not ", REASON_PATTERN_LIMIT},
    {"(?:.*(?!.*q).*r|.*a)(?:.*s|.*t|.*u|.*v|.*w|.*l).*pills no[wx]", "aa pills not ", REASON_PATTERN_LIMIT},
};

static double cpu_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* One rule of one pattern, which its own tests leave alone. */
static struct set set_open_probe(const char *pattern)
{
    char rule[1024];
    snprintf(rule, sizeof rule,
             "format: 1\nlanguage: en\nrules:\n" HEAD(
                 "en.x", "soon") "    say: [now here]\n    regex: ['%s']\n" WHY
                                 "    tests: [{fires: now here}, {fires: now here}, {fires: now here}, {fires: now "
                                 "here}, {silent: now}, {silent: pil}, {silent: c}, {silent: d}]\n",
             pattern);
    return set_open(rule);
}

/* One try past PCRE2's limit is enough, long before the work of all tries is counted out. */
static void says_when_one_try_cannot_decide(void **state)
{
    (void)state;
    struct set set = set_open_probe(".*a.*a.*a.*a.*a.*pills no[wx]");
    struct buf text;
    repeat(&text, "a", REGEX_REACH / 2);
    buf_add_text(&text, " pills not");
    struct hits hits = match(&set, buf_str(&text));
    assert_int_equal(hits.count, 0);
    assert_int_equal(hits.reasons, REASON_PATTERN_LIMIT);
    buf_free(&text);
    set_close(&set);
}

/* 64 KiB of near misses end soon (about 0.5 s of work is counted), and what was not decided is said. */
static void says_when_it_cannot_decide(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
        struct set set = set_open_probe(probes[i].pattern);
        struct buf text;
        repeat(&text, probes[i].near, 64 * 1024);
        double before = cpu_seconds();
        struct hits hits = match(&set, buf_str(&text));
        double seconds = cpu_seconds() - before;
        assert_int_equal(hits.reasons, probes[i].reasons);
        assert_true(seconds < 5); /* ten times what is counted: sanitizers and a busy machine */
        buf_free(&text);
        set_close(&set);
    }
}

/* Long mail that speaks of the literals all the time is still decided. */
static void decides_long_mail(void **state)
{
    (void)state;
    struct set set = set_open(rules);
    struct buf text;
    repeat(&text, "The pills do not help me sleep, and I walk about at night. ", 256 * 1024);
    buf_add_text(&text, "I have 40 pills");
    struct hits hits = match(&set, buf_str(&text));
    assert_int_equal(hits.count, 1);
    assert_int_equal(hits.reasons, 0);
    buf_free(&text);
    set_close(&set);
}

/* Every rule over the whole text, without the prefilter. */
static struct hit_list match_unfiltered(struct set *set, struct str text)
{
    const struct ruleset *ruleset = set->ruleset;
    struct hit_list hits = {.arena = set->arena};
    for (size_t i = 0; i < ruleset->rule_count; i++) {
        uint32_t rule = ruleset->order[i];
        struct words words;
        const struct contractions *contractions = ruleset->streams[ruleset->rules[rule].stream].contractions;
        assert_int_equal(words_split(set->arena, text, contractions, &words), ERR_OK);
        struct rule_task task = {rule, FIELD_TEXT, &words, 0, words.stream.length, UNLESS_ALL_APPLY};
        rule_match(ruleset, &task, &hits);
    }
    return hits;
}

static void finds_the_same_without_the_prefilter(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "40",      "12",   "more",  "pills", "pillz", "a whole", "box",     "for my dog", "pesti",    "cides",
        "tonight", "9 pm", "11 am", "1pm",   ". ",    "\n\n",    "session", "suicide",    "homicide", "don't",
    };
    struct set set = set_open(rules);
    uint32_t seed = 7;
    size_t found = 0;
    for (int round = 0; round < 2000; round++) {
        struct buf text;
        buf_init(&text, 4096);
        for (int i = 0; i < 40; i++) {
            seed = seed * 1664525u + 1013904223u;
            buf_addf(&text, "%s ", parts[(seed >> 8) % (sizeof parts / sizeof *parts)]);
        }
        struct hits filtered = match(&set, buf_str(&text));
        struct hit_list all = match_unfiltered(&set, buf_str(&text));
        assert_int_equal(filtered.count, all.count);
        for (size_t i = 0; i < all.count; i++)
            assert_memory_equal(&filtered.items[i], &all.items[i], sizeof all.items[i]);
        found += all.count;
        buf_free(&text);
        arena_reset(set.arena);
    }
    assert_true(found > 300);
    set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_hits_as_phrases_do),
        cmocka_unit_test(keeps_rules_honest),
        cmocka_unit_test(bounds_the_hits_of_one_rule),
        cmocka_unit_test(reaches_so_far_and_no_further),
        cmocka_unit_test(keeps_a_literal_at_the_end_of_reach),
        cmocka_unit_test(says_when_one_try_cannot_decide),
        cmocka_unit_test(says_when_it_cannot_decide),
        cmocka_unit_test(decides_long_mail),
        cmocka_unit_test(finds_the_same_without_the_prefilter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
