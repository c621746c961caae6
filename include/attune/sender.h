/*
 * The pages on their way: a bounded queue before libcurl's multi interface. Every page that is taken is answered once,
 * whatever becomes of it. A page goes by its channel's kind: a signed POST, or a mail. Run by notify.
 */
#ifndef ATTUNE_SENDER_H
#define ATTUNE_SENDER_H

#include <attune/err.h>
#include <attune/smtp.h>
#include <attune/staff.h>
#include <attune/str.h>
#include <attune/webhook.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SENDER_MAX_IN_FLIGHT = 32,
    SENDER_MAX_PER_CHANNEL = 4, /* one receiver that hangs must not take every place */
    SENDER_MAX_MAILS = 1,       /* libcurl waits for a mail's last reply without giving the turn back (smtp.h) */
    SENDER_MAX_WAITING = 1024,
    /* Then the page goes back to the outbox, which knows what else to try: a channel that takes four pages in less than
     * this gets 32 through, and one that hangs keeps no other page's place for longer. */
    SENDER_MAX_WAIT_MS = 5000,
    SENDER_BUSY_RETRY_S = 5, /* the outbox's first back-off */
    /* Connections are kept for the next page of a storm and dropped after it: GnuTLS holds the whole bundle of
     * authorities for each, 3.8 MiB with Debian's. */
    SENDER_MAX_IDLE_CONNECTIONS = 16,
    SENDER_IDLE_MS = 60000,
    /* So many lookups failed in a row, over so long: the resolver's files may have been replaced by others, which a
     * locked-down process cannot open (sandbox.h). A new one can. */
    SENDER_NAME_FAILURES = 6,
    SENDER_NAME_FAILING_MS = 30000,
};

/* Called once for each page: in sender_step(), sender_add() or sender_give_up(). */
typedef void sender_done(void *context, uint64_t row, const struct webhook_answer *answer);

struct sender;

/* `ca_path`, `server` (the one that takes mail; its url is "" when there is none) and `waiting` are BORROWED for the
 * sender's life. NULL without memory. */
struct sender *sender_new(const char *ca_path, const struct smtp_server *server, const struct smtp_waiting *waiting,
                          sender_done *done, void *context);
/* Clears the caller's pointer; pages without an answer are forgotten: sender_give_up() first. */
void sender_free(struct sender **sender);

/* Takes a page for a channel of the staff list (BORROWED until its answer); `id` and `body` are copied. */
void sender_add(struct sender *sender, struct staff_channel *to, uint64_t row, struct str id, struct str body);
/* Waits until something can be done, `extra` is ready (its revents are set) or the time is over. */
void sender_wait(struct sender *sender, struct curl_waitfd *extra, int timeout_ms);
/* Does what can be done now, without waiting. */
void sender_step(struct sender *sender);
/* Pages without an answer. */
size_t sender_count(const struct sender *sender);
/* Answers all of them with NOTIFY_RETRY. */
void sender_give_up(struct sender *sender);
/* Whether name lookups keep failing, as the constants above say. */
bool sender_lost_names(const struct sender *sender);

#endif
