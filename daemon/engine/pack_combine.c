/* Reads combinations: which cues together raise a message, and to what. Runs as rules load. */
#include <attune/pack_load.h>
#include <string.h>

static bool read_cue_list(struct loader *loader, const struct schema_place *place, const struct yaml_node *list,
                          struct combination *out)
{
    if (list->count == 0 || list->count > PACK_MAX_CUES) {
        schema_fail(place, list, "R011", "a combination names 1 to %d cues", PACK_MAX_CUES);
        return false;
    }
    uint32_t *cues = pack_array(loader, list->count, sizeof *cues);
    if (!cues)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        if (!pack_read_cue(loader, place, list->values[i], &cues[i]))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (cues[j] != cues[i])
                continue;
            schema_fail(place, list->values[i], "R010", "this cue is named twice");
            return false;
        }
    }
    out->cues = cues;
    out->cue_count = list->count;
    return true;
}

static bool read_count(struct loader *loader, const struct schema_place *place, const struct yaml_node *map,
                       struct combination *out)
{
    static const struct schema_key keys[] = {{"of", YAML_LIST, KEY_REQUIRED}, {"at_least", YAML_SCALAR, KEY_REQUIRED}};
    if (!schema_check(place, map, keys, sizeof keys / sizeof *keys) ||
        !read_cue_list(loader, place, yaml_get(map, "of"), out))
        return false;
    uint64_t at_least;
    if (!str_to_u64(yaml_get(map, "at_least")->text, out->cue_count, &at_least) || at_least < 2) {
        schema_fail(place, yaml_get(map, "at_least"), "R022", "`at_least` is a number from 2 to the number of cues");
        return false;
    }
    out->at_least = (uint32_t)at_least;
    return true;
}

static bool read_condition(struct loader *loader, const struct schema_place *place, const struct yaml_node *map,
                           struct combination *out)
{
    const struct yaml_node *all = yaml_get(map, "all"), *any = yaml_get(map, "any"), *count = yaml_get(map, "count");
    if (!!all + !!any + !!count != 1) {
        schema_fail(place, map, "R022", "a combination has one of `all`, `any` and `count`");
        return false;
    }
    out->kind = all ? COMBINE_ALL : any ? COMBINE_ANY : COMBINE_COUNT;
    return count ? read_count(loader, place, count, out) : read_cue_list(loader, place, all ? all : any, out);
}

static bool is_id_taken(const struct pack *pack, const char *id)
{
    for (size_t i = 0; i < pack->combination_count; i++)
        if (strcmp(pack->combinations[i].id, id) == 0)
            return true;
    return false;
}

static void add_combination(struct loader *loader, const struct schema_place *outer, const char *path,
                            const struct yaml_node *map)
{
    static const struct schema_key keys[] = {
        {"id", YAML_SCALAR, KEY_REQUIRED}, {"urgency", YAML_SCALAR, KEY_REQUIRED}, {"all", YAML_LIST, KEY_OPTIONAL},
        {"any", YAML_LIST, KEY_OPTIONAL},  {"count", YAML_MAP, KEY_OPTIONAL},      {"why", YAML_SCALAR, KEY_OPTIONAL},
        {"facts", YAML_MAP, KEY_LATER},    {"near", YAML_MAP, KEY_LATER},          {"status", YAML_SCALAR, KEY_LATER},
    };
    static const char *const urgencies[] = {"review", "soon", "now"};
    struct pack *pack = loader->pack;
    const struct yaml_node *id = map->kind == YAML_MAP ? yaml_get(map, "id") : NULL;
    struct schema_place place = *outer;
    place.subject = id && id->kind == YAML_SCALAR ? id->text.data : "";
    if (!schema_check(&place, map, keys, sizeof keys / sizeof *keys) || !schema_check_id(&place, id, "id"))
        return;
    if (is_id_taken(pack, id->text.data)) {
        schema_fail(&place, id, "R010", "the combination `%s` is already there", id->text.data);
        return;
    }
    struct combination combination = {.id = id->text.data, .file = path, .line = map->line};
    int urgency = schema_choose(&place, yaml_get(map, "urgency"), "urgency", urgencies, 3);
    if (urgency < 0 || !read_condition(loader, &place, map, &combination))
        return;
    combination.urgency = (enum urgency)(URGENCY_REVIEW + urgency);
    pack->combinations[pack->combination_count++] = combination;
}

void pack_read_combinations(struct loader *loader, const struct schema_place *place, const char *path,
                            const struct yaml_node *list)
{
    struct pack *pack = loader->pack;
    if (!pack->combinations)
        pack->combinations = pack_array(loader, PACK_MAX_COMBINATIONS, sizeof *pack->combinations);
    if (!pack->combinations)
        return;
    if (pack->combination_count + list->count > PACK_MAX_COMBINATIONS) {
        schema_fail(place, list, "R011", "there may be %d combinations", PACK_MAX_COMBINATIONS);
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        add_combination(loader, place, path, list->values[i]);
}
