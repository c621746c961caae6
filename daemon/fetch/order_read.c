/* Reading messages, several at a time, and finding out which of them broke a connection. Role fetch. */
#include <attune/order.h>
#include <unistd.h>

/* Messages of this size together are better had one at a time: less is held in memory, and a move waits less. */
enum { LARGE_BATCH = 4 * 1024 * 1024 };

static void answer_message(struct fetch *fetch, struct order *order, const struct imap_read *read)
{
    int fd;
    uint32_t size;
    bool cut = body_is_cut(read->body) || read->first_bytes != 0;
    if (body_seal(read->body, &fd, &size) != ERR_OK) {
        order_answer_unread(fetch, order, FETCH_UNREAD_LATER);
        return;
    }
    if (order_begin_answer(fetch, FRAME_FETCH_MESSAGE, order)) {
        ipc_put_u32(&fetch->writer, size);
        ipc_put_u8(&fetch->writer, cut);
        ipc_put_u8(&fetch->writer, read->seen);
        ipc_put_i64(&fetch->writer, read->internal_date_ms);
        fetch_send(fetch, fd);
    } else {
        close(fd);
    }
    order_finish(fetch, order);
}

static bool is_suspect(const struct fetch *fetch, const struct order *order)
{
    for (size_t i = 0; i < FETCH_MAX_SUSPECTS; i++) {
        const struct fetch_suspect *suspect = &fetch->suspects[i];
        if (suspect->folder == order->folder && suspect->uidvalidity == order->uidvalidity &&
            suspect->uid == order->uid)
            return true;
    }
    return false;
}

static void suspect(struct fetch *fetch, const struct order *order)
{
    fetch->suspects[fetch->suspect_count++ % FETCH_MAX_SUSPECTS] =
        (struct fetch_suspect){order->folder, order->uidvalidity, order->uid};
}

/* The connection was lost over this one read: bad luck once, the message's doing when it happens again. */
static void settle_lost(struct fetch *fetch, struct order *order, bool overlong)
{
    if (overlong && order->first_bytes == 0) { /* only its beginning, on the next connection */
        order->first_bytes = fetch->message_cap;
        order_push_front(&fetch->reads, order);
    } else if (overlong || is_suspect(fetch, order)) {
        order_answer_unread(fetch, order, FETCH_UNREAD_REFUSED);
    } else {
        suspect(fetch, order);
        order_answer_unread(fetch, order, FETCH_UNREAD_LATER);
    }
}

/* The connection was lost over several reads: which of them is the cause shows when they go one at a time. Only that
 * one is then answered with a failure. */
static void settle_all_lost(struct fetch *fetch, struct order *const *batch, const struct imap_read *reads,
                            size_t count)
{
    fetch->read_singly = IMAP_PIPELINE;
    if (count == 1)
        settle_lost(fetch, batch[0], reads[0].overlong);
    else
        while (count > 0)
            order_push_front(&fetch->reads, batch[--count]);
    order_drop_link(fetch);
}

static void settle_read(struct fetch *fetch, struct order *order, const struct imap_read *read)
{
    if (read->whole) {
        answer_message(fetch, order, read);
        return;
    }
    order_push(&fetch->first, order); /* gone, or refused: probed next */
}

/* Takes reads of one folder off the queue. */
static size_t gather(struct fetch *fetch, struct order *batch[IMAP_PIPELINE], struct imap_read *reads)
{
    size_t most = fetch->read_singly > 0 ? 1 : IMAP_PIPELINE;
    size_t count = 0;
    while (count < most && fetch->reads.head &&
           (count == 0 || (fetch->reads.head->folder == batch[0]->folder &&
                           fetch->reads.head->uidvalidity == batch[0]->uidvalidity))) {
        batch[count] = order_pop(&fetch->reads);
        reads[count] = (struct imap_read){.uid = batch[count]->uid, .first_bytes = batch[count]->first_bytes};
        count++;
    }
    if (fetch->read_singly > 0)
        fetch->read_singly--;
    return count;
}

static void run_reads(struct fetch *fetch)
{
    struct order *batch[IMAP_PIPELINE];
    struct imap_read reads[IMAP_PIPELINE];
    uint64_t bytes = 0;
    size_t count = gather(fetch, batch, reads);
    if (imap_fetch(fetch->links[LINK_WORK].imap, reads, count) == IMAP_LOST) {
        settle_all_lost(fetch, batch, reads, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bytes += reads[i].size;
        settle_read(fetch, batch[i], &reads[i]);
    }
    if (bytes > LARGE_BATCH)
        fetch->read_singly = IMAP_PIPELINE;
}

/* What the watch connection has listed since may not be there yet for a folder that stayed open here: a server shows
 * new mail to a session when that session asks. */
static enum order_place catch_up(struct fetch *fetch, const struct order *order)
{
    struct fetch_folder *folder = order->folder;
    if (order->uid <= folder->work_uid)
        return ORDER_READY;
    if (imap_noop(fetch->links[LINK_WORK].imap) == IMAP_LOST)
        return ORDER_LOST;
    folder->work_uid = folder->listed_uid;
    return ORDER_READY;
}

void order_run_reads(struct fetch *fetch)
{
    enum order_place place = order_go_to(fetch, fetch->reads.head, true);
    if (place == ORDER_READY)
        place = catch_up(fetch, fetch->reads.head);
    if (place == ORDER_READY) {
        run_reads(fetch);
        return;
    }
    order_answer_unread(fetch, order_pop(&fetch->reads),
                        place == ORDER_REFUSED ? FETCH_UNREAD_REFUSED : FETCH_UNREAD_LATER);
    if (place == ORDER_LOST)
        order_drop_link(fetch);
}
