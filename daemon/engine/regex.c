/*
 * Compiles patterns, and tries them at words. Trying runs in screen's sandboxed children on what strangers wrote: each
 * try sees REGEX_REACH bytes at most, under a match limit that rises only where a try needs it, and its work is counted.
 */
#include <attune/regex.h>
#include <attune/ruleset.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_PATTERN = REGEX_MAX_LETTERS * 4 + 32,
    FIND_WORK = 5,       /* of looking for one literal, and */
    FIND_WORK_BYTES = 8, /* bytes looked at for one unit more */
};

/*
 * The match limits of a try, the next after the one that was not enough, and what a try under each costs at most:
 * measured on lookaheads and nested repeats over REGEX_REACH bytes, 5 us, 53 us, 254 us and 11.5 ms. Most tries end
 * under the first, in 0.1 us.
 */
static const struct {
    uint32_t limit;
    size_t work; /* in units of 10 ns */
} tries[] = {
    {2, 500},
    {50, 5300},
    {1000, 26000},
    {RULESET_MATCH_LIMIT, 1200000},
};

static enum err fail(struct regex_fault *fault, const char *code, const char *message)
{
    fault->code = code;
    snprintf(fault->message, sizeof fault->message, "%s", message);
    return ERR_INPUT;
}

static enum err fail_pcre2(struct regex_fault *fault, int error, size_t at)
{
    char sentence[160];
    if (pcre2_get_error_message(error, (PCRE2_UCHAR *)sentence, sizeof sentence) < 0)
        snprintf(sentence, sizeof sentence, "error %d", error);
    fault->code = "P008";
    snprintf(fault->message, sizeof fault->message, "byte %zu: PCRE2 does not take this pattern: %s", at + 1, sentence);
    return ERR_INPUT;
}

static enum err compile_code(struct str pattern, pcre2_compile_context *context, pcre2_code **out,
                             struct regex_fault *fault)
{
    static const char begin[] = "(?:", end[] = ")(?= |\\z)"; /* whole words; the reach ends behind one */
    const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C;
    char whole[MAX_PATTERN];
    int length = snprintf(whole, sizeof whole, "%s%.*s%s", begin, (int)pattern.length, pattern.data, end);
    int error;
    PCRE2_SIZE at;
    *out = pcre2_compile((PCRE2_SPTR)whole, (size_t)length, options, &error, &at, context);
    if (!*out)
        return fail_pcre2(fault, error, at > sizeof begin - 1 ? at - (sizeof begin - 1) : 0);
    size_t size = 0;
    if (pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE) == 0 && pcre2_pattern_info(*out, PCRE2_INFO_JITSIZE, &size) == 0 &&
        size > 0)
        return ERR_OK;
    pcre2_code_free(*out);
    *out = NULL;
    return fail(fault, "P003", "this pattern cannot be compiled to machine code here, so it would not be bounded");
}

enum err regex_compile(struct str pattern, pcre2_compile_context *context, struct regex *out, struct regex_fault *fault)
{
    *out = (struct regex){0};
    enum err error = regex_parse(pattern, &out->literals, fault);
    return error == ERR_OK ? compile_code(pattern, context, &out->code, fault) : error;
}

void regex_free(struct regex *regex)
{
    pcre2_code_free(regex->code);
    regex->code = NULL;
}

/* Where a match that begins at `at` may end at most: behind the last whole word of the sentence in reach. `at` when
 * the word itself is longer than that. */
static size_t find_reach(struct str stream, size_t at, size_t end)
{
    size_t most = stream.length - at > REGEX_REACH ? at + REGEX_REACH : stream.length;
    most = most < end ? most : end;
    const char *line = memchr(stream.data + at, '\n', most - at);
    if (line)
        return (size_t)(line - stream.data);
    if (most == stream.length || stream.data[most] == ' ' || stream.data[most] == '\n')
        return most;
    const char *space = memrchr(stream.data + at, ' ', most - at);
    return space ? (size_t)(space - stream.data) : at;
}

/* Whether a literal stands in the reach. What was seen at the words before is not looked at again. */
static bool holds_literal(struct regex_walk *walk, const struct regex_literals *literals, struct regex_place *place,
                          size_t at, size_t reach)
{
    struct str stream = walk->words->stream;
    if (place->end > 0 && place->at >= at)
        return place->end <= reach;
    size_t from = place->at > at ? place->at : at;
    size_t longest = 0;
    *place = (struct regex_place){SIZE_MAX, 0};
    for (size_t i = 0; i < literals->count; i++) {
        struct str literal = literals->items[i];
        size_t to = place->end > 0 ? place->end : reach;
        size_t found = str_find(str_slice(stream, 0, to), literal, from);
        longest = literal.length > longest ? literal.length : longest;
        if (found < place->at)
            *place = (struct regex_place){found, found + literal.length};
        walk->work += FIND_WORK + (to - from) / FIND_WORK_BYTES;
    }
    if (place->at != SIZE_MAX)
        return true;
    place->at = reach > longest ? reach - longest : 0; /* one that begins behind this may end out of reach */
    return false;
}

static enum regex_answer run(struct regex_walk *walk, const struct regex *regex, size_t at, size_t reach, size_t *stop)
{
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        pcre2_set_match_limit(walk->context, tries[i].limit);
        int found =
            pcre2_jit_match(regex->code, (PCRE2_SPTR)walk->words->stream.data, reach, at, 0, walk->data, walk->context);
        walk->work += tries[i].work;
        if (found >= 0) {
            *stop = pcre2_get_ovector_pointer(walk->data)[1];
            return REGEX_FOUND;
        }
        if (found == PCRE2_ERROR_NOMATCH)
            return REGEX_SILENT;
        if (found != PCRE2_ERROR_MATCHLIMIT)
            break;
    }
    return REGEX_UNDECIDED;
}

enum regex_answer regex_try(struct regex_walk *walk, const struct regex *regex, size_t index, size_t word, size_t end,
                            size_t *stop)
{
    size_t at = walk->words->items[word].at;
    size_t reach = find_reach(walk->words->stream, at, end);
    walk->work++;
    if (!holds_literal(walk, &regex->literals, &walk->places[index], at, reach))
        return REGEX_SILENT;
    return run(walk, regex, at, reach, stop);
}

static struct str begin_of(struct str literal)
{
    size_t at = 0, size;
    for (int i = 0; i < REGEX_NEAR_LETTERS && at < literal.length; i++, at += size)
        utf8_decode(literal, at, &size);
    return str_slice(literal, 0, at);
}

bool regex_is_near(const struct regex *regex, const struct words *words)
{
    for (size_t i = 0; i < regex->literals.count; i++)
        if (str_find(words->stream, begin_of(regex->literals.items[i]), 0) != SIZE_MAX)
            return true;
    return false;
}
