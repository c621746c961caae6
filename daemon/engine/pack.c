/* Loads a rule set and owns it. Runs in keep, screen's zygote and the command, before anything of a stranger is read.
 */
#include <attune/pack_load.h>
#include <stdlib.h>
#include <string.h>

static const char *const urgency_names[] = {
    [URGENCY_ROUTINE] = "routine", [URGENCY_ADDS] = "adds", [URGENCY_REVIEW] = "review",
    [URGENCY_SOON] = "soon",       [URGENCY_NOW] = "now",
};

const char *urgency_name(enum urgency urgency)
{
    if ((size_t)urgency >= sizeof urgency_names / sizeof *urgency_names)
        bug("an urgency that does not exist");
    return urgency_names[urgency];
}

bool urgency_parse(struct str text, enum urgency *out)
{
    for (size_t i = 0; i < sizeof urgency_names / sizeof *urgency_names; i++) {
        if (!str_equal_text(text, urgency_names[i]))
            continue;
        *out = (enum urgency)i;
        return true;
    }
    return false;
}

const char *lowering_name(enum lowering lowering)
{
    return lowering == LOWERED_UNLESS ? "unless" : NULL;
}

const char *pack_copy(struct loader *loader, struct str text)
{
    char *copy = arena_copy(loader->pack->arena, text.data, text.length);
    loader->out_of_memory = loader->out_of_memory || !copy;
    return copy ? copy : "";
}

void *pack_array(struct loader *loader, size_t count, size_t size)
{
    void *array = arena_array(loader->pack->arena, count, size);
    loader->out_of_memory = loader->out_of_memory || !array;
    return array;
}

static void put_u32(unsigned char out[4], size_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* Path length, path and the content's own hash of each file, so that no two sets can be written as the same bytes. */
static enum err hash_files(struct loader *loader)
{
    struct buf all;
    buf_init(&all, PACK_MAX_FILES * (4 + 1024 + HASH_SIZE));
    for (size_t i = 0; i < loader->file_count; i++) {
        const struct pack_file *file = &loader->files[i];
        unsigned char length[4], content[HASH_SIZE];
        put_u32(length, strlen(file->path));
        hash_sha256(file->bytes.data, file->bytes.length, content);
        buf_add(&all, length, sizeof length);
        buf_add_text(&all, file->path);
        buf_add(&all, content, sizeof content);
    }
    enum err error = buf_failed(&all) ? ERR_SYSTEM : ERR_OK;
    hash_sha256(buf_text(&all), buf_str(&all).length, loader->pack->hash);
    buf_free(&all);
    return error;
}

static void keep_policy(struct loader *loader, const struct pack_file *file)
{
    loader->pack->policy = (struct str){pack_copy(loader, file->bytes), file->bytes.length};
}

enum file_kind { FILE_CUES, FILE_POLICY, FILE_CARD, FILE_LEXICON, FILE_RULES };

static enum file_kind kind_of(const char *path)
{
    if (strcmp(path, "cues.yaml") == 0)
        return FILE_CUES;
    if (strcmp(path, "policy.yaml") == 0)
        return FILE_POLICY;
    if (strncmp(path, "protocols/", 10) == 0 && str_ends_nocase(str_of(path), STR(".txt")))
        return FILE_CARD;
    return strlen(path) > 3 && path[2] == '/' && strcmp(path + 3, "lexicon.yaml") == 0 ? FILE_LEXICON : FILE_RULES;
}

static void read_kind(struct loader *loader, enum file_kind kind)
{
    static void (*const readers[])(struct loader *, const struct pack_file *) = {
        [FILE_CUES] = pack_read_cues,       [FILE_POLICY] = keep_policy,    [FILE_CARD] = pack_read_card,
        [FILE_LEXICON] = pack_read_lexicon, [FILE_RULES] = pack_read_rules,
    };
    for (size_t i = 0; i < loader->file_count; i++)
        if (kind_of(loader->files[i].path) == kind)
            readers[kind](loader, &loader->files[i]);
}

static void require(struct loader *loader, bool there, const char *path, const char *message)
{
    if (!there)
        diag_add(loader->diag, DIAG_ERROR, "R006", pack_file_name(loader, path), 0, 0, "", "%s", message);
}

/* In the order in which one kind needs another: rules name cues, cards and lexicons. */
static void read_all(struct loader *loader)
{
    read_kind(loader, FILE_CUES);
    read_kind(loader, FILE_POLICY);
    read_kind(loader, FILE_CARD);
    read_kind(loader, FILE_LEXICON);
    require(loader, loader->pack->cue_count > 0, "cues.yaml", "a rule set needs its list of cues");
    require(loader, loader->pack->policy.data != NULL, "policy.yaml", "a rule set needs its policy");
    if (loader->pack->cue_count == 0)
        return;
    read_kind(loader, FILE_RULES);
    require(loader, loader->pack->rule_count > 0, "", "there is no rule in this folder");
}

static enum err load(struct loader *loader)
{
    size_t before = loader->diag->errors;
    enum err error = pack_read_files(loader);
    if (error == ERR_OK)
        error = hash_files(loader);
    if (error != ERR_OK)
        return error;
    read_all(loader);
    if (loader->out_of_memory)
        return ERR_SYSTEM;
    return loader->diag->errors > before ? ERR_INPUT : ERR_OK;
}

enum err pack_load(const char *directory, struct pack **out, struct diag *diag)
{
    *out = NULL;
    struct pack *pack = calloc(1, sizeof *pack);
    struct loader loader = {.pack = pack, .directory = directory, .diag = diag};
    enum err error = ERR_SYSTEM;
    if (!pack)
        return ERR_SYSTEM;
    pack->arena = arena_new(PACK_ARENA);
    loader.bytes = arena_new(PACK_TOTAL_MAX);
    if (pack->arena && loader.bytes)
        error = load(&loader);
    arena_free(&loader.bytes);
    if (error == ERR_OK)
        *out = pack;
    else
        pack_free(&pack);
    return error;
}

void pack_free(struct pack **pack)
{
    if (!*pack)
        return;
    for (size_t i = 0; i < (*pack)->language_count; i++)
        contractions_free(&(*pack)->languages[i].contractions);
    arena_free(&(*pack)->arena);
    free(*pack);
    *pack = NULL;
}

const unsigned char *pack_hash(const struct pack *pack)
{
    return pack->hash;
}

size_t pack_cue_count(const struct pack *pack)
{
    return pack->cue_count;
}

const struct cue *pack_cue(const struct pack *pack, size_t index)
{
    return index < pack->cue_count ? &pack->cues[index] : NULL;
}

bool pack_find_cue(const struct pack *pack, const char *id, uint32_t *index)
{
    for (size_t i = 0; i < pack->cue_count; i++) {
        if (strcmp(pack->cues[i].id, id) != 0)
            continue;
        *index = (uint32_t)i;
        return true;
    }
    return false;
}

size_t pack_rule_count(const struct pack *pack)
{
    return pack->rule_count;
}

const struct rule *pack_rule(const struct pack *pack, size_t index)
{
    return index < pack->rule_count ? &pack->rules[index] : NULL;
}

const struct rule_source *pack_rule_source(const struct pack *pack, size_t index)
{
    return index < pack->rule_count ? &pack->sources[index] : NULL;
}

size_t pack_combination_count(const struct pack *pack)
{
    return pack->combination_count;
}

const struct combination *pack_combination(const struct pack *pack, size_t index)
{
    return index < pack->combination_count ? &pack->combinations[index] : NULL;
}

const char *pack_card(const struct pack *pack, const char *name)
{
    for (size_t i = 0; i < pack->card_count; i++)
        if (strcmp(pack->cards[i].name, name) == 0)
            return pack->cards[i].text;
    return NULL;
}

size_t pack_card_count(const struct pack *pack)
{
    return pack->card_count;
}

size_t pack_language_count(const struct pack *pack)
{
    return pack->language_count;
}

const struct language *pack_language(const struct pack *pack, size_t index)
{
    return index < pack->language_count ? &pack->languages[index] : NULL;
}

struct str pack_policy_text(const struct pack *pack)
{
    return pack->policy;
}
