/*
 * One verified connection to an IMAP server: libcurl makes it (names, TLS, STARTTLS), libetpan speaks over it through a
 * mailstream driver of ours. What libetpan's own sockets lack is here: certificates are verified, waiting is poll(),
 * each command has a deadline and a budget of bytes, and the end of the stream is an error. Used by imap.c in role
 * fetch.
 */
#ifndef ATTUNE_TRANSPORT_H
#define ATTUNE_TRANSPORT_H

#include <attune/err.h>
#include <attune/frames.h>
#include <libetpan/mailstream.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRANSPORT_CONNECT_MS = 20000, /* name, TCP and TLS together */
    /* A peer that keeps sending earns time at this rate: 50 kB/s, below any line that a support mailbox is read over.
     */
    TRANSPORT_BYTES_PER_MS = 50,
};

/* Strings BORROW for the time of the call. */
struct transport_target {
    const char *host; /* a name, or an address without brackets */
    uint16_t port;
    enum fetch_tls tls;  /* FETCH_TLS_NONE is refused unless the address is a loopback one */
    const char *ca_file; /* bundle of certificate authorities; nothing else is trusted */
};

struct transport; /* lives and dies with its mailstream */

/*
 * Connects, within TRANSPORT_CONNECT_MS. ERR_MAILBOX with the reason in *why (FETCH_WHY_CONNECT or FETCH_WHY_TLS) when
 * it cannot; nothing is ever sent over a connection that failed verification. mailstream_close(*stream) ends it.
 */
enum err transport_connect(const struct transport_target *target, struct transport **transport, mailstream **stream,
                           enum fetch_why *why) ATTUNE_MUST_CHECK;

/* Before each command: how long it may take beyond what its bytes earn, and how many bytes its answer may have. */
void transport_allow(struct transport *transport, int64_t allow_ms, size_t budget);
/* Bytes that the reader has taken out of memory (a message's body) and that no longer count against the budget. */
void transport_credit(struct transport *transport, size_t bytes);

/* Whether bytes wait that poll() on the socket would not show (TLS), or end of stream. Does not block. */
bool transport_has_input(struct transport *transport);
int transport_fd(const struct transport *transport);
/* Why reading or writing failed; FETCH_WHY_NONE while it has not. */
enum fetch_why transport_why(const struct transport *transport);

#endif
