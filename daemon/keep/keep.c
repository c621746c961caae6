/*
 * The daemon's main role: start, one loop, clean stop. Run as the operator's service user. What it trusts: its own
 * files. See keep.h for the order of a turn, on which the promise rests that nothing is lost.
 */
#include <attune/clock.h>
#include <attune/keep.h>
#include <attune/log.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    TURN_ARENA = 4 * 1024 * 1024, /* a verdict of 64 KiB with 1,024 hits, and its decision */
    MAX_WAIT_MS = 1000,           /* watch-dogs are looked at at least this often */
    IDLE_WINDOW_MS = 2000,        /* --until-idle: nothing in flight or due within this time */
    STOP_MS = 3000,
    MAX_POLL = 4 + CONF_MAX_MAILBOXES + 3 + 2 * SCREEN_MAX_CHILDREN + CONTROL_MAX_CLIENTS,
};

/* --- start
 * ------------------------------------------------------------------------------------------------------------ */

static void print_findings(const struct diag *diag)
{
    struct buf text;
    buf_init(&text, 256 * 1024);
    diag_print(diag, &text);
    fputs(buf_text(&text), stderr);
    buf_free(&text);
}

static enum err open_mailboxes(struct keep *keep)
{
    keep->mailbox_count = keep->conf->mailbox_count;
    keep->mailboxes = calloc(keep->mailbox_count ? keep->mailbox_count : 1, sizeof *keep->mailboxes);
    if (!keep->mailboxes)
        return ERR_SYSTEM;
    for (size_t i = 0; i < keep->mailbox_count; i++) {
        enum err error = mailbox_open(keep, &keep->mailboxes[i], &keep->conf->mailboxes[i]);
        if (error != ERR_OK)
            return error;
    }
    return ERR_OK;
}

/* A set that does not load leaves the last good one; with none, there is no start. */
static enum err open_rules(struct keep *keep)
{
    enum err error = rules_offer(keep, keep->conf->rules_dir);
    if (error != ERR_OK)
        error = rules_restore(keep);
    keep->rules_are_stale = keep->coming && keep->coming->is_stored;
    return error;
}

static enum err open_all(struct keep *keep, struct diag *diag)
{
    enum err error = store_open(keep, diag);
    if (error == ERR_OK)
        error = journal_open(keep->conf->state_dir, &keep->journal, diag);
    if (error == ERR_OK)
        error = control_open(keep, diag);
    if (error == ERR_OK)
        error = open_mailboxes(keep);
    if (error == ERR_OK)
        error = notify_open(keep);
    return error == ERR_OK ? open_rules(keep) : error;
}

static void close_all(struct keep *keep)
{
    control_close(keep);
    if (keep->journal)
        rules_close(keep);
    for (size_t i = 0; i < keep->mailbox_count; i++)
        mailbox_close(keep, &keep->mailboxes[i]);
    free(keep->mailboxes);
    notify_close(keep);
    journal_close(&keep->journal);
    ipc_writer_free(&keep->writer);
    arena_free(&keep->arena);
    if (keep->lock_fd >= 0)
        close(keep->lock_fd);
    conf_free(&keep->conf);
    sodium_memzero(keep->site_key, sizeof keep->site_key);
}

static void harden(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    signal(SIGPIPE, SIG_IGN);
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* --- reload
 * ------------------------------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static void note_conf_error(struct keep *keep, const char *text)
{
    snprintf(keep->conf_error, sizeof keep->conf_error, "%.*s", (int)strcspn(text, "\n"), text);
    keep->conf_is_stale = text[0] != '\0';
}

static struct conf *load_conf_again(struct keep *keep)
{
    struct diag diag;
    struct conf *conf = NULL;
    struct buf text;
    diag_init(&diag);
    buf_init(&text, 64 * 1024);
    if (conf_load(keep->conf_path, &conf, &diag) != ERR_OK) {
        diag_print(&diag, &text);
    } else if (!same_text(conf->state_dir, keep->conf->state_dir) || !same_text(conf->run_dir, keep->conf->run_dir)) {
        buf_add_text(&text, "state_dir and run_dir change only with a restart");
        conf_free(&conf);
    }
    note_conf_error(keep, buf_text(&text));
    if (text.length)
        fprintf(stderr, "%s\n", buf_text(&text));
    buf_free(&text);
    diag_free(&diag);
    return conf;
}

/* Every work goes back to the journal, and the processes that knew the old configuration end. */
static void forget_work(struct keep *keep)
{
    for (size_t i = 0; i < keep->mailbox_count; i++)
        mailbox_drop_work(keep, &keep->mailboxes[i]);
    if (keep->current)
        screening_drop(keep, keep->current);
    if (keep->retiring)
        screening_drop(keep, keep->retiring);
    screening_forget(keep);
}

static void reload(struct keep *keep)
{
    keep->wants_reload = false;
    struct conf *conf = load_conf_again(keep);
    if (conf) {
        forget_work(keep);
        for (size_t i = 0; i < keep->mailbox_count; i++)
            mailbox_close(keep, &keep->mailboxes[i]);
        free(keep->mailboxes);
        keep->mailboxes = NULL;
        keep->mailbox_count = 0;
        notify_close(keep);
        conf_free(&keep->conf);
        keep->conf = conf;
        if (open_mailboxes(keep) != ERR_OK || notify_open(keep) != ERR_OK)
            bug("no memory to reload");
    }
    if (rules_offer(keep, keep->conf->rules_dir) != ERR_OK)
        keep->rules_are_stale = true;
    log_info("reload", LOG_NAME("configuration", keep->conf_is_stale ? "stale" : "taken"),
             LOG_NAME("rules", keep->rules_are_stale ? "stale" : "offered"));
}

/* --- the turn
 * ------------------------------------------------------------------------------------------------------------- */

struct watch {
    struct pollfd fds[MAX_POLL];
    void (*heard[MAX_POLL])(struct keep *keep, void *what, size_t number);
    void *what[MAX_POLL];
    size_t number[MAX_POLL];
    size_t count;
};

static void add(struct watch *watch, int fd, bool wants_write, void (*heard)(struct keep *, void *, size_t), void *what,
                size_t number)
{
    watch->fds[watch->count] = (struct pollfd){.fd = fd, .events = (short)(POLLIN | (wants_write ? POLLOUT : 0))};
    watch->heard[watch->count] = heard;
    watch->what[watch->count] = what;
    watch->number[watch->count++] = number;
}

static void heard_signal(struct keep *keep, void *what, size_t fd)
{
    struct signalfd_siginfo info;
    (void)what;
    while (read((int)fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            keep->wants_reload = true;
        else
            keep->is_stopping = true;
    }
}

static void heard_peer(struct keep *keep, void *what, size_t number)
{
    struct peer *peer = what;
    (void)number;
    if (peer->pid > 0 && ipc_flush(peer->channel) != ERR_OK)
        peer_lose(keep, peer, "channel");
    else
        peer_hear(keep, peer);
}

static void heard_child(struct keep *keep, void *what, size_t slot)
{
    struct generation *generation = what;
    if (generation->slots[slot].state == SLOT_READY)
        screening_hear(keep, generation, slot);
}

static void heard_listener(struct keep *keep, void *what, size_t number)
{
    (void)what;
    (void)number;
    control_accept(keep);
}

static void heard_client(struct keep *keep, void *what, size_t client)
{
    (void)what;
    control_read(keep, client);
}

static void add_peer(struct watch *watch, struct peer *peer)
{
    if (peer->pid > 0)
        add(watch, ipc_channel_fd(peer->channel), ipc_channel_wants_write(peer->channel), heard_peer, peer, 0);
}

static void add_generation(struct watch *watch, struct generation *generation)
{
    if (!generation)
        return;
    add_peer(watch, &generation->zygote);
    for (size_t i = 0; i < generation->slot_count; i++)
        if (generation->slots[i].state == SLOT_READY)
            add(watch, ipc_channel_fd(generation->slots[i].channel),
                ipc_channel_wants_write(generation->slots[i].channel), heard_child, generation, i);
}

static void gather(struct keep *keep, struct watch *watch, int signals)
{
    watch->count = 0;
    add(watch, signals, false, heard_signal, NULL, (size_t)signals);
    if (keep->current) /* until rules are in force there is nothing true to answer: callers wait */
        add(watch, keep->control.listener, false, heard_listener, NULL, 0);
    add_peer(watch, &keep->notify);
    add_generation(watch, keep->current);
    add_generation(watch, keep->retiring);
    if (keep->coming)
        add_peer(watch, &keep->coming->zygote);
    for (size_t i = 0; i < keep->mailbox_count; i++)
        add_peer(watch, &keep->mailboxes[i].peer);
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
        if (keep->control.clients[i].fd >= 0)
            add(watch, keep->control.clients[i].fd, keep->control.clients[i].answer != NULL, heard_client, NULL, i);
}

static int64_t until_start_ms(const struct peer *peer, int64_t wait)
{
    int64_t left = peer->start_at_ms - clock_monotonic_ms();
    return peer->pid > 0 || left > wait ? wait : left;
}

static int64_t until_page_ms(struct keep *keep, int64_t wait)
{
    if (!keep->page_due_known) {
        keep->page_due_ms = journal_next_page_due(keep->journal);
        keep->page_due_known = true;
    }
    int64_t left = keep->page_due_ms - clock_wall_ms();
    /* Due and not gone: it is with notify, its channel is busy, or notify is starting. Each wakes us when that changes.
     */
    return left <= 0 || left > wait ? wait : left;
}

static int wait_ms(struct keep *keep)
{
    int64_t wait = until_page_ms(keep, MAX_WAIT_MS);
    wait = until_start_ms(&keep->notify, wait);
    if (keep->current)
        wait = until_start_ms(&keep->current->zygote, wait);
    if (keep->coming && !keep->coming->has_failed)
        wait = until_start_ms(&keep->coming->zygote, wait);
    for (size_t i = 0; i < keep->mailbox_count; i++)
        wait = until_start_ms(&keep->mailboxes[i].peer, wait);
    return wait < 0 ? 0 : (int)wait;
}

static void run_peers(struct keep *keep)
{
    struct generation *generations[] = {keep->current, keep->retiring, keep->coming};
    for (size_t i = 0; i < 3; i++)
        if (generations[i] && !generations[i]->has_failed) {
            peer_run(keep, &generations[i]->zygote);
            peer_watch(keep, &generations[i]->zygote);
        }
    peer_run(keep, &keep->notify);
    peer_watch(keep, &keep->notify);
    for (size_t i = 0; i < keep->mailbox_count; i++) {
        peer_run(keep, &keep->mailboxes[i].peer);
        peer_watch(keep, &keep->mailboxes[i].peer);
    }
}

static void watch_disk(struct keep *keep)
{
    int64_t now = clock_monotonic_ms();
    bool is_bad = journal_is_volatile(keep->journal) || journal_is_short_of_space(keep->journal);
    if (is_bad && now >= keep->disk_retry_ms) {
        keep->disk_retry_ms = now + KEEP_DISK_RETRY_MS;
        if (journal_try_disk(keep->journal))
            is_bad = false;
    }
    alarm_set(keep, ALARM_JOURNAL, "all", is_bad);
}

static void watch_conditions(struct keep *keep)
{
    size_t gone = journal_count_gone_since(keep->journal, clock_wall_ms() - 3600 * 1000);
    alarm_set(keep, ALARM_UNREAD_GONE, "all", gone >= KEEP_GONE_ALARM);
    alarm_set(keep, ALARM_RULES, "all", keep->rules_are_stale);
    alarm_set(keep, ALARM_SETTINGS, "all", keep->conf_is_stale);
    alarm_set(keep, ALARM_CHANNEL, "all", keep->channels_left_out > 0);
}

/* As after a crash: what the journal holds is what is so. */
static void restart_from_journal(struct keep *keep)
{
    log_error("journal-commit-lost", LOG_NAME("effect", "work-restarts-from-the-journal"));
    control_retract(keep);
    forget_work(keep);
    for (size_t i = 0; i < keep->mailbox_count; i++)
        peer_end(keep, &keep->mailboxes[i].peer);
    keep->sending_count = 0;
    keep->page_due_known = false;
    keep->disk_retry_ms = clock_monotonic_ms() + KEEP_DISK_RETRY_MS;
    peer_end(keep, &keep->notify);
}

static void act(struct keep *keep)
{
    control_write(keep);
    notify_send_due(keep);
    screening_feed(keep);
    for (size_t i = 0; i < keep->mailbox_count; i++)
        mailbox_act(keep, &keep->mailboxes[i]);
}

static void hear(struct keep *keep, const struct watch *watch)
{
    /* Hearing one may end another (a generation whose set is given up ends in rules_turn() alone, so `what` stays
     * valid). */
    for (size_t i = 0; i < watch->count; i++)
        if (watch->fds[i].revents)
            watch->heard[i](keep, watch->what[i], watch->number[i]);
}

static void turn(struct keep *keep, struct watch *watch, int signals)
{
    gather(keep, watch, signals);
    if (poll(watch->fds, watch->count, wait_ms(keep)) > 0)
        hear(keep, watch);
    control_expire(keep);
    screening_watch(keep);
    run_peers(keep);
    rules_turn(keep);
    if (keep->wants_reload && !keep->coming) /* one set at a time */
        reload(keep);
    watch_disk(keep);
    watch_conditions(keep);
    alert_run_ladder(keep);
    digest_plan(keep);
    for (size_t i = 0; i < keep->mailbox_count; i++)
        mailbox_plan(keep, &keep->mailboxes[i]);
    if (journal_has_changes(keep->journal)) {
        keep->page_due_known = false;
        if (journal_commit(keep->journal) != ERR_OK) {
            restart_from_journal(keep);
            return;
        }
    }
    act(keep);
}

/* --- until idle, and stop
 * -------------------------------------------------------------------------------------------------- */

static bool is_idle(struct keep *keep)
{
    if (!keep->current || keep->coming || screening_busy(keep) || keep->sending_count || !peer_is_ready(&keep->notify))
        return false;
    for (size_t i = 0; i < keep->mailbox_count; i++)
        if (!mailbox_is_idle(keep, &keep->mailboxes[i]))
            return false;
    int64_t horizon = clock_wall_ms() + IDLE_WINDOW_MS;
    if (journal_next_page_due(keep->journal) <= horizon)
        return false;
    for (size_t i = 0; i < keep->mailbox_count; i++)
        if (keep->mailboxes[i].is_up && journal_has_due(keep->journal, keep->mailboxes[i].conf->name, horizon))
            return false;
    return true;
}

static void watch_idle(struct keep *keep)
{
    int64_t now = clock_monotonic_ms();
    if (!is_idle(keep)) {
        keep->idle_since_ms = 0;
        return;
    }
    if (!keep->idle_since_ms)
        keep->idle_since_ms = now;
    /* A moment of quiet: an IDLE notice or a listing may be on its way. */
    if (now - keep->idle_since_ms >= 500)
        keep->is_stopping = true;
}

/* Each role finishes the command in hand; whoever takes too long is killed, and the journal goes on next time. */
static void stop_roles(struct keep *keep)
{
    struct peer *peers[CONF_MAX_MAILBOXES + 2];
    size_t count = 0;
    peers[count++] = &keep->notify;
    for (size_t i = 0; i < keep->mailbox_count; i++)
        peers[count++] = &keep->mailboxes[i].peer;
    for (size_t i = 0; i < count; i++)
        if (peer_is_ready(peers[i])) {
            ipc_write_begin(&keep->writer, FRAME_STOP);
            if (peer_send(keep, peers[i], &keep->writer, -1))
                peers[i]->state = PEER_STOPPING;
        }
    int64_t deadline = clock_monotonic_ms() + STOP_MS;
    for (size_t i = 0; i < count; i++)
        while (peers[i]->pid > 0 && clock_monotonic_ms() < deadline) {
            struct pollfd wait = {.fd = ipc_channel_fd(peers[i]->channel), .events = POLLIN};
            poll(&wait, 1, (int)(deadline - clock_monotonic_ms()));
            peer_hear(keep, peers[i]);
        }
    if (journal_commit(keep->journal) != ERR_OK)
        log_warn("last-commit-failed");
}

static int run(struct keep *keep)
{
    static struct watch watch;
    int signals = open_signals();
    if (signals < 0)
        return 2;
    log_info("started", LOG_NAME("version", ATTUNE_VERSION), LOG_NUMBER("mailboxes", keep->mailbox_count));
    int64_t watchdog_ms = notify_systemd_interval_ms(), last_ms = 0;
    while (!keep->is_stopping) {
        turn(keep, &watch, signals);
        if (!keep->current && !keep->coming) {
            log_error("no-rules");
            return 1;
        }
        if (keep->current && !keep->notified_ready)
            keep->notified_ready = notify_systemd("READY=1");
        if (watchdog_ms && clock_monotonic_ms() - last_ms > watchdog_ms) {
            last_ms = clock_monotonic_ms();
            notify_systemd("WATCHDOG=1");
        }
        if (keep->until_idle)
            watch_idle(keep);
    }
    notify_systemd("STOPPING=1");
    stop_roles(keep);
    log_info("stopped");
    close(signals);
    return 0;
}

/* --- entry
 * ---------------------------------------------------------------------------------------------------------------------
 */

int keep_main(const struct keep_options *options)
{
    struct diag diag;
    struct keep keep = {.conf_path = options->conf_path, .until_idle = options->until_idle, .lock_fd = -1};
    keep.control.listener = -1;
    keep.queue_tail = &keep.queue_head;
    keep.started_ms = clock_wall_ms();
    keep.started_monotonic_ms = clock_monotonic_ms();
    log_set_role("keep");
    harden();
    diag_init(&diag);
    keep.arena = arena_new(TURN_ARENA);
    if (sodium_init() < 0 || !keep.arena)
        return 2;
    enum err error = conf_load(options->conf_path, &keep.conf, &diag);
    if (error == ERR_OK && options->check_only)
        error = keep_check(keep.conf, &diag);
    else if (error == ERR_OK)
        error = open_all(&keep, &diag);
    print_findings(&diag);
    diag_free(&diag);
    int status = error == ERR_OK ? 0 : options->check_only ? 1 : 2;
    if (error == ERR_OK && !options->check_only)
        status = run(&keep);
    close_all(&keep);
    return status;
}
