/* Moving one message, so that its outcome is known or said to be unknown. Role fetch. */
#include <attune/log.h>
#include <attune/order.h>

typedef enum imap_answer (*transfer_call)(struct imap *, uint32_t, const char *, struct imap_copied *);

/* Once more when the destination was missing and may be made. */
static enum imap_answer transfer(struct fetch *fetch, const struct order *order, transfer_call call,
                                 struct imap_copied *copied)
{
    struct imap *imap = fetch->links[LINK_WORK].imap;
    enum imap_answer answer = call(imap, order->uid, order->destination->wire, copied);
    if (answer != IMAP_NO || !copied->try_create || !fetch->create_folders)
        return answer;
    answer = imap_create(imap, order->destination->wire);
    return answer == IMAP_OK ? call(imap, order->uid, order->destination->wire, copied) : answer;
}

/* For servers without MOVE. The original goes only after the server has named the copy; where it will not go, the
 * message is in its queue all the same, and the next full listing shows the original again. */
static enum imap_answer copy_and_remove(struct fetch *fetch, const struct order *order, struct imap_copied *copied)
{
    struct imap *imap = fetch->links[LINK_WORK].imap;
    enum imap_answer answer = transfer(fetch, order, imap_copy, copied);
    if (answer != IMAP_OK || copied->uid == 0)
        return answer;
    answer = imap_add_flag(imap, order->uid, "\\Deleted");
    if (answer == IMAP_OK)
        answer = imap_expunge(imap, order->uid);
    if (answer == IMAP_NO)
        log_warn("original-remains", LOG_NUMBER("uid", order->uid));
    return answer == IMAP_LOST ? IMAP_LOST : IMAP_OK;
}

static enum imap_answer store_keyword(struct fetch *fetch, const struct order *order)
{
    struct imap *imap = fetch->links[LINK_WORK].imap;
    if (order->keyword[0] == '\0' || !fetch->want_keywords || !imap_selection(imap)->any_keyword)
        return IMAP_OK;
    return imap_add_flag(imap, order->uid, order->keyword) == IMAP_LOST ? IMAP_LOST : IMAP_OK;
}

static enum fetch_moved outcome(const struct fetch *fetch, enum imap_answer answer, const struct imap_copied *copied)
{
    if (answer == IMAP_LOST)
        return FETCH_MOVED_UNKNOWN;
    if (answer == IMAP_NO)
        return FETCH_MOVED_REFUSED;
    if (copied->uid != 0)
        return FETCH_MOVED_MOVED;
    return fetch->abilities & FETCH_CAN_UIDPLUS ? FETCH_MOVED_NOTHING : FETCH_MOVED_DONE;
}

/* Moves in the opened folder. Without MOVE and UIDPLUS nothing can be moved safely: refused. */
static enum fetch_moved move(struct fetch *fetch, const struct order *order, struct imap_copied *copied)
{
    bool can_move = fetch->abilities & FETCH_CAN_MOVE;
    if (!can_move && !(fetch->abilities & FETCH_CAN_UIDPLUS))
        return FETCH_MOVED_REFUSED;
    enum imap_answer answer = store_keyword(fetch, order);
    if (answer == IMAP_OK)
        answer = can_move ? transfer(fetch, order, imap_move, copied) : copy_and_remove(fetch, order, copied);
    return outcome(fetch, answer, copied);
}

void order_run_move(struct fetch *fetch, struct order *order)
{
    static const enum fetch_moved outcomes[] = {
        [ORDER_CHANGED] = FETCH_MOVED_NOTHING,
        [ORDER_REFUSED] = FETCH_MOVED_REFUSED,
        [ORDER_LOST] = FETCH_MOVED_UNKNOWN,
    };
    struct imap_copied copied = {0};
    enum order_place place = order_go_to(fetch, order, false);
    enum fetch_moved moved = place == ORDER_READY ? move(fetch, order, &copied) : outcomes[place];
    bool named = moved == FETCH_MOVED_MOVED;
    order_answer_place(fetch, FRAME_FETCH_MOVED, order, moved, named ? copied.uidvalidity : 0, named ? copied.uid : 0);
    if (moved == FETCH_MOVED_UNKNOWN)
        order_drop_link(fetch);
}
