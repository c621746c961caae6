/*
 * The processes that keep starts: heartbeat, permits, restart with back-off. Run by keep; trusts no peer: a frame out
 * of turn, malformed or unexpected costs the peer its process and nothing more.
 */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Frames taken from one peer in one turn, so that a talkative one does not keep the others waiting. */
enum { FAIR_SHARE = 256 };

/* A role that ran this long was healthy: its next restart is quick again. */
enum { HEALTHY_MS = 120000 };

bool peer_is_ready(const struct peer *peer)
{
    return peer->pid > 0 && peer->state == PEER_READY;
}

static uint32_t backoff_limit(struct keep *keep, const struct peer *peer)
{
    if (peer->role != ROLE_FETCH || journal_has_open_page(keep->journal))
        return KEEP_PAGE_BACKOFF_MS;
    return KEEP_MAX_BACKOFF_MS;
}

static void plan_restart(struct keep *keep, struct peer *peer)
{
    int64_t now = clock_monotonic_ms();
    if (now - peer->started_ms > HEALTHY_MS || peer->backoff_ms == 0)
        peer->backoff_ms = KEEP_FIRST_BACKOFF_MS;
    else
        peer->backoff_ms *= 2;
    uint32_t limit = backoff_limit(keep, peer);
    if (peer->backoff_ms > limit)
        peer->backoff_ms = limit;
    peer->start_at_ms = now + peer->backoff_ms;
}

/* The wait status as of waitpid(2): that of its own end, or of our SIGKILL. */
static int kill_and_reap(pid_t pid)
{
    int status = 0;
    kill(pid, SIGKILL);
    pid_t reaped;
    do
        reaped = waitpid(pid, &status, 0);
    while (reaped < 0 && errno == EINTR);
    return status;
}

static int end_process(struct keep *keep, struct peer *peer)
{
    int status = kill_and_reap(peer->pid);
    peer->pid = 0;
    ipc_channel_free(&peer->channel);
    peer->lost(keep, peer);
    return status;
}

void peer_end(struct keep *keep, struct peer *peer)
{
    if (peer->pid > 0)
        end_process(keep, peer);
}

void peer_lose(struct keep *keep, struct peer *peer, const char *why)
{
    pid_t pid = peer->pid;
    peer->is_faulty = true;
    int status = end_process(keep, peer);
    peer->is_faulty = false;
    log_warn("role-lost", LOG_NAME("role", peer->label), LOG_NAME("why", why), LOG_NUMBER("pid", pid),
             LOG_NUMBER("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
             LOG_NUMBER("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    peer->restarts++;
    plan_restart(keep, peer);
}

void peer_run(struct keep *keep, struct peer *peer)
{
    int64_t now = clock_monotonic_ms();
    if (peer->pid > 0 || now < peer->start_at_ms)
        return;
    peer->started_ms = now;
    if (role_start(peer->role, peer->label, &peer->pid, &peer->channel) != ERR_OK) {
        log_error("role-start-failed", LOG_NAME("role", peer->label));
        peer->pid = 0;
        plan_restart(keep, peer);
        return;
    }
    peer->state = PEER_STARTING;
    peer->heard_ms = now;
    peer->allowed_ms = 0;
    log_info("role-started", LOG_NAME("role", peer->label), LOG_NUMBER("pid", peer->pid));
    if (peer->begin(keep, peer) != ERR_OK && peer->pid > 0)
        peer_lose(keep, peer, "setup-failed");
}

static bool take_beat(struct peer *peer, struct ipc_reader *body)
{
    uint32_t allow_ms = ipc_get_u32(body);
    if (!ipc_read_end(body) || allow_ms > KEEP_MAX_ALLOWANCE_MS)
        return false;
    peer->allowed_ms = allow_ms ? peer->heard_ms + allow_ms : 0;
    return true;
}

static bool take_frame(struct keep *keep, struct peer *peer, struct ipc_frame *frame)
{
    if (!frame_permitted(frame->type, peer->role, peer->state))
        return false;
    if (frame->type == FRAME_BEAT)
        return take_beat(peer, &frame->body);
    return peer->take(keep, peer, frame);
}

void peer_hear(struct keep *keep, struct peer *peer)
{
    for (int i = 0; i < FAIR_SHARE && peer->pid > 0; i++) {
        struct ipc_frame frame;
        enum err error = ipc_receive(peer->channel, &frame);
        if (error == ERR_ABSENT)
            return;
        if (error != ERR_OK) {
            if (peer->state == PEER_STOPPING)
                peer_end(keep, peer); /* it did what it was told */
            else
                peer_lose(keep, peer, "channel");
            return;
        }
        peer->heard_ms = clock_monotonic_ms();
        bool good = take_frame(keep, peer, &frame);
        if (frame.fd >= 0)
            close(frame.fd);
        if (!good && peer->pid > 0)
            peer_lose(keep, peer, "protocol");
    }
}

void peer_watch(struct keep *keep, struct peer *peer)
{
    if (peer->pid <= 0)
        return;
    int64_t limit = peer->heard_ms + KEEP_MAX_SILENCE_MS;
    if (peer->allowed_ms + KEEP_FETCH_GRACE_MS > limit)
        limit = peer->allowed_ms + KEEP_FETCH_GRACE_MS;
    if (clock_monotonic_ms() > limit)
        peer_lose(keep, peer, "silent");
}

bool peer_send(struct keep *keep, struct peer *peer, struct ipc_writer *writer, int fd)
{
    if (peer->pid <= 0 || ipc_write_end(writer) != ERR_OK || ipc_send(peer->channel, writer, fd) != ERR_OK) {
        if (fd >= 0)
            close(fd);
        if (peer->pid > 0)
            peer_lose(keep, peer, "send");
        return false;
    }
    return true;
}
