/* Asking the daemon: one that answers, and every way in which one may not. */
#include <attune/clock.h>
#include <attune/control.h>
#include <attune/controlclient.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 400 };

static char folder[] = "/tmp/attune-test-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/control", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int listen_at(const char *where)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, where, strlen(where));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

enum manner {
    ANSWERS,    /* reads a line, writes the text, closes */
    DRIPS,      /* as above, byte by byte */
    CLOSES,     /* at once, without reading */
    IS_SILENT,  /* keeps the connection and says nothing */
    NEVER_ENDS, /* answers well and does not close */
    FLOODS,     /* writes without end */
};

static void serve(int listener, enum manner manner, const char *text)
{
    char line[CONTROL_MAX_REQUEST];
    size_t length = 0;
    int fd = accept(listener, NULL, NULL);
    if (manner == CLOSES)
        _exit(0);
    while (length < sizeof line && (length == 0 || line[length - 1] != '\n')) {
        ssize_t got = read(fd, line + length, sizeof line - length);
        if (got <= 0)
            _exit(1);
        length += (size_t)got;
    }
    if (manner == IS_SILENT)
        pause();
    for (size_t i = 0; manner == DRIPS && text[i]; i++)
        if (write(fd, text + i, 1) != 1)
            _exit(1);
    if (manner != DRIPS && write(fd, text, strlen(text)) < 0)
        _exit(1);
    memset(line, ' ', sizeof line);
    while (manner == FLOODS)
        if (write(fd, line, sizeof line) < 0)
            _exit(0);
    if (manner == NEVER_ENDS)
        pause();
    _exit(0);
}

static pid_t start_server(enum manner manner, const char *text)
{
    int listener = listen_at(path);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        alarm(20);
        serve(listener, manner, text);
    }
    close(listener);
    return pid;
}

static enum cli_exit ask(json_t **answer, char *problem, size_t size)
{
    struct buf sentence;
    buf_init(&sentence, 4096);
    json_t *request = json_pack("{s:s}", "command", "status");
    enum cli_exit status = controlclient_ask(path, request, TIMEOUT_MS, answer, &sentence);
    json_decref(request);
    snprintf(problem, size, "%s", buf_text(&sentence));
    buf_free(&sentence);
    return status;
}

static void test_manners(void **state)
{
    (void)state;
    static const struct {
        enum manner manner;
        const char *text;
        enum cli_exit status;
        const char *problem;
    } cases[] = {
        {ANSWERS, "{\"ok\":true,\"x\":1}\n", CLI_DONE, ""},
        {ANSWERS, "{\"ok\":false,\"error\":\"no\",\"exit\":1}", CLI_DONE, ""},
        {DRIPS, "{\"ok\":true,\"x\":\"\\u017c\"}\n", CLI_DONE, ""},
        {ANSWERS, "", CLI_NO_DAEMON, "closed the connection without an answer"},
        {ANSWERS, "{\"ok\":tr", CLI_NO_DAEMON, "not an answer"},
        {ANSWERS, "HTTP/1.1 400 Bad Request\r\n\r\n", CLI_NO_DAEMON, "not an answer"},
        {ANSWERS, "[true]", CLI_NO_DAEMON, "not an answer"},
        {ANSWERS, "{\"ok\":1}", CLI_NO_DAEMON, "not an answer"},
        {ANSWERS, "{\"ok\":true,\"ok\":false}", CLI_NO_DAEMON, "not an answer"},
        {ANSWERS, "{\"ok\":true} {\"ok\":true}", CLI_NO_DAEMON, "not an answer"},
        {ANSWERS, "{\"ok\":true,\"x\":\"\xFF\"}", CLI_NO_DAEMON, "not an answer"},
        {CLOSES, "", CLI_NO_DAEMON, "cannot be asked"},
        {IS_SILENT, "", CLI_NO_DAEMON, "does not answer in time"},
        {NEVER_ENDS, "{\"ok\":true}", CLI_NO_DAEMON, "does not answer in time"},
        {FLOODS, "{\"ok\":true", CLI_NO_DAEMON, "cannot be asked"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char problem[512];
        json_t *answer;
        pid_t server = start_server(cases[i].manner, cases[i].text);
        int64_t before = clock_monotonic_ms();
        enum cli_exit status = ask(&answer, problem, sizeof problem);
        assert_in_range(clock_monotonic_ms() - before, 0, TIMEOUT_MS + 2000);
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
        unlink(path);
        if (status != cases[i].status || !strstr(problem, cases[i].problem))
            fail_msg("case %zu: %d \"%s\"", i, (int)status, problem);
        assert_int_equal(answer != NULL, status == CLI_DONE);
        json_decref(answer);
    }
}

static void test_nobody_listens(void **state)
{
    (void)state;
    char problem[512];
    json_t *answer;
    assert_int_equal(ask(&answer, problem, sizeof problem), CLI_NO_DAEMON);
    assert_non_null(strstr(problem, "No daemon answers at /tmp/attune-test-"));
    close(listen_at(path)); /* a socket whose daemon is gone */
    assert_int_equal(ask(&answer, problem, sizeof problem), CLI_NO_DAEMON);
    assert_null(answer);
}

static void test_path_too_long(void **state)
{
    (void)state;
    char long_path[200];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    struct buf problem;
    buf_init(&problem, 4096);
    json_t *answer, *request = json_object();
    assert_int_equal(controlclient_ask(long_path, request, TIMEOUT_MS, &answer, &problem), CLI_USAGE);
    assert_non_null(strstr(buf_text(&problem), "too long for a socket"));
    json_decref(request);
    buf_free(&problem);
}

static void test_may_not_ask(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip(); /* root may always */
    char problem[512];
    json_t *answer;
    int listener = listen_at(path);
    chmod(path, 0);
    assert_int_equal(ask(&answer, problem, sizeof problem), CLI_USAGE);
    assert_non_null(strstr(problem, "You may not ask"));
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_manners, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_nobody_listens, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_path_too_long, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_may_not_ask, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
