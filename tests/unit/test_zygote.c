/* The zygote as keep drives it: load, spawn, replace, report ends, beat, stop. This program plays both: with --role,
 * the zygote. */
#include "stand_in.h"
#include <attune/clock.h>
#include <attune/role.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* --- stand-ins for the rule set: the directory's name says how it is ------------------------------------------------
 */

struct pack {
    unsigned char hash[HASH_SIZE];
};

static struct pack loaded;

enum err pack_load(const char *directory, struct pack **out, struct diag *diag)
{
    if (strcmp(directory, "/wordy") == 0)
        for (int i = 0; i < DIAG_MAX_ITEMS; i++)
            diag_add(diag, DIAG_ERROR, "R001", "cues.yaml", (unsigned)i + 1, 1, "cue", "%0400d", i);
    if (strcmp(directory, "/good") != 0 && strcmp(directory, "/untested") != 0) {
        diag_add(diag, DIAG_ERROR, "R001", "cues.yaml", 3, 1, "cue", "no such thing");
        return ERR_INPUT;
    }
    memset(loaded.hash, strcmp(directory, "/good") == 0 ? 0xab : 0xcd, HASH_SIZE);
    *out = &loaded;
    return ERR_OK;
}

void pack_free(struct pack **pack)
{
    *pack = NULL;
}

const unsigned char *pack_hash(const struct pack *pack)
{
    return pack->hash;
}

size_t pack_rule_count(const struct pack *pack)
{
    (void)pack;
    return STAND_IN_RULES;
}

enum err ruleset_compile(const struct pack *pack, struct ruleset **out, struct diag *diag)
{
    (void)diag;
    *out = (struct ruleset *)(uintptr_t)pack;
    return ERR_OK;
}

void ruleset_free(struct ruleset **ruleset)
{
    *ruleset = NULL;
}

enum err ruleset_run_tests(struct ruleset *ruleset, struct diag *diag, size_t *run)
{
    *run = 1;
    if (((struct pack *)(void *)ruleset)->hash[0] == 0xab)
        return ERR_OK;
    diag_add(diag, DIAG_ERROR, "R100", "en/a.yaml", 9, 1, "rule", "a test failed");
    return ERR_INPUT;
}

enum err reading_prepare(void)
{
    return ERR_OK;
}

/* --- keep's side -----------------------------------------------------------------------------------------------------
 */

static struct ipc_writer writer;

struct peer {
    pid_t pid;
    struct ipc_channel *channel;
};

static struct peer start_zygote(void)
{
    struct peer zygote;
    assert_int_equal(role_start(ROLE_SCREEN, NULL, &zygote.pid, &zygote.channel), ERR_OK);
    return zygote;
}

static int wait_for(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void send_number(struct peer *zygote, enum frame_type type, uint32_t number)
{
    assert_int_equal(ipc_write_begin(&writer, type), ERR_OK);
    ipc_put_u32(&writer, number);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(zygote->channel, &writer, -1), ERR_OK);
}

static void send_stop(struct peer *zygote)
{
    assert_int_equal(ipc_write_begin(&writer, FRAME_STOP), ERR_OK);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(zygote->channel, &writer, -1), ERR_OK);
}

static void send_load(struct peer *zygote, const char *directory, uint8_t children)
{
    assert_int_equal(ipc_write_begin(&writer, FRAME_SCREEN_LOAD), ERR_OK);
    ipc_put_text(&writer, directory);
    ipc_put_u8(&writer, children);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(zygote->channel, &writer, -1), ERR_OK);
}

/* The next frame that is not a beat. */
static enum err take(struct ipc_channel *channel, struct ipc_frame *frame)
{
    for (;;) {
        struct pollfd wait = {.fd = ipc_channel_fd(channel), .events = POLLIN};
        if (poll(&wait, 1, 20000) <= 0)
            return ERR_ABSENT;
        enum err error = ipc_receive(channel, frame);
        if (error != ERR_OK || frame->type != FRAME_BEAT)
            return error;
    }
}

static bool take_loaded(struct peer *zygote, unsigned char hash[HASH_SIZE], char *findings, size_t size)
{
    struct ipc_frame frame;
    assert_int_equal(take(zygote->channel, &frame), ERR_OK);
    assert_int_equal(frame.type, FRAME_SCREEN_LOADED);
    uint8_t ok = ipc_get_u8(&frame.body);
    ipc_get_bytes(&frame.body, hash, HASH_SIZE);
    uint32_t rules = ipc_get_u32(&frame.body);
    ipc_get_text(&frame.body, findings, size);
    assert_true(ipc_read_end(&frame.body));
    assert_int_equal(rules, ok ? STAND_IN_RULES : rules);
    return ok != 0;
}

static struct peer start_loaded(uint8_t children)
{
    unsigned char hash[HASH_SIZE];
    char findings[64];
    struct peer zygote = start_zygote();
    send_load(&zygote, "/good", children);
    assert_true(take_loaded(&zygote, hash, findings, sizeof findings));
    assert_int_equal(hash[31], 0xab);
    return zygote;
}

static void take_exited(struct peer *zygote, uint32_t slot, int *status)
{
    struct ipc_frame frame;
    assert_int_equal(take(zygote->channel, &frame), ERR_OK);
    assert_int_equal(frame.type, FRAME_SCREEN_EXITED);
    assert_int_equal(ipc_get_u32(&frame.body), slot);
    *status = (int)ipc_get_u32(&frame.body);
    assert_true(ipc_read_end(&frame.body));
}

static struct ipc_channel *take_child(struct peer *zygote, uint32_t slot)
{
    struct ipc_frame frame;
    assert_int_equal(take(zygote->channel, &frame), ERR_OK);
    assert_int_equal(frame.type, FRAME_SCREEN_CHILD);
    assert_int_equal(ipc_get_u32(&frame.body), slot);
    assert_true(ipc_read_end(&frame.body));
    struct ipc_channel *child = ipc_channel_new(frame.fd);
    assert_non_null(child);
    return child;
}

static struct ipc_channel *spawn(struct peer *zygote, uint32_t slot)
{
    send_number(zygote, FRAME_SCREEN_SPAWN, slot);
    return take_child(zygote, slot);
}

static enum err screen(struct ipc_channel *child, const char *text, struct ipc_frame *frame)
{
    int fd;
    assert_int_equal(screen_seal(text, strlen(text), &fd), ERR_OK);
    assert_int_equal(ipc_write_begin(&writer, FRAME_CHILD_SCREEN), ERR_OK);
    ipc_put_u64(&writer, 1);
    ipc_put_u8(&writer, SCREEN_FULL);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(child, &writer, fd), ERR_OK);
    return take(child, frame);
}

static void assert_serves(struct ipc_channel *child)
{
    struct ipc_frame frame;
    struct verdict verdict;
    struct arena *arena = arena_new(64 * 1024);
    assert_int_equal(screen(child, "reach", &frame), ERR_OK);
    ipc_get_u64(&frame.body);
    assert_int_equal(verdict_get(&frame.body, arena, STAND_IN_RULES, &verdict), ERR_OK);
    assert_true(str_equal_text(verdict.from_address, "nothing"));
    arena_free(&arena);
}

static void end(struct peer *zygote, int wanted)
{
    int status = wait_for(zygote->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), wanted);
    ipc_channel_free(&zygote->channel);
}

/* --- the tests
 * -------------------------------------------------------------------------------------------------------- */

static void loads_spawns_and_stops(void **state)
{
    (void)state;
    struct peer zygote = start_loaded(2);
    struct ipc_channel *first = spawn(&zygote, 0), *second = spawn(&zygote, 1);
    assert_serves(first);
    assert_serves(second);
    send_stop(&zygote);
    int status = 0;
    take_exited(&zygote, 0, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    take_exited(&zygote, 1, &status);
    struct ipc_frame frame;
    assert_int_equal(take(first, &frame), ERR_PEER);
    end(&zygote, 0);
    ipc_channel_free(&first);
    ipc_channel_free(&second);
}

static void crash_is_reported_and_costs_one_child(void **state)
{
    (void)state;
    struct peer zygote = start_loaded(2);
    struct ipc_channel *first = spawn(&zygote, 0), *second = spawn(&zygote, 1);
    struct ipc_frame frame;
    int status = 0;
    assert_int_equal(screen(first, "segfault", &frame), ERR_PEER);
    take_exited(&zygote, 0, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_serves(second);
    ipc_channel_free(&first);
    first = spawn(&zygote, 0);
    assert_serves(first);
    /* Closing its socket ends a child quietly. */
    ipc_channel_free(&second);
    take_exited(&zygote, 1, &status);
    assert_int_equal(status, SCREEN_EXIT_DONE);
    send_stop(&zygote);
    take_exited(&zygote, 0, &status);
    end(&zygote, 0);
    ipc_channel_free(&first);
}

static void spawn_replaces_a_hung_child(void **state)
{
    (void)state;
    struct peer zygote = start_loaded(1);
    struct ipc_channel *hung = spawn(&zygote, 0);
    struct ipc_frame frame;
    int fd, status = 0;
    assert_int_equal(screen_seal("hang", 4, &fd), ERR_OK);
    assert_int_equal(ipc_write_begin(&writer, FRAME_CHILD_SCREEN), ERR_OK);
    ipc_put_u64(&writer, 1);
    ipc_put_u8(&writer, SCREEN_FULL);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(hung, &writer, fd), ERR_OK);
    send_number(&zygote, FRAME_SCREEN_SPAWN, 0);
    take_exited(&zygote, 0, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct ipc_channel *fresh = take_child(&zygote, 0);
    assert_serves(fresh);
    assert_int_equal(take(hung, &frame), ERR_PEER);
    ipc_channel_free(&hung);
    ipc_channel_free(&fresh);
    take_exited(&zygote, 0, &status);
    send_stop(&zygote);
    end(&zygote, 0);
}

static void bad_rules_are_told_and_end_it(void **state)
{
    (void)state;
    static const struct {
        const char *directory;
        const char *finding;
    } cases[] = {
        {"/missing", "cues.yaml:3:1: error: cue: no such thing [R001]"},
        {"/untested", "en/a.yaml:9:1: error: rule: a test failed [R100]"},
        {"/wordy", "cues.yaml:1:1: error: cue: 000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static char findings[64 * 1024];
        unsigned char hash[HASH_SIZE];
        struct peer zygote = start_zygote();
        send_load(&zygote, cases[i].directory, 1);
        assert_false(take_loaded(&zygote, hash, findings, sizeof findings));
        assert_non_null(strstr(findings, cases[i].finding));
        assert_true(strlen(findings) <= 48 * 1024);
        end(&zygote, 1);
    }
}

static void bad_orders_end_it(void **state)
{
    (void)state;
    struct peer zygote = start_loaded(2);
    send_number(&zygote, FRAME_SCREEN_SPAWN, 2); /* two children were asked for: slots 0 and 1 */
    end(&zygote, 1);

    zygote = start_zygote();
    send_number(&zygote, FRAME_SCREEN_SPAWN, 0); /* before the rules */
    end(&zygote, 1);

    zygote = start_loaded(1);
    send_load(&zygote, "/good", 1); /* a second time: its files are out of reach */
    end(&zygote, 1);

    zygote = start_zygote();
    send_load(&zygote, "/good", 0);
    end(&zygote, 1);

    zygote = start_zygote();
    send_load(&zygote, "/good", SCREEN_MAX_CHILDREN + 1);
    end(&zygote, 1);

    zygote = start_zygote();
    send_number(&zygote, FRAME_BEAT, 0); /* not for a role to hear */
    end(&zygote, 1);
}

static void ends_with_keep_and_takes_its_children(void **state)
{
    (void)state;
    struct peer zygote = start_loaded(1);
    struct ipc_channel *child = spawn(&zygote, 0);
    struct ipc_frame frame;
    assert_serves(child);
    ipc_channel_free(&zygote.channel);
    int status = wait_for(zygote.pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_int_equal(take(child, &frame), ERR_PEER);
    ipc_channel_free(&child);
}

static void children_die_with_a_killed_zygote(void **state)
{
    (void)state;
    struct peer zygote = start_loaded(1);
    struct ipc_channel *child = spawn(&zygote, 0);
    struct ipc_frame frame;
    assert_serves(child);
    kill(zygote.pid, SIGKILL);
    wait_for(zygote.pid);
    assert_int_equal(take(child, &frame), ERR_PEER);
    ipc_channel_free(&child);
    ipc_channel_free(&zygote.channel);
}

static uint32_t take_beat(struct peer *zygote)
{
    struct pollfd wait = {.fd = ipc_channel_fd(zygote->channel), .events = POLLIN};
    struct ipc_frame frame;
    assert_int_equal(poll(&wait, 1, ROLE_BEAT_MS * 2), 1);
    assert_int_equal(ipc_receive(zygote->channel, &frame), ERR_OK);
    assert_int_equal(frame.type, FRAME_BEAT);
    return ipc_get_u32(&frame.body);
}

static void beats_in_rhythm(void **state)
{
    (void)state;
    struct peer zygote = start_zygote();
    assert_int_equal(take_beat(&zygote), 0);
    int64_t began_ms = clock_monotonic_ms();
    assert_int_equal(take_beat(&zygote), 0);
    int64_t waited_ms = clock_monotonic_ms() - began_ms;
    assert_true(waited_ms > ROLE_BEAT_MS - 500 && waited_ms < ROLE_BEAT_MS + 2000);
    send_stop(&zygote);
    end(&zygote, 0);
}

static void replaces_many_children(void **state)
{
    (void)state;
    enum { ROUNDS = 100 };
    struct peer zygote = start_loaded(1);
    int64_t began_ms = clock_monotonic_ms();
    int status = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct ipc_channel *child = spawn(&zygote, 0);
        ipc_channel_free(&child);
        take_exited(&zygote, 0, &status);
        assert_int_equal(status, SCREEN_EXIT_DONE);
    }
    print_message("zygote: %.2f ms to spawn and end a child\n", (double)(clock_monotonic_ms() - began_ms) / ROUNDS);
    send_stop(&zygote);
    end(&zygote, 0);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--role") == 0) {
        alarm(60);
        _exit(screen_main());
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_spawns_and_stops),
        cmocka_unit_test(crash_is_reported_and_costs_one_child),
        cmocka_unit_test(spawn_replaces_a_hung_child),
        cmocka_unit_test(bad_rules_are_told_and_end_it),
        cmocka_unit_test(bad_orders_end_it),
        cmocka_unit_test(ends_with_keep_and_takes_its_children),
        cmocka_unit_test(children_die_with_a_killed_zygote),
        cmocka_unit_test(beats_in_rhythm),
        cmocka_unit_test(replaces_many_children),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ipc_writer_free(&writer);
    return failed;
}
