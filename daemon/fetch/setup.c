/* What role fetch knows before it starts: settings, password, folders, cursors. keep's frames are checked though
 * trusted. */
#include <attune/order.h>
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
static enum err make_login(struct fetch *fetch, const char *user, int fd)
{
    enum { LOGIN_SIZE = 3 * FETCH_MAX_PASSWORD };
    char *password = sodium_malloc(FETCH_MAX_PASSWORD);
    struct buf line;
    size_t length;
    enum err error = ERR_SYSTEM;
    buf_init(&line, LOGIN_SIZE - 1);
    fetch->login = sodium_malloc(LOGIN_SIZE);
    if (!password || !fetch->login)
        goto out;
    error = ERR_INPUT;
    (void)buf_add_text(&line, "LOGIN ");
    if (!read_password(fd, password, FETCH_MAX_PASSWORD, &length) ||
        imap_name_add_secret(&line, str_of(user)) != ERR_OK || buf_add_char(&line, ' ') != ERR_OK ||
        imap_name_add_secret(&line, (struct str){password, length}) != ERR_OK)
        goto out;
    memcpy(fetch->login, buf_text(&line), line.length + 1);
    error = ERR_OK;
out:
    buf_wipe(&line);
    sodium_free(password);
    return error;
}

static bool add_folder(struct fetch *fetch, struct ipc_reader *reader)
{
    struct fetch_folder *folder = &fetch->folders[fetch->folder_count++];
    struct buf wire;
    ipc_get_text(reader, folder->name, sizeof folder->name);
    unsigned watch = ipc_get_u8(reader);
    buf_init(&wire, sizeof folder->wire - 1);
    bool good = watch <= FETCH_WATCH_PLACE && imap_name_add_folder(&wire, str_of(folder->name)) == ERR_OK;
    if (good)
        memcpy(folder->wire, buf_text(&wire), wire.length + 1);
    buf_free(&wire);
    folder->watch = (enum fetch_watch)watch;
    if (folder->watch == FETCH_WATCH_IDLE)
        fetch->inbox = folder;
    return good && !reader->failed;
}

static bool read_folders(struct fetch *fetch, struct ipc_reader *reader)
{
    size_t count = ipc_get_u16(reader);
    if (count == 0 || count > FETCH_MAX_FOLDERS)
        return false;
    fetch->folders = calloc(count, sizeof *fetch->folders);
    for (size_t i = 0; fetch->folders && i < count; i++)
        if (!add_folder(fetch, reader))
            return false;
    return fetch->inbox != NULL;
}

static void tick(void *context, int64_t allow_ms)
{
    fetch_beat(context, allow_ms);
}

enum err fetch_set_up(struct fetch *fetch, struct ipc_frame *frame)
{
    struct ipc_reader *reader = &frame->body;
    char user[512];
    ipc_get_text(reader, fetch->label, sizeof fetch->label);
    ipc_get_text(reader, fetch->host, sizeof fetch->host);
    uint16_t port = ipc_get_u16(reader);
    unsigned tls = ipc_get_u8(reader);
    ipc_get_text(reader, fetch->ca_file, sizeof fetch->ca_file);
    ipc_get_text(reader, user, sizeof user);
    fetch->message_cap = ipc_get_u32(reader);
    fetch->create_folders = ipc_get_u8(reader) != 0;
    fetch->want_keywords = ipc_get_u8(reader) != 0;
    fetch->poll_s = ipc_get_u32(reader);
    fetch->reconcile_s = ipc_get_u32(reader);
    bool good = read_folders(fetch, reader) && ipc_read_end(reader) && tls <= FETCH_TLS_NONE && port != 0 &&
                fetch->message_cap > 0 && fetch->poll_s > 0 && fetch->reconcile_s > 0;
    enum err error = good ? make_login(fetch, user, frame->fd) : ERR_PEER;
    close(frame->fd);
    fetch->account = (struct imap_account){
        .target = {.host = fetch->host, .port = port, .tls = (enum fetch_tls)tls, .ca_file = fetch->ca_file},
        .login = fetch->login,
        .message_cap = fetch->message_cap,
        .tick = tick,
        .context = fetch,
    };
    return error;
}

void fetch_free(struct fetch *fetch)
{
    for (size_t i = 0; i < LINK_COUNT; i++)
        imap_close(&fetch->links[i].imap);
    order_free_all(fetch);
    sodium_free(fetch->login);
    free(fetch->folders);
    ipc_writer_free(&fetch->writer);
    ipc_channel_free(&fetch->channel);
}

struct fetch_folder *fetch_find_folder(struct fetch *fetch, struct str name)
{
    for (size_t i = 0; i < fetch->folder_count; i++)
        if (str_equal_text(name, fetch->folders[i].name))
            return &fetch->folders[i];
    return NULL;
}

enum err fetch_take_pace(struct fetch *fetch, struct ipc_frame *frame)
{
    uint32_t pace_s = ipc_get_u32(&frame->body);
    if (!ipc_read_end(&frame->body))
        return ERR_PEER;
    fetch->pace_s = pace_s && pace_s < fetch->poll_s ? pace_s : 0;
    for (size_t i = 0; fetch->pace_s && i < fetch->folder_count; i++)
        if (fetch->folders[i].watch == FETCH_WATCH_PLACE)
            fetch->folders[i].poll_due_ms = 0;
    return ERR_OK;
}

enum err fetch_take_cursor(struct fetch *fetch, struct ipc_frame *frame)
{
    struct fetch_folder *folder = fetch_find_folder(fetch, ipc_get_str(&frame->body));
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
