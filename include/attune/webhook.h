/*
 * One page as one signed POST: Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks, spec), by
 * libcurl. The request is bounded in time and bytes, follows no redirect, uses no proxy, and goes in the clear only to
 * this machine's own loopback address. What the receiver answers is judged by its status alone. Run by notify.
 */
#ifndef ATTUNE_WEBHOOK_H
#define ATTUNE_WEBHOOK_H

#include <attune/curl_bounds.h>
#include <attune/err.h>
#include <attune/frames.h>
#include <attune/str.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEBHOOK_CONNECT_MS = 5000,
    WEBHOOK_TOTAL_MS = 10000,        /* name lookup, TLS and answer: a pager that is slower is no pager */
    WEBHOOK_MAX_ANSWER = 64 * 1024,  /* read and thrown away, so that the connection may be used again */
    WEBHOOK_MAX_HEADERS = 32 * 1024, /* of the answer, all together */
    WEBHOOK_MAX_RETRY_AFTER_S = 300, /* the outbox's own longest back-off: a receiver cannot put a page to sleep */
    WEBHOOK_MAX_ID = 128,
    WEBHOOK_MIN_SECRET = 24, /* bytes; the specification's bounds are 24 and 64, longer keys do no harm */
    WEBHOOK_MAX_SECRET = 512,
    WEBHOOK_SIGNATURE_SIZE = 48, /* "v1,", 44 characters of base64, NUL */
};

struct webhook_secret {
    unsigned char bytes[WEBHOOK_MAX_SECRET];
    size_t length;
};

/* The key in a secret file: whsec_ and base64, or the bytes as they are; white space around them is not part of it.
 * Reads from the file's start whatever its offset. ERR_INPUT when it is no key. The caller wipes it. */
enum err webhook_read_secret(int fd, struct webhook_secret *secret) ATTUNE_MUST_CHECK;
/* As webhook_read_secret on the content of the file. */
enum err webhook_parse_secret(struct str content, struct webhook_secret *secret) ATTUNE_MUST_CHECK;

/* 1 to WEBHOOK_MAX_ID of letters, digits, '-' and '_': it goes into a header, and a '.' would blur the signed text. */
bool webhook_id_is_valid(struct str id);

/* The webhook-signature header's value over "id.timestamp.body". */
void webhook_sign(const struct webhook_secret *secret, struct str id, int64_t timestamp_s, struct str body,
                  char out[WEBHOOK_SIGNATURE_SIZE]);

/* What became of a page, by webhook or by mail. */
struct webhook_answer {
    enum notify_outcome outcome;
    uint16_t status;        /* of HTTP or SMTP; 0: no answer */
    uint32_t retry_after_s; /* 0: none */
    const char *why;        /* a word for the log: "accepted", "status", "deadline", "tls", "name", ... */
};

/* What a status means for the outbox. */
enum notify_outcome webhook_judge_status(long status);

struct webhook; /* one request on its way */

/* A request that is signed now and ready for a multi handle. `url`, `body` and `ca_path` are BORROWED until
 * webhook_free(). ERR_SYSTEM when libcurl refuses any of its bounds: nothing is then sent. */
enum err webhook_new(const char *url, const struct webhook_secret *secret, struct str id, struct str body,
                     const char *ca_path, struct webhook **out) ATTUNE_MUST_CHECK;
CURL *webhook_handle(const struct webhook *webhook);
/* After the transfer ended with `result`. */
void webhook_judge(const struct webhook *webhook, CURLcode result, struct webhook_answer *answer);
/* How far it came with the host's name; also after webhook_judge(). */
enum curl_bounds_lookup webhook_lookup(const struct webhook *webhook, CURLcode result);
/* Takes it from no multi handle: do that before. Clears the caller's pointer. */
void webhook_free(struct webhook **webhook);

#endif
