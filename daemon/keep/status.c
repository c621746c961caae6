/* What keep says of itself: the status and the queues as JSON (control.h). Run by keep. */
#include <attune/clock.h>
#include <attune/control.h>
#include <attune/journal_json.h>
#include <attune/keep.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        json_object_set_new(one, "last_listed_at", journal_json_time(mailbox->listed_ms));
        json_array_append_new(all, one);
        if (!mailbox->is_up)
            add_problem(problems, "mailbox %s is not read: %s", mailbox->conf->name,
                        mailbox->password_refused ? "its password file is missing, or others can read it"
                                                  : why_sentences[mailbox->why]);
    }
    return all;
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
    json_t *status = json_pack("{s:b, s:b, s:s, s:s, s:s}", "ok", 1, "running", 1, "version", ATTUNE_VERSION, "mode",
                               "route", "approvals", "not checked");
    json_object_set_new(status, "started_at", journal_json_time(keep->started_ms));
    json_object_set_new(status, "uptime_s", json_integer((clock_monotonic_ms() - keep->started_monotonic_ms) / 1000));
    json_object_set_new(status, "rules", rules_json(keep));
    json_object_set_new(status, "mailboxes", mailboxes_json(keep, problems));
    journal_json_counts(status, &counts);
    json_object_set_new(status, "roles", roles_json(keep));
    add_problems(keep, &counts, problems);
    json_object_set_new(status, "problems", problems);
    char *text = json_dumps(status, JSON_COMPACT);
    json_decref(status);
    return text;
}
