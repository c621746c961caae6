/*
 * What the command prints. Words from mail, file names and the daemon's answers reach a terminal without one control
 * character (C0, DEL, C1, bidirectional overrides), so that nothing can move the cursor, colour or hide a line; JSON is
 * valid whatever the input. Colour and progress only on a terminal, and no colour with NO_COLOR (no-color.org).
 */
#ifndef ATTUNE_OUTPUT_H
#define ATTUNE_OUTPUT_H

#include <attune/buf.h>
#include <attune/diag.h>
#include <attune/err.h>
#include <attune/str.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { OUTPUT_MAX = 64 * 1024 * 1024 /* one answer of the command, rendered */ };

/* `text` made harmless: ill-formed UTF-8 becomes U+FFFD, tab and LF a space, other control characters '?'. */
enum err output_add_safe(struct buf *out, struct str text);
/* As above, padded to `width` characters; longer text keeps its end behind "..." (names differ at their end). */
enum err output_add_column(struct buf *out, struct str text, size_t width);

/* A JSON string of any bytes: ill-formed UTF-8 becomes U+FFFD. NULL without memory. */
json_t *output_json_text(struct str text);
/* A finding as an object. */
json_t *output_json_finding(const struct diag_item *item);
/* Appends `value` on one line with its LF; DEL, C1 and bidirectional controls are escaped, as JSON allows. */
enum err output_add_json(struct buf *out, const json_t *value);

/* Writes to standard output. output_finish() flushes it: false, with a sentence printed, when it could not be written.
 */
void output_print(const struct buf *text);
void output_print_json(const json_t *value);
bool output_finish(void);

/* "attune: SENTENCE" on standard error, made harmless. Clears a progress line first. */
void output_problem(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The findings, a line each, on standard error. */
void output_findings(const struct diag *diag);

/* A line on standard error that overwrites itself; nothing when that is no terminal. output_progress_end() clears it.
 */
void output_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void output_progress_end(void);

/* What stands before and behind words that must be seen: colour when standard output takes it, else nothing. */
const char *output_mark_on(void);
const char *output_mark_off(void);

#endif
