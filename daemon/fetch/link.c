/* The two connections: when to try, what is done first on each, what keep is told. Role fetch. */
#include <attune/clock.h>
#include <attune/fetch.h>
#include <attune/log.h>
#include <sodium.h>

enum {
    FIRST_WAIT_MS = 1000,
    LONGEST_WAIT_MS = 5 * 60 * 1000,
    CREDENTIALS_WAIT_MS = 15 * 60 * 1000, /* servers lock accounts that are tried more often */
    HEALTHY_MS = 2 * 60 * 1000,
    MOST_DOUBLINGS = 9, /* 1 s doubled nine times is past the longest wait */
};

/* Full jitter: anything between the shortest wait and the doubled one, so that many mailboxes do not come back at once.
 */
int64_t link_wait_ms(struct imap_trouble trouble, unsigned failures, uint32_t random)
{
    if (trouble.why == FETCH_WHY_CREDENTIALS)
        return CREDENTIALS_WAIT_MS;
    if (trouble.why == FETCH_WHY_THROTTLED && trouble.wait_ms > 0)
        return trouble.wait_ms;
    unsigned doublings = failures < MOST_DOUBLINGS ? failures : MOST_DOUBLINGS;
    int64_t most = (int64_t)FIRST_WAIT_MS << doublings;
    if (most > LONGEST_WAIT_MS)
        most = LONGEST_WAIT_MS;
    return FIRST_WAIT_MS + random % (most - FIRST_WAIT_MS + 1);
}

static void tell(struct fetch *fetch, enum fetch_link link, enum fetch_why why, int64_t retry_ms)
{
    fetch->told_up = link == FETCH_LINK_UP;
    if (!fetch_begin(fetch, FRAME_FETCH_LINK))
        return;
    ipc_put_u8(&fetch->writer, (uint8_t)link);
    ipc_put_u8(&fetch->writer, (uint8_t)why);
    ipc_put_u32(&fetch->writer, (uint32_t)retry_ms);
    ipc_put_u32(&fetch->writer, link == FETCH_LINK_UP ? fetch->abilities : 0);
    fetch_send(fetch, -1);
}

static void fall_back(struct fetch *fetch, enum fetch_connection_kind kind, struct imap_trouble trouble)
{
    struct fetch_connection *link = &fetch->links[kind];
    int64_t now = clock_monotonic_ms();
    int64_t wait = link_wait_ms(trouble, link->failures, randombytes_random());
    link->failures++;
    link->due_ms = now + wait;
    for (size_t i = 0; i < LINK_COUNT; i++) { /* a login that was refused is not tried over the other connection */
        struct fetch_connection *other = &fetch->links[i];
        bool concerns_both = trouble.why == FETCH_WHY_CREDENTIALS || trouble.why == FETCH_WHY_THROTTLED;
        if (concerns_both && !other->imap && other->due_ms < link->due_ms)
            other->due_ms = link->due_ms;
    }
    log_warn("link-down", LOG_NAME("link", kind == LINK_WATCH ? "watch" : "work"), LOG_NUMBER("why", trouble.why),
             LOG_NUMBER("retry_ms", wait));
    tell(fetch, FETCH_LINK_DOWN, trouble.why, wait);
}

void link_drop(struct fetch *fetch, enum fetch_connection_kind kind, enum fetch_why why)
{
    struct fetch_connection *link = &fetch->links[kind];
    struct imap_trouble trouble = imap_trouble(link->imap);
    if (trouble.why == FETCH_WHY_NONE)
        trouble.why = why;
    imap_close(&link->imap);
    if (kind == LINK_WATCH)
        fetch->idling = false;
    if (clock_monotonic_ms() - link->since_ms >= HEALTHY_MS)
        link->failures = 0;
    fall_back(fetch, kind, trouble);
}

/* A destination that is missing is made; one that may not be is keep's to alarm about. */
static enum imap_answer make_folders(struct fetch *fetch, struct imap *imap, bool *missing)
{
    for (size_t i = 0; i < fetch->folder_count; i++) {
        struct imap_status status;
        const struct fetch_folder *folder = &fetch->folders[i];
        if (folder->watch != FETCH_WATCH_NONE && folder->watch != FETCH_WATCH_PLACE)
            continue;
        enum imap_answer answer = imap_status(imap, folder->wire, &status);
        if (answer == IMAP_NO && fetch->create_folders)
            answer = imap_create(imap, folder->wire);
        if (answer == IMAP_LOST)
            return IMAP_LOST;
        if (answer == IMAP_NO)
            *missing = true;
    }
    return IMAP_OK;
}

/* The work connection opens the inbox for writing, which alone tells whether it takes keywords. */
static enum imap_answer prepare_work(struct fetch *fetch, struct imap *imap, bool *missing)
{
    enum imap_answer answer = imap_select(imap, fetch->inbox->wire, false);
    if (answer != IMAP_OK)
        return answer;
    fetch->abilities = imap_abilities(imap);
    if (fetch->want_keywords && imap_selection(imap)->any_keyword)
        fetch->abilities |= FETCH_CAN_KEYWORDS;
    return make_folders(fetch, imap, missing);
}

static void open_link(struct fetch *fetch, enum fetch_connection_kind kind, bool *missing)
{
    struct fetch_connection *link = &fetch->links[kind];
    struct imap_trouble trouble;
    link->imap = imap_open(&fetch->account, &trouble);
    link->since_ms = clock_monotonic_ms();
    if (!link->imap) {
        fall_back(fetch, kind, trouble);
        return;
    }
    if (kind == LINK_WORK && prepare_work(fetch, link->imap, missing) != IMAP_OK) {
        link_drop(fetch, kind, FETCH_WHY_FOLDER);
        return;
    }
    /* Whatever happened in between is listed: the inbox by one connection, the polled folders by the other. */
    for (size_t i = 0; i < fetch->folder_count; i++)
        if ((fetch->folders[i].watch == FETCH_WATCH_IDLE) == (kind == LINK_WATCH))
            fetch->folders[i].full_due_ms = fetch->folders[i].poll_due_ms = 0;
}

void link_open_due(struct fetch *fetch, int64_t now_ms)
{
    bool missing = false;
    bool opened = false;
    for (int kind = 0; kind < LINK_COUNT && !fetch->stop; kind++) {
        if (fetch->links[kind].imap || fetch->links[kind].due_ms > now_ms)
            continue;
        open_link(fetch, (enum fetch_connection_kind)kind, &missing);
        opened = true;
        fetch_serve(fetch);
    }
    if (!opened || fetch->told_up || !fetch->links[LINK_WATCH].imap || !fetch->links[LINK_WORK].imap)
        return;
    log_info("link-up", LOG_NUMBER("abilities", fetch->abilities));
    tell(fetch, FETCH_LINK_UP, missing ? FETCH_WHY_FOLDER : FETCH_WHY_NONE, 0);
}
