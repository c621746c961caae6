/* keep's orders: queued, run, answered. Role fetch; every order gets exactly one answer unless the process ends. */
#include <attune/log.h>
#include <attune/mailbox.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Messages of this size together are better had one at a time: less is held in memory, and a move waits less. */
enum { LARGE_BATCH = 4 * 1024 * 1024 };

/* --- queues ------------------------------------------------------------------------------------------------------ */

static void push(struct order_queue *queue, struct order *order)
{
    if (!queue->head)
        queue->tail = &queue->head;
    order->next = NULL;
    *queue->tail = order;
    queue->tail = &order->next;
}

static void push_front(struct order_queue *queue, struct order *order)
{
    if (!queue->head)
        queue->tail = &order->next;
    order->next = queue->head;
    queue->head = order;
}

static struct order *pop(struct order_queue *queue)
{
    struct order *order = queue->head;
    if (order)
        queue->head = order->next;
    return order;
}

static void finish(struct mailbox *mailbox, struct order *order)
{
    mailbox->order_count--;
    free(order);
}

void order_free_all(struct mailbox *mailbox)
{
    struct order_queue *queues[] = {&mailbox->first, &mailbox->reads};
    for (size_t i = 0; i < 2; i++)
        while (queues[i]->head)
            finish(mailbox, pop(queues[i]));
}

/* --- taking ------------------------------------------------------------------------------------------------------ */

static bool read_fields(struct mailbox *mailbox, struct ipc_reader *reader, struct order *order)
{
    order->id = ipc_get_u64(reader);
    order->folder = mailbox_find(mailbox, ipc_get_str(reader));
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
    order->destination = mailbox_find(mailbox, ipc_get_str(reader));
    ipc_get_text(reader, order->keyword, sizeof order->keyword);
    return order->uid != 0 && order->destination &&
           (order->keyword[0] == '\0' || imap_name_is_keyword(str_of(order->keyword)));
}

enum err order_take(struct mailbox *mailbox, struct ipc_frame *frame)
{
    struct order *order = mailbox->order_count < MAILBOX_MAX_ORDERS ? calloc(1, sizeof *order) : NULL;
    if (!order)
        return ERR_PEER;
    order->type = frame->type;
    if (!read_fields(mailbox, &frame->body, order) || !order->folder || !ipc_read_end(&frame->body)) {
        free(order);
        return ERR_PEER;
    }
    mailbox->order_count++;
    push(order->type == FRAME_FETCH_READ ? &mailbox->reads : &mailbox->first, order);
    return ERR_OK;
}

/* --- answering --------------------------------------------------------------------------------------------------- */

static bool begin_answer(struct mailbox *mailbox, enum frame_type type, const struct order *order)
{
    if (!mailbox_begin(mailbox, type))
        return false;
    ipc_put_u64(&mailbox->writer, order->id);
    return true;
}

static void answer_code(struct mailbox *mailbox, enum frame_type type, struct order *order, unsigned code)
{
    if (begin_answer(mailbox, type, order)) {
        ipc_put_u8(&mailbox->writer, (uint8_t)code);
        mailbox_send(mailbox, -1);
    }
    finish(mailbox, order);
}

static void answer_unread(struct mailbox *mailbox, struct order *order, enum fetch_unread why)
{
    answer_code(mailbox, FRAME_FETCH_UNREAD, order, why);
}

/* STATUS_IS, MOVED and FOUND have the same shape: a code and where. */
static void answer_place(struct mailbox *mailbox, enum frame_type type, struct order *order, unsigned code,
                         uint32_t uidvalidity, uint32_t uid)
{
    if (begin_answer(mailbox, type, order)) {
        ipc_put_u8(&mailbox->writer, (uint8_t)code);
        ipc_put_u32(&mailbox->writer, uidvalidity);
        ipc_put_u32(&mailbox->writer, uid);
        mailbox_send(mailbox, -1);
    }
    finish(mailbox, order);
}

static void answer_message(struct mailbox *mailbox, struct order *order, const struct imap_read *read)
{
    int fd;
    uint32_t size;
    bool cut = body_is_cut(read->body) || read->first_bytes != 0;
    if (body_seal(read->body, &fd, &size) != ERR_OK) {
        answer_unread(mailbox, order, FETCH_UNREAD_LATER);
        return;
    }
    if (begin_answer(mailbox, FRAME_FETCH_MESSAGE, order)) {
        ipc_put_u32(&mailbox->writer, size);
        ipc_put_u8(&mailbox->writer, cut);
        ipc_put_u8(&mailbox->writer, read->seen);
        ipc_put_i64(&mailbox->writer, read->internal_date_ms);
        mailbox_send(mailbox, fd);
    } else {
        close(fd);
    }
    finish(mailbox, order);
}

/* --- the folder of an order --------------------------------------------------------------------------------------- */

enum place { PLACE_READY, PLACE_CHANGED, PLACE_REFUSED, PLACE_LOST };

/* Opens the order's folder. CHANGED: its UIDs mean other messages now, and keep is told. */
static enum place go_to(struct mailbox *mailbox, const struct order *order, bool read_only)
{
    struct imap *imap = mailbox->links[LINK_WORK].imap;
    enum imap_answer answer = imap_select(imap, order->folder->wire, read_only);
    if (answer != IMAP_OK)
        return answer == IMAP_NO ? PLACE_REFUSED : PLACE_LOST;
    if (order->type == FRAME_FETCH_FIND || order->uidvalidity == imap_selection(imap)->uidvalidity)
        return PLACE_READY;
    /* The folder may have been open here since before its UIDVALIDITY changed: only a fresh look says which is right.
     */
    imap_forget_selection(imap);
    answer = imap_select(imap, order->folder->wire, read_only);
    if (answer != IMAP_OK)
        return answer == IMAP_NO ? PLACE_REFUSED : PLACE_LOST;
    uint32_t uidvalidity = imap_selection(imap)->uidvalidity;
    if (order->uidvalidity == uidvalidity)
        return PLACE_READY;
    if (order->folder->uidvalidity != uidvalidity)
        listing_freeze(mailbox, order->folder, uidvalidity);
    return PLACE_CHANGED;
}

static void drop(struct mailbox *mailbox)
{
    link_drop(mailbox, LINK_WORK, FETCH_WHY_CONNECT);
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* The connection was lost over this one read. */
static void settle_lost(struct mailbox *mailbox, struct order *order, bool overlong)
{
    if (!overlong) {
        answer_unread(mailbox, order, FETCH_UNREAD_LATER);
    } else if (order->first_bytes != 0) {
        answer_unread(mailbox, order, FETCH_UNREAD_REFUSED);
    } else { /* longer than is worth reading to its end: only its beginning, on the next connection */
        order->first_bytes = mailbox->message_cap;
        push_front(&mailbox->reads, order);
    }
}

/* The connection was lost over several reads: which of them is the cause shows when they go one at a time. Only that
 * one is then answered with a failure. */
static void settle_all_lost(struct mailbox *mailbox, struct order *const *batch, const struct imap_read *reads,
                            size_t count)
{
    mailbox->read_singly = IMAP_PIPELINE;
    if (count == 1)
        settle_lost(mailbox, batch[0], reads[0].overlong);
    else
        while (count > 0)
            push_front(&mailbox->reads, batch[--count]);
    drop(mailbox);
}

static void settle_read(struct mailbox *mailbox, struct order *order, const struct imap_read *read)
{
    if (read->whole) {
        answer_message(mailbox, order, read);
        return;
    }
    order->missing = true; /* gone, or refused: asked next */
    push(&mailbox->first, order);
}

/* Takes reads of one folder off the queue. */
static size_t gather(struct mailbox *mailbox, struct order *batch[IMAP_PIPELINE], struct imap_read *reads)
{
    size_t most = mailbox->read_singly > 0 ? 1 : IMAP_PIPELINE;
    size_t count = 0;
    while (count < most && mailbox->reads.head &&
           (count == 0 || (mailbox->reads.head->folder == batch[0]->folder &&
                           mailbox->reads.head->uidvalidity == batch[0]->uidvalidity))) {
        batch[count] = pop(&mailbox->reads);
        reads[count] = (struct imap_read){.uid = batch[count]->uid, .first_bytes = batch[count]->first_bytes};
        count++;
    }
    if (mailbox->read_singly > 0)
        mailbox->read_singly--;
    return count;
}

static void run_reads(struct mailbox *mailbox)
{
    struct order *batch[IMAP_PIPELINE];
    struct imap_read reads[IMAP_PIPELINE];
    uint64_t bytes = 0;
    size_t count = gather(mailbox, batch, reads);
    if (imap_fetch(mailbox->links[LINK_WORK].imap, reads, count) == IMAP_LOST) {
        settle_all_lost(mailbox, batch, reads, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bytes += reads[i].size;
        settle_read(mailbox, batch[i], &reads[i]);
    }
    if (bytes > LARGE_BATCH)
        mailbox->read_singly = IMAP_PIPELINE;
}

/* What the watch connection has listed since may not be there yet for a folder that stayed open here: a server shows
 * new mail to a session when that session asks. */
static enum place catch_up(struct mailbox *mailbox, const struct order *order)
{
    struct mailbox_folder *folder = order->folder;
    if (order->uid <= folder->work_uid)
        return PLACE_READY;
    if (imap_noop(mailbox->links[LINK_WORK].imap) == IMAP_LOST)
        return PLACE_LOST;
    folder->work_uid = folder->listed_uid;
    return PLACE_READY;
}

static void start_reads(struct mailbox *mailbox)
{
    enum place place = go_to(mailbox, mailbox->reads.head, true);
    if (place == PLACE_READY)
        place = catch_up(mailbox, mailbox->reads.head);
    if (place == PLACE_READY) {
        run_reads(mailbox);
        return;
    }
    answer_unread(mailbox, pop(&mailbox->reads), place == PLACE_REFUSED ? FETCH_UNREAD_REFUSED : FETCH_UNREAD_LATER);
    if (place == PLACE_LOST)
        drop(mailbox);
}

/* --- questions --------------------------------------------------------------------------------------------------- */

/* Whether the order's UID is in its folder. LOST too when the search was refused: nothing is concluded from that. */
static enum fetch_found probe(struct mailbox *mailbox, const struct order *order, bool *lost)
{
    struct imap *imap = mailbox->links[LINK_WORK].imap;
    struct imap_uids uids = {0};
    enum place place = go_to(mailbox, order, true);
    *lost = place == PLACE_LOST;
    if (place != PLACE_READY)
        return FETCH_FOUND_LATER;
    /* NOOP first: until then a server may go on naming what others have removed. */
    enum imap_answer answer = imap_noop(imap);
    if (answer != IMAP_LOST)
        answer = imap_search(imap, order->uid, order->uid, &uids);
    size_t count = uids.count;
    imap_uids_free(&uids);
    *lost = answer == IMAP_LOST;
    if (answer != IMAP_OK)
        return FETCH_FOUND_LATER;
    return count > 0 ? FETCH_FOUND_YES : FETCH_FOUND_NO;
}

static void run_probe(struct mailbox *mailbox, struct order *order)
{
    bool lost;
    enum fetch_found found = probe(mailbox, order, &lost);
    if (order->type == FRAME_FETCH_PROBE)
        answer_code(mailbox, FRAME_FETCH_PROBED, order, found);
    else
        answer_unread(mailbox, order,
                      found == FETCH_FOUND_YES  ? FETCH_UNREAD_REFUSED
                      : found == FETCH_FOUND_NO ? FETCH_UNREAD_GONE
                                                : FETCH_UNREAD_LATER);
    if (lost)
        drop(mailbox);
}

static void run_status(struct mailbox *mailbox, struct order *order)
{
    struct imap_status status;
    enum imap_answer answer = imap_status(mailbox->links[LINK_WORK].imap, order->folder->wire, &status);
    if (answer == IMAP_LOST) { /* there is no answer that says "later": it is asked again on the next connection */
        push_front(&mailbox->first, order);
        drop(mailbox);
        return;
    }
    answer_place(mailbox, FRAME_FETCH_STATUS_IS, order, answer == IMAP_OK, status.uidvalidity, status.uidnext);
}

/* --- finding ----------------------------------------------------------------------------------------------------- */

static enum imap_answer compare_message(struct mailbox *mailbox, const struct order *order, uint32_t uid, bool *same)
{
    struct imap_read read = {.uid = uid};
    unsigned char hash[HASH_SIZE];
    *same = false;
    enum imap_answer answer = imap_fetch(mailbox->links[LINK_WORK].imap, &read, 1);
    if (answer == IMAP_OK && read.whole && body_hash(read.body, hash) == ERR_OK)
        *same = memcmp(hash, order->hash, sizeof hash) == 0;
    return answer;
}

/* Two rounds: messages of the size that the server gives as the wanted one first, then all others, since some servers
 * give wrong sizes. `sizes` remembers between the rounds. */
static enum imap_answer look_through(struct mailbox *mailbox, const struct order *order, const struct imap_uids *uids,
                                     uint32_t *sizes, uint32_t *found)
{
    struct imap *imap = mailbox->links[LINK_WORK].imap;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < uids->count; i++) {
            bool same = false;
            if (round == 0 && imap_fetch_size(imap, uids->list[i], &sizes[i]) == IMAP_LOST)
                return IMAP_LOST;
            if ((sizes[i] == order->size) != (round == 0))
                continue;
            if (compare_message(mailbox, order, uids->list[i], &same) == IMAP_LOST)
                return IMAP_LOST;
            if (same) {
                *found = uids->list[i];
                return IMAP_OK;
            }
            mailbox_serve(mailbox);
            if (mailbox->stop)
                return IMAP_NO;
        }
    return IMAP_OK;
}

static void run_find(struct mailbox *mailbox, struct order *order)
{
    struct imap *imap = mailbox->links[LINK_WORK].imap;
    struct imap_uids uids = {0};
    uint32_t *sizes = NULL;
    uint32_t found = 0;
    uint32_t uidvalidity = 0;
    imap_forget_selection(imap); /* what was copied a moment ago must be seen */
    enum place place = go_to(mailbox, order, true);
    enum imap_answer answer = place == PLACE_READY ? IMAP_OK : place == PLACE_LOST ? IMAP_LOST : IMAP_NO;
    if (answer == IMAP_OK) {
        uidvalidity = imap_selection(imap)->uidvalidity;
        answer = imap_search(imap, order->uid ? order->uid : 1, UINT32_MAX, &uids);
    }
    if (answer == IMAP_OK && uids.count > 0) {
        sizes = calloc(uids.count, sizeof *sizes);
        answer = sizes ? look_through(mailbox, order, &uids, sizes, &found) : IMAP_NO;
    }
    /* A folder that is not there holds no copy; any other refusal proves nothing. */
    bool nowhere = answer == IMAP_OK || place == PLACE_REFUSED;
    enum fetch_found code = found ? FETCH_FOUND_YES : nowhere ? FETCH_FOUND_NO : FETCH_FOUND_LATER;
    answer_place(mailbox, FRAME_FETCH_FOUND, order, code, found ? uidvalidity : 0, found);
    free(sizes);
    imap_uids_free(&uids);
    if (answer == IMAP_LOST)
        drop(mailbox);
}

/* --- moving ------------------------------------------------------------------------------------------------------ */

typedef enum imap_answer (*transfer_call)(struct imap *, uint32_t, const char *, struct imap_copied *);

/* Once more when the destination was missing and may be made. */
static enum imap_answer transfer(struct mailbox *mailbox, const struct order *order, transfer_call call,
                                 struct imap_copied *copied)
{
    struct imap *imap = mailbox->links[LINK_WORK].imap;
    enum imap_answer answer = call(imap, order->uid, order->destination->wire, copied);
    if (answer != IMAP_NO || !copied->try_create || !mailbox->create_folders)
        return answer;
    answer = imap_create(imap, order->destination->wire);
    return answer == IMAP_OK ? call(imap, order->uid, order->destination->wire, copied) : answer;
}

/* For servers without MOVE. The original goes only after the server has named the copy; where it will not go, the
 * message is in its queue all the same, and the next full listing shows the original again. */
static enum imap_answer copy_and_remove(struct mailbox *mailbox, const struct order *order, struct imap_copied *copied)
{
    struct imap *imap = mailbox->links[LINK_WORK].imap;
    enum imap_answer answer = transfer(mailbox, order, imap_copy, copied);
    if (answer != IMAP_OK || copied->uid == 0)
        return answer;
    answer = imap_add_flag(imap, order->uid, "\\Deleted");
    if (answer == IMAP_OK)
        answer = imap_expunge(imap, order->uid);
    if (answer == IMAP_NO)
        log_warn("original-remains", LOG_NUMBER("uid", order->uid));
    return answer == IMAP_LOST ? IMAP_LOST : IMAP_OK;
}

static enum imap_answer store_keyword(struct mailbox *mailbox, const struct order *order)
{
    struct imap *imap = mailbox->links[LINK_WORK].imap;
    if (order->keyword[0] == '\0' || !mailbox->want_keywords || !imap_selection(imap)->any_keyword)
        return IMAP_OK;
    return imap_add_flag(imap, order->uid, order->keyword) == IMAP_LOST ? IMAP_LOST : IMAP_OK;
}

static enum fetch_moved outcome(const struct mailbox *mailbox, enum imap_answer answer,
                                const struct imap_copied *copied)
{
    if (answer == IMAP_LOST)
        return FETCH_MOVED_UNKNOWN;
    if (answer == IMAP_NO)
        return FETCH_MOVED_REFUSED;
    if (copied->uid != 0)
        return FETCH_MOVED_MOVED;
    return mailbox->abilities & FETCH_CAN_UIDPLUS ? FETCH_MOVED_NOTHING : FETCH_MOVED_DONE;
}

/* Moves in the opened folder. Without MOVE and UIDPLUS nothing can be moved safely: refused. */
static enum fetch_moved move(struct mailbox *mailbox, const struct order *order, struct imap_copied *copied)
{
    bool can_move = mailbox->abilities & FETCH_CAN_MOVE;
    if (!can_move && !(mailbox->abilities & FETCH_CAN_UIDPLUS))
        return FETCH_MOVED_REFUSED;
    enum imap_answer answer = store_keyword(mailbox, order);
    if (answer == IMAP_OK)
        answer = can_move ? transfer(mailbox, order, imap_move, copied) : copy_and_remove(mailbox, order, copied);
    return outcome(mailbox, answer, copied);
}

static void run_move(struct mailbox *mailbox, struct order *order)
{
    static const enum fetch_moved outcomes[] = {
        [PLACE_CHANGED] = FETCH_MOVED_NOTHING,
        [PLACE_REFUSED] = FETCH_MOVED_REFUSED,
        [PLACE_LOST] = FETCH_MOVED_UNKNOWN,
    };
    struct imap_copied copied = {0};
    enum place place = go_to(mailbox, order, false);
    enum fetch_moved moved = place == PLACE_READY ? move(mailbox, order, &copied) : outcomes[place];
    bool named = moved == FETCH_MOVED_MOVED;
    answer_place(mailbox, FRAME_FETCH_MOVED, order, moved, named ? copied.uidvalidity : 0, named ? copied.uid : 0);
    if (moved == FETCH_MOVED_UNKNOWN)
        drop(mailbox);
}

/* --- running ----------------------------------------------------------------------------------------------------- */

bool order_is_ready(const struct mailbox *mailbox)
{
    return (mailbox->first.head || mailbox->reads.head) && mailbox->links[LINK_WORK].imap &&
           !ipc_channel_wants_write(mailbox->channel);
}

void order_run(struct mailbox *mailbox)
{
    struct order *order = pop(&mailbox->first);
    if (!order)
        start_reads(mailbox);
    else if (order->type == FRAME_FETCH_MOVE)
        run_move(mailbox, order);
    else if (order->type == FRAME_FETCH_FIND)
        run_find(mailbox, order);
    else if (order->type == FRAME_FETCH_STATUS)
        run_status(mailbox, order);
    else
        run_probe(mailbox, order);
}
