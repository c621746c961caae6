/*
 * When digests are due, what they say, and how they become mail. Run by keep. A digest is composed when it is sent, so
 * that a late one says what waits now; its id and row are those of its period.
 */
#include <attune/clock.h>
#include <attune/digest.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <attune/mail.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_MS = 1000 };

/* --- when -------------------------------------------------------------------------------------------------------- */

/* One instant for a time of a day, whatever mktime(3) remembers: the first of two that the clocks repeat; where they
 * skip it, an hour later. -1 when there is none. */
static time_t instant_of(const struct tm *day, const struct conf_digest *digest, int *week_day)
{
    time_t found = -1, skipped = -1;
    for (int dst = 1; dst >= 0; dst--) {
        struct tm due = {.tm_year = day->tm_year,
                         .tm_mon = day->tm_mon,
                         .tm_mday = day->tm_mday,
                         .tm_hour = (int)(digest->at_minute / 60),
                         .tm_min = (int)(digest->at_minute % 60),
                         .tm_isdst = dst};
        time_t at = mktime(&due);
        bool is_exact = (uint32_t)(due.tm_hour * 60 + due.tm_min) == digest->at_minute;
        if (is_exact && (found == -1 || at < found))
            found = at;
        skipped = at > skipped ? at : skipped;
    }
    time_t chosen = found != -1 ? found : skipped;
    struct tm due;
    *week_day = localtime_r(&chosen, &due) ? due.tm_wday : 0;
    return chosen;
}

/* The entry's last time that is not after now; 0 when none is. */
static int64_t last_due(const struct conf_digest *digest, int64_t now_ms)
{
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm day;
    if (!localtime_r(&now_s, &day))
        return 0;
    for (int back = 0; back <= 7; back++, day.tm_mday--) {
        int week_day;
        time_t due_s = instant_of(&day, digest, &week_day);
        if (due_s != -1 && due_s <= now_s && digest->days & 1u << week_day)
            return (int64_t)due_s * 1000;
    }
    return 0;
}

int64_t digest_last_due(const struct conf *conf, const char *person, int64_t now_ms)
{
    int64_t latest = 0;
    for (size_t i = 0; i < conf->digest_count; i++) {
        int64_t due = strcmp(conf->digests[i].to, person) == 0 ? last_due(&conf->digests[i], now_ms) : 0;
        latest = due > latest ? due : latest;
    }
    return latest;
}

bool digest_may_see_safety(const struct conf *conf, const char *person)
{
    for (size_t i = 0; i < conf->safety_count; i++)
        if (strcmp(conf->safety[i].to, person) == 0 || strcmp(conf->safety[i].to, CONF_EVERYBODY) == 0)
            return true;
    return conf->safety_count == 0;
}

static void add_row(struct keep *keep, const char *person, const char *channel, int64_t period_ms)
{
    unsigned char hash[HASH_SIZE];
    char period[32];
    struct outbox_row row = {.kind = OUTBOX_DIGEST, .period_ms = period_ms, .due_ms = clock_wall_ms()};
    snprintf(period, sizeof period, "%lld", (long long)period_ms);
    struct str parts[] = {str_of(person), str_of(period)};
    keep_hmac(keep, "digest", parts, 2, hash);
    hash_hex(hash, row.webhook_id);
    snprintf(row.person, sizeof row.person, "%s", person);
    snprintf(row.channel, sizeof row.channel, "%s", channel);
    journal_add_outbox(keep->journal, &row);
    log_info("digest-due", LOG_NAME("person", person));
}

/* The period that was planned last stands in the journal, so that one that was missed is made up for once. A person who
 * is new to the list begins with the next period. */
static void plan_person(struct keep *keep, const struct conf_person *person, int64_t now_ms)
{
    char key[96], last[32];
    int64_t due = digest_last_due(keep->conf, person->name, now_ms);
    const struct conf_channel *channel = conf_mail_channel(person);
    if (!due || !channel)
        return;
    snprintf(key, sizeof key, "digest:%s", person->name);
    journal_get_meta(keep->journal, key, last, sizeof last);
    long long planned = strtoll(last, NULL, 10);
    /* One in the future was planned by a clock that was wrong; the id of a period that was told keeps it single. */
    if (last[0] && due <= planned && planned <= now_ms)
        return;
    if (last[0])
        add_row(keep, person->name, channel->name, due);
    snprintf(last, sizeof last, "%lld", (long long)due);
    journal_set_meta(keep->journal, key, last);
}

void digest_plan(struct keep *keep)
{
    int64_t monotonic_ms = clock_monotonic_ms(), now_ms = clock_wall_ms();
    if (keep->conf->digest_count == 0 || monotonic_ms < keep->digest_look_ms)
        return;
    keep->digest_look_ms = monotonic_ms + LOOK_MS;
    for (size_t i = 0; i < keep->conf->staff_count; i++)
        plan_person(keep, &keep->conf->staff[i], now_ms);
}

/* --- what -------------------------------------------------------------------------------------------------------- */

static void note_condition(struct keep *keep, struct digest *digest)
{
    for (size_t i = 0; i < keep->mailbox_count; i++)
        if (!keep->mailboxes[i].is_up)
            digest_add_note(digest, "Mailbox %s is not being read: there is no connection to its server.",
                            keep->mailboxes[i].conf->name);
    if (keep->rules_are_stale)
        digest_add_note(digest, "The rules in force are the last good set; the one offered does not load.");
    if (keep->conf_is_stale)
        digest_add_note(digest, "The configuration in force is the one before; the one offered does not load.");
    if (journal_is_volatile(keep->journal))
        digest_add_note(digest, "The journal cannot be written: pages go on from memory, nothing is moved.");
    journal_note_alarms(keep->journal, digest);
}

/* free() it. NULL without memory. */
static struct digest *gather(struct keep *keep, const char *person)
{
    struct digest *digest = calloc(1, sizeof *digest);
    if (!digest)
        return NULL;
    digest->now_ms = clock_wall_ms();
    int64_t due = person ? digest_last_due(keep->conf, person, digest->now_ms) : 0;
    int64_t since = due ? digest_last_due(keep->conf, person, due - 1) : 0;
    enum { DAY_MS = 24 * 3600 * 1000 };
    journal_read_digest(keep->journal, keep->current ? keep->current->pack : NULL,
                        !person || digest_may_see_safety(keep->conf, person), since ? since : digest->now_ms - DAY_MS,
                        digest);
    note_condition(keep, digest);
    return digest;
}

struct forms {
    char subject[96];
    struct buf text, html;
    size_t shown;
};

static void forms_init(struct forms *forms)
{
    buf_init(&forms->text, 2 * MAIL_MAX_BYTES);
    buf_init(&forms->html, 4 * MAIL_MAX_BYTES);
}

static void forms_free(struct forms *forms)
{
    buf_free(&forms->text);
    buf_free(&forms->html);
}

static void write_forms(const struct digest *digest, size_t shown, struct forms *out)
{
    char date[CLOCK_LOCAL_SIZE];
    clock_format_local(digest->now_ms, date);
    snprintf(out->subject, sizeof out->subject, "[attune] digest %.10s: %zu to read", date, digest_to_read(digest));
    buf_reset(&out->text);
    buf_reset(&out->html);
    digest_write_text(digest, shown, &out->text);
    digest_write_html(digest, shown, &out->html);
    out->shown = shown;
}

/* Items are left out from the end, the least urgent, until the whole message fits. */
static enum err compose(const struct digest *digest, struct mail *mail, const unsigned char site_key[HASH_SIZE],
                        struct forms *forms, struct buf *out)
{
    size_t shown = digest->item_count;
    for (;;) {
        buf_reset(out);
        write_forms(digest, shown, forms);
        mail->subject = forms->subject;
        mail->text = buf_text(&forms->text);
        mail->html = buf_text(&forms->html);
        bool whole = !buf_failed(&forms->text) && !buf_failed(&forms->html);
        enum err error = whole ? mail_compose(mail, site_key, out) : ERR_LIMIT;
        if (error != ERR_LIMIT || shown == 0)
            return error;
        shown = shown * 9 / 10;
    }
}

enum err digest_compose_row(struct keep *keep, const struct outbox_row *row, const char *to, struct buf *out)
{
    struct digest *digest = gather(keep, row->person);
    struct forms forms;
    struct mail mail = {.from = keep->conf->smtp.from, .to = to, .date_ms = row->created_ms, .id = row->webhook_id};
    if (!digest)
        return ERR_SYSTEM;
    forms_init(&forms);
    enum err error = compose(digest, &mail, keep->site_key, &forms, out);
    forms_free(&forms);
    free(digest);
    return error;
}

/* --- the preview ------------------------------------------------------------------------------------------------- */

char *digest_json(struct keep *keep, const char *person)
{
    static const char id[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct digest *digest = gather(keep, person);
    struct forms forms;
    struct buf message;
    struct mail mail = {.from = "attune@example.org", .to = "attune@example.org", .id = id};
    if (!digest)
        return NULL;
    mail.date_ms = digest->now_ms;
    forms_init(&forms);
    buf_init(&message, MAIL_MAX_BYTES);
    char *json = NULL;
    if (compose(digest, &mail, keep->site_key, &forms, &message) == ERR_OK) {
        size_t total = digest_to_read(digest) + digest->totals[DIGEST_IN_HAND];
        json_t *answer =
            json_pack("{s:b, s:s?, s:s, s:I, s:I, s:I, s:s, s:s}", "ok", 1, "person", person, "subject", forms.subject,
                      "to_read", (json_int_t)digest_to_read(digest), "shown", (json_int_t)forms.shown, "left_out",
                      (json_int_t)(total - forms.shown), "text", buf_text(&forms.text), "html", buf_text(&forms.html));
        json = json_dumps(answer, JSON_COMPACT);
        json_decref(answer);
    }
    buf_free(&message);
    forms_free(&forms);
    free(digest);
    return json;
}
