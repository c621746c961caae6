/* Listings and reads of a mailbox: what became known, and the message bytes on their way to the screen. Run by keep. */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_LISTED = 8000 };

/* A failed read is tried again after 5 s, then 10, 20 ... capped at 5 min. */
enum { FIRST_RETRY_MS = 5000, LAST_RETRY_MS = 300000 };

/* --- listings ----------------------------------------------------------------------------------------------------- */

static bool read_uids(struct ipc_reader *body, uint32_t from, uint32_t to, uint32_t *uids, size_t count)
{
    uint32_t last = 0;
    for (size_t i = 0; i < count; i++) {
        uids[i] = ipc_get_u32(body);
        if (uids[i] <= last || uids[i] < from || uids[i] > to)
            return false;
        last = uids[i];
    }
    return true;
}

static void note_gone(const struct mailbox *mailbox, size_t gone)
{
    if (gone)
        log_warn("unread-gone", LOG_NAME("mailbox", mailbox->conf->name), LOG_NUMBER("count", gone));
}

static void finish_listing(struct mailbox *mailbox, const struct folder_status *folder, bool is_whole)
{
    if (!is_whole || strcmp(folder->name, mailbox->conf->inbox) != 0)
        return;
    mailbox->listed_ms = clock_wall_ms();
    mailbox->listed_once = true;
}

bool mailbox_take_listed(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body)
{
    static uint32_t uids[MAX_LISTED];
    char name[JOURNAL_MAX_NAME];
    ipc_get_text(body, name, sizeof name);
    uint32_t uidvalidity = ipc_get_u32(body);
    uint8_t kind = ipc_get_u8(body), is_last = ipc_get_u8(body);
    uint32_t from = ipc_get_u32(body), to = ipc_get_u32(body), count = ipc_get_u32(body);
    struct folder_status *folder = mailbox_folder(mailbox, name);
    if (count > MAX_LISTED || kind > FETCH_LISTING_FULL || is_last > 1 || !folder || !folder->is_watched ||
        uidvalidity == 0 || !read_uids(body, from, to, uids, count) || !ipc_read_end(body))
        return false;
    uint32_t known, last_uid;
    journal_get_folder(keep->journal, mailbox->conf->name, name, &known, &last_uid);
    if (known != 0 && known != uidvalidity)
        return true; /* of an UIDVALIDITY that ended meanwhile */
    if (folder->is_peoples) {
        arrival_list(keep, mailbox, folder, uidvalidity, uids, count, kind == FETCH_LISTING_FULL && is_last);
        return true;
    }
    size_t fresh = 0, gone = 0;
    if (from <= to)
        gone =
            journal_take_listing(keep->journal, mailbox->conf->name, name, uidvalidity, from, to, uids, count, &fresh);
    uint32_t highest = count ? uids[count - 1] : 0;
    if (highest > last_uid || known == 0)
        journal_set_folder(keep->journal, mailbox->conf->name, name, uidvalidity,
                           highest > last_uid ? highest : last_uid);
    folder->cursor_due = folder->cursor_due || highest > last_uid || known == 0;
    if (gone)
        note_gone(mailbox, gone);
    finish_listing(mailbox, folder, kind == FETCH_LISTING_FULL && is_last);
    return true;
}

bool mailbox_take_validity(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body)
{
    char name[JOURNAL_MAX_NAME];
    ipc_get_text(body, name, sizeof name);
    uint32_t uidvalidity = ipc_get_u32(body);
    struct folder_status *folder = mailbox_folder(mailbox, name);
    if (!ipc_read_end(body) || !folder || !folder->is_watched || uidvalidity == 0)
        return false;
    log_warn("uidvalidity-changed", LOG_NAME("mailbox", mailbox->conf->name), LOG_NUMBER("uidvalidity", uidvalidity));
    journal_freeze_folder(keep->journal, mailbox->conf->name, name, uidvalidity);
    for (struct work *work = mailbox->works, *next; work; work = next) {
        next = work->next;
        if (strcmp(work->row.folder, name) != 0)
            continue;
        if (work->stage == WORK_QUEUED || work->stage == WORK_SCREENING)
            work->dropped = true;
        else if (work->stage == WORK_READ)
            mailbox_end_work(work);
    }
    folder->cursor_due = true;
    folder->may_hold_frozen = true;
    return true;
}

/* --- reads -------------------------------------------------------------------------------------------------------- */

static bool fingerprint_message(struct work *work, uint32_t cap)
{
    struct str raw;
    if (screen_map(work->fd, cap, &raw) != ERR_OK || raw.length != work->size)
        return false;
    hash_sha256(raw.data, raw.length, work->fingerprint);
    if (raw.length)
        munmap((void *)(uintptr_t)raw.data, raw.length);
    return true;
}

bool mailbox_take_message(struct keep *keep, struct mailbox *mailbox, struct ipc_frame *frame)
{
    struct ipc_reader *body = &frame->body;
    uint64_t order = ipc_get_u64(body);
    uint32_t size = ipc_get_u32(body);
    uint8_t is_cut = ipc_get_u8(body);
    ipc_get_u8(body); /* \Seen: of no consequence */
    int64_t internal_ms = ipc_get_i64(body);
    if (!ipc_read_end(body) || is_cut > 1)
        return false;
    struct work *work = mailbox_find_work(mailbox, order, WORK_READ);
    if (!work)
        return true;
    work->fd = frame->fd;
    frame->fd = -1;
    work->size = size;
    work->cut = is_cut;
    work->internal_ms = internal_ms;
    mailbox->large += size > KEEP_LARGE_MESSAGE;
    if (!fingerprint_message(work, mailbox->conf->message_cap))
        return false;
    if (journal_relink(keep->journal, work->row.id, work->fingerprint)) {
        mailbox_end_work(work);
        return true;
    }
    if (arrival_take(keep, work))
        return true;
    screening_submit(keep, work);
    return true;
}

bool mailbox_take_unread(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body)
{
    uint64_t order = ipc_get_u64(body);
    uint8_t why = ipc_get_u8(body);
    if (!ipc_read_end(body) || why < FETCH_UNREAD_GONE || why > FETCH_UNREAD_LATER)
        return false;
    struct work *work = mailbox_find_work(mailbox, order, WORK_READ);
    if (!work)
        return true;
    struct message_row row = work->row;
    mailbox_end_work(work);
    const struct folder_status *folder = mailbox_folder(mailbox, row.folder);
    if (why == FETCH_UNREAD_GONE && folder && folder->is_peoples) {
        journal_forget_message(keep->journal, row.id); /* a person moved it on: it is listed there */
    } else if (why == FETCH_UNREAD_GONE) {
        journal_set_state(keep->journal, row.id, MESSAGE_GONE);
        note_gone(mailbox, 1);
    } else if (why == FETCH_UNREAD_REFUSED && row.attempts + 1 >= KEEP_MAX_READ_TRIES) {
        settle_withheld(keep, mailbox, &row);
    } else if (why == FETCH_UNREAD_REFUSED) {
        journal_retry_message(keep->journal, row.id, keep_retry_at(FIRST_RETRY_MS, LAST_RETRY_MS, row.attempts));
    } else {
        mailbox->read_after = 0; /* the connection failed: as if never asked */
    }
    return true;
}

void mailbox_blame_reads(struct keep *keep, struct mailbox *mailbox)
{
    bool is_alone = mailbox->reading == 1;
    for (struct work *work = mailbox->works; work; work = work->next) {
        if (work->stage != WORK_READ || work->dropped)
            continue;
        if (is_alone && work->row.attempts + 1 >= KEEP_FATAL_READ_TRIES)
            settle_withheld(keep, mailbox, &work->row);
        else
            journal_retry_message(keep->journal, work->row.id, 0);
    }
}

static bool send_read(struct keep *keep, struct mailbox *mailbox, const struct message_row *row)
{
    struct work *work = mailbox_add_work(mailbox, row, WORK_READ);
    if (!work)
        return false;
    ipc_write_begin(&keep->writer, FRAME_FETCH_READ);
    ipc_put_u64(&keep->writer, work->order);
    ipc_put_text(&keep->writer, row->folder);
    ipc_put_u32(&keep->writer, row->uidvalidity);
    ipc_put_u32(&keep->writer, row->uid);
    return peer_send(keep, &mailbox->peer, &keep->writer, -1);
}

/* A message that may be why fetch died is read with nothing beside it. */
static bool is_reading_suspect(const struct mailbox *mailbox)
{
    for (const struct work *work = mailbox->works; work; work = work->next)
        if (work->stage == WORK_READ && work->row.attempts >= KEEP_ALONE_READ_TRIES)
            return true;
    return false;
}

void mailbox_send_reads(struct keep *keep, struct mailbox *mailbox)
{
    static struct message_row rows[KEEP_READ_WINDOW];
    size_t window = mailbox->large ? KEEP_READ_WINDOW_LARGE : KEEP_READ_WINDOW;
    /* Half a window at a time: a query for each single message would cost more than the message. */
    if (!mailbox->is_up || !peer_is_ready(&mailbox->peer) || mailbox->reading > window / 2 || keep->is_stopping ||
        is_reading_suspect(mailbox))
        return;
    size_t count = journal_find_messages(keep->journal, mailbox->conf->name, MESSAGE_LISTED, mailbox->read_after,
                                         clock_wall_ms(), rows, window - mailbox->reading);
    for (size_t i = 0; i < count; i++) {
        bool is_suspect = rows[i].attempts >= KEEP_ALONE_READ_TRIES;
        if (is_suspect && mailbox->reading && !mailbox_has_row(mailbox, rows[i].id))
            return; /* it waits until those before it are in */
        mailbox->read_after = rows[i].id;
        if (!mailbox_has_row(mailbox, rows[i].id) && (!send_read(keep, mailbox, &rows[i]) || is_suspect))
            return;
    }
}
