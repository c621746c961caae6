/*
 * Values of header fields as people read them: encoded words (RFC 2047, with the faults that mail carries), addresses,
 * message ids (RFC 5322), dates. Screen children and the command; the bytes are hostile, the strings made valid UTF-8.
 */
#ifndef ATTUNE_HEADER_H
#define ATTUNE_HEADER_H

#include <attune/arena.h>
#include <attune/charset.h>
#include <attune/err.h>
#include <attune/str.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Text of an unstructured field: unfolded, encoded words decoded, adjacent words of one charset joined before they are
 * converted. Raw 8-bit bytes are read as by charset_to_utf8() in `fallback`, which may be NULL: the
 * charset of the letter, as a rule. *guessed as there. At most `maximum`
 * bytes.
 */
enum err header_text(struct arena *arena, struct str value, const struct charset *fallback, size_t maximum,
                     struct str *out, bool *guessed);

/* The first address of an address field, ASCII letters in lower case; "" when none parses. Comments and display names
 * are stepped over without recursion. ERR_SYSTEM when the arena is full. */
enum err header_address(struct arena *arena, struct str value, struct str *out);

/* The ids between "<" and ">" of a field, appended to `ids` with one space between; of more than `maximum` bytes the
 * last ids are kept. ERR_SYSTEM when the arena is full. */
enum err header_ids(struct arena *arena, struct str value, size_t maximum, struct str *ids);

/* RFC 5322, 3.3, with the old forms of RFC 822; false for anything else and for years outside 1980 to 2100. */
bool header_date(struct str value, int64_t *date_ms, int32_t *zone_minutes);

#endif
