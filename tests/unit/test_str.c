/* Text by pointer and length: comparison, search, lines, numbers, UTF-8, and the nearest name. */
#include <attune/str.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void slices_stay_inside(void **state)
{
    (void)state;
    struct str text = STR("abcdef");
    static const struct {
        size_t from, to;
        const char *wanted;
    } cases[] = {
        {0, 6, "abcdef"},         {2, 4, "cd"}, {4, 2, ""}, {6, 6, ""}, {7, 9, ""}, {3, SIZE_MAX, "def"},
        {SIZE_MAX, SIZE_MAX, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(str_equal_text(str_slice(text, cases[i].from, cases[i].to), cases[i].wanted));
    assert_int_equal(str_slice(str_of(NULL), 0, 5).length, 0);
}

static void comparing_ignores_only_ascii_case(void **state)
{
    (void)state;
    assert_true(str_equal(str_of(NULL), STR("")));
    assert_false(str_equal(STR("a"), STR("b")));
    assert_false(str_equal(STR("a"), STR("a\0")));
    assert_true(str_equal_nocase(STR("Subject"), STR("sUBJECT")));
    assert_false(str_equal_nocase(STR("\xc4\x8c"), STR("\xc4\x8d")));
    assert_false(str_equal_nocase(STR("@"), STR("`"))); /* 32 apart and no letters */
    assert_false(str_equal_nocase(STR("["), STR("{")));
    assert_true(str_starts_nocase(STR("Content-Type: x"), STR("content-type:")));
    assert_false(str_starts_nocase(STR("Con"), STR("content")));
    assert_true(str_ends_nocase(STR("a.EML"), STR(".eml")));
    assert_false(str_ends_nocase(STR("l"), STR(".eml")));
    assert_true(str_starts_nocase(STR("x"), STR("")));
}

static void finding_knows_its_edges(void **state)
{
    (void)state;
    static const struct {
        const char *text, *needle;
        size_t from, plain, nocase;
    } cases[] = {
        {"abcabc", "abc", 0, 0, 0},
        {"abcabc", "abc", 1, 3, 3},
        {"abcabc", "abc", 4, SIZE_MAX, SIZE_MAX},
        {"abcABC", "ABC", 0, 3, 0},
        {"abc", "", 3, 3, 3},
        {"abc", "", 4, SIZE_MAX, SIZE_MAX},
        {"", "a", 0, SIZE_MAX, SIZE_MAX},
        {"ab", "abc", 0, SIZE_MAX, SIZE_MAX},
        {"aab", "ab", 0, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(str_find(str_of(cases[i].text), str_of(cases[i].needle), cases[i].from) == cases[i].plain);
        assert_true(str_find_nocase(str_of(cases[i].text), str_of(cases[i].needle), cases[i].from) == cases[i].nocase);
    }
    assert_true(str_find(STR("a\0b"), STR("\0b"), 0) == 1);
}

static void lines_lose_their_ends(void **state)
{
    (void)state;
    struct str rest = STR("one\r\ntwo\n\n\r\nfour\rfive\r\r\nlast\r");
    static const char *const wanted[] = {"one", "two", "", "", "four\rfive\r", "last"};
    struct str line;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_true(str_next_line(&rest, &line));
        assert_true(str_equal_text(line, wanted[i]));
    }
    assert_false(str_next_line(&rest, &line));
    assert_true(str_equal_text(str_trim(STR(" \t\r\n\v\f a b \n")), "a b"));
    assert_int_equal(str_trim(STR(" \n ")).length, 0);
    assert_int_equal(str_trim(str_of(NULL)).length, 0);
}

static void numbers_are_whole_or_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t maximum;
        bool good;
        uint64_t value;
    } cases[] = {
        {"0", 10, true, 0},
        {"10", 10, true, 10},
        {"11", 10, false, 0},
        {"007", 10, true, 7},
        {"", 10, false, 0},
        {"-1", 10, false, 0},
        {"+1", 10, false, 0},
        {" 1", 10, false, 0},
        {"1x", 10, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 0;
        assert_int_equal(str_to_u64(str_of(cases[i].text), cases[i].maximum, &value), cases[i].good);
        assert_true(value == cases[i].value);
    }
}

/* Unicode 15, 3.9: table 3-7 for what is well formed, table 3-8 for how much one U+FFFD stands for. */
static void utf8_follows_the_tables(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        uint32_t code_point;
        size_t taken;
        bool valid;
    } cases[] = {
        {"A", 1, 'A', 1, true},
        {"\xc4\x8d", 2, 0x10d, 2, true},
        {"\xe2\x80\x99", 3, 0x2019, 3, true},
        {"\xf0\x9f\x98\x80", 4, 0x1f600, 4, true},
        {"\xef\xbf\xbd", 3, 0xfffd, 3, true},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff, 4, true},
        {"\xf4\x90\x80\x80", 4, 0xfffd, 1, false},
        {"\xc0\xaf", 2, 0xfffd, 1, false},
        {"\xc1\xbf", 2, 0xfffd, 1, false},
        {"\xe0\x9f\xbf", 3, 0xfffd, 1, false},
        {"\xed\xa0\x80", 3, 0xfffd, 1, false},
        {"\xf0\x8f\xbf\xbf", 4, 0xfffd, 1, false},
        {"\xf5\x80\x80\x80", 4, 0xfffd, 1, false},
        {"\x80", 1, 0xfffd, 1, false},
        {"\xff", 1, 0xfffd, 1, false},
        {"\xe2\x80", 2, 0xfffd, 2, false},
        {"\xe2\x80"
         "A",
         3, 0xfffd, 2, false},
        {"\xf0\x9f\x98", 3, 0xfffd, 3, false},
        {"\xc4", 1, 0xfffd, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t taken = 0;
        struct str text = {cases[i].bytes, cases[i].length};
        assert_int_equal(utf8_decode(text, 0, &taken), cases[i].code_point);
        assert_int_equal(taken, cases[i].taken);
        assert_int_equal(utf8_is_valid(text), cases[i].valid);
    }
    assert_true(utf8_is_valid(STR("")));
}

static void utf8_round_trip(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x110001; c++) {
        char bytes[4];
        size_t length = utf8_encode(c, bytes), taken = 0;
        uint32_t wanted = c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0xfffd : c;
        if (utf8_decode((struct str){bytes, length}, 0, &taken) != wanted || taken != length)
            fail_msg("U+%04X", c);
    }
}

static void nearest_name_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"mailboxes", "mode", "state_dir", "rules", "staff"};
    static const struct {
        const char *wrong;
        const char *nearest;
    } cases[] = {
        {"mailbox", "mailboxes"}, {"mod", "mode"},    {"statedir", "state_dir"},
        {"rule", "rules"},        {"x", NULL},        {"", NULL},
        {"completely", NULL},     {"stuff", "staff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = str_nearest(cases[i].wrong, names, 5);
        if (cases[i].nearest)
            assert_string_equal(found, cases[i].nearest);
        else
            assert_null(found);
    }
    char long_word[200];
    memset(long_word, 'a', sizeof long_word);
    long_word[199] = '\0';
    assert_null(str_nearest(long_word, names, 5));
    assert_null(str_nearest("a", names, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_stay_inside),
        cmocka_unit_test(comparing_ignores_only_ascii_case),
        cmocka_unit_test(finding_knows_its_edges),
        cmocka_unit_test(lines_lose_their_ends),
        cmocka_unit_test(numbers_are_whole_or_nothing),
        cmocka_unit_test(utf8_follows_the_tables),
        cmocka_unit_test(utf8_round_trip),
        cmocka_unit_test(nearest_name_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
