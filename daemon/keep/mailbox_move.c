/*
 * Moves: each is an intent in the journal before it is a command, and an unclear outcome is looked into before anything
 * is repeated. UID MOVE may be replayed (a UID that is gone moves nothing); what is neither in the source nor in the
 * destination was taken by a person. Run by keep.
 */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>

enum { STATUS_RETRY_MS = 30000, FIRST_RETRY_MS = 2000, LAST_RETRY_MS = 300000 };

/* --- the destination's state, read before the intent ----------------------------------------------------------------
 */

static void ask_status(struct keep *keep, struct mailbox *mailbox, struct folder_status *folder)
{
    if (folder->asked || clock_monotonic_ms() < folder->ask_at_ms)
        return;
    size_t index = (size_t)(folder - mailbox->folders);
    ipc_write_begin(&keep->writer, FRAME_FETCH_STATUS);
    ipc_put_u64(&keep->writer, index); /* a folder's own order: works are numbered apart from it */
    ipc_put_text(&keep->writer, folder->name);
    folder->asked = peer_send(keep, &mailbox->peer, &keep->writer, -1);
}

bool mailbox_take_status(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body)
{
    (void)keep;
    uint64_t index = ipc_get_u64(body);
    uint8_t known = ipc_get_u8(body);
    uint32_t uidvalidity = ipc_get_u32(body), uidnext = ipc_get_u32(body);
    if (!ipc_read_end(body) || index >= mailbox->folder_count || known > 1)
        return false;
    struct folder_status *folder = &mailbox->folders[index];
    folder->asked = false;
    folder->known = known && uidvalidity != 0;
    folder->uidvalidity = uidvalidity;
    folder->uidnext = uidnext;
    folder->ask_at_ms = clock_monotonic_ms() + STATUS_RETRY_MS;
    if (!folder->known)
        log_warn("destination-missing", LOG_NAME("mailbox", mailbox->conf->name));
    return true;
}

/* --- intents -------------------------------------------------------------------------------------------------------
 */

static void plan_move(struct keep *keep, struct mailbox *mailbox, struct message_row *row)
{
    struct folder_status *folder = mailbox_folder(mailbox, row->destination);
    if (!folder) {
        /* The configuration no longer names it: the decision stands, the mail stays, and status shows the row waiting.
         */
        journal_retry_message(keep->journal, row->id, keep_retry_at(FIRST_RETRY_MS, LAST_RETRY_MS, row->attempts));
        return;
    }
    if (!folder->known) {
        ask_status(keep, mailbox, folder);
        return;
    }
    struct work *work = mailbox_add_work(mailbox, row, WORK_INTENT);
    if (!work)
        return;
    work->row.destination_uidvalidity = folder->uidvalidity;
    work->row.destination_uidnext = folder->uidnext;
    journal_begin_move(keep->journal, row->id, row->destination, folder->uidvalidity, folder->uidnext);
}

/* A row that is MOVING without a work: we crashed or the connection broke between the command and its answer. */
static void plan_resolution(struct mailbox *mailbox, const struct message_row *row)
{
    struct work *work = mailbox_add_work(mailbox, row, WORK_PROBE);
    if (work)
        work->order = 0; /* not sent yet */
}

void mailbox_plan_moves(struct keep *keep, struct mailbox *mailbox)
{
    static struct message_row rows[KEEP_MOVE_WINDOW];
    if (!mailbox->is_up || !peer_is_ready(&mailbox->peer) || journal_is_volatile(keep->journal) || keep->is_stopping ||
        mailbox->moving > KEEP_MOVE_WINDOW / 2)
        return;
    const char *name = mailbox->conf->name;
    int64_t now = clock_wall_ms();
    size_t count = journal_find_messages(keep->journal, name, MESSAGE_MOVING, 0, now, rows, KEEP_MOVE_WINDOW);
    for (size_t i = 0; i < count; i++)
        if (!mailbox_has_row(mailbox, rows[i].id))
            plan_resolution(mailbox, &rows[i]);
    count = journal_find_messages(keep->journal, name, MESSAGE_DECIDED, mailbox->move_after, now, rows,
                                  KEEP_MOVE_WINDOW - KEEP_MOVE_WINDOW / 2);
    for (size_t i = 0; i < count && peer_is_ready(&mailbox->peer); i++) {
        mailbox->move_after = rows[i].id;
        if (!mailbox_has_row(mailbox, rows[i].id))
            plan_move(keep, mailbox, &rows[i]);
    }
}

/* --- commands ------------------------------------------------------------------------------------------------------
 */

/* A keyword lets a mail program show or filter the urgency where folders alone do not. */
static const char *keyword_of(const struct mailbox *mailbox, enum urgency urgency)
{
    static const char *const keywords[] = {
        [URGENCY_REVIEW] = "$AttuneReview", [URGENCY_SOON] = "$AttuneSoon", [URGENCY_NOW] = "$AttuneNow"};
    bool can = mailbox->conf->keywords && (mailbox->abilities & FETCH_CAN_KEYWORDS);
    return can && urgency >= URGENCY_REVIEW && urgency <= URGENCY_NOW ? keywords[urgency] : "";
}

static bool send_place(struct keep *keep, struct work *work, enum frame_type type)
{
    ipc_write_begin(&keep->writer, type);
    ipc_put_u64(&keep->writer, work->order);
    ipc_put_text(&keep->writer, work->row.folder);
    ipc_put_u32(&keep->writer, work->row.uidvalidity);
    ipc_put_u32(&keep->writer, work->row.uid);
    if (type == FRAME_FETCH_MOVE) {
        ipc_put_text(&keep->writer, work->row.destination);
        ipc_put_text(&keep->writer, keyword_of(work->mailbox, work->row.urgency));
    }
    return peer_send(keep, &work->mailbox->peer, &keep->writer, -1);
}

static bool send_find(struct keep *keep, struct work *work)
{
    ipc_write_begin(&keep->writer, FRAME_FETCH_FIND);
    ipc_put_u64(&keep->writer, work->order);
    ipc_put_text(&keep->writer, work->row.destination);
    ipc_put_u32(&keep->writer, work->found_from_start ? 1 : work->row.destination_uidnext);
    ipc_put_bytes(&keep->writer, work->row.fingerprint, HASH_SIZE);
    ipc_put_u32(&keep->writer, work->row.size);
    return peer_send(keep, &work->mailbox->peer, &keep->writer, -1);
}

/* Gives the work its next command. False when the peer was lost, and with it every work that only it knew. */
static bool send_step(struct keep *keep, struct work *work)
{
    if (work->order == 0)
        work->order = ++work->mailbox->last_order;
    if (work->stage == WORK_FIND)
        return send_find(keep, work);
    return send_place(keep, work, work->stage == WORK_PROBE ? FRAME_FETCH_PROBE : FRAME_FETCH_MOVE);
}

void mailbox_send_moves(struct keep *keep, struct mailbox *mailbox)
{
    if (!peer_is_ready(&mailbox->peer))
        return;
    for (struct work *work = mailbox->works; work; work = work->next) {
        bool is_new = work->stage == WORK_INTENT || (work->stage == WORK_PROBE && work->order == 0);
        if (!is_new)
            continue;
        if (work->stage == WORK_INTENT)
            work->stage = WORK_MOVE;
        if (!send_step(keep, work))
            return;
    }
}

/* --- outcomes ------------------------------------------------------------------------------------------------------
 */

static void finish(struct keep *keep, struct work *work, uint32_t uidvalidity, uint32_t uid)
{
    journal_end_move(keep->journal, work->row.id, uidvalidity, uid);
    mailbox_end_work(work);
}

/* Where it is neither here nor there. */
static void conclude_taken(struct keep *keep, struct work *work)
{
    log_info("moved-by-a-person", LOG_NAME("mailbox", work->mailbox->conf->name), LOG_NUMBER("count", 1));
    journal_set_state(keep->journal, work->row.id, MESSAGE_TAKEN);
    mailbox_end_work(work);
}

static void look_in_source(struct keep *keep, struct work *work)
{
    work->stage = WORK_PROBE;
    work->order = 0;
    send_step(keep, work);
}

static void move_again(struct keep *keep, struct work *work)
{
    work->stage = WORK_MOVE;
    work->order = 0;
    send_step(keep, work);
}

static void look_in_destination(struct keep *keep, struct work *work)
{
    if (!work->row.has_fingerprint) { /* the server withheld it: there is nothing to know it by */
        conclude_taken(keep, work);
        return;
    }
    work->stage = WORK_FIND;
    work->order = 0;
    send_step(keep, work);
}

bool mailbox_take_moved(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body)
{
    uint64_t order = ipc_get_u64(body);
    uint8_t outcome = ipc_get_u8(body);
    uint32_t uidvalidity = ipc_get_u32(body), uid = ipc_get_u32(body);
    if (!ipc_read_end(body) || outcome < FETCH_MOVED_MOVED || outcome > FETCH_MOVED_DONE)
        return false;
    struct work *work = mailbox_find_work(mailbox, order, WORK_MOVE);
    if (!work)
        return true;
    if (outcome == FETCH_MOVED_MOVED) {
        finish(keep, work, uidvalidity, uid);
    } else if (outcome == FETCH_MOVED_REFUSED) {
        log_warn("move-refused", LOG_NAME("mailbox", mailbox->conf->name),
                 LOG_NUMBER("attempts", work->row.attempts + 1));
        journal_retry_message(keep->journal, work->row.id,
                              keep_retry_at(FIRST_RETRY_MS, LAST_RETRY_MS, work->row.attempts));
        mailbox_end_work(work);
    } else {
        look_in_source(keep, work);
    }
    return true;
}

bool mailbox_take_probed(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body)
{
    uint64_t order = ipc_get_u64(body);
    uint8_t answer = ipc_get_u8(body);
    if (!ipc_read_end(body) || answer < FETCH_FOUND_YES || answer > FETCH_FOUND_LATER)
        return false;
    struct work *work = mailbox_find_work(mailbox, order, WORK_PROBE);
    if (!work)
        return true;
    if (answer == FETCH_FOUND_LATER) {
        mailbox_end_work(work);
    } else if (answer == FETCH_FOUND_NO) {
        look_in_destination(keep, work);
    } else if (mailbox->abilities & FETCH_CAN_MOVE) {
        move_again(keep, work);
    } else {
        work->is_in_source = true;
        look_in_destination(keep, work); /* COPY may not be replayed: was the copy made? */
    }
    return true;
}

static void conclude_not_found(struct keep *keep, struct work *work, uint32_t uidvalidity)
{
    if (!work->found_from_start && uidvalidity != work->row.destination_uidvalidity) {
        work->found_from_start = true; /* the destination was made anew: its old UIDNEXT says nothing */
        work->order = 0;
        send_step(keep, work);
    } else if (work->is_in_source) {
        move_again(keep, work); /* by COPY, which is now known not to have been made */
    } else {
        conclude_taken(keep, work);
    }
}

bool mailbox_take_found(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body)
{
    uint64_t order = ipc_get_u64(body);
    uint8_t answer = ipc_get_u8(body);
    uint32_t uidvalidity = ipc_get_u32(body), uid = ipc_get_u32(body);
    if (!ipc_read_end(body) || answer < FETCH_FOUND_YES || answer > FETCH_FOUND_LATER)
        return false;
    struct work *work = mailbox_find_work(mailbox, order, WORK_FIND);
    if (!work)
        return true;
    if (answer == FETCH_FOUND_YES)
        finish(keep, work, uidvalidity, uid);
    else if (answer == FETCH_FOUND_LATER)
        mailbox_end_work(work);
    else
        conclude_not_found(keep, work, uidvalidity);
    return true;
}
