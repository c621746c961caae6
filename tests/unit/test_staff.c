/* The list of who may be paged: exact, complete, closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/staff.h>
#include <stdio.h>
#include <string.h>

static enum err add(struct staff *staff, struct str person, struct str channel, struct str url)
{
    struct staff_channel *added;
    return staff_add(staff, NOTIFY_WEBHOOK, person, channel, url, &added);
}

static struct staff *two_people(void)
{
    struct staff *staff = staff_new();
    assert_non_null(staff);
    assert_int_equal(add(staff, STR("ana"), STR("phone"), STR("https://p.example.org/a")), ERR_OK);
    assert_int_equal(add(staff, STR("ana"), STR("tablet"), STR("https://p.example.org/t")), ERR_OK);
    assert_int_equal(add(staff, STR("ben"), STR("phone"), STR("http://127.0.0.1:8080/b")), ERR_OK);
    staff_close(staff);
    return staff;
}

static void finds_what_stands_together(void **state)
{
    (void)state;
    struct staff *staff = two_people();
    struct staff_channel *found =
        staff_find(staff, NOTIFY_WEBHOOK, STR("ana"), STR("tablet"), STR("https://p.example.org/t"));
    assert_non_null(found);
    assert_string_equal(found->person, "ana");
    assert_string_equal(found->target, "https://p.example.org/t");
    assert_true(staff_may_receive(staff, NOTIFY_WEBHOOK, STR("ben"), STR("phone"), STR("http://127.0.0.1:8080/b")));
    assert_int_equal(staff_count(staff), 3);
    staff_free(&staff);
    assert_null(staff);
}

struct send {
    struct str person, channel, url;
};

static void refuses_all_else(void **state)
{
    (void)state;
    struct staff *staff = two_people();
    const struct send sends[] = {
        {STR("cyd"), STR("phone"), STR("https://p.example.org/a")},
        {STR("ana"), STR("mail"), STR("https://p.example.org/a")},
        {STR("ana"), STR("phone"), STR("https://evil.example.net/")},
        {STR("ana"), STR("phone"), STR("https://p.example.org/t")}, /* ana's, but another channel's */
        {STR("ben"), STR("phone"), STR("https://p.example.org/a")}, /* another person's */
        {STR("ben"), STR("tablet"), STR("http://127.0.0.1:8080/b")},
        {STR("Ana"), STR("phone"), STR("https://p.example.org/a")},
        {STR("an"), STR("phone"), STR("https://p.example.org/a")},
        {STR("anaa"), STR("phone"), STR("https://p.example.org/a")},
        {STR("ana\0"), STR("phone"), STR("https://p.example.org/a")},
        {STR("ana"), STR("phone"), STR("https://p.example.org/a\0")},
        {STR("ana"), STR("phone"), STR("https://p.example.org/a/")},
        {STR("ana"), STR("phone"), STR("https://p.example.org/")},
        {STR("ana"), STR("phone"), STR("HTTPS://p.example.org/a")},
        {STR("ana"), STR("phone"), STR("http://p.example.org/a")},
        {STR(""), STR(""), STR("")},
        {{NULL, 0}, {NULL, 0}, {NULL, 0}},
    };
    for (size_t i = 0; i < sizeof sends / sizeof sends[0]; i++)
        if (staff_may_receive(staff, NOTIFY_WEBHOOK, sends[i].person, sends[i].channel, sends[i].url))
            fail_msg("send %zu would pass", i);
    staff_free(&staff);
}

static void is_shut_until_closed_and_then_for_good(void **state)
{
    (void)state;
    struct staff *staff = staff_new();
    assert_int_equal(add(staff, STR("ana"), STR("phone"), STR("https://p.example.org/a")), ERR_OK);
    assert_false(staff_may_receive(staff, NOTIFY_WEBHOOK, STR("ana"), STR("phone"), STR("https://p.example.org/a")));
    staff_close(staff);
    assert_true(staff_may_receive(staff, NOTIFY_WEBHOOK, STR("ana"), STR("phone"), STR("https://p.example.org/a")));
    assert_int_equal(add(staff, STR("ben"), STR("phone"), STR("https://p.example.org/b")), ERR_INPUT);
    assert_int_equal(staff_count(staff), 1);
    staff_free(&staff);
    staff_free(&staff);
}

static void takes_no_bad_entry(void **state)
{
    (void)state;
    char long_name[CONF_MAX_NAME + 2], long_url[CONF_MAX_URL + 2];
    memset(long_name, 'a', sizeof long_name);
    memset(long_url, 'a', sizeof long_url);
    memcpy(long_url, "https://", 8);
    struct staff *staff = staff_new();
    assert_int_equal(add(staff, STR("ana"), STR("phone"), STR("https://p.example.org/a")), ERR_OK);
    const struct send rows[] = {
        {STR("ana"), STR("phone"), STR("https://p.example.org/other")}, /* the pair is there */
        {STR(""), STR("phone"), STR("https://p.example.org/a")},
        {STR("ben"), STR(""), STR("https://p.example.org/a")},
        {STR("ben"), STR("phone"), STR("")},
        {STR("b\0n"), STR("phone"), STR("https://p.example.org/a")},
        {STR("ben"), STR("phone"), STR("https://p.example.org/\0a")},
        {STR("ben"), STR("phone"), STR("http://p.example.org/a")}, /* in the clear, to a far host */
        {STR("ben"), STR("phone"), STR("file:///etc/passwd")},
        {STR("ben"), STR("phone"), STR("https://p.example.org/\r\nX: y")},
        {{long_name, sizeof long_name - 1}, STR("phone"), STR("https://p.example.org/a")},
        {STR("ben"), {long_name, sizeof long_name - 1}, STR("https://p.example.org/a")},
        {STR("ben"), STR("phone"), {long_url, sizeof long_url - 1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (add(staff, rows[i].person, rows[i].channel, rows[i].url) != ERR_INPUT)
            fail_msg("entry %zu was taken", i);
    assert_int_equal(staff_count(staff), 1);
    assert_int_equal(
        add(staff, (struct str){long_name, CONF_MAX_NAME}, STR("phone"), (struct str){long_url, CONF_MAX_URL}), ERR_OK);
    staff_free(&staff);
}

static void is_bounded(void **state)
{
    (void)state;
    struct staff *staff = staff_new();
    for (size_t i = 0; i <= (size_t)CONF_MAX_STAFF * CONF_MAX_CHANNELS; i++) {
        char name[32];
        snprintf(name, sizeof name, "p%zu", i);
        bool fits = i < (size_t)CONF_MAX_STAFF * CONF_MAX_CHANNELS;
        assert_int_equal(add(staff, str_of(name), STR("phone"), STR("https://p.example.org/")),
                         fits ? ERR_OK : ERR_INPUT);
    }
    staff_free(&staff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_stands_together),
        cmocka_unit_test(refuses_all_else),
        cmocka_unit_test(is_shut_until_closed_and_then_for_good),
        cmocka_unit_test(takes_no_bad_entry),
        cmocka_unit_test(is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
