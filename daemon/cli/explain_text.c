/* An explanation on a terminal or in a pipe. Words of the message stand behind a bar, so that none can pass for ours,
 * marked by colour where there is any and by brackets where not. The command only. */
#include <attune/explain.h>
#include <attune/output.h>
#include <stdio.h>

static void add_row(struct buf *out, const char *title, const char *value)
{
    buf_addf(out, "%-11s%s\n", title, value);
}

static void add_source(struct buf *out, const struct explain *explain)
{
    buf_addf(out, "%-11s", "message");
    output_add_safe(out, str_of(explain->source));
    buf_add_char(out, '\n');
}

static void add_verdict(struct buf *out, const struct explain *explain)
{
    const struct decision *decision = &explain->decision;
    bool marked = decision->urgency == URGENCY_NOW;
    buf_addf(out, "%-11s%s%s%s: %s", "verdict", marked ? output_mark_on() : "", urgency_name(decision->urgency),
             marked ? output_mark_off() : "", explain_urgency_sentence(decision->urgency));
    if (decision->route->deadline_s) {
        buf_add_text(out, ", ");
        explain_add_deadline(out, decision->route->deadline_s);
    }
    buf_add_text(out, ".\n");
    buf_addf(out, "%-11s%s (route `%s`)\n", "queue", queue_name(decision->route->queue), decision->route->id);
    add_row(out, "folder", explain_place_sentence(decision->route->place));
    add_row(out, "page", explain_page_sentence(decision->route->page));
    const char *hint = explain_hint_sentence(decision->route->hint);
    if (hint)
        add_row(out, "agents", hint);
    add_row(out, "class", explain_class_sentence(explain->verdict.class));
    add_row(out, "language", *explain->verdict.language ? explain->verdict.language : "not known");
}

static void add_piece(struct buf *out, const struct explain_piece *piece)
{
    bool coloured = *output_mark_on() != '\0';
    if (!piece->span) {
        output_add_safe(out, piece->text);
        return;
    }
    buf_add_text(out, coloured ? output_mark_on() : "[");
    output_add_safe(out, piece->text);
    buf_add_text(out, coloured ? output_mark_off() : "]");
    if (piece->ends_span)
        buf_add_text(out, piece->span->label);
}

static void add_field(struct buf *out, const struct explain *explain, enum text_field field)
{
    struct explain_line line;
    size_t at = 0;
    if (explain->fields[field].length == 0)
        return;
    buf_addf(out, "\n%s\n", text_field_name(field));
    while (explain_next_line(explain, field, &at, &line)) {
        struct explain_piece piece;
        if (line.left_out)
            buf_addf(out, "  : %zu line%s without a mark\n", line.left_out, line.left_out == 1 ? "" : "s");
        if (!line.is_line)
            return;
        buf_add_text(out, "  | ");
        for (size_t from = line.from; explain_next_piece(explain, field, &from, line.to, &piece);)
            add_piece(out, &piece);
        buf_add_char(out, '\n');
    }
}

static void add_group(struct buf *out, const struct explain *explain, size_t index)
{
    const struct explain_group *group = &explain->groups[index];
    const char *lowering = explain_lowering_sentence(explain, group);
    char label[24];
    snprintf(label, sizeof label, "[%zu]", index + 1);
    buf_addf(out, "%5s %s: ", label, group->cue->title);
    explain_add_counts(out, group);
    if (group->hit_count > 1)
        buf_addf(out, ", %zu places", group->hit_count);
    buf_addf(out, "\n      %s (rule %s)\n", group->rule->title, group->rule->id);
    if (group->rule->why)
        buf_addf(out, "      Why: %s\n", group->rule->why);
    if (lowering)
        buf_addf(out, "      %s The rule alone says %s.\n", lowering, urgency_name(group->rule->urgency));
}

static void add_groups(struct buf *out, const struct explain *explain)
{
    buf_add_text(out, "\nwhat was found\n");
    if (explain->group_count == 0)
        buf_add_text(out, "      Nothing that a rule knows.\n");
    for (size_t i = 0; i < explain->group_count; i++)
        add_group(out, explain, i);
}

static void add_combinations(struct buf *out, const struct explain *explain)
{
    const struct decision *decision = &explain->decision;
    if (decision->combination_count)
        buf_add_text(out, "\nwhat stands together\n");
    for (size_t i = 0; i < decision->combination_count; i++) {
        const struct combination *combination = pack_combination(explain->rules->pack, decision->combinations[i]);
        buf_addf(out, "      %s, at least %s: ", combination->id, urgency_name(combination->urgency));
        explain_add_combination(out, explain, combination);
        buf_add_char(out, '\n');
    }
}

static void add_facts(struct buf *out, const struct explain *explain)
{
    if (explain->verdict.reasons)
        buf_add_text(out, "\nnot read in full\n");
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (explain->verdict.reasons & (1u << i))
            buf_addf(out, "      %s: %s\n", reading_reason_name(i), explain_reason_sentence(reading_reason_name(i)));
    const char *heading = "\nalso seen\n";
    for (size_t i = 0; i < EXPLAIN_FLAGS; i++) {
        const char *sentence = explain_flag_sentence(&explain->verdict, i);
        if (!sentence)
            continue;
        buf_addf(out, "%s      %s\n", heading, sentence);
        heading = "";
    }
}

static void add_cards(struct buf *out, const struct explain *explain)
{
    for (size_t i = 0; i < explain->decision.card_count; i++) {
        struct str line, text = str_of(pack_card(explain->rules->pack, explain->decision.cards[i]));
        buf_addf(out, "\nprotocol card: %s\n", explain->decision.cards[i]);
        while (str_next_line(&text, &line)) {
            buf_add_text(out, line.length ? "      " : "");
            output_add_safe(out, line);
            buf_add_char(out, '\n');
        }
    }
}

void explain_add_text(struct buf *out, const struct explain *explain)
{
    add_source(out, explain);
    add_verdict(out, explain);
    for (enum text_field field = 0; field < FIELD_COUNT; field++)
        add_field(out, explain, field);
    add_groups(out, explain);
    add_combinations(out, explain);
    add_facts(out, explain);
    add_cards(out, explain);
    buf_addf(out, "\n%s\nRule set %.12s.\n", explain_footnote, explain->rules->hash);
}
