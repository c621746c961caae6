/*
 * Stand-ins for reading and matching, for tests of the processes around them: what a message makes them do is its first
 * word. Included by one test program each; its definitions take the place of the library's.
 */
#ifndef ATTUNE_TEST_STAND_IN_H
#define ATTUNE_TEST_STAND_IN_H

#include <attune/pack.h>
#include <attune/ruleset.h>
#include <attune/screen.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STAND_IN_RULES = 7 };

static void stand_in_spin(void)
{
    for (volatile uint64_t turns = 0;; turns++)
        ;
}

/* Until there is no more; then uses what it did not get. Untouched pages cost the machine nothing. */
static void stand_in_eat_memory(void)
{
    for (;;) {
        volatile char *block = malloc(16 * 1024 * 1024);
        block[0] = 1;
    }
}

static int stand_in_overflow_stack(volatile char *above)
{
    if (above && above[0] == 2) /* never, but the compiler cannot know */
        return 0;
    volatile char frame[4096];
    frame[0] = above ? above[0] : 1;
    return stand_in_overflow_stack(frame) + frame[0];
}

static void stand_in_segfault(void)
{
    volatile char *volatile nowhere = NULL;
    *nowhere = 1;
}

static void stand_in_exec(void)
{
    char *const arguments[] = {(char[]){"true"}, NULL};
    execve("/bin/true", arguments, NULL);
}

static void stand_in_overflow(void)
{
    _exit(stand_in_overflow_stack(NULL));
}

static const struct {
    const char *word;
    void (*act)(void);
} stand_in_faults[] = {
    {"crash", abort},
    {"segfault", stand_in_segfault},
    {"hang", stand_in_spin},
    {"memory", stand_in_eat_memory},
    {"stack", stand_in_overflow},
    {"exec", stand_in_exec},
};

/* What a captured child would reach for. "nothing": it got nothing. */
static const char *stand_in_reach(void)
{
    if (open("/etc/passwd", O_RDONLY) >= 0)
        return "file";
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0)
        return "socket";
    for (int fd = 4; fd < 64; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return "descriptor";
    return getenv("SECRET") ? "environment" : "nothing";
}

enum err reading_from_mail(struct arena *arena, struct str raw, enum screen_mode mode, struct reading *out)
{
    *out = (struct reading){.class = CLASS_HUMAN, .zone_minutes = INT32_MIN};
    for (size_t i = 0; i < sizeof stand_in_faults / sizeof *stand_in_faults; i++)
        if (mode == SCREEN_FULL && str_equal_text(raw, stand_in_faults[i].word))
            stand_in_faults[i].act();
    if (str_equal_text(raw, "full"))
        return arena_alloc(arena, READING_ARENA + 1) ? ERR_OK : ERR_SYSTEM;
    out->from_address = str_equal_text(raw, "reach") ? str_of(stand_in_reach()) : raw;
    out->fields[FIELD_TEXT] = STR("0123456789");
    out->reasons = mode == SCREEN_RAW ? REASON_UNPARSABLE : 0;
    return ERR_OK;
}

bool ruleset_has_language(const struct ruleset *ruleset, const char *language)
{
    (void)ruleset;
    (void)language;
    return true;
}

enum err ruleset_match(struct ruleset *ruleset, struct arena *arena, const struct reading *reading, struct hits *out)
{
    (void)ruleset;
    *out = (struct hits){.words = 1};
    if (!str_equal_text(reading->from_address, "hits"))
        return ERR_OK;
    struct hit *hits = arena_array(arena, 3, sizeof *hits);
    for (uint32_t i = 0; hits && i < 3; i++)
        hits[i] = (struct hit){.rule = i, .field = FIELD_TEXT, .start = i, .end = i + 4};
    out->items = hits;
    out->count = hits ? 3 : 0;
    return hits ? ERR_OK : ERR_SYSTEM;
}

#endif
