/*
 * The zygote, main of role screen: loads, compiles and tests the rule set once, locks itself down, then forks children
 * on keep's word and reports their ends. It never sees a message. Trusts keep and the rule files' limits; not its
 * children.
 */
#include <attune/clock.h>
#include <attune/log.h>
#include <attune/role.h>
#include <attune/sandbox.h>
#include <attune/screen.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FINDINGS_MAX = 48 * 1024, /* of SCREEN_LOADED: what a person reads, not every repetition */
    LOAD_ALLOW_MS = 60000,    /* loading is to take 0.5 s; a slow disk and a large site may take their time */
    SEND_LAST_MS = 5000,      /* for the frame that says why, before an exit */
};

enum { EXIT_STOPPED = 0, EXIT_FAILED = 1 };

struct zygote {
    struct ipc_channel *channel;
    struct ipc_writer writer;
    struct pack *pack;
    struct ruleset *ruleset;
    pid_t children[SCREEN_MAX_CHILDREN]; /* 0: the slot is free */
    uint32_t slots;
    int64_t next_beat_ms;
    bool stopped;
};

/* Only interrupts ppoll(); the children are then asked for. */
static void on_child(int number)
{
    (void)number;
}

/* --- loading ------------------------------------------------------------------------------------------------------ */

static enum err load_rules(struct zygote *zygote, const char *directory, struct diag *diag)
{
    size_t tests = 0;
    enum err error = pack_load(directory, &zygote->pack, diag);
    if (error == ERR_OK)
        error = ruleset_compile(zygote->pack, &zygote->ruleset, diag);
    if (error == ERR_OK)
        error = ruleset_run_tests(zygote->ruleset, diag, &tests);
    if (error == ERR_OK)
        log_info("rules-loaded", LOG_NUMBER("rules", pack_rule_count(zygote->pack)), LOG_NUMBER("tests", tests));
    return error;
}

/* Everything that opens a file happens here; from the sandbox on nothing does. */
static enum err prepare(struct zygote *zygote, const char *directory, struct diag *diag)
{
    enum err error = load_rules(zygote, directory, diag);
    if (error != ERR_OK)
        return error;
    if (reading_prepare() != ERR_OK) {
        diag_add(diag, DIAG_ERROR, "", "iconv", 0, 0, "",
                 "a charset that mail uses is missing from this system's iconv");
        return ERR_SYSTEM;
    }
    error = sandbox_prepare(SANDBOX_CHILD);
    if (error == ERR_OK)
        error = sandbox_enter(SANDBOX_ZYGOTE, NULL, 0, NULL);
    if (error != ERR_OK)
        diag_add(diag, DIAG_ERROR, "", "seccomp", 0, 0, "", "the sandbox could not be closed: %s", strerror(errno));
    return error;
}

static enum err send_loaded(struct zygote *zygote, bool ok, const struct diag *diag)
{
    static const unsigned char no_hash[HASH_SIZE];
    struct buf findings;
    buf_init(&findings, FINDINGS_MAX);
    diag_print(diag, &findings);
    enum err error = ipc_write_begin(&zygote->writer, FRAME_SCREEN_LOADED);
    ipc_put_u8(&zygote->writer, ok);
    ipc_put_bytes(&zygote->writer, zygote->pack ? pack_hash(zygote->pack) : no_hash, HASH_SIZE);
    ipc_put_u32(&zygote->writer, zygote->pack ? (uint32_t)pack_rule_count(zygote->pack) : 0);
    ipc_put_str(&zygote->writer, buf_str(&findings));
    if (error == ERR_OK)
        error = ipc_write_end(&zygote->writer);
    if (error == ERR_OK)
        error = ipc_send(zygote->channel, &zygote->writer, -1);
    buf_free(&findings);
    return error;
}

static enum err on_load(struct zygote *zygote, struct ipc_reader *body)
{
    char directory[4096];
    struct diag diag;
    ipc_get_text(body, directory, sizeof directory);
    uint8_t children = ipc_get_u8(body);
    if (!ipc_read_end(body) || children == 0 || children > SCREEN_MAX_CHILDREN || zygote->pack)
        return ERR_PEER;
    if (role_beat(zygote->channel, &zygote->writer, LOAD_ALLOW_MS) != ERR_OK)
        return ERR_PEER;
    zygote->slots = children;
    zygote->next_beat_ms = 0; /* the usual rhythm again as soon as this is done */
    diag_init(&diag);
    enum err error = prepare(zygote, directory, &diag);
    enum err sent = send_loaded(zygote, error == ERR_OK, &diag);
    diag_free(&diag);
    if (error != ERR_OK)
        (void)ipc_flush_wait(zygote->channel, SEND_LAST_MS);
    return error != ERR_OK ? error : sent;
}

/* --- children ----------------------------------------------------------------------------------------------------- */

static enum err send_exited(struct zygote *zygote, uint32_t slot, int status)
{
    zygote->children[slot] = 0;
    if (ipc_write_begin(&zygote->writer, FRAME_SCREEN_EXITED) != ERR_OK)
        return ERR_SYSTEM;
    ipc_put_u32(&zygote->writer, slot);
    ipc_put_u32(&zygote->writer, (uint32_t)status);
    if (ipc_write_end(&zygote->writer) != ERR_OK)
        return ERR_SYSTEM;
    return ipc_send(zygote->channel, &zygote->writer, -1);
}

static enum err end_child(struct zygote *zygote, uint32_t slot)
{
    int status = 0;
    pid_t pid = zygote->children[slot];
    if (pid == 0)
        return ERR_OK;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            break;
    return send_exited(zygote, slot, status);
}

static enum err reap_children(struct zygote *zygote)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (uint32_t slot = 0; slot < zygote->slots; slot++)
            if (zygote->children[slot] == pid && send_exited(zygote, slot, status) != ERR_OK)
                return ERR_PEER;
    return ERR_OK;
}

static enum err send_child(struct zygote *zygote, uint32_t slot, int fd)
{
    enum err error = ipc_write_begin(&zygote->writer, FRAME_SCREEN_CHILD);
    ipc_put_u32(&zygote->writer, slot);
    if (error == ERR_OK)
        error = ipc_write_end(&zygote->writer);
    if (error == ERR_OK)
        error = ipc_send(zygote->channel, &zygote->writer, fd);
    if (error != ERR_OK)
        close(fd);
    return error;
}

static enum err on_spawn(struct zygote *zygote, struct ipc_reader *body)
{
    uint32_t slot = ipc_get_u32(body);
    int fd;
    if (!ipc_read_end(body) || !zygote->ruleset || slot >= zygote->slots)
        return ERR_PEER;
    if (end_child(zygote, slot) != ERR_OK)
        return ERR_PEER;
    if (screen_fork_child(zygote->ruleset, &zygote->children[slot], &fd) != ERR_OK) {
        zygote->children[slot] = 0;
        log_error("child-not-started", LOG_NUMBER("errno", errno));
        return ERR_SYSTEM;
    }
    return send_child(zygote, slot, fd);
}

/* --- the loop ------------------------------------------------------------------------------------------------------
 */

static enum err on_stop(struct zygote *zygote, struct ipc_reader *body)
{
    if (!ipc_read_end(body))
        return ERR_PEER;
    zygote->stopped = true;
    return ERR_OK;
}

static const struct {
    enum frame_type type;
    enum err (*handle)(struct zygote *zygote, struct ipc_reader *body);
} orders[] = {
    {FRAME_SCREEN_LOAD, on_load},
    {FRAME_SCREEN_SPAWN, on_spawn},
    {FRAME_STOP, on_stop},
};

static enum err take_order(struct zygote *zygote, struct ipc_frame *frame)
{
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (orders[i].type == frame->type)
            return orders[i].handle(zygote, &frame->body);
    if (frame->fd >= 0)
        close(frame->fd);
    return ERR_PEER;
}

static enum err take_orders(struct zygote *zygote)
{
    struct ipc_frame frame;
    enum err error = ERR_OK;
    while (error == ERR_OK && !zygote->stopped) {
        error = ipc_receive(zygote->channel, &frame);
        if (error == ERR_OK)
            error = take_order(zygote, &frame);
    }
    return error == ERR_ABSENT ? ERR_OK : error;
}

static enum err beat_when_due(struct zygote *zygote)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < zygote->next_beat_ms)
        return ERR_OK;
    zygote->next_beat_ms = now_ms + ROLE_BEAT_MS;
    return role_beat(zygote->channel, &zygote->writer, 0);
}

/* Until keep writes, a child ends or a beat is due. SIGCHLD is blocked outside, so none is lost between asking and
 * waiting. */
static void wait_for_something(const struct zygote *zygote)
{
    int64_t left_ms = zygote->next_beat_ms - clock_monotonic_ms();
    struct timespec timeout = {.tv_sec = 0};
    if (left_ms > 0)
        timeout = (struct timespec){.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
    struct pollfd wait = {.fd = ipc_channel_fd(zygote->channel), .events = POLLIN};
    if (ipc_channel_wants_write(zygote->channel))
        wait.events |= POLLOUT;
    sigset_t none;
    sigemptyset(&none);
    ppoll(&wait, 1, &timeout, &none);
}

static enum err run(struct zygote *zygote)
{
    enum err error = ERR_OK;
    while (error == ERR_OK && !zygote->stopped) {
        wait_for_something(zygote);
        error = ipc_flush(zygote->channel);
        if (error == ERR_OK)
            error = reap_children(zygote);
        if (error == ERR_OK)
            error = take_orders(zygote);
        if (error == ERR_OK)
            error = beat_when_due(zygote);
    }
    return error;
}

static void watch_children(void)
{
    sigset_t child;
    struct sigaction action = {.sa_handler = on_child};
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    sigaction(SIGCHLD, &action, NULL);
}

int screen_main(void)
{
    struct zygote zygote = {.channel = role_open(ROLE_SCREEN, NULL)};
    watch_children();
    enum err error = run(&zygote);
    for (uint32_t slot = 0; slot < zygote.slots; slot++)
        (void)end_child(&zygote, slot);
    if (zygote.stopped)
        (void)ipc_flush_wait(zygote.channel, SEND_LAST_MS);
    ruleset_free(&zygote.ruleset);
    pack_free(&zygote.pack);
    ipc_channel_free(&zygote.channel);
    ipc_writer_free(&zygote.writer);
    return error == ERR_OK ? EXIT_STOPPED : EXIT_FAILED;
}
