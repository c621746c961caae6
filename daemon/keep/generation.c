/*
 * Rule sets in force. A set is copied into the state directory, checked by keep and compiled and tested by a zygote
 * before it counts; an accepted one stays there by its hash, and is what a start with a bad set falls back to. A
 * message is judged by one set alone: a new set takes over for new messages while the old one's children finish theirs.
 * Run by keep.
 */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Deaths of a screen while it loads an offered set. */
enum { MAX_LOAD_TRIES = 5 };

static size_t core_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > SCREEN_MAX_CHILDREN ? SCREEN_MAX_CHILDREN : (size_t)cores;
}

/* --- making and ending
 * ------------------------------------------------------------------------------------------------ */

static void generation_free(struct keep *keep, struct generation **generation)
{
    if (!*generation)
        return;
    screening_drop(keep, *generation);
    peer_end(keep, &(*generation)->zygote);
    policy_free(&(*generation)->policy);
    pack_free(&(*generation)->pack);
    free((*generation)->findings);
    free(*generation);
    *generation = NULL;
}

static struct generation *generation_new(struct keep *keep, const char *directory, bool is_stored)
{
    struct generation *generation = calloc(1, sizeof *generation);
    if (!generation)
        return NULL;
    snprintf(generation->directory, sizeof generation->directory, "%s", directory);
    generation->is_stored = is_stored;
    generation->slot_count = keep->conf->screen_children ? keep->conf->screen_children : core_count();
    if (generation->slot_count > SCREEN_MAX_CHILDREN)
        generation->slot_count = SCREEN_MAX_CHILDREN;
    generation->zygote = (struct peer){.role = ROLE_SCREEN,
                                       .begin = generation_begin,
                                       .take = generation_take,
                                       .lost = generation_lost,
                                       .owner = generation};
    snprintf(generation->zygote.label, sizeof generation->zygote.label, "screen");
    return generation;
}

/* The first finding, which a status line has room for; the log and `attune rules check` give all. */
static void note_error(struct keep *keep, const char *text)
{
    snprintf(keep->rules_error, sizeof keep->rules_error, "%.*s", (int)strcspn(text, "\n"), text);
}

static void note_findings(struct keep *keep, const struct diag *diag)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    diag_print(diag, &text);
    note_error(keep, buf_text(&text));
    if (text.length)
        fprintf(stderr, "%s", buf_text(&text));
    buf_free(&text);
}

static enum err load(struct keep *keep, struct generation *generation)
{
    struct diag diag;
    diag_init(&diag);
    enum err error = pack_load(generation->directory, &generation->pack, &diag);
    if (error == ERR_OK)
        error = policy_load(generation->directory, generation->pack, &generation->policy, &diag);
    if (error != ERR_OK)
        note_findings(keep, &diag);
    else
        memcpy(generation->hash, pack_hash(generation->pack), HASH_SIZE);
    diag_free(&diag);
    return error;
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- offering a set -------------------------------------------------------------------------------------------------
 */

enum err rules_offer(struct keep *keep, const char *rules_dir)
{
    char incoming[4096];
    struct diag diag;
    snprintf(incoming, sizeof incoming, "%s/rules/incoming", keep->conf->state_dir);
    generation_free(keep, &keep->coming);
    remove_tree(incoming);
    diag_init(&diag);
    enum err error = store_copy_rules(rules_dir, incoming, &diag);
    if (error != ERR_OK)
        note_findings(keep, &diag);
    diag_free(&diag);
    if (error != ERR_OK)
        return error;
    struct generation *generation = generation_new(keep, incoming, false);
    if (!generation)
        return ERR_SYSTEM;
    error = load(keep, generation);
    if (error != ERR_OK) {
        generation_free(keep, &generation);
        return error;
    }
    keep->coming = generation;
    return ERR_OK;
}

enum err rules_restore(struct keep *keep)
{
    char hash[HASH_HEX_SIZE], directory[4096];
    journal_get_meta(keep->journal, "rules_current", hash, sizeof hash);
    if (!hash[0])
        return ERR_ABSENT;
    snprintf(directory, sizeof directory, "%s/rules/%s", keep->conf->state_dir, hash);
    char offered_error[sizeof keep->rules_error];
    memcpy(offered_error, keep->rules_error, sizeof offered_error);
    struct generation *generation = generation_new(keep, directory, true);
    if (!generation)
        return ERR_SYSTEM;
    enum err error = load(keep, generation);
    if (error != ERR_OK) {
        generation_free(keep, &generation);
        return error;
    }
    memcpy(keep->rules_error, offered_error, sizeof keep->rules_error);
    keep->coming = generation;
    log_warn("rules-last-good", LOG_HEX("rules", keep->coming->hash, HASH_SIZE));
    return ERR_OK;
}

void rules_close(struct keep *keep)
{
    generation_free(keep, &keep->coming);
    generation_free(keep, &keep->current);
    generation_free(keep, &keep->retiring);
}

/* Gives the accepted set its place by hash. */
static bool store(struct keep *keep, struct generation *generation)
{
    char hex[HASH_HEX_SIZE], directory[4096], parent[4000];
    hash_hex(generation->hash, hex);
    snprintf(parent, sizeof parent, "%s/rules", keep->conf->state_dir);
    snprintf(directory, sizeof directory, "%s/%s", parent, hex);
    if (access(directory, F_OK) == 0)
        remove_tree(generation->directory);
    else if (rename(generation->directory, directory) < 0 || store_sync_directory(parent) != ERR_OK)
        return false;
    snprintf(generation->directory, sizeof generation->directory, "%s", directory);
    generation->is_stored = true;
    journal_set_meta(keep->journal, "rules_current", hex);
    journal_audit(keep->journal, "attuned", "rules-accepted", hex, "");
    return true;
}

/* --- taking over
 * ------------------------------------------------------------------------------------------------------ */

static void promote(struct keep *keep)
{
    struct generation *generation = keep->coming;
    bool is_offered = !generation->is_stored;
    if (is_offered && !store(keep, generation)) {
        log_error("rules-not-stored", LOG_NUMBER("errno", errno));
        generation->is_stored = true; /* it works from where it is; the journal still names the one before */
    }
    generation_free(keep, &keep->retiring);
    keep->retiring = keep->current;
    keep->current = generation;
    keep->coming = NULL;
    keep->rules_are_stale = !is_offered;
    if (is_offered)
        keep->rules_error[0] = '\0';
    log_info("rules-in-force", LOG_HEX("rules", generation->hash, HASH_SIZE),
             LOG_NUMBER("count", pack_rule_count(generation->pack)));
}

static void give_up(struct keep *keep)
{
    note_error(keep,
               keep->coming->findings ? keep->coming->findings : "the screen ended each time it loaded this rule set");
    bool was_offered = !keep->coming->is_stored;
    generation_free(keep, &keep->coming);
    log_error("rules-refused");
    keep->rules_are_stale = true;
    if (!keep->current && was_offered)
        rules_restore(keep);
}

static bool is_empty(const struct generation *generation)
{
    for (size_t i = 0; i < generation->slot_count; i++)
        if (generation->slots[i].count)
            return false;
    return true;
}

void rules_turn(struct keep *keep)
{
    if (keep->coming && keep->coming->has_failed)
        give_up(keep);
    else if (keep->coming && keep->coming->zygote.state == PEER_READY && keep->coming->zygote.pid > 0)
        promote(keep);
    if (keep->retiring && is_empty(keep->retiring))
        generation_free(keep, &keep->retiring);
}

/* --- the zygote's frames
 * ------------------------------------------------------------------------------------------------ */

enum err generation_begin(struct keep *keep, struct peer *peer)
{
    struct generation *generation = peer->owner;
    ipc_write_begin(&keep->writer, FRAME_SCREEN_LOAD);
    ipc_put_text(&keep->writer, generation->directory);
    ipc_put_u8(&keep->writer, (uint8_t)generation->slot_count);
    return peer_send(keep, peer, &keep->writer, -1) ? ERR_OK : ERR_PEER;
}

void generation_spawn(struct keep *keep, struct generation *generation, size_t slot)
{
    generation->slots[slot].state = SLOT_ASKED;
    ipc_write_begin(&keep->writer, FRAME_SCREEN_SPAWN);
    ipc_put_u32(&keep->writer, (uint32_t)slot);
    peer_send(keep, &generation->zygote, &keep->writer, -1);
}

static bool take_loaded(struct keep *keep, struct generation *generation, struct ipc_reader *body)
{
    (void)keep;
    unsigned char hash[HASH_SIZE];
    uint8_t is_good = ipc_get_u8(body);
    ipc_get_bytes(body, hash, sizeof hash);
    uint32_t rules = ipc_get_u32(body);
    struct str findings = ipc_get_str(body);
    if (!ipc_read_end(body) || is_good > 1)
        return false;
    if (!is_good) {
        free(generation->findings);
        generation->findings = strndup(findings.data ? findings.data : "", findings.length);
        fprintf(stderr, "%.*s", (int)findings.length, findings.data ? findings.data : "");
        generation->has_failed = true;
        return true;
    }
    /* Both read the same files: anything else means that they changed in between. */
    if (memcmp(hash, generation->hash, HASH_SIZE) != 0 || rules != pack_rule_count(generation->pack))
        return false;
    generation->zygote.state = PEER_READY;
    return true;
}

static bool take_child(struct generation *generation, struct ipc_frame *frame)
{
    uint32_t number = ipc_get_u32(&frame->body);
    if (!ipc_read_end(&frame->body) || number >= generation->slot_count ||
        generation->slots[number].state != SLOT_ASKED)
        return false;
    struct slot *slot = &generation->slots[number];
    slot->channel = ipc_channel_new(frame->fd);
    frame->fd = -1;
    slot->state = slot->channel ? SLOT_READY : SLOT_EMPTY;
    slot->given = 0;
    return true;
}

bool generation_take(struct keep *keep, struct peer *peer, struct ipc_frame *frame)
{
    struct generation *generation = peer->owner;
    if (frame->type == FRAME_SCREEN_LOADED)
        return take_loaded(keep, generation, &frame->body);
    if (frame->type == FRAME_SCREEN_CHILD)
        return take_child(generation, frame);
    if (frame->type != FRAME_SCREEN_EXITED)
        return false;
    uint32_t slot = ipc_get_u32(&frame->body), status = ipc_get_u32(&frame->body);
    if (!ipc_read_end(&frame->body) || slot >= generation->slot_count)
        return false;
    if (status)
        log_warn("screen-child-ended", LOG_NUMBER("slot", slot), LOG_NUMBER("status", status));
    return true;
}

void generation_lost(struct keep *keep, struct peer *peer)
{
    struct generation *generation = peer->owner;
    screening_drop(keep, generation);
    /* A screen that dies while it loads says nothing of the rules: it is started again. Only when that keeps happening
     * to a set that is merely offered is the set given up. */
    bool keeps_dying = peer->restarts + 1 >= MAX_LOAD_TRIES;
    if (generation == keep->coming && !generation->is_stored && keeps_dying)
        generation->has_failed = true;
}
