/*
 * A screen child: forked from a process that holds a compiled rule set, locked down, serving one message at a time
 * until its socket closes. It parses hostile bytes and is believed in nothing but bounded answers; whatever goes wrong
 * in it ends it, and the one that gave the message sees that by the closed socket.
 */
#include <attune/fault.h>
#include <attune/log.h>
#include <attune/role.h>
#include <attune/sandbox.h>
#include <attune/screen.h>
#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

struct child {
    struct ruleset *ruleset;
    struct arena *arena;
    struct ipc_channel *channel;
    struct ipc_writer writer;
};

/* From here to the next message; the default action of SIGPROF ends the process. */
static void start_cpu_budget(void)
{
    static const struct itimerval budget = {.it_value = {.tv_sec = SCREEN_CHILD_CPU_S}};
    setitimer(ITIMER_PROF, &budget, NULL);
}

struct order {
    uint64_t job;
    enum screen_mode mode;
    bool with_text; /* the words of the hits too: asked by the operator's command, never by keep */
};

static int answer(struct child *child, const struct order *order, const struct verdict *verdict,
                  const struct reading *reading)
{
    if (ipc_write_begin(&child->writer, FRAME_CHILD_VERDICT) != ERR_OK)
        return SCREEN_EXIT_SYSTEM;
    ipc_put_u64(&child->writer, order->job);
    verdict_put(&child->writer, verdict);
    if (order->with_text)
        verdict_put_texts(&child->writer, verdict, reading);
    if (ipc_write_end(&child->writer) != ERR_OK)
        bug("a verdict within its limits does not fit its frame");
    if (ipc_send(child->channel, &child->writer, -1) != ERR_OK ||
        ipc_flush_wait(child->channel, SCREEN_CHILD_WALL_MS) != ERR_OK)
        return SCREEN_EXIT_PEER;
    return SCREEN_EXIT_DONE;
}

static int screen_one(struct child *child, const struct order *order, struct str raw)
{
    struct verdict verdict;
    struct reading reading;
    start_cpu_budget();
#ifdef ATTUNE_FAULTS
    fault_before_screening(raw, order->mode);
#endif
    enum err error = screen_message(child->ruleset, child->arena, raw, order->mode, &verdict, &reading);
    if (error != ERR_OK)
        return SCREEN_EXIT_SYSTEM;
#ifdef ATTUNE_FAULTS
    fault_after_screening(raw, &verdict);
#endif
    int status = answer(child, order, &verdict, &reading);
    arena_reset(child->arena);
    return status;
}

static bool read_order(struct ipc_frame *frame, struct order *order)
{
    order->job = ipc_get_u64(&frame->body);
    unsigned mode = ipc_get_u8(&frame->body);
    order->with_text = (mode & SCREEN_WITH_TEXT) != 0;
    order->mode = (enum screen_mode)(mode & ~(unsigned)SCREEN_WITH_TEXT);
    return frame->type == FRAME_CHILD_SCREEN && ipc_read_end(&frame->body) && order->mode <= SCREEN_RAW;
}

static int take_order(struct child *child, struct ipc_frame *frame)
{
    struct order order;
    struct str raw;
    if (!read_order(frame, &order))
        return SCREEN_EXIT_PEER;
    enum err error = screen_map(frame->fd, READING_MAX_MESSAGE, &raw);
    if (error != ERR_OK)
        return error == ERR_PEER ? SCREEN_EXIT_PEER : SCREEN_EXIT_SYSTEM;
    int status = screen_one(child, &order, raw);
    if (raw.length)
        munmap((void *)(uintptr_t)raw.data, raw.length);
    return status;
}

static int serve(struct child *child)
{
    for (;;) {
        struct pollfd wait = {.fd = ipc_channel_fd(child->channel), .events = POLLIN};
        struct ipc_frame frame;
        if (poll(&wait, 1, -1) < 0 && errno != EINTR)
            return SCREEN_EXIT_SYSTEM;
        enum err error = ipc_receive(child->channel, &frame);
        if (error == ERR_ABSENT)
            continue;
        if (error != ERR_OK)
            return SCREEN_EXIT_DONE; /* the socket closed: nothing is left to do */
        int status = take_order(child, &frame);
        if (frame.fd >= 0)
            close(frame.fd);
        if (status != SCREEN_EXIT_DONE)
            return status;
    }
}

/* Standard error, the socket, and nothing else of what the parent had open. */
static bool keep_descriptors(int socket)
{
    return (socket == ROLE_FD || dup2(socket, ROLE_FD) == ROLE_FD) && close_range(0, 1, 0) == 0 &&
           close_range(ROLE_FD + 1, ~0U, 0) == 0;
}

static bool shed_parent(pid_t parent)
{
    role_reset_signals();
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && prctl(PR_SET_DUMPABLE, 0) == 0;
}

_Noreturn static void become_child(struct ruleset *ruleset, pid_t parent, int socket)
{
    struct child child = {.ruleset = ruleset};
    log_set_role(role_name(ROLE_CHILD));
    if (!shed_parent(parent) || !keep_descriptors(socket))
        _exit(SCREEN_EXIT_SYSTEM);
    child.arena = arena_new(READING_ARENA);
    child.channel = ipc_channel_new(ROLE_FD);
    if (!child.arena || !child.channel || sandbox_limit_child(SCREEN_CHILD_MEMORY) != ERR_OK ||
        sandbox_enter(SANDBOX_CHILD, NULL, 0, NULL) != ERR_OK)
        _exit(SCREEN_EXIT_SYSTEM);
    _exit(serve(&child));
}

enum err screen_fork_child(struct ruleset *ruleset, pid_t *pid, int *fd)
{
    int ours, theirs;
    pid_t parent = getpid();
    if (sandbox_prepare(SANDBOX_CHILD) != ERR_OK || ipc_pair(&ours, &theirs) != ERR_OK)
        return ERR_SYSTEM;
    *pid = fork();
    if (*pid == 0)
        become_child(ruleset, parent, theirs);
    close(theirs);
    if (*pid < 0) {
        close(ours);
        return ERR_SYSTEM;
    }
    *fd = ours;
    return ERR_OK;
}
