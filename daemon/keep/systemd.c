/* sd_notify(3)'s protocol, which is one datagram: readiness and the watchdog. Run by keep; does nothing without
 * systemd. */
#include <attune/keep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool notify_systemd(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
        return true;
    size_t length = strlen(path);
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* an abstract socket: unix(7) */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    bool sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size) >= 0;
    close(fd);
    return sent;
}

int64_t notify_systemd_interval_ms(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    uint64_t interval_us;
    if (!text || !str_to_u64(str_of(text), INT64_MAX, &interval_us))
        return 0;
    /* Half of it, as sd_watchdog_enabled(3) advises. */
    return (int64_t)(interval_us / 2000);
}
