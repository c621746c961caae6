/*
 * The one form in which rules and text meet: NFKC, case fold, default-ignorables dropped (ZWJ inside an emoji kept),
 * apostrophes, quotes and dashes to one form, look-alike letters mapped inside a word of mixed scripts, white space
 * collapsed (UAX 15, UAX 31, UTS 39), with a map back to the original. Rules pass through the same fold as they load.
 */
#ifndef ATTUNE_FOLD_H
#define ATTUNE_FOLD_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/str.h>
#include <stdint.h>

enum fold_view {
    FOLD_TEXT,  /* as above, accents kept */
    FOLD_PLAIN, /* accents stripped too: many people type Polish, Romanian or Slovenian without them */
};

struct folded {
    struct str text;        /* valid UTF-8 in the arena, NUL behind it */
    const uint32_t *origin; /* for each byte of text, the byte of the original where its character began; one more entry
                               at the end: where the original ends, white space behind it left out */
};

/* ERR_LIMIT past 16 MiB of text, ERR_SYSTEM when the arena is full. Ill-formed UTF-8, which no caller should give,
 * becomes U+FFFD with the marks beside it. */
enum err fold_text(struct arena *arena, struct str text, enum fold_view view, struct folded *out);

#endif
