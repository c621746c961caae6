/*
 * How a role comes to life: keep re-executes its own binary as `attuned --role NAME` with one end of a socketpair on
 * descriptor 3 and nothing else but standard error; the role sets itself up, locks itself down and loops until STOP.
 */
#ifndef ATTUNE_ROLE_H
#define ATTUNE_ROLE_H

#include <attune/err.h>
#include <attune/frames.h>
#include <attune/ipc.h>
#include <sys/types.h>

enum { ROLE_FD = 3, ROLE_BEAT_MS = 5000 };

const char *role_name(enum role role); /* "keep", "fetch", "screen", "child", "notify" */

/*
 * Starts a role: fork and exec of /proc/self/exe with an empty environment but LANG=C.UTF-8, all descriptors but 2 and
 * ROLE_FD closed, and the parent-death signal set. *channel is OWNED by the caller. Called by keep alone.
 */
enum err role_start(enum role role, const char *label, pid_t *pid, struct ipc_channel **channel);

/* The opening ritual of every role's main: ignore SIGPIPE, default other signals, undumpable, no core, no new privileges,
 * log prefix, channel on ROLE_FD. Exits 2 when ROLE_FD is not a socket. */
struct ipc_channel *role_open(enum role role, const char *label);

/* Sends BEAT with allow_ms. ERR_PEER when keep is gone: the role then exits. */
enum err role_beat(struct ipc_channel *channel, struct ipc_writer *writer, uint32_t allow_ms);

/* The roles' main functions: they return the process's exit status. */
int fetch_main(void);
int screen_main(void);
int notify_main(void);

#endif
