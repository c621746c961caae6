/* Frames and channels: what is written comes back, and what a hostile peer sends costs it its channel and us nothing.
 */
#include <attune/clock.h>
#include <attune/ipc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ipc_writer writer;

static size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

struct ends {
    struct ipc_channel *a;
    struct ipc_channel *b;
};

static struct ends make_ends(void)
{
    int ours, theirs;
    assert_int_equal(ipc_pair(&ours, &theirs), ERR_OK);
    struct ends ends = {ipc_channel_new(ours), ipc_channel_new(theirs)};
    assert_non_null(ends.a);
    assert_non_null(ends.b);
    return ends;
}

static void free_ends(struct ends *ends)
{
    ipc_channel_free(&ends->a);
    ipc_channel_free(&ends->b);
    assert_null(ends->a);
    ipc_channel_free(&ends->a); /* a second time does nothing */
}

static struct ipc_reader body_of(void)
{
    return (struct ipc_reader){.bytes = writer.bytes + IPC_HEADER, .length = writer.length - IPC_HEADER};
}

static void begin(enum frame_type type)
{
    assert_int_equal(ipc_write_begin(&writer, type), ERR_OK);
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

static void fields_come_back(void **state)
{
    (void)state;
    char text[8];
    unsigned char bytes[3];
    begin(FRAME_CHILD_VERDICT);
    ipc_put_u8(&writer, UINT8_MAX);
    ipc_put_u16(&writer, 0xabcd);
    ipc_put_u32(&writer, UINT32_MAX);
    ipc_put_u64(&writer, 0x0123456789abcdef);
    ipc_put_i64(&writer, INT64_MIN);
    ipc_put_i64(&writer, -1);
    ipc_put_bytes(&writer, "\0\1\2", 3);
    ipc_put_str(&writer, (struct str){"a\0b", 3});
    ipc_put_str(&writer, str_of(NULL));
    ipc_put_text(&writer, "seven77");
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    struct ipc_reader reader = body_of();
    assert_int_equal(ipc_get_u8(&reader), UINT8_MAX);
    assert_int_equal(ipc_get_u16(&reader), 0xabcd);
    assert_int_equal(ipc_get_u32(&reader), UINT32_MAX);
    assert_true(ipc_get_u64(&reader) == 0x0123456789abcdef);
    assert_true(ipc_get_i64(&reader) == INT64_MIN);
    assert_true(ipc_get_i64(&reader) == -1);
    ipc_get_bytes(&reader, bytes, 3);
    assert_memory_equal(bytes, "\0\1\2", 3);
    assert_true(str_equal(ipc_get_str(&reader), (struct str){"a\0b", 3}));
    assert_int_equal(ipc_get_str(&reader).length, 0);
    assert_false(ipc_read_end(&reader)); /* something is left */
    ipc_get_text(&reader, text, sizeof text);
    assert_string_equal(text, "seven77");
    assert_true(ipc_read_end(&reader));
}

static void numbers_are_little_endian(void **state)
{
    (void)state;
    begin(FRAME_CHILD_VERDICT);
    ipc_put_u32(&writer, 0x04030201);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_memory_equal(writer.bytes + IPC_HEADER, "\1\2\3\4", 4);
    assert_memory_equal(writer.bytes + 4, "\4\0\0\0", 4);
}

static void text_does_not_outgrow_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        size_t place;
        bool good;
    } cases[] = {
        {"", 0, 1, true}, {"a", 1, 1, false}, {"abc", 3, 4, true}, {"abcd", 4, 4, false}, {"a\0b", 3, 9, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[16];
        memset(out, 'x', sizeof out);
        begin(FRAME_CHILD_VERDICT);
        ipc_put_str(&writer, (struct str){cases[i].bytes, cases[i].length});
        assert_int_equal(ipc_write_end(&writer), ERR_OK);
        struct ipc_reader reader = body_of();
        ipc_get_text(&reader, out, cases[i].place);
        assert_int_equal(ipc_read_end(&reader), cases[i].good);
        assert_int_equal(out[cases[i].good ? cases[i].length : 0], '\0');
        assert_int_equal(out[cases[i].place], 'x');
    }
}

static void short_fields_fail_and_stay_failed(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {5, 0, 0, 0, 'a', 'b'};
    for (size_t length = 0; length < sizeof bytes; length++) {
        struct ipc_reader reader = {.bytes = bytes, .length = length};
        unsigned char out[8] = "xxxxxxx";
        assert_int_equal(ipc_get_str(&reader).length, 0);
        assert_true(reader.failed);
        ipc_get_bytes(&reader, out, 1);
        assert_int_equal(out[0], 0);
        assert_int_equal(ipc_get_u8(&reader), 0);
        assert_false(ipc_read_end(&reader));
    }
    static const unsigned char huge[] = {0xff, 0xff, 0xff, 0xff, 'a'};
    struct ipc_reader reader = {.bytes = huge, .length = sizeof huge};
    assert_null(ipc_get_str(&reader).data);
    assert_false(ipc_read_end(&reader));
}

static void frame_keeps_its_maximum(void **state)
{
    (void)state;
    static char bytes[IPC_MAX_FRAME];
    for (unsigned type = 1; type < FRAME_TYPE_COUNT; type++) {
        size_t most = frame_rule(type)->max_body;
        assert_true(most + IPC_HEADER <= IPC_MAX_FRAME);
        begin((enum frame_type)type);
        ipc_put_bytes(&writer, bytes, most);
        assert_int_equal(ipc_write_end(&writer), ERR_OK);
        begin((enum frame_type)type);
        ipc_put_bytes(&writer, bytes, most + 1);
        assert_int_equal(ipc_write_end(&writer), ERR_LIMIT);
    }
    begin(FRAME_CHILD_VERDICT);
    ipc_put_bytes(&writer, bytes, IPC_MAX_FRAME);
    ipc_put_u8(&writer, 1); /* a failure is not forgotten */
    assert_int_equal(ipc_write_end(&writer), ERR_LIMIT);
    begin(FRAME_CHILD_VERDICT);
    ipc_put_str(&writer, (struct str){bytes, (size_t)IPC_MAX_FRAME + 1});
    assert_int_equal(ipc_write_end(&writer), ERR_LIMIT);
}

/* --- who may say what, when ------------------------------------------------------------------------------------------
 */

static void permits_follow_the_table(void **state)
{
    (void)state;
    static const struct {
        unsigned type;
        enum role peer;
        enum peer_state state;
        bool permitted;
    } cases[] = {
        {FRAME_BEAT, ROLE_FETCH, PEER_STARTING, true},
        {FRAME_BEAT, ROLE_SCREEN, PEER_STOPPING, true},
        {FRAME_STOP, ROLE_FETCH, PEER_READY, false}, /* only keep says so */
        {FRAME_FETCH_READY, ROLE_FETCH, PEER_STARTING, true},
        {FRAME_FETCH_READY, ROLE_FETCH, PEER_READY, false},
        {FRAME_FETCH_READY, ROLE_NOTIFY, PEER_STARTING, false},
        {FRAME_FETCH_SETUP, ROLE_FETCH, PEER_STARTING, false},
        {FRAME_FETCH_MESSAGE, ROLE_FETCH, PEER_READY, true},
        {FRAME_FETCH_MESSAGE, ROLE_FETCH, PEER_STARTING, false},
        {FRAME_SCREEN_LOADED, ROLE_SCREEN, PEER_STARTING, true},
        {FRAME_SCREEN_LOADED, ROLE_SCREEN, PEER_READY, false},
        {FRAME_CHILD_VERDICT, ROLE_CHILD, PEER_READY, true},
        {FRAME_CHILD_VERDICT, ROLE_SCREEN, PEER_READY, false},
        {FRAME_NOTIFY_RESULT, ROLE_NOTIFY, PEER_STOPPING, true},
        {FRAME_NOTIFY_RESULT, ROLE_FETCH, PEER_READY, false},
        {FRAME_NONE, ROLE_FETCH, PEER_READY, false},
        {FRAME_TYPE_COUNT, ROLE_FETCH, PEER_READY, false},
        {UINT_MAX, ROLE_FETCH, PEER_READY, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (frame_permitted(cases[i].type, cases[i].peer, cases[i].state) != cases[i].permitted)
            fail_msg("case %zu", i);
}

/* Nobody but keep receives what keep receives, in no state. */
static void keep_hears_only_what_is_for_keep(void **state)
{
    (void)state;
    for (unsigned type = 1; type < FRAME_TYPE_COUNT; type++)
        for (int peer = 0; peer < ROLE_COUNT; peer++) {
            bool ever = frame_permitted(type, (enum role)peer, PEER_STARTING) ||
                        frame_permitted(type, (enum role)peer, PEER_READY) ||
                        frame_permitted(type, (enum role)peer, PEER_STOPPING);
            const struct frame_rule *rule = frame_rule(type);
            bool may = rule->to == ROLE_KEEP && (rule->from == (enum role)peer || rule->from == ROLE_COUNT);
            assert_int_equal(ever, may);
        }
}

/* --- the channel ----------------------------------------------------------------------------------------------------
 */

static void frames_pass_in_order(void **state)
{
    (void)state;
    struct ends ends = make_ends();
    struct ipc_frame frame;
    assert_int_equal(ipc_receive(ends.b, &frame), ERR_ABSENT);
    for (uint32_t i = 0; i < 20; i++) {
        begin(FRAME_BEAT);
        ipc_put_u32(&writer, i);
        assert_int_equal(ipc_write_end(&writer), ERR_OK);
        assert_int_equal(ipc_send(ends.a, &writer, -1), ERR_OK);
    }
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(ipc_receive(ends.b, &frame), ERR_OK);
        assert_int_equal(frame.type, FRAME_BEAT);
        assert_int_equal(frame.fd, -1);
        assert_int_equal(ipc_get_u32(&frame.body), i);
        assert_true(ipc_read_end(&frame.body));
    }
    assert_int_equal(ipc_receive(ends.b, &frame), ERR_ABSENT);
    free_ends(&ends);
}

static void send_child_frame(struct ipc_channel *channel, uint64_t job)
{
    begin(FRAME_CHILD_SCREEN);
    ipc_put_u64(&writer, job);
    ipc_put_u8(&writer, 0);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(channel, &writer, open("/dev/null", O_RDONLY | O_CLOEXEC)), ERR_OK);
}

static void descriptors_pass_and_none_is_left(void **state)
{
    (void)state;
    size_t before = open_descriptors();
    struct ends ends = make_ends();
    struct ipc_frame frame;
    send_child_frame(ends.a, 1);
    assert_int_equal(ipc_receive(ends.b, &frame), ERR_OK);
    assert_true(frame.fd >= 0);
    assert_true(fcntl(frame.fd, F_GETFD) & FD_CLOEXEC);
    close(frame.fd);
    send_child_frame(ends.a, 2); /* one that is never received */
    free_ends(&ends);
    assert_int_equal(open_descriptors(), before);
}

/* The socket fills, the rest waits with its descriptors, and all arrives in order once the reader reads. */
static void what_the_socket_does_not_take_waits(void **state)
{
    (void)state;
    enum { FRAMES = 1000 };
    size_t before = open_descriptors();
    struct ends ends = make_ends();
    struct ipc_frame frame;
    for (uint64_t i = 0; i < FRAMES; i++)
        send_child_frame(ends.a, i);
    assert_true(ipc_channel_wants_write(ends.a));
    assert_int_equal(ipc_flush_wait(ends.a, 20), ERR_PEER); /* nobody reads: time runs out */
    for (uint64_t i = 0; i < FRAMES; i++) {
        enum err error = ipc_receive(ends.b, &frame);
        if (error == ERR_ABSENT) {
            assert_int_equal(ipc_flush(ends.a), ERR_OK);
            error = ipc_receive(ends.b, &frame);
        }
        assert_int_equal(error, ERR_OK);
        assert_true(ipc_get_u64(&frame.body) == i);
        close(frame.fd);
    }
    assert_false(ipc_channel_wants_write(ends.a));
    assert_int_equal(ipc_flush_wait(ends.a, 0), ERR_OK);
    free_ends(&ends);
    assert_int_equal(open_descriptors(), before);
}

static void queue_has_an_end(void **state)
{
    (void)state;
    struct ends ends = make_ends();
    size_t sent = 0;
    for (; sent < 2 * IPC_MAX_QUEUED_FRAMES; sent++) {
        begin(FRAME_STOP);
        assert_int_equal(ipc_write_end(&writer), ERR_OK);
        if (ipc_send(ends.a, &writer, -1) != ERR_OK)
            break;
    }
    assert_true(sent >= IPC_MAX_QUEUED_FRAMES && sent < 2 * IPC_MAX_QUEUED_FRAMES);
    free_ends(&ends);

    ends = make_ends();
    static char bytes[64 * 1024 - 16];
    for (sent = 0; sent < 1024; sent++) {
        begin(FRAME_CHILD_VERDICT);
        ipc_put_bytes(&writer, bytes, sizeof bytes);
        assert_int_equal(ipc_write_end(&writer), ERR_OK);
        if (ipc_send(ends.a, &writer, -1) != ERR_OK)
            break;
    }
    assert_true(sent * sizeof bytes >= IPC_MAX_QUEUED_BYTES / 2 && sent < 1024);
    free_ends(&ends);
}

static void descriptor_stays_ours_when_sending_fails(void **state)
{
    (void)state;
    struct ends ends = make_ends();
    ipc_channel_free(&ends.b);
    int fd = open("/dev/null", O_RDONLY);
    begin(FRAME_CHILD_SCREEN);
    ipc_put_u64(&writer, 1);
    ipc_put_u8(&writer, 0);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(ends.a, &writer, fd), ERR_PEER);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    close(fd);
    struct ipc_frame frame;
    assert_int_equal(ipc_receive(ends.a, &frame), ERR_PEER);
    assert_int_equal(ipc_flush(ends.a), ERR_OK);
    free_ends(&ends);
}

/* --- a hostile peer
 * --------------------------------------------------------------------------------------------------- */

static void send_raw(int socket, const void *bytes, size_t length, int descriptors)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[8] = {2, 2, 2, 2, 2, 2, 2, 2};
    if (descriptors) {
        size_t size = (size_t)descriptors * sizeof(int);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), fds, size);
    }
    assert_int_equal(sendmsg(socket, &message, 0), length);
}

static const struct {
    const char *name;
    unsigned char bytes[16];
    size_t length;
    int descriptors;
    enum err error;
} datagrams[] = {
    {"a beat", {FRAME_BEAT, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4}, 12, 0, ERR_OK},
    {"an empty body", {FRAME_STOP, 0, 0, 0, 0, 0, 0, 0}, 8, 0, ERR_OK},
    {"half a header", {FRAME_BEAT, 0, 0, 0}, 4, 0, ERR_PEER},
    {"one byte", {FRAME_BEAT}, 1, 0, ERR_PEER},
    {"no type", {0, 0, 0, 0, 0, 0, 0, 0}, 8, 0, ERR_PEER},
    {"a type past the last", {FRAME_TYPE_COUNT, 0, 0, 0, 0, 0, 0, 0}, 8, 0, ERR_PEER},
    {"a type far out", {0xff, 0xff, 0, 0, 0, 0, 0, 0}, 8, 0, ERR_PEER},
    {"something in the zero field", {FRAME_BEAT, 0, 1, 0, 4, 0, 0, 0, 1, 2, 3, 4}, 12, 0, ERR_PEER},
    {"a length over the datagram", {FRAME_BEAT, 0, 0, 0, 5, 0, 0, 0, 1, 2, 3, 4}, 12, 0, ERR_PEER},
    {"a length under the datagram", {FRAME_BEAT, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 4}, 12, 0, ERR_PEER},
    {"a length of all ones", {FRAME_BEAT, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1}, 9, 0, ERR_PEER},
    {"a body over its frame's maximum", {FRAME_BEAT, 0, 0, 0, 5, 0, 0, 0, 1, 2, 3, 4, 5}, 13, 0, ERR_PEER},
    {"a descriptor where none belongs", {FRAME_BEAT, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4}, 12, 1, ERR_PEER},
    {"no descriptor where one does", {FRAME_SCREEN_CHILD, 0, 0, 0, 4, 0, 0, 0}, 12, 0, ERR_PEER},
    {"a descriptor", {FRAME_SCREEN_CHILD, 0, 0, 0, 4, 0, 0, 0}, 12, 1, ERR_OK},
    {"two descriptors", {FRAME_SCREEN_CHILD, 0, 0, 0, 4, 0, 0, 0}, 12, 2, ERR_PEER},
    {"four descriptors", {FRAME_SCREEN_CHILD, 0, 0, 0, 4, 0, 0, 0}, 12, 4, ERR_PEER},
    {"more descriptors than there is room for", {FRAME_SCREEN_CHILD, 0, 0, 0, 4, 0, 0, 0}, 12, 8, ERR_PEER},
};

static void hostile_datagrams_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof datagrams / sizeof *datagrams; i++) {
        size_t before = open_descriptors();
        int ours, theirs;
        struct ipc_frame frame;
        assert_int_equal(ipc_pair(&ours, &theirs), ERR_OK);
        struct ipc_channel *channel = ipc_channel_new(ours);
        send_raw(theirs, datagrams[i].bytes, datagrams[i].length, datagrams[i].descriptors);
        enum err error = ipc_receive(channel, &frame);
        if (error != datagrams[i].error)
            fail_msg("%s: %s", datagrams[i].name, err_name(error));
        if (error == ERR_OK && frame.fd >= 0)
            close(frame.fd);
        else
            assert_int_equal(frame.fd, -1);
        ipc_channel_free(&channel);
        close(theirs);
        assert_int_equal(open_descriptors(), before);
    }
}

static void oversized_datagram_is_refused(void **state)
{
    (void)state;
    int ours, theirs;
    struct ipc_frame frame;
    unsigned char *bytes = calloc(1, IPC_MAX_FRAME + 1);
    bytes[0] = FRAME_CHILD_VERDICT;
    size_t body = IPC_MAX_FRAME + 1 - IPC_HEADER;
    for (size_t i = 0; i < 4; i++)
        bytes[4 + i] = (unsigned char)(body >> (8 * i));
    assert_int_equal(ipc_pair(&ours, &theirs), ERR_OK);
    struct ipc_channel *channel = ipc_channel_new(ours);
    send_raw(theirs, bytes, IPC_MAX_FRAME + 1, 0);
    assert_int_equal(ipc_receive(channel, &frame), ERR_PEER);
    ipc_channel_free(&channel);
    close(theirs);
    free(bytes);
}

static void closed_socket_is_the_end(void **state)
{
    (void)state;
    struct ends ends = make_ends();
    struct ipc_frame frame;
    begin(FRAME_STOP);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(ends.a, &writer, -1), ERR_OK);
    ipc_channel_free(&ends.a);
    assert_int_equal(ipc_receive(ends.b, &frame), ERR_OK); /* what was said before is still heard */
    assert_int_equal(ipc_receive(ends.b, &frame), ERR_PEER);
    assert_int_equal(ipc_receive(ends.b, &frame), ERR_PEER);
    ipc_channel_free(&ends.b);
}

/* A frame that was not finished, or a descriptor with a frame that carries none, is our mistake and ends the process.
 */
static void mistakes_of_ours_are_bugs(void **state)
{
    (void)state;
    for (int mistake = 0; mistake < 3; mistake++) {
        pid_t pid = fork();
        if (pid == 0) {
            static char bytes[8];
            struct ends ends = make_ends();
            close(2);
            signal(SIGABRT, SIG_DFL);
            begin(mistake == 1 ? FRAME_CHILD_SCREEN : FRAME_BEAT);
            if (mistake == 2) {
                ipc_put_bytes(&writer, bytes, 8);
                (void)!ipc_write_end(&writer);
            }
            (void)!ipc_send(ends.a, &writer, mistake == 0 ? open("/dev/null", O_RDONLY) : -1);
            _exit(0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_back),
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(text_does_not_outgrow_its_place),
        cmocka_unit_test(short_fields_fail_and_stay_failed),
        cmocka_unit_test(frame_keeps_its_maximum),
        cmocka_unit_test(permits_follow_the_table),
        cmocka_unit_test(keep_hears_only_what_is_for_keep),
        cmocka_unit_test(frames_pass_in_order),
        cmocka_unit_test(descriptors_pass_and_none_is_left),
        cmocka_unit_test(what_the_socket_does_not_take_waits),
        cmocka_unit_test(queue_has_an_end),
        cmocka_unit_test(descriptor_stays_ours_when_sending_fails),
        cmocka_unit_test(hostile_datagrams_are_refused),
        cmocka_unit_test(oversized_datagram_is_refused),
        cmocka_unit_test(closed_socket_is_the_end),
        cmocka_unit_test(mistakes_of_ours_are_bugs),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ipc_writer_free(&writer);
    return failed;
}
