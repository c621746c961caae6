/*
 * From the bytes of a mail to UTF-8, by converters that were all opened before the sandbox closed: glibc's iconv loads
 * them from files on first use. Runs in a screen child and in the command. Names of charsets are an allow-list with the
 * aliases that mail carries (IANA character sets, WHATWG Encoding).
 */
#ifndef ATTUNE_CHARSET_H
#define ATTUNE_CHARSET_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/str.h>
#include <stdbool.h>

/* Opens and tries every converter; once a process, before the sandbox. ERR_SYSTEM when one is missing. */
enum err charset_prepare(void);

/* A charset of the table by any of its names; NULL when unknown. Lives as long as the
 * process; one charset has one address. */
struct charset;
const struct charset *charset_find(struct str name);

/* One byte a character and ASCII where that is: text in it can be told from a header's own signs. */
bool charset_is_single_byte(const struct charset *charset);

/*
 * `bytes` as valid UTF-8 in the arena (or `bytes` themselves: BORROWS), NUL as U+FFFD. `declared` may be NULL (none, or
 * a name that is not known). Bytes that the declared charset does not explain are read as UTF-8 if they are that, else
 * in the charset in which they make the most sense in the languages that packs cover, else as windows-1252; *guessed
 * then tells that words may be wrong. ERR_SYSTEM when the arena is full.
 */
enum err charset_to_utf8(struct arena *arena, struct str bytes, const struct charset *declared, struct str *out,
                         bool *guessed);

/* Valid UTF-8 of the same words in the arena: ill-formed parts and NUL become U+FFFD. ERR_SYSTEM when it is full. */
enum err charset_repair(struct arena *arena, struct str in, struct str *out);

#endif
