/* A role comes to life as it should. This program starts itself: with --role it plays the role and reports on itself.
 */
#include <attune/log.h>
#include <attune/role.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* --- what the role finds when it wakes -----------------------------------------------------------------------------
 */

static bool environment_is_bare(void)
{
    size_t count = 0;
    while (environ[count])
        count++;
    const char *language = getenv("LANG");
    return language && strcmp(language, "C.UTF-8") == 0 && count == (getenv("JOURNAL_STREAM") ? 2 : 1) && !getenv("TZ");
}

static bool is_null_device(int fd)
{
    struct stat null, about;
    return stat("/dev/null", &null) == 0 && fstat(fd, &about) == 0 && about.st_rdev == null.st_rdev;
}

static bool only_its_descriptors_are_open(void)
{
    for (int fd = ROLE_FD + 1; fd < 256; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return false;
    return is_null_device(0) && is_null_device(1) && fcntl(2, F_GETFD) >= 0;
}

static bool dies_with_its_parent(void)
{
    int number = 0;
    return prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGKILL;
}

static bool cannot_be_looked_into(void)
{
    struct rlimit core;
    return prctl(PR_GET_DUMPABLE) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0;
}

static bool gains_no_privileges(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static bool signals_are_plain(void)
{
    struct sigaction pipe, term;
    sigset_t blocked;
    sigaction(SIGPIPE, NULL, &pipe);
    sigaction(SIGTERM, NULL, &term);
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    return pipe.sa_handler == SIG_IGN && term.sa_handler == SIG_DFL && !sigismember(&blocked, SIGTERM) &&
           !sigismember(&blocked, SIGCHLD);
}

static bool has_its_own_session(void)
{
    return getsid(0) == getpid();
}

static bool channel_closes_on_exec(void)
{
    return fcntl(ROLE_FD, F_GETFD) == FD_CLOEXEC;
}

static bool (*const findings[])(void) = {
    environment_is_bare,   only_its_descriptors_are_open, dies_with_its_parent,
    cannot_be_looked_into, gains_no_privileges,           signals_are_plain,
    has_its_own_session,   channel_closes_on_exec,
};

static struct ipc_writer writer;

/* fetch: what it found, one bit a finding, then waits for STOP or for the end. */
static int play_fetch(void)
{
    bool bare[sizeof findings / sizeof *findings];
    bare[1] = only_its_descriptors_are_open();
    struct ipc_channel *channel = role_open(ROLE_FETCH, "fetch:test");
    uint32_t good = 0;
    for (size_t i = 0; i < sizeof findings / sizeof *findings; i++)
        good |= (i == 1 ? bare[1] : findings[i]()) ? 1u << i : 0;
    if (ipc_write_begin(&writer, FRAME_FETCH_LINK) != ERR_OK)
        return 9;
    ipc_put_u8(&writer, 0);
    ipc_put_u8(&writer, 0);
    ipc_put_u32(&writer, 0);
    ipc_put_u32(&writer, good);
    if (ipc_write_end(&writer) != ERR_OK || ipc_send(channel, &writer, -1) != ERR_OK)
        return 9;
    for (;;) {
        struct pollfd wait = {.fd = ipc_channel_fd(channel), .events = POLLIN};
        struct ipc_frame frame;
        poll(&wait, 1, 5000);
        enum err error = ipc_receive(channel, &frame);
        if (error == ERR_OK && frame.type == FRAME_STOP)
            return 0;
        if (error != ERR_ABSENT)
            return 8;
    }
}

/* notify: beats until keep is gone. */
static int play_notify(void)
{
    struct ipc_channel *channel = role_open(ROLE_NOTIFY, NULL);
    for (int i = 0; i < 500; i++) {
        if (role_beat(channel, &writer, 700) != ERR_OK) {
            ipc_channel_free(&channel); /* or a leak checker would change the exit status */
            return 6;
        }
        usleep(10000);
    }
    return 7;
}

/* screen: plays a keep that dies with a role running, and tells its parent that role's number. */
static int play_screen(void)
{
    struct ipc_channel *above = role_open(ROLE_SCREEN, NULL), *below;
    pid_t pid;
    if (role_start(ROLE_NOTIFY, NULL, &pid, &below) != ERR_OK)
        return 9;
    /* Its first beat: it runs. A parent that dies before that is noticed too, and the role then ends by itself. */
    struct pollfd wait = {.fd = ipc_channel_fd(below), .events = POLLIN};
    if (poll(&wait, 1, 10000) != 1 || ipc_write_begin(&writer, FRAME_BEAT) != ERR_OK)
        return 9;
    ipc_put_u32(&writer, (uint32_t)pid);
    if (ipc_write_end(&writer) != ERR_OK || ipc_send(above, &writer, -1) != ERR_OK)
        return 9;
    pause();
    return 0;
}

/* --- what keep sees
 * --------------------------------------------------------------------------------------------------- */

static enum err receive(struct ipc_channel *channel, struct ipc_frame *frame)
{
    struct pollfd wait = {.fd = ipc_channel_fd(channel), .events = POLLIN};
    poll(&wait, 1, 10000);
    return ipc_receive(channel, frame);
}

static int reap(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static uint32_t start_and_ask(void)
{
    pid_t pid;
    struct ipc_channel *channel;
    struct ipc_frame frame;
    assert_int_equal(role_start(ROLE_FETCH, "fetch:support", &pid, &channel), ERR_OK);
    assert_int_equal(receive(channel, &frame), ERR_OK);
    assert_int_equal(frame.type, FRAME_FETCH_LINK);
    ipc_get_u16(&frame.body);
    ipc_get_u32(&frame.body);
    uint32_t good = ipc_get_u32(&frame.body);
    assert_true(ipc_read_end(&frame.body));
    assert_int_equal(ipc_write_begin(&writer, FRAME_STOP), ERR_OK);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(channel, &writer, -1), ERR_OK);
    assert_int_equal(reap(pid), 0);
    ipc_channel_free(&channel);
    return good;
}

static void role_wakes_with_nothing_of_ours(void **state)
{
    (void)state;
    const uint32_t all = (1u << (sizeof findings / sizeof *findings)) - 1;
    setenv("TZ", "Pacific/Chatham", 1);
    setenv("SECRET", "x", 1);
    unsetenv("JOURNAL_STREAM");
    int inherited = dup(2);
    sigset_t blocked, before;
    sigfillset(&blocked);
    sigprocmask(SIG_SETMASK, &blocked, &before);
    assert_int_equal(start_and_ask(), all);
    sigprocmask(SIG_SETMASK, &before, NULL);
    setenv("JOURNAL_STREAM", "8:12345", 1);
    assert_int_equal(start_and_ask(), all);
    unsetenv("JOURNAL_STREAM");
    close(inherited);
}

static void role_hears_that_keep_is_gone(void **state)
{
    (void)state;
    pid_t pid;
    struct ipc_channel *channel;
    struct ipc_frame frame;
    assert_int_equal(role_start(ROLE_NOTIFY, NULL, &pid, &channel), ERR_OK);
    assert_int_equal(receive(channel, &frame), ERR_OK);
    assert_int_equal(frame.type, FRAME_BEAT);
    assert_int_equal(ipc_get_u32(&frame.body), 700);
    assert_true(ipc_read_end(&frame.body));
    ipc_channel_free(&channel);
    int status = reap(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 6);
}

static void role_dies_with_keep(void **state)
{
    (void)state;
    pid_t keep;
    struct ipc_channel *channel;
    struct ipc_frame frame;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(role_start(ROLE_SCREEN, NULL, &keep, &channel), ERR_OK);
    assert_int_equal(receive(channel, &frame), ERR_OK);
    pid_t orphan = (pid_t)ipc_get_u32(&frame.body);
    kill(keep, SIGKILL);
    reap(keep);
    int status = reap(orphan);
    /* The signal, or it saw its channel close a moment earlier: both are in time. */
    assert_true((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
                (WIFEXITED(status) && WEXITSTATUS(status) == 6));
    ipc_channel_free(&channel);
}

static void role_without_a_channel_exits_2(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 2);
        dup2(null, ROLE_FD);
        execl("/proc/self/exe", "attuned", "--role", "notify", (char *)NULL);
        _exit(1);
    }
    int status = reap(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
}

static void roles_have_names(void **state)
{
    (void)state;
    for (int role = 0; role < ROLE_COUNT; role++)
        assert_non_null(role_name((enum role)role));
    assert_string_equal(role_name(ROLE_CHILD), "child");
    assert_string_equal(role_name(ROLE_COUNT), "unknown");
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--role") == 0) {
        alarm(30);
        int (*play)(void) = play_notify;
        if (strcmp(argv[2], "fetch") == 0)
            play = play_fetch;
        if (strcmp(argv[2], "screen") == 0)
            play = play_screen;
        _exit(play());
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(role_wakes_with_nothing_of_ours),
        cmocka_unit_test(role_hears_that_keep_is_gone),
        cmocka_unit_test(role_dies_with_keep),
        cmocka_unit_test(role_without_a_channel_exits_2),
        cmocka_unit_test(roles_have_names),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ipc_writer_free(&writer);
    return failed;
}
