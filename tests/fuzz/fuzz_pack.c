/* Rule files of any bytes: the set loads, or a finding says why not; never a crash, a hang or silence. */
#include "rule_files.h"
#include <attune/decide.h>
#include <attune/ruleset.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static enum err load_all(struct diag *diag)
{
    struct pack *pack = NULL;
    struct policy *policy = NULL;
    struct ruleset *ruleset = NULL;
    size_t tests;
    enum err error = pack_load(rule_folder, &pack, diag);
    if (error == ERR_OK)
        error = policy_load(rule_folder, pack, &policy, diag);
    if (error == ERR_OK)
        error = ruleset_compile(pack, &ruleset, diag);
    if (error == ERR_OK)
        error = ruleset_run_tests(ruleset, diag, &tests);
    ruleset_free(&ruleset);
    policy_free(&policy);
    pack_free(&pack);
    return error;
}

/* The first byte chooses which file of the set the rest becomes. */
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    static const char *const names[] = {"en/x.yaml", "en/lexicon.yaml", "policy.yaml", "cues.yaml",
                                        "protocols/card.txt"};
    if (length == 0)
        return 0;
    if (!rule_folder[0])
        make_rule_folder();
    const char *name = names[bytes[0] % (sizeof names / sizeof *names)];
    write_rule_file(name, bytes + 1, length - 1);
    struct diag diag;
    diag_init(&diag);
    enum err error = load_all(&diag);
    if (error != ERR_OK && (error != ERR_INPUT || diag.errors == 0))
        abort();
    diag_free(&diag);
    write_good_rules();
    return 0;
}
