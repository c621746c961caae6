/* An explanation for programs: the object of `attune triage --json` and what makes it readable. The command only. */
#include <attune/explain.h>
#include <attune/output.h>
#include <attune/report.h>

static void add_rule(json_t *cue, const struct explain_group *group)
{
    json_object_set_new(cue, "cue_title", output_json_text(str_of(group->cue->title)));
    json_object_set_new(cue, "title", output_json_text(str_of(group->rule->title)));
    json_object_set_new(cue, "why", group->rule->why ? output_json_text(str_of(group->rule->why)) : json_null());
    json_object_set_new(cue, "rule_urgency", json_string(urgency_name(group->rule->urgency)));
    json_object_set_new(cue, "file", output_json_text(str_of(group->rule->file)));
    json_object_set_new(cue, "line", json_integer(group->rule->line));
}

static void add_rules(json_t *cues, const struct explain *explain)
{
    size_t index;
    json_t *cue;
    json_array_foreach(cues, index, cue)
    {
        const struct explain_group *group = &explain->groups[explain->group_of[index]];
        const char *lowering = explain_lowering_sentence(explain, group);
        json_object_set_new(cue, "number", json_integer((json_int_t)explain->group_of[index] + 1));
        add_rule(cue, group);
        json_object_set_new(cue, "lowering", lowering ? json_string(lowering) : json_null());
    }
}

static json_t *field_object(const struct explain *explain)
{
    json_t *object = json_object();
    for (enum text_field field = 0; field < FIELD_COUNT; field++)
        json_object_set_new(object, text_field_name(field), output_json_text(explain->fields[field]));
    return object;
}

static json_t *reason_list(unsigned reasons)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (reasons & (1u << i))
            json_array_append_new(list, json_pack("{s:s, s:s}", "reason", reading_reason_name(i), "sentence",
                                                  explain_reason_sentence(reading_reason_name(i))));
    return list;
}

static json_t *flag_list(const struct verdict *verdict)
{
    json_t *list = json_array();
    for (size_t i = 0; i < EXPLAIN_FLAGS; i++)
        if (explain_flag_sentence(verdict, i))
            json_array_append_new(list, json_string(explain_flag_sentence(verdict, i)));
    return list;
}

static json_t *combination_list(const struct explain *explain)
{
    json_t *list = json_array();
    for (size_t i = 0; i < explain->decision.combination_count; i++) {
        const struct combination *combination =
            pack_combination(explain->rules->pack, explain->decision.combinations[i]);
        struct buf sentence;
        buf_init(&sentence, OUTPUT_MAX);
        explain_add_combination(&sentence, explain, combination);
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "combination", combination->id, "urgency",
                                              urgency_name(combination->urgency), "sentence",
                                              output_json_text(buf_str(&sentence))));
        buf_free(&sentence);
    }
    return list;
}

static json_t *card_list(const struct explain *explain)
{
    json_t *list = json_array();
    for (size_t i = 0; i < explain->decision.card_count; i++) {
        const char *name = explain->decision.cards[i];
        json_array_append_new(list, json_pack("{s:o, s:o}", "card", output_json_text(str_of(name)), "text",
                                              output_json_text(str_of(pack_card(explain->rules->pack, name)))));
    }
    return list;
}

json_t *explain_object(const struct explain *explain)
{
    const struct verdict *verdict = &explain->verdict;
    struct str *texts = arena_array(explain->arena, verdict->hit_count, sizeof *texts);
    for (size_t i = 0; texts && i < verdict->hit_count; i++)
        texts[i] = str_slice(explain->fields[verdict->hits[i].field], verdict->hits[i].start, verdict->hits[i].end);
    const struct report report = {.source = explain->source,
                                  .rules = explain->rules,
                                  .verdict = verdict,
                                  .decision = &explain->decision,
                                  .texts = texts};
    json_t *object = report_object(&report);
    const char *hint = explain->decision.route->hint;
    add_rules(json_object_get(object, "cues"), explain);
    json_object_set_new(object, "fields", field_object(explain));
    json_object_set_new(object, "page_target", json_string(page_target_name(explain->decision.route->page)));
    json_object_set_new(object, "hint", hint ? json_string(hint) : json_null());
    json_object_set_new(object, "reasons", reason_list(verdict->reasons));
    json_object_set_new(object, "facts", flag_list(verdict));
    json_object_set_new(object, "combined", combination_list(explain));
    json_object_set_new(object, "card_texts", card_list(explain));
    return object;
}
