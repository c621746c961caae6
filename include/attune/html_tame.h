/* Keeps HTML from costing its parser more than it should. Private to the readers of HTML; screen children. */
#ifndef ATTUNE_HTML_TAME_H
#define ATTUNE_HTML_TAME_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/str.h>
#include <stdbool.h>

/* Whether a tree of it stays within HTML_MAX_*; takes its tags off *tags_left when it does. */
bool html_is_affordable(struct str html, size_t *tags_left);

/*
 * A copy in which formatting elements (<b>, <font>, <a> ...) are <span>: they look the same as text, and a parser does
 * not open them again in each block, by which 6,000 tags became millions of nodes. ERR_SYSTEM when the arena is full.
 */
enum err html_tame(struct arena *arena, struct str html, struct str *out);

#endif
