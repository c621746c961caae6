/* Deciding: what hits are worth where they stand, combinations, unscreened mail, own mail, cards, routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ruleset_files.h"
#include <attune/decide.h>

enum { ARENA_BYTES = 1024 * 1024 };

/* Rules of the base set, in its order. */
enum { INTENT, WISH, DISTRESS, SLEEP, STAFF, TIRED, NO_HIT = 99 };

struct desk {
    struct folder folder;
    struct pack *pack;
    struct policy *policy;
    struct diag diag;
    struct arena *arena;
};

static struct desk desk_open(const char *combinations)
{
    struct desk desk = {.folder = folder_make_base(), .arena = arena_new(ARENA_BYTES)};
    diag_init(&desk.diag);
    folder_write(&desk.folder, "protocols/other.txt", "Another card\n");
    folder_write(
        &desk.folder, "en/other.yaml",
        "format: 1\nlanguage: en\nrules:\n  - {id: en.tired, title: T, cue: sleep, urgency: adds, status: live, "
        "why: W, say: [a b], handle: other, tests: [{fires: a b}, {fires: a b}, {silent: a}, {silent: z}]}\n");
    if (combinations)
        folder_write(&desk.folder, "combine.yaml", combinations);
    assert_int_equal(pack_load(desk.folder.path, &desk.pack, &desk.diag), ERR_OK);
    assert_int_equal(policy_load(desk.folder.path, desk.pack, &desk.policy, &desk.diag), ERR_OK);
    return desk;
}

static void desk_close(struct desk *desk)
{
    policy_free(&desk->policy);
    pack_free(&desk->pack);
    diag_free(&desk->diag);
    arena_free(&desk->arena);
    folder_remove(&desk->folder);
}

static struct decision decide_on(struct desk *desk, const struct verdict *verdict)
{
    struct decision decision;
    assert_int_equal(decide(desk->pack, desk->policy, verdict, desk->arena, &decision), ERR_OK);
    return decision;
}

struct hit_case {
    struct hit hits[2]; /* an unused one has the rule NO_HIT */
    bool is_forward;
    bool points;
    enum urgency urgency;
    const char *route;
};

#define IN(rule, field)                                                                                                \
    {                                                                                                                  \
        rule, field, 0, 5, LOWERED_NOT                                                                                 \
    }
#define NONE                                                                                                           \
    {                                                                                                                  \
        NO_HIT, FIELD_TEXT, 0, 0, LOWERED_NOT                                                                          \
    }

static const struct hit_case hit_cases[] = {
    {{NONE, NONE}, false, false, URGENCY_ROUTINE, "routine"},
    {{IN(SLEEP, FIELD_TEXT), NONE}, false, false, URGENCY_ROUTINE, "routine"},
    {{IN(DISTRESS, FIELD_TEXT), NONE}, false, false, URGENCY_REVIEW, "review"},
    {{IN(WISH, FIELD_SUBJECT), IN(DISTRESS, FIELD_TEXT)}, false, false, URGENCY_SOON, "soon"},
    {{IN(INTENT, FIELD_TEXT), NONE}, false, false, URGENCY_NOW, "now"},
    {{IN(STAFF, FIELD_TEXT), NONE}, false, false, URGENCY_SOON, "safety"},
    /* Another cue asked for the clinicians' page: a staff cue of less urgency does not take it away. */
    {{IN(INTENT, FIELD_TEXT), IN(STAFF, FIELD_TEXT)}, false, false, URGENCY_NOW, "now"},
    {{{INTENT, FIELD_TEXT, 0, 5, LOWERED_UNLESS}, NONE}, false, false, URGENCY_REVIEW, "review"},
    {{{INTENT, FIELD_TEXT, 0, 5, LOWERED_UNLESS}, IN(INTENT, FIELD_TEXT)}, false, false, URGENCY_NOW, "now"},
    {{IN(INTENT, FIELD_QUOTED), IN(WISH, FIELD_SIGNATURE)}, false, false, URGENCY_ROUTINE, "routine"},
    {{IN(INTENT, FIELD_QUOTED), NONE}, true, false, URGENCY_REVIEW, "review"},
    {{IN(INTENT, FIELD_QUOTED), NONE}, false, true, URGENCY_REVIEW, "review"},
    {{IN(INTENT, FIELD_SIGNATURE), NONE}, true, false, URGENCY_REVIEW, "review"},
    {{IN(SLEEP, FIELD_QUOTED), NONE}, true, false, URGENCY_ROUTINE, "routine"},
    {{IN(INTENT, FIELD_QUOTED), IN(WISH, FIELD_TEXT)}, true, false, URGENCY_SOON, "soon"},
};

static void weighs_hits_where_they_stand(void **state)
{
    (void)state;
    struct desk desk = desk_open(NULL);
    for (size_t i = 0; i < sizeof hit_cases / sizeof *hit_cases; i++) {
        const struct hit_case *test = &hit_cases[i];
        struct verdict verdict = {.class = CLASS_HUMAN,
                                  .hits = test->hits,
                                  .is_forward = test->is_forward,
                                  .points_at_quotation = test->points};
        while (verdict.hit_count < 2 && test->hits[verdict.hit_count].rule != NO_HIT)
            verdict.hit_count++;
        struct decision decision = decide_on(&desk, &verdict);
        assert_int_equal(decision.urgency, test->urgency);
        assert_string_equal(decision.route->id, test->route);
        assert_false(decision.unscreened);
    }
    desk_close(&desk);
}

/* The answer to an answered mail keeps its subject: people read it, and nobody is woken again. */
static void a_repeated_subject_pages_nobody(void **state)
{
    (void)state;
    struct desk desk = desk_open(NULL);
    const struct hit in_subject = IN(INTENT, FIELD_SUBJECT), in_text = IN(INTENT, FIELD_TEXT);
    struct verdict verdict = {.class = CLASS_HUMAN, .hits = &in_subject, .hit_count = 1};
    assert_int_equal(decide_on(&desk, &verdict).urgency, URGENCY_NOW);
    verdict.repeats_subject = true;
    assert_int_equal(decide_on(&desk, &verdict).urgency, URGENCY_REVIEW);
    verdict.hits = &in_text;
    assert_int_equal(decide_on(&desk, &verdict).urgency, URGENCY_NOW);
    desk_close(&desk);
}

static void sends_what_was_not_read_to_people(void **state)
{
    (void)state;
    static const struct {
        enum mail_class class;
        enum urgency urgency;
    } cases[] = {
        {CLASS_UNKNOWN, URGENCY_REVIEW}, {CLASS_HUMAN, URGENCY_REVIEW}, {CLASS_FORM_RELAY, URGENCY_REVIEW},
        {CLASS_BOUNCE, URGENCY_ROUTINE}, {CLASS_LIST, URGENCY_ROUTINE}, {CLASS_AUTO_REPLY, URGENCY_ROUTINE},
        {CLASS_OWN, URGENCY_ROUTINE},
    };
    struct desk desk = desk_open(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned reason = 0; reason < REASON_COUNT; reason++) {
            struct verdict verdict = {.class = cases[i].class, .reasons = 1u << reason};
            struct decision decision = decide_on(&desk, &verdict);
            assert_int_equal(decision.urgency, cases[i].urgency);
            assert_true(decision.unscreened);
        }
    }
    desk_close(&desk);
}

/* A machine's mail that holds somebody's words is paged like any other; our own, proved, never. */
static void never_takes_a_page_away_for_a_class(void **state)
{
    (void)state;
    struct desk desk = desk_open(NULL);
    static const struct hit hit = IN(INTENT, FIELD_TEXT);
    for (int class = CLASS_UNKNOWN; class < CLASS_COUNT; class ++) {
        struct verdict verdict = {.class = (enum mail_class) class, .hits = &hit, .hit_count = 1};
        struct decision decision = decide_on(&desk, &verdict);
        assert_int_equal(decision.route->page, class == CLASS_OWN ? PAGE_NOBODY : PAGE_CLINICAL);
        assert_int_equal(decision.card_count, class == CLASS_OWN ? 0 : 1);
    }
    desk_close(&desk);
}

static void lists_the_cards_of_hits_that_count(void **state)
{
    (void)state;
    struct desk desk = desk_open(NULL);
    static const struct hit hits[] = {IN(TIRED, FIELD_TEXT), IN(INTENT, FIELD_TEXT), IN(WISH, FIELD_QUOTED)};
    struct verdict verdict = {.class = CLASS_HUMAN, .hits = hits, .hit_count = 3};
    struct decision decision = decide_on(&desk, &verdict);
    assert_int_equal(decision.card_count, 2);
    assert_string_equal(decision.cards[0], "card"); /* the most urgent hit's */
    assert_string_equal(decision.cards[1], "other");
    verdict.hits = hits + 2; /* a hit in quoted text alone asks for nothing */
    verdict.hit_count = 1;
    assert_int_equal(decide_on(&desk, &verdict).card_count, 0);
    desk_close(&desk);
}

static void decides_the_same_again(void **state)
{
    (void)state;
    struct desk desk = desk_open("format: 1\ncombine: [{id: cc, any: [sleep], urgency: soon}]\n");
    static const struct hit hits[] = {IN(SLEEP, FIELD_TEXT), IN(DISTRESS, FIELD_TEXT)};
    struct verdict verdict = {.class = CLASS_HUMAN, .hits = hits, .hit_count = 2};
    struct decision first = decide_on(&desk, &verdict), again = decide_on(&desk, &verdict);
    assert_int_equal(first.urgency, again.urgency);
    assert_ptr_equal(first.route, again.route);
    assert_int_equal(first.combination_count, 1);
    assert_int_equal(again.combination_count, 1);
    desk_close(&desk);
}

static void says_when_memory_ends(void **state)
{
    (void)state;
    struct desk desk = desk_open(NULL);
    static const struct hit hits[VERDICT_MAX_HITS];
    struct verdict verdict = {.class = CLASS_HUMAN, .hits = hits, .hit_count = VERDICT_MAX_HITS};
    struct arena *small = arena_new(64);
    struct decision decision;
    assert_int_equal(decide(desk.pack, desk.policy, &verdict, small, &decision), ERR_SYSTEM);
    arena_free(&small);
    desk_close(&desk);
}

static void names_what_it_decides(void **state)
{
    (void)state;
    assert_string_equal(queue_name(QUEUE_CLINICAL), "clinical");
    assert_string_equal(place_name(PLACE_AGENT), "agent");
    assert_string_equal(page_target_name(PAGE_SAFETY), "safety");
    assert_null(place_name(PLACE_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighs_hits_where_they_stand),
        cmocka_unit_test(a_repeated_subject_pages_nobody),
        cmocka_unit_test(sends_what_was_not_read_to_people),
        cmocka_unit_test(never_takes_a_page_away_for_a_class),
        cmocka_unit_test(lists_the_cards_of_hits_that_count),
        cmocka_unit_test(decides_the_same_again),
        cmocka_unit_test(says_when_memory_ends),
        cmocka_unit_test(names_what_it_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
