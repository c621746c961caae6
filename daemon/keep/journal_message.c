/* Folders and messages in the journal: what was listed, decided and moved. Run by keep. */
#include <attune/buf.h>
#include <attune/clock.h>
#include <attune/journal_sql.h>
#include <stdlib.h>
#include <string.h>

const char *message_state_name(enum message_state state)
{
    static const char *const names[MESSAGE_STATE_COUNT] = {"listed", "decided",     "moving",     "placed",
                                                           "taken",  "unread-gone", "superseded", "frozen"};
    return (unsigned)state < MESSAGE_STATE_COUNT ? names[state] : "unknown";
}

/* --- folders ------------------------------------------------------------------------------------------------------ */

bool journal_get_folder(struct journal *journal, const char *mailbox, const char *folder, uint32_t *uidvalidity,
                        uint32_t *last_uid)
{
    sqlite3_stmt *row = journal_query(
        journal, "SELECT uidvalidity, last_uid FROM folder WHERE mailbox = ? AND name = ?", "tt", mailbox, folder);
    bool found = journal_next(journal, row);
    *uidvalidity = found ? (uint32_t)sqlite3_column_int64(row, 0) : 0;
    *last_uid = found ? (uint32_t)sqlite3_column_int64(row, 1) : 0;
    journal_done(row);
    return found;
}

void journal_set_folder(struct journal *journal, const char *mailbox, const char *folder, uint32_t uidvalidity,
                        uint32_t last_uid)
{
    journal_run(journal,
                "INSERT INTO folder(mailbox, name, uidvalidity, last_uid, listed_at) VALUES(?, ?, ?, ?, ?)"
                " ON CONFLICT(mailbox, name) DO UPDATE SET uidvalidity = excluded.uidvalidity,"
                " last_uid = excluded.last_uid, listed_at = excluded.listed_at",
                "ttiii", mailbox, folder, (int64_t)uidvalidity, (int64_t)last_uid, clock_wall_ms());
}

/* --- listings ----------------------------------------------------------------------------------------------------- */

struct listing {
    struct journal *journal;
    const char *mailbox;
    const char *folder;
    uint32_t uidvalidity;
    int64_t now_ms;
    size_t fresh;
    int64_t *gone; /* ids of rows that vanished; written after the read has ended */
    size_t gone_count, gone_room;
};

static void list_one(struct listing *listing, uint32_t uid)
{
    journal_run(listing->journal,
                "INSERT OR IGNORE INTO message(mailbox, folder, uidvalidity, uid, state, listed_at)"
                " VALUES(?, ?, ?, ?, 0, ?)",
                "ttiii", listing->mailbox, listing->folder, (int64_t)listing->uidvalidity, (int64_t)uid,
                listing->now_ms);
    listing->fresh += journal_changes(listing->journal);
}

static void note_gone(struct listing *listing, int64_t id)
{
    if (listing->gone_count == listing->gone_room) {
        size_t room = listing->gone_room ? listing->gone_room * 2 : 64;
        int64_t *larger = realloc(listing->gone, room * sizeof *larger);
        if (!larger)
            return; /* the next reconcile finds it again */
        listing->gone = larger;
        listing->gone_room = room;
    }
    listing->gone[listing->gone_count++] = id;
}

static void end_gone(struct listing *listing)
{
    for (size_t i = 0; i < listing->gone_count; i++)
        journal_set_state(listing->journal, listing->gone[i], MESSAGE_GONE);
    free(listing->gone);
}

/* Marks in `known` which of the listed UIDs have a row, and collects the LISTED rows that were not listed. */
static void compare_listing(struct listing *listing, uint32_t from, uint32_t to, const uint32_t *uids, size_t count,
                            bool *known)
{
    sqlite3_stmt *rows = journal_query(listing->journal,
                                       "SELECT uid, state, id FROM message WHERE mailbox = ? AND folder = ?"
                                       " AND uidvalidity = ? AND uid BETWEEN ? AND ? ORDER BY uid",
                                       "ttiii", listing->mailbox, listing->folder, (int64_t)listing->uidvalidity,
                                       (int64_t)from, (int64_t)to);
    size_t at = 0;
    while (journal_next(listing->journal, rows)) {
        uint32_t uid = (uint32_t)sqlite3_column_int64(rows, 0);
        while (at < count && uids[at] < uid)
            at++;
        if (at < count && uids[at] == uid)
            known[at] = true;
        else if (sqlite3_column_int64(rows, 1) == MESSAGE_LISTED)
            note_gone(listing, sqlite3_column_int64(rows, 2));
    }
    journal_done(rows);
}

size_t journal_take_listing(struct journal *journal, const char *mailbox, const char *folder, uint32_t uidvalidity,
                            uint32_t from, uint32_t to, const uint32_t *uids, size_t count, size_t *fresh)
{
    struct listing listing = {.journal = journal,
                              .mailbox = mailbox,
                              .folder = folder,
                              .uidvalidity = uidvalidity,
                              .now_ms = clock_wall_ms()};
    bool *known = calloc(count ? count : 1, sizeof *known);
    if (known)
        compare_listing(&listing, from, to, uids, count, known);
    for (size_t i = 0; i < count; i++)
        if (!known || !known[i])
            list_one(&listing, uids[i]);
    free(known);
    end_gone(&listing);
    *fresh = listing.fresh;
    return listing.gone_count;
}

/* --- UIDVALIDITY ---------------------------------------------------------------------------------------------------
 */

void journal_freeze_folder(struct journal *journal, const char *mailbox, const char *folder, uint32_t uidvalidity)
{
    journal_run(journal,
                "UPDATE message SET state = CASE state WHEN 0 THEN 6 ELSE 7 END, ended_at = ?"
                " WHERE mailbox = ? AND folder = ? AND uidvalidity <> ? AND state IN (0, 1)",
                "itti", clock_wall_ms(), mailbox, folder, (int64_t)uidvalidity);
    journal_set_folder(journal, mailbox, folder, uidvalidity, 0);
}

bool journal_relink(struct journal *journal, int64_t id, const unsigned char fingerprint[HASH_SIZE])
{
    struct message_row fresh;
    if (!journal_get_message(journal, id, &fresh))
        return false;
    int64_t older = journal_number(
        journal, 0,
        "SELECT id FROM message INDEXED BY message_fingerprint WHERE fingerprint = ? AND mailbox = ? AND folder = ?"
        " AND uidvalidity <> ? AND state IN (3, 7) ORDER BY state DESC, id LIMIT 1",
        "htti", fingerprint, fresh.mailbox, fresh.folder, (int64_t)fresh.uidvalidity);
    if (!older)
        return false;
    journal_run(journal, "DELETE FROM message WHERE id = ?", "i", id);
    journal_run(journal,
                "UPDATE message SET uidvalidity = ?, uid = ?, attempts = 0, next_at = 0,"
                " state = CASE state WHEN 7 THEN 1 ELSE state END WHERE id = ?",
                "iii", (int64_t)fresh.uidvalidity, (int64_t)fresh.uid, older);
    return true;
}

size_t journal_end_frozen(struct journal *journal, const char *mailbox, const char *folder)
{
    if (journal_number(journal, 1,
                       "SELECT count(*) FROM message INDEXED BY message_open WHERE state IN (0, 1, 2, 7) AND mailbox = "
                       "? AND folder = ? AND state = 0",
                       "tt", mailbox, folder))
        return 0;
    if (!journal_number(journal, 0,
                        "SELECT count(*) FROM message INDEXED BY message_open WHERE state IN (0, 1, 2, 7) AND mailbox "
                        "= ? AND state = 7 AND folder = ?",
                        "tt", mailbox, folder))
        return 0;
    journal_run(journal, "UPDATE message SET state = 4, ended_at = ? WHERE mailbox = ? AND folder = ? AND state = 7",
                "itt", clock_wall_ms(), mailbox, folder);
    return journal_changes(journal);
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

#define MESSAGE_COLUMNS                                                                                                \
    "id, mailbox, folder, uidvalidity, uid, state, attempts, fingerprint, size, urgency, destination,"                 \
    " destination_uidvalidity, destination_uidnext"

static void read_message(sqlite3_stmt *from, struct message_row *row)
{
    *row = (struct message_row){0};
    row->id = sqlite3_column_int64(from, 0);
    journal_copy_text(row->mailbox, sizeof row->mailbox, from, 1);
    journal_copy_text(row->folder, sizeof row->folder, from, 2);
    row->uidvalidity = (uint32_t)sqlite3_column_int64(from, 3);
    row->uid = (uint32_t)sqlite3_column_int64(from, 4);
    row->state = (enum message_state)sqlite3_column_int(from, 5);
    row->attempts = (uint32_t)sqlite3_column_int64(from, 6);
    row->has_fingerprint = sqlite3_column_bytes(from, 7) == HASH_SIZE;
    if (row->has_fingerprint)
        memcpy(row->fingerprint, sqlite3_column_blob(from, 7), HASH_SIZE);
    row->size = (uint32_t)sqlite3_column_int64(from, 8);
    row->urgency = (enum urgency)sqlite3_column_int(from, 9);
    journal_copy_text(row->destination, sizeof row->destination, from, 10);
    row->destination_uidvalidity = (uint32_t)sqlite3_column_int64(from, 11);
    row->destination_uidnext = (uint32_t)sqlite3_column_int64(from, 12);
}

size_t journal_find_messages(struct journal *journal, const char *mailbox, enum message_state state, int64_t after,
                             int64_t now_ms, struct message_row *rows, size_t maximum)
{
    /* The state stands as a literal in the text, so that SQLite can use the index of open messages. */
    static const char *const sql[] = {
        "SELECT " MESSAGE_COLUMNS " FROM message INDEXED BY message_open WHERE state IN (0, 1, 2, 7) AND mailbox = ? "
        "AND state = 0 AND id > ? AND next_at <= ?"
        " ORDER BY id LIMIT ?",
        "SELECT " MESSAGE_COLUMNS " FROM message INDEXED BY message_open WHERE state IN (0, 1, 2, 7) AND mailbox = ? "
        "AND state = 1 AND id > ? AND next_at <= ?"
        " ORDER BY id LIMIT ?",
        "SELECT " MESSAGE_COLUMNS " FROM message INDEXED BY message_open WHERE state IN (0, 1, 2, 7) AND mailbox = ? "
        "AND state = 2 AND id > ? AND next_at <= ?"
        " ORDER BY id LIMIT ?",
    };
    if (state > MESSAGE_MOVING)
        bug("only open states are looked for");
    sqlite3_stmt *found = journal_query(journal, sql[state], "tiii", mailbox, after, now_ms, (int64_t)maximum);
    size_t count = 0;
    while (count < maximum && journal_next(journal, found))
        read_message(found, &rows[count++]);
    journal_done(found);
    return count;
}

bool journal_get_message(struct journal *journal, int64_t id, struct message_row *row)
{
    sqlite3_stmt *found = journal_query(journal, "SELECT " MESSAGE_COLUMNS " FROM message WHERE id = ?", "i", id);
    bool here = journal_next(journal, found);
    if (here)
        read_message(found, row);
    journal_done(found);
    return here;
}

void journal_set_state(struct journal *journal, int64_t id, enum message_state state)
{
    journal_run(journal, "UPDATE message SET state = ?, attempts = 0, next_at = 0, ended_at = ? WHERE id = ?", "iii",
                (int64_t)state, state >= MESSAGE_PLACED ? clock_wall_ms() : (int64_t)0, id);
}

void journal_retry_message(struct journal *journal, int64_t id, int64_t next_at_ms)
{
    journal_run(journal, "UPDATE message SET attempts = attempts + 1, next_at = ? WHERE id = ?", "ii", next_at_ms, id);
}

void journal_begin_move(struct journal *journal, int64_t id, const char *destination, uint32_t uidvalidity,
                        uint32_t uidnext)
{
    journal_run(journal,
                "UPDATE message SET state = 2, destination = ?, destination_uidvalidity = ?, destination_uidnext = ?"
                " WHERE id = ?",
                "tiii", destination, (int64_t)uidvalidity, (int64_t)uidnext, id);
}

void journal_end_move(struct journal *journal, int64_t id, uint32_t uidvalidity, uint32_t uid)
{
    journal_run(
        journal,
        "UPDATE message SET state = 3, destination_uidvalidity = ?, destination_uid = ?, attempts = 0, next_at = 0,"
        " ended_at = ? WHERE id = ?",
        "iiii", (int64_t)uidvalidity, (int64_t)uid, clock_wall_ms(), id);
}

bool journal_has_due(struct journal *journal, const char *mailbox, int64_t by_ms)
{
    return journal_number(journal, 0,
                          "SELECT EXISTS(SELECT 1 FROM message INDEXED BY message_open WHERE state IN (0, 1, 2, 7) AND "
                          "mailbox = ? AND state IN (0, 1, 2) AND next_at <= ?)",
                          "ti", mailbox, by_ms) != 0;
}

size_t journal_count_waiting(struct journal *journal, const char *mailbox)
{
    return (size_t)journal_number(
        journal, 0, "SELECT count(*) FROM message WHERE mailbox = ? AND state IN (0, 1, 2, 7)", "t", mailbox);
}

/* --- decisions ---------------------------------------------------------------------------------------------------- */

static void write_cues(struct journal *journal, const struct decided *decided)
{
    const struct verdict *verdict = decided->verdict;
    journal_run(journal, "DELETE FROM cue WHERE message = ?", "i", decided->id);
    for (size_t i = 0; i < verdict->hit_count; i++) {
        const struct hit *hit = &verdict->hits[i];
        const struct rule *rule = pack_rule(decided->pack, hit->rule);
        journal_run(journal,
                    "INSERT INTO cue(message, number, rule, cue, urgency, lowered, field, start, end)"
                    " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    "iittitiii", decided->id, (int64_t)i, rule->id, pack_cue(decided->pack, rule->cue)->id,
                    (int64_t)rule->urgency, lowering_name((enum lowering)hit->lowered), (int64_t)hit->field,
                    (int64_t)hit->start, (int64_t)hit->end);
    }
}

void journal_decide(struct journal *journal, const struct decided *decided)
{
    const struct decision *decision = decided->decision;
    struct buf cards;
    buf_init(&cards, 4096);
    for (size_t i = 0; i < decision->card_count; i++)
        buf_addf(&cards, "%s%s", i ? " " : "", decision->cards[i]);
    bool moves = decided->destination != NULL;
    int64_t deadline =
        decision->route->deadline_s ? decided->now_ms + (int64_t)decision->route->deadline_s * 1000 : (int64_t)0;
    journal_run(journal,
                "UPDATE message SET state = ?, attempts = 0, next_at = 0, ended_at = ?, received_at = ?, size = ?,"
                " fingerprint = ?, identity = ?, sender = ?, thread = ?, case_id = ?, decided_at = ?, urgency = ?,"
                " queue = ?, route = ?, deadline_at = ?, cards = ?, language = ?, class = ?, reasons = ?, rules = ?,"
                " destination = ? WHERE id = ?",
                "iiiihhhhtiiitittiihti", (int64_t)(moves ? MESSAGE_DECIDED : MESSAGE_PLACED),
                moves ? (int64_t)0 : decided->now_ms, decided->internal_ms, (int64_t)decided->size,
                decided->fingerprint, decided->identity, decided->sender, decided->thread, decided->case_id,
                decided->now_ms, (int64_t)decision->urgency, (int64_t)decision->route->queue, decision->route->id,
                deadline, buf_text(&cards), decided->verdict->language, (int64_t)decided->verdict->class,
                (int64_t)decided->verdict->reasons, decided->rules, decided->destination, decided->id);
    write_cues(journal, decided);
    buf_free(&cards);
}
