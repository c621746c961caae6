/*
 * The structure of a mail under limits, in one pass and without recursion: time grows with size, not with nesting.
 * Screen children and the command; trusts nothing in the bytes.
 */
#include <attune/field.h>
#include <attune/prescan.h>
#include <attune/reading.h>
#include <string.h>

/* A multipart whose end was not met yet. */
struct level {
    uint32_t part;
    struct str boundary; /* empty: an enclosed message, which ends with what encloses it */
};

struct scan {
    struct arena *arena;
    struct str raw;
    struct prescan *out;
    uint32_t room; /* of out->parts */
    struct level levels[READING_MAX_DEPTH];
    uint32_t depth;
    uint32_t open_leaf; /* index of the part that takes body lines, or UINT32_MAX */
};

static bool is_name_byte(char byte)
{
    return byte > ' ' && byte < 0x7f && byte != ':'; /* RFC 5322, 2.2 */
}

/* Length of the field name at the start of a line, or 0 when the line is no field. White space before ":" is seen. */
static size_t field_name_length(struct str line)
{
    size_t name = 0;
    while (name < line.length && is_name_byte(line.data[name]))
        name++;
    size_t colon = name;
    while (colon < line.length && (line.data[colon] == ' ' || line.data[colon] == '\t'))
        colon++;
    return name && colon < line.length && line.data[colon] == ':' ? name : 0;
}

static struct str line_at(struct str raw, size_t at, size_t *next)
{
    struct str rest = str_slice(raw, at, raw.length), line = {0};
    str_next_line(&rest, &line);
    *next = raw.length - rest.length;
    return line;
}

static bool is_blank(struct str line)
{
    return str_trim(line).length == 0;
}

/* Which open multipart a line "--boundary" or "--boundary--" belongs to, from the innermost out; -1 for none. */
static int matching_level(const struct scan *scan, struct str line, bool *is_close)
{
    if (line.length < 3 || line.data[0] != '-' || line.data[1] != '-')
        return -1;
    for (int level = (int)scan->depth - 1; level >= 0; level--) {
        struct str boundary = scan->levels[level].boundary;
        if (boundary.length == 0 || line.length < 2 + boundary.length ||
            memcmp(line.data + 2, boundary.data, boundary.length) != 0)
            continue;
        struct str rest = str_slice(line, 2 + boundary.length, line.length);
        *is_close = str_equal_text(str_trim(rest), "--");
        if (*is_close || is_blank(rest))
            return level;
    }
    return -1;
}

/* Names that tell a header line from a line of text that happens to hold a colon ("Note: ..."). */
static bool is_known_name(struct str name)
{
    static const char *const KNOWN[] = {"from",
                                        "to",
                                        "subject",
                                        "date",
                                        "message-id",
                                        "mime-version",
                                        "content-type",
                                        "reply-to",
                                        "references",
                                        "received",
                                        "in-reply-to",
                                        "return-path",
                                        "content-transfer-encoding",
                                        "delivered-to",
                                        "cc",
                                        "sender"};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (str_equal_nocase(name, str_of(KNOWN[i])))
            return true;
    return false;
}

/* A line among header lines that is none of them: true when fields go on behind it, so that it is only stepped over. */
static bool fields_follow(struct str raw, size_t at)
{
    enum { LINES_AHEAD = 4 }; /* broken folding and relays' remarks are seen to take one to three lines */
    for (int i = 0; i < LINES_AHEAD && at < raw.length; i++) {
        struct str line = line_at(raw, at, &at);
        if (is_blank(line))
            return false;
        if (is_known_name(str_slice(line, 0, field_name_length(line))))
            return true;
    }
    return false;
}

static struct str trim_line_end(struct str text)
{
    if (text.length && text.data[text.length - 1] == '\n')
        text.length--;
    if (text.length && text.data[text.length - 1] == '\r')
        text.length--;
    return text;
}

/* Where the field that begins at `at` ends: its continuation lines begin with white space. */
static size_t field_end(struct str raw, size_t at)
{
    size_t next;
    line_at(raw, at, &next);
    while (next < raw.length && (raw.data[next] == ' ' || raw.data[next] == '\t')) {
        size_t end;
        if (is_blank(line_at(raw, next, &end)))
            break;
        next = end;
    }
    return next;
}

static void add_field(struct scan *scan, struct part *part, struct str raw_field, size_t *held)
{
    size_t name = field_name_length(raw_field);
    size_t start = name ? str_find(raw_field, STR(":"), name) + 1 : 0;
    struct str value = str_slice(raw_field, start, raw_field.length);
    if (value.length > READING_MAX_FIELD) {
        value.length = READING_MAX_FIELD;
        scan->out->reasons |= REASON_HEADERS_CUT;
    }
    if (part->field_count == PRESCAN_MAX_FIELDS || *held + value.length + name > READING_MAX_HEADERS) {
        scan->out->reasons |= REASON_HEADERS_CUT;
        return;
    }
    *held += value.length + name;
    struct field *field = &part->fields[part->field_count++];
    *field = (struct field){str_slice(raw_field, 0, name), trim_line_end(value)};
    if (part->content_type.length == 0 && str_equal_nocase(field->name, STR("content-type")))
        part->content_type = str_trim(field->value);
}

/* How many field entries the header block at `at` needs, so that a usual part takes little of the arena. */
static size_t count_fields(struct str raw, size_t at)
{
    size_t count = 0;
    while (at < raw.length && count < PRESCAN_MAX_FIELDS) {
        struct str line = line_at(raw, at, &at);
        if (is_blank(line))
            break;
        count++;
    }
    return count + 1;
}

/* Reads header lines from `at`; gives where the body begins. A boundary line ends a header block too. */
static size_t read_fields(struct scan *scan, struct part *part, size_t at)
{
    size_t held = 0, next;
    bool close;
    while (at < scan->raw.length) {
        struct str line = line_at(scan->raw, at, &next);
        if (is_blank(line))
            return next;
        if (matching_level(scan, line, &close) >= 0)
            return at;
        if (field_name_length(line) == 0) {
            if (!fields_follow(scan->raw, next))
                return at;
            add_field(scan, part, str_slice(scan->raw, at, next), &held);
            at = next;
            continue;
        }
        next = field_end(scan->raw, at);
        add_field(scan, part, str_slice(scan->raw, at, next), &held);
        at = next;
    }
    return at;
}

static enum part_kind kind_of(const struct scan *scan, struct part *part)
{
    struct str type = field_token(part->content_type);
    if (str_starts_nocase(type, STR("multipart/"))) {
        part->boundary = field_parameter(part->content_type, "boundary");
        if (part->boundary.length > PRESCAN_MAX_BOUNDARY)
            part->boundary.length = 0;
        return PART_MULTIPART;
    }
    bool is_message = str_equal_nocase(type, STR("message/rfc822")) || str_equal_nocase(type, STR("message/global")) ||
                      str_equal_nocase(type, STR("message/news"));
    struct str encoding = str_trim(part_field(part, "content-transfer-encoding"));
    bool is_open = !str_equal_nocase(encoding, STR("base64")) && !str_equal_nocase(encoding, STR("quoted-printable"));
    (void)scan;
    return is_message && is_open ? PART_MESSAGE : PART_LEAF;
}

/* The nearest enclosing part that is still open. */
static uint32_t open_parent(const struct scan *scan)
{
    return scan->depth ? scan->levels[scan->depth - 1].part : 0;
}

static enum err grow(struct scan *scan)
{
    struct prescan *out = scan->out;
    if (out->count < scan->room)
        return ERR_OK;
    uint32_t room = scan->room ? scan->room * 4 : 16;
    struct part *parts = arena_array(scan->arena, room, sizeof *parts);
    if (!parts)
        return ERR_SYSTEM;
    if (out->count)
        memcpy(parts, out->parts, out->count * sizeof *parts);
    out->parts = parts;
    scan->room = room;
    return ERR_OK;
}

/* Begins a part at *at and moves *at to its body. Parts past the limit are not read. */
static enum err begin_part(struct scan *scan, size_t *at)
{
    if (scan->out->count == READING_MAX_PARTS) {
        scan->out->reasons |= REASON_TOO_DEEP;
        scan->open_leaf = UINT32_MAX;
        return ERR_OK;
    }
    if (grow(scan) != ERR_OK)
        return ERR_SYSTEM;
    uint32_t index = scan->out->count++;
    struct part *part = &scan->out->parts[index];
    part->parent = open_parent(scan);
    part->depth = scan->depth;
    part->fields = arena_array(scan->arena, count_fields(scan->raw, *at), sizeof *part->fields);
    if (!part->fields)
        return ERR_SYSTEM;
    if (index)
        scan->out->parts[part->parent].children++;
    *at = read_fields(scan, part, *at);
    part->body = str_slice(scan->raw, *at, *at);
    part->kind = kind_of(scan, part);
    scan->open_leaf = index;
    if (part->kind == PART_LEAF)
        return ERR_OK;
    if (scan->depth == READING_MAX_DEPTH) {
        scan->out->reasons |= REASON_TOO_DEEP;
        part->kind = PART_LEAF;
        part->content_type = (struct str){0}; /* what is in it is read as text */
        return ERR_OK;
    }
    scan->levels[scan->depth++] = (struct level){index, part->boundary};
    scan->open_leaf = UINT32_MAX;
    return ERR_OK;
}

/* Ends the open leaf and every level above `keep` at `end`. */
static void close_to(struct scan *scan, uint32_t keep, size_t end)
{
    struct part *parts = scan->out->parts;
    size_t offset;
    if (scan->open_leaf != UINT32_MAX) {
        struct part *leaf = &parts[scan->open_leaf];
        offset = (size_t)(leaf->body.data - scan->raw.data);
        leaf->body = str_slice(scan->raw, offset, end);
        leaf->after = scan->open_leaf + 1;
        scan->open_leaf = UINT32_MAX;
    }
    while (scan->depth > keep) {
        struct part *part = &parts[scan->levels[--scan->depth].part];
        offset = (size_t)(part->body.data - scan->raw.data);
        part->body = str_slice(scan->raw, offset, end);
        part->after = scan->out->count;
        if (part->epilogue.data) {
            offset = (size_t)(part->epilogue.data - scan->raw.data);
            part->epilogue = str_slice(scan->raw, offset, end);
        }
    }
}

/* A multipart whose declared boundary has not come: a line "--something" before a Content- field shows the true one. */
static bool adopt_boundary(struct scan *scan, struct str line, size_t next)
{
    if (scan->depth == 0 || scan->open_leaf != UINT32_MAX || next >= scan->raw.length)
        return false;
    struct level *level = &scan->levels[scan->depth - 1];
    struct part *part = &scan->out->parts[level->part];
    struct str following = line_at(scan->raw, next, &next);
    struct str boundary = str_trim(str_slice(line, 2, line.length));
    if (part->kind != PART_MULTIPART || part->children || boundary.length == 0 ||
        boundary.length > PRESCAN_MAX_BOUNDARY || !str_starts_nocase(following, STR("content-")))
        return false;
    level->boundary = part->boundary = boundary;
    return true;
}

/* A line that begins with "--" at `at`: perhaps a boundary. Moves *at behind what was taken. */
static enum err take_dashes(struct scan *scan, size_t *at)
{
    size_t next;
    bool is_close = false;
    struct str line = line_at(scan->raw, *at, &next);
    int level = matching_level(scan, line, &is_close);
    if (level < 0 && adopt_boundary(scan, line, next))
        level = (int)scan->depth - 1;
    size_t end = *at;
    *at = next;
    if (level < 0)
        return ERR_OK;
    size_t before = trim_line_end(str_slice(scan->raw, 0, end)).length;
    close_to(scan, (uint32_t)level + 1, before);
    struct part *part = &scan->out->parts[scan->levels[level].part];
    if (part->children == 0)
        part->preamble = str_slice(scan->raw, (size_t)(part->body.data - scan->raw.data), before);
    part->epilogue = is_close ? str_slice(scan->raw, next, next) : (struct str){0};
    return is_close ? ERR_OK : begin_part(scan, at);
}

/* The next line that begins with "--", at or after `at`; the length of the mail when there is none. */
static size_t next_dashes(struct str raw, size_t at)
{
    if (at < raw.length && (at == 0 || raw.data[at - 1] == '\n') &&
        str_starts_nocase(str_slice(raw, at, raw.length), STR("--")))
        return at;
    size_t found = str_find(raw, STR("\n--"), at);
    return found == SIZE_MAX ? raw.length : found + 1;
}

/* What stands before the fields and is none: a byte order mark, an mbox line, blank lines. */
static size_t skip_envelope(struct str raw)
{
    size_t at = str_starts_nocase(raw, STR("\xef\xbb\xbf")) ? 3 : 0, next;
    while (at < raw.length) {
        struct str line = line_at(raw, at, &next);
        bool is_mbox = str_starts_nocase(line, STR("From ")) || str_starts_nocase(line, STR(">From "));
        if (!is_blank(line) && !(is_mbox && field_name_length(line) == 0))
            break;
        at = next;
    }
    return at;
}

/* Words with colons are no header: a mail whose first lines name no known field is body from its first byte on. */
static void check_headers(struct prescan *out, struct str raw)
{
    struct part *root = &out->parts[0];
    for (uint32_t i = 0; i < root->field_count && !out->has_headers; i++)
        out->has_headers = is_known_name(root->fields[i].name);
    if (out->has_headers)
        return;
    root->field_count = 0;
    root->content_type = (struct str){0};
    root->body = raw;
}

enum err prescan_mail(struct arena *arena, struct str raw, struct prescan *out)
{
    *out = (struct prescan){0};
    struct scan scan = {.arena = arena, .raw = raw, .out = out, .open_leaf = UINT32_MAX};
    size_t at = skip_envelope(raw);
    if (begin_part(&scan, &at) != ERR_OK)
        return ERR_SYSTEM;
    while (at < raw.length) {
        uint32_t inner = open_parent(&scan);
        bool is_message = scan.depth && out->parts[inner].kind == PART_MESSAGE && out->parts[inner].children == 0;
        if (is_message && out->count < READING_MAX_PARTS) {
            if (begin_part(&scan, &at) != ERR_OK)
                return ERR_SYSTEM;
            continue;
        }
        if (scan.depth == 0)
            break;
        at = next_dashes(raw, at);
        if (at < raw.length && take_dashes(&scan, &at) != ERR_OK)
            return ERR_SYSTEM;
    }
    close_to(&scan, 0, raw.length);
    check_headers(out, raw);
    return ERR_OK;
}

struct str part_field(const struct part *part, const char *name)
{
    for (uint32_t i = 0; i < part->field_count; i++)
        if (str_equal_nocase(part->fields[i].name, str_of(name)))
            return part->fields[i].value;
    return (struct str){0};
}
