/*
 * The inside of a rule set while it loads: shared by the files that read its parts, private to daemon/engine.
 */
#ifndef ATTUNE_PACK_LOAD_H
#define ATTUNE_PACK_LOAD_H

#include <attune/arena.h>
#include <attune/pack_source.h>
#include <attune/schema.h>

enum {
    PACK_ARENA = 512 * 1024 * 1024, /* 20,000 rules of 20 KiB each, and room */
    PACK_FILE_MAX = 1024 * 1024,
    PACK_TOTAL_MAX = 256 * 1024 * 1024, /* bytes of all files */
    PACK_MAX_TEXT = 2000,               /* bytes of a title, a reason, a test */
    PACK_MAX_PHRASES = 200,             /* of one rule's `say` or `unless` */
    PACK_MAX_TESTS = 200,               /* of one rule */
    PACK_MAX_ENTRIES = 1000,            /* of one lexicon */
    PACK_MAX_CARD = 16 * 1024,          /* bytes: a page of text */
    PACK_MAX_LANGUAGES = 64,
    PACK_MAX_COMBINATIONS = 1000,
    PACK_MAX_DEPTH = 3, /* folders below the set's own */
};

struct pack_file {
    const char *path; /* relative to the set, with `/` */
    struct str bytes;
};

struct card {
    const char *name;
    const char *text;
};

struct pack {
    struct arena *arena;
    unsigned char hash[HASH_SIZE];
    struct str policy;
    struct cue *cues;
    size_t cue_count;
    struct rule *rules;
    struct rule_source *sources; /* one for each rule */
    size_t rule_count;
    size_t rule_capacity;
    struct combination *combinations;
    size_t combination_count;
    struct card *cards;
    size_t card_count;
    struct language *languages;
    size_t language_count;
};

/* One run of pack_load(). */
struct loader {
    struct pack *pack;
    const char *directory; /* for findings */
    struct arena *bytes;   /* content of the files; gone when the set is loaded */
    struct pack_file *files;
    size_t file_count;
    struct diag *diag;
    bool out_of_memory;
};

/* Lists the files of the set, sorted by path, and reads them. */
enum err pack_read_files(struct loader *loader);
/* The name of a file as the operator would type it; in the pack's arena. */
const char *pack_file_name(struct loader *loader, const char *path);

/* Each reads one kind of file into the pack; findings go to the loader's diag. */
void pack_read_cues(struct loader *loader, const struct pack_file *file);
void pack_read_card(struct loader *loader, const struct pack_file *file);
void pack_read_lexicon(struct loader *loader, const struct pack_file *file);
void pack_read_rules(struct loader *loader, const struct pack_file *file);
void pack_read_combinations(struct loader *loader, const struct schema_place *place, const char *path,
                            const struct yaml_node *list);

/* Parses a file and checks that it is a map with `format: 1`; NULL after a finding. */
const struct yaml_node *pack_parse(struct loader *loader, const struct pack_file *file);
/* The language whose folder `path` stands in; made on first use; NULL for a path outside any. */
struct language *pack_language_of(struct loader *loader, const char *path);
/* A list of texts; each is `what`. NULL list gives none. False after findings. */
bool pack_read_texts(struct loader *loader, const struct schema_place *place, const struct yaml_node *list,
                     const char *what, size_t maximum, struct source_texts *out);
bool pack_read_lexicons(struct loader *loader, const struct schema_place *place, const struct yaml_node *map,
                        struct lexicons *out);
/* The index of the cue a scalar names; a finding with the nearest name otherwise. */
bool pack_read_cue(struct loader *loader, const struct schema_place *place, const struct yaml_node *scalar,
                   uint32_t *out);
/* A copy in the pack's arena; "" and a mark on the loader when that is full. */
const char *pack_copy(struct loader *loader, struct str text);
void *pack_array(struct loader *loader, size_t count, size_t size);

#endif
