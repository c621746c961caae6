/* Memory for one job, in blocks of growing size under one maximum. Every role. */
#include <attune/arena.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A first block holds a usual message whole; later ones double, so a large message costs few calls of malloc. */
enum { FIRST_BLOCK = 64 * 1024, LARGEST_BLOCK = 8 * 1024 * 1024 };

struct block {
    struct block *older;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct block *newest;
    struct block *first;
    size_t maximum;
    size_t held; /* bytes of all blocks */
    size_t used;
};

static size_t round_up(size_t size)
{
    size_t unit = alignof(max_align_t);
    return (size + unit - 1) / unit * unit;
}

static struct block *add_block(struct arena *arena, size_t size)
{
    struct block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    block->older = arena->newest;
    block->size = size;
    block->used = 0;
    arena->newest = block;
    arena->held += size;
    return block;
}

struct arena *arena_new(size_t max_bytes)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        return NULL;
    arena->maximum = max_bytes;
    arena->first = add_block(arena, max_bytes < FIRST_BLOCK ? round_up(max_bytes + 1) : FIRST_BLOCK);
    if (!arena->first)
        arena_free(&arena);
    return arena;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->maximum)
        return NULL;
    size_t need = round_up(size ? size : 1);
    if (arena->used + need > arena->maximum)
        return NULL;
    struct block *block = arena->newest;
    if (block->size - block->used < need) {
        size_t next = block->size < LARGEST_BLOCK ? block->size * 2 : LARGEST_BLOCK;
        block = add_block(arena, need > next ? need : next);
        if (!block)
            return NULL;
    }
    void *out = block->bytes + block->used;
    block->used += need;
    arena->used += need;
    return memset(out, 0, need);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(arena, total);
}

char *arena_copy(struct arena *arena, const void *bytes, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *out = arena_alloc(arena, length + 1);
    if (out && length)
        memcpy(out, bytes, length);
    return out;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}

void arena_reset(struct arena *arena)
{
    while (arena->newest != arena->first) {
        struct block *older = arena->newest->older;
        arena->held -= arena->newest->size;
        free(arena->newest);
        arena->newest = older;
    }
    arena->first->used = 0;
    arena->used = 0;
}

void arena_free(struct arena **arena)
{
    if (!*arena)
        return;
    for (struct block *block = (*arena)->newest; block;) {
        struct block *older = block->older;
        free(block);
        block = older;
    }
    free(*arena);
    *arena = NULL;
}
