/*
 * The driver under libetpan. Role fetch. Trusts libcurl's verification and nothing that the server sends.
 */
#include <arpa/inet.h>
#include <attune/clock.h>
#include <attune/transport.h>
#include <curl/curl.h>
#include <gnutls/x509.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PUSHBACK = 4096,           /* what transport_has_input() may take off the socket before libetpan asks */
    STREAM_BUFFER = 32 * 1024, /* libetpan's read buffer: one system call for a dozen small mails */
    KEEPALIVE_IDLE_S = 60,     /* a link that died silently is noticed within two minutes */
    KEEPALIVE_INTERVAL_S = 20,
};

struct transport {
    CURL *curl;
    curl_socket_t fd;
    int64_t deadline_ms;
    size_t budget;
    enum fetch_why why;
    bool forgot_authorities;
    char pushback[PUSHBACK];
    size_t pushback_at;
    size_t pushback_end;
};

/* --- the connection ---------------------------------------------------------------------------------------------- */

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof four);
        return ntohl(four.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 six;
    memcpy(&six, address, sizeof six);
    return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) && six.sin6_addr.s6_addr[12] == 127);
}

/* libcurl asks for a socket to this very address: a plaintext connection to anywhere else never comes to be. */
static curl_socket_t open_loopback_socket(void *refused, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    if (!is_loopback(&address->addr)) {
        *(bool *)refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool set_url(CURL *curl, const struct transport_target *target)
{
    static const char *const schemes[] = {"https", "imap", "http"};
    char url[512];
    bool bare = strchr(target->host, ':') != NULL; /* an IPv6 address wants brackets */
    int length = snprintf(url, sizeof url, "%s://%s%s%s:%u", schemes[target->tls], bare ? "[" : "", target->host,
                          bare ? "]" : "", (unsigned)target->port);
    return length > 0 && (size_t)length < sizeof url && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, schemes[target->tls]) == CURLE_OK;
}

static bool set_tls(CURL *curl, const struct transport_target *target, bool *refused)
{
    CURLcode bad = CURLE_OK;
    if (target->tls == FETCH_TLS_NONE) {
        bad |= curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_loopback_socket);
        bad |= curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, refused);
        return bad == CURLE_OK;
    }
    bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(curl, CURLOPT_CAINFO, target->ca_file);
    bad |= curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* GnuTLS would read the whole directory beside the bundle */
    bad |= curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    if (target->tls == FETCH_TLS_STARTTLS)
        bad |= curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
    return bad == CURLE_OK;
}

static bool set_rest(CURL *curl)
{
    CURLcode bad = CURLE_OK;
    bad |= curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TRANSPORT_CONNECT_MS);
    bad |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)TRANSPORT_CONNECT_MS);
    bad |= curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    bad |= curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
    return bad == CURLE_OK;
}

static enum fetch_why why_of(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
        return FETCH_WHY_TLS;
    default:
        return FETCH_WHY_CONNECT;
    }
}

static CURL *connect_curl(const struct transport_target *target, enum fetch_why *why)
{
    bool refused = false;
    *why = FETCH_WHY_CONNECT;
    CURL *curl = curl_easy_init();
    if (!curl)
        return NULL;
    if (set_url(curl, target) && set_tls(curl, target, &refused) && set_rest(curl)) {
        CURLcode code = curl_easy_perform(curl);
        if (code == CURLE_OK)
            return curl;
        *why = refused ? FETCH_WHY_TLS : why_of(code);
    }
    curl_easy_cleanup(curl);
    return NULL;
}

/* --- libetpan's driver ------------------------------------------------------------------------------------------- */

static bool wait_for(struct transport *transport, short events)
{
    for (;;) {
        int64_t left = transport->deadline_ms - clock_monotonic_ms();
        if (left <= 0)
            break;
        struct pollfd wait = {.fd = transport->fd, .events = events};
        if (poll(&wait, 1, left > INT32_MAX ? INT32_MAX : (int)left) > 0)
            return true;
    }
    transport->why = FETCH_WHY_DEADLINE;
    return false;
}

static ssize_t fail(struct transport *transport, enum fetch_why why)
{
    if (transport->why == FETCH_WHY_NONE)
        transport->why = why;
    return -1;
}

static ssize_t take_pushback(struct transport *transport, void *out, size_t size)
{
    size_t length = transport->pushback_end - transport->pushback_at;
    if (length > size)
        length = size;
    memcpy(out, transport->pushback + transport->pushback_at, length);
    transport->pushback_at += length;
    return (ssize_t)length;
}

/*
 * After the handshake nothing more is verified, and the bundle of certificate authorities that GnuTLS holds for each
 * connection (140 of them, 4 MB) is given back. libcurl shows its session only once it has carried bytes.
 */
static void forget_authorities(struct transport *transport)
{
    struct curl_tlssessioninfo *tls = NULL;
    gnutls_x509_trust_list_t none;
    void *credentials;
    transport->forgot_authorities = true;
    if (curl_easy_getinfo(transport->curl, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || !tls || !tls->internals ||
        tls->backend != CURLSSLBACKEND_GNUTLS)
        return;
    if (gnutls_credentials_get(tls->internals, GNUTLS_CRD_CERTIFICATE, &credentials) < 0 ||
        gnutls_x509_trust_list_init(&none, 1) < 0)
        return;
    gnutls_certificate_set_trust_list(credentials, none, 0);
    malloc_trim(0);
}

/* Counts what came: time is earned, budget is used. False when the budget is met. */
static bool account(struct transport *transport, size_t length)
{
    if (!transport->forgot_authorities)
        forget_authorities(transport);
    if (length > transport->budget)
        return false;
    transport->budget -= length;
    transport->deadline_ms += (int64_t)(length / TRANSPORT_BYTES_PER_MS);
    return true;
}

static ssize_t driver_read(mailstream_low *low, void *out, size_t size)
{
    struct transport *transport = low->data;
    if (transport->why != FETCH_WHY_NONE)
        return -1;
    if (clock_monotonic_ms() > transport->deadline_ms) /* a byte that is there at each look earns no time either */
        return fail(transport, FETCH_WHY_DEADLINE);
    for (;;) {
        if (transport->pushback_at < transport->pushback_end) {
            ssize_t taken = take_pushback(transport, out, size);
            return account(transport, (size_t)taken) ? taken : fail(transport, FETCH_WHY_PROTOCOL);
        }
        size_t got = 0;
        CURLcode code = curl_easy_recv(transport->curl, out, size, &got);
        if (code == CURLE_OK && got > 0)
            return account(transport, got) ? (ssize_t)got : fail(transport, FETCH_WHY_PROTOCOL);
        if (code != CURLE_AGAIN)
            return fail(transport, FETCH_WHY_CONNECT);
        if (!wait_for(transport, POLLIN))
            return -1;
    }
}

static ssize_t driver_write(mailstream_low *low, const void *bytes, size_t length)
{
    struct transport *transport = low->data;
    if (transport->why != FETCH_WHY_NONE)
        return -1;
    for (;;) {
        size_t sent = 0;
        CURLcode code = curl_easy_send(transport->curl, bytes, length, &sent);
        if (code == CURLE_OK && sent > 0)
            return (ssize_t)sent;
        if (code != CURLE_AGAIN)
            return fail(transport, FETCH_WHY_CONNECT);
        if (!wait_for(transport, POLLOUT))
            return -1;
    }
}

static int driver_close(mailstream_low *low)
{
    struct transport *transport = low->data;
    if (transport->curl)
        curl_easy_cleanup(transport->curl);
    transport->curl = NULL;
    return 0;
}

static int driver_fd(mailstream_low *low)
{
    return transport_fd(low->data);
}

static void driver_free(mailstream_low *low)
{
    free(low->data);
    free(low);
}

static void driver_cancel(mailstream_low *low)
{
    (void)low;
}

static mailstream_low_driver driver = {
    .mailstream_read = driver_read,
    .mailstream_write = driver_write,
    .mailstream_close = driver_close,
    .mailstream_get_fd = driver_fd,
    .mailstream_free = driver_free,
    .mailstream_cancel = driver_cancel,
};

/* --- for imap.c -------------------------------------------------------------------------------------------------- */

static mailstream *wrap(struct transport *transport)
{
    mailstream_low *low = mailstream_low_new(transport, &driver);
    mailstream *stream = low ? mailstream_new(low, STREAM_BUFFER) : NULL;
    if (low && !stream) {
        driver_close(low);
        driver_free(low);
    }
    return stream;
}

enum err transport_connect(const struct transport_target *target, struct transport **transport, mailstream **stream,
                           enum fetch_why *why)
{
    CURL *curl = connect_curl(target, why);
    if (!curl)
        return ERR_MAILBOX;
    struct transport *made = calloc(1, sizeof *made);
    if (!made || curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &made->fd) != CURLE_OK) {
        curl_easy_cleanup(curl);
        free(made);
        return ERR_MAILBOX;
    }
    made->curl = curl;
    if (target->tls == FETCH_TLS_STARTTLS) { /* libcurl has read the greeting; libetpan wants one */
        static const char greeting[] = "* OK ready\r\n";
        memcpy(made->pushback, greeting, sizeof greeting - 1);
        made->pushback_end = sizeof greeting - 1;
    }
    *stream = wrap(made);
    if (!*stream)
        return ERR_MAILBOX;
    *transport = made;
    *why = FETCH_WHY_NONE;
    return ERR_OK;
}

void transport_allow(struct transport *transport, int64_t allow_ms, size_t budget)
{
    transport->deadline_ms = clock_monotonic_ms() + allow_ms;
    transport->budget = budget;
}

void transport_credit(struct transport *transport, size_t bytes)
{
    transport->budget += bytes;
}

bool transport_has_input(struct transport *transport)
{
    if (transport->why != FETCH_WHY_NONE || transport->pushback_at < transport->pushback_end)
        return true;
    size_t got = 0;
    CURLcode code = curl_easy_recv(transport->curl, transport->pushback, sizeof transport->pushback, &got);
    if (code == CURLE_AGAIN)
        return false;
    if (code != CURLE_OK || got == 0) {
        (void)fail(transport, FETCH_WHY_CONNECT);
        return true;
    }
    transport->pushback_at = 0;
    transport->pushback_end = got;
    return true;
}

int transport_fd(const struct transport *transport)
{
    return (int)transport->fd;
}

enum fetch_why transport_why(const struct transport *transport)
{
    return transport->why;
}
