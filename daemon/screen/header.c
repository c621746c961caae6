/* Header values made readable: encoded words, addresses, ids. Screen children; the bytes are hostile. */
#include <attune/charset.h>
#include <attune/header.h>
#include <attune/reading.h>
#include <attune/transfer.h>
#include <string.h>

/* One encoded word "=?charset*language?B?data?=". */
struct word {
    const struct charset *charset;
    bool is_known; /* the charset's name was in the table */
    bool is_base64;
    struct str data;
    size_t length; /* of the whole word in the field */
};

static bool parse_word(struct str text, size_t at, struct word *out)
{
    struct str rest = str_slice(text, at, text.length);
    if (!str_starts_nocase(rest, STR("=?")))
        return false;
    size_t charset_end = str_find(rest, STR("?"), 2);
    if (charset_end == SIZE_MAX || charset_end + 3 > rest.length || rest.data[charset_end + 2] != '?')
        return false;
    char encoding = rest.data[charset_end + 1];
    if (!strchr("bBqQ", encoding) || encoding == '\0')
        return false;
    size_t end = str_find(rest, STR("?="), charset_end + 3);
    /* "=?utf-8?q?=41?=": the "=" that the data begins with is not the end. */
    if (end == SIZE_MAX)
        return false;
    struct str name = str_slice(rest, 2, charset_end);
    name = str_slice(name, 0, str_find(name, STR("*"), 0));
    out->charset = charset_find(name);
    out->is_known = out->charset != NULL;
    out->is_base64 = encoding == 'b' || encoding == 'B';
    out->data = str_slice(rest, charset_end + 3, end);
    out->length = end + 2;
    return true;
}

struct decoder {
    struct arena *arena;
    char *held; /* bytes of adjacent words of one charset, not yet converted */
    size_t held_length;
    const struct charset *charset;
    const struct charset *fallback; /* of bytes outside of encoded words */
    char *out;
    size_t used;
    size_t room;
    bool guessed;
    enum err error;
};

static void emit(struct decoder *decoder, struct str text)
{
    size_t fits = decoder->room - decoder->used;
    if (text.length > fits)
        text.length = fits;
    memcpy(decoder->out + decoder->used, text.data, text.length);
    decoder->used += text.length;
}

static void flush(struct decoder *decoder)
{
    if (decoder->held_length == 0 || decoder->error != ERR_OK)
        return;
    struct str text;
    bool guessed = false;
    struct str bytes = {decoder->held, decoder->held_length};
    decoder->error = charset_to_utf8(decoder->arena, bytes, decoder->charset, &text, &guessed);
    decoder->guessed = decoder->guessed || guessed;
    decoder->held_length = 0;
    if (decoder->error == ERR_OK)
        emit(decoder, text);
}

static void take_word(struct decoder *decoder, const struct word *word)
{
    if (decoder->held_length && decoder->charset != word->charset)
        flush(decoder);
    decoder->charset = word->charset;
    decoder->guessed = decoder->guessed || !word->is_known;
    char *to = decoder->held + decoder->held_length;
    decoder->held_length += word->is_base64 ? transfer_decode_b(word->data, to) : transfer_decode_q(word->data, to);
}

static size_t skip_space(struct str text, size_t at)
{
    while (at < text.length && (text.data[at] == ' ' || (text.data[at] >= '\t' && text.data[at] <= '\r')))
        at++;
    return at;
}

/* Plain bytes up to the next encoded word; white space of any kind is one space, as unfolding leaves it. */
static size_t take_plain(struct decoder *decoder, struct str text, size_t at)
{
    flush(decoder);
    decoder->charset = decoder->fallback;
    struct word word;
    while (at < text.length && !(text.data[at] == '=' && parse_word(text, at, &word))) {
        size_t after = skip_space(text, at);
        decoder->held[decoder->held_length++] = after > at ? ' ' : text.data[at];
        at = after > at ? after : at + 1;
    }
    flush(decoder);
    return at;
}

enum err header_text(struct arena *arena, struct str value, const struct charset *fallback, size_t maximum,
                     struct str *out, bool *guessed)
{
    value = str_trim(value);
    struct decoder decoder = {.arena = arena, .fallback = fallback, .room = value.length * 4 + 16};
    decoder.held = arena_alloc(arena, value.length + 1);
    decoder.out = arena_alloc(arena, decoder.room); /* as charset_to_utf8(): at most 4 bytes for one */
    if (!decoder.held || !decoder.out)
        return ERR_SYSTEM;
    for (size_t at = 0; at < value.length;) {
        struct word word;
        size_t after = skip_space(value, at);
        bool joins = decoder.held_length && parse_word(value, after, &word); /* RFC 2047, 6.2: the space is not shown */
        if (joins)
            at = after;
        if (joins || parse_word(value, at, &word)) {
            take_word(&decoder, &word);
            at += word.length;
        } else {
            at = take_plain(&decoder, value, at);
        }
    }
    flush(&decoder);
    if (decoder.used > maximum)
        for (decoder.used = maximum; decoder.used && (decoder.out[decoder.used] & 0xc0) == 0x80; decoder.used--)
            ;
    *out = (struct str){decoder.out, decoder.used};
    *guessed = decoder.guessed;
    return decoder.error;
}

static bool is_address_byte(char byte)
{
    return (unsigned char)byte > ' ' && byte != 0x7f && !strchr("<>()[]\\,;:\"", byte);
}

/* The address around the "@" at `at`, or "". A quoted local part is rare and given without an address. */
static struct str address_around(struct str value, size_t at)
{
    size_t from = at, to = at + 1;
    while (from > 0 && is_address_byte(value.data[from - 1]) && value.data[from - 1] != '@')
        from--;
    while (to < value.length && is_address_byte(value.data[to]) && value.data[to] != '@')
        to++;
    bool is_whole = from < at && to > at + 1 && to - from <= READING_MAX_ADDRESS;
    return is_whole ? str_slice(value, from, to) : (struct str){0};
}

/* Offset of the byte after a quoted string or comment that opens at `at`; nested comments are counted. */
static size_t skip_enclosed(struct str value, size_t at)
{
    char open = value.data[at], close = open == '(' ? ')' : '"';
    size_t depth = 1;
    for (at++; at < value.length && depth; at++) {
        if (value.data[at] == '\\')
            at++;
        else if (value.data[at] == close)
            depth--;
        else if (value.data[at] == open)
            depth++;
    }
    return at < value.length ? at : value.length;
}

/* The first "@" outside quotes and comments; one in angle brackets goes before one in a display name. */
static size_t find_at(struct str value, bool in_brackets)
{
    bool inside = false;
    for (size_t at = 0; at < value.length;) {
        char byte = value.data[at];
        if (byte == '"' || byte == '(') {
            at = skip_enclosed(value, at);
            continue;
        }
        inside = byte == '<' || (inside && byte != '>');
        if (byte == '@' && (inside || !in_brackets))
            return at;
        at++;
    }
    return SIZE_MAX;
}

enum err header_address(struct arena *arena, struct str value, struct str *out)
{
    *out = (struct str){0};
    size_t at = find_at(value, true);
    if (at == SIZE_MAX)
        at = find_at(value, false);
    struct str address = at == SIZE_MAX ? (struct str){0} : address_around(value, at);
    if (address.length == 0 || !utf8_is_valid(address))
        return ERR_OK;
    char *copy = arena_copy(arena, address.data, address.length);
    if (!copy)
        return ERR_SYSTEM;
    for (size_t i = 0; i < address.length; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] + ('a' - 'A'));
    *out = (struct str){copy, address.length};
    return ERR_OK;
}

static bool is_id_byte(char byte)
{
    return (unsigned char)byte > ' ' && (unsigned char)byte < 0x7f && byte != '<' && byte != '>';
}

/* The next id of a field from *at on; false at the end. */
static bool next_id(struct str value, size_t *at, struct str *id)
{
    for (;;) {
        size_t open = str_find(value, STR("<"), *at);
        if (open == SIZE_MAX)
            return false;
        size_t end = open + 1;
        while (end < value.length && is_id_byte(value.data[end]))
            end++;
        *at = end;
        if (end < value.length && value.data[end] == '>' && end > open + 1) {
            *id = str_slice(value, open + 1, end);
            return true;
        }
    }
}

enum err header_ids(struct arena *arena, struct str value, size_t maximum, struct str *ids)
{
    struct str id;
    char *joined = arena_alloc(arena, ids->length + value.length + 1);
    if (!joined)
        return ERR_SYSTEM;
    size_t length = ids->length;
    if (length)
        memcpy(joined, ids->data, length);
    for (size_t at = 0; next_id(value, &at, &id);) {
        if (length)
            joined[length++] = ' ';
        memcpy(joined + length, id.data, id.length);
        length += id.length;
    }
    *ids = (struct str){joined, length};
    while (ids->length > maximum) {
        size_t space = str_find(*ids, STR(" "), 0);
        *ids = space == SIZE_MAX ? (struct str){0} : str_slice(*ids, space + 1, ids->length);
    }
    return ERR_OK;
}
