/*
 * How the journal's own files speak to SQLite: prepared statements kept by their text, arguments by a format, and one
 * place where a failed write is noticed. Used by daemon/keep/journal*.c alone.
 */
#ifndef ATTUNE_JOURNAL_SQL_H
#define ATTUNE_JOURNAL_SQL_H

#include <attune/journal.h>
#include <sqlite3.h>
#include <stdbool.h>

enum { JOURNAL_MAX_STATEMENTS = 96 };

struct journal_statement {
    const char *sql; /* the literal's address is the key */
    sqlite3_stmt *prepared;
};

struct journal {
    sqlite3 *database;
    char directory[4000];
    bool open_transaction;
    bool failed;   /* a write of this transaction failed: the rest is ignored, the commit reports it */
    bool memory;   /* the journal goes on in memory */
    bool damaged;  /* the file on disk is not to be written again before a person looked at it */
    bool reserved; /* the reserve file stands */
    struct journal_statement statements[JOURNAL_MAX_STATEMENTS];
    size_t statement_count;
};

/*
 * Arguments: i int64_t; t const char * (NULL binds NULL); h const unsigned char * of HASH_SIZE bytes (NULL binds NULL).
 * sql must be a literal.
 */

/* A write: opens the transaction when none is open. */
void journal_run(struct journal *journal, const char *sql, const char *format, ...);
/* A read: the statement bound and not yet stepped, or NULL. Ends with journal_done(). */
sqlite3_stmt *journal_query(struct journal *journal, const char *sql, const char *format, ...);
/* True while there is a row. A failure counts as the end and is logged. */
bool journal_next(struct journal *journal, sqlite3_stmt *statement);
void journal_done(sqlite3_stmt *statement);
/* The first column of the first row as a number, or `otherwise`. */
int64_t journal_number(struct journal *journal, int64_t otherwise, const char *sql, const char *format, ...);
/* Rows that the last write changed. */
size_t journal_changes(struct journal *journal);

void journal_copy_text(char *out, size_t size, sqlite3_stmt *statement, int column);

/* What journal_read_item() reads, of `message AS m LEFT JOIN alert AS a`; cues are read apart, into `out`. */
#define JOURNAL_ITEM_COLUMNS                                                                                           \
    "m.id, m.case_id, m.urgency, m.queue, m.mailbox, m.state, m.folder, m.uid, m.destination, m.destination_uid,"      \
    " m.received_at, m.decided_at, m.deadline_at, m.cards, m.reasons, m.language, m.class, a.acknowledged_at,"         \
    " a.acknowledged_by, m.closed_at, m.closed_by"
enum { JOURNAL_ITEM_COUNT = 21 };
void journal_read_item(sqlite3_stmt *row, struct queue_item *item);
/* The distinct cue families of a message, most urgent first. */
void journal_read_cues(struct journal *journal, int64_t message, char *out, size_t size);

/* The tables of schema 1. */
extern const char journal_schema[];

#endif
