/* The manual page, from the tables that also parse: what it says is what the command does. The command only. */
#include <attune/cli.h>

/* Text as man(7) wants it: a hyphen that is not a minus, and no line that begins like a request. */
static void add_text(struct buf *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            buf_add_text(out, "\\&");
        if (*text == '-' || *text == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
        line_start = *text == '\n';
    }
}

static void add_option(struct buf *out, const char *name, const char *value, const char *help)
{
    buf_addf(out, ".TP\n.B \\-\\-%s", name);
    if (value)
        buf_addf(out, " \\fI%s\\fR", value);
    buf_add_char(out, '\n');
    add_text(out, help);
    buf_add_text(out, ".\n");
}

static void add_command(struct buf *out, const struct cli_command *command)
{
    const char *name, *value, *help;
    buf_addf(out, ".SS attune %s", command->name);
    if (*command->operands)
        buf_addf(out, " [OPTION...] %s", command->operands);
    buf_add_char(out, '\n');
    add_text(out, command->summary);
    buf_add_text(out, ".\n");
    if (command->details) {
        add_text(out, command->details);
        buf_add_char(out, '\n');
    }
    for (size_t i = 0; cli_option_row(i, command->options, &name, &value, &help); i++)
        if (name)
            add_option(out, name, value, help);
}

static const struct {
    const char *status;
    const char *meaning;
} exits[] = {
    {"0", "done"},
    {"1", "a check or test failed, or the named thing is not there"},
    {"2", "wrong use, or a file that is wrong or cannot be read"},
    {"3", "a daemon is needed and none answers"},
};

void cli_print_manual(const struct cli_command *commands, size_t count, struct buf *out)
{
    buf_add_text(out, ".TH ATTUNE 1 \"\" \"attune " ATTUNE_VERSION "\" \"Attune\"\n.SH NAME\n"
                      "attune \\- sort support mail by what it says and what it implies\n.SH SYNOPSIS\n"
                      ".B attune\n\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]\n.SH COMMANDS\n");
    for (size_t i = 0; i < count; i++)
        add_command(out, &commands[i]);
    buf_add_text(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++)
        buf_addf(out, ".TP\n.B %s\n%s.\n", exits[i].status, exits[i].meaning);
    buf_add_text(out, ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nWhen set and not empty, nothing is coloured.\n"
                      ".SH SEE ALSO\n.BR attuned (8)\n");
}
