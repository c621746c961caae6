/* The sink of a message's bytes: caps, pieces, seals, hashes. */
#include <attune/body.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static char pattern_at(size_t place)
{
    return (char)('a' + place % 23);
}

/* Offers `length` bytes in pieces; false as soon as body_add() says so. */
static bool offer(struct body *body, size_t length, size_t piece)
{
    char *bytes = malloc(piece);
    bool good = true;
    for (size_t at = 0; at < length && good; at += piece) {
        size_t some = length - at < piece ? length - at : piece;
        for (size_t i = 0; i < some; i++)
            bytes[i] = pattern_at(at + i);
        good = body_add(body, bytes, some);
    }
    free(bytes);
    return good;
}

static void expect_sealed(struct body *body, size_t length)
{
    int fd;
    uint32_t size;
    assert_int_equal(body_seal(body, &fd, &size), ERR_OK);
    assert_int_equal(size, length);
    char *bytes = malloc(length + 1);
    assert_int_equal(pread(fd, bytes, length + 1, 0), (ssize_t)length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(bytes[i], pattern_at(i));
    free(bytes);
    assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, (off_t)length + 1), -1);
    close(fd);
}

static void test_sizes_and_pieces(void **state)
{
    static const size_t lengths[] = {0, 1, 2000, 65535, 65536, 65537, 200000, 300000};
    static const size_t pieces[] = {1000, 4096, 65536, 1000000};
    const size_t cap = 200000;
    (void)state;
    struct body *body = body_new(cap);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (size_t j = 0; j < sizeof pieces / sizeof pieces[0]; j++) {
            assert_int_equal(body_begin(body), ERR_OK);
            assert_true(offer(body, lengths[i], pieces[j]));
            assert_int_equal(body_offered(body), lengths[i]);
            assert_int_equal(body_is_cut(body), lengths[i] > cap);
            expect_sealed(body, lengths[i] > cap ? cap : lengths[i]);
        }
    body_free(&body);
    assert_null(body);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    struct body *body = body_new(1000);
    assert_int_equal(body_begin(body), ERR_OK);
    assert_true(offer(body, 1001, 1));
    assert_true(body_is_cut(body));
    expect_sealed(body, 1000);
    body_free(&body);
}

static void test_drains_so_much_and_no_more(void **state)
{
    (void)state;
    struct body *body = body_new(10);
    assert_int_equal(body_begin(body), ERR_OK);
    assert_true(offer(body, 10 + BODY_MAX_DRAIN, 1 << 20));
    assert_false(body_add(body, "x", 1));
    body_free(&body);
}

static void test_begins_anew(void **state)
{
    (void)state;
    struct body *body = body_new(1 << 20);
    assert_int_equal(body_begin(body), ERR_OK);
    assert_true(offer(body, 500000, 4096)); /* given up halfway, as when a connection is lost */
    assert_int_equal(body_begin(body), ERR_OK);
    assert_true(offer(body, 5, 5));
    assert_false(body_is_cut(body));
    expect_sealed(body, 5);
    body_free(&body);
}

static void test_hash(void **state)
{
    static const size_t lengths[] = {0, 10, 65535, 65536, 65537, 500000};
    (void)state;
    struct body *body = body_new(400000);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        unsigned char hash[HASH_SIZE], expected[HASH_SIZE];
        size_t kept = lengths[i] < 400000 ? lengths[i] : 400000;
        char *bytes = malloc(kept + 1);
        for (size_t at = 0; at < kept; at++)
            bytes[at] = pattern_at(at);
        hash_sha256(bytes, kept, expected);
        free(bytes);
        assert_int_equal(body_begin(body), ERR_OK);
        assert_true(offer(body, lengths[i], 5000));
        assert_int_equal(body_hash(body, hash), ERR_OK);
        assert_memory_equal(hash, expected, HASH_SIZE);
    }
    body_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_and_pieces),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_drains_so_much_and_no_more),
        cmocka_unit_test(test_begins_anew),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
