/* Asking keep over its control socket. The command only; the answer is not trusted to be well formed. */
#include <attune/clock.h>
#include <attune/conf.h>
#include <attune/control.h>
#include <attune/controlclient.h>
#include <attune/offline.h>
#include <attune/output.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static enum cli_exit explain_connect(const char *path, int error, struct buf *problem)
{
    if (error == EACCES || error == EPERM) {
        buf_addf(problem, "You may not ask the daemon at %s: its run_dir belongs to root and control_group.", path);
        return CLI_USAGE;
    }
    buf_addf(problem, "No daemon answers at %s (%s).", path, strerror(error));
    return CLI_NO_DAEMON;
}

static enum cli_exit connect_to(const char *path, int *out, struct buf *problem)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        buf_addf(problem, "The path %s is too long for a socket: run_dir must be shorter than %zu bytes.", path,
                 sizeof address.sun_path - strlen("/" CONTROL_SOCKET_NAME));
        return CLI_USAGE;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        *out = fd;
        return CLI_DONE;
    }
    enum cli_exit status = explain_connect(path, errno, problem);
    if (fd >= 0)
        close(fd);
    return status;
}

/* Waits for `events` until the deadline; false when it passed. */
static bool wait_for(int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        int64_t left = deadline_ms - clock_monotonic_ms();
        struct pollfd waiting = {.fd = fd, .events = events};
        if (left <= 0)
            return false;
        int ready = poll(&waiting, 1, (int)left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

static bool send_request(int fd, const struct buf *line, int64_t deadline_ms)
{
    for (size_t sent = 0; sent < line->length;) {
        ssize_t now = send(fd, line->data + sent, line->length - sent, MSG_NOSIGNAL);
        if (now >= 0)
            sent += (size_t)now;
        else if (errno == EAGAIN ? !wait_for(fd, POLLOUT, deadline_ms) : errno != EINTR)
            return false;
    }
    return true;
}

/* Reads to the end of file. The word for what went wrong, or NULL. */
static const char *read_answer(int fd, struct buf *answer, int64_t deadline_ms)
{
    char piece[16 * 1024];
    for (;;) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got == 0)
            return answer->length ? NULL : "it closed the connection without an answer";
        if (got > 0 && buf_add(answer, piece, (size_t)got) != ERR_OK)
            return "its answer is longer than an answer can be";
        if (got < 0 && errno == EAGAIN && !wait_for(fd, POLLIN, deadline_ms))
            return "it does not answer in time";
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return "the connection was cut";
    }
}

static const char *parse_answer(const struct buf *text, json_t **out)
{
    json_t *answer = json_loadb(text->data, text->length, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_boolean(json_object_get(answer, "ok"))) {
        *out = answer;
        return NULL;
    }
    json_decref(answer);
    return "what it answered is not an answer";
}

static const char *exchange(int fd, const json_t *request, int64_t deadline_ms, json_t **out)
{
    struct buf line, text;
    buf_init(&line, CONTROL_MAX_REQUEST);
    buf_init(&text, CONTROL_MAX_ANSWER);
    const char *why = NULL;
    if (output_add_json(&line, request) != ERR_OK)
        why = "the request is too long";
    else if (!send_request(fd, &line, deadline_ms))
        why = "it does not take the request";
    else
        why = read_answer(fd, &text, deadline_ms);
    if (!why)
        why = parse_answer(&text, out);
    buf_free(&text);
    buf_free(&line);
    return why;
}

enum cli_exit controlclient_ask(const char *path, const json_t *request, int timeout_ms, json_t **answer,
                                struct buf *problem)
{
    int fd;
    *answer = NULL;
    enum cli_exit status = connect_to(path, &fd, problem);
    if (status != CLI_DONE)
        return status;
    const char *why = exchange(fd, request, clock_monotonic_ms() + timeout_ms, answer);
    close(fd);
    if (!why)
        return CLI_DONE;
    buf_addf(problem, "The daemon at %s cannot be asked: %s.", path, why);
    return CLI_NO_DAEMON;
}

struct str controlclient_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value))
        return STR("");
    return (struct str){json_string_value(value), json_string_length(value)};
}

static enum cli_exit report(const struct cli_arguments *arguments, struct str problem, enum cli_exit status)
{
    output_problem("%.*s", (int)problem.length, problem.data);
    if (arguments->json) {
        json_t *object = json_pack("{s:b, s:o, s:i}", "ok", 0, "error", output_json_text(problem), "exit", status);
        output_print_json(object);
        json_decref(object);
    }
    return status;
}

/* What a refusal says the command exits with; anything but 1 and 2 is the daemon's mistake. */
static enum cli_exit refusal_status(const json_t *answer)
{
    json_int_t status = json_integer_value(json_object_get(answer, "exit"));
    return status == CLI_FAILED || status == CLI_USAGE ? (enum cli_exit)status : CLI_FAILED;
}

/* A page must be acknowledged also while somebody has the configuration open and half changed: --socket goes round it.
 */
static enum cli_exit find_socket(const struct cli_arguments *arguments, struct buf *path)
{
    struct conf *conf;
    struct diag diag;
    if (arguments->socket)
        return buf_add_text(path, arguments->socket) == ERR_OK ? CLI_DONE : CLI_USAGE;
    diag_init(&diag);
    enum err error = conf_load(arguments->config ? arguments->config : CONTROL_DEFAULT_CONFIG, &conf, &diag);
    output_findings(&diag);
    diag_free(&diag);
    if (error != ERR_OK) {
        output_problem("the daemon's socket stands in the configuration; --socket PATH names it without one.");
        return CLI_USAGE;
    }
    buf_addf(path, "%s/" CONTROL_SOCKET_NAME, conf->run_dir);
    conf_free(&conf);
    return CLI_DONE;
}

enum cli_exit controlclient_run(const struct cli_arguments *arguments, const json_t *request, json_t **answer)
{
    struct buf path, problem;
    buf_init(&path, 4096); /* PATH_MAX */
    buf_init(&problem, OUTPUT_MAX);
    enum cli_exit status = find_socket(arguments, &path);
    if (status == CLI_DONE) {
        status = controlclient_ask(buf_text(&path), request, CONTROL_TIMEOUT_MS, answer, &problem);
        if (status == CLI_NO_DAEMON && offline_answer(arguments, request, answer)) {
            output_problem("%s What follows is from its journal.", buf_text(&problem));
            status = CLI_DONE;
        }
        if (status != CLI_DONE)
            report(arguments, buf_str(&problem), status);
    }
    if (status == CLI_DONE && !json_is_true(json_object_get(*answer, "ok"))) {
        struct str error = controlclient_text(*answer, "error");
        status = report(arguments, error.length ? error : STR("The daemon refused and did not say why."),
                        refusal_status(*answer));
        json_decref(*answer);
        *answer = NULL;
    }
    buf_free(&problem);
    buf_free(&path);
    return status;
}
