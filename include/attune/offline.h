/*
 * What the command can say while no daemon runs: the journal, read and never written. The files are the daemon's own, so
 * that only its user and root get this far.
 */
#ifndef ATTUNE_OFFLINE_H
#define ATTUNE_OFFLINE_H

#include <attune/cli.h>
#include <jansson.h>
#include <stdbool.h>

/* Answers `status` and `queue` as keep would, as far as the journal goes. True gives *answer, OWNED by the caller; false
 * for any other request, without a configuration, and without a journal that this user may read. */
bool offline_answer(const struct cli_arguments *arguments, const json_t *request, json_t **answer);

#endif
