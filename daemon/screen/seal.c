/*
 * Messages in sealed memory files: fetch (and the command) writes once, screen children only read, nobody changes it in
 * between. A descriptor that comes from a peer is believed only after its seals were asked of the kernel.
 */
#include <attune/screen.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const int all_seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

static enum err write_all(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return ERR_SYSTEM;
        bytes += written;
        length -= (size_t)written;
    }
    return ERR_OK;
}

enum err screen_seal(const void *bytes, size_t length, int *fd)
{
    *fd = memfd_create("attune-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0)
        return ERR_SYSTEM;
    if (write_all(*fd, bytes, length) == ERR_OK && fcntl(*fd, F_ADD_SEALS, all_seals) == 0)
        return ERR_OK;
    close(*fd);
    *fd = -1;
    return ERR_SYSTEM;
}

enum err screen_map(int fd, size_t maximum, struct str *out)
{
    *out = (struct str){"", 0};
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat about;
    if (seals < 0 || (seals & all_seals) != all_seals || fstat(fd, &about) < 0)
        return ERR_PEER;
    if (about.st_size < 0 || (uint64_t)about.st_size > maximum)
        return ERR_PEER;
    if (about.st_size == 0)
        return ERR_OK;
    void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return ERR_SYSTEM;
    *out = (struct str){bytes, (size_t)about.st_size};
    return ERR_OK;
}
