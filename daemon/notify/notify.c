/*
 * The role that pages people: takes the staff list from keep, locks itself down, and from then on sends what keep asks
 * to whom the list names. It holds the staff's channels and their signing keys, and nothing about mail. It trusts
 * keep's frames to be well formed or ends; it does not trust keep to name the right people.
 */
#include <attune/clock.h>
#include <attune/log.h>
#include <attune/role.h>
#include <attune/sandbox.h>
#include <attune/sender.h>
#include <attune/staff.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { STOP_MS = 10000 }; /* what is in flight may end; a mail that takes longer is sent again under its id */

enum { EXIT_DONE = 0, EXIT_FAILED = 1 };

struct notify {
    struct ipc_channel *channel;
    struct ipc_writer writer;
    struct staff *staff;
    struct sender *sender;
    struct smtp_server server;
    struct smtp_waiting waiting;
    char ca_file[1025]; /* as long as conf lets it be, and a NUL */
    int64_t next_beat_ms;
    int64_t stop_by_ms; /* 0: not stopping */
};

/* --- to keep ----------------------------------------------------------------------------------------------------- */

static bool beat_when_due(struct notify *notify)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < notify->next_beat_ms)
        return true;
    notify->next_beat_ms = now_ms + ROLE_BEAT_MS;
    return role_beat(notify->channel, &notify->writer, 0) == ERR_OK;
}

/* While libcurl waits for a mail server: a channel that fails is seen when the loop goes on. */
static void beat_while_waiting(void *context)
{
    struct notify *notify = context;
    if (!beat_when_due(notify) || ipc_flush(notify->channel) != ERR_OK)
        notify->next_beat_ms = 0;
}

static bool tell_ready(struct notify *notify)
{
    return ipc_write_begin(&notify->writer, FRAME_NOTIFY_READY) == ERR_OK && ipc_write_end(&notify->writer) == ERR_OK &&
           ipc_send(notify->channel, &notify->writer, -1) == ERR_OK;
}

/* A result that cannot be told is lost with the channel: keep's row stays, and the next process is asked again. */
static void tell_result(void *context, uint64_t row, const struct webhook_answer *answer)
{
    struct notify *notify = context;
    if (ipc_write_begin(&notify->writer, FRAME_NOTIFY_RESULT) != ERR_OK)
        return;
    ipc_put_u64(&notify->writer, row);
    ipc_put_u8(&notify->writer, (uint8_t)answer->outcome);
    ipc_put_u16(&notify->writer, answer->status);
    ipc_put_u32(&notify->writer, answer->retry_after_s);
    if (ipc_write_end(&notify->writer) != ERR_OK || ipc_send(notify->channel, &notify->writer, -1) != ERR_OK)
        log_error("result-not-told", LOG_NUMBER("row", row));
}

/* --- from keep --------------------------------------------------------------------------------------------------- */

static enum err take_server(struct notify *notify, struct ipc_frame *frame)
{
    struct smtp_server *server = &notify->server;
    if (notify->sender || server->url[0])
        return ERR_PEER;
    ipc_get_text(&frame->body, server->url, sizeof server->url);
    server->tls = (enum smtp_tls)ipc_get_u8(&frame->body);
    ipc_get_text(&frame->body, server->user, sizeof server->user);
    ipc_get_text(&frame->body, server->from, sizeof server->from);
    if (!ipc_read_end(&frame->body) || !smtp_server_is_valid(server))
        return ERR_PEER;
    /* Without it the server refuses the sign-in, which the rows say; webhooks go on. */
    if (server->user[0] && smtp_read_password(frame->fd, server->password) != ERR_OK)
        log_error("password-unusable");
    return ERR_OK;
}

static enum err take_staff(struct notify *notify, struct ipc_frame *frame)
{
    enum notify_kind kind = (enum notify_kind)ipc_get_u8(&frame->body);
    struct str person = ipc_get_str(&frame->body);
    struct str channel = ipc_get_str(&frame->body);
    struct str target = ipc_get_str(&frame->body);
    struct staff_channel *added = NULL;
    if (!ipc_read_end(&frame->body))
        return ERR_PEER;
    enum err error = staff_add(notify->staff, kind, person, channel, target, &added);
    if (error)
        return error;
    /* The channel stays on the list: its pages are answered "rejected", which status shows, and others go on. */
    if (kind == NOTIFY_WEBHOOK && webhook_read_secret(frame->fd, &added->secret) != ERR_OK)
        log_error("secret-unusable", LOG_NAME("person", added->person), LOG_NAME("channel", added->channel));
    return ERR_OK;
}

static bool lock_down(const char *ca_file)
{
    const char *paths[SANDBOX_MAX_PATHS];
    size_t count = sandbox_network_paths(ca_file, paths);
    return sandbox_enter(SANDBOX_NOTIFY, paths, count, NULL) == ERR_OK;
}

static enum err take_start(struct notify *notify, struct ipc_frame *frame)
{
    ipc_get_text(&frame->body, notify->ca_file, sizeof notify->ca_file);
    if (!ipc_read_end(&frame->body) || notify->sender)
        return ERR_PEER;
    const char *ca_path = conf_ca_path(notify->ca_file[0] ? notify->ca_file : NULL);
    staff_close(notify->staff);
    notify->waiting = (struct smtp_waiting){beat_while_waiting, notify};
    notify->sender = sender_new(ca_path, &notify->server, &notify->waiting, tell_result, notify);
    if (!notify->sender || !lock_down(ca_path))
        return ERR_SYSTEM;
    log_info("ready", LOG_NUMBER("channels", staff_count(notify->staff)));
    return tell_ready(notify) ? ERR_OK : ERR_PEER;
}

static enum err take_send(struct notify *notify, struct ipc_frame *frame)
{
    uint64_t row = ipc_get_u64(&frame->body);
    enum notify_kind kind = (enum notify_kind)ipc_get_u8(&frame->body);
    struct str person = ipc_get_str(&frame->body);
    struct str channel = ipc_get_str(&frame->body);
    struct str target = ipc_get_str(&frame->body);
    struct str id = ipc_get_str(&frame->body);
    struct str body = ipc_get_str(&frame->body);
    if (!ipc_read_end(&frame->body) || !notify->sender)
        return ERR_PEER;
    struct staff_channel *to = staff_find(notify->staff, kind, person, channel, target);
    if (to) {
        sender_add(notify->sender, to, row, id, body);
        return ERR_OK;
    }
    /* Its names are not on the list, so they are not ours to log. */
    log_error("refused-not-staff", LOG_NUMBER("row", row));
    tell_result(notify, row, &(struct webhook_answer){.outcome = NOTIFY_REFUSED, .why = "not-staff"});
    return ERR_OK;
}

static enum err take_stop(struct notify *notify, struct ipc_frame *frame)
{
    if (!ipc_read_end(&frame->body))
        return ERR_PEER;
    if (!notify->stop_by_ms)
        notify->stop_by_ms = clock_monotonic_ms() + STOP_MS;
    return ERR_OK;
}

static enum err take_frame(struct notify *notify, struct ipc_frame *frame)
{
    switch (frame->type) {
    case FRAME_NOTIFY_SMTP:
        return take_server(notify, frame);
    case FRAME_NOTIFY_STAFF:
        return take_staff(notify, frame);
    case FRAME_NOTIFY_START:
        return take_start(notify, frame);
    case FRAME_NOTIFY_SEND:
        return take_send(notify, frame);
    case FRAME_STOP:
        return take_stop(notify, frame);
    default:
        return ERR_PEER;
    }
}

static enum err take_frames(struct notify *notify)
{
    struct ipc_frame frame;
    enum err error;
    while ((error = ipc_receive(notify->channel, &frame)) == ERR_OK) {
        error = take_frame(notify, &frame);
        if (frame.fd >= 0)
            close(frame.fd);
        if (error)
            return error;
    }
    return error == ERR_ABSENT ? ERR_OK : error;
}

/* --- the loop ---------------------------------------------------------------------------------------------------- */

static int time_left(const struct notify *notify)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t until_ms = notify->next_beat_ms;
    if (notify->stop_by_ms && notify->stop_by_ms < until_ms)
        until_ms = notify->stop_by_ms;
    return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static void wait_for_work(struct notify *notify)
{
    bool wants_write = ipc_channel_wants_write(notify->channel);
    int fd = ipc_channel_fd(notify->channel);
    if (notify->sender) {
        short events = (short)(CURL_WAIT_POLLIN | (wants_write ? CURL_WAIT_POLLOUT : 0));
        struct curl_waitfd extra = {.fd = fd, .events = events};
        sender_wait(notify->sender, &extra, time_left(notify));
    } else {
        struct pollfd extra = {.fd = fd, .events = (short)(POLLIN | (wants_write ? POLLOUT : 0))};
        poll(&extra, 1, time_left(notify));
    }
}

static bool is_finished(struct notify *notify)
{
    if (!notify->stop_by_ms)
        return false;
    return !notify->sender || sender_count(notify->sender) == 0 || clock_monotonic_ms() >= notify->stop_by_ms;
}

static enum err run(struct notify *notify)
{
    for (;;) {
        enum err error = take_frames(notify);
        if (error)
            return error;
        if (notify->sender)
            sender_step(notify->sender);
        if (!beat_when_due(notify) || ipc_flush(notify->channel) != ERR_OK)
            return ERR_PEER;
        if (is_finished(notify))
            return ERR_OK;
        if (notify->sender && sender_lost_names(notify->sender) && sender_count(notify->sender) == 0)
            return ERR_SYSTEM;
        wait_for_work(notify);
    }
}

/* What was never answered is answered now, as far as keep still listens. */
static void finish(struct notify *notify)
{
    if (notify->sender)
        sender_give_up(notify->sender);
    enum { FLUSH_MS = 1000 };
    if (ipc_flush_wait(notify->channel, FLUSH_MS) != ERR_OK)
        log_warn("results-not-told");
    sender_free(&notify->sender);
    staff_free(&notify->staff);
    sodium_memzero(&notify->server, sizeof notify->server);
    ipc_writer_free(&notify->writer);
    ipc_channel_free(&notify->channel);
}

int notify_main(void)
{
    struct notify notify = {.channel = role_open(ROLE_NOTIFY, NULL), .staff = staff_new()};
    /* A lookup ends within the time that a page has, and not after the usual half minute. */
    if (!notify.staff || setenv("RES_OPTIONS", "timeout:2 attempts:2", 1) != 0 || sodium_init() < 0 ||
        curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        log_error("cannot-start");
        return EXIT_FAILED;
    }
    enum err error = run(&notify);
    if (error)
        log_error("ending", LOG_NAME("why", err_name(error)));
    finish(&notify);
    return error ? EXIT_FAILED : EXIT_DONE;
}
