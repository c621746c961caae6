/* A digest as plain text of 72 columns. Run by keep; pure. */
#include <attune/digest.h>
#include <stdio.h>

enum { INDENT = 3, LINE_MAX_BYTES = 4096 };

static size_t count_columns(struct str text)
{
    size_t columns = 0;
    for (size_t at = 0, length; at < text.length; at += length, columns++)
        utf8_decode(text, at, &length);
    return columns;
}

/* Words, broken at spaces; a word that is longer than a line stands on its own. Lines after the first are indented. */
static void add_wrapped(struct buf *out, const char *first, size_t indent, struct str text)
{
    buf_add_text(out, first);
    size_t column = count_columns(str_of(first));
    bool begins = true;
    while (text.length) {
        size_t end = str_find(text, STR(" "), 0);
        struct str word = str_slice(text, 0, end);
        size_t width = count_columns(word);
        if (!begins && column + 1 + width > DIGEST_COLUMNS) {
            buf_addf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!begins) {
            buf_add_char(out, ' ');
            column++;
        }
        buf_add_str(out, word);
        column += width;
        begins = false;
        text = end >= text.length ? STR("") : str_slice(text, end + 1, text.length);
    }
    buf_add_char(out, '\n');
}

static void add_line(struct buf *out, const char *name, struct str value)
{
    char first[64];
    if (!value.length)
        return;
    snprintf(first, sizeof first, "%*s%s", INDENT, "", name);
    add_wrapped(out, first, INDENT + 2, value);
}

static void add_item(struct buf *out, const struct digest *digest, const struct digest_item *item)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    buf_addf(&line, "Case %.8s. ", item->case_id);
    digest_add_due(digest, item, &line);
    add_wrapped(out, " * ", INDENT, buf_str(&line));
    buf_reset(&line);
    digest_add_place(digest, item, &line);
    add_line(out, "", buf_str(&line));
    add_line(out, "Suggests: ", str_of(item->cues));
    add_line(out, "Card: ", str_of(item->cards));
    buf_reset(&line);
    digest_add_reasons(item->reasons, &line);
    add_line(out, "Not read in full: ", buf_str(&line));
    buf_add_char(out, '\n');
    buf_free(&line);
}

static void add_heading(struct buf *out, const char *title, size_t count)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    if (count)
        buf_addf(&line, "%s (%zu)", title, count);
    else
        buf_add_text(&line, title);
    buf_addf(out, "\n%s\n", buf_text(&line));
    for (size_t i = 0; i < line.length; i++)
        buf_add_char(out, '-');
    buf_add_text(out, "\n\n");
    buf_free(&line);
}

static void add_part(struct buf *out, const struct digest *digest, enum digest_part part, size_t shown)
{
    if (!digest->totals[part])
        return;
    add_heading(out, digest_part_title(part), digest->totals[part]);
    for (size_t i = 0; i < shown; i++)
        if (digest->items[i].part == part)
            add_item(out, digest, &digest->items[i]);
    for (size_t i = 0; i < digest->group_count; i++) {
        const struct digest_group *group = &digest->groups[i];
        size_t left = group->part == part ? digest_left_out(digest, group, shown) : 0;
        if (left)
            buf_addf(out, " * and %zu more in %s (%s)\n", left, group->folder, group->mailbox);
    }
}

static void add_unscreened(struct buf *out, const struct digest *digest)
{
    bool has_heading = false;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (!digest->unscreened[i])
            continue;
        if (!has_heading)
            add_heading(out, "Left with agents, not read in full", 0);
        has_heading = true;
        buf_addf(out, " * %s: %zu\n", reading_reason_name(i), digest->unscreened[i]);
    }
}

void digest_write_text(const struct digest *digest, size_t shown, struct buf *out)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    digest_write_title(digest, out);
    buf_add_text(out, "\n\n");
    digest_add_summary(digest, &line);
    add_wrapped(out, "", 0, buf_str(&line));
    for (enum digest_part part = 0; part < DIGEST_PART_COUNT; part++)
        add_part(out, digest, part, shown);
    add_unscreened(out, digest);
    if (digest->note_count)
        add_heading(out, "Attune itself", 0);
    for (size_t i = 0; i < digest->note_count; i++)
        add_wrapped(out, " * ", INDENT, str_of(digest->notes[i]));
    add_wrapped(out, "\n", 0,
                STR("The messages are in the folders named here. To take one in hand: attune ack CASE. "
                    "This mail holds no words of any message."));
    buf_free(&line);
}
