/* A digest as HTML that reads on a phone. Run by keep; pure. See mail_html.c for colours and sizes. */
#include <attune/digest.h>
#include <attune/mail.h>

enum { LINE_MAX_BYTES = 4096 };

static void add_line(struct buf *out, const char *name, struct str value)
{
    if (!value.length)
        return;
    buf_addf(out, "<br>\n<span class=\"quiet\">%s</span> ", name);
    mail_html_add(out, value);
}

static void add_due(struct buf *out, const struct digest *digest, const struct digest_item *item)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    digest_add_due(digest, item, &line);
    buf_add_text(out, digest_is_overdue(digest, item) ? "<br>\n<span class=\"late\">" : "<br>\n<span>");
    mail_html_add(out, buf_str(&line));
    buf_add_text(out, "</span>");
    buf_free(&line);
}

static void add_item(struct buf *out, const struct digest *digest, const struct digest_item *item)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    buf_addf(out, "<li><strong>Case <code>%.8s</code></strong>", item->case_id);
    add_due(out, digest, item);
    digest_add_place(digest, item, &line);
    buf_add_text(out, "<br>\n");
    mail_html_add(out, buf_str(&line));
    add_line(out, "Suggests:", str_of(item->cues));
    add_line(out, "Card:", str_of(item->cards));
    buf_reset(&line);
    digest_add_reasons(item->reasons, &line);
    add_line(out, "Not read in full:", buf_str(&line));
    buf_add_text(out, "</li>\n");
    buf_free(&line);
}

static void add_more(struct buf *out, const struct digest_group *group, size_t left)
{
    buf_addf(out, "<li>and %zu more in ", left);
    mail_html_add(out, str_of(group->folder));
    buf_add_text(out, " (");
    mail_html_add(out, str_of(group->mailbox));
    buf_add_text(out, ")</li>\n");
}

static void add_part(struct buf *out, const struct digest *digest, enum digest_part part, size_t shown)
{
    if (!digest->totals[part])
        return;
    buf_addf(out, "<h2>%s (%zu)</h2>\n<ul>\n", digest_part_title(part), digest->totals[part]);
    for (size_t i = 0; i < shown; i++)
        if (digest->items[i].part == part)
            add_item(out, digest, &digest->items[i]);
    for (size_t i = 0; i < digest->group_count; i++) {
        size_t left = digest->groups[i].part == part ? digest_left_out(digest, &digest->groups[i], shown) : 0;
        if (left)
            add_more(out, &digest->groups[i], left);
    }
    buf_add_text(out, "</ul>\n");
}

static void add_unscreened(struct buf *out, const struct digest *digest)
{
    bool has_heading = false;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (!digest->unscreened[i])
            continue;
        if (!has_heading)
            buf_add_text(out, "<h2>Left with agents, not read in full</h2>\n<ul>\n");
        has_heading = true;
        buf_addf(out, "<li>%s: %zu</li>\n", reading_reason_name(i), digest->unscreened[i]);
    }
    buf_add_text(out, has_heading ? "</ul>\n" : "");
}

static void add_notes(struct buf *out, const struct digest *digest)
{
    if (!digest->note_count)
        return;
    buf_add_text(out, "<h2>Attune itself</h2>\n<ul>\n");
    for (size_t i = 0; i < digest->note_count; i++) {
        buf_add_text(out, "<li>");
        mail_html_add(out, str_of(digest->notes[i]));
        buf_add_text(out, "</li>\n");
    }
    buf_add_text(out, "</ul>\n");
}

void digest_write_html(const struct digest *digest, size_t shown, struct buf *out)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    digest_write_title(digest, &line);
    mail_html_begin(out, buf_text(&line));
    buf_reset(&line);
    digest_add_summary(digest, &line);
    buf_add_text(out, "<p>");
    mail_html_add(out, buf_str(&line));
    buf_add_text(out, "</p>\n");
    for (enum digest_part part = 0; part < DIGEST_PART_COUNT; part++)
        add_part(out, digest, part, shown);
    add_unscreened(out, digest);
    add_notes(out, digest);
    buf_add_text(out, "<p class=\"quiet\">The messages are in the folders named here. To take one in hand: "
                      "<code>attune ack CASE</code>. This mail holds no words of any message.</p>\n");
    mail_html_end(out);
    buf_free(&line);
}
