/*
 * A page as a mail: as thin as the webhook's, in words. Run by keep. The same row gives the same bytes, so that a
 * repeated id never carries another content.
 */
#include <attune/clock.h>
#include <attune/journal.h>
#include <attune/mail.h>
#include <stdio.h>
#include <string.h>

enum { CASE_SHOWN = 8 /* characters; attune ack takes 6 or more */ };

struct line {
    const char *name;
    char value[96];
};
enum { MAX_LINES = 6 };

static void add_line(struct line *lines, size_t *count, const char *name, const char *value)
{
    lines[*count].name = name;
    snprintf(lines[(*count)++].value, sizeof lines->value, "%s", value);
}

static void add_time(struct line *lines, size_t *count, const char *name, int64_t wall_ms)
{
    char text[CLOCK_LOCAL_SIZE];
    if (!wall_ms)
        return;
    clock_format_local(wall_ms, text);
    add_line(lines, count, name, text);
}

static size_t list_lines(const struct alert_row *alert, bool is_alarm, struct line lines[MAX_LINES])
{
    size_t count = 0;
    add_line(lines, &count, "Case", alert->id);
    add_line(lines, &count, is_alarm ? "About" : "Mailbox", alert->subject);
    if (is_alarm)
        add_line(lines, &count, "Reason", alert->reason);
    else
        add_line(lines, &count, "Urgency", urgency_name(alert->urgency));
    add_time(lines, &count, "Arrived", alert->received_ms);
    add_time(lines, &count, "Read by", alert->deadline_ms);
    add_time(lines, &count, is_alarm ? "Since" : "Page opened", alert->opened_ms);
    return count;
}

static void write_text(const char *sentence, const struct line *lines, size_t count, struct buf *out)
{
    buf_addf(out, "%s\n\n", sentence);
    for (size_t i = 0; i < count; i++)
        buf_addf(out, "%-12s %s\n", lines[i].name, lines[i].value);
    buf_addf(out, "\nAcknowledge, so that it rings no more:\n\n    attune ack %.*s\n", CASE_SHOWN, lines[0].value);
}

static void write_html(const char *sentence, const struct line *lines, size_t count, struct buf *out)
{
    mail_html_begin(out, sentence);
    buf_add_text(out, "<ul>\n");
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, "<li><span class=\"quiet\">%s:</span> ", lines[i].name);
        mail_html_add(out, str_of(lines[i].value));
        buf_add_text(out, "</li>\n");
    }
    buf_addf(out, "</ul>\n<p>Acknowledge, so that it rings no more:<br><code>attune ack %.*s</code></p>\n", CASE_SHOWN,
             lines[0].value);
    mail_html_end(out);
}

enum err mail_compose_page(const struct outbox_row *row, const struct alert_row *alert, const char *from,
                           const char *to, const unsigned char site_key[HASH_SIZE], struct buf *out)
{
    bool is_alarm = strcmp(alert->kind, "alarm") == 0;
    struct line lines[MAX_LINES];
    size_t count = list_lines(alert, is_alarm, lines);
    const char *sentence = is_alarm ? "Attune itself needs attention" : "A message waits to be read now";
    char subject[64];
    struct buf text, html;
    buf_init(&text, MAIL_MAX_BYTES);
    buf_init(&html, MAIL_MAX_BYTES);
    write_text(sentence, lines, count, &text);
    write_html(sentence, lines, count, &html);
    snprintf(subject, sizeof subject, "[attune] %s: %.*s", is_alarm ? "needs attention" : "to read now", CASE_SHOWN,
             alert->id);
    struct mail mail = {from, to, subject, row->created_ms, row->webhook_id, buf_text(&text), buf_text(&html)};
    enum err error = buf_failed(&text) || buf_failed(&html) ? ERR_SYSTEM : mail_compose(&mail, site_key, out);
    buf_free(&text);
    buf_free(&html);
    return error;
}
