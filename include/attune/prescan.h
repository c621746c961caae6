/*
 * The structure of a mail, found in one pass over its bytes, without recursion and under every limit: header fields,
 * parts, nesting (RFC 5322, RFC 2046). Nothing is decoded and nothing copied: all strings BORROW from the mail. Faults
 * are repaired the way that loses no words: a header line that is none is stepped over, a missing boundary makes text.
 * Screen children and the command.
 */
#ifndef ATTUNE_PRESCAN_H
#define ATTUNE_PRESCAN_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/field.h>
#include <attune/str.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    PRESCAN_MAX_FIELDS = 2000,  /* of one part; mail of many hops has a few hundred */
    PRESCAN_MAX_BOUNDARY = 256, /* RFC 2046, 5.1.1 says 70; programs take more */
};

struct field {
    struct str name;  /* "" for a line among the fields that is none */
    struct str value; /* folded as it came, without its last line end; cut at READING_MAX_FIELD */
};

enum part_kind { PART_LEAF, PART_MULTIPART, PART_MESSAGE };

struct part {
    enum part_kind kind;
    uint32_t parent; /* index; of the root: 0 */
    uint32_t after;  /* index of the first part that is not inside this one */
    uint32_t depth;
    uint32_t children;
    struct field *fields;
    uint32_t field_count;
    struct str content_type; /* the value of the first Content-Type field, or "" */
    struct str boundary;     /* PART_MULTIPART */
    struct str body;         /* of a multipart: all of it, as it stands */
    struct str preamble;     /* of a multipart: what stands before its first boundary */
    struct str epilogue;     /* and what follows its last */
};

struct prescan {
    struct part *parts; /* in the order of the mail; parts[0] is the mail itself */
    uint32_t count;
    unsigned reasons; /* enum reading_reason bits */
    bool has_headers; /* false: no field was found, everything is body */
};

/* ERR_SYSTEM when the arena is full; every other fault is a reason or a repair. */
enum err prescan_mail(struct arena *arena, struct str raw, struct prescan *out);

/* The value of the first field of that name, or "" (data NULL). */
struct str part_field(const struct part *part, const char *name);

#endif
