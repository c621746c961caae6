/*
 * keep's orders in role fetch: order.c queues and answers them, order_read.c, order_find.c and order_move.c carry them
 * out over the work connection. Moves and questions go before reads, so that a page's message is not behind a backlog.
 */
#ifndef ATTUNE_ORDER_H
#define ATTUNE_ORDER_H

#include <attune/fetch.h>
#include <attune/hash.h>

/* What keep asked for and has no answer to yet. */
struct order {
    struct order *next;
    enum frame_type type;
    uint64_t id;
    struct fetch_folder *folder;
    struct fetch_folder *destination;
    uint32_t uidvalidity;
    uint32_t uid;
    uint32_t size;
    uint32_t first_bytes; /* of a message that proved too long to read whole; 0: all of it */
    bool read_again;      /* not given at first though it is there: the session had not heard of it yet */
    char keyword[IMAP_MAX_KEYWORD + 1];
    unsigned char hash[HASH_SIZE];
};

/* --- for fetch.c -------------------------------------------------------------------------------------------------- */

/* Queues a READ, STATUS, MOVE, FIND or PROBE. ERR_PEER when it makes no sense. */
enum err order_take(struct fetch *fetch, struct ipc_frame *frame) ATTUNE_MUST_CHECK;
/* Whether there is one to run now: a work connection, and room towards keep. */
bool order_is_ready(const struct fetch *fetch);
/* Runs the first move or question, else up to IMAP_PIPELINE reads. */
void order_run(struct fetch *fetch);
void order_free_all(struct fetch *fetch);

/* --- between the order files ----------------------------------------------------------------------------------------
 */

void order_push(struct order_queue *queue, struct order *order);
void order_push_front(struct order_queue *queue, struct order *order);
struct order *order_pop(struct order_queue *queue);

/* Each answers and ends the order, but the first two, which are the parts of such a thing. */
bool order_begin_answer(struct fetch *fetch, enum frame_type type, const struct order *order);
void order_finish(struct fetch *fetch, struct order *order);
void order_answer_code(struct fetch *fetch, enum frame_type type, struct order *order, unsigned code);
void order_answer_unread(struct fetch *fetch, struct order *order, enum fetch_unread why);
/* STATUS_IS, MOVED and FOUND have the same shape: a code and where. */
void order_answer_place(struct fetch *fetch, enum frame_type type, struct order *order, unsigned code,
                        uint32_t uidvalidity, uint32_t uid);

enum order_place { ORDER_READY, ORDER_CHANGED, ORDER_REFUSED, ORDER_LOST };

/* Opens the order's folder. CHANGED: its UIDs mean other messages now, and keep is told. */
enum order_place order_go_to(struct fetch *fetch, const struct order *order, bool read_only);
/* After IMAP_LOST on the work connection. */
void order_drop_link(struct fetch *fetch);

void order_run_reads(struct fetch *fetch);
void order_run_probe(struct fetch *fetch, struct order *order);
void order_run_status(struct fetch *fetch, struct order *order);
void order_run_find(struct fetch *fetch, struct order *order);
void order_run_move(struct fetch *fetch, struct order *order);

#endif
