/* Reads policy.yaml. Runs in keep and the command as rules load; its text is the operator's, taken from the loaded set,
 * so that what is read is what was hashed. */
#include <attune/pack_source.h>
#include <attune/policy.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const queue_names[] = {[QUEUE_AGENT] = "agent", [QUEUE_CLINICAL] = "clinical"};
static const char *const place_names[] = {
    [PLACE_STAY] = "stay",     [PLACE_URGENT] = "urgent", [PLACE_TODAY] = "today",
    [PLACE_REVIEW] = "review", [PLACE_SAFETY] = "safety", [PLACE_AGENT] = "agent",
};
static const char *const target_names[] = {
    [PAGE_NOBODY] = "nobody", [PAGE_CLINICAL] = "clinical", [PAGE_SAFETY] = "safety"};
static const char *const hints[] = {"handle", "consult-clinical", "hand-over"};

const char *queue_name(enum queue queue)
{
    return (size_t)queue < COUNT(queue_names) ? queue_names[queue] : NULL;
}

const char *place_name(enum place place)
{
    return (size_t)place < COUNT(place_names) ? place_names[place] : NULL;
}

const char *page_target_name(enum page_target target)
{
    return (size_t)target < COUNT(target_names) ? target_names[target] : NULL;
}

/* "90s", "5m", "4h", at most a week. */
static bool read_duration(const struct schema_place *place, const struct yaml_node *scalar, uint32_t *out)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
    enum { WEEK_S = 7 * 24 * 3600 };
    struct str text = scalar->text;
    uint64_t number;
    for (size_t i = 0; i < COUNT(units) && text.length > 1; i++) {
        if (text.data[text.length - 1] != units[i].unit ||
            !str_to_u64(str_slice(text, 0, text.length - 1), WEEK_S / units[i].seconds, &number) || number == 0)
            continue;
        *out = (uint32_t)number * units[i].seconds;
        return true;
    }
    schema_fail(place, scalar, "D003", "`deadline` is a time like 90s, 5m or 4h, at most a week");
    return false;
}

static bool read_urgency(const struct schema_place *place, const struct yaml_node *scalar, struct condition *condition)
{
    static const char *const names[] = {"routine", "review", "soon", "now"};
    static const enum urgency values[] = {URGENCY_ROUTINE, URGENCY_REVIEW, URGENCY_SOON, URGENCY_NOW};
    int chosen = schema_choose(place, scalar, "urgency", names, COUNT(names));
    if (chosen < 0)
        return false;
    condition->urgencies |= 1u << values[chosen];
    return true;
}

static bool read_cue(const struct schema_place *place, const struct pack *pack, const struct yaml_node *scalar,
                     struct condition *condition)
{
    const char *names[PACK_MAX_CUES];
    size_t count = pack_cue_count(pack);
    for (size_t i = 0; i < count; i++)
        names[i] = pack_cue(pack, i)->id;
    uint32_t cue;
    if (scalar->kind == YAML_SCALAR && pack_find_cue(pack, scalar->text.data, &cue)) {
        condition->names_cues = true;
        condition->cues[cue] = true;
        return true;
    }
    const char *nearest = scalar->kind == YAML_SCALAR ? str_nearest(scalar->text.data, names, count) : NULL;
    schema_fail(place, scalar, "D004", "this is no cue of cues.yaml%s%s%s", nearest ? "; did you mean `" : "",
                nearest ? nearest : "", nearest ? "`?" : "");
    return false;
}

/* One of `when`'s values: a single text or a list of them. */
static size_t count_values(const struct yaml_node *node)
{
    return !node ? 0 : node->kind == YAML_LIST ? node->count : 1;
}

static const struct yaml_node *value_at(const struct yaml_node *node, size_t index)
{
    return node->kind == YAML_LIST ? node->values[index] : node;
}

static bool read_when(const struct schema_place *place, const struct pack *pack, const struct yaml_node *when,
                      struct condition *condition)
{
    static const struct schema_key keys[] = {
        {"cue", YAML_SCALAR, KEY_ONE_OR_MORE}, {"urgency", YAML_SCALAR, KEY_ONE_OR_MORE},
        {"class", YAML_SCALAR, KEY_LATER},     {"role", YAML_SCALAR, KEY_LATER},
        {"mailbox", YAML_SCALAR, KEY_LATER},   {"facts", YAML_MAP, KEY_LATER},
    };
    if (!when)
        return true;
    if (!schema_check(place, when, keys, COUNT(keys)))
        return false;
    const struct yaml_node *urgency = yaml_get(when, "urgency"), *cue = yaml_get(when, "cue");
    bool right = true;
    for (size_t i = 0; i < count_values(urgency); i++)
        right = read_urgency(place, value_at(urgency, i), condition) && right;
    for (size_t i = 0; i < count_values(cue); i++)
        right = read_cue(place, pack, value_at(cue, i), condition) && right;
    if (right && !condition->urgencies && !condition->names_cues) {
        schema_fail(place, when, "D005", "`when` names at least one urgency or cue; the last route has no `when`");
        return false;
    }
    return right;
}

static bool choose(const struct schema_place *place, const struct yaml_node *map, const char *key,
                   const char *const *names, size_t count, int *out)
{
    const struct yaml_node *value = yaml_get(map, key);
    if (value)
        *out = schema_choose(place, value, key, names, count);
    return !value || *out >= 0;
}

static bool read_action(const struct schema_place *place, const struct yaml_node *map, struct route *route)
{
    int queue = 0, folder = 0, page = 0, hint = -1;
    bool right = choose(place, map, "queue", queue_names, COUNT(queue_names), &queue);
    right = choose(place, map, "folder", place_names, COUNT(place_names), &folder) && right;
    right = choose(place, map, "page", target_names, COUNT(target_names), &page) && right;
    right = choose(place, map, "hint", hints, COUNT(hints), &hint) && right;
    const struct yaml_node *deadline = yaml_get(map, "deadline");
    if (!right || (deadline && !read_duration(place, deadline, &route->deadline_s)))
        return false;
    route->queue = (enum queue)queue;
    route->place = (enum place)folder;
    route->page = (enum page_target)page;
    route->hint = hint < 0 ? NULL : hints[hint];
    return true;
}

static bool is_id_taken(const struct policy *policy, const char *id)
{
    for (size_t i = 0; i < policy->count; i++)
        if (str_equal_text(str_of(id), policy->routes[i].id))
            return true;
    return false;
}

static void add_route(const struct schema_place *outer, const struct pack *pack, const struct yaml_node *map,
                      struct policy *policy)
{
    static const struct schema_key keys[] = {
        {"id", YAML_SCALAR, KEY_REQUIRED},    {"when", YAML_MAP, KEY_OPTIONAL},
        {"queue", YAML_SCALAR, KEY_REQUIRED}, {"folder", YAML_SCALAR, KEY_REQUIRED},
        {"page", YAML_SCALAR, KEY_OPTIONAL},  {"deadline", YAML_SCALAR, KEY_OPTIONAL},
        {"hint", YAML_SCALAR, KEY_OPTIONAL},  {"cards", YAML_LIST, KEY_LATER},
        {"contacts", YAML_LIST, KEY_LATER},   {"follow_up", YAML_SCALAR, KEY_LATER},
    };
    const struct yaml_node *id = map->kind == YAML_MAP ? yaml_get(map, "id") : NULL;
    struct schema_place place = *outer;
    place.subject = id && id->kind == YAML_SCALAR ? id->text.data : "";
    struct route *route = &policy->routes[policy->count];
    struct condition *condition = &policy->conditions[policy->count];
    if (!schema_check(&place, map, keys, COUNT(keys)) || !schema_check_id(&place, id, "id"))
        return;
    if (is_id_taken(policy, id->text.data)) {
        schema_fail(&place, id, "R010", "the route `%s` is already there", id->text.data);
        return;
    }
    if (!read_when(&place, pack, yaml_get(map, "when"), condition) || !read_action(&place, map, route))
        return;
    condition->node = map;
    route->id = id->text.data;
    route->line = map->line;
    policy->count++;
}

static void read_routes(const struct schema_place *place, const struct pack *pack, const struct yaml_node *root,
                        struct policy *policy)
{
    static const struct schema_key keys[] = {{"format", YAML_SCALAR, KEY_REQUIRED},
                                             {"routes", YAML_LIST, KEY_REQUIRED}};
    if (!schema_check(place, root, keys, COUNT(keys)))
        return;
    const struct yaml_node *format = yaml_get(root, "format"), *routes = yaml_get(root, "routes");
    if (!str_equal_text(format->text, "1"))
        schema_fail(place, format, "R003", "the file must say `format: 1`");
    if (routes->count == 0 || routes->count > POLICY_MAX_ROUTES) {
        schema_fail(place, routes, "R011", "`routes` takes 1 to %d entries", POLICY_MAX_ROUTES);
        return;
    }
    for (size_t i = 0; i < routes->count; i++)
        add_route(place, pack, routes->values[i], policy);
}

static enum err load(const char *directory, const struct pack *pack, struct policy *policy, struct diag *diag)
{
    char file[1024];
    size_t before = diag->errors;
    struct yaml_node *root;
    snprintf(file, sizeof file, "%s/policy.yaml", directory);
    struct schema_place place = {diag, file, ""};
    enum err error = yaml_parse(policy->arena, file, pack_policy_text(pack), &root, diag);
    if (error != ERR_OK)
        return error;
    read_routes(&place, pack, root, policy);
    if (diag->errors == before)
        policy_prove(&place, policy);
    return diag->errors > before ? ERR_INPUT : ERR_OK;
}

enum err policy_load(const char *directory, const struct pack *pack, struct policy **out, struct diag *diag)
{
    *out = NULL;
    struct policy *policy = calloc(1, sizeof *policy);
    if (!policy)
        return ERR_SYSTEM;
    policy->arena = arena_new(POLICY_ARENA);
    enum err error = policy->arena ? load(directory, pack, policy, diag) : ERR_SYSTEM;
    if (error == ERR_OK)
        *out = policy;
    else
        policy_free(&policy);
    return error;
}

void policy_free(struct policy **policy)
{
    if (!*policy)
        return;
    arena_free(&(*policy)->arena);
    free(*policy);
    *policy = NULL;
}

size_t policy_route_count(const struct policy *policy)
{
    return policy->count;
}

const struct route *policy_route(const struct policy *policy, size_t index)
{
    return index < policy->count ? &policy->routes[index] : NULL;
}
