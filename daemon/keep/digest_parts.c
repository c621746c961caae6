/* The lines that a digest's text and HTML share. Run by keep; pure: a digest in, words out. */
#include <attune/clock.h>
#include <attune/digest.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };

const char *digest_part_title(enum digest_part part)
{
    static const char *const titles[DIGEST_PART_COUNT] = {"To read now", "To read today", "To review",
                                                          "In somebody's hand, not closed"};
    return titles[part];
}

size_t digest_to_read(const struct digest *digest)
{
    return digest->totals[DIGEST_NOW] + digest->totals[DIGEST_SOON] + digest->totals[DIGEST_REVIEW];
}

void digest_write_title(const struct digest *digest, struct buf *out)
{
    buf_addf(out, "%zu to read", digest_to_read(digest));
}

void digest_add_summary(const struct digest *digest, struct buf *out)
{
    char now[CLOCK_LOCAL_SIZE];
    clock_format_local(digest->now_ms, now);
    buf_addf(out, "%s. ", now);
    if (digest_to_read(digest) == 0) {
        buf_add_text(out, "Nothing waits for a clinician.");
        return;
    }
    if (digest->overdue)
        buf_addf(out, "Overdue: %zu. ", digest->overdue);
    buf_addf(out, "Now: %zu. Today: %zu. Review: %zu.", digest->totals[DIGEST_NOW], digest->totals[DIGEST_SOON],
             digest->totals[DIGEST_REVIEW]);
}

/* The hour alone on the day of the digest, whose zone stands in the summary; the day too on others. */
static void add_time(int64_t wall_ms, int64_t now_ms, struct buf *out)
{
    time_t then_s = (time_t)(wall_ms / 1000), now_s = (time_t)(now_ms / 1000);
    struct tm then = {0}, now = {0};
    char text[32];
    localtime_r(&then_s, &then);
    localtime_r(&now_s, &now);
    bool is_today = then.tm_year == now.tm_year && then.tm_yday == now.tm_yday;
    strftime(text, sizeof text, is_today ? "%H:%M" : "%a %d %b %H:%M", &then);
    buf_add_text(out, text);
}

void digest_add_span(int64_t span_ms, struct buf *out)
{
    if (span_ms < HOUR_MS)
        buf_addf(out, "%lld min", (long long)(span_ms < 0 ? 0 : span_ms / MINUTE_MS));
    else if (span_ms < DAY_MS)
        buf_addf(out, "%lld h %lld min", (long long)(span_ms / HOUR_MS), (long long)(span_ms % HOUR_MS / MINUTE_MS));
    else
        buf_addf(out, "%lld d %lld h", (long long)(span_ms / DAY_MS), (long long)(span_ms % DAY_MS / HOUR_MS));
}

bool digest_is_overdue(const struct digest *digest, const struct digest_item *item)
{
    return item->part != DIGEST_IN_HAND && item->deadline_ms && item->deadline_ms < digest->now_ms;
}

void digest_add_due(const struct digest *digest, const struct digest_item *item, struct buf *out)
{
    if (item->part == DIGEST_IN_HAND) {
        buf_addf(out, "With %s since ", item->acknowledged_by);
        add_time(item->acknowledged_ms, digest->now_ms, out);
        return;
    }
    if (!item->deadline_ms) {
        buf_add_text(out, "In turn");
        return;
    }
    bool is_late = digest_is_overdue(digest, item);
    int64_t span = item->deadline_ms - digest->now_ms;
    buf_add_text(out, is_late ? "OVERDUE by " : "Due in ");
    digest_add_span(is_late ? -span : span, out);
    buf_add_text(out, ", read by ");
    add_time(item->deadline_ms, digest->now_ms, out);
}

void digest_add_place(const struct digest *digest, const struct digest_item *item, struct buf *out)
{
    int64_t age_ms = digest->now_ms - item->received_ms;
    buf_addf(out, "%s, mailbox %s, arrived ", item->folder, item->mailbox);
    if (age_ms < MINUTE_MS) {
        buf_add_text(out, "just now");
        return;
    }
    digest_add_span(age_ms, out);
    buf_add_text(out, " ago");
}

void digest_add_reasons(unsigned reasons, struct buf *out)
{
    const char *between = "";
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (reasons & 1u << i) {
            buf_addf(out, "%s%s", between, reading_reason_name(i));
            between = ", ";
        }
}

size_t digest_left_out(const struct digest *digest, const struct digest_group *group, size_t shown)
{
    size_t seen = 0;
    for (size_t i = 0; i < shown && i < digest->item_count; i++) {
        const struct digest_item *item = &digest->items[i];
        seen += item->part == group->part && str_equal_text(str_of(item->mailbox), group->mailbox) &&
                str_equal_text(str_of(item->folder), group->folder);
    }
    return group->count > seen ? group->count - seen : 0;
}

void digest_add_note(struct digest *digest, const char *format, ...)
{
    if (digest->note_count == DIGEST_MAX_NOTES)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(digest->notes[digest->note_count++], DIGEST_NOTE_SIZE, format, arguments);
    va_end(arguments);
}
