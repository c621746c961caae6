/* What people ask of the journal: counts and the queues. Run by keep. */
#include <attune/buf.h>
#include <attune/clock.h>
#include <attune/journal_sql.h>
#include <stdio.h>
#include <string.h>

static void count_messages(struct journal *journal, struct journal_counts *out)
{
    sqlite3_stmt *rows =
        journal_query(journal, "SELECT state, urgency, count(*) FROM message GROUP BY state, urgency", "");
    while (journal_next(journal, rows)) {
        enum message_state state = (enum message_state)sqlite3_column_int(rows, 0);
        int urgency = sqlite3_column_int(rows, 1);
        size_t count = (size_t)sqlite3_column_int64(rows, 2);
        bool is_decided = state == MESSAGE_DECIDED || state == MESSAGE_MOVING || state == MESSAGE_PLACED ||
                          state == MESSAGE_TAKEN || state == MESSAGE_FROZEN;
        if (is_decided && urgency >= 0 && urgency <= URGENCY_NOW)
            out->by_urgency[urgency] += count;
        out->waiting += state == MESSAGE_LISTED ? count : 0;
        out->moving += state == MESSAGE_DECIDED || state == MESSAGE_MOVING || state == MESSAGE_FROZEN ? count : 0;
        out->gone += state == MESSAGE_GONE ? count : 0;
        out->taken += state == MESSAGE_TAKEN ? count : 0;
    }
    journal_done(rows);
}

void journal_count(struct journal *journal, struct journal_counts *out)
{
    *out = (struct journal_counts){0};
    count_messages(journal, out);
    out->alerts_open = (size_t)journal_number(journal, 0, "SELECT count(*) FROM alert WHERE closed_at = 0", "");
    out->alerts_unacknowledged = (size_t)journal_number(
        journal, 0, "SELECT count(*) FROM alert WHERE acknowledged_at = 0 AND closed_at = 0", "");
    out->oldest_alert_ms =
        journal_number(journal, 0, "SELECT min(opened_at) FROM alert WHERE acknowledged_at = 0 AND closed_at = 0", "");
    out->outbox_pending = (size_t)journal_number(journal, 0, "SELECT count(*) FROM outbox WHERE state = 0", "");
    out->outbox_failing =
        (size_t)journal_number(journal, 0, "SELECT count(*) FROM outbox WHERE state = 0 AND attempts > 0", "");
    out->oldest_outbox_ms = journal_number(journal, 0, "SELECT min(created_at) FROM outbox WHERE state = 0", "");
}

size_t journal_count_gone_since(struct journal *journal, int64_t since_ms)
{
    return (size_t)journal_number(journal, 0, "SELECT count(*) FROM message WHERE state = 5 AND ended_at >= ?", "i",
                                  since_ms);
}

void journal_read_cues(struct journal *journal, int64_t message, char *out, size_t size)
{
    out[0] = '\0';
    sqlite3_stmt *rows =
        journal_query(journal, "SELECT DISTINCT cue FROM cue WHERE message = ? ORDER BY number", "i", message);
    size_t length = 0;
    while (journal_next(journal, rows)) {
        char cue[96];
        journal_copy_text(cue, sizeof cue, rows, 0);
        int added = snprintf(out + length, size - length, "%s%s", length ? " " : "", cue);
        if (added < 0 || (size_t)added >= size - length) {
            out[length] = '\0';
            break;
        }
        length += (size_t)added;
    }
    journal_done(rows);
}

void journal_read_item(sqlite3_stmt *row, struct queue_item *item)
{
    *item = (struct queue_item){0};
    journal_copy_text(item->case_id, sizeof item->case_id, row, 1);
    item->urgency = (enum urgency)sqlite3_column_int(row, 2);
    item->queue = (enum queue)sqlite3_column_int(row, 3);
    journal_copy_text(item->mailbox, sizeof item->mailbox, row, 4);
    item->state = (enum message_state)sqlite3_column_int(row, 5);
    bool was_moved = item->state == MESSAGE_PLACED && sqlite3_column_type(row, 8) != SQLITE_NULL;
    journal_copy_text(item->folder, sizeof item->folder, row, was_moved ? 8 : 6);
    item->uid = (uint32_t)sqlite3_column_int64(row, was_moved ? 9 : 7);
    item->received_ms = sqlite3_column_int64(row, 10);
    item->decided_ms = sqlite3_column_int64(row, 11);
    item->deadline_ms = sqlite3_column_int64(row, 12);
    journal_copy_text(item->cards, sizeof item->cards, row, 13);
    item->reasons = (unsigned)sqlite3_column_int64(row, 14);
    journal_copy_text(item->language, sizeof item->language, row, 15);
    item->class = (enum mail_class)sqlite3_column_int(row, 16);
    item->acknowledged_ms = sqlite3_column_int64(row, 17);
    journal_copy_text(item->acknowledged_by, sizeof item->acknowledged_by, row, 18);
    item->closed_ms = sqlite3_column_int64(row, 19);
    journal_copy_text(item->closed_by, sizeof item->closed_by, row, 20);
}

static void each_item(struct journal *journal, int queue, bool with_closed,
                      void (*each)(const struct queue_item *item, void *context), void *context)
{
    sqlite3_stmt *rows =
        journal_query(journal,
                      "SELECT " JOURNAL_ITEM_COLUMNS " FROM (SELECT * FROM message WHERE decided_at > 0"
                      " AND (?1 < 0 OR queue = ?1) AND (?3 OR closed_at = 0) ORDER BY urgency DESC, id DESC LIMIT ?2)"
                      " AS m LEFT JOIN alert AS a ON a.id = m.case_id ORDER BY m.urgency DESC, m.id",
                      "iii", (int64_t)queue, (int64_t)QUEUE_MAX_ITEMS, (int64_t)with_closed);
    while (journal_next(journal, rows)) {
        struct queue_item item;
        journal_read_item(rows, &item);
        journal_read_cues(journal, sqlite3_column_int64(rows, 0), item.cues, sizeof item.cues);
        each(&item, context);
    }
    journal_done(rows);
}

void journal_each_queued(struct journal *journal, int queue, void (*each)(const struct queue_item *item, void *context),
                         void *context)
{
    each_item(journal, queue, false, each, context);
}

void journal_each_decided(struct journal *journal, int queue,
                          void (*each)(const struct queue_item *item, void *context), void *context)
{
    each_item(journal, queue, true, each, context);
}
