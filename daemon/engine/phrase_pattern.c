/* What a parsed phrase is good for: its pattern, its literals, and how near a text comes to it. Runs as rules load. */
#include <attune/phrase.h>
#include <string.h>

static void write_node(const struct phrase_node *node, struct buf *out);

static void write_children(const struct phrase_node *node, const char *between, struct buf *out)
{
    for (const struct phrase_node *child = node->first; child; child = child->next) {
        write_node(child, out);
        if (child->next)
            buf_add_text(out, between);
    }
}

/* Words hold letters, digits, marks and apostrophes only (words.h), so none of their bytes is a sign of PCRE2's. */
static void write_node(const struct phrase_node *node, struct buf *out)
{
    switch (node->kind) {
    case PHRASE_WORD:
        buf_addf(out, " %.*s", (int)node->word.length, node->word.data);
        break;
    case PHRASE_PREFIX:
        buf_addf(out, " %.*s[^ \\n]*+", (int)node->word.length, node->word.data);
        break;
    case PHRASE_GAP:
        buf_addf(out, "(?: [^ \\n]++){0,%u}?", node->gap);
        break;
    case PHRASE_CHOICE:
        buf_add_text(out, "(?:");
        write_children(node, "|", out);
        buf_add_text(out, ")");
        break;
    case PHRASE_OPTIONAL:
        buf_add_text(out, "(?:");
        write_children(node, "", out);
        buf_add_text(out, ")?");
        break;
    case PHRASE_SEQUENCE:
        write_children(node, "", out);
        break;
    }
}

void phrase_write_pattern(const struct phrase_node *phrase, struct buf *out)
{
    /* The words of an alternative may begin another one's: only the end of a word ends it. */
    write_node(phrase, out);
}

size_t phrase_count_ways(const struct phrase_node *phrase)
{
    size_t ways = 1;
    if (phrase->kind == PHRASE_GAP)
        return phrase->gap + 1;
    for (const struct phrase_node *child = phrase->first; child; child = child->next) {
        size_t more = phrase_count_ways(child);
        if (phrase->kind == PHRASE_CHOICE)
            ways = more > ways ? more : ways; /* at one place a text is mostly one of them */
        else
            ways *= more;
        if (ways > PHRASE_MAX_WAYS)
            return PHRASE_MAX_WAYS + 1;
    }
    return phrase->kind == PHRASE_OPTIONAL ? ways + 1 : ways;
}

void phrase_add_starts(const struct phrase_node *phrase, struct word_starts *starts)
{
    for (const struct phrase_node *node = phrase->first; node; node = node->next) {
        if (node->kind == PHRASE_WORD || node->kind == PHRASE_PREFIX)
            word_starts_add(starts, words_start(node->word));
        for (const struct phrase_node *child = node->first; child; child = child->next)
            phrase_add_starts(child, starts);
        if (node->kind != PHRASE_OPTIONAL)
            return; /* something here must be there, so nothing behind it begins a match */
    }
}

struct candidates {
    struct str *items;
    size_t count;
    size_t shortest; /* bytes of the shortest: what the set is worth */
};

static enum err find_in_sequence(struct arena *arena, const struct phrase_node *sequence, struct candidates *out);

/* The run of adjacent words that begins at `node`; *next is what follows it. */
static enum err take_run(struct arena *arena, const struct phrase_node *node, struct candidates *out,
                         const struct phrase_node **next)
{
    char *text = arena_alloc(arena, PHRASE_MAX_LITERAL);
    out->items = arena_array(arena, 1, sizeof *out->items);
    if (!text || !out->items)
        return ERR_SYSTEM;
    size_t length = 0;
    bool open = true;
    for (; node && (node->kind == PHRASE_WORD || node->kind == PHRASE_PREFIX); node = node->next) {
        size_t space = length > 0;
        if (open && length + space < PHRASE_MAX_LITERAL) {
            text[length] = ' ';
            length += space;
            size_t fits = PHRASE_MAX_LITERAL - length;
            size_t take = node->word.length < fits ? node->word.length : fits;
            memcpy(text + length, node->word.data, take);
            length += take;
        }
        open = open && node->kind == PHRASE_WORD;
    }
    *next = node;
    out->items[0] = (struct str){text, length};
    out->count = 1;
    out->shortest = length;
    return ERR_OK;
}

static enum err find_in_choice(struct arena *arena, const struct phrase_node *choice, struct candidates *out)
{
    *out =
        (struct candidates){.items = arena_array(arena, PHRASE_MAX_LITERALS, sizeof *out->items), .shortest = SIZE_MAX};
    if (!out->items)
        return ERR_SYSTEM;
    for (const struct phrase_node *sequence = choice->first; sequence; sequence = sequence->next) {
        struct candidates found;
        enum err error = find_in_sequence(arena, sequence, &found);
        if (error != ERR_OK)
            return error;
        if (found.count == 0 || out->count + found.count > PHRASE_MAX_LITERALS) {
            out->count = 0;
            return ERR_OK;
        }
        memcpy(out->items + out->count, found.items, found.count * sizeof *found.items);
        out->count += found.count;
        out->shortest = found.shortest < out->shortest ? found.shortest : out->shortest;
    }
    return ERR_OK;
}

static bool is_better(const struct candidates *a, const struct candidates *b)
{
    if (a->count == 0 || b->count == 0)
        return a->count > 0;
    return a->shortest != b->shortest ? a->shortest > b->shortest : a->count < b->count;
}

/* The best of what the sequence's parts offer: the longest literals, then the fewest. */
static enum err find_in_sequence(struct arena *arena, const struct phrase_node *sequence, struct candidates *out)
{
    *out = (struct candidates){0};
    for (const struct phrase_node *node = sequence->first; node;) {
        struct candidates found = {0};
        enum err error = ERR_OK;
        const struct phrase_node *next = node->next;
        if (node->kind == PHRASE_WORD || node->kind == PHRASE_PREFIX)
            error = take_run(arena, node, &found, &next);
        else if (node->kind == PHRASE_CHOICE)
            error = find_in_choice(arena, node, &found);
        if (error != ERR_OK)
            return error;
        if (is_better(&found, out))
            *out = found;
        node = next;
    }
    return ERR_OK;
}

enum err phrase_find_literals(struct arena *arena, const struct phrase_node *phrase, struct phrase_literals *out)
{
    struct candidates found;
    enum err error = find_in_sequence(arena, phrase, &found);
    *out = (struct phrase_literals){found.items, error == ERR_OK ? found.count : 0};
    return error;
}

static struct str word_at(const struct words *words, size_t index)
{
    size_t end = index + 1 < words->count ? words->items[index + 1].at - 1 : words->stream.length;
    struct str word = str_slice(words->stream, words->items[index].at, end);
    return word.length && word.data[word.length - 1] == '\n' ? str_slice(word, 0, word.length - 1) : word;
}

static bool holds(const struct words *words, struct str word, bool beginning)
{
    for (size_t i = 0; i < words->count; i++) {
        struct str candidate = word_at(words, i);
        if (beginning ? str_starts_nocase(candidate, word) : str_equal(candidate, word))
            return true;
    }
    return false;
}

/* The first three characters of a word. */
static struct str begin_of(struct str word)
{
    size_t at = 0, size;
    for (int i = 0; i < PHRASE_MIN_PREFIX && at < word.length; i++, at += size)
        utf8_decode(word, at, &size);
    return str_slice(word, 0, at);
}

struct share {
    size_t held;
    size_t total;
};

/* The larger part held; of equal parts, the shorter alternative. */
static bool is_fuller(struct share a, struct share b)
{
    size_t left = a.held * b.total, right = b.held * a.total;
    return left != right ? left > right : a.total < b.total;
}

static struct share measure(const struct phrase_node *node, const struct words *words);

static struct share measure_choice(const struct phrase_node *choice, const struct words *words)
{
    struct share best = measure(choice->first, words);
    for (const struct phrase_node *child = choice->first->next; child; child = child->next) {
        struct share share = measure(child, words);
        best = is_fuller(share, best) ? share : best;
    }
    return best;
}

static struct share measure_sequence(const struct phrase_node *sequence, const struct words *words)
{
    struct share sum = {0, 0};
    for (const struct phrase_node *child = sequence->first; child; child = child->next) {
        struct share share = measure(child, words);
        sum.held += share.held;
        sum.total += share.total;
    }
    return sum;
}

/* How many of the words that must be there the text holds; of alternatives, the one it holds most of. */
static struct share measure(const struct phrase_node *node, const struct words *words)
{
    switch (node->kind) {
    case PHRASE_WORD:
    case PHRASE_PREFIX:
        return (struct share){holds(words, node->word, node->kind == PHRASE_PREFIX), 1};
    case PHRASE_CHOICE:
        return measure_choice(node, words);
    case PHRASE_SEQUENCE:
        return measure_sequence(node, words);
    case PHRASE_GAP:
    case PHRASE_OPTIONAL:
        break;
    }
    return (struct share){0, 0};
}

static const struct phrase_node *only_required(const struct phrase_node *sequence)
{
    const struct phrase_node *only = NULL;
    for (const struct phrase_node *node = sequence->first; node; node = node->next) {
        if (node->kind == PHRASE_GAP || node->kind == PHRASE_OPTIONAL)
            continue;
        if (only)
            return NULL;
        only = node;
    }
    return only;
}

bool phrase_is_near(const struct phrase_node *phrase, const struct words *words)
{
    const struct phrase_node *only = only_required(phrase);
    if (only && (only->kind == PHRASE_WORD || only->kind == PHRASE_PREFIX))
        return holds(words, begin_of(only->word), true);
    if (only && only->kind == PHRASE_CHOICE) {
        for (const struct phrase_node *sequence = only->first; sequence; sequence = sequence->next)
            if (phrase_is_near(sequence, words))
                return true;
        return false;
    }
    struct share share = measure(phrase, words);
    return share.held * 2 >= share.total;
}
