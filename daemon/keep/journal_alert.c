/* Alerts, their ladders and the outbox of pages in the journal. Run by keep. */
#include <attune/clock.h>
#include <attune/journal_sql.h>
#include <stdio.h>
#include <string.h>

bool journal_open_alert(struct journal *journal, const struct alert_row *alert, int64_t message)
{
    journal_run(
        journal,
        "INSERT OR IGNORE INTO alert(id, kind, subject, reason, message, urgency, target, opened_at, received_at,"
        " deadline_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "ttttiiiiii", alert->id, alert->kind, alert->subject, alert->reason, message, (int64_t)alert->urgency,
        (int64_t)alert->target, alert->opened_ms, alert->received_ms, alert->deadline_ms);
    return journal_changes(journal) == 1;
}

bool journal_get_alert(struct journal *journal, const char *id, struct alert_row *out)
{
    sqlite3_stmt *row = journal_query(journal,
                                      "SELECT id, kind, subject, reason, urgency, target, opened_at, received_at,"
                                      " deadline_at, acknowledged_at, acknowledged_by FROM alert WHERE id = ?",
                                      "t", id);
    bool found = journal_next(journal, row);
    if (found) {
        journal_copy_text(out->id, sizeof out->id, row, 0);
        journal_copy_text(out->kind, sizeof out->kind, row, 1);
        journal_copy_text(out->subject, sizeof out->subject, row, 2);
        journal_copy_text(out->reason, sizeof out->reason, row, 3);
        out->urgency = (enum urgency)sqlite3_column_int(row, 4);
        out->target = (enum page_target)sqlite3_column_int(row, 5);
        out->opened_ms = sqlite3_column_int64(row, 6);
        out->received_ms = sqlite3_column_int64(row, 7);
        out->deadline_ms = sqlite3_column_int64(row, 8);
        out->acknowledged_ms = sqlite3_column_int64(row, 9);
        journal_copy_text(out->acknowledged_by, sizeof out->acknowledged_by, row, 10);
    }
    journal_done(row);
    return found;
}

/* --- the ladder ----------------------------------------------------------------------------------------------------
 */

void journal_add_ladder(struct journal *journal, const char *alert, uint32_t step, int64_t due_ms)
{
    journal_run(journal, "INSERT OR IGNORE INTO ladder(alert, step, ring, due_at) VALUES(?, ?, 0, ?)", "tii", alert,
                (int64_t)step, due_ms);
}

size_t journal_due_ladder(struct journal *journal, int64_t now_ms, struct ladder_row *rows, size_t maximum)
{
    sqlite3_stmt *found = journal_query(
        journal, "SELECT alert, step, ring, due_at FROM ladder WHERE due_at <= ? ORDER BY due_at, alert, step LIMIT ?",
        "ii", now_ms, (int64_t)maximum);
    size_t count = 0;
    while (count < maximum && journal_next(journal, found)) {
        struct ladder_row *row = &rows[count++];
        journal_copy_text(row->alert, sizeof row->alert, found, 0);
        row->step = (uint32_t)sqlite3_column_int64(found, 1);
        row->ring = (uint32_t)sqlite3_column_int64(found, 2);
        row->due_ms = sqlite3_column_int64(found, 3);
    }
    journal_done(found);
    return count;
}

void journal_advance_ladder(struct journal *journal, const struct ladder_row *row, int64_t due_ms)
{
    if (due_ms)
        journal_run(journal, "UPDATE ladder SET ring = ring + 1, due_at = ? WHERE alert = ? AND step = ?", "iti",
                    due_ms, row->alert, (int64_t)row->step);
    else
        journal_run(journal, "DELETE FROM ladder WHERE alert = ? AND step = ?", "ti", row->alert, (int64_t)row->step);
}

/* --- the outbox ----------------------------------------------------------------------------------------------------
 */

void journal_add_outbox(struct journal *journal, const struct outbox_row *row)
{
    journal_run(journal,
                "UPDATE outbox SET state = 2 WHERE alert = ? AND step = ? AND person = ? AND channel = ? AND state = 0"
                " AND webhook_id <> ?",
                "tittt", row->alert, (int64_t)row->step, row->person, row->channel, row->webhook_id);
    journal_run(
        journal,
        "INSERT OR IGNORE INTO outbox(kind, period, alert, step, ring, person, channel, webhook_id, state, due_at,"
        " created_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
        "iitiitttii", (int64_t)row->kind, row->period_ms, row->alert, (int64_t)row->step, (int64_t)row->ring,
        row->person, row->channel, row->webhook_id, row->due_ms, clock_wall_ms());
}

size_t journal_due_outbox(struct journal *journal, int64_t now_ms, size_t per_channel, struct outbox_row *rows,
                          size_t maximum)
{
    sqlite3_stmt *found =
        journal_query(journal,
                      "SELECT id, alert, step, ring, person, channel, webhook_id, attempts, due_at, kind, period,"
                      " created_at FROM"
                      " (SELECT *, row_number() OVER (PARTITION BY person, channel ORDER BY due_at, id)"
                      " AS place FROM outbox WHERE state = 0 AND due_at <= ?)"
                      " WHERE place <= ? ORDER BY due_at, id LIMIT ?",
                      "iii", now_ms, (int64_t)per_channel, (int64_t)maximum);
    size_t count = 0;
    while (count < maximum && journal_next(journal, found)) {
        struct outbox_row *row = &rows[count++];
        row->id = sqlite3_column_int64(found, 0);
        journal_copy_text(row->alert, sizeof row->alert, found, 1);
        row->step = (uint32_t)sqlite3_column_int64(found, 2);
        row->ring = (uint32_t)sqlite3_column_int64(found, 3);
        journal_copy_text(row->person, sizeof row->person, found, 4);
        journal_copy_text(row->channel, sizeof row->channel, found, 5);
        journal_copy_text(row->webhook_id, sizeof row->webhook_id, found, 6);
        row->attempts = (uint32_t)sqlite3_column_int64(found, 7);
        row->due_ms = sqlite3_column_int64(found, 8);
        row->kind = (enum outbox_kind)sqlite3_column_int(found, 9);
        row->period_ms = sqlite3_column_int64(found, 10);
        row->created_ms = sqlite3_column_int64(found, 11);
    }
    journal_done(found);
    return count;
}

void journal_accept_outbox(struct journal *journal, int64_t id, int status, int64_t now_ms)
{
    journal_run(journal,
                "UPDATE outbox SET state = 1, accepted_at = ?, last_status = ?, attempts = attempts + 1,"
                " first_sent_at = CASE first_sent_at WHEN 0 THEN ? ELSE first_sent_at END WHERE id = ?",
                "iiii", now_ms, (int64_t)status, now_ms, id);
    journal_run(journal,
                "UPDATE outbox SET state = 2 WHERE state = 0 AND attempts = 0 AND due_at > ?"
                " AND (alert, step, ring, person) = (SELECT alert, step, ring, person FROM outbox WHERE id = ?)",
                "ii", now_ms, id);
}

void journal_retry_outbox(struct journal *journal, int64_t id, int status, int64_t next_at_ms)
{
    int64_t now_ms = clock_wall_ms();
    journal_run(journal,
                "UPDATE outbox SET attempts = attempts + 1, last_status = ?, due_at = ?,"
                " first_sent_at = CASE first_sent_at WHEN 0 THEN ? ELSE first_sent_at END WHERE id = ? AND state = 0",
                "iiii", (int64_t)status, next_at_ms, now_ms, id);
}

void journal_cancel_outbox(struct journal *journal, int64_t id)
{
    journal_run(journal, "UPDATE outbox SET state = 2 WHERE id = ?", "i", id);
}

uint32_t journal_outbox_attempts(struct journal *journal, int64_t id)
{
    return (uint32_t)journal_number(journal, 0, "SELECT attempts FROM outbox WHERE id = ?", "i", id);
}

int64_t journal_next_page_due(struct journal *journal)
{
    return journal_number(journal, INT64_MAX,
                          "SELECT min(due) FROM (SELECT min(due_at) AS due FROM ladder"
                          " UNION ALL SELECT min(due_at) FROM outbox WHERE state = 0)",
                          "");
}

bool journal_has_open_page(struct journal *journal)
{
    return journal_number(journal, 0, "SELECT count(*) FROM outbox WHERE state = 0 AND kind = 0", "") > 0;
}

/* --- acknowledging --------------------------------------------------------------------------------------------------
 */

enum found journal_find_case(struct journal *journal, const char *prefix, char id[CASE_ID_SIZE])
{
    /* Ids are lower-case base32, so that the smallest string above all that begin with the prefix is prefix + '~'. */
    char above[CASE_ID_SIZE + 1];
    snprintf(above, sizeof above, "%.*s~", CASE_ID_SIZE - 1, prefix);
    sqlite3_stmt *found =
        journal_query(journal,
                      "SELECT id FROM alert WHERE id >= ?1 AND id < ?2"
                      " UNION SELECT case_id FROM message WHERE case_id >= ?1 AND case_id < ?2 LIMIT 2",
                      "tt", prefix, above);
    enum found answer = FOUND_NONE;
    if (journal_next(journal, found)) {
        journal_copy_text(id, CASE_ID_SIZE, found, 0);
        answer = journal_next(journal, found) ? FOUND_SEVERAL : FOUND_ONE;
    }
    journal_done(found);
    return answer;
}

static void stop_ringing(struct journal *journal, const char *id)
{
    journal_run(journal, "DELETE FROM ladder WHERE alert = ?", "t", id);
    journal_run(journal, "UPDATE outbox SET state = 2 WHERE alert = ? AND state = 0", "t", id);
}

bool journal_acknowledge(struct journal *journal, const char *id, const char *by, int64_t now_ms, bool *already)
{
    struct alert_row alert;
    *already = false;
    if (!journal_get_alert(journal, id, &alert))
        return false;
    *already = alert.acknowledged_ms != 0;
    if (*already)
        return true;
    journal_run(journal, "UPDATE alert SET acknowledged_at = ?, acknowledged_by = ? WHERE id = ?", "itt", now_ms, by,
                id);
    stop_ringing(journal, id);
    return true;
}

void journal_close_alert(struct journal *journal, const char *id, int64_t now_ms)
{
    journal_run(journal, "UPDATE alert SET closed_at = ? WHERE id = ? AND closed_at = 0", "it", now_ms, id);
    stop_ringing(journal, id);
}

bool journal_reopen_alert(struct journal *journal, const struct alert_row *alert)
{
    journal_run(journal,
                "UPDATE alert SET acknowledged_at = 0, acknowledged_by = NULL, closed_at = 0, urgency = ?, reason = ?,"
                " opened_at = ?, deadline_at = ? WHERE id = ? AND NOT (acknowledged_at = 0 AND closed_at = 0"
                " AND urgency = 4 AND EXISTS(SELECT 1 FROM ladder WHERE ladder.alert = alert.id))",
                "itiit", (int64_t)alert->urgency, alert->reason, alert->opened_ms, alert->deadline_ms, alert->id);
    if (journal_changes(journal) != 1)
        return false;
    stop_ringing(journal, alert->id);
    return true;
}

void journal_resume_ladder(struct journal *journal, const char *alert, uint32_t step, int64_t due_ms)
{
    journal_run(journal,
                "INSERT OR IGNORE INTO ladder(alert, step, ring, due_at) VALUES(?1, ?2,"
                " (SELECT coalesce(max(ring) + 1, 0) FROM outbox WHERE alert = ?1 AND step = ?2), ?3)",
                "tii", alert, (int64_t)step, due_ms);
}

bool journal_has_ringing(struct journal *journal)
{
    return journal_number(journal, 0,
                          "SELECT EXISTS(SELECT 1 FROM alert WHERE acknowledged_at = 0 AND closed_at = 0"
                          " AND urgency = 4 AND kind = 'message')",
                          "") != 0;
}
