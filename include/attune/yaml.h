/*
 * YAML as Attune reads it: libyaml's events built into a tree with positions, under limits that libyaml 0.2.5 does not
 * have (read to its end, 100 KB of '[' takes it 15 s; refused at the depth limit, 1 MiB takes 5 ms). Duplicate keys,
 * anchors, aliases, tags, directives and several documents are errors. Every scalar is text until a schema says
 * otherwise: `no` is a word.
 */
#ifndef ATTUNE_YAML_H
#define ATTUNE_YAML_H

#include <attune/arena.h>
#include <attune/diag.h>
#include <attune/str.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    YAML_MAX_BYTES = 1024 * 1024, /* a file */
    YAML_MAX_DEPTH = 16,
    YAML_MAX_NODES = 50000,
};

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    unsigned line;             /* 1 is the first */
    unsigned column;           /* 1 is the first */
    bool plain;                /* a scalar without quotes: `~` and empty may then mean "nothing" to a schema */
    struct str text;           /* a scalar's text; valid UTF-8 without NUL (then also NUL-terminated) */
    size_t count;              /* of items (list) or pairs (map) */
    struct yaml_node **keys;   /* a map's keys: scalars, in file order */
    struct yaml_node **values; /* a map's values, or a list's items */
};

/*
 * Reads `text` (the content of `file`, a name for messages only) into *root, allocated in `arena`. ERR_INPUT with the
 * finding in `diag` for anything that is not acceptable; ERR_SYSTEM without memory. An empty document gives an empty
 * map.
 */
enum err yaml_parse(struct arena *arena, const char *file, struct str text, struct yaml_node **root, struct diag *diag);

/* As yaml_parse on a regular file of at most YAML_MAX_BYTES; anything else (device, pipe, folder) is refused unopened.
 */
enum err yaml_parse_file(struct arena *arena, const char *path, struct yaml_node **root, struct diag *diag);

/* The value under `key` in a map, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

const char *yaml_kind_name(enum yaml_kind kind); /* "text", "list", "map": for messages */

#endif
