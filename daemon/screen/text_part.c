/*
 * The words of one part: transfer encoding, charset, line ends and flowed lines undone. Screen children; the bytes are
 * hostile.
 */
#include <attune/charset.h>
#include <attune/reading.h>
#include <attune/text_part.h>
#include <attune/transfer.h>
#include <string.h>

/* CR LF and lone CR to LF, in the arena. */
static enum err normalise_lines(struct arena *arena, struct str *text)
{
    if (!text->length || !memchr(text->data, '\r', text->length))
        return ERR_OK;
    char *out = arena_alloc(arena, text->length);
    if (!out)
        return ERR_SYSTEM;
    size_t used = 0;
    for (size_t i = 0; i < text->length; i++) {
        if (text->data[i] != '\r')
            out[used++] = text->data[i];
        else if (i + 1 == text->length || text->data[i + 1] != '\n')
            out[used++] = '\n';
    }
    *text = (struct str){out, used};
    return ERR_OK;
}

/* RFC 3676: a line that ends in a space goes on in the next; one leading space is stuffing. */
static enum err join_flowed(struct arena *arena, struct str *text, bool del_space)
{
    char *out = arena_alloc(arena, text->length + 1);
    if (!out)
        return ERR_SYSTEM;
    size_t used = 0;
    bool flows = false;
    for (struct str rest = *text, line; str_next_line(&rest, &line);) {
        bool is_quote = line.length && line.data[0] == '>';
        bool is_mark = str_equal_text(line, "-- ");
        if (flows && (is_quote || is_mark))
            out[used++] = '\n';
        if (line.length && line.data[0] == ' ')
            line = str_slice(line, 1, line.length);
        flows = !is_mark && !is_quote && line.length && line.data[line.length - 1] == ' ';
        if (flows && del_space)
            line.length--;
        if (line.length)
            memcpy(out + used, line.data, line.length);
        used += line.length;
        if (!flows && rest.length)
            out[used++] = '\n';
    }
    *text = (struct str){out, used};
    return ERR_OK;
}

/* Head and tail of what is longer than `maximum`: a letter's last words matter as much as its first. */
static enum err keep_ends(struct arena *arena, struct str *bytes, size_t maximum, unsigned *reasons)
{
    if (bytes->length <= maximum)
        return ERR_OK;
    *reasons |= REASON_CUT;
    char *out = arena_alloc(arena, maximum + 1);
    if (!out)
        return ERR_SYSTEM;
    size_t head = maximum / 2, tail = maximum - head;
    memcpy(out, bytes->data, head);
    out[head] = '\n';
    memcpy(out + head + 1, bytes->data + bytes->length - tail, tail);
    *bytes = (struct str){out, maximum + 1};
    return ERR_OK;
}

/* The charset that HTML declares in its own head, when the header names none (HTML 5, 4.2.5.4). */
static struct str html_charset(struct str bytes)
{
    enum { HEAD_BYTES = 1024 };
    struct str start = str_slice(bytes, 0, HEAD_BYTES);
    size_t at = str_find_nocase(start, STR("charset="), 0);
    if (at == SIZE_MAX || str_find_nocase(str_slice(start, 0, at), STR("<meta"), 0) == SIZE_MAX)
        return (struct str){0};
    struct str value = str_slice(start, at + sizeof "charset=" - 1, start.length);
    size_t from = value.length && (value.data[0] == '"' || value.data[0] == '\'') ? 1 : 0, to = from;
    while (to < value.length && value.data[to] > ' ' && !strchr("\"'/>;", value.data[to]))
        to++;
    return str_slice(value, from, to);
}

enum err text_part_convert(struct arena *arena, const struct part *part, struct str bytes, struct str *text,
                           unsigned *reasons)
{
    struct str name = field_parameter(part->content_type, "charset");
    if (name.length == 0 && str_equal_nocase(field_token(part->content_type), STR("text/html")))
        name = html_charset(bytes);
    bool guessed = false;
    enum err error = charset_to_utf8(arena, bytes, charset_find(name), text, &guessed);
    if (guessed)
        *reasons |= REASON_CHARSET;
    return error != ERR_OK ? error : normalise_lines(arena, text);
}

static enum err join(struct arena *arena, struct str *text, struct str tail)
{
    char *joined = arena_alloc(arena, text->length + tail.length + 1);
    if (!joined)
        return ERR_SYSTEM;
    if (text->length)
        memcpy(joined, text->data, text->length);
    joined[text->length] = '\n';
    memcpy(joined + text->length + 1, tail.data, tail.length);
    *text = (struct str){joined, text->length + 1 + tail.length};
    return ERR_OK;
}

static enum err flow(struct arena *arena, const struct part *part, struct str *text)
{
    if (!str_equal_nocase(field_parameter(part->content_type, "format"), STR("flowed")))
        return ERR_OK;
    return join_flowed(arena, text, str_equal_nocase(field_parameter(part->content_type, "delsp"), STR("yes")));
}

/* Encodings that nobody declared, as relays leave them: what a whole body is made of tells. */
static enum transfer undeclared_transfer(struct str raw)
{
    enum { LEAST_BASE64 = 64, LEAST_QUOTED = 6, LOOK_AT = 4096 };
    struct str start = str_trim(str_slice(raw, 0, LOOK_AT));
    size_t good = 0, breaks = 0, quoted = 0;
    for (size_t i = 0; i < start.length; i++) {
        unsigned char byte = (unsigned char)start.data[i];
        bool is_letter = (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
        good += is_letter || byte == '+' || byte == '/' || byte == '=';
        breaks += byte == '\n' || byte == '\r';
        /* "=D0" to "=FF" and the like: a byte beyond ASCII, in capitals as programs write it */
        quoted += byte == '=' && i + 2 < start.length && start.data[i + 1] >= '8' && start.data[i + 1] <= 'F' &&
                  start.data[i + 2] >= '0' && start.data[i + 2] <= 'F';
    }
    if (good + breaks == start.length && good >= LEAST_BASE64)
        return TRANSFER_BASE64;
    return quoted >= LEAST_QUOTED ? TRANSFER_QUOTED : TRANSFER_PLAIN;
}

static bool has_control(struct str bytes)
{
    for (size_t i = 0; i < bytes.length; i++)
        if ((unsigned char)bytes.data[i] < ' ' && !strchr("\t\r\n\f", bytes.data[i]))
            return true;
    return false;
}

/* Behind what an undeclared encoding makes of plain text, the text stays as it came: the guess may be wrong. */
static enum err guess_transfer(struct arena *arena, struct str raw, struct str *bytes, struct str *tail)
{
    enum transfer guess = undeclared_transfer(raw);
    enum err error = transfer_decode(arena, raw, guess, bytes, tail);
    bool is_text = error == ERR_OK && guess != TRANSFER_PLAIN && !has_control(*bytes);
    *bytes = is_text ? *bytes : raw;
    *tail = is_text ? raw : (struct str){0};
    return error;
}

/* The bytes of a part, and what stands behind them that is not encoded as they are. */
static enum err undo_transfer(struct arena *arena, const struct part *part, struct str *bytes, struct str *tail)
{
    enum transfer transfer = transfer_from_name(part_field(part, "content-transfer-encoding"));
    if (transfer == TRANSFER_PLAIN)
        return guess_transfer(arena, part->body, bytes, tail);
    return transfer_decode(arena, part->body, transfer, bytes, tail);
}

enum err text_part_decode(struct arena *arena, const struct part *part, size_t maximum, struct str *text,
                          unsigned *reasons)
{
    struct str tail, tail_text, bytes;
    enum err error = undo_transfer(arena, part, &bytes, &tail);
    if (error == ERR_OK)
        error = keep_ends(arena, &bytes, maximum, reasons);
    if (error == ERR_OK)
        error = text_part_convert(arena, part, bytes, text, reasons);
    if (error == ERR_OK)
        error = flow(arena, part, text);
    if (error != ERR_OK || tail.length == 0)
        return error;
    error = keep_ends(arena, &tail, maximum, reasons);
    if (error == ERR_OK)
        error = text_part_convert(arena, part, tail, &tail_text, reasons);
    return error == ERR_OK ? join(arena, text, tail_text) : error;
}
