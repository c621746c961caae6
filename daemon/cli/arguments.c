/* Options and sub-command names from tables. The command only; its input is what the operator typed. */
#include <attune/cli.h>
#include <attune/str.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_FLAG, KIND_TEXT, KIND_NUMBER };

struct option_row {
    enum cli_option bit;
    const char *name;
    const char *value; /* what help calls it; NULL for a flag */
    const char *help;
    enum kind kind;
    size_t offset;    /* of its place in struct cli_arguments */
    unsigned maximum; /* of a number; 1 is the least */
};

#define PLACE(member) offsetof(struct cli_arguments, member)
static const struct option_row rows[] = {
    {CLI_OPTION_JSON, "json", NULL, "print JSON, one object a line", KIND_FLAG, PLACE(json), 0},
    {CLI_OPTION_RULES, "rules", "DIR", "the rule set to use", KIND_TEXT, PLACE(rules), 0},
    {CLI_OPTION_CONFIG, "config", "FILE", "the daemon's configuration file", KIND_TEXT, PLACE(config), 0},
    {CLI_OPTION_JOBS, "jobs", "N", "processes that read mail; one per core by default", KIND_NUMBER, PLACE(jobs),
     CLI_MAX_JOBS},
    {CLI_OPTION_TIMING, "timing", NULL, "add the CPU time of each message (cpu_us)", KIND_FLAG, PLACE(timing), 0},
    {CLI_OPTION_RULE, "rule", "ID", "this rule only", KIND_TEXT, PLACE(rule), 0},
    {CLI_OPTION_AS, "as", "NAME", "act for this person; needs the admin group", KIND_TEXT, PLACE(as), 0},
    {CLI_OPTION_QUEUE, "queue", "NAME", "only this queue: clinical or agent", KIND_TEXT, PLACE(queue), 0},
    {CLI_OPTION_PREVIEW, "preview", NULL, "show it as it would be sent now", KIND_FLAG, PLACE(preview), 0},
    {CLI_OPTION_PERSON, "person", "NAME", "as this person would get it", KIND_TEXT, PLACE(person), 0},
    {CLI_OPTION_SOCKET, "socket", "PATH", "the daemon's control socket, when its configuration cannot be read",
     KIND_TEXT, PLACE(socket), 0},
    {CLI_OPTION_HTML, "html", "FILE", "write a page for a browser to FILE", KIND_TEXT, PLACE(html), 0},
    {CLI_OPTION_ALL, "all", NULL, "closed cases too", KIND_FLAG, PLACE(all), 0},
    {CLI_OPTION_HELP, "help", NULL, "print this help", KIND_FLAG, PLACE(help), 0},
};
enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static bool takes(const struct cli_command *command, const struct option_row *row)
{
    return ((command->options | CLI_OPTION_HELP) & (unsigned)row->bit) != 0;
}

bool cli_option_row(size_t index, unsigned options, const char **name, const char **value, const char **help)
{
    *name = NULL;
    if (index >= ROW_COUNT)
        return false;
    if (!(options & (unsigned)rows[index].bit))
        return true;
    *name = rows[index].name;
    *value = rows[index].value;
    *help = rows[index].help;
    return true;
}

static const struct option_row *find_row(const struct cli_command *command, struct str name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (takes(command, &rows[i]) && str_equal_text(name, rows[i].name))
            return &rows[i];
    return NULL;
}

static void explain_option(const struct cli_command *command, struct str name, struct buf *problem)
{
    const char *names[ROW_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (takes(command, &rows[i]))
            names[count++] = rows[i].name;
    char wrong[32] = "";
    if (name.length < sizeof wrong)
        memcpy(wrong, name.data, name.length);
    const char *near = str_nearest(wrong, names, count);
    buf_addf(problem, "`%s` has no option --%.*s.", command->name, (int)(name.length > 64 ? 64 : name.length),
             name.data);
    if (near)
        buf_addf(problem, " Did you mean --%s?", near);
}

static bool store(const struct option_row *row, const char *value, struct cli_arguments *out, struct buf *problem)
{
    char *place = (char *)out + row->offset;
    uint64_t number;
    switch (row->kind) {
    case KIND_FLAG:
        *(bool *)(void *)place = true;
        return true;
    case KIND_TEXT:
        *(const char **)(void *)place = value;
        return true;
    case KIND_NUMBER:
        break;
    }
    if (!str_to_u64(str_of(value), row->maximum, &number) || number == 0) {
        buf_addf(problem, "--%s takes a number from 1 to %u.", row->name, row->maximum);
        return false;
    }
    *(unsigned *)(void *)place = (unsigned)number;
    return true;
}

/* One option at words[*at], with its value behind '=' or in the next word. */
static bool parse_option(const struct cli_command *command, int count, char **words, int *at, struct cli_arguments *out,
                         struct buf *problem)
{
    const char *word = words[*at];
    struct str name = str_of(word[1] == '-' ? word + 2 : "");
    const char *value = strchr(word, '=');
    if (value)
        name.length = (size_t)(value++ - name.data);
    if (strcmp(word, "-h") == 0)
        name = STR("help");
    if (name.length == 0) {
        buf_addf(problem, "`%s` has no option %s: options are whole words, as in --json.", command->name, word);
        return false;
    }
    const struct option_row *row = find_row(command, name);
    if (!row) {
        explain_option(command, name, problem);
        return false;
    }
    if (row->kind == KIND_FLAG && value) {
        buf_addf(problem, "--%s takes no value.", row->name);
        return false;
    }
    if (row->kind != KIND_FLAG && !value && *at + 1 < count)
        value = words[++*at];
    if (row->kind != KIND_FLAG && (!value || !*value)) {
        buf_addf(problem, "--%s needs a value: --%s %s.", row->name, row->name, row->value);
        return false;
    }
    return store(row, value, out, problem);
}

static bool check_operands(const struct cli_command *command, const struct cli_arguments *arguments,
                           struct buf *problem)
{
    if (arguments->help)
        return true;
    if (arguments->operand_count < command->min_operands) {
        buf_addf(problem, "`%s` needs %s.", command->name, command->operands);
        return false;
    }
    if (arguments->operand_count > command->max_operands) {
        buf_addf(problem, "`%s` has no use for \"%s\".", command->name, arguments->operands[command->max_operands]);
        return false;
    }
    return true;
}

bool cli_parse_arguments(const struct cli_command *command, int count, char **words, struct cli_arguments *out,
                         struct buf *problem)
{
    *out = (struct cli_arguments){0};
    out->operands = calloc((size_t)count + 1, sizeof *out->operands);
    if (!out->operands) {
        buf_add_text(problem, "There is no memory.");
        return false;
    }
    bool options_end = false;
    for (int i = 0; i < count; i++) {
        if (!options_end && strcmp(words[i], "--") == 0)
            options_end = true;
        else if (options_end || words[i][0] != '-' || words[i][1] == '\0')
            out->operands[out->operand_count++] = words[i];
        else if (!parse_option(command, count, words, &i, out, problem))
            return false;
    }
    return check_operands(command, out, problem);
}

void cli_arguments_free(struct cli_arguments *arguments)
{
    free(arguments->operands);
    *arguments = (struct cli_arguments){0};
}

void cli_print_command_help(const struct cli_command *command, struct buf *out)
{
    buf_addf(out, "usage: attune %s [OPTION...]%s%s\n\n%s.\n", command->name, *command->operands ? " " : "",
             command->operands, command->summary);
    if (command->details)
        buf_addf(out, "\n%s\n", command->details);
    buf_add_text(out, "\noptions:\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!takes(command, &rows[i]))
            continue;
        const char *value = rows[i].value ? rows[i].value : "";
        buf_addf(out, "  --%s%s%-*s %s\n", rows[i].name, *value ? " " : "",
                 (int)(14 - strlen(rows[i].name) - (*value ? 1 : 0)), value, rows[i].help);
    }
}

void cli_print_help(const struct cli_command *commands, size_t count, struct buf *out)
{
    buf_add_text(out, "usage: attune COMMAND [OPTION...] [OPERAND...]\n\n"
                      "Sorts support mail by what it says and what it implies, and asks a running attuned.\n\n");
    for (size_t i = 0; i < count; i++)
        buf_addf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    buf_add_text(out, "\n`attune COMMAND --help` tells more; `attune --version` prints the version.\n"
                      "Exit status: 0 done; 1 a check or test failed, or the named thing is not there;\n"
                      "2 wrong use or a bad file; 3 a daemon is needed and none answers.\n");
}

const struct cli_command *cli_find_command(const struct cli_command *commands, size_t count, int word_count,
                                           char **words, int *used)
{
    for (size_t i = 0; i < count; i++) {
        const char *space = strchr(commands[i].name, ' ');
        size_t first = space ? (size_t)(space - commands[i].name) : strlen(commands[i].name);
        if (word_count < 1 || strlen(words[0]) != first || strncmp(words[0], commands[i].name, first) != 0)
            continue;
        if (space && (word_count < 2 || strcmp(words[1], space + 1) != 0))
            continue;
        *used = space ? 2 : 1;
        return &commands[i];
    }
    return NULL;
}

bool cli_is_group(const struct cli_command *commands, size_t count, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i < count; i++)
        if (strncmp(commands[i].name, word, length) == 0 && commands[i].name[length] == ' ')
            return true;
    return false;
}

static void explain_group(const struct cli_command *commands, size_t count, const char *word, struct buf *problem)
{
    buf_addf(problem, "`%s` needs a second word:", word);
    for (size_t i = 0; i < count; i++)
        if (strncmp(commands[i].name, word, strlen(word)) == 0)
            buf_addf(problem, " `%s`", commands[i].name);
    buf_add_char(problem, '.');
}

void cli_explain_unknown(const struct cli_command *commands, size_t count, int word_count, char **words,
                         struct buf *problem)
{
    char said[64] = "";
    const char *names[64] = {NULL};
    size_t name_count = 0;
    bool group = cli_is_group(commands, count, words[0]);
    if (group && (word_count < 2 || words[1][0] == '-')) {
        explain_group(commands, count, words[0], problem);
        return;
    }
    snprintf(said, sizeof said, "%s%s%s", words[0], group ? " " : "", group ? words[1] : "");
    for (size_t i = 0; i < count && name_count < sizeof names / sizeof names[0]; i++)
        names[name_count++] = commands[i].name;
    const char *near = str_nearest(said, names, name_count);
    buf_addf(problem, "There is no command `%s`.", said);
    if (near)
        buf_addf(problem, " Did you mean `%s`?", near);
}
