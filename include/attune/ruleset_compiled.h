/*
 * A compiled rule set from the inside: shared by the files that compile, match and test it; private to daemon/engine.
 */
#ifndef ATTUNE_RULESET_COMPILED_H
#define ATTUNE_RULESET_COMPILED_H

#include <attune/pack_source.h>
#include <attune/phrase.h>
#include <attune/prefilter.h>
#include <attune/ruleset.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    RULESET_ARENA = 512 * 1024 * 1024, /* trees and literals of 20,000 rules */
    UNLESS_REACH = 4,                  /* words between an `unless` and the hit that it still speaks of */
    RULE_MAX_HITS = 64,                /* of one rule in one field: more of the same tell a reader nothing new */
    RULE_MAX_TRIES = 4096,             /* matches of one rule in one field looked at; beyond, REASON_PATTERN_LIMIT */
};

/* Tried only at words that can begin a match: each try is anchored. */
struct pattern {
    pcre2_code *code;
    struct word_starts starts;
};

struct compiled_rule {
    struct pattern say;
    struct pattern *unless;
    size_t unless_count;
    const struct phrase_node **phrases; /* of `say` */
    size_t phrase_count;
    enum urgency urgency;
    size_t stream; /* index of the stream of words that its language sees */
};

/* Languages that share a table of contractions (or have none) share a stream, and with it one prefilter. */
struct stream {
    const struct contractions *contractions;
    struct prefilter *prefilter;
    bool used;
};

struct ruleset {
    const struct pack *pack;
    struct arena *arena;
    struct compiled_rule *rules; /* by index of the pack */
    size_t rule_count;
    uint32_t *order;        /* rule indexes, the most urgent first */
    struct stream *streams; /* the first: no contractions */
    size_t stream_count;
    pcre2_compile_context *compile_context;
    pcre2_match_context *match_context;
    pcre2_match_data *match_data;
    pcre2_jit_stack *jit_stack;
};

struct hit_list {
    struct arena *arena;
    struct hit *items;
    size_t count;
    size_t capacity;
    unsigned reasons;
    bool cut;    /* VERDICT_MAX_HITS reached with more to come */
    bool failed; /* the arena is full */
};

/* Which `unless` to leave out: an index, or one of these. */
#define UNLESS_ALL_APPLY SIZE_MAX
#define UNLESS_NONE_APPLIES (SIZE_MAX - 1)

/* Adds the hits of one rule in bytes [from, to) of the stream; both are ends of sentences that somebody typed. */
void rule_match(const struct ruleset *ruleset, uint32_t rule, enum text_field field, const struct words *words,
                size_t from, size_t to, size_t without, struct hit_list *hits);

/* Whether a pattern matches anywhere in the words; *failed is set when that could not be decided. */
bool rule_pattern_occurs(const struct ruleset *ruleset, const struct pattern *pattern, const struct words *words,
                         bool *failed);

/* What a hit of the rule is worth. */
enum urgency hit_urgency(enum urgency rule, uint8_t lowered);

#endif
