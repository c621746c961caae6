/* The mailbox's settings, names and frames. Role fetch; keep's frames are checked, though keep is trusted. */
#include <attune/clock.h>
#include <attune/log.h>
#include <attune/mailbox.h>
#include <attune/role.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- setting up -------------------------------------------------------------------------------------------------- */

/* The password without the newline that editors leave. False when it cannot be read or is empty. */
static bool read_password(int fd, char *out, size_t size, size_t *length)
{
    *length = 0;
    while (*length < size) {
        ssize_t got = read(fd, out + *length, size - *length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        *length += (size_t)got;
    }
    while (*length > 0 && (out[*length - 1] == '\n' || out[*length - 1] == '\r'))
        (*length)--;
    return *length > 0 && *length < size;
}

/* The LOGIN line in memory that is locked, guarded and wiped when freed. */
static enum err make_login(struct mailbox *mailbox, const char *user, int fd)
{
    enum { LOGIN_SIZE = 3 * MAILBOX_MAX_PASSWORD };
    char *password = sodium_malloc(MAILBOX_MAX_PASSWORD);
    struct buf line;
    size_t length;
    enum err error = ERR_SYSTEM;
    buf_init(&line, LOGIN_SIZE - 1);
    mailbox->login = sodium_malloc(LOGIN_SIZE);
    if (!password || !mailbox->login)
        goto out;
    error = ERR_INPUT;
    (void)buf_add_text(&line, "LOGIN ");
    if (!read_password(fd, password, MAILBOX_MAX_PASSWORD, &length) ||
        imap_name_add_secret(&line, str_of(user)) != ERR_OK || buf_add_char(&line, ' ') != ERR_OK ||
        imap_name_add_secret(&line, (struct str){password, length}) != ERR_OK)
        goto out;
    memcpy(mailbox->login, buf_text(&line), line.length + 1);
    error = ERR_OK;
out:
    buf_wipe(&line);
    sodium_free(password);
    return error;
}

static bool add_folder(struct mailbox *mailbox, struct ipc_reader *reader)
{
    struct mailbox_folder *folder = &mailbox->folders[mailbox->folder_count++];
    struct buf wire;
    ipc_get_text(reader, folder->name, sizeof folder->name);
    unsigned watch = ipc_get_u8(reader);
    buf_init(&wire, sizeof folder->wire - 1);
    bool good = watch <= FETCH_WATCH_POLL && imap_name_add_folder(&wire, str_of(folder->name)) == ERR_OK;
    if (good)
        memcpy(folder->wire, buf_text(&wire), wire.length + 1);
    buf_free(&wire);
    folder->watch = (enum fetch_watch)watch;
    if (folder->watch == FETCH_WATCH_IDLE)
        mailbox->inbox = folder;
    return good && !reader->failed;
}

static bool read_folders(struct mailbox *mailbox, struct ipc_reader *reader)
{
    size_t count = ipc_get_u16(reader);
    if (count == 0 || count > MAILBOX_MAX_FOLDERS)
        return false;
    mailbox->folders = calloc(count, sizeof *mailbox->folders);
    for (size_t i = 0; mailbox->folders && i < count; i++)
        if (!add_folder(mailbox, reader))
            return false;
    return mailbox->inbox != NULL;
}

static void tick(void *context, int64_t allow_ms)
{
    mailbox_beat(context, allow_ms);
}

enum err mailbox_set_up(struct mailbox *mailbox, struct ipc_frame *frame)
{
    struct ipc_reader *reader = &frame->body;
    char user[512];
    ipc_get_text(reader, mailbox->label, sizeof mailbox->label);
    ipc_get_text(reader, mailbox->host, sizeof mailbox->host);
    uint16_t port = ipc_get_u16(reader);
    unsigned tls = ipc_get_u8(reader);
    ipc_get_text(reader, mailbox->ca_file, sizeof mailbox->ca_file);
    ipc_get_text(reader, user, sizeof user);
    mailbox->message_cap = ipc_get_u32(reader);
    mailbox->create_folders = ipc_get_u8(reader) != 0;
    mailbox->want_keywords = ipc_get_u8(reader) != 0;
    mailbox->poll_s = ipc_get_u32(reader);
    mailbox->reconcile_s = ipc_get_u32(reader);
    bool good = read_folders(mailbox, reader) && ipc_read_end(reader) && tls <= FETCH_TLS_NONE && port != 0 &&
                mailbox->message_cap > 0 && mailbox->poll_s > 0 && mailbox->reconcile_s > 0;
    enum err error = good ? make_login(mailbox, user, frame->fd) : ERR_PEER;
    close(frame->fd);
    mailbox->account = (struct imap_account){
        .target = {.host = mailbox->host, .port = port, .tls = (enum fetch_tls)tls, .ca_file = mailbox->ca_file},
        .login = mailbox->login,
        .message_cap = mailbox->message_cap,
        .tick = tick,
        .context = mailbox,
    };
    return error;
}

void mailbox_free(struct mailbox *mailbox)
{
    for (size_t i = 0; i < LINK_COUNT; i++)
        imap_close(&mailbox->links[i].imap);
    order_free_all(mailbox);
    sodium_free(mailbox->login);
    free(mailbox->folders);
    ipc_writer_free(&mailbox->writer);
    ipc_channel_free(&mailbox->channel);
}

struct mailbox_folder *mailbox_find(struct mailbox *mailbox, struct str name)
{
    for (size_t i = 0; i < mailbox->folder_count; i++)
        if (str_equal_text(name, mailbox->folders[i].name))
            return &mailbox->folders[i];
    return NULL;
}

enum err mailbox_take_cursor(struct mailbox *mailbox, struct ipc_frame *frame)
{
    struct mailbox_folder *folder = mailbox_find(mailbox, ipc_get_str(&frame->body));
    uint32_t uidvalidity = ipc_get_u32(&frame->body);
    uint32_t last_uid = ipc_get_u32(&frame->body);
    if (!ipc_read_end(&frame->body) || !folder)
        return ERR_PEER;
    bool same = folder->uidvalidity == uidvalidity;
    folder->uidvalidity = uidvalidity;
    if (!same || folder->listed_uid < last_uid)
        folder->listed_uid = last_uid;
    if (!same || folder->frozen) {
        folder->frozen = false;
        folder->full_due_ms = 0;
        folder->poll_due_ms = 0;
    }
    return ERR_OK;
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

static void give_up(struct mailbox *mailbox, const char *reason)
{
    if (!mailbox->stop)
        log_error("stop", LOG_NAME("reason", reason));
    mailbox->stop = true;
    mailbox->exit_status = 1;
}

bool mailbox_begin(struct mailbox *mailbox, enum frame_type type)
{
    if (ipc_write_begin(&mailbox->writer, type) == ERR_OK)
        return true;
    give_up(mailbox, "memory");
    return false;
}

void mailbox_send(struct mailbox *mailbox, int fd)
{
    if (ipc_write_end(&mailbox->writer) == ERR_OK && ipc_send(mailbox->channel, &mailbox->writer, fd) == ERR_OK)
        return;
    if (fd >= 0)
        close(fd);
    give_up(mailbox, "keep-gone");
}

void mailbox_beat(struct mailbox *mailbox, int64_t allow_ms)
{
    int64_t now = clock_monotonic_ms();
    if (now - mailbox->beat_ms < 1000 && allow_ms <= mailbox->beat_allow_ms)
        return;
    mailbox->beat_ms = now;
    mailbox->beat_allow_ms = allow_ms;
    if (role_beat(mailbox->channel, &mailbox->writer, (uint32_t)allow_ms) != ERR_OK)
        give_up(mailbox, "keep-gone");
}

static enum err take_frame(struct mailbox *mailbox, struct ipc_frame *frame)
{
    switch (frame->type) {
    case FRAME_STOP:
        mailbox->stop = true;
        return ipc_read_end(&frame->body) ? ERR_OK : ERR_PEER;
    case FRAME_FETCH_CURSOR:
        return mailbox_take_cursor(mailbox, frame);
    default:
        return order_take(mailbox, frame);
    }
}

void mailbox_serve(struct mailbox *mailbox)
{
    if (ipc_channel_wants_write(mailbox->channel) && ipc_flush(mailbox->channel) != ERR_OK)
        give_up(mailbox, "keep-gone");
    while (!mailbox->stop) {
        struct ipc_frame frame;
        enum err error = ipc_receive(mailbox->channel, &frame);
        if (error == ERR_ABSENT)
            return;
        if (error == ERR_OK)
            error = take_frame(mailbox, &frame);
        if (error == ERR_OK)
            continue;
        if (frame.fd >= 0)
            close(frame.fd);
        give_up(mailbox, "bad-frame");
    }
}
