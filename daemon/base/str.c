/* Pointer-and-length text and UTF-8. Every role; its input is hostile. */
#include <attune/str.h>
#include <string.h>

struct str str_of(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

struct str str_slice(struct str text, size_t from, size_t to)
{
    if (to > text.length)
        to = text.length;
    if (from > to)
        from = to;
    return (struct str){text.data ? text.data + from : NULL, to - from};
}

bool str_equal(struct str a, struct str b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool str_equal_text(struct str a, const char *text)
{
    return str_equal(a, str_of(text));
}

static unsigned char lower(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value >= 'A' && value <= 'Z' ? (unsigned char)(value + 32) : value;
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool str_starts_nocase(struct str text, struct str prefix)
{
    return text.length >= prefix.length && str_equal_nocase(str_slice(text, 0, prefix.length), prefix);
}

bool str_ends_nocase(struct str text, struct str suffix)
{
    return text.length >= suffix.length &&
           str_equal_nocase(str_slice(text, text.length - suffix.length, text.length), suffix);
}

size_t str_find(struct str text, struct str needle, size_t from)
{
    if (from > text.length || needle.length > text.length - from)
        return SIZE_MAX;
    if (needle.length == 0)
        return from;
    const char *hit = memmem(text.data + from, text.length - from, needle.data, needle.length);
    return hit ? (size_t)(hit - text.data) : SIZE_MAX;
}

size_t str_find_nocase(struct str text, struct str needle, size_t from)
{
    if (needle.length > text.length)
        return SIZE_MAX;
    for (size_t at = from; at <= text.length - needle.length; at++)
        if (str_equal_nocase(str_slice(text, at, at + needle.length), needle))
            return at;
    return SIZE_MAX;
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct str str_trim(struct str text)
{
    while (text.length && is_space(text.data[0]))
        text = str_slice(text, 1, text.length);
    while (text.length && is_space(text.data[text.length - 1]))
        text.length--;
    return text;
}

bool str_next_line(struct str *rest, struct str *line)
{
    if (rest->length == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->length);
    size_t length = end ? (size_t)(end - rest->data) : rest->length;
    *line = (struct str){rest->data, length};
    if (line->length && line->data[line->length - 1] == '\r')
        line->length--;
    *rest = str_slice(*rest, length + (end ? 1 : 0), rest->length);
    return true;
}

bool str_to_u64(struct str text, uint64_t maximum, uint64_t *out)
{
    uint64_t value = 0;
    if (text.length == 0)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > maximum)
        return false;
    *out = value;
    return true;
}

uint32_t utf8_decode(struct str text, size_t at, size_t *length)
{
    const unsigned char *bytes = (const unsigned char *)text.data + at;
    size_t left = text.length - at;
    unsigned char first = bytes[0];
    *length = 1;
    if (first < 0x80)
        return first;
    size_t need;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte: Unicode 15, table 3-7 */
    uint32_t value;
    if (first >= 0xc2 && first <= 0xdf) {
        need = 1;
        value = first & 0x1fu;
    } else if (first >= 0xe0 && first <= 0xef) {
        need = 2;
        value = first & 0x0fu;
        low = first == 0xe0 ? 0xa0 : 0x80;
        high = first == 0xed ? 0x9f : 0xbf;
    } else if (first >= 0xf0 && first <= 0xf4) {
        need = 3;
        value = first & 0x07u;
        low = first == 0xf0 ? 0x90 : 0x80;
        high = first == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0xfffd;
    }
    for (size_t i = 1; i <= need; i++) {
        if (i >= left || bytes[i] < low || bytes[i] > high) {
            *length = i;
            return 0xfffd;
        }
        value = value << 6 | (bytes[i] & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    *length = need + 1;
    return value;
}

size_t utf8_encode(uint32_t code_point, char out[4])
{
    uint32_t c = code_point;
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

bool utf8_is_valid(struct str text)
{
    for (size_t at = 0; at < text.length;) {
        size_t length;
        uint32_t c = utf8_decode(text, at, &length);
        /* A true U+FFFD takes three bytes that say so; any other is a fault. */
        if (c == 0xfffd && !(length == 3 && memcmp(text.data + at, "\xef\xbf\xbd", 3) == 0))
            return false;
        at += length;
    }
    return true;
}

/* Levenshtein distance, capped: words of configuration are short, longer ones are never "near". */
static size_t edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t rows = strlen(a), columns = strlen(b);
    if (rows >= LONGEST || columns >= LONGEST)
        return SIZE_MAX;
    size_t line[LONGEST];
    for (size_t j = 0; j <= columns; j++)
        line[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t diagonal = line[0];
        line[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t above = line[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (line[j - 1] + 1 < best)
                best = line[j - 1] + 1;
            line[j] = best;
            diagonal = above;
        }
    }
    return line[columns];
}

const char *str_nearest(const char *wrong, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = 4;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(wrong, names[i]);
        if (distance < best_distance && distance * 2 <= strlen(wrong) + 1) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}
