/*
 * One mailbox as keep sees it: its fetch process, its folders, and the works in flight. Run by keep; fetch's answers
 * are checked, and an answer to an order that nobody gave is ignored (the order may have been dropped meanwhile).
 */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rows whose retry came due lie before the place where we look; from time to time we look from the beginning. */
enum { REWIND_MS = 2000 };

/* --- folders ------------------------------------------------------------------------------------------------------ */

struct folder_status *mailbox_folder(struct mailbox *mailbox, const char *name)
{
    for (size_t i = 0; i < mailbox->folder_count; i++)
        if (strcmp(mailbox->folders[i].name, name) == 0)
            return &mailbox->folders[i];
    return NULL;
}

static struct folder_status *add_folder(struct mailbox *mailbox, const char *name, bool is_watched)
{
    if (!name || mailbox_folder(mailbox, name))
        return NULL;
    struct folder_status *folder = &mailbox->folders[mailbox->folder_count++];
    *folder = (struct folder_status){.is_watched = is_watched, .may_hold_frozen = is_watched};
    snprintf(folder->name, sizeof folder->name, "%s", name);
    return folder;
}

/* The agents' folder is theirs to use as they like: what they move there says nothing. */
static void add_place(struct mailbox *mailbox, enum place place)
{
    struct folder_status *folder = add_folder(mailbox, mailbox->conf->places[place], place != PLACE_AGENT);
    if (!folder)
        return;
    folder->is_peoples = place != PLACE_AGENT;
    folder->place = place;
}

static void add_taken(struct mailbox *mailbox, const struct conf_person *person)
{
    char name[JOURNAL_MAX_NAME];
    snprintf(name, sizeof name, "%s/%s", mailbox->conf->taken, person->name);
    struct folder_status *folder = add_folder(mailbox, name, true);
    if (!folder)
        return;
    folder->is_peoples = true;
    folder->person = person->name;
}

static void add_folders(struct mailbox *mailbox, const struct conf *conf)
{
    add_folder(mailbox, mailbox->conf->inbox, true);
    for (size_t i = 0; i < mailbox->conf->also_read_count; i++)
        add_folder(mailbox, mailbox->conf->also_read[i], true);
    for (size_t i = 0; i < PLACE_COUNT; i++)
        add_place(mailbox, (enum place)i);
    for (size_t i = 0; i < conf->staff_count && i < CONF_MAX_TAKEN; i++)
        add_taken(mailbox, &conf->staff[i]);
}

/* --- works -------------------------------------------------------------------------------------------------------- */

struct work *mailbox_find_work(struct mailbox *mailbox, uint64_t order, enum work_stage stage)
{
    for (struct work *work = mailbox->works; work; work = work->next)
        if (work->order == order && work->stage == stage && !work->dropped)
            return work;
    return NULL;
}

bool mailbox_has_row(const struct mailbox *mailbox, int64_t id)
{
    for (const struct work *work = mailbox->works; work; work = work->next)
        if (work->row.id == id && !work->dropped)
            return true;
    return false;
}

static bool is_reading(const struct work *work)
{
    return work->stage <= WORK_SCREENING;
}

struct work *mailbox_add_work(struct mailbox *mailbox, const struct message_row *row, enum work_stage stage)
{
    struct work *work = calloc(1, sizeof *work);
    if (!work)
        return NULL;
    work->mailbox = mailbox;
    work->row = *row;
    work->stage = stage;
    work->fd = -1;
    work->order = ++mailbox->last_order;
    work->next = mailbox->works;
    mailbox->works = work;
    if (is_reading(work))
        mailbox->reading++;
    else
        mailbox->moving++;
    return work;
}

void mailbox_end_work(struct work *work)
{
    struct mailbox *mailbox = work->mailbox;
    struct work **link = &mailbox->works;
    while (*link != work)
        link = &(*link)->next;
    *link = work->next;
    if (is_reading(work)) {
        mailbox->reading--;
        mailbox->large -= work->size > KEEP_LARGE_MESSAGE;
    } else {
        mailbox->moving--;
    }
    if (work->fd >= 0)
        close(work->fd);
    free(work);
}

void mailbox_drop_work(struct keep *keep, struct mailbox *mailbox)
{
    (void)keep;
    for (struct work *work = mailbox->works, *next; work; work = next) {
        next = work->next;
        /* A queued or screened one is still held by the queue or by a child's slot: it ends when they let go of it. */
        if (work->stage == WORK_QUEUED || work->stage == WORK_SCREENING)
            work->dropped = true;
        else
            mailbox_end_work(work);
    }
    mailbox->read_after = 0;
    mailbox->move_after = 0;
}

/* --- the fetch process -------------------------------------------------------------------------------------------- */

static enum err send_setup(struct keep *keep, struct mailbox *mailbox)
{
    const struct conf_mailbox *conf = mailbox->conf;
    struct ipc_writer *writer = &keep->writer;
    struct diag diag;
    int password = -1;
    diag_init(&diag);
    enum err error = conf_open_secret(conf->password_file, &password, &diag);
    diag_free(&diag);
    mailbox->password_refused = error != ERR_OK; /* the other mailboxes go on */
    if (error != ERR_OK) {
        log_error("password-file-refused", LOG_NAME("mailbox", conf->name));
        return error;
    }
    ipc_write_begin(writer, FRAME_FETCH_SETUP);
    ipc_put_text(writer, conf->name);
    ipc_put_text(writer, conf->host);
    ipc_put_u16(writer, conf->port);
    ipc_put_u8(writer, (uint8_t)conf->tls);
    ipc_put_text(writer, conf_ca_path(conf->ca_file));
    ipc_put_text(writer, conf->user);
    ipc_put_u32(writer, conf->message_cap);
    ipc_put_u8(writer, conf->create_folders);
    ipc_put_u8(writer, conf->keywords);
    ipc_put_u32(writer, conf->poll_s);
    ipc_put_u32(writer, conf->reconcile_s);
    ipc_put_u16(writer, (uint16_t)mailbox->folder_count);
    for (size_t i = 0; i < mailbox->folder_count; i++) {
        const struct folder_status *folder = &mailbox->folders[i];
        ipc_put_text(writer, folder->name);
        ipc_put_u8(writer, (uint8_t)(i == 0               ? FETCH_WATCH_IDLE
                                     : folder->is_peoples ? FETCH_WATCH_PLACE
                                     : folder->is_watched ? FETCH_WATCH_POLL
                                                          : FETCH_WATCH_NONE));
    }
    return peer_send(keep, &mailbox->peer, writer, password) ? ERR_OK : ERR_PEER;
}

static bool send_cursor(struct keep *keep, struct mailbox *mailbox, struct folder_status *folder)
{
    uint32_t uidvalidity, last_uid;
    journal_get_folder(keep->journal, mailbox->conf->name, folder->name, &uidvalidity, &last_uid);
    ipc_write_begin(&keep->writer, FRAME_FETCH_CURSOR);
    ipc_put_text(&keep->writer, folder->name);
    ipc_put_u32(&keep->writer, uidvalidity);
    ipc_put_u32(&keep->writer, last_uid);
    folder->cursor_due = false;
    return peer_send(keep, &mailbox->peer, &keep->writer, -1);
}

static enum err fetch_begin(struct keep *keep, struct peer *peer)
{
    struct mailbox *mailbox = peer->owner;
    enum err error = send_setup(keep, mailbox);
    for (size_t i = 0; error == ERR_OK && i < mailbox->folder_count; i++)
        if (mailbox->folders[i].is_watched && !send_cursor(keep, mailbox, &mailbox->folders[i]))
            error = ERR_PEER;
    if (error != ERR_OK)
        return error;
    ipc_write_begin(&keep->writer, FRAME_FETCH_START);
    return peer_send(keep, peer, &keep->writer, -1) ? ERR_OK : ERR_PEER;
}

static const char *why_name(enum fetch_why why)
{
    static const char *const names[FETCH_WHY_COUNT] = {"none",      "connect",  "tls",      "credentials",
                                                       "throttled", "protocol", "deadline", "folder"};
    return (unsigned)why < FETCH_WHY_COUNT ? names[why] : "unknown";
}

static bool take_link(struct keep *keep, struct mailbox *mailbox, struct ipc_reader *body)
{
    uint8_t link = ipc_get_u8(body), why = ipc_get_u8(body);
    uint32_t retry_ms = ipc_get_u32(body), abilities = ipc_get_u32(body);
    if (!ipc_read_end(body) || link > FETCH_LINK_UP || why >= FETCH_WHY_COUNT)
        return false;
    bool was_up = mailbox->is_up;
    mailbox->is_up = link == FETCH_LINK_UP;
    mailbox->why = (enum fetch_why)why;
    mailbox->retry_ms = retry_ms;
    mailbox->abilities = abilities;
    if (mailbox->is_up)
        mailbox->down_since_ms = 0;
    else if (was_up || mailbox->down_since_ms == 0)
        mailbox->down_since_ms = clock_monotonic_ms();
    alarm_set(keep, ALARM_CREDENTIALS, mailbox->conf->name, !mailbox->is_up && why == FETCH_WHY_CREDENTIALS);
    log_info("mailbox-link", LOG_NAME("mailbox", mailbox->conf->name), LOG_NAME("link", mailbox->is_up ? "up" : "down"),
             LOG_NAME("why", why_name(mailbox->why)), LOG_NUMBER("retry_ms", retry_ms));
    return true;
}

static bool fetch_take(struct keep *keep, struct peer *peer, struct ipc_frame *frame)
{
    struct mailbox *mailbox = peer->owner;
    switch (frame->type) {
    case FRAME_FETCH_READY:
        peer->state = PEER_READY;
        return ipc_read_end(&frame->body);
    case FRAME_FETCH_LINK:
        return take_link(keep, mailbox, &frame->body);
    case FRAME_FETCH_LISTED:
        return mailbox_take_listed(keep, mailbox, &frame->body);
    case FRAME_FETCH_VALIDITY:
        return mailbox_take_validity(keep, mailbox, &frame->body);
    case FRAME_FETCH_MESSAGE:
        return mailbox_take_message(keep, mailbox, frame);
    case FRAME_FETCH_UNREAD:
        return mailbox_take_unread(keep, mailbox, &frame->body);
    case FRAME_FETCH_STATUS_IS:
        return mailbox_take_status(keep, mailbox, &frame->body);
    case FRAME_FETCH_MOVED:
        return mailbox_take_moved(keep, mailbox, &frame->body);
    case FRAME_FETCH_PROBED:
        return mailbox_take_probed(keep, mailbox, &frame->body);
    case FRAME_FETCH_FOUND:
        return mailbox_take_found(keep, mailbox, &frame->body);
    default:
        return false;
    }
}

/* The works that only fetch knew of end; those with the screen go on, for keep holds their bytes. */
static void fetch_lost(struct keep *keep, struct peer *peer)
{
    struct mailbox *mailbox = peer->owner;
    if (peer->is_faulty)
        mailbox_blame_reads(keep, mailbox);
    for (struct work *work = mailbox->works, *next; work; work = next) {
        next = work->next;
        if (work->stage != WORK_QUEUED && work->stage != WORK_SCREENING)
            mailbox_end_work(work);
    }
    for (size_t i = 0; i < mailbox->folder_count; i++) {
        mailbox->folders[i].known = false;
        mailbox->folders[i].asked = false;
    }
    mailbox->read_after = 0;
    mailbox->move_after = 0;
    if (mailbox->is_up || mailbox->down_since_ms == 0)
        mailbox->down_since_ms = clock_monotonic_ms();
    mailbox->is_up = false;
    mailbox->why = FETCH_WHY_CONNECT;
    mailbox->is_paced = false;
}

enum err mailbox_open(struct keep *keep, struct mailbox *mailbox, const struct conf_mailbox *conf)
{
    *mailbox = (struct mailbox){.conf = conf, .why = FETCH_WHY_CONNECT, .down_since_ms = clock_monotonic_ms()};
    mailbox->peer = (struct peer){
        .role = ROLE_FETCH, .begin = fetch_begin, .take = fetch_take, .lost = fetch_lost, .owner = mailbox};
    snprintf(mailbox->peer.label, sizeof mailbox->peer.label, "fetch:%s", conf->name);
    mailbox->folders = calloc(KEEP_MAX_FOLDERS, sizeof *mailbox->folders);
    if (!mailbox->folders)
        return ERR_SYSTEM;
    add_folders(mailbox, keep->conf);
    return ERR_OK;
}

void mailbox_close(struct keep *keep, struct mailbox *mailbox)
{
    peer_end(keep, &mailbox->peer);
    while (mailbox->works)
        mailbox_end_work(mailbox->works);
    free(mailbox->folders);
    mailbox->folders = NULL;
    mailbox->folder_count = 0;
}

/* --- the turn ------------------------------------------------------------------------------------------------------
 */

static void watch_silence(struct keep *keep, struct mailbox *mailbox)
{
    int64_t now = clock_monotonic_ms();
    bool is_silent = mailbox->down_since_ms && now - mailbox->down_since_ms > KEEP_SILENT_MAILBOX_MS;
    alarm_set(keep, ALARM_MAILBOX, mailbox->conf->name, is_silent);
}

void mailbox_plan(struct keep *keep, struct mailbox *mailbox)
{
    int64_t now = clock_monotonic_ms();
    if (now >= mailbox->rewind_at_ms) {
        mailbox->rewind_at_ms = now + REWIND_MS;
        mailbox->read_after = 0;
        mailbox->move_after = 0;
    }
    watch_silence(keep, mailbox);
    for (size_t i = 0; i < mailbox->folder_count; i++) {
        struct folder_status *folder = &mailbox->folders[i];
        if (!folder->may_hold_frozen || mailbox->reading || !mailbox->is_up)
            continue;
        size_t ended = journal_end_frozen(keep->journal, mailbox->conf->name, folder->name);
        if (ended)
            log_info("moved-by-a-person", LOG_NAME("mailbox", mailbox->conf->name), LOG_NUMBER("count", ended));
        folder->may_hold_frozen = false;
    }
    mailbox_plan_moves(keep, mailbox);
}

/* A person who takes a mail should not be rung again for it: while somebody is rung, their folders are watched closely.
 */
static void set_pace(struct keep *keep, struct mailbox *mailbox)
{
    int64_t now = clock_monotonic_ms();
    if (now < mailbox->pace_at_ms || !peer_is_ready(&mailbox->peer))
        return;
    mailbox->pace_at_ms = now + 1000;
    bool rings = journal_has_ringing(keep->journal);
    if (rings == mailbox->is_paced)
        return;
    ipc_write_begin(&keep->writer, FRAME_FETCH_PACE);
    ipc_put_u32(&keep->writer, rings ? KEEP_PAGE_PACE_S : 0);
    if (peer_send(keep, &mailbox->peer, &keep->writer, -1))
        mailbox->is_paced = rings;
}

void mailbox_act(struct keep *keep, struct mailbox *mailbox)
{
    set_pace(keep, mailbox);
    for (size_t i = 0; i < mailbox->folder_count; i++)
        if (mailbox->folders[i].cursor_due && peer_is_ready(&mailbox->peer))
            send_cursor(keep, mailbox, &mailbox->folders[i]);
    mailbox_send_moves(keep, mailbox);
    mailbox_send_reads(keep, mailbox);
}

bool mailbox_is_idle(struct keep *keep, const struct mailbox *mailbox)
{
    (void)keep;
    if (mailbox->works)
        return false;
    /* Down and waiting to try again: nothing is in flight. Up: the first whole listing must be in. */
    return mailbox->is_up ? mailbox->listed_once : mailbox->retry_ms > 2000;
}
