/* The parts of a rule set that rules refer to: cues, protocol cards, lexicons, contractions. Runs as rules load. */
#include <attune/pack_load.h>
#include <stdio.h>
#include <string.h>

static struct schema_place place_of(struct loader *loader, const struct pack_file *file)
{
    return (struct schema_place){loader->diag, pack_file_name(loader, file->path), ""};
}

const struct yaml_node *pack_parse(struct loader *loader, const struct pack_file *file)
{
    struct schema_place place = place_of(loader, file);
    struct yaml_node *root;
    enum err error = yaml_parse(loader->pack->arena, place.file, file->bytes, &root, loader->diag);
    loader->out_of_memory = loader->out_of_memory || error == ERR_SYSTEM;
    if (error != ERR_OK)
        return NULL;
    const struct yaml_node *format = root->kind == YAML_MAP ? yaml_get(root, "format") : NULL;
    if (format && format->kind == YAML_SCALAR && str_equal_text(format->text, "1"))
        return root;
    schema_fail(&place, format ? format : root, "R003", "the file must say `format: 1`");
    return NULL;
}

static void read_cue(struct loader *loader, const struct schema_place *place, const struct yaml_node *map)
{
    static const struct schema_key keys[] = {
        {"id", YAML_SCALAR, KEY_REQUIRED},
        {"title", YAML_SCALAR, KEY_REQUIRED},
        {"alone", YAML_SCALAR, KEY_REQUIRED},
        {"about", YAML_SCALAR, KEY_OPTIONAL},
    };
    static const char *const worth[] = {"adds", "review", "soon", "now"};
    if (!schema_check(place, map, keys, sizeof keys / sizeof *keys))
        return;
    const struct yaml_node *id = yaml_get(map, "id");
    uint32_t known;
    if (!schema_check_id(place, id, "id") || !schema_check_text(place, yaml_get(map, "title"), "title", PACK_MAX_TEXT))
        return;
    if (pack_find_cue(loader->pack, id->text.data, &known)) {
        schema_fail(place, id, "R010", "the cue `%s` is already there", id->text.data);
        return;
    }
    int alone = schema_choose(place, yaml_get(map, "alone"), "alone", worth, 4);
    if (alone < 0)
        return;
    loader->pack->cues[loader->pack->cue_count++] =
        (struct cue){id->text.data, yaml_get(map, "title")->text.data, (enum urgency)(URGENCY_ADDS + alone)};
}

void pack_read_cues(struct loader *loader, const struct pack_file *file)
{
    static const struct schema_key keys[] = {
        {"format", YAML_SCALAR, KEY_REQUIRED},
        {"cues", YAML_LIST, KEY_REQUIRED},
    };
    struct schema_place place = place_of(loader, file);
    const struct yaml_node *root = pack_parse(loader, file);
    if (!root || !schema_check(&place, root, keys, sizeof keys / sizeof *keys))
        return;
    const struct yaml_node *list = yaml_get(root, "cues");
    loader->pack->cues = pack_array(loader, PACK_MAX_CUES, sizeof *loader->pack->cues);
    if (list->count > PACK_MAX_CUES)
        schema_fail(&place, list, "R011", "there may be %d cues", PACK_MAX_CUES);
    for (size_t i = 0; loader->pack->cues && i < list->count && list->count <= PACK_MAX_CUES; i++)
        read_cue(loader, &place, list->values[i]);
}

bool pack_read_cue(struct loader *loader, const struct schema_place *place, const struct yaml_node *scalar,
                   uint32_t *out)
{
    if (scalar->kind == YAML_SCALAR && pack_find_cue(loader->pack, scalar->text.data, out))
        return true;
    const char *names[PACK_MAX_CUES];
    for (size_t i = 0; i < loader->pack->cue_count; i++)
        names[i] = loader->pack->cues[i].id;
    const char *nearest =
        scalar->kind == YAML_SCALAR ? str_nearest(scalar->text.data, names, loader->pack->cue_count) : NULL;
    if (nearest)
        schema_fail(place, scalar, "R012", "there is no cue `%s` in cues.yaml; did you mean `%s`?", scalar->text.data,
                    nearest);
    else
        schema_fail(place, scalar, "R012", "this is no cue of cues.yaml");
    return false;
}

void pack_read_card(struct loader *loader, const struct pack_file *file)
{
    struct schema_place place = place_of(loader, file);
    struct pack *pack = loader->pack;
    const char *name = file->path + strlen("protocols/");
    if (strchr(name, '/')) {
        schema_fail(&place, NULL, "R013", "protocol cards stand directly in protocols/");
        return;
    }
    if (file->bytes.length > PACK_MAX_CARD || str_trim(file->bytes).length == 0 || !utf8_is_valid(file->bytes) ||
        memchr(file->bytes.data, '\0', file->bytes.length)) {
        schema_fail(&place, NULL, "R013", "a protocol card is 1 to %d bytes of UTF-8 text", PACK_MAX_CARD);
        return;
    }
    if (!pack->cards)
        pack->cards = pack_array(loader, PACK_MAX_FILES, sizeof *pack->cards);
    struct str stem = str_slice(str_of(name), 0, strlen(name) - strlen(".txt"));
    if (pack->cards)
        pack->cards[pack->card_count++] = (struct card){pack_copy(loader, stem), pack_copy(loader, file->bytes)};
}

bool pack_read_texts(struct loader *loader, const struct schema_place *place, const struct yaml_node *list,
                     const char *what, size_t maximum, struct source_texts *out)
{
    *out = (struct source_texts){0};
    if (!list)
        return true;
    if (list->count == 0 || list->count > maximum) {
        schema_fail(place, list, "R011", "`%s` takes 1 to %zu entries", what, maximum);
        return false;
    }
    struct source_text *items = pack_array(loader, list->count, sizeof *items);
    if (!items)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        const struct yaml_node *node = list->values[i];
        if (!schema_check_text(place, node, what, PACK_MAX_TEXT))
            return false;
        items[i] = (struct source_text){node->text, node->line, node->column};
    }
    *out = (struct source_texts){items, list->count};
    return true;
}

bool pack_read_lexicons(struct loader *loader, const struct schema_place *place, const struct yaml_node *map,
                        struct lexicons *out)
{
    *out = (struct lexicons){0};
    if (!map)
        return true;
    out->items = pack_array(loader, map->count, sizeof *out->items);
    if (!out->items)
        return false;
    for (size_t i = 0; i < map->count; i++) {
        struct lexicon *lexicon = &out->items[i];
        if (!schema_check_name(place, map->keys[i], "lexicon"))
            return false;
        if (map->values[i]->kind != YAML_LIST) {
            schema_fail(place, map->values[i], "R005", "a lexicon is a list of words and phrases");
            return false;
        }
        lexicon->name = map->keys[i]->text.data;
        if (!pack_read_texts(loader, place, map->values[i], lexicon->name, PACK_MAX_ENTRIES, &lexicon->entries))
            return false;
    }
    out->count = map->count;
    return true;
}

struct language *pack_language_of(struct loader *loader, const char *path)
{
    struct pack *pack = loader->pack;
    if (!(path[0] >= 'a' && path[0] <= 'z' && path[1] >= 'a' && path[1] <= 'z' && path[2] == '/'))
        return NULL;
    for (size_t i = 0; i < pack->language_count; i++)
        if (strncmp(pack->languages[i].code, path, 2) == 0)
            return &pack->languages[i];
    if (!pack->languages)
        pack->languages = pack_array(loader, PACK_MAX_LANGUAGES, sizeof *pack->languages);
    if (!pack->languages || pack->language_count == PACK_MAX_LANGUAGES)
        return NULL;
    struct language *language = &pack->languages[pack->language_count++];
    language->code = pack_copy(loader, (struct str){path, 2});
    return language;
}

static void add_contraction(const struct schema_place *place, struct language *language, const struct yaml_node *key,
                            const struct yaml_node *value)
{
    if (!schema_check_text(place, value, "contractions", PACK_MAX_TEXT))
        return;
    switch (contractions_add(language->contractions, key->text, value->text)) {
    case ERR_OK:
        break;
    case ERR_INPUT:
        schema_fail(place, key, "R014", "a contraction is one word of at most %d bytes", WORDS_MAX_CONTRACTION);
        break;
    case ERR_ABSENT:
        schema_fail(place, value, "R014", "the long form of a contraction is words of one sentence");
        break;
    default:
        schema_fail(place, key, "R014", "there are too many contractions");
    }
}

static void read_contractions(struct loader *loader, const struct schema_place *place, struct language *language,
                              const struct yaml_node *map)
{
    if (!map)
        return;
    language->contractions = contractions_new();
    if (!language->contractions) {
        loader->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < map->count; i++)
        add_contraction(place, language, map->keys[i], map->values[i]);
}

void pack_read_lexicon(struct loader *loader, const struct pack_file *file)
{
    static const struct schema_key keys[] = {
        {"format", YAML_SCALAR, KEY_REQUIRED},
        {"language", YAML_SCALAR, KEY_REQUIRED},
        {"lexicon", YAML_MAP, KEY_OPTIONAL},
        {"contractions", YAML_MAP, KEY_OPTIONAL},
    };
    struct schema_place place = place_of(loader, file);
    struct language *language = pack_language_of(loader, file->path);
    const struct yaml_node *root = pack_parse(loader, file);
    if (!root || !schema_check(&place, root, keys, sizeof keys / sizeof *keys))
        return;
    if (!language || !str_equal_text(yaml_get(root, "language")->text, language->code)) {
        schema_fail(&place, yaml_get(root, "language"), "R015",
                    "a language's files stand in the folder of its code: en/");
        return;
    }
    pack_read_lexicons(loader, &place, yaml_get(root, "lexicon"), &language->lexicons);
    read_contractions(loader, &place, language, yaml_get(root, "contractions"));
}
