/* The two connections: when to try, what is done first on each, what keep is told. Role fetch. */
#include <attune/clock.h>
#include <attune/log.h>
#include <attune/mailbox.h>
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

static void tell(struct mailbox *mailbox, enum fetch_link link, enum fetch_why why, int64_t retry_ms)
{
    mailbox->told_up = link == FETCH_LINK_UP;
    if (!mailbox_begin(mailbox, FRAME_FETCH_LINK))
        return;
    ipc_put_u8(&mailbox->writer, (uint8_t)link);
    ipc_put_u8(&mailbox->writer, (uint8_t)why);
    ipc_put_u32(&mailbox->writer, (uint32_t)retry_ms);
    ipc_put_u32(&mailbox->writer, link == FETCH_LINK_UP ? mailbox->abilities : 0);
    mailbox_send(mailbox, -1);
}

static void fall_back(struct mailbox *mailbox, enum mailbox_link_kind kind, struct imap_trouble trouble)
{
    struct mailbox_link *link = &mailbox->links[kind];
    int64_t now = clock_monotonic_ms();
    int64_t wait = link_wait_ms(trouble, link->failures, randombytes_random());
    link->failures++;
    link->due_ms = now + wait;
    for (size_t i = 0; i < LINK_COUNT; i++) { /* a login that was refused is not tried over the other connection */
        struct mailbox_link *other = &mailbox->links[i];
        bool concerns_both = trouble.why == FETCH_WHY_CREDENTIALS || trouble.why == FETCH_WHY_THROTTLED;
        if (concerns_both && !other->imap && other->due_ms < link->due_ms)
            other->due_ms = link->due_ms;
    }
    log_warn("link-down", LOG_NAME("link", kind == LINK_WATCH ? "watch" : "work"), LOG_NUMBER("why", trouble.why),
             LOG_NUMBER("retry_ms", wait));
    tell(mailbox, FETCH_LINK_DOWN, trouble.why, wait);
}

void link_drop(struct mailbox *mailbox, enum mailbox_link_kind kind, enum fetch_why why)
{
    struct mailbox_link *link = &mailbox->links[kind];
    struct imap_trouble trouble = imap_trouble(link->imap);
    if (trouble.why == FETCH_WHY_NONE)
        trouble.why = why;
    imap_close(&link->imap);
    if (kind == LINK_WATCH)
        mailbox->idling = false;
    if (clock_monotonic_ms() - link->since_ms >= HEALTHY_MS)
        link->failures = 0;
    fall_back(mailbox, kind, trouble);
}

/* A destination that is missing is made; one that may not be is keep's to alarm about. */
static enum imap_answer make_folders(struct mailbox *mailbox, struct imap *imap, bool *missing)
{
    for (size_t i = 0; i < mailbox->folder_count; i++) {
        struct imap_status status;
        const struct mailbox_folder *folder = &mailbox->folders[i];
        if (folder->watch != FETCH_WATCH_NONE)
            continue;
        enum imap_answer answer = imap_status(imap, folder->wire, &status);
        if (answer == IMAP_NO && mailbox->create_folders)
            answer = imap_create(imap, folder->wire);
        if (answer == IMAP_LOST)
            return IMAP_LOST;
        if (answer == IMAP_NO)
            *missing = true;
    }
    return IMAP_OK;
}

/* The work connection opens the inbox for writing, which alone tells whether it takes keywords. */
static enum imap_answer prepare_work(struct mailbox *mailbox, struct imap *imap, bool *missing)
{
    enum imap_answer answer = imap_select(imap, mailbox->inbox->wire, false);
    if (answer != IMAP_OK)
        return answer;
    mailbox->abilities = imap_abilities(imap);
    if (mailbox->want_keywords && imap_selection(imap)->any_keyword)
        mailbox->abilities |= FETCH_CAN_KEYWORDS;
    return make_folders(mailbox, imap, missing);
}

static void open_link(struct mailbox *mailbox, enum mailbox_link_kind kind, bool *missing)
{
    struct mailbox_link *link = &mailbox->links[kind];
    struct imap_trouble trouble;
    link->imap = imap_open(&mailbox->account, &trouble);
    link->since_ms = clock_monotonic_ms();
    if (!link->imap) {
        fall_back(mailbox, kind, trouble);
        return;
    }
    if (kind == LINK_WORK && prepare_work(mailbox, link->imap, missing) != IMAP_OK) {
        link_drop(mailbox, kind, FETCH_WHY_FOLDER);
        return;
    }
    /* Whatever happened in between is listed: the inbox by one connection, the polled folders by the other. */
    for (size_t i = 0; i < mailbox->folder_count; i++)
        if ((mailbox->folders[i].watch == FETCH_WATCH_IDLE) == (kind == LINK_WATCH))
            mailbox->folders[i].full_due_ms = mailbox->folders[i].poll_due_ms = 0;
}

void link_open_due(struct mailbox *mailbox, int64_t now_ms)
{
    bool missing = false;
    bool opened = false;
    for (int kind = 0; kind < LINK_COUNT && !mailbox->stop; kind++) {
        if (mailbox->links[kind].imap || mailbox->links[kind].due_ms > now_ms)
            continue;
        open_link(mailbox, (enum mailbox_link_kind)kind, &missing);
        opened = true;
        mailbox_serve(mailbox);
    }
    if (!opened || mailbox->told_up || !mailbox->links[LINK_WATCH].imap || !mailbox->links[LINK_WORK].imap)
        return;
    log_info("link-up", LOG_NUMBER("abilities", mailbox->abilities));
    tell(mailbox, FETCH_LINK_UP, missing ? FETCH_WHY_FOLDER : FETCH_WHY_NONE, 0);
}
