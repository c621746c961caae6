/* Compiling, matching and testing rules: phrases in texts, unless, limits, the conditions on inline tests, determinism.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ruleset_files.h"
#include <attune/decide.h>
#include <attune/ruleset_compiled.h>

enum { ARENA_BYTES = 192 * 1024 * 1024 };

struct set {
    struct folder folder;
    struct pack *pack;
    struct ruleset *ruleset;
    struct diag diag;
    struct arena *arena;
    size_t tests;
};

/* Loads the base set with en/x.yaml = `text` (NULL: without one) as far as it goes. */
static enum err set_try(struct set *set, const char *text)
{
    *set = (struct set){.folder = folder_make_base(), .arena = arena_new(ARENA_BYTES)};
    diag_init(&set->diag);
    if (text)
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

static struct hits match_field(struct set *set, enum text_field field, struct str text)
{
    struct reading reading = {0};
    struct hits hits;
    reading.fields[field] = text;
    assert_int_equal(ruleset_match(set->ruleset, set->arena, &reading, &hits), ERR_OK);
    return hits;
}

/* "rule[words]" of each hit, "-" behind a lowered one; in the arena. */
static const char *describe(struct set *set, const char *text)
{
    struct hits hits = match_field(set, FIELD_TEXT, str_of(text));
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

#define EN "format: 1\nlanguage: en\n"
#define HEAD(urgency)                                                                                                  \
    "    title: T\n    cue: intent\n    urgency: " urgency "\n    status: live\n    why: W\n    handle: card\n"

static const char unless_rules[] = EN
    "rules:\n"
    "  - id: en.later\n" HEAD(
        "soon") "    say: [\"can not go on\", \"go on ~2 longer\"]\n"
                "    unless: [\"with the (course|form)\"]\n"
                "    tests:\n"
                "      - fires: I can not go on\n"
                "      - fires: I can not go on and on about this as if I could do it with the form\n"
                "      - silent: I can not go on with the form\n"
                "      - silent: I can go on\n"
                "  - id: en.paged\n" HEAD(
                    "now") "    say: [\"take all (my|the) pills\"]\n"
                           "    unless: [\"to the pharmacy\", \"take all my pills back\"]\n"
                           "    tests:\n"
                           "      - fires: I will take all my pills\n"
                           "      - {fires: I take all my pills to the pharmacy, urgency: review, because: unless}\n"
                           "      - fires: I take all my pills and then nobody will have to drive me to the pharmacy\n"
                           "      - silent: I will take all my pills back\n"
                           "      - fires: \"Tell them: take all my pills back. I will take all the pills\"\n"
                           "      - silent: take all my things\n";

struct match_case {
    const char *text;
    const char *hits;
};

static const struct match_case base_cases[] = {
    {"Hello", ""},
    {"Tonight I will die", "en.intent[Tonight I will die]"},
    {"I don’t  want to be\nhere.", "en.wish[don’t  want to be\nhere]"},
    {"I DONT want to exist", "en.wish[DONT want to exist]"},
    {"ｓｏ tired of everything, awake all night; tonight i will die",
     "en.intent[tonight i will die] en.distress[ｓｏ tired of everything] en.sleep[awake all night]"},
    {"awake all night. Awake all night!", "en.sleep[awake all night] en.sleep[Awake all night]"},
    {"awake all. Night", ""},
};

static void finds_hits_in_order(void **state)
{
    (void)state;
    struct set set = set_open(NULL);
    assert_int_equal(set.tests, 20);
    for (size_t i = 0; i < sizeof base_cases / sizeof *base_cases; i++)
        assert_string_equal(describe(&set, base_cases[i].text), base_cases[i].hits);
    set_close(&set);
}

static const struct match_case unless_cases[] = {
    {"I can't go on", "" /* no such contraction in this set */},
    {"I can not go on", "en.later[can not go on]"},
    {"I can not go on with the course", ""},
    {"with the form I can not go on", ""},
    {"with the form a b c d can not go on", ""},
    {"with the form a b c d e can not go on", "en.later[can not go on]"},
    {"with the form. I can not go on", "en.later[can not go on]"}, /* another sentence */
    {"I take all my pills", "en.paged[take all my pills]"},
    {"I take all my pills to the pharmacy", "en.paged[take all my pills]-"},
    {"I take all my pills back", ""},
    {"I take all my pills back, and take all the pills now", "en.paged[take all the pills]-"},
    {"I take all my pills back. And take all the pills now", "en.paged[take all the pills]"},
    {"take all my pills to the pharmacy. take all my pills",
     "en.paged[take all my pills]- en.paged[take all my pills]"},
};

static void applies_unless(void **state)
{
    (void)state;
    struct set set = set_open(unless_rules);
    for (size_t i = 0; i < sizeof unless_cases / sizeof *unless_cases; i++)
        if (strcmp(describe(&set, unless_cases[i].text), unless_cases[i].hits) != 0)
            fail_msg("%s: %s", unless_cases[i].text, describe(&set, unless_cases[i].text));
    set_close(&set);
}

static void repeat(struct buf *text, const char *words, size_t times)
{
    buf_init(text, 2 * 1024 * 1024);
    for (size_t i = 0; i < times; i++)
        buf_add_text(text, words);
}

/* A cut after 60 words that nobody typed loses no phrase, only an `unless` on its other side. */
static void crosses_a_cut_that_nobody_typed(void **state)
{
    (void)state;
    struct set set = set_open(unless_rules);
    static const size_t before[] = {56, 58}; /* the cut falls behind the hit, and inside it */
    static const char *const rest[] = {"can not go on, with the form", "can not go on to a new town"};
    for (size_t i = 0; i < 2; i++) {
        struct buf text;
        repeat(&text, "on ", before[i]);
        buf_add_text(&text, rest[i]);
        assert_string_equal(describe(&set, buf_text(&text)), "en.later[can not go on]");
        buf_free(&text);
    }
    set_close(&set);
}

static void reads_every_field(void **state)
{
    (void)state;
    struct set set = set_open(NULL);
    for (int field = 0; field < FIELD_COUNT; field++) {
        struct hits hits = match_field(&set, (enum text_field)field, STR("tonight I will die"));
        assert_int_equal(hits.count, 1);
        assert_int_equal(hits.items[0].field, field);
        assert_int_equal(hits.items[0].start, 0);
        assert_int_equal(hits.items[0].end, 18);
        assert_int_equal(hits.words, field == FIELD_TEXT ? 4 : 0);
    }
    assert_int_equal(match_field(&set, FIELD_TEXT, STR("I don't, really.")).words, 3);
    set_close(&set);
}

/* A language's contractions are its own. */
static void keeps_languages_apart(void **state)
{
    (void)state;
    struct set set;
    set = (struct set){.folder = folder_make_base(), .arena = arena_new(ARENA_BYTES)};
    diag_init(&set.diag);
    folder_write(&set.folder, "sl/x.yaml",
                 "format: 1\nlanguage: sl\nrules:\n  - id: sl.x\n" HEAD(
                     "soon") "    say: [\"dont biti\"]\n    tests: [{fires: dont biti}, {fires: dont biti}, {silent: "
                             "dont}, {silent: ne}]\n");
    assert_int_equal(pack_load(set.folder.path, &set.pack, &set.diag), ERR_OK);
    assert_int_equal(ruleset_compile(set.pack, &set.ruleset, &set.diag), ERR_OK);
    assert_string_equal(describe(&set, "dont biti; dont want to exist"), "en.wish[dont want to exist] sl.x[dont biti]");
    set_close(&set);
}

struct finding_case {
    const char *rest; /* of the rule, from `say` on */
    const char *urgency;
    const char *finding;
};

static const struct finding_case findings[] = {
    {"    say: [\"a (b\"]\n    tests: [{fires: a b}, {fires: a b}, {silent: a}, {silent: z}]\n", "now",
     "x.yaml:10:11: error: en.x: `(` has no `)` [P001]"},
    {"    say: [\"a {existt}\"]\n    tests: [{fires: a b}, {fires: a b}, {silent: a}, {silent: z}]\n", "now",
     "did you mean `exist`"},
    {"    say: [\"a b\"]\n    tests: [{fires: a b}, {fires: a c}, {silent: a}, {silent: z}]\n", "now",
     "x.yaml:11:35: error: en.x: expected `now`, but stays silent [T001]"},
    {"    say: [\"a b\"]\n    tests: [{fires: a b}, {fires: a b}, {silent: \"z, A b\"}, {silent: a}]\n", "now",
     "expected silent, but fires as `now` on \"A b\" [T002]"},
    {"    say: [\"a b\"]\n    tests: [{fires: a b, urgency: review}, {fires: a b}, {silent: a}, {silent: z}]\n", "now",
     "expected `review`, but fires as `now` [T003]"},
    {"    say: [\"a b\"]\n    tests: [{fires: a b, because: unless}, {fires: a b}, {silent: a}, {silent: z}]\n", "now",
     "no `unless` lowers it [T004]"},
    {"    say: [\"a b\"]\n    unless: [c d]\n    tests: [{fires: a b c d, urgency: review}, {fires: a b}, {silent: a}, "
     "{silent: z}]\n",
     "now", "say `because: unless` [T004]"},
    {"    say: [\"a b c\"]\n    tests: [{fires: a b c}, {fires: a b c}, {silent: a}, {silent: z}]\n", "now",
     "no `silent` test is a near miss"},
    {"    say: [suicid*]\n    tests: [{fires: suicide}, {fires: suicidal}, {silent: sunday}, {silent: z}]\n", "now",
     "its first three letters"},
    {"    say: [\"a b\"]\n    unless: [c d]\n    tests: [{fires: a b}, {fires: a b e f g h i c d}, {silent: a b c d}, "
     "{silent: z}]\n",
     "soon", "no `silent` test is a near miss"},
    {"    say: [\"a b\"]\n    unless: [c d]\n    tests: [{fires: a b}, {fires: a b e f g h i c d}, {silent: a}, "
     "{silent: z}]\n",
     "soon", "x.yaml:11:14: error: en.x: no test changes when this `unless` is taken away"},
    {"    say: [\"a b\"]\n    unless: [c d]\n    tests: [{fires: a b}, {fires: a b}, {silent: a b c d}, {silent: a}]\n",
     "soon", "x.yaml:11:14: error: en.x: no test shows where this `unless` ends"},
    {"    say: [\"a b\"]\n    unless: [c d, e f]\n    tests: [{fires: a b}, {fires: a b g g g g g c d}, {silent: a b c "
     "d}, {silent: a}]\n",
     "soon", "x.yaml:11:19: error: en.x: no test changes"},
};

static void keeps_rules_honest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof findings / sizeof *findings; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 EN
                 "rules:\n  - id: en.x\n    title: T\n    cue: intent\n    urgency: %s\n    status: live\n    why: W\n"
                 "%s    handle: card\n",
                 findings[i].urgency, findings[i].rest);
        struct set set;
        if (set_try(&set, text) != ERR_INPUT)
            fail_msg("was taken:\n%s", text);
        expect_finding(&set.diag, findings[i].finding);
        set_close(&set);
    }
}

static void reports_a_ledger_that_flipped(void **state)
{
    (void)state;
    struct set set = set_open(EN "rules:\n  - id: en.x\n" HEAD(
        "soon") "    say: [\"a b\"]\n    tests: [{fires: a b}, {fires: a b}, {silent: a}, {silent: z}]\n"
                "    missed: [\"a b c\", \"c d\"]\n"
                "    accepted: [{text: a b, why: W}, {text: z, why: W}]\n");
    assert_int_equal(set.diag.count, 2);
    expect_finding(&set.diag, "x.yaml:13:14: warning: en.x: no longer missed");
    expect_finding(&set.diag, "warning: en.x: no longer fires");
    set_close(&set);
}

static void gives_the_same_hits_again(void **state)
{
    (void)state;
    struct set set = set_open(unless_rules), other = set_open(unless_rules);
    static const char text[] =
        "I can not go on, awake all night, so tired of everything; take all my pills to the pharmacy";
    struct hits first = match_field(&set, FIELD_TEXT, str_of(text));
    for (int i = 0; i < 3; i++) {
        struct hits again = match_field(i ? &set : &other, FIELD_TEXT, str_of(text));
        assert_int_equal(again.count, first.count);
        assert_memory_equal(again.items, first.items, first.count * sizeof *first.items);
    }
    set_close(&set);
    set_close(&other);
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

/* The prefilter only saves work: on texts made of the rules' own words, the hits are the same without it. */
static void finds_the_same_without_the_prefilter(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "do not", "don't want", "want to", "be here", "exist",   "tonight", "I will",    "die",     "so tired",
        "of",     "everything", "take",    "all my",  "all the", "pills",   "back",      "can not", "go on",
        "with",   "the form",   "longer",  ". ",      "\n\n",    "awake",   "all night", "to the",  "pharmacy",
    };
    struct set set = set_open(unless_rules);
    uint32_t seed = 11;
    size_t found = 0;
    for (int round = 0; round < 3000; round++) {
        struct buf text;
        buf_init(&text, 4096);
        for (int i = 0; i < 60; i++) {
            seed = seed * 1664525u + 1013904223u;
            buf_addf(&text, "%s ", parts[(seed >> 8) % (sizeof parts / sizeof *parts)]);
        }
        struct hits filtered = match_field(&set, FIELD_TEXT, buf_str(&text));
        struct hit_list all = match_unfiltered(&set, buf_str(&text));
        assert_int_equal(filtered.count, all.count);
        for (size_t i = 0; i < all.count; i++)
            assert_memory_equal(&filtered.items[i], &all.items[i], sizeof all.items[i]);
        found += all.count;
        buf_free(&text);
        arena_reset(set.arena);
    }
    assert_true(found > 300); /* the texts are worth comparing */
    set_close(&set);
}

static void bounds_the_hits_of_one_rule(void **state)
{
    (void)state;
    struct set set = set_open(unless_rules);
    struct buf text;
    repeat(&text, "awake all night and ", 5000);
    struct hits hits = match_field(&set, FIELD_TEXT, buf_str(&text));
    assert_int_equal(hits.count, 64);
    assert_int_equal(hits.reasons, 0);
    buf_free(&text);

    /* Lowered hits do not hide one that stands behind them. */
    repeat(&text, "take all my pills to the pharmacy. ", 100);
    buf_add_text(&text, "take all my pills");
    hits = match_field(&set, FIELD_TEXT, buf_str(&text));
    assert_int_equal(hits.count, 65);
    assert_int_equal(hits.items[64].lowered, LOWERED_NOT);
    buf_free(&text);

    set_close(&set);
}

/* Twenty rules that hit 64 times each in one field pass VERDICT_MAX_HITS: the least urgent are cut, and it is said. */
static void cuts_the_least_urgent_hits(void **state)
{
    (void)state;
    struct buf rules, text;
    buf_init(&rules, 64 * 1024);
    buf_add_text(&rules, EN "rules:\n");
    for (int i = 0; i < 20; i++)
        buf_addf(
            &rules,
            "  - id: en.x%d\n" HEAD("review") "    say: [\"a b\"]\n    tests: [{fires: a b}, {fires: a b}, {silent: "
                                              "a}, {silent: z}]\n",
            i);
    struct set set = set_open(buf_text(&rules));
    repeat(&text, "a b. ", 100);
    buf_add_text(&text, "tonight I will die. awake all night");
    struct hits hits = match_field(&set, FIELD_TEXT, buf_str(&text));
    assert_int_equal(hits.count, VERDICT_MAX_HITS);
    assert_int_equal(hits.reasons, REASON_CUT);
    assert_string_equal(pack_rule(set.pack, hits.items[0].rule)->id, "en.intent");
    buf_free(&rules);
    buf_free(&text);
    set_close(&set);
}

/* Greedy phrases on the text that makes them work hardest: the work is counted, and what was not decided is said. */
static void reports_work_without_end(void **state)
{
    (void)state;
    static const char *const says[] = {
        "aa ~6 aa ~6 aa ~6 aa ~6 zz", /* many ways, each short */
        "(aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) "
        "(aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) (aa|aa aa) zz", /* past PCRE2's own limit */
    };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        char rule[1024];
        snprintf(rule, sizeof rule,
                 EN "rules:\n  - id: en.x\n" HEAD("soon") "    say: [\"%s\", now]\n"
                                                          "    tests: [{fires: now}, {fires: now}, {silent: not}, "
                                                          "{silent: aa}]\n",
                 says[i]);
        struct set set = set_open(rule);
        struct buf text;
        repeat(&text, "aa ", 40000);
        buf_add_text(&text, "b b b b b b b zz"); /* the prefilter finds its literal, the phrases never end */
        struct hits hits = match_field(&set, FIELD_TEXT, buf_str(&text));
        assert_int_equal(hits.count, 0);
        assert_int_equal(hits.reasons, REASON_PATTERN_LIMIT);
        buf_free(&text);
        set_close(&set);
    }
}

/* A mebibyte that the rule cancels all along is weighed to its end. */
static void weighs_a_long_text_whole(void **state)
{
    (void)state;
    struct set set = set_open(unless_rules);
    struct buf text;
    repeat(&text, "take all my pills back. ", 40000);
    buf_add_text(&text, "Please take all the pills");
    struct hits hits = match_field(&set, FIELD_TEXT, buf_str(&text));
    assert_int_equal(hits.count, 1);
    assert_int_equal(hits.reasons, 0);
    buf_free(&text);
    set_close(&set);
}

static void says_when_memory_ends(void **state)
{
    (void)state;
    struct set set = set_open(NULL);
    struct arena *small = arena_new(200 * 1024);
    struct buf text;
    struct hits hits;
    struct reading reading = {0};
    repeat(&text, "awake all night ", 20000);
    reading.fields[FIELD_TEXT] = buf_str(&text);
    assert_int_equal(ruleset_match(set.ruleset, small, &reading, &hits), ERR_SYSTEM);
    arena_free(&small);
    buf_free(&text);
    set_close(&set);
}

/* The block of a Markdown text that begins with "format: 1" and holds `part`; in the arena. */
static const char *find_example(struct arena *arena, struct str text, const char *part)
{
    for (size_t at = 0; (at = str_find(text, STR("```yaml\nformat: 1\n"), at)) != SIZE_MAX; at++) {
        struct str block = str_slice(text, at + 8, str_find(text, STR("\n```\n"), at) + 1);
        if (str_find(block, str_of(part), 0) != SIZE_MAX)
            return arena_copy(arena, block.data, block.length);
    }
    fail_msg("no example holds \"%s\"", part);
    return NULL;
}

/* The guide's examples load and pass beside the shipped rules. */
static void loads_the_examples_of_the_guide(void **state)
{
    (void)state;
    static char guide[64 * 1024];
    FILE *file = fopen("docs/rule-language.md", "r");
    assert_non_null(file);
    struct str text = {guide, fread(guide, 1, sizeof guide, file)};
    fclose(file);
    struct set set = {.folder = folder_make(), .arena = arena_new(ARENA_BYTES)};
    diag_init(&set.diag);
    char command[128];
    snprintf(command, sizeof command, "cp -r rules/. '%s'", set.folder.path);
    assert_int_equal(system(command), 0);
    folder_write(&set.folder, "en/example.yaml", find_example(set.arena, text, "en.example.not-exist"));
    folder_write(&set.folder, "combine.yaml", find_example(set.arena, text, "combine:"));
    folder_write(&set.folder, "policy.yaml", find_example(set.arena, text, "routes:"));
    enum err error = pack_load(set.folder.path, &set.pack, &set.diag);
    if (error == ERR_OK)
        error = ruleset_compile(set.pack, &set.ruleset, &set.diag);
    if (error == ERR_OK)
        error = ruleset_run_tests(set.ruleset, &set.diag, &set.tests);
    if (error != ERR_OK)
        expect_finding(&set.diag, "(it was to load)");
    struct policy *policy;
    assert_int_equal(policy_load(set.folder.path, set.pack, &policy, &set.diag), ERR_OK);
    policy_free(&policy);
    ruleset_free(&set.ruleset);
    pack_free(&set.pack);

    struct folder base = folder_make_base();
    folder_write(&base, "en/lexicon.yaml", find_example(set.arena, text, "contractions:"));
    assert_int_equal(pack_load(base.path, &set.pack, &set.diag), ERR_OK);
    folder_remove(&base);
    set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_hits_in_order),
        cmocka_unit_test(applies_unless),
        cmocka_unit_test(crosses_a_cut_that_nobody_typed),
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(keeps_languages_apart),
        cmocka_unit_test(keeps_rules_honest),
        cmocka_unit_test(reports_a_ledger_that_flipped),
        cmocka_unit_test(gives_the_same_hits_again),
        cmocka_unit_test(finds_the_same_without_the_prefilter),
        cmocka_unit_test(bounds_the_hits_of_one_rule),
        cmocka_unit_test(cuts_the_least_urgent_hits),
        cmocka_unit_test(reports_work_without_end),
        cmocka_unit_test(weighs_a_long_text_whole),
        cmocka_unit_test(loads_the_examples_of_the_guide),
        cmocka_unit_test(says_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
