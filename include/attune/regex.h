/*
 * Patterns of rules for what a phrase cannot say: a strict part of PCRE2 (UTF, UCP) over the stream of words (words.h),
 * so they see what phrases see: folded words with one space between, no signs, contractions in their long form. A match
 * is whole words of one typed sentence. Every match holds a literal, so a pattern is tried only at words that have one
 * of its literals ahead of them. The work of a try is bounded and counted, and what was not decided is said.
 * Compiled as rules load, from the operator's text; tried in screen's children on what strangers wrote.
 */
#ifndef ATTUNE_REGEX_H
#define ATTUNE_REGEX_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/words.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    REGEX_MAX_LETTERS = 200, /* characters of a pattern as it is typed */
    REGEX_MIN_LITERAL = 4,   /* letters in a row that every match holds */
    REGEX_NEAR_LETTERS = 3,  /* of a literal, in a near miss */
    REGEX_MAX_DEPTH = 6,     /* of groups in groups */
    REGEX_MAX_REPEAT = 100,  /* of a number in {n,m}: PCRE2 writes such repeats out */
    REGEX_MAX_LITERALS = REGEX_MAX_LETTERS / (REGEX_MIN_LITERAL + 1) + 1, /* 4 letters and a `|` each */
    REGEX_MAX_PATTERNS = 20,                                              /* of one rule: regex is the exception */
    REGEX_REACH = 512, /* bytes of the stream that a match spans at most, about 90 words: what one step may scan */
};

struct regex_fault {
    const char
        *code; /* of the finding: P004 form, P005 length, P006 literal, P007 repeats, P008 PCRE2's own, P003 JIT */
    char message[256];
};

/* BORROWS from the pattern's text. */
struct regex_literals {
    struct str items[REGEX_MAX_LITERALS];
    size_t count;
    size_t shortest; /* bytes of the shortest */
};

/*
 * Checks the form of a pattern and finds literals of which every match holds one. ERR_INPUT with *fault; ERR_SYSTEM
 * without memory. `pattern` is valid UTF-8.
 */
enum err regex_parse(struct str pattern, struct regex_literals *out, struct regex_fault *fault);

struct regex {
    pcre2_code *code;
    struct regex_literals literals;
};

/* As regex_parse(), and compiles with JIT. BORROWS the text of the pattern. The caller OWNS *out. */
enum err regex_compile(struct str pattern, pcre2_compile_context *context, struct regex *out,
                       struct regex_fault *fault);
void regex_free(struct regex *regex);

/* Where one pattern's next literal stands: none begins before `at`; end == 0: not looked for yet. Zero to begin with.
 */
struct regex_place {
    size_t at;
    size_t end;
};

/* One walk over the words of a text, forwards. */
struct regex_walk {
    const struct words *words;
    pcre2_match_context *context; /* of patterns alone: its match limit changes */
    pcre2_match_data *data;
    size_t work; /* done so far, in units of 10 ns at most, counted and not measured */
    struct regex_place places[REGEX_MAX_PATTERNS];
};

enum regex_answer { REGEX_SILENT, REGEX_FOUND, REGEX_UNDECIDED };

/* Tries the pattern with this index in its rule at one word, no further than byte `end` of the stream; *stop is one
 * past its match. REGEX_UNDECIDED is never "no match". */
enum regex_answer regex_try(struct regex_walk *walk, const struct regex *regex, size_t index, size_t word, size_t end,
                            size_t *stop);

/* Whether the text holds the first three letters of a literal. */
bool regex_is_near(const struct regex *regex, const struct words *words);

#endif
