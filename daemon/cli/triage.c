/* `attune triage`: stored mail through the daemon's own reading, matching and deciding. Mail bytes are handed to
 * sandboxed children unread; this process holds the rules and decides. Lines come out in the order of the input. */
#include <attune/clirules.h>
#include <attune/clock.h>
#include <attune/mailsource.h>
#include <attune/output.h>
#include <attune/report.h>
#include <attune/screenpool.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WINDOW = 1024,                /* messages read ahead of the oldest that is not printed */
    MAX_HELD = 64 * 1024 * 1024,  /* bytes of finished lines that wait for it */
    DECISION_ARENA = 1024 * 1024, /* cards and combinations of one message */
    PROGRESS_MS = 250,
};

struct slot {
    char *name;
    bool cut;
    bool done;
    struct buf line;
};

struct triage {
    const struct cli_arguments *arguments;
    struct clirules rules;
    struct mailsource *source;
    struct screenpool *pool;
    struct arena *arena;
    struct slot slots[WINDOW];
    uint64_t given;
    uint64_t printed;
    size_t held;
    bool failed; /* a path could not be read */
    unsigned long by_urgency[URGENCY_NOW + 1];
    unsigned long pages;
    unsigned long unscreened;
    int64_t progress_at_ms;
};

static void note_problem(void *context, const char *path, const char *why)
{
    struct triage *triage = context;
    triage->failed = true;
    output_problem("%s: %s.", path, why);
}

static void count(struct triage *triage, const struct verdict *verdict, const struct decision *decision)
{
    triage->by_urgency[decision->urgency]++;
    triage->pages += decision->route->page != PAGE_NOBODY;
    triage->unscreened += verdict->reasons != 0;
}

/* A decision too large for its arena can only come from a child that lies: its hits are worth nothing then. */
static void decide_message(struct triage *triage, struct verdict *verdict, struct decision *decision)
{
    arena_reset(triage->arena);
    if (decide(triage->rules.pack, triage->rules.policy, verdict, triage->arena, decision) == ERR_OK)
        return;
    verdict->hit_count = 0;
    verdict->reasons |= REASON_SCREEN_CRASH;
    arena_reset(triage->arena);
    if (decide(triage->rules.pack, triage->rules.policy, verdict, triage->arena, decision) != ERR_OK)
        bug("a decision without hits does not fit its arena");
}

/* A verdict came: decide and render; the line waits for those before it. */
static void take_verdict(void *context, uint64_t ticket, const struct verdict *child_verdict, const struct str *texts)
{
    struct triage *triage = context;
    struct slot *slot = &triage->slots[ticket % WINDOW];
    struct verdict verdict = *child_verdict;
    struct decision decision;
    if (slot->cut)
        verdict.reasons |= REASON_CUT;
    if (verdict.class == CLASS_OWN) /* proved by a key that only the daemon has */
        verdict.class = CLASS_UNKNOWN;
    decide_message(triage, &verdict, &decision);
    count(triage, &verdict, &decision);
    const struct report report = {.source = slot->name,
                                  .rules = &triage->rules,
                                  .verdict = &verdict,
                                  .decision = &decision,
                                  .texts = texts,
                                  .timing = triage->arguments->timing};
    if (!triage->arguments->json)
        report_add_line(&slot->line, &report);
    else if (report_add_json(&slot->line, &report) != ERR_OK)
        output_problem("%s: there is no memory for its verdict.", slot->name);
    triage->held += slot->line.length;
    slot->done = true;
}

static void print_finished(struct triage *triage)
{
    uint64_t before = triage->printed;
    for (; triage->printed < triage->given; triage->printed++) {
        struct slot *slot = &triage->slots[triage->printed % WINDOW];
        if (!slot->done)
            break;
        output_print(&slot->line);
        triage->held -= slot->line.length;
        buf_free(&slot->line);
        free(slot->name);
        *slot = (struct slot){0};
    }
    if (triage->printed != before)
        fflush(stdout);
}

static enum err give(struct triage *triage, const struct mailsource_item *item)
{
    struct slot *slot = &triage->slots[triage->given % WINDOW];
    slot->name = strdup(item->name);
    slot->cut = item->cut;
    buf_init(&slot->line, OUTPUT_MAX);
    if (!slot->name || screenpool_give(triage->pool, triage->given, item->raw) != ERR_OK) {
        free(slot->name);
        *slot = (struct slot){0};
        return ERR_SYSTEM;
    }
    triage->given++;
    return ERR_OK;
}

static void show_progress(struct triage *triage)
{
    int64_t now = clock_monotonic_ms();
    if (now - triage->progress_at_ms < PROGRESS_MS || isatty(STDOUT_FILENO))
        return;
    triage->progress_at_ms = now;
    output_progress("%llu messages read", (unsigned long long)triage->printed);
}

static bool window_is_open(const struct triage *triage)
{
    return triage->given - triage->printed < WINDOW && triage->held < MAX_HELD;
}

/* Gives what the pool takes. *ended when the source has no more; `item` is kept while it waits for room. */
static enum err give_all(struct triage *triage, struct mailsource_item *item, bool *has_item, bool *ended)
{
    while (!*ended && window_is_open(triage)) {
        if (!*has_item) {
            enum err error = mailsource_next(triage->source, item);
            *ended = error == ERR_ABSENT;
            if (error != ERR_OK)
                return *ended ? ERR_OK : error;
            *has_item = true;
        }
        if (!screenpool_has_room(triage->pool, item->raw.length))
            return ERR_OK;
        if (give(triage, item) != ERR_OK)
            return ERR_SYSTEM;
        *has_item = false;
    }
    return ERR_OK;
}

static enum err read_all(struct triage *triage)
{
    struct mailsource_item item;
    bool has_item = false, ended = false;
    while (!ended || !screenpool_is_idle(triage->pool)) {
        if (give_all(triage, &item, &has_item, &ended) != ERR_OK ||
            screenpool_step(triage->pool, PROGRESS_MS) != ERR_OK)
            return ERR_SYSTEM;
        print_finished(triage);
        show_progress(triage);
    }
    return ERR_OK;
}

static void print_summary(const struct triage *triage)
{
    const unsigned long *by = triage->by_urgency;
    printf("%llu message%s: now %lu, soon %lu, review %lu, routine %lu; %lu would page",
           (unsigned long long)triage->printed, triage->printed == 1 ? "" : "s", by[URGENCY_NOW], by[URGENCY_SOON],
           by[URGENCY_REVIEW], by[URGENCY_ROUTINE], triage->pages);
    if (triage->unscreened)
        printf("; %lu not read in full", triage->unscreened);
    putchar('\n');
}

static size_t core_count(void)
{
    cpu_set_t cores;
    return sched_getaffinity(0, sizeof cores, &cores) == 0 ? (size_t)CPU_COUNT(&cores) : 1;
}

static enum err prepare(struct triage *triage)
{
    const struct screenpool_setup setup = {
        .ruleset = triage->rules.ruleset,
        .rule_count = (uint32_t)pack_rule_count(triage->rules.pack),
        .children = triage->arguments->jobs ? triage->arguments->jobs : core_count(),
        .wall_ms = SCREEN_CHILD_WALL_MS,
        .fork_child = screen_fork_child,
        .done = take_verdict,
        .context = triage,
    };
    if (reading_prepare() != ERR_OK) {
        output_problem("a charset converter that mail needs is not installed.");
        return ERR_SYSTEM;
    }
    triage->source =
        mailsource_new(triage->arguments->operands, triage->arguments->operand_count, note_problem, triage);
    triage->pool = screenpool_new(&setup);
    triage->arena = arena_new(DECISION_ARENA);
    return triage->source && triage->pool && triage->arena ? ERR_OK : ERR_SYSTEM;
}

static void finish(struct triage *triage)
{
    for (; triage->printed < triage->given; triage->printed++) {
        buf_free(&triage->slots[triage->printed % WINDOW].line);
        free(triage->slots[triage->printed % WINDOW].name);
    }
    screenpool_free(&triage->pool);
    mailsource_free(&triage->source);
    arena_free(&triage->arena);
    clirules_free(&triage->rules);
}

static enum cli_exit run(struct triage *triage)
{
    if (prepare(triage) != ERR_OK)
        return CLI_USAGE;
    if (!triage->arguments->json) {
        struct buf heading;
        buf_init(&heading, OUTPUT_MAX);
        report_add_heading(&heading);
        output_print(&heading);
        buf_free(&heading);
    }
    if (read_all(triage) != ERR_OK) {
        output_problem("mail cannot be read in a sandbox here (%s): nothing is read outside one.",
                       errno ? strerror(errno) : "the process that should read it died at once");
        return CLI_USAGE;
    }
    if (!triage->arguments->json)
        print_summary(triage);
    size_t skipped = mailsource_skipped(triage->source);
    if (skipped)
        output_problem("%zu file%s left out: not mail.", skipped, skipped == 1 ? " was" : "s were");
    return triage->failed ? CLI_USAGE : CLI_DONE;
}

enum cli_exit cli_triage(const struct cli_arguments *arguments)
{
    struct diag diag;
    char *directory;
    enum cli_exit status = clirules_find(arguments, NULL, &directory);
    if (status != CLI_DONE)
        return status;
    struct triage *triage = calloc(1, sizeof *triage);
    if (!triage) {
        free(directory);
        return CLI_USAGE;
    }
    triage->arguments = arguments;
    diag_init(&diag);
    enum err error = clirules_load(directory, &triage->rules, &diag);
    output_findings(&diag);
    diag_free(&diag);
    status = error == ERR_OK ? run(triage) : CLI_USAGE;
    finish(triage);
    free(triage);
    return status;
}
