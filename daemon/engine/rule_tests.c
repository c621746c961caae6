/* Runs the tests that stand inside rules, and the conditions on them that keep rules honest. Runs as rules load. */
#include <attune/ruleset_compiled.h>
#include <stdio.h>

enum { TEST_ARENA = 8 * 1024 * 1024 };

struct tester {
    const struct ruleset *ruleset;
    struct arena *arena; /* reset after each test */
    struct diag *diag;
    uint32_t index; /* of the rule */
    const struct rule *rule;
    const struct rule_source *source;
    const struct compiled_rule *compiled;
    bool failed; /* no memory */
};

/* What one rule makes of one text. */
struct outcome {
    struct words words;
    size_t hits;
    size_t standing; /* hits that nothing lowered */
    enum urgency urgency;
    bool undecided; /* a match limit was reached */
    struct hit first;
};

__attribute__((format(printf, 5, 6))) static void report(struct tester *tester, enum diag_level level, const char *code,
                                                         const struct source_text *at, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    diag_add(tester->diag, level, code, tester->source->file, at->line, at->column, tester->rule->id, "%s", message);
}

static struct outcome run(struct tester *tester, const struct source_text *text, size_t without)
{
    struct outcome outcome = {0};
    struct hit_list hits = {.arena = tester->arena};
    if (words_split(tester->arena, text->text, tester->source->language->contractions, &outcome.words) != ERR_OK) {
        tester->failed = true;
        return outcome;
    }
    struct rule_task task = {tester->index, FIELD_TEXT, &outcome.words, 0, outcome.words.stream.length, without};
    rule_match(tester->ruleset, &task, &hits);
    tester->failed = tester->failed || hits.failed;
    outcome.hits = hits.count;
    outcome.undecided = hits.reasons != 0;
    for (size_t i = 0; i < hits.count; i++) {
        enum urgency urgency = hit_urgency(tester->rule->urgency, hits.items[i].lowered);
        outcome.urgency = urgency > outcome.urgency ? urgency : outcome.urgency;
        outcome.standing += hits.items[i].lowered == LOWERED_NOT;
    }
    if (hits.count)
        outcome.first = hits.items[0];
    return outcome;
}

static bool differs(const struct outcome *a, const struct outcome *b)
{
    return a->hits != b->hits || a->standing != b->standing || a->urgency != b->urgency;
}

static void check_silent(struct tester *tester, const struct rule_test *test, const struct outcome *outcome)
{
    if (outcome->hits == 0)
        return;
    struct str hit = str_slice(test->text.text, outcome->first.start, outcome->first.end);
    report(tester, DIAG_ERROR, "T002", &test->text, "expected silent, but fires as `%s` on \"%.*s\"",
           urgency_name(outcome->urgency), (int)hit.length, hit.data);
}

static void check_fires(struct tester *tester, const struct rule_test *test, const struct outcome *outcome)
{
    if (outcome->hits == 0)
        report(tester, DIAG_ERROR, "T001", &test->text, "expected `%s`, but stays silent", urgency_name(test->urgency));
    else if (outcome->urgency != test->urgency)
        report(tester, DIAG_ERROR, "T003", &test->text, "expected `%s`, but fires as `%s`", urgency_name(test->urgency),
               urgency_name(outcome->urgency));
    else if (test->because_unless != (outcome->standing == 0))
        report(tester, DIAG_ERROR, "T004", &test->text,
               test->because_unless ? "`because: unless`, but no `unless` lowers it"
                                    : "an `unless` lowers it: say `because: unless`");
}

static void run_test(struct tester *tester, const struct rule_test *test)
{
    struct outcome outcome = run(tester, &test->text, UNLESS_ALL_APPLY);
    if (outcome.undecided)
        report(tester, DIAG_ERROR, "T005", &test->text, "the rule reached its match limit on this text");
    else if (test->fires)
        check_fires(tester, test, &outcome);
    else
        check_silent(tester, test, &outcome);
    arena_reset(tester->arena);
}

/* Which part of a rule a near miss is asked for. */
enum part { PART_PHRASES, PART_REGEXES };

static bool is_near(const struct compiled_rule *rule, enum part part, const struct words *words)
{
    for (size_t i = 0; part == PART_PHRASES && i < rule->phrase_count; i++)
        if (phrase_is_near(rule->phrases[i], words))
            return true;
    for (size_t i = 0; part == PART_REGEXES && i < rule->regex_count; i++)
        if (regex_is_near(&rule->regexes[i], words))
            return true;
    return false;
}

static bool has_near_miss(struct tester *tester, enum part part)
{
    bool found = false;
    for (size_t i = 0; i < tester->source->test_count && !found; i++) {
        const struct rule_test *test = &tester->source->tests[i];
        if (test->fires)
            continue;
        struct outcome bare = run(tester, &test->text, UNLESS_NONE_APPLIES);
        found = bare.hits == 0 && is_near(tester->compiled, part, &bare.words);
        arena_reset(tester->arena);
    }
    return found;
}

static void require_near_misses(struct tester *tester)
{
    const struct source_text *at = &tester->source->tests[0].text;
    if (tester->compiled->phrase_count > 0 && !has_near_miss(tester, PART_PHRASES))
        report(tester, DIAG_ERROR, "T006", at,
               "no `silent` test is a near miss: one must hold half the words of a phrase (of a single word, its first "
               "three letters) and stay silent without any `unless`");
    if (tester->compiled->regex_count > 0 && !has_near_miss(tester, PART_REGEXES))
        report(
            tester, DIAG_ERROR, "T006", at,
            "no `silent` test is a near miss of `regex`: one must hold the first %d letters of what every match of a "
            "pattern holds, and stay silent without any `unless`",
            REGEX_NEAR_LETTERS);
}

/* The test changes when the `unless` is taken away. */
static bool shows_effect(struct tester *tester, const struct rule_test *test, size_t unless)
{
    if (test->fires && !test->because_unless)
        return false;
    struct outcome with = run(tester, &test->text, UNLESS_ALL_APPLY);
    struct outcome without = run(tester, &test->text, unless);
    return differs(&with, &without);
}

/* The test fires although the words of the `unless` stand in it: too far from a hit that stands to speak of it. */
static bool shows_distance(struct tester *tester, const struct rule_test *test, size_t unless)
{
    if (!test->fires || test->because_unless)
        return false;
    struct outcome with = run(tester, &test->text, UNLESS_ALL_APPLY);
    return with.standing > 0 && rule_pattern_occurs(tester->ruleset, &tester->compiled->unless[unless], &with.words);
}

static bool any_test(struct tester *tester, size_t unless,
                     bool (*shows)(struct tester *, const struct rule_test *, size_t))
{
    bool found = false;
    for (size_t i = 0; i < tester->source->test_count && !found; i++) {
        found = shows(tester, &tester->source->tests[i], unless);
        arena_reset(tester->arena);
    }
    return found;
}

static void require_unless_tests(struct tester *tester, size_t unless)
{
    const struct source_text *at = &tester->source->unless.items[unless];
    if (!any_test(tester, unless, shows_effect))
        report(tester, DIAG_ERROR, "T007", at,
               tester->rule->urgency == URGENCY_NOW
                   ? "no test changes when this `unless` is taken away: add one that is `silent`, or `fires` with "
                     "`urgency: review` and `because: unless`"
                   : "no test changes when this `unless` is taken away: add a `silent` one");
    if (!any_test(tester, unless, shows_distance))
        report(
            tester, DIAG_ERROR, "T008", at,
            "no test shows where this `unless` ends: add a `fires` one with its words more than %d words from the hit",
            UNLESS_REACH);
}

/* Known gaps and accepted costs that have changed since they were written down. */
static void review_ledger(struct tester *tester)
{
    for (size_t i = 0; i < tester->source->missed.count; i++) {
        const struct source_text *text = &tester->source->missed.items[i];
        if (run(tester, text, UNLESS_ALL_APPLY).hits > 0)
            report(tester, DIAG_WARNING, "T009", text, "no longer missed: make it a `fires` test");
        arena_reset(tester->arena);
    }
    for (size_t i = 0; i < tester->source->accepted.count; i++) {
        const struct source_text *text = &tester->source->accepted.items[i];
        if (run(tester, text, UNLESS_ALL_APPLY).hits == 0)
            report(tester, DIAG_WARNING, "T010", text, "no longer fires: make it a `silent` test");
        arena_reset(tester->arena);
    }
}

static void test_rule(struct tester *tester)
{
    for (size_t i = 0; i < tester->source->test_count; i++)
        run_test(tester, &tester->source->tests[i]);
    require_near_misses(tester);
    for (size_t i = 0; i < tester->source->unless.count; i++)
        require_unless_tests(tester, i);
    review_ledger(tester);
}

static enum err run_range(struct ruleset *ruleset, size_t from, size_t to, struct diag *diag, size_t *count)
{
    size_t before = diag->errors;
    struct tester tester = {.ruleset = ruleset, .arena = arena_new(TEST_ARENA), .diag = diag};
    *count = 0;
    if (!tester.arena)
        return ERR_SYSTEM;
    for (size_t i = from; i < to && !tester.failed; i++) {
        tester.index = (uint32_t)i;
        tester.rule = pack_rule(ruleset->pack, i);
        tester.source = pack_rule_source(ruleset->pack, i);
        tester.compiled = &ruleset->rules[i];
        test_rule(&tester);
        *count += tester.source->test_count;
    }
    arena_free(&tester.arena);
    if (tester.failed)
        return ERR_SYSTEM;
    return diag->errors > before ? ERR_INPUT : ERR_OK;
}

enum err ruleset_run_tests(struct ruleset *ruleset, struct diag *diag, size_t *count)
{
    return run_range(ruleset, 0, ruleset->rule_count, diag, count);
}

enum err ruleset_test_rule(struct ruleset *ruleset, size_t rule, struct diag *diag, size_t *count)
{
    return run_range(ruleset, rule, rule + 1, diag, count);
}
