/*
 * Mail from the operator's disk: a message file, a folder of them, a Maildir, an mbox, or standard input. Gives raw
 * messages one after another in an order that depends on names alone. Trusts nothing but the paths it is given; a link
 * loop, a pipe, a file that grows or is not mail costs no more than that file.
 */
#ifndef ATTUNE_MAILSOURCE_H
#define ATTUNE_MAILSOURCE_H

#include <attune/buf.h>
#include <attune/err.h>
#include <attune/str.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    MAILSOURCE_MAX_DEPTH = 64, /* folders within folders: beyond it is a mistake or a trap, and told */
    MAILFILE_BUFFER = 64 * 1024,
};

/* --- one open file: a message, or an mbox ------------------------------------------------------------------------ */

struct mailfile;

/* Takes over `fd`. NULL without memory, and then `fd` is closed. */
struct mailfile *mailfile_open(int fd);
void mailfile_free(struct mailfile **file);

/* True when the file begins like mail: a header field, or an mbox separator (mbox(5)). */
bool mailfile_looks_like_mail(struct mailfile *file);
bool mailfile_is_mbox(struct mailfile *file);
bool mailfile_is_empty(struct mailfile *file);

/*
 * The next message into `out` (emptied first), cut at READING_MAX_MESSAGE with *cut set. An mbox gives its messages
 * without separators and mboxrd quoting; anything else is one message. ERR_ABSENT at the end, ERR_SYSTEM when reading
 * failed (errno).
 */
enum err mailfile_next(struct mailfile *file, struct buf *out, bool *cut);

/* --- paths ------------------------------------------------------------------------------------------------------- */

struct mailsource;

struct mailsource_item {
    const char
        *name;      /* the path; PATH#N for message N of an mbox; "-" for standard input. BORROWS until the next call */
    struct str raw; /* BORROWS until the next call */
    bool cut;       /* it was longer than READING_MAX_MESSAGE */
};

/* Called for each thing that could not be read: `why` is a sentence's end ("No such file or directory"). */
typedef void mailsource_problem(void *context, const char *path, const char *why);

/* `paths` and `context` are BORROWED for the source's life. NULL without memory. */
struct mailsource *mailsource_new(const char *const *paths, size_t count, mailsource_problem *problem, void *context);
void mailsource_free(struct mailsource **source);

/* ERR_ABSENT at the end, ERR_SYSTEM without memory. */
enum err mailsource_next(struct mailsource *source, struct mailsource_item *out);

/* Files in folders that were left out because they are not mail. */
size_t mailsource_skipped(const struct mailsource *source);

#endif
