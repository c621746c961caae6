/* Modified UTF-7, quoting and the check of keywords. Role fetch; the names are the operator's, checked all the same. */
#include <attune/imap_name.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* UTF-16 code units gathered into base64 digits of six bits. */
struct shifted {
    uint32_t bits;
    unsigned held;
    bool open;
};

static void add_unit(struct buf *out, struct shifted *shifted, uint32_t unit)
{
    if (!shifted->open)
        (void)buf_add_char(out, '&');
    shifted->open = true;
    shifted->bits = (shifted->bits << 16) | unit;
    for (shifted->held += 16; shifted->held >= 6; shifted->held -= 6)
        (void)buf_add_char(out, digits[(shifted->bits >> (shifted->held - 6)) & 63]);
    shifted->bits &= (1U << shifted->held) - 1;
}

static void end_shift(struct buf *out, struct shifted *shifted)
{
    if (!shifted->open)
        return;
    if (shifted->held)
        (void)buf_add_char(out, digits[(shifted->bits << (6 - shifted->held)) & 63]);
    (void)buf_add_char(out, '-');
    *shifted = (struct shifted){0};
}

static void add_plain(struct buf *out, char byte)
{
    if (byte == '"' || byte == '\\')
        (void)buf_add_char(out, '\\');
    (void)buf_add_char(out, byte);
    if (byte == '&')
        (void)buf_add_char(out, '-');
}

static void add_character(struct buf *out, struct shifted *shifted, uint32_t character)
{
    if (character < 0x7f) {
        end_shift(out, shifted);
        add_plain(out, (char)character);
    } else if (character < 0x10000) {
        add_unit(out, shifted, character);
    } else {
        add_unit(out, shifted, 0xd800 + ((character - 0x10000) >> 10));
        add_unit(out, shifted, 0xdc00 + ((character - 0x10000) & 0x3ff));
    }
}

enum err imap_name_add_folder(struct buf *out, struct str folder)
{
    if (folder.length == 0 || folder.length > IMAP_MAX_NAME || !utf8_is_valid(folder))
        return ERR_INPUT;
    struct shifted shifted = {0};
    (void)buf_add_char(out, '"');
    for (size_t at = 0, length; at < folder.length; at += length) {
        uint32_t character = utf8_decode(folder, at, &length);
        if (character < 0x20 || character == 0x7f)
            return ERR_INPUT;
        add_character(out, &shifted, character);
    }
    end_shift(out, &shifted);
    (void)buf_add_char(out, '"');
    return buf_failed(out) ? ERR_LIMIT : ERR_OK;
}

enum err imap_name_add_secret(struct buf *out, struct str secret)
{
    (void)buf_add_char(out, '"');
    for (size_t i = 0; i < secret.length; i++) {
        char byte = secret.data[i];
        if (byte == '\0' || byte == '\r' || byte == '\n')
            return ERR_INPUT;
        if (byte == '"' || byte == '\\')
            (void)buf_add_char(out, '\\');
        (void)buf_add_char(out, byte);
    }
    (void)buf_add_char(out, '"');
    return buf_failed(out) ? ERR_LIMIT : ERR_OK;
}

bool imap_name_is_keyword(struct str keyword)
{
    if (keyword.length == 0 || keyword.length > IMAP_MAX_KEYWORD)
        return false;
    for (size_t i = 0; i < keyword.length; i++) {
        char byte = keyword.data[i];
        if (byte <= 0x20 || byte >= 0x7f || strchr("(){%*\"\\]", byte))
            return false;
    }
    return true;
}
