/*
 * HTML of a mail as the text that a reader would see: blocks, lists, tables, entities, line breaks. What a mail program
 * marks as quoted begins its lines with "> ", as in plain text, so that one splitter serves both; a marked signature
 * begins with "-- ". Hidden text is kept and told. Screen children and the command; the bytes are hostile.
 */
#ifndef ATTUNE_HTML_H
#define ATTUNE_HTML_H

#include <attune/arena.h>
#include <attune/buf.h>
#include <attune/err.h>
#include <attune/str.h>
#include <stdbool.h>

enum {
    HTML_MAX_INPUT = 1024 * 1024, /* longer: read without a tree */
    HTML_MAX_TAGS = 20000, /* of all HTML of a mail; beyond it, no tree: its time grows with tags times open elements */
    HTML_MAX_SEPARATORS = 500, /* in one tag: the parser compares each attribute with each */
    HTML_MAX_ALL_SEPARATORS = 100000,
    HTML_MAX_TREE = 128 * 1024 * 1024, /* bytes of the tree; three times what the other limits let it take */
    HTML_MAX_QUOTE_MARKS = 3,          /* "> " before a line; deeper quotation is shown as this deep */
};

struct html_text {
    struct str text;    /* valid UTF-8, lines end in LF; in the arena */
    bool has_hidden;    /* some of it a reader would not see */
    bool has_picture;   /* an image without a description: words may be in it */
    bool is_simplified; /* too large or too odd for a tree: tags were taken out, nothing more */
};

/* `html` must be valid UTF-8. Its tags are taken off *tags_left, which begins as HTML_MAX_TAGS. ERR_SYSTEM without
 * memory. */
enum err html_to_text(struct arena *arena, struct str html, size_t *tags_left, struct html_text *out);

/* Where text goes, with white space as a browser collapses it. Shared by the two readers of HTML; private to them. */
struct html_writer {
    struct buf *out;
    unsigned lines;  /* line ends owed before the next word */
    bool space;      /* a space owed */
    unsigned quotes; /* "> " marks for lines that begin now */
    unsigned verbatim;
};
void html_write_text(struct html_writer *writer, struct str text);
/* Owes at least `lines` line ends: 1 ends a line, 2 leaves one empty. */
void html_write_break(struct html_writer *writer, unsigned lines);
/* <br>: one more line end. */
void html_write_line_end(struct html_writer *writer);
/* As html_to_text, in one pass over tags and without a tree: for what a tree would make slow. */
void html_strip(struct html_writer *writer, struct str html);

#endif
