/* A log line is one line whatever is put into it, and carries no prose. */
#include <attune/log.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char line[4096];

/* What `write_it` logs, taken from standard error. */
static const char *capture(void (*write_it)(void))
{
    int ends[2], before = dup(2);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], 2);
    close(ends[1]);
    write_it();
    dup2(before, 2);
    close(before);
    ssize_t length = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    line[length > 0 ? length : 0] = '\0';
    return line;
}

static void write_plain(void)
{
    static const unsigned char hash[] = {0xde, 0xad, 0xbe, 0xef};
    log_info("moved", LOG_NAME("mailbox", "support"), LOG_NUMBER("uid", -7), LOG_HEX("hash", hash, sizeof hash));
}

static void write_bare(void)
{
    log_error("stopped");
}

static void write_hostile(void)
{
    log_warn("odd", LOG_NAME("name", "a b\n<3>x=\"y\"\x1b[31m\xc4\x8d%s"), LOG_NAME("none", NULL),
             LOG_NAME("empty", ""));
}

static void write_long(void)
{
    static char name[300];
    static unsigned char bytes[100];
    memset(name, 'n', sizeof name - 1);
    log_info("long", LOG_NAME("name", name), LOG_HEX("hash", bytes, sizeof bytes));
}

static void write_very_long(void)
{
    static char name[97];
    memset(name, 'n', sizeof name - 1);
    struct log_field fields[41] = {0};
    for (size_t i = 0; i < 40; i++)
        fields[i] = LOG_NAME("key", name);
    log_write(LOG_LEVEL_INFO, "many", fields);
}

static void write_debug(void)
{
    log_debug("detail", LOG_NUMBER("n", 1));
}

static void lines_are_key_and_value(void **state)
{
    (void)state;
    log_set_role("fetch:support");
    assert_string_equal(capture(write_plain),
                        "fetch:support level=info event=moved mailbox=support uid=-7 hash=deadbeef\n");
    assert_string_equal(capture(write_bare), "fetch:support level=error event=stopped\n");
}

static void nothing_forges_a_line(void **state)
{
    (void)state;
    log_set_role("keep");
    assert_string_equal(capture(write_hostile),
                        "keep level=warn event=odd name=a?b??3?x??y???31m???s none=- empty=-\n");
}

static void values_and_lines_have_an_end(void **state)
{
    (void)state;
    const char *written = capture(write_long);
    assert_int_equal(strspn(strstr(written, "name=") + 5, "n"), 96);
    assert_int_equal(strspn(strstr(written, "hash=") + 5, "0"), 32);
    written = capture(write_very_long);
    assert_true(strlen(written) <= 1024);
    assert_int_equal(written[strlen(written) - 1], '\n');
    assert_int_equal(strcspn(written, "\n"), strlen(written) - 1);
}

static void journald_gets_its_priority(void **state)
{
    (void)state;
    log_set_role("keep");
    setenv("JOURNAL_STREAM", "8:1", 1);
    assert_string_equal(capture(write_bare), "<3>keep level=error event=stopped\n");
    unsetenv("JOURNAL_STREAM");
}

static void levels_are_kept(void **state)
{
    (void)state;
    assert_string_equal(capture(write_debug), "");
    log_set_level(LOG_LEVEL_DEBUG);
    assert_string_equal(capture(write_debug), "keep level=debug event=detail n=1\n");
    log_set_level(LOG_LEVEL_ERROR);
    assert_string_equal(capture(write_plain), "");
    log_set_level(LOG_LEVEL_INFO);
}

static void long_roles_are_cut(void **state)
{
    (void)state;
    char role[200];
    memset(role, 'r', sizeof role);
    role[199] = '\0';
    log_set_role(role);
    assert_int_equal(strspn(capture(write_bare), "r"), 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_key_and_value),
        cmocka_unit_test(nothing_forges_a_line),
        cmocka_unit_test(values_and_lines_have_an_end),
        cmocka_unit_test(journald_gets_its_priority),
        cmocka_unit_test(levels_are_kept),
        cmocka_unit_test(long_roles_are_cut),
    };
    unsetenv("JOURNAL_STREAM");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
