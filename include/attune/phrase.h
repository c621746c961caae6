/*
 * The phrase language of rules: words in order, (one|or another), [optional], ~3 other words at most, {lexicon},
 * begin*. Parses a phrase to a tree, writes the tree as a pattern over the stream of words (words.h), and says which
 * literals every match must hold. Every repeat is bounded, so no phrase can run away. Used as rules load; its input is
 * the operator's.
 */
#ifndef ATTUNE_PHRASE_H
#define ATTUNE_PHRASE_H

#include <attune/arena.h>
#include <attune/buf.h>
#include <attune/err.h>
#include <attune/words.h>

enum {
    PHRASE_MAX_BYTES = 500,     /* of one phrase as it is typed */
    PHRASE_MAX_DEPTH = 6,       /* of brackets in brackets */
    PHRASE_MAX_NODES = 4000,    /* with the lexicons it uses */
    PHRASE_MAX_GAP = 6,         /* words */
    PHRASE_MIN_PREFIX = 3,      /* letters before a `*` */
    PHRASE_MAX_WAYS = 10000,    /* gap lengths x options: how often a match may be begun again from one word */
    PHRASE_MAX_PATTERN = 60000, /* bytes: PCRE2 with 2-byte links takes 64 KiB */
    PHRASE_MAX_LITERAL = 40,    /* bytes of a literal: longer ones find nothing more */
    PHRASE_MAX_LITERALS = 400,  /* of one phrase */
};

enum phrase_kind { PHRASE_WORD, PHRASE_PREFIX, PHRASE_GAP, PHRASE_CHOICE, PHRASE_OPTIONAL, PHRASE_SEQUENCE };

struct phrase_node {
    enum phrase_kind kind;
    struct str word;           /* WORD, PREFIX: folded */
    unsigned gap;              /* GAP: other words at most */
    struct phrase_node *first; /* SEQUENCE: its items; CHOICE: its sequences; OPTIONAL: its one sequence */
    struct phrase_node *next;  /* within the parent */
};

struct phrase_entries {
    const struct str *items;
    size_t count;
};

/* Where a phrase stands: what its words and names mean there. */
struct phrase_scope {
    const struct contractions *contractions; /* or NULL */
    /* The entries of a lexicon; false when there is none of that name. NULL: no lexicon may be named here. */
    bool (*find_lexicon)(const void *context, struct str name, struct phrase_entries *out);
    /* The nearest name of a lexicon to a wrong one, or NULL. May be NULL itself. */
    const char *(*nearest_lexicon)(const void *context, const char *wrong);
    const void *context;
};

/* Parses into `arena`; *out is a SEQUENCE. ERR_INPUT with one sentence in fault[256]; ERR_SYSTEM when an arena is full.
 */
enum err phrase_parse(struct arena *arena, struct str text, const struct phrase_scope *scope, struct phrase_node **out,
                      char fault[256]);

/* In how many ways its gaps and options can be taken: what one try at one word may cost. At most PHRASE_MAX_WAYS + 1.
 */
size_t phrase_count_ways(const struct phrase_node *phrase);

/* Appends the phrase as a PCRE2 pattern (8 bits, no UTF, no captures) that begins at the space before a word. The
 * caller puts (?=[ \n]) behind it. */
void phrase_write_pattern(const struct phrase_node *phrase, struct buf *out);

/* Adds how the words begin with which a match can begin. */
void phrase_add_starts(const struct phrase_node *phrase, struct word_starts *starts);

struct phrase_literals {
    const struct str *items; /* each begins where a word begins; one space between words */
    size_t count;            /* 0: nothing can be said, every text is a candidate */
};
/* Literals of which every match holds at least one. ERR_SYSTEM when the arena is full. */
enum err phrase_find_literals(struct arena *arena, const struct phrase_node *phrase, struct phrase_literals *out);

/* Whether the text comes near the phrase: holds half of its words; of a phrase of one word, its first three letters. */
bool phrase_is_near(const struct phrase_node *phrase, const struct words *words);

#endif
