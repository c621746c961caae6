/* `attune digest --preview`: the digest as it would be sent now. Asks keep; shows its answer. */
#include <attune/controlclient.h>
#include <attune/output.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The text holds folder names, which may hold anything: each line is made harmless for a terminal. */
static void print_text(const json_t *answer)
{
    struct buf out;
    struct str rest = controlclient_text(answer, "text"), line;
    buf_init(&out, OUTPUT_MAX);
    buf_addf(&out, "Subject: ");
    output_add_safe(&out, controlclient_text(answer, "subject"));
    buf_add_text(&out, "\n\n");
    while (str_next_line(&rest, &line)) {
        output_add_safe(&out, line);
        buf_add_char(&out, '\n');
    }
    output_print(&out);
    buf_free(&out);
}

static enum cli_exit write_html(const json_t *answer, const char *path)
{
    struct str html = controlclient_text(answer, "html");
    FILE *file = fopen(path, "we");
    bool written = file && fwrite(html.data, 1, html.length, file) == html.length;
    if (file && fclose(file) != 0)
        written = false;
    if (written)
        return CLI_DONE;
    output_problem("%s cannot be written: %s.", path, strerror(errno));
    return CLI_USAGE;
}

enum cli_exit cli_digest(const struct cli_arguments *arguments)
{
    json_t *answer;
    if (!arguments->preview) {
        output_problem("`attune digest` needs --preview: attuned itself sends digests when they are due.");
        return CLI_USAGE;
    }
    json_t *request = json_pack("{s:s, s:s?}", "command", "digest", "person", arguments->person);
    enum cli_exit status = controlclient_run(arguments, request, &answer);
    json_decref(request);
    if (status != CLI_DONE)
        return status;
    if (arguments->html)
        status = write_html(answer, arguments->html);
    if (arguments->json)
        output_print_json(answer);
    else if (!arguments->html)
        print_text(answer);
    json_decref(answer);
    return status;
}
