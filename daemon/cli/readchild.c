/* A sandboxed child that reads one message and writes what it saw to a pipe as JSON. The command only; the mail and the
 * child's answer are hostile. */
#include <attune/clock.h>
#include <attune/output.h>
#include <attune/readchild.h>
#include <attune/report.h>
#include <attune/role.h>
#include <attune/sandbox.h>
#include <attune/screen.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_FD = 3 };

/* What a child is forked for. */
struct task {
    struct ruleset *ruleset; /* NULL: reading alone */
    struct str raw;
    enum screen_mode mode;
};

static json_t *flag_list(const struct reading *reading)
{
    const struct {
        bool set;
        const char *name;
    } flags[] = {
        {reading->is_forward, "forward"},
        {reading->points_at_quotation, "points-at-quotation"},
        {reading->repeats_subject, "repeats-subject"},
        {reading->hidden_text, "hidden-text"},
        {reading->automatic, "automatic"},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (flags[i].set)
            json_array_append_new(list, json_string(flags[i].name));
    return list;
}

json_t *readchild_object(const struct reading *reading)
{
    json_t *object = json_object();
    json_object_set_new(object, "message_id",
                        reading->message_id.length ? output_json_text(reading->message_id) : json_null());
    json_object_set_new(object, "class", json_string(mail_class_name(reading->class)));
    json_object_set_new(object, "language", *reading->language ? json_string(reading->language) : json_null());
    for (enum text_field field = 0; field < FIELD_COUNT; field++)
        json_object_set_new(object, text_field_name(field), output_json_text(reading->fields[field]));
    json_object_set_new(object, "flags", flag_list(reading));
    json_object_set_new(object, "unscreened", report_reasons(reading->reasons));
    return object;
}

/* --- the child --------------------------------------------------------------------------------------------------- */

static bool write_all(const struct buf *line)
{
    for (size_t sent = 0; sent < line->length;) {
        ssize_t now = write(CHILD_FD, line->data + sent, line->length - sent);
        if (now < 0 && errno != EINTR)
            return false;
        sent += now > 0 ? (size_t)now : 0;
    }
    return true;
}

static json_t *hit_list(const struct verdict *verdict)
{
    json_t *list = json_array();
    for (size_t i = 0; i < verdict->hit_count; i++) {
        const struct hit *hit = &verdict->hits[i];
        json_array_append_new(list, json_pack("[I, i, I, I, i]", (json_int_t)hit->rule, (int)hit->field,
                                              (json_int_t)hit->start, (json_int_t)hit->end, (int)hit->lowered));
    }
    return list;
}

/* NULL without memory. */
static json_t *read_object(struct arena *arena, const struct task *task)
{
    struct reading reading;
    struct verdict verdict;
    if (!task->ruleset)
        return reading_from_mail(arena, task->raw, task->mode, &reading) == ERR_OK ? readchild_object(&reading) : NULL;
    if (screen_message(task->ruleset, arena, task->raw, task->mode, &verdict, &reading) != ERR_OK)
        return NULL;
    reading.reasons = verdict.reasons;
    json_t *object = readchild_object(&reading);
    json_object_set_new(object, "hits", hit_list(&verdict));
    return object;
}

static bool read_and_tell(const struct task *task)
{
    struct buf line;
    struct arena *arena = arena_new(READING_ARENA);
    buf_init(&line, READCHILD_MAX_ANSWER);
    return arena && output_add_json(&line, read_object(arena, task)) == ERR_OK && write_all(&line);
}

/* Whatever the parent had open is closed but standard error and the pipe; then the sandbox shuts. */
static bool lock_down(pid_t parent, int pipe_fd)
{
    role_reset_signals();
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && prctl(PR_SET_DUMPABLE, 0) == 0 &&
           (pipe_fd == CHILD_FD || dup2(pipe_fd, CHILD_FD) == CHILD_FD) && close_range(0, 1, 0) == 0 &&
           close_range(CHILD_FD + 1, ~0U, 0) == 0 && sandbox_limit_child(SCREEN_CHILD_MEMORY) == ERR_OK &&
           sandbox_enter(SANDBOX_CHILD, NULL, 0, NULL) == ERR_OK;
}

_Noreturn static void become_child(const struct task *task, pid_t parent, int pipe_fd)
{
    if (!lock_down(parent, pipe_fd))
        _exit(SCREEN_EXIT_SYSTEM);
    _exit(read_and_tell(task) ? SCREEN_EXIT_DONE : SCREEN_EXIT_SYSTEM);
}

/* --- its parent -------------------------------------------------------------------------------------------------- */

/* 0, or why the message was not read. */
static unsigned hear(int fd, struct buf *answer)
{
    char piece[16 * 1024];
    int64_t deadline = clock_monotonic_ms() + SCREEN_CHILD_WALL_MS;
    for (;;) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - clock_monotonic_ms();
        if (left <= 0)
            return REASON_SCREEN_TIMEOUT;
        if (poll(&waiting, 1, (int)left) <= 0)
            continue;
        ssize_t got = read(fd, piece, sizeof piece);
        if (got == 0)
            return 0;
        if ((got < 0 && errno != EINTR) || (got > 0 && buf_add(answer, piece, (size_t)got) != ERR_OK))
            return REASON_SCREEN_CRASH;
    }
}

static bool is_answer(const json_t *object)
{
    if (!json_is_array(json_object_get(object, "flags")) || !json_is_array(json_object_get(object, "unscreened")) ||
        !json_is_string(json_object_get(object, "class")))
        return false;
    for (enum text_field field = 0; field < FIELD_COUNT; field++)
        if (!json_is_string(json_object_get(object, text_field_name(field))))
            return false;
    return true;
}

static json_t *parse(const struct buf *answer)
{
    json_t *object = json_loadb(buf_text(answer), answer->length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    if (is_answer(object))
        return object;
    json_decref(object);
    return NULL;
}

static enum err start_child(const struct task *task, pid_t *pid, int *fd)
{
    int ends[2];
    pid_t parent = getpid();
    if (sandbox_prepare(SANDBOX_CHILD) != ERR_OK || pipe2(ends, O_CLOEXEC) < 0)
        return ERR_SYSTEM;
    *pid = fork();
    if (*pid == 0)
        become_child(task, parent, ends[1]);
    close(ends[1]);
    *fd = ends[0];
    if (*pid > 0)
        return ERR_OK;
    close(ends[0]);
    return ERR_SYSTEM;
}

/* One try. *out stays NULL, with *reason set, when the child did not give a reading. */
static enum err try_once(const struct task *task, json_t **out, unsigned *reason)
{
    struct buf answer;
    pid_t pid;
    int fd, status;
    *out = NULL;
    if (start_child(task, &pid, &fd) != ERR_OK)
        return ERR_SYSTEM;
    buf_init(&answer, READCHILD_MAX_ANSWER);
    *reason = hear(fd, &answer);
    if (*reason)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(fd);
    if (!*reason)
        *out = parse(&answer);
    if (!*reason && !*out)
        *reason = REASON_SCREEN_CRASH;
    buf_free(&answer);
    return ERR_OK;
}

static enum err read_twice(struct task task, json_t **out)
{
    unsigned reason = 0, second = 0;
    json_object_seed(0); /* jansson draws its hash seed from a file, which the child could not open */
    if (try_once(&task, out, &reason) != ERR_OK)
        return ERR_SYSTEM;
    if (*out)
        return ERR_OK;
    task.mode = SCREEN_RAW;
    if (try_once(&task, out, &second) != ERR_OK)
        return ERR_SYSTEM;
    if (!*out) {
        const struct reading nothing = {.class = CLASS_UNKNOWN, .zone_minutes = INT32_MIN};
        *out = readchild_object(&nothing);
    }
    json_t *reasons = report_reasons(reason | second);
    json_array_extend(json_object_get(*out, "unscreened"), reasons);
    json_decref(reasons);
    return *out ? ERR_OK : ERR_SYSTEM;
}

enum err readchild_read(struct str raw, json_t **out)
{
    return read_twice((struct task){.raw = raw, .mode = SCREEN_FULL}, out);
}

enum err readchild_screen(struct ruleset *ruleset, struct str raw, json_t **out)
{
    return read_twice((struct task){.ruleset = ruleset, .raw = raw, .mode = SCREEN_FULL}, out);
}
