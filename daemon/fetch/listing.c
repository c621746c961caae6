/*
 * Which messages there are: by UID alone, never by flags, dates or sequence numbers. Role fetch. IDLE and STATUS are
 * hints to look; what keep is told always comes from a search.
 */
#include <attune/clock.h>
#include <attune/fetch.h>
#include <attune/log.h>

/* Servers and firewalls drop an IDLE of half an hour; some of ten minutes. */
enum { IDLE_LONGEST_MS = 9 * 60 * 1000 };

/* --- telling keep ------------------------------------------------------------------------------------------------ */

void listing_freeze(struct fetch *fetch, struct fetch_folder *folder, uint32_t uidvalidity)
{
    if (folder->frozen || folder->watch == FETCH_WATCH_NONE)
        return;
    folder->frozen = true;
    folder->work_uid = 0;
    log_warn("uidvalidity-changed", LOG_NUMBER("was", folder->uidvalidity), LOG_NUMBER("is", uidvalidity));
    if (!fetch_begin(fetch, FRAME_FETCH_VALIDITY))
        return;
    ipc_put_text(&fetch->writer, folder->name);
    ipc_put_u32(&fetch->writer, uidvalidity);
    fetch_send(fetch, -1);
}

/* A listing under way: keep gets its ranges without gap or overlap, the last one marked. */
struct listing {
    struct fetch *fetch;
    struct fetch_folder *folder;
    enum fetch_listing kind;
    uint32_t from; /* where the next frame's range begins */
};

static void send_listed(struct listing *listing, const uint32_t *uids, size_t count, uint32_t to, bool last)
{
    struct fetch *fetch = listing->fetch;
    if (!fetch_begin(fetch, FRAME_FETCH_LISTED))
        return;
    struct ipc_writer *writer = &fetch->writer;
    ipc_put_text(writer, listing->folder->name);
    ipc_put_u32(writer, listing->folder->uidvalidity);
    ipc_put_u8(writer, (uint8_t)listing->kind);
    ipc_put_u8(writer, last);
    ipc_put_u32(writer, listing->from);
    ipc_put_u32(writer, to);
    ipc_put_u32(writer, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        ipc_put_u32(writer, uids[i]);
    fetch_send(fetch, -1);
    listing->from = to == UINT32_MAX ? to : to + 1;
}

/* The answer to one search, whose range ends at `to`, in frames of FETCH_MAX_LISTED. */
static void send_range(struct listing *listing, const struct imap_uids *uids, uint32_t to, bool last)
{
    size_t at = 0;
    while (uids->count - at > FETCH_MAX_LISTED) {
        send_listed(listing, uids->list + at, FETCH_MAX_LISTED, uids->list[at + FETCH_MAX_LISTED - 1], false);
        at += FETCH_MAX_LISTED;
    }
    send_listed(listing, uids->list + at, uids->count - at, to, last);
}

/* --- searching --------------------------------------------------------------------------------------------------- */

static uint32_t highest(const struct imap_uids *uids, uint32_t other)
{
    return uids->count > 0 && uids->list[uids->count - 1] > other ? uids->list[uids->count - 1] : other;
}

/* Ranges of a folder too large for one search, up to where one open search will do. */
static enum imap_answer list_ranges(struct listing *listing, struct imap *imap)
{
    const struct imap_selection *selection = imap_selection(imap);
    while (selection->exists > IMAP_SEARCH_MOST && selection->uidnext > listing->from &&
           selection->uidnext - listing->from > IMAP_SEARCH_MOST && !listing->fetch->stop) {
        struct imap_uids uids;
        uint32_t to = listing->from + IMAP_SEARCH_MOST - 1;
        enum imap_answer answer = imap_search(imap, listing->from, to, &uids);
        if (answer == IMAP_OK) {
            listing->folder->listed_uid = highest(&uids, listing->folder->listed_uid);
            send_range(listing, &uids, to, false);
        }
        imap_uids_free(&uids);
        if (answer != IMAP_OK)
            return answer;
        fetch_serve(listing->fetch);
    }
    return IMAP_OK;
}

/* The open end: its range ends with the highest UID ever named, so that a later message lies outside it. */
static enum imap_answer list_rest(struct listing *listing, struct imap *imap, size_t *found)
{
    struct imap_uids uids;
    enum imap_answer answer = imap_search(imap, listing->from, UINT32_MAX, &uids);
    if (answer == IMAP_OK) {
        *found = uids.count;
        listing->folder->listed_uid = highest(&uids, listing->folder->listed_uid);
        uint32_t to = listing->folder->listed_uid;
        if (uids.count > 0 || listing->kind == FETCH_LISTING_FULL)
            send_range(listing, &uids, to >= listing->from ? to : listing->from - 1, true);
    }
    imap_uids_free(&uids);
    return answer;
}

static enum imap_answer list_folder(struct fetch *fetch, struct imap *imap, struct fetch_folder *folder,
                                    enum fetch_listing kind, size_t *found)
{
    *found = 0;
    if (folder->frozen)
        return IMAP_OK;
    enum imap_answer answer = imap_select(imap, folder->wire, true);
    if (answer != IMAP_OK)
        return answer;
    uint32_t uidvalidity = imap_selection(imap)->uidvalidity;
    if (folder->uidvalidity != 0 && folder->uidvalidity != uidvalidity) {
        listing_freeze(fetch, folder, uidvalidity);
        return IMAP_OK;
    }
    folder->uidvalidity = uidvalidity;
    if (kind == FETCH_LISTING_NEW && folder->listed_uid == UINT32_MAX)
        return IMAP_OK;
    struct listing listing = {fetch, folder, kind, kind == FETCH_LISTING_FULL ? 1 : folder->listed_uid + 1};
    answer = list_ranges(&listing, imap);
    return answer == IMAP_OK ? list_rest(&listing, imap, found) : answer;
}

/* --- the watch connection ---------------------------------------------------------------------------------------- */

static enum imap_answer leave_idle(struct fetch *fetch, struct imap *imap, int64_t now_ms, bool *still_idling)
{
    struct fetch_folder *inbox = fetch->inbox;
    bool news = false;
    if (imap_has_input(imap) && imap_idle_read(imap, &news) != IMAP_OK)
        return IMAP_LOST;
    *still_idling = !news && now_ms < inbox->poll_due_ms && now_ms < inbox->full_due_ms;
    if (*still_idling)
        return IMAP_OK;
    fetch->idling = false;
    return imap_idle_end(imap, &news);
}

static enum imap_answer list_inbox(struct fetch *fetch, struct imap *imap, int64_t now_ms)
{
    struct fetch_folder *inbox = fetch->inbox;
    bool full = now_ms >= inbox->full_due_ms;
    size_t found;
    if (full)
        imap_forget_selection(imap); /* opened again: its UIDVALIDITY and size are news too */
    else if (imap_noop(imap) == IMAP_LOST)
        return IMAP_LOST;
    enum imap_answer answer = list_folder(fetch, imap, inbox, full ? FETCH_LISTING_FULL : FETCH_LISTING_NEW, &found);
    int64_t poll_ms = INT64_C(1000) * fetch->poll_s;
    inbox->poll_due_ms = now_ms + (poll_ms < IDLE_LONGEST_MS ? poll_ms : IDLE_LONGEST_MS);
    if (full)
        inbox->full_due_ms = now_ms + INT64_C(1000) * fetch->reconcile_s;
    return answer;
}

static enum imap_answer enter_idle(struct fetch *fetch, struct imap *imap)
{
    bool news = false;
    if (fetch->idle_refused || !(imap_abilities(imap) & FETCH_CAN_IDLE))
        return IMAP_OK;
    enum imap_answer answer = imap_idle_begin(imap, &news);
    if (answer == IMAP_NO) {
        fetch->idle_refused = true; /* polling it is, until the process is restarted */
        return IMAP_OK;
    }
    fetch->idling = answer == IMAP_OK;
    if (news)
        fetch->inbox->poll_due_ms = 0;
    return answer;
}

void listing_watch(struct fetch *fetch, int64_t now_ms)
{
    struct imap *imap = fetch->links[LINK_WATCH].imap;
    struct fetch_folder *inbox = fetch->inbox;
    bool still_idling = false;
    if (!imap)
        return;
    if (!fetch->idling && now_ms < inbox->poll_due_ms && now_ms < inbox->full_due_ms)
        return;
    enum imap_answer answer = fetch->idling ? leave_idle(fetch, imap, now_ms, &still_idling) : IMAP_OK;
    if (answer == IMAP_OK && still_idling)
        return;
    if (answer == IMAP_OK)
        answer = list_inbox(fetch, imap, now_ms);
    if (answer == IMAP_OK)
        answer = enter_idle(fetch, imap);
    if (answer != IMAP_OK)
        link_drop(fetch, LINK_WATCH, FETCH_WHY_FOLDER);
}

/* --- the polled folders ------------------------------------------------------------------------------------------ */

static enum imap_answer poll_folder(struct fetch *fetch, struct imap *imap, struct fetch_folder *folder, int64_t now_ms)
{
    struct imap_status status;
    size_t found;
    enum imap_answer answer = imap_status(imap, folder->wire, &status);
    if (answer != IMAP_OK) /* a folder that is not there has no messages; it may come */
        return answer == IMAP_NO ? IMAP_OK : IMAP_LOST;
    if (folder->uidvalidity != 0 && status.uidvalidity != folder->uidvalidity) {
        listing_freeze(fetch, folder, status.uidvalidity);
        return IMAP_OK;
    }
    bool full = now_ms >= folder->full_due_ms;
    bool arrived = status.uidnext != folder->polled.uidnext;
    if (!full && !arrived && status.messages == folder->polled.messages)
        return IMAP_OK;
    if (full || !arrived) {
        imap_forget_selection(imap);
        answer = list_folder(fetch, imap, folder, FETCH_LISTING_FULL, &found);
        folder->polled = status;
        folder->full_due_ms = now_ms + INT64_C(1000) * fetch->reconcile_s;
    } else {
        answer = list_folder(fetch, imap, folder, FETCH_LISTING_NEW, &found);
        folder->polled.uidnext = status.uidnext;
        folder->polled.messages +=
            (uint32_t)found; /* differs from the server's when some went as well: seen next time */
    }
    return answer == IMAP_NO ? IMAP_OK : answer;
}

void listing_poll(struct fetch *fetch, int64_t now_ms)
{
    for (size_t i = 0; i < fetch->folder_count && !fetch->stop; i++) {
        struct fetch_folder *folder = &fetch->folders[i];
        struct imap *imap = fetch->links[LINK_WORK].imap;
        if (!imap)
            return;
        bool polled = folder->watch == FETCH_WATCH_POLL || folder->watch == FETCH_WATCH_PLACE;
        if (!polled || folder->frozen || now_ms < folder->poll_due_ms)
            continue;
        folder->poll_due_ms = now_ms + INT64_C(1000) * (fetch->pace_s ? fetch->pace_s : fetch->poll_s);
        if (poll_folder(fetch, imap, folder, now_ms) == IMAP_LOST)
            link_drop(fetch, LINK_WORK, FETCH_WHY_CONNECT);
    }
}

int64_t listing_due_ms(const struct fetch *fetch)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < fetch->folder_count; i++) {
        const struct fetch_folder *folder = &fetch->folders[i];
        bool inbox = folder->watch == FETCH_WATCH_IDLE;
        if (folder->watch == FETCH_WATCH_NONE || folder->frozen || !fetch->links[inbox ? LINK_WATCH : LINK_WORK].imap)
            continue;
        int64_t next = folder->poll_due_ms < folder->full_due_ms || !inbox ? folder->poll_due_ms : folder->full_due_ms;
        if (next < due)
            due = next;
    }
    return due;
}
