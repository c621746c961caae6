/* `attuned --check`: what a start would need, without starting. Run as keep, once. */
#include <attune/keep.h>
#include <attune/ruleset.h>

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
    enum err secrets = conf_check_secrets(conf, diag);
    enum err rules = check_rules(conf->rules_dir, diag);
    return secrets != ERR_OK ? secrets : rules;
}
