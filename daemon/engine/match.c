/*
 * Applies compiled rules to a reading. Runs in screen's sandboxed children on what strangers wrote; allocates from the
 * message's arena alone. Work is bounded by counted steps, never by a clock, so that every run gives the same hits.
 */
#include <attune/ruleset_compiled.h>
#include <string.h>

struct span {
    size_t first; /* words */
    size_t last;
    size_t start; /* bytes of the stream */
    size_t end;
};

enum effect { EFFECT_NONE, EFFECT_NEAR, EFFECT_OVERLAPS };

enum urgency hit_urgency(enum urgency rule, uint8_t lowered)
{
    return lowered != LOWERED_NOT && rule > URGENCY_REVIEW ? URGENCY_REVIEW : rule;
}

/* Tries the pattern at one word. An error of the matcher is not "no match". */
static bool try_word(const struct ruleset *ruleset, const struct pattern *pattern, const struct words *words,
                     size_t word, size_t end, struct span *out, bool *failed)
{
    int found = pcre2_jit_match(pattern->code, (PCRE2_SPTR)words->stream.data, end, words->items[word].at - 1, 0,
                                ruleset->match_data, ruleset->match_context);
    if (found < 0) {
        *failed = *failed || found != PCRE2_ERROR_NOMATCH;
        return false;
    }
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(ruleset->match_data);
    *out = (struct span){word, words_find(words, ends[1]) - 1, ends[0], ends[1]};
    return true;
}

/* The next match that begins in bytes [at, end) of the stream. */
static bool find_next(const struct ruleset *ruleset, const struct pattern *pattern, const struct words *words,
                      size_t at, size_t end, struct span *out, bool *failed)
{
    for (size_t i = words_find(words, at + 1); i < words->count && words->items[i].at < end; i++)
        if (word_starts_has(&pattern->starts, words->items[i].start) &&
            try_word(ruleset, pattern, words, i, end, out, failed))
            return true;
    return false;
}

static size_t end_of_word(const struct words *words, size_t index)
{
    size_t end = index + 1 < words->count ? words->items[index + 1].at - 1 : words->stream.length;
    return end > 0 && words->stream.data[end - 1] == '\n' ? end - 1 : end;
}

/* The sentences that hold the hit, as a range of bytes: at most 60 words on each side of it. */
static void find_window(const struct words *words, const struct span *hit, size_t *from, size_t *to)
{
    size_t first = hit->first, last = hit->last;
    while (first > 0 && words->items[first - 1].sentence == words->items[hit->first].sentence)
        first--;
    while (last + 1 < words->count && words->items[last + 1].sentence == words->items[hit->last].sentence)
        last++;
    *from = words->items[first].at - 1;
    *to = end_of_word(words, last) + 1; /* with the space or line feed behind it, which a pattern looks at */
}

static enum effect judge(const struct span *hit, const struct span *unless)
{
    if (unless->first <= hit->last && hit->first <= unless->last)
        return EFFECT_OVERLAPS;
    size_t between = unless->first > hit->last ? unless->first - hit->last - 1 : hit->first - unless->last - 1;
    return between <= UNLESS_REACH ? EFFECT_NEAR : EFFECT_NONE;
}

static enum effect apply_unless(const struct ruleset *ruleset, const struct pattern *pattern, const struct words *words,
                                const struct span *hit, bool *failed)
{
    size_t at, end;
    enum effect strongest = EFFECT_NONE;
    struct span unless;
    find_window(words, hit, &at, &end);
    while (strongest != EFFECT_OVERLAPS && find_next(ruleset, pattern, words, at, end, &unless, failed)) {
        enum effect effect = judge(hit, &unless);
        strongest = effect > strongest ? effect : strongest;
        at = unless.start + 1;
    }
    return strongest;
}

static enum effect find_effect(const struct ruleset *ruleset, const struct compiled_rule *rule,
                               const struct words *words, const struct span *hit, size_t without, bool *failed)
{
    enum effect strongest = EFFECT_NONE;
    for (size_t i = 0; without != UNLESS_NONE_APPLIES && i < rule->unless_count; i++) {
        if (i == without)
            continue;
        enum effect effect = apply_unless(ruleset, &rule->unless[i], words, hit, failed);
        strongest = effect > strongest ? effect : strongest;
    }
    return strongest;
}

static void add_hit(struct hit_list *hits, struct hit hit)
{
    if (hits->count == VERDICT_MAX_HITS) {
        hits->cut = true;
        return;
    }
    if (hits->count == hits->capacity) {
        size_t capacity = hits->capacity * 2 + 16;
        struct hit *items = arena_array(hits->arena, capacity, sizeof *items);
        if (!items) {
            hits->failed = true;
            return;
        }
        if (hits->count)
            memcpy(items, hits->items, hits->count * sizeof *items);
        hits->items = items;
        hits->capacity = capacity;
    }
    hits->items[hits->count++] = hit;
}

/* One run of one rule over one field. */
struct run {
    struct hit_list *hits;
    size_t found;
    size_t lowered;
    size_t lowered_end; /* bytes of the stream: where the last lowered hit ends */
};

/* Notes the hit; false when it was cancelled. */
static bool note_hit(struct run *run, struct hit hit, const struct span *span, enum effect effect, enum urgency urgency)
{
    if (effect == EFFECT_OVERLAPS || (effect == EFFECT_NEAR && urgency < URGENCY_NOW))
        return false;
    hit.lowered = effect == EFFECT_NEAR ? LOWERED_UNLESS : LOWERED_NOT;
    bool again = hit.lowered && run->lowered && span->start < run->lowered_end;
    if (hit.lowered)
        run->lowered_end = span->end;
    if (again || (hit.lowered && run->found >= RULE_MAX_HITS))
        return true;
    add_hit(run->hits, hit);
    run->found++;
    run->lowered += hit.lowered != LOWERED_NOT;
    return true;
}

void rule_match(const struct ruleset *ruleset, uint32_t rule, enum text_field field, const struct words *words,
                size_t from, size_t to, size_t without, struct hit_list *hits)
{
    const struct compiled_rule *compiled = &ruleset->rules[rule];
    struct run run = {.hits = hits};
    struct span span;
    bool failed = false;
    size_t tries = 0;
    while (find_next(ruleset, &compiled->say, words, from, to, &span, &failed)) {
        if (++tries > RULE_MAX_TRIES) {
            failed = true;
            break;
        }
        enum effect effect = find_effect(ruleset, compiled, words, &span, without, &failed);
        struct hit hit = {rule, field, words->items[span.first].from, words->items[span.last].to, LOWERED_NOT};
        bool stands = note_hit(&run, hit, &span, effect, compiled->urgency);
        if (hits->cut || hits->failed || (run.found >= RULE_MAX_HITS && run.lowered < run.found))
            break;
        /* Words of a cancelled or lowered hit may begin another one that stands. */
        from = stands && effect == EFFECT_NONE ? span.end : span.start + 1;
    }
    if (failed)
        hits->reasons |= REASON_PATTERN_LIMIT;
}

bool rule_pattern_occurs(const struct ruleset *ruleset, const struct pattern *pattern, const struct words *words,
                         bool *failed)
{
    struct span span;
    return find_next(ruleset, pattern, words, 0, words->stream.length, &span, failed);
}

/* A message in work: each field as each stream sees it, and where each rule could match. */
struct job {
    const struct ruleset *ruleset;
    struct arena *arena;
    struct words *words;            /* [field][stream] */
    struct prefilter_range *ranges; /* [field][rule] */
};

static struct words *words_of(const struct job *job, size_t field, size_t stream)
{
    return &job->words[field * job->ruleset->stream_count + stream];
}

static enum err split_field(struct job *job, size_t field, struct str text)
{
    const struct ruleset *ruleset = job->ruleset;
    struct folded folded;
    enum err error = fold_text(job->arena, text, FOLD_PLAIN, &folded);
    for (size_t i = 0; error == ERR_OK && i < ruleset->stream_count; i++) {
        const struct stream *stream = &ruleset->streams[i];
        if (!stream->used)
            continue;
        struct words *words = words_of(job, field, i);
        error = words_split_folded(job->arena, &folded, stream->contractions, words);
        if (error == ERR_OK)
            prefilter_scan(stream->prefilter, words, job->ranges + field * ruleset->rule_count);
    }
    return error;
}

/* Words of the text as it was typed: those of a contraction's long form stand at one place. */
static uint32_t count_words(const struct words *words)
{
    uint32_t count = 0;
    for (size_t i = 0; i < words->count; i++)
        count += i == 0 || words->items[i].from != words->items[i - 1].from;
    return count;
}

static void match_rules(struct job *job, struct hit_list *hits)
{
    const struct ruleset *ruleset = job->ruleset;
    for (size_t i = 0; i < ruleset->rule_count && !hits->cut; i++) {
        uint32_t rule = ruleset->order[i];
        for (size_t field = 0; field < FIELD_COUNT && !hits->cut; field++) {
            struct prefilter_range range = job->ranges[field * ruleset->rule_count + rule];
            if (range.to > 0)
                rule_match(ruleset, rule, (enum text_field)field, words_of(job, field, ruleset->rules[rule].stream),
                           range.from, range.to, UNLESS_ALL_APPLY, hits);
        }
    }
}

static enum err start_job(struct job *job)
{
    const struct ruleset *ruleset = job->ruleset;
    job->words = arena_array(job->arena, FIELD_COUNT * ruleset->stream_count, sizeof *job->words);
    job->ranges = arena_array(job->arena, FIELD_COUNT * ruleset->rule_count, sizeof *job->ranges);
    return job->words && job->ranges ? ERR_OK : ERR_SYSTEM;
}

enum err ruleset_match(struct ruleset *ruleset, struct arena *arena, const struct reading *reading, struct hits *out)
{
    struct job job = {.ruleset = ruleset, .arena = arena};
    struct hit_list hits = {.arena = arena};
    enum err error = start_job(&job);
    for (size_t field = 0; error == ERR_OK && field < FIELD_COUNT; field++)
        error = split_field(&job, field, reading->fields[field]);
    if (error == ERR_LIMIT)
        hits.reasons |= REASON_CUT;
    else if (error != ERR_OK)
        return error;
    match_rules(&job, &hits);
    if (hits.failed)
        return ERR_SYSTEM;
    if (hits.cut)
        hits.reasons |= REASON_CUT;
    size_t stream = ruleset->rule_count ? ruleset->rules[0].stream : 0;
    *out = (struct hits){hits.items, hits.count, hits.reasons, count_words(words_of(&job, FIELD_TEXT, stream))};
    return ERR_OK;
}
