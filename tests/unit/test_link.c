/* When a connection is tried again, and by which words a server asks for less. */
#include <attune/fetch.h>
#include <attune/imap_session.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_waits_double_up_to_five_minutes(void **state)
{
    static const int64_t most[] = {1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 300000, 300000};
    struct imap_trouble trouble = {.why = FETCH_WHY_CONNECT};
    (void)state;
    for (unsigned failures = 0; failures < sizeof most / sizeof most[0]; failures++) {
        assert_int_equal(link_wait_ms(trouble, failures, 0), 1000);
        assert_int_equal(link_wait_ms(trouble, failures, (uint32_t)(most[failures] - 1000)), most[failures]);
        for (uint32_t random = 0; random < UINT32_MAX - 99999999; random += 99999999)
            assert_in_range(link_wait_ms(trouble, failures, random), 1000, most[failures]);
    }
    assert_in_range(link_wait_ms(trouble, UINT32_MAX, UINT32_MAX), 1000, 300000);
}

static void test_waits_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(link_wait_ms((struct imap_trouble){FETCH_WHY_CREDENTIALS, 0}, 0, 77), 15 * 60 * 1000);
    assert_int_equal(link_wait_ms((struct imap_trouble){FETCH_WHY_THROTTLED, 7000}, 5, 77), 7000);
    assert_in_range(link_wait_ms((struct imap_trouble){FETCH_WHY_TLS, 0}, 3, 77), 1000, 8000);
}

static void test_words_of_throttling(void **state)
{
    static const struct {
        struct str line;
        bool at_login;
        bool throttled;
        uint32_t wait_ms;
    } table[] = {
        {STR("7 BAD Request is throttled. Suggested Backoff Time: 95000 milliseconds"), false, true, 95000},
        {STR("7 NO Suggested Backoff Time:1 milliseconds"), false, true, 1},
        {STR("7 NO suggested backoff time: soon"), false, true, 300000},
        {STR("7 NO Suggested Backoff Time:"), false, true, 300000},
        {STR("7 NO Suggested Backoff Time: 3600001"), false, true, 3600000},
        {STR("7 NO Suggested Backoff Time: 4294967296"), false, true, 300000},
        {STR("7 NO [UNAVAILABLE] Temporary failure"), true, true, 300000},
        {STR("7 NO [UNAVAILABLE] Temporary failure"), false, false, 0},
        {STR("7 NO [LIMIT] no"), true, true, 300000},
        {STR("7 NO Too many simultaneous connections"), true, true, 300000},
        {STR("7 NO Server Unavailable. 15"), true, true, 300000},
        {STR("7 NO Server Unavailable. 15"), false, false, 0},
        {STR("7 NO [AUTHENTICATIONFAILED] no"), true, false, 0},
        {STR(""), true, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint32_t wait_ms = 0;
        assert_int_equal(imap_is_throttled(table[i].line, table[i].at_login, &wait_ms), table[i].throttled);
        assert_int_equal(wait_ms, table[i].wait_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_double_up_to_five_minutes),
        cmocka_unit_test(test_waits_of_their_own),
        cmocka_unit_test(test_words_of_throttling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
