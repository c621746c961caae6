/*
 * What HTML would cost a parser that builds a tree, and the taming of what can be made to multiply in one. Screen
 * children; the bytes are hostile.
 */
#include <attune/html.h>
#include <attune/html_tame.h>
#include <string.h>

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* What a tree would cost, counted as a tokenizer reads (HTML 5, 13.2.5): a quote protects only behind "=". */
struct cost {
    size_t tags;
    size_t separators; /* of attributes, in the tag that is open */
    size_t most;       /* of those in one tag */
    size_t all;        /* of those in all tags */
    char quote;
    bool in_tag, is_value;
};

static void count_byte(struct cost *cost, char byte)
{
    if (cost->quote) {
        cost->quote = byte == cost->quote ? 0 : cost->quote;
        return;
    }
    if (byte == '<') {
        cost->tags++;
        cost->in_tag = true;
        cost->separators = 0;
    }
    if (!cost->in_tag)
        return;
    if (cost->is_value && (byte == '"' || byte == '\''))
        cost->quote = byte;
    else if (byte == '>')
        cost->in_tag = false;
    else if (is_space(byte) || byte == '=' || byte == '/') {
        cost->separators++;
        cost->all++;
    }
    cost->is_value = byte == '=' || (cost->is_value && is_space(byte));
    if (cost->most < cost->separators)
        cost->most = cost->separators;
}

bool html_is_affordable(struct str html, size_t *tags_left)
{
    struct cost cost = {0};
    if (html.length > HTML_MAX_INPUT)
        return false;
    for (size_t i = 0; i < html.length; i++)
        count_byte(&cost, html.data[i]);
    if (cost.tags > *tags_left || cost.most > HTML_MAX_SEPARATORS || cost.all > HTML_MAX_ALL_SEPARATORS)
        return false;
    *tags_left -= cost.tags;
    return true;
}

/* The formatting elements (HTML 5, 13.2.4.3): a parser opens each that was not closed anew in every block that follows.
 */
static const char *const FORMATTING[] = {"a",    "b", "big",   "code",   "em",     "font", "i",
                                         "nobr", "s", "small", "strike", "strong", "tt",   "u"};

static struct str tag_name(struct str html, size_t at)
{
    size_t start = at + 1 < html.length && html.data[at + 1] == '/' ? at + 2 : at + 1, end = start;
    while (end < html.length && ((html.data[end] | 0x20) >= 'a' && (html.data[end] | 0x20) <= 'z'))
        end++;
    bool is_whole = end == html.length || is_space(html.data[end]) || html.data[end] == '>' || html.data[end] == '/';
    return str_slice(html, start, is_whole ? end : start);
}

static bool is_formatting(struct str name)
{
    for (size_t i = 0; i < sizeof FORMATTING / sizeof *FORMATTING; i++)
        if (str_equal_nocase(name, str_of(FORMATTING[i])))
            return true;
    return false;
}

enum err html_tame(struct arena *arena, struct str html, struct str *out)
{
    static const char SPAN[] = "span";
    size_t tags = 0;
    for (size_t i = 0; i < html.length; i++)
        tags += html.data[i] == '<';
    char *bytes = arena_alloc(arena, html.length + tags * (sizeof SPAN - 1) + 1);
    if (!bytes)
        return ERR_SYSTEM;
    size_t used = 0;
    for (size_t at = 0; at < html.length;) {
        const char *next = memchr(html.data + at, '<', html.length - at);
        size_t tag = next ? (size_t)(next - html.data) : html.length;
        struct str name = next ? tag_name(html, tag) : (struct str){html.data + html.length, 0};
        size_t end = name.length && is_formatting(name) ? (size_t)(name.data - html.data) : tag + (next != NULL);
        memcpy(bytes + used, html.data + at, end - at);
        used += end - at;
        at = end;
        if (name.length && is_formatting(name)) {
            memcpy(bytes + used, SPAN, sizeof SPAN - 1);
            used += sizeof SPAN - 1;
            at += name.length;
        }
    }
    *out = (struct str){bytes, used};
    return ERR_OK;
}
