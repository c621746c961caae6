/* The sink of a message's bytes. Role fetch; the bytes and their number are the server's word, the cap is ours. */
#include <attune/body.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 }; /* a small mail is one write(2) */

struct body {
    int fd;
    size_t cap;
    uint64_t offered;
    size_t kept; /* in the memfd and in the chunk */
    size_t used; /* of the chunk */
    bool failed;
    unsigned char chunk[CHUNK];
};

struct body *body_new(size_t cap)
{
    struct body *body = malloc(sizeof *body);
    if (!body)
        return NULL;
    memset(body, 0, offsetof(struct body, chunk));
    body->fd = -1;
    body->cap = cap;
    return body;
}

void body_free(struct body **body)
{
    if (*body && (*body)->fd >= 0)
        close((*body)->fd);
    free(*body);
    *body = NULL;
}

enum err body_begin(struct body *body)
{
    body->offered = 0;
    body->kept = 0;
    body->used = 0;
    body->failed = false;
    if (body->fd >= 0 && ftruncate(body->fd, 0) == 0 && lseek(body->fd, 0, SEEK_SET) == 0)
        return ERR_OK;
    if (body->fd >= 0)
        close(body->fd);
    body->fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return body->fd >= 0 ? ERR_OK : ERR_SYSTEM;
}

static bool write_chunk(struct body *body)
{
    for (size_t at = 0; at < body->used;) {
        ssize_t written = write(body->fd, body->chunk + at, body->used - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += (size_t)written;
    }
    body->used = 0;
    return true;
}

bool body_add(struct body *body, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;
    body->offered += length;
    size_t keep = length < body->cap - body->kept ? length : body->cap - body->kept;
    while (keep > 0 && !body->failed) {
        size_t part = keep < CHUNK - body->used ? keep : CHUNK - body->used;
        memcpy(body->chunk + body->used, from, part);
        body->used += part;
        body->kept += part;
        from += part;
        keep -= part;
        if (body->used == CHUNK && !write_chunk(body))
            body->failed = true;
    }
    return !body->failed && body->offered <= (uint64_t)body->cap + BODY_MAX_DRAIN;
}

uint64_t body_offered(const struct body *body)
{
    return body->offered;
}

bool body_is_cut(const struct body *body)
{
    return body->offered > body->kept;
}

enum err body_seal(struct body *body, int *fd, uint32_t *size)
{
    static const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    if (body->failed || !write_chunk(body) || fcntl(body->fd, F_ADD_SEALS, seals) < 0)
        return ERR_SYSTEM;
    *size = (uint32_t)body->kept;
    *fd = body->fd;
    body->fd = -1;
    return ERR_OK;
}

enum err body_hash(struct body *body, unsigned char hash[HASH_SIZE])
{
    if (body->failed)
        return ERR_SYSTEM;
    if (body->kept == body->used) { /* never left the chunk */
        hash_sha256(body->chunk, body->used, hash);
        return ERR_OK;
    }
    if (!write_chunk(body))
        return ERR_SYSTEM;
    void *map = mmap(NULL, body->kept, PROT_READ, MAP_SHARED, body->fd, 0);
    if (map == MAP_FAILED)
        return ERR_SYSTEM;
    hash_sha256(map, body->kept, hash);
    munmap(map, body->kept);
    return ERR_OK;
}
