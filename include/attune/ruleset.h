/*
 * A compiled rule set: phrases as PCRE2 with JIT over the stream of folded words (words.h), each repeat bounded, tried
 * only where a prefilter of literals says that a rule could match. Compiled before the sandbox closes (after W^X, PCRE2
 * silently interprets, 10x slower); a pattern that does not JIT does not load. Accents are stripped on both sides
 * (FOLD_PLAIN), which finds all that a view with accents would find.
 */
#ifndef ATTUNE_RULESET_H
#define ATTUNE_RULESET_H

#include <attune/arena.h>
#include <attune/diag.h>
#include <attune/err.h>
#include <attune/pack.h>
#include <attune/reading.h>
#include <attune/verdict.h>

enum {
    RULESET_MATCH_LIMIT = 100000,  /* PCRE2 match limit: 1.3 ms at most, measured on (?:a+)+$ */
    RULESET_DEPTH_LIMIT = 10000,   /* binds only the interpreter; set all the same */
    RULESET_HEAP_LIMIT_KIB = 8192, /* likewise */
    RULESET_JIT_STACK = 1024 * 1024,
};

struct ruleset;

/* Compiles `pack` (BORROWED for the ruleset's life). ERR_INPUT with positioned findings. The caller OWNS *out. */
enum err ruleset_compile(const struct pack *pack, struct ruleset **out, struct diag *diag);
void ruleset_free(struct ruleset **ruleset);

/* Runs every rule's inline tests; failures are findings in `diag`. ERR_INPUT when one fails. *run counts the tests. */
enum err ruleset_run_tests(struct ruleset *ruleset, struct diag *diag, size_t *run);
/* As above for one rule, by its index in the pack. */
enum err ruleset_test_rule(struct ruleset *ruleset, size_t rule, struct diag *diag, size_t *run);

/* Whether the set has a rule of this language (ISO 639-1). Every rule is applied to every message all the same. */
bool ruleset_has_language(const struct ruleset *ruleset, const char *language);

struct hits {
    const struct hit *items; /* sorted by urgency of the rule (highest first), rule, field, start; in the arena */
    size_t count;
    unsigned reasons; /* REASON_PATTERN_LIMIT, REASON_CUT */
    uint32_t words;   /* words of the new text */
};
/* Applies all rules to the reading. Same reading, same hits, byte for byte. ERR_SYSTEM when the arena is full. */
enum err ruleset_match(struct ruleset *ruleset, struct arena *arena, const struct reading *reading, struct hits *out);

#endif
