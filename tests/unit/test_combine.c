/* Combinations: which hold, on which hits, and that they only raise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ruleset_files.h"
#include <attune/combine.h>
#include <attune/decide.h>

enum { ARENA_BYTES = 1024 * 1024, MAX_HITS = 4 };

/* Rules of the base set, in its order. */
enum { INTENT, WISH, DISTRESS, SLEEP, STAFF, NO_HIT = 99 };

static const char combinations[] =
    "format: 1\ncombine:\n"
    "  - {id: all, all: [distress, sleep], urgency: soon}\n"
    "  - {id: any, any: [staff-safety, wish-to-die], urgency: review}\n"
    "  - {id: two, count: {of: [distress, sleep, wish-to-die], at_least: 2}, urgency: now}\n"
    "  - {id: fed, all: [intent, distress], urgency: now}\n";

struct combine_case {
    struct hit hits[MAX_HITS]; /* ended by one with the rule NO_HIT, or full */
    const char *held;
};

#define AT(rule, start, end)                                                                                           \
    {                                                                                                                  \
        rule, FIELD_TEXT, start, end, LOWERED_NOT                                                                      \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        NO_HIT, FIELD_TEXT, 0, 0, LOWERED_NOT                                                                          \
    }

static const struct combine_case cases[] = {
    {{END}, ""},
    {{AT(SLEEP, 0, 5), END}, ""},
    {{AT(STAFF, 0, 5), END}, "any"},
    {{AT(SLEEP, 0, 5), AT(DISTRESS, 6, 9), END}, "all two"},
    {{AT(SLEEP, 0, 5), AT(DISTRESS, 0, 5), END}, "all"}, /* the same words are not evidence twice */
    {{AT(SLEEP, 0, 5), AT(DISTRESS, 4, 9), END}, "all"},
    {{AT(SLEEP, 0, 5), AT(DISTRESS, 5, 9), END}, "all two"},
    {{AT(SLEEP, 0, 5), AT(SLEEP, 6, 9), END}, ""}, /* one cue twice is one cue */
    {{AT(SLEEP, 0, 5), {DISTRESS, FIELD_SUBJECT, 0, 5, LOWERED_NOT}, END}, "all two"},
    {{AT(SLEEP, 0, 5), {DISTRESS, FIELD_QUOTED, 6, 9, LOWERED_NOT}, END}, ""},
    {{AT(SLEEP, 0, 5), {DISTRESS, FIELD_SIGNATURE, 6, 9, LOWERED_NOT}, END}, ""},
    {{{INTENT, FIELD_TEXT, 0, 5, LOWERED_UNLESS}, AT(DISTRESS, 6, 9), END}, ""},
    {{AT(INTENT, 0, 5), AT(DISTRESS, 6, 9), END}, "fed"},
    /* A first choice that stands in the way: taken from the other end, two stand apart. */
    {{AT(SLEEP, 0, 5), AT(DISTRESS, 4, 10), AT(SLEEP, 11, 15), END}, "all two"},
    {{AT(SLEEP, 0, 20), AT(DISTRESS, 2, 6), AT(WISH, 8, 12), END}, "all any two"},
};

struct desk {
    struct folder folder;
    struct pack *pack;
    struct diag diag;
    struct arena *arena;
};

static struct desk desk_open(void)
{
    struct desk desk = {.folder = folder_make_base(), .arena = arena_new(ARENA_BYTES)};
    diag_init(&desk.diag);
    folder_write(&desk.folder, "combine.yaml", combinations);
    assert_int_equal(pack_load(desk.folder.path, &desk.pack, &desk.diag), ERR_OK);
    return desk;
}

static void desk_close(struct desk *desk)
{
    pack_free(&desk->pack);
    diag_free(&desk->diag);
    arena_free(&desk->arena);
    folder_remove(&desk->folder);
}

static struct verdict verdict_of(const struct hit *hits)
{
    struct verdict verdict = {.class = CLASS_HUMAN, .hits = hits};
    while (verdict.hit_count < MAX_HITS && hits[verdict.hit_count].rule != NO_HIT)
        verdict.hit_count++;
    return verdict;
}

static void holds_when_its_cues_stand(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verdict verdict = verdict_of(cases[i].hits);
        uint32_t held[8];
        size_t count;
        char names[64] = "";
        assert_int_equal(combine_find(desk.pack, &verdict, desk.arena, held, &count), ERR_OK);
        for (size_t j = 0; j < count; j++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", j ? " " : "",
                     pack_combination(desk.pack, held[j])->id);
        assert_string_equal(names, cases[i].held);
    }
    desk_close(&desk);
}

/* The result of one combination is no cue of another, and nothing is ever lowered. */
static void only_raises(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct policy *policy;
    assert_int_equal(policy_load(desk.folder.path, desk.pack, &policy, &desk.diag), ERR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verdict verdict = verdict_of(cases[i].hits);
        enum urgency least = URGENCY_ROUTINE;
        struct decision decision;
        for (size_t j = 0; j < verdict.hit_count; j++)
            if (combine_sees(&verdict, &verdict.hits[j]) &&
                pack_rule(desk.pack, verdict.hits[j].rule)->urgency > URGENCY_ADDS &&
                pack_rule(desk.pack, verdict.hits[j].rule)->urgency > least)
                least = pack_rule(desk.pack, verdict.hits[j].rule)->urgency;
        assert_int_equal(decide(desk.pack, policy, &verdict, desk.arena, &decision), ERR_OK);
        assert_true(decision.urgency >= least);
        for (size_t j = 0; j < decision.combination_count; j++)
            assert_true(decision.urgency >= pack_combination(desk.pack, decision.combinations[j])->urgency);
    }
    policy_free(&policy);
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_when_its_cues_stand),
        cmocka_unit_test(only_raises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
