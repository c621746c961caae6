/* Finding and loading the rule set for a sub-command. The command only; rule files are the operator's, checked by pack.
 */
#include <attune/clirules.h>
#include <attune/conf.h>
#include <attune/output.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef ATTUNE_RULES_DIR
#define ATTUNE_RULES_DIR "/usr/local/share/attune/rules"
#endif

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static enum cli_exit from_config(const char *config, char **out)
{
    struct conf *conf;
    struct diag diag;
    diag_init(&diag);
    enum err error = conf_load(config, &conf, &diag);
    output_findings(&diag);
    diag_free(&diag);
    if (error != ERR_OK)
        return CLI_USAGE;
    *out = strdup(conf->rules_dir);
    conf_free(&conf);
    return *out ? CLI_DONE : CLI_USAGE;
}

/* build/attune → build/../rules. NULL when there is none. */
static char *beside_executable(void)
{
    char path[4096]; /* PATH_MAX */
    char *found;
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return NULL;
    path[length] = '\0';
    *strrchr(path, '/') = '\0';
    if (asprintf(&found, "%s/../rules", path) < 0)
        return NULL;
    char *real = is_folder(found) ? realpath(found, NULL) : NULL;
    free(found);
    return real;
}

enum cli_exit clirules_find(const struct cli_arguments *arguments, const char *operand, char **out)
{
    const char *named = operand ? operand : arguments->rules;
    if (!named && arguments->config)
        return from_config(arguments->config, out);
    *out = named ? strdup(named) : beside_executable();
    if (!*out && !named && is_folder(ATTUNE_RULES_DIR))
        *out = strdup(ATTUNE_RULES_DIR);
    if (*out && is_folder(*out))
        return CLI_DONE;
    if (named)
        output_problem("%s is not a folder of rules.", named);
    else
        output_problem("there are no rules at " ATTUNE_RULES_DIR "; name their folder.");
    free(*out);
    return CLI_USAGE;
}

enum err clirules_load(char *directory, struct clirules *out, struct diag *diag)
{
    *out = (struct clirules){.directory = directory};
    enum err error = pack_load(directory, &out->pack, diag);
    if (error != ERR_OK)
        return error;
    hash_hex(pack_hash(out->pack), out->hash);
    error = policy_load(directory, out->pack, &out->policy, diag);
    enum err compiled = ruleset_compile(out->pack, &out->ruleset, diag);
    return error != ERR_OK ? error : compiled;
}

void clirules_free(struct clirules *rules)
{
    ruleset_free(&rules->ruleset);
    policy_free(&rules->policy);
    pack_free(&rules->pack);
    free(rules->directory);
    *rules = (struct clirules){0};
}
