/*
 * HTML to text over gumbo's tree, walked without recursion. Screen children; the bytes are hostile. Gumbo neither
 * bounds its tree nor survives a failed allocation: html_tame.c sees to it that what comes here is small.
 */
#include <attune/charset.h>
#include <attune/html.h>
#include <attune/html_marks.h>
#include <attune/html_tame.h>
#include <gumbo.h>
#include <stdlib.h>
#include <string.h>

/* How an element shows: line ends before and after it. */
struct element {
    GumboTag tag;
    unsigned breaks;
    bool is_skipped; /* never shown, and not "hidden": it holds no words for a reader */
};

static const struct element ELEMENTS[] = {
    {GUMBO_TAG_P, 2, false},        {GUMBO_TAG_DIV, 1, false},     {GUMBO_TAG_BLOCKQUOTE, 2, false},
    {GUMBO_TAG_UL, 2, false},       {GUMBO_TAG_OL, 2, false},      {GUMBO_TAG_LI, 1, false},
    {GUMBO_TAG_DL, 2, false},       {GUMBO_TAG_DT, 1, false},      {GUMBO_TAG_DD, 1, false},
    {GUMBO_TAG_TABLE, 1, false},    {GUMBO_TAG_TR, 1, false},      {GUMBO_TAG_CAPTION, 1, false},
    {GUMBO_TAG_H1, 2, false},       {GUMBO_TAG_H2, 2, false},      {GUMBO_TAG_H3, 2, false},
    {GUMBO_TAG_H4, 2, false},       {GUMBO_TAG_H5, 2, false},      {GUMBO_TAG_H6, 2, false},
    {GUMBO_TAG_PRE, 2, false},      {GUMBO_TAG_HR, 1, false},      {GUMBO_TAG_CENTER, 1, false},
    {GUMBO_TAG_SECTION, 1, false},  {GUMBO_TAG_ARTICLE, 1, false}, {GUMBO_TAG_HEADER, 1, false},
    {GUMBO_TAG_FOOTER, 1, false},   {GUMBO_TAG_ADDRESS, 1, false}, {GUMBO_TAG_FORM, 1, false},
    {GUMBO_TAG_FIELDSET, 1, false}, {GUMBO_TAG_OPTION, 1, false},  {GUMBO_TAG_FIGURE, 2, false},
    {GUMBO_TAG_MAIN, 1, false},     {GUMBO_TAG_NAV, 1, false},     {GUMBO_TAG_ASIDE, 1, false},
    {GUMBO_TAG_SCRIPT, 0, true},    {GUMBO_TAG_STYLE, 0, true},    {GUMBO_TAG_TITLE, 0, true},
    {GUMBO_TAG_TEMPLATE, 0, true},
};

struct walk {
    struct html_writer *writer;
    const GumboNode *introduction; /* an open element whose words before its first blockquote introduce that */
    bool has_hidden, has_picture;
};

void html_write_break(struct html_writer *writer, unsigned lines)
{
    writer->space = false;
    if (writer->lines < lines)
        writer->lines = lines;
}

void html_write_line_end(struct html_writer *writer)
{
    writer->space = false;
    if (writer->lines < 3) /* more empty lines say nothing more */
        writer->lines++;
}

static void begin_word(struct html_writer *writer)
{
    static const char ENDS[] = "\n\n\n", MARKS_TEXT[] = "> > > ";
    bool at_start = writer->out->length == 0;
    if (writer->lines && !at_start)
        (void)buf_add(writer->out, ENDS, writer->lines);
    if ((writer->lines || at_start) && writer->quotes)
        (void)buf_add(writer->out, MARKS_TEXT,
                      2 * (writer->quotes < HTML_MAX_QUOTE_MARKS ? writer->quotes : HTML_MAX_QUOTE_MARKS));
    if (writer->space && !writer->lines && !at_start)
        (void)buf_add_char(writer->out, ' ');
    writer->lines = 0;
    writer->space = false;
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static void write_verbatim(struct html_writer *writer, struct str text)
{
    for (struct str line; str_next_line(&text, &line);) {
        if (line.length) {
            begin_word(writer);
            (void)buf_add_str(writer->out, line);
        }
        if (text.length || (line.data + line.length < text.data))
            html_write_line_end(writer);
    }
}

void html_write_text(struct html_writer *writer, struct str text)
{
    if (writer->verbatim) {
        write_verbatim(writer, text);
        return;
    }
    for (size_t at = 0; at < text.length;) {
        if (is_space(text.data[at])) {
            writer->space = true;
            at++;
            continue;
        }
        size_t end = at;
        while (end < text.length && !is_space(text.data[end]))
            end++;
        begin_word(writer);
        (void)buf_add_str(writer->out, str_slice(text, at, end));
        at = end;
    }
}

static const struct element *element_of(const GumboNode *node)
{
    for (size_t i = 0; i < sizeof ELEMENTS / sizeof *ELEMENTS; i++)
        if (ELEMENTS[i].tag == node->v.element.tag)
            return &ELEMENTS[i];
    return NULL;
}

static const GumboVector *children_of(const GumboNode *node)
{
    static const GumboVector NONE = {0};
    if (node->type == GUMBO_NODE_DOCUMENT)
        return &node->v.document.children;
    return node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE ? &node->v.element.children : &NONE;
}

static const GumboNode *next_sibling(const GumboNode *node)
{
    const GumboVector *siblings = node->parent ? children_of(node->parent) : NULL;
    size_t next = node->index_within_parent + 1;
    return siblings && next < siblings->length ? siblings->data[next] : NULL;
}

static const GumboNode *next_inside(const GumboNode *node, const GumboNode *root)
{
    if (children_of(node)->length)
        return children_of(node)->data[0];
    while (node != root && !next_sibling(node))
        node = node->parent;
    return node == root ? NULL : next_sibling(node);
}

static bool contains_blockquote(const GumboNode *root)
{
    enum { FAR_ENOUGH = 64 }; /* the words that introduce a quotation are few */
    const GumboNode *node = next_inside(root, root);
    for (int i = 0; node && i < FAR_ENOUGH; i++, node = next_inside(node, root))
        if (node->type == GUMBO_NODE_ELEMENT && node->v.element.tag == GUMBO_TAG_BLOCKQUOTE)
            return true;
    return false;
}

static void end_introduction(struct walk *walk)
{
    if (!walk->introduction)
        return;
    html_write_break(walk->writer, 1);
    walk->writer->quotes--;
    walk->introduction = NULL;
}

static void enter_element(struct walk *walk, const GumboNode *node)
{
    struct html_writer *writer = walk->writer;
    const struct element *element = element_of(node);
    GumboTag tag = node->v.element.tag;
    if (element && element->breaks)
        html_write_break(writer, element->breaks);
    if (tag == GUMBO_TAG_BR)
        html_write_line_end(writer);
    else if (tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH)
        writer->space = true;
    else if (tag == GUMBO_TAG_LI)
        html_write_text(writer, STR("* "));
    else if (tag == GUMBO_TAG_IMG && html_attribute(node, "alt"))
        html_write_text(writer, str_of(html_attribute(node, "alt")));
    else if (tag == GUMBO_TAG_PRE)
        writer->verbatim++;
    const char *alt = html_attribute(node, "alt");
    walk->has_picture = walk->has_picture || (tag == GUMBO_TAG_IMG && (!alt || !*alt));
    if (html_is_quotation(node)) {
        html_write_break(writer, 1);
        writer->quotes++;
    }
    if (tag == GUMBO_TAG_BLOCKQUOTE)
        end_introduction(walk);
    walk->has_hidden = walk->has_hidden || html_is_hidden(node);
    enum html_mark mark = html_mark_of(node);
    if (mark == HTML_MARK_INTRODUCTION && !walk->introduction && tag != GUMBO_TAG_BLOCKQUOTE &&
        contains_blockquote(node)) {
        html_write_break(writer, 1);
        writer->quotes++;
        walk->introduction = node;
    } else if (mark == HTML_MARK_SIGNATURE) {
        html_write_break(writer, 1);
        html_write_text(writer, STR("--"));
        html_write_break(writer, 1);
    }
}

static void leave_element(struct walk *walk, const GumboNode *node)
{
    struct html_writer *writer = walk->writer;
    const struct element *element = element_of(node);
    if (walk->introduction == node)
        end_introduction(walk);
    if (html_is_quotation(node)) {
        html_write_break(writer, 1);
        writer->quotes--;
    }
    if (node->v.element.tag == GUMBO_TAG_PRE)
        writer->verbatim--;
    if (node->v.element.tag == GUMBO_TAG_TD || node->v.element.tag == GUMBO_TAG_TH)
        writer->space = true;
    if (element && element->breaks)
        html_write_break(writer, element->breaks);
}

static bool is_skipped(const GumboNode *node)
{
    const struct element *element = element_of(node);
    return element && element->is_skipped;
}

static void leave_node(struct walk *walk, const GumboNode *node)
{
    if (node->type == GUMBO_NODE_ELEMENT && !is_skipped(node))
        leave_element(walk, node);
}

/* Shows a node; false when what is inside it is not shown. */
static bool enter_node(struct walk *walk, const GumboNode *node)
{
    if (node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_CDATA || node->type == GUMBO_NODE_WHITESPACE)
        html_write_text(walk->writer, str_of(node->v.text.text));
    if (node->type != GUMBO_NODE_ELEMENT)
        return node->type == GUMBO_NODE_DOCUMENT;
    if (is_skipped(node))
        return false;
    enter_element(walk, node);
    return true;
}

static void walk_tree(struct walk *walk, const GumboNode *node)
{
    while (node) {
        bool into = enter_node(walk, node);
        if (into && children_of(node)->length) {
            node = children_of(node)->data[0];
            continue;
        }
        while (node && !next_sibling(node)) {
            leave_node(walk, node);
            node = node->parent;
        }
        if (!node)
            return;
        leave_node(walk, node);
        node = next_sibling(node);
    }
}

static void *tree_alloc(void *userdata, size_t size)
{
    return arena_alloc(userdata, size);
}

static void tree_free(void *userdata, void *pointer)
{
    (void)userdata;
    (void)pointer; /* the arena ends with the tree */
}

/* gumbo_destroy_output() is never called: it recurses as deep as the markup. */
static const GumboNode *parse(struct arena *memory, struct str html)
{
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = tree_alloc;
    options.deallocator = tree_free;
    options.userdata = memory;
    options.max_errors = 0;
    const GumboOutput *output = gumbo_parse_with_options(&options, html.data, html.length);
    return output->document;
}

/* Fills the writer by way of a tree; `html` was found affordable. */
static enum err read_tree(struct html_writer *writer, struct str html, struct html_text *out)
{
    struct walk walk = {.writer = writer};
    struct arena *memory = arena_new(HTML_MAX_TREE);
    enum err error = memory ? html_tame(memory, html, &html) : ERR_SYSTEM;
    if (error == ERR_OK) {
        walk_tree(&walk, parse(memory, html));
        out->has_hidden = walk.has_hidden;
        out->has_picture = walk.has_picture;
    }
    arena_free(&memory);
    return error;
}

/* Gumbo writes ill-formed bytes for a character reference that overflows it ("&#xCCCCCCCC;"): repaired here. */
static enum err keep_text(struct arena *arena, struct str text, struct str *out)
{
    if (!utf8_is_valid(text))
        return charset_repair(arena, text, out);
    *out = (struct str){arena_copy(arena, text.data ? text.data : "", text.length), text.length};
    return out->data ? ERR_OK : ERR_SYSTEM;
}

enum err html_to_text(struct arena *arena, struct str html, size_t *tags_left, struct html_text *out)
{
    *out = (struct html_text){0};
    struct buf text;
    enum err error = ERR_OK;
    buf_init(&text, 3 * html.length + 4096); /* marks and line ends are fewer than the tags that ask for them */
    struct html_writer writer = {.out = &text};
    if (html_is_affordable(html, tags_left)) {
        error = read_tree(&writer, html, out);
    } else {
        out->is_simplified = true;
        html_strip(&writer, html);
    }
    if (error == ERR_OK)
        error = keep_text(arena, buf_str(&text), &out->text);
    buf_free(&text);
    return error;
}
