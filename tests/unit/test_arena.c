/* Arenas keep their maximum, align and zero what they give, and forget all at once. */
#include <attune/arena.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024 * 1024);
    for (size_t round = 0; round < 2; round++) {
        for (size_t size = 0; size < 300; size++) {
            unsigned char *bytes = arena_alloc(arena, size);
            assert_non_null(bytes);
            assert_int_equal((uintptr_t)bytes % alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(bytes[i], 0);
            memset(bytes, 0xff, size ? size : 1);
        }
        arena_reset(arena);
        assert_int_equal(arena_used(arena), 0);
    }
    arena_free(&arena);
    assert_null(arena);
    arena_free(&arena);
}

static void maximum_holds(void **state)
{
    (void)state;
    static const size_t maxima[] = {0, 1, 16, 100, 64 * 1024, 64 * 1024 + 1, 10 * 1024 * 1024};
    for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
        struct arena *arena = arena_new(maxima[i]);
        assert_null(arena_alloc(arena, maxima[i] + 1));
        assert_null(arena_alloc(arena, SIZE_MAX));
        size_t given = 0;
        while (arena_alloc(arena, 1000))
            given += 1000;
        assert_true(given <= maxima[i]);
        assert_true(arena_used(arena) <= maxima[i]);
        arena_reset(arena);
        if (maxima[i] >= 16)
            assert_non_null(arena_alloc(arena, maxima[i] / 16 * 16));
        arena_free(&arena);
    }
}

static void large_blocks_come_whole(void **state)
{
    (void)state;
    struct arena *arena = arena_new(64 * 1024 * 1024);
    char *small = arena_copy(arena, "small", 5);
    char *large = arena_alloc(arena, 30 * 1024 * 1024);
    assert_non_null(large);
    memset(large, 'x', 30 * 1024 * 1024);
    assert_string_equal(small, "small");
    char *after = arena_copy(arena, "after", 5);
    assert_string_equal(after, "after");
    arena_free(&arena);
}

static void arrays_do_not_overflow(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    assert_null(arena_array(arena, SIZE_MAX, 2));
    assert_null(arena_array(arena, SIZE_MAX / 2 + 1, 2)); /* wraps to 0 */
    assert_null(arena_array(arena, 2, SIZE_MAX));
    assert_non_null(arena_array(arena, 0, 8));
    assert_non_null(arena_array(arena, 10, 8));
    arena_free(&arena);
}

static void copies_end_in_nul(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024);
    char *copy = arena_copy(arena, "a\0b", 3);
    assert_memory_equal(copy, "a\0b\0", 4);
    assert_string_equal(arena_copy(arena, NULL, 0), "");
    assert_null(arena_copy(arena, "", SIZE_MAX));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(maximum_holds),
        cmocka_unit_test(large_blocks_come_whole),
        cmocka_unit_test(arrays_do_not_overflow),
        cmocka_unit_test(copies_end_in_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
