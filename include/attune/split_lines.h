/* What one line of a mail is by the forms that mail programs write, in six languages. Private to the splitter. */
#ifndef ATTUNE_SPLIT_LINES_H
#define ATTUNE_SPLIT_LINES_H

#include <attune/str.h>
#include <stdbool.h>

enum line_label { LABEL_NONE, LABEL_FROM, LABEL_DATE, LABEL_TO, LABEL_SUBJECT, LABEL_COPY };
/* "From:", "Sent:" ... at the start of the line, "*From:*" too. */
enum line_label line_header_label(struct str line);

enum line_mark { MARK_LINE_NONE, MARK_LINE_ORIGINAL, MARK_LINE_FORWARD };
/* "-----Original Message-----", "Begin forwarded message:". */
enum line_mark line_mark(struct str line);

/* Begins with ">". */
bool line_is_quoted(struct str line);
struct str line_without_marks(struct str line);

/* "On 12 Nov 2026, Support <help@example.org> wrote:". *is_certain: so full a form that no ">" need follow it. */
bool line_is_attribution(struct str line, bool *is_certain);
/* The start of one that is folded over lines. */
bool line_begins_attribution(struct str line);

/* "-- " (RFC 3676, 4.3). */
bool line_is_signature_mark(struct str line);
/* Nothing but dashes, underscores or equal signs. */
bool line_is_rule(struct str line);
/* A list manager's own line. */
bool line_is_list_footer(struct str line);
/* "Sent from my phone". */
bool line_is_device(struct str line);

#endif
