/* Transfer encodings, fault by fault. Screen children; the bytes are hostile. */
#include <attune/transfer.h>
#include <stdbool.h>
#include <string.h>

enum transfer transfer_from_name(struct str name)
{
    static const struct {
        const char *name;
        enum transfer transfer;
    } NAMES[] = {
        {"base64", TRANSFER_BASE64},
        {"quoted-printable", TRANSFER_QUOTED},
        {"quoted_printable", TRANSFER_QUOTED},
        {"quotedprintable", TRANSFER_QUOTED},
        {"x-uuencode", TRANSFER_UU},
        {"uuencode", TRANSFER_UU},
        {"x-uue", TRANSFER_UU},
    };
    name = str_trim(name);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (str_equal_nocase(name, str_of(NAMES[i].name)))
            return NAMES[i].transfer;
    return TRANSFER_PLAIN;
}

static int hex_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* "=XX" at `at`, or -1: what is not one stays in the text as it is. */
static int quoted_byte(struct str raw, size_t at)
{
    if (raw.length - at < 3)
        return -1;
    int high = hex_value(raw.data[at + 1]), low = hex_value(raw.data[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Length of a soft line break at `at` ("=", white space, line end), or 0. RFC 2045, 6.7 (3) and (5). */
static size_t soft_break(struct str raw, size_t at)
{
    size_t end = at + 1;
    while (end < raw.length && (raw.data[end] == ' ' || raw.data[end] == '\t'))
        end++;
    if (end == raw.length)
        return end - at;
    if (raw.data[end] == '\r')
        return end + 1 < raw.length && raw.data[end + 1] == '\n' ? end + 2 - at : end + 1 - at;
    return raw.data[end] == '\n' ? end + 1 - at : 0;
}

static size_t decode_quoted(struct str raw, char *out)
{
    size_t used = 0;
    for (size_t at = 0; at < raw.length;) {
        if (raw.data[at] != '=') {
            const char *next = memchr(raw.data + at, '=', raw.length - at);
            size_t run = next ? (size_t)(next - raw.data) - at : raw.length - at;
            memcpy(out + used, raw.data + at, run);
            used += run;
            at += run;
            continue;
        }
        int byte = quoted_byte(raw, at);
        size_t skip = byte < 0 ? soft_break(raw, at) : 3;
        if (byte >= 0)
            out[used++] = (char)byte;
        else if (skip == 0)
            out[used++] = '=';
        at += skip ? skip : 1;
    }
    return used;
}

size_t transfer_decode_q(struct str raw, char *out)
{
    size_t used = 0;
    for (size_t at = 0; at < raw.length;) {
        int byte = raw.data[at] == '=' ? quoted_byte(raw, at) : -1;
        out[used++] = byte >= 0 ? (char)byte : raw.data[at] == '_' ? ' ' : raw.data[at];
        at += byte >= 0 ? 3 : 1;
    }
    return used;
}

static int base64_value(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A';
    if (byte >= 'a' && byte <= 'z')
        return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9')
        return byte - '0' + 52;
    if (byte == '+' || byte == '-')
        return 62;
    return byte == '/' || byte == '_' ? 63 : -1;
}

size_t transfer_decode_b(struct str raw, char *out)
{
    size_t used = 0;
    unsigned bits = 0, held = 0;
    for (size_t at = 0; at < raw.length; at++) {
        int value = base64_value(raw.data[at]);
        if (raw.data[at] == '=')
            held = 0; /* a padded piece ends here; another may follow it */
        if (value < 0)
            continue;
        bits = bits << 6 | (unsigned)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[used++] = (char)(bits >> held & 0xff);
        }
    }
    return used;
}

/* What the lines of a base64 part were so far. */
struct base64_lines {
    bool is_padded; /* "=" has ended the data once */
};

/* How many bytes of a line belong to base64: all, the word it begins with, or none. */
static size_t base64_part(struct str line, struct base64_lines *so_far)
{
    enum { SURE = 20 }; /* fewer letters of the alphabet behind the padding are a word, not data */
    size_t good = 0, at = 0;
    bool padded = false;
    for (; at < line.length && (unsigned char)line.data[at] > ' '; at++) {
        padded = padded || line.data[at] == '=';
        good += base64_value(line.data[at]) >= 0 || line.data[at] == '=';
    }
    bool is_last = str_trim(str_slice(line, at, line.length)).length == 0;
    bool is_data = good == at || (is_last && at >= SURE && good * 10 >= at * 9); /* a fault or two inside data */
    if (!is_data || (so_far->is_padded && good < SURE))
        return 0;
    if (!is_last && !(padded && good % 4 == 0))
        return 0;
    so_far->is_padded = so_far->is_padded || padded;
    return is_last ? line.length : at;
}

/* Where base64 ends and other text begins: list footers and broken relays add plain lines after it. */
static size_t base64_end(struct str raw)
{
    struct base64_lines so_far = {0};
    for (struct str rest = raw, line; str_next_line(&rest, &line);) {
        if (str_trim(line).length == 0)
            continue;
        size_t taken = base64_part(line, &so_far);
        if (taken < line.length)
            return (size_t)(line.data - raw.data) + taken;
    }
    return raw.length;
}

static int uu_value(char byte)
{
    return (byte - ' ') & 0x3f;
}

static size_t decode_uu_line(struct str line, char *out)
{
    size_t want = (size_t)uu_value(line.data[0]), used = 0;
    for (size_t at = 1; at < line.length && used < want; at += 4) {
        unsigned bits = 0;
        for (size_t i = 0; i < 4; i++) /* spaces at the end of a line are often lost on the way */
            bits = bits << 6 | (unsigned)uu_value(at + i < line.length ? line.data[at + i] : ' ');
        for (int shift = 16; shift >= 0 && used < want; shift -= 8)
            out[used++] = (char)(bits >> shift & 0xff);
    }
    return used;
}

static size_t decode_uu(struct str raw, char *out)
{
    size_t used = 0;
    bool inside = false;
    for (struct str line; str_next_line(&raw, &line);) {
        if (!inside && str_starts_nocase(line, STR("begin "))) {
            inside = true;
        } else if (inside && str_equal_text(line, "end")) {
            inside = false;
        } else if (inside) {
            if (line.length)
                used += decode_uu_line(line, out + used);
        } else {
            memcpy(out + used, line.data, line.length);
            used += line.length;
            out[used++] = '\n';
        }
    }
    return used;
}

enum err transfer_decode(struct arena *arena, struct str raw, enum transfer transfer, struct str *out, struct str *tail)
{
    *tail = (struct str){0};
    *out = raw;
    if (transfer == TRANSFER_PLAIN || raw.length == 0)
        return ERR_OK;
    size_t end = transfer == TRANSFER_BASE64 ? base64_end(raw) : raw.length;
    *tail = str_trim(str_slice(raw, end, raw.length));
    raw = str_slice(raw, 0, end);
    char *bytes = arena_alloc(arena, raw.length + 1); /* no decoding makes text longer, save the last line's end */
    if (!bytes)
        return ERR_SYSTEM;
    size_t length = transfer == TRANSFER_BASE64   ? transfer_decode_b(raw, bytes)
                    : transfer == TRANSFER_QUOTED ? decode_quoted(raw, bytes)
                                                  : decode_uu(raw, bytes);
    *out = (struct str){bytes, length};
    return ERR_OK;
}
