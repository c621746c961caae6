/* Secrets and signatures of Standard Webhooks. Run by notify; the secret file is the operator's. */
#include <attune/webhook.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Room for the greatest key in base64 with its prefix and a line end; a longer file is no key. */
enum { MAX_FILE = 1024 };

static bool decode(struct str text, struct webhook_secret *secret)
{
    while (text.length && text.data[text.length - 1] == '=')
        text.length--;
    return sodium_base642bin(secret->bytes, sizeof secret->bytes, text.data, text.length, NULL, &secret->length, NULL,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0;
}

enum err webhook_parse_secret(struct str content, struct webhook_secret *secret)
{
    static const struct str prefix = {"whsec_", 6};
    struct str key = str_trim(content);
    *secret = (struct webhook_secret){.length = 0};
    bool good = true;
    if (str_equal(str_slice(key, 0, prefix.length), prefix)) {
        good = decode(str_slice(key, prefix.length, key.length), secret);
    } else if (key.length > 0 && key.length <= WEBHOOK_MAX_SECRET) {
        memcpy(secret->bytes, key.data, key.length);
        secret->length = key.length;
    }
    if (good && secret->length >= WEBHOOK_MIN_SECRET)
        return ERR_OK;
    sodium_memzero(secret, sizeof *secret);
    return ERR_INPUT;
}

enum err webhook_read_secret(int fd, struct webhook_secret *secret)
{
    char content[MAX_FILE + 1];
    size_t length = 0;
    while (length < sizeof content) {
        ssize_t got = pread(fd, content + length, sizeof content - length, (off_t)length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    enum err error = ERR_INPUT;
    if (length <= MAX_FILE)
        error = webhook_parse_secret((struct str){content, length}, secret);
    sodium_memzero(content, sizeof content);
    return error;
}

bool webhook_id_is_valid(struct str id)
{
    if (id.length == 0 || id.length > WEBHOOK_MAX_ID)
        return false;
    for (size_t i = 0; i < id.length; i++)
        if (id.data[i] == '\0' ||
            !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", id.data[i]))
            return false;
    return true;
}

void webhook_sign(const struct webhook_secret *secret, struct str id, int64_t timestamp_s, struct str body,
                  char out[WEBHOOK_SIGNATURE_SIZE])
{
    char stamp[32];
    int stamp_length = snprintf(stamp, sizeof stamp, ".%lld.", (long long)timestamp_s);
    crypto_auth_hmacsha256_state state;
    unsigned char hash[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_init(&state, secret->bytes, secret->length);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)id.data, id.length);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)stamp, (unsigned long long)stamp_length);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.data, body.length);
    crypto_auth_hmacsha256_final(&state, hash);
    memcpy(out, "v1,", 3);
    sodium_bin2base64(out + 3, WEBHOOK_SIGNATURE_SIZE - 3, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
}
