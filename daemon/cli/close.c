/* `attune close`: a case is done with. Asks keep; shows its answer. */
#include <attune/controlclient.h>
#include <attune/output.h>

static void print_text(const json_t *answer)
{
    struct buf line;
    buf_init(&line, OUTPUT_MAX);
    output_add_safe(&line, controlclient_text(answer, "case"));
    buf_add_text(&line, json_is_true(json_object_get(answer, "already")) ? ": was already closed by " : ": closed by ");
    output_add_safe(&line, controlclient_text(answer, "closed_by"));
    buf_add_char(&line, '\n');
    output_print(&line);
    buf_free(&line);
}

enum cli_exit cli_close(const struct cli_arguments *arguments)
{
    json_t *answer;
    json_t *request =
        json_pack("{s:s, s:o, s:o}", "command", "close", "case", output_json_text(str_of(arguments->operands[0])), "as",
                  arguments->as ? output_json_text(str_of(arguments->as)) : json_null());
    enum cli_exit status = controlclient_run(arguments, request, &answer);
    json_decref(request);
    if (status != CLI_DONE)
        return status;
    if (arguments->json)
        output_print_json(answer);
    else
        print_text(answer);
    json_decref(answer);
    return CLI_DONE;
}
