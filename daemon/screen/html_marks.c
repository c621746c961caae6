/*
 * Marks by which mail programs tell quotation, signature and hidden text in HTML. Screen children; attributes are
 * hostile.
 */
#include <attune/html_marks.h>
#include <attune/str.h>

/* Marks by which mail programs tell quotation and signature: a class or id, Outlook's "x_" before it left out. */
static const struct {
    const char *name;
    enum html_mark mark;
} MARKS[] = {
    {"gmail_attr", HTML_MARK_QUOTE},
    {"moz-cite-prefix", HTML_MARK_QUOTE},
    {"yahoo_quoted", HTML_MARK_QUOTE},
    {"OLK_SRC_BODY_SECTION", HTML_MARK_QUOTE},
    {"zmail_extra", HTML_MARK_QUOTE},
    {"gmail_quote", HTML_MARK_INTRODUCTION}, /* answers may stand between the blockquotes inside these */
    {"protonmail_quote", HTML_MARK_INTRODUCTION},
    {"gmail_signature", HTML_MARK_SIGNATURE},
    {"moz-signature", HTML_MARK_SIGNATURE},
};

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

const char *html_attribute(const GumboNode *node, const char *name)
{
    const GumboAttribute *found = gumbo_get_attribute(&node->v.element.attributes, name);
    return found ? found->value : NULL;
}

/* One word of a class attribute, or an id. */
static enum html_mark mark_of_word(struct str word)
{
    if (str_starts_nocase(word, STR("x_")))
        word = str_slice(word, 2, word.length);
    for (size_t i = 0; i < sizeof MARKS / sizeof *MARKS; i++)
        if (str_equal_nocase(word, str_of(MARKS[i].name)))
            return MARKS[i].mark;
    return HTML_MARK_NONE;
}

enum html_mark html_mark_of(const GumboNode *node)
{
    const char *names[] = {html_attribute(node, "class"), html_attribute(node, "id")};
    for (size_t i = 0; i < 2; i++) {
        struct str rest = str_trim(str_of(names[i]));
        while (rest.length) {
            size_t end = 0;
            while (end < rest.length && !is_space(rest.data[end]))
                end++;
            enum html_mark mark = mark_of_word(str_slice(rest, 0, end));
            if (mark != HTML_MARK_NONE)
                return mark;
            rest = str_trim(str_slice(rest, end, rest.length));
        }
    }
    return HTML_MARK_NONE;
}

/* A style attribute without its white space, cut at 512 bytes: what hides stands among few properties. */
static struct str squeeze_style(const char *style, char out[512])
{
    size_t used = 0;
    for (; style && *style && used < 512; style++)
        if (!is_space(*style))
            out[used++] = *style;
    return (struct str){out, used};
}

/* A property set to nothing: "font-size:0", "opacity:0px", but not "opacity:0.5". */
static bool is_zero(struct str style, struct str property)
{
    size_t at = str_find_nocase(style, property, 0);
    if (at == SIZE_MAX)
        return false;
    struct str value = str_slice(style, at + property.length, style.length);
    if (value.length == 0 || value.data[0] != '0')
        return false;
    for (size_t i = 0; i < value.length && value.data[i] != ';' && value.data[i] != '!'; i++)
        if (value.data[i] >= '1' && value.data[i] <= '9')
            return false;
    return true;
}

bool html_is_hidden(const GumboNode *node)
{
    static const char *const HIDES[] = {"display:none", "visibility:hidden", "mso-hide:all"};
    static const char *const ZERO[] = {"font-size:", "opacity:", "max-height:"};
    if (html_attribute(node, "hidden"))
        return true;
    const char *value = html_attribute(node, "style");
    if (!value)
        return false;
    char space[512];
    struct str style = squeeze_style(value, space);
    for (size_t i = 0; i < sizeof HIDES / sizeof *HIDES; i++)
        if (str_find_nocase(style, str_of(HIDES[i]), 0) != SIZE_MAX)
            return true;
    for (size_t i = 0; i < sizeof ZERO / sizeof *ZERO; i++)
        if (is_zero(style, str_of(ZERO[i])))
            return true;
    return false;
}

/* A blockquote is a quotation unless it only indents: Gmail's "indent more" writes one without a border. */
bool html_is_quotation(const GumboNode *node)
{
    char space[512];
    if (node->v.element.tag != GUMBO_TAG_BLOCKQUOTE)
        return html_mark_of(node) == HTML_MARK_QUOTE;
    if (html_attribute(node, "type") || html_attribute(node, "cite") || html_attribute(node, "class"))
        return true;
    struct str style = squeeze_style(html_attribute(node, "style"), space);
    return str_find_nocase(style, STR("border:none"), 0) == SIZE_MAX;
}
