/*
 * Our own mail to staff. Run by keep; all that goes in is ours: addresses that conf accepts, subjects of constant words,
 * text and HTML of keep's making. So little of MIME is needed for it (two parts, one encoding, ASCII fields) that a
 * library of it is not worth what it would bring into every role's memory.
 */
#include <attune/mail.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* RFC 2045, 6.7: a line has 76 characters at most, the soft break's '=' included. */
enum { QUOTED_LINE = 76 };

/* --- quoted-printable -------------------------------------------------------------------------------------------- */

static bool stands_for_itself(const char *at, const char *end)
{
    unsigned char byte = (unsigned char)*at;
    bool ends_line = at + 1 == end || at[1] == '\n';
    if (byte == ' ')
        return !ends_line;
    return byte > 0x20 && byte < 0x7f && byte != '=';
}

static void add_quoted(struct buf *out, const char *text)
{
    const char *end = text + strlen(text);
    size_t column = 0;
    for (const char *at = text; at < end; at++) {
        if (*at == '\n') {
            buf_add_text(out, "\r\n");
            column = 0;
            continue;
        }
        bool plain = stands_for_itself(at, end);
        size_t width = plain ? 1 : 3;
        if (column + width > QUOTED_LINE - 1) {
            buf_add_text(out, "=\r\n");
            column = 0;
        }
        if (plain)
            buf_add_char(out, *at);
        else
            buf_addf(out, "=%02X", (unsigned char)*at);
        column += width;
    }
    buf_add_text(out, column ? "\r\n" : "");
}

/* --- the message ------------------------------------------------------------------------------------------------- */

static void add_part(struct buf *out, const char *boundary, const char *subtype, const char *text)
{
    buf_addf(out,
             "\r\n--%s\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
             boundary, subtype);
    add_quoted(out, text);
}

static const char *format_date(int64_t date_ms, char out[40])
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(date_ms / 1000);
    struct tm date = {0};
    gmtime_r(&seconds, &date);
    snprintf(out, 40, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[date.tm_wday % 7], date.tm_mday % 32,
             months[date.tm_mon % 12], (date.tm_year + 1900) % 10000, date.tm_hour % 24, date.tm_min % 60,
             date.tm_sec % 61);
    return out;
}

enum err mail_compose(const struct mail *mail, const unsigned char site_key[HASH_SIZE], struct buf *out)
{
    char id[HASH_HEX_SIZE + 256], proof[MAIL_PROOF_SIZE], boundary[40], date[40];
    snprintf(id, sizeof id, "%s@%s", mail->id, strchr(mail->from, '@') + 1);
    mail_make_proof(site_key, str_of(id), mail->date_ms, proof);
    /* No line of quoted-printable holds "=_" (RFC 2045, 6.7). */
    snprintf(boundary, sizeof boundary, "=_%.32s", mail->id);
    buf_addf(out,
             "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s>\r\nAuto-Submitted: auto-generated\r\n"
             "X-Auto-Response-Suppress: All\r\nX-Attune-Origin: %s\r\nMIME-Version: 1.0\r\n"
             "Content-Type: multipart/alternative; boundary=\"%s\"\r\n",
             mail->from, mail->to, mail->subject, format_date(mail->date_ms, date), id, proof, boundary);
    add_part(out, boundary, "plain", mail->text);
    add_part(out, boundary, "html", mail->html);
    buf_addf(out, "\r\n--%s--\r\n", boundary);
    return buf_failed(out) ? ERR_LIMIT : ERR_OK;
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
