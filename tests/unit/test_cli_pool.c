/* The command's children: every message gets one verdict, whatever becomes of the child that reads it. */
#include "stand_in.h"
#include <attune/clock.h>
#include <attune/screenpool.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/wait.h>

enum { MESSAGES = 400, WALL_MS = 400 };

struct seen {
    unsigned times;
    unsigned reasons;
    char from[32];
    size_t hits;
};

static struct seen seen[MESSAGES];
static unsigned forks;

static void note(void *context, uint64_t ticket, const struct verdict *verdict, const struct str *texts)
{
    (void)context;
    assert_in_range(ticket, 0, MESSAGES - 1);
    seen[ticket].times++;
    seen[ticket].reasons = verdict->reasons;
    seen[ticket].hits = verdict->hit_count;
    for (size_t i = 0; i < verdict->hit_count; i++)
        assert_in_range(texts[i].length, 0, VERDICT_MAX_TEXT);
    snprintf(seen[ticket].from, sizeof seen[ticket].from, "%.*s", (int)verdict->from_address.length,
             verdict->from_address.data);
}

static enum err count_fork(struct ruleset *ruleset, pid_t *pid, int *fd)
{
    forks++;
    return screen_fork_child(ruleset, pid, fd);
}

static struct screenpool *new_pool(size_t children, screenpool_fork *fork_child)
{
    const struct screenpool_setup setup = {
        .rule_count = STAND_IN_RULES, .children = children, .wall_ms = WALL_MS, .fork_child = fork_child, .done = note};
    memset(seen, 0, sizeof seen);
    forks = 0;
    struct screenpool *pool = screenpool_new(&setup);
    assert_non_null(pool);
    return pool;
}

/* Gives all messages, each of `words` in turn, and waits for the verdicts. */
static enum err run(struct screenpool *pool, const char *const *words, size_t word_count, size_t count)
{
    size_t given = 0;
    while (given < count || !screenpool_is_idle(pool)) {
        while (given < count && screenpool_has_room(pool, 100)) {
            assert_int_equal(screenpool_give(pool, given, str_of(words[given % word_count])), ERR_OK);
            given++;
        }
        enum err error = screenpool_step(pool, 1000);
        if (error != ERR_OK)
            return error;
    }
    return ERR_OK;
}

static void assert_no_children_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void test_each_once(void **state)
{
    (void)state;
    static const char *const words[] = {"one", "two", "hits"};
    for (size_t children = 1; children <= 3; children++) {
        struct screenpool *pool = new_pool(children, count_fork);
        assert_int_equal(run(pool, words, 3, MESSAGES), ERR_OK);
        for (size_t i = 0; i < MESSAGES; i++) {
            assert_int_equal(seen[i].times, 1);
            assert_int_equal(seen[i].reasons, 0);
            assert_string_equal(seen[i].from, words[i % 3]);
            assert_int_equal(seen[i].hits, i % 3 == 2 ? 3 : 0);
        }
        /* Replaced every 64 messages; the probe is one. */
        assert_in_range(forks, (MESSAGES + 1) / SCREEN_CHILD_MESSAGES,
                        (MESSAGES + 1) / SCREEN_CHILD_MESSAGES + children);
        screenpool_free(&pool);
        assert_null(pool);
        assert_no_children_left();
    }
}

/* A message that ends its child is read once more as raw text; its neighbours are read as if nothing had been. */
static void test_faults_cost_their_message_alone(void **state)
{
    (void)state;
    static const char *const words[] = {"one", "crash", "two", "segfault", "three", "four", "exec", "five"};
    struct screenpool *pool = new_pool(2, count_fork);
    assert_int_equal(run(pool, words, 8, 80), ERR_OK);
    for (size_t i = 0; i < 80; i++) {
        bool faulty = i % 8 == 1 || i % 8 == 3 || i % 8 == 6;
        assert_int_equal(seen[i].times, 1);
        assert_int_equal(seen[i].reasons, faulty ? REASON_SCREEN_CRASH | REASON_UNPARSABLE : 0);
        assert_string_equal(seen[i].from, words[i % 8]);
    }
    screenpool_free(&pool);
    assert_no_children_left();
}

/* Only faults, from the first message on: still a verdict each. */
static void test_nothing_but_faults(void **state)
{
    (void)state;
    static const char *const words[] = {"crash"};
    struct screenpool *pool = new_pool(1, count_fork);
    assert_int_equal(run(pool, words, 1, 20), ERR_OK);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(seen[i].reasons, REASON_SCREEN_CRASH | REASON_UNPARSABLE);
    screenpool_free(&pool);
}

/* One that ends its child both times goes to people without a reading. */
static void test_second_try_fails_too(void **state)
{
    (void)state;
    static const char *const words[] = {"one", "full"};
    struct screenpool *pool = new_pool(1, count_fork);
    assert_int_equal(run(pool, words, 2, 4), ERR_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(seen[i].times, 1);
        assert_int_equal(seen[i].reasons, i % 2 ? REASON_SCREEN_CRASH : 0);
        assert_string_equal(seen[i].from, i % 2 ? "" : "one");
    }
    screenpool_free(&pool);
}

static void test_hang(void **state)
{
    (void)state;
    static const char *const words[] = {"one", "two", "hang", "three"};
    struct screenpool *pool = new_pool(1, count_fork);
    int64_t before = clock_monotonic_ms();
    assert_int_equal(run(pool, words, 4, 4), ERR_OK);
    assert_in_range(clock_monotonic_ms() - before, WALL_MS, 20 * WALL_MS);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(seen[i].times, 1);
        assert_int_equal(seen[i].reasons, i == 2 ? REASON_SCREEN_TIMEOUT | REASON_UNPARSABLE : 0);
    }
    screenpool_free(&pool);
    assert_no_children_left();
}

/* The caller was held up for longer than a message may take: that is not the children's fault. */
static void test_absence_is_excused(void **state)
{
    (void)state;
    struct screenpool *pool = new_pool(1, count_fork);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(screenpool_give(pool, i, STR("one")), ERR_OK);
    assert_int_equal(screenpool_step(pool, 0), ERR_OK);
    poll(NULL, 0, 2 * WALL_MS);
    while (!screenpool_is_idle(pool))
        assert_int_equal(screenpool_step(pool, 1000), ERR_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(seen[i].reasons, 0);
    screenpool_free(&pool);
}

static void test_free_with_work_in_flight(void **state)
{
    (void)state;
    struct screenpool *pool = new_pool(2, count_fork);
    for (uint64_t i = 0; i < 12; i++)
        assert_int_equal(screenpool_give(pool, i, STR("hang")), ERR_OK);
    assert_int_equal(screenpool_step(pool, 10), ERR_OK);
    screenpool_free(&pool);
    assert_no_children_left();
}

static void test_room(void **state)
{
    (void)state;
    struct screenpool *pool = new_pool(2, count_fork);
    assert_true(screenpool_has_room(pool, (size_t)READING_MAX_MESSAGE * 100)); /* an empty pool takes any one */
    size_t given = 0;
    while (screenpool_has_room(pool, 1) && given < 100)
        assert_int_equal(screenpool_give(pool, given++, STR("one")), ERR_OK);
    assert_in_range(given, 2 * SCREENPOOL_IN_FLIGHT - 1, 2 * SCREENPOOL_IN_FLIGHT);
    screenpool_free(&pool);
}

/* --- children that cannot work ----------------------------------------------------------------------------------- */

static enum err fork_nothing(struct ruleset *ruleset, pid_t *pid, int *fd)
{
    (void)ruleset;
    (void)pid;
    (void)fd;
    errno = EAGAIN;
    return ERR_SYSTEM;
}

static enum err fork_stillborn(struct ruleset *ruleset, pid_t *pid, int *fd)
{
    int theirs;
    (void)ruleset;
    assert_int_equal(ipc_pair(fd, &theirs), ERR_OK);
    *pid = fork();
    if (*pid == 0)
        _exit(SCREEN_EXIT_SYSTEM);
    close(theirs);
    return ERR_OK;
}

static void test_no_child_can_work(void **state)
{
    (void)state;
    static const struct {
        screenpool_fork *fork_child;
        int error;
    } cases[] = {{fork_nothing, EAGAIN}, {fork_stillborn, 0}};
    static const char *const words[] = {"one"};
    for (size_t i = 0; i < 2; i++) {
        struct screenpool *pool = new_pool(2, cases[i].fork_child);
        assert_int_equal(run(pool, words, 1, 10), ERR_SYSTEM);
        assert_int_equal(errno, cases[i].error);
        for (size_t n = 0; n < 10; n++)
            assert_int_equal(seen[n].reasons & REASON_SCREEN_CRASH && i == 0, 0);
        screenpool_free(&pool);
        assert_no_children_left();
    }
}

/* --- children that lie ------------------------------------------------------------------------------------------- */

enum lie { LIE_JOB, LIE_SHORT, LIE_LONG, LIE_RULE, LIE_TWICE, LIE_TYPE, LIE_NO_TEXTS, LIE_REASON, LIE_COUNT };

static enum lie lie_told;

static void tell_lie(struct ipc_channel *channel, struct ipc_writer *writer, uint64_t job, enum lie lie)
{
    const struct hit hit = {.rule = lie == LIE_RULE ? STAND_IN_RULES : 0, .field = FIELD_TEXT, .start = 0, .end = 1};
    const struct verdict verdict = {.class = CLASS_HUMAN,
                                    .zone_minutes = INT32_MIN,
                                    .hits = &hit,
                                    .hit_count = 1,
                                    .reasons = lie == LIE_REASON ? 1u << REASON_COUNT : 0};
    const struct reading reading = {.fields = {[FIELD_TEXT] = STR("words")}};
    ipc_write_begin(writer, lie == LIE_TYPE ? FRAME_NOTIFY_READY : FRAME_CHILD_VERDICT);
    if (lie != LIE_TYPE)
        ipc_put_u64(writer, lie == LIE_JOB ? job + 1 : job);
    if (lie != LIE_TYPE && lie != LIE_SHORT)
        verdict_put(writer, &verdict);
    if (lie != LIE_TYPE && lie != LIE_SHORT && lie != LIE_NO_TEXTS)
        verdict_put_texts(writer, &verdict, &reading);
    if (lie == LIE_LONG)
        ipc_put_u8(writer, 0);
    if (ipc_write_end(writer) != ERR_OK)
        _exit(9);
    ipc_send(channel, writer, -1);
    if (lie == LIE_TWICE)
        ipc_send(channel, writer, -1);
}

/* Answers the probe well, then lies. */
_Noreturn static void lie_to(int fd)
{
    struct ipc_channel *channel = ipc_channel_new(fd);
    struct ipc_writer writer = {0};
    for (unsigned count = 0;; count++) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        struct ipc_frame frame;
        poll(&waiting, 1, 20000);
        if (ipc_receive(channel, &frame) != ERR_OK)
            _exit(0);
        uint64_t job = ipc_get_u64(&frame.body);
        close(frame.fd);
        tell_lie(channel, &writer, job, count == 0 && forks == 1 ? LIE_COUNT : lie_told);
    }
}

static enum err fork_liar(struct ruleset *ruleset, pid_t *pid, int *fd)
{
    int theirs;
    (void)ruleset;
    forks++;
    assert_int_equal(ipc_pair(fd, &theirs), ERR_OK);
    *pid = fork();
    if (*pid == 0) {
        close(*fd);
        alarm(30);
        lie_to(theirs);
    }
    close(theirs);
    return ERR_OK;
}

static void test_lies(void **state)
{
    (void)state;
    static const char *const words[] = {"one"};
    for (lie_told = 0; lie_told < LIE_COUNT; lie_told++) {
        struct screenpool *pool = new_pool(1, fork_liar);
        assert_int_equal(run(pool, words, 1, 5), ERR_OK);
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(seen[i].times, 1);
            /* The second of two answers is the lie: the first may stand. */
            if (lie_told != LIE_TWICE)
                assert_int_equal(seen[i].reasons, REASON_SCREEN_CRASH);
        }
        screenpool_free(&pool);
        assert_no_children_left();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_faults_cost_their_message_alone),
        cmocka_unit_test(test_nothing_but_faults),
        cmocka_unit_test(test_second_try_fails_too),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_absence_is_excused),
        cmocka_unit_test(test_free_with_work_in_flight),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_no_child_can_work),
        cmocka_unit_test(test_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
