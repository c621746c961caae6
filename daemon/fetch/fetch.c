/*
 * Role fetch, one process a mailbox: sets up from keep's frames, locks itself down, then connects and serves until
 * STOP. Holds the password and two connections; opens no file and reads no message.
 */
#include <attune/clock.h>
#include <attune/log.h>
#include <attune/order.h>
#include <attune/role.h>
#include <attune/sandbox.h>
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

/* --- before the sandbox ------------------------------------------------------------------------------------------ */

static void wait_for_keep(struct fetch *fetch)
{
    struct pollfd wait = {.fd = ipc_channel_fd(fetch->channel), .events = POLLIN};
    if (poll(&wait, 1, ROLE_BEAT_MS) == 0)
        fetch_beat(fetch, 0);
}

static enum err take_setup_frame(struct fetch *fetch, struct ipc_frame *frame, bool *started)
{
    bool set_up = fetch->folders != NULL;
    switch (frame->type) {
    case FRAME_FETCH_SETUP:
        return set_up ? ERR_PEER : fetch_set_up(fetch, frame);
    case FRAME_FETCH_CURSOR:
        return set_up ? fetch_take_cursor(fetch, frame) : ERR_PEER;
    case FRAME_FETCH_START:
        *started = true;
        return set_up && ipc_read_end(&frame->body) ? ERR_OK : ERR_PEER;
    case FRAME_STOP:
        fetch->stop = true;
        return ERR_OK;
    default:
        return ERR_PEER;
    }
}

/* SETUP, the cursors, START. False when keep made no sense or wants us to stop. */
static bool set_up(struct fetch *fetch)
{
    bool started = false;
    while (!started && !fetch->stop) {
        struct ipc_frame frame;
        enum err error = ipc_receive(fetch->channel, &frame);
        if (error == ERR_ABSENT) {
            wait_for_keep(fetch);
            continue;
        }
        if (error == ERR_OK)
            error = take_setup_frame(fetch, &frame, &started);
        if (error != ERR_OK) {
            log_error("setup", LOG_NAME("error", err_name(error)));
            fetch->exit_status = 1;
            return false;
        }
    }
    return started && !fetch->stop;
}

/* What libraries load lazily is loaded now: nothing opens after the sandbox closes. */
static bool lock_down(struct fetch *fetch)
{
    char role[80];
    const char *paths[SANDBOX_MAX_PATHS];
    (void)snprintf(role, sizeof role, "fetch:%s", fetch->label);
    log_set_role(role);
    size_t count = sandbox_network_paths(fetch->ca_file, paths);
    if (sandbox_enter(SANDBOX_FETCH, paths, count, NULL) == ERR_OK)
        return true;
    log_error("sandbox", LOG_NUMBER("errno", errno));
    fetch->exit_status = 1;
    return false;
}

/* --- the loop ---------------------------------------------------------------------------------------------------- */

static int64_t next_due_ms(const struct fetch *fetch)
{
    int64_t due = fetch->beat_ms + ROLE_BEAT_MS;
    int64_t listing = listing_due_ms(fetch);
    if (listing < due)
        due = listing;
    for (size_t i = 0; i < LINK_COUNT; i++)
        if (!fetch->links[i].imap && fetch->links[i].due_ms < due)
            due = fetch->links[i].due_ms;
    return due;
}

/* Until keep speaks, the watch connection has news, or something is due. */
static void wait_for_work(const struct fetch *fetch)
{
    struct imap *watch = fetch->idling ? fetch->links[LINK_WATCH].imap : NULL;
    if (order_is_ready(fetch) || (watch && imap_has_input(watch)))
        return;
    int64_t wait_ms = next_due_ms(fetch) - clock_monotonic_ms();
    short events = ipc_channel_wants_write(fetch->channel) ? POLLIN | POLLOUT : POLLIN;
    struct pollfd waits[2] = {
        {.fd = ipc_channel_fd(fetch->channel), .events = events},
        {.fd = watch ? imap_fd(watch) : -1, .events = POLLIN},
    };
    if (wait_ms > 0)
        (void)poll(waits, 2, (int)wait_ms);
}

static void serve(struct fetch *fetch)
{
    while (!fetch->stop) {
        int64_t now = clock_monotonic_ms();
        link_open_due(fetch, now);
        listing_watch(fetch, now);
        listing_poll(fetch, now);
        if (order_is_ready(fetch))
            order_run(fetch);
        if (clock_monotonic_ms() - fetch->beat_ms >= ROLE_BEAT_MS)
            fetch_beat(fetch, 0);
        wait_for_work(fetch);
        fetch_serve(fetch);
    }
}

int fetch_main(void)
{
    struct fetch fetch = {.channel = role_open(ROLE_FETCH, NULL)};
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
        return 1;
    if (set_up(&fetch) && lock_down(&fetch)) {
        if (fetch_begin(&fetch, FRAME_FETCH_READY))
            fetch_send(&fetch, -1);
        serve(&fetch);
    }
    int status = fetch.exit_status;
    fetch_free(&fetch);
    return status;
}
