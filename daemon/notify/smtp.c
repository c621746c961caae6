/*
 * Mail to staff by libcurl, with every bound set before it may leave. Run by notify inside its sandbox. The server is
 * the operator's; its replies are bounded and judged by their code alone.
 */
#include <attune/clock.h>
#include <attune/conf_table.h>
#include <attune/curl_bounds.h>
#include <attune/smtp.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct smtp {
    CURL *curl;
    struct curl_slist *recipient;
    struct str message;
    size_t sent;
    size_t reply_bytes;
    long end_code; /* of the reply to the message's end; 0: none came */
    bool in_the_clear;
    bool is_late;       /* we cut the connection */
    int64_t started_ms; /* monotonic */
    int64_t heard_ms;
    const struct smtp_waiting *waiting;
};

/* --- the server -------------------------------------------------------------------------------------------------- */

enum err smtp_read_password(int fd, char out[SMTP_MAX_PASSWORD + 1])
{
    size_t length = 0;
    while (length < SMTP_MAX_PASSWORD + 1) {
        ssize_t got = pread(fd, out + length, SMTP_MAX_PASSWORD + 1 - length, (off_t)length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    struct str rest = {out, length}, line;
    bool good = str_next_line(&rest, &line) && line.length > 0 && line.length <= SMTP_MAX_PASSWORD &&
                !memchr(line.data, '\0', line.length);
    if (!good) {
        sodium_memzero(out, SMTP_MAX_PASSWORD + 1);
        return ERR_INPUT;
    }
    sodium_memzero(out + line.length, SMTP_MAX_PASSWORD + 1 - line.length);
    return ERR_OK;
}

static bool goes_to_loopback(CURLU *url)
{
    char *host = NULL;
    bool answer = curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && conf_host_is_loopback(host);
    curl_free(host);
    return answer;
}

bool smtp_server_is_valid(const struct smtp_server *server)
{
    static const char *const schemes[] = {
        [SMTP_TLS_STARTTLS] = "smtp", [SMTP_TLS_IMPLICIT] = "smtps", [SMTP_TLS_NONE] = "smtp"};
    CURLU *url = curl_url();
    char *scheme = NULL;
    bool good = (unsigned)server->tls <= SMTP_TLS_NONE && conf_address_is_valid(server->from) && url &&
                curl_url_set(url, CURLUPART_URL, server->url, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                strcmp(scheme, schemes[server->tls]) == 0 && (server->tls != SMTP_TLS_NONE || goes_to_loopback(url));
    curl_free(scheme);
    curl_url_cleanup(url);
    return good;
}

/* --- what libcurl asks and gives on the way ---------------------------------------------------------------------- */

static size_t give_message(char *out, size_t size, size_t count, void *context)
{
    struct smtp *smtp = context;
    size_t length = smtp->message.length - smtp->sent;
    if (length > size * count)
        length = size * count;
    memcpy(out, smtp->message.data + smtp->sent, length);
    smtp->sent += length;
    smtp->heard_ms = clock_monotonic_ms();
    return length;
}

/* Replies come line by line; the last of each is a code and a space (RFC 5321, 4.2.1). */
static long final_code(const char *line, size_t length)
{
    uint64_t code;
    struct str digits = {line, 3};
    bool is_last = length >= 4 && (line[3] == ' ' || line[3] == '\r');
    return is_last && str_to_u64(digits, 599, &code) ? (long)code : 0;
}

static size_t take_reply(char *line, size_t size, size_t count, void *context)
{
    struct smtp *smtp = context;
    size_t length = size * count;
    smtp->reply_bytes += length;
    if (smtp->reply_bytes > SMTP_MAX_REPLIES)
        return 0; /* any other count than the one given ends the transfer */
    long code = final_code(line, length);
    if (code && smtp->sent == smtp->message.length && !smtp->end_code)
        smtp->end_code = code;
    if (smtp->end_code || code >= 400) /* decided: what follows is the QUIT */
        curl_easy_setopt(smtp->curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)SMTP_QUIT_S);
    smtp->heard_ms = clock_monotonic_ms();
    return length;
}

/* libcurl asks this at every turn, and each second while it waits for the last reply or that to its QUIT without giving
 * the turn back: then this is where the role's heart beats. Its own time limits would not end those waits. */
static int may_go_on(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    struct smtp *smtp = context;
    int64_t now_ms = clock_monotonic_ms();
    bool awaits_end = smtp->sent == smtp->message.length;
    smtp->is_late = now_ms - smtp->heard_ms >= (awaits_end ? SMTP_END_MS : SMTP_REPLY_MS) ||
                    now_ms - smtp->started_ms >= SMTP_TOTAL_MS;
    smtp->waiting->beat(smtp->waiting->context);
    return smtp->is_late;
}

/* --- making the transfer ----------------------------------------------------------------------------------------- */

static bool set_bounds(const struct smtp *smtp, const struct smtp_server *server)
{
    CURL *curl = smtp->curl;
    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, server->tls == SMTP_TLS_IMPLICIT ? "smtps" : "smtp") ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USE_SSL,
                            (long)(server->tls == SMTP_TLS_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL)) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           /* A message that was refused must not leave its recipient behind in a connection that is used again. */
           curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
           /* A lookup that hangs is left to its thread: waiting for it would silence our heartbeat. */
           curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
}

static bool set_callbacks(struct smtp *smtp)
{
    CURL *curl = smtp->curl;
    return curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, curl_bounds_open_socket) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &smtp->in_the_clear) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, may_go_on) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, smtp) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_message) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_READDATA, smtp) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_reply) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERDATA, smtp) == CURLE_OK;
}

/* The greeting names the sender's domain, not this machine. */
static bool set_url(CURL *curl, const struct smtp_server *server)
{
    char url[CONF_MAX_URL + CONF_MAX_ADDRESS + 2];
    snprintf(url, sizeof url, "%s/%s", server->url, strchr(server->from, '@') + 1);
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
}

static bool set_envelope(struct smtp *smtp, const struct smtp_server *server, const char *to)
{
    CURL *curl = smtp->curl;
    char path[CONF_MAX_ADDRESS + 3];
    snprintf(path, sizeof path, "<%s>", to);
    smtp->recipient = curl_slist_append(NULL, path);
    snprintf(path, sizeof path, "<%s>", server->from);
    return smtp->recipient && curl_easy_setopt(curl, CURLOPT_MAIL_FROM, path) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, smtp->recipient) == CURLE_OK &&
           (!server->user[0] || (curl_easy_setopt(curl, CURLOPT_USERNAME, server->user) == CURLE_OK &&
                                 curl_easy_setopt(curl, CURLOPT_PASSWORD, server->password) == CURLE_OK));
}

enum err smtp_new(const struct smtp_server *server, const char *to, struct str message, const char *ca_path,
                  const struct smtp_waiting *waiting, struct smtp **out)
{
    struct smtp *smtp = calloc(1, sizeof *smtp);
    if (!smtp)
        return ERR_SYSTEM;
    smtp->message = message;
    smtp->waiting = waiting;
    smtp->in_the_clear = server->tls == SMTP_TLS_NONE;
    smtp->started_ms = smtp->heard_ms = clock_monotonic_ms();
    smtp->curl = curl_easy_init();
    if (!smtp->curl || !set_bounds(smtp, server) || !curl_bounds_set_tls(smtp->curl, ca_path) || !set_callbacks(smtp) ||
        !set_url(smtp->curl, server) || !set_envelope(smtp, server, to)) {
        smtp_free(&smtp);
        return ERR_SYSTEM;
    }
    *out = smtp;
    return ERR_OK;
}

CURL *smtp_handle(const struct smtp *smtp)
{
    return smtp->curl;
}

void smtp_free(struct smtp **smtp)
{
    if (!*smtp)
        return;
    curl_easy_cleanup((*smtp)->curl);
    curl_slist_free_all((*smtp)->recipient);
    free(*smtp);
    *smtp = NULL;
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

enum notify_outcome smtp_judge_code(long code)
{
    if (code >= 200 && code <= 299)
        return NOTIFY_ACCEPTED;
    return code >= 500 && code <= 599 ? NOTIFY_REJECTED : NOTIFY_RETRY;
}

enum curl_bounds_lookup smtp_lookup(const struct smtp *smtp, CURLcode result)
{
    return curl_bounds_lookup(smtp->curl, result, smtp->in_the_clear);
}

/* The reply to the message's end decides, whatever happens to the connection after it. Without that reply only a
 * refusal on the way decides: a 250 to the recipient and then silence says nothing of the message. */
void smtp_judge(const struct smtp *smtp, CURLcode result, struct webhook_answer *answer)
{
    long code = smtp->end_code;
    if (!code)
        curl_easy_getinfo(smtp->curl, CURLINFO_RESPONSE_CODE, &code);
    bool at_name = smtp_lookup(smtp, result) == LOOKUP_FAILED;
    if (smtp->is_late)
        result = CURLE_OPERATION_TIMEDOUT;
    *answer =
        (struct webhook_answer){.outcome = NOTIFY_RETRY, .why = at_name ? "name" : curl_bounds_name_failure(result)};
    if (code < 200 || code > 599 || (!smtp->end_code && code < 400))
        return;
    answer->outcome = smtp_judge_code(code);
    answer->status = (uint16_t)code;
    answer->why = answer->outcome == NOTIFY_ACCEPTED ? "accepted" : "status";
}
