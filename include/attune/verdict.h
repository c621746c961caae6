/*
 * What a screen child says of one message: hits and facts, never an urgency. keep looks the rules up in its own copy of
 * the rule set, so a captured child cannot invent what a rule is worth. The encoding is bounded (CHILD_VERDICT, 64
 * KiB).
 */
#ifndef ATTUNE_VERDICT_H
#define ATTUNE_VERDICT_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/ipc.h>
#include <attune/reading.h>

enum {
    VERDICT_MAX_HITS = 1024,   /* further hits set REASON_CUT; hits of the most urgent rules come first */
    VERDICT_MAX_TEXT = 200,    /* bytes of a hit's words, cut between characters */
    VERDICT_MAX_TEXTS = 32768, /* of all of them: with the verdict they stay under the frame's 64 KiB */
};

struct hit {
    uint32_t rule; /* index into the rule set */
    enum text_field field;
    uint32_t start; /* bytes of UTF-8 in the field */
    uint32_t end;
    uint8_t lowered; /* 0: not lowered; else enum lowering (pack.h): why it stands at `review` */
};

struct verdict {
    enum mail_class class;
    unsigned reasons;
    char language[4];
    bool is_forward;
    bool points_at_quotation;
    bool hidden_text;
    bool automatic;
    struct str from_address;
    struct str writer;
    struct str message_id;
    struct str thread_ids;
    struct str own_proof;
    int64_t date_ms;
    int32_t zone_minutes;
    uint32_t words; /* of the new text */
    const struct hit *hits;
    size_t hit_count;
    uint64_t cpu_us; /* spent by the child on this message; measured, so not part of the verdict's identity */
};

/* Writes the verdict's fields, cutting every string at its limit in reading.h. */
void verdict_put(struct ipc_writer *writer, const struct verdict *verdict);
/* Reads it back, strings BORROWED from the frame, hits in `arena`. ERR_PEER for anything out of range: enums, a rule
 * index at or over `rule_count`, end before start, overlong strings, NUL or CR LF in an address. Does not call
 * ipc_read_end(). */
enum err verdict_get(struct ipc_reader *reader, struct arena *arena, uint32_t rule_count, struct verdict *out);

/*
 * The words of each hit, for the operator's command, which asks for them by SCREEN_WITH_TEXT; they follow the verdict
 * in its frame. keep never asks: words of mail do not reach it. Past VERDICT_MAX_TEXTS in all, later ones are empty.
 */
void verdict_put_texts(struct ipc_writer *writer, const struct verdict *verdict, const struct reading *reading);
/* One for each of `hit_count` hits, BORROWED from the frame. ERR_PEER for one that is overlong or not UTF-8. */
enum err verdict_get_texts(struct ipc_reader *reader, struct arena *arena, size_t hit_count, const struct str **out);

#endif
