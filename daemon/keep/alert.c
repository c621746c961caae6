/*
 * Alerts and their ladders, and the alarms about Attune itself. Every timer is a row: what was due while we were not
 * there rings at once on start. The person is resolved when the row is due, and committed before anything is sent. Run
 * by keep.
 */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DUE = 64, ALARM_REPEAT_S = 3600, CHANNEL_STAGGER_MS = 30000 };

struct ladder {
    const struct conf_step *steps;
    size_t count;
};

static struct ladder find_ladder(const struct conf *conf, enum page_target target)
{
    if (target == PAGE_SAFETY && conf->safety_count)
        return (struct ladder){conf->safety, conf->safety_count};
    return (struct ladder){conf->clinical, conf->clinical_count};
}

void alert_open(struct keep *keep, const struct alert_row *alert, int64_t message, bool rings_at_once, bool is_old)
{
    if (!journal_open_alert(keep->journal, alert, message))
        return; /* the same mail was seen before, in another folder or another mailbox */
    if (is_old && alert->urgency == URGENCY_NOW) {
        alarm_set(keep, ALARM_OLD_MAIL, alert->subject, true);
        return;
    }
    /* What is to be read today enters the ladder when its deadline has passed without an acknowledgement. */
    int64_t base = rings_at_once ? alert->opened_ms : alert->deadline_ms;
    struct ladder ladder = find_ladder(keep->conf, alert->target);
    for (size_t i = 0; i < ladder.count; i++)
        journal_add_ladder(keep->journal, alert->id, (uint32_t)i, base + (int64_t)ladder.steps[i].after_s * 1000);
    keep->page_due_known = false;
}

void alert_raise(struct keep *keep, const struct alert_row *alert, int64_t message, bool is_old)
{
    struct alert_row known;
    if (!journal_get_alert(keep->journal, alert->id, &known)) {
        alert_open(keep, alert, message, true, is_old);
        return;
    }
    if (!journal_reopen_alert(keep->journal, alert))
        return;
    struct ladder ladder = find_ladder(keep->conf, known.target);
    for (size_t i = 0; i < ladder.count; i++)
        journal_resume_ladder(keep->journal, alert->id, (uint32_t)i,
                              alert->opened_ms + (int64_t)ladder.steps[i].after_s * 1000);
    keep->page_due_known = false;
}

/* --- ringing
 * ------------------------------------------------------------------------------------------------------------ */

static void make_webhook_id(const struct keep *keep, const struct ladder_row *row, const char *person,
                            const char *channel, char out[HASH_HEX_SIZE])
{
    unsigned char hash[HASH_SIZE];
    char step[16], ring[16];
    snprintf(step, sizeof step, "%u", row->step);
    snprintf(ring, sizeof ring, "%u", row->ring);
    struct str parts[] = {str_of(row->alert), str_of(step), str_of(ring), str_of(person), str_of(channel)};
    keep_hmac(keep, "page", parts, 5, hash);
    hash_hex(hash, out);
}

static void ring_person(struct keep *keep, const struct ladder_row *row, const struct conf_person *person)
{
    int64_t now = clock_wall_ms();
    for (size_t i = 0; i < person->channel_count; i++) {
        struct outbox_row page = {
            .step = row->step, .ring = row->ring, .due_ms = now + (int64_t)i * CHANNEL_STAGGER_MS};
        snprintf(page.alert, sizeof page.alert, "%s", row->alert);
        snprintf(page.person, sizeof page.person, "%s", person->name);
        snprintf(page.channel, sizeof page.channel, "%s", person->channels[i].name);
        make_webhook_id(keep, row, person->name, person->channels[i].name, page.webhook_id);
        journal_add_outbox(keep->journal, &page);
    }
}

static void ring_step(struct keep *keep, const struct ladder_row *row, const struct conf_step *step)
{
    if (strcmp(step->to, "everybody") == 0) {
        for (size_t i = 0; i < keep->conf->staff_count; i++)
            ring_person(keep, row, &keep->conf->staff[i]);
        return;
    }
    const struct conf_person *person = conf_find_person(keep->conf, step->to);
    if (person)
        ring_person(keep, row, person);
}

static void run_row(struct keep *keep, const struct ladder_row *row)
{
    struct alert_row alert;
    if (!journal_get_alert(keep->journal, row->alert, &alert) || alert.acknowledged_ms) {
        journal_advance_ladder(keep->journal, row, 0);
        return;
    }
    struct ladder ladder = find_ladder(keep->conf, alert.target);
    if (row->step >= ladder.count) { /* the configuration has fewer steps now; the others ring on */
        journal_advance_ladder(keep->journal, row, 0);
        return;
    }
    const struct conf_step *step = &ladder.steps[row->step];
    ring_step(keep, row, step);
    uint32_t every = step->every_s;
    if (strcmp(alert.kind, "alarm") == 0 && every < ALARM_REPEAT_S)
        every = ALARM_REPEAT_S;
    journal_advance_ladder(keep->journal, row, every ? clock_wall_ms() + (int64_t)every * 1000 : 0);
    log_info("ring", LOG_NAME("case", row->alert), LOG_NUMBER("step", row->step), LOG_NUMBER("ring", row->ring));
}

void alert_run_ladder(struct keep *keep)
{
    static struct ladder_row rows[MAX_DUE];
    size_t count = journal_due_ladder(keep->journal, clock_wall_ms(), rows, MAX_DUE);
    for (size_t i = 0; i < count; i++)
        run_row(keep, &rows[i]);
    if (count)
        keep->page_due_known = false;
}

/* --- alarms
 * --------------------------------------------------------------------------------------------------------------- */

const char *alarm_name(enum alarm alarm)
{
    static const char *const names[ALARM_COUNT] = {"journal-not-writable", "mailbox-silent",  "login-refused",
                                                   "unread-gone",          "rules-stale",     "old-mail-now",
                                                   "settings-stale",       "channel-unusable"};
    return (unsigned)alarm < ALARM_COUNT ? names[alarm] : "unknown";
}

static void raise_alarm(struct keep *keep, enum alarm alarm, const char *subject, const char *key)
{
    unsigned char hash[HASH_SIZE];
    char opened[32];
    struct alert_row alert = {.urgency = URGENCY_NOW, .target = PAGE_CLINICAL, .opened_ms = clock_wall_ms()};
    snprintf(opened, sizeof opened, "%lld", (long long)alert.opened_ms);
    struct str parts[] = {str_of(alarm_name(alarm)), str_of(subject), str_of(opened)};
    keep_hmac(keep, "alarm", parts, 3, hash);
    hash_base32(hash, alert.id);
    snprintf(alert.kind, sizeof alert.kind, "alarm");
    snprintf(alert.subject, sizeof alert.subject, "%s", subject);
    snprintf(alert.reason, sizeof alert.reason, "%s", alarm_name(alarm));
    journal_open_alert(keep->journal, &alert, 0);
    journal_add_ladder(keep->journal, alert.id, 0, alert.opened_ms);
    journal_set_meta(keep->journal, key, alert.id);
    keep->page_due_known = false;
    log_error("alarm", LOG_NAME("reason", alert.reason), LOG_NAME("subject", subject));
}

static bool is_acknowledged(struct keep *keep, const char *id)
{
    struct alert_row alert;
    return journal_get_alert(keep->journal, id, &alert) && alert.acknowledged_ms != 0;
}

void alarm_set(struct keep *keep, enum alarm alarm, const char *subject, bool is_on)
{
    char key[160], id[CASE_ID_SIZE];
    snprintf(key, sizeof key, "alarm:%s:%s", alarm_name(alarm), subject);
    journal_get_meta(keep->journal, key, id, sizeof id);
    /* A backlog's alarm has no end of its own: it is over when somebody took it, and the next backlog rings anew. */
    bool was_on = id[0] != '\0' && !(alarm == ALARM_OLD_MAIL && is_acknowledged(keep, id));
    if (is_on == was_on)
        return;
    if (is_on) {
        raise_alarm(keep, alarm, subject, key);
        return;
    }
    journal_close_alert(keep->journal, id, clock_wall_ms());
    journal_set_meta(keep->journal, key, "");
    log_info("alarm-over", LOG_NAME("reason", alarm_name(alarm)), LOG_NAME("subject", subject));
}
