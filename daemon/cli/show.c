/* `attune show`: one case: why it is where it is, what to do with it, and what has happened. Asks keep; shows its
 * answer. The words of the message are not in the journal: `attune explain` shows them. */
#include <attune/controlclient.h>
#include <attune/explain.h>
#include <attune/output.h>

enum { TITLE_WIDTH = 12 };

static void add_row(struct buf *out, const char *title, struct str value)
{
    buf_addf(out, "%-*s", TITLE_WIDTH, title);
    output_add_safe(out, value.length ? value : STR("-"));
    buf_add_char(out, '\n');
}

/* "2026-11-21T09:30:00.123Z" as "2026-11-21 09:30:00". */
static void add_time(struct buf *out, struct str when)
{
    if (when.length < 19) {
        buf_add_text(out, "-");
        return;
    }
    output_add_safe(out, str_slice(when, 0, 10));
    buf_add_char(out, ' ');
    output_add_safe(out, str_slice(when, 11, 19));
}

/* Who did it and when; nothing when nobody did. */
static void add_deed(struct buf *out, const char *title, const json_t *answer, const char *by, const char *at)
{
    if (controlclient_text(answer, by).length == 0)
        return;
    buf_addf(out, "%-*s", TITLE_WIDTH, title);
    output_add_safe(out, controlclient_text(answer, by));
    buf_add_text(out, ", ");
    add_time(out, controlclient_text(answer, at));
    buf_add_text(out, " UTC\n");
}

static void add_moment(struct buf *out, const char *title, const json_t *answer, const char *member)
{
    if (controlclient_text(answer, member).length == 0)
        return;
    buf_addf(out, "%-*s", TITLE_WIDTH, title);
    add_time(out, controlclient_text(answer, member));
    buf_add_text(out, " UTC\n");
}

static void add_place(struct buf *out, const json_t *answer)
{
    static const struct {
        const char *title;
        const char *member;
    } rows[] = {{"queue", "queue"}, {"mailbox", "mailbox"}, {"folder", "folder"}, {"state", "state"},
                {"route", "route"}, {"page", "page"},       {"class", "class"},   {"language", "language"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (json_object_get(answer, rows[i].member))
            add_row(out, rows[i].title, controlclient_text(answer, rows[i].member));
}

static void add_head(struct buf *out, const json_t *answer)
{
    bool marked = str_equal_text(controlclient_text(answer, "urgency"), "now");
    add_row(out, "case", controlclient_text(answer, "case"));
    buf_addf(out, "%-*s%s", TITLE_WIDTH, "urgency", marked ? output_mark_on() : "");
    output_add_safe(out, controlclient_text(answer, "urgency"));
    buf_addf(out, "%s\n", marked ? output_mark_off() : "");
    if (controlclient_text(answer, "reason").length)
        add_row(out, "because", controlclient_text(answer, "reason"));
    add_place(out, answer);
    add_moment(out, "received", answer, "received_at");
    add_moment(out, "read by", answer, "deadline_at");
    add_deed(out, "taken by", answer, "acknowledged_by", "acknowledged_at");
    add_deed(out, "closed by", answer, "closed_by", "closed_at");
    const char *hint = json_string_value(json_object_get(answer, "hint"));
    if (explain_hint_sentence(hint))
        add_row(out, "agents", str_of(explain_hint_sentence(hint)));
}

static void add_cue(struct buf *out, const json_t *cue)
{
    struct str title = controlclient_text(cue, "cue_title"), lowered = controlclient_text(cue, "lowered_by");
    long long places = (long long)json_integer_value(json_object_get(cue, "places"));
    buf_add_text(out, "  ");
    output_add_safe(out, title.length ? title : controlclient_text(cue, "cue"));
    buf_add_text(out, ": ");
    output_add_safe(out, controlclient_text(cue, "urgency"));
    if (lowered.length) {
        buf_add_text(out, ", lowered (");
        output_add_safe(out, lowered);
        buf_add_char(out, ')');
    }
    if (places > 1)
        buf_addf(out, ", %lld places", places);
    buf_add_text(out, "\n    ");
    if (controlclient_text(cue, "title").length) {
        output_add_safe(out, controlclient_text(cue, "title"));
        buf_add_char(out, ' ');
    }
    buf_add_text(out, "(rule ");
    output_add_safe(out, controlclient_text(cue, "rule"));
    buf_add_text(out, ", in the ");
    output_add_safe(out, controlclient_text(cue, "field"));
    buf_add_text(out, ")\n");
}

static void add_reasons(struct buf *out, const json_t *names)
{
    size_t index;
    json_t *name;
    if (json_array_size(names))
        buf_add_text(out, "\nnot read in full\n");
    json_array_foreach(names, index, name)
    {
        const char *sentence = explain_reason_sentence(json_string_value(name));
        buf_add_text(out, "  ");
        output_add_safe(out, str_of(sentence ? sentence : json_string_value(name)));
        buf_add_char(out, '\n');
    }
}

static void add_card(struct buf *out, const json_t *card)
{
    struct str line, text = controlclient_text(card, "text");
    buf_add_text(out, "\nprotocol card: ");
    output_add_safe(out, controlclient_text(card, "card"));
    buf_add_text(out, text.length ? "\n" : " (not in the rules in force)\n");
    while (str_next_line(&text, &line)) {
        buf_add_text(out, line.length ? "  " : "");
        output_add_safe(out, line);
        buf_add_char(out, '\n');
    }
}

static void add_event(struct buf *out, const json_t *event)
{
    buf_add_text(out, "  ");
    add_time(out, controlclient_text(event, "at"));
    buf_add_text(out, "  ");
    output_add_safe(out, controlclient_text(event, "what"));
    if (controlclient_text(event, "detail").length) {
        buf_add_text(out, ": ");
        output_add_safe(out, controlclient_text(event, "detail"));
    }
    if (controlclient_text(event, "actor").length &&
        !str_equal(controlclient_text(event, "actor"), controlclient_text(event, "detail"))) {
        buf_add_text(out, " (by ");
        output_add_safe(out, controlclient_text(event, "actor"));
        buf_add_char(out, ')');
    }
    buf_add_char(out, '\n');
}

static void add_each(struct buf *out, const char *heading, const json_t *list,
                     void (*add)(struct buf *out, const json_t *item))
{
    size_t index;
    json_t *item;
    if (json_array_size(list))
        buf_add_text(out, heading);
    json_array_foreach(list, index, item) add(out, item);
}

static void print_text(const json_t *answer)
{
    struct buf text;
    buf_init(&text, OUTPUT_MAX);
    add_head(&text, answer);
    add_each(&text, "\nwhat was found\n", json_object_get(answer, "cues"), add_cue);
    add_reasons(&text, json_object_get(answer, "unscreened"));
    add_each(&text, "", json_object_get(answer, "cards"), add_card);
    add_each(&text, "\nwhat happened (UTC)\n", json_object_get(answer, "timeline"), add_event);
    output_print(&text);
    buf_free(&text);
}

enum cli_exit cli_show(const struct cli_arguments *arguments)
{
    json_t *answer;
    json_t *request =
        json_pack("{s:s, s:o}", "command", "show", "case", output_json_text(str_of(arguments->operands[0])));
    enum cli_exit status = controlclient_run(arguments, request, &answer);
    json_decref(request);
    if (status != CLI_DONE)
        return status;
    if (arguments->json)
        output_print_json(answer);
    else
        print_text(answer);
    json_decref(answer);
    return CLI_DONE;
}
