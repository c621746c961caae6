/* The connection's rules on time, bytes, ends and addresses, against a peer on loopback. TLS is tested with Dovecot. */
#include <arpa/inet.h>
#include <attune/clock.h>
#include <attune/transport.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct pair {
    struct transport *transport;
    mailstream *stream;
    int peer;
};

static int listen_on_loopback(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return listener;
}

static int connect_pair(void **state)
{
    static struct pair pair;
    struct transport_target target = {.host = "127.0.0.1", .tls = FETCH_TLS_NONE, .ca_file = ""};
    enum fetch_why why;
    int listener = listen_on_loopback(&target.port);
    assert_int_equal(transport_connect(&target, &pair.transport, &pair.stream, &why), ERR_OK);
    assert_int_equal(why, FETCH_WHY_NONE);
    pair.peer = accept(listener, NULL, NULL);
    close(listener);
    *state = &pair;
    return 0;
}

static int close_pair(void **state)
{
    struct pair *pair = *state;
    mailstream_close(pair->stream);
    if (pair->peer >= 0)
        close(pair->peer);
    return 0;
}

static ssize_t read_all(struct pair *pair, char *out, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t got = mailstream_read(pair->stream, out + length, size - length);
        if (got <= 0)
            return got;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

static void test_carries_bytes_both_ways(void **state)
{
    struct pair *pair = *state;
    char bytes[8];
    transport_allow(pair->transport, 5000, 100);
    assert_int_equal(write(pair->peer, "hello", 5), 5);
    assert_int_equal(read_all(pair, bytes, 5), 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(mailstream_write(pair->stream, "answer", 6), 6);
    assert_int_equal(mailstream_flush(pair->stream), 0);
    assert_int_equal(recv(pair->peer, bytes, 6, MSG_WAITALL), 6);
    assert_memory_equal(bytes, "answer", 6);
    assert_int_equal(transport_why(pair->transport), FETCH_WHY_NONE);
}

static void test_the_end_is_an_error(void **state)
{
    struct pair *pair = *state;
    char byte;
    transport_allow(pair->transport, 5000, 100);
    close(pair->peer);
    pair->peer = -1;
    assert_true(mailstream_read(pair->stream, &byte, 1) < 0);
    assert_int_equal(transport_why(pair->transport), FETCH_WHY_CONNECT);
    assert_true(transport_has_input(pair->transport));
}

static void test_silence_ends_at_the_deadline(void **state)
{
    struct pair *pair = *state;
    char byte;
    int64_t begin = clock_monotonic_ms();
    transport_allow(pair->transport, 200, 100);
    assert_true(mailstream_read(pair->stream, &byte, 1) < 0);
    assert_in_range(clock_monotonic_ms() - begin, 190, 2000);
    assert_int_equal(transport_why(pair->transport), FETCH_WHY_DEADLINE);
}

/* A byte a moment earns no time: the whole command has one deadline. */
static void test_a_drip_ends_at_the_deadline(void **state)
{
    struct pair *pair = *state;
    char byte;
    int64_t begin = clock_monotonic_ms();
    transport_allow(pair->transport, 200, 100);
    while (clock_monotonic_ms() - begin < 3000) {
        assert_int_equal(write(pair->peer, "x", 1), 1);
        if (mailstream_read(pair->stream, &byte, 1) < 0)
            break;
        usleep(20000);
    }
    assert_in_range(clock_monotonic_ms() - begin, 190, 2000);
}

static void test_bytes_earn_time(void **state)
{
    struct pair *pair = *state;
    static char many[TRANSPORT_BYTES_PER_MS * 400];
    char byte;
    int64_t begin = clock_monotonic_ms();
    transport_allow(pair->transport, 100, sizeof many + 1);
    assert_int_equal(write(pair->peer, many, sizeof many), sizeof many);
    assert_int_equal(read_all(pair, many, sizeof many), sizeof many);
    assert_true(mailstream_read(pair->stream, &byte, 1) < 0);
    assert_in_range(clock_monotonic_ms() - begin, 480, 3000);
}

static void test_the_budget_is_met(void **state)
{
    struct pair *pair = *state;
    char bytes[101];
    transport_allow(pair->transport, 5000, 100);
    assert_int_equal(write(pair->peer, bytes, sizeof bytes), sizeof bytes);
    assert_true(read_all(pair, bytes, sizeof bytes) < 0);
    assert_int_equal(transport_why(pair->transport), FETCH_WHY_PROTOCOL);
}

static void test_credit_is_budget(void **state)
{
    struct pair *pair = *state;
    char bytes[101];
    transport_allow(pair->transport, 5000, 100);
    transport_credit(pair->transport, 1);
    assert_int_equal(write(pair->peer, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(read_all(pair, bytes, sizeof bytes), sizeof bytes);
}

/* What has_input() took off the socket is read next, in order. */
static void test_looks_without_losing(void **state)
{
    struct pair *pair = *state;
    char bytes[6];
    transport_allow(pair->transport, 5000, 100);
    assert_false(transport_has_input(pair->transport));
    assert_int_equal(write(pair->peer, "abc", 3), 3);
    for (int i = 0; i < 100 && !transport_has_input(pair->transport); i++)
        usleep(1000);
    assert_true(transport_has_input(pair->transport));
    assert_int_equal(write(pair->peer, "def", 3), 3);
    assert_int_equal(read_all(pair, bytes, 6), 6);
    assert_memory_equal(bytes, "abcdef", 6);
    assert_false(transport_has_input(pair->transport));
}

static void test_a_write_that_nobody_takes_ends(void **state)
{
    struct pair *pair = *state;
    static char many[1 << 20];
    ssize_t written = 0;
    transport_allow(pair->transport, 300, 100);
    for (int i = 0; i < 64 && written >= 0; i++) {
        written = mailstream_write(pair->stream, many, sizeof many);
        if (mailstream_flush(pair->stream) < 0)
            written = -1;
    }
    assert_true(written < 0);
    assert_int_equal(transport_why(pair->transport), FETCH_WHY_DEADLINE);
}

static void test_refuses_plaintext_elsewhere(void **state)
{
    static const struct {
        const char *host;
        enum fetch_why why;
    } table[] = {
        {"192.0.2.1", FETCH_WHY_TLS},   {"10.0.0.1", FETCH_WHY_TLS},         {"0.0.0.0", FETCH_WHY_TLS},
        {"2001:db8::1", FETCH_WHY_TLS}, {"::ffff:192.0.2.1", FETCH_WHY_TLS}, {"bad host name", FETCH_WHY_CONNECT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct transport_target target = {.host = table[i].host, .port = 143, .tls = FETCH_TLS_NONE, .ca_file = ""};
        struct transport *transport;
        mailstream *stream;
        enum fetch_why why;
        int64_t begin = clock_monotonic_ms();
        assert_int_equal(transport_connect(&target, &transport, &stream, &why), ERR_MAILBOX);
        assert_int_equal(why, table[i].why);
        assert_true(clock_monotonic_ms() - begin < 5000);
    }
}

static void test_a_closed_port(void **state)
{
    struct transport_target target = {.host = "127.0.0.1", .tls = FETCH_TLS_NONE, .ca_file = ""};
    struct transport *transport;
    mailstream *stream;
    enum fetch_why why;
    (void)state;
    close(listen_on_loopback(&target.port));
    assert_int_equal(transport_connect(&target, &transport, &stream, &why), ERR_MAILBOX);
    assert_int_equal(why, FETCH_WHY_CONNECT);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
#define PAIR(test) cmocka_unit_test_setup_teardown(test, connect_pair, close_pair)
    const struct CMUnitTest tests[] = {
        PAIR(test_carries_bytes_both_ways),
        PAIR(test_the_end_is_an_error),
        PAIR(test_silence_ends_at_the_deadline),
        PAIR(test_a_drip_ends_at_the_deadline),
        PAIR(test_bytes_earn_time),
        PAIR(test_the_budget_is_met),
        PAIR(test_credit_is_budget),
        PAIR(test_looks_without_losing),
        PAIR(test_a_write_that_nobody_takes_ends),
        cmocka_unit_test(test_refuses_plaintext_elsewhere),
        cmocka_unit_test(test_a_closed_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
