/*
 * How a role comes to life: keep re-executes its own binary as `attuned --role NAME` with one end of a socketpair on
 * descriptor 3, standard error, and /dev/null on 0 and 1; the role sets itself up, locks itself down and loops until
 * STOP.
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
 * Starts a role: fork and exec of /proc/self/exe with an empty environment but LANG=C.UTF-8 (and JOURNAL_STREAM, when
 * it is set), all other descriptors closed, in a session of its own, with SIGKILL as its parent-death signal. `label`
 * ("fetch:support"; NULL: the role's name) is shown by ps(1). *channel is OWNED by the caller; the caller reaps *pid.
 * Called by keep alone. ERR_SYSTEM when nothing was started; a role that could not exec exits with 127.
 */
enum err role_start(enum role role, const char *label, pid_t *pid, struct ipc_channel **channel) ATTUNE_MUST_CHECK;

/* The opening ritual of every role's main: default signals but SIGPIPE ignored, undumpable, no core, no new privileges,
 * log prefix (`label`, NULL: the role's name), channel on ROLE_FD. Exits 2 when ROLE_FD is not such a socket. */
struct ipc_channel *role_open(enum role role, const char *label);

/* Every signal at its default and unblocked, whatever the parent had, but SIGPIPE ignored: a dead peer is an error, not
 * a signal. Part of role_open(); for processes that are forked without exec. */
void role_reset_signals(void);

/* Sends BEAT with allow_ms. ERR_PEER when keep is gone: the role then exits. */
enum err role_beat(struct ipc_channel *channel, struct ipc_writer *writer, uint32_t allow_ms);

/* The roles' main functions: they return the process's exit status. */
int fetch_main(void);
int screen_main(void);
int notify_main(void);

#endif
