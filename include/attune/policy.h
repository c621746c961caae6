/*
 * The inside of a policy: its routes with their conditions, the choice among them, and the proof that no choice loses
 * anybody. Private to daemon/decide.
 */
#ifndef ATTUNE_POLICY_H
#define ATTUNE_POLICY_H

#include <attune/arena.h>
#include <attune/decide.h>
#include <attune/schema.h>

enum { POLICY_MAX_ROUTES = 64, POLICY_ARENA = 16 * 1024 * 1024 };

/* A route's `when`. */
struct condition {
    unsigned urgencies; /* bits 1 << enum urgency; 0: any */
    bool names_cues;
    bool cues[PACK_MAX_CUES];     /* any of them */
    const struct yaml_node *node; /* for findings */
};

struct policy {
    struct arena *arena;
    struct route routes[POLICY_MAX_ROUTES];
    struct condition conditions[POLICY_MAX_ROUTES];
    size_t count;
};

/* The first route whose condition holds. `cues` (PACK_MAX_CUES of them): those that reach the message's urgency. */
const struct route *policy_choose(const struct policy *policy, enum urgency urgency, const bool *cues);

/*
 * Walks every urgency through the routes that can be met at it, and sets each route's least urgency. Findings when
 * `now` could go unpaged or to the agents, `soon` or `review` to the agents, `routine` page somebody, or a route never
 * be met.
 */
void policy_prove(const struct schema_place *place, struct policy *policy);

#endif
