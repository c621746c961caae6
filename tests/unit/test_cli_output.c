/* What reaches a terminal or a script: no control character, always valid JSON. */
#include <attune/output.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_safe(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *safe;
    } cases[] = {
        {STR(""), ""},
        {STR("plain"), "plain"},
        {STR("a\tb\nc"), "a b c"},
        {STR("\033[31mred\a"), "?[31mred?"},
        {STR("nul\0in"), "nul?in"},
        {STR("del\x7F"), "del?"},
        {STR("csi\xC2\x9B"
             "2J"),
         "csi?2J"},
        {STR("over\xE2\x80\xAEride"), "over?ride"},
        {STR("\xE2\x81\xA6isolate"), "?isolate"},
        {STR("bad\xFF\xC0\x80"), "bad\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {STR("cut\xE2\x82"), "cut\xEF\xBF\xBD"},
        {STR("\xD0\xB6\xC5\xBC\xC4\x8D"), "\xD0\xB6\xC5\xBC\xC4\x8D"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        buf_init(&out, 4096);
        assert_int_equal(output_add_safe(&out, cases[i].text), ERR_OK);
        assert_string_equal(buf_text(&out), cases[i].safe);
        buf_free(&out);
    }
}

static void test_column(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        size_t width;
        const char *column;
    } cases[] = {
        {STR("ab"), 5, "ab   "},
        {STR("abcde"), 5, "abcde"},
        {STR("/long/way/to/mail.eml"), 11, "...mail.eml"},
        {STR("\xD0\xB6\xD0\xB6"), 4, "\xD0\xB6\xD0\xB6  "},
        {STR("\xD0\xB6\xD0\xB6\xD0\xB6\xD0\xB6\xD0\xB6"), 4, "...\xD0\xB6"},
        {STR(""), 2, "  "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        buf_init(&out, 4096);
        assert_int_equal(output_add_column(&out, cases[i].text, cases[i].width), ERR_OK);
        assert_string_equal(buf_text(&out), cases[i].column);
        buf_free(&out);
    }
}

/* Every byte, alone and in pairs that start a character: one line, readable again, nothing that acts on a terminal. */
static void test_json_of_any_bytes(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        char bytes[] = {'a', (char)first, (char)(first ^ 0xBF), 'z'};
        struct buf out;
        buf_init(&out, 4096);
        json_t *value = json_pack("[o]", output_json_text((struct str){bytes, sizeof bytes}));
        assert_non_null(value);
        assert_int_equal(output_add_json(&out, value), ERR_OK);
        json_decref(value);
        for (size_t i = 0; i + 1 < out.length; i++)
            assert_true((unsigned char)out.data[i] >= 0x20 && out.data[i] != 0x7F);
        assert_int_equal(out.data[out.length - 1], '\n');
        value = json_loadb(out.data, out.length, JSON_ALLOW_NUL, NULL);
        assert_non_null(value);
        json_decref(value);
        buf_free(&out);
    }
}

static void test_json_escapes(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *line;
    } cases[] = {
        {STR("\xC2\x9B"), "[\"\\u009b\"]\n"},     {STR("\x7F"), "[\"\\u007f\"]\n"},
        {STR("\xE2\x80\xAE"), "[\"\\u202e\"]\n"}, {STR("\0"), "[\"\\u0000\"]\n"},
        {STR("\"\\\n"), "[\"\\\"\\\\\\n\"]\n"},   {STR("\xC5\xBC"), "[\"\xC5\xBC\"]\n"},
        {STR("\xFF"), "[\"\xEF\xBF\xBD\"]\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        buf_init(&out, 4096);
        json_t *value = json_pack("[o]", output_json_text(cases[i].text));
        assert_int_equal(output_add_json(&out, value), ERR_OK);
        assert_string_equal(buf_text(&out), cases[i].line);
        json_decref(value);
        buf_free(&out);
    }
}

static void test_json_over_its_limit(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 8);
    json_t *value = json_pack("[s]", "longer than eight bytes");
    assert_int_not_equal(output_add_json(&out, value), ERR_OK);
    json_decref(value);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safe),
        cmocka_unit_test(test_column),
        cmocka_unit_test(test_json_of_any_bytes),
        cmocka_unit_test(test_json_escapes),
        cmocka_unit_test(test_json_over_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
