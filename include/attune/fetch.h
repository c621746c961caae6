/*
 * One mailbox as role fetch sees it: its folders and how far they are listed, its two connections, and keep's orders.
 * All of it is what the process would know again from keep after a restart; nothing is kept elsewhere. Used by fetch.c,
 * setup.c, channel.c, link.c, listing.c and the order files of role fetch alone.
 */
#ifndef ATTUNE_FETCH_H
#define ATTUNE_FETCH_H

#include <attune/imap.h>
#include <attune/imap_name.h>
#include <attune/ipc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FETCH_MAX_FOLDERS = 128,   /* the inbox, 16 that are also read, one for each place and 100 people, with room */
    FETCH_MAX_ORDERS = 65536,  /* more unanswered orders are keep's mistake */
    FETCH_MAX_LISTED = 8000,   /* UIDs in one FETCH_LISTED */
    FETCH_MAX_PASSWORD = 4096, /* bytes of a password file */
    FETCH_MAX_SUSPECTS = 16,   /* reads that cost a connection and are remembered for it */
};

struct fetch_folder {
    char name[IMAP_MAX_NAME + 1]; /* UTF-8, as keep calls it */
    char wire[IMAP_MAX_QUOTED];   /* as the server is told */
    enum fetch_watch watch;
    uint32_t uidvalidity;      /* what keep's rows stand under; 0: nothing is known yet */
    uint32_t listed_uid;       /* the highest UID that keep was told of or has in its journal */
    uint32_t work_uid;         /* the work connection has asked for news since UIDs up to here were listed */
    bool frozen;               /* the server's UIDVALIDITY differs: waiting for keep's new cursor */
    struct imap_status polled; /* when it was last listed */
    int64_t poll_due_ms;
    int64_t full_due_ms; /* when all its UIDs are listed again */
};

enum fetch_connection_kind { LINK_WATCH, LINK_WORK, LINK_COUNT };

struct fetch_connection {
    struct imap *imap; /* OWNED; NULL while there is no connection */
    int64_t due_ms;    /* when to connect again */
    int64_t since_ms;
    unsigned failures; /* in a row; none after two healthy minutes */
};

/* A message that cost a connection. The second time it is refused, so that it holds up nothing else. */
struct fetch_suspect {
    const struct fetch_folder *folder;
    uint32_t uidvalidity;
    uint32_t uid;
};

struct order; /* order.h */
struct order_queue {
    struct order *head;
    struct order **tail;
};

struct fetch {
    struct ipc_channel *channel;
    struct ipc_writer writer;
    bool stop; /* STOP came, or keep is gone, or a frame of keep's made no sense */
    int exit_status;
    int64_t beat_ms; /* when the last BEAT went, and how long it allowed */
    int64_t beat_allow_ms;

    char label[64]; /* the mailbox's name in the configuration */
    char host[256];
    char ca_file[1024];
    char *login; /* OWNED, in locked memory */
    struct imap_account account;
    uint32_t message_cap;
    bool create_folders;
    bool want_keywords;
    uint32_t poll_s;
    uint32_t pace_s; /* instead of poll_s while a page is open; 0: no such */
    uint32_t reconcile_s;
    struct fetch_folder *folders; /* OWNED */
    size_t folder_count;
    struct fetch_folder *inbox;

    struct fetch_connection links[LINK_COUNT];
    bool told_up;
    uint32_t abilities;
    bool idling; /* the watch connection is inside IDLE */
    bool idle_refused;
    struct fetch_suspect suspects[FETCH_MAX_SUSPECTS];
    size_t suspect_count; /* ever: the oldest make room */
    unsigned read_singly; /* so many reads go one at a time: one of the last was large, or lost the connection */

    struct order_queue first; /* moves and questions: before any read */
    struct order_queue reads;
    size_t order_count;
};

/* --- fetch.c: frames and names --------------------------------------------------------------------------------- */

/* Reads FETCH_SETUP with its password descriptor (closed here). ERR_PEER when it makes no sense. */
enum err fetch_set_up(struct fetch *fetch, struct ipc_frame *frame) ATTUNE_MUST_CHECK;
void fetch_free(struct fetch *fetch);
struct fetch_folder *fetch_find_folder(struct fetch *fetch, struct str name);
/* Takes a FETCH_CURSOR. */
enum err fetch_take_cursor(struct fetch *fetch, struct ipc_frame *frame) ATTUNE_MUST_CHECK;
/* Takes a FETCH_PACE. */
enum err fetch_take_pace(struct fetch *fetch, struct ipc_frame *frame) ATTUNE_MUST_CHECK;
/* Starts and sends frames; a failure to send means that keep is gone, and stops the loop. */
bool fetch_begin(struct fetch *fetch, enum frame_type type);
void fetch_send(struct fetch *fetch, int fd);
/* "I may be silent for so long": at most once a second unless the last one does not cover it. */
void fetch_beat(struct fetch *fetch, int64_t allow_ms);
/* Takes what keep has sent: into the queues, the cursors, or `stop`. Never blocks. */
void fetch_serve(struct fetch *fetch);

/* --- link.c: connections ----------------------------------------------------------------------------------------- */

/* Connects what is due. */
void link_open_due(struct fetch *fetch, int64_t now_ms);
/* Closes after IMAP_LOST or for `why`, tells keep, and sets when to try again. */
void link_drop(struct fetch *fetch, enum fetch_connection_kind kind, enum fetch_why why);
/* The wait before attempt `failures` + 1 after `trouble`; `random` is any number. Pure. */
int64_t link_wait_ms(struct imap_trouble trouble, unsigned failures, uint32_t random);

/* --- listing.c: which messages there are ----------------------------------------------------------------------------
 */

/* One turn of the watch connection: news, the poll, the full listing, back into IDLE. */
void listing_watch(struct fetch *fetch, int64_t now_ms);
/* The polled folders that are due, on the work connection. */
void listing_poll(struct fetch *fetch, int64_t now_ms);
/* The server's UIDVALIDITY is not the one that keep's rows stand under: freezes the folder and tells keep, once. */
void listing_freeze(struct fetch *fetch, struct fetch_folder *folder, uint32_t uidvalidity);
/* When one of the two wants its turn next. */
int64_t listing_due_ms(const struct fetch *fetch);

#endif
