/*
 * Which parts of a mail hold words, and whose they are. Screen children; the structure comes from prescan.c, bounded in
 * number and depth, so that the recursion here is too.
 */
#include <attune/charset.h>
#include <attune/header.h>
#include <attune/html.h>
#include <attune/mime.h>
#include <attune/split.h>
#include <attune/transfer.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct walk {
    struct arena *arena;
    const struct prescan *mail;
    unsigned encoded_mails; /* how many enclosed encoded mails this one stands in */
};

enum part_role { ROLE_TEXT, ROLE_HTML, ROLE_ASIDE, ROLE_MAIL, ROLE_ENCRYPTED, ROLE_SILENT, ROLE_UNREAD };

/* By type: what a part is read as. A type that ends in "/" stands for all its subtypes; the first match wins. */
static const struct {
    const char *type;
    enum part_role role;
} TYPES[] = {
    {"text/html", ROLE_HTML},
    {"application/xhtml+xml", ROLE_HTML},
    {"text/calendar", ROLE_ASIDE},
    {"text/vcard", ROLE_ASIDE},
    {"text/x-vcard", ROLE_ASIDE},
    {"text/directory", ROLE_ASIDE},
    {"text/rfc822-headers", ROLE_ASIDE},
    {"text/x-amp-html", ROLE_SILENT}, /* the same letter a third time */
    {"text/", ROLE_TEXT},
    {"message/delivery-status", ROLE_ASIDE},
    {"message/disposition-notification", ROLE_ASIDE},
    {"message/rfc822", ROLE_MAIL},
    {"message/", ROLE_ASIDE},
    {"application/pgp-encrypted", ROLE_ENCRYPTED},
    {"application/pkcs7-mime", ROLE_ENCRYPTED},
    {"application/x-pkcs7-mime", ROLE_ENCRYPTED},
    {"application/pgp-signature", ROLE_SILENT},
    {"application/pgp-keys", ROLE_SILENT},
    {"application/pkcs7-signature", ROLE_SILENT},
    {"application/x-pkcs7-signature", ROLE_SILENT},
};

static enum part_role role_of(const struct part *part)
{
    struct str type = field_token(part->content_type);
    if (str_find(type, STR("/"), 0) == SIZE_MAX)
        return ROLE_TEXT; /* none, or garbage: RFC 2045, 5.2 */
    for (size_t i = 0; i < COUNT(TYPES); i++) {
        struct str known = str_of(TYPES[i].type);
        bool is_family = known.data[known.length - 1] == '/';
        if (is_family ? str_starts_nocase(type, known) : str_equal_nocase(type, known))
            return TYPES[i].role;
    }
    return ROLE_UNREAD;
}

static bool is_attachment(const struct part *part)
{
    return str_equal_nocase(field_token(part_field(part, "content-disposition")), STR("attachment"));
}

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

static enum err to_utf8(const struct walk *walk, const struct part *part, struct str bytes, struct mime_text *out,
                        struct str *text)
{
    struct str name = field_parameter(part->content_type, "charset");
    const struct charset *charset = charset_find(name);
    bool guessed = false;
    enum err error = charset_to_utf8(walk->arena, bytes, charset, text, &guessed);
    if (guessed)
        out->reasons |= REASON_CHARSET;
    return error != ERR_OK ? error : normalise_lines(walk->arena, text);
}

/* The part's words as UTF-8 with LF line ends; plain text that follows base64 is joined to them. */
static enum err decode_part(const struct walk *walk, const struct part *part, struct mime_text *out, struct str *text)
{
    struct str tail, tail_text, bytes;
    enum transfer transfer = transfer_from_name(part_field(part, "content-transfer-encoding"));
    struct str raw = part->body;
    size_t maximum = is_attachment(part) ? MIME_MAX_ATTACHED_TEXT : MIME_MAX_PART;
    enum err error = transfer_decode(walk->arena, raw, transfer, &bytes, &tail);
    if (error == ERR_OK)
        error = keep_ends(walk->arena, &bytes, maximum, &out->reasons);
    if (error == ERR_OK)
        error = to_utf8(walk, part, bytes, out, text);
    if (error != ERR_OK || tail.length == 0)
        return error;
    error = keep_ends(walk->arena, &tail, maximum, &out->reasons);
    if (error == ERR_OK)
        error = to_utf8(walk, part, tail, out, &tail_text);
    char *joined = error == ERR_OK ? arena_alloc(walk->arena, text->length + tail_text.length + 1) : NULL;
    if (!joined)
        return ERR_SYSTEM;
    if (text->length)
        memcpy(joined, text->data, text->length);
    joined[text->length] = '\n';
    memcpy(joined + text->length + 1, tail_text.data, tail_text.length);
    *text = (struct str){joined, text->length + 1 + tail_text.length};
    return ERR_OK;
}

/* Adds a paragraph; empty text adds nothing. */
static void add_text(struct buf *to, struct str text)
{
    text = str_trim(text);
    if (text.length == 0)
        return;
    if (to->length)
        (void)buf_add_text(to, "\n\n");
    (void)buf_add_str(to, text);
}

static enum err add_split(const struct walk *walk, struct str text, struct mime_text *out)
{
    struct split split;
    enum err error = split_text(walk->arena, text, &split);
    if (error != ERR_OK)
        return error;
    if (str_find(text, STR("-----BEGIN PGP MESSAGE-----"), 0) != SIZE_MAX)
        out->reasons |= REASON_ENCRYPTED;
    add_text(&out->text, split.text);
    add_text(&out->quoted, split.quoted);
    add_text(&out->signature, split.signature);
    out->has_forward = out->has_forward || split.has_forward;
    return ERR_OK;
}

static enum err read_plain(const struct walk *walk, const struct part *part, struct mime_text *out)
{
    struct str text;
    enum err error = decode_part(walk, part, out, &text);
    if (error != ERR_OK)
        return error;
    if (str_equal_nocase(field_parameter(part->content_type, "format"), STR("flowed"))) {
        bool del_space = str_equal_nocase(field_parameter(part->content_type, "delsp"), STR("yes"));
        error = join_flowed(walk->arena, &text, del_space);
    }
    return error == ERR_OK ? add_split(walk, text, out) : error;
}

static enum err read_html(const struct walk *walk, const struct part *part, struct mime_text *out)
{
    struct str text;
    struct html_text html;
    enum err error = decode_part(walk, part, out, &text);
    if (error == ERR_OK)
        error = html_to_text(walk->arena, text, &html);
    if (error != ERR_OK)
        return error;
    out->has_hidden = out->has_hidden || html.has_hidden;
    return add_split(walk, html.text, out);
}

static enum err read_aside(const struct walk *walk, const struct part *part, struct mime_text *out)
{
    struct str text;
    enum err error = decode_part(walk, part, out, &text);
    if (error == ERR_OK)
        add_text(&out->quoted, text);
    return error;
}

static enum err read_part(const struct walk *walk, uint32_t index, struct mime_text *out);

static void mime_text_init(struct mime_text *text)
{
    *text = (struct mime_text){0};
    buf_init(&text->text, READING_MAX_MESSAGE * (size_t)4); /* charset conversion makes at most three bytes of one */
    buf_init(&text->quoted, READING_MAX_MESSAGE * (size_t)4);
    buf_init(&text->signature, READING_MAX_MESSAGE * (size_t)4);
}

void mime_text_free(struct mime_text *text)
{
    buf_free(&text->text);
    buf_free(&text->quoted);
    buf_free(&text->signature);
}

/* What was found in one part joins what was found before. */
static void merge(struct mime_text *into, const struct mime_text *from)
{
    add_text(&into->text, buf_str(&from->text));
    add_text(&into->quoted, buf_str(&from->quoted));
    add_text(&into->signature, buf_str(&from->signature));
    into->reasons |= from->reasons;
    into->has_forward = into->has_forward || from->has_forward;
    into->has_hidden = into->has_hidden || from->has_hidden;
    into->unread += from->unread;
}

/* An enclosed mail: everything in it is quoted, its subject first. */
static enum err quote_mail(const struct walk *walk, const struct part *header, uint32_t content, struct mime_text *out)
{
    struct mime_text inner;
    struct str subject;
    bool guessed;
    mime_text_init(&inner);
    enum err error = header_text(walk->arena, part_field(header, "subject"), READING_MAX_SUBJECT, &subject, &guessed);
    if (error == ERR_OK)
        error = read_part(walk, content, &inner);
    if (error == ERR_OK) {
        add_text(&out->quoted, subject);
        add_text(&out->quoted, buf_str(&inner.text));
        add_text(&out->quoted, buf_str(&inner.quoted));
        add_text(&out->quoted, buf_str(&inner.signature));
        out->reasons |= inner.reasons & (unsigned)~REASON_NO_TEXT;
        out->has_hidden = out->has_hidden || inner.has_hidden;
        out->has_forward = true;
    }
    mime_text_free(&inner);
    return error;
}

/* A mail enclosed in base64 or as a file: its bytes are a mail of their own, scanned as one. */
static enum err read_encoded_mail(const struct walk *walk, const struct part *part, struct mime_text *out)
{
    struct str bytes, tail;
    struct prescan mail;
    if (walk->encoded_mails == MIME_MAX_ENCODED_MAILS) {
        out->reasons |= REASON_TOO_DEEP;
        return ERR_OK;
    }
    enum transfer transfer = transfer_from_name(part_field(part, "content-transfer-encoding"));
    enum err error = transfer_decode(walk->arena, part->body, transfer, &bytes, &tail);
    if (error == ERR_OK)
        error = prescan_mail(walk->arena, bytes, &mail);
    if (error != ERR_OK)
        return error;
    struct walk inner = {walk->arena, &mail, walk->encoded_mails + 1};
    out->reasons |= mail.reasons;
    return quote_mail(&inner, &mail.parts[0], 0, out);
}

static enum err read_leaf(const struct walk *walk, const struct part *part, struct mime_text *out)
{
    switch (role_of(part)) {
    case ROLE_TEXT:
        return read_plain(walk, part, out);
    case ROLE_HTML:
        return read_html(walk, part, out);
    case ROLE_ASIDE:
        return read_aside(walk, part, out);
    case ROLE_MAIL:
        return read_encoded_mail(walk, part, out);
    case ROLE_ENCRYPTED:
        out->reasons |= REASON_ENCRYPTED;
        return ERR_OK;
    case ROLE_SILENT:
        return ERR_OK;
    case ROLE_UNREAD:
        break;
    }
    struct str name = field_parameter(part_field(part, "content-disposition"), "filename");
    if (str_ends_nocase(name, STR(".eml")))
        return read_encoded_mail(walk, part, out);
    out->unread++;
    return ERR_OK;
}

/* The child after `child` of the same multipart. */
static uint32_t next_child(const struct walk *walk, uint32_t child)
{
    return walk->mail->parts[child].after;
}

static bool is_word_byte(char byte)
{
    return (unsigned char)byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z');
}

/* The next word from *at on; addresses of the web are passed over, since one alternative shows them and the other not.
 */
static bool next_word(struct str text, size_t *at, struct str *word)
{
    while (*at < text.length) {
        size_t start = *at;
        while (start < text.length && !is_word_byte(text.data[start]))
            start++;
        size_t end = start;
        while (end < text.length && is_word_byte(text.data[end]))
            end++;
        *word = str_slice(text, start, end);
        *at = end;
        if (!str_starts_nocase(*word, STR("http")))
            return end > start;
        while (*at < text.length && (unsigned char)text.data[*at] > ' ')
            ++*at;
    }
    return false;
}

/* A set of words by hash: one bit each. A false "known" needs a line whose every word collides. */
enum { WORD_BITS = 1 << 16 };
struct word_set {
    unsigned char bits[WORD_BITS / 8];
};

static uint32_t word_hash(struct str word)
{
    uint32_t value = 2166136261u; /* FNV-1a, ASCII letters in one case */
    for (size_t i = 0; i < word.length; i++)
        value = (value ^ ((unsigned char)word.data[i] | 0x20)) * 16777619u;
    return (value ^ value >> 16) % WORD_BITS;
}

static void learn_words(struct word_set *set, struct str text)
{
    struct str word;
    for (size_t at = 0; next_word(text, &at, &word);) {
        uint32_t bit = word_hash(word);
        set->bits[bit / 8] |= (unsigned char)(1u << bit % 8);
    }
}

/* A third or more of the line's words are nowhere in the set: it says something else. */
static bool says_more(const struct word_set *set, struct str line)
{
    size_t words = 0, unknown = 0;
    struct str word;
    for (size_t at = 0; next_word(line, &at, &word); words++) {
        uint32_t bit = word_hash(word);
        unknown += !(set->bits[bit / 8] & 1u << bit % 8);
    }
    return unknown * 3 >= words && unknown;
}

/* Lines of the other alternatives that the chosen one does not have. */
static enum err add_differences(const struct walk *walk, struct mime_text *chosen, const struct mime_text *other)
{
    struct word_set *set = arena_alloc(walk->arena, sizeof *set);
    if (!set)
        return ERR_SYSTEM;
    learn_words(set, buf_str(&chosen->text));
    learn_words(set, buf_str(&chosen->quoted));
    learn_words(set, buf_str(&chosen->signature));
    struct str rest = buf_str(&other->text), line;
    while (str_next_line(&rest, &line))
        if (says_more(set, line))
            add_text(&chosen->text, line);
    return ERR_OK;
}

/* The richest alternative that has words is read; what only another one says is read too (RFC 2046, 5.1.4: last is
 * best). */
static enum err read_alternative(const struct walk *walk, uint32_t index, struct mime_text *out)
{
    enum err error = ERR_OK;
    struct mime_text chosen, other;
    mime_text_init(&chosen);
    const struct part *part = &walk->mail->parts[index];
    for (uint32_t child = index + 1; child < part->after && error == ERR_OK; child = next_child(walk, child)) {
        mime_text_init(&other);
        error = read_part(walk, child, &other);
        bool is_richer = buf_str(&other.text).length || buf_str(&other.quoted).length;
        if (error == ERR_OK && is_richer) {
            struct mime_text former = chosen;
            chosen = other;
            other = former;
        }
        if (error == ERR_OK && buf_str(&other.text).length)
            error = add_differences(walk, &chosen, &other);
        chosen.reasons |= other.reasons;
        chosen.unread += other.unread;
        chosen.has_hidden = chosen.has_hidden || other.has_hidden;
        chosen.has_forward = chosen.has_forward || other.has_forward;
        mime_text_free(&other);
    }
    if (error == ERR_OK)
        merge(out, &chosen);
    mime_text_free(&chosen);
    return error;
}

/* What a program writes for readers without MIME is no word of anybody's. */
static bool is_notice(struct str paragraph)
{
    return str_find_nocase(paragraph, STR("mime"), 0) != SIZE_MAX ||
           str_find_nocase(paragraph, STR("multi-part"), 0) != SIZE_MAX ||
           str_find_nocase(paragraph, STR("multipart"), 0) != SIZE_MAX;
}

/* Text before the first boundary or behind the last: no program shows it, but broken ones and relays put words there.
 */
static enum err read_outside(const struct walk *walk, struct str raw, struct mime_text *out)
{
    if (str_trim(raw).length == 0 || raw.length > MIME_MAX_ATTACHED_TEXT)
        return ERR_OK;
    static const struct part UNTYPED = {0};
    struct mime_text outside;
    struct str text;
    enum err error = to_utf8(walk, &UNTYPED, raw, out, &text);
    mime_text_init(&outside);
    while (error == ERR_OK && text.length) {
        size_t end = str_find(text, STR("\n\n"), 0);
        struct str paragraph = str_slice(text, 0, end);
        text = end == SIZE_MAX ? (struct str){0} : str_slice(text, end + 2, text.length);
        if (!is_notice(paragraph))
            add_text(&outside.text, paragraph);
    }
    if (error == ERR_OK && outside.text.length)
        error = add_differences(walk, out, &outside);
    mime_text_free(&outside);
    return error;
}

static enum err read_children(const struct walk *walk, uint32_t index, struct mime_text *out)
{
    enum err error = ERR_OK;
    const struct part *part = &walk->mail->parts[index];
    for (uint32_t child = index + 1; child < part->after && error == ERR_OK; child = next_child(walk, child))
        error = read_part(walk, child, out);
    return error;
}

static enum err read_multipart(const struct walk *walk, uint32_t index, struct mime_text *out)
{
    const struct part *part = &walk->mail->parts[index];
    struct str type = field_token(part->content_type);
    if (str_equal_nocase(type, STR("multipart/encrypted")))
        out->reasons |= REASON_ENCRYPTED;
    if (part->children == 0) { /* its boundary never came: what there is, is text */
        struct part text = *part;
        text.content_type = (struct str){0};
        return read_plain(walk, &text, out);
    }
    bool is_choice = str_equal_nocase(type, STR("multipart/alternative"));
    enum err error = is_choice ? read_alternative(walk, index, out) : read_children(walk, index, out);
    if (error == ERR_OK)
        error = read_outside(walk, part->preamble, out);
    return error == ERR_OK ? read_outside(walk, part->epilogue, out) : error;
}

static enum err read_part(const struct walk *walk, uint32_t index, struct mime_text *out)
{
    const struct part *part = &walk->mail->parts[index];
    if (part->kind == PART_LEAF)
        return read_leaf(walk, part, out);
    if (part->kind == PART_MULTIPART)
        return read_multipart(walk, index, out);
    return part->children ? quote_mail(walk, &walk->mail->parts[index + 1], index + 1, out) : ERR_OK;
}

enum err mime_read(struct arena *arena, const struct prescan *mail, struct mime_text *out)
{
    struct walk walk = {.arena = arena, .mail = mail};
    mime_text_init(out);
    out->reasons = mail->reasons;
    return read_part(&walk, 0, out);
}
