/* The journal's tables, version 1. Times are milliseconds since 1970 UTC; 0 means none. */
#include <attune/journal_sql.h>

const char journal_schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE folder(id INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, name TEXT NOT NULL, uidvalidity INTEGER NOT "
    "NULL,"
    "  last_uid INTEGER NOT NULL, listed_at INTEGER NOT NULL, UNIQUE(mailbox, name));"
    /* One row a UID ever listed. What names a person is an HMAC under the site's key (sender, thread, identity). */
    "CREATE TABLE message(id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox TEXT NOT NULL, folder TEXT NOT NULL,"
    "  uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
    "  next_at INTEGER NOT NULL DEFAULT 0, listed_at INTEGER NOT NULL, ended_at INTEGER NOT NULL DEFAULT 0,"
    "  received_at INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0, fingerprint BLOB, identity BLOB,"
    "  sender BLOB, thread BLOB, case_id TEXT, decided_at INTEGER NOT NULL DEFAULT 0, urgency INTEGER NOT NULL DEFAULT "
    "0,"
    "  queue INTEGER NOT NULL DEFAULT 0, route TEXT, deadline_at INTEGER NOT NULL DEFAULT 0, cards TEXT, language TEXT,"
    "  class INTEGER NOT NULL DEFAULT 0, reasons INTEGER NOT NULL DEFAULT 0, rules BLOB, destination TEXT,"
    "  destination_uidvalidity INTEGER NOT NULL DEFAULT 0, destination_uidnext INTEGER NOT NULL DEFAULT 0,"
    "  destination_uid INTEGER NOT NULL DEFAULT 0, closed_at INTEGER NOT NULL DEFAULT 0, closed_by TEXT,"
    "  UNIQUE(mailbox, folder, uidvalidity, uid));"
    /* Small whatever the history: only rows that still need something (LISTED, DECIDED, MOVING, FROZEN). */
    "CREATE INDEX message_open ON message(mailbox, state, id) WHERE state IN (0, 1, 2, 7);"
    "CREATE INDEX message_gone ON message(ended_at) WHERE state = 5;"
    "CREATE INDEX message_fingerprint ON message(fingerprint);"
    "CREATE INDEX message_case ON message(case_id);"
    "CREATE INDEX message_placed ON message(destination_uid, destination_uidvalidity) WHERE destination_uid > 0;"
    "CREATE INDEX message_urgency ON message(urgency, id) WHERE decided_at > 0;"
    "CREATE TABLE cue(message INTEGER NOT NULL, number INTEGER NOT NULL, rule TEXT NOT NULL, cue TEXT NOT NULL,"
    "  urgency INTEGER NOT NULL, lowered TEXT, field INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,"
    "  PRIMARY KEY(message, number)) WITHOUT ROWID;"
    "CREATE TABLE alert(id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT NOT NULL,"
    "  message INTEGER NOT NULL, urgency INTEGER NOT NULL, target INTEGER NOT NULL, opened_at INTEGER NOT NULL,"
    "  received_at INTEGER NOT NULL, deadline_at INTEGER NOT NULL, acknowledged_at INTEGER NOT NULL DEFAULT 0,"
    "  acknowledged_by TEXT, closed_at INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE INDEX alert_open ON alert(opened_at) WHERE acknowledged_at = 0 AND closed_at = 0;"
    /* One row a step of a ladder that still has to ring: each timer is a row, and overdue rows run at once on start. */
    "CREATE TABLE ladder(alert TEXT NOT NULL, step INTEGER NOT NULL, ring INTEGER NOT NULL, due_at INTEGER NOT NULL,"
    "  PRIMARY KEY(alert, step)) WITHOUT ROWID;"
    "CREATE INDEX ladder_due ON ladder(due_at);"
    /* kind 1 is a digest: alert is '', period its beginning. webhook_id is the id that its receiver sees, by mail too.
     */
    "CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL DEFAULT 0, alert TEXT NOT NULL,"
    "  period INTEGER NOT NULL DEFAULT 0, step INTEGER NOT NULL,"
    "  ring INTEGER NOT NULL, person TEXT NOT NULL, channel TEXT NOT NULL, webhook_id TEXT NOT NULL UNIQUE,"
    "  state INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL, first_sent_at INTEGER NOT NULL DEFAULT 0, accepted_at INTEGER NOT NULL DEFAULT 0,"
    "  last_status INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX outbox_due ON outbox(due_at) WHERE state = 0;"
    "CREATE INDEX outbox_alert ON outbox(alert);"
    "CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL,"
    "  what TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL);"
    "CREATE INDEX audit_subject ON audit(subject);";
