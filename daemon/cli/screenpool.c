/* Screen children for the command: gives them messages, takes verdicts, replaces the lost. Holds no mail but in sealed
 * memory; trusts no child: a verdict is checked in form here and worth only what the rule set says. */
#include <attune/arena.h>
#include <attune/clock.h>
#include <attune/ipc.h>
#include <attune/screenpool.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* One verdict decoded: 1,024 hits with their words take under 64 KiB; the rest is room. */
enum { VERDICT_ARENA = 1024 * 1024 };

struct job {
    struct job *next;
    uint64_t ticket;
    int fd; /* sealed memory */
    size_t length;
    enum screen_mode mode;
    unsigned reasons; /* why it is not read for the first time */
    bool is_probe;    /* our own empty message */
};

struct queue_of_jobs {
    struct job *head;
    struct job **tail;
};

struct worker {
    pid_t pid;
    struct ipc_channel *channel; /* NULL: no child stands here */
    struct job *jobs[SCREENPOOL_IN_FLIGHT];
    size_t job_count;
    unsigned given;      /* to this child in its life */
    int64_t deadline_ms; /* of jobs[0] */
};

struct screenpool {
    struct screenpool_setup setup;
    struct queue_of_jobs waiting;
    size_t job_count; /* waiting or with a child */
    size_t bytes;
    int64_t left_at_ms; /* when the last step ended */
    bool probed;
    bool broken; /* the probe was not answered */
    struct ipc_writer writer;
    struct arena *arena;
    struct worker workers[SCREEN_MAX_CHILDREN];
};

static void queue_init(struct queue_of_jobs *queue)
{
    queue->head = NULL;
    queue->tail = &queue->head;
}

static void queue_add(struct queue_of_jobs *queue, struct job *job)
{
    job->next = NULL;
    *queue->tail = job;
    queue->tail = &job->next;
}

static void queue_add_first(struct queue_of_jobs *queue, struct job *job)
{
    job->next = queue->head;
    if (!queue->head)
        queue->tail = &job->next;
    queue->head = job;
}

static struct job *queue_take(struct queue_of_jobs *queue)
{
    struct job *job = queue->head;
    queue->head = job->next;
    if (!queue->head)
        queue->tail = &queue->head;
    return job;
}

struct screenpool *screenpool_new(const struct screenpool_setup *setup)
{
    struct screenpool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->setup = *setup;
    if (pool->setup.children > SCREEN_MAX_CHILDREN)
        pool->setup.children = SCREEN_MAX_CHILDREN;
    queue_init(&pool->waiting);
    pool->arena = arena_new(VERDICT_ARENA);
    if (!pool->arena)
        screenpool_free(&pool);
    return pool;
}

static void free_job(struct screenpool *pool, struct job *job)
{
    close(job->fd);
    pool->job_count--;
    pool->bytes -= job->length;
    free(job);
}

/* A child has nothing to save: it is ended at once, also when it hangs. */
static void end_child(struct worker *worker)
{
    kill(worker->pid, SIGKILL);
    ipc_channel_free(&worker->channel);
    while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    worker->pid = 0;
    worker->given = 0;
}

void screenpool_free(struct screenpool **pool)
{
    if (!*pool)
        return;
    for (size_t i = 0; i < (*pool)->setup.children; i++) {
        struct worker *worker = &(*pool)->workers[i];
        if (worker->channel)
            end_child(worker);
        while (worker->job_count)
            free_job(*pool, worker->jobs[--worker->job_count]);
    }
    while ((*pool)->waiting.head)
        free_job(*pool, queue_take(&(*pool)->waiting));
    ipc_writer_free(&(*pool)->writer);
    arena_free(&(*pool)->arena);
    free(*pool);
    *pool = NULL;
}

bool screenpool_is_idle(const struct screenpool *pool)
{
    return pool->job_count == 0;
}

bool screenpool_has_room(const struct screenpool *pool, size_t length)
{
    if (pool->job_count == 0)
        return true;
    return pool->job_count < pool->setup.children * SCREENPOOL_IN_FLIGHT &&
           pool->bytes + length <= SCREENPOOL_MAX_BYTES;
}

static struct job *add_job(struct screenpool *pool, struct str raw)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job || screen_seal(raw.data, raw.length, &job->fd) != ERR_OK) {
        free(job);
        return NULL;
    }
    job->length = raw.length;
    job->mode = SCREEN_FULL;
    pool->job_count++;
    pool->bytes += raw.length;
    queue_add(&pool->waiting, job);
    return job;
}

enum err screenpool_give(struct screenpool *pool, uint64_t ticket, struct str raw)
{
    if (!pool->probed) {
        struct job *probe = add_job(pool, STR(""));
        if (!probe)
            return ERR_SYSTEM;
        probe->is_probe = pool->probed = true;
    }
    struct job *job = add_job(pool, raw);
    if (!job)
        return ERR_SYSTEM;
    job->ticket = ticket;
    return ERR_OK;
}

/* --- a child's loss ---------------------------------------------------------------------------------------------- */

static void give_up(struct screenpool *pool, struct job *job)
{
    struct verdict verdict = {.class = CLASS_UNKNOWN, .reasons = job->reasons, .zone_minutes = INT32_MIN};
    pool->setup.done(pool->setup.context, job->ticket, &verdict, NULL);
    free_job(pool, job);
}

/* The message a child was at when it was lost: once more on raw text alone, then it goes to people. */
static void blame(struct screenpool *pool, struct job *job, unsigned reason)
{
    if (job->is_probe) {
        pool->broken = true;
        free_job(pool, job);
        return;
    }
    job->reasons |= reason;
    if (job->mode == SCREEN_RAW) {
        give_up(pool, job);
        return;
    }
    job->mode = SCREEN_RAW;
    queue_add_first(&pool->waiting, job);
}

static void lose_child(struct screenpool *pool, struct worker *worker, unsigned reason)
{
    end_child(worker);
    for (size_t i = worker->job_count; i > 1; i--)
        queue_add_first(&pool->waiting, worker->jobs[i - 1]);
    size_t held = worker->job_count;
    worker->job_count = 0;
    if (held)
        blame(pool, worker->jobs[0], reason);
}

/* --- verdicts ---------------------------------------------------------------------------------------------------- */

static bool read_verdict(struct screenpool *pool, struct ipc_frame *frame, uint64_t *ticket, struct verdict *verdict,
                         const struct str **texts)
{
    if (frame->type != FRAME_CHILD_VERDICT)
        return false;
    *ticket = ipc_get_u64(&frame->body);
    return verdict_get(&frame->body, pool->arena, pool->setup.rule_count, verdict) == ERR_OK &&
           verdict_get_texts(&frame->body, pool->arena, verdict->hit_count, texts) == ERR_OK &&
           ipc_read_end(&frame->body);
}

static bool take_verdict(struct screenpool *pool, struct worker *worker, struct ipc_frame *frame)
{
    struct verdict verdict;
    const struct str *texts;
    uint64_t ticket;
    arena_reset(pool->arena);
    if (worker->job_count == 0 || !read_verdict(pool, frame, &ticket, &verdict, &texts) ||
        ticket != worker->jobs[0]->ticket)
        return false;
    struct job *job = worker->jobs[0];
    verdict.reasons |= job->reasons;
    memmove(worker->jobs, worker->jobs + 1, --worker->job_count * sizeof worker->jobs[0]);
    worker->deadline_ms = clock_monotonic_ms() + pool->setup.wall_ms;
    if (!job->is_probe)
        pool->setup.done(pool->setup.context, ticket, &verdict, texts);
    free_job(pool, job);
    return true;
}

static void hear_child(struct screenpool *pool, struct worker *worker)
{
    for (;;) {
        struct ipc_frame frame;
        enum err error = ipc_receive(worker->channel, &frame);
        if (error == ERR_ABSENT)
            return;
        if (error != ERR_OK || !take_verdict(pool, worker, &frame)) {
            lose_child(pool, worker, REASON_SCREEN_CRASH);
            return;
        }
    }
}

/* --- giving messages --------------------------------------------------------------------------------------------- */

static enum err start_child(struct screenpool *pool, struct worker *worker)
{
    int fd;
    enum err error = pool->setup.fork_child(pool->setup.ruleset, &worker->pid, &fd);
    if (error != ERR_OK)
        return error;
    worker->channel = ipc_channel_new(fd);
    if (worker->channel)
        return ERR_OK;
    kill(worker->pid, SIGKILL);
    waitpid(worker->pid, NULL, 0);
    return ERR_SYSTEM;
}

/* Sends a job to the child, which gets a descriptor of its own: ours stays for a second try. */
static enum err send_job(struct screenpool *pool, struct worker *worker, struct job *job)
{
    int fd = fcntl(job->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0 || ipc_write_begin(&pool->writer, FRAME_CHILD_SCREEN) != ERR_OK) {
        if (fd >= 0)
            close(fd);
        return ERR_SYSTEM;
    }
    ipc_put_u64(&pool->writer, job->ticket);
    ipc_put_u8(&pool->writer, (uint8_t)(job->mode | SCREEN_WITH_TEXT));
    if (ipc_write_end(&pool->writer) != ERR_OK)
        bug("CHILD_SCREEN does not fit its frame");
    enum err error = ipc_send(worker->channel, &pool->writer, fd);
    if (error != ERR_OK)
        close(fd);
    return error;
}

/* The child that takes the next message: the one with the fewest, so that a short list is spread over the cores. */
static struct worker *choose_worker(struct screenpool *pool)
{
    struct worker *best = NULL;
    for (size_t i = 0; i < pool->setup.children; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->job_count == SCREENPOOL_IN_FLIGHT || worker->given == SCREEN_CHILD_MESSAGES)
            continue;
        if (!best || worker->job_count < best->job_count)
            best = worker;
    }
    return best;
}

static enum err feed_child(struct screenpool *pool, struct worker *worker)
{
    if (!worker->channel && start_child(pool, worker) != ERR_OK)
        return ERR_SYSTEM;
    enum err error = send_job(pool, worker, pool->waiting.head);
    if (error == ERR_PEER) {
        /* It gets no more; what it answered before it died is still to be read, and then its end is found. */
        worker->given = SCREEN_CHILD_MESSAGES;
        return ERR_OK;
    }
    if (error != ERR_OK)
        return error;
    if (worker->job_count == 0)
        worker->deadline_ms = clock_monotonic_ms() + pool->setup.wall_ms;
    worker->jobs[worker->job_count++] = queue_take(&pool->waiting);
    worker->given++;
    return ERR_OK;
}

static void retire_children(struct screenpool *pool)
{
    for (size_t i = 0; i < pool->setup.children; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->channel && worker->job_count == 0 && worker->given == SCREEN_CHILD_MESSAGES)
            end_child(worker);
    }
}

static enum err feed_children(struct screenpool *pool)
{
    struct worker *worker;
    retire_children(pool);
    while (pool->waiting.head && (worker = choose_worker(pool)) != NULL)
        if (feed_child(pool, worker) != ERR_OK)
            return ERR_SYSTEM;
    return ERR_OK;
}

/* --- the loop ---------------------------------------------------------------------------------------------------- */

static int next_deadline(const struct screenpool *pool, int timeout_ms)
{
    int64_t now = clock_monotonic_ms(), least = timeout_ms;
    for (size_t i = 0; i < pool->setup.children; i++)
        if (pool->workers[i].job_count && pool->workers[i].deadline_ms - now < least)
            least = pool->workers[i].deadline_ms - now;
    return least > 0 ? (int)least : 0;
}

static void end_overdue(struct screenpool *pool)
{
    int64_t now = clock_monotonic_ms();
    for (size_t i = 0; i < pool->setup.children; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->channel && worker->job_count && worker->deadline_ms <= now)
            lose_child(pool, worker, REASON_SCREEN_TIMEOUT);
    }
}

static void wait_for_children(struct screenpool *pool, int timeout_ms)
{
    struct pollfd waiting[SCREEN_MAX_CHILDREN];
    struct worker *owners[SCREEN_MAX_CHILDREN];
    nfds_t count = 0;
    for (size_t i = 0; i < pool->setup.children; i++) {
        struct worker *worker = &pool->workers[i];
        if (!worker->channel)
            continue;
        owners[count] = worker;
        waiting[count++] = (struct pollfd){
            .fd = ipc_channel_fd(worker->channel),
            .events = (short)(POLLIN | (ipc_channel_wants_write(worker->channel) ? POLLOUT : 0)),
        };
    }
    if (poll(waiting, count, next_deadline(pool, timeout_ms)) <= 0)
        return;
    for (nfds_t i = 0; i < count; i++) {
        if (waiting[i].revents & POLLOUT)
            (void)ipc_flush(owners[i]->channel); /* a dead peer shows as end of file */
        if (waiting[i].revents & ~POLLOUT)
            hear_child(pool, owners[i]);
    }
}

/* While the caller did something else (a pager that does not read holds it for minutes) nobody took the answers: that
 * time is not the children's. */
static void excuse_absence(struct screenpool *pool)
{
    int64_t away_ms = clock_monotonic_ms() - pool->left_at_ms;
    for (size_t i = 0; i < pool->setup.children; i++)
        pool->workers[i].deadline_ms += away_ms;
}

static enum err step(struct screenpool *pool, int timeout_ms)
{
    if (feed_children(pool) != ERR_OK)
        return ERR_SYSTEM;
    if (screenpool_is_idle(pool))
        return ERR_OK;
    wait_for_children(pool, timeout_ms);
    end_overdue(pool);
    return pool->broken ? ERR_SYSTEM : ERR_OK;
}

enum err screenpool_step(struct screenpool *pool, int timeout_ms)
{
    if (pool->left_at_ms)
        excuse_absence(pool);
    enum err error = step(pool, timeout_ms);
    pool->left_at_ms = clock_monotonic_ms();
    if (pool->broken)
        errno = 0;
    return error;
}
