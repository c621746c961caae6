/* The bounds that webhooks and mail share. Run by notify inside its sandbox; what is on the other end is a stranger. */
#include <attune/curl_bounds.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

bool curl_bounds_set_tls(CURL *curl, const char *ca_path)
{
    return curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CAINFO, ca_path) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
}

static bool is_loopback(const struct curl_sockaddr *address)
{
    if (address->family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, &address->addr, sizeof four);
        return ntohl(four.sin_addr.s_addr) >> 24 == 127;
    }
    /* struct curl_sockaddr ends in a sockaddr that libcurl has given room for the family's own. */
    const struct sockaddr_in6 *six = (const void *)&address->addr;
    return address->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

curl_socket_t curl_bounds_open_socket(void *in_the_clear, curlsocktype purpose, struct curl_sockaddr *address)
{
    if (purpose != CURLSOCKTYPE_IPCXN || (*(const bool *)in_the_clear && !is_loopback(address)))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

enum curl_bounds_lookup curl_bounds_lookup(CURL *curl, CURLcode result, bool in_the_clear)
{
    curl_off_t looked_up_us = 0; /* a lookup that outlasts the deadline leaves it so */
    curl_easy_getinfo(curl, CURLINFO_NAMELOOKUP_TIME_T, &looked_up_us);
    if (result == CURLE_COULDNT_RESOLVE_HOST || (result == CURLE_OPERATION_TIMEDOUT && looked_up_us == 0))
        return LOOKUP_FAILED;
    return in_the_clear ? LOOKUP_NONE : LOOKUP_DONE;
}

const char *curl_bounds_name_failure(CURLcode result)
{
    static const struct {
        CURLcode result;
        const char *name;
    } names[] = {
        {CURLE_COULDNT_CONNECT, "connect"},
        {CURLE_OPERATION_TIMEDOUT, "deadline"},
        {CURLE_PEER_FAILED_VERIFICATION, "certificate"},
        {CURLE_SSL_CONNECT_ERROR, "tls"},
        {CURLE_SSL_CACERT_BADFILE, "ca-file"},
        {CURLE_SSL_CIPHER, "tls"},
        {CURLE_SSL_ISSUER_ERROR, "certificate"},
        {CURLE_USE_SSL_FAILED, "tls"},
        {CURLE_LOGIN_DENIED, "login"},
        {CURLE_WRITE_ERROR, "answer-size"},
        {CURLE_GOT_NOTHING, "no-answer"},
        {CURLE_OUT_OF_MEMORY, "memory"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].result == result)
            return names[i].name;
    return "network";
}
