/* From a child's answer to an explanation: hits checked, the message decided, hits gathered into reasons and spans. The
 * command only; the child's answer is hostile. */
#include <attune/controlclient.h>
#include <attune/explain.h>
#include <attune/output.h>
#include <attune/report.h>
#include <stdlib.h>
#include <string.h>

/* --- the child's answer ------------------------------------------------------------------------------------------ */

static unsigned find_reasons(const json_t *names)
{
    size_t index;
    json_t *name;
    unsigned reasons = 0;
    json_array_foreach(names, index, name)
    {
        for (unsigned i = 0; json_is_string(name) && i < REASON_COUNT; i++)
            if (strcmp(json_string_value(name), reading_reason_name(i)) == 0)
                reasons |= 1u << i;
    }
    return reasons;
}

/* What cannot be told, and what only the daemon's key could prove, is `unknown`. */
static enum mail_class find_class(struct str name)
{
    for (enum mail_class class = CLASS_UNKNOWN; class < CLASS_OWN; class ++)
        if (str_equal_text(name, mail_class_name(class)))
            return class;
    return CLASS_UNKNOWN;
}

static bool has_flag(const json_t *seen, const char *wanted)
{
    size_t index;
    json_t *flag;
    json_array_foreach(json_object_get(seen, "flags"), index, flag)
    {
        if (json_is_string(flag) && strcmp(json_string_value(flag), wanted) == 0)
            return true;
    }
    return false;
}

static void take_facts(struct explain *explain, const json_t *seen)
{
    struct str language = controlclient_text(seen, "language");
    struct verdict *verdict = &explain->verdict;
    *verdict = (struct verdict){.class = find_class(controlclient_text(seen, "class")),
                                .reasons = find_reasons(json_object_get(seen, "unscreened")),
                                .is_forward = has_flag(seen, "forward"),
                                .points_at_quotation = has_flag(seen, "points-at-quotation"),
                                .hidden_text = has_flag(seen, "hidden-text"),
                                .automatic = has_flag(seen, "automatic"),
                                .message_id = controlclient_text(seen, "message_id"),
                                .zone_minutes = INT32_MIN};
    if (language.length < sizeof verdict->language)
        memcpy(verdict->language, language.data, language.length);
    for (enum text_field field = 0; field < FIELD_COUNT; field++)
        explain->fields[field] = controlclient_text(seen, text_field_name(field));
}

static bool begins_character(struct str text, size_t at)
{
    return at == text.length || ((unsigned char)text.data[at] & 0xC0) != 0x80;
}

static bool take_number(const json_t *list, size_t index, uint64_t below, uint64_t *out)
{
    const json_t *value = json_array_get(list, index);
    json_int_t number = json_integer_value(value);
    *out = (uint64_t)number;
    return json_is_integer(value) && number >= 0 && (uint64_t)number < below;
}

/* [rule, field, start, end, lowered]: a rule that exists, and whole characters of a field. */
static bool take_hit(const struct explain *explain, const json_t *given, struct hit *out)
{
    uint64_t rule, field, start, end, lowered;
    if (json_array_size(given) != 5 || !take_number(given, 0, pack_rule_count(explain->rules->pack), &rule) ||
        !take_number(given, 1, FIELD_COUNT, &field) || !take_number(given, 4, LOWERED_UNLESS + 1, &lowered))
        return false;
    struct str text = explain->fields[field];
    if (!take_number(given, 2, text.length, &start) || !take_number(given, 3, text.length + 1, &end) || end <= start ||
        !begins_character(text, start) || !begins_character(text, end))
        return false;
    *out = (struct hit){(uint32_t)rule, (enum text_field)field, (uint32_t)start, (uint32_t)end, (uint8_t)lowered};
    return true;
}

static enum err take_hits(struct explain *explain, const json_t *list)
{
    size_t count = json_array_size(list);
    struct hit *hits = arena_array(explain->arena, count <= VERDICT_MAX_HITS ? count : 0, sizeof *hits);
    if (!hits)
        return ERR_SYSTEM;
    bool is_true = count <= VERDICT_MAX_HITS;
    for (size_t i = 0; is_true && i < count; i++)
        is_true = take_hit(explain, json_array_get(list, i), &hits[i]);
    explain->verdict.hits = hits;
    explain->verdict.hit_count = is_true ? count : 0;
    explain->verdict.reasons |= is_true ? 0 : REASON_SCREEN_CRASH;
    return ERR_OK;
}

/* --- reasons ----------------------------------------------------------------------------------------------------- */

static bool is_same_group(const struct explain_group *a, const struct explain_group *b)
{
    return a->rule == b->rule && a->counts == b->counts && a->lowered_by == b->lowered_by;
}

static void add_to_group(struct explain *explain, size_t index)
{
    const struct hit *hit = &explain->verdict.hits[index];
    const struct pack *pack = explain->rules->pack;
    struct explain_group wanted = {.rule = pack_rule(pack, hit->rule),
                                   .cue = pack_cue(pack, pack_rule(pack, hit->rule)->cue),
                                   .counts = decide_hit(pack, &explain->verdict, hit),
                                   .lowered_by = report_lowered_by(hit)};
    size_t at = 0;
    while (at < explain->group_count && !is_same_group(&explain->groups[at], &wanted))
        at++;
    if (at == explain->group_count)
        explain->groups[explain->group_count++] = wanted;
    explain->groups[at].hit_count++;
    explain->group_of[index] = (uint32_t)at;
}

struct ranked {
    struct explain_group group;
    uint32_t was;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->group.counts != b->group.counts)
        return a->group.counts > b->group.counts ? -1 : 1;
    return (a->was > b->was) - (a->was < b->was);
}

/* What counts most stands first: a rule's own urgency, by which the hits come, is not what its hits count for. */
static enum err rank_groups(struct explain *explain)
{
    struct ranked *ranked = arena_array(explain->arena, explain->group_count, sizeof *ranked);
    uint32_t *now = arena_array(explain->arena, explain->group_count, sizeof *now);
    if (!ranked || !now)
        return ERR_SYSTEM;
    for (uint32_t i = 0; i < explain->group_count; i++)
        ranked[i] = (struct ranked){explain->groups[i], i};
    qsort(ranked, explain->group_count, sizeof *ranked, compare_ranked);
    for (uint32_t i = 0; i < explain->group_count; i++) {
        explain->groups[i] = ranked[i].group;
        now[ranked[i].was] = i;
    }
    for (size_t i = 0; i < explain->verdict.hit_count; i++)
        explain->group_of[i] = now[explain->group_of[i]];
    return ERR_OK;
}

static enum err gather_groups(struct explain *explain)
{
    size_t count = explain->verdict.hit_count;
    explain->groups = arena_array(explain->arena, count, sizeof *explain->groups);
    explain->group_of = arena_array(explain->arena, count, sizeof *explain->group_of);
    if (!explain->groups || !explain->group_of)
        return ERR_SYSTEM;
    for (size_t i = 0; i < count; i++)
        add_to_group(explain, i);
    return rank_groups(explain);
}

/* --- spans ------------------------------------------------------------------------------------------------------- */

static int compare_spans(const void *left, const void *right)
{
    const struct explain_span *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* Overlapping spans become one; spans that only touch stay two. */
static size_t merge_spans(struct explain_span *spans, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct explain_span *last = kept ? &spans[kept - 1] : NULL;
        if (!last || spans[i].start >= last->end) {
            spans[kept++] = spans[i];
            continue;
        }
        last->end = spans[i].end > last->end ? spans[i].end : last->end;
        last->counts = spans[i].counts > last->counts ? spans[i].counts : last->counts;
    }
    return kept;
}

static bool is_in_span(const struct explain *explain, uint32_t group, enum text_field field,
                       const struct explain_span *span)
{
    for (size_t i = 0; i < explain->verdict.hit_count; i++) {
        const struct hit *hit = &explain->verdict.hits[i];
        if (explain->group_of[i] == group && hit->field == field && hit->start >= span->start && hit->end <= span->end)
            return true;
    }
    return false;
}

/* The numbers of the reasons whose hits the span covers. */
static void label_span(const struct explain *explain, enum text_field field, struct explain_span *span)
{
    enum { ROOM = EXPLAIN_LABEL - 12 }; /* for one more number and the end */
    struct buf label;
    buf_init(&label, EXPLAIN_LABEL - 1);
    for (uint32_t i = 0; i < explain->group_count; i++) {
        if (!is_in_span(explain, i, field, span))
            continue;
        if (label.length > ROOM) {
            buf_add_text(&label, ", ...");
            break;
        }
        buf_addf(&label, "%s%u", label.length ? ", " : "[", (unsigned)i + 1);
    }
    buf_add_char(&label, ']');
    memcpy(span->label, buf_text(&label), label.length + 1);
    buf_free(&label);
}

static enum err find_spans(struct explain *explain, enum text_field field)
{
    struct explain_span *spans = arena_array(explain->arena, explain->verdict.hit_count, sizeof *spans);
    size_t count = 0;
    if (!spans)
        return ERR_SYSTEM;
    for (size_t i = 0; i < explain->verdict.hit_count; i++) {
        const struct hit *hit = &explain->verdict.hits[i];
        if (hit->field == field)
            spans[count++] = (struct explain_span){
                .start = hit->start, .end = hit->end, .counts = explain->groups[explain->group_of[i]].counts};
    }
    qsort(spans, count, sizeof *spans, compare_spans);
    explain->spans[field] = spans;
    explain->span_count[field] = merge_spans(spans, count);
    for (size_t i = 0; i < explain->span_count[field]; i++)
        label_span(explain, field, &spans[i]);
    return ERR_OK;
}

enum err explain_build(const char *source, bool cut, const json_t *seen, const struct clirules *rules,
                       struct arena *arena, struct explain *out)
{
    *out = (struct explain){.source = source, .rules = rules, .arena = arena};
    take_facts(out, seen);
    out->verdict.reasons |= cut ? REASON_CUT : 0;
    enum err error = take_hits(out, json_object_get(seen, "hits"));
    if (error == ERR_OK)
        error = decide(rules->pack, rules->policy, &out->verdict, arena, &out->decision);
    if (error == ERR_OK)
        error = gather_groups(out);
    for (enum text_field field = 0; error == ERR_OK && field < FIELD_COUNT; field++)
        error = find_spans(out, field);
    return error;
}
