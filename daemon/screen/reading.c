/*
 * From raw bytes to the words that a person wrote, with class, writer, language and reasons. Screen children and
 * `attune triage`; trusts nothing in the mail. Each step is a module of its own; here they are put in order.
 */
#include <attune/charset.h>
#include <attune/class.h>
#include <attune/header.h>
#include <attune/language.h>
#include <attune/mime.h>
#include <attune/prescan.h>
#include <attune/reading.h>
#include <attune/split.h>
#include <attune/transfer.h>
#include <malloc.h>
#include <string.h>

/* CLD2 takes and gives back some 170 KiB for each text, the HTML tree about as much: kept by the process, they do not
 * cost a dozen system calls and page faults a message, a fifth of its time. */
static void keep_freed_memory(void)
{
    enum { KEPT_BYTES = 2 * 1024 * 1024 };
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
}

enum err reading_prepare(void)
{
    keep_freed_memory();
    language_prepare();
    /* CLD2 builds nothing lazily, but a first call makes its tables present before memory is limited. */
    (void)language_of(STR("prepare"));
    return charset_prepare();
}

static size_t count_words(struct str text, size_t enough)
{
    size_t words = 0;
    bool inside = false;
    for (size_t i = 0; i < text.length && words < enough; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        bool letter = byte >= 0x80 || (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
        words += letter && !inside;
        inside = letter;
    }
    return words;
}

static size_t character_start(struct str text, size_t at)
{
    while (at < text.length && at > 0 && ((unsigned char)text.data[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* A field in the arena, its head and tail when it is longer than rules take. */
static enum err keep_field(struct arena *arena, struct str text, struct str *out, unsigned *reasons)
{
    size_t half = READING_MAX_TEXT / 2 - 1;
    bool is_long = text.length > READING_MAX_TEXT;
    struct str head = is_long ? str_slice(text, 0, character_start(text, half)) : text;
    struct str tail = is_long ? str_slice(text, character_start(text, text.length - half + 3), text.length) : STR("");
    char *bytes = arena_alloc(arena, head.length + tail.length + 2);
    if (!bytes)
        return ERR_SYSTEM;
    if (head.length)
        memcpy(bytes, head.data, head.length);
    size_t length = head.length;
    if (is_long) {
        *reasons |= REASON_CUT;
        bytes[length++] = '\n';
        memcpy(bytes + length, tail.data, tail.length);
        length += tail.length;
    }
    *out = (struct str){bytes, length};
    return ERR_OK;
}

static enum err read_ids(struct arena *arena, const struct part *root, struct reading *out)
{
    struct str own = {0};
    enum err error = header_ids(arena, part_field(root, "message-id"), READING_MAX_MESSAGE_ID, &own);
    out->message_id = str_slice(own, 0, str_find(own, STR(" "), 0));
    if (error == ERR_OK)
        error = header_ids(arena, part_field(root, "references"), READING_MAX_FIELD, &out->thread_ids);
    if (error == ERR_OK)
        error = header_ids(arena, part_field(root, "in-reply-to"), READING_MAX_FIELD, &out->thread_ids);
    return error;
}

/* The 8-bit charset that the first part with one declares: raw header bytes are mostly in it. */
static const struct charset *letter_charset(const struct prescan *mail)
{
    for (uint32_t i = 0; i < mail->count; i++) {
        const struct charset *charset = charset_find(field_parameter(mail->parts[i].content_type, "charset"));
        if (charset && charset_is_single_byte(charset))
            return charset;
    }
    return NULL;
}

static enum err read_headers(struct arena *arena, const struct prescan *mail, struct reading *out, struct str *reply_to)
{
    const struct part *root = &mail->parts[0];
    bool guessed = false;
    enum err error = header_text(arena, part_field(root, "subject"), letter_charset(mail), READING_MAX_SUBJECT,
                                 &out->fields[FIELD_SUBJECT], &guessed);
    if (guessed)
        out->reasons |= REASON_CHARSET;
    if (error == ERR_OK)
        error = header_address(arena, part_field(root, "from"), &out->from_address);
    if (error == ERR_OK)
        error = header_address(arena, part_field(root, "reply-to"), reply_to);
    if (error == ERR_OK)
        error = read_ids(arena, root, out);
    if (error != ERR_OK)
        return error;
    out->zone_minutes = INT32_MIN;
    if (!header_date(part_field(root, "date"), &out->date_ms, &out->zone_minutes))
        out->date_ms = 0;
    struct str proof = str_trim(part_field(root, "x-attune-origin"));
    if (utf8_is_valid(proof))
        out->own_proof = (struct str){arena_copy(arena, proof.data, proof.length), proof.length};
    return proof.length && utf8_is_valid(proof) && !out->own_proof.data ? ERR_SYSTEM : ERR_OK;
}

/* "Fwd:" and what programs set to the six languages write for it. */
static bool is_forward_subject(struct str subject)
{
    static const char *const PREFIXES[] = {"fwd:", "fw:", "pd:",     "posr:",   "posredovano:", "redir:",
                                           "tr:",  "wg:", "Пересл:", "ПЕРЕСЛ:", "Пересылка:",   "Fwd："};
    for (size_t i = 0; i < sizeof PREFIXES / sizeof *PREFIXES; i++)
        if (str_starts_nocase(subject, str_of(PREFIXES[i])))
            return true;
    return false;
}

/* "Re:" likewise, also numbered ("Re[2]:"). */
static bool is_answer_subject(struct str subject)
{
    static const char *const PREFIXES[] = {
        "re:",   "re[", "re：", "odp:", "odg:",  "aw:",   "sv:",   "vs:",  "ad:",  "r:",     "răsp:", "rasp:",
        "RĂSP:", "на:", "НА:",  "На:",  "відп:", "Відп:", "ВІДП:", "отв:", "Отв:", "ответ:", "Ответ:"};
    for (size_t i = 0; i < sizeof PREFIXES / sizeof *PREFIXES; i++)
        if (str_starts_nocase(subject, str_of(PREFIXES[i])))
            return true;
    return false;
}

static enum err keep_texts(struct arena *arena, const struct mime_text *text, struct reading *out)
{
    const struct buf *from[] = {&text->text, &text->quoted, &text->signature};
    const enum text_field to[] = {FIELD_TEXT, FIELD_QUOTED, FIELD_SIGNATURE};
    for (size_t i = 0; i < 3; i++) {
        enum err error = keep_field(arena, buf_str(from[i]), &out->fields[to[i]], &out->reasons);
        if (error != ERR_OK)
            return error;
    }
    return ERR_OK;
}

/* Reasons that follow from how much there is to read beside what is not read. */
static void judge_amount(const struct mime_text *text, size_t words, struct reading *out)
{
    enum { HARDLY_ANY = 5 }; /* words beside an attachment: "see attached, thanks" */
    if (out->reasons & REASON_ENCRYPTED)
        return; /* its parts were counted, and that reason says it all */
    /* Nothing at all to read is not "no cue": somebody may have pressed the wrong key, or not found the words. */
    bool is_empty = out->fields[FIELD_QUOTED].length == 0 && count_words(out->fields[FIELD_SUBJECT], 1) == 0;
    /* A mail program's own line outside the parts is no more than a greeting of the program's. */
    bool nothing_inside = words == 0 || text->text.length <= text->outside;
    if (nothing_inside && (text->unread || (is_empty && words == 0)))
        out->reasons |= REASON_NO_TEXT;
    if (text->unread && words < HARDLY_ANY)
        out->reasons |= REASON_ATTACHMENT_UNREAD;
}

static void find_language(struct reading *out)
{
    enum { FEW_WORDS = 6 }; /* a subject helps a text as short as this */
    struct str text = out->fields[FIELD_TEXT];
    if (count_words(text, FEW_WORDS) < FEW_WORDS && out->fields[FIELD_SUBJECT].length > text.length)
        text = out->fields[FIELD_SUBJECT];
    if (text.length == 0)
        text = out->fields[FIELD_QUOTED];
    struct language language = language_of(text);
    memcpy(out->language, language.code, sizeof out->language);
    if (!language.is_covered)
        out->reasons |= REASON_LANGUAGE;
}

/* A letter that begins with "From: ... Subject: ..." is a form's or a copied mail unless it says that it was forwarded
 * or answered: then all of it is what was sent, and new. */
static enum err place_text(struct arena *arena, const struct prescan *mail, struct mime_text *text)
{
    const struct part *root = &mail->parts[0];
    struct str subject = str_trim(part_field(root, "subject"));
    bool is_answer = part_field(root, "in-reply-to").length || part_field(root, "references").length;
    if (!text->begins_with_header || text->has_forward || is_answer || is_forward_subject(subject))
        return ERR_OK;
    size_t length = text->text.length;
    char *behind = arena_copy(arena, buf_text(&text->text), length);
    if (!behind)
        return ERR_SYSTEM;
    buf_reset(&text->text);
    (void)buf_add_str(&text->text, buf_str(&text->quoted));
    (void)buf_add_text(&text->text, length ? "\n\n" : "");
    (void)buf_add(&text->text, behind, length);
    buf_reset(&text->quoted);
    return buf_failed(&text->text) ? ERR_SYSTEM : ERR_OK;
}

static void judge_quotation(const struct mime_text *text, size_t words, struct reading *out)
{
    if (out->fields[FIELD_QUOTED].length == 0)
        return;
    bool is_forward = text->has_forward || is_forward_subject(out->fields[FIELD_SUBJECT]);
    out->is_forward = is_forward && out->class != CLASS_BOUNCE;
    /* With nothing new in a person's mail, what it says stands in the quotation: answers below or between its lines. */
    bool says_nothing = words == 0 && out->class == CLASS_HUMAN;
    out->points_at_quotation = says_nothing || split_points_at_quotation(out->fields[FIELD_TEXT]);
}

static void judge(const struct prescan *mail, const struct mime_text *text, struct str reply_to, struct reading *out)
{
    out->repeats_subject = out->thread_ids.length && is_answer_subject(out->fields[FIELD_SUBJECT]);
    size_t words = count_words(out->fields[FIELD_TEXT], SIZE_MAX);
    judge_amount(text, words, out);
    find_language(out);
    out->hidden_text = text->has_hidden;
    out->automatic = class_is_automatic(mail);
    out->class = class_of_mail(&(struct class_input){mail, out->from_address, reply_to});
    out->writer = out->class == CLASS_FORM_RELAY ? reply_to : out->from_address;
    judge_quotation(text, words, out);
}

/* The bytes as text and nothing more: for a mail on which a full reading did not end. */
static enum err read_raw(struct arena *arena, struct str raw, struct reading *out)
{
    struct str bytes, tail, text;
    bool guessed;
    out->reasons |= REASON_UNPARSABLE;
    out->zone_minutes = INT32_MIN;
    if (raw.length > READING_MAX_TEXT * (size_t)2)
        out->reasons |= REASON_CUT;
    raw.length = raw.length > READING_MAX_TEXT * (size_t)2 ? READING_MAX_TEXT * (size_t)2 : raw.length;
    enum err error = transfer_decode(arena, raw, TRANSFER_QUOTED, &bytes, &tail);
    if (error == ERR_OK)
        error = charset_to_utf8(arena, bytes, NULL, &text, &guessed);
    return error == ERR_OK ? keep_field(arena, text, &out->fields[FIELD_TEXT], &out->reasons) : error;
}

/* Lines that end in a bare CR make the header one line: then every bare CR is a line end. */
static enum err cure_line_ends(struct arena *arena, struct str *raw)
{
    struct str rest = *raw, line = {0};
    str_next_line(&rest, &line);
    if (line.length == 0 || !memchr(line.data, '\r', line.length))
        return ERR_OK;
    char *cured = arena_copy(arena, raw->data, raw->length);
    if (!cured)
        return ERR_SYSTEM;
    for (size_t i = 0; i < raw->length; i++)
        if (cured[i] == '\r' && (i + 1 == raw->length || cured[i + 1] != '\n'))
            cured[i] = '\n';
    raw->data = cured;
    return ERR_OK;
}

enum err reading_from_mail(struct arena *arena, struct str raw, enum screen_mode mode, struct reading *out)
{
    *out = (struct reading){0};
    if (raw.length > READING_MAX_MESSAGE) {
        raw.length = READING_MAX_MESSAGE;
        out->reasons |= REASON_CUT;
    }
    if (mode == SCREEN_RAW)
        return read_raw(arena, raw, out);
    struct prescan mail;
    struct mime_text text = {0};
    struct str reply_to;
    enum err error = cure_line_ends(arena, &raw);
    if (error == ERR_OK)
        error = prescan_mail(arena, raw, &mail);
    if (error != ERR_OK)
        return error;
    if (!mail.has_headers && raw.length)
        out->reasons |= REASON_UNPARSABLE;
    error = mime_read(arena, &mail, &text);
    out->reasons |= text.reasons;
    if (error == ERR_OK)
        error = place_text(arena, &mail, &text);
    if (error == ERR_OK)
        error = keep_texts(arena, &text, out);
    if (error == ERR_OK)
        error = read_headers(arena, &mail, out, &reply_to);
    if (error == ERR_OK)
        judge(&mail, &text, reply_to, out);
    mime_text_free(&text);
    return error;
}
