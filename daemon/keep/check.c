/* `attuned --check`: what a start would need, without starting. Run as keep, once. */
#include <attune/keep.h>
#include <attune/ruleset.h>
#include <unistd.h>

static enum err check_secret(const char *path, struct diag *diag)
{
    int fd;
    enum err error = conf_open_secret(path, &fd, diag);
    if (error == ERR_OK)
        close(fd);
    return error;
}

static enum err check_secrets(const struct conf *conf, struct diag *diag)
{
    enum err error = ERR_OK;
    for (size_t i = 0; i < conf->mailbox_count; i++)
        if (check_secret(conf->mailboxes[i].password_file, diag) != ERR_OK)
            error = ERR_INPUT;
    for (size_t i = 0; i < conf->staff_count; i++)
        for (size_t c = 0; c < conf->staff[i].channel_count; c++)
            if (check_secret(conf->staff[i].channels[c].secret_file, diag) != ERR_OK)
                error = ERR_INPUT;
    return error;
}

static enum err check_rules(const char *directory, struct diag *diag)
{
    struct pack *pack = NULL;
    struct policy *policy = NULL;
    struct ruleset *ruleset = NULL;
    size_t tests;
    enum err error = pack_load(directory, &pack, diag);
    if (error == ERR_OK)
        error = policy_load(directory, pack, &policy, diag);
    if (error == ERR_OK)
        error = ruleset_compile(pack, &ruleset, diag);
    if (error == ERR_OK)
        error = ruleset_run_tests(ruleset, diag, &tests);
    ruleset_free(&ruleset);
    policy_free(&policy);
    pack_free(&pack);
    return error;
}

enum err keep_check(const struct conf *conf, struct diag *diag)
{
    enum err secrets = check_secrets(conf, diag);
    enum err rules = check_rules(conf->rules_dir, diag);
    return secrets != ERR_OK ? secrets : rules;
}
