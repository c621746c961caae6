/*
 * Content transfer encodings (RFC 2045, 6; uuencode as POSIX has it), decoded so that no fault hides words: plain text
 * after base64, broken quoted-printable and encodings that are not known are kept as they stand. Screen children.
 */
#ifndef ATTUNE_TRANSFER_H
#define ATTUNE_TRANSFER_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/str.h>

enum transfer { TRANSFER_PLAIN, TRANSFER_BASE64, TRANSFER_QUOTED, TRANSFER_UU };

/* By the value of a Content-Transfer-Encoding field; anything not known is TRANSFER_PLAIN. */
enum transfer transfer_from_name(struct str name);

/*
 * The decoded bytes in the arena (or `raw` itself for TRANSFER_PLAIN: BORROWS). Text that follows the base64 is given
 * in *tail, as it stands; "" when there is none. ERR_SYSTEM when the arena is full.
 */
enum err transfer_decode(struct arena *arena, struct str raw, enum transfer transfer, struct str *out,
                         struct str *tail);

/* The Q encoding of RFC 2047: as quoted-printable, and "_" is a space. `out` has room for raw.length bytes. */
size_t transfer_decode_q(struct str raw, char *out);
/* Base64 without line rules; bytes outside the alphabet are skipped. `out` has room for raw.length bytes. */
size_t transfer_decode_b(struct str raw, char *out);

#endif
