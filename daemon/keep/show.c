/* What `attune show` is answered: a case from the journal, with titles and cards from the rules in force. Run by keep. */
#include <attune/journal_json.h>
#include <attune/keep.h>
#include <stdio.h>
#include <string.h>

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

/* --- what the rules in force say ----------------------------------------------------------------------------------- */

static const struct rule *find_rule(const struct pack *pack, const char *id)
{
    for (size_t i = 0; pack && i < pack_rule_count(pack); i++)
        if (strcmp(pack_rule(pack, i)->id, id) == 0)
            return pack_rule(pack, i);
    return NULL;
}

static const char *find_cue_title(const struct pack *pack, const char *id)
{
    uint32_t index;
    return pack && pack_find_cue(pack, id, &index) ? pack_cue(pack, index)->title : NULL;
}

static const struct route *find_route(const struct policy *policy, const char *id)
{
    for (size_t i = 0; policy && i < policy_route_count(policy); i++)
        if (strcmp(policy_route(policy, i)->id, id) == 0)
            return policy_route(policy, i);
    return NULL;
}

/* --- the parts ------------------------------------------------------------------------------------------------------ */

struct cue_list {
    json_t *list;
    const struct pack *pack; /* NULL: no rules in force */
};

static void add_cue(const struct case_cue *cue, void *context)
{
    const struct cue_list *into = context;
    const struct rule *rule = find_rule(into->pack, cue->rule);
    bool own_words = cue->field == FIELD_SUBJECT || cue->field == FIELD_TEXT;
    json_t *one =
        json_pack("{s:s, s:s, s:s, s:s, s:I}", "rule", cue->rule, "cue", cue->cue, "urgency",
                  urgency_name(cue->urgency), "field", text_field_name(cue->field), "places", (json_int_t)cue->places);
    json_object_set_new(one, "cue_title", text_or_null(find_cue_title(into->pack, cue->cue)));
    json_object_set_new(one, "title", text_or_null(rule ? rule->title : NULL));
    json_object_set_new(one, "why", text_or_null(rule ? rule->why : NULL));
    json_object_set_new(one, "lowered_by", text_or_null(own_words ? cue->lowered : text_field_name(cue->field)));
    json_array_append_new(into->list, one);
}

static json_t *cards_json(const struct pack *pack, const char *names)
{
    json_t *list = json_array();
    while (*names) {
        char name[96];
        size_t length = strcspn(names, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        json_array_append_new(
            list, json_pack("{s:s, s:o}", "card", name, "text", text_or_null(pack ? pack_card(pack, name) : NULL)));
        names += length + (names[length] == ' ');
    }
    return list;
}

static void add_event(const struct case_event *event, void *context)
{
    json_t *one = json_pack("{s:o, s:s, s:o, s:o}", "at", journal_json_time(event->at_ms), "what", event->what, "actor",
                            text_or_null(event->actor), "detail", text_or_null(event->detail));
    json_array_append_new(context, one);
}

static void add_route(json_t *object, const struct keep *keep, const struct case_row *row)
{
    const struct route *route = find_route(keep->current ? keep->current->policy : NULL, row->route);
    json_object_set_new(object, "route", text_or_null(row->route));
    json_object_set_new(object, "page", route ? json_string(page_target_name(route->page)) : json_null());
    json_object_set_new(object, "hint", text_or_null(route ? route->hint : NULL));
}

static void add_times(json_t *object, const struct queue_item *item)
{
    json_object_set_new(object, "received_at", journal_json_time(item->received_ms));
    json_object_set_new(object, "decided_at", journal_json_time(item->decided_ms));
    json_object_set_new(object, "deadline_at", journal_json_time(item->deadline_ms));
    json_object_set_new(object, "closed_by", text_or_null(item->closed_by));
    json_object_set_new(object, "closed_at", journal_json_time(item->closed_ms));
}

static void add_message(json_t *object, struct keep *keep, const struct case_row *row)
{
    const struct queue_item *item = &row->item;
    const struct pack *pack = keep->current ? keep->current->pack : NULL;
    struct cue_list cues = {.list = json_array(), .pack = pack};
    char hash[HASH_HEX_SIZE];
    hash_hex(row->rules, hash);
    json_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s}", "urgency", urgency_name(item->urgency),
                              "queue", queue_name(item->queue), "mailbox", item->mailbox, "folder", item->folder, "uid",
                              (json_int_t)item->uid, "state", message_state_name(item->state), "language",
                              item->language, "class", mail_class_name(item->class), "rules", hash);
    json_object_update(object, facts);
    json_decref(facts);
    add_route(object, keep, row);
    add_times(object, item);
    journal_each_cue(keep->journal, row->message, add_cue, &cues);
    json_object_set_new(object, "unscreened", journal_json_reasons(item->reasons));
    json_object_set_new(object, "cues", cues.list);
    json_object_set_new(object, "cards", cards_json(pack, item->cards));
}

char *case_json(struct keep *keep, const char *id)
{
    struct case_row row;
    struct alert_row alert = {0};
    bool has_alert = journal_get_alert(keep->journal, id, &alert);
    json_t *timeline = json_array();
    json_t *object =
        json_pack("{s:b, s:s, s:s, s:s, s:s}", "ok", 1, "case", id, "kind", has_alert ? alert.kind : "message",
                  "urgency", urgency_name(alert.urgency), "mailbox", alert.subject);
    json_object_set_new(object, "reason", text_or_null(alert.reason));
    json_object_set_new(object, "opened_at", journal_json_time(alert.opened_ms));
    json_object_set_new(object, "acknowledged_by", text_or_null(alert.acknowledged_by));
    json_object_set_new(object, "acknowledged_at", journal_json_time(alert.acknowledged_ms));
    if (journal_get_case(keep->journal, id, &row))
        add_message(object, keep, &row);
    journal_each_event(keep->journal, id, add_event, timeline);
    json_object_set_new(object, "timeline", timeline);
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}
