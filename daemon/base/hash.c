/* SHA-256 and HMAC by libsodium. keep and fetch; sodium_init() has been called by whoever uses random bytes. */
#include <attune/hash.h>
#include <sodium.h>

void hash_sha256(const void *bytes, size_t length, unsigned char out[HASH_SIZE])
{
    crypto_hash_sha256(out, bytes, length);
}

void hash_hmac(const unsigned char *key, size_t key_length, const struct str *parts, size_t count,
               unsigned char out[HASH_SIZE])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, key_length);
    for (size_t i = 0; i < count; i++) {
        unsigned char length[8];
        for (size_t byte = 0; byte < 8; byte++)
            length[byte] = (unsigned char)((uint64_t)parts[i].length >> (56 - 8 * byte));
        crypto_auth_hmacsha256_update(&state, length, sizeof length);
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)parts[i].data, parts[i].length);
    }
    crypto_auth_hmacsha256_final(&state, out);
}

void hash_hex(const unsigned char hash[HASH_SIZE], char out[HASH_HEX_SIZE])
{
    sodium_bin2hex(out, HASH_HEX_SIZE, hash, HASH_SIZE);
}

void hash_base32(const unsigned char hash[HASH_SIZE], char out[CASE_ID_SIZE])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (size_t i = 0; i < CASE_ID_SIZE - 1; i++) {
        size_t bit = i * 5;
        unsigned pair = (unsigned)hash[bit / 8] << 8 | hash[bit / 8 + 1];
        out[i] = alphabet[pair >> (11 - bit % 8) & 31];
    }
    out[CASE_ID_SIZE - 1] = '\0';
}
