/*
 * Reading and matching one message, and the children that do it. The zygote (role screen) loads, compiles and tests the
 * rule set, opens charset converters, and forks sandboxed children on keep's word; a child takes a sealed memfd and
 * gives a verdict. `attune triage` forks the same children without a daemon.
 */
#ifndef ATTUNE_SCREEN_H
#define ATTUNE_SCREEN_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/frames.h>
#include <attune/reading.h>
#include <attune/ruleset.h>
#include <attune/verdict.h>
#include <sys/types.h>

enum {
    SCREEN_MAX_CHILDREN = 64,
    SCREEN_CHILD_MESSAGES = 64,              /* then the child is replaced: a captured one cannot lie for long */
    SCREEN_CHILD_CPU_S = 4,                  /* of one message: SIGPROF ends it beyond; the promise is 2 s for 25 MiB */
    SCREEN_CHILD_WALL_MS = 15000,            /* then whoever gave the message has the child killed */
    SCREEN_CHILD_MEMORY = 512 * 1024 * 1024, /* address space: READING_ARENA, the message, and what was mapped before */
};

/* How a child ends when no signal ends it. */
enum screen_exit {
    SCREEN_EXIT_DONE = 0, /* its socket was closed */
    SCREEN_EXIT_PEER = 2, /* an order that is none: a bad frame, a descriptor without seals, a message over the limit */
    SCREEN_EXIT_SYSTEM = 3, /* no memory for this message, or the sandbox could not be closed */
};

/* Added to the mode in CHILD_SCREEN by the operator's command alone: the verdict is followed by the words of its hits.
 */
enum { SCREEN_WITH_TEXT = 0x80 };

/* Reads and matches. The verdict's strings live in `arena`. ERR_SYSTEM only without memory. `reading_out` may be NULL.
 */
enum err screen_message(struct ruleset *ruleset, struct arena *arena, struct str raw, enum screen_mode mode,
                        struct verdict *out, struct reading *reading_out);

/*
 * Forks a child that serves CHILD_SCREEN frames on its socket until EOF, inside SANDBOX_CHILD. *fd is the caller's end,
 * OWNED. The caller reaps *pid. Descriptors of the caller other than 2 are closed in the child, which is killed when
 * the thread that forked it ends. Call reading_prepare() before. ERR_SYSTEM when there is no process or descriptor to
 * be had.
 */
enum err screen_fork_child(struct ruleset *ruleset, pid_t *pid, int *fd);

/* A sealed memfd (F_SEAL_WRITE, GROW, SHRINK, SEAL) holding `length` bytes; the caller OWNS the descriptor. */
enum err screen_seal(const void *bytes, size_t length, int *fd);
/* Maps a sealed memfd read-only after checking its seals and that its size is at most `maximum`. ERR_PEER otherwise,
 * ERR_SYSTEM when it cannot be mapped. The caller keeps `fd` and unmaps with munmap() when length > 0. */
enum err screen_map(int fd, size_t maximum, struct str *out);

#endif
