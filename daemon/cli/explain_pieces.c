/* Which lines of a field are shown, and where their marks begin and end. The command only. */
#include <attune/explain.h>
#include <string.h>

static size_t line_end(struct str text, size_t from)
{
    const char *end = from < text.length ? memchr(text.data + from, '\n', text.length - from) : NULL;
    return end ? (size_t)(end - text.data) : text.length;
}

static bool has_span(const struct explain *explain, enum text_field field, size_t from, size_t to)
{
    for (size_t i = 0; i < explain->span_count[field]; i++)
        if (explain->spans[field][i].start < to && explain->spans[field][i].end > from)
            return true;
    return false;
}

static size_t count_lines(struct str text)
{
    size_t count = 0;
    for (size_t at = 0; at < text.length; at = line_end(text, at) + 1)
        count++;
    return count;
}

/* Whether a mark stands within EXPLAIN_NEAR_LINES of the line. */
static bool is_near_mark(const struct explain *explain, enum text_field field, size_t from, size_t to)
{
    struct str text = explain->fields[field];
    for (int i = 0; i < EXPLAIN_NEAR_LINES && from > 0; i++)
        for (from--; from > 0 && text.data[from - 1] != '\n';)
            from--;
    for (int i = 0; i < EXPLAIN_NEAR_LINES && to < text.length; i++)
        to = line_end(text, to + 1);
    return has_span(explain, field, from, to);
}

/* What the writer wrote or hands on is shown whole when it is short; the rest only where something was found. */
static bool is_shown_whole(const struct explain *explain, enum text_field field)
{
    const struct verdict *verdict = &explain->verdict;
    bool handed_on = field == FIELD_QUOTED && (verdict->is_forward || verdict->points_at_quotation);
    return field == FIELD_SUBJECT ||
           ((field == FIELD_TEXT || handed_on) && count_lines(explain->fields[field]) <= EXPLAIN_WHOLE_LINES);
}

bool explain_next_line(const struct explain *explain, enum text_field field, size_t *at, struct explain_line *out)
{
    struct str text = explain->fields[field];
    bool whole = is_shown_whole(explain, field);
    *out = (struct explain_line){0};
    while (*at < text.length) {
        out->from = *at;
        out->to = line_end(text, *at);
        *at = out->to + 1;
        out->is_line = whole || is_near_mark(explain, field, out->from, out->to);
        if (out->is_line)
            return true;
        out->left_out++;
    }
    return out->left_out > 0;
}

bool explain_next_piece(const struct explain *explain, enum text_field field, size_t *at, size_t to,
                        struct explain_piece *out)
{
    size_t end = to;
    if (*at >= to)
        return false;
    *out = (struct explain_piece){0};
    for (size_t i = 0; i < explain->span_count[field]; i++) {
        const struct explain_span *span = &explain->spans[field][i];
        if (span->end <= *at)
            continue;
        out->span = span->start <= *at ? span : NULL;
        end = out->span ? span->end : span->start;
        break;
    }
    out->ends_span = out->span && end <= to;
    out->text = str_slice(explain->fields[field], *at, end < to ? end : to);
    *at = end < to ? end : to;
    return true;
}
