/* Buffers keep their maximum, and a failure is kept until the buffer is emptied. */
#include <attune/buf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void content_grows_and_ends_in_nul(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1024);
    assert_string_equal(buf_text(&buf), "");
    assert_int_equal(buf_str(&buf).length, 0);
    assert_int_equal(buf_add_text(&buf, "one"), ERR_OK);
    assert_int_equal(buf_add_char(&buf, ' '), ERR_OK);
    assert_int_equal(buf_add_str(&buf, STR("two")), ERR_OK);
    assert_int_equal(buf_addf(&buf, " %d %s", 3, "four"), ERR_OK);
    assert_int_equal(buf_add(&buf, NULL, 0), ERR_OK);
    assert_string_equal(buf_text(&buf), "one two 3 four");
    assert_int_equal(buf.length, 14);
    buf_free(&buf);
    assert_string_equal(buf_text(&buf), "");
    assert_int_equal(buf_add_text(&buf, "again"), ERR_OK); /* its maximum outlives the content */
    buf_free(&buf);
}

/* What would pass the maximum is not added at all, and nothing is added afterwards: a cut in the middle cannot hide. */
static void maximum_is_exact_and_failure_sticks(void **state)
{
    (void)state;
    for (size_t maximum = 0; maximum < 600; maximum += 7) {
        struct buf buf;
        buf_init(&buf, maximum);
        for (size_t i = 0; i < maximum; i++)
            assert_int_equal(buf_add_char(&buf, 'x'), ERR_OK);
        assert_false(buf_failed(&buf));
        assert_int_equal(buf_add_char(&buf, 'y'), ERR_LIMIT);
        assert_true(buf_failed(&buf));
        assert_int_equal(buf.length, maximum);
        assert_int_equal(buf_add(&buf, "", 0), ERR_LIMIT);
        assert_int_equal(buf_addf(&buf, "%s", "z"), ERR_LIMIT);
        assert_int_equal(buf.length, maximum);
        buf_reset(&buf);
        assert_false(buf_failed(&buf));
        assert_string_equal(buf_text(&buf), "");
        if (maximum)
            assert_int_equal(buf_add_char(&buf, 'z'), ERR_OK);
        buf_free(&buf);
    }
}

static void absurd_lengths_are_refused(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_add_text(&buf, "x");
    assert_int_equal(buf_add(&buf, "", SIZE_MAX), ERR_LIMIT);
    buf_reset(&buf);
    assert_int_equal(buf_addf(&buf, "%200d", 1), ERR_LIMIT);
    assert_int_equal(buf.length, 0);
    buf_free(&buf);
}

static void wiping_leaves_an_empty_buffer(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_wipe(&buf);
    buf_add_text(&buf, "secret");
    buf_wipe(&buf);
    assert_int_equal(buf.length, 0);
    assert_null(buf.data);
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_grows_and_ends_in_nul),
        cmocka_unit_test(maximum_is_exact_and_failure_sticks),
        cmocka_unit_test(absurd_lengths_are_refused),
        cmocka_unit_test(wiping_leaves_an_empty_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
