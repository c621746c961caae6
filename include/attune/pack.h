/*
 * A rule set as its files say it: cues, rules, combinations and protocol cards, checked but not compiled. keep holds
 * this; screen compiles it (ruleset.h). Format 1 is described in docs/rule-language.md.
 */
#ifndef ATTUNE_PACK_H
#define ATTUNE_PACK_H

#include <attune/diag.h>
#include <attune/err.h>
#include <attune/hash.h>
#include <attune/str.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In rising order: the highest wins. ADDS alone leaves a message routine. */
enum urgency { URGENCY_ROUTINE = 0, URGENCY_ADDS = 1, URGENCY_REVIEW = 2, URGENCY_SOON = 3, URGENCY_NOW = 4 };
const char *urgency_name(enum urgency urgency); /* "routine", "adds", "review", "soon", "now" */
bool urgency_parse(struct str text, enum urgency *out);

enum lowering { LOWERED_NOT = 0, LOWERED_UNLESS = 1 /* an `unless` of a `now` rule that does not overlap the hit */ };
const char *lowering_name(enum lowering lowering); /* NULL for LOWERED_NOT */

enum { PACK_MAX_RULES = 20000, PACK_MAX_CUES = 256, PACK_MAX_FILES = 2000 };

struct cue {
    const char *id; /* "wish-to-die" */
    const char *title;
    enum urgency alone; /* what one ambiguous surface of it is worth: a guide for authors */
};

struct rule {
    const char *id; /* "en.wish-to-die.not-exist" */
    const char *title;
    const char *why;
    const char *language; /* ISO 639-1 */
    uint32_t cue;         /* index of its cue */
    enum urgency urgency;
    const char *card; /* protocol card's name ("wish-to-die"), or NULL */
    const char *file; /* relative to the rule set's directory */
    unsigned line;
};

enum combination_kind { COMBINE_ALL, COMBINE_ANY, COMBINE_COUNT };
struct combination {
    const char *id;
    enum combination_kind kind;
    const uint32_t *cues; /* indexes */
    size_t cue_count;
    uint32_t at_least; /* COMBINE_COUNT: distinct cues on distinct spans */
    enum urgency urgency;
    const char *file;
    unsigned line;
};

struct pack; /* immutable once loaded */

/*
 * Loads every .yaml file below `directory` (sorted by path; policy.yaml is decide's and only checked to exist) and
 * checks all of it. ERR_INPUT with findings in `diag` when anything is wrong: nothing is accepted and ignored. The
 * caller OWNS *out.
 */
enum err pack_load(const char *directory, struct pack **out, struct diag *diag);
void pack_free(struct pack **pack);

/* SHA-256 over the paths and bytes of all files of the set, policy and cards included. */
const unsigned char *pack_hash(const struct pack *pack);
size_t pack_cue_count(const struct pack *pack);
const struct cue *pack_cue(const struct pack *pack, size_t index);
bool pack_find_cue(const struct pack *pack, const char *id, uint32_t *index);
size_t pack_rule_count(const struct pack *pack);
const struct rule *pack_rule(const struct pack *pack, size_t index); /* order: language, file, line: stable */
size_t pack_combination_count(const struct pack *pack);
const struct combination *pack_combination(const struct pack *pack, size_t index);
/* The protocol card's text, or NULL. */
const char *pack_card(const struct pack *pack, const char *name);
size_t pack_card_count(const struct pack *pack);

#endif
