/*
 * New text, quotation and signature of one text, line by line. Screen children; the words of people and of mail
 * programs, hostile as any. The phrases that programs write are in split_lines.c.
 */
#include <attune/split.h>
#include <attune/split_lines.h>
#include <string.h>

/* The text as lines, so that a line can be judged by those around it. */
struct lines {
    struct str *line;
    size_t count;
};

struct sink {
    char *bytes;
    size_t length;
};

enum state { STATE_NEW, STATE_REST_QUOTED, STATE_SIGNATURE };

struct splitter {
    struct lines lines;
    struct sink text, quoted, signature;
    enum state state;
    bool has_forward, begins_with_header;
};

static enum err cut_lines(struct arena *arena, struct str text, struct lines *out)
{
    size_t count = 1;
    for (size_t at = 0; (at = str_find(text, STR("\n"), at)) != SIZE_MAX; at++)
        count++;
    out->line = arena_array(arena, count, sizeof *out->line);
    if (!out->line)
        return ERR_SYSTEM;
    out->count = 0;
    while (str_next_line(&text, &out->line[out->count]))
        out->count++;
    return ERR_OK;
}

static void put(struct sink *sink, struct str line)
{
    if (line.length)
        memcpy(sink->bytes + sink->length, line.data, line.length);
    sink->length += line.length;
    sink->bytes[sink->length++] = '\n';
}

static struct str finish(const struct sink *sink)
{
    return str_trim((struct str){sink->bytes, sink->length});
}

static bool is_blank(struct str line)
{
    return str_trim(line).length == 0;
}

/* The first line that is not blank within `reach` lines from `at`; lines.count when none is. */
static size_t next_words(const struct lines *lines, size_t at, size_t reach)
{
    for (size_t i = at; i < lines->count && i <= at + reach; i++)
        if (!is_blank(lines->line[i]))
            return i;
    return lines->count;
}

static bool quote_follows(const struct lines *lines, size_t at)
{
    enum { BLANK_LINES = 2 }; /* between an attribution and its quotation */
    size_t next = next_words(lines, at, BLANK_LINES);
    return next < lines->count && line_is_quoted(lines->line[next]);
}

/* How many lines from `at` on are one attribution ("On ... wrote:"); 0 for none. Programs fold it over up to four. */
static size_t attribution_length(const struct lines *lines, size_t at, bool *is_certain)
{
    enum { LONGEST_LINES = 4, LONGEST_BYTES = 400 };
    char joined[LONGEST_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < LONGEST_LINES && at + i < lines->count; i++) {
        struct str line = str_trim(lines->line[at + i]);
        if (line.length == 0 || used + line.length + 1 > LONGEST_BYTES || (i && line_is_quoted(line)))
            return 0;
        memcpy(joined + used, line.data, line.length);
        used += line.length;
        struct str so_far = {joined, used};
        if (line_is_attribution(so_far, is_certain))
            return i + 1;
        if (!line_begins_attribution(so_far))
            return 0;
        joined[used++] = ' ';
    }
    return 0;
}

/* Outlook's unmarked quotation: "From:", "Sent:", "To:", "Subject:" in any of the languages, three of them together. */
static bool is_header_block(const struct lines *lines, size_t at)
{
    enum { REACH = 8, NEEDED = 3 };
    if (line_header_label(lines->line[at]) != LABEL_FROM)
        return false;
    unsigned seen = 0, count = 0;
    for (size_t i = at; i < lines->count && i < at + REACH; i++) {
        if (is_blank(lines->line[i]) && count > 1)
            break;
        unsigned bit = 1u << line_header_label(lines->line[i]);
        if (bit != 1u << LABEL_NONE && !(seen & bit))
            count++;
        seen |= bit;
    }
    return count >= NEEDED;
}

/* A signature ends with the text or where a quotation begins; one too long to be one is new text. */
static bool is_signature(const struct lines *lines, size_t at)
{
    size_t words = 0, bytes = 0;
    bool is_certain;
    for (size_t i = at + 1; i < lines->count; i++) {
        struct str line = lines->line[i];
        if (line_is_quoted(line) || line_mark(line) != MARK_LINE_NONE || is_header_block(lines, i) ||
            (attribution_length(lines, i, &is_certain) && (is_certain || quote_follows(lines, i + 1))))
            break;
        words += !is_blank(line);
        bytes += line.length;
    }
    return words <= SPLIT_SIGNATURE_LINES && bytes <= SPLIT_SIGNATURE_BYTES;
}

/* A ruled line with a list manager's lines under it, and no more than those. */
static bool is_list_footer(const struct lines *lines, size_t at)
{
    enum { REACH = 3 };
    if (!line_is_rule(lines->line[at]))
        return false;
    for (size_t i = at + 1; i < lines->count && i <= at + REACH; i++)
        if (line_is_list_footer(lines->line[i]))
            return true;
    return false;
}

/* Takes a line that starts a quotation without ">"; false when it does not. */
static bool begins_rest(struct splitter *splitter, size_t at)
{
    const struct lines *lines = &splitter->lines;
    size_t next =
        line_is_rule(lines->line[at]) ? next_words(lines, at + 1, 2) : at; /* Outlook rules a line before it */
    if (next >= lines->count)
        return false;
    enum line_mark mark = line_mark(lines->line[next]);
    bool is_block = mark == MARK_LINE_NONE && is_header_block(lines, next);
    if (mark == MARK_LINE_NONE && !is_block)
        return false;
    splitter->has_forward = splitter->has_forward || mark == MARK_LINE_FORWARD;
    splitter->begins_with_header = is_block && finish(&splitter->text).length == 0 && !splitter->quoted.length;
    splitter->state = STATE_REST_QUOTED;
    return true;
}

static size_t take_attribution(struct splitter *splitter, size_t at)
{
    bool is_certain = false;
    size_t length = attribution_length(&splitter->lines, at, &is_certain);
    if (length == 0)
        return 0;
    bool is_followed = quote_follows(&splitter->lines, at + length);
    if (!is_followed && !is_certain)
        return 0;
    splitter->state = is_followed ? STATE_NEW : STATE_REST_QUOTED;
    for (size_t i = 0; i < length; i++)
        put(&splitter->quoted, splitter->lines.line[at + i]);
    return length;
}

/* Takes the line at `at`, and those that belong to it; gives how many. */
static size_t take_line(struct splitter *splitter, size_t at)
{
    struct str line = splitter->lines.line[at];
    if (splitter->state == STATE_REST_QUOTED || line_is_quoted(line)) {
        struct str bare = line_without_marks(line);
        splitter->has_forward = splitter->has_forward || line_mark(bare) == MARK_LINE_FORWARD;
        if (splitter->state == STATE_SIGNATURE)
            splitter->state = STATE_NEW;
        put(&splitter->quoted, bare);
        return 1;
    }
    if (is_blank(line)) {
        put(splitter->state == STATE_SIGNATURE ? &splitter->signature : &splitter->text, line);
        return 1;
    }
    if (begins_rest(splitter, at)) {
        put(&splitter->quoted, line);
        return 1;
    }
    size_t taken = take_attribution(splitter, at);
    if (taken)
        return taken;
    bool ends_letter = line_is_signature_mark(line) || is_list_footer(&splitter->lines, at);
    if (splitter->state == STATE_NEW && ends_letter && is_signature(&splitter->lines, at)) {
        splitter->state = STATE_SIGNATURE;
        return 1;
    }
    bool is_signature_line = splitter->state == STATE_SIGNATURE || line_is_device(line);
    put(is_signature_line ? &splitter->signature : &splitter->text, line);
    return 1;
}

enum err split_text(struct arena *arena, struct str text, struct split *out)
{
    *out = (struct split){0};
    struct splitter splitter = {0};
    if (cut_lines(arena, text, &splitter.lines) != ERR_OK)
        return ERR_SYSTEM;
    struct sink *sinks[] = {&splitter.text, &splitter.quoted, &splitter.signature};
    for (size_t i = 0; i < 3; i++)
        if (!(sinks[i]->bytes = arena_alloc(arena, text.length + 1)))
            return ERR_SYSTEM;
    for (size_t at = 0; at < splitter.lines.count;)
        at += take_line(&splitter, at);
    *out = (struct split){finish(&splitter.text), finish(&splitter.quoted), finish(&splitter.signature),
                          splitter.has_forward, splitter.begins_with_header};
    return ERR_OK;
}
