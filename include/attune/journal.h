/*
 * The journal: what was seen, decided, moved and told. SQLite in WAL mode with synchronous=FULL; keep is its only
 * writer. It holds pointers and decisions, keyed pseudonyms and hashes: no body, no subject, no address, no Message-ID.
 *
 * Writes gather in one transaction that journal_commit() makes durable; nothing may be sent, moved or answered on the
 * strength of a write before its commit succeeded. When a write fails, the rest of the transaction is ignored and the
 * commit reports it: keep then restarts its work from what the journal holds, as after a crash.
 *
 * When the disk takes nothing more even after the reserve was freed, the journal goes on in memory
 * (journal_is_volatile): the same rows, the same ids, so pages go on; nothing is moved meanwhile; journal_try_disk()
 * brings the rows back.
 */
#ifndef ATTUNE_JOURNAL_H
#define ATTUNE_JOURNAL_H

#include <attune/decide.h>
#include <attune/err.h>
#include <attune/frames.h>
#include <attune/hash.h>
#include <attune/verdict.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    JOURNAL_SCHEMA = 1,                 /* PRAGMA user_version */
    JOURNAL_RESERVE = 16 * 1024 * 1024, /* bytes set aside for the day the disk is full */
    JOURNAL_MAX_NAME = 512,             /* bytes of a mailbox or folder name with its NUL */
};

/* A message's way. The numbers stand in the journal. */
enum message_state {
    MESSAGE_LISTED = 0,     /* waits to be read and decided */
    MESSAGE_DECIDED = 1,    /* decided; waits to be moved */
    MESSAGE_MOVING = 2,     /* the intent to move is durable; the outcome is not known yet */
    MESSAGE_PLACED = 3,     /* where it belongs; final */
    MESSAGE_TAKEN = 4,      /* a person moved or deleted it after the decision; final */
    MESSAGE_GONE = 5,       /* vanished before it was read ("unread-gone"); final, counted */
    MESSAGE_SUPERSEDED = 6, /* an undecided row of a UIDVALIDITY that ended; listed again under the new one */
    MESSAGE_FROZEN = 7,     /* decided, but its UIDVALIDITY ended: waits to be found again by fingerprint */
    MESSAGE_STATE_COUNT
};
const char *message_state_name(enum message_state state);

struct journal;

struct message_row {
    int64_t id;
    char mailbox[64];
    char folder[JOURNAL_MAX_NAME];
    uint32_t uidvalidity;
    uint32_t uid;
    enum message_state state;
    uint32_t attempts;
    bool has_fingerprint;
    unsigned char fingerprint[HASH_SIZE];
    uint32_t size;
    enum urgency urgency;
    char destination[JOURNAL_MAX_NAME];
    uint32_t destination_uidvalidity;
    uint32_t destination_uidnext;
};

/* Opens `directory`/journal.db, making or checking it and the reserve. ERR_INPUT with a finding for a network file
 * system, a damaged file or a newer schema; ERR_SYSTEM otherwise. The caller OWNS *out. */
enum err journal_open(const char *directory, struct journal **out, struct diag *diag);
/* For looking only, beside a daemon or without one: nothing is made, checked or written. ERR_ABSENT when there is no journal
 * that this user may read. */
enum err journal_open_reader(const char *directory, struct journal **out);
void journal_close(struct journal **journal);

/* Ends the transaction, if one is open. ERR_SYSTEM: nothing since the last commit is durable, and the journal has
 * already freed the reserve or gone to memory; the caller restarts its work. */
enum err journal_commit(struct journal *journal);
bool journal_has_changes(const struct journal *journal);
bool journal_is_volatile(const struct journal *journal);
/* The reserve was freed and could not be made again: writing works, but the disk is as good as full. */
bool journal_is_short_of_space(const struct journal *journal);
/* In memory: tries to bring the rows to the disk; short of space: tries to make the reserve again. True when whole
 * again. */
bool journal_try_disk(struct journal *journal);

/* --- meta ------------------------------------------------------------------------------------------------------- */

/* Copies the value into out (cut at size), "" when there is none. */
void journal_get_meta(struct journal *journal, const char *key, char *out, size_t size);
void journal_set_meta(struct journal *journal, const char *key, const char *value);
void journal_audit(struct journal *journal, const char *actor, const char *what, const char *subject,
                   const char *detail);

/* --- folders and messages ------------------------------------------------------------------------------------------
 */

/* False when the folder was never seen. */
bool journal_get_folder(struct journal *journal, const char *mailbox, const char *folder, uint32_t *uidvalidity,
                        uint32_t *last_uid);
void journal_set_folder(struct journal *journal, const char *mailbox, const char *folder, uint32_t uidvalidity,
                        uint32_t last_uid);
/* Takes over a listing of all UIDs of [from, to]: new ones become LISTED; LISTED ones that are not in it become GONE.
 * Returns how many became GONE; *fresh counts the new. uids ascend. */
size_t journal_take_listing(struct journal *journal, const char *mailbox, const char *folder, uint32_t uidvalidity,
                            uint32_t from, uint32_t to, const uint32_t *uids, size_t count, size_t *fresh);
/* UIDVALIDITY changed: LISTED rows of other values become SUPERSEDED, DECIDED ones FROZEN. MOVING ones are resolved in
 * their destination. */
void journal_freeze_folder(struct journal *journal, const char *mailbox, const char *folder, uint32_t uidvalidity);
/* A FROZEN or PLACED row of an earlier UIDVALIDITY of that folder with this fingerprint: gives it the place of row `id`
 * (which ends) and, when it was FROZEN, makes it DECIDED again. True when there was one. */
bool journal_relink(struct journal *journal, int64_t id, const unsigned char fingerprint[HASH_SIZE]);
/* Ends what is still FROZEN in a folder where nothing is LISTED any more: a person took it. Returns how many. */
size_t journal_end_frozen(struct journal *journal, const char *mailbox, const char *folder);

/* Rows of a mailbox in `state` with id > after and due by now, ascending; fills up to `maximum` rows. */
size_t journal_find_messages(struct journal *journal, const char *mailbox, enum message_state state, int64_t after,
                             int64_t now_ms, struct message_row *rows, size_t maximum);
bool journal_get_message(struct journal *journal, int64_t id, struct message_row *row);
void journal_set_state(struct journal *journal, int64_t id, enum message_state state);
/* Counts a failed try and sets when the next is due. */
void journal_retry_message(struct journal *journal, int64_t id, int64_t next_at_ms);
void journal_begin_move(struct journal *journal, int64_t id, const char *destination, uint32_t uidvalidity,
                        uint32_t uidnext);
void journal_end_move(struct journal *journal, int64_t id, uint32_t uidvalidity, uint32_t uid);
/* Whether the mailbox has a LISTED, DECIDED or MOVING row due by then. */
bool journal_has_due(struct journal *journal, const char *mailbox, int64_t by_ms);
/* Rows of a mailbox that are LISTED, DECIDED, MOVING or FROZEN. */
size_t journal_count_waiting(struct journal *journal, const char *mailbox);

struct decided {
    int64_t id;
    const unsigned char *fingerprint; /* NULL when the message could not be had */
    uint32_t size;
    int64_t internal_ms;
    const char *case_id;
    const unsigned char *sender;   /* HASH_SIZE, or NULL */
    const unsigned char *thread;   /* likewise */
    const unsigned char *identity; /* likewise: Message-ID, Date, From and size class */
    const unsigned char *rules;    /* hash of the rule set */
    const struct pack *pack;
    const struct verdict *verdict;
    const struct decision *decision;
    enum place place;        /* the decision's, or PLACE_STAY where the folder keeps its mail */
    const char *destination; /* folder name, or NULL to stay */
    int64_t now_ms;
};
/* The decision, its cues and its state in the open transaction. */
void journal_decide(struct journal *journal, const struct decided *decided);

/* --- alerts --------------------------------------------------------------------------------------------------------
 */

struct alert_row {
    char id[CASE_ID_SIZE];
    char kind[16];    /* "message" or "alarm" */
    char subject[96]; /* a mailbox's name, or what the alarm is about */
    char reason[64];  /* an alarm's kind, or "" */
    enum urgency urgency;
    enum page_target target;
    int64_t opened_ms;
    int64_t received_ms;
    int64_t deadline_ms; /* 0: none */
    int64_t acknowledged_ms;
    char acknowledged_by[64];
};

struct ladder_row {
    char alert[CASE_ID_SIZE];
    uint32_t step;
    uint32_t ring;
    int64_t due_ms;
};

enum outbox_state { OUTBOX_PENDING = 0, OUTBOX_ACCEPTED = 1, OUTBOX_CANCELLED = 2 };

enum outbox_kind { OUTBOX_PAGE = 0, OUTBOX_DIGEST = 1 };

struct outbox_row {
    int64_t id;
    enum outbox_kind kind;
    char alert[CASE_ID_SIZE]; /* "" for a digest */
    uint32_t step;
    uint32_t ring;
    char person[64];
    char channel[64];
    char webhook_id[HASH_HEX_SIZE];
    uint32_t attempts;
    int64_t due_ms;
    int64_t period_ms;  /* a digest's: when it was due; 0 for a page */
    int64_t created_ms; /* given by the journal */
};

/* False when an alert with this id exists already: then nothing is written. */
bool journal_open_alert(struct journal *journal, const struct alert_row *alert, int64_t message);
bool journal_get_alert(struct journal *journal, const char *id, struct alert_row *out);
void journal_add_ladder(struct journal *journal, const char *alert, uint32_t step, int64_t due_ms);
size_t journal_due_ladder(struct journal *journal, int64_t now_ms, struct ladder_row *rows, size_t maximum);
/* The step's next ring, or the step's end when due_ms is 0. */
void journal_advance_ladder(struct journal *journal, const struct ladder_row *row, int64_t due_ms);
/* Adds a page or digest to send, cancelling an older one of the same alert, step, person and channel that was never
 * accepted: of digests only the last is sent. A webhook_id that is there already adds nothing. */
void journal_add_outbox(struct journal *journal, const struct outbox_row *row);
/* The oldest due rows, at most `per_channel` for each person's channel, so that one that hangs does not hide the
 * others. */
size_t journal_due_outbox(struct journal *journal, int64_t now_ms, size_t per_channel, struct outbox_row *rows,
                          size_t maximum);
/* Accepted by the channel: the person's other channels of this ring need not start any more. */
void journal_accept_outbox(struct journal *journal, int64_t id, int status, int64_t now_ms);
void journal_retry_outbox(struct journal *journal, int64_t id, int status, int64_t next_at_ms);
/* The person or channel is no longer configured: the row ends. */
void journal_cancel_outbox(struct journal *journal, int64_t id);
/* How often the row was tried. */
uint32_t journal_outbox_attempts(struct journal *journal, int64_t id);
/* The earliest due ladder or outbox row, or INT64_MAX. */
int64_t journal_next_page_due(struct journal *journal);
bool journal_has_open_page(struct journal *journal);

enum found { FOUND_ONE, FOUND_NONE, FOUND_SEVERAL };
/* The case of which `prefix` is the unique beginning. */
enum found journal_find_case(struct journal *journal, const char *prefix, char id[CASE_ID_SIZE]);
/* Acknowledges: stops the ladder and cancels what was not sent. False when the case has no alert. *already when it was
 * acknowledged before; then nothing changes. */
bool journal_acknowledge(struct journal *journal, const char *id, const char *by, int64_t now_ms, bool *already);
/* Opens a message's alert again, with this urgency, reason and deadline, and empties its ladder. False when it rings as
 * urgently already: then nothing changes. */
bool journal_reopen_alert(struct journal *journal, const struct alert_row *alert);
/* As journal_add_ladder(), with the ring after the last that was heard: it is a new page to its receiver. */
void journal_resume_ladder(struct journal *journal, const char *alert, uint32_t step, int64_t due_ms);
/* Whether a message to be read now waits for somebody to acknowledge it. */
bool journal_has_ringing(struct journal *journal);
/* Ends an alarm whose cause is over. */
void journal_close_alert(struct journal *journal, const char *id, int64_t now_ms);

/* --- what people ask ------------------------------------------------------------------------------------------------
 */

struct journal_counts {
    size_t by_urgency[URGENCY_NOW + 1];
    size_t waiting, moving, gone, taken;
    size_t alerts_open, alerts_unacknowledged, outbox_pending, outbox_failing;
    int64_t oldest_alert_ms, oldest_outbox_ms; /* wall clock, 0: none */
};
void journal_count(struct journal *journal, struct journal_counts *out);
/* How many became GONE since. */
size_t journal_count_gone_since(struct journal *journal, int64_t since_ms);

struct queue_item {
    char case_id[CASE_ID_SIZE];
    enum urgency urgency;
    enum queue queue;
    char mailbox[64];
    char folder[JOURNAL_MAX_NAME];
    uint32_t uid;
    enum message_state state;
    int64_t received_ms, decided_ms, deadline_ms, acknowledged_ms;
    char acknowledged_by[64];
    char cues[1024];  /* ids, one space between, most urgent first */
    char cards[1024]; /* likewise */
    unsigned reasons;
    char language[4];
    enum mail_class class;
    int64_t closed_ms;
    char closed_by[64];
};
enum { QUEUE_MAX_ITEMS = 10000 };
/* Calls `each` for QUEUE_MAX_ITEMS decided messages of a queue (-1: both), most urgent first; of one urgency, the
 * newest are chosen and the oldest come first.
 */
void journal_each_queued(struct journal *journal, int queue, void (*each)(const struct queue_item *item, void *context),
                         void *context);
/* The same with closed cases, which the above leaves out. */
void journal_each_decided(struct journal *journal, int queue,
                          void (*each)(const struct queue_item *item, void *context), void *context);

/* --- what people moved (journal_place.c)
 * ------------------------------------------------------------------------------ */

/* A UID of a folder where people move mail to: LISTED, unless it is where the journal says that we moved something. */
void journal_list_arrival(struct journal *journal, const char *mailbox, const char *folder, uint32_t uidvalidity,
                          uint32_t uid);
bool journal_is_placed(struct journal *journal, const char *mailbox, const char *folder, uint32_t uidvalidity,
                       uint32_t uid);
/* The newest decided message of the mailbox with this fingerprint, other than `id`. */
bool journal_find_known(struct journal *journal, const char *mailbox, const unsigned char fingerprint[HASH_SIZE],
                        int64_t id, struct message_row *out);
void journal_forget_message(struct journal *journal, int64_t id);
/* A person put it there; final as PLACED. */
void journal_place_message(struct journal *journal, int64_t id, const char *folder, uint32_t uidvalidity, uint32_t uid);
/* Into the clinical queue, with this urgency and deadline where its own is less; a closed one is open again. */
void journal_raise_message(struct journal *journal, int64_t id, enum urgency urgency, int64_t deadline_ms);

/* --- one case (journal_case.c) ------------------------------------------------------------------------------------- */

struct case_row {
    struct queue_item item; /* of the newest message of the case */
    int64_t message;
    char route[64];
    unsigned char rules[HASH_SIZE];
};
/* False when no message has this case: an alarm, or none. */
bool journal_get_case(struct journal *journal, const char *id, struct case_row *out);
/* The same by the message; false when it is not decided. */
bool journal_get_case_of(struct journal *journal, int64_t message, struct case_row *out);

/* All hits of one rule in one field that count the same. */
struct case_cue {
    char rule[128];
    char cue[96];
    enum urgency urgency; /* the rule's own */
    char lowered[16];     /* lowering_name(), or "" */
    enum text_field field;
    uint32_t places;
};
enum { CASE_MAX_CUES = 200, CASE_MAX_EVENTS = 500 };
/* Calls `each` for CASE_MAX_CUES at most, the most urgent first. */
void journal_each_cue(struct journal *journal, int64_t message, void (*each)(const struct case_cue *cue, void *context),
                      void *context);

/* What happened to a case: "listed", "decided", "moved", "taken", "paged", "page-waits", and what people did, by the
 * journal's own word ("acknowledged", "closed", ...). */
struct case_event {
    int64_t at_ms;
    char what[32];
    char actor[64]; /* who did it, or "" for Attune */
    char detail[JOURNAL_MAX_NAME];
};
/* Calls `each` for the first CASE_MAX_EVENTS, in the order of time. */
void journal_each_event(struct journal *journal, const char *id,
                        void (*each)(const struct case_event *event, void *context), void *context);

/* Closes the case: its messages leave the queues, its page, if it has one, is acknowledged and rings no more. False when
 * no message has it. *already when it was closed before; then nothing changes. */
bool journal_close_case(struct journal *journal, const char *id, const char *by, int64_t now_ms, bool *already);

#endif
