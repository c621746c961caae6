/*
 * What the fold knows of single characters, beyond utf8proc: small tables with their reasons. Private to the fold and
 * to the splitting into words.
 */
#ifndef ATTUNE_FOLD_TABLES_H
#define ATTUNE_FOLD_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FOLD_ZWJ = 0x200D, FOLD_DOTLESS_I = 0x0131, FOLD_REPLACEMENT = 0xFFFD };

/* Scripts whose letters are mistaken for one another; bits. */
enum fold_script { FOLD_NO_SCRIPT = 0, FOLD_LATIN = 1, FOLD_CYRILLIC = 2, FOLD_GREEK = 4 };

/* The folded byte of an ASCII byte; 0: dropped (controls that are no white space). */
extern const unsigned char fold_ascii_table[128];

bool fold_is_space(uint32_t code_point);
/* A control character that is no white space: dropped. */
bool fold_is_control(uint32_t code_point);
/* A mark, or a Hangul vowel or final: it may compose with the character before it. */
bool fold_is_mark(uint32_t code_point);
/* Default-ignorable: joiners, zero-width spaces, soft hyphens, variation selectors. */
bool fold_is_ignorable(uint32_t code_point);
bool fold_is_emoji(uint32_t code_point);
/* A diacritic (not the vowel signs of Indic scripts, which are letters to their readers). */
bool fold_is_accent(uint32_t code_point);
/* и + breve is й, у + breve is ў, і + diaeresis is ї: other letters, not accented ones. */
bool fold_accent_makes_letter(uint32_t base, uint32_t accent);
/* The plain letters for one with a stroke or a ligature (ł đ ø æ ...), which no decomposition gives; NULL for others.
 */
const char *fold_without_stroke(uint32_t code_point);
/* Apostrophes, quotation marks and dashes in their one form; any other character as it is. */
uint32_t fold_one_form(uint32_t code_point);
/* The script of a letter that has look-alikes elsewhere; FOLD_NO_SCRIPT for everything else. */
unsigned fold_script_of(uint32_t code_point);
/* Rewrites a word of mixed scripts to one script when every letter of the others has a look-alike there. */
bool fold_unify_scripts(uint32_t *points, size_t count);

#endif
