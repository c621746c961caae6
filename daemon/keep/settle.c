/*
 * A verdict becomes a decision: facts are made pseudonyms, decide() is asked, and decision, cues, alert and outbox rows
 * are written into one transaction. Run by keep.
 */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <attune/mail.h>
#include <stdio.h>
#include <string.h>

struct pseudonyms {
    unsigned char sender[HASH_SIZE], thread[HASH_SIZE], identity[HASH_SIZE];
    bool has_sender, has_thread, has_identity;
};

/* The first id of the thread names it: References begin with it, and a first mail has only its own. */
static struct str thread_root(const struct verdict *verdict)
{
    struct str ids = verdict->thread_ids.length ? verdict->thread_ids : verdict->message_id;
    size_t end = str_find(ids, STR(" "), 0);
    return str_slice(ids, 0, end);
}

static void make_pseudonyms(const struct keep *keep, const struct work *work, const struct verdict *verdict,
                            struct pseudonyms *out)
{
    *out = (struct pseudonyms){0};
    out->has_sender = verdict->writer.length > 0;
    if (out->has_sender)
        keep_hmac(keep, "sender", &verdict->writer, 1, out->sender);
    struct str root = thread_root(verdict);
    out->has_thread = root.length > 0;
    if (out->has_thread)
        keep_hmac(keep, "thread", &root, 1, out->thread);
    out->has_identity = verdict->message_id.length > 0;
    if (!out->has_identity)
        return;
    /* The size class: servers may differ by a few bytes of line ends, not by a factor. */
    char date[32], size_class[16];
    int bits = work->size ? 32 - __builtin_clz(work->size) : 0;
    snprintf(date, sizeof date, "%lld", (long long)verdict->date_ms);
    snprintf(size_class, sizeof size_class, "%d", bits);
    struct str parts[] = {verdict->message_id, str_of(date), verdict->from_address, str_of(size_class)};
    keep_hmac(keep, "identity", parts, 4, out->identity);
}

static void make_case_id(const struct keep *keep, const struct work *work, char out[CASE_ID_SIZE])
{
    unsigned char hash[HASH_SIZE];
    struct str raw = {(const char *)work->fingerprint, HASH_SIZE};
    keep_hmac(keep, "alert", &raw, 1, hash);
    hash_base32(hash, out);
}

static void make_withheld_case_id(const struct keep *keep, const struct message_row *row, char out[CASE_ID_SIZE])
{
    char place[64];
    unsigned char hash[HASH_SIZE];
    snprintf(place, sizeof place, "%u %u", row->uidvalidity, row->uid);
    struct str parts[] = {str_of(row->mailbox), str_of(row->folder), str_of(place)};
    keep_hmac(keep, "withheld", parts, 3, hash);
    hash_base32(hash, out);
}

/* Where the decision sends it, in this mailbox's names: NULL where it stays. Mail that is only read beside the inbox
 * (Junk) is moved for `now` and `soon` alone. */
static const char *find_destination(const struct mailbox *mailbox, const struct message_row *row,
                                    const struct decision *decision)
{
    const char *folder = mailbox->conf->places[decision->route->place];
    if (!folder || strcmp(folder, row->folder) == 0)
        return NULL;
    bool is_inbox = strcmp(row->folder, mailbox->conf->inbox) == 0;
    return is_inbox || decision->urgency >= URGENCY_SOON ? folder : NULL;
}

static bool is_old(const struct decided *decided)
{
    return decided->internal_ms > 0 && decided->now_ms - decided->internal_ms > KEEP_OLD_MESSAGE_MS;
}

static void open_alert(struct keep *keep, const struct mailbox *mailbox, const struct decided *decided)
{
    const struct route *route = decided->decision->route;
    bool is_page = route->page != PAGE_NOBODY;
    if (!is_page && decided->decision->urgency < URGENCY_SOON)
        return;
    struct alert_row alert = {.urgency = decided->decision->urgency,
                              .target = is_page ? route->page : PAGE_CLINICAL,
                              .opened_ms = decided->now_ms,
                              .received_ms = decided->internal_ms,
                              .deadline_ms =
                                  route->deadline_s ? decided->now_ms + (int64_t)route->deadline_s * 1000 : 0};
    snprintf(alert.id, sizeof alert.id, "%s", decided->case_id);
    snprintf(alert.kind, sizeof alert.kind, "message");
    snprintf(alert.subject, sizeof alert.subject, "%s", mailbox->conf->name);
    alert_open(keep, &alert, decided->id, is_page, is_old(decided));
}

static void write_decision(struct keep *keep, struct mailbox *mailbox, const struct message_row *row,
                           const struct generation *generation, struct decided *decided)
{
    struct decision decision;
    if (decide(generation->pack, generation->policy, decided->verdict, keep->arena, &decision) != ERR_OK)
        bug("the turn's arena is too small for a decision");
    decided->id = row->id;
    decided->rules = generation->hash;
    decided->pack = generation->pack;
    decided->decision = &decision;
    decided->place = decision.route->place;
    /* Where a person put it, it stays. */
    const struct folder_status *folder = mailbox_folder(mailbox, row->folder);
    bool is_arrival = folder && folder->is_peoples;
    decided->destination = is_arrival ? NULL : find_destination(mailbox, row, &decision);
    decided->now_ms = clock_wall_ms();
    journal_decide(keep->journal, decided);
    open_alert(keep, mailbox, decided);
    if (is_arrival)
        arrival_settle(keep, folder, row->id, is_old(decided));
    log_info("decided", LOG_NAME("mailbox", mailbox->conf->name), LOG_NAME("case", decided->case_id),
             LOG_NAME("urgency", urgency_name(decision.urgency)), LOG_NAME("route", decision.route->id),
             LOG_NUMBER("cues", decided->verdict->hit_count), LOG_NUMBER("unscreened", decided->verdict->reasons));
}

void settle_verdict(struct keep *keep, struct work *work, const struct generation *generation,
                    const struct verdict *given)
{
    struct pseudonyms pseudonyms;
    char case_id[CASE_ID_SIZE];
    struct verdict verdict = *given;
    /* Own mail is never read for cues, so anybody's header would be a way past them: it must be proved. */
    if (verdict.class == CLASS_OWN &&
        !mail_is_own(keep->site_key, verdict.message_id, verdict.date_ms, verdict.own_proof))
        verdict.class = CLASS_UNKNOWN;
    make_pseudonyms(keep, work, &verdict, &pseudonyms);
    make_case_id(keep, work, case_id);
    struct decided decided = {.fingerprint = work->fingerprint,
                              .size = work->size,
                              .internal_ms = work->internal_ms,
                              .case_id = case_id,
                              .sender = pseudonyms.has_sender ? pseudonyms.sender : NULL,
                              .thread = pseudonyms.has_thread ? pseudonyms.thread : NULL,
                              .identity = pseudonyms.has_identity ? pseudonyms.identity : NULL,
                              .verdict = &verdict};
    write_decision(keep, work->mailbox, &work->row, generation, &decided);
    mailbox_end_work(work);
}

void settle_withheld(struct keep *keep, struct mailbox *mailbox, const struct message_row *row)
{
    char case_id[CASE_ID_SIZE];
    struct verdict verdict = {.class = CLASS_UNKNOWN, .reasons = REASON_SERVER_WITHHELD, .zone_minutes = INT32_MIN};
    if (!keep->current)
        return;
    arena_reset(keep->arena);
    make_withheld_case_id(keep, row, case_id);
    struct decided decided = {.case_id = case_id, .verdict = &verdict};
    write_decision(keep, mailbox, row, keep->current, &decided);
}
