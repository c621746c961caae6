/*
 * HTML to text without a tree: one pass, constant memory, for markup that would make a tree slow or huge. Blocks break
 * lines, blockquotes are marked, scripts and styles left out. Screen children; the bytes are hostile.
 */
#include <attune/html.h>
#include <string.h>

static const char *const BLOCKS[] = {"p",  "div", "br", "tr", "li", "ul", "ol", "table", "blockquote", "pre",
                                     "hr", "h1",  "h2", "h3", "h4", "h5", "h6", "dt",    "dd",         "option"};
static const char *const SKIPPED[] = {"script", "style", "title"};

static bool is_one_of(struct str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal_nocase(name, str_of(names[i])))
            return true;
    return false;
}

/* The character that a reference at `at` ("&amp;", "&#1078;") stands for; its length in *length, 0 for none. */
static uint32_t reference(struct str html, size_t at, size_t *length)
{
    static const struct {
        const char *name;
        uint32_t character;
    } NAMED[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", 0xa0}, {"shy", 0xad}};
    enum { LONGEST = 10 };
    struct str rest = str_slice(html, at + 1, at + 1 + LONGEST);
    size_t end = str_find(rest, STR(";"), 0);
    *length = 0;
    if (end == SIZE_MAX || end == 0)
        return 0;
    struct str name = str_slice(rest, 0, end);
    uint32_t value = 0;
    for (size_t i = 0; i < sizeof NAMED / sizeof *NAMED; i++)
        if (str_equal_text(name, NAMED[i].name))
            value = NAMED[i].character;
    if (name.data[0] == '#') {
        bool is_hex = name.length > 2 && (name.data[1] == 'x' || name.data[1] == 'X');
        for (size_t i = is_hex ? 2 : 1; i < name.length; i++) {
            char byte = name.data[i];
            unsigned digit = byte >= '0' && byte <= '9'   ? (unsigned)(byte - '0')
                             : byte >= 'a' && byte <= 'f' ? (unsigned)(byte - 'a' + 10)
                             : byte >= 'A' && byte <= 'F' ? (unsigned)(byte - 'A' + 10)
                                                          : 16;
            if (digit >= (is_hex ? 16 : 10))
                return 0;
            value = value * (is_hex ? 16 : 10) + digit; /* at most nine digits: no overflow past 32 bits that matters */
        }
    }
    *length = value ? end + 2 : 0;
    return value;
}

static void write_run(struct html_writer *writer, struct str text)
{
    for (size_t at = 0; at < text.length;) {
        const char *mark = memchr(text.data + at, '&', text.length - at);
        size_t next = mark ? (size_t)(mark - text.data) : text.length, length = 0;
        html_write_text(writer, str_slice(text, at, next));
        at = next;
        if (at == text.length)
            break;
        uint32_t character = reference(text, at, &length);
        char bytes[4];
        html_write_text(writer, length ? (struct str){bytes, utf8_encode(character, bytes)} : STR("&"));
        at += length ? length : 1;
    }
}

/* Where the tag that opens at `at` ends: behind its ">", or at the next "<", which is no part of it. Quotes protect
 * both for 8 KiB: a lone quote must not eat the letter, nor make each tag a walk to the end. */
static size_t tag_end(struct str html, size_t at)
{
    enum { LONGEST_TAG = 8192 };
    size_t limit = html.length - at < LONGEST_TAG ? html.length : at + LONGEST_TAG, bare = 0;
    char quote = 0;
    for (size_t i = at + 1; i < limit; i++) {
        char byte = html.data[i];
        bool ends = byte == '>' || byte == '<';
        size_t end = byte == '>' ? i + 1 : i;
        if (ends && !bare)
            bare = end;
        if (ends && !quote)
            return end;
        if (quote)
            quote = byte == quote ? 0 : quote;
        else if (byte == '"' || byte == '\'')
            quote = byte;
    }
    return bare ? bare : limit;
}

static struct str tag_name(struct str tag)
{
    size_t start = tag.length > 1 && tag.data[1] == '/' ? 2 : 1, end = start;
    while (end < tag.length && (tag.data[end] & 0x80) == 0 && !strchr(" \t\r\n/>", tag.data[end]))
        end++;
    return str_slice(tag, start, end);
}

/* The offset behind `mark`, from `at` on; `at` when there is none, which is remembered so that it is looked for once.
 */
static size_t behind(struct str html, struct str mark, size_t at, bool *absent)
{
    size_t found = *absent ? SIZE_MAX : str_find(html, mark, at);
    *absent = found == SIZE_MAX;
    return *absent ? at : found + mark.length;
}

/* Acts on a tag; gives where reading goes on, which for a script is behind its end. */
static size_t take_tag(struct html_writer *writer, struct str html, size_t at, size_t end, bool *no_close)
{
    struct str tag = str_slice(html, at, end), name = tag_name(tag);
    bool is_close = tag.length > 1 && tag.data[1] == '/';
    if (!is_close && is_one_of(name, SKIPPED, sizeof SKIPPED / sizeof *SKIPPED)) {
        size_t close = behind(html, STR("</"), end, no_close);
        return *no_close ? end : tag_end(html, close);
    }
    if (str_equal_nocase(name, STR("blockquote"))) {
        html_write_break(writer, 1);
        if (!is_close)
            writer->quotes++;
        else if (writer->quotes)
            writer->quotes--;
    }
    if (str_equal_nocase(name, STR("br")))
        html_write_line_end(writer);
    else if (is_one_of(name, BLOCKS, sizeof BLOCKS / sizeof *BLOCKS))
        html_write_break(writer, 1);
    return end;
}

void html_strip(struct html_writer *writer, struct str html)
{
    bool no_close = false, no_comment_end = false;
    for (size_t at = 0; at < html.length;) {
        const char *open = memchr(html.data + at, '<', html.length - at);
        size_t tag = open ? (size_t)(open - html.data) : html.length;
        write_run(writer, str_slice(html, at, tag));
        if (tag == html.length)
            return;
        char next = tag + 1 < html.length ? html.data[tag + 1] : ' ';
        if (str_starts_nocase(str_slice(html, tag, html.length), STR("<!--"))) {
            at = behind(html, STR("-->"), tag + 4, &no_comment_end);
        } else if (next == '/' || next == '!' || next == '?' || (next >= 'a' && next <= 'z') ||
                   (next >= 'A' && next <= 'Z')) {
            at = take_tag(writer, html, tag, tag_end(html, tag), &no_close);
        } else {
            html_write_text(writer, STR("<")); /* "<3" is no tag */
            at = tag + 1;
        }
    }
}
