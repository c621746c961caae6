/*
 * A compiled rule set from the inside: shared by the files that compile, match and test it; private to daemon/engine.
 */
#ifndef ATTUNE_RULESET_COMPILED_H
#define ATTUNE_RULESET_COMPILED_H

#include <attune/pack_source.h>
#include <attune/phrase.h>
#include <attune/prefilter.h>
#include <attune/regex.h>
#include <attune/ruleset.h>

enum {
    RULESET_ARENA = 512 * 1024 * 1024, /* trees and literals of 20,000 rules */
    UNLESS_REACH = 4,                  /* words between an `unless` and the hit that it still speaks of */
    RULE_MAX_HITS = 64,                /* of one rule in one field: more of the same tell a reader nothing new */
};

/*
 * Work on one rule in one field, counted so that every run stops at the same place: a try costs the ways in which its
 * phrases can be taken (10 ns each at most), an `unless` its window, an undecided try a sixteenth of all. Beyond, the
 * message is flagged REASON_PATTERN_LIMIT. 1 MiB of people's letters costs the hungriest starter rule 4 million.
 */
enum { WORK_MAX = 50000000, WORK_WINDOW = 2 * WORDS_MAX_SENTENCE, WORK_UNDECIDED = WORK_MAX / 16 };

/* Tried only at words that can begin a match: each try is anchored. */
struct pattern {
    pcre2_code *code;
    struct word_starts starts;
    size_t ways; /* of all its phrases */
};

struct compiled_rule {
    struct pattern say; /* no code, when the rule has patterns alone */
    struct pattern *unless;
    size_t unless_count;
    const struct phrase_node **phrases; /* of `say` */
    size_t phrase_count;
    struct regex *regexes;
    size_t regex_count;
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
    pcre2_match_context *regex_context;
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

/* One rule to be looked for in one field. */
struct rule_task {
    uint32_t rule;
    enum text_field field;
    const struct words *words; /* of the field, as the rule's language sees it */
    size_t from;               /* bytes of the stream, where typed sentences begin and end */
    size_t to;
    size_t without; /* which `unless` to leave out */
};
/* Adds its hits. */
void rule_match(const struct ruleset *ruleset, const struct rule_task *task, struct hit_list *hits);

/* Whether a pattern is found anywhere in the words. */
bool rule_pattern_occurs(const struct ruleset *ruleset, const struct pattern *pattern, const struct words *words);

/* What a hit of the rule is worth. */
enum urgency hit_urgency(enum urgency rule, uint8_t lowered);

#endif
