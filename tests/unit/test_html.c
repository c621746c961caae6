/* HTML to the text that a reader sees, with quotation marked. */
#include <attune/html.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static struct html_text read_html(struct str html)
{
    struct html_text out;
    size_t tags_left = HTML_MAX_TAGS;
    arena_reset(arena);
    assert_int_equal(html_to_text(arena, html, &tags_left, &out), ERR_OK);
    assert_true(utf8_is_valid(out.text));
    return out;
}

static void assert_text(struct str found, const char *html, const char *wanted)
{
    if (!str_equal_text(found, wanted))
        fail_msg("%s\nfound \"%.*s\"\nwanted \"%s\"", html, (int)found.length, found.data, wanted);
}

struct example {
    const char *html;
    const char *text;
    bool hidden;
};

static const struct example EXAMPLES[] = {
    {"plain words", "plain words", false},
    {"<p>one</p><p>two</p>", "one\n\ntwo", false},
    {"<div>one</div><div>two</div>", "one\ntwo", false},
    {"one<br>two<br><br>three", "one\ntwo\n\nthree", false},
    {"  a \n b\t c  ", "a b c", false},
    {"<b>bo</b>ld <i>and</i> not", "bold and not", false},
    {"caf&eacute; &lt;3 &#1078;&nbsp;x", "café <3 ж\xc2\xa0x", false},
    {"<ul><li>a<li>b</ul>c", "* a\n* b\n\nc", false},
    {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc", false},
    {"<pre>a\n  b</pre>", "a\n  b", false},
    {"<style>p{}</style><script>x()</script><title>t</title>a<!-- no -->b", "ab", false},
    {"<img alt=\"a smile\"> yes", "a smile yes", false},
    {"<h1>Head</h1>text", "Head\n\ntext", false},
    {"a<blockquote>q<br>r</blockquote>b", "a\n\n> q\n> r\n\nb", false},
    {"a<blockquote>q<blockquote>r</blockquote></blockquote>b", "a\n\n> q\n\n> > r\n\nb", false},
    {"<blockquote style=\"margin:0 0 0 40px;border:none\">mine</blockquote>", "mine", false},
    {"a<div class=\"gmail_attr\">On x wrote:</div><blockquote class=\"gmail_quote\">q</blockquote>",
     "a\n> On x wrote:\n\n> q", false},
    {"a<div class=\"gmail_quote\">On x wrote:<blockquote>q</blockquote>answer</div>",
     "a\n> On x wrote:\n\n> q\n\nanswer", false},
    {"a<div class=\"moz-cite-prefix\">intro</div><blockquote type=\"cite\">q</blockquote>", "a\n> intro\n\n> q", false},
    {"a<div id=\"x_yahoo_quoted\">q</div>", "a\n> q", false},
    {"a<div class=\"protonmail_quote\">intro<blockquote>q</blockquote></div>b", "a\n> intro\n\n> q\n\nb", false},
    {"bye<div class=\"gmail_signature\">Ana</div>", "bye\n--\nAna", false},
    {"<div style=\"display: none\">secret</div>seen", "secret\nseen", true},
    {"<p style='font-size:0px'>tiny</p>", "tiny", true},
    {"<p style='opacity:0.5'>seen</p>", "seen", false},
    {"<p style='font-size:10px'>seen</p>", "seen", false},
    {"<span hidden>x</span>", "x", true},
    {"<p>open <b>never <i>closed", "open never closed", false},
    {"a</div></p>b", "a\n\nb", false},
    {"< 3 and <3", "< 3 and <3", false},
    {"a &#xCCCCCCCC; b", "a \xef\xbf\xbd b", false},
    {"", "", false},
};

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; i++) {
        struct html_text out = read_html(str_of(EXAMPLES[i].html));
        assert_text(out.text, EXAMPLES[i].html, EXAMPLES[i].text);
        assert_int_equal(out.has_hidden, EXAMPLES[i].hidden);
        assert_false(out.is_simplified);
    }
}

static char *repeat(const char *piece, size_t count, const char *end)
{
    size_t length = strlen(piece);
    char *out = malloc(count * length + strlen(end) + 1);
    assert_non_null(out);
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * length, piece, length);
    memcpy(out + count * length, end, strlen(end) + 1);
    return out;
}

/* What would cost a tree too much is read without one, and its words are found all the same. */
static void test_costly(void **state)
{
    (void)state;
    static const struct {
        const char *piece;
        size_t count;
        bool simplified;
    } CASES[] = {
        {"<b>", HTML_MAX_TAGS + 1, true},
        {"<b>", 4000, false},
        {"<blockquote>", 4000, false},
        {"x", HTML_MAX_INPUT + 1, true},
        {"<p", 1, false},
        {"<!--", HTML_MAX_TAGS + 1, true},
        {"<script>", HTML_MAX_TAGS + 1, true},
        {"<a \"", HTML_MAX_TAGS + 1, true},
        {"&amp", HTML_MAX_INPUT, true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char *html = repeat(CASES[i].piece, CASES[i].count, "</script> <p>help me");
        struct html_text out = read_html(str_of(html));
        assert_int_equal(out.is_simplified, CASES[i].simplified);
        assert_true(CASES[i].piece[1] == 'p' || str_find(out.text, STR("help me"), 0) != SIZE_MAX);
        free(html);
    }
    char *attributes = repeat(" a", HTML_MAX_SEPARATORS + 1, ">help me");
    char *html = malloc(strlen(attributes) + 3);
    assert_non_null(html);
    memcpy(html, "<p", 2);
    memcpy(html + 2, attributes, strlen(attributes) + 1);
    struct html_text out = read_html(str_of(html));
    assert_true(out.is_simplified);
    assert_text(out.text, "attributes", "help me");
    free(html);
    free(attributes);
}

/* Formatting elements that are never closed multiply inside a parser: as spans they do not. */
static void test_multiplying(void **state)
{
    (void)state;
    struct buf html;
    buf_init(&html, HTML_MAX_INPUT);
    for (int i = 0; i < 6000; i++)
        assert_int_equal(buf_addf(&html, "<p><b a=%d></p>", i), ERR_OK);
    assert_int_equal(buf_add_text(&html, "help <B>me</B> <br>now"), ERR_OK);
    struct html_text out = read_html(buf_str(&html));
    assert_false(out.is_simplified);
    assert_text(out.text, "multiplying", "help me\nnow");
    buf_free(&html);
}

static void test_budget(void **state)
{
    (void)state;
    size_t tags_left = 4;
    struct html_text out;
    assert_int_equal(html_to_text(arena, STR("<p>a</p>"), &tags_left, &out), ERR_OK);
    assert_int_equal(tags_left, 2);
    assert_int_equal(html_to_text(arena, STR("<p>a</p><p>&lt;b</p>"), &tags_left, &out), ERR_OK);
    assert_true(out.is_simplified);
    assert_text(out.text, "past the budget", "a\n<b");
}

static void test_stripped(void **state)
{
    (void)state;
    static const struct {
        const char *html;
        const char *text;
    } CASES[] = {
        {"<p>a</p><div>b<br>c</div>", "a\nb\nc"},
        {"a<blockquote>q</blockquote>b", "a\n> q\nb"},
        {"a &amp; b &#x416; &unknown; &", "a & b Ж &unknown; &"},
        {"<style>p{}</style>a<!-- no -->b", "ab"},
        {"<a title=\"x > y\">link</a>", "link"},
        {"I <3 you", "I <3 you"},
        {"open <!-- comment", "open comment"},
        {"open <b", "open"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct buf text;
        buf_init(&text, 1000);
        struct html_writer writer = {.out = &text};
        html_strip(&writer, str_of(CASES[i].html));
        assert_text(buf_str(&text), CASES[i].html, CASES[i].text);
        buf_free(&text);
    }
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_costly),   cmocka_unit_test(test_multiplying),
        cmocka_unit_test(test_budget),   cmocka_unit_test(test_stripped),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
