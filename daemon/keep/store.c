/*
 * The state directory: the lock that makes keep the only one, the site's key, and the rule sets by hash. Run by keep,
 * which trusts what it finds there: the directory is its own (0700).
 */
#include <attune/keep.h>
#include <attune/log.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A rule set's bounds: languages are one level deep, cards and schema another. */
enum { MAX_COPY_DEPTH = 4, MAX_COPY_BYTES = 64 * 1024 * 1024 };

static bool make_directory(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static enum err take_lock(struct keep *keep, struct diag *diag)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/lock", keep->conf->state_dir);
    keep->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (keep->lock_fd < 0) {
        diag_add(diag, DIAG_ERROR, "", path, 0, 0, "state_dir", "cannot be written: %s", strerror(errno));
        return ERR_INPUT;
    }
    if (flock(keep->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        diag_add(diag, DIAG_ERROR, "", path, 0, 0, "state_dir", "another attuned works on this state directory");
        return ERR_INPUT;
    }
    return ERR_OK;
}

static enum err make_site_key(const char *path, struct diag *diag)
{
    unsigned char key[HASH_SIZE];
    randombytes_buf(key, sizeof key);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write(fd, key, sizeof key) == (ssize_t)sizeof key && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    sodium_memzero(key, sizeof key);
    if (!written) {
        diag_add(diag, DIAG_ERROR, "", path, 0, 0, "site_key_file", "cannot be made: %s", strerror(errno));
        return ERR_INPUT;
    }
    log_info("site-key-made");
    return ERR_OK;
}

/* The key in use is derived from the file's bytes, so that any file of 32 bytes or more will do. */
static enum err read_site_key(struct keep *keep, struct diag *diag)
{
    const char *path = keep->conf->site_key_file;
    int fd;
    if (access(path, F_OK) < 0 && errno == ENOENT) {
        enum err error = make_site_key(path, diag);
        if (error != ERR_OK)
            return error;
    }
    if (conf_open_secret(path, &fd, diag) != ERR_OK)
        return ERR_INPUT;
    unsigned char bytes[KEEP_SITE_KEY_MAX];
    ssize_t length = read(fd, bytes, sizeof bytes);
    close(fd);
    if (length < HASH_SIZE) {
        diag_add(diag, DIAG_ERROR, "", path, 0, 0, "site_key_file", "holds fewer than 32 bytes");
        return ERR_INPUT;
    }
    struct str purpose = STR("attune site key 1");
    hash_hmac(bytes, (size_t)length, &purpose, 1, keep->site_key);
    sodium_memzero(bytes, sizeof bytes);
    return ERR_OK;
}

enum err store_open(struct keep *keep, struct diag *diag)
{
    char rules[4096];
    const char *directory = keep->conf->state_dir;
    if (!make_directory(directory)) {
        diag_add(diag, DIAG_ERROR, "", directory, 0, 0, "state_dir", "cannot be made: %s", strerror(errno));
        return ERR_INPUT;
    }
    enum err error = take_lock(keep, diag);
    if (error != ERR_OK)
        return error;
    snprintf(rules, sizeof rules, "%s/rules", directory);
    if (!make_directory(rules)) {
        diag_add(diag, DIAG_ERROR, "", rules, 0, 0, "state_dir", "cannot be made: %s", strerror(errno));
        return ERR_INPUT;
    }
    return read_site_key(keep, diag);
}

void keep_hmac(const struct keep *keep, const char *purpose, const struct str *parts, size_t count,
               unsigned char out[HASH_SIZE])
{
    struct str all[8];
    if (count > 7)
        bug("too many parts of a pseudonym");
    all[0] = str_of(purpose);
    for (size_t i = 0; i < count; i++)
        all[i + 1] = parts[i];
    hash_hmac(keep->site_key, sizeof keep->site_key, all, count + 1, out);
}

/* --- rule sets ------------------------------------------------------------------------------------------------------
 */

struct copying {
    struct diag *diag;
    size_t files;
    size_t bytes;
};

static enum err refuse(struct copying *copying, const char *path, const char *why)
{
    diag_add(copying->diag, DIAG_ERROR, "", path, 0, 0, "rules", "%s", why);
    return ERR_INPUT;
}

static enum err copy_bytes(struct copying *copying, const char *path, int from, int to)
{
    char bytes[16384];
    ssize_t length;
    while ((length = read(from, bytes, sizeof bytes)) > 0) {
        copying->bytes += (size_t)length;
        if (copying->bytes > MAX_COPY_BYTES)
            return refuse(copying, path, "the rule set is larger than 64 MiB");
        if (write(to, bytes, (size_t)length) != length)
            return refuse(copying, path, strerror(errno));
    }
    return length < 0 || fsync(to) < 0 ? refuse(copying, path, strerror(errno)) : ERR_OK;
}

static enum err copy_file(struct copying *copying, const char *from, const char *to)
{
    if (++copying->files > PACK_MAX_FILES)
        return refuse(copying, from, "the rule set has more than 2,000 files");
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum err error = source < 0 || target < 0 ? refuse(copying, source < 0 ? from : to, strerror(errno))
                                              : copy_bytes(copying, from, source, target);
    if (source >= 0)
        close(source);
    if (target >= 0)
        close(target);
    return error;
}

static enum err copy_tree(struct copying *copying, const char *from, const char *to, int depth);

static enum err copy_entry(struct copying *copying, const char *from, const char *to, const char *name, int depth)
{
    char source[4096], target[4096];
    struct stat about;
    int needed = snprintf(source, sizeof source, "%s/%s", from, name);
    if (needed < 0 || (size_t)needed >= sizeof source ||
        (size_t)snprintf(target, sizeof target, "%s/%s", to, name) >= sizeof target)
        return refuse(copying, from, "a path in it is too long");
    if (stat(source, &about) < 0)
        return refuse(copying, source, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return copy_tree(copying, source, target, depth + 1);
    return S_ISREG(about.st_mode) ? copy_file(copying, source, target) : ERR_OK;
}

static enum err copy_tree(struct copying *copying, const char *from, const char *to, int depth)
{
    if (depth > MAX_COPY_DEPTH)
        return refuse(copying, from, "the rule set has folders more than 4 deep");
    DIR *directory = opendir(from);
    if (!directory || !make_directory(to)) {
        enum err error = refuse(copying, directory ? to : from, strerror(errno));
        if (directory)
            closedir(directory);
        return error;
    }
    enum err error = ERR_OK;
    for (struct dirent *entry; error == ERR_OK && (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            error = copy_entry(copying, from, to, entry->d_name, depth);
    closedir(directory);
    return error != ERR_OK ? error : store_sync_directory(to);
}

enum err store_copy_rules(const char *from, const char *to, struct diag *diag)
{
    struct copying copying = {.diag = diag};
    return copy_tree(&copying, from, to, 0);
}

enum err store_sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYSTEM;
    bool synced = fsync(fd) == 0;
    close(fd);
    return synced ? ERR_OK : ERR_SYSTEM;
}
