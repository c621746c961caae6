/* Ordered failures of a screen child. Test builds only (ATTUNE_FAULTS); otherwise this file is empty. */
#include <attune/fault.h>

#ifdef ATTUNE_FAULTS

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool wants(struct str raw, const char *fault)
{
    static const struct str name = {"X-Attune-Fault: ", 16};
    struct str line;
    while (str_next_line(&raw, &line) && line.length > 0)
        if (str_starts_nocase(line, name) && str_equal_text(str_slice(line, name.length, line.length), fault))
            return true;
    return false;
}

static void spin(void)
{
    for (volatile uint64_t turns = 0;; turns++)
        ;
}

/* Takes memory as a runaway parser would: until it gets no more, and then uses what it did not get. */
static void eat_memory(void)
{
    for (;;) {
        char *block = malloc(16 * 1024 * 1024);
        memset(block, 1, 16 * 1024 * 1024);
    }
}

static const struct {
    const char *word;
    bool full_only; /* the second try, on raw text, then succeeds */
    void (*act)(void);
} faults[] = {
    {"crash", false, abort},
    {"crash-once", true, abort},
    {"hang", false, spin},
    {"memory", false, eat_memory},
};

void fault_before_screening(struct str raw, enum screen_mode mode)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (wants(raw, faults[i].word) && (mode == SCREEN_FULL || !faults[i].full_only))
            faults[i].act();
}

void fault_after_screening(struct str raw, struct verdict *verdict)
{
    static const struct hit invented = {.rule = UINT32_MAX, .field = FIELD_TEXT, .start = 0, .end = 1};
    if (!wants(raw, "lie"))
        return;
    verdict->hits = &invented;
    verdict->hit_count = 1;
}

#endif
