/*
 * Look-up in a table of contractions (words.h makes and fills it). Private to the engine.
 */
#ifndef ATTUNE_CONTRACTIONS_H
#define ATTUNE_CONTRACTIONS_H

#include <attune/words.h>
#include <stdbool.h>

/* The long form of a folded word: words with one space between; BORROWS from the table. False when it has none. */
bool contractions_find(const struct contractions *table, struct str word, struct str *long_form);

#endif
