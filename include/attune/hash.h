/*
 * Fingerprints and keyed pseudonyms, on libsodium. SHA-256: FIPS 180-4; HMAC-SHA-256: RFC 2104.
 */
#ifndef ATTUNE_HASH_H
#define ATTUNE_HASH_H

#include <attune/err.h>
#include <attune/str.h>
#include <stddef.h>

enum { HASH_SIZE = 32, HASH_HEX_SIZE = 65, CASE_ID_SIZE = 27 };

void hash_sha256(const void *bytes, size_t length, unsigned char out[HASH_SIZE]);
/* HMAC over `count` parts, each preceded by its length as 8 bytes big-endian, so that parts cannot run into one another. */
void hash_hmac(const unsigned char *key, size_t key_length, const struct str *parts, size_t count,
               unsigned char out[HASH_SIZE]);
/* 64 lower-case hex digits and a NUL. */
void hash_hex(const unsigned char hash[HASH_SIZE], char out[HASH_HEX_SIZE]);
/* The first 130 bits as 26 lower-case base32 characters (RFC 4648 alphabet) and a NUL: how people type an id. */
void hash_base32(const unsigned char hash[HASH_SIZE], char out[CASE_ID_SIZE]);

#endif
