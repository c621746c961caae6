/*
 * What no single key of attune.yaml can show. Each check has the filled structs for its question and the tree for the
 * place to point at. Run after every row was read without a fault.
 */
#include <attune/conf_table.h>
#include <stdio.h>
#include <string.h>

struct check {
    const struct conf *conf;
    struct diag *diag;
};

static void add(const struct check *check, enum diag_level level, const struct yaml_node *at, const char *code,
                const char *subject, const char *message)
{
    diag_add(check->diag, level, code, check->conf->file, at->line, at->column, subject, "%s", message);
}

static const struct yaml_node *item(const struct yaml_node *map, const char *key, size_t index)
{
    return yaml_get(map, key)->values[index];
}

/* The value under `key` where the file has one, else the map that lacks it. */
static const struct yaml_node *place(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *value = yaml_get(map, key);
    return value ? value : map;
}

/* --- mailboxes --------------------------------------------------------------------------------------------------- */

/* INBOX is the one folder whose name ignores case (RFC 3501, 5.1). */
static bool is_same_folder(const char *a, const char *b)
{
    if (str_equal_nocase(str_of(a), STR("INBOX")))
        return str_equal_nocase(str_of(a), str_of(b));
    return strcmp(a, b) == 0;
}

enum { MAX_FOLDERS = PLACE_COUNT + CONF_MAX_READ + 1 };

struct folder_use {
    const char *name;
    const char *use;
};

static const char *const place_keys[PLACE_COUNT] = {
    [PLACE_URGENT] = "folders.urgent", [PLACE_TODAY] = "folders.today", [PLACE_REVIEW] = "folders.review",
    [PLACE_SAFETY] = "folders.safety", [PLACE_AGENT] = "folders.agent",
};

static size_t list_folders(const struct conf_mailbox *mailbox, struct folder_use uses[MAX_FOLDERS])
{
    size_t count = 0;
    uses[count++] = (struct folder_use){mailbox->inbox, "inbox"};
    for (size_t i = 0; i < mailbox->also_read_count; i++)
        uses[count++] = (struct folder_use){mailbox->also_read[i], "also_read"};
    for (enum place to = PLACE_STAY; to < PLACE_COUNT; to++)
        if (mailbox->places[to])
            uses[count++] = (struct folder_use){mailbox->places[to], place_keys[to]};
    return count;
}

/* Mail moved into a folder that is also read, or that another urgency uses, would be read again or go unseen. */
static void check_folders(const struct check *check, const struct conf_mailbox *mailbox, const struct yaml_node *node)
{
    struct folder_use uses[MAX_FOLDERS];
    size_t count = list_folders(mailbox, uses);
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (!is_same_folder(uses[i].name, uses[j].name))
                continue;
            char message[128];
            snprintf(message, sizeof message, "%s and %s name the same folder: each needs its own", uses[j].use,
                     uses[i].use);
            add(check, DIAG_ERROR, place(node, "folders"), "C011", mailbox->name, message);
        }
    }
}

/* Mail that was decided would count as taken where a person's folder is a place as well. */
static void check_taken(const struct check *check, const struct conf_mailbox *mailbox, const struct yaml_node *node)
{
    struct folder_use uses[MAX_FOLDERS];
    size_t count = list_folders(mailbox, uses), length = strlen(mailbox->taken);
    for (size_t i = 0; i < count; i++) {
        const char *name = uses[i].name;
        bool is_within = strncmp(name, mailbox->taken, length) == 0 && (name[length] == '/' || name[length] == '\0');
        if (!is_within)
            continue;
        char message[128];
        snprintf(message, sizeof message, "%s stands within folders.taken, which is for people's own folders",
                 uses[i].use);
        add(check, DIAG_ERROR, place(node, "folders"), "C011", mailbox->name, message);
    }
}

static bool is_read(const struct conf_mailbox *mailbox, const char *folder)
{
    for (size_t i = 0; i < mailbox->also_read_count; i++)
        if (is_same_folder(mailbox->also_read[i], folder))
            return true;
    return is_same_folder(mailbox->inbox, folder);
}

/* A folder that `a` reads and `b` uses in any way; NULL for none. */
static const char *shared_folder(const struct conf_mailbox *a, const struct conf_mailbox *b)
{
    struct folder_use uses[MAX_FOLDERS];
    size_t count = list_folders(b, uses);
    for (size_t i = 0; i < count; i++)
        if (is_read(a, uses[i].name))
            return uses[i].name;
    return NULL;
}

/* Two entries may share an account, but mail that both see would be moved twice and paged twice. */
static void check_account(const struct check *check, const struct conf_mailbox *mailbox,
                          const struct conf_mailbox *other, const struct yaml_node *node)
{
    if (!str_equal_nocase(str_of(mailbox->host), str_of(other->host)) || strcmp(mailbox->user, other->user) != 0)
        return;
    const char *folder = shared_folder(mailbox, other);
    if (!folder)
        folder = shared_folder(other, mailbox);
    if (!folder)
        return;
    char message[256];
    snprintf(message, sizeof message, "mailbox %s is the same account, and both use the folder %.100s", other->name,
             folder);
    add(check, DIAG_ERROR, place(node, "user"), "C017", mailbox->name, message);
}

static void check_secret(const struct check *check, const struct yaml_node *node, const char *subject,
                         const char *file_key, const char *path, const char *credential)
{
    char message[128];
    if (!path && !credential) {
        snprintf(message, sizeof message, "%s or credential is missing", file_key);
        add(check, DIAG_ERROR, node, "C006", subject, message);
    } else if (path && credential) {
        snprintf(message, sizeof message, "%s and credential exclude each other", file_key);
        add(check, DIAG_ERROR, place(node, "credential"), "C012", subject, message);
    } else if (credential && (strchr(credential, '/') || credential[0] == '.')) {
        add(check, DIAG_ERROR, place(node, "credential"), "C012", subject, "a credential is a name, not a path");
    }
}

static void check_mailbox(const struct check *check, size_t index, const struct yaml_node *node)
{
    const struct conf_mailbox *mailbox = &check->conf->mailboxes[index];
    for (size_t i = 0; i < index; i++) {
        const struct conf_mailbox *other = &check->conf->mailboxes[i];
        if (strcmp(other->name, mailbox->name) == 0)
            add(check, DIAG_ERROR, place(node, "name"), "C007", mailbox->name, "another mailbox has this name");
        check_account(check, mailbox, other, node);
    }
    if (mailbox->tls == FETCH_TLS_NONE && !conf_host_is_loopback(mailbox->host))
        add(check, DIAG_ERROR, place(node, "tls"), "C008", mailbox->name,
            "tls: none would send mail and password in the clear; it may only go to this machine (localhost, "
            "127.0.0.1, "
            "::1)");
    check_secret(check, node, mailbox->name, "password_file", mailbox->password_file, mailbox->credential);
    check_folders(check, mailbox, node);
    check_taken(check, mailbox, node);
}

/* --- people ------------------------------------------------------------------------------------------------------ */

/* What stands behind the one @ of a valid address. */
static const char *domain_of(const char *address)
{
    return strchr(address, '@') + 1;
}

static bool is_staff_domain(const struct conf *conf, const char *domain)
{
    for (size_t i = 0; i < conf->staff_domain_count; i++)
        if (str_equal_nocase(str_of(conf->staff_domains[i]), str_of(domain)))
            return true;
    return false;
}

static bool is_mailbox(const struct conf *conf, const char *address)
{
    for (size_t i = 0; i < conf->mailbox_count; i++)
        if (str_equal_nocase(str_of(conf->mailboxes[i].user), str_of(address)))
            return true;
    return false;
}

static void check_address(const struct check *check, const struct conf_person *person,
                          const struct conf_channel *channel, const struct yaml_node *node)
{
    char message[512];
    const char *fault = NULL;
    if (!check->conf->smtp.host)
        fault = "needs smtp: the server that takes mail";
    else if (!is_staff_domain(check->conf, domain_of(channel->mail)))
        fault = "is outside staff_domains: mail goes to staff only";
    else if (is_mailbox(check->conf, channel->mail))
        fault = "is a watched mailbox, where a page would wait with the mail that it is about";
    else if (channel->secret_file || channel->credential)
        fault = "takes no secret: remove secret_file or credential";
    if (!fault)
        return;
    snprintf(message, sizeof message, "%s %s", channel->mail, fault);
    add(check, DIAG_ERROR, place(node, "mail"), "C018", person->name, message);
}

static void check_target(const struct check *check, const struct conf_person *person,
                         const struct conf_channel *channel, const struct yaml_node *node)
{
    if (channel->url && channel->mail)
        add(check, DIAG_ERROR, place(node, "mail"), "C012", person->name, "webhook and mail exclude each other");
    else if (channel->mail)
        check_address(check, person, channel, node);
    else if (!channel->url)
        add(check, DIAG_ERROR, node, "C006", person->name, "webhook or mail is missing");
    else
        check_secret(check, node, person->name, "secret_file", channel->secret_file, channel->credential);
}

static void check_channel(const struct check *check, const struct conf_person *person, size_t index,
                          const struct yaml_node *node)
{
    const struct conf_channel *channel = &person->channels[index];
    for (size_t i = 0; i < index; i++)
        if (strcmp(person->channels[i].name, channel->name) == 0)
            add(check, DIAG_ERROR, place(node, "name"), "C007", person->name,
                "another channel of this person has this name");
    check_target(check, person, channel, node);
}

static void check_person(const struct check *check, size_t index, const struct yaml_node *node)
{
    const struct conf_person *person = &check->conf->staff[index];
    for (size_t i = 0; i < index; i++)
        if (strcmp(check->conf->staff[i].name, person->name) == 0)
            add(check, DIAG_ERROR, place(node, "name"), "C007", person->name, "another person has this name");
    if (strcmp(person->name, CONF_EVERYBODY) == 0)
        add(check, DIAG_ERROR, place(node, "name"), "C009", person->name, "this word means all staff in a ladder");
    for (size_t i = 0; i < person->channel_count; i++)
        check_channel(check, person, i, item(node, "channels", i));
}

/* --- ladders ----------------------------------------------------------------------------------------------------- */

static void report_stranger(const struct check *check, const char *subject, const char *name,
                            const struct yaml_node *node)
{
    const char *names[CONF_MAX_STAFF];
    for (size_t i = 0; i < check->conf->staff_count; i++)
        names[i] = check->conf->staff[i].name;
    const char *nearest = str_nearest(name, names, check->conf->staff_count);
    char message[256];
    snprintf(message, sizeof message, "%s is not on staff%s%s%s", name, nearest ? "; did you mean " : "",
             nearest ? nearest : "", nearest ? "?" : "");
    add(check, DIAG_ERROR, place(node, "to"), "C010", subject, message);
}

static void check_step(const struct check *check, const char *ladder, const struct conf_step *step,
                       const struct yaml_node *node)
{
    if (strcmp(step->to, CONF_EVERYBODY) != 0 && !conf_find_person(check->conf, step->to))
        report_stranger(check, ladder, step->to, node);
}

static void check_ladder(const struct check *check, const char *ladder, const struct conf_step *steps, size_t count,
                         const struct yaml_node *list)
{
    for (size_t i = 0; i < count; i++) {
        check_step(check, ladder, &steps[i], list->values[i]);
        if (i > 0 && steps[i].after_s < steps[i - 1].after_s)
            add(check, DIAG_ERROR, place(list->values[i], "after"), "C013", ladder,
                "this step begins before the one above it: put them in order");
    }
    if (count && steps[0].after_s > 0)
        add(check, DIAG_WARNING, list->values[0], "C014", ladder, "nobody is paged at once: the first step waits");
    if (count && steps[count - 1].every_s == 0)
        add(check, DIAG_WARNING, list->values[count - 1], "C015", ladder,
            "the last step rings once, so a page that nobody acknowledges falls silent: give it an every");
}

/* --- mail to staff ----------------------------------------------------------------------------------------------- */

static void check_smtp(const struct check *check, const struct yaml_node *node)
{
    const struct conf_smtp *smtp = &check->conf->smtp;
    if (!smtp->host)
        add(check, DIAG_ERROR, node, "C006", "smtp", "host is missing");
    else if (smtp->tls == SMTP_TLS_NONE && !conf_host_is_loopback(smtp->host))
        add(check, DIAG_ERROR, place(node, "tls"), "C008", "smtp",
            "tls: none would send pages and the password in the clear; it may only go to this machine (localhost, "
            "127.0.0.1, ::1)");
    if (!smtp->from)
        add(check, DIAG_ERROR, node, "C006", "smtp", "from is missing");
    if (smtp->user)
        check_secret(check, node, "smtp", "password_file", smtp->password_file, smtp->credential);
    else if (smtp->password_file || smtp->credential)
        add(check, DIAG_ERROR, node, "C006", "smtp", "user is missing: a password alone signs nobody in");
}

static void check_digest(const struct check *check, const struct conf_digest *digest, const struct yaml_node *node)
{
    const struct conf_person *person = conf_find_person(check->conf, digest->to);
    if (!person)
        report_stranger(check, "digest", digest->to, node);
    else if (!conf_mail_channel(person))
        add(check, DIAG_ERROR, place(node, "to"), "C019", digest->to,
            "has no mail address for a digest: add a channel with mail");
}

void conf_check(const struct conf *conf, const struct yaml_node *root, struct diag *diag)
{
    struct check check = {conf, diag};
    for (size_t i = 0; i < conf->mailbox_count; i++)
        check_mailbox(&check, i, item(root, "mailboxes", i));
    for (size_t i = 0; i < conf->staff_count; i++)
        check_person(&check, i, item(root, "staff", i));
    if (yaml_get(root, "smtp"))
        check_smtp(&check, yaml_get(root, "smtp"));
    for (size_t i = 0; i < conf->digest_count; i++)
        check_digest(&check, &conf->digests[i], item(root, "digest", i));
    const struct yaml_node *pages = yaml_get(root, "pages");
    check_ladder(&check, "clinical", conf->clinical, conf->clinical_count, yaml_get(pages, "clinical"));
    if (conf->safety_count)
        check_ladder(&check, "safety", conf->safety, conf->safety_count, yaml_get(pages, "safety"));
}
