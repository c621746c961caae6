/*
 * Reading one message for the operator's eyes: in a sandboxed child, like all reading, with the result as JSON. The
 * child's answer is as little trusted as the mail.
 */
#ifndef ATTUNE_READCHILD_H
#define ATTUNE_READCHILD_H

#include <attune/err.h>
#include <attune/frames.h>
#include <attune/reading.h>
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

/* A reading as that object. NULL without memory. */
json_t *readchild_object(const struct reading *reading);

#endif
