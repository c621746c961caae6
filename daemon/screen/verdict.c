/*
 * The verdict on the wire. A screen child writes it; keep and the command read it, and take nothing in it on trust: the
 * child that wrote it has parsed hostile mail.
 */
#include <attune/pack.h>
#include <attune/verdict.h>
#include <limits.h>
#include <string.h>

enum { FLAG_FORWARD = 1, FLAG_POINTS = 2, FLAG_HIDDEN = 4, FLAG_AUTOMATIC = 8, FLAG_REPEATS = 16, FLAGS_ALL = 31 };

/* What whoever holds the message says about a child or a server is not a child's to say. */
static const unsigned foreign_reasons = REASON_SCREEN_CRASH | REASON_SCREEN_TIMEOUT | REASON_SERVER_WITHHELD;
static const unsigned known_reasons = (1u << REASON_COUNT) - 1;

/* 9999-12-31T23:59:59.999Z: what clock_format_ms() can show. */
static const int64_t last_date_ms = 253402300799999;

static bool is_one_line(struct str text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] == '\0' || text.data[i] == '\r' || text.data[i] == '\n')
            return false;
    return true;
}

static bool is_language(const char language[4])
{
    size_t length = strnlen(language, 4);
    for (size_t i = 0; i < length; i++)
        if (language[i] < 'a' || language[i] > 'z')
            return false;
    for (size_t i = length; i < 4; i++)
        if (language[i] != '\0')
            return false;
    return length == 0 || length == 2 || length == 3;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

static void put_line(struct ipc_writer *writer, struct str text, size_t maximum)
{
    ipc_put_str(writer, text.length <= maximum && is_one_line(text) ? text : str_of(NULL));
}

/* The newest ids stand last. What is cut is cut between two ids. */
static struct str newest_ids(struct str ids)
{
    if (ids.length <= VERDICT_MAX_THREAD_IDS)
        return ids;
    size_t space = str_find(ids, STR(" "), ids.length - VERDICT_MAX_THREAD_IDS - 1);
    return space == SIZE_MAX ? str_of(NULL) : str_slice(ids, space + 1, ids.length);
}

static uint8_t pack_flags(const struct verdict *verdict)
{
    return (uint8_t)((verdict->is_forward ? FLAG_FORWARD : 0) | (verdict->points_at_quotation ? FLAG_POINTS : 0) |
                     (verdict->hidden_text ? FLAG_HIDDEN : 0) | (verdict->automatic ? FLAG_AUTOMATIC : 0) |
                     (verdict->repeats_subject ? FLAG_REPEATS : 0));
}

static bool is_date(int64_t date_ms)
{
    return date_ms >= 0 && date_ms <= last_date_ms;
}

static bool is_zone(int32_t minutes)
{
    return minutes == INT32_MIN || (minutes >= -VERDICT_MAX_ZONE && minutes <= VERDICT_MAX_ZONE);
}

static void put_hit(struct ipc_writer *writer, const struct hit *hit)
{
    ipc_put_u32(writer, hit->rule);
    ipc_put_u8(writer, (uint8_t)hit->field);
    ipc_put_u32(writer, hit->start);
    ipc_put_u32(writer, hit->end);
    ipc_put_u8(writer, hit->lowered);
}

void verdict_put(struct ipc_writer *writer, const struct verdict *verdict)
{
    bool overflow = verdict->hit_count > VERDICT_MAX_HITS;
    size_t hits = overflow ? VERDICT_MAX_HITS : verdict->hit_count;
    ipc_put_u8(writer, (uint8_t)verdict->class);
    ipc_put_u32(writer, verdict->reasons | (overflow ? REASON_CUT : 0u));
    ipc_put_bytes(writer, verdict->language, sizeof verdict->language);
    ipc_put_u8(writer, pack_flags(verdict));
    put_line(writer, verdict->from_address, READING_MAX_ADDRESS);
    put_line(writer, verdict->writer, READING_MAX_ADDRESS);
    put_line(writer, verdict->message_id, READING_MAX_MESSAGE_ID);
    put_line(writer, newest_ids(verdict->thread_ids), VERDICT_MAX_THREAD_IDS);
    put_line(writer, verdict->own_proof, VERDICT_MAX_PROOF);
    ipc_put_i64(writer, is_date(verdict->date_ms) ? verdict->date_ms : 0);
    ipc_put_u32(writer, (uint32_t)(is_zone(verdict->zone_minutes) ? verdict->zone_minutes : INT32_MIN));
    ipc_put_u32(writer, verdict->words);
    ipc_put_u64(writer, verdict->cpu_us < VERDICT_MAX_CPU_US ? verdict->cpu_us : VERDICT_MAX_CPU_US);
    ipc_put_u16(writer, (uint16_t)hits);
    for (size_t i = 0; i < hits; i++)
        put_hit(writer, &verdict->hits[i]);
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

static bool get_line(struct ipc_reader *reader, size_t maximum, struct str *out)
{
    *out = ipc_get_str(reader);
    return out->length <= maximum && is_one_line(*out);
}

static bool get_flags(struct ipc_reader *reader, struct verdict *out)
{
    uint8_t flags = ipc_get_u8(reader);
    out->is_forward = (flags & FLAG_FORWARD) != 0;
    out->points_at_quotation = (flags & FLAG_POINTS) != 0;
    out->hidden_text = (flags & FLAG_HIDDEN) != 0;
    out->automatic = (flags & FLAG_AUTOMATIC) != 0;
    out->repeats_subject = (flags & FLAG_REPEATS) != 0;
    return flags <= FLAGS_ALL;
}

static bool get_head(struct ipc_reader *reader, struct verdict *out)
{
    uint8_t class = ipc_get_u8(reader);
    out->class = (enum mail_class) class;
    out->reasons = ipc_get_u32(reader);
    ipc_get_bytes(reader, out->language, sizeof out->language);
    return class < CLASS_COUNT && (out->reasons & ~known_reasons) == 0 && (out->reasons & foreign_reasons) == 0 &&
           is_language(out->language) && get_flags(reader, out);
}

static bool get_lines(struct ipc_reader *reader, struct verdict *out)
{
    return get_line(reader, READING_MAX_ADDRESS, &out->from_address) &&
           get_line(reader, READING_MAX_ADDRESS, &out->writer) &&
           get_line(reader, READING_MAX_MESSAGE_ID, &out->message_id) &&
           get_line(reader, VERDICT_MAX_THREAD_IDS, &out->thread_ids) &&
           get_line(reader, VERDICT_MAX_PROOF, &out->own_proof);
}

static bool get_numbers(struct ipc_reader *reader, struct verdict *out)
{
    out->date_ms = ipc_get_i64(reader);
    out->zone_minutes = (int32_t)ipc_get_u32(reader);
    out->words = ipc_get_u32(reader);
    out->cpu_us = ipc_get_u64(reader);
    /* A word takes a byte at least. */
    return is_date(out->date_ms) && is_zone(out->zone_minutes) && out->words <= READING_MAX_TEXT &&
           out->cpu_us <= VERDICT_MAX_CPU_US;
}

static bool get_hit(struct ipc_reader *reader, uint32_t rule_count, struct hit *hit)
{
    hit->rule = ipc_get_u32(reader);
    uint8_t field = ipc_get_u8(reader);
    hit->field = (enum text_field)field;
    hit->start = ipc_get_u32(reader);
    hit->end = ipc_get_u32(reader);
    hit->lowered = ipc_get_u8(reader);
    return hit->rule < rule_count && field < FIELD_COUNT && hit->start <= hit->end && hit->end <= READING_MAX_TEXT &&
           hit->lowered <= LOWERED_UNLESS;
}

enum err verdict_get(struct ipc_reader *reader, struct arena *arena, uint32_t rule_count, struct verdict *out)
{
    *out = (struct verdict){0};
    if (!get_head(reader, out) || !get_lines(reader, out) || !get_numbers(reader, out))
        return ERR_PEER;
    size_t count = ipc_get_u16(reader);
    if (count > VERDICT_MAX_HITS)
        return ERR_PEER;
    struct hit *hits = arena_array(arena, count, sizeof *hits);
    if (!hits)
        return ERR_SYSTEM;
    for (size_t i = 0; i < count; i++)
        if (!get_hit(reader, rule_count, &hits[i]))
            return ERR_PEER;
    out->hits = hits;
    out->hit_count = count;
    return reader->failed ? ERR_PEER : ERR_OK;
}
