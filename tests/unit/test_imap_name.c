/* Names on the wire: modified UTF-7, quoting, keywords, and what is refused. */
#include <attune/imap_name.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(literal) STR(literal)

static void test_folders(void **state)
{
    static const struct {
        struct str name;
        const char *wire; /* NULL: refused */
    } table[] = {
        {TEXT("INBOX"), "\"INBOX\""},
        {TEXT("Clinical/Urgent"), "\"Clinical/Urgent\""},
        {TEXT("two words"), "\"two words\""},
        {TEXT("a&b"), "\"a&-b\""},
        {TEXT("&"), "\"&-\""},
        {TEXT("quote\"d"), "\"quote\\\"d\""},
        {TEXT("back\\slash"), "\"back\\\\slash\""},
        {TEXT("B\xc3\xbcro"), "\"B&APw-ro\""},
        {TEXT("\xc3\xbc"), "\"&APw-\""},
        {TEXT("\xc3\xbc\xc3\xbc"), "\"&APwA,A-\""},
        {TEXT("\xc3\xbc\xc3\xbc\xc3\xbc"), "\"&APwA,AD8-\""},
        {TEXT("~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"),
         "\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\""}, /* RFC 3501, 5.1.3 */
        {TEXT("\xf0\x9f\x92\x9a"), "\"&2D3cmg-\""},
        {TEXT("\xc3\xbc&\xc3\xbc"), "\"&APw-&-&APw-\""},
        {TEXT(""), NULL},
        {TEXT("two\r\nlines"), NULL},
        {TEXT("nul\0inside"), NULL},
        {TEXT("tab\tbed"), NULL},
        {TEXT("delete\x7f"), NULL},
        {TEXT("\xff"), NULL},
        {TEXT("\xed\xa0\x80"), NULL}, /* a surrogate */
        {TEXT("cut \xc3"), NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct buf out;
        buf_init(&out, IMAP_MAX_QUOTED - 1);
        enum err error = imap_name_add_folder(&out, table[i].name);
        assert_int_equal(error, table[i].wire ? ERR_OK : ERR_INPUT);
        if (table[i].wire)
            assert_string_equal(buf_text(&out), table[i].wire);
        buf_free(&out);
    }
}

/* The longest names of each kind fit the place that is kept for them. */
static void test_longest_folders(void **state)
{
    static const char *const pieces[] = {"x", "\"", "&", "\x20\xc3\xbc", "\xe5\x8f\xb0", "\xf0\x9f\x92\x9a"};
    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        char name[IMAP_MAX_NAME + 8] = "";
        struct buf out;
        while (strlen(name) + strlen(pieces[i]) <= IMAP_MAX_NAME)
            strcat(name, pieces[i]);
        buf_init(&out, IMAP_MAX_QUOTED - 1);
        assert_int_equal(imap_name_add_folder(&out, str_of(name)), ERR_OK);
        buf_free(&out);
        memset(name, 'x', IMAP_MAX_NAME + 1);
        name[IMAP_MAX_NAME + 1] = '\0';
        assert_int_equal(imap_name_add_folder(&out, str_of(name)), ERR_INPUT);
        buf_free(&out);
    }
}

static void test_no_room(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 4);
    assert_int_equal(imap_name_add_folder(&out, TEXT("INBOX")), ERR_LIMIT);
    buf_free(&out);
}

static void test_secrets(void **state)
{
    static const struct {
        struct str secret;
        const char *wire;
    } table[] = {
        {TEXT("plain"), "\"plain\""},
        {TEXT(""), "\"\""},
        {TEXT("a\"b\\c"), "\"a\\\"b\\\\c\""},
        {TEXT("\xc3\xbc\xff"), "\"\xc3\xbc\xff\""},
        {TEXT("a\rb"), NULL},
        {TEXT("a\nb"), NULL},
        {TEXT("a\0b"), NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct buf out;
        buf_init(&out, 64);
        assert_int_equal(imap_name_add_secret(&out, table[i].secret), table[i].wire ? ERR_OK : ERR_INPUT);
        if (table[i].wire)
            assert_string_equal(buf_text(&out), table[i].wire);
        buf_wipe(&out);
    }
}

static void test_keywords(void **state)
{
    static const struct {
        struct str keyword;
        bool good;
    } table[] = {
        {TEXT("$AttuneNow"), true}, {TEXT("a"), true},       {TEXT("a.b-c_d"), true}, {TEXT(""), false},
        {TEXT("two words"), false}, {TEXT("\\Seen"), false}, {TEXT("a(b"), false},    {TEXT("a)b"), false},
        {TEXT("a{b"), false},       {TEXT("a%b"), false},    {TEXT("a*b"), false},    {TEXT("a\"b"), false},
        {TEXT("a]b"), false},       {TEXT("a\r\nb"), false}, {TEXT("a\0b"), false},   {TEXT("\xc3\xbc"), false},
    };
    char longest[IMAP_MAX_KEYWORD + 1];
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(imap_name_is_keyword(table[i].keyword), table[i].good);
    memset(longest, 'x', sizeof longest);
    assert_true(imap_name_is_keyword((struct str){longest, IMAP_MAX_KEYWORD}));
    assert_false(imap_name_is_keyword((struct str){longest, IMAP_MAX_KEYWORD + 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders), cmocka_unit_test(test_longest_folders), cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_secrets), cmocka_unit_test(test_keywords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
