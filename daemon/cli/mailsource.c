/* Walks the operator's paths and gives each message in them. The command only; file names and contents are hostile. */
#include <attune/mailsource.h>
#include <attune/reading.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which of a folder's files are mail. */
enum folder_kind {
    FOLDER_PLAIN,   /* those that are named .eml or begin like mail */
    FOLDER_MAILDIR, /* none: its messages are in cur and new (maildir(5)), other folders beside them start with a dot */
    FOLDER_NEW_CUR, /* all */
};

struct folder {
    char *path;
    enum folder_kind kind;
    struct dirent **entries;
    int count;
    int next;
};

struct mailsource {
    const char *const *paths;
    size_t path_count;
    size_t next_path;
    mailsource_problem *problem;
    void *context;
    struct folder folders[MAILSOURCE_MAX_DEPTH]; /* the one being read is the last */
    size_t depth;
    struct mailfile *file;
    char *file_path;
    unsigned long number; /* of the message in its mbox */
    char *name;
    struct buf raw;
    size_t skipped;
};

struct mailsource *mailsource_new(const char *const *paths, size_t count, mailsource_problem *problem, void *context)
{
    struct mailsource *source = calloc(1, sizeof *source);
    if (!source)
        return NULL;
    source->paths = paths;
    source->path_count = count;
    source->problem = problem;
    source->context = context;
    buf_init(&source->raw, READING_MAX_MESSAGE);
    return source;
}

static void leave_folder(struct mailsource *source)
{
    struct folder *folder = &source->folders[--source->depth];
    for (int i = folder->next; i < folder->count; i++)
        free(folder->entries[i]);
    free(folder->entries);
    free(folder->path);
}

static void close_file(struct mailsource *source)
{
    mailfile_free(&source->file);
    free(source->file_path);
    source->file_path = NULL;
}

void mailsource_free(struct mailsource **source)
{
    if (!*source)
        return;
    while ((*source)->depth)
        leave_folder(*source);
    close_file(*source);
    free((*source)->name);
    buf_free(&(*source)->raw);
    free(*source);
    *source = NULL;
}

size_t mailsource_skipped(const struct mailsource *source)
{
    return source->skipped;
}

static void tell(struct mailsource *source, const char *path, const char *why)
{
    source->problem(source->context, path, why);
}

/* --- folders ----------------------------------------------------------------------------------------------------- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool has_entry(const struct folder *folder, const char *name)
{
    for (int i = 0; i < folder->count; i++)
        if (strcmp(folder->entries[i]->d_name, name) == 0)
            return true;
    return false;
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum folder_kind folder_kind(const struct folder *folder)
{
    const char *name = last_name(folder->path);
    if (has_entry(folder, "cur") && has_entry(folder, "new"))
        return FOLDER_MAILDIR;
    return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 ? FOLDER_NEW_CUR : FOLDER_PLAIN;
}

/* Takes over `path`. */
static void enter_folder(struct mailsource *source, char *path)
{
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = '\0';
    if (source->depth == MAILSOURCE_MAX_DEPTH) {
        tell(source, path, "folders are nested too deeply");
        free(path);
        return;
    }
    struct folder folder = {.path = path};
    folder.count = scandir(path, &folder.entries, NULL, by_name);
    if (folder.count < 0) {
        tell(source, path, strerror(errno));
        free(path);
        return;
    }
    folder.kind = folder_kind(&folder);
    source->folders[source->depth++] = folder;
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *ending)
{
    return str_ends_nocase(str_of(path), str_of(ending));
}

/* Whether an open file found in a folder is mail; a file that the operator named always is. */
static bool wants(struct mailsource *source, struct mailfile *file, const char *path, const struct folder *folder)
{
    bool is_box = ends_with(path, ".mbox") || ends_with(path, ".mbx");
    if (is_box && mailfile_is_empty(file))
        return false;
    if (!folder || folder->kind == FOLDER_NEW_CUR || ends_with(path, ".eml") || mailfile_looks_like_mail(file))
        return true;
    source->skipped++;
    return false;
}

/* Takes over `path` and `fd`. */
static enum err begin_file(struct mailsource *source, int fd, char *path, const struct folder *folder)
{
    struct mailfile *file = mailfile_open(fd);
    if (!file) {
        free(path);
        return ERR_SYSTEM;
    }
    if (!wants(source, file, path, folder)) {
        mailfile_free(&file);
        free(path);
        return ERR_OK;
    }
    source->file = file;
    source->file_path = path;
    source->number = 0;
    return ERR_OK;
}

/* Takes over `path`; `folder` is NULL for a path that the operator named. */
static enum err open_path(struct mailsource *source, char *path, const struct folder *folder)
{
    struct stat about;
    /* Non-blocking: a pipe in a folder must not hold us. Links are followed to files, in folders not to folders. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (folder ? O_NONBLOCK : 0));
    if (fd < 0 || fstat(fd, &about) < 0) {
        tell(source, path, strerror(errno));
        free(path);
        if (fd >= 0)
            close(fd);
        return ERR_OK;
    }
    if (S_ISDIR(about.st_mode)) {
        close(fd);
        enter_folder(source, path);
        return ERR_OK;
    }
    if (folder && !S_ISREG(about.st_mode)) {
        close(fd);
        free(path);
        source->skipped++;
        return ERR_OK;
    }
    return begin_file(source, fd, path, folder);
}

static bool is_left_out(const struct folder *folder, const struct dirent *entry)
{
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    if (folder->kind != FOLDER_MAILDIR)
        return name[0] == '.';
    return strcmp(name, "cur") != 0 && strcmp(name, "new") != 0 && name[0] != '.';
}

static bool is_folder(const char *path, bool *by_link)
{
    struct stat about;
    if (lstat(path, &about) < 0)
        return false;
    *by_link = S_ISLNK(about.st_mode);
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static enum err open_entry(struct mailsource *source, const struct folder *folder, const struct dirent *entry)
{
    char *path;
    bool by_link = false;
    if (asprintf(&path, "%s/%s", folder->path, entry->d_name) < 0)
        return ERR_SYSTEM;
    bool plain_file = entry->d_type == DT_REG;
    bool folder_inside = !plain_file && is_folder(path, &by_link);
    /* Files in a Maildir's own folder are its server's; a link to a folder may lead back to where we are. */
    if ((folder->kind == FOLDER_MAILDIR && !folder_inside) || (folder_inside && by_link)) {
        free(path);
        return ERR_OK;
    }
    return open_path(source, path, folder);
}

static enum err open_next_entry(struct mailsource *source)
{
    struct folder *folder = &source->folders[source->depth - 1];
    if (folder->next == folder->count) {
        leave_folder(source);
        return ERR_OK;
    }
    struct dirent *entry = folder->entries[folder->next++];
    enum err error = is_left_out(folder, entry) ? ERR_OK : open_entry(source, folder, entry);
    free(entry);
    return error;
}

static enum err open_next_path(struct mailsource *source)
{
    const char *path = source->paths[source->next_path++];
    bool is_input = strcmp(path, "-") == 0;
    char *copy = strdup(path);
    if (!copy)
        return ERR_SYSTEM;
    if (!is_input)
        return open_path(source, copy, NULL);
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        tell(source, "standard input", strerror(errno));
        free(copy);
        return ERR_OK;
    }
    return begin_file(source, fd, copy, NULL);
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

static enum err name_message(struct mailsource *source)
{
    free(source->name);
    int length = mailfile_is_mbox(source->file)
                     ? asprintf(&source->name, "%s#%lu", source->file_path, source->number + 1)
                     : asprintf(&source->name, "%s", source->file_path);
    if (length < 0)
        source->name = NULL;
    return length < 0 ? ERR_SYSTEM : ERR_OK;
}

/* ERR_ABSENT when the open file has no further message; then it is closed. */
static enum err next_in_file(struct mailsource *source, struct mailsource_item *out)
{
    if (name_message(source) != ERR_OK)
        return ERR_SYSTEM;
    enum err error = mailfile_next(source->file, &source->raw, &out->cut);
    if (error == ERR_OK) {
        source->number++;
        out->name = source->name;
        out->raw = buf_str(&source->raw);
        return ERR_OK;
    }
    if (error == ERR_SYSTEM)
        tell(source, source->file_path, strerror(errno));
    close_file(source);
    return ERR_ABSENT;
}

enum err mailsource_next(struct mailsource *source, struct mailsource_item *out)
{
    for (;;) {
        enum err error = ERR_OK;
        if (source->file) {
            error = next_in_file(source, out);
            if (error != ERR_ABSENT)
                return error;
            error = ERR_OK;
        } else if (source->depth) {
            error = open_next_entry(source);
        } else if (source->next_path < source->path_count) {
            error = open_next_path(source);
        } else {
            return ERR_ABSENT;
        }
        if (error != ERR_OK)
            return error;
    }
}
