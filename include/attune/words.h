/*
 * Text as phrases see it: the folded text (FOLD_PLAIN) split into words and sentences and written as one stream, each
 * word behind one space and each sentence ended by a line feed: " i do not sleep\n it is night\n". Contractions are
 * written in their long form. Each word knows where it stands in the original.
 *
 * A word is a run of letters, digits and marks, with apostrophes inside it (in Cyrillic they are dropped: many leave
 * them out); everything else only separates. A sentence ends at . ! or ? before white space, at a blank line, and after
 * WORDS_MAX_SENTENCE words; dots in a row are a pause, not an end, and so is the dot behind a single letter. Where
 * nobody typed an end, the stream goes on: a phrase may cross it.
 */
#ifndef ATTUNE_WORDS_H
#define ATTUNE_WORDS_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/fold.h>
#include <attune/str.h>
#include <stdint.h>

enum {
    WORDS_MAX_SENTENCE = 60,
    WORDS_STARTS = 2048,
    WORDS_MAX_CONTRACTION = 64, /* bytes of a contraction: no longer word is looked up */
};

struct word {
    uint32_t at;       /* first byte in the stream, behind the space */
    uint32_t from;     /* bytes of the original */
    uint32_t to;       /* one past */
    uint32_t sentence; /* number of its sentence, from 0 */
    uint32_t start;    /* words_start() of it */
};

struct words {
    struct str stream; /* in the arena, NUL behind it */
    const struct word *items;
    size_t count;
};

struct contractions;

/*
 * A number below WORDS_STARTS from how a word begins: from its first 3 bytes, 4 beyond ASCII, or the whole of a shorter
 * word. A beginning of 3 letters or more has the number of every word that begins with it.
 */
uint32_t words_start(struct str word);

/* A set of such numbers: which words are worth a closer look. */
struct word_starts {
    uint64_t bits[WORDS_STARTS / 64];
};

static inline void word_starts_add(struct word_starts *starts, uint32_t start)
{
    starts->bits[start / 64] |= 1ull << start % 64;
}

static inline bool word_starts_has(const struct word_starts *starts, uint32_t start)
{
    return (starts->bits[start / 64] >> start % 64 & 1) != 0;
}

/* An empty table. The caller OWNS it. NULL without memory. */
struct contractions *contractions_new(void);
void contractions_free(struct contractions **table);
/*
 * Makes `contraction` and its form without apostrophes count as the words of `long_form`; a bare form that is itself a
 * word (ill, were, well, its, hell ...) is left alone. ERR_INPUT when `contraction` is not one word, ERR_ABSENT when
 * the long form has no word, ERR_LIMIT past 16,384 forms, ERR_SYSTEM without memory.
 */
enum err contractions_add(struct contractions *table, struct str contraction, struct str long_form);

/* Splits `text` (valid UTF-8). `table` may be NULL. ERR_LIMIT past 16 MiB, ERR_SYSTEM when the arena is full. */
enum err words_split(struct arena *arena, struct str text, const struct contractions *table, struct words *out);

/* The same for text that is folded already (FOLD_PLAIN). ERR_SYSTEM when the arena is full. */
enum err words_split_folded(struct arena *arena, const struct folded *folded, const struct contractions *table,
                            struct words *out);

/* Index of the word that begins at or after stream offset `at`; words->count when none does. */
size_t words_find(const struct words *words, size_t at);

#endif
