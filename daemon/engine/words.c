/*
 * Splits folded text into the stream of words that phrases are matched against. Runs in screen's children on what
 * strangers wrote, and on rules as they load, so that a rule and a text meet in one form.
 */
#include <attune/contractions.h>
#include <attune/fold.h>
#include <attune/words.h>
#include <string.h>
#include <utf8proc.h>

struct splitter {
    struct arena *arena;
    const struct folded *folded; /* in FOLD_PLAIN */
    const struct contractions *table;
    char *stream;
    size_t length;
    size_t capacity;
    struct word *items;
    size_t count;
    size_t items_capacity;
    uint32_t sentence;
    size_t sentence_words;
    bool failed; /* the arena is full */
};

enum { FIRST_WORDS = 64 };

/* What an ASCII byte is to a word. */
enum { SEPARATES = 0, BELONGS = 1, APOSTROPHE = 2 };

static int kind_of(struct str text, size_t at, size_t *size)
{
    unsigned char byte = (unsigned char)text.data[at];
    *size = 1;
    if (byte < 0x80) {
        if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9'))
            return BELONGS;
        return byte == '\'' ? APOSTROPHE : SEPARATES;
    }
    if (byte == 0xD0 || byte == 0xD1) { /* U+0400-047F: all letters */
        *size = 2;
        return BELONGS;
    }
    switch (utf8proc_category((utf8proc_int32_t)utf8_decode(text, at, size))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return BELONGS;
    default:
        return SEPARATES;
    }
}

/* End of the word that begins at `at`; `at` itself when none does. An apostrophe counts only between two letters. */
static size_t find_word_end(struct str text, size_t at)
{
    size_t end = at, size;
    while (end < text.length) {
        int kind = kind_of(text, end, &size);
        if (kind == APOSTROPHE) {
            size_t next;
            if (end == at || end + 1 == text.length || kind_of(text, end + 1, &next) != BELONGS)
                break;
        } else if (kind == SEPARATES) {
            break;
        }
        end += size;
    }
    return end;
}

/* Room for one more word, or for `expected` of them at first: growing later wastes what was there before. */
static bool grow_items(struct splitter *split, size_t expected)
{
    if (split->count < split->items_capacity)
        return true;
    size_t capacity = split->items_capacity * 2 + expected;
    struct word *items = arena_array(split->arena, capacity, sizeof *items);
    if (!items) {
        split->failed = true;
        return false;
    }
    if (split->count)
        memcpy(items, split->items, split->count * sizeof *items);
    split->items = items;
    split->items_capacity = capacity;
    return true;
}

static bool grow_stream(struct splitter *split, size_t more)
{
    if (split->capacity - split->length > more)
        return true;
    size_t capacity = split->capacity * 2 + more + 64;
    char *stream = arena_alloc(split->arena, capacity);
    if (!stream) {
        split->failed = true;
        return false;
    }
    if (split->length)
        memcpy(stream, split->stream, split->length);
    split->stream = stream;
    split->capacity = capacity;
    return true;
}

uint32_t words_start(struct str word)
{
    size_t length = word.length > 0 && (unsigned char)word.data[0] >= 0x80 ? 4 : 3;
    uint32_t hash = 0;
    for (size_t i = 0; i < length && i < word.length; i++)
        hash = hash * 31 + (unsigned char)word.data[i];
    return hash % WORDS_STARTS;
}

/* Copies a word. In Cyrillic an apostrophe only parts sounds, and many leave it out: здоров'я is здоровя. */
static size_t copy_word(char *out, struct str word)
{
    bool cyrillic = word.length > 0 && ((unsigned char)word.data[0] & 0xFC) == 0xD0;
    size_t length = 0;
    for (size_t i = 0; i < word.length; i++)
        if (!cyrillic || word.data[i] != '\'')
            out[length++] = word.data[i];
    return length;
}

static void put_word(struct splitter *split, struct str word, uint32_t from, uint32_t to)
{
    if (!grow_stream(split, word.length + 2) || !grow_items(split, FIRST_WORDS))
        return;
    if (split->sentence_words == WORDS_MAX_SENTENCE) {
        split->sentence++;
        split->sentence_words = 0;
    }
    split->stream[split->length++] = ' ';
    struct str copy = {split->stream + split->length, copy_word(split->stream + split->length, word)};
    split->items[split->count++] = (struct word){(uint32_t)split->length, from, to, split->sentence, words_start(copy)};
    split->length += copy.length;
    split->sentence_words++;
}

/* The words of a contraction's long form all stand where the contraction stands. */
static void put_long_form(struct splitter *split, struct str long_form, uint32_t from, uint32_t to)
{
    while (long_form.length > 0) {
        size_t end = str_find(long_form, STR(" "), 0);
        if (end == SIZE_MAX)
            end = long_form.length;
        put_word(split, str_slice(long_form, 0, end), from, to);
        long_form = str_slice(long_form, end + 1, long_form.length);
    }
}

static void end_sentence(struct splitter *split)
{
    if (split->sentence_words == 0 || !grow_stream(split, 2))
        return;
    split->stream[split->length++] = '\n';
    split->sentence++;
    split->sentence_words = 0;
}

/* Where in the original the folded bytes before `end` stop: the next character that stands further on. */
static uint32_t find_origin_end(const struct folded *folded, size_t end)
{
    uint32_t last = folded->origin[end - 1];
    while (end < folded->text.length && folded->origin[end] == last)
        end++;
    return folded->origin[end];
}

static void take_word(struct splitter *split, size_t at, size_t end)
{
    struct str word = str_slice(split->folded->text, at, end);
    uint32_t from = split->folded->origin[at];
    uint32_t to = find_origin_end(split->folded, end);
    struct str long_form;
    if (split->table && contractions_find(split->table, word, &long_form))
        put_long_form(split, long_form, from, to);
    else
        put_word(split, word, from, to);
}

static bool closes(char byte)
{
    return byte == '"' || byte == '\'' || byte == ')' || byte == ']' || byte == '.' || byte == '!' || byte == '?';
}

/* Whether the mark at `at` ends a sentence. "J. Smith", "e. g." and "I just..." go on. */
static bool ends_sentence(struct str text, size_t at)
{
    char mark = text.data[at];
    if (mark != '.' && mark != '!' && mark != '?')
        return false;
    bool only_dots = mark == '.';
    size_t after = at + 1;
    for (; after < text.length && closes(text.data[after]); after++)
        only_dots = only_dots && text.data[after] != '!' && text.data[after] != '?';
    if (after < text.length && text.data[after] != ' ' && text.data[after] != '\n')
        return false;
    if (!only_dots)
        return true;
    bool pause = (at + 1 < text.length && text.data[at + 1] == '.') || (at > 0 && text.data[at - 1] == '.');
    bool initial = at >= 2 && text.data[at - 1] >= 'a' && text.data[at - 1] <= 'z' && text.data[at - 1] != 'i' &&
                   (text.data[at - 2] == ' ' || text.data[at - 2] == '.');
    return !pause && !initial;
}

static void split_folded(struct splitter *split)
{
    struct str text = split->folded->text;
    for (size_t at = 0; at < text.length && !split->failed;) {
        size_t end = find_word_end(text, at);
        if (end > at) {
            take_word(split, at, end);
            at = end;
            continue;
        }
        if (text.data[at] == '\n' || ends_sentence(text, at))
            end_sentence(split);
        at++;
    }
    end_sentence(split);
}

/* About how many words there will be: bytes that no word holds, each before one that a word may hold. */
static size_t estimate_words(struct str text)
{
    size_t words = 1;
    for (size_t i = 1; i < text.length; i++)
        words += (unsigned char)text.data[i - 1] <= '/' && (unsigned char)text.data[i] > '/';
    return words + words / 16 + FIRST_WORDS; /* a few more for contractions */
}

enum err words_split_folded(struct arena *arena, const struct folded *folded, const struct contractions *table,
                            struct words *out)
{
    struct splitter split = {.arena = arena, .folded = folded, .table = table};
    if (!grow_stream(&split, folded->text.length + folded->text.length / 8) ||
        !grow_items(&split, estimate_words(folded->text)))
        return ERR_SYSTEM;
    split_folded(&split);
    if (split.failed || !grow_stream(&split, 1))
        return ERR_SYSTEM;
    split.stream[split.length] = '\0';
    *out = (struct words){{split.stream, split.length}, split.items, split.count};
    return ERR_OK;
}

enum err words_split(struct arena *arena, struct str text, const struct contractions *table, struct words *out)
{
    struct folded folded;
    enum err error = fold_text(arena, text, FOLD_PLAIN, &folded);
    return error == ERR_OK ? words_split_folded(arena, &folded, table, out) : error;
}

size_t words_find(const struct words *words, size_t at)
{
    size_t low = 0, high = words->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (words->items[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
