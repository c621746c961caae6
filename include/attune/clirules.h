/*
 * The rule set a sub-command works with: found, loaded, checked and compiled, with its findings printed.
 */
#ifndef ATTUNE_CLIRULES_H
#define ATTUNE_CLIRULES_H

#include <attune/cli.h>
#include <attune/decide.h>
#include <attune/diag.h>
#include <attune/hash.h>
#include <attune/pack.h>
#include <attune/ruleset.h>

struct clirules {
    char *directory; /* OWNED */
    struct pack *pack;
    struct policy *policy;
    struct ruleset *ruleset;
    char hash[HASH_HEX_SIZE];
};

/*
 * Where the rules are: the operand, else --rules, else --config's rules:, else `rules` beside the executable's folder
 * (a build tree), else ATTUNE_RULES_DIR. On CLI_DONE *out is OWNED by the caller (free); else the reason was printed.
 */
enum cli_exit clirules_find(const struct cli_arguments *arguments, const char *operand, char **out);

/* Loads, checks and compiles what stands in `directory`. ERR_INPUT: the findings tell. Free in either case; `directory`
 * is taken over. Inline tests are not run. */
enum err clirules_load(char *directory, struct clirules *out, struct diag *diag);
void clirules_free(struct clirules *rules);

#endif
