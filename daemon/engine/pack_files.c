/* Lists and reads the files of a rule set. Runs as rules load; trusts the folder's owner, not the folder's size. */
#include <attune/pack_load.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 1024 };

struct walk {
    struct loader *loader;
    bool stopped; /* a limit was met or a finding made: no use in going on */
};

static void stop(struct walk *walk, const char *path, const char *message)
{
    walk->stopped = true;
    diag_add(walk->loader->diag, DIAG_ERROR, "R001", pack_file_name(walk->loader, path), 0, 0, "", "%s", message);
}

static bool ends_with(const char *name, const char *ending)
{
    return str_ends_nocase(str_of(name), str_of(ending));
}

/* Rule files and protocol cards; anything else in the folder (a README, a schema) is no part of the set. */
static bool belongs(struct walk *walk, const char *path)
{
    if (ends_with(path, ".yml")) {
        stop(walk, path, "rule files end in .yaml: rename it, or it would not be read");
        return false;
    }
    bool is_card = strncmp(path, "protocols/", 10) == 0 && ends_with(path, ".txt");
    return is_card || ends_with(path, ".yaml");
}

static ssize_t read_whole(int fd, char *bytes, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t got = read(fd, bytes + length, size - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

static void add_bytes(struct walk *walk, const char *path, int fd, size_t size)
{
    struct loader *loader = walk->loader;
    char *bytes = arena_alloc(loader->bytes, size + 1);
    const char *name = pack_copy(loader, str_of(path));
    ssize_t length = bytes ? read_whole(fd, bytes, size) : -1;
    if (length < 0) {
        stop(walk, path, bytes ? strerror(errno) : "the files of the set are too large together");
        return;
    }
    loader->files[loader->file_count++] = (struct pack_file){name, {bytes, (size_t)length}};
}

static void add_file(struct walk *walk, int directory, const char *name, const char *path)
{
    if (walk->loader->file_count == PACK_MAX_FILES) {
        stop(walk, path, "too many files in one rule set");
        return;
    }
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        stop(walk, path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        stop(walk, path, "not a regular file");
    else if (status.st_size > PACK_FILE_MAX)
        stop(walk, path, "a rule file may have 1 MiB");
    else
        add_bytes(walk, path, fd, (size_t)status.st_size);
    if (fd >= 0)
        close(fd);
}

static void walk_folder(struct walk *walk, int fd, const char *below, unsigned depth);

static void visit(struct walk *walk, int directory, const char *below, const char *name, unsigned depth)
{
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s%s%s", below, below[0] ? "/" : "", name);
    struct stat status;
    if (length < 0 || length >= (int)sizeof path || fstatat(directory, name, &status, 0) != 0) {
        stop(walk, below, "a file's name is too long, or a link points nowhere");
        return;
    }
    if (!S_ISDIR(status.st_mode)) {
        if (belongs(walk, path))
            add_file(walk, directory, name, path);
        return;
    }
    int fd = depth < PACK_MAX_DEPTH ? openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        stop(walk, path, depth < PACK_MAX_DEPTH ? strerror(errno) : "folders stand too deep in one another");
    else
        walk_folder(walk, fd, path, depth + 1);
}

/* Takes `fd` over. */
static void walk_folder(struct walk *walk, int fd, const char *below, unsigned depth)
{
    DIR *folder = fdopendir(fd);
    if (!folder) {
        stop(walk, below, strerror(errno));
        close(fd);
        return;
    }
    for (struct dirent *entry; !walk->stopped && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            visit(walk, dirfd(folder), below, entry->d_name, depth);
    closedir(folder);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct pack_file *)a)->path, ((const struct pack_file *)b)->path);
}

enum err pack_read_files(struct loader *loader)
{
    loader->files = arena_array(loader->bytes, PACK_MAX_FILES, sizeof *loader->files);
    if (!loader->files)
        return ERR_SYSTEM;
    struct walk walk = {.loader = loader};
    int fd = open(loader->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        stop(&walk, "", strerror(errno));
    else
        walk_folder(&walk, fd, "", 0);
    if (walk.stopped)
        return ERR_INPUT;
    qsort(loader->files, loader->file_count, sizeof *loader->files, compare_paths);
    return ERR_OK;
}

const char *pack_file_name(struct loader *loader, const char *path)
{
    size_t length = strlen(loader->directory);
    while (length > 1 && loader->directory[length - 1] == '/')
        length--;
    size_t size = length + strlen(path) + 2;
    char *name = arena_alloc(loader->pack->arena, size);
    if (!name) {
        loader->out_of_memory = true;
        return "";
    }
    snprintf(name, size, "%.*s%s%s", (int)length, loader->directory, path[0] ? "/" : "", path);
    return name;
}
