/*
 * Which parts of a mail hold words, and whose they are. Screen children; the structure comes from prescan.c, bounded in
 * number and depth, so that the recursion here is too.
 */
#include <attune/header.h>
#include <attune/html.h>
#include <attune/mime.h>
#include <attune/part_role.h>
#include <attune/split.h>
#include <attune/text_part.h>
#include <attune/transfer.h>
#include <attune/word_set.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct budget {
    size_t tags; /* of HTML_MAX_TAGS */
    size_t text; /* bytes of MIME_MAX_TEXT */
};

struct walk {
    struct arena *arena;
    const struct prescan *mail;
    unsigned encoded_mails; /* how many enclosed encoded mails this one stands in */
    struct budget *left;    /* for the whole mail, enclosed ones too */
};

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

static bool has_words(const struct mime_text *text)
{
    return text->text.length || text->quoted.length;
}

static enum err add_split(const struct walk *walk, struct str text, struct mime_text *out)
{
    struct split split;
    enum err error = split_text(walk->arena, text, &split);
    if (error != ERR_OK)
        return error;
    if (str_find(text, STR("-----BEGIN PGP MESSAGE-----"), 0) != SIZE_MAX)
        out->reasons |= REASON_ENCRYPTED;
    if (!has_words(out))
        out->begins_with_header = split.begins_with_header;
    add_text(&out->text, split.text);
    add_text(&out->quoted, split.quoted);
    add_text(&out->signature, split.signature);
    out->has_forward = out->has_forward || split.has_forward;
    return ERR_OK;
}

static enum err decode(const struct walk *walk, const struct part *part, struct mime_text *out, struct str *text)
{
    size_t maximum = part_is_attachment(part) ? MIME_MAX_ATTACHED_TEXT : MIME_MAX_PART;
    if (maximum > walk->left->text)
        maximum = walk->left->text;
    *text = (struct str){0};
    if (maximum == 0 && part->body.length) {
        out->reasons |= REASON_CUT;
        return ERR_OK;
    }
    enum err error = text_part_decode(walk->arena, part, maximum, text, &out->reasons);
    walk->left->text -= text->length < walk->left->text ? text->length : walk->left->text;
    return error;
}

static enum err read_plain(const struct walk *walk, const struct part *part, struct mime_text *out)
{
    struct str text;
    enum err error = decode(walk, part, out, &text);
    return error == ERR_OK ? add_split(walk, text, out) : error;
}

static enum err read_html(const struct walk *walk, const struct part *part, struct mime_text *out)
{
    struct str text;
    struct html_text html;
    enum err error = decode(walk, part, out, &text);
    if (error == ERR_OK)
        error = html_to_text(walk->arena, text, &walk->left->tags, &html);
    if (error != ERR_OK)
        return error;
    out->has_hidden = out->has_hidden || html.has_hidden;
    out->unread += html.has_picture && html.text.length == 0; /* the letter is a picture */
    return add_split(walk, html.text, out);
}

static enum err read_aside(const struct walk *walk, const struct part *part, struct mime_text *out)
{
    struct str text;
    enum err error = decode(walk, part, out, &text);
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

/* A buffer had no memory for all of it. Their maximum is beyond what a mail can hold. */
static bool is_short(const struct mime_text *text)
{
    return buf_failed(&text->text) || buf_failed(&text->quoted) || buf_failed(&text->signature);
}

/* What was found in one part joins what was found before. */
static void merge(struct mime_text *into, const struct mime_text *from)
{
    bool is_first = !has_words(into);
    add_text(&into->text, buf_str(&from->text));
    add_text(&into->quoted, buf_str(&from->quoted));
    add_text(&into->signature, buf_str(&from->signature));
    into->reasons |= from->reasons;
    into->has_forward = into->has_forward || from->has_forward;
    if (is_first)
        into->begins_with_header = from->begins_with_header;
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
    enum err error =
        header_text(walk->arena, part_field(header, "subject"), NULL, READING_MAX_SUBJECT, &subject, &guessed);
    if (error == ERR_OK)
        error = read_part(walk, content, &inner);
    if (error == ERR_OK && is_short(&inner))
        error = ERR_SYSTEM;
    if (error == ERR_OK) {
        add_text(&out->quoted, subject);
        add_text(&out->quoted, buf_str(&inner.text));
        add_text(&out->quoted, buf_str(&inner.quoted));
        add_text(&out->quoted, buf_str(&inner.signature));
        out->reasons |= inner.reasons & (unsigned)~REASON_NO_TEXT;
        out->has_hidden = out->has_hidden || inner.has_hidden;
        out->has_forward = true;
        out->unread += has_words(&inner) ? 0 : inner.unread;
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
    struct walk inner = {walk->arena, &mail, walk->encoded_mails + 1, walk->left};
    out->reasons |= mail.reasons;
    return quote_mail(&inner, &mail.parts[0], 0, out);
}

static enum err read_leaf(const struct walk *walk, const struct part *part, struct mime_text *out)
{
    switch (part_role_of(part)) {
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
    out->unread++;
    return ERR_OK;
}

/* The child after `child` of the same multipart. */
static uint32_t next_child(const struct walk *walk, uint32_t child)
{
    return walk->mail->parts[child].after;
}

/* Adds the lines of `other` that say what the set lacks. */
static void add_differences(struct word_set *set, struct str other, struct mime_text *to)
{
    for (struct str line; str_next_line(&other, &line);) {
        if (!word_set_lacks(set, line))
            continue;
        add_text(&to->text, line);
        word_set_learn(set, line);
    }
}

static struct word_set *words_of(const struct walk *walk, const struct mime_text *text)
{
    struct word_set *set = arena_alloc(walk->arena, sizeof *set);
    if (!set)
        return NULL;
    word_set_learn(set, buf_str(&text->text));
    word_set_learn(set, buf_str(&text->quoted));
    word_set_learn(set, buf_str(&text->signature));
    return set;
}

/* Joins the texts of alternatives: the last that has words is the richest (RFC 2046, 5.1.4); what only another says is
 * read too. */
static enum err join_alternatives(const struct walk *walk, const struct mime_text *texts, uint32_t count,
                                  struct mime_text *out)
{
    uint32_t best = count - 1;
    while (best > 0 && !has_words(&texts[best]))
        best--;
    struct word_set *set = words_of(walk, &texts[best]);
    if (!set)
        return ERR_SYSTEM;
    merge(out, &texts[best]);
    for (uint32_t i = 0; i < count; i++) {
        if (i == best)
            continue;
        add_differences(set, buf_str(&texts[i].text), out);
        out->reasons |= texts[i].reasons;
        out->unread += texts[i].unread;
        out->has_hidden = out->has_hidden || texts[i].has_hidden;
        out->has_forward = out->has_forward || texts[i].has_forward;
    }
    return ERR_OK;
}

static enum err read_alternative(const struct walk *walk, uint32_t index, struct mime_text *out)
{
    enum err error = ERR_OK;
    const struct part *part = &walk->mail->parts[index];
    struct mime_text *texts = arena_array(walk->arena, part->children, sizeof *texts);
    uint32_t count = 0;
    if (!texts)
        return ERR_SYSTEM;
    for (uint32_t child = index + 1; child < part->after && error == ERR_OK; child = next_child(walk, child)) {
        mime_text_init(&texts[count]);
        error = read_part(walk, child, &texts[count++]);
    }
    for (uint32_t i = 0; i < count && error == ERR_OK; i++)
        error = is_short(&texts[i]) ? ERR_SYSTEM : ERR_OK;
    if (error == ERR_OK)
        error = join_alternatives(walk, texts, count, out);
    for (uint32_t i = 0; i < count; i++)
        mime_text_free(&texts[i]);
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
    static const struct part UNTYPED = {0};
    struct str text;
    if (str_trim(raw).length == 0 || raw.length > MIME_MAX_ATTACHED_TEXT)
        return ERR_OK;
    enum err error = text_part_convert(walk->arena, &UNTYPED, raw, &text, &out->reasons);
    struct word_set *set = error == ERR_OK ? words_of(walk, out) : NULL;
    if (!set)
        return ERR_SYSTEM;
    size_t before = out->text.length;
    while (text.length) {
        size_t end = str_find(text, STR("\n\n"), 0);
        struct str paragraph = str_slice(text, 0, end);
        text = end == SIZE_MAX ? (struct str){0} : str_slice(text, end + 2, text.length);
        if (!is_notice(paragraph))
            add_differences(set, paragraph, out);
    }
    out->outside += out->text.length - before;
    return ERR_OK;
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

/* Lines among the fields that are none: the rest of a subject that was folded wrongly, or words of the letter. */
static enum err read_stray_lines(const struct walk *walk, struct mime_text *out)
{
    const struct part *root = &walk->mail->parts[0];
    for (uint32_t i = 0; i < root->field_count; i++) {
        struct str text;
        bool guessed;
        if (root->fields[i].name.length)
            continue;
        enum err error = header_text(walk->arena, root->fields[i].value, NULL, READING_MAX_SUBJECT, &text, &guessed);
        if (error != ERR_OK)
            return error;
        add_text(&out->text, text);
    }
    return ERR_OK;
}

enum err mime_read(struct arena *arena, const struct prescan *mail, struct mime_text *out)
{
    struct budget left = {.tags = HTML_MAX_TAGS, .text = MIME_MAX_TEXT};
    struct walk walk = {.arena = arena, .mail = mail, .left = &left};
    mime_text_init(out);
    out->reasons = mail->reasons;
    enum err error = read_part(&walk, 0, out);
    if (error == ERR_OK)
        error = read_stray_lines(&walk, out);
    return error == ERR_OK && is_short(out) ? ERR_SYSTEM : error;
}
