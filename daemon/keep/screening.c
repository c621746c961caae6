/*
 * Messages and the children that read them: a queue, a few messages ahead for each child, one clock for the one it has
 * in hand. A child that dies, hangs or lies costs itself; its message gets one more try on raw text alone and then goes
 * to people as unscreened; the messages behind it go back in line untouched. Run by keep; trusts no verdict: rule
 * numbers, spans and enums are checked, and what a rule is worth comes from keep's own copy of the set.
 */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* --- the queue
 * ---------------------------------------------------------------------------------------------------------- */

static void queue_last(struct keep *keep, struct work *work)
{
    work->stage = WORK_QUEUED;
    work->next_queued = NULL;
    *keep->queue_tail = work;
    keep->queue_tail = &work->next_queued;
    keep->queue_length++;
}

static void queue_first(struct keep *keep, struct work *work)
{
    work->stage = WORK_QUEUED;
    work->next_queued = keep->queue_head;
    if (!keep->queue_head)
        keep->queue_tail = &work->next_queued;
    keep->queue_head = work;
    keep->queue_length++;
}

static struct work *queue_take(struct keep *keep)
{
    struct work *work = keep->queue_head;
    keep->queue_head = work->next_queued;
    if (!keep->queue_head)
        keep->queue_tail = &keep->queue_head;
    keep->queue_length--;
    return work;
}

void screening_submit(struct keep *keep, struct work *work)
{
    work->mode = SCREEN_FULL;
    queue_last(keep, work);
}

void screening_forget(struct keep *keep)
{
    struct work *kept = keep->queue_head;
    keep->queue_head = NULL;
    keep->queue_tail = &keep->queue_head;
    keep->queue_length = 0;
    for (struct work *work = kept, *next; work; work = next) {
        next = work->next_queued;
        if (work->dropped)
            mailbox_end_work(work);
        else
            queue_last(keep, work);
    }
}

size_t screening_busy(const struct keep *keep)
{
    size_t busy = keep->queue_length;
    const struct generation *all[] = {keep->current, keep->retiring};
    for (size_t g = 0; g < 2; g++)
        for (size_t i = 0; all[g] && i < all[g]->slot_count; i++)
            busy += all[g]->slots[i].count;
    return busy;
}

/* --- a child that failed
 * -------------------------------------------------------------------------------------------------- */

/* Nobody could read it: people must. */
static void settle_unread(struct keep *keep, struct work *work, const struct generation *generation)
{
    struct verdict verdict = {.class = CLASS_UNKNOWN, .reasons = work->failed_reasons, .zone_minutes = INT32_MIN};
    settle_verdict(keep, work, generation, &verdict);
}

static void fail_head(struct keep *keep, const struct generation *generation, struct work *work, unsigned reason)
{
    log_warn("screen-failed", LOG_NAME("mailbox", work->mailbox->conf->name), LOG_NUMBER("row", work->row.id),
             LOG_NAME("reason", reason == REASON_SCREEN_TIMEOUT ? "timeout" : "crash"),
             LOG_NAME("mode", work->mode == SCREEN_FULL ? "full" : "raw"));
    work->failed_reasons |= reason;
    if (work->dropped) {
        mailbox_end_work(work);
    } else if (work->mode == SCREEN_FULL) {
        work->mode = SCREEN_RAW;
        queue_first(keep, work);
    } else {
        settle_unread(keep, work, generation);
    }
}

/* The child is gone. With a reason, its first message is at fault; the others never began. */
static void empty_slot(struct keep *keep, struct generation *generation, struct slot *slot, unsigned reason)
{
    ipc_channel_free(&slot->channel);
    slot->state = SLOT_EMPTY;
    size_t count = slot->count;
    slot->count = 0;
    for (size_t i = count; i > (reason ? 1u : 0u); i--)
        queue_first(keep, slot->works[i - 1]);
    if (reason && count)
        fail_head(keep, generation, slot->works[0], reason);
}

void screening_drop(struct keep *keep, struct generation *generation)
{
    for (size_t i = 0; i < generation->slot_count; i++)
        empty_slot(keep, generation, &generation->slots[i], 0);
}

void screening_watch(struct keep *keep)
{
    int64_t now = clock_monotonic_ms();
    struct generation *all[] = {keep->current, keep->retiring};
    for (size_t g = 0; g < 2; g++)
        for (size_t i = 0; all[g] && i < all[g]->slot_count; i++) {
            struct slot *slot = &all[g]->slots[i];
            if (slot->count && now - slot->head_since_ms > SCREEN_CHILD_WALL_MS) {
                empty_slot(keep, all[g], slot, REASON_SCREEN_TIMEOUT);
                /* Spawning into the slot has the zygote kill the one that hangs there. */
                if (peer_is_ready(&all[g]->zygote))
                    generation_spawn(keep, all[g], i);
            }
        }
}

/* --- verdicts
 * --------------------------------------------------------------------------------------------------------------- */

static bool take_verdict(struct keep *keep, struct generation *generation, struct slot *slot, struct ipc_frame *frame)
{
    if (frame->type != FRAME_CHILD_VERDICT || slot->count == 0)
        return false;
    struct work *work = slot->works[0];
    struct verdict verdict;
    arena_reset(keep->arena);
    if (ipc_get_u64(&frame->body) != (uint64_t)work->row.id ||
        verdict_get(&frame->body, keep->arena, (uint32_t)pack_rule_count(generation->pack), &verdict) != ERR_OK ||
        !ipc_read_end(&frame->body))
        return false;
    slot->count--;
    memmove(slot->works, slot->works + 1, slot->count * sizeof *slot->works);
    slot->head_since_ms = clock_monotonic_ms();
    if (work->dropped) {
        mailbox_end_work(work);
        return true;
    }
    verdict.reasons |= work->failed_reasons | (work->cut ? (unsigned)REASON_CUT : 0);
    settle_verdict(keep, work, generation, &verdict);
    return true;
}

void screening_hear(struct keep *keep, struct generation *generation, size_t index)
{
    struct slot *slot = &generation->slots[index];
    while (slot->state == SLOT_READY) {
        struct ipc_frame frame;
        enum err error = ipc_receive(slot->channel, &frame);
        if (error == ERR_ABSENT)
            return;
        bool good = error == ERR_OK && take_verdict(keep, generation, slot, &frame);
        if (error == ERR_OK && frame.fd >= 0)
            close(frame.fd);
        if (!good)
            empty_slot(keep, generation, slot, slot->count ? REASON_SCREEN_CRASH : 0);
    }
}

/* --- feeding
 * ------------------------------------------------------------------------------------------------------------------ */

static bool give(struct keep *keep, struct generation *generation, struct slot *slot, struct work *work)
{
    int copy = fcntl(work->fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return false;
    ipc_write_begin(&keep->writer, FRAME_CHILD_SCREEN);
    ipc_put_u64(&keep->writer, (uint64_t)work->row.id);
    ipc_put_u8(&keep->writer, (uint8_t)work->mode);
    if (ipc_write_end(&keep->writer) != ERR_OK || ipc_send(slot->channel, &keep->writer, copy) != ERR_OK) {
        close(copy);
        return false;
    }
    if (slot->count == 0)
        slot->head_since_ms = clock_monotonic_ms();
    work->stage = WORK_SCREENING;
    work->generation = generation;
    slot->works[slot->count++] = work;
    slot->given++;
    return true;
}

/* The slot that may take another message and has the fewest; NULL when none may. */
static struct slot *find_slot(struct generation *generation)
{
    struct slot *best = NULL;
    for (size_t i = 0; i < generation->slot_count; i++) {
        struct slot *slot = &generation->slots[i];
        if (slot->state != SLOT_READY || slot->count == KEEP_SLOT_DEPTH || slot->given >= SCREEN_CHILD_MESSAGES)
            continue;
        if (!best || slot->count < best->count)
            best = slot;
    }
    return best;
}

static void renew_slots(struct keep *keep, struct generation *generation)
{
    for (size_t i = 0; i < generation->slot_count && peer_is_ready(&generation->zygote); i++) {
        struct slot *slot = &generation->slots[i];
        if (slot->state == SLOT_READY && slot->given >= SCREEN_CHILD_MESSAGES && slot->count == 0)
            empty_slot(keep, generation, slot, 0);
        if (slot->state == SLOT_EMPTY)
            generation_spawn(keep, generation, i);
    }
}

void screening_feed(struct keep *keep)
{
    struct generation *generation = keep->current;
    if (!generation)
        return;
    renew_slots(keep, generation);
    while (keep->queue_head) {
        if (keep->queue_head->dropped) {
            mailbox_end_work(queue_take(keep));
            continue;
        }
        struct slot *slot = find_slot(generation);
        if (!slot)
            return;
        struct work *work = queue_take(keep);
        if (!give(keep, generation, slot, work)) {
            /* A child that is gone shows so when it is heard, after the verdicts that it left behind. */
            queue_first(keep, work);
            screening_hear(keep, generation, (size_t)(slot - generation->slots));
            return;
        }
    }
}
