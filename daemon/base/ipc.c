/* Frames over SOCK_SEQPACKET: writing, reading, the permit table and the channel. Every role; a peer's bytes are
 * hostile. */
#include <attune/clock.h>
#include <attune/ipc.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct frame_rule rules[FRAME_TYPE_COUNT] = {
#define X(frame, sender, receiver, max, fd, permitted) [FRAME_##frame] = {#frame, sender, receiver, max, fd, permitted},
    FRAMES(X)
#undef X
};

const struct frame_rule *frame_rule(unsigned type)
{
    return type > FRAME_NONE && type < FRAME_TYPE_COUNT ? &rules[type] : NULL;
}

bool frame_permitted(unsigned type, enum role peer, enum peer_state state)
{
    const struct frame_rule *rule = frame_rule(type);
    if (!rule || rule->to != ROLE_KEEP)
        return false;
    return (rule->from == peer || rule->from == ROLE_COUNT) && (rule->states & (unsigned)state) != 0;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

enum err ipc_write_begin(struct ipc_writer *writer, enum frame_type type)
{
    if (!writer->bytes)
        writer->bytes = malloc(IPC_MAX_FRAME);
    writer->length = IPC_HEADER;
    writer->type = type;
    writer->failed = writer->bytes == NULL;
    return writer->failed ? ERR_SYSTEM : ERR_OK;
}

void ipc_put_bytes(struct ipc_writer *writer, const void *bytes, size_t length)
{
    if (writer->failed || length > IPC_MAX_FRAME - writer->length) {
        writer->failed = true;
        return;
    }
    if (length)
        memcpy(writer->bytes + writer->length, bytes, length);
    writer->length += length;
}

static void store(unsigned char *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (unsigned char)(value >> (8 * i));
}

static void put_number(struct ipc_writer *writer, uint64_t value, size_t size)
{
    unsigned char bytes[8];
    store(bytes, value, size);
    ipc_put_bytes(writer, bytes, size);
}

void ipc_put_u8(struct ipc_writer *writer, uint8_t value)
{
    put_number(writer, value, 1);
}

void ipc_put_u16(struct ipc_writer *writer, uint16_t value)
{
    put_number(writer, value, 2);
}

void ipc_put_u32(struct ipc_writer *writer, uint32_t value)
{
    put_number(writer, value, 4);
}

void ipc_put_u64(struct ipc_writer *writer, uint64_t value)
{
    put_number(writer, value, 8);
}

void ipc_put_i64(struct ipc_writer *writer, int64_t value)
{
    put_number(writer, (uint64_t)value, 8);
}

void ipc_put_str(struct ipc_writer *writer, struct str text)
{
    if (text.length > IPC_MAX_FRAME) {
        writer->failed = true;
        return;
    }
    ipc_put_u32(writer, (uint32_t)text.length);
    ipc_put_bytes(writer, text.data, text.length);
}

void ipc_put_text(struct ipc_writer *writer, const char *text)
{
    ipc_put_str(writer, str_of(text));
}

enum err ipc_write_end(struct ipc_writer *writer)
{
    const struct frame_rule *rule = frame_rule(writer->type);
    if (!rule)
        bug("frame of an unknown type");
    if (writer->failed || writer->length - IPC_HEADER > rule->max_body) {
        writer->failed = true;
        return ERR_LIMIT;
    }
    store(writer->bytes, writer->type, 2);
    store(writer->bytes + 2, 0, 2);
    store(writer->bytes + 4, writer->length - IPC_HEADER, 4);
    return ERR_OK;
}

void ipc_writer_free(struct ipc_writer *writer)
{
    free(writer->bytes);
    *writer = (struct ipc_writer){0};
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

static const unsigned char *take(struct ipc_reader *reader, size_t length)
{
    if (reader->failed || length > reader->length - reader->at) {
        reader->failed = true;
        return NULL;
    }
    const unsigned char *bytes = reader->bytes + reader->at;
    reader->at += length;
    return bytes;
}

static uint64_t load(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; bytes && i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint8_t ipc_get_u8(struct ipc_reader *reader)
{
    return (uint8_t)load(take(reader, 1), 1);
}

uint16_t ipc_get_u16(struct ipc_reader *reader)
{
    return (uint16_t)load(take(reader, 2), 2);
}

uint32_t ipc_get_u32(struct ipc_reader *reader)
{
    return (uint32_t)load(take(reader, 4), 4);
}

uint64_t ipc_get_u64(struct ipc_reader *reader)
{
    return load(take(reader, 8), 8);
}

int64_t ipc_get_i64(struct ipc_reader *reader)
{
    return (int64_t)load(take(reader, 8), 8);
}

void ipc_get_bytes(struct ipc_reader *reader, void *out, size_t length)
{
    const unsigned char *bytes = take(reader, length);
    if (bytes)
        memcpy(out, bytes, length);
    else
        memset(out, 0, length);
}

struct str ipc_get_str(struct ipc_reader *reader)
{
    size_t length = ipc_get_u32(reader);
    const unsigned char *bytes = take(reader, length);
    return (struct str){(const char *)bytes, bytes ? length : 0};
}

void ipc_get_text(struct ipc_reader *reader, char *out, size_t size)
{
    struct str text = ipc_get_str(reader);
    out[0] = '\0';
    if (text.length >= size || (text.length && memchr(text.data, '\0', text.length))) {
        reader->failed = true;
        return;
    }
    if (text.length)
        memcpy(out, text.data, text.length);
    out[text.length] = '\0';
}

bool ipc_read_end(struct ipc_reader *reader)
{
    return !reader->failed && reader->at == reader->length;
}

/* --- the channel ------------------------------------------------------------------------------------------------- */

struct queued {
    struct queued *next;
    size_t length;
    int fd;
    unsigned char bytes[];
};

struct ipc_channel {
    int fd;
    struct queued *head;
    struct queued **tail;
    size_t frames;
    size_t bytes;
    unsigned char input[IPC_MAX_FRAME];
};

struct ipc_channel *ipc_channel_new(int fd)
{
    struct ipc_channel *channel = calloc(1, sizeof *channel);
    int flags = fcntl(fd, F_GETFL);
    if (!channel || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        free(channel);
        close(fd);
        return NULL;
    }
    channel->fd = fd;
    channel->tail = &channel->head;
    return channel;
}

static void drop_head(struct ipc_channel *channel)
{
    struct queued *frame = channel->head;
    channel->head = frame->next;
    if (!channel->head)
        channel->tail = &channel->head;
    channel->frames--;
    channel->bytes -= frame->length;
    if (frame->fd >= 0)
        close(frame->fd);
    free(frame);
}

void ipc_channel_free(struct ipc_channel **channel)
{
    if (!*channel)
        return;
    while ((*channel)->head)
        drop_head(*channel);
    close((*channel)->fd);
    free(*channel);
    *channel = NULL;
}

int ipc_channel_fd(const struct ipc_channel *channel)
{
    return channel->fd;
}

bool ipc_channel_wants_write(const struct ipc_channel *channel)
{
    return channel->head != NULL;
}

/* One datagram, with its descriptor. True when the kernel took it whole. */
static bool send_now(int socket, const void *bytes, size_t length, int fd)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)length;
}

/* ETOOMANYREFS: descriptors in flight reached the process's limit (unix(7)); it passes as the peer reads. */
static bool is_full(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM || error == ETOOMANYREFS;
}

enum err ipc_flush(struct ipc_channel *channel)
{
    while (channel->head) {
        if (!send_now(channel->fd, channel->head->bytes, channel->head->length, channel->head->fd))
            return is_full(errno) ? ERR_OK : ERR_PEER;
        drop_head(channel);
    }
    return ERR_OK;
}

enum err ipc_send(struct ipc_channel *channel, struct ipc_writer *writer, int fd)
{
    const struct frame_rule *rule = frame_rule(writer->type);
    if (writer->failed || !rule || rule->carries_fd != (fd >= 0))
        bug("unfinished frame, or a descriptor where none belongs");
    if (ipc_flush(channel) != ERR_OK)
        return ERR_PEER;
    if (!channel->head && send_now(channel->fd, writer->bytes, writer->length, fd)) {
        if (fd >= 0)
            close(fd);
        return ERR_OK;
    }
    if (!channel->head && !is_full(errno))
        return ERR_PEER;
    if (channel->frames == IPC_MAX_QUEUED_FRAMES || channel->bytes + writer->length > IPC_MAX_QUEUED_BYTES)
        return ERR_PEER;
    struct queued *frame = malloc(sizeof *frame + writer->length);
    if (!frame)
        return ERR_PEER;
    frame->next = NULL;
    frame->length = writer->length;
    frame->fd = fd;
    memcpy(frame->bytes, writer->bytes, writer->length);
    *channel->tail = frame;
    channel->tail = &frame->next;
    channel->frames++;
    channel->bytes += writer->length;
    return ERR_OK;
}

enum err ipc_flush_wait(struct ipc_channel *channel, int timeout_ms)
{
    int64_t deadline = clock_monotonic_ms() + timeout_ms;
    for (;;) {
        if (ipc_flush(channel) != ERR_OK)
            return ERR_PEER;
        if (!channel->head)
            return ERR_OK;
        int64_t left = deadline - clock_monotonic_ms();
        if (left <= 0)
            return ERR_PEER;
        struct pollfd wait = {.fd = channel->fd, .events = POLLOUT};
        if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
            return ERR_PEER;
    }
}

/* The one descriptor that came, or -1. A second one is closed and makes the frame bad. */
static int take_descriptor(struct msghdr *message, bool *bad)
{
    int found = -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (found < 0) {
                found = fd;
            } else {
                close(fd);
                *bad = true;
            }
        }
    }
    return found;
}

static bool accept_frame(const struct ipc_channel *channel, size_t length, struct ipc_frame *frame)
{
    if (length < IPC_HEADER || load(channel->input + 2, 2) != 0)
        return false;
    const struct frame_rule *rule = frame_rule((unsigned)load(channel->input, 2));
    size_t body = (size_t)load(channel->input + 4, 4);
    if (!rule || body != length - IPC_HEADER || body > rule->max_body || rule->carries_fd != (frame->fd >= 0))
        return false;
    frame->type = (enum frame_type)load(channel->input, 2);
    frame->body = (struct ipc_reader){.bytes = channel->input + IPC_HEADER, .length = body};
    return true;
}

/*
 * A peer that died with frames of ours unread leaves ECONNRESET behind, which the kernel tells before what the peer had
 * sent (unix_release_sock() sets it, the next call clears it). Its last words still count: a screen child's verdict
 * must not be lost, or the message is blamed for the fault of the one behind it.
 */
static ssize_t receive_datagram(int socket, struct msghdr *message)
{
    bool was_reset = false;
    for (;;) {
        ssize_t length = recvmsg(socket, message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        bool again = length < 0 && (errno == EINTR || (errno == ECONNRESET && !was_reset));
        if (!again)
            return length;
        was_reset = was_reset || errno == ECONNRESET;
    }
}

enum err ipc_receive(struct ipc_channel *channel, struct ipc_frame *frame)
{
    struct iovec part = {.iov_base = channel->input, .iov_len = sizeof channel->input};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    ssize_t length = receive_datagram(channel->fd, &message);
    *frame = (struct ipc_frame){.fd = -1};
    if (length < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_ABSENT : ERR_PEER;
    bool bad = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    frame->fd = take_descriptor(&message, &bad);
    if (length == 0 || bad || !accept_frame(channel, (size_t)length, frame)) {
        if (frame->fd >= 0)
            close(frame->fd);
        frame->fd = -1;
        return ERR_PEER;
    }
    return ERR_OK;
}

enum err ipc_pair(int *ours, int *theirs)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return ERR_SYSTEM;
    *ours = pair[0];
    *theirs = pair[1];
    return ERR_OK;
}
