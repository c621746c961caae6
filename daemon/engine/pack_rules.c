/* Reads rule files: rules with their tests, and combinations. Runs as rules load; every finding names its place. */
#include <attune/pack_load.h>
#include <attune/regex.h>
#include <string.h>

enum { MIN_FIRES = 2, MIN_SILENT = 2, REGEX_TESTS = 2 /* times as many: a pattern is harder to read than a phrase */ };

struct rule_file {
    struct loader *loader;
    const struct pack_file *file;
    struct schema_place place;
    struct language *language;
    struct lexicons *lexicons;
};

static bool read_test(struct rule_file *file, const struct schema_place *place, const struct yaml_node *map,
                      enum urgency own, struct rule_test *out)
{
    static const struct schema_key keys[] = {
        {"fires", YAML_SCALAR, KEY_OPTIONAL},   {"silent", YAML_SCALAR, KEY_OPTIONAL},
        {"urgency", YAML_SCALAR, KEY_OPTIONAL}, {"because", YAML_SCALAR, KEY_OPTIONAL},
        {"also", YAML_SCALAR, KEY_LATER},       {"given", YAML_MAP, KEY_LATER},
    };
    (void)file;
    if (!schema_check(place, map, keys, sizeof keys / sizeof *keys))
        return false;
    const struct yaml_node *fires = yaml_get(map, "fires"), *silent = yaml_get(map, "silent");
    const struct yaml_node *urgency = yaml_get(map, "urgency"), *because = yaml_get(map, "because");
    if (!fires == !silent) {
        schema_fail(place, map, "R020", "a test has either `fires` or `silent`");
        return false;
    }
    if (silent && (urgency || because)) {
        schema_fail(place, map, "R020", "`urgency` and `because` belong to a test that fires");
        return false;
    }
    const struct yaml_node *text = fires ? fires : silent;
    *out = (struct rule_test){{text->text, text->line, text->column}, fires != NULL, own, because != NULL};
    if (!schema_check_text(place, text, fires ? "fires" : "silent", PACK_MAX_TEXT))
        return false;
    if (urgency && !urgency_parse(urgency->text, &out->urgency)) {
        schema_fail(place, urgency, "R007", "`urgency` is one of: now, soon, review, adds");
        return false;
    }
    if (because && !str_equal_text(because->text, "unless")) {
        schema_fail(place, because, "R004", "`because: %s` is not supported by this version of Attune",
                    because->text.data);
        return false;
    }
    return true;
}

static void count_tests(const struct schema_place *place, const struct yaml_node *list, const struct rule_source *rule)
{
    size_t times = rule->regex.count > 0 ? REGEX_TESTS : 1, fires = 0;
    for (size_t i = 0; i < list->count; i++)
        fires += rule->tests[i].fires;
    if (fires < MIN_FIRES * times || list->count - fires < MIN_SILENT * times)
        schema_fail(
            place, list, "R021", "a rule%s needs %zu `fires` and %zu `silent` tests or more; this one has %zu and %zu",
            times > 1 ? " with `regex`" : "", MIN_FIRES * times, MIN_SILENT * times, fires, list->count - fires);
}

static bool read_tests(struct rule_file *file, const struct schema_place *place, const struct yaml_node *list,
                       enum urgency own, struct rule_source *out)
{
    if (list->count > PACK_MAX_TESTS) {
        schema_fail(place, list, "R011", "`tests` takes %d entries at most", PACK_MAX_TESTS);
        return false;
    }
    struct rule_test *tests = pack_array(file->loader, list->count, sizeof *tests);
    if (!tests)
        return false;
    for (size_t i = 0; i < list->count; i++)
        if (!read_test(file, place, list->values[i], own, &tests[i]))
            return false;
    out->tests = tests;
    out->test_count = list->count;
    count_tests(place, list, out);
    return true;
}

/* Texts that are known to fire and are accepted for a reason. */
static bool read_accepted(struct rule_file *file, const struct schema_place *place, const struct yaml_node *list,
                          struct source_texts *out)
{
    static const struct schema_key keys[] = {
        {"text", YAML_SCALAR, KEY_REQUIRED},
        {"why", YAML_SCALAR, KEY_REQUIRED},
        {"by", YAML_SCALAR, KEY_OPTIONAL},
    };
    struct source_text *items = list ? pack_array(file->loader, list->count, sizeof *items) : NULL;
    if (!list || !items)
        return !list;
    for (size_t i = 0; i < list->count; i++) {
        if (!schema_check(place, list->values[i], keys, sizeof keys / sizeof *keys))
            return false;
        const struct yaml_node *text = yaml_get(list->values[i], "text");
        items[i] = (struct source_text){text->text, text->line, text->column};
    }
    *out = (struct source_texts){items, list->count};
    return true;
}

static bool is_id_taken(const struct pack *pack, const char *id, const struct rule **by)
{
    for (size_t i = 0; i < pack->rule_count; i++) {
        *by = &pack->rules[i];
        if (strcmp(pack->rules[i].id, id) == 0)
            return true;
    }
    return false;
}

static bool check_id(struct rule_file *file, const struct schema_place *place, const struct yaml_node *id)
{
    const struct rule *by;
    if (!schema_check_id(place, id, "id"))
        return false;
    if (strncmp(id->text.data, file->language->code, 2) != 0 || id->text.data[2] != '.') {
        schema_fail(place, id, "R008", "a rule's id begins with its language: `%s.`", file->language->code);
        return false;
    }
    if (!is_id_taken(file->loader->pack, id->text.data, &by))
        return true;
    schema_fail(place, id, "R010", "this id is already taken at %s:%u", by->file, by->line);
    return false;
}

static bool check_status(const struct schema_place *place, const struct yaml_node *status)
{
    static const char *const statuses[] = {"live", "draft", "shadow", "trial", "retired"};
    int chosen = schema_choose(place, status, "status", statuses, sizeof statuses / sizeof *statuses);
    if (chosen > 0)
        schema_fail(place, status, "R004", "`status: %s` is not supported by this version of Attune", statuses[chosen]);
    return chosen == 0;
}

static bool read_urgency(const struct schema_place *place, const struct yaml_node *node, enum urgency *out)
{
    static const char *const urgencies[] = {"adds", "review", "soon", "now"};
    int chosen = schema_choose(place, node, "urgency", urgencies, sizeof urgencies / sizeof *urgencies);
    *out = (enum urgency)(URGENCY_ADDS + chosen);
    return chosen >= 0;
}

/* Everybody who reads a message that a rule queued must find what to do with it. */
static bool read_card_name(struct rule_file *file, const struct schema_place *place, const struct yaml_node *map,
                           struct rule *rule)
{
    const struct yaml_node *handle = yaml_get(map, "handle");
    if (!handle && rule->urgency > URGENCY_ADDS) {
        schema_fail(place, map, "R006", "`handle` is missing: which protocol card says what to do?");
        return false;
    }
    if (handle && !pack_card(file->loader->pack, handle->text.data)) {
        schema_fail(place, handle, "R013", "there is no protocol card protocols/%s.txt", handle->text.data);
        return false;
    }
    rule->card = handle ? handle->text.data : NULL;
    return true;
}

static bool grow_rules(struct loader *loader)
{
    struct pack *pack = loader->pack;
    if (pack->rule_count < pack->rule_capacity)
        return true;
    size_t capacity = pack->rule_capacity * 2 + 256;
    struct rule *rules = pack_array(loader, capacity, sizeof *rules);
    struct rule_source *sources = pack_array(loader, capacity, sizeof *sources);
    if (!rules || !sources)
        return false;
    if (pack->rule_count) {
        memcpy(rules, pack->rules, pack->rule_count * sizeof *rules);
        memcpy(sources, pack->sources, pack->rule_count * sizeof *sources);
    }
    pack->rules = rules;
    pack->sources = sources;
    pack->rule_capacity = capacity;
    return true;
}

/* What the rule looks for: phrases, patterns where no phrase can say it, or both. */
static bool read_wording(struct rule_file *file, const struct schema_place *place, const struct yaml_node *map,
                         struct rule_source *source)
{
    struct loader *loader = file->loader;
    const struct yaml_node *say = yaml_get(map, "say"), *regex = yaml_get(map, "regex");
    const struct yaml_node *why = yaml_get(map, "why_regex");
    bool right = !why || schema_check_text(place, why, "why_regex", PACK_MAX_TEXT);
    if (!say && !regex) {
        schema_fail(place, map, "R006", "`say` is missing: what does the rule look for?");
        right = false;
    }
    if (regex && !why) {
        schema_fail(place, regex, "R006", "`why_regex` is missing: why can no phrase say this?");
        right = false;
    }
    if (why && !regex) {
        schema_fail(place, why, "R006", "`why_regex` stands beside a `regex`, and this rule has none");
        right = false;
    }
    right = pack_read_texts(loader, place, say, "say", PACK_MAX_PHRASES, &source->say) && right;
    right = pack_read_texts(loader, place, regex, "regex", REGEX_MAX_PATTERNS, &source->regex) && right;
    return pack_read_texts(loader, place, yaml_get(map, "unless"), "unless", PACK_MAX_PHRASES, &source->unless) &&
           right;
}

static bool read_rule(struct rule_file *file, const struct schema_place *place, const struct yaml_node *map,
                      struct rule *rule, struct rule_source *source)
{
    struct loader *loader = file->loader;
    const struct yaml_node *title = yaml_get(map, "title"), *why = yaml_get(map, "why");
    bool right = check_id(file, place, yaml_get(map, "id"));
    right = check_status(place, yaml_get(map, "status")) && right;
    right = schema_check_text(place, title, "title", PACK_MAX_TEXT) && right;
    right = schema_check_text(place, why, "why", PACK_MAX_TEXT) && right;
    right = pack_read_cue(loader, place, yaml_get(map, "cue"), &rule->cue) && right;
    if (!read_urgency(place, yaml_get(map, "urgency"), &rule->urgency))
        return false;
    right = read_card_name(file, place, map, rule) && right;
    right = read_wording(file, place, map, source) && right;
    right = read_tests(file, place, yaml_get(map, "tests"), rule->urgency, source) && right;
    right = pack_read_texts(loader, place, yaml_get(map, "missed"), "missed", PACK_MAX_TESTS, &source->missed) && right;
    right = read_accepted(file, place, yaml_get(map, "accepted"), &source->accepted) && right;
    rule->id = yaml_get(map, "id")->text.data;
    rule->title = title->text.data;
    rule->why = why->text.data;
    return right;
}

static void add_rule(struct rule_file *file, const struct yaml_node *map)
{
    static const struct schema_key keys[] = {
        {"id", YAML_SCALAR, KEY_REQUIRED},     {"title", YAML_SCALAR, KEY_REQUIRED},
        {"cue", YAML_SCALAR, KEY_REQUIRED},    {"urgency", YAML_SCALAR, KEY_REQUIRED},
        {"status", YAML_SCALAR, KEY_REQUIRED}, {"why", YAML_SCALAR, KEY_REQUIRED},
        {"say", YAML_LIST, KEY_OPTIONAL},      {"unless", YAML_LIST, KEY_OPTIONAL},
        {"handle", YAML_SCALAR, KEY_OPTIONAL}, {"tests", YAML_LIST, KEY_REQUIRED},
        {"missed", YAML_LIST, KEY_OPTIONAL},   {"accepted", YAML_LIST, KEY_OPTIONAL},
        {"voice", YAML_LIST, KEY_LATER},       {"context", YAML_MAP, KEY_LATER},
        {"regex", YAML_LIST, KEY_OPTIONAL},    {"why_regex", YAML_SCALAR, KEY_OPTIONAL},
        {"views", YAML_LIST, KEY_LATER},       {"facts", YAML_MAP, KEY_LATER},
        {"near", YAML_MAP, KEY_LATER},         {"replaced_by", YAML_SCALAR, KEY_LATER},
    };
    struct loader *loader = file->loader;
    const struct yaml_node *id = map->kind == YAML_MAP ? yaml_get(map, "id") : NULL;
    struct schema_place place = file->place;
    place.subject = id && id->kind == YAML_SCALAR ? id->text.data : "";
    if (!schema_check(&place, map, keys, sizeof keys / sizeof *keys))
        return;
    if (loader->pack->rule_count == PACK_MAX_RULES) {
        schema_fail(&place, map, "R011", "there may be %d rules", PACK_MAX_RULES);
        return;
    }
    struct rule rule = {.language = file->language->code, .file = file->file->path, .line = map->line};
    struct rule_source source = {
        .language = file->language, .file = file->place.file, .local = file->lexicons, .column = map->column};
    if (!read_rule(file, &place, map, &rule, &source) || !grow_rules(loader))
        return;
    loader->pack->rules[loader->pack->rule_count] = rule;
    loader->pack->sources[loader->pack->rule_count++] = source;
}

static void read_rule_list(struct rule_file *file, const struct yaml_node *root)
{
    const struct yaml_node *rules = yaml_get(root, "rules"), *language = yaml_get(root, "language");
    file->lexicons = pack_array(file->loader, 1, sizeof *file->lexicons);
    if (!file->lexicons || !pack_read_lexicons(file->loader, &file->place, yaml_get(root, "lexicon"), file->lexicons))
        return;
    if (!rules)
        return;
    if (!language || !file->language || !str_equal_text(language->text, file->language->code)) {
        schema_fail(&file->place, language ? language : root, "R015",
                    "a file with rules says its `language` and stands in the folder of that code: en/");
        return;
    }
    for (size_t i = 0; i < rules->count; i++)
        add_rule(file, rules->values[i]);
}

void pack_read_rules(struct loader *loader, const struct pack_file *source)
{
    static const struct schema_key keys[] = {
        {"format", YAML_SCALAR, KEY_REQUIRED},   {"pack", YAML_SCALAR, KEY_OPTIONAL},
        {"language", YAML_SCALAR, KEY_OPTIONAL}, {"lexicon", YAML_MAP, KEY_OPTIONAL},
        {"rules", YAML_LIST, KEY_OPTIONAL},      {"combine", YAML_LIST, KEY_OPTIONAL},
        {"contexts", YAML_LIST, KEY_LATER},      {"inflect", YAML_MAP, KEY_LATER},
        {"blocks", YAML_LIST, KEY_LATER},        {"overlay", YAML_LIST, KEY_LATER},
    };
    struct rule_file file = {.loader = loader, .file = source, .language = pack_language_of(loader, source->path)};
    file.place = (struct schema_place){loader->diag, pack_file_name(loader, source->path), ""};
    const struct yaml_node *root = pack_parse(loader, source);
    if (!root || !schema_check(&file.place, root, keys, sizeof keys / sizeof *keys))
        return;
    if (!yaml_get(root, "rules") && !yaml_get(root, "combine")) {
        schema_fail(&file.place, root, "R006", "the file holds neither `rules` nor `combine`");
        return;
    }
    read_rule_list(&file, root);
    if (yaml_get(root, "combine"))
        pack_read_combinations(loader, &file.place, source->path, yaml_get(root, "combine"));
}
