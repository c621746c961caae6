/*
 * Reading one message for the operator's eyes: in a sandboxed child, like all reading, with the result as JSON. The
 * child's answer is as little trusted as the mail.
 */
#ifndef ATTUNE_READCHILD_H
#define ATTUNE_READCHILD_H

#include <attune/err.h>
#include <attune/frames.h>
#include <attune/reading.h>
#include <attune/ruleset.h>
#include <attune/str.h>
#include <jansson.h>

enum {
    READCHILD_MAX_ANSWER = 32 * 1024 * 1024 /* four fields of READING_MAX_TEXT, each byte escaped as \u00XX at worst */
};

/*
 * What the rules see of `raw`: {"message_id","class","language","subject","text","quoted","signature","flags":[name],
 * "unscreened":[name]}, OWNED by the caller. A child that dies or outlasts SCREEN_CHILD_WALL_MS is followed by one that
 * reads the raw text alone, and that one by an empty reading with the reason. ERR_SYSTEM when no child can be made.
 */
enum err readchild_read(struct str raw, json_t **out);

/*
 * As above, and the rules are applied in the same child: the object also has "hits", a list of [rule, field, start,
 * end, lowered] in numbers, and "unscreened" tells what the rules could not do as well. A second child on raw text
 * gives hits of raw text; without any reading there are none. What the numbers are worth is the caller's to check.
 */
enum err readchild_screen(struct ruleset *ruleset, struct str raw, json_t **out);

/* A reading as that object. NULL without memory. */
json_t *readchild_object(const struct reading *reading);

#endif
