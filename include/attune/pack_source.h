/*
 * The words of a rule's file as they were typed, for the compiler of rules (ruleset.h): phrases, lexicons,
 * contractions, tests. Private to the engine and to decide, which reads its policy from the same bytes that were
 * hashed.
 */
#ifndef ATTUNE_PACK_SOURCE_H
#define ATTUNE_PACK_SOURCE_H

#include <attune/pack.h>
#include <attune/words.h>

/* A text in a rule file; BORROWS from the pack, like everything here. */
struct source_text {
    struct str text;
    unsigned line;
    unsigned column;
};

struct source_texts {
    const struct source_text *items;
    size_t count;
};

struct lexicon {
    const char *name;
    struct source_texts entries;
};

struct lexicons {
    struct lexicon *items;
    size_t count;
};

struct language {
    const char *code;
    struct lexicons lexicons;          /* rules/<code>/lexicon.yaml */
    struct contractions *contractions; /* NULL when the language has none */
};

struct rule_test {
    struct source_text text;
    bool fires;
    enum urgency urgency; /* of a test that fires: the rule's own, or REVIEW where an `unless` lowers it */
    bool because_unless;
};

struct rule_source {
    const struct language *language;
    const char *file;             /* as the operator would type it */
    const struct lexicons *local; /* the file's own lexicons */
    struct source_texts say;
    struct source_texts regex;
    struct source_texts unless;
    const struct rule_test *tests;
    size_t test_count;
    struct source_texts missed;
    struct source_texts accepted;
    unsigned column; /* of the rule */
};

const struct rule_source *pack_rule_source(const struct pack *pack, size_t index);
size_t pack_language_count(const struct pack *pack);
const struct language *pack_language(const struct pack *pack, size_t index);
/* policy.yaml as it was read and hashed; valid UTF-8 is not promised. */
struct str pack_policy_text(const struct pack *pack);

#endif
