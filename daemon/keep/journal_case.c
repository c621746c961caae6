/* One case in the journal: its decision, its cues, its timeline, and its end. Run by keep. */
#include <attune/journal_sql.h>
#include <string.h>

#define CASE_SQL                                                                                                       \
    "SELECT " JOURNAL_ITEM_COLUMNS                                                                                     \
    ", m.route, m.rules FROM message AS m LEFT JOIN alert AS a ON a.id = m.case_id WHERE "

static bool read_case(struct journal *journal, sqlite3_stmt *row, struct case_row *out)
{
    *out = (struct case_row){0};
    bool found = journal_next(journal, row);
    if (found) {
        journal_read_item(row, &out->item);
        out->message = sqlite3_column_int64(row, 0);
        journal_copy_text(out->route, sizeof out->route, row, JOURNAL_ITEM_COUNT);
        if (sqlite3_column_bytes(row, JOURNAL_ITEM_COUNT + 1) == HASH_SIZE)
            memcpy(out->rules, sqlite3_column_blob(row, JOURNAL_ITEM_COUNT + 1), HASH_SIZE);
    }
    journal_done(row);
    if (found)
        journal_read_cues(journal, out->message, out->item.cues, sizeof out->item.cues);
    return found;
}

bool journal_get_case(struct journal *journal, const char *id, struct case_row *out)
{
    return read_case(journal, journal_query(journal, CASE_SQL "m.case_id = ? ORDER BY m.id DESC LIMIT 1", "t", id),
                     out);
}

bool journal_get_case_of(struct journal *journal, int64_t message, struct case_row *out)
{
    return read_case(journal, journal_query(journal, CASE_SQL "m.id = ? AND m.decided_at > 0", "i", message), out);
}

void journal_each_cue(struct journal *journal, int64_t message, void (*each)(const struct case_cue *cue, void *context),
                      void *context)
{
    sqlite3_stmt *rows =
        journal_query(journal,
                      "SELECT rule, cue, urgency, lowered, field, count(*) FROM cue WHERE message = ?"
                      " GROUP BY rule, cue, urgency, lowered, field ORDER BY urgency DESC, min(number) LIMIT ?",
                      "ii", message, (int64_t)CASE_MAX_CUES);
    while (journal_next(journal, rows)) {
        struct case_cue cue = {.urgency = (enum urgency)sqlite3_column_int(rows, 2),
                               .field = (enum text_field)sqlite3_column_int(rows, 4),
                               .places = (uint32_t)sqlite3_column_int64(rows, 5)};
        journal_copy_text(cue.rule, sizeof cue.rule, rows, 0);
        journal_copy_text(cue.cue, sizeof cue.cue, rows, 1);
        journal_copy_text(cue.lowered, sizeof cue.lowered, rows, 3);
        each(&cue, context);
    }
    journal_done(rows);
}

void journal_each_event(struct journal *journal, const char *id,
                        void (*each)(const struct case_event *event, void *context), void *context)
{
    /* Of one moment, the order is that of the way of a message. */
    sqlite3_stmt *rows = journal_query(
        journal,
        "SELECT at, what, actor, detail FROM"
        " (SELECT listed_at AS at, 1 AS step, 'listed' AS what, '' AS actor, folder AS detail FROM message"
        "  WHERE case_id = ?1"
        " UNION ALL SELECT decided_at, 2, 'decided', '', route FROM message WHERE case_id = ?1 AND decided_at > 0"
        /* Once people have moved it, the destination is theirs: their own rows tell of it. */
        " UNION ALL SELECT ended_at, 4, 'moved', '', CASE WHEN EXISTS(SELECT 1 FROM audit WHERE subject = ?1"
        "  AND what IN ('taken-by', 'raised-by-staff', 'moved-by-staff')) THEN '' ELSE destination END FROM message"
        "  WHERE case_id = ?1 AND state = 3 AND destination_uid > 0"
        " UNION ALL SELECT ended_at, 4, 'taken', '', folder FROM message WHERE case_id = ?1 AND state = 4"
        " UNION ALL SELECT accepted_at, 5, 'paged', '', person || ' by ' || channel FROM outbox"
        "  WHERE alert = ?1 AND state = 1"
        " UNION ALL SELECT created_at, 3, 'page-waits', '', person || ' by ' || channel FROM outbox"
        "  WHERE alert = ?1 AND state = 0"
        " UNION ALL SELECT at, 6, what, actor, detail FROM audit WHERE subject = ?1)"
        " ORDER BY at, step, detail LIMIT ?2",
        "ti", id, (int64_t)CASE_MAX_EVENTS);
    while (journal_next(journal, rows)) {
        struct case_event event = {.at_ms = sqlite3_column_int64(rows, 0)};
        journal_copy_text(event.what, sizeof event.what, rows, 1);
        journal_copy_text(event.actor, sizeof event.actor, rows, 2);
        journal_copy_text(event.detail, sizeof event.detail, rows, 3);
        each(&event, context);
    }
    journal_done(rows);
}

bool journal_close_case(struct journal *journal, const char *id, const char *by, int64_t now_ms, bool *already)
{
    struct case_row row;
    bool was_acknowledged;
    *already = false;
    if (!journal_get_case(journal, id, &row))
        return false;
    *already = row.item.closed_ms != 0;
    if (*already)
        return true;
    journal_run(journal, "UPDATE message SET closed_at = ?, closed_by = ? WHERE case_id = ? AND closed_at = 0", "itt",
                now_ms, by, id);
    if (journal_acknowledge(journal, id, by, now_ms, &was_acknowledged))
        journal_close_alert(journal, id, now_ms);
    return true;
}
