/* `attune rules check` and `attune rules test`: is the rule set sound, and do its own tests hold. */
#include <attune/clirules.h>
#include <attune/output.h>
#include <stdio.h>
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
