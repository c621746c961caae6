/*
 * The digest: what waits for clinicians and since when, by mail and as a preview. It names cases, folders, cue families
 * and protocol cards; no subject, sender or word of a message. One row of the outbox for a person and a period, so that
 * it is sent once, whatever crashes; of missed periods only the last is made up for. Run by keep.
 */
#ifndef ATTUNE_DIGEST_H
#define ATTUNE_DIGEST_H

#include <attune/buf.h>
#include <attune/conf.h>
#include <attune/journal.h>
#include <attune/pack.h>

enum {
    DIGEST_MAX_ITEMS = 300, /* over 100 KB of HTML in any case */
    DIGEST_MAX_GROUPS = 200,
    DIGEST_MAX_NOTES = 24,
    DIGEST_NOTE_SIZE = 256,
    /* What is only to be reviewed may be read without anybody closing it: it is listed for a week, then counted. */
    DIGEST_REVIEW_MS = 7 * 24 * 3600 * 1000,
    DIGEST_COLUMNS = 72,
};

/* The parts of a digest, in their order; each is a heading. */
enum digest_part { DIGEST_NOW, DIGEST_SOON, DIGEST_REVIEW, DIGEST_IN_HAND, DIGEST_PART_COUNT };

struct digest_item {
    enum digest_part part;
    char case_id[CASE_ID_SIZE];
    char mailbox[64];
    char folder[JOURNAL_MAX_NAME];
    int64_t received_ms, deadline_ms, acknowledged_ms;
    char acknowledged_by[64];
    char cues[512];  /* titles, "; " between */
    char cards[256]; /* likewise */
    unsigned reasons;
};

/* How many of a part wait in a folder, shown or not. */
struct digest_group {
    enum digest_part part;
    char mailbox[64];
    char folder[JOURNAL_MAX_NAME];
    size_t count;
};

struct digest {
    int64_t now_ms;
    struct digest_item items[DIGEST_MAX_ITEMS]; /* in the order of the parts, then what is due first */
    size_t item_count;
    struct digest_group groups[DIGEST_MAX_GROUPS];
    size_t group_count;
    size_t totals[DIGEST_PART_COUNT];
    size_t overdue;                                 /* of all that are not in hand */
    size_t unscreened[REASON_COUNT];                /* mail that is not clinical, since the last digest */
    char notes[DIGEST_MAX_NOTES][DIGEST_NOTE_SIZE]; /* sentences about Attune itself */
    size_t note_count;
};

size_t digest_to_read(const struct digest *digest);
const char *digest_part_title(enum digest_part part);
/* The next lines that both forms share; each appends plain text. */
void digest_add_summary(const struct digest *digest, struct buf *out);
void digest_add_due(const struct digest *digest, const struct digest_item *item, struct buf *out);
bool digest_is_overdue(const struct digest *digest, const struct digest_item *item);
void digest_add_place(const struct digest *digest, const struct digest_item *item, struct buf *out);
void digest_add_reasons(unsigned reasons, struct buf *out);
/* How many of the group's messages are not among the first `shown` items. */
size_t digest_left_out(const struct digest *digest, const struct digest_group *group, size_t shown);
/* "2 h 5 min", "3 days" */
void digest_add_span(int64_t span_ms, struct buf *out);

/* The two forms with the first `shown` items; what is left out is counted by folder. */
void digest_write_text(const struct digest *digest, size_t shown, struct buf *out);
void digest_write_html(const struct digest *digest, size_t shown, struct buf *out);
void digest_write_title(const struct digest *digest, struct buf *out); /* "4 to read" */

/* When the person's last digest was due by now, by this machine's time zone; 0: nothing is scheduled. */
int64_t digest_last_due(const struct conf *conf, const char *person, int64_t now_ms);
/* Whether the person stands on the ladder of staff-safety pages: nobody else learns of those cases. */
bool digest_may_see_safety(const struct conf *conf, const char *person);

/* --- of the journal ---------------------------------------------------------------------------------------------- */

/* Fills items, groups, totals and unscreened. `pack` gives titles; NULL: ids stand for them. */
void journal_read_digest(struct journal *journal, const struct pack *pack, bool with_safety, int64_t since_ms,
                         struct digest *out);
/* Alarms that are on, as notes. */
void journal_note_alarms(struct journal *journal, struct digest *out);
void digest_add_note(struct digest *digest, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
