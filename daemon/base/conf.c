/*
 * attune.yaml from the file to struct conf, and the secrets that it names. Run by keep and the command. The file is the
 * operator's; secret files are opened, never read.
 */
#include <attune/conf_table.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The greatest tree that yaml.h allows, its text and the structs made of it take under 12 MiB. */
enum { ARENA_BYTES = 16 * 1024 * 1024, SECRET_BYTES = 64 * 1024 };

/* Debian's bundle, made by ca-certificates. */
static const char system_ca[] = "/etc/ssl/certs/ca-certificates.crt";

const char *conf_ca_path(const char *ca_file)
{
    return ca_file ? ca_file : system_ca;
}

const struct conf_person *conf_find_person(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->staff_count; i++)
        if (strcmp(conf->staff[i].name, name) == 0)
            return &conf->staff[i];
    return NULL;
}

const struct conf_channel *conf_mail_channel(const struct conf_person *person)
{
    for (size_t i = 0; i < person->channel_count; i++)
        if (person->channels[i].mail)
            return &person->channels[i];
    return NULL;
}

/* --- loading ----------------------------------------------------------------------------------------------------- */

static const char *join_path(struct arena *arena, const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = arena_alloc(arena, size);
    if (path)
        snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* Set by systemd for a unit with LoadCredential=; elsewhere the path that Debian's unit would have, so that the finding
 * names a place to look at. */
static const char *credentials_folder(void)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    return folder && folder[0] == '/' ? folder : "/run/credentials/attune.service";
}

static bool resolve_credential(struct arena *arena, const char *credential, const char **path)
{
    if (credential)
        *path = join_path(arena, credentials_folder(), credential);
    return *path != NULL;
}

static bool complete_smtp(struct conf *conf)
{
    static const uint16_t ports[] = {[SMTP_TLS_STARTTLS] = 587, [SMTP_TLS_IMPLICIT] = 465, [SMTP_TLS_NONE] = 25};
    struct conf_smtp *smtp = &conf->smtp;
    if (!smtp->port)
        smtp->port = ports[smtp->tls];
    return !smtp->credential || resolve_credential(conf->arena, smtp->credential, &smtp->password_file);
}

/* Fills what depends on other keys. False without memory. */
static bool complete(struct conf *conf)
{
    bool done = true;
    if (!conf->site_key_file) {
        conf->site_key_file = join_path(conf->arena, conf->state_dir, "site.key");
        done = conf->site_key_file != NULL;
    }
    for (size_t i = 0; i < conf->mailbox_count; i++) {
        struct conf_mailbox *mailbox = &conf->mailboxes[i];
        if (!mailbox->port)
            mailbox->port = mailbox->tls == FETCH_TLS_IMPLICIT ? 993 : 143;
        if (!mailbox->ca_file)
            mailbox->ca_file = conf->ca_file;
        done = resolve_credential(conf->arena, mailbox->credential, &mailbox->password_file) && done;
    }
    for (size_t i = 0; i < conf->staff_count; i++)
        for (size_t j = 0; j < conf->staff[i].channel_count; j++) {
            struct conf_channel *channel = &conf->staff[i].channels[j];
            if (channel->url)
                done = resolve_credential(conf->arena, channel->credential, &channel->secret_file) && done;
        }
    enum { EVERY_DAY = 0x7f };
    for (size_t i = 0; i < conf->digest_count; i++)
        if (!conf->digests[i].days)
            conf->digests[i].days = EVERY_DAY;
    return complete_smtp(conf) && done;
}

static enum err load_into(struct conf *conf, const char *path, struct diag *diag)
{
    size_t errors_before = diag->errors;
    conf->file = arena_copy(conf->arena, path, strlen(path));
    struct yaml_node *root;
    if (!conf->file)
        return ERR_SYSTEM;
    enum err error = yaml_parse_file(conf->arena, path, &root, diag);
    if (error)
        return error;
    struct conf_reader reader = {.arena = conf->arena, .file = conf->file, .diag = diag};
    conf_read_section(&reader, &conf_root, root, "", conf);
    if (reader.out_of_memory)
        return ERR_SYSTEM;
    if (diag->errors == errors_before)
        conf_check(conf, root, diag);
    if (diag->errors != errors_before)
        return ERR_INPUT;
    return complete(conf) ? ERR_OK : ERR_SYSTEM;
}

enum err conf_load(const char *path, struct conf **out, struct diag *diag)
{
    struct conf *conf = calloc(1, sizeof *conf);
    if (!conf)
        return ERR_SYSTEM;
    conf->arena = arena_new(ARENA_BYTES);
    enum err error = conf->arena ? load_into(conf, path, diag) : ERR_SYSTEM;
    if (error) {
        conf_free(&conf);
        return error;
    }
    *out = conf;
    return ERR_OK;
}

void conf_free(struct conf **conf)
{
    if (!*conf)
        return;
    arena_free(&(*conf)->arena);
    free(*conf);
    *conf = NULL;
}

/* --- secrets ----------------------------------------------------------------------------------------------------- */

static bool is_credential(const char *path)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    size_t length = folder ? strlen(folder) : 0;
    return length > 1 && strncmp(path, folder, length) == 0 && path[length] == '/';
}

static const char *secret_fault(const char *path, const struct stat *status)
{
    mode_t forbidden = is_credential(path) ? 0007 : 0077;
    if (!S_ISREG(status->st_mode))
        return "is not a regular file";
    if (status->st_mode & forbidden)
        return "can be read by others than its owner: chmod 600";
    if (status->st_size == 0)
        return "is empty";
    if (status->st_size > SECRET_BYTES)
        return "is larger than 64 KiB: not a secret";
    return NULL;
}

enum err conf_open_secret(const char *path, int *fd, struct diag *diag)
{
    /* Asked of the descriptor: between a look at the name and the opening, the file could be another. */
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    const char *fault = NULL;
    if (opened < 0 || fstat(opened, &status) != 0)
        fault = strerror(errno);
    else
        fault = secret_fault(path, &status);
    if (!fault) {
        *fd = opened;
        return ERR_OK;
    }
    diag_add(diag, DIAG_ERROR, "C016", path, 0, 0, "", "the secret file %s", fault);
    if (opened >= 0)
        close(opened);
    return ERR_INPUT;
}

static bool can_open(const char *path, struct diag *diag)
{
    int fd;
    if (conf_open_secret(path, &fd, diag) != ERR_OK)
        return false;
    close(fd);
    return true;
}

enum err conf_check_secrets(const struct conf *conf, struct diag *diag)
{
    bool good = true;
    for (size_t i = 0; i < conf->mailbox_count; i++)
        good = can_open(conf->mailboxes[i].password_file, diag) && good;
    for (size_t i = 0; i < conf->staff_count; i++)
        for (size_t j = 0; j < conf->staff[i].channel_count; j++)
            if (conf->staff[i].channels[j].url)
                good = can_open(conf->staff[i].channels[j].secret_file, diag) && good;
    if (conf->smtp.user)
        good = can_open(conf->smtp.password_file, diag) && good;
    return good ? ERR_OK : ERR_INPUT;
}
