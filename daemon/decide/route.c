/* The choice of a route, and the proof as a policy loads that no choice loses anybody. Pure. */
#include <attune/policy.h>
#include <string.h>

static bool admits_urgency(const struct condition *condition, enum urgency urgency)
{
    return condition->urgencies == 0 || (condition->urgencies & (1u << urgency)) != 0;
}

static bool admits_cues(const struct condition *condition, const bool *cues)
{
    for (size_t i = 0; condition->names_cues && i < PACK_MAX_CUES; i++)
        if (condition->cues[i] && cues[i])
            return true;
    return !condition->names_cues;
}

const struct route *policy_choose(const struct policy *policy, enum urgency urgency, const bool *cues)
{
    for (size_t i = 0; i < policy->count; i++)
        if (admits_urgency(&policy->conditions[i], urgency) && admits_cues(&policy->conditions[i], cues))
            return &policy->routes[i];
    bug("a policy without a last route");
}

/*
 * Whether some message of this urgency takes this route. Only cues and urgency are asked, so it is enough to try a
 * message with none of the cues, and one with each single cue: more cues can only send it to an earlier route.
 */
static bool is_met(const struct policy *policy, size_t index, enum urgency urgency)
{
    bool cues[PACK_MAX_CUES] = {false};
    if (policy_choose(policy, urgency, cues) == &policy->routes[index])
        return true;
    for (size_t i = 0; policy->conditions[index].names_cues && i < PACK_MAX_CUES; i++) {
        if (!policy->conditions[index].cues[i])
            continue;
        cues[i] = true;
        bool met = policy_choose(policy, urgency, cues) == &policy->routes[index];
        cues[i] = false;
        if (met)
            return true;
    }
    return false;
}

static void prove_route(const struct schema_place *outer, struct policy *policy, size_t index)
{
    static const enum urgency urgencies[] = {URGENCY_NOW, URGENCY_SOON, URGENCY_REVIEW, URGENCY_ROUTINE};
    struct route *route = &policy->routes[index];
    const struct yaml_node *node = policy->conditions[index].node;
    struct schema_place place = {outer->diag, outer->file, route->id};
    bool met = false;
    for (size_t i = 0; i < sizeof urgencies / sizeof *urgencies; i++) {
        if (!is_met(policy, index, urgencies[i]))
            continue;
        const char *name = urgency_name(urgencies[i]);
        met = true;
        route->urgency = urgencies[i];
        if (urgencies[i] != URGENCY_ROUTINE && route->queue != QUEUE_CLINICAL)
            schema_fail(&place, node, "D010", "a `%s` message could come here, so the queue must be clinical", name);
        if (urgencies[i] == URGENCY_NOW && route->page == PAGE_NOBODY)
            schema_fail(&place, node, "D011", "a `now` message could come here, so the route must page somebody");
        if (urgencies[i] == URGENCY_ROUTINE && route->page != PAGE_NOBODY)
            schema_fail(&place, node, "D012", "a `routine` message could come here, and must wake nobody");
    }
    if (!met)
        schema_fail(&place, node, "D013", "no message can come here: earlier routes take all of them");
}

static void check_places(const struct schema_place *outer, const struct policy *policy, size_t index)
{
    const struct route *route = &policy->routes[index];
    const struct yaml_node *node = policy->conditions[index].node;
    struct schema_place place = {outer->diag, outer->file, route->id};
    bool clinical = route->queue == QUEUE_CLINICAL;
    bool agents_folder = route->place == PLACE_AGENT || route->place == PLACE_STAY;
    if (clinical && agents_folder)
        schema_fail(&place, node, "D014", "a clinical route needs a clinical folder: urgent, today, review or safety");
    if (!clinical && !agents_folder)
        schema_fail(&place, node, "D014", "an agent's route takes the folder `agent` or `stay`");
    if (!clinical && route->page != PAGE_NOBODY)
        schema_fail(&place, node, "D014", "a route that pages is a clinical one");
    if (clinical && route->deadline_s == 0)
        schema_fail(&place, node, "D015", "a clinical route says its `deadline`: how soon somebody reads the message");
}

void policy_prove(const struct schema_place *place, struct policy *policy)
{
    const struct condition *last = &policy->conditions[policy->count - 1];
    if (last->urgencies || last->names_cues) {
        schema_fail(place, last->node, "D016", "the last route has no `when`, so that no message is left without one");
        return;
    }
    for (size_t i = 0; i < policy->count; i++) {
        prove_route(place, policy, i);
        check_places(place, policy, i);
    }
}
