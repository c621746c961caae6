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

/* All of a verdict at its limits takes 33 KiB, half of the frame. */
enum {
    VERDICT_MAX_HITS = 1024,               /* further hits set REASON_CUT; hits of the most urgent rules come first */
    VERDICT_MAX_THREAD_IDS = 16 * 1024,    /* one header field's worth; the last ids are kept */
    VERDICT_MAX_PROOF = 256,               /* an HMAC in any text form, with room */
    VERDICT_MAX_TEXT = 200,                /* bytes of a hit's words, cut between characters */
    VERDICT_MAX_TEXTS = 24 * 1024,         /* of all of them: with the verdict and 1,024 lengths, 61 KiB of the frame */
    VERDICT_MAX_ZONE = 24 * 60,            /* minutes; RFC 5322 writes up to 9959, nobody lives past 14 hours */
    VERDICT_MAX_CPU_US = 60 * 1000 * 1000, /* far over SCREEN_CHILD_CPU_S: more is a lie */
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
    bool repeats_subject;
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

/*
 * Writes the verdict's fields so that verdict_get takes them, whatever the mail had in it: an address, id or proof over
 * its limit or with a line break or NUL inside is left out (a part of an address is another address), thread ids lose
 * their oldest, hits past VERDICT_MAX_HITS set REASON_CUT, a date or zone out of range counts as unknown.
 */
void verdict_put(struct ipc_writer *writer, const struct verdict *verdict);

/*
 * Reads it back, strings BORROWED from the frame, hits in `arena`. ERR_PEER for anything out of range: enums, reasons
 * that are not a child's to give, a rule index at or over `rule_count`, end before start, overlong strings, NUL or CR
 * LF in a string. ERR_SYSTEM when the arena is full. Does not call ipc_read_end().
 */
enum err verdict_get(struct ipc_reader *reader, struct arena *arena, uint32_t rule_count,
                     struct verdict *out) ATTUNE_MUST_CHECK;

/*
 * The words of each hit, for the operator's command, which asks for them by SCREEN_WITH_TEXT; they follow the verdict
 * in its frame. keep never asks: words of mail do not reach it. Past VERDICT_MAX_TEXTS in all, later ones are empty.
 */
void verdict_put_texts(struct ipc_writer *writer, const struct verdict *verdict, const struct reading *reading);
/* One for each of `hit_count` hits, BORROWED from the frame. ERR_PEER for one that is overlong or not UTF-8. */
enum err verdict_get_texts(struct ipc_reader *reader, struct arena *arena, size_t hit_count, const struct str **out);

#endif
