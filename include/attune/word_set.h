/* A set of words, for telling whether one form of a letter says something that another does not. Screen children. */
#ifndef ATTUNE_WORD_SET_H
#define ATTUNE_WORD_SET_H

#include <attune/str.h>
#include <stdbool.h>

/* One bit a word by its hash. A line is wrongly taken for known only when its words collide: a letter of 1,000 words
 * fills one bit in 60. */
enum { WORD_SET_BITS = 1 << 16 };
struct word_set {
    unsigned char bits[WORD_SET_BITS / 8];
};

void word_set_learn(struct word_set *set, struct str text);

/* A third or more of the line's words are not in the set, and at least one: it says something else. */
bool word_set_lacks(const struct word_set *set, struct str line);

#endif
