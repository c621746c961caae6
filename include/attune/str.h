/*
 * Text from outside is a pointer and a length; it is never assumed to end in NUL or to be valid in any charset.
 */
#ifndef ATTUNE_STR_H
#define ATTUNE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *data; /* BORROWED; may be NULL when length is 0 */
    size_t length;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
struct str str_of(const char *text);                           /* NULL gives the empty string */
struct str str_slice(struct str text, size_t from, size_t to); /* clamped to the text */
bool str_equal(struct str a, struct str b);
bool str_equal_text(struct str a, const char *text);
/* ASCII case is ignored, other bytes compare as they are. */
bool str_equal_nocase(struct str a, struct str b);
bool str_starts_nocase(struct str text, struct str prefix);
bool str_ends_nocase(struct str text, struct str suffix);
/* Offset of the first occurrence at or after `from`, or SIZE_MAX. */
size_t str_find(struct str text, struct str needle, size_t from);
size_t str_find_nocase(struct str text, struct str needle, size_t from);
/* ASCII space, tab, CR, LF, VT, FF cut from both ends. */
struct str str_trim(struct str text);
/* The next line without its LF or CRLF, advancing *rest; false at the end. */
bool str_next_line(struct str *rest, struct str *line);
/* Whole text as a decimal number of at most `maximum`; false for anything else. */
bool str_to_u64(struct str text, uint64_t maximum, uint64_t *out);

/*
 * One UTF-8 character at `at`: its code point and byte length in *length. Ill-formed bytes give U+FFFD and the length of
 * the maximal ill-formed part (Unicode 15, table 3-8). `at` must be below text.length.
 */
uint32_t utf8_decode(struct str text, size_t at, size_t *length);
/* Writes a code point as UTF-8 to out[4]; returns the byte count. Surrogates and values past U+10FFFF give U+FFFD. */
size_t utf8_encode(uint32_t code_point, char out[4]);
bool utf8_is_valid(struct str text);

/* The entry of `names` (`count` of them) nearest to `wrong` by edit distance, or NULL when none is near (over 3 edits
 * or over half of the word). For error messages. */
const char *str_nearest(const char *wrong, const char *const *names, size_t count);

#endif
