/*
 * Any pattern on any text: the pattern is the first line, the text the rest. A pattern is refused with a sentence, or it
 * compiles; then each match is whole words of one sentence within reach and holds a literal, and what a walk remembers
 * of literals changes nothing.
 */
#include <attune/regex.h>
#include <attune/ruleset.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

enum { MAX_TRIES = 300 /* of words: hungry patterns take 12 ms each */ };

static bool holds_one(const struct regex_literals *literals, struct str text)
{
    for (size_t i = 0; i < literals->count; i++)
        if (str_find(text, literals->items[i], 0) != SIZE_MAX)
            return true;
    return false;
}

static void check_match(const struct regex *regex, const struct words *words, size_t word, size_t stop)
{
    struct str match = str_slice(words->stream, words->items[word].at, stop);
    if (stop > words->stream.length || match.length > REGEX_REACH || str_find(match, STR("\n"), 0) != SIZE_MAX ||
        (words->stream.data[stop] != ' ' && words->stream.data[stop] != '\n') || !holds_one(&regex->literals, match))
        abort();
}

static void walk_words(const struct regex *regex, const struct words *words)
{
    struct regex_walk walk = {
        .words = words, .context = pcre2_match_context_create(NULL), .data = pcre2_match_data_create(1, NULL)};
    for (size_t i = 0; i < words->count && i < MAX_TRIES; i++) {
        struct regex_walk fresh = {.words = words, .context = walk.context, .data = walk.data};
        size_t stop = 0, again = 0;
        enum regex_answer answer = regex_try(&walk, regex, 0, i, words->stream.length, &stop);
        if (answer != regex_try(&fresh, regex, 0, i, words->stream.length, &again) || stop != again)
            abort();
        if (answer == REGEX_FOUND)
            check_match(regex, words, i, stop);
        if (answer == REGEX_UNDECIDED)
            break;
    }
    pcre2_match_context_free(walk.context);
    pcre2_match_data_free(walk.data);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    struct str text = {(const char *)bytes, length};
    struct regex regex;
    struct regex_fault fault = {0};
    size_t line = str_find(text, STR("\n"), 0);
    if (!utf8_is_valid(text))
        return 0;
    struct str pattern = str_slice(text, 0, line);
    struct arena *arena = arena_new(64 * 1024 * 1024);
    enum err error = regex_compile(pattern, NULL, &regex, &fault);
    if (error == ERR_OK) {
        struct words words;
        if (line != SIZE_MAX && words_split(arena, str_slice(text, line + 1, length), NULL, &words) == ERR_OK)
            walk_words(&regex, &words);
    } else if (error != ERR_INPUT || !fault.code || !fault.message[0]) {
        abort();
    }
    regex_free(&regex);
    arena_free(&arena);
    return 0;
}
