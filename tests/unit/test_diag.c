/* Findings are printed in the form editors jump by, and a broken file does not flood a screen. */
#include <attune/diag.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void findings_are_printed_by_place(void **state)
{
    (void)state;
    static const struct {
        enum diag_level level;
        const char *code, *file;
        unsigned line, column;
        const char *subject, *message, *wanted;
    } cases[] = {
        {DIAG_ERROR, "R001", "en/a.yaml", 3, 5, "en.a", "no such key",
         "en/a.yaml:3:5: error: en.a: no such key [R001]\n"},
        {DIAG_WARNING, "", "en/a.yaml", 3, 0, "", "odd", "en/a.yaml:3: warning: odd\n"},
        {DIAG_ERROR, NULL, "en", 0, 7, NULL, "missing", "en: error: missing\n"},
        {DIAG_ERROR, NULL, NULL, 0, 0, NULL, "x", ": error: x\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct diag diag;
        struct buf out;
        diag_init(&diag);
        buf_init(&out, 4096);
        diag_add(&diag, cases[i].level, cases[i].code, cases[i].file, cases[i].line, cases[i].column, cases[i].subject,
                 "%s", cases[i].message);
        diag_print(&diag, &out);
        assert_string_equal(buf_text(&out), cases[i].wanted);
        assert_int_equal(diag.errors, cases[i].level == DIAG_ERROR);
        buf_free(&out);
        diag_free(&diag);
        assert_int_equal(diag.count, 0);
    }
}

static void long_parts_are_cut_and_paths_keep_their_end(void **state)
{
    (void)state;
    char path[400], message[700];
    memset(path, 'p', sizeof path);
    strcpy(path + 390, "/end.yaml");
    memset(message, 'm', sizeof message);
    message[699] = '\0';
    struct diag diag;
    diag_init(&diag);
    diag_add(&diag, DIAG_ERROR, "A-CODE-THAT-IS-FAR-TOO-LONG", path, 1, 1, message, "%s", message);
    assert_int_equal(strlen(diag.items[0].file), sizeof diag.items[0].file - 1);
    assert_string_equal(diag.items[0].file + 255 - 9, "/end.yaml");
    assert_int_equal(strlen(diag.items[0].message), sizeof diag.items[0].message - 1);
    assert_int_equal(strlen(diag.items[0].subject), sizeof diag.items[0].subject - 1);
    diag_free(&diag);
}

static void findings_past_the_most_are_counted(void **state)
{
    (void)state;
    struct diag diag;
    struct buf out;
    diag_init(&diag);
    buf_init(&out, 1024 * 1024);
    for (int i = 0; i < DIAG_MAX_ITEMS + 5; i++)
        diag_add(&diag, i % 2 ? DIAG_ERROR : DIAG_WARNING, "", "f", 1, 1, "", "n %d", i);
    assert_int_equal(diag.count, DIAG_MAX_ITEMS);
    assert_int_equal(diag.dropped, 5);
    assert_int_equal(diag.errors, (DIAG_MAX_ITEMS + 5) / 2);
    diag_print(&diag, &out);
    assert_non_null(strstr(buf_text(&out), "and 5 more\n"));
    assert_non_null(strstr(buf_text(&out), "n 199\n"));
    buf_free(&out);
    diag_free(&diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_are_printed_by_place),
        cmocka_unit_test(long_parts_are_cut_and_paths_keep_their_end),
        cmocka_unit_test(findings_past_the_most_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
