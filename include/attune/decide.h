/*
 * From cues and facts to what is done: urgency, queue, folder, page, deadline, card, hint. Pure: the same input gives
 * the same decision, byte for byte. keep and `attune triage` both call it. Order of reading only; never a statement of
 * how much at risk a person is.
 */
#ifndef ATTUNE_DECIDE_H
#define ATTUNE_DECIDE_H

#include <attune/arena.h>
#include <attune/diag.h>
#include <attune/err.h>
#include <attune/pack.h>
#include <attune/verdict.h>

enum queue { QUEUE_AGENT = 0, QUEUE_CLINICAL = 1 };
const char *queue_name(enum queue queue);

/* Which of the mailbox's configured folders a route names. */
enum place { PLACE_STAY = 0, PLACE_URGENT, PLACE_TODAY, PLACE_REVIEW, PLACE_SAFETY, PLACE_AGENT, PLACE_COUNT };
const char *place_name(enum place place); /* "stay", "urgent", "today", "review", "safety", "agent" */

enum page_target { PAGE_NOBODY = 0, PAGE_CLINICAL = 1, PAGE_SAFETY = 2 };
const char *page_target_name(enum page_target target); /* "nobody", "clinical", "safety" */

struct route {
    const char *id;
    enum urgency urgency; /* the least urgency the route gives its messages */
    enum queue queue;
    enum place place;
    enum page_target page;
    uint32_t deadline_s; /* to be read within; 0: in turn */
    const char *hint;    /* for agents: "handle", "consult-clinical", "hand-over"; or NULL */
    unsigned line;
};

struct policy;
/*
 * Loads `directory`/policy.yaml against the pack's cues, and proves: `now` always clinical and paged, `soon` and
 * `review` always clinical, the last route without a condition, every route reachable. ERR_INPUT with findings
 * otherwise.
 */
enum err policy_load(const char *directory, const struct pack *pack, struct policy **out, struct diag *diag);
void policy_free(struct policy **policy);
size_t policy_route_count(const struct policy *policy);
const struct route *policy_route(const struct policy *policy, size_t index);

struct decision {
    enum urgency urgency; /* ROUTINE, REVIEW, SOON or NOW: never ADDS */
    const struct route *route;
    const char *const *cards; /* protocol cards of the hits, most urgent first, without repeats; in the arena */
    size_t card_count;
    const uint32_t *combinations; /* indexes of those that held; in the arena */
    size_t combination_count;
    bool unscreened; /* the verdict carries a reason that is not explained by the message being whole */
};

/* What one hit counts for where it stands: lowered by an `unless`, or worth at most `review` (nothing, when the writer
 * does not hand them on) in quoted text and signatures. */
enum urgency decide_hit(const struct pack *pack, const struct verdict *verdict, const struct hit *hit);

/* Decides. ERR_SYSTEM when the arena is full; nothing else can fail. */
enum err decide(const struct pack *pack, const struct policy *policy, const struct verdict *verdict,
                struct arena *arena, struct decision *out);

#endif
