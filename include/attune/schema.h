/*
 * Tables of the keys that a map in a rule file may hold, and the one check of a map against its table. The same rows
 * are meant to write the schema for editors. Used as rules and policy load.
 */
#ifndef ATTUNE_SCHEMA_H
#define ATTUNE_SCHEMA_H

#include <attune/diag.h>
#include <attune/yaml.h>

enum key_use {
    KEY_OPTIONAL,
    KEY_ONE_OR_MORE, /* optional: a text, or a list of them */
    KEY_REQUIRED,
    KEY_LATER, /* of format 1, and not in this version: an error that names it, never accepted and ignored */
};

struct schema_key {
    const char *name;
    enum yaml_kind kind;
    enum key_use use;
};

/* Where a map stands, for findings. */
struct schema_place {
    struct diag *diag;
    const char *file;
    const char *subject; /* the rule's id, or "" */
};

void schema_fail(const struct schema_place *place, const struct yaml_node *node, const char *code, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* Every key known, of its kind and supported; every required key there. False after findings. */
bool schema_check(const struct schema_place *place, const struct yaml_node *map, const struct schema_key *keys,
                  size_t count);

/* One of `names` (`count` of them) as an index; a finding that says what `what` may be, and -1, for anything else. */
int schema_choose(const struct schema_place *place, const struct yaml_node *scalar, const char *what,
                  const char *const *names, size_t count);

/* 2-64 of a-z 0-9 - . beginning and ending with a letter or digit; a finding otherwise. */
bool schema_check_id(const struct schema_place *place, const struct yaml_node *scalar, const char *what);

/* As schema_check_id, and letters beyond ASCII too: a lexicon is named in its own language. */
bool schema_check_name(const struct schema_place *place, const struct yaml_node *scalar, const char *what);

/* A scalar with text in it, of at most `maximum` bytes, on one line; a finding otherwise. */
bool schema_check_text(const struct schema_place *place, const struct yaml_node *scalar, const char *what,
                       size_t maximum);

#endif
