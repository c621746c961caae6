/*
 * What was wrong with a file that the operator wrote: each finding names file, line, column, the rule or key it belongs
 * to, and where possible the nearest valid name. Collected, not printed: the caller decides where it goes.
 */
#ifndef ATTUNE_DIAG_H
#define ATTUNE_DIAG_H

#include <attune/buf.h>
#include <stdbool.h>
#include <stddef.h>

enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag_item {
    enum diag_level level;
    char code[16];     /* stable ("R001", "C003"), or "" */
    char file[256];    /* as the operator would type it; cut on the left when longer */
    unsigned line;     /* 1 is the first; 0: the whole file */
    unsigned column;   /* 1 is the first; 0: unknown */
    char subject[96];  /* the rule id or configuration key, or "" */
    char message[512]; /* one sentence, with the remedy when there is one */
};

enum { DIAG_MAX_ITEMS = 200 }; /* beyond this only counted: a broken file must not flood a screen */

struct diag {
    struct diag_item *items; /* OWNED */
    size_t count;
    size_t dropped; /* findings past DIAG_MAX_ITEMS */
    size_t errors;  /* of all findings, dropped ones too */
};

void diag_init(struct diag *diag);
void diag_free(struct diag *diag);
void diag_add(struct diag *diag, enum diag_level level, const char *code, const char *file, unsigned line,
              unsigned column, const char *subject, const char *format, ...) __attribute__((format(printf, 8, 9)));
/* "file:line:col: error: subject: message [code]" a line: the form editors jump by. */
void diag_print(const struct diag *diag, struct buf *out);

#endif
