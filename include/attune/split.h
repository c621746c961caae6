/*
 * One text of a mail taken apart: what the writer wrote now, what is quoted, and the signature, in six languages and in
 * the forms that mail programs write. When unsure, text is new: a word read twice costs little, one not read may cost
 * all. Screen children and the command.
 */
#ifndef ATTUNE_SPLIT_H
#define ATTUNE_SPLIT_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/str.h>
#include <stdbool.h>

enum {
    SPLIT_SIGNATURE_LINES = 12, /* a longer "signature" may be a letter written below one: it stays new text */
    SPLIT_SIGNATURE_BYTES = 1200,
};

struct split {
    struct str text;   /* new: lines in order, answers between quoted lines too */
    struct str quoted; /* without its marks */
    struct str signature;
    bool has_forward;        /* a program's mark of a forwarded mail was found */
    bool begins_with_header; /* nothing stands before "From: ... Subject: ...": a forward, or what a form wrote */
};

/* `text` is valid UTF-8 with LF line ends. ERR_SYSTEM when the arena is full. */
enum err split_text(struct arena *arena, struct str text, struct split *out);

/* The new text asks to look at what is quoted ("look what he wrote"). */
bool split_points_at_quotation(struct str text);

#endif
