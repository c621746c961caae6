/*
 * Names on the wire: what libetpan sends as it is, we make safe first. Folder names are UTF-8 everywhere in Attune and
 * modified UTF-7 on the wire (RFC 3501, 5.1.3); every string is a quoted string (RFC 3501, 9). Pure.
 */
#ifndef ATTUNE_IMAP_NAME_H
#define ATTUNE_IMAP_NAME_H

#include <attune/buf.h>
#include <attune/err.h>
#include <attune/str.h>
#include <stdbool.h>

enum {
    IMAP_MAX_NAME = 256,    /* bytes of a folder name in UTF-8 */
    IMAP_MAX_KEYWORD = 64,  /* bytes of a keyword */
    IMAP_MAX_QUOTED = 1024, /* bytes of a name on the wire, quotes included: UTF-7 needs under 3 for 1 of UTF-8 */
};

/* Adds the folder's name as a quoted string in modified UTF-7. ERR_INPUT for ill-formed UTF-8, an empty name, one over
 * IMAP_MAX_NAME, or a control character (CR and LF would be commands). */
enum err imap_name_add_folder(struct buf *out, struct str folder) ATTUNE_MUST_CHECK;
/* Adds a user name or password as a quoted string, bytes as they are. ERR_INPUT for CR, LF or NUL. */
enum err imap_name_add_secret(struct buf *out, struct str secret) ATTUNE_MUST_CHECK;
/* Whether it can stand as a keyword: 1 to IMAP_MAX_KEYWORD characters of an IMAP atom, and no system flag. */
bool imap_name_is_keyword(struct str keyword);

#endif
