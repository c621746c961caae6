/*
 * Pages that wait and pages on their way, over libcurl's multi interface. Run by notify. Bodies and URLs never reach
 * the log: a URL may carry a token.
 */
#include <attune/clock.h>
#include <attune/log.h>
#include <attune/sender.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct page {
    struct page *next;
    struct staff_channel *to;
    uint64_t row;
    int64_t added_ms;
    struct webhook *webhook; /* both NULL while it waits, then one by the channel's kind */
    struct smtp *smtp;
    struct str id; /* both behind this struct */
    struct str body;
};

struct sender {
    CURLM *multi;
    const char *ca_path;
    const struct smtp_server *server;
    const struct smtp_waiting *waiting_call;
    size_t mails_flying;
    sender_done *done;
    void *context;
    struct page *waiting;
    struct page **waiting_end;
    size_t waiting_count;
    struct page *flying;
    size_t flying_count;
    unsigned name_failures; /* in a row */
    int64_t names_failing_since_ms;
    int64_t last_page_ms; /* 0: no connection is kept */
};

static CURLM *new_multi(void)
{
    CURLM *multi = curl_multi_init();
    if (multi && curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)SENDER_MAX_IDLE_CONNECTIONS) == CURLM_OK)
        return multi;
    curl_multi_cleanup(multi);
    return NULL;
}

struct sender *sender_new(const char *ca_path, const struct smtp_server *server, const struct smtp_waiting *waiting,
                          sender_done *done, void *context)
{
    struct sender *sender = calloc(1, sizeof *sender);
    if (!sender)
        return NULL;
    sender->multi = new_multi();
    sender->ca_path = ca_path;
    sender->server = server;
    sender->waiting_call = waiting;
    sender->done = done;
    sender->context = context;
    sender->waiting_end = &sender->waiting;
    if (!sender->multi)
        sender_free(&sender);
    return sender;
}

size_t sender_count(const struct sender *sender)
{
    return sender->waiting_count + sender->flying_count;
}

/* --- one page, of either kind ------------------------------------------------------------------------------------ */

static enum err make_request(const struct sender *sender, struct page *page)
{
    const struct staff_channel *to = page->to;
    if (to->kind == NOTIFY_MAIL)
        return smtp_new(sender->server, to->target, page->body, sender->ca_path, sender->waiting_call, &page->smtp);
    return webhook_new(to->target, &to->secret, page->id, page->body, sender->ca_path, &page->webhook);
}

static CURL *page_handle(const struct page *page)
{
    if (page->smtp)
        return smtp_handle(page->smtp);
    return page->webhook ? webhook_handle(page->webhook) : NULL;
}

static void free_request(struct page *page)
{
    webhook_free(&page->webhook);
    smtp_free(&page->smtp);
}

static enum curl_bounds_lookup judge(const struct page *page, CURLcode result, struct webhook_answer *answer)
{
    if (page->smtp) {
        smtp_judge(page->smtp, result, answer);
        return smtp_lookup(page->smtp, result);
    }
    webhook_judge(page->webhook, result, answer);
    return webhook_lookup(page->webhook, result);
}

/* NULL when the channel can be used at all. */
static const char *find_fault(const struct sender *sender, const struct staff_channel *to, struct str id)
{
    if (!webhook_id_is_valid(id))
        return "bad-id";
    if (to->kind == NOTIFY_MAIL)
        return sender->server->url[0] ? NULL : "no-server";
    return to->secret.length ? NULL : "no-secret";
}

static void log_answer(const struct page *page, const struct webhook_answer *answer)
{
    if (answer->outcome == NOTIFY_ACCEPTED)
        log_info("page-accepted", LOG_NUMBER("row", page->row), LOG_NAME("person", page->to->person),
                 LOG_NAME("channel", page->to->channel), LOG_NUMBER("status", answer->status));
    else
        log_warn("page-not-accepted", LOG_NUMBER("row", page->row), LOG_NAME("person", page->to->person),
                 LOG_NAME("channel", page->to->channel), LOG_NAME("why", answer->why),
                 LOG_NUMBER("status", answer->status), LOG_NUMBER("retry_after_s", answer->retry_after_s));
}

/* Gives the answer and ends the page, which is in no chain any more. */
static void finish(struct sender *sender, struct page *page, const struct webhook_answer *answer)
{
    log_answer(page, answer);
    sender->done(sender->context, page->row, answer);
    if (page_handle(page)) {
        curl_multi_remove_handle(sender->multi, page_handle(page));
        sender->mails_flying -= page->smtp != NULL;
        free_request(page);
        page->to->in_flight--;
        sender->flying_count--;
    }
    free(page);
}

static void send_back(struct sender *sender, struct page *page, const char *why)
{
    struct webhook_answer answer = {.outcome = NOTIFY_RETRY, .retry_after_s = SENDER_BUSY_RETRY_S, .why = why};
    finish(sender, page, &answer);
}

static struct page *new_page(struct staff_channel *to, uint64_t row, struct str id, struct str body)
{
    struct page *page = calloc(1, sizeof *page + id.length + body.length);
    if (!page)
        return NULL;
    char *texts = (char *)(page + 1);
    memcpy(texts, id.data, id.length);
    if (body.length)
        memcpy(texts + id.length, body.data, body.length);
    *page = (struct page){.to = to,
                          .row = row,
                          .added_ms = clock_monotonic_ms(),
                          .id = {texts, id.length},
                          .body = {texts + id.length, body.length}};
    return page;
}

void sender_add(struct sender *sender, struct staff_channel *to, uint64_t row, struct str id, struct str body)
{
    struct webhook_answer answer = {.outcome = NOTIFY_REJECTED, .why = find_fault(sender, to, id)};
    struct page *page = NULL;
    if (answer.why) {
        /* told below */
    } else if (sender->waiting_count == SENDER_MAX_WAITING || !(page = new_page(to, row, id, body))) {
        answer = (struct webhook_answer){NOTIFY_RETRY, 0, SENDER_BUSY_RETRY_S, "too-many-waiting"};
    } else {
        *sender->waiting_end = page;
        sender->waiting_end = &page->next;
        sender->waiting_count++;
        return;
    }
    log_answer(&(struct page){.to = to, .row = row}, &answer);
    sender->done(sender->context, row, &answer);
}

/* --- the queue --------------------------------------------------------------------------------------------------- */

/* Takes the page that *link points at out of the queue. */
static struct page *unlink_waiting(struct sender *sender, struct page **link)
{
    struct page *page = *link;
    *link = page->next;
    if (!page->next)
        sender->waiting_end = link;
    page->next = NULL;
    sender->waiting_count--;
    return page;
}

static void launch(struct sender *sender, struct page *page)
{
    if (make_request(sender, page) != ERR_OK) {
        send_back(sender, page, "not-started");
        return;
    }
    sender->flying_count++;
    sender->mails_flying += page->smtp != NULL;
    page->to->in_flight++;
    CURL *handle = page_handle(page);
    if (curl_easy_setopt(handle, CURLOPT_PRIVATE, page) != CURLE_OK ||
        curl_multi_add_handle(sender->multi, handle) != CURLM_OK) {
        send_back(sender, page, "not-started");
        return;
    }
    page->next = sender->flying;
    sender->flying = page;
}

static bool may_launch(const struct sender *sender, const struct page *page)
{
    if (page->to->kind == NOTIFY_MAIL && sender->mails_flying == SENDER_MAX_MAILS)
        return false;
    return sender->flying_count < SENDER_MAX_IN_FLIGHT && page->to->in_flight < SENDER_MAX_PER_CHANNEL;
}

/* In order of arrival, but a page whose receiver is busy lets others pass. */
static void launch_waiting(struct sender *sender)
{
    int64_t now_ms = clock_monotonic_ms();
    struct page **link = &sender->waiting;
    while (*link) {
        if (now_ms - (*link)->added_ms >= SENDER_MAX_WAIT_MS)
            send_back(sender, unlink_waiting(sender, link), "waited-too-long");
        else if (may_launch(sender, *link))
            launch(sender, unlink_waiting(sender, link));
        else
            link = &(*link)->next;
    }
}

/* --- the flight -------------------------------------------------------------------------------------------------- */

static void unlink_flying(struct sender *sender, const struct page *page)
{
    struct page **link = &sender->flying;
    while (*link != page)
        link = &(*link)->next;
    *link = page->next;
}

static void count_lookup(struct sender *sender, enum curl_bounds_lookup lookup)
{
    if (lookup == LOOKUP_DONE)
        sender->name_failures = 0;
    else if (lookup == LOOKUP_FAILED && sender->name_failures++ == 0)
        sender->names_failing_since_ms = clock_monotonic_ms();
}

bool sender_lost_names(const struct sender *sender)
{
    return sender->name_failures >= SENDER_NAME_FAILURES &&
           clock_monotonic_ms() - sender->names_failing_since_ms >= SENDER_NAME_FAILING_MS;
}

static void take_landed(struct sender *sender)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(sender->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result; /* gone once the handle is taken from the multi */
        struct page *page = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &page);
        if (!page)
            bug("a transfer without its page");
        struct webhook_answer answer;
        count_lookup(sender, judge(page, result, &answer));
        unlink_flying(sender, page);
        finish(sender, page, &answer);
        sender->last_page_ms = clock_monotonic_ms();
    }
}

/* libcurl gives its idle connections up only with the multi handle that holds them. */
static void drop_idle_connections(struct sender *sender)
{
    if (!sender->last_page_ms || sender_count(sender) || clock_monotonic_ms() - sender->last_page_ms < SENDER_IDLE_MS)
        return;
    CURLM *fresh = new_multi();
    if (!fresh)
        return;
    curl_multi_cleanup(sender->multi);
    sender->multi = fresh;
    sender->last_page_ms = 0;
    malloc_trim(0);
}

void sender_step(struct sender *sender)
{
    int running;
    take_landed(sender);
    launch_waiting(sender);
    curl_multi_perform(sender->multi, &running);
    take_landed(sender);
    launch_waiting(sender);
    drop_idle_connections(sender);
}

void sender_wait(struct sender *sender, struct curl_waitfd *extra, int timeout_ms)
{
    enum { WATCH_MS = 1000 };
    bool watches = sender->flying_count && timeout_ms > WATCH_MS;
    curl_multi_poll(sender->multi, extra, 1, watches ? WATCH_MS : timeout_ms, NULL);
}

void sender_give_up(struct sender *sender)
{
    while (sender->waiting)
        send_back(sender, unlink_waiting(sender, &sender->waiting), "stopping");
    while (sender->flying) {
        struct page *page = sender->flying;
        sender->flying = page->next;
        send_back(sender, page, "stopping");
    }
}

void sender_free(struct sender **sender)
{
    if (!*sender)
        return;
    while ((*sender)->waiting)
        free(unlink_waiting(*sender, &(*sender)->waiting));
    while ((*sender)->flying) {
        struct page *page = (*sender)->flying;
        (*sender)->flying = page->next;
        curl_multi_remove_handle((*sender)->multi, page_handle(page));
        free_request(page);
        free(page);
    }
    curl_multi_cleanup((*sender)->multi);
    free(*sender);
    *sender = NULL;
}
