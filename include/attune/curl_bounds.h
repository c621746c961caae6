/*
 * What every transfer to staff has in common, whatever its protocol: certificates verified, plaintext to this machine
 * alone, and words for what went wrong. Run by notify.
 */
#ifndef ATTUNE_CURL_BOUNDS_H
#define ATTUNE_CURL_BOUNDS_H

#include <curl/curl.h>
#include <stdbool.h>

/* Peer and host name verified against `ca_path` (BORROWED for the transfer) alone, TLS 1.2 at least. */
bool curl_bounds_set_tls(CURL *curl, const char *ca_path);

/* CURLOPT_OPENSOCKETFUNCTION with a `const bool *in_the_clear` as its data: asked with the address in hand, since
 * "localhost" is whatever the resolver says it is. */
curl_socket_t curl_bounds_open_socket(void *in_the_clear, curlsocktype purpose, struct curl_sockaddr *address);

enum curl_bounds_lookup {
    LOOKUP_NONE, /* in the clear: this machine, whose name proves nothing about the resolver */
    LOOKUP_DONE,
    LOOKUP_FAILED, /* the host's name could not be looked up, or not in time */
};
/* How far a transfer that ended with `result` came with the host's name. */
enum curl_bounds_lookup curl_bounds_lookup(CURL *curl, CURLcode result, bool in_the_clear);

/* A word for the log: "deadline", "tls", "connect", ... */
const char *curl_bounds_name_failure(CURLcode result);

#endif
