/*
 * Why a message is sorted as it is, in the message's own words: what `attune explain` shows on a terminal, as JSON and
 * as a page. Built from what a sandboxed child read and matched and from decide(); the same mail and rules give the
 * same explanation, byte for byte. It tells the order of reading, never anything about the person who wrote.
 */
#ifndef ATTUNE_EXPLAIN_H
#define ATTUNE_EXPLAIN_H

#include <attune/arena.h>
#include <attune/buf.h>
#include <attune/clirules.h>
#include <attune/decide.h>
#include <attune/verdict.h>
#include <jansson.h>

enum {
    EXPLAIN_ARENA = 4 * 1024 * 1024, /* hits, groups and cards of one message: 1,024 hits take under 200 KiB */
    EXPLAIN_LABEL = 48,              /* "[1, 2, 3]"; more numbers end in "..." */
    EXPLAIN_WHOLE_LINES = 40,        /* new text of so many lines is shown whole; of longer text, lines near marks */
    EXPLAIN_NEAR_LINES = 2,          /* before and behind a mark: enough to see its sentence */
};

/* All hits of one rule that count the same: one numbered entry of the list of reasons. */
struct explain_group {
    const struct rule *rule;
    const struct cue *cue;
    enum urgency counts;    /* what the hits count for where they stand */
    const char *lowered_by; /* "unless", "quoted", "signature"; NULL: by nothing */
    size_t hit_count;
};

/* A stretch of a field that hits cover, overlapping ones taken together. */
struct explain_span {
    size_t start, end;
    enum urgency counts; /* the most urgent of its hits */
    char label[EXPLAIN_LABEL];
};

struct explain {
    const char *source;           /* BORROWED */
    const struct clirules *rules; /* BORROWED */
    struct arena *arena;          /* BORROWED: all that stands below lives in it, or in the child's answer */
    struct str fields[FIELD_COUNT];
    struct verdict verdict;
    struct decision decision;
    struct explain_group *groups; /* the most urgent first */
    size_t group_count;
    uint32_t *group_of; /* for each hit of the verdict */
    struct explain_span *spans[FIELD_COUNT];
    size_t span_count[FIELD_COUNT];
};

/*
 * Reads the child's answer `seen` (readchild_screen()) and decides. An answer that names no rule, field or place that
 * exists loses all its hits and is REASON_SCREEN_CRASH: never believed in part. `cut`: the file was longer than a
 * message may be. ERR_SYSTEM when the arena is full.
 */
enum err explain_build(const char *source, bool cut, const json_t *seen, const struct clirules *rules,
                       struct arena *arena, struct explain *out);

/* A line of a field to be shown, and how many lines without a mark are left out before it. The last one of a field
 * whose end is left out has is_line false. */
struct explain_line {
    size_t from, to;
    size_t left_out;
    bool is_line;
};
/* The next one at *at, which begins as 0; false past the last. */
bool explain_next_line(const struct explain *explain, enum text_field field, size_t *at, struct explain_line *out);

/* A piece of a line: plain (span NULL), or of a span; ends_span when the span's label belongs behind it. */
struct explain_piece {
    struct str text;
    const struct explain_span *span;
    bool ends_span;
};
/* The next piece of bytes [*at, to) of the field; false past the last. */
bool explain_next_piece(const struct explain *explain, enum text_field field, size_t *at, size_t to,
                        struct explain_piece *out);

/* --- the words: one table for terminal, JSON and page ---------------------------------------------------------------
 */

/* "To be read now." and so on. */
const char *explain_urgency_sentence(enum urgency urgency);
/* Why a message was not read in full, by the name of the reason (reading_reason_name()); NULL for a name there is none
 * for. */
const char *explain_reason_sentence(const char *name);
/* What else the reading found, in sentences: hidden text, a forward. NULL for index EXPLAIN_FLAGS and for what is not
 * so. */
enum { EXPLAIN_FLAGS = 4 };
const char *explain_flag_sentence(const struct verdict *verdict, size_t index);
const char *explain_class_sentence(enum mail_class class);
const char *explain_place_sentence(enum place place);
const char *explain_page_sentence(enum page_target target);
/* What an agent who sees the message should do, by a route's hint; NULL for an unknown or absent one. */
const char *explain_hint_sentence(const char *hint);
/* Why a hit counts for less than its rule; NULL when it does not. */
const char *explain_lowering_sentence(const struct explain *explain, const struct explain_group *group);
/* "soon"; "counts as review" for less than the rule says; "not counted". */
void explain_add_counts(struct buf *out, const struct explain_group *group);
/* "within 5 min", "in turn". */
void explain_add_deadline(struct buf *out, uint32_t deadline_s);
/* "All of: A title, another title." of the cues that made the combination hold. */
void explain_add_combination(struct buf *out, const struct explain *explain, const struct combination *combination);

/* What stands below every explanation. */
extern const char explain_footnote[];

/* --- the three forms ------------------------------------------------------------------------------------------------
 */

void explain_add_text(struct buf *out, const struct explain *explain);
json_t *explain_object(const struct explain *explain);
void explain_add_page_head(struct buf *out);
void explain_add_article(struct buf *out, const struct explain *explain);
void explain_add_page_foot(struct buf *out);

#endif
