/*
 * The outbox on its way out: due rows become NOTIFY_SEND frames, answers become states. A page is thin: case, urgency,
 * mailbox, times, deadline; no subject, sender, cue or quotation. Run by keep; notify refuses whoever is not on its
 * list.
 */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <attune/mail.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A channel that does not answer is tried again after 5 s, doubling to 5 min; one that refuses, every 5 min. */
enum { FIRST_RETRY_MS = 5000, LAST_RETRY_MS = 300000 };

/* --- the process
 * ---------------------------------------------------------------------------------------------------------- */

/* Every channel and server comes with a descriptor; this stands for a secret that there is none of. */
static int open_nothing(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int open_secret(const char *path)
{
    struct diag diag;
    int secret = -1;
    diag_init(&diag);
    if (conf_open_secret(path, &secret, &diag) != ERR_OK)
        secret = -1;
    diag_free(&diag);
    return secret;
}

/* An address in brackets where it would be taken apart at its colons. */
static bool send_server(struct keep *keep, struct peer *peer)
{
    const struct conf_smtp *smtp = &keep->conf->smtp;
    char url[CONF_MAX_URL];
    if (!smtp->host)
        return true;
    bool wants_brackets = strchr(smtp->host, ':') && smtp->host[0] != '[';
    snprintf(url, sizeof url, "%s://%s%s%s:%u", smtp->tls == SMTP_TLS_IMPLICIT ? "smtps" : "smtp",
             wants_brackets ? "[" : "", smtp->host, wants_brackets ? "]" : "", smtp->port);
    int secret = smtp->user ? open_secret(smtp->password_file) : open_nothing();
    if (secret < 0) { /* the sign-in fails, which its rows and an alarm show; webhooks go on */
        keep->channels_left_out++;
        log_error("smtp-password-refused");
        secret = open_nothing();
    }
    ipc_write_begin(&keep->writer, FRAME_NOTIFY_SMTP);
    ipc_put_text(&keep->writer, url);
    ipc_put_u8(&keep->writer, (uint8_t)smtp->tls);
    ipc_put_text(&keep->writer, smtp->user ? smtp->user : "");
    ipc_put_text(&keep->writer, smtp->from);
    return peer_send(keep, peer, &keep->writer, secret);
}

static enum notify_kind channel_kind(const struct conf_channel *channel)
{
    return channel->mail ? NOTIFY_MAIL : NOTIFY_WEBHOOK;
}

static const char *channel_target(const struct conf_channel *channel)
{
    return channel->mail ? channel->mail : channel->url;
}

static bool send_channel(struct keep *keep, struct peer *peer, const struct conf_person *person,
                         const struct conf_channel *channel)
{
    int secret = channel->mail ? open_nothing() : open_secret(channel->secret_file);
    if (secret < 0) {
        /* The others must still be told: this channel is left out, its pages are tried again, and status says so. */
        keep->channels_left_out++;
        log_error("channel-secret-refused", LOG_NAME("person", person->name), LOG_NAME("channel", channel->name));
        return true;
    }
    ipc_write_begin(&keep->writer, FRAME_NOTIFY_STAFF);
    ipc_put_u8(&keep->writer, (uint8_t)channel_kind(channel));
    ipc_put_text(&keep->writer, person->name);
    ipc_put_text(&keep->writer, channel->name);
    ipc_put_text(&keep->writer, channel_target(channel));
    return peer_send(keep, peer, &keep->writer, secret);
}

static enum err notify_begin(struct keep *keep, struct peer *peer)
{
    keep->channels_left_out = 0;
    if (!send_server(keep, peer))
        return ERR_PEER;
    for (size_t i = 0; i < keep->conf->staff_count; i++)
        for (size_t c = 0; c < keep->conf->staff[i].channel_count; c++)
            if (!send_channel(keep, peer, &keep->conf->staff[i], &keep->conf->staff[i].channels[c]))
                return ERR_PEER;
    ipc_write_begin(&keep->writer, FRAME_NOTIFY_START);
    ipc_put_text(&keep->writer, conf_ca_path(keep->conf->ca_file));
    return peer_send(keep, peer, &keep->writer, -1) ? ERR_OK : ERR_PEER;
}

static void forget_sending(struct keep *keep, int64_t row)
{
    for (size_t i = 0; i < keep->sending_count; i++)
        if (keep->sending[i].id == row) {
            keep->sending[i] = keep->sending[--keep->sending_count];
            return;
        }
}

/* As the receiver asks, when it asks for longer than we would wait. */
static int64_t retry_at(uint32_t attempts, uint32_t retry_after_s)
{
    int64_t ours = keep_retry_at(FIRST_RETRY_MS, LAST_RETRY_MS, attempts);
    int64_t theirs_ms = (int64_t)retry_after_s * 1000;
    int64_t theirs = clock_wall_ms() + (theirs_ms < LAST_RETRY_MS ? theirs_ms : LAST_RETRY_MS);
    return theirs > ours ? theirs : ours;
}

static bool take_result(struct keep *keep, struct ipc_reader *body)
{
    int64_t row = (int64_t)ipc_get_u64(body);
    uint8_t outcome = ipc_get_u8(body);
    uint16_t status = ipc_get_u16(body);
    uint32_t retry_after_s = ipc_get_u32(body);
    if (!ipc_read_end(body) || outcome < NOTIFY_ACCEPTED || outcome > NOTIFY_REFUSED)
        return false;
    forget_sending(keep, row);
    keep->page_due_known = false;
    uint32_t attempts = journal_outbox_attempts(keep->journal, row);
    log_info("page-result", LOG_NUMBER("row", row), LOG_NUMBER("outcome", outcome), LOG_NUMBER("status", status),
             LOG_NUMBER("attempts", attempts + 1));
    if (outcome == NOTIFY_ACCEPTED)
        journal_accept_outbox(keep->journal, row, status, clock_wall_ms());
    else if (outcome == NOTIFY_REJECTED || outcome == NOTIFY_REFUSED)
        journal_retry_outbox(keep->journal, row, status, clock_wall_ms() + LAST_RETRY_MS);
    else
        journal_retry_outbox(keep->journal, row, status, retry_at(attempts, retry_after_s));
    return true;
}

static bool notify_take(struct keep *keep, struct peer *peer, struct ipc_frame *frame)
{
    if (frame->type == FRAME_NOTIFY_RESULT)
        return take_result(keep, &frame->body);
    if (frame->type != FRAME_NOTIFY_READY || !ipc_read_end(&frame->body))
        return false;
    peer->state = PEER_READY;
    return true;
}

/* What was with it is sent again, under the same ids. */
static void notify_lost(struct keep *keep, struct peer *peer)
{
    (void)peer;
    keep->sending_count = 0;
    keep->page_due_known = false;
}

enum err notify_open(struct keep *keep)
{
    keep->notify = (struct peer){.role = ROLE_NOTIFY, .begin = notify_begin, .take = notify_take, .lost = notify_lost};
    snprintf(keep->notify.label, sizeof keep->notify.label, "notify");
    return ERR_OK;
}

void notify_close(struct keep *keep)
{
    peer_end(keep, &keep->notify);
}

/* --- pages
 * ------------------------------------------------------------------------------------------------------------------ */

static void set_time(json_t *object, const char *key, int64_t wall_ms)
{
    char text[25];
    if (!wall_ms)
        return;
    clock_format_ms(wall_ms, text);
    json_object_set_new(object, key, json_string(text));
}

/* For a webhook. The same row gives the same bytes, so that a repeated id never carries another content. */
static enum err write_page_json(const struct outbox_row *row, const struct alert_row *alert, struct buf *out)
{
    bool is_alarm = strcmp(alert->kind, "alarm") == 0;
    json_t *data = json_pack("{s:s, s:s, s:i, s:i}", "case", alert->id, is_alarm ? "about" : "mailbox", alert->subject,
                             "step", (int)row->step, "ring", (int)row->ring);
    if (is_alarm)
        json_object_set_new(data, "reason", json_string(alert->reason));
    else
        json_object_set_new(data, "urgency", json_string(urgency_name(alert->urgency)));
    if (!is_alarm && alert->reason[0])
        json_object_set_new(data, "reason", json_string(alert->reason));
    set_time(data, "received_at", alert->received_ms);
    set_time(data, "deadline_at", alert->deadline_ms);
    char command[64];
    snprintf(command, sizeof command, "attune ack %.8s", alert->id);
    json_object_set_new(data, "acknowledge", json_string(command));
    json_t *body = json_pack("{s:s, s:o}", "type", is_alarm ? "attune.alarm" : "attune.page", "data", data);
    set_time(body, "timestamp", alert->opened_ms);
    char *text = json_dumps(body, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(body);
    enum err error = text ? buf_add_text(out, text) : ERR_SYSTEM;
    free(text);
    return error;
}

static const struct conf_channel *find_channel(const struct conf *conf, const struct outbox_row *row)
{
    const struct conf_person *person = conf_find_person(conf, row->person);
    for (size_t i = 0; person && i < person->channel_count; i++)
        if (strcmp(person->channels[i].name, row->channel) == 0)
            return &person->channels[i];
    return NULL;
}

/* ERR_ABSENT: there is nothing left to tell. */
static enum err write_body(struct keep *keep, const struct outbox_row *row, const struct conf_channel *channel,
                           struct buf *out)
{
    struct alert_row alert;
    if (row->kind == OUTBOX_DIGEST)
        return channel->mail ? digest_compose_row(keep, row, channel->mail, out) : ERR_ABSENT;
    if (!journal_get_alert(keep->journal, row->alert, &alert))
        return ERR_ABSENT;
    if (channel->mail)
        return mail_compose_page(row, &alert, keep->conf->smtp.from, channel->mail, keep->site_key, out);
    return write_page_json(row, &alert, out);
}

static bool send_body(struct keep *keep, const struct outbox_row *row, const struct conf_channel *channel,
                      struct str body)
{
    ipc_write_begin(&keep->writer, FRAME_NOTIFY_SEND);
    ipc_put_u64(&keep->writer, (uint64_t)row->id);
    ipc_put_u8(&keep->writer, (uint8_t)channel_kind(channel));
    ipc_put_text(&keep->writer, row->person);
    ipc_put_text(&keep->writer, row->channel);
    ipc_put_text(&keep->writer, channel_target(channel));
    ipc_put_text(&keep->writer, row->webhook_id);
    ipc_put_str(&keep->writer, body);
    return peer_send(keep, &keep->notify, &keep->writer, -1);
}

/* False when nothing more can be sent now. */
static bool send_row(struct keep *keep, const struct outbox_row *row)
{
    const struct conf_channel *channel = find_channel(keep->conf, row);
    struct buf body;
    buf_init(&body, MAIL_MAX_BYTES);
    enum err error = channel ? write_body(keep, row, channel, &body) : ERR_ABSENT;
    bool sent = error == ERR_OK && send_body(keep, row, channel, buf_str(&body));
    buf_free(&body);
    if (error == ERR_ABSENT) { /* a person removed: the ladder's other steps go on */
        journal_cancel_outbox(keep->journal, row->id);
        return true;
    }
    if (!sent)
        return false;
    keep->sending[keep->sending_count++] = *row;
    log_info(row->kind == OUTBOX_DIGEST ? "digest-sent" : "page-sent", LOG_NAME("case", row->alert),
             LOG_NAME("person", row->person), LOG_NAME("channel", row->channel), LOG_NUMBER("row", row->id));
    return true;
}

/* Whether the row may go now: it is not with notify already, and its channel has room. */
static bool may_send(const struct keep *keep, const struct outbox_row *row)
{
    size_t with_channel = 0;
    for (size_t i = 0; i < keep->sending_count; i++) {
        const struct outbox_row *other = &keep->sending[i];
        if (other->id == row->id)
            return false;
        with_channel += strcmp(other->person, row->person) == 0 && strcmp(other->channel, row->channel) == 0;
    }
    return with_channel < KEEP_CHANNEL_WINDOW;
}

void notify_send_due(struct keep *keep)
{
    static struct outbox_row rows[KEEP_SEND_WINDOW * 4];
    if (!peer_is_ready(&keep->notify))
        return;
    /* Those with notify are still pending rows: look past them. */
    size_t count =
        journal_due_outbox(keep->journal, clock_wall_ms(), KEEP_CHANNEL_WINDOW * 2, rows, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < count && keep->sending_count < KEEP_SEND_WINDOW; i++)
        if (may_send(keep, &rows[i]) && !send_row(keep, &rows[i]))
            return;
}
