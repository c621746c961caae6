/*
 * The control socket: one JSON request a connection, answered after the turn's commit. The caller is known by
 * SO_PEERCRED; acting for another person needs root, the daemon's own user or the admin group, and both names are
 * journalled. Run by keep; a request is hostile input: bounded, timed, parsed by jansson.
 */
#include <attune/clock.h>
#include <attune/control.h>
#include <attune/journal_json.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MIN_PREFIX = 6, MAX_GROUPS = 256 };

/* --- who asks
 * ------------------------------------------------------------------------------------------------------------- */

static bool is_owner(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

static bool is_in_group(uid_t uid, gid_t gid, const char *name)
{
    const struct group *group = name ? getgrnam(name) : NULL;
    const struct passwd *user = getpwuid(uid);
    if (!group)
        return false;
    if (gid == group->gr_gid)
        return true;
    gid_t groups[MAX_GROUPS];
    int count = MAX_GROUPS;
    if (!user || getgrouplist(user->pw_name, gid, groups, &count) < 0)
        return false;
    for (int i = 0; i < count; i++)
        if (groups[i] == group->gr_gid)
            return true;
    return false;
}

static bool may_ask(const struct keep *keep, const struct control_client *client)
{
    return is_owner(client->uid) || is_in_group(client->uid, client->gid, keep->conf->control_group) ||
           is_in_group(client->uid, client->gid, keep->conf->admin_group);
}

static bool may_act_for_others(const struct keep *keep, const struct control_client *client)
{
    return is_owner(client->uid) || is_in_group(client->uid, client->gid, keep->conf->admin_group);
}

static void name_actor(struct control_client *client)
{
    const struct passwd *user = getpwuid(client->uid);
    if (user)
        snprintf(client->actor, sizeof client->actor, "%s", user->pw_name);
    else
        snprintf(client->actor, sizeof client->actor, "uid-%u", (unsigned)client->uid);
}

/* --- the socket
 * ------------------------------------------------------------------------------------------------------------ */

enum err control_open(struct keep *keep, struct diag *diag)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *directory = keep->conf->run_dir;
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/" CONTROL_SOCKET_NAME, directory);
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
        keep->control.clients[i].fd = -1;
    keep->control.listener = -1;
    if (length < 0 || (size_t)length >= sizeof address.sun_path) {
        diag_add(diag, DIAG_ERROR, "", directory, 0, 0, "run_dir", "the path is too long for a socket (107 bytes)");
        return ERR_INPUT;
    }
    mkdir(directory, 0755);
    /* The lock of the state directory makes us the only daemon: a socket that stands here was left behind. */
    unlink(address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, CONTROL_MAX_CLIENTS) < 0) {
        diag_add(diag, DIAG_ERROR, "", address.sun_path, 0, 0, "run_dir", "the control socket cannot be made: %s",
                 strerror(errno));
        if (fd >= 0)
            close(fd);
        return ERR_INPUT;
    }
    const struct group *group = keep->conf->control_group ? getgrnam(keep->conf->control_group) : NULL;
    bool shared = group && chown(address.sun_path, (uid_t)-1, group->gr_gid) == 0;
    chmod(address.sun_path, shared ? 0660 : 0600);
    keep->control.listener = fd;
    return ERR_OK;
}

static void drop_client(struct control_client *client)
{
    close(client->fd);
    free(client->input);
    free(client->answer);
    *client = (struct control_client){.fd = -1};
}

void control_close(struct keep *keep)
{
    if (keep->control.listener < 0)
        return;
    char path[4096];
    snprintf(path, sizeof path, "%s/" CONTROL_SOCKET_NAME, keep->conf->run_dir);
    unlink(path);
    close(keep->control.listener);
    keep->control.listener = -1;
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
        if (keep->control.clients[i].fd >= 0)
            drop_client(&keep->control.clients[i]);
}

static struct control_client *free_client(struct keep *keep)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
        if (keep->control.clients[i].fd < 0)
            return &keep->control.clients[i];
    return NULL;
}

void control_accept(struct keep *keep)
{
    struct control_client *client;
    while ((client = free_client(keep)) != NULL) {
        int fd = accept4(keep->control.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        struct ucred caller;
        socklen_t length = sizeof caller;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &caller, &length) < 0) {
            close(fd);
            continue;
        }
        *client = (struct control_client){.fd = fd,
                                          .uid = caller.uid,
                                          .gid = caller.gid,
                                          .pid = caller.pid,
                                          .deadline_ms = clock_monotonic_ms() + CONTROL_TIMEOUT_MS};
        name_actor(client);
    }
}

/* --- answers
 * ----------------------------------------------------------------------------------------------------------------- */

static void answer(struct control_client *client, char *json)
{
    client->answer = json ? json : strdup("{\"ok\":false,\"exit\":2,\"error\":\"no memory\"}");
    client->answer_length = client->answer ? strlen(client->answer) : 0;
}

static void refuse(struct control_client *client, int status, const char *sentence)
{
    json_t *object = json_pack("{s:b, s:i, s:s}", "ok", 0, "exit", status, "error", sentence);
    answer(client, json_dumps(object, JSON_COMPACT));
    json_decref(object);
}

static bool is_prefix(const char *text)
{
    size_t length = strlen(text);
    return length >= MIN_PREFIX && length < CASE_ID_SIZE && strspn(text, "abcdefghijklmnopqrstuvwxyz234567") == length;
}

static void answer_ack(struct keep *keep, struct control_client *client, const char *id, const char *by)
{
    bool already;
    struct alert_row alert;
    if (!journal_acknowledge(keep->journal, id, by, clock_wall_ms(), &already)) {
        refuse(client, 1, "this case has no page to acknowledge");
        return;
    }
    if (!already)
        journal_audit(keep->journal, client->actor, "acknowledged", id, by);
    journal_get_alert(keep->journal, id, &alert);
    keep->page_due_known = false;
    json_t *object = json_pack("{s:b, s:s, s:s, s:b}", "ok", 1, "case", id, "acknowledged_by", alert.acknowledged_by,
                               "already", already);
    answer(client, json_dumps(object, JSON_COMPACT));
    json_decref(object);
    log_info("acknowledged", LOG_NAME("case", id), LOG_NAME("actor", client->actor), LOG_NAME("by", by));
}

static void answer_close(struct keep *keep, struct control_client *client, const char *id, const char *by)
{
    bool already;
    struct case_row row;
    if (!journal_close_case(keep->journal, id, by, clock_wall_ms(), &already)) {
        refuse(client, 1, "this is an alarm about Attune itself: it ends when its cause is over; acknowledge it");
        return;
    }
    if (!already)
        journal_audit(keep->journal, client->actor, "closed", id, by);
    journal_get_case(keep->journal, id, &row);
    keep->page_due_known = false;
    json_t *object =
        json_pack("{s:b, s:s, s:s, s:b}", "ok", 1, "case", id, "closed_by", row.item.closed_by, "already", already);
    answer(client, json_dumps(object, JSON_COMPACT));
    json_decref(object);
    log_info("closed", LOG_NAME("case", id), LOG_NAME("actor", client->actor), LOG_NAME("by", by));
}

/* The case that the request names; false when it was refused. */
static bool find_case(struct keep *keep, struct control_client *client, const json_t *request, char id[CASE_ID_SIZE])
{
    const char *wanted = json_string_value(json_object_get(request, "case"));
    if (!wanted || !is_prefix(wanted)) {
        refuse(client, 1, "no such case: a case is 26 letters and digits, of which at least the first 6 are needed");
        return false;
    }
    enum found found = journal_find_case(keep->journal, wanted, id);
    if (found == FOUND_NONE)
        refuse(client, 1, "no such case in the journal");
    else if (found == FOUND_SEVERAL)
        refuse(client, 1, "several cases begin like that: give more of it");
    return found == FOUND_ONE;
}

/* In whose name the caller acts; NULL when it was refused. */
static const char *find_actor(struct keep *keep, struct control_client *client, const json_t *request)
{
    const char *as = json_string_value(json_object_get(request, "as"));
    if (as && strcmp(as, client->actor) != 0 && !may_act_for_others(keep, client)) {
        refuse(client, 2, "only the admin group may act for another person");
        return NULL;
    }
    if (as && !conf_find_person(keep->conf, as)) {
        refuse(client, 1, "nobody of that name is on the staff list");
        return NULL;
    }
    return as ? as : client->actor;
}

static void command_ack(struct keep *keep, struct control_client *client, const json_t *request)
{
    char id[CASE_ID_SIZE];
    const char *by = find_actor(keep, client, request);
    if (by && find_case(keep, client, request, id))
        answer_ack(keep, client, id, by);
}

static void command_close(struct keep *keep, struct control_client *client, const json_t *request)
{
    char id[CASE_ID_SIZE];
    const char *by = find_actor(keep, client, request);
    if (by && find_case(keep, client, request, id))
        answer_close(keep, client, id, by);
}

static void command_show(struct keep *keep, struct control_client *client, const json_t *request)
{
    char id[CASE_ID_SIZE];
    if (find_case(keep, client, request, id))
        answer(client, case_json(keep, id));
}

static void command_status(struct keep *keep, struct control_client *client, const json_t *request)
{
    (void)request;
    answer(client, status_json(keep));
}

static void command_queue(struct keep *keep, struct control_client *client, const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "queue"));
    int queue = -1;
    for (int i = QUEUE_AGENT; name && i <= QUEUE_CLINICAL; i++)
        if (strcmp(name, queue_name((enum queue)i)) == 0)
            queue = i;
    if (name && queue < 0)
        refuse(client, 2, "there are two queues: agent and clinical");
    else
        answer(client, queue_json(keep->journal, queue, json_is_true(json_object_get(request, "all"))));
}

/* Without a person, the first who gets one; where nobody does, all there is. */
static void command_digest(struct keep *keep, struct control_client *client, const json_t *request)
{
    const struct conf *conf = keep->conf;
    const char *person = json_string_value(json_object_get(request, "person"));
    if (person && !conf_find_person(conf, person)) {
        refuse(client, 1, "nobody of that name is on the staff list");
        return;
    }
    if (!person && conf->digest_count)
        person = conf->digests[0].to;
    answer(client, digest_json(keep, person));
}

static void command_reload(struct keep *keep, struct control_client *client, const json_t *request)
{
    (void)request;
    if (!may_act_for_others(keep, client)) {
        refuse(client, 2, "only the admin group may reload");
        return;
    }
    keep->wants_reload = true;
    answer(client, strdup("{\"ok\":true}"));
}

static void dispatch(struct keep *keep, struct control_client *client, const json_t *request)
{
    static const struct {
        const char *name;
        void (*run)(struct keep *keep, struct control_client *client, const json_t *request);
    } commands[] = {{"status", command_status}, {"queue", command_queue}, {"ack", command_ack},
                    {"show", command_show},     {"close", command_close}, {"digest", command_digest},
                    {"reload", command_reload}};
    const char *name = json_string_value(json_object_get(request, "command"));
    if (!may_ask(keep, client)) {
        refuse(client, 2, "you are not in the group that may ask (control.group)");
        return;
    }
    for (size_t i = 0; name && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].run(keep, client, request);
            return;
        }
    refuse(client, 2, "no such command");
}

static void take_request(struct keep *keep, struct control_client *client)
{
    json_t *request = json_loadb(client->input, client->input_length, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(request))
        dispatch(keep, client, request);
    else
        refuse(client, 2, "the request is not a JSON object");
    json_decref(request);
}

void control_read(struct keep *keep, size_t index)
{
    struct control_client *client = &keep->control.clients[index];
    if (client->fd < 0 || client->answer)
        return;
    if (!client->input)
        client->input = malloc(CONTROL_MAX_REQUEST);
    if (!client->input) {
        drop_client(client);
        return;
    }
    ssize_t length = read(client->fd, client->input + client->input_length, CONTROL_MAX_REQUEST - client->input_length);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length > 0)
        client->input_length += (size_t)length;
    bool has_line = memchr(client->input, '\n', client->input_length) != NULL;
    if (has_line || length == 0)
        take_request(keep, client);
    else if (length < 0 || client->input_length == CONTROL_MAX_REQUEST)
        refuse(client, 2, "the request is too long");
}

/* Called after the commit: what an answer says is durable. */
void control_write(struct keep *keep)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        struct control_client *client = &keep->control.clients[i];
        if (client->fd < 0 || !client->answer)
            continue;
        ssize_t sent = send(client->fd, client->answer + client->answer_sent,
                            client->answer_length - client->answer_sent, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        client->answer_sent += sent > 0 ? (size_t)sent : 0;
        if (sent < 0 || client->answer_sent == client->answer_length)
            drop_client(client);
    }
}

/* After a commit that failed: what was about to be answered is not so. */
void control_retract(struct keep *keep)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        struct control_client *client = &keep->control.clients[i];
        if (client->fd < 0 || !client->answer || client->answer_sent)
            continue;
        free(client->answer);
        client->answer = NULL;
        refuse(client, 1, "the journal could not be written: nothing was changed; try again");
    }
}

void control_expire(struct keep *keep)
{
    int64_t now = clock_monotonic_ms();
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
        if (keep->control.clients[i].fd >= 0 && now > keep->control.clients[i].deadline_ms)
            drop_client(&keep->control.clients[i]);
}
