/* The commented sample of attune.yaml, written from the table that reads it. */
#include <attune/conf_table.h>
#include <stdio.h>

enum { WIDTH = 100, INDENT = 2 };

static void put_indent(struct buf *out, size_t indent)
{
    for (size_t i = 0; i < indent; i++)
        buf_add_char(out, ' ');
}

/* `text` as comment lines, broken at spaces to stay within WIDTH. */
static void put_comment(struct buf *out, size_t indent, const char *text)
{
    struct str rest = str_of(text);
    while (rest.length) {
        size_t room = WIDTH - indent - 2, cut = rest.length;
        if (cut > room)
            for (cut = room; cut > 0 && rest.data[cut] != ' '; cut--)
                continue;
        if (cut == 0)
            cut = rest.length;
        put_indent(out, indent);
        buf_add_text(out, "# ");
        buf_add_str(out, str_slice(rest, 0, cut));
        buf_add_char(out, '\n');
        rest = str_trim(str_slice(rest, cut, rest.length));
    }
}

static void put_section(struct buf *out, const struct conf_section *section, size_t indent, bool as_item);

static void put_lines(struct buf *out, const char *lines, size_t indent, bool asleep)
{
    struct str rest = str_of(lines), line;
    while (str_next_line(&rest, &line)) {
        put_indent(out, indent);
        buf_add_text(out, asleep ? "# " : "");
        buf_add_str(out, line);
        buf_add_char(out, '\n');
    }
}

/* A list whose entries stand in one line each: what their keys mean goes before them. */
static void put_array(struct buf *out, const struct conf_row *row, size_t indent)
{
    for (size_t i = 0; i < row->inner->count; i++) {
        char help[256];
        snprintf(help, sizeof help, "%s: %s", row->inner->rows[i].key, row->inner->rows[i].help);
        put_comment(out, indent, help);
    }
    put_lines(out, row->sample, indent, row->asleep);
}

static void put_value(struct buf *out, const struct conf_row *row)
{
    const char *value = row->sample ? row->sample : row->standard;
    buf_addf(out, row->type == CONF_TYPE_FOLDERS || row->type == CONF_TYPE_DOMAINS ? " [%s]\n" : " %s\n", value);
}

static void put_row(struct buf *out, const struct conf_row *row, size_t indent, bool as_item)
{
    put_comment(out, indent, row->help);
    put_indent(out, as_item ? indent - INDENT : indent);
    buf_addf(out, "%s%s%s:", as_item ? "- " : "", row->asleep ? "# " : "", row->key);
    if (!row->inner) {
        put_value(out, row);
        return;
    }
    buf_add_char(out, '\n');
    if (row->type == CONF_TYPE_GROUP) {
        put_section(out, row->inner, indent + INDENT, false);
    } else if ((row->type == CONF_TYPE_ARRAY || row->asleep) && row->sample) {
        put_array(out, row, indent + INDENT);
    } else {
        put_section(out, row->inner, indent + 2 * INDENT, true);
        put_lines(out, row->sample, indent + INDENT, false);
    }
}

/* `as_item`: one entry of a list, whose first key stands behind the dash. */
static void put_section(struct buf *out, const struct conf_section *section, size_t indent, bool as_item)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct conf_row *row = &section->rows[i];
        if (row->type == CONF_TYPE_REFUSED)
            continue;
        if (indent == 0)
            buf_add_char(out, '\n');
        put_row(out, row, indent, as_item);
        as_item = false;
    }
}

void conf_print_sample(struct buf *out)
{
    buf_add_text(out, "# attune.yaml: the settings of attuned. Durations: 30s, 5m, 4h, 2d. Sizes: 512 KiB, 30 MiB.\n"
                      "# A setting behind a # is not made: the comment above it says what holds then.\n");
    put_section(out, &conf_root, 0, false);
}
