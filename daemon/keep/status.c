/* What keep says of itself: the status and the queues as JSON (control.h). Run by keep. */
#include <attune/clock.h>
#include <attune/control.h>
#include <attune/keep.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *time_or_null(int64_t wall_ms)
{
    char text[25];
    if (!wall_ms)
        return json_null();
    clock_format_ms(wall_ms, text);
    return json_string(text);
}

static json_t *age_s(int64_t since_ms)
{
    return since_ms ? json_integer((clock_wall_ms() - since_ms) / 1000) : json_null();
}

static const char *peer_state_name(const struct peer *peer)
{
    if (peer->pid <= 0)
        return "waiting to start";
    return peer->state == PEER_READY ? "ready" : peer->state == PEER_STARTING ? "starting" : "stopping";
}

static void add_problem(json_t *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_problem(json_t *problems, const char *format, ...)
{
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    json_array_append_new(problems, json_string(sentence));
}

/* --- parts -----------------------------------------------------------------------------------------------------------
 */

static json_t *rules_json(const struct keep *keep)
{
    char hash[HASH_HEX_SIZE] = "";
    if (keep->current)
        hash_hex(keep->current->hash, hash);
    json_t *rules =
        json_pack("{s:s, s:i, s:b}", "hash", hash, "count",
                  keep->current ? (int)pack_rule_count(keep->current->pack) : 0, "stale", keep->rules_are_stale);
    json_object_set_new(rules, "error", keep->rules_error[0] ? json_string(keep->rules_error) : json_null());
    return rules;
}

static const char *const why_sentences[FETCH_WHY_COUNT] = {
    [FETCH_WHY_NONE] = "it is connecting",
    [FETCH_WHY_CONNECT] = "there is no connection to the server",
    [FETCH_WHY_TLS] = "the server's certificate or name is not accepted",
    [FETCH_WHY_CREDENTIALS] = "the server refuses the login",
    [FETCH_WHY_THROTTLED] = "the server asks to wait",
    [FETCH_WHY_PROTOCOL] = "the server gave a reply that cannot be understood",
    [FETCH_WHY_DEADLINE] = "the server did not answer in time",
    [FETCH_WHY_FOLDER] = "a folder is missing and may not be made",
};
static const char *const why_words[FETCH_WHY_COUNT] = {"none",      "connect",  "tls",      "credentials",
                                                       "throttled", "protocol", "deadline", "folder"};

static json_t *mailboxes_json(struct keep *keep, json_t *problems)
{
    json_t *all = json_array();
    for (size_t i = 0; i < keep->mailbox_count; i++) {
        const struct mailbox *mailbox = &keep->mailboxes[i];
        json_t *one =
            json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", mailbox->conf->name, "link", mailbox->is_up ? "up" : "down",
                      "why", why_words[mailbox->why], "retry_ms", (json_int_t)mailbox->retry_ms, "waiting",
                      (json_int_t)journal_count_waiting(keep->journal, mailbox->conf->name));
        json_object_set_new(one, "last_listed_at", time_or_null(mailbox->listed_ms));
        json_array_append_new(all, one);
        if (!mailbox->is_up)
            add_problem(problems, "mailbox %s is not read: %s", mailbox->conf->name,
                        mailbox->password_refused ? "its password file is missing, or others can read it"
                                                  : why_sentences[mailbox->why]);
    }
    return all;
}

static json_t *messages_json(const struct journal_counts *counts)
{
    const size_t *by = counts->by_urgency;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "now", (json_int_t)by[URGENCY_NOW], "soon",
                     (json_int_t)by[URGENCY_SOON], "review", (json_int_t)by[URGENCY_REVIEW], "routine",
                     (json_int_t)(by[URGENCY_ROUTINE] + by[URGENCY_ADDS]), "waiting", (json_int_t)counts->waiting,
                     "moving", (json_int_t)counts->moving, "unread_gone", (json_int_t)counts->gone, "taken",
                     (json_int_t)counts->taken);
}

static void add_role(json_t *roles, const struct peer *peer)
{
    json_array_append_new(roles, json_pack("{s:s, s:s, s:i}", "role", peer->label, "state", peer_state_name(peer),
                                           "restarts", (int)peer->restarts));
}

static json_t *roles_json(const struct keep *keep)
{
    json_t *roles = json_array();
    if (keep->current)
        add_role(roles, &keep->current->zygote);
    add_role(roles, &keep->notify);
    for (size_t i = 0; i < keep->mailbox_count; i++)
        add_role(roles, &keep->mailboxes[i].peer);
    return roles;
}

static void add_problems(struct keep *keep, const struct journal_counts *counts, json_t *problems)
{
    if (journal_is_volatile(keep->journal))
        add_problem(problems, "the journal cannot be written: pages go on from memory, nothing is moved");
    else if (journal_is_short_of_space(keep->journal))
        add_problem(problems, "the disk of the state directory is full: the reserve is in use");
    if (keep->rules_are_stale)
        add_problem(problems, "the rules in force are the last good set: %s", keep->rules_error);
    if (keep->conf_is_stale)
        add_problem(problems, "the configuration in force is the one before: %s", keep->conf_error);
    if (counts->outbox_failing)
        add_problem(problems, "%zu page(s) were not accepted yet and are tried again", counts->outbox_failing);
    if (keep->channels_left_out)
        add_problem(problems, "%u channel(s) cannot be used: others can read their secret file, or it is missing",
                    keep->channels_left_out);
    size_t gone = journal_count_gone_since(keep->journal, clock_wall_ms() - (int64_t)24 * 3600 * 1000);
    if (gone)
        add_problem(problems, "%zu mail(s) vanished before they were read, within a day", gone);
}

char *status_json(struct keep *keep)
{
    struct journal_counts counts;
    journal_count(keep->journal, &counts);
    json_t *problems = json_array();
    json_t *status = json_pack("{s:b, s:s, s:s, s:s}", "ok", 1, "version", ATTUNE_VERSION, "mode", "route", "approvals",
                               "not checked");
    json_object_set_new(status, "started_at", time_or_null(keep->started_ms));
    json_object_set_new(status, "uptime_s", json_integer((clock_monotonic_ms() - keep->started_monotonic_ms) / 1000));
    json_object_set_new(status, "rules", rules_json(keep));
    json_object_set_new(status, "mailboxes", mailboxes_json(keep, problems));
    json_object_set_new(status, "messages", messages_json(&counts));
    json_t *alerts = json_pack("{s:I, s:I}", "open", (json_int_t)counts.alerts_open, "unacknowledged",
                               (json_int_t)counts.alerts_unacknowledged);
    json_object_set_new(alerts, "oldest_s", age_s(counts.oldest_alert_ms));
    json_object_set_new(status, "alerts", alerts);
    json_t *outbox = json_pack("{s:I, s:I}", "pending", (json_int_t)counts.outbox_pending, "failing",
                               (json_int_t)counts.outbox_failing);
    json_object_set_new(outbox, "oldest_s", age_s(counts.oldest_outbox_ms));
    json_object_set_new(status, "outbox", outbox);
    json_object_set_new(status, "roles", roles_json(keep));
    add_problems(keep, &counts, problems);
    json_object_set_new(status, "problems", problems);
    char *text = json_dumps(status, JSON_COMPACT);
    json_decref(status);
    return text;
}

/* --- the queues
 * ------------------------------------------------------------------------------------------------------------- */

static json_t *words_json(const char *text)
{
    json_t *words = json_array();
    while (*text) {
        size_t length = strcspn(text, " ");
        json_array_append_new(words, json_stringn(text, length));
        text += length + (text[length] == ' ');
    }
    return words;
}

json_t *reasons_json(unsigned reasons)
{
    json_t *names = json_array();
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (reasons & 1u << i)
            json_array_append_new(names, json_string(reading_reason_name(i)));
    return names;
}

static void add_item(const struct queue_item *item, void *context)
{
    json_t *one =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "case", item->case_id, "urgency", urgency_name(item->urgency),
                  "queue", queue_name(item->queue), "mailbox", item->mailbox, "folder", item->folder, "uid",
                  (json_int_t)item->uid, "state", message_state_name(item->state));
    json_object_set_new(one, "received_at", time_or_null(item->received_ms));
    json_object_set_new(one, "decided_at", time_or_null(item->decided_ms));
    json_object_set_new(one, "deadline_at", time_or_null(item->deadline_ms));
    json_object_set_new(one, "acknowledged_by",
                        item->acknowledged_by[0] ? json_string(item->acknowledged_by) : json_null());
    json_object_set_new(one, "acknowledged_at", time_or_null(item->acknowledged_ms));
    json_object_set_new(one, "closed_by", item->closed_by[0] ? json_string(item->closed_by) : json_null());
    json_object_set_new(one, "closed_at", time_or_null(item->closed_ms));
    json_object_set_new(one, "cues", words_json(item->cues));
    json_object_set_new(one, "cards", words_json(item->cards));
    json_object_set_new(one, "unscreened", reasons_json(item->reasons));
    json_object_set_new(one, "language", json_string(item->language));
    json_object_set_new(one, "class", json_string(mail_class_name(item->class)));
    json_array_append_new(context, one);
}

char *queue_json(struct keep *keep, int queue, bool with_closed)
{
    json_t *items = json_array();
    (with_closed ? journal_each_decided : journal_each_queued)(keep->journal, queue, add_item, items);
    json_t *answer = json_pack("{s:b, s:o}", "ok", 1, "items", items);
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    return text;
}
