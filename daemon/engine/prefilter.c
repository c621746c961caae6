/* The trie of literals. Built as rules load; walked in screen's children over what strangers wrote, in steps bounded by
 * the words times the longest literal. */
#include <attune/prefilter.h>
#include <string.h>

struct rule_link {
    struct rule_link *next;
    uint32_t rule;
};

struct node {
    struct node *child;
    struct node *sibling;
    struct rule_link *rules; /* of the literal that ends here */
    unsigned char byte;
};

enum { ROOTS = 256 /* one for each byte */ };

struct prefilter {
    struct arena *arena;
    struct node roots[ROOTS];
    struct node *inner;        /* as many, for literals that may begin inside a word; NULL when there are none */
    struct word_starts starts; /* of all literals: most words of a text begin none */
    struct rule_link *always;
};

struct prefilter *prefilter_new(struct arena *arena)
{
    struct prefilter *prefilter = arena_alloc(arena, sizeof *prefilter);
    if (prefilter)
        prefilter->arena = arena;
    return prefilter;
}

static enum err link_rule(struct arena *arena, struct rule_link **list, uint32_t rule)
{
    for (const struct rule_link *link = *list; link; link = link->next)
        if (link->rule == rule)
            return ERR_OK;
    struct rule_link *link = arena_alloc(arena, sizeof *link);
    if (!link)
        return ERR_SYSTEM;
    *link = (struct rule_link){*list, rule};
    *list = link;
    return ERR_OK;
}

static struct node *find_child(const struct node *node, unsigned char byte)
{
    struct node *child = node->child;
    while (child && child->byte != byte)
        child = child->sibling;
    return child;
}

static struct node *make_child(struct arena *arena, struct node *node, unsigned char byte)
{
    struct node *child = find_child(node, byte);
    if (child)
        return child;
    child = arena_alloc(arena, sizeof *child);
    if (!child)
        return NULL;
    child->byte = byte;
    child->sibling = node->child;
    node->child = child;
    return child;
}

static enum err add_literal(struct prefilter *prefilter, struct node *roots, struct str literal, uint32_t rule)
{
    struct node *node = &roots[(unsigned char)literal.data[0]];
    for (size_t i = 1; node && i < literal.length; i++)
        node = make_child(prefilter->arena, node, (unsigned char)literal.data[i]);
    return node ? link_rule(prefilter->arena, &node->rules, rule) : ERR_SYSTEM;
}

enum err prefilter_add(struct prefilter *prefilter, struct str literal, uint32_t rule)
{
    if (literal.length == 0)
        return prefilter_add_always(prefilter, rule);
    size_t first = str_find(literal, STR(" "), 0);
    word_starts_add(&prefilter->starts, words_start(str_slice(literal, 0, first)));
    return add_literal(prefilter, prefilter->roots, literal, rule);
}

enum err prefilter_add_inner(struct prefilter *prefilter, struct str literal, uint32_t rule)
{
    if (literal.length == 0)
        return prefilter_add_always(prefilter, rule);
    if (!prefilter->inner)
        prefilter->inner = arena_array(prefilter->arena, ROOTS, sizeof *prefilter->inner);
    return prefilter->inner ? add_literal(prefilter, prefilter->inner, literal, rule) : ERR_SYSTEM;
}

enum err prefilter_add_always(struct prefilter *prefilter, uint32_t rule)
{
    return link_rule(prefilter->arena, &prefilter->always, rule);
}

static void widen(const struct rule_link *rules, struct prefilter_range *ranges, uint32_t from, uint32_t to)
{
    for (const struct rule_link *link = rules; link; link = link->next) {
        struct prefilter_range *range = &ranges[link->rule];
        if (range->to == 0 || from < range->from)
            range->from = from;
        if (to > range->to)
            range->to = to;
    }
}

/* The sentence, as somebody typed it, that holds `at`: where it begins, and where it ends. */
static uint32_t find_sentence_begin(struct str stream, uint32_t at)
{
    const char *before = memrchr(stream.data, '\n', at);
    return before ? (uint32_t)(before - stream.data) + 1 : 0;
}

static uint32_t find_sentence_end(struct str stream, uint32_t at)
{
    const char *end = memchr(stream.data + at, '\n', stream.length - at);
    return end ? (uint32_t)(end - stream.data) + 1 : (uint32_t)stream.length;
}

/* One walk over a stream, forwards. */
struct scan {
    struct str stream;
    struct prefilter_range *ranges;
    uint32_t from; /* the sentence looked at last */
    uint32_t to;
};

/* Widens the ranges of the rules whose literals begin at `at`. */
static void scan_at(struct scan *scan, const struct node *roots, uint32_t at)
{
    const struct node *node = &roots[(unsigned char)scan->stream.data[at]];
    if (!node->child && !node->rules)
        return;
    if (at >= scan->to) {
        scan->from = find_sentence_begin(scan->stream, at);
        scan->to = find_sentence_end(scan->stream, at);
    }
    for (size_t next = (size_t)at + 1; node; next++) {
        if (node->rules)
            widen(node->rules, scan->ranges, scan->from, scan->to);
        if (next >= scan->stream.length)
            return;
        node = find_child(node, (unsigned char)scan->stream.data[next]);
    }
}

void prefilter_scan(const struct prefilter *prefilter, const struct words *words, struct prefilter_range *ranges)
{
    struct str stream = words->stream;
    struct scan scan = {.stream = stream, .ranges = ranges}, inner = scan;
    widen(prefilter->always, ranges, 0, (uint32_t)stream.length);
    for (size_t i = 0; i < words->count; i++)
        if (word_starts_has(&prefilter->starts, words->items[i].start))
            scan_at(&scan, prefilter->roots, words->items[i].at);
    for (size_t at = 0; prefilter->inner && at < stream.length; at++)
        scan_at(&inner, prefilter->inner, (uint32_t)at);
}
