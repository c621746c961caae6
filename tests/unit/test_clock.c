/* Time as it is shown, and time that stands still for tests. */
#include <attune/clock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

static void times_are_shown_in_utc(void **state)
{
    (void)state;
    static const struct {
        int64_t wall_ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {999, "1970-01-01T00:00:00.999Z"},
        {951782400001, "2000-02-29T00:00:00.001Z"},
        {1795253400123, "2026-11-21T09:30:00.123Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {-1, "1970-01-01T00:00:00.000Z"},
        {INT64_MIN, "1970-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[25];
        clock_format_ms(cases[i].wall_ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void frozen_clocks_stand_still(void **state)
{
    (void)state;
    clock_freeze(1000, 50);
    assert_int_equal(clock_wall_ms(), 1000);
    assert_int_equal(clock_monotonic_ms(), 50);
    clock_freeze(2000, 60);
    assert_int_equal(clock_wall_ms(), 2000);
    clock_release();
    assert_true(clock_wall_ms() / 1000 - (int64_t)time(NULL) <= 1);
    int64_t before = clock_monotonic_ms();
    assert_true(clock_monotonic_ms() >= before);
    assert_true(clock_cpu_us() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_shown_in_utc),
        cmocka_unit_test(frozen_clocks_stand_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
