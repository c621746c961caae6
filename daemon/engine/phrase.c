/* Parses phrases, by recursive descent over what the operator typed. Runs as rules load. */
#include <attune/phrase.h>
#include <stdio.h>
#include <string.h>

enum { SCRATCH = 256 * 1024, NAME_MAX_BYTES = 64 };

struct parser {
    struct arena *arena;
    struct arena *scratch; /* for splitting one run of words; reset after each */
    const struct phrase_scope *scope;
    struct str text;
    size_t at;
    unsigned depth;
    size_t *nodes; /* shared with the parsers of lexicon entries */
    char *fault;
    bool in_lexicon;
    enum err error;
};

/* The tail of a list under construction. */
struct list {
    struct phrase_node *first;
    struct phrase_node **end;
};

static bool parse_choice(struct parser *parser, char close, struct phrase_node **out);

__attribute__((format(printf, 2, 3))) static bool fail(struct parser *parser, const char *format, ...)
{
    if (parser->error != ERR_OK)
        return false;
    parser->error = ERR_INPUT;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parser->fault, 256, format, arguments);
    va_end(arguments);
    return false;
}

static bool fail_system(struct parser *parser)
{
    parser->error = ERR_SYSTEM;
    return false;
}

static struct phrase_node *new_node(struct parser *parser, enum phrase_kind kind)
{
    if (++*parser->nodes > PHRASE_MAX_NODES) {
        fail(parser, "a phrase may have %d words and brackets, its lexicons counted", PHRASE_MAX_NODES);
        return NULL;
    }
    struct phrase_node *node = arena_alloc(parser->arena, sizeof *node);
    if (node)
        node->kind = kind;
    else
        fail_system(parser);
    return node;
}

static void append(struct list *list, struct phrase_node *node)
{
    if (!list->end)
        list->end = &list->first;
    *list->end = node;
    list->end = &node->next;
}

static bool at_end(const struct parser *parser)
{
    return parser->at == parser->text.length;
}

static char peek(const struct parser *parser)
{
    return at_end(parser) ? '\0' : parser->text.data[parser->at];
}

static bool is_special(char byte)
{
    return byte != '\0' && strchr("()[]{}|~*+<>", byte) != NULL;
}

/* Punctuation that people type between words; other ASCII signs would silently mean nothing. */
static bool is_plain(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value >= 0x80 || (value >= '0' && value <= '9') || (value >= 'A' && value <= 'Z') ||
           (value >= 'a' && value <= 'z') || strchr(" '\"`,-/\n\t", byte) != NULL;
}

static size_t count_letters(struct str word)
{
    size_t letters = 0;
    for (size_t i = 0; i < word.length; i++)
        letters += ((unsigned char)word.data[i] & 0xC0) != 0x80;
    return letters;
}

static bool add_word(struct parser *parser, struct list *list, struct str word, enum phrase_kind kind)
{
    struct phrase_node *node = new_node(parser, kind);
    char *copy = node ? arena_copy(parser->arena, word.data, word.length) : NULL;
    if (!copy)
        return node ? fail_system(parser) : false;
    node->word = (struct str){copy, word.length};
    append(list, node);
    return true;
}

/* A run of words up to the next sign of the language; its last word is a beginning when a `*` follows at once. */
static bool add_run(struct parser *parser, struct list *list, struct str run, bool is_prefix)
{
    struct words words;
    enum err error = words_split(parser->scratch, run, parser->scope->contractions, &words);
    if (error != ERR_OK)
        return fail_system(parser);
    if (is_prefix && (words.count == 0 || words.items[words.count - 1].to != run.length))
        return fail(parser, "`*` stands directly behind the beginning of a word");
    const char *end = memchr(words.stream.data, '\n', words.stream.length);
    if (end && end + 1 != words.stream.data + words.stream.length)
        return fail(parser, "a phrase is found inside one sentence only, so it cannot hold the end of one");
    for (size_t i = 0; i < words.count; i++) {
        bool last = i + 1 == words.count;
        size_t stop = last ? words.stream.length - 1 : words.items[i + 1].at - 1;
        struct str word = str_slice(words.stream, words.items[i].at, stop);
        if (is_prefix && last && count_letters(word) < PHRASE_MIN_PREFIX)
            return fail(parser, "a word's beginning before `*` has %d letters or more", PHRASE_MIN_PREFIX);
        if (!add_word(parser, list, word, is_prefix && last ? PHRASE_PREFIX : PHRASE_WORD))
            return false;
    }
    return true;
}

static bool parse_run(struct parser *parser, struct list *list)
{
    size_t from = parser->at;
    while (!at_end(parser) && !is_special(peek(parser))) {
        if (!is_plain(peek(parser)) && peek(parser) != '_')
            return fail(parser, "`%c` means nothing in a phrase", peek(parser));
        parser->at++;
    }
    struct str run = str_slice(parser->text, from, parser->at);
    if (peek(parser) == '(' && str_ends_nocase(run, STR("any_order")))
        return fail(parser, "`any_order` is not supported by this version of Attune");
    if (str_find(run, STR("_"), 0) != SIZE_MAX)
        return fail(parser, "`_` means nothing in a phrase");
    bool is_prefix = peek(parser) == '*';
    if (peek(parser) == '+')
        return fail(parser, "inflections (`word+`) are not supported by this version of Attune");
    parser->at += is_prefix;
    if (is_prefix && !at_end(parser) && !is_special(peek(parser)) && peek(parser) != ' ')
        return fail(parser, "`*` stands at the end of a word");
    bool added = add_run(parser, list, run, is_prefix);
    arena_reset(parser->scratch);
    return added;
}

static bool parse_gap(struct parser *parser, struct list *list)
{
    parser->at++;
    size_t from = parser->at;
    while (peek(parser) >= '0' && peek(parser) <= '9')
        parser->at++;
    uint64_t gap;
    if (!str_to_u64(str_slice(parser->text, from, parser->at), PHRASE_MAX_GAP, &gap) || gap == 0)
        return fail(parser, "`~` takes a number of words from 1 to %d", PHRASE_MAX_GAP);
    struct phrase_node *node = new_node(parser, PHRASE_GAP);
    if (!node)
        return false;
    node->gap = (unsigned)gap;
    append(list, node);
    return true;
}

static bool add_entry(struct parser *parser, struct str entry, struct list *list)
{
    struct parser inner = *parser;
    inner.text = entry;
    inner.at = 0;
    inner.in_lexicon = true;
    struct phrase_node *choice;
    bool parsed = entry.length <= PHRASE_MAX_BYTES ? parse_choice(&inner, '\0', &choice)
                                                   : fail(&inner, "a phrase may have %d bytes", PHRASE_MAX_BYTES);
    parser->error = inner.error;
    if (parsed)
        append(list, choice->first);
    return parsed;
}

static bool fail_lexicon(struct parser *parser, struct str name)
{
    char wrong[NAME_MAX_BYTES + 1];
    snprintf(wrong, sizeof wrong, "%.*s", (int)name.length, name.data);
    const char *nearest =
        parser->scope->nearest_lexicon ? parser->scope->nearest_lexicon(parser->scope->context, wrong) : NULL;
    if (nearest)
        return fail(parser, "there is no lexicon `%s` here; did you mean `%s`?", wrong, nearest);
    return fail(parser, "there is no lexicon `%s` in this file or in its language's lexicon.yaml", wrong);
}

static bool parse_lexicon(struct parser *parser, struct list *list)
{
    size_t close = str_find(parser->text, STR("}"), parser->at);
    if (close == SIZE_MAX)
        return fail(parser, "`{` has no `}`");
    struct str name = str_slice(parser->text, parser->at + 1, close);
    parser->at = close + 1;
    if (parser->in_lexicon || !parser->scope->find_lexicon)
        return fail(parser, "a lexicon's entry cannot name a lexicon");
    if (name.length > NAME_MAX_BYTES)
        name.length = NAME_MAX_BYTES;
    struct phrase_entries entries;
    if (!parser->scope->find_lexicon(parser->scope->context, name, &entries))
        return fail_lexicon(parser, name);
    struct phrase_node *choice = new_node(parser, PHRASE_CHOICE);
    struct list alternatives = {0};
    for (size_t i = 0; choice && i < entries.count; i++)
        if (!add_entry(parser, entries.items[i], &alternatives))
            return false;
    if (!choice)
        return false;
    choice->first = alternatives.first;
    append(list, choice);
    return true;
}

static bool parse_bracket(struct parser *parser, struct list *list)
{
    char close = peek(parser) == '(' ? ')' : ']';
    if (parser->depth == PHRASE_MAX_DEPTH)
        return fail(parser, "brackets stand in one another %d deep at most", PHRASE_MAX_DEPTH);
    parser->at++;
    parser->depth++;
    struct phrase_node *choice;
    if (!parse_choice(parser, close, &choice))
        return false;
    parser->depth--;
    parser->at++;
    struct phrase_node *node = choice;
    if (close == ']') {
        struct phrase_node *sequence = new_node(parser, PHRASE_SEQUENCE);
        node = sequence ? new_node(parser, PHRASE_OPTIONAL) : NULL;
        if (!node)
            return false;
        sequence->first = choice;
        node->first = sequence;
    }
    append(list, node);
    return true;
}

static bool parse_item(struct parser *parser, struct list *list)
{
    switch (peek(parser)) {
    case '(':
    case '[':
        return parse_bracket(parser, list);
    case '{':
        return parse_lexicon(parser, list);
    case '~':
        return parse_gap(parser, list);
    case '<':
        return fail(parser, "word classes (`<...>`) are not supported by this version of Attune");
    case '*':
    case '+':
    case '>':
    case ')':
    case ']':
    case '}':
        return fail(parser, "`%c` has nothing that it belongs to", peek(parser));
    default:
        return parse_run(parser, list);
    }
}

static bool is_required(const struct phrase_node *node)
{
    return node->kind != PHRASE_GAP && node->kind != PHRASE_OPTIONAL;
}

/* A gap needs words that must be there on both sides, or it would match any text at the rim. */
static bool check_gaps(struct parser *parser, const struct phrase_node *first)
{
    bool open = false, before = false;
    for (const struct phrase_node *node = first; node; node = node->next) {
        if (node->kind == PHRASE_GAP && (!before || open))
            return fail(parser, "`~` stands between words that must be there");
        open = node->kind == PHRASE_GAP || (open && !is_required(node));
        before = before || is_required(node);
    }
    if (open)
        return fail(parser, "`~` stands between words that must be there");
    return before || fail(parser, "a phrase, and each alternative in it, needs a word that must be there");
}

static bool parse_sequence(struct parser *parser, char close, struct phrase_node **out)
{
    struct list items = {0};
    while (!at_end(parser) && peek(parser) != '|' && (peek(parser) != close || close == '\0'))
        if (!parse_item(parser, &items))
            return false;
    if (!check_gaps(parser, items.first))
        return false;
    *out = new_node(parser, PHRASE_SEQUENCE);
    if (!*out)
        return false;
    (*out)->first = items.first;
    return true;
}

/* Alternatives up to `close`, which is left for the caller; '\0' is the end of the text, where no `|` may stand. */
static bool parse_choice(struct parser *parser, char close, struct phrase_node **out)
{
    struct list alternatives = {0};
    for (;;) {
        struct phrase_node *sequence;
        if (!parse_sequence(parser, close, &sequence))
            return false;
        append(&alternatives, sequence);
        if (peek(parser) != '|')
            break;
        if (close == '\0')
            return fail(parser, "`|` stands inside brackets: (this|that)");
        parser->at++;
    }
    if (close != '\0' && peek(parser) != close)
        return fail(parser, "`%c` has no `%c`", close == ')' ? '(' : '[', close);
    *out = new_node(parser, PHRASE_CHOICE);
    if (!*out)
        return false;
    (*out)->first = alternatives.first;
    return true;
}

static enum err parse_whole(struct parser *parser, struct phrase_node **out)
{
    struct phrase_node *choice;
    if (parser->text.length > PHRASE_MAX_BYTES)
        fail(parser, "a phrase may have %d bytes", PHRASE_MAX_BYTES);
    else if (parse_choice(parser, '\0', &choice)) {
        if (phrase_count_ways(choice) > PHRASE_MAX_WAYS)
            fail(parser, "gaps and options can be taken in over %d ways; use fewer", PHRASE_MAX_WAYS);
        *out = choice->first;
    }
    return parser->error;
}

enum err phrase_parse(struct arena *arena, struct str text, const struct phrase_scope *scope, struct phrase_node **out,
                      char fault[256])
{
    struct arena *scratch = arena_new(SCRATCH);
    if (!scratch)
        return ERR_SYSTEM;
    size_t nodes = 0;
    struct parser parser = {
        .arena = arena, .scratch = scratch, .scope = scope, .text = text, .nodes = &nodes, .fault = fault};
    enum err error = parse_whole(&parser, out);
    arena_free(&scratch);
    return error;
}
