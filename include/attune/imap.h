/*
 * One IMAP session: libetpan parses the answers, everything that it gets wrong or leaves open is settled here. One
 * command is one call with one of three answers. Role fetch.
 *
 * Asked for are only UID, FLAGS, RFC822.SIZE, INTERNALDATE and BODY.PEEK[] (ENVELOPE and BODYSTRUCTURE crash libetpan);
 * nothing here can set \Seen. Plain EXPUNGE and CLOSE, which would remove what other people marked, do not exist here.
 */
#ifndef ATTUNE_IMAP_H
#define ATTUNE_IMAP_H

#include <attune/body.h>
#include <attune/err.h>
#include <attune/frames.h>
#include <attune/transport.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IMAP_COMMAND_MS = 30000,        /* any command; a body earns more as it comes (transport.h) */
    IMAP_ANSWER_BYTES = 256 * 1024, /* an answer without the message's body: flags of all kinds and untagged news */
    /* UIDs that one search may name; 4 MiB hold them at 11 bytes each. Larger folders are searched range by range. */
    IMAP_SEARCH_MOST = 350 * 1000,
    IMAP_SEARCH_BYTES = 4 * 1024 * 1024,
    /* FETCH commands under way at once: enough to hide the round trip, few enough to let a move pass. */
    IMAP_PIPELINE = 16,
};

enum imap_answer {
    IMAP_OK,   /* tagged OK */
    IMAP_NO,   /* tagged NO or BAD: the session is whole, the command did nothing */
    IMAP_LOST, /* anything else: only imap_close() is left, imap_trouble() says why */
};

struct imap_trouble {
    enum fetch_why why;
    uint32_t wait_ms; /* what the server asked for; 0: nothing */
};

/* Strings BORROW for the session's life. */
struct imap_account {
    struct transport_target target;
    const char *login; /* `LOGIN "user" "password"`, made once; secret */
    uint32_t message_cap;
    /* Called before each command and while a long answer comes in, with the time that may pass until the next call. */
    void (*tick)(void *context, int64_t allow_ms);
    void *context;
};

struct imap;

/* Connects, logs in, asks for abilities. NULL with *trouble when any of it failed. The caller OWNS the session. */
struct imap *imap_open(const struct imap_account *account, struct imap_trouble *trouble);
/* Drops the connection at once, without LOGOUT (which would wait for the server), and clears the caller's pointer. */
void imap_close(struct imap **imap);
struct imap_trouble imap_trouble(const struct imap *imap);
/* FETCH_CAN_MOVE, FETCH_CAN_UIDPLUS, FETCH_CAN_IDLE. */
uint32_t imap_abilities(const struct imap *imap);

/* --- folders; `name` is as imap_name_add_folder() writes it ------------------------------------------------------- */

struct imap_selection {
    char name[1024]; /* "" when none is selected */
    bool read_only;
    bool any_keyword; /* PERMANENTFLAGS has \*; never known of a folder opened read-only */
    uint32_t uidvalidity;
    uint32_t uidnext; /* 0: the server did not say */
    uint32_t exists;
};

/* Sends nothing when the folder is open already in a mode that will do. */
enum imap_answer imap_select(struct imap *imap, const char *name, bool read_only) ATTUNE_MUST_CHECK;
/* The next imap_select() asks the server even for the same folder. */
void imap_forget_selection(struct imap *imap);
const struct imap_selection *imap_selection(const struct imap *imap);

struct imap_status {
    uint32_t uidvalidity;
    uint32_t uidnext;
    uint32_t messages;
};

enum imap_answer imap_status(struct imap *imap, const char *name, struct imap_status *out) ATTUNE_MUST_CHECK;
enum imap_answer imap_create(struct imap *imap, const char *name) ATTUNE_MUST_CHECK; /* and subscribe */

/* --- messages of the selected folder ------------------------------------------------------------------------------ */

struct imap_uids {
    uint32_t *list; /* OWNED; ascending, each once */
    size_t count;
};

/* UIDs from `from` to `to` (UINT32_MAX: to the end). Free the list whatever the answer. */
enum imap_answer imap_search(struct imap *imap, uint32_t from, uint32_t to, struct imap_uids *out) ATTUNE_MUST_CHECK;
void imap_uids_free(struct imap_uids *uids);

/* One message to read, and what came. */
struct imap_read {
    uint32_t uid;
    uint32_t first_bytes; /* ask for so many bytes only; 0: for the whole message */
    bool whole;           /* the server named this UID and gave its body once */
    bool overlong;        /* known when the session was lost too: more came than is worth reading */
    bool seen;
    int64_t internal_date_ms; /* 0: not told */
    uint32_t size;            /* RFC822.SIZE: a hint, some servers err by a factor of three */
    struct body *body;        /* BORROWED until the next imap_fetch(), when whole */
};

/* Reads up to IMAP_PIPELINE messages, one UID a command, all commands under way at once: servers answer them in any
 * order and under each other's tags. IMAP_OK: all were answered, each for itself. IMAP_LOST: none counts. */
enum imap_answer imap_fetch(struct imap *imap, struct imap_read *reads, size_t count) ATTUNE_MUST_CHECK;
/* RFC822.SIZE alone, 0 when the message is not there. */
enum imap_answer imap_fetch_size(struct imap *imap, uint32_t uid, uint32_t *size) ATTUNE_MUST_CHECK;

struct imap_copied {
    uint32_t uidvalidity; /* of the destination; 0 when the server named no copy */
    uint32_t uid;
    bool try_create; /* with IMAP_NO: the destination does not exist */
};

enum imap_answer imap_move(struct imap *imap, uint32_t uid, const char *name,
                           struct imap_copied *out) ATTUNE_MUST_CHECK;
enum imap_answer imap_copy(struct imap *imap, uint32_t uid, const char *name,
                           struct imap_copied *out) ATTUNE_MUST_CHECK;
/* `flag`: a keyword that imap_name_is_keyword() accepts, or "\\Deleted". */
enum imap_answer imap_add_flag(struct imap *imap, uint32_t uid, const char *flag) ATTUNE_MUST_CHECK;
/* Only this UID; needs FETCH_CAN_UIDPLUS. */
enum imap_answer imap_expunge(struct imap *imap, uint32_t uid) ATTUNE_MUST_CHECK;

/* --- waiting for news (RFC 2177), without libetpan's IDLE, which fails when an untagged line precedes the `+` --------
 */

enum imap_answer imap_idle_begin(struct imap *imap, bool *news) ATTUNE_MUST_CHECK;
/* Reads what is there. *news: the folder has changed. */
enum imap_answer imap_idle_read(struct imap *imap, bool *news) ATTUNE_MUST_CHECK;
enum imap_answer imap_idle_end(struct imap *imap, bool *news) ATTUNE_MUST_CHECK;
enum imap_answer imap_noop(struct imap *imap) ATTUNE_MUST_CHECK;

/* For poll(): the socket, and whether bytes wait that poll() would not show. */
int imap_fd(const struct imap *imap);
bool imap_has_input(struct imap *imap);

#endif
