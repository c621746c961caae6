/*
 * The language of a text, among the six that packs cover (en sl ro pl uk ru) and "other". CLD2 (Google's Compact
 * Language Detector) helped by letters and function words, which decide short and accent-less text. Screen children.
 */
#ifndef ATTUNE_LANGUAGE_H
#define ATTUNE_LANGUAGE_H

#include <attune/str.h>
#include <stdbool.h>

enum { LANGUAGE_MAX_BYTES = 8192 }; /* of the text that is looked at: more changes nothing but the time it takes */

struct language {
    char code[4];    /* ISO 639-1, "" when it could not be told */
    bool is_covered; /* false only when it is confidently a language without a pack */
};

/* Builds the table of words; before language_of(), once a process. */
void language_prepare(void);

/* `text` is valid UTF-8. */
struct language language_of(struct str text);

/* How much sense a text makes in any of the six: common words and letters of the best of them, 0 for none. For choosing
 * between charsets of one text. */
double language_sense(struct str text);

/* What CLD2 says, through one C++ file: code (static, "un" for unknown) of the most likely language of `bytes`. */
struct cld2_guess {
    const char *code;
    int percent;    /* of the text */
    int text_bytes; /* letters that were looked at */
    bool is_reliable;
};
#ifdef __cplusplus
extern "C"
#endif
    struct cld2_guess
    language_cld2(const char *bytes, int length);

#endif
