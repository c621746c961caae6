/* `attune text`: what the rules see of a message. The command only; reading happens in a sandboxed child. */
#include <attune/controlclient.h>
#include <attune/mailsource.h>
#include <attune/output.h>
#include <attune/readchild.h>
#include <errno.h>
#include <string.h>

static void note_problem(void *context, const char *path, const char *why)
{
    *(bool *)context = true;
    output_problem("%s: %s.", path, why);
}

static void add_word(struct buf *out, const char *title, struct str word)
{
    buf_addf(out, "%-11s", title);
    output_add_safe(out, word.length ? word : STR("-"));
    buf_add_char(out, '\n');
}

static void add_list(struct buf *out, const char *title, const json_t *list)
{
    size_t index;
    json_t *value;
    buf_addf(out, "%-11s%s", title, json_array_size(list) ? "" : "-");
    json_array_foreach(list, index, value)
    {
        buf_add_text(out, index ? ", " : "");
        output_add_safe(out, str_of(json_string_value(value)));
    }
    buf_add_char(out, '\n');
}

/* A field of several lines, each behind a bar, so that no line of mail can pass for one of ours. */
static void add_field(struct buf *out, const char *title, struct str text)
{
    struct str line;
    if (text.length == 0)
        return;
    buf_addf(out, "%s\n", title);
    while (str_next_line(&text, &line)) {
        buf_add_text(out, "  | ");
        output_add_safe(out, line);
        buf_add_char(out, '\n');
    }
}

static void print_text(const char *name, const json_t *seen)
{
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    add_word(&out, "message", str_of(name));
    add_word(&out, "class", controlclient_text(seen, "class"));
    add_word(&out, "language", controlclient_text(seen, "language"));
    add_list(&out, "flags", json_object_get(seen, "flags"));
    add_list(&out, "unscreened", json_object_get(seen, "unscreened"));
    add_word(&out, "subject", controlclient_text(seen, "subject"));
    add_field(&out, "text", controlclient_text(seen, "text"));
    add_field(&out, "quoted", controlclient_text(seen, "quoted"));
    add_field(&out, "signature", controlclient_text(seen, "signature"));
    output_print(&out);
    buf_free(&out);
}

static enum err show(const struct mailsource_item *item, bool as_json)
{
    json_t *seen;
    enum err error = readchild_read(item->raw, &seen);
    if (error != ERR_OK)
        return error;
    if (item->cut)
        json_array_append_new(json_object_get(seen, "unscreened"), json_string("cut"));
    if (as_json) {
        json_t *object = json_pack("{s:o}", "source", output_json_text(str_of(item->name)));
        json_object_update(object, seen);
        output_print_json(object);
        json_decref(object);
    } else {
        print_text(item->name, seen);
    }
    json_decref(seen);
    return ERR_OK;
}

enum cli_exit cli_text(const struct cli_arguments *arguments)
{
    bool failed = false;
    struct mailsource_item item;
    enum err error = reading_prepare();
    struct mailsource *source = mailsource_new(arguments->operands, arguments->operand_count, note_problem, &failed);
    while (error == ERR_OK && source && (error = mailsource_next(source, &item)) == ERR_OK)
        error = show(&item, arguments->json);
    mailsource_free(&source);
    if (error != ERR_ABSENT) {
        output_problem("mail cannot be read in a sandbox here (%s): nothing is read outside one.", strerror(errno));
        return CLI_USAGE;
    }
    return failed ? CLI_USAGE : CLI_DONE;
}
