/* keep's orders: queued, sorted by kind, answered. Role fetch; each gets exactly one answer unless the process ends. */
#include <attune/order.h>
#include <stdlib.h>
#include <string.h>

/* --- queues ------------------------------------------------------------------------------------------------------ */

void order_push(struct order_queue *queue, struct order *order)
{
    if (!queue->head)
        queue->tail = &queue->head;
    order->next = NULL;
    *queue->tail = order;
    queue->tail = &order->next;
}

void order_push_front(struct order_queue *queue, struct order *order)
{
    if (!queue->head)
        queue->tail = &order->next;
    order->next = queue->head;
    queue->head = order;
}

struct order *order_pop(struct order_queue *queue)
{
    struct order *order = queue->head;
    if (order)
        queue->head = order->next;
    return order;
}

void order_finish(struct fetch *fetch, struct order *order)
{
    fetch->order_count--;
    free(order);
}

void order_free_all(struct fetch *fetch)
{
    struct order_queue *queues[] = {&fetch->first, &fetch->reads};
    for (size_t i = 0; i < 2; i++)
        while (queues[i]->head)
            order_finish(fetch, order_pop(queues[i]));
}

/* --- taking ------------------------------------------------------------------------------------------------------ */

static bool read_fields(struct fetch *fetch, struct ipc_reader *reader, struct order *order)
{
    order->id = ipc_get_u64(reader);
    order->folder = fetch_find_folder(fetch, ipc_get_str(reader));
    switch (order->type) {
    case FRAME_FETCH_STATUS:
        return true;
    case FRAME_FETCH_FIND:
        order->uid = ipc_get_u32(reader);
        ipc_get_bytes(reader, order->hash, sizeof order->hash);
        order->size = ipc_get_u32(reader);
        return true;
    case FRAME_FETCH_READ:
    case FRAME_FETCH_PROBE:
    case FRAME_FETCH_MOVE:
        order->uidvalidity = ipc_get_u32(reader);
        order->uid = ipc_get_u32(reader);
        break;
    default:
        return false;
    }
    if (order->type != FRAME_FETCH_MOVE)
        return order->uid != 0;
    order->destination = fetch_find_folder(fetch, ipc_get_str(reader));
    ipc_get_text(reader, order->keyword, sizeof order->keyword);
    return order->uid != 0 && order->destination &&
           (order->keyword[0] == '\0' || imap_name_is_keyword(str_of(order->keyword)));
}

enum err order_take(struct fetch *fetch, struct ipc_frame *frame)
{
    struct order *order = fetch->order_count < FETCH_MAX_ORDERS ? calloc(1, sizeof *order) : NULL;
    if (!order)
        return ERR_PEER;
    order->type = frame->type;
    if (!read_fields(fetch, &frame->body, order) || !order->folder || !ipc_read_end(&frame->body)) {
        free(order);
        return ERR_PEER;
    }
    fetch->order_count++;
    order_push(order->type == FRAME_FETCH_READ ? &fetch->reads : &fetch->first, order);
    return ERR_OK;
}

/* --- answering --------------------------------------------------------------------------------------------------- */

bool order_begin_answer(struct fetch *fetch, enum frame_type type, const struct order *order)
{
    if (!fetch_begin(fetch, type))
        return false;
    ipc_put_u64(&fetch->writer, order->id);
    return true;
}

void order_answer_code(struct fetch *fetch, enum frame_type type, struct order *order, unsigned code)
{
    if (order_begin_answer(fetch, type, order)) {
        ipc_put_u8(&fetch->writer, (uint8_t)code);
        fetch_send(fetch, -1);
    }
    order_finish(fetch, order);
}

void order_answer_unread(struct fetch *fetch, struct order *order, enum fetch_unread why)
{
    order_answer_code(fetch, FRAME_FETCH_UNREAD, order, why);
}

void order_answer_place(struct fetch *fetch, enum frame_type type, struct order *order, unsigned code,
                        uint32_t uidvalidity, uint32_t uid)
{
    if (order_begin_answer(fetch, type, order)) {
        ipc_put_u8(&fetch->writer, (uint8_t)code);
        ipc_put_u32(&fetch->writer, uidvalidity);
        ipc_put_u32(&fetch->writer, uid);
        fetch_send(fetch, -1);
    }
    order_finish(fetch, order);
}

/* --- the folder of an order --------------------------------------------------------------------------------------- */

enum order_place order_go_to(struct fetch *fetch, const struct order *order, bool read_only)
{
    struct imap *imap = fetch->links[LINK_WORK].imap;
    enum imap_answer answer = imap_select(imap, order->folder->wire, read_only);
    if (answer != IMAP_OK)
        return answer == IMAP_NO ? ORDER_REFUSED : ORDER_LOST;
    if (order->type == FRAME_FETCH_FIND || order->uidvalidity == imap_selection(imap)->uidvalidity)
        return ORDER_READY;
    /* Open here since before its UIDVALIDITY changed, perhaps: only a fresh look says which is right. */
    imap_forget_selection(imap);
    answer = imap_select(imap, order->folder->wire, read_only);
    if (answer != IMAP_OK)
        return answer == IMAP_NO ? ORDER_REFUSED : ORDER_LOST;
    uint32_t uidvalidity = imap_selection(imap)->uidvalidity;
    if (order->uidvalidity == uidvalidity)
        return ORDER_READY;
    if (order->folder->uidvalidity != uidvalidity)
        listing_freeze(fetch, order->folder, uidvalidity);
    return ORDER_CHANGED;
}

void order_drop_link(struct fetch *fetch)
{
    link_drop(fetch, LINK_WORK, FETCH_WHY_CONNECT);
}

/* --- running ----------------------------------------------------------------------------------------------------- */

bool order_is_ready(const struct fetch *fetch)
{
    return (fetch->first.head || fetch->reads.head) && fetch->links[LINK_WORK].imap &&
           !ipc_channel_wants_write(fetch->channel);
}

void order_run(struct fetch *fetch)
{
    struct order *order = order_pop(&fetch->first);
    if (!order)
        order_run_reads(fetch);
    else if (order->type == FRAME_FETCH_MOVE)
        order_run_move(fetch, order);
    else if (order->type == FRAME_FETCH_FIND)
        order_run_find(fetch, order);
    else if (order->type == FRAME_FETCH_STATUS)
        order_run_status(fetch, order);
    else
        order_run_probe(fetch, order);
}
