/* A decided message as JSON or as a table line. The command only; words from mail pass through output.h. */
#include <attune/output.h>
#include <attune/report.h>

enum { SOURCE_WIDTH = 40 };

const char *report_lowered_by(const struct hit *hit)
{
    bool own_words = hit->field == FIELD_SUBJECT || hit->field == FIELD_TEXT;
    return own_words ? lowering_name((enum lowering)hit->lowered) : text_field_name(hit->field);
}

json_t *report_reasons(unsigned reasons)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (reasons & (1u << i))
            json_array_append_new(list, json_string(reading_reason_name(i)));
    return list;
}

static json_t *hit_object(const struct report *report, size_t index)
{
    const struct hit *hit = &report->verdict->hits[index];
    const struct pack *pack = report->rules->pack;
    const struct rule *rule = pack_rule(pack, hit->rule);
    enum urgency urgency = decide_hit(pack, report->verdict, hit);
    return json_pack("{s:s, s:s, s:s, s:s?, s:s, s:I, s:I, s:o}", "rule", rule->id, "cue",
                     pack_cue(pack, rule->cue)->id, "urgency", urgency_name(urgency), "lowered_by",
                     report_lowered_by(hit), "field", text_field_name(hit->field), "start", (json_int_t)hit->start,
                     "end", (json_int_t)hit->end, "text",
                     output_json_text(report->texts ? report->texts[index] : STR("")));
}

static json_t *hit_list(const struct report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->verdict->hit_count; i++)
        json_array_append_new(list, hit_object(report, i));
    return list;
}

static json_t *card_list(const struct decision *decision)
{
    json_t *list = json_array();
    for (size_t i = 0; i < decision->card_count; i++)
        json_array_append_new(list, json_string(decision->cards[i]));
    return list;
}

static json_t *combination_list(const struct report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->decision->combination_count; i++) {
        uint32_t index = report->decision->combinations[i];
        json_array_append_new(list, json_string(pack_combination(report->rules->pack, index)->id));
    }
    return list;
}

static json_t *or_null(const char *text)
{
    return text && *text ? output_json_text(str_of(text)) : json_null();
}

json_t *report_object(const struct report *report)
{
    const struct verdict *verdict = report->verdict;
    const struct decision *decision = report->decision;
    const struct route *route = decision->route;
    json_t *object = json_pack(
        "{s:o, s:o, s:s, s:s, s:b, s:o, s:o, s:s, s:o, s:s}", "source", output_json_text(str_of(report->source)),
        "message_id", verdict->message_id.length ? output_json_text(verdict->message_id) : json_null(), "urgency",
        urgency_name(decision->urgency), "queue", queue_name(route->queue), "page", route->page != PAGE_NOBODY,
        "unscreened", report_reasons(verdict->reasons), "language", or_null(verdict->language), "class",
        mail_class_name(verdict->class), "cues", hit_list(report), "rules", report->rules->hash);
    json_object_set_new(object, "route", or_null(route->id));
    json_object_set_new(object, "folder", json_string(place_name(route->place)));
    json_object_set_new(object, "deadline_s", json_integer(route->deadline_s));
    json_object_set_new(object, "cards", card_list(decision));
    json_object_set_new(object, "combinations", combination_list(report));
    if (report->timing)
        json_object_set_new(object, "cpu_us", json_integer((json_int_t)verdict->cpu_us));
    return object;
}

enum err report_add_json(struct buf *out, const struct report *report)
{
    json_t *object = report_object(report);
    enum err error = output_add_json(out, object);
    json_decref(object);
    return error;
}

/* --- the table --------------------------------------------------------------------------------------------------- */

void report_add_heading(struct buf *out)
{
    buf_addf(out, "%-8s  %-8s  %-4s  %-4s  %-*s  WHY\n", "URGENCY", "QUEUE", "PAGE", "LANG", SOURCE_WIDTH, "MESSAGE");
}

static bool named_before(const struct report *report, size_t index)
{
    const struct pack *pack = report->rules->pack;
    uint32_t cue = pack_rule(pack, report->verdict->hits[index].rule)->cue;
    for (size_t i = 0; i < index; i++)
        if (pack_rule(pack, report->verdict->hits[i].rule)->cue == cue)
            return true;
    return false;
}

/* Each cue once, in the order of the hits, and why the message was not read in full. */
static void add_why(struct buf *out, const struct report *report)
{
    const struct pack *pack = report->rules->pack;
    const char *between = "";
    for (size_t i = 0; i < report->verdict->hit_count; i++) {
        if (named_before(report, i))
            continue;
        const struct hit *hit = &report->verdict->hits[i];
        const char *lowered_by = report_lowered_by(hit);
        buf_addf(out, "%s%s", between, pack_cue(pack, pack_rule(pack, hit->rule)->cue)->id);
        if (lowered_by)
            buf_addf(out, " (%s: %s)", lowered_by, urgency_name(decide_hit(pack, report->verdict, hit)));
        between = ", ";
    }
    const char *opening = *between ? "; not read in full: " : "not read in full: ";
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (!(report->verdict->reasons & (1u << i)))
            continue;
        buf_addf(out, "%s%s", opening, reading_reason_name(i));
        opening = ", ";
    }
}

void report_add_line(struct buf *out, const struct report *report)
{
    const struct route *route = report->decision->route;
    bool marked = report->decision->urgency == URGENCY_NOW;
    buf_addf(out, "%s%-8s%s  %-8s  %-4s  %-4s  ", marked ? output_mark_on() : "",
             urgency_name(report->decision->urgency), marked ? output_mark_off() : "", queue_name(route->queue),
             route->page == PAGE_NOBODY ? "-" : "page", *report->verdict->language ? report->verdict->language : "-");
    output_add_column(out, str_of(report->source), SOURCE_WIDTH);
    buf_add_text(out, "  ");
    add_why(out, report);
    if (report->timing)
        buf_addf(out, "  [%llu us]", (unsigned long long)report->verdict->cpu_us);
    buf_add_char(out, '\n');
}
