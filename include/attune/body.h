/*
 * Where a message's bytes go as they come from the server: a memfd with a cap, sealed when whole, so that what keep,
 * screen and fetch see cannot change afterwards. Role fetch.
 */
#ifndef ATTUNE_BODY_H
#define ATTUNE_BODY_H

#include <attune/err.h>
#include <attune/hash.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* Bytes past the cap that are read and thrown away rather than losing the connection: a second or so of line. */
    BODY_MAX_DRAIN = 8 * 1024 * 1024,
};

struct body; /* one at a time, used again for each message */

/* NULL without memory. The caller OWNS it. */
struct body *body_new(size_t cap);
void body_free(struct body **body);

/* Forgets what was there. ERR_SYSTEM when no memfd can be had. */
enum err body_begin(struct body *body) ATTUNE_MUST_CHECK;
/* False when the cap and BODY_MAX_DRAIN are passed or the memfd refuses. */
bool body_add(struct body *body, const void *bytes, size_t length);
/* Bytes offered, and whether more were offered than kept. */
uint64_t body_offered(const struct body *body);
bool body_is_cut(const struct body *body);
/* Seals and hands over the descriptor (the caller OWNS it) with the number of bytes in it. */
enum err body_seal(struct body *body, int *fd, uint32_t *size) ATTUNE_MUST_CHECK;
/* SHA-256 of what was kept, instead of sealing. */
enum err body_hash(struct body *body, unsigned char hash[HASH_SIZE]) ATTUNE_MUST_CHECK;

#endif
