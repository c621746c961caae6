/* Charsets, transfer encodings and header words: one fault a row, and the words that must come out. */
#include <attune/charset.h>
#include <attune/header.h>
#include <attune/language.h>
#include <attune/transfer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static void assert_str(const char *name, struct str found, const char *wanted)
{
    if (!str_equal_text(found, wanted))
        fail_msg("%s: found \"%.*s\", wanted \"%s\"", name, (int)found.length, found.data ? found.data : "", wanted);
}

struct charset_case {
    const char *charset;
    struct str bytes;
    const char *text;
    bool guessed;
};

static const struct charset_case CHARSETS[] = {
    {"utf-8", {"\xc4\x8d", 2}, "č", false},
    {"'UTF8'", {"\xc4\x8d", 2}, "č", false},
    {"utf-8",
     {"a\0b", 3},
     "a\xef\xbf\xbd"
     "b",
     false},
    {"utf-8", {"\xc4\x8d\xc4\x8d\xc4\x8d\xc4\x8d\xff", 9}, "čččč\xef\xbf\xbd", true},
    {"iso-8859-1", {"\xe9t\xe9 \x80", 5}, "été €", false},
    {"latin2", {"\xe8", 1}, "č", false},
    {"iso-8859-15", {"\xa4", 1}, "€", false},
    {"iso-8859-16", {"\xba\xfe", 2}, "șț", false},
    {"iso-8859-5", {"\xb4\xd0", 2}, "Да", false},
    {"cp1250", {"\x9a\x9e", 2}, "šž", false},
    {"windows-1251", {"\xbf\xb3", 2}, "їі", false},
    {"koi8-r", {"\xf0\xd2\xc9", 3}, "При", false},
    {"koi8-u", {"\xa4\xa6", 2}, "єі", false},
    {"utf-16le", {"h\0i\0", 4}, "hi", false},
    {"utf-16be", {"\0h\0i", 4}, "hi", false},
    {"utf-16", {"\xff\xfeh\0i\0", 6}, "hi", false},
    {"utf-16", {"\xfe\xff\0h\0i", 6}, "hi", false},
    {"utf-16", {"h\0i\0", 4}, "hi", false},
    {"utf-7", {"a+AGEAYg-c", 10}, "aabc", false},
    {"gb2312", {"\xc4\xe3\xba\xc3", 4}, "你好", false},
    {"iso-2022-jp", {"\x1b$B$3$s\x1b(B!", 11}, "こん!", false},
    /* What was declared is not what came. */
    {"", {"\xc4\x8d", 2}, "č", false},
    {"x-unknown", {"na\xefve", 5}, "naïve", true},
    {"iso-8859-1", {"\xc5\xbe ivim", 7}, "ž ivim", false},
    {"us-ascii", {"\xcf\xf0\xe8\xe2\xe5\xf2, \xff \xed\xe5 \xe7\xed\xe0\xfe", 17}, "Привет, я не знаю", false},
    {"utf-8", {"\xf0\xd2\xc9\xd7\xc5\xd4, \xd1 \xce\xc5 \xda\xce\xc1\xc0", 17}, "Привет, я не знаю", false},
    {"",
     {"ne morem ve\xe8, \xbe"
      "elim re\xe8i",
      24},
     "ne morem več, želim reči",
     false},
    {"utf-16", {"odd", 3}, "odd", true},
    {"utf-16le", {"h\0i\0x", 5}, "hi\xef\xbf\xbd", true},
};

static void test_charsets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CHARSETS / sizeof *CHARSETS; i++) {
        struct str out;
        bool guessed;
        const struct charset *charset = charset_find(str_of(CHARSETS[i].charset));
        arena_reset(arena);
        assert_int_equal(charset_to_utf8(arena, CHARSETS[i].bytes, charset, &out, &guessed), ERR_OK);
        assert_true(utf8_is_valid(out));
        assert_str(CHARSETS[i].charset, out, CHARSETS[i].text);
        assert_int_equal(guessed, CHARSETS[i].guessed);
    }
    assert_null(charset_find(STR("")));
    assert_null(charset_find(STR("\"\"")));
    assert_null(charset_find(STR("no-such-charset")));
}

/* Any bytes in any charset give valid UTF-8: each byte value alone, then two by two with an escape before. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"utf-8", "utf-7", "utf-16", "iso-2022-jp", "gbk", "windows-1255", "big5", ""};
    for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++) {
        for (unsigned value = 0; value < 256 * 256; value += n ? 251 : 17) {
            char bytes[] = {'\x1b', (char)(value >> 8), (char)value, '+'};
            struct str out;
            bool guessed;
            arena_reset(arena);
            const struct charset *charset = charset_find(str_of(NAMES[n]));
            assert_int_equal(charset_to_utf8(arena, (struct str){bytes, 4}, charset, &out, &guessed), ERR_OK);
            assert_true(utf8_is_valid(out) && !(out.length && memchr(out.data, '\0', out.length)));
        }
    }
}

struct transfer_case {
    const char *name;
    const char *raw;
    const char *text;
    const char *tail;
};

static const struct transfer_case TRANSFERS[] = {
    {"base64", "aGVsbG8gd29ybGQ=", "hello world", ""},
    {" BASE64 ", "aGVs\r\nbG8=\r\n", "hello", ""},
    {"base64", "aGVsbG8", "hello", ""},
    {"base64", "aGVsbG8=\nI need help now\n", "hello", "I need help now"},
    {"base64", "aGVsbG8=\nhelp", "hello", "help"},
    {"base64", "aGVsbG8= and more", "hello", "and more"},
    {"base64", "aGVsbG8gd29ybGQsIGhlbGxv*IHdvcmxk", "hello world, hello world", ""},
    {"base64", "aGVsbG8=aGVsbG8=", "hellohello", ""},
    {"base64", "not base64 at all", "", "not base64 at all"},
    {"quoted-printable", "caf=C3=A9=\r\n next", "café next", ""},
    {"quoted-printable", "a=ZZ b=4 c=", "a=ZZ b=4 c", ""},
    {"quoted-printable", "=c3=a9", "é", ""},
    {"quoted-printable", "abc=  \ndef", "abcdef", ""},
    {"quoted-printable", "1 + 1 = 2", "1 + 1 = 2", ""},
    {"x-uuencode", "begin 644 a\n%:&5L;&\\\nend\nafter\n", "helloafter\n", ""},
    {"x-weird", "as it is", "as it is", ""},
    {"", "as it is", "as it is", ""},
};

static void test_transfers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof TRANSFERS / sizeof *TRANSFERS; i++) {
        const struct transfer_case *test = &TRANSFERS[i];
        struct str out, tail;
        arena_reset(arena);
        enum transfer transfer = transfer_from_name(str_of(test->name));
        assert_int_equal(transfer_decode(arena, str_of(test->raw), transfer, &out, &tail), ERR_OK);
        assert_str(test->raw, out, test->text);
        assert_str(test->raw, tail, test->tail);
    }
}

struct word_case {
    const char *raw;
    const char *text;
    bool guessed;
};

static const struct word_case WORDS[] = {
    {"plain words", "plain words", false},
    {" folded\r\n  words ", "folded words", false},
    {"=?utf-8?q?caf=C3=A9?= ok", "café ok", false},
    {"=?utf-8?b?xI0=?=", "č", false},
    {"=?utf-8?b?xA==?= =?utf-8?b?jQ==?=", "č", false},
    {"=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab", false},
    {"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c", false},
    {"=?iso-8859-2?q?=E8?= =?utf-8?q?=C4=8D?=", "čč", false},
    {"=?utf-8?q?ab=00cd?= tail",
     "ab\xef\xbf\xbd"
     "cd tail",
     false},
    {"=?utf-8*en?q?abc?=", "abc", false},
    {"=?utf-8?q?=41=42?=", "AB", false},
    {"=?utf-8?q?a b c?= tail", "a b c tail", false},
    {"=?x-none?q?abc?=", "abc", true},
    {"=?utf-8?q?open", "=?utf-8?q?open", false},
    {"=?utf-8?x?abc?=", "=?utf-8?x?abc?=", false},
    {"=?=?=?", "=?=?=?", false},
    {"\xc4\x8d raw", "č raw", false},
    {"caf\xe9 raw", "café raw", true},
    {"=?koi8-r?b?8NLJ18XU?=", "Привет", false},
    {"a\x01z", "a\x01z", false},
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        struct str out;
        bool guessed;
        arena_reset(arena);
        assert_int_equal(header_text(arena, str_of(WORDS[i].raw), NULL, 100, &out, &guessed), ERR_OK);
        assert_str(WORDS[i].raw, out, WORDS[i].text);
        assert_int_equal(guessed, WORDS[i].guessed);
    }
    struct str out;
    bool guessed;
    assert_int_equal(header_text(arena, STR("\xc4\x8d\xc4\x8d"), NULL, 3, &out, &guessed), ERR_OK);
    assert_str("cut between characters", out, "č");
    const struct charset *koi8 = charset_find(STR("koi8-r"));
    assert_int_equal(header_text(arena, STR("\xf0\xd2\xc9 =?utf-8?q?=C4=8D?="), koi8, 100, &out, &guessed), ERR_OK);
    assert_str("in the charset of the letter", out, "При č");
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        const char *address;
    } CASES[] = {
        {"Ana.Novak@Example.ORG", "ana.novak@example.org"},
        {"Ana <a@example.org>", "a@example.org"},
        {"\"b@example.com\" <a@example.org>", "a@example.org"},
        {"b@example.com <a@example.org>", "a@example.org"},
        {"(b@example.com) a@example.org", "a@example.org"},
        {"=?utf-8?q?Ana?= <a@example.org>, other@example.org", "a@example.org"},
        {"<a@example.org", "a@example.org"},
        {"\"open quote a@example.org", ""},
        {"nobody", ""},
        {"@", ""},
        {"a@", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct str out;
        arena_reset(arena);
        assert_int_equal(header_address(arena, str_of(CASES[i].raw), &out), ERR_OK);
        assert_str(CASES[i].raw, out, CASES[i].address);
    }
}

static void test_ids(void **state)
{
    (void)state;
    struct str ids = {0};
    assert_int_equal(header_ids(arena, STR("<a@example.org>\r\n <b@example.org> junk <c d> <>"), 100, &ids), ERR_OK);
    assert_str("two", ids, "a@example.org b@example.org");
    assert_int_equal(header_ids(arena, STR("<c@example.org>"), 28, &ids), ERR_OK);
    assert_str("the last ones", ids, "b@example.org c@example.org");
}

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        int64_t ms;
        int32_t zone;
    } CASES[] = {
        {"Tue, 17 Nov 2026 21:13:00 +0200", 1794942780000, 120},
        {"17 Nov 2026 21:13 +0200 (EET)", 1794942780000, 120},
        {"Tue,17 Nov 26 19:13:00 GMT", 1794942780000, 0},
        {"Tue, 17 Nov 2026 19:13:00 -0000", 1794942780000, INT32_MIN},
        {"Tue, 17 Nov 2026 14:13:00 EST", 1794942780000, -300},
        {"Thu, 29 Feb 2024 00:00:00 +0000", 1709164800000, 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int64_t ms = 0;
        int32_t zone = 0;
        assert_true(header_date(str_of(CASES[i].raw), &ms, &zone));
        assert_true(ms == CASES[i].ms);
        assert_int_equal(zone, CASES[i].zone);
    }
    static const char *const WRONG[] = {"",
                                        "yesterday",
                                        "Tue, 17 Nov 1926 21:13:00 +0200",
                                        "32 Nov 2026 10:00 +0000",
                                        "17 Foo 2026 10:00 +0000",
                                        "17 Nov 2026 25:00 +0000",
                                        "17 Nov 99999 10:00 +0000"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        int64_t ms;
        int32_t zone;
        assert_false(header_date(str_of(WRONG[i]), &ms, &zone));
    }
}

static int set_up(void **state)
{
    (void)state;
    language_prepare();
    arena = arena_new(64 * 1024 * 1024);
    return arena && charset_prepare() == ERR_OK ? 0 : -1;
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
        cmocka_unit_test(test_charsets), cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_transfers),
        cmocka_unit_test(test_words),    cmocka_unit_test(test_addresses), cmocka_unit_test(test_ids),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
