/* The journal's counts and queues as JSON (control.h). Run by keep, and by the command where no daemon answers. */
#include <attune/clock.h>
#include <attune/journal_json.h>
#include <stdlib.h>
#include <string.h>

json_t *journal_json_time(int64_t wall_ms)
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

static json_t *messages_json(const struct journal_counts *counts)
{
    const size_t *by = counts->by_urgency;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "now", (json_int_t)by[URGENCY_NOW], "soon",
                     (json_int_t)by[URGENCY_SOON], "review", (json_int_t)by[URGENCY_REVIEW], "routine",
                     (json_int_t)(by[URGENCY_ROUTINE] + by[URGENCY_ADDS]), "waiting", (json_int_t)counts->waiting,
                     "moving", (json_int_t)counts->moving, "unread_gone", (json_int_t)counts->gone, "taken",
                     (json_int_t)counts->taken);
}

void journal_json_counts(json_t *status, const struct journal_counts *counts)
{
    json_object_set_new(status, "messages", messages_json(counts));
    json_t *alerts = json_pack("{s:I, s:I}", "open", (json_int_t)counts->alerts_open, "unacknowledged",
                               (json_int_t)counts->alerts_unacknowledged);
    json_object_set_new(alerts, "oldest_s", age_s(counts->oldest_alert_ms));
    json_object_set_new(status, "alerts", alerts);
    json_t *outbox = json_pack("{s:I, s:I}", "pending", (json_int_t)counts->outbox_pending, "failing",
                               (json_int_t)counts->outbox_failing);
    json_object_set_new(outbox, "oldest_s", age_s(counts->oldest_outbox_ms));
    json_object_set_new(status, "outbox", outbox);
}

char *status_offline_json(struct journal *journal)
{
    struct journal_counts counts;
    journal_count(journal, &counts);
    json_t *status = json_pack("{s:b, s:b, s:[s]}", "ok", 1, "running", 0, "problems",
                               "attuned is not running: no mail is read and nobody is paged");
    journal_json_counts(status, &counts);
    char *text = json_dumps(status, JSON_COMPACT);
    json_decref(status);
    return text;
}

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

json_t *journal_json_reasons(unsigned reasons)
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
    json_object_set_new(one, "received_at", journal_json_time(item->received_ms));
    json_object_set_new(one, "decided_at", journal_json_time(item->decided_ms));
    json_object_set_new(one, "deadline_at", journal_json_time(item->deadline_ms));
    json_object_set_new(one, "acknowledged_by",
                        item->acknowledged_by[0] ? json_string(item->acknowledged_by) : json_null());
    json_object_set_new(one, "acknowledged_at", journal_json_time(item->acknowledged_ms));
    json_object_set_new(one, "closed_by", item->closed_by[0] ? json_string(item->closed_by) : json_null());
    json_object_set_new(one, "closed_at", journal_json_time(item->closed_ms));
    json_object_set_new(one, "cues", words_json(item->cues));
    json_object_set_new(one, "cards", words_json(item->cards));
    json_object_set_new(one, "unscreened", journal_json_reasons(item->reasons));
    json_object_set_new(one, "language", json_string(item->language));
    json_object_set_new(one, "class", json_string(mail_class_name(item->class)));
    json_array_append_new(context, one);
}

char *queue_json(struct journal *journal, int queue, bool with_closed)
{
    json_t *items = json_array();
    (with_closed ? journal_each_decided : journal_each_queued)(journal, queue, add_item, items);
    json_t *answer = json_pack("{s:b, s:o}", "ok", 1, "items", items);
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    return text;
}
