/* `attune rules check` and `attune rules test`: is the rule set sound, and do its own tests hold. */
#include <attune/clirules.h>
#include <attune/output.h>
#include <stdlib.h>
#include <string.h>

static json_t *finding_list(const struct diag *diag)
{
    json_t *list = json_array();
    for (size_t i = 0; i < diag->count; i++)
        json_array_append_new(list, output_json_finding(&diag->items[i]));
    return list;
}

static json_t *answer_object(const struct clirules *rules, const struct diag *diag, bool ok)
{
    json_t *object = json_pack("{s:b, s:o}", "ok", ok, "directory", output_json_text(str_of(rules->directory)));
    json_object_set_new(object, "rules", json_integer(rules->pack ? (json_int_t)pack_rule_count(rules->pack) : 0));
    json_object_set_new(object, "hash", *rules->hash ? json_string(rules->hash) : json_null());
    json_object_set_new(object, "errors", json_integer((json_int_t)diag->errors));
    json_object_set_new(object, "findings", finding_list(diag));
    json_object_set_new(object, "findings_left_out", json_integer((json_int_t)diag->dropped));
    return object;
}

static void print_answer(json_t *answer)
{
    output_print_json(answer);
    json_decref(answer);
}

/* --- check ------------------------------------------------------------------------------------------------------- */

static void print_check(const struct clirules *rules, const struct diag *diag, bool ok)
{
    output_findings(diag);
    if (!ok) {
        output_problem("%s: %zu error%s.", rules->directory, diag->errors, diag->errors == 1 ? "" : "s");
        return;
    }
    struct buf line;
    buf_init(&line, OUTPUT_MAX);
    output_add_safe(&line, str_of(rules->directory));
    buf_addf(&line, ": %zu rules, %zu cues, %zu combinations, %zu cards, %zu routes; no errors\n",
             pack_rule_count(rules->pack), pack_cue_count(rules->pack), pack_combination_count(rules->pack),
             pack_card_count(rules->pack), policy_route_count(rules->policy));
    output_print(&line);
    buf_free(&line);
}

static void print_check_json(const struct clirules *rules, const struct diag *diag, bool ok)
{
    json_t *answer = answer_object(rules, diag, ok);
    if (ok) {
        json_object_set_new(answer, "cues", json_integer((json_int_t)pack_cue_count(rules->pack)));
        json_object_set_new(answer, "combinations", json_integer((json_int_t)pack_combination_count(rules->pack)));
        json_object_set_new(answer, "cards", json_integer((json_int_t)pack_card_count(rules->pack)));
        json_object_set_new(answer, "routes", json_integer((json_int_t)policy_route_count(rules->policy)));
    }
    print_answer(answer);
}

static const char *operand(const struct cli_arguments *arguments)
{
    return arguments->operand_count ? arguments->operands[0] : NULL;
}

enum cli_exit cli_rules_check(const struct cli_arguments *arguments)
{
    struct clirules rules;
    struct diag diag;
    char *directory;
    enum cli_exit status = clirules_find(arguments, operand(arguments), &directory);
    if (status != CLI_DONE)
        return status;
    diag_init(&diag);
    bool ok = clirules_load(directory, &rules, &diag) == ERR_OK;
    (arguments->json ? print_check_json : print_check)(&rules, &diag, ok);
    diag_free(&diag);
    clirules_free(&rules);
    return ok ? CLI_DONE : CLI_FAILED;
}

/* --- test -------------------------------------------------------------------------------------------------------- */

static bool find_rule(const struct pack *pack, const char *id, size_t *index)
{
    for (*index = 0; *index < pack_rule_count(pack); ++*index)
        if (strcmp(pack_rule(pack, *index)->id, id) == 0)
            return true;
    return false;
}

static const char *nearest_rule(const struct pack *pack, const char *id)
{
    const char *near = NULL;
    size_t count = pack_rule_count(pack);
    const char **names = calloc(count + 1, sizeof *names);
    for (size_t i = 0; names && i < count; i++)
        names[i] = pack_rule(pack, i)->id;
    if (names)
        near = str_nearest(id, names, count);
    free(names);
    return near;
}

static void explain_unknown_rule(const struct pack *pack, const char *id)
{
    const char *near = nearest_rule(pack, id);
    output_problem("there is no rule %s.%s%s%s", id, near ? " Did you mean " : "", near ? near : "", near ? "?" : "");
}

static void print_tests(const struct clirules *rules, const struct diag *diag, size_t run)
{
    struct buf line;
    buf_init(&line, OUTPUT_MAX);
    output_findings(diag);
    output_add_safe(&line, str_of(rules->directory));
    buf_addf(&line, ": %zu tests, %zu finding%s\n", run, diag->errors, diag->errors == 1 ? "" : "s");
    output_print(&line);
    buf_free(&line);
}

static void print_tests_json(const struct clirules *rules, const struct diag *diag, size_t run)
{
    json_t *answer = answer_object(rules, diag, diag->errors == 0);
    json_object_set_new(answer, "tests", json_integer((json_int_t)run));
    print_answer(answer);
}

static enum cli_exit run_tests(const struct cli_arguments *arguments, const struct clirules *rules, struct diag *diag)
{
    size_t index = 0, run = 0;
    enum err error;
    if (arguments->rule && !find_rule(rules->pack, arguments->rule, &index)) {
        explain_unknown_rule(rules->pack, arguments->rule);
        return CLI_FAILED;
    }
    error = arguments->rule ? ruleset_test_rule(rules->ruleset, index, diag, &run)
                            : ruleset_run_tests(rules->ruleset, diag, &run);
    if (error == ERR_SYSTEM) {
        output_problem("there is no memory for the tests.");
        return CLI_USAGE;
    }
    (arguments->json ? print_tests_json : print_tests)(rules, diag, run);
    return error == ERR_OK ? CLI_DONE : CLI_FAILED;
}

enum cli_exit cli_rules_test(const struct cli_arguments *arguments)
{
    struct clirules rules;
    struct diag diag;
    char *directory;
    enum cli_exit status = clirules_find(arguments, operand(arguments), &directory);
    if (status != CLI_DONE)
        return status;
    diag_init(&diag);
    if (clirules_load(directory, &rules, &diag) == ERR_OK) {
        status = run_tests(arguments, &rules, &diag);
    } else {
        (arguments->json ? print_check_json : print_check)(&rules, &diag, false);
        status = CLI_FAILED;
    }
    diag_free(&diag);
    clirules_free(&rules);
    return status;
}
