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

/* Patterns against the words of one field. */
struct search {
    const struct ruleset *ruleset;
    const struct words *words;
    size_t work; /* done so far, of WORK_MAX */
    bool failed; /* something could not be decided: never "no match" */
    struct regex_walk walk;
};

enum effect { EFFECT_NONE, EFFECT_NEAR, EFFECT_OVERLAPS };

enum urgency hit_urgency(enum urgency rule, uint8_t lowered)
{
    return lowered != LOWERED_NOT && rule > URGENCY_REVIEW ? URGENCY_REVIEW : rule;
}

static bool try_word(struct search *search, const struct pattern *pattern, size_t word, size_t end, struct span *out)
{
    const struct ruleset *ruleset = search->ruleset;
    const struct words *words = search->words;
    int found = pcre2_jit_match(pattern->code, (PCRE2_SPTR)words->stream.data, end, words->items[word].at - 1, 0,
                                ruleset->match_data, ruleset->match_context);
    search->work += pattern->ways;
    if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
        search->work += WORK_UNDECIDED;
        search->failed = true;
    }
    if (found < 0)
        return false;
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(ruleset->match_data);
    *out = (struct span){word, words_find(words, ends[1]) - 1, ends[0], ends[1]};
    return true;
}

/* The next match that begins in bytes [at, end) of the stream. */
static bool find_next(struct search *search, const struct pattern *pattern, size_t at, size_t end, struct span *out)
{
    const struct words *words = search->words;
    for (size_t i = words_find(words, at + 1); i < words->count && words->items[i].at < end; i++) {
        if (!word_starts_has(&pattern->starts, words->items[i].start))
            continue;
        if (search->work >= WORK_MAX) {
            search->failed = true;
            return false;
        }
        if (try_word(search, pattern, i, end, out))
            return true;
    }
    return false;
}

/* The first pattern of the rule that begins at this word. Its match ends with a whole word, so it is words. */
static bool try_regexes(struct search *search, const struct compiled_rule *rule, size_t word, size_t end,
                        struct span *out)
{
    struct regex_walk *walk = &search->walk;
    for (size_t i = 0; i < rule->regex_count; i++) {
        size_t before = walk->work, stop;
        enum regex_answer answer = regex_try(walk, &rule->regexes[i], i, word, end, &stop);
        search->work += walk->work - before;
        search->failed = search->failed || answer == REGEX_UNDECIDED;
        if (answer != REGEX_FOUND)
            continue;
        *out = (struct span){word, words_find(search->words, stop) - 1, search->words->items[word].at - 1, stop};
        return true;
    }
    return false;
}

/* The next match of a phrase or a pattern of the rule that begins in bytes [at, end) of the stream. */
static bool find_next_hit(struct search *search, const struct compiled_rule *rule, size_t at, size_t end,
                          struct span *out)
{
    const struct words *words = search->words;
    if (rule->regex_count == 0)
        return find_next(search, &rule->say, at, end, out);
    for (size_t i = words_find(words, at + 1); i < words->count && words->items[i].at < end; i++) {
        if (search->work >= WORK_MAX) {
            search->failed = true;
            return false;
        }
        if (rule->say.code && word_starts_has(&rule->say.starts, words->items[i].start) &&
            try_word(search, &rule->say, i, end, out))
            return true;
        if (try_regexes(search, rule, i, end, out))
            return true;
    }
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

static enum effect apply_unless(struct search *search, const struct pattern *pattern, const struct span *hit)
{
    size_t at, end;
    enum effect strongest = EFFECT_NONE;
    struct span unless;
    search->work += WORK_WINDOW;
    find_window(search->words, hit, &at, &end);
    while (strongest != EFFECT_OVERLAPS && find_next(search, pattern, at, end, &unless)) {
        enum effect effect = judge(hit, &unless);
        strongest = effect > strongest ? effect : strongest;
        at = unless.start + 1;
    }
    return strongest;
}

/* The strongest effect of all `unless` of the rule but the one left out. */
static enum effect find_effect(struct search *search, const struct compiled_rule *rule, const struct span *hit,
                               size_t without)
{
    enum effect strongest = EFFECT_NONE;
    for (size_t i = 0; without != UNLESS_NONE_APPLIES && i < rule->unless_count; i++) {
        if (i == without)
            continue;
        enum effect effect = apply_unless(search, &rule->unless[i], hit);
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

/* The hits of one task so far. */
struct run {
    const struct rule_task *task;
    struct hit_list *hits;
    size_t found;
    size_t lowered;
    size_t lowered_end; /* bytes of the stream: where the last lowered hit ends */
};

/* Lowered hits that overlap, or that pass the limit while they wait for one that stands, say nothing new. */
static void note_hit(struct run *run, const struct span *span, enum lowering lowered)
{
    bool again = lowered && run->lowered > 0 && span->start < run->lowered_end;
    if (lowered)
        run->lowered_end = span->end;
    if (again || (lowered && run->found >= RULE_MAX_HITS))
        return;
    const struct word *words = run->task->words->items;
    add_hit(run->hits, (struct hit){run->task->rule, run->task->field, words[span->first].from, words[span->last].to,
                                    (uint8_t)lowered});
    run->found++;
    run->lowered += lowered != LOWERED_NOT;
}

/* Nothing more to learn: the lists are full, or enough hits were found and one of them stands. */
static bool is_done(const struct run *run)
{
    return run->hits->cut || run->hits->failed || (run->found >= RULE_MAX_HITS && run->lowered < run->found);
}

void rule_match(const struct ruleset *ruleset, const struct rule_task *task, struct hit_list *hits)
{
    const struct compiled_rule *rule = &ruleset->rules[task->rule];
    struct search search = {.ruleset = ruleset, .words = task->words};
    search.walk =
        (struct regex_walk){.words = task->words, .context = ruleset->regex_context, .data = ruleset->match_data};
    struct run run = {.task = task, .hits = hits};
    struct span span;
    size_t at = task->from;
    while (!is_done(&run) && find_next_hit(&search, rule, at, task->to, &span)) {
        enum effect effect = find_effect(&search, rule, &span, task->without);
        bool cancelled = effect == EFFECT_OVERLAPS || (effect == EFFECT_NEAR && rule->urgency < URGENCY_NOW);
        if (!cancelled)
            note_hit(&run, &span, effect == EFFECT_NEAR ? LOWERED_UNLESS : LOWERED_NOT);
        /* Words of a cancelled or lowered hit may begin another one that stands. */
        at = effect == EFFECT_NONE ? span.end : span.start + 1;
    }
    if (search.failed)
        hits->reasons |= REASON_PATTERN_LIMIT;
}

bool rule_pattern_occurs(const struct ruleset *ruleset, const struct pattern *pattern, const struct words *words)
{
    struct search search = {.ruleset = ruleset, .words = words};
    struct span span;
    return find_next(&search, pattern, 0, words->stream.length, &span);
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
            struct rule_task task = {
                rule,     (enum text_field)field, words_of(job, field, ruleset->rules[rule].stream), range.from,
                range.to, UNLESS_ALL_APPLY};
            if (range.to > 0)
                rule_match(ruleset, &task, hits);
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
