/*
 * The words of a mail's parts, decoded and taken apart: which alternative is read, what is an attachment, what is an
 * enclosed mail. Screen children and the command.
 */
#ifndef ATTUNE_MIME_H
#define ATTUNE_MIME_H

#include <attune/arena.h>
#include <attune/buf.h>
#include <attune/err.h>
#include <attune/prescan.h>
#include <attune/reading.h>
#include <stdbool.h>

enum {
    MIME_MAX_PART = 2 * READING_MAX_TEXT, /* decoded bytes of one text part that are read: head and tail */
    MIME_MAX_TEXT = 4 * READING_MAX_TEXT, /* of all parts together, so that a reading fits its arena */
    MIME_MAX_ATTACHED_TEXT = 256 * 1024,  /* of a text attachment: a letter is shorter, a log is none */
    MIME_MAX_ENCODED_MAILS = 3,           /* enclosed mails in base64, one inside the other: each is scanned anew */
};

struct mime_text {
    struct buf text, quoted, signature; /* valid UTF-8; OWNED by the caller, freed by mime_text_free() */
    unsigned reasons;
    bool has_forward;
    bool begins_with_header; /* as of struct split, for the only text that there is */
    bool has_hidden;
    unsigned unread; /* attachments and images that are not read */
    size_t outside;  /* bytes of `text` that stood before or behind the parts, where no program shows them */
};

/* Reads every part. ERR_SYSTEM without memory; *out can be
 * freed in every case. */
enum err mime_read(struct arena *arena, const struct prescan *mail, struct mime_text *out);
void mime_text_free(struct mime_text *text);

#endif
