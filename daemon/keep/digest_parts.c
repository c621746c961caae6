/* The lines that a digest's text and HTML share. Run by keep; pure: a digest in, words out. */
#include <attune/clock.h>
#include <attune/digest.h>
#include <stdarg.h>
#include <stdio.h>

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
    if (digest_to_read(digest) == 0)
        buf_add_text(out, "Nothing waits for a clinician.");
    else
        buf_addf(out, "Now: %zu. Today: %zu. Review: %zu. Past their time: %zu.", digest->totals[DIGEST_NOW],
                 digest->totals[DIGEST_SOON], digest->totals[DIGEST_REVIEW], digest->overdue);
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
    char time[CLOCK_LOCAL_SIZE];
    if (item->part == DIGEST_IN_HAND) {
        clock_format_local(item->acknowledged_ms, time);
        buf_addf(out, "with %s since %s", item->acknowledged_by, time);
    } else if (!item->deadline_ms) {
        buf_add_text(out, "in turn");
    } else {
        clock_format_local(item->deadline_ms, time);
        bool is_late = digest_is_overdue(digest, item);
        int64_t span = item->deadline_ms - digest->now_ms;
        buf_add_text(out, is_late ? "OVERDUE by " : "due in ");
        digest_add_span(is_late ? -span : span, out);
        buf_addf(out, " (%s)", time);
    }
}

void digest_add_place(const struct digest *digest, const struct digest_item *item, struct buf *out)
{
    buf_addf(out, "%s, mailbox %s, arrived ", item->folder, item->mailbox);
    digest_add_span(digest->now_ms - item->received_ms, out);
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
