/*
 * The command's screen children: the same sandboxed processes the daemon uses, one per core, several messages in flight
 * in each. Bytes go in with a ticket, verdicts come out, once for each ticket, in any order. A child that dies, lies or
 * outlasts its time costs the message it was at a second try on raw text, then that message is `unscreened`; the others
 * it held are read again by a new child.
 */
#ifndef ATTUNE_SCREENPOOL_H
#define ATTUNE_SCREENPOOL_H

#include <attune/err.h>
#include <attune/ruleset.h>
#include <attune/screen.h>
#include <attune/str.h>
#include <attune/verdict.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SCREENPOOL_IN_FLIGHT = 8,                 /* a child that never waits for us; a dead one makes 7 read again */
    SCREENPOOL_MAX_BYTES = 256 * 1024 * 1024, /* mail held in memory; one message always fits */
};

struct screenpool;

/* A verdict; it and its strings are BORROWED until the function returns. `texts` holds the words of each hit. */
typedef void screenpool_done(void *context, uint64_t ticket, const struct verdict *verdict, const struct str *texts);

/* How a child is made; screen_fork_child() but in tests. */
typedef enum err screenpool_fork(struct ruleset *ruleset, pid_t *pid, int *fd);

struct screenpool_setup {
    struct ruleset *ruleset; /* BORROWED for the pool's life */
    uint32_t rule_count;
    size_t children;
    int wall_ms; /* for one message; SCREEN_CHILD_WALL_MS but in tests */
    screenpool_fork *fork_child;
    screenpool_done *done;
    void *context;
};

/* NULL without memory. Forks nothing yet. */
struct screenpool *screenpool_new(const struct screenpool_setup *setup);
/* Ends and reaps every child. */
void screenpool_free(struct screenpool **pool);

/* Whether a message of `length` bytes may be given now. An empty pool always may. */
bool screenpool_has_room(const struct screenpool *pool, size_t length);
bool screenpool_is_idle(const struct screenpool *pool);

/* Takes a copy of `raw`. ERR_SYSTEM when the system has no memory or descriptor for it. An empty message of our own
 * goes before the first: a child that cannot read that cannot read any, and then nothing is blamed on the mail. */
enum err screenpool_give(struct screenpool *pool, uint64_t ticket, struct str raw);

/* Waits until something happens, at most `timeout_ms`, and handles it. ERR_SYSTEM when no child can be made to work:
 * errno tells why when the system refused, 0 when a child died of our own message. */
enum err screenpool_step(struct screenpool *pool, int timeout_ms);

#endif
