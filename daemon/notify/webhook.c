/*
 * A signed POST by libcurl, with every bound set before it may leave. Run by notify inside its sandbox. The URL is the
 * staff list's; the receiver and all that it answers are strangers.
 */
#include <attune/clock.h>
#include <attune/curl_bounds.h>
#include <attune/webhook.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct webhook {
    CURL *curl;
    struct curl_slist *headers;
    bool in_the_clear;
    size_t answer_bytes;
    size_t header_bytes;
};

/* --- what libcurl gives on the way -------------------------------------------------------------------------------- */

/* Any other count than the one given ends the transfer. */
static size_t discard(size_t *total, size_t maximum, size_t size, size_t count)
{
    *total += size * count;
    return *total <= maximum ? size * count : 0;
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    struct webhook *webhook = context;
    return discard(&webhook->answer_bytes, WEBHOOK_MAX_ANSWER, size, count);
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    struct webhook *webhook = context;
    return discard(&webhook->header_bytes, WEBHOOK_MAX_HEADERS, size, count);
}

/* --- making the request ------------------------------------------------------------------------------------------ */

static bool set_bounds(const struct webhook *webhook)
{
    CURL *curl = webhook->curl;
    const char *protocols = webhook->in_the_clear ? "http" : "https";
    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)WEBHOOK_CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)WEBHOOK_TOTAL_MS) == CURLE_OK &&
           /* A lookup that hangs is left to its thread: waiting for it would silence our heartbeat. */
           curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
}

static bool set_callbacks(struct webhook *webhook)
{
    CURL *curl = webhook->curl;
    return curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, curl_bounds_open_socket) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &webhook->in_the_clear) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, webhook) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERDATA, webhook) == CURLE_OK;
}

static bool set_content(const struct webhook *webhook, const char *url, struct str body)
{
    CURL *curl = webhook->curl;
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "attune/" ATTUNE_VERSION) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, webhook->headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.length) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data ? body.data : "") == CURLE_OK;
}

static bool add_header(struct webhook *webhook, const char *line)
{
    struct curl_slist *longer = curl_slist_append(webhook->headers, line);
    if (longer)
        webhook->headers = longer;
    return longer != NULL;
}

static bool add_headers(struct webhook *webhook, const struct webhook_secret *secret, struct str id, struct str body)
{
    char identity[32 + WEBHOOK_MAX_ID], stamp[64], signature[32 + WEBHOOK_SIGNATURE_SIZE];
    char value[WEBHOOK_SIGNATURE_SIZE];
    int64_t now_s = clock_wall_ms() / 1000;
    webhook_sign(secret, id, now_s, body, value);
    snprintf(identity, sizeof identity, "webhook-id: %.*s", (int)id.length, id.data);
    snprintf(stamp, sizeof stamp, "webhook-timestamp: %lld", (long long)now_s);
    snprintf(signature, sizeof signature, "webhook-signature: %s", value);
    return add_header(webhook, "Content-Type: application/json") && add_header(webhook, identity) &&
           add_header(webhook, stamp) && add_header(webhook, signature) && add_header(webhook, "Expect:");
}

enum err webhook_new(const char *url, const struct webhook_secret *secret, struct str id, struct str body,
                     const char *ca_path, struct webhook **out)
{
    if (!webhook_id_is_valid(id) || secret->length == 0)
        bug("a webhook without id or secret");
    struct webhook *webhook = calloc(1, sizeof *webhook);
    if (!webhook)
        return ERR_SYSTEM;
    webhook->in_the_clear = strncasecmp(url, "https:", 6) != 0;
    webhook->curl = curl_easy_init();
    if (!webhook->curl || !add_headers(webhook, secret, id, body) || !set_bounds(webhook) ||
        !curl_bounds_set_tls(webhook->curl, ca_path) || !set_callbacks(webhook) || !set_content(webhook, url, body)) {
        webhook_free(&webhook);
        return ERR_SYSTEM;
    }
    *out = webhook;
    return ERR_OK;
}

CURL *webhook_handle(const struct webhook *webhook)
{
    return webhook->curl;
}

void webhook_free(struct webhook **webhook)
{
    if (!*webhook)
        return;
    curl_easy_cleanup((*webhook)->curl);
    curl_slist_free_all((*webhook)->headers);
    free(*webhook);
    *webhook = NULL;
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

enum notify_outcome webhook_judge_status(long status)
{
    if (status >= 200 && status <= 299)
        return NOTIFY_ACCEPTED;
    if (status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599))
        return NOTIFY_RETRY;
    return NOTIFY_REJECTED;
}

enum curl_bounds_lookup webhook_lookup(const struct webhook *webhook, CURLcode result)
{
    return curl_bounds_lookup(webhook->curl, result, webhook->in_the_clear);
}

static uint32_t retry_after(CURL *curl)
{
    curl_off_t seconds = 0; /* libcurl reads both forms, seconds and date, and gives seconds from now */
    if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds < 0)
        return 0;
    return seconds < WEBHOOK_MAX_RETRY_AFTER_S ? (uint32_t)seconds : WEBHOOK_MAX_RETRY_AFTER_S;
}

/* A status that came counts even when the rest of the answer did not: a receiver that took the page and then stumbled
 * would otherwise ring again. */
void webhook_judge(const struct webhook *webhook, CURLcode result, struct webhook_answer *answer)
{
    long status = 0;
    curl_easy_getinfo(webhook->curl, CURLINFO_RESPONSE_CODE, &status);
    bool at_name = webhook_lookup(webhook, result) == LOOKUP_FAILED;
    *answer =
        (struct webhook_answer){.outcome = NOTIFY_RETRY, .why = at_name ? "name" : curl_bounds_name_failure(result)};
    if (status < 200 || status > 999)
        return;
    answer->outcome = webhook_judge_status(status);
    answer->status = (uint16_t)status;
    answer->why = answer->outcome == NOTIFY_ACCEPTED ? "accepted" : "status";
    if (answer->outcome != NOTIFY_ACCEPTED)
        answer->retry_after_s = retry_after(webhook->curl);
}
