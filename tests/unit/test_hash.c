/* Fingerprints against published vectors. */
#include <attune/hash.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void sha256_gives_the_published_values(void **state)
{
    (void)state;
    /* NIST FIPS 180-4 examples and the hash of nothing. */
    static const struct {
        const char *text;
        const char *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char hash[HASH_SIZE];
        char hex[HASH_HEX_SIZE];
        hash_sha256(cases[i].text, strlen(cases[i].text), hash);
        hash_hex(hash, hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

static void hmac_is_over_lengths_and_parts(void **state)
{
    (void)state;
    /* RFC 4231's key of case 2 ("Jefe"); the message is ours: each part behind its length, as hash.h says.
     * printf '\0\0\0\0\0\0\0\001a\0\0\0\0\0\0\0\002bc' | openssl dgst -sha256 -hmac Jefe */
    const struct str parts[] = {STR("a"), STR("bc")};
    unsigned char one[HASH_SIZE];
    char hex[HASH_HEX_SIZE];
    hash_hmac((const unsigned char *)"Jefe", 4, parts, 2, one);
    hash_hex(one, hex);
    assert_string_equal(hex, "f139b337f6165aeeccb798ce7187b566d389544ca60483d5f1f83c375f595e64");
}

static void hmac_parts_do_not_run_together(void **state)
{
    (void)state;
    static const unsigned char key[32] = {1};
    const struct str split[][3] = {
        {STR("ab"), STR("c"), STR("")}, {STR("a"), STR("bc"), STR("")}, {STR("abc"), STR(""), STR("")},
        {STR(""), STR("abc"), STR("")}, {STR("a"), STR("b"), STR("c")},
    };
    unsigned char hashes[5][HASH_SIZE];
    for (size_t i = 0; i < 5; i++)
        hash_hmac(key, sizeof key, split[i], 3, hashes[i]);
    for (size_t i = 0; i < 5; i++)
        for (size_t k = i + 1; k < 5; k++)
            assert_memory_not_equal(hashes[i], hashes[k], HASH_SIZE);
    unsigned char two[HASH_SIZE];
    hash_hmac(key, sizeof key, split[0], 2, two); /* a missing part is not an empty one */
    assert_memory_not_equal(two, hashes[0], HASH_SIZE);
}

static void case_ids_are_base32(void **state)
{
    (void)state;
    /* RFC 4648, section 10: "foobar" is MZXW6YTBOI, whose whole groups we must share. */
    unsigned char hash[HASH_SIZE] = "foobar";
    char id[CASE_ID_SIZE];
    hash_base32(hash, id);
    assert_memory_equal(id, "mzxw6ytb", 8);
    assert_int_equal(strlen(id), CASE_ID_SIZE - 1);
    assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz234567"), CASE_ID_SIZE - 1);
    memset(hash, 0xff, sizeof hash);
    hash_base32(hash, id);
    assert_string_equal(id, "77777777777777777777777777");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_values),
        cmocka_unit_test(hmac_is_over_lengths_and_parts),
        cmocka_unit_test(hmac_parts_do_not_run_together),
        cmocka_unit_test(case_ids_are_base32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
