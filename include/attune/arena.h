/*
 * Memory that lives and dies with one job (a message, a rule file). Allocations are never freed singly; arena_free() or
 * arena_reset() ends them all. Each arena has a hard maximum, so hostile input meets a limit and not the machine's.
 */
#ifndef ATTUNE_ARENA_H
#define ATTUNE_ARENA_H

#include <stddef.h>

struct arena;

/* A new arena that will hold at most `max_bytes`. NULL when the system has no memory. The caller OWNS it. */
struct arena *arena_new(size_t max_bytes);

/* `size` zeroed bytes aligned for any object, or NULL when the maximum or the system's memory is reached. size 0 gives 1. */
void *arena_alloc(struct arena *arena, size_t size);

/* As arena_alloc for `count` objects of `size` bytes; NULL on overflow too. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A copy of `length` bytes with a NUL added behind them. */
char *arena_copy(struct arena *arena, const void *bytes, size_t length);

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *arena);

/* Forgets every allocation but keeps the first block, so that a loop over messages does not allocate. */
void arena_reset(struct arena *arena);

/* Frees all and clears the caller's pointer. */
void arena_free(struct arena **arena);

#endif
