/* An explanation as a page: one file that needs no other, for a phone or a desk, light or dark, and to print. Words of
 * the message are escaped, and the page's own policy forbids scripts and loading anything. The command only. */
#include <attune/explain.h>
#include <attune/output.h>
#include <string.h>

/* Colours meet WCAG 2.2 AA (4.5:1) on their grounds in both schemes. Urgency is told by words too, never by colour
 * alone. */
static const char style[] =
    ":root{color-scheme:light dark;--ground:#f6f5f2;--paper:#fff;--ink:#1d1c1a;--soft:#5c5952;--line:#dedbd3;"
    "--now:#a3201d;--now-mark:#fbd7d2;--soon:#8a4b00;--soon-mark:#fde3bd;--review:#1d5a8c;--review-mark:#d5e8f8;"
    "--other:#55524b;--other-mark:#e9e7e1}"
    "@media(prefers-color-scheme:dark){:root{--ground:#161615;--paper:#20201e;--ink:#eceae4;--soft:#aaa69c;"
    "--line:#3a3935;--now:#ff9d94;--now-mark:#5e2320;--soon:#ffc272;--soon-mark:#563a10;--review:#93cbf9;"
    "--review-mark:#193e5c;--other:#b9b5ab;--other-mark:#3a3935}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);"
    "font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}"
    "main{max-width:44rem;margin:0 auto;padding:1rem}"
    "article{background:var(--paper);border:1px solid var(--line);border-radius:.75rem;padding:1.25rem;margin:0 0 1rem}"
    "h1{font-size:1.35rem;line-height:1.3;margin:0 0 .25rem}h2{font-size:.95rem;margin:1.75rem 0 "
    ".5rem;color:var(--soft)}"
    "p{margin:.25rem 0}.soft{color:var(--soft);font-size:.875rem}.source{overflow-wrap:anywhere}"
    ".now{--tone:var(--now);--tone-mark:var(--now-mark)}.soon{--tone:var(--soon);--tone-mark:var(--soon-mark)}"
    ".review{--tone:var(--review);--tone-mark:var(--review-mark)}"
    ".adds,.routine{--tone:var(--other);--tone-mark:var(--other-mark)}"
    "h1 .pill{display:inline-block;vertical-align:.1em;margin-right:.5rem}"
    ".pill{background:var(--tone-mark);color:var(--tone);border-radius:1rem;padding:.05rem .6rem;font-size:.8rem;"
    "font-weight:650;white-space:nowrap}"
    "dl{display:grid;grid-template-columns:6.5rem 1fr;gap:.3rem .75rem;margin:0}"
    "dt{color:var(--soft)}dd{margin:0}"
    ".words{border-left:3px solid var(--line);padding:.1rem 0 .1rem .9rem;white-space:pre-wrap;overflow-wrap:anywhere}"
    ".left-out{color:var(--soft);font-size:.875rem;font-style:italic}"
    "mark{background:var(--tone-mark);color:inherit;border-bottom:2px solid var(--tone);border-radius:.2rem;"
    "padding:.05em .15em;-webkit-box-decoration-break:clone;box-decoration-break:clone}"
    "sup{color:var(--tone);font-weight:650;font-size:.72em;line-height:0;white-space:nowrap}"
    "ol,ul{margin:0;padding:0;list-style:none}ol>li,ul>li{padding:.7rem 0;border-top:1px solid var(--line)}"
    "ol>li:first-child,ul>li:first-child{border-top:0;padding-top:.2rem}"
    ".number{color:var(--tone);font-weight:650;margin-right:.35rem}"
    "code{font:.85em ui-monospace,\"DejaVu Sans Mono\",monospace;color:var(--soft);overflow-wrap:anywhere}"
    "details{border:1px solid var(--line);border-radius:.5rem;margin:.5rem 0;padding:.5rem .9rem}"
    "summary{cursor:pointer;font-weight:600}.card{white-space:pre-wrap;overflow-wrap:anywhere;margin:.5rem 0}"
    "footer{color:var(--soft);font-size:.875rem;padding:0 .25rem 1rem}"
    "@media(max-width:30rem){main{padding:.5rem}article{padding:1rem}dl{grid-template-columns:5.5rem 1fr}}"
    "@media print{body{background:none}article{border:0;padding:0}}";

/* --- escaping ---------------------------------------------------------------------------------------------------- */

static const char *entity(char byte)
{
    switch (byte) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Text of any kind as the content of an element; control characters are made harmless as on a terminal. */
static void add_escaped(struct buf *out, struct str text)
{
    size_t from = 0;
    for (size_t at = 0; at < text.length; at++) {
        const char *instead = entity(text.data[at]);
        if (!instead)
            continue;
        output_add_safe(out, str_slice(text, from, at));
        buf_add_text(out, instead);
        from = at + 1;
    }
    output_add_safe(out, str_slice(text, from, text.length));
}

static void add_text(struct buf *out, const char *text)
{
    add_escaped(out, str_of(text));
}

/* Lines keep their ends: only inside elements that show them. */
static void add_lines(struct buf *out, struct str text)
{
    struct str line;
    while (str_next_line(&text, &line)) {
        add_escaped(out, line);
        buf_add_char(out, '\n');
    }
}

/* --- the article ------------------------------------------------------------------------------------------------- */

static void add_fact(struct buf *out, const char *title, const char *value)
{
    buf_addf(out, "<dt>%s</dt><dd>", title);
    add_text(out, value);
    buf_add_text(out, "</dd>\n");
}

static void add_heading(struct buf *out, const struct explain *explain)
{
    const char *urgency = urgency_name(explain->decision.urgency);
    buf_addf(out, "<h1 class=\"%s\"><span class=\"pill\">%s</span>%s", urgency, urgency,
             explain_urgency_sentence(explain->decision.urgency));
    if (explain->decision.route->deadline_s) {
        buf_add_text(out, ", ");
        explain_add_deadline(out, explain->decision.route->deadline_s);
    }
    buf_add_text(out, "</h1>\n<p class=\"soft source\">");
    add_text(out, explain->source);
    buf_add_text(out, "</p>\n");
}

static void add_route(struct buf *out, const struct explain *explain)
{
    const struct route *route = explain->decision.route;
    const char *hint = explain_hint_sentence(route->hint);
    buf_addf(out, "<h2>What is done with it</h2>\n<dl>\n<dt>Queue</dt><dd>%s <code>route ", queue_name(route->queue));
    add_text(out, route->id);
    buf_add_text(out, "</code></dd>\n");
    add_fact(out, "Folder", explain_place_sentence(route->place));
    add_fact(out, "Page", explain_page_sentence(route->page));
    if (hint)
        add_fact(out, "For agents", hint);
    add_fact(out, "Kind", explain_class_sentence(explain->verdict.class));
    add_fact(out, "Language", *explain->verdict.language ? explain->verdict.language : "not known");
    buf_add_text(out, "</dl>\n");
}

static void add_piece(struct buf *out, const struct explain_piece *piece)
{
    if (!piece->span) {
        add_escaped(out, piece->text);
        return;
    }
    const char *urgency = urgency_name(piece->span->counts);
    buf_addf(out, "<mark class=\"%s\">", urgency);
    add_escaped(out, piece->text);
    buf_add_text(out, "</mark>");
    if (piece->ends_span)
        buf_addf(out, "<sup class=\"%s\">%s</sup>", urgency, piece->span->label);
}

static const char *const field_titles[FIELD_COUNT] = {
    [FIELD_SUBJECT] = "Subject",
    [FIELD_TEXT] = "Message",
    [FIELD_QUOTED] = "Quoted in it",
    [FIELD_SIGNATURE] = "Signature",
};

static void add_field(struct buf *out, const struct explain *explain, enum text_field field)
{
    struct explain_line line;
    size_t at = 0;
    if (explain->fields[field].length == 0)
        return;
    buf_addf(out, "<h2>%s</h2>\n<div class=\"words\" dir=\"auto\">", field_titles[field]);
    while (explain_next_line(explain, field, &at, &line)) {
        struct explain_piece piece;
        if (line.left_out)
            buf_addf(out, "<span class=\"left-out\">%zu line%s without a mark</span>\n", line.left_out,
                     line.left_out == 1 ? "" : "s");
        if (!line.is_line)
            break;
        for (size_t from = line.from; explain_next_piece(explain, field, &from, line.to, &piece);)
            add_piece(out, &piece);
        buf_add_char(out, '\n');
    }
    buf_add_text(out, "</div>\n");
}

static void add_group(struct buf *out, const struct explain *explain, size_t index)
{
    const struct explain_group *group = &explain->groups[index];
    const char *lowering = explain_lowering_sentence(explain, group);
    const char *urgency = urgency_name(group->counts);
    buf_addf(out, "<li class=\"%s\"><p><span class=\"number\">[%zu]</span><strong>", urgency, index + 1);
    add_text(out, group->cue->title);
    buf_add_text(out, "</strong> <span class=\"pill\">");
    explain_add_counts(out, group);
    buf_add_text(out, "</span>");
    if (group->hit_count > 1)
        buf_addf(out, " <span class=\"soft\">%zu places</span>", group->hit_count);
    buf_add_text(out, "</p>\n<p>");
    add_text(out, strcmp(group->rule->title, group->cue->title) != 0 ? group->rule->title : "");
    buf_add_text(out, "</p>\n<p class=\"soft\">");
    if (group->rule->why)
        add_text(out, group->rule->why);
    if (lowering)
        buf_addf(out, " %s The rule alone says %s.", lowering, urgency_name(group->rule->urgency));
    buf_add_text(out, " <code>");
    add_text(out, group->rule->id);
    buf_add_text(out, "</code></p></li>\n");
}

static void add_groups(struct buf *out, const struct explain *explain)
{
    buf_add_text(out, "<h2>What was found, and why it counts</h2>\n");
    if (explain->group_count == 0) {
        buf_add_text(out, "<p>Nothing that a rule knows.</p>\n");
        return;
    }
    buf_add_text(out, "<ol>\n");
    for (size_t i = 0; i < explain->group_count; i++)
        add_group(out, explain, i);
    buf_add_text(out, "</ol>\n");
}

static void add_combinations(struct buf *out, const struct explain *explain)
{
    const struct decision *decision = &explain->decision;
    if (decision->combination_count == 0)
        return;
    buf_add_text(out, "<h2>What stands together</h2>\n<ul>\n");
    for (size_t i = 0; i < decision->combination_count; i++) {
        const struct combination *combination = pack_combination(explain->rules->pack, decision->combinations[i]);
        struct buf sentence;
        buf_init(&sentence, OUTPUT_MAX);
        explain_add_combination(&sentence, explain, combination);
        buf_addf(out, "<li class=\"%s\"><span class=\"pill\">at least %s</span> ", urgency_name(combination->urgency),
                 urgency_name(combination->urgency));
        add_escaped(out, buf_str(&sentence));
        buf_add_text(out, " <code>");
        add_text(out, combination->id);
        buf_add_text(out, "</code></li>\n");
        buf_free(&sentence);
    }
    buf_add_text(out, "</ul>\n");
}

static void add_reasons(struct buf *out, unsigned reasons)
{
    if (!reasons)
        return;
    buf_add_text(out, "<h2>Not read in full</h2>\n<ul>\n");
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (reasons & (1u << i))
            buf_addf(out, "<li>%s <code>%s</code></li>\n", explain_reason_sentence(reading_reason_name(i)),
                     reading_reason_name(i));
    buf_add_text(out, "</ul>\n");
}

static void add_flags(struct buf *out, const struct verdict *verdict)
{
    bool any = false;
    for (size_t i = 0; i < EXPLAIN_FLAGS; i++) {
        const char *sentence = explain_flag_sentence(verdict, i);
        if (!sentence)
            continue;
        buf_addf(out, "%s<li>%s</li>\n", any ? "" : "<h2>Also seen</h2>\n<ul>\n", sentence);
        any = true;
    }
    buf_add_text(out, any ? "</ul>\n" : "");
}

/* A card's first line is its title; the most urgent card is open. */
static void add_cards(struct buf *out, const struct explain *explain)
{
    const struct decision *decision = &explain->decision;
    if (decision->card_count)
        buf_addf(out, "<h2>Protocol card%s</h2>\n", decision->card_count == 1 ? "" : "s");
    for (size_t i = 0; i < decision->card_count; i++) {
        struct str title, text = str_of(pack_card(explain->rules->pack, decision->cards[i]));
        buf_addf(out, "<details%s><summary>", i == 0 ? " open" : "");
        if (str_next_line(&text, &title))
            add_escaped(out, title);
        buf_add_text(out, "</summary><div class=\"card\">");
        add_lines(out, text);
        buf_add_text(out, "</div></details>\n");
    }
}

void explain_add_article(struct buf *out, const struct explain *explain)
{
    buf_add_text(out, "<article>\n");
    add_heading(out, explain);
    for (enum text_field field = 0; field < FIELD_COUNT; field++)
        add_field(out, explain, field);
    add_groups(out, explain);
    add_combinations(out, explain);
    add_reasons(out, explain->verdict.reasons);
    add_flags(out, &explain->verdict);
    add_route(out, explain);
    add_cards(out, explain);
    buf_addf(out, "<p class=\"soft\">Rule set <code>%.12s</code></p>\n</article>\n", explain->rules->hash);
}

void explain_add_page_head(struct buf *out)
{
    buf_addf(out,
             "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
             "<meta name=\"robots\" content=\"noindex\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
             "<title>Why a message is sorted as it is</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n",
             style);
}

void explain_add_page_foot(struct buf *out)
{
    buf_addf(out, "<footer>%s</footer>\n</main>\n</body>\n</html>\n", explain_footnote);
}
