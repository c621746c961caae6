/*
 * One mail to one person of staff: submission (RFC 6409) by libcurl, TLS verified or to this machine alone. The message
 * comes whole from keep; here it is only carried. Whether it was taken is judged by the reply to its end: a connection
 * that is cut before that reply leaves it open, and the same message, with the same Message-ID, is sent again. Run by
 * notify.
 */
#ifndef ATTUNE_SMTP_H
#define ATTUNE_SMTP_H

#include <attune/conf.h>
#include <attune/webhook.h>

enum {
    SMTP_REPLY_MS = 8000, /* connecting, the handshake, or any reply but the last */
    /* The reply to the message's end. libcurl (smtp_done() of 7.88) waits for it without giving the turn back, so that
     * other pages wait as long at most. */
    SMTP_END_MS = 10000,
    SMTP_TOTAL_MS = 30000,
    SMTP_QUIT_S = 1,          /* libcurl waits for the reply to its QUIT without giving the turn back */
    SMTP_MAX_PASSWORD = 1024, /* bytes of a password file's first line */
    SMTP_MAX_REPLIES = 64 * 1024,
};

/* The server, as keep gave it at the start. */
struct smtp_server {
    char url[CONF_MAX_URL + 1]; /* smtp:// or smtps://, host, port; "": none */
    enum smtp_tls tls;
    char user[513]; /* "": no sign-in */
    char password[SMTP_MAX_PASSWORD + 1];
    char from[CONF_MAX_ADDRESS + 1];
};

/* The first line of a password file; reads from its start whatever its offset. ERR_INPUT when it is empty, too long or
 * holds a NUL. The caller wipes it. */
enum err smtp_read_password(int fd, char out[SMTP_MAX_PASSWORD + 1]) ATTUNE_MUST_CHECK;

/* False for a URL of another scheme, an address that is no address, and plaintext to another host than this. */
bool smtp_server_is_valid(const struct smtp_server *server);

/* What a reply code means for the outbox: 2xx accepted, 5xx rejected, all else again. */
enum notify_outcome smtp_judge_code(long code);

/* Called at least each second while libcurl waits for a server without giving the turn back. */
struct smtp_waiting {
    void (*beat)(void *context);
    void *context;
};

struct smtp; /* one message on its way */

/* A message ready for a multi handle. Everything is BORROWED until smtp_free(). ERR_SYSTEM when libcurl refuses any of
 * its bounds: nothing is then sent. */
enum err smtp_new(const struct smtp_server *server, const char *to, struct str message, const char *ca_path,
                  const struct smtp_waiting *waiting, struct smtp **out) ATTUNE_MUST_CHECK;
CURL *smtp_handle(const struct smtp *smtp);
/* After the transfer ended with `result`. */
void smtp_judge(const struct smtp *smtp, CURLcode result, struct webhook_answer *answer);
enum curl_bounds_lookup smtp_lookup(const struct smtp *smtp, CURLcode result);
/* Takes it from no multi handle: do that before. Clears the caller's pointer. */
void smtp_free(struct smtp **smtp);

#endif
