/*
 * The command's side of the control socket (control.h). The daemon's answer is checked for form and size before
 * anything reads it; a daemon that is silent, cut off or answers something else is the same as none.
 */
#ifndef ATTUNE_CONTROLCLIENT_H
#define ATTUNE_CONTROLCLIENT_H

#include <attune/buf.h>
#include <attune/cli.h>
#include <jansson.h>

#define CONTROL_DEFAULT_CONFIG "/etc/attune/attune.yaml"

/*
 * Sends `request` to the socket at `path` and waits `timeout_ms` in all. CLI_DONE: *answer, OWNED by the caller, is an
 * object whose "ok" is true or false. Else the sentence is in `problem`: CLI_NO_DAEMON when none answers as it should,
 * CLI_USAGE when the caller may not ask or the path is too long for a socket.
 */
enum cli_exit controlclient_ask(const char *path, const json_t *request, int timeout_ms, json_t **answer,
                                struct buf *problem);

/*
 * The way of every sub-command: finds the socket by `--socket` or `--config`, asks, prints what went wrong (as JSON too
 * with --json). Without a daemon, what the journal can answer comes from there, with "running" false where that matters.
 * CLI_DONE gives *answer with "ok" true, OWNED by the caller; an answer with "ok" false gives its "exit".
 */
enum cli_exit controlclient_run(const struct cli_arguments *arguments, const json_t *request, json_t **answer);

/* A member as text, or "" when it is absent or something else; BORROWS from `object`. */
struct str controlclient_text(const json_t *object, const char *name);

#endif
