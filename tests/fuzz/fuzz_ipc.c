/* A datagram of any bytes, with or without a descriptor, given to a channel: it is refused or read, and nothing leaks.
 */
#include <attune/ipc.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_datagram(int socket, const uint8_t *data, size_t size, int descriptors)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(3 * sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[3] = {2, 2, 2};
    if (descriptors) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE((size_t)descriptors * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)descriptors * sizeof(int));
        memcpy(CMSG_DATA(header), fds, (size_t)descriptors * sizeof(int));
    }
    if (sendmsg(socket, &message, MSG_DONTWAIT) < 0)
        abort();
}

/* Takes fields of the kinds that the input itself names, as a reader of any frame might. */
static void read_fields(struct ipc_reader *reader, const uint8_t *kinds, size_t count)
{
    char text[32];
    for (size_t i = 0; i < count; i++) {
        switch (kinds[i] % 5) {
        case 0:
            (void)ipc_get_u16(reader);
            break;
        case 1:
            (void)ipc_get_u64(reader);
            break;
        case 2:
            (void)ipc_get_str(reader);
            break;
        case 3:
            ipc_get_text(reader, text, sizeof text);
            if (memchr(text, '\0', sizeof text) == NULL)
                abort();
            break;
        default:
            ipc_get_bytes(reader, text, kinds[i] % sizeof text);
            break;
        }
    }
    if (ipc_read_end(reader) && reader->at != reader->length)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ours, theirs;
    struct ipc_frame frame;
    /* The first byte says how many descriptors come along. An empty datagram reads as the end of the file. */
    if (size < 2 || size > IPC_MAX_FRAME || ipc_pair(&ours, &theirs) != ERR_OK)
        return 0;
    struct ipc_channel *channel = ipc_channel_new(ours);
    if (!channel)
        abort();
    send_datagram(theirs, data + 1, size - 1, data[0] % 4);
    if (ipc_receive(channel, &frame) == ERR_OK) {
        read_fields(&frame.body, data, size < 16 ? size : 16);
        if (frame.fd >= 0)
            close(frame.fd);
    } else if (frame.fd >= 0) {
        abort();
    }
    ipc_channel_free(&channel);
    close(theirs);
    /* Descriptors are given out lowest first: a leak would show here as an ever higher number. */
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (next > 64)
        abort();
    close(next);
    return 0;
}
