/*
 * A decided message as the command tells it: one JSON object (the keys are a contract with scripts) or one table line.
 */
#ifndef ATTUNE_REPORT_H
#define ATTUNE_REPORT_H

#include <attune/buf.h>
#include <attune/clirules.h>
#include <attune/decide.h>
#include <attune/verdict.h>
#include <jansson.h>

struct report {
    const char *source; /* any bytes */
    const struct clirules *rules;
    const struct verdict *verdict;
    const struct decision *decision;
    const struct str *texts; /* the words of each hit, or NULL */
    bool timing;
};

/* By what a hit was lowered ("unless", "quoted", "signature"), or NULL. */
const char *report_lowered_by(const struct hit *hit);

/* The object that scripts rely on; OWNED by the caller. */
json_t *report_object(const struct report *report);
/* ERR_SYSTEM without memory. */
enum err report_add_json(struct buf *out, const struct report *report);
void report_add_heading(struct buf *out);
void report_add_line(struct buf *out, const struct report *report);

/* The names of the reasons as a JSON array. */
json_t *report_reasons(unsigned reasons);

#endif
