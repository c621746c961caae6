/* Mail that people moved, in the journal. Run by keep. */
#include <attune/clock.h>
#include <attune/journal_sql.h>

bool journal_is_placed(struct journal *journal, const char *mailbox, const char *folder, uint32_t uidvalidity,
                       uint32_t uid)
{
    return journal_number(
               journal, 0,
               "SELECT EXISTS(SELECT 1 FROM message WHERE destination_uid = ? AND destination_uidvalidity = ?"
               " AND mailbox = ? AND destination = ? AND destination_uid > 0)",
               "iitt", (int64_t)uid, (int64_t)uidvalidity, mailbox, folder) != 0;
}

void journal_list_arrival(struct journal *journal, const char *mailbox, const char *folder, uint32_t uidvalidity,
                          uint32_t uid)
{
    if (journal_is_placed(journal, mailbox, folder, uidvalidity, uid))
        return;
    journal_run(journal,
                "INSERT OR IGNORE INTO message(mailbox, folder, uidvalidity, uid, state, listed_at)"
                " VALUES(?, ?, ?, ?, 0, ?)",
                "ttiii", mailbox, folder, (int64_t)uidvalidity, (int64_t)uid, clock_wall_ms());
}

bool journal_find_known(struct journal *journal, const char *mailbox, const unsigned char fingerprint[HASH_SIZE],
                        int64_t id, struct message_row *out)
{
    int64_t known = journal_number(journal, 0,
                                   "SELECT id FROM message WHERE fingerprint = ? AND mailbox = ? AND id <> ?"
                                   " AND decided_at > 0 ORDER BY id DESC LIMIT 1",
                                   "hti", fingerprint, mailbox, id);
    return known && journal_get_message(journal, known, out);
}

void journal_forget_message(struct journal *journal, int64_t id)
{
    journal_run(journal, "DELETE FROM message WHERE id = ?", "i", id);
}

void journal_place_message(struct journal *journal, int64_t id, const char *folder, uint32_t uidvalidity, uint32_t uid)
{
    journal_run(journal,
                "UPDATE message SET state = 3, attempts = 0, next_at = 0, destination = ?, destination_uidvalidity = ?,"
                " destination_uid = ?, ended_at = CASE ended_at WHEN 0 THEN ? ELSE ended_at END WHERE id = ?",
                "tiiii", folder, (int64_t)uidvalidity, (int64_t)uid, clock_wall_ms(), id);
}

void journal_raise_message(struct journal *journal, int64_t id, enum urgency urgency, int64_t deadline_ms)
{
    journal_run(journal,
                "UPDATE message SET queue = 1, closed_at = 0, closed_by = NULL,"
                " deadline_at = CASE WHEN urgency < ?1 OR deadline_at = 0 THEN ?2 ELSE deadline_at END,"
                " urgency = max(urgency, ?1) WHERE id = ?3",
                "iii", (int64_t)urgency, deadline_ms, id);
}
