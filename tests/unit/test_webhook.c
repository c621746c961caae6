/* Signatures, secrets, ids and verdicts of webhooks, and the promise that nothing goes in the clear to another machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <attune/clock.h>
#include <attune/log.h>
#include <attune/sender.h>
#include <attune/webhook.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct secret_case {
    struct str content;
    size_t length; /* 0: refused */
};

static void reads_secrets(void **state)
{
    (void)state;
    static char longest[WEBHOOK_MAX_SECRET + 3];
    memset(longest, 'k', sizeof longest);
    const struct secret_case rows[] = {
        {STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 24},
        {STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 24},
        {STR("  whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\r\n"), 24},
        {STR("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), 32},
        {STR("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"), 32}, /* without its padding */
        {STR("whsec_"), 0},
        {STR("whsec_AAEC"), 0},
        {STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!"), 0},
        {STR("whsec_MfKQ9r8GKYqr TwjUPD8ILPZIo2LaLaSw"), 0},
        {STR("whsec_=MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 0},
        {STR("012345678901234567890123"), 24},
        {STR("012345678901234567890123\n"), 24},
        {STR("01234567890123456789012"), 0},
        {STR("\x80\xff\x01 345678901234567890123"), 25},
        {STR("WHSEC_901234567890123456"), 24}, /* not the prefix: bytes as they are */
        {{longest, WEBHOOK_MAX_SECRET}, WEBHOOK_MAX_SECRET},
        {{longest, WEBHOOK_MAX_SECRET + 1}, 0},
        {STR(""), 0},
        {STR("\n"), 0},
        {{NULL, 0}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct webhook_secret secret;
        enum err error = webhook_parse_secret(rows[i].content, &secret);
        if (secret.length != rows[i].length || (error == ERR_OK) != (rows[i].length > 0))
            fail_msg("row %zu: %s, %zu bytes", i, err_name(error), secret.length);
    }
}

static void refuses_a_long_coded_secret(void **state)
{
    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        unsigned char key[WEBHOOK_MAX_SECRET + 1] = {1, 2, 3};
        char text[1024] = "whsec_";
        sodium_bin2base64(text + 6, sizeof text - 6, key, WEBHOOK_MAX_SECRET + extra, sodium_base64_VARIANT_ORIGINAL);
        struct webhook_secret secret;
        assert_int_equal(webhook_parse_secret(str_of(text), &secret), extra ? ERR_INPUT : ERR_OK);
    }
}

static void reads_the_secret_file_from_its_start(void **state)
{
    (void)state;
    char path[] = "/tmp/attune-secret-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    struct webhook_secret secret;
    assert_int_equal(webhook_read_secret(fd, &secret), ERR_INPUT); /* empty */
    static const char text[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1); /* the offset stands at the end */
    for (int again = 0; again < 2; again++) {
        assert_int_equal(webhook_read_secret(fd, &secret), ERR_OK);
        assert_int_equal(secret.length, 24);
    }
    assert_int_equal(ftruncate(fd, 64 * 1024), 0);
    assert_int_equal(webhook_read_secret(fd, &secret), ERR_INPUT);
    close(fd);
    assert_int_equal(webhook_read_secret(fd, &secret), ERR_INPUT);
}

/* The first row is the example that the specification's libraries test against; the second was made with Python's hmac.
 */
static void signs_as_published(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *id, *body, *signature;
        int64_t timestamp_s;
    } rows[] = {
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "{\"test\": 2432232314}",
         "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", 1614265330},
        {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "msg_1", "{\"case\":\"a\"}",
         "v1,tIQjAEOy9IuNWtH/croZ2ls0/YYwBJUwZeLT505rt38=", 1700000000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct webhook_secret secret;
        char signature[WEBHOOK_SIGNATURE_SIZE];
        assert_int_equal(webhook_parse_secret(str_of(rows[i].secret), &secret), ERR_OK);
        webhook_sign(&secret, str_of(rows[i].id), rows[i].timestamp_s, str_of(rows[i].body), signature);
        assert_string_equal(signature, rows[i].signature);
    }
}

static void takes_only_ids_that_fit_a_header(void **state)
{
    (void)state;
    char longest[WEBHOOK_MAX_ID + 1];
    memset(longest, 'x', sizeof longest);
    assert_true(webhook_id_is_valid(STR("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W")));
    assert_true(webhook_id_is_valid(STR("A-z_09")));
    assert_true(webhook_id_is_valid((struct str){longest, WEBHOOK_MAX_ID}));
    assert_false(webhook_id_is_valid((struct str){longest, WEBHOOK_MAX_ID + 1}));
    const struct str bad[] = {STR(""),   STR("a.b"), STR("a b"),      STR("a\r\nb"), STR("a\0"),
                              STR("\0"), STR("a:b"), STR("\xc3\xa9"), {NULL, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(webhook_id_is_valid(bad[i]));
}

static void judges_every_status(void **state)
{
    (void)state;
    for (long status = 0; status < 1000; status++) {
        bool accepted = status / 100 == 2;
        bool again = status / 100 == 5 || status == 408 || status == 425 || status == 429;
        enum notify_outcome wanted = accepted ? NOTIFY_ACCEPTED : again ? NOTIFY_RETRY : NOTIFY_REJECTED;
        assert_int_equal(webhook_judge_status(status), wanted);
    }
}

/* --- the real address -------------------------------------------------------------------------------------------- */

/* A listener on every address of this machine, so that only the check can keep a connection away. */
static int listen_anywhere(unsigned short *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* Whether a request to `scheme`://localhost reaches the listener when the resolver says that localhost is `address`. */
static bool connects(const char *scheme, const char *address)
{
    unsigned short port;
    int listener = listen_anywhere(&port);
    char url[64], entry[64];
    snprintf(url, sizeof url, "%s://localhost:%u/", scheme, port);
    snprintf(entry, sizeof entry, "localhost:%u:%s", port, address);
    struct webhook_secret secret = {.length = 32};
    struct webhook *webhook;
    assert_int_equal(webhook_new(url, &secret, STR("msg_1"), STR("{}"), "/dev/null", &webhook), ERR_OK);
    struct curl_slist *names = curl_slist_append(NULL, entry);
    CURL *curl = webhook_handle(webhook);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_RESOLVE, names), CURLE_OK);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 300L), CURLE_OK); /* the listener never answers */
    CURLcode result = curl_easy_perform(curl);
    struct webhook_answer answer;
    webhook_judge(webhook, result, &answer);
    assert_int_equal(answer.outcome, NOTIFY_RETRY);
    assert_int_equal(answer.status, 0);
    struct pollfd pending = {.fd = listener, .events = POLLIN};
    bool connected = poll(&pending, 1, 0) == 1;
    webhook_free(&webhook);
    assert_null(webhook);
    curl_slist_free_all(names);
    close(listener);
    return connected;
}

static void goes_in_the_clear_to_loopback_only(void **state)
{
    (void)state;
    assert_true(connects("http", "127.0.0.1"));
    assert_true(connects("http", "127.1.2.3"));
    assert_false(connects("http", "0.0.0.0")); /* this machine too, but not by a loopback address */
    assert_true(connects("https", "0.0.0.0")); /* the listener could be met there */
}

/* --- the queue, without a network -------------------------------------------------------------------------------- */

static const struct smtp_server no_server; /* nothing here is mail */

struct answers {
    size_t count;
    enum notify_outcome last;
    uint16_t status;
    const char *why;
};

static void note_answer(void *context, uint64_t row, const struct webhook_answer *answer)
{
    struct answers *answers = context;
    (void)row;
    answers->count++;
    answers->last = answer->outcome;
    answers->status = answer->status;
    answers->why = answer->why;
}

static void sends_back_what_waits_too_long(void **state)
{
    (void)state;
    struct answers answers = {0};
    struct staff_channel to = {
        .person = "ana", .channel = "phone", .target = "http://127.0.0.1:1/", .secret = {.length = 32}};
    struct sender *sender = sender_new("/dev/null", &no_server, NULL, note_answer, &answers);
    assert_non_null(sender);
    clock_freeze(0, 1000);
    to.in_flight = SENDER_MAX_PER_CHANNEL; /* as if its receiver were busy */
    sender_add(sender, &to, 1, STR("msg_1"), STR("{}"));
    sender_step(sender);
    assert_int_equal(sender_count(sender), 1);
    clock_freeze(0, 1000 + SENDER_MAX_WAIT_MS - 1);
    sender_step(sender);
    assert_int_equal(answers.count, 0);
    clock_freeze(0, 1000 + SENDER_MAX_WAIT_MS);
    sender_step(sender);
    clock_release();
    assert_int_equal(answers.count, 1);
    assert_int_equal(answers.last, NOTIFY_RETRY);
    assert_string_equal(answers.why, "waited-too-long");
    assert_int_equal(sender_count(sender), 0);

    /* The chain is whole after its last page left it. */
    sender_add(sender, &to, 2, STR("msg_2"), STR("{}"));
    sender_add(sender, &to, 3, STR("msg_3"), (struct str){NULL, 0});
    assert_int_equal(sender_count(sender), 2);
    sender_give_up(sender);
    assert_int_equal(answers.count, 3);
    assert_string_equal(answers.why, "stopping");
    sender_add(sender, &to, 4, STR("msg_4"), STR("{}"));
    sender_free(&sender); /* and what waits is freed */
    assert_null(sender);
}

static void bounds_the_queue(void **state)
{
    (void)state;
    struct answers answers = {0};
    struct staff_channel to = {
        .person = "ana", .channel = "phone", .in_flight = SENDER_MAX_PER_CHANNEL, .secret = {.length = 32}};
    struct sender *sender = sender_new("/dev/null", &no_server, NULL, note_answer, &answers);
    for (size_t i = 0; i < SENDER_MAX_WAITING; i++)
        sender_add(sender, &to, i, STR("msg"), STR("{}"));
    assert_int_equal(answers.count, 0);
    sender_add(sender, &to, 9999, STR("msg"), STR("{}"));
    assert_int_equal(answers.count, 1);
    assert_int_equal(answers.last, NOTIFY_RETRY);
    assert_string_equal(answers.why, "too-many-waiting");
    sender_give_up(sender);
    assert_int_equal(answers.count, SENDER_MAX_WAITING + 1);
    sender_free(&sender);
}

/* Runs until `count` pages were answered; each lookup has WEBHOOK_CONNECT_MS, so this ends. */
static void run_until(struct sender *sender, const struct answers *answers, size_t count)
{
    struct curl_waitfd none = {.fd = -1};
    while (answers->count < count) {
        sender_step(sender);
        sender_wait(sender, &none, 50);
    }
}

static void notices_that_names_are_lost(void **state)
{
    (void)state;
    struct answers answers = {0};
    /* RFC 6761: a name that never is. */
    struct staff_channel nowhere = {.target = "https://pager.invalid/", .secret = {.length = 32}};
    struct staff_channel local = {.target = "http://127.0.0.1:1/", .secret = {.length = 32}};
    struct staff_channel known = {.target = "https://127.0.0.1:1/", .secret = {.length = 32}};
    struct sender *sender = sender_new("/dev/null", &no_server, NULL, note_answer, &answers);
    for (size_t i = 0; i < SENDER_NAME_FAILURES; i++)
        sender_add(sender, &nowhere, i, STR("msg"), STR("{}"));
    run_until(sender, &answers, SENDER_NAME_FAILURES);
    assert_string_equal(answers.why, "name");
    assert_false(sender_lost_names(sender)); /* often enough, but not for long */
    clock_freeze(clock_wall_ms(), clock_monotonic_ms() + SENDER_NAME_FAILING_MS);
    assert_true(sender_lost_names(sender));
    sender_add(sender, &local, 100, STR("msg"), STR("{}"));
    run_until(sender, &answers, SENDER_NAME_FAILURES + 1);
    assert_string_equal(answers.why, "connect");
    assert_true(sender_lost_names(sender)); /* this machine's own address says nothing new */
    sender_add(sender, &known, 101, STR("msg"), STR("{}"));
    run_until(sender, &answers, SENDER_NAME_FAILURES + 2);
    assert_string_equal(answers.why, "connect");
    assert_false(sender_lost_names(sender));
    clock_release();
    sender_free(&sender);
}

/* A receiver in a process of its own, which answers 200 plus the number of the connection that a page came by. */
static void serve(int listener)
{
    struct pollfd fds[8] = {{.fd = listener, .events = POLLIN}};
    nfds_t count = 1;
    alarm(30); /* whatever becomes of the test */
    while (poll(fds, count, -1) > 0) {
        for (nfds_t i = 1; i < count; i++) {
            char request[8192];
            if (!(fds[i].revents & (POLLIN | POLLHUP)))
                continue;
            if (recv(fds[i].fd, request, sizeof request, 0) > 0)
                dprintf(fds[i].fd, "HTTP/1.1 %d Answer\r\nContent-Length: 0\r\n\r\n", 200 + (int)i);
            else
                fds[i].fd = -1; /* closed with the process */
        }
        if (fds[0].revents & POLLIN && count < 8)
            fds[count++] = (struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLIN};
    }
}

static uint16_t send_one(struct sender *sender, struct staff_channel *to, struct answers *answers)
{
    size_t before = answers->count;
    sender_add(sender, to, before, STR("msg"), STR("{}"));
    run_until(sender, answers, before + 1);
    sender_step(sender);
    return answers->status;
}

static void drops_connections_when_idle(void **state)
{
    (void)state;
    unsigned short port;
    int listener = listen_anywhere(&port);
    pid_t child = fork();
    if (child == 0) {
        serve(listener);
        _exit(0);
    }
    struct answers answers = {0};
    struct staff_channel to = {.person = "ana", .channel = "phone", .secret = {.length = 32}};
    snprintf(to.target, sizeof to.target, "http://127.0.0.1:%u/", port);
    struct sender *sender = sender_new("/dev/null", &no_server, NULL, note_answer, &answers);
    clock_freeze(0, 1000);
    assert_int_equal(send_one(sender, &to, &answers), 201);
    assert_int_equal(send_one(sender, &to, &answers), 201);
    clock_freeze(0, 1000 + SENDER_IDLE_MS - 1);
    sender_step(sender);
    assert_int_equal(send_one(sender, &to, &answers), 201); /* not yet */
    clock_freeze(0, 1000 + 2 * SENDER_IDLE_MS);
    sender_step(sender);
    assert_int_equal(send_one(sender, &to, &answers), 202);
    clock_release();
    sender_free(&sender);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(listener);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR); /* a thousand pages that go back are a thousand warnings */
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_secrets),
        cmocka_unit_test(refuses_a_long_coded_secret),
        cmocka_unit_test(reads_the_secret_file_from_its_start),
        cmocka_unit_test(signs_as_published),
        cmocka_unit_test(takes_only_ids_that_fit_a_header),
        cmocka_unit_test(judges_every_status),
        cmocka_unit_test(goes_in_the_clear_to_loopback_only),
        cmocka_unit_test(sends_back_what_waits_too_long),
        cmocka_unit_test(bounds_the_queue),
        cmocka_unit_test(notices_that_names_are_lost),
        cmocka_unit_test(drops_connections_when_idle),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
