/* Our own mail to staff, built with GMime. Run by keep; all that goes in is ours: no byte of anybody's mail. */
#include <attune/mail.h>
#include <gmime/gmime.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void set_header(GMimeMessage *message, const char *name, const char *value)
{
    g_mime_object_set_header(GMIME_OBJECT(message), name, value, "utf-8");
}

static void add_address(GMimeMessage *message, GMimeAddressType type, const char *address)
{
    g_mime_message_add_mailbox(message, type, NULL, address);
}

/* `subtype`: of text/. Lines stay below the 998 bytes of RFC 5322, 2.1.1, whatever stands in the text. */
static void add_part(GMimeMultipart *parts, const char *subtype, const char *text)
{
    GMimeTextPart *part = g_mime_text_part_new_with_subtype(subtype);
    g_mime_text_part_set_charset(part, "utf-8");
    g_mime_text_part_set_text(part, text);
    GMimeContentEncoding encoding =
        g_mime_part_get_best_content_encoding(GMIME_PART(part), GMIME_ENCODING_CONSTRAINT_7BIT);
    /* Folder names may be of any script: a reader of the source, and filters, still see the rest. */
    if (encoding == GMIME_CONTENT_ENCODING_BASE64)
        encoding = GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
    g_mime_part_set_content_encoding(GMIME_PART(part), encoding);
    g_mime_multipart_add(parts, GMIME_OBJECT(part));
    g_object_unref(part);
}

static GMimeMultipart *make_parts(const struct mail *mail)
{
    char boundary[64];
    GMimeMultipart *parts = g_mime_multipart_new_with_subtype("alternative");
    snprintf(boundary, sizeof boundary, "=_%.32s", mail->id);
    g_mime_multipart_set_boundary(parts, boundary);
    add_part(parts, "plain", mail->text);
    add_part(parts, "html", mail->html);
    return parts;
}

static GMimeMessage *make_message(const struct mail *mail, const unsigned char site_key[HASH_SIZE])
{
    char id[HASH_HEX_SIZE + 256], proof[MAIL_PROOF_SIZE];
    GMimeMessage *message = g_mime_message_new(FALSE);
    GDateTime *date = g_date_time_new_from_unix_utc(mail->date_ms / 1000);
    snprintf(id, sizeof id, "%s@%s", mail->id, strchr(mail->from, '@') + 1);
    mail_make_proof(site_key, str_of(id), mail->date_ms, proof);
    add_address(message, GMIME_ADDRESS_TYPE_FROM, mail->from);
    add_address(message, GMIME_ADDRESS_TYPE_TO, mail->to);
    g_mime_message_set_subject(message, mail->subject, "utf-8");
    g_mime_message_set_date(message, date);
    g_mime_message_set_message_id(message, id);
    set_header(message, "Auto-Submitted", "auto-generated");
    set_header(message, "X-Auto-Response-Suppress", "All");
    set_header(message, "X-Attune-Origin", proof);
    GMimeMultipart *parts = make_parts(mail);
    g_mime_message_set_mime_part(message, GMIME_OBJECT(parts));
    g_object_unref(parts);
    g_date_time_unref(date);
    return message;
}

enum err mail_compose(const struct mail *mail, const unsigned char site_key[HASH_SIZE], struct buf *out)
{
    g_mime_init();
    GMimeMessage *message = make_message(mail, site_key);
    GMimeStream *stream = g_mime_stream_mem_new();
    GMimeFormatOptions *format = g_mime_format_options_new();
    g_mime_format_options_set_newline_format(format, GMIME_NEWLINE_FORMAT_DOS);
    enum err error = ERR_SYSTEM;
    if (g_mime_object_write_to_stream(GMIME_OBJECT(message), format, stream) > 0) {
        const GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
        error = buf_add(out, bytes->data, bytes->len);
    }
    g_mime_format_options_free(format);
    g_object_unref(stream);
    g_object_unref(message);
    return error;
}

/* --- what proves that it is ours --------------------------------------------------------------------------------- */

void mail_make_proof(const unsigned char site_key[HASH_SIZE], struct str message_id, int64_t date_ms,
                     char out[MAIL_PROOF_SIZE])
{
    unsigned char hash[HASH_SIZE];
    char date[32], short_hash[CASE_ID_SIZE];
    snprintf(date, sizeof date, "%lld", (long long)(date_ms / 1000)); /* as exact as the Date field is */
    struct str parts[] = {STR("origin"), message_id, str_of(date)};
    hash_hmac(site_key, HASH_SIZE, parts, 3, hash);
    hash_base32(hash, short_hash);
    snprintf(out, MAIL_PROOF_SIZE, "v1=%s", short_hash);
}

bool mail_is_own(const unsigned char site_key[HASH_SIZE], struct str message_id, int64_t date_ms, struct str proof)
{
    char expected[MAIL_PROOF_SIZE];
    if (message_id.length == 0 || proof.length != MAIL_PROOF_SIZE - 1)
        return false;
    mail_make_proof(site_key, message_id, date_ms, expected);
    return sodium_memcmp(expected, proof.data, proof.length) == 0;
}
