/* A screen child serves, and whatever a message does to it costs that child alone. */
#include "stand_in.h"
#include <attune/clock.h>
#include <attune/sandbox.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>

static struct ipc_writer writer;
static struct arena *arena;

struct serving {
    pid_t pid;
    struct ipc_channel *channel;
};

static struct serving start_child(void)
{
    struct serving child;
    int fd;
    assert_int_equal(screen_fork_child(NULL, &child.pid, &fd), ERR_OK);
    child.channel = ipc_channel_new(fd);
    assert_non_null(child.channel);
    return child;
}

static int end_child(struct serving *child)
{
    int status = -1;
    ipc_channel_free(&child->channel);
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    return status;
}

static void give_descriptor(struct serving *child, uint64_t job, uint8_t mode, int fd)
{
    assert_int_equal(ipc_write_begin(&writer, FRAME_CHILD_SCREEN), ERR_OK);
    ipc_put_u64(&writer, job);
    ipc_put_u8(&writer, mode);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(child->channel, &writer, fd), ERR_OK);
}

static void give(struct serving *child, uint64_t job, enum screen_mode mode, const char *text)
{
    int fd;
    assert_int_equal(screen_seal(text, strlen(text), &fd), ERR_OK);
    give_descriptor(child, job, (uint8_t)mode, fd);
}

static enum err take_frame(struct serving *child, struct ipc_frame *frame)
{
    struct pollfd wait = {.fd = ipc_channel_fd(child->channel), .events = POLLIN};
    poll(&wait, 1, SCREEN_CHILD_WALL_MS + 5000);
    return ipc_receive(child->channel, frame);
}

static struct verdict take_verdict(struct serving *child, uint64_t job)
{
    struct ipc_frame frame;
    struct verdict verdict;
    arena_reset(arena);
    assert_int_equal(take_frame(child, &frame), ERR_OK);
    assert_int_equal(frame.type, FRAME_CHILD_VERDICT);
    assert_true(ipc_get_u64(&frame.body) == job);
    assert_int_equal(verdict_get(&frame.body, arena, STAND_IN_RULES, &verdict), ERR_OK);
    assert_true(ipc_read_end(&frame.body));
    return verdict;
}

static void serves_one_after_another(void **state)
{
    (void)state;
    struct serving child = start_child();
    for (uint64_t job = 1; job <= 2 * SCREEN_CHILD_MESSAGES; job++) {
        give(&child, job, SCREEN_FULL, "hits");
        struct verdict verdict = take_verdict(&child, job);
        assert_int_equal(verdict.hit_count, 3);
        assert_int_equal(verdict.hits[2].rule, 2);
        assert_int_equal(verdict.class, CLASS_HUMAN);
    }
    assert_int_equal(end_child(&child), SCREEN_EXIT_DONE);
}

static void serves_what_waits_in_the_queue(void **state)
{
    (void)state;
    struct serving child = start_child();
    for (uint64_t job = 1; job <= 10; job++)
        give(&child, job, SCREEN_FULL, "x@example.org");
    for (uint64_t job = 1; job <= 10; job++)
        assert_true(str_equal_text(take_verdict(&child, job).from_address, "x@example.org"));
    assert_int_equal(end_child(&child), SCREEN_EXIT_DONE);
}

static void empty_message_has_a_verdict(void **state)
{
    (void)state;
    struct serving child = start_child();
    give(&child, 5, SCREEN_FULL, "");
    assert_int_equal(take_verdict(&child, 5).from_address.length, 0);
    assert_int_equal(end_child(&child), SCREEN_EXIT_DONE);
}

static void reaches_nothing(void **state)
{
    (void)state;
    setenv("SECRET", "x", 1);
    int open_here = open("/etc/hostname", O_RDONLY);
    int higher = fcntl(2, F_DUPFD, 40);
    struct serving child = start_child();
    unsetenv("SECRET");
    give(&child, 1, SCREEN_FULL, "reach");
    /* The environment is the zygote's, which role_start() emptied; here it is this test's. */
    assert_true(str_equal_text(take_verdict(&child, 1).from_address, "environment"));
    assert_int_equal(end_child(&child), SCREEN_EXIT_DONE);
    close(open_here);
    close(higher);
}

/* abort() needs a system call that a child does not have. */
static const struct {
    const char *message;
    int ended_by; /* a signal, or 0 */
    int status;
} faults[] = {
    {"crash", SIGSYS, 0}, {"segfault", SIGSEGV, 0},        {"memory", SIGSEGV, 0}, {"stack", SIGSEGV, 0},
    {"exec", SIGSYS, 0},  {"full", 0, SCREEN_EXIT_SYSTEM}, {"hang", SIGPROF, 0},
};

static void fault_costs_one_child(void **state)
{
    (void)state;
    struct serving bystander = start_child();
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (!SANDBOX_LIMITS_MEMORY && strcmp(faults[i].message, "memory") == 0)
            continue;
        struct serving child = start_child();
        struct ipc_frame frame;
        int64_t began_ms = clock_monotonic_ms();
        give(&child, 1, SCREEN_FULL, faults[i].message);
        assert_int_equal(take_frame(&child, &frame), ERR_PEER);
        int status = end_child(&child);
        bool as_said = faults[i].ended_by ? WIFSIGNALED(status) && WTERMSIG(status) == faults[i].ended_by
                                          : WIFEXITED(status) && WEXITSTATUS(status) == faults[i].status;
        if (!as_said)
            fail_msg("%s: wait status %#x", faults[i].message, (unsigned)status);
        assert_true(clock_monotonic_ms() - began_ms < SCREEN_CHILD_WALL_MS);
        give(&bystander, 10 + i, SCREEN_FULL, "hits");
        assert_int_equal(take_verdict(&bystander, 10 + i).hit_count, 3);
    }
    assert_int_equal(end_child(&bystander), SCREEN_EXIT_DONE);
}

static void words_are_given_only_when_asked_for(void **state)
{
    (void)state;
    struct serving child = start_child();
    struct ipc_frame frame;
    struct verdict verdict;
    const struct str *texts;
    int fd;
    assert_int_equal(screen_seal("hits", 4, &fd), ERR_OK);
    give_descriptor(&child, 1, SCREEN_FULL | SCREEN_WITH_TEXT, fd);
    assert_int_equal(take_frame(&child, &frame), ERR_OK);
    assert_true(ipc_get_u64(&frame.body) == 1);
    assert_int_equal(verdict_get(&frame.body, arena, STAND_IN_RULES, &verdict), ERR_OK);
    assert_int_equal(verdict_get_texts(&frame.body, arena, verdict.hit_count, &texts), ERR_OK);
    assert_true(ipc_read_end(&frame.body));
    assert_true(str_equal_text(texts[2], "2345"));
    give(&child, 2, SCREEN_FULL, "hits");
    take_verdict(&child, 2); /* asserts that nothing follows */
    assert_int_equal(end_child(&child), SCREEN_EXIT_DONE);
}

static void raw_mode_reads_what_crashed(void **state)
{
    (void)state;
    struct serving child = start_child();
    give(&child, 1, SCREEN_RAW, "crash");
    assert_int_equal(take_verdict(&child, 1).reasons, REASON_UNPARSABLE);
    assert_int_equal(end_child(&child), SCREEN_EXIT_DONE);
}

/* CPU spent on earlier messages does not count against a later one. */
static void budget_is_of_one_message(void **state)
{
    (void)state;
    struct serving child = start_child();
    for (uint64_t job = 1; job <= 3; job++) {
        give(&child, job, SCREEN_FULL, "hits");
        assert_true(take_verdict(&child, job).cpu_us < 1000000);
    }
    assert_int_equal(end_child(&child), SCREEN_EXIT_DONE);
}

/* --- orders that are none --------------------------------------------------------------------------------------------
 */

static int unsealed_file(void)
{
    int fd = memfd_create("open", MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, "x", 1), 1);
    return fd;
}

static int plain_file(void)
{
    return open("/etc/hostname", O_RDONLY);
}

static int pipe_end(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    return ends[0];
}

static int oversized_file(void)
{
    int fd = memfd_create("large", MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, READING_MAX_MESSAGE + 1), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), 0);
    return fd;
}

static void bad_descriptor_ends_the_child(void **state)
{
    (void)state;
    static int (*const makers[])(void) = {unsealed_file, plain_file, pipe_end, oversized_file};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        struct serving child = start_child();
        struct ipc_frame frame;
        give_descriptor(&child, 1, SCREEN_FULL, makers[i]());
        assert_int_equal(take_frame(&child, &frame), ERR_PEER);
        int status = end_child(&child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), SCREEN_EXIT_PEER);
    }
}

static void bad_frame_ends_the_child(void **state)
{
    (void)state;
    struct serving child = start_child();
    struct ipc_frame frame;
    int fd;
    assert_int_equal(screen_seal("x", 1, &fd), ERR_OK);
    give_descriptor(&child, 1, SCREEN_RAW + 1, fd);
    assert_int_equal(take_frame(&child, &frame), ERR_PEER);
    int status = end_child(&child);
    assert_int_equal(WEXITSTATUS(status), SCREEN_EXIT_PEER);

    child = start_child();
    assert_int_equal(ipc_write_begin(&writer, FRAME_STOP), ERR_OK);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(child.channel, &writer, -1), ERR_OK);
    assert_int_equal(take_frame(&child, &frame), ERR_PEER);
    status = end_child(&child);
    assert_int_equal(WEXITSTATUS(status), SCREEN_EXIT_PEER);
}

static void starting_is_cheap(void **state)
{
    (void)state;
    enum { ROUNDS = 50, SANITIZED_MS = 100 };
    int64_t began_ms = clock_monotonic_ms();
    for (int i = 0; i < ROUNDS; i++) {
        struct serving child = start_child();
        give(&child, 1, SCREEN_FULL, "x");
        take_verdict(&child, 1);
        assert_int_equal(end_child(&child), SCREEN_EXIT_DONE);
    }
    int64_t spent_ms = clock_monotonic_ms() - began_ms;
    print_message("child: %.2f ms to start, answer once and end\n", (double)spent_ms / ROUNDS);
    assert_true(spent_ms < ROUNDS * SANITIZED_MS); /* a bound for any machine, not the figure that matters */
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1024 * 1024);
    return arena ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    ipc_writer_free(&writer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_one_after_another),
        cmocka_unit_test(serves_what_waits_in_the_queue),
        cmocka_unit_test(empty_message_has_a_verdict),
        cmocka_unit_test(reaches_nothing),
        cmocka_unit_test(fault_costs_one_child),
        cmocka_unit_test(raw_mode_reads_what_crashed),
        cmocka_unit_test(budget_is_of_one_message),
        cmocka_unit_test(bad_descriptor_ends_the_child),
        cmocka_unit_test(bad_frame_ends_the_child),
        cmocka_unit_test(starting_is_cheap),
        cmocka_unit_test(words_are_given_only_when_asked_for),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
