/*
 * The role keep: what its files share. keep holds the journal, the timers and the control socket, starts and restarts
 * the other roles, decides and commits. It parses no mail and no network reply: a message is a sealed descriptor that
 * it fingerprints and passes on, a verdict is a checked frame.
 *
 * One turn of the loop: take what came (frames, answers, requests; journal writes gather) -> run due timers -> write
 * move intents -> commit -> act (reads, moves, pages, answers). Whatever acts reads what was committed, so a crash
 * anywhere loses nothing: on start the same loop goes on from the journal.
 */
#ifndef ATTUNE_KEEP_H
#define ATTUNE_KEEP_H

#include <attune/conf.h>
#include <attune/decide.h>
#include <attune/ipc.h>
#include <attune/journal.h>
#include <attune/pack.h>
#include <attune/role.h>
#include <attune/screen.h>
#include <sys/types.h>

enum {
    KEEP_MAX_SILENCE_MS = 15000,    /* three heartbeats missed: the peer is killed */
    KEEP_FETCH_GRACE_MS = 10000,    /* fetch: beyond the deadline it announced for its command */
    KEEP_MAX_ALLOWANCE_MS = 600000, /* no peer may announce a longer silence */
    KEEP_FIRST_BACKOFF_MS = 100,    /* restart of a role; doubles */
    KEEP_PAGE_BACKOFF_MS = 4000,    /* the most while a page is pending, and for screen and notify always */
    KEEP_MAX_BACKOFF_MS = 30000,
    KEEP_READ_WINDOW = 64,      /* messages of a mailbox between FETCH_READ and their decision */
    KEEP_READ_WINDOW_LARGE = 4, /* while one of them is over KEEP_LARGE_MESSAGE: their bytes are our memory */
    KEEP_LARGE_MESSAGE = 1024 * 1024,
    KEEP_MOVE_WINDOW = 32,
    KEEP_SLOT_DEPTH = 4,       /* messages given to a screen child ahead of its answers */
    KEEP_SEND_WINDOW = 64,     /* pages with notify at a time */
    KEEP_CHANNEL_WINDOW = 4,   /* of those to one channel: a receiver that hangs delays nobody else's */
    KEEP_MAX_READ_TRIES = 3,   /* then people are told that the server withholds it */
    KEEP_ALONE_READ_TRIES = 3, /* after so many a message is read alone: does it cost us the fetch process? */
    KEEP_FATAL_READ_TRIES = 6, /* and when it does so again, it is handed to people as withheld */
    KEEP_OLD_MESSAGE_MS = 72 * 3600 * 1000, /* older when first listed: a backlog; one summary page */
    KEEP_SILENT_MAILBOX_MS = 15 * 60 * 1000,
    KEEP_GONE_ALARM = 3, /* unread-gone within an hour */
    KEEP_DISK_RETRY_MS = 5000,
};

struct keep;

/* --- peers: processes that keep starts, hears and ends ------------------------------------------------------------ */

struct peer {
    enum role role;
    char label[80]; /* "fetch:support": for logs and status */
    pid_t pid;      /* 0: not running */
    struct ipc_channel *channel;
    enum peer_state state;
    int64_t heard_ms;   /* monotonic */
    int64_t allowed_ms; /* monotonic: may be silent until then */
    int64_t started_ms;
    int64_t start_at_ms; /* monotonic: not before */
    uint32_t backoff_ms;
    unsigned restarts;
    bool is_faulty; /* while `lost` runs: it ended by a fault, not because we wanted it to */
    /* What the owner does: write the first frames; take one frame (false: the peer broke the protocol); clean up. */
    enum err (*begin)(struct keep *keep, struct peer *peer);
    bool (*take)(struct keep *keep, struct peer *peer, struct ipc_frame *frame);
    void (*lost)(struct keep *keep, struct peer *peer);
    void *owner;
};

void peer_run(struct keep *keep, struct peer *peer);   /* starts it when it is time */
void peer_hear(struct keep *keep, struct peer *peer);  /* takes the frames that wait, at most a fair number */
void peer_watch(struct keep *keep, struct peer *peer); /* kills it when it was silent for too long */
void peer_lose(struct keep *keep, struct peer *peer, const char *why); /* kills, reaps, plans the restart */
void peer_end(struct keep *keep, struct peer *peer);                   /* kills and reaps for good */
/* Sends the writer's frame, or loses the peer. */
bool peer_send(struct keep *keep, struct peer *peer, struct ipc_writer *writer, int fd);
bool peer_is_ready(const struct peer *peer);

/* --- work: one message between its listing and its place ------------------------------------------------------------
 */

enum work_stage {
    WORK_READ,      /* FETCH_READ sent */
    WORK_QUEUED,    /* waits for a screen child */
    WORK_SCREENING, /* given to one */
    WORK_INTENT,    /* the intent to move is written; acted on after the commit */
    WORK_MOVE,      /* FETCH_MOVE sent */
    WORK_PROBE,     /* is it still in the source? */
    WORK_FIND,      /* is it in the destination? */
};

struct mailbox;
struct generation;

struct work {
    struct work *next;        /* of the mailbox */
    struct work *next_queued; /* of the screening queue */
    struct mailbox *mailbox;
    uint64_t order; /* of the frame in flight */
    enum work_stage stage;
    bool dropped; /* its answer is no longer wanted */
    struct message_row row;
    int fd; /* the sealed message, or -1; OWNED */
    uint32_t size;
    bool cut;
    int64_t internal_ms;
    unsigned char fingerprint[HASH_SIZE];
    enum screen_mode mode;
    unsigned failed_reasons;       /* REASON_SCREEN_* of the first try */
    struct generation *generation; /* whose child has it */
    bool found_from_start;         /* WORK_FIND: the whole destination is searched */
    bool is_in_source;             /* WORK_FIND: the source still has it (a server without MOVE) */
};

/* --- mailboxes ------------------------------------------------------------------------------------------------------
 */

enum {
    KEEP_MAX_FOLDERS = 1 + CONF_MAX_READ + PLACE_COUNT + CONF_MAX_TAKEN,
    KEEP_PAGE_PACE_S = 5,    /* how often people's folders are looked at while a page is open */
    KEEP_ARRIVAL_TRIES = 10, /* looks, 2 s apart, at a mail whose own move is not settled yet */
    KEEP_ARRIVAL_WAIT_MS = 2000,
};

struct folder_status {
    char name[JOURNAL_MAX_NAME];
    bool is_watched;
    bool is_peoples;    /* a place, or a person's folder below `taken`: what people move there has a meaning */
    enum place place;   /* of is_peoples: PLACE_STAY for a person's folder */
    const char *person; /* whose folder it is, or NULL; BORROWED from the configuration */
    uint32_t first_uid; /* the highest UID of a first listing that is not whole yet */
    bool cursor_due;    /* a FETCH_CURSOR is to be sent once the commit is through */
    bool may_hold_frozen;
    bool known; /* uidvalidity and uidnext of a destination; the latter is a lower bound */
    bool asked;
    int64_t ask_at_ms; /* monotonic: not before */
    uint32_t uidvalidity;
    uint32_t uidnext;
};

struct mailbox {
    const struct conf_mailbox *conf; /* BORROWED from keep's configuration */
    struct peer peer;
    bool is_up;
    bool password_refused; /* its file is missing, or others can read it */
    enum fetch_why why;
    uint32_t retry_ms;
    uint32_t abilities;
    int64_t down_since_ms;         /* monotonic, 0: up */
    int64_t listed_ms;             /* wall: the last whole listing */
    bool listed_once;              /* since this keep started */
    struct folder_status *folders; /* OWNED; KEEP_MAX_FOLDERS at most */
    bool is_paced;                 /* fetch was told of an open page */
    int64_t pace_at_ms;            /* monotonic: when to look for one again */
    size_t folder_count;
    struct work *works;
    size_t reading;     /* works from WORK_READ to WORK_SCREENING */
    size_t large;       /* of those over KEEP_LARGE_MESSAGE */
    size_t moving;      /* the others */
    int64_t read_after; /* row id up to which LISTED rows were handed out */
    int64_t move_after;
    int64_t rewind_at_ms; /* monotonic: look from the beginning again */
    uint64_t last_order;
};

/* Sets up (not started) and tears down. */
enum err mailbox_open(struct keep *keep, struct mailbox *mailbox, const struct conf_mailbox *conf);
void mailbox_close(struct keep *keep, struct mailbox *mailbox);
/* Writes: intents to move, the end of frozen rows. */
void mailbox_plan(struct keep *keep, struct mailbox *mailbox);
/* Acts on what is committed. */
void mailbox_act(struct keep *keep, struct mailbox *mailbox);
/* Forgets all work in flight: the journal knows. */
void mailbox_drop_work(struct keep *keep, struct mailbox *mailbox);
bool mailbox_is_idle(struct keep *keep, const struct mailbox *mailbox);
struct folder_status *mailbox_folder(struct mailbox *mailbox, const char *name);
/* The order in that stage, or NULL: dropped meanwhile, or never given. */
struct work *mailbox_find_work(struct mailbox *mailbox, uint64_t order, enum work_stage stage);
struct work *mailbox_add_work(struct mailbox *mailbox, const struct message_row *row, enum work_stage stage);
void mailbox_end_work(struct work *work);
bool mailbox_has_row(const struct mailbox *mailbox, int64_t id);

/* mailbox_read.c: listings and reads. mailbox_move.c: moves and their ambiguities. Each takes its frames. */
bool mailbox_take_listed(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body);
bool mailbox_take_validity(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body);
bool mailbox_take_message(struct keep *keep, struct mailbox *mailbox, struct ipc_frame *frame);
bool mailbox_take_unread(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body);
void mailbox_send_reads(struct keep *keep, struct mailbox *mailbox);
/* The fetch process died with reads in flight: one of them may be why. */
void mailbox_blame_reads(struct keep *keep, struct mailbox *mailbox);
bool mailbox_take_status(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body);
bool mailbox_take_moved(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body);
bool mailbox_take_probed(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body);
bool mailbox_take_found(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body);
void mailbox_plan_moves(struct keep *keep, struct mailbox *mailbox);
void mailbox_send_moves(struct keep *keep, struct mailbox *mailbox);

/* arrival.c: what people moved into folders of theirs. */

/* UIDs of such a folder that were not known: rows to be read for their fingerprint. The first listing ever is taken as
 * it stands: nobody is rung for what lay there before. */
void arrival_list(struct keep *keep, struct mailbox *mailbox, struct folder_status *folder, uint32_t uidvalidity,
                  const uint32_t *uids, size_t count, bool is_last);
/* A mail of such a folder was read. True when it was one that the journal knows: then the work has ended. Others are
 * screened like any mail, and arrival_settle() follows. */
bool arrival_take(struct keep *keep, struct work *work);
/* What its place means, once row `message` is decided: taken by that person, raised, or in another queue. */
void arrival_settle(struct keep *keep, const struct folder_status *folder, int64_t message, bool is_old);

/* --- screening: rule sets and the children that apply them
 * ------------------------------------------------------------ */

enum slot_state { SLOT_EMPTY, SLOT_ASKED, SLOT_READY };

struct slot {
    enum slot_state state;
    struct ipc_channel *channel;
    struct work *works[KEEP_SLOT_DEPTH]; /* given and not answered, oldest first */
    size_t count;
    unsigned given;
    int64_t head_since_ms; /* monotonic: since when works[0] is being read */
};

/* A rule set in force, or about to be: keep's copy of it and the zygote that compiled it. */
struct generation {
    struct pack *pack;
    struct policy *policy;
    char directory[4096];
    unsigned char hash[HASH_SIZE];
    struct peer zygote;
    struct slot slots[SCREEN_MAX_CHILDREN];
    size_t slot_count;
    bool is_stored;  /* directory is its place in the state directory */
    bool has_failed; /* did not load */
    char *findings;  /* OWNED: why it did not load, or NULL */
};

/* Loads `rules_dir` (copied into the state directory first); ERR_INPUT with findings in keep->rules_error. */
enum err rules_offer(struct keep *keep, const char *rules_dir);
/* The last good set, by the journal. */
enum err rules_restore(struct keep *keep);
/* A set that loaded takes over; one that did not is given up; a former one ends when its last message is judged. */
void rules_turn(struct keep *keep);
void rules_close(struct keep *keep);

void screening_submit(struct keep *keep, struct work *work); /* takes the work over */
void screening_feed(struct keep *keep);                      /* gives queued works to children */
void screening_hear(struct keep *keep, struct generation *generation, size_t slot);
void screening_watch(struct keep *keep); /* ends children that outlast their time */
void screening_drop(struct keep *keep,
                    struct generation *generation); /* its children are gone: works go back in line */
size_t screening_busy(const struct keep *keep);
void screening_forget(struct keep *keep); /* ends the queued works that were dropped */

/* The generation's frames. */
enum err generation_begin(struct keep *keep, struct peer *peer);
bool generation_take(struct keep *keep, struct peer *peer, struct ipc_frame *frame);
void generation_lost(struct keep *keep, struct peer *peer);
void generation_spawn(struct keep *keep, struct generation *generation, size_t slot);

/* A verdict became a decision: journal, alert, destination. */
void settle_verdict(struct keep *keep, struct work *work, const struct generation *generation,
                    const struct verdict *verdict);
/* A message that could not be had at all goes to people as unscreened. */
void settle_withheld(struct keep *keep, struct mailbox *mailbox, const struct message_row *row);

/* --- pages
 * ------------------------------------------------------------------------------------------------------------ */

/* rings_at_once: a page; otherwise the ladder begins at the deadline. is_old: found in a backlog: its alert stands, and
 * one alarm tells of all of them. */
void alert_open(struct keep *keep, const struct alert_row *alert, int64_t message, bool rings_at_once, bool is_old);
/* A person asks for it to be read now: opens the alert, or opens it again with rings that were not heard yet. One that
 * rings already goes on. */
void alert_raise(struct keep *keep, const struct alert_row *alert, int64_t message, bool is_old);
/* Rings every due step: outbox rows for the persons it names. */
void alert_run_ladder(struct keep *keep);

enum alarm {
    ALARM_JOURNAL,     /* the journal is in memory, or its reserve is used */
    ALARM_MAILBOX,     /* a mailbox is silent */
    ALARM_CREDENTIALS, /* a server refuses the login */
    ALARM_UNREAD_GONE, /* several mails vanished before they were read */
    ALARM_RULES,       /* the rule set offered does not load; the last good one runs */
    ALARM_OLD_MAIL,    /* a backlog holds messages to be read now */
    ALARM_SETTINGS,    /* the settings offered were refused; the ones before are in force */
    ALARM_CHANNEL,     /* a staff channel cannot be used: its secret file is refused */
    ALARM_COUNT
};
const char *alarm_name(enum alarm alarm);
/* Raises or ends; saying the same again does nothing. */
void alarm_set(struct keep *keep, enum alarm alarm, const char *subject, bool is_on);

enum err notify_open(struct keep *keep);
void notify_close(struct keep *keep);
void notify_send_due(struct keep *keep);

/* digest.c. Adds a row for each digest that is due; the message for such a row; a preview as JSON (control.h), for a
 * person or, with NULL, of all there is: free() it. */
void digest_plan(struct keep *keep);
enum err digest_compose_row(struct keep *keep, const struct outbox_row *row, const char *to, struct buf *out);
char *digest_json(struct keep *keep, const char *person);

/* --- control and status
 * ------------------------------------------------------------------------------------------------ */

enum { CONTROL_MAX_CLIENTS = 16 };

struct control_client {
    int fd; /* -1: free */
    uid_t uid;
    gid_t gid;
    pid_t pid;
    char actor[64];
    char *input;
    size_t input_length;
    char *answer; /* sent only after the commit */
    size_t answer_length, answer_sent;
    int64_t deadline_ms;
};

struct control {
    int listener; /* -1: none */
    struct control_client clients[CONTROL_MAX_CLIENTS];
};

enum err control_open(struct keep *keep, struct diag *diag);
void control_close(struct keep *keep);
void control_accept(struct keep *keep);
void control_read(struct keep *keep, size_t client);
void control_write(struct keep *keep);
void control_retract(struct keep *keep);
void control_expire(struct keep *keep);

/* The status answer as JSON; free() it. */
char *status_json(struct keep *keep);
/* Likewise, of a case that exists (show.c). */
char *case_json(struct keep *keep, const char *id);

/* --- keep itself
 * ---------------------------------------------------------------------------------------------------------- */

enum { KEEP_SITE_KEY_MAX = 4096 };

struct keep {
    struct conf *conf;
    const char *conf_path;
    struct journal *journal;
    unsigned char site_key[HASH_SIZE];
    int lock_fd;
    struct mailbox *mailboxes;
    size_t mailbox_count;
    struct generation *current;
    struct generation *coming;   /* offered, being loaded */
    struct generation *retiring; /* its last messages are still with its children */
    struct work *queue_head, **queue_tail;
    size_t queue_length;
    char rules_error[512]; /* why the running set is not the offered one; "" when it is */
    bool rules_are_stale;
    bool conf_is_stale;
    char conf_error[512];
    struct peer notify;
    struct outbox_row sending[KEEP_SEND_WINDOW]; /* pages with notify */
    size_t sending_count;
    unsigned channels_left_out; /* their secret file is not acceptable */
    int64_t page_due_ms;        /* wall: the earliest ladder or outbox row; found anew when journal writes happened */
    bool page_due_known;
    int64_t digest_look_ms; /* monotonic: the clock is looked at again */
    struct control control;
    struct ipc_writer writer;
    struct arena *arena; /* one turn of the loop */
    int64_t started_ms;  /* wall */
    int64_t started_monotonic_ms;
    int64_t disk_retry_ms;
    bool is_stopping;
    bool until_idle;
    bool wants_reload;
    bool notified_ready;
    int64_t idle_since_ms;
};

struct keep_options {
    const char *conf_path;
    bool check_only;
    bool until_idle;
};

/* Runs the daemon; returns its exit status. */
int keep_main(const struct keep_options *options);

/* check.c: secrets and rules as a start would need them. */
enum err keep_check(const struct conf *conf, struct diag *diag);

/* systemd.c: one line of sd_notify(3)'s protocol; true when it was sent or nobody listens. */
bool notify_systemd(const char *state);
/* How often WATCHDOG=1 is to be sent, in ms; 0: not at all. */
int64_t notify_systemd_interval_ms(void);

/* HMAC under the site's key over a purpose and up to three parts. */
void keep_hmac(const struct keep *keep, const char *purpose, const struct str *parts, size_t count,
               unsigned char out[HASH_SIZE]);

/* backoff.c: when to try again (wall clock) after `attempts` tries: first_ms, doubling to last_ms. */
int64_t keep_retry_at(int64_t first_ms, int64_t last_ms, uint32_t attempts);

/* store.c: the state directory. */
enum err store_open(struct keep *keep, struct diag *diag); /* directory, lock, site key */
enum err store_copy_rules(const char *from, const char *to, struct diag *diag);
enum err store_sync_directory(const char *path);

#endif
