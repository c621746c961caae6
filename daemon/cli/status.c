/* `attune status`: how the daemon, its mailboxes and its pages are. Asks keep; shows its answer. */
#include <attune/controlclient.h>
#include <attune/output.h>

static const json_t *member(const json_t *object, const char *name)
{
    return json_object_get(object, name);
}

static long long number(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

static void add_text(struct buf *out, const json_t *object, const char *name)
{
    struct str text = controlclient_text(object, name);
    output_add_safe(out, text.length ? text : STR("-"));
}

static void add_duration(struct buf *out, long long seconds)
{
    if (seconds >= 86400)
        buf_addf(out, "%lld d %lld h", seconds / 86400, seconds % 86400 / 3600);
    else if (seconds >= 3600)
        buf_addf(out, "%lld h %lld min", seconds / 3600, seconds % 3600 / 60);
    else if (seconds >= 60)
        buf_addf(out, "%lld min %lld s", seconds / 60, seconds % 60);
    else
        buf_addf(out, "%lld s", seconds);
}

static void add_daemon(struct buf *out, const json_t *answer)
{
    buf_add_text(out, "attuned    ");
    add_text(out, answer, "version");
    buf_add_text(out, ", mode ");
    add_text(out, answer, "mode");
    buf_add_text(out, ", up ");
    add_duration(out, number(answer, "uptime_s"));
    buf_add_char(out, '\n');
}

static void add_rules(struct buf *out, const json_t *answer)
{
    const json_t *rules = member(answer, "rules");
    buf_addf(out, "rules      %lld, ", number(rules, "count"));
    output_add_safe(out, str_slice(controlclient_text(rules, "hash"), 0, 12));
    buf_add_text(out, ", approvals: ");
    add_text(out, answer, "approvals");
    if (json_is_true(member(rules, "stale"))) {
        buf_add_text(out, "\n           STALE, the last good set is in force: ");
        add_text(out, rules, "error");
    }
    buf_add_char(out, '\n');
}

static void add_mailboxes(struct buf *out, const json_t *answer)
{
    size_t index;
    json_t *box;
    json_array_foreach(member(answer, "mailboxes"), index, box)
    {
        buf_add_text(out, "mailbox    ");
        add_text(out, box, "name");
        buf_add_text(out, ": ");
        add_text(out, box, "link");
        if (controlclient_text(box, "why").length && !str_equal_text(controlclient_text(box, "why"), "none")) {
            buf_add_text(out, " (");
            add_text(out, box, "why");
            buf_add_char(out, ')');
        }
        if (number(box, "retry_ms") > 0)
            buf_addf(out, ", next try in %lld s", (number(box, "retry_ms") + 999) / 1000);
        buf_addf(out, ", %lld waiting, last listed ", number(box, "waiting"));
        add_text(out, box, "last_listed_at");
        buf_add_char(out, '\n');
    }
}

static void add_counts(struct buf *out, const json_t *answer)
{
    const json_t *messages = member(answer, "messages");
    const json_t *alerts = member(answer, "alerts");
    const json_t *outbox = member(answer, "outbox");
    buf_addf(out, "messages   now %lld, soon %lld, review %lld, routine %lld; waiting %lld, moving %lld\n",
             number(messages, "now"), number(messages, "soon"), number(messages, "review"), number(messages, "routine"),
             number(messages, "waiting"), number(messages, "moving"));
    buf_addf(out, "           taken by people %lld, gone before they were read %lld\n", number(messages, "taken"),
             number(messages, "unread_gone"));
    buf_addf(out, "pages      open %lld, unacknowledged %lld", number(alerts, "open"),
             number(alerts, "unacknowledged"));
    if (number(alerts, "unacknowledged") > 0) {
        buf_add_text(out, ", the oldest for ");
        add_duration(out, number(alerts, "oldest_s"));
    }
    buf_addf(out, "\noutbox     to send %lld, failing %lld\n", number(outbox, "pending"), number(outbox, "failing"));
}

static void add_roles(struct buf *out, const json_t *answer)
{
    size_t index;
    json_t *role;
    buf_add_text(out, "roles      ");
    json_array_foreach(member(answer, "roles"), index, role)
    {
        buf_add_text(out, index ? ", " : "");
        add_text(out, role, "role");
        buf_add_char(out, ' ');
        add_text(out, role, "state");
        if (number(role, "restarts") > 0)
            buf_addf(out, " (%lld restarts)", number(role, "restarts"));
    }
    buf_add_char(out, '\n');
}

static void add_problems(struct buf *out, const json_t *answer)
{
    size_t index;
    json_t *problem;
    json_array_foreach(member(answer, "problems"), index, problem)
    {
        buf_addf(out, "%sPROBLEM%s    ", output_mark_on(), output_mark_off());
        output_add_safe(out, str_of(json_string_value(problem)));
        buf_add_char(out, '\n');
    }
}

static void print_text(const json_t *answer)
{
    struct buf text;
    buf_init(&text, OUTPUT_MAX);
    bool is_running = !json_is_false(member(answer, "running"));
    if (is_running) {
        add_daemon(&text, answer);
        add_rules(&text, answer);
        add_mailboxes(&text, answer);
    }
    add_counts(&text, answer);
    if (is_running)
        add_roles(&text, answer);
    add_problems(&text, answer);
    output_print(&text);
    buf_free(&text);
}

enum cli_exit cli_status(const struct cli_arguments *arguments)
{
    json_t *answer;
    json_t *request = json_pack("{s:s}", "command", "status");
    enum cli_exit status = controlclient_run(arguments, request, &answer);
    json_decref(request);
    if (status != CLI_DONE)
        return status;
    if (arguments->json)
        output_print_json(answer);
    else
        print_text(answer);
    status = json_is_false(member(answer, "running")) ? CLI_NO_DAEMON : CLI_DONE;
    json_decref(answer);
    return status;
}
