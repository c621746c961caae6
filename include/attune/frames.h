/*
 * Every frame between the roles, one row each: name, who sends it, its greatest body in bytes, whether a descriptor
 * comes with it, and the states of the peer in which keep lets it pass. Fields stand in the order in which they are
 * written; u8 u16 u32 u64 i64 are integers, str is u32 length + bytes. Field limits are checked by the reader.
 *
 * keep is one end of every channel but the screen children's sockets, which zygote makes and hands to keep.
 */
#ifndef ATTUNE_FRAMES_H
#define ATTUNE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum role { ROLE_KEEP, ROLE_FETCH, ROLE_SCREEN, ROLE_CHILD, ROLE_NOTIFY, ROLE_COUNT };

/* A peer as keep sees it: STARTING until its READY, then READY, STOPPING once STOP was sent. */
enum peer_state { PEER_STARTING = 1, PEER_READY = 2, PEER_STOPPING = 4 };

/* clang-format off */
#define FRAMES(X)                                                                                                        \
    /* type            from         to           max body     fd     states                                            */ \
    /* BEAT: u32 allow_ms. "I am alive; I may be silent for allow_ms" (0: the usual 5 s). */                             \
    X(BEAT,            ROLE_COUNT,  ROLE_KEEP,   4,           false, PEER_STARTING | PEER_READY | PEER_STOPPING)         \
    /* STOP: nothing. Finish the command in hand, then exit 0. */                                                        \
    X(STOP,            ROLE_KEEP,   ROLE_COUNT,  0,           false, PEER_STARTING | PEER_READY | PEER_STOPPING)         \
                                                                                                                         \
    /* --- fetch ---------------------------------------------------------------------------------------------------- */ \
    /* FETCH_SETUP: str mailbox, str host, u16 port, u8 tls (enum fetch_tls), str ca_file, str user, u32 message_cap,      \
       u8 create_folders, u8 want_keywords, u32 poll_s, u32 reconcile_s, u16 count, then per folder: str name (UTF-8),    \
       u8 watch (enum fetch_watch). fd: the password file, open for reading. */                                          \
    X(FETCH_SETUP,     ROLE_KEEP,   ROLE_FETCH,  64 * 1024,   true,  PEER_STARTING)                                      \
    /* FETCH_CURSOR: str folder, u32 uidvalidity (0: never seen), u32 last_uid. Rows up to last_uid are durable in the    \
       journal; sent for every watched folder before FETCH_START, and after each LISTED is committed. */                 \
    X(FETCH_CURSOR,    ROLE_KEEP,   ROLE_FETCH,  4096,        false, PEER_STARTING | PEER_READY)                         \
    X(FETCH_START,     ROLE_KEEP,   ROLE_FETCH,  0,           false, PEER_STARTING)                                      \
    /* FETCH_READY: nothing. Set up and locked down; connects from now on. */                                            \
    X(FETCH_READY,     ROLE_FETCH,  ROLE_KEEP,   0,           false, PEER_STARTING)                                      \
    /* FETCH_LINK: u8 link (enum fetch_link), u8 why (enum fetch_why), u32 retry_ms, u32 abilities (FETCH_CAN_*). */       \
    X(FETCH_LINK,      ROLE_FETCH,  ROLE_KEEP,   16,          false, PEER_READY | PEER_STOPPING)                         \
    /* FETCH_LISTED: str folder, u32 uidvalidity, u8 kind (enum fetch_listing), u8 last (no more frames of this listing), \
       u32 uid_from, u32 uid_to (the range this frame speaks of, all UIDs in it are named), u32 count, count x u32 uid    \
       (ascending). At most 8,000 UIDs a frame. */                                                                       \
    X(FETCH_LISTED,    ROLE_FETCH,  ROLE_KEEP,   40 * 1024,   false, PEER_READY | PEER_STOPPING)                         \
    /* FETCH_VALIDITY: str folder, u32 uidvalidity. The server's value differs from the cursor's: nothing of that folder  \
       is acted on until keep answers with a FETCH_CURSOR of the new value and last_uid 0. */                            \
    X(FETCH_VALIDITY,  ROLE_FETCH,  ROLE_KEEP,   4096,        false, PEER_READY | PEER_STOPPING)                         \
    /* FETCH_READ: u64 order, str folder, u32 uidvalidity, u32 uid. */                                                   \
    X(FETCH_READ,      ROLE_KEEP,   ROLE_FETCH,  4096,        false, PEER_READY)                                         \
    /* FETCH_MESSAGE: u64 order, u32 size, u8 cut (the cap was met), u8 seen, i64 internal_date_ms. fd: a sealed memfd. */ \
    X(FETCH_MESSAGE,   ROLE_FETCH,  ROLE_KEEP,   32,          true,  PEER_READY | PEER_STOPPING)                         \
    /* FETCH_UNREAD: u64 order, u8 why (enum fetch_unread). */                                                           \
    X(FETCH_UNREAD,    ROLE_FETCH,  ROLE_KEEP,   16,          false, PEER_READY | PEER_STOPPING)                         \
    /* FETCH_STATUS: u64 order, str folder.  FETCH_STATUS_IS: u64 order, u8 known, u32 uidvalidity, u32 uidnext. */        \
    X(FETCH_STATUS,    ROLE_KEEP,   ROLE_FETCH,  4096,        false, PEER_READY)                                         \
    X(FETCH_STATUS_IS, ROLE_FETCH,  ROLE_KEEP,   32,          false, PEER_READY | PEER_STOPPING)                         \
    /* FETCH_MOVE: u64 order, str folder, u32 uidvalidity, u32 uid, str destination, str keyword ("" for none; stored     \
       before the move where the folder takes keywords). */                                                              \
    X(FETCH_MOVE,      ROLE_KEEP,   ROLE_FETCH,  8192,        false, PEER_READY)                                         \
    /* FETCH_MOVED: u64 order, u8 outcome (enum fetch_moved), u32 uidvalidity, u32 uid (of the copy; 0 unless MOVED). */   \
    X(FETCH_MOVED,     ROLE_FETCH,  ROLE_KEEP,   32,          false, PEER_READY | PEER_STOPPING)                         \
    /* FETCH_FIND: u64 order, str folder, u32 from_uid, 32 bytes SHA-256 of the raw message, u32 size. Looks in `folder`  \
       from from_uid on for the one message with that fingerprint.                                                       \
       FETCH_FOUND: u64 order, u8 answer (enum fetch_found), u32 uidvalidity, u32 uid. */                                \
    X(FETCH_FIND,      ROLE_KEEP,   ROLE_FETCH,  4096,        false, PEER_READY)                                         \
    X(FETCH_FOUND,     ROLE_FETCH,  ROLE_KEEP,   32,          false, PEER_READY | PEER_STOPPING)                         \
    /* FETCH_PROBE: u64 order, str folder, u32 uidvalidity, u32 uid. Is that UID still in the folder?                     \
       FETCH_PROBED: u64 order, u8 answer (enum fetch_found). */                                                         \
    X(FETCH_PROBE,     ROLE_KEEP,   ROLE_FETCH,  4096,        false, PEER_READY)                                         \
    X(FETCH_PROBED,    ROLE_FETCH,  ROLE_KEEP,   16,          false, PEER_READY | PEER_STOPPING)                         \
                                                                                                                         \
    /* FETCH_PACE: u32 seconds. While a page is open, folders without IDLE are asked so often; 0: each poll_s again. */     \
    X(FETCH_PACE,      ROLE_KEEP,   ROLE_FETCH,  4,           false, PEER_READY)                                         \
                                                                                                                         \
    /* --- screen: the zygote --------------------------------------------------------------------------------------- */ \
    /* SCREEN_LOAD: str directory (a rule set; absolute path), u8 children wanted. */                                     \
    X(SCREEN_LOAD,     ROLE_KEEP,   ROLE_SCREEN, 4096,        false, PEER_STARTING)                                      \
    /* SCREEN_LOADED: u8 ok, 32 bytes hash of the rule set, u32 rules, str findings (diag_print; at most 48 KiB). */      \
    X(SCREEN_LOADED,   ROLE_SCREEN, ROLE_KEEP,   64 * 1024,   false, PEER_STARTING)                                      \
    /* SCREEN_SPAWN: u32 slot. The zygote forks a child for it, ending the slot's former child.                           \
       SCREEN_CHILD: u32 slot. fd: keep's end of the child's socket. */                                                  \
    X(SCREEN_SPAWN,    ROLE_KEEP,   ROLE_SCREEN, 4,           false, PEER_READY)                                         \
    X(SCREEN_CHILD,    ROLE_SCREEN, ROLE_KEEP,   4,           true,  PEER_READY)                                         \
    /* SCREEN_EXITED: u32 slot, u32 wait status as of waitpid(2). For the journal's reason; EOF on the socket rules. */    \
    X(SCREEN_EXITED,   ROLE_SCREEN, ROLE_KEEP,   8,           false, PEER_READY | PEER_STOPPING)                         \
                                                                                                                         \
    /* --- screen: a child ------------------------------------------------------------------------------------------ */ \
    /* CHILD_SCREEN: u64 job, u8 mode (enum screen_mode). fd: a sealed memfd with the raw message. */                     \
    X(CHILD_SCREEN,    ROLE_KEEP,   ROLE_CHILD,  16,          true,  PEER_READY)                                         \
    /* CHILD_VERDICT: u64 job, then a verdict as verdict_put() writes it. */                                             \
    X(CHILD_VERDICT,   ROLE_CHILD,  ROLE_KEEP,   64 * 1024,   false, PEER_READY)                                         \
                                                                                                                         \
    /* --- notify --------------------------------------------------------------------------------------------------- */ \
    /* NOTIFY_SMTP: str url (smtp:// or smtps://, host, port), u8 tls (enum smtp_tls), str user ("": no sign-in), str     \
       from (the envelope's sender). fd: the password file; /dev/null without one. At most once. */                       \
    X(NOTIFY_SMTP,     ROLE_KEEP,   ROLE_NOTIFY, 8192,        true,  PEER_STARTING)                                      \
    /* NOTIFY_STAFF: u8 kind (enum notify_kind), str person, str channel, str target (a URL or an address). fd: the       \
       signing secret's file of a webhook; /dev/null for mail. One frame a channel. */                                    \
    X(NOTIFY_STAFF,    ROLE_KEEP,   ROLE_NOTIFY, 8192,        true,  PEER_STARTING)                                      \
    /* NOTIFY_START: str ca_file. The staff list is closed. NOTIFY_READY: locked down. */                                \
    X(NOTIFY_START,    ROLE_KEEP,   ROLE_NOTIFY, 4096,        false, PEER_STARTING)                                      \
    X(NOTIFY_READY,    ROLE_NOTIFY, ROLE_KEEP,   0,           false, PEER_STARTING)                                      \
    /* NOTIFY_SEND: u64 row, u8 kind, str person, str channel, str target, str id, str body (JSON for a webhook; a whole  \
       RFC 5322 message of MAIL_MAX_BYTES at most for mail). Refused unless kind, person, channel and target stand        \
       together on the staff list. */                                                                                    \
    X(NOTIFY_SEND,     ROLE_KEEP,   ROLE_NOTIFY, 112 * 1024,  false, PEER_READY)                                         \
    /* NOTIFY_RESULT: u64 row, u8 outcome (enum notify_outcome), u16 status of HTTP or SMTP (0: none), u32 retry_after_s  \
       (0: none). */                                                                                                     \
    X(NOTIFY_RESULT,   ROLE_NOTIFY, ROLE_KEEP,   32,          false, PEER_READY | PEER_STOPPING)

/* clang-format on */

enum frame_type {
    FRAME_NONE = 0,
#define X(name, from, to, max, fd, states) FRAME_##name,
    FRAMES(X)
#undef X
        FRAME_TYPE_COUNT
};

struct frame_rule {
    const char *name;
    enum role from; /* ROLE_COUNT: any role but keep */
    enum role to;
    size_t max_body;
    bool carries_fd;
    unsigned states; /* enum peer_state bits of keep's peer in which it may pass */
};

/* The row of a type, or NULL for a type that does not exist. */
const struct frame_rule *frame_rule(unsigned type);

/* Whether keep may take this frame from `peer` in `state`; the answer no costs the peer its process. */
bool frame_permitted(unsigned type, enum role peer, enum peer_state state);

enum fetch_tls { FETCH_TLS_IMPLICIT = 0, FETCH_TLS_STARTTLS = 1, FETCH_TLS_NONE = 2 /* loopback only */ };
enum fetch_watch {
    FETCH_WATCH_NONE = 0,  /* a destination: made when missing if so configured */
    FETCH_WATCH_IDLE = 1,  /* the inbox: IDLE and poll */
    FETCH_WATCH_POLL = 2,  /* also read: STATUS each poll_s */
    FETCH_WATCH_PLACE = 3, /* a destination that people move mail to as well: made when missing, STATUS each poll_s */
};
enum fetch_listing { FETCH_LISTING_NEW = 0, FETCH_LISTING_FULL = 1 };
enum fetch_link { FETCH_LINK_DOWN = 0, FETCH_LINK_UP = 1 };
enum fetch_why {
    FETCH_WHY_NONE = 0,
    FETCH_WHY_CONNECT = 1,     /* no TCP connection, or it was lost */
    FETCH_WHY_TLS = 2,         /* certificate, name or protocol refused: never fall back */
    FETCH_WHY_CREDENTIALS = 3, /* the server refused the login: 15 min */
    FETCH_WHY_THROTTLED = 4,   /* the server asked for less: its own time */
    FETCH_WHY_PROTOCOL = 5,    /* unparsable or impossible reply */
    FETCH_WHY_DEADLINE = 6,    /* a command outlasted its deadline */
    FETCH_WHY_FOLDER = 7,      /* a folder is missing or may not be made */
    FETCH_WHY_COUNT
};
/* What the server can do, known after login. */
enum { FETCH_CAN_MOVE = 1, FETCH_CAN_UIDPLUS = 2, FETCH_CAN_IDLE = 4, FETCH_CAN_KEYWORDS = 8 };
enum fetch_unread {
    FETCH_UNREAD_GONE = 1,    /* UID SEARCH says it is no longer there */
    FETCH_UNREAD_REFUSED = 2, /* the server lists it and does not give it */
    FETCH_UNREAD_LATER = 3,   /* the connection failed: ask again */
};
enum fetch_moved {
    FETCH_MOVED_MOVED = 1,   /* uidvalidity and uid name the copy */
    FETCH_MOVED_NOTHING = 2, /* OK without COPYUID on a UIDPLUS server: nothing was moved by this command */
    FETCH_MOVED_REFUSED = 3, /* tagged NO or BAD: destination missing, quota, read-only */
    FETCH_MOVED_UNKNOWN = 4, /* the reply was lost: resolve before acting again */
    FETCH_MOVED_DONE = 5,    /* OK from a server without UIDPLUS: where it went must be found by fingerprint */
};
enum fetch_found {
    FETCH_FOUND_YES = 1,
    FETCH_FOUND_NO = 2,
    FETCH_FOUND_LATER = 3 /* the connection failed: ask again */
};
enum screen_mode { SCREEN_FULL = 0, SCREEN_RAW = 1 /* the raw bytes as text: after a first try that did not end */ };
enum notify_kind { NOTIFY_WEBHOOK = 0, NOTIFY_MAIL = 1 };
enum smtp_tls { SMTP_TLS_STARTTLS = 0, SMTP_TLS_IMPLICIT = 1, SMTP_TLS_NONE = 2 /* loopback only */ };
enum notify_outcome {
    NOTIFY_ACCEPTED = 1, /* 2xx: accepted, not acknowledged */
    NOTIFY_RETRY = 2,    /* HTTP 408, 425, 429, 5xx; SMTP 4xx; network: again with back-off */
    NOTIFY_REJECTED = 3, /* any other status: this channel does not take it; tried again slowly, shown in status */
    NOTIFY_REFUSED = 4,  /* not on the staff list: never sent */
};

#endif
