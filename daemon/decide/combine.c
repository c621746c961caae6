/* Which combinations hold. Pure; run by keep on a child's verdict and by the command. */
#include <attune/combine.h>
#include <stdlib.h>
#include <string.h>

/* A hit that combinations see. */
struct seen {
    uint32_t cue;
    uint32_t field;
    uint32_t start;
    uint32_t end;
};

bool combine_sees(const struct verdict *verdict, const struct hit *hit)
{
    bool own_words = hit->field == FIELD_TEXT || (hit->field == FIELD_SUBJECT && !verdict->repeats_subject);
    return own_words && hit->lowered == LOWERED_NOT;
}

static bool has_cue(const struct seen *seen, size_t count, uint32_t cue)
{
    for (size_t i = 0; i < count; i++)
        if (seen[i].cue == cue)
            return true;
    return false;
}

static size_t count_present(const struct combination *combination, const struct seen *seen, size_t count)
{
    size_t present = 0;
    for (size_t i = 0; i < combination->cue_count; i++)
        present += has_cue(seen, count, combination->cues[i]);
    return present;
}

static bool is_named(const struct combination *combination, uint32_t cue)
{
    for (size_t i = 0; i < combination->cue_count; i++)
        if (combination->cues[i] == cue)
            return true;
    return false;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_seen(const void *left, const void *right)
{
    const struct seen *a = left, *b = right;
    int order = compare_numbers(a->field, b->field);
    order = order ? order : compare_numbers(a->end, b->end);
    order = order ? order : compare_numbers(a->start, b->start);
    return order ? order : compare_numbers(a->cue, b->cue);
}

static bool overlaps(const struct seen *a, const struct seen *b)
{
    return a->field == b->field && a->start < b->end && b->start < a->end;
}

/* One greedy choice of hits of different cues that do not overlap, walking `seen` forwards or backwards. */
static size_t choose_apart(const struct combination *combination, const struct seen *seen, size_t count, bool backwards)
{
    bool taken[PACK_MAX_CUES] = {false};
    const struct seen *last = NULL;
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        const struct seen *hit = &seen[backwards ? count - 1 - i : i];
        if (taken[hit->cue] || !is_named(combination, hit->cue) || (last && overlaps(hit, last)))
            continue;
        taken[hit->cue] = true;
        last = hit;
        chosen++;
    }
    return chosen;
}

/* Distinct cues on distinct spans: the same words are not evidence twice. From either end, the better of two. */
static size_t count_apart(const struct combination *combination, const struct seen *seen, size_t count)
{
    size_t forwards = choose_apart(combination, seen, count, false);
    size_t backwards = choose_apart(combination, seen, count, true);
    return forwards > backwards ? forwards : backwards;
}

static bool holds(const struct combination *combination, const struct seen *seen, size_t count)
{
    switch (combination->kind) {
    case COMBINE_ALL:
        return count_present(combination, seen, count) == combination->cue_count;
    case COMBINE_ANY:
        return count_present(combination, seen, count) > 0;
    case COMBINE_COUNT:
        return count_apart(combination, seen, count) >= combination->at_least;
    }
    bug("a combination of no kind");
}

enum err combine_find(const struct pack *pack, const struct verdict *verdict, struct arena *arena, uint32_t *held,
                      size_t *count)
{
    struct seen *seen = arena_array(arena, verdict->hit_count, sizeof *seen);
    size_t seen_count = 0;
    *count = 0;
    if (!seen)
        return ERR_SYSTEM;
    for (size_t i = 0; i < verdict->hit_count; i++) {
        const struct hit *hit = &verdict->hits[i];
        if (combine_sees(verdict, hit))
            seen[seen_count++] =
                (struct seen){pack_rule(pack, hit->rule)->cue, (uint32_t)hit->field, hit->start, hit->end};
    }
    qsort(seen, seen_count, sizeof *seen, compare_seen);
    for (size_t i = 0; i < pack_combination_count(pack); i++)
        if (holds(pack_combination(pack, i), seen, seen_count))
            held[(*count)++] = (uint32_t)i;
    return ERR_OK;
}
