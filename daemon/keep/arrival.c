/*
 * What people moved into folders of theirs: a clinical folder (raise it, or put it in that queue) or a person's own below
 * `taken` (it is in their hands). Known by UID where the server told us where our own moves went, else by fingerprint, so
 * that nobody is rung for what Attune moved itself. Run by keep.
 */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <stdio.h>
#include <string.h>

/* The folder's first whole listing becomes its beginning; until then nothing of it is in the journal, so that a crash
 * begins it again. */
static void begin_folder(struct keep *keep, struct mailbox *mailbox, struct folder_status *folder, uint32_t uidvalidity,
                         uint32_t highest, bool is_last)
{
    if (highest > folder->first_uid)
        folder->first_uid = highest;
    if (!is_last)
        return;
    journal_set_folder(keep->journal, mailbox->conf->name, folder->name, uidvalidity, folder->first_uid);
    folder->cursor_due = true;
}

void arrival_list(struct keep *keep, struct mailbox *mailbox, struct folder_status *folder, uint32_t uidvalidity,
                  const uint32_t *uids, size_t count, bool is_last)
{
    uint32_t known, last_uid, highest = count ? uids[count - 1] : 0;
    journal_get_folder(keep->journal, mailbox->conf->name, folder->name, &known, &last_uid);
    if (known == 0) {
        begin_folder(keep, mailbox, folder, uidvalidity, highest, is_last);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (uids[i] > last_uid)
            journal_list_arrival(keep->journal, mailbox->conf->name, folder->name, uidvalidity, uids[i]);
    if (highest <= last_uid)
        return;
    journal_set_folder(keep->journal, mailbox->conf->name, folder->name, uidvalidity, highest);
    folder->cursor_due = true;
}

/* --- what it means -------------------------------------------------------------------------------------------------- */

/* A message that nobody was rung for has no alert to acknowledge; that a person took it is noted all the same. */
static void take_case(struct keep *keep, const char *id, const struct folder_status *folder)
{
    bool already;
    journal_acknowledge(keep->journal, id, folder->person, clock_wall_ms(), &already);
    journal_audit(keep->journal, folder->person, "taken-by", id, folder->name);
    log_info("taken", LOG_NAME("case", id), LOG_NAME("by", folder->person));
}

/* The policy's route to a place says how soon mail of that place is read. */
static const struct route *find_route(const struct keep *keep, enum place place)
{
    const struct policy *policy = keep->current ? keep->current->policy : NULL;
    for (size_t i = 0; policy && i < policy_route_count(policy); i++)
        if (policy_route(policy, i)->place == place)
            return policy_route(policy, i);
    return NULL;
}

static enum urgency urgency_of_place(const struct route *route, enum place place)
{
    if (place == PLACE_URGENT)
        return URGENCY_NOW;
    return route && route->urgency > URGENCY_REVIEW ? route->urgency : URGENCY_REVIEW;
}

static void open_alert(struct keep *keep, const struct case_row *row, enum place place, enum urgency urgency,
                       int64_t deadline_ms, bool is_old)
{
    struct alert_row alert = {.urgency = urgency,
                              .target = PAGE_CLINICAL,
                              .opened_ms = clock_wall_ms(),
                              .received_ms = row->item.received_ms,
                              .deadline_ms = deadline_ms};
    snprintf(alert.id, sizeof alert.id, "%s", row->item.case_id);
    snprintf(alert.kind, sizeof alert.kind, "message");
    snprintf(alert.subject, sizeof alert.subject, "%s", row->item.mailbox);
    snprintf(alert.reason, sizeof alert.reason, place == PLACE_URGENT ? "raised-by-staff" : "moved-by-staff");
    if (place == PLACE_URGENT)
        alert_raise(keep, &alert, row->message, is_old);
    else if (urgency >= URGENCY_SOON && deadline_ms)
        alert_open(keep, &alert, row->message, false, is_old);
}

static void raise_case(struct keep *keep, const struct case_row *row, enum place place, const char *folder, bool is_old)
{
    const struct route *route = find_route(keep, place);
    enum urgency urgency = urgency_of_place(route, place);
    int64_t deadline_ms = route && route->deadline_s ? clock_wall_ms() + (int64_t)route->deadline_s * 1000 : 0;
    const char *what = place == PLACE_URGENT ? "raised-by-staff" : "moved-by-staff";
    journal_raise_message(keep->journal, row->message, urgency, deadline_ms);
    open_alert(keep, row, place, urgency, deadline_ms, is_old);
    journal_audit(keep->journal, "staff", what, row->item.case_id, folder);
    log_info(what, LOG_NAME("case", row->item.case_id), LOG_NAME("place", place_name(place)));
}

void arrival_settle(struct keep *keep, const struct folder_status *folder, int64_t message, bool is_old)
{
    struct case_row row;
    if (!journal_get_case_of(keep->journal, message, &row))
        return;
    if (folder->person)
        take_case(keep, row.item.case_id, folder);
    else
        raise_case(keep, &row, folder->place, folder->name, is_old);
    keep->page_due_known = false;
}

/* --- mail that the journal knows ------------------------------------------------------------------------------------ */

static void forget(struct keep *keep, struct work *work)
{
    journal_forget_message(keep->journal, work->row.id);
    mailbox_end_work(work);
}

/* The folder was made anew, and its UIDs with it: the mail lies where we had put it. */
static bool is_where_it_was(const struct work *work, const struct message_row *known)
{
    return known->state == MESSAGE_PLACED && strcmp(known->destination, work->row.folder) == 0 &&
           known->destination_uidvalidity != work->row.uidvalidity;
}

bool arrival_take(struct keep *keep, struct work *work)
{
    const struct message_row *row = &work->row;
    struct mailbox *mailbox = work->mailbox;
    const struct folder_status *folder = mailbox_folder(mailbox, row->folder);
    struct message_row known;
    if (!folder || !folder->is_peoples)
        return false;
    if (journal_is_placed(keep->journal, mailbox->conf->name, row->folder, row->uidvalidity, row->uid)) {
        forget(keep, work);
        return true;
    }
    if (!journal_find_known(keep->journal, mailbox->conf->name, work->fingerprint, row->id, &known))
        return false;
    bool is_moving = known.state == MESSAGE_DECIDED || known.state == MESSAGE_MOVING;
    if (is_moving && row->attempts < KEEP_ARRIVAL_TRIES) { /* ours perhaps: the move's own answer tells */
        journal_retry_message(keep->journal, row->id, clock_wall_ms() + KEEP_ARRIVAL_WAIT_MS);
        mailbox_end_work(work);
        return true;
    }
    journal_place_message(keep->journal, known.id, row->folder, row->uidvalidity, row->uid);
    if (!is_where_it_was(work, &known))
        arrival_settle(keep, folder, known.id, false);
    forget(keep, work);
    return true;
}
