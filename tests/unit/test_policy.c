/* policy.yaml: what loads, what the proofs refuse, which route is met. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ruleset_files.h"
#include <attune/policy.h>

#define NOW "  - {id: now, when: {urgency: now}, queue: clinical, folder: urgent, page: clinical, deadline: 5m}\n"
#define SOON "  - {id: soon, when: {urgency: soon}, queue: clinical, folder: today, deadline: 4h}\n"
#define REVIEW "  - {id: review, when: {urgency: review}, queue: clinical, folder: review, deadline: 24h}\n"
#define LAST "  - {id: routine, queue: agent, folder: agent}\n"
#define HEAD "format: 1\nroutes:\n"

static enum err load(const char *text, struct policy **policy, struct diag *diag)
{
    struct folder folder = folder_make_base();
    struct pack *pack;
    folder_write(&folder, "policy.yaml", text);
    diag_init(diag);
    assert_int_equal(pack_load(folder.path, &pack, diag), ERR_OK);
    enum err error = policy_load(folder.path, pack, policy, diag);
    pack_free(&pack);
    folder_remove(&folder);
    return error;
}

static void reads_routes(void **state)
{
    (void)state;
    struct policy *policy;
    struct diag diag;
    assert_int_equal(load(BASE_POLICY, &policy, &diag), ERR_OK);
    assert_int_equal(policy_route_count(policy), 5);
    const struct route *safety = policy_route(policy, 0);
    assert_string_equal(safety->id, "safety");
    assert_int_equal(safety->queue, QUEUE_CLINICAL);
    assert_int_equal(safety->place, PLACE_SAFETY);
    assert_int_equal(safety->page, PAGE_SAFETY);
    assert_int_equal(safety->deadline_s, 300);
    assert_string_equal(safety->hint, "hand-over");
    assert_int_equal(safety->urgency, URGENCY_SOON);
    assert_int_equal(safety->line, 3);
    const struct route *routine = policy_route(policy, 4);
    assert_int_equal(routine->urgency, URGENCY_ROUTINE);
    assert_int_equal(routine->page, PAGE_NOBODY);
    assert_int_equal(routine->deadline_s, 0);
    assert_null(policy_route(policy, 5));
    policy_free(&policy);
    assert_null(policy);
    diag_free(&diag);
}

static void meets_the_first_route_that_holds(void **state)
{
    (void)state;
    static const struct {
        enum urgency urgency;
        bool staff;
        const char *route;
    } cases[] = {
        {URGENCY_NOW, false, "now"},        {URGENCY_NOW, true, "safety"},    {URGENCY_SOON, true, "safety"},
        {URGENCY_SOON, false, "soon"},      {URGENCY_REVIEW, true, "review"}, {URGENCY_ROUTINE, false, "routine"},
        {URGENCY_ROUTINE, true, "routine"},
    };
    struct policy *policy;
    struct diag diag;
    assert_int_equal(load(BASE_POLICY, &policy, &diag), ERR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool cues[PACK_MAX_CUES] = {false};
        cues[4] = cases[i].staff; /* the fifth of BASE_CUES */
        assert_string_equal(policy_choose(policy, cases[i].urgency, cues)->id, cases[i].route);
    }
    policy_free(&policy);
    diag_free(&diag);
}

struct refusal {
    const char *text;
    const char *finding;
};

static const struct refusal refusals[] = {
    {"format: 1\n", "`routes` is missing"},
    {"format: 2\nroutes: [{id: xx, queue: agent, folder: agent}]\n", "format: 1"},
    {"format: 1\nroutes: []\n", "`routes` takes 1 to 64"},
    {HEAD "  - {id: x y, queue: agent, folder: agent}\n", "`id` is 2 to 64"},
    {HEAD "  - {id: aa, queue: clinic, folder: agent}\n", "`queue` is one of: agent, clinical"},
    {HEAD "  - {id: aa, queue: agent, folder: inbox}\n", "`folder` is one of"},
    {HEAD "  - {id: aa, queue: agent, folder: agent, page: everybody}\n", "`page` is one of"},
    {HEAD "  - {id: aa, queue: agent, folder: agent, hint: run}\n", "`hint` is one of"},
    {HEAD "  - {id: aa, queue: agent, folder: agent, deadline: 5}\n", "a time like 90s"},
    {HEAD "  - {id: aa, queue: agent, folder: agent, deadline: 0m}\n", "a time like 90s"},
    {HEAD "  - {id: aa, queue: agent, folder: agent, deadline: 169h}\n", "at most a week"},
    {HEAD "  - {id: aa, queue: agent, folder: agent, dedline: 5m}\n", "did you mean `deadline`"},
    {HEAD "  - {id: aa, queue: agent, folder: agent, cards: []}\n", "`cards` is not supported by this version"},
    {HEAD "  - {id: aa, when: {class: human}, queue: agent, folder: agent}\n", "`class` is not supported"},
    {HEAD "  - {id: aa, when: {facts: {}}, queue: agent, folder: agent}\n", "`facts` is not supported"},
    {HEAD "  - {id: aa, when: {}, queue: agent, folder: agent}\n", "at least one urgency or cue"},
    {HEAD "  - {id: aa, when: {urgency: []}, queue: agent, folder: agent}\n", "at least one urgency or cue"},
    {HEAD "  - {id: aa, when: {urgency: adds}, queue: agent, folder: agent}\n", "`urgency` is one of"},
    {HEAD "  - {id: aa, when: {cue: intend}, queue: agent, folder: agent}\n", "did you mean `intent`"},
    {HEAD NOW NOW SOON REVIEW LAST, "policy.yaml:4:10: error: now: the route `now` is already there"},
    {HEAD NOW SOON REVIEW, "the last route has no `when`"},
    {HEAD SOON REVIEW LAST, "a `now` message could come here, so the queue must be clinical"},
    {HEAD NOW REVIEW LAST, "a `soon` message could come here, so the queue must be clinical"},
    {HEAD NOW SOON LAST, "a `review` message could come here, so the queue must be clinical"},
    {HEAD "  - {id: now, when: {urgency: now}, queue: clinical, folder: urgent, deadline: 5m}\n" SOON REVIEW LAST,
     "must page somebody"},
    /* A cue that takes a `now` message away from its page. */
    {HEAD "  - {id: kind, when: {cue: sleep}, queue: clinical, folder: review, deadline: 1h}\n" NOW SOON REVIEW LAST,
     "policy.yaml:3:5: error: kind: a `now` message could come here, so the route must page somebody"},
    {HEAD
     "  - {id: kind, when: {cue: sleep, urgency: [routine, review]}, queue: clinical, folder: review, deadline: 1h, "
     "page: clinical}\n" NOW SOON REVIEW LAST,
     "a `routine` message could come here, and must wake nobody"},
    {HEAD "  - {id: all, when: {urgency: [now, soon, review]}, queue: clinical, folder: urgent, page: clinical, "
          "deadline: 5m}\n" SOON LAST,
     "soon: no message can come here"},
    {HEAD "  - {id: one, when: {cue: [sleep, intent], urgency: now}, queue: clinical, folder: urgent, page: clinical, "
          "deadline: 5m}\n"
          "  - {id: two, when: {cue: sleep, urgency: now}, queue: clinical, folder: urgent, page: clinical, deadline: "
          "5m}\n" NOW SOON REVIEW LAST,
     "two: no message can come here"},
    {HEAD NOW SOON REVIEW "  - {id: routine, queue: agent, folder: urgent}\n", "takes the folder `agent` or `stay`"},
    {HEAD NOW SOON "  - {id: review, when: {urgency: review}, queue: clinical, folder: stay, deadline: 24h}\n" LAST,
     "needs a clinical folder"},
    {HEAD NOW SOON "  - {id: review, when: {urgency: review}, queue: clinical, folder: review}\n" LAST,
     "says its `deadline`"},
};

static void proves_that_nobody_is_lost(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct policy *policy;
        struct diag diag;
        if (load(refusals[i].text, &policy, &diag) != ERR_INPUT)
            fail_msg("was taken:\n%s", refusals[i].text);
        assert_null(policy);
        expect_finding(&diag, refusals[i].finding);
        diag_free(&diag);
    }
}

static void takes_a_policy_of_one_route(void **state)
{
    (void)state;
    struct policy *policy;
    struct diag diag;
    assert_int_equal(load(HEAD NOW "  - {id: rest, queue: clinical, folder: today, deadline: 4h}\n", &policy, &diag),
                     ERR_OK);
    assert_int_equal(policy_route(policy, 1)->urgency, URGENCY_ROUTINE);
    policy_free(&policy);
    diag_free(&diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_routes),
        cmocka_unit_test(meets_the_first_route_that_holds),
        cmocka_unit_test(proves_that_nobody_is_lost),
        cmocka_unit_test(takes_a_policy_of_one_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
