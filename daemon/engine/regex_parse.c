/*
 * The form of patterns: reads them by a grammar smaller than PCRE2's, refuses what could run away or can never match,
 * and finds the literals that every match holds. Runs as rules load; its input is the operator's.
 */
#include <attune/regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SCRATCH = 256 * 1024 /* one letter as words */ };

struct parser {
    struct str text;
    size_t at;
    unsigned depth;
    struct arena *scratch;
    struct regex_fault *fault;
    enum err error;
};

/* What is known of a part of the pattern. */
struct part {
    struct regex_literals literals;
    bool unbounded; /* holds a repeat without end */
};

struct repeat {
    bool there;
    bool optional; /* none is enough */
    bool unbounded;
};

static size_t count_letters(struct str text)
{
    size_t letters = 0;
    for (size_t i = 0; i < text.length; i++)
        letters += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return letters;
}

__attribute__((format(printf, 3, 4))) static bool fail(struct parser *parser, const char *code, const char *format, ...)
{
    char sentence[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    parser->error = ERR_INPUT;
    parser->fault->code = code;
    snprintf(parser->fault->message, sizeof parser->fault->message, "character %zu: %s",
             count_letters(str_slice(parser->text, 0, parser->at)) + 1, sentence);
    return false;
}

static bool at_end(const struct parser *parser)
{
    return parser->at >= parser->text.length;
}

static char peek(const struct parser *parser)
{
    return at_end(parser) ? '\0' : parser->text.data[parser->at];
}

static bool follows(const struct parser *parser, const char *text)
{
    size_t length = strlen(text);
    return length <= parser->text.length - parser->at && memcmp(parser->text.data + parser->at, text, length) == 0;
}

static struct str letter_at(const struct parser *parser, size_t at)
{
    size_t size = 0;
    if (at < parser->text.length)
        utf8_decode(parser->text, at, &size);
    return str_slice(parser->text, at, at + size);
}

/* A letter that is not its own fold, or that no word holds, would make a pattern that never matches. */
static bool parse_letter(struct parser *parser)
{
    struct str letter = letter_at(parser, parser->at);
    struct words words;
    if (!str_equal(letter, STR(" ")) && !str_equal(letter, STR("'"))) {
        if (words_split(parser->scratch, letter, NULL, &words) != ERR_OK) {
            parser->error = ERR_SYSTEM;
            return false;
        }
        struct str folded = str_slice(words.stream, 1, words.stream.length - (words.count > 0));
        if (words.count != 1)
            return fail(parser, "P004", "`%.*s` never matches: signs only separate words, which have one space between",
                        (int)letter.length, letter.data);
        if (!str_equal(folded, letter))
            return fail(parser, "P004", "`%.*s` never matches, since text is folded first: write `%.*s`",
                        (int)letter.length, letter.data, (int)folded.length, folded.data);
        arena_reset(parser->scratch);
    }
    parser->at += letter.length;
    return true;
}

static bool parse_property(struct parser *parser)
{
    size_t close = str_find(parser->text, STR("}"), parser->at);
    if (!follows(parser, "{") || close == SIZE_MAX)
        return fail(parser, "P004", "a property is written \\p{...}");
    parser->at = close + 1;
    return true;
}

static bool parse_escape(struct parser *parser, const char *allowed)
{
    struct str letter = letter_at(parser, parser->at + 1);
    char sign = letter.length == 1 ? letter.data[0] : '\0';
    if ((sign >= '1' && sign <= '9') || sign == 'g' || sign == 'k')
        return fail(parser, "P004", "references to what was found before are not allowed");
    if (sign == '\0' || !strchr(allowed, sign))
        return fail(parser, "P004", "`\\%.*s` is not allowed here: %s, \\p{...} and \\P{...} are", (int)letter.length,
                    letter.data, allowed[0] == 'b' ? "\\b \\B \\d \\D \\s \\S \\w \\W" : "\\d \\D \\s \\S \\w \\W");
    parser->at += 2;
    return (sign != 'p' && sign != 'P') || parse_property(parser);
}

static bool parse_class(struct parser *parser)
{
    size_t open = parser->at++;
    parser->at += peek(parser) == '^';
    if (peek(parser) == ']')
        return fail(parser, "P004", "a class holds a letter or more, and no `]`");
    while (!at_end(parser) && peek(parser) != ']') {
        if (peek(parser) == '-')
            parser->at++;
        else if (!(peek(parser) == '\\' ? parse_escape(parser, "dDsSwWpP") : parse_letter(parser)))
            return false;
    }
    if (!at_end(parser)) {
        parser->at++;
        return true;
    }
    parser->at = open;
    return fail(parser, "P004", "`[` has no `]`");
}

static bool parse_number(struct parser *parser, uint64_t *out)
{
    size_t from = parser->at;
    while (peek(parser) >= '0' && peek(parser) <= '9')
        parser->at++;
    return str_to_u64(str_slice(parser->text, from, parser->at), REGEX_MAX_REPEAT, out);
}

static bool parse_counted(struct parser *parser, struct repeat *out)
{
    uint64_t least, most;
    parser->at++;
    bool right = parse_number(parser, &least);
    bool comma = peek(parser) == ',';
    parser->at += comma;
    out->unbounded = comma && peek(parser) == '}';
    if (right && comma && !out->unbounded)
        right = parse_number(parser, &most);
    if (!right || peek(parser) != '}')
        return fail(parser, "P004", "a counted repeat is {n}, {n,} or {n,m}, with numbers up to %d", REGEX_MAX_REPEAT);
    parser->at++;
    out->optional = least == 0;
    return true;
}

static bool parse_repeat(struct parser *parser, struct repeat *out)
{
    char sign = peek(parser);
    *out = (struct repeat){.there = sign != '\0' && strchr("*+?{", sign)};
    if (!out->there)
        return true;
    if (sign == '{') {
        if (!parse_counted(parser, out))
            return false;
    } else {
        out->optional = sign != '+';
        out->unbounded = sign != '?';
        parser->at++;
    }
    parser->at += peek(parser) == '?' || peek(parser) == '+'; /* lazy or possessive */
    if (peek(parser) != '\0' && strchr("*+?{", peek(parser)))
        return fail(parser, "P004", "a repeat cannot itself be repeated");
    return true;
}

static bool parse_choice(struct parser *parser, struct part *out);

static bool fail_group(struct parser *parser)
{
    static const struct {
        const char *begins;
        const char *name;
    } kinds[] = {
        {"(*", "verbs"},           {"(?<=", "lookbehinds"},
        {"(?<!", "lookbehinds"},   {"(?<", "named groups"},
        {"(?P", "named groups"},   {"(?'", "named groups"},
        {"(?R", "recursion"},      {"(?&", "recursion"},
        {"(?C", "callouts"},       {"(?(", "conditions"},
        {"(?>", "atomic groups"},  {"(?#", "comments"},
        {"(?|", "reset branches"}, {"(?", "inline options and recursion"},
    };
    size_t kind = 0;
    while (kind + 1 < sizeof kinds / sizeof *kinds && !follows(parser, kinds[kind].begins))
        kind++;
    return fail(parser, "P004", "%s are not allowed: a group is (...), (?:...), (?=...) or (?!...)", kinds[kind].name);
}

static bool parse_group(struct parser *parser, struct part *out)
{
    bool looks_ahead = follows(parser, "(?=") || follows(parser, "(?!");
    bool plain = !follows(parser, "(?") && !follows(parser, "(*");
    if (!plain && !looks_ahead && !follows(parser, "(?:"))
        return fail_group(parser);
    if (parser->depth == REGEX_MAX_DEPTH)
        return fail(parser, "P004", "groups stand in one another %d deep at most", REGEX_MAX_DEPTH);
    size_t open = parser->at;
    parser->at += plain ? 1 : 3;
    parser->depth++;
    if (!parse_choice(parser, out))
        return false;
    parser->depth--;
    if (at_end(parser)) {
        parser->at = open;
        return fail(parser, "P004", "`(` has no `)`");
    }
    parser->at++;
    if (looks_ahead)
        out->literals.count = 0; /* it stands outside the match, or must not stand there at all */
    return true;
}

static void keep_better(struct regex_literals *best, const struct regex_literals *other)
{
    if (other->count > 0 && (best->count == 0 || other->shortest > best->shortest))
        *best = *other;
}

static bool is_counted(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value != ' ' && value != '\'' && !(value >= '0' && value <= '9') && (value & 0xC0) != 0x80;
}

/* Ends a run of letters that all must be there, and keeps it when it is long enough and the best so far. */
static void end_run(const struct parser *parser, size_t from, size_t to, struct regex_literals *best)
{
    struct str run = str_trim(str_slice(parser->text, from, to));
    size_t letters = 0;
    for (size_t i = 0; i < run.length; i++)
        letters += is_counted(run.data[i]);
    struct regex_literals found = {.items = {run}, .count = letters >= REGEX_MIN_LITERAL, .shortest = run.length};
    keep_better(best, &found);
}

/* One thing without its repeat; *is_letter says that it is a letter of its own. */
static bool parse_thing(struct parser *parser, struct part *group, bool *is_letter)
{
    char sign = peek(parser);
    *is_letter = false;
    if (sign == '(')
        return parse_group(parser, group);
    if (sign == '[')
        return parse_class(parser);
    if (sign == '\\')
        return parse_escape(parser, "bBdDsSwWpP");
    if (sign == '^' || sign == '$')
        return fail(parser, "P004", "`%c` is not allowed: a match is whole words anywhere in a sentence", sign);
    if (sign != '\0' && strchr("*+?{", sign))
        return fail(parser, "P004", "`%c` has nothing to repeat", sign);
    if (sign == '.') {
        parser->at++;
        return true;
    }
    *is_letter = true;
    return parse_letter(parser);
}

static bool parse_sequence(struct parser *parser, struct part *out)
{
    size_t run = parser->at;
    *out = (struct part){0};
    while (!at_end(parser) && peek(parser) != '|' && peek(parser) != ')') {
        size_t from = parser->at;
        struct part group = {0};
        struct repeat repeat;
        bool is_letter;
        if (!parse_thing(parser, &group, &is_letter))
            return false;
        size_t to = parser->at;
        if (!parse_repeat(parser, &repeat))
            return false;
        if (repeat.unbounded && group.unbounded)
            return fail(parser, "P007", "a repeat without end stands inside another one; bound one of them: {0,5}");
        out->unbounded = out->unbounded || repeat.unbounded || group.unbounded;
        if (is_letter && !repeat.there)
            continue;
        end_run(parser, run, is_letter && !repeat.optional ? to : from, &out->literals);
        run = parser->at;
        if (!repeat.optional)
            keep_better(&out->literals, &group.literals);
    }
    end_run(parser, run, parser->at, &out->literals);
    return true;
}

/* Literals for a choice are those of all its ways; none, when one way has none. */
static void join(struct part *all, const struct part *way)
{
    struct regex_literals *to = &all->literals;
    const struct regex_literals *from = &way->literals;
    all->unbounded = all->unbounded || way->unbounded;
    if (to->count == 0 || from->count == 0 || to->count + from->count > REGEX_MAX_LITERALS) {
        to->count = 0;
        return;
    }
    memcpy(to->items + to->count, from->items, from->count * sizeof *from->items);
    to->count += from->count;
    to->shortest = from->shortest < to->shortest ? from->shortest : to->shortest;
}

/* Ways up to a `)`, which is left for the caller, or to the end. */
static bool parse_choice(struct parser *parser, struct part *out)
{
    if (!parse_sequence(parser, out))
        return false;
    while (peek(parser) == '|') {
        struct part way;
        parser->at++;
        if (!parse_sequence(parser, &way))
            return false;
        join(out, &way);
    }
    return true;
}

static bool parse_whole(struct parser *parser, struct regex_literals *out)
{
    struct part whole;
    if (count_letters(parser->text) > REGEX_MAX_LETTERS) {
        parser->at = parser->text.length;
        return fail(parser, "P005", "a pattern may have %d characters", REGEX_MAX_LETTERS);
    }
    if (!parse_choice(parser, &whole))
        return false;
    if (!at_end(parser))
        return fail(parser, "P004", "`)` has no `(`");
    *out = whole.literals;
    if (out->count > 0)
        return true;
    parser->at = 0;
    return fail(parser, "P006", "every match must hold %d letters in a row; some way through this pattern does not",
                REGEX_MIN_LITERAL);
}

enum err regex_parse(struct str pattern, struct regex_literals *out, struct regex_fault *fault)
{
    struct parser parser = {.text = pattern, .scratch = arena_new(SCRATCH), .fault = fault};
    if (!parser.scratch)
        return ERR_SYSTEM;
    parse_whole(&parser, out);
    arena_free(&parser.scratch);
    return parser.error;
}
