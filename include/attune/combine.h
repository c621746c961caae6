/*
 * Combinations: cues that raise a message when they stand together. They see only hits that nothing lowered, in the
 * subject and the new text; they can only raise; they do not feed each other. Private to daemon/decide.
 */
#ifndef ATTUNE_COMBINE_H
#define ATTUNE_COMBINE_H

#include <attune/arena.h>
#include <attune/pack.h>
#include <attune/verdict.h>

/* Fills `held` (the caller gives room for pack_combination_count() of them) with the indexes of those that hold, in the
 * order of the files; *count of them. ERR_SYSTEM when the arena is full. */
enum err combine_find(const struct pack *pack, const struct verdict *verdict, struct arena *arena, uint32_t *held,
                      size_t *count);

/* Whether combinations see the hit. */
bool combine_sees(const struct verdict *verdict, const struct hit *hit);

#endif
