/*
 * The journal as JSON, as control.h gives it to the command: for keep, and for the command itself where no daemon runs.
 */
#ifndef ATTUNE_JOURNAL_JSON_H
#define ATTUNE_JOURNAL_JSON_H

#include <attune/journal.h>
#include <jansson.h>
#include <stdbool.h>

/* "2026-11-21T09:30:00.123Z", or null for 0. */
json_t *journal_json_time(int64_t wall_ms);
/* The names of the reasons that are set. */
json_t *journal_json_reasons(unsigned reasons);
/* Sets "messages", "alerts" and "outbox" in `status`. */
void journal_json_counts(json_t *status, const struct journal_counts *counts);
/* The answer to `queue` (-1: both queues); free() it. */
char *queue_json(struct journal *journal, int queue, bool with_closed);
/* The answer to `status` as far as the journal alone can say, "running" false; free() it. */
char *status_offline_json(struct journal *journal);

#endif
