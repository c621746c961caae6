/* What the digest asks of the journal. Run by keep. */
#include <attune/buf.h>
#include <attune/clock.h>
#include <attune/digest.h>
#include <attune/journal_sql.h>
#include <stdio.h>
#include <string.h>

/* What waits: decided for the clinical queue, not taken by a person (4), not gone or listed again (5, 6), not closed.
 * ?1: review since, ?2: with staff-safety. The part is that of enum digest_part. */
#define WAITING                                                                                                        \
    " FROM (SELECT m.*, CASE WHEN coalesce(a.acknowledged_at, 0) > 0 THEN 3 WHEN m.urgency = 4 THEN 0"                 \
    " WHEN m.urgency = 3 THEN 1 ELSE 2 END AS part, CASE WHEN m.state = 3 AND m.destination IS NOT NULL"               \
    " THEN m.destination ELSE m.folder END AS place, a.acknowledged_at, a.acknowledged_by, a.target"                   \
    " FROM message AS m LEFT JOIN alert AS a ON a.id = m.case_id"                                                      \
    " WHERE m.decided_at > 0 AND m.queue = 1 AND m.state NOT IN (4, 5, 6) AND m.closed_at = 0 AND "                    \
    "coalesce(a.closed_at, 0) = 0"                                                                                     \
    " AND (a.id IS NOT NULL OR m.decided_at >= ?1) AND (?2 OR coalesce(a.target, 0) <> 2))"

_Static_assert(URGENCY_NOW == 4 && URGENCY_SOON == 3 && QUEUE_CLINICAL == 1 && MESSAGE_PLACED == 3 &&
                   MESSAGE_TAKEN == 4 && MESSAGE_GONE == 5 && MESSAGE_SUPERSEDED == 6 && PAGE_SAFETY == 2,
               "the numbers in the statement above");

/* --- titles ------------------------------------------------------------------------------------------------------ */

static bool append(char *out, size_t size, struct str text)
{
    size_t length = strlen(out);
    const char *between = length ? "; " : "";
    if (length + strlen(between) + text.length >= size)
        return false;
    snprintf(out + length, size - length, "%s%.*s", between, (int)text.length, text.data);
    return true;
}

static void add_cue_title(const struct pack *pack, const char *id, char *out, size_t size)
{
    uint32_t index;
    const char *title = id;
    if (pack && pack_find_cue(pack, id, &index))
        title = pack_cue(pack, index)->title;
    append(out, size, str_of(title));
}

/* A card's first line is its title. */
static void add_card_title(const struct pack *pack, const char *name, char *out, size_t size)
{
    const char *card = pack ? pack_card(pack, name) : NULL;
    struct str rest = str_of(card), line;
    if (!card || !str_next_line(&rest, &line) || str_trim(line).length == 0)
        line = str_of(name);
    append(out, size, str_trim(line));
}

static void read_cues(struct journal *journal, const struct pack *pack, int64_t message, struct digest_item *item)
{
    sqlite3_stmt *rows = journal_query(
        journal, "SELECT cue FROM cue WHERE message = ? GROUP BY cue ORDER BY max(urgency) DESC, min(number)", "i",
        message);
    while (journal_next(journal, rows)) {
        char cue[96];
        journal_copy_text(cue, sizeof cue, rows, 0);
        add_cue_title(pack, cue, item->cues, sizeof item->cues);
    }
    journal_done(rows);
}

static void read_cards(const struct pack *pack, const char *names, struct digest_item *item)
{
    while (*names) {
        char name[96];
        size_t length = strcspn(names, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        add_card_title(pack, name, item->cards, sizeof item->cards);
        names += length + (names[length] == ' ');
    }
}

/* --- rows -------------------------------------------------------------------------------------------------------- */

static void read_item(struct journal *journal, const struct pack *pack, sqlite3_stmt *row, struct digest_item *item)
{
    char cards[1024];
    *item = (struct digest_item){.part = (enum digest_part)sqlite3_column_int(row, 1)};
    journal_copy_text(item->case_id, sizeof item->case_id, row, 2);
    journal_copy_text(item->mailbox, sizeof item->mailbox, row, 3);
    journal_copy_text(item->folder, sizeof item->folder, row, 4);
    item->received_ms = sqlite3_column_int64(row, 5);
    item->deadline_ms = sqlite3_column_int64(row, 6);
    item->acknowledged_ms = sqlite3_column_int64(row, 7);
    journal_copy_text(item->acknowledged_by, sizeof item->acknowledged_by, row, 8);
    journal_copy_text(cards, sizeof cards, row, 9);
    item->reasons = (unsigned)sqlite3_column_int64(row, 10);
    read_cards(pack, cards, item);
    read_cues(journal, pack, sqlite3_column_int64(row, 0), item);
}

static void read_items(struct journal *journal, const struct pack *pack, int64_t review_since, int64_t with_safety,
                       struct digest *out)
{
    sqlite3_stmt *rows = journal_query(
        journal,
        "SELECT id, part, case_id, mailbox, place, CASE received_at WHEN 0 THEN decided_at ELSE received_at END,"
        " deadline_at, coalesce(acknowledged_at, 0), acknowledged_by, cards, reasons" WAITING
        " ORDER BY part, CASE deadline_at WHEN 0 THEN 1 ELSE 0 END, deadline_at, decided_at, id LIMIT ?3",
        "iii", review_since, with_safety, (int64_t)DIGEST_MAX_ITEMS);
    while (out->item_count < DIGEST_MAX_ITEMS && journal_next(journal, rows))
        read_item(journal, pack, rows, &out->items[out->item_count++]);
    journal_done(rows);
}

static void read_groups(struct journal *journal, int64_t review_since, int64_t with_safety, struct digest *out)
{
    sqlite3_stmt *rows = journal_query(
        journal,
        "SELECT part, mailbox, place, count(*), sum(part <> 3 AND deadline_at > 0 AND deadline_at < ?3)" WAITING
        " GROUP BY part, mailbox, place ORDER BY part, mailbox, place",
        "iii", review_since, with_safety, out->now_ms);
    while (journal_next(journal, rows)) {
        struct digest_group group = {.part = (enum digest_part)sqlite3_column_int(rows, 0),
                                     .count = (size_t)sqlite3_column_int64(rows, 3)};
        out->totals[group.part] += group.count;
        out->overdue += (size_t)sqlite3_column_int64(rows, 4);
        journal_copy_text(group.mailbox, sizeof group.mailbox, rows, 1);
        journal_copy_text(group.folder, sizeof group.folder, rows, 2);
        if (out->group_count < DIGEST_MAX_GROUPS)
            out->groups[out->group_count++] = group;
    }
    journal_done(rows);
}

static void read_unscreened(struct journal *journal, int64_t since_ms, struct digest *out)
{
    sqlite3_stmt *rows = journal_query(
        journal,
        "SELECT reasons, count(*) FROM message WHERE urgency < 2 AND decided_at >= ? AND reasons > 0 GROUP BY reasons",
        "i", since_ms);
    while (journal_next(journal, rows))
        for (unsigned i = 0; i < REASON_COUNT; i++)
            if ((unsigned)sqlite3_column_int64(rows, 0) & 1u << i)
                out->unscreened[i] += (size_t)sqlite3_column_int64(rows, 1);
    journal_done(rows);
}

static void note_older_reviews(struct journal *journal, int64_t review_since, struct digest *out)
{
    int64_t count = journal_number(journal, 0,
                                   "SELECT count(*) FROM message AS m LEFT JOIN alert AS a ON a.id = m.case_id"
                                   " WHERE m.decided_at > 0 AND m.decided_at < ?1 AND m.queue = 1 AND m.state NOT IN"
                                   " (4, 5, 6) AND m.closed_at = 0 AND a.id IS NULL",
                                   "i", review_since);
    if (count)
        digest_add_note(out,
                        "%lld message(s) to review came more than 7 days ago and are not listed here; look in "
                        "the review folders.",
                        (long long)count);
}

void journal_read_digest(struct journal *journal, const struct pack *pack, bool with_safety, int64_t since_ms,
                         struct digest *out)
{
    int64_t review_since = out->now_ms - DIGEST_REVIEW_MS;
    read_items(journal, pack, review_since, with_safety, out);
    read_groups(journal, review_since, with_safety, out);
    read_unscreened(journal, since_ms, out);
    note_older_reviews(journal, review_since, out);
    int64_t gone = (int64_t)journal_count_gone_since(journal, since_ms);
    if (gone)
        digest_add_note(out, "%lld mail(s) vanished from their folder before they could be read.", (long long)gone);
}

void journal_note_alarms(struct journal *journal, struct digest *out)
{
    sqlite3_stmt *rows = journal_query(
        journal,
        "SELECT reason, subject, opened_at FROM alert WHERE kind = 'alarm' AND closed_at = 0 ORDER BY opened_at", "");
    while (journal_next(journal, rows)) {
        char reason[64], subject[96], since[CLOCK_LOCAL_SIZE];
        journal_copy_text(reason, sizeof reason, rows, 0);
        journal_copy_text(subject, sizeof subject, rows, 1);
        clock_format_local(sqlite3_column_int64(rows, 2), since);
        digest_add_note(out, "Alarm since %s: %s (%s).", since, reason, subject);
    }
    journal_done(rows);
}
