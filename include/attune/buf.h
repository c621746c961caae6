/*
 * A growing byte buffer that cannot exist without a maximum. Writers may ignore each result and ask buf_failed() once:
 * the failure is sticky and the content up to it stays valid.
 */
#ifndef ATTUNE_BUF_H
#define ATTUNE_BUF_H

#include <attune/err.h>
#include <attune/str.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* OWNED; NUL behind `length` bytes once anything was written */
    size_t length;
    size_t capacity;
    size_t maximum;
    bool failed;
};

/* An empty buffer that will hold at most `maximum` bytes. Allocates nothing yet. */
void buf_init(struct buf *buf, size_t maximum);

/* Appends; ERR_LIMIT when `maximum` would be passed (then nothing is appended), ERR_SYSTEM without memory. */
enum err buf_add(struct buf *buf, const void *bytes, size_t length);
enum err buf_add_text(struct buf *buf, const char *text);
enum err buf_add_str(struct buf *buf, struct str text);
enum err buf_add_char(struct buf *buf, char byte);
enum err buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool buf_failed(const struct buf *buf);

/* The content; BORROWS until the next change. */
struct str buf_str(const struct buf *buf);
/* The content as a C string; "" when empty. BORROWS until the next change. */
const char *buf_text(const struct buf *buf);

/* Empties without freeing, and clears the failure. */
void buf_reset(struct buf *buf);
/* Frees. buf_wipe() overwrites first: for secrets. */
void buf_free(struct buf *buf);
void buf_wipe(struct buf *buf);

#endif
