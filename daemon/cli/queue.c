/* `attune queue`: the messages that wait for people. Asks keep; shows its answer. */
#include <attune/controlclient.h>
#include <attune/output.h>
#include <string.h>

enum { CASE_SHOWN = 10 /* characters of a case's id: `attune ack` takes a unique beginning of 6 */ };

struct column {
    const char *title;
    const char *member;
    size_t width;
};

static const struct column columns[] = {
    {"CASE", "case", CASE_SHOWN},        {"URGENCY", "urgency", 8}, {"STATE", "state", 12},
    {"MAILBOX", "mailbox", 16},          {"FOLDER", "folder", 18},  {"READ BY (UTC)", "deadline_at", 16},
    {"TAKEN BY", "acknowledged_by", 12},
};
enum { COLUMN_COUNT = sizeof columns / sizeof columns[0] };

/* "2026-11-21T09:30:00.123Z" as "2026-11-21 09:30": a time as people read it. */
static void add_time(struct buf *out, struct str when, size_t width)
{
    char text[17];
    if (when.length < 16) {
        output_add_column(out, STR("-"), width);
        return;
    }
    memcpy(text, when.data, 16);
    text[16] = '\0';
    if (text[10] == 'T')
        text[10] = ' ';
    output_add_column(out, str_of(text), width);
}

static void add_cell(struct buf *out, const json_t *item, const struct column *column)
{
    struct str text = controlclient_text(item, column->member);
    if (strcmp(column->member, "deadline_at") == 0)
        add_time(out, text, column->width);
    else if (strcmp(column->member, "case") == 0)
        output_add_column(out, str_slice(text, 0, CASE_SHOWN), column->width);
    else
        output_add_column(out, text.length ? text : STR("-"), column->width);
    buf_add_text(out, "  ");
}

static void add_list(struct buf *out, const json_t *list)
{
    size_t index;
    json_t *value;
    json_array_foreach(list, index, value)
    {
        if (index)
            buf_add_text(out, ", ");
        output_add_safe(out, str_of(json_string_value(value)));
    }
}

static void add_item(struct buf *out, const json_t *item)
{
    const json_t *unscreened = json_object_get(item, "unscreened");
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        add_cell(out, item, &columns[i]);
    add_list(out, json_object_get(item, "cues"));
    if (json_array_size(unscreened)) {
        buf_add_text(out,
                     json_array_size(json_object_get(item, "cues")) ? "; not read in full: " : "not read in full: ");
        add_list(out, unscreened);
    }
    buf_add_char(out, '\n');
}

static void print_table(const json_t *items)
{
    struct buf table;
    size_t index;
    json_t *item;
    buf_init(&table, OUTPUT_MAX);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        buf_addf(&table, "%-*s  ", (int)columns[i].width, columns[i].title);
    buf_add_text(&table, "WHY\n");
    json_array_foreach(items, index, item) add_item(&table, item);
    if (json_array_size(items) == 0) {
        buf_reset(&table);
        buf_add_text(&table, "Nothing waits.\n");
    }
    output_print(&table);
    buf_free(&table);
}

enum cli_exit cli_queue(const struct cli_arguments *arguments)
{
    json_t *answer;
    if (arguments->queue && strcmp(arguments->queue, "clinical") != 0 && strcmp(arguments->queue, "agent") != 0) {
        output_problem("--queue is clinical or agent, not \"%s\".", arguments->queue);
        return CLI_USAGE;
    }
    json_t *request = json_pack("{s:s, s:s?}", "command", "queue", "queue", arguments->queue);
    if (arguments->all)
        json_object_set_new(request, "all", json_true());
    enum cli_exit status = controlclient_run(arguments, request, &answer);
    json_decref(request);
    if (status != CLI_DONE)
        return status;
    if (arguments->json)
        output_print_json(answer);
    else
        print_table(json_object_get(answer, "items"));
    json_decref(answer);
    return CLI_DONE;
}
