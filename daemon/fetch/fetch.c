/*
 * Role fetch, one process a mailbox: sets up from keep's frames, locks itself down, then connects and serves until
 * STOP. Holds the password and two connections; opens no file and reads no message.
 */
#include <attune/clock.h>
#include <attune/log.h>
#include <attune/mailbox.h>
#include <attune/role.h>
#include <attune/sandbox.h>
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

/* --- before the sandbox ------------------------------------------------------------------------------------------ */

static void wait_for_keep(struct mailbox *mailbox)
{
    struct pollfd wait = {.fd = ipc_channel_fd(mailbox->channel), .events = POLLIN};
    if (poll(&wait, 1, ROLE_BEAT_MS) == 0)
        mailbox_beat(mailbox, 0);
}

static enum err take_setup_frame(struct mailbox *mailbox, struct ipc_frame *frame, bool *started)
{
    bool set_up = mailbox->folders != NULL;
    switch (frame->type) {
    case FRAME_FETCH_SETUP:
        return set_up ? ERR_PEER : mailbox_set_up(mailbox, frame);
    case FRAME_FETCH_CURSOR:
        return set_up ? mailbox_take_cursor(mailbox, frame) : ERR_PEER;
    case FRAME_FETCH_START:
        *started = true;
        return set_up && ipc_read_end(&frame->body) ? ERR_OK : ERR_PEER;
    case FRAME_STOP:
        mailbox->stop = true;
        return ERR_OK;
    default:
        return ERR_PEER;
    }
}

/* SETUP, the cursors, START. False when keep made no sense or wants us to stop. */
static bool set_up(struct mailbox *mailbox)
{
    bool started = false;
    while (!started && !mailbox->stop) {
        struct ipc_frame frame;
        enum err error = ipc_receive(mailbox->channel, &frame);
        if (error == ERR_ABSENT) {
            wait_for_keep(mailbox);
            continue;
        }
        if (error == ERR_OK)
            error = take_setup_frame(mailbox, &frame, &started);
        if (error != ERR_OK) {
            log_error("setup", LOG_NAME("error", err_name(error)));
            mailbox->exit_status = 1;
            return false;
        }
    }
    return started && !mailbox->stop;
}

/* What libraries load lazily is loaded now: nothing opens after the sandbox closes. */
static bool lock_down(struct mailbox *mailbox)
{
    char role[80];
    const char *paths[SANDBOX_MAX_PATHS];
    (void)snprintf(role, sizeof role, "fetch:%s", mailbox->label);
    log_set_role(role);
    size_t count = sandbox_network_paths(mailbox->ca_file, paths);
    if (sandbox_enter(SANDBOX_FETCH, paths, count, NULL) == ERR_OK)
        return true;
    log_error("sandbox", LOG_NUMBER("errno", errno));
    mailbox->exit_status = 1;
    return false;
}

/* --- the loop ---------------------------------------------------------------------------------------------------- */

static int64_t next_due_ms(const struct mailbox *mailbox)
{
    int64_t due = mailbox->beat_ms + ROLE_BEAT_MS;
    int64_t listing = listing_due_ms(mailbox);
    if (listing < due)
        due = listing;
    for (size_t i = 0; i < LINK_COUNT; i++)
        if (!mailbox->links[i].imap && mailbox->links[i].due_ms < due)
            due = mailbox->links[i].due_ms;
    return due;
}

/* Until keep speaks, the watch connection has news, or something is due. */
static void wait_for_work(const struct mailbox *mailbox)
{
    struct imap *watch = mailbox->idling ? mailbox->links[LINK_WATCH].imap : NULL;
    if (order_is_ready(mailbox) || (watch && imap_has_input(watch)))
        return;
    int64_t wait_ms = next_due_ms(mailbox) - clock_monotonic_ms();
    short events = ipc_channel_wants_write(mailbox->channel) ? POLLIN | POLLOUT : POLLIN;
    struct pollfd waits[2] = {
        {.fd = ipc_channel_fd(mailbox->channel), .events = events},
        {.fd = watch ? imap_fd(watch) : -1, .events = POLLIN},
    };
    if (wait_ms > 0)
        (void)poll(waits, 2, (int)wait_ms);
}

static void serve(struct mailbox *mailbox)
{
    while (!mailbox->stop) {
        int64_t now = clock_monotonic_ms();
        link_open_due(mailbox, now);
        listing_watch(mailbox, now);
        listing_poll(mailbox, now);
        if (order_is_ready(mailbox))
            order_run(mailbox);
        if (clock_monotonic_ms() - mailbox->beat_ms >= ROLE_BEAT_MS)
            mailbox_beat(mailbox, 0);
        wait_for_work(mailbox);
        mailbox_serve(mailbox);
    }
}

int fetch_main(void)
{
    struct mailbox mailbox = {.channel = role_open(ROLE_FETCH, NULL)};
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
        return 1;
    if (set_up(&mailbox) && lock_down(&mailbox)) {
        if (mailbox_begin(&mailbox, FRAME_FETCH_READY))
            mailbox_send(&mailbox, -1);
        serve(&mailbox);
    }
    int status = mailbox.exit_status;
    mailbox_free(&mailbox);
    return status;
}
