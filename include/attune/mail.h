/*
 * Our own mail to staff, whole: RFC 5322 with text and HTML as alternatives (RFC 2046, 5.1.4), marked so that no robot
 * answers it (RFC 3834) and that we know it when it comes back. The same mail gives the same bytes. Run by keep.
 */
#ifndef ATTUNE_MAIL_H
#define ATTUNE_MAIL_H

#include <attune/buf.h>
#include <attune/err.h>
#include <attune/hash.h>
#include <attune/str.h>
#include <stdbool.h>
#include <stdint.h>

/* Mail services show about this much and hide the rest; it fits in NOTIFY_SEND with all other fields. */
enum { MAIL_MAX_BYTES = 100 * 1024 };

/* "v1=" and 130 bits of the HMAC in base32: short enough that no header line is folded. */
enum { MAIL_PROOF_SIZE = 3 + CASE_ID_SIZE };

struct mail {
    const char *from; /* addresses that conf accepts */
    const char *to;
    const char *subject; /* constant words, a case and numbers */
    int64_t date_ms;
    const char *id; /* of the outbox row: 64 hex digits; names the message and bounds its parts */
    const char *text;
    const char *html;
};

/* Appends the message with CRLF line ends; ERR_LIMIT when it is longer than `out` may hold. Addresses,
 * subject and id are ASCII without line breaks; text and HTML are UTF-8 with LF. */
enum err mail_compose(const struct mail *mail, const unsigned char site_key[HASH_SIZE],
                      struct buf *out) ATTUNE_MUST_CHECK;

/* The proof that a message with this Message-ID (without < and >) and Date is ours. */
void mail_make_proof(const unsigned char site_key[HASH_SIZE], struct str message_id, int64_t date_ms,
                     char out[MAIL_PROOF_SIZE]);
/* Whether `proof`, as X-Attune-Origin has it, proves that. In constant time. */
bool mail_is_own(const unsigned char site_key[HASH_SIZE], struct str message_id, int64_t date_ms, struct str proof);

/* --- what both kinds of mail look like (mail_html.c) ---------------------------------------------------------------
 */

/* The beginning of a whole HTML document up to and with its one h1, and its end: inline style, light and dark, phone
 * width, nothing from elsewhere. */
void mail_html_begin(struct buf *out, const char *title);
void mail_html_end(struct buf *out);
/* `text` as ASCII: markup and all beyond ASCII as character references, so that no line needs an encoding. */
void mail_html_add(struct buf *out, struct str text);

/* A page by mail (page_mail.c): case, urgency, mailbox, times; no subject, sender, cue or quotation. */
struct alert_row;
struct outbox_row;
enum err mail_compose_page(const struct outbox_row *row, const struct alert_row *alert, const char *from,
                           const char *to, const unsigned char site_key[HASH_SIZE], struct buf *out) ATTUNE_MUST_CHECK;

#endif
