/* The operator's command: the table of sub-commands, and the way to each. Runs as whoever calls it. */
#include <attune/cli.h>
#include <attune/output.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct cli_command commands[] = {
    {"triage", "PATH...", "Sort stored mail: what the daemon would decide, without a daemon",
     "PATH is a message file, a folder of them, a Maildir, an mbox, or - for standard input.\n"
     "Exits 0 whatever it finds; 2 when a PATH could not be read, after doing the others.",
     CLI_OPTION_JSON | CLI_OPTION_TIMING | CLI_OPTION_JOBS | CLI_OPTION_RULES | CLI_OPTION_CONFIG, 1, SIZE_MAX,
     cli_triage},
    {"text", "FILE", "Show what the rules see of a message",
     "FILE is a message file, an mbox, or - for standard input.", CLI_OPTION_JSON, 1, 1, cli_text},
    {"explain", "FILE", "Show why a message is sorted as it is, with its own words marked",
     "FILE is a message file, an mbox, or - for standard input. What is shown is the message itself: treat it so.\n"
     "--html writes a page that needs nothing else and that only you can read; `-` is standard output.",
     CLI_OPTION_JSON | CLI_OPTION_HTML | CLI_OPTION_RULES | CLI_OPTION_CONFIG, 1, 1, cli_explain},
    {"status", "", "Show how the daemon, its mailboxes and pages are", NULL,
     CLI_OPTION_JSON | CLI_OPTION_CONFIG | CLI_OPTION_SOCKET, 0, 0, cli_status},
    {"queue", "", "List the messages that wait for people, the most urgent first", "--all lists closed cases too.",
     CLI_OPTION_JSON | CLI_OPTION_CONFIG | CLI_OPTION_SOCKET | CLI_OPTION_QUEUE | CLI_OPTION_ALL, 0, 0, cli_queue},
    {"ack", "CASE", "Acknowledge a page: somebody has the message in hand",
     "CASE is the case's id as the page gives it, or its unique beginning of 6 characters or more.\n"
     "The page rings no more while the acknowledgement holds.",
     CLI_OPTION_JSON | CLI_OPTION_CONFIG | CLI_OPTION_SOCKET | CLI_OPTION_AS, 1, 1, cli_ack},
    {"digest", "", "Show the digest that clinicians get by mail",
     "Without --person, as the first person of the configuration's digest list would get it.",
     CLI_OPTION_JSON | CLI_OPTION_CONFIG | CLI_OPTION_SOCKET | CLI_OPTION_PREVIEW | CLI_OPTION_PERSON | CLI_OPTION_HTML,
     0, 0, cli_digest},
    {"show", "CASE", "Show one case: why it is where it is, what to do, and what has happened",
     "CASE is as for ack. The message's words are not kept: `attune explain` shows them from the mail itself.",
     CLI_OPTION_JSON | CLI_OPTION_CONFIG | CLI_OPTION_SOCKET, 1, 1, cli_show},
    {"close", "CASE", "Close a case: nothing more is to be done with it",
     "CASE is as for ack. Its page is acknowledged too; the case leaves `attune queue`, but for --all.",
     CLI_OPTION_JSON | CLI_OPTION_CONFIG | CLI_OPTION_SOCKET | CLI_OPTION_AS, 1, 1, cli_close},
    {"rules check", "[DIR]", "Check a rule set and its policy", NULL,
     CLI_OPTION_JSON | CLI_OPTION_RULES | CLI_OPTION_CONFIG, 0, 1, cli_rules_check},
    {"rules test", "[DIR]", "Run the tests that stand in the rules", NULL,
     CLI_OPTION_JSON | CLI_OPTION_RULES | CLI_OPTION_CONFIG | CLI_OPTION_RULE, 0, 1, cli_rules_test},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static enum cli_exit fail(const struct buf *problem, const char *help)
{
    output_problem("%s", buf_text(problem));
    output_problem("`attune %s--help` tells how it is used.", help);
    return CLI_USAGE;
}

static enum cli_exit print_all(void)
{
    struct buf help;
    buf_init(&help, OUTPUT_MAX);
    cli_print_help(commands, COMMAND_COUNT, &help);
    output_print(&help);
    buf_free(&help);
    return CLI_DONE;
}

/* What is made from the tables for other programs: `attune help --man > attune.1`. */
static const struct {
    const char *option;
    void (*print)(const struct cli_command *commands, size_t count, struct buf *out);
} prints[] = {{"--man", cli_print_manual}, {"--bash", cli_print_bash_completion}, {"--zsh", cli_print_zsh_completion}};

static bool print_made(const char *option)
{
    for (size_t i = 0; i < sizeof prints / sizeof prints[0]; i++) {
        if (strcmp(option, prints[i].option) != 0)
            continue;
        struct buf text;
        buf_init(&text, OUTPUT_MAX);
        prints[i].print(commands, COMMAND_COUNT, &text);
        output_print(&text);
        buf_free(&text);
        return true;
    }
    return false;
}

static enum cli_exit print_one(const struct cli_command *command)
{
    struct buf help;
    buf_init(&help, OUTPUT_MAX);
    cli_print_command_help(command, &help);
    output_print(&help);
    buf_free(&help);
    return CLI_DONE;
}

static enum cli_exit refuse_words(int count, char **words)
{
    struct buf problem;
    buf_init(&problem, OUTPUT_MAX);
    cli_explain_unknown(commands, COMMAND_COUNT, count, words, &problem);
    enum cli_exit status = fail(&problem, "");
    buf_free(&problem);
    return status;
}

static enum cli_exit print_help(int count, char **words)
{
    int used;
    if (count == 0 || (count == 1 && cli_is_group(commands, COMMAND_COUNT, words[0])))
        return print_all();
    if (print_made(words[0]))
        return CLI_DONE;
    const struct cli_command *command = cli_find_command(commands, COMMAND_COUNT, count, words, &used);
    return command ? print_one(command) : refuse_words(count, words);
}

static enum cli_exit run(const struct cli_command *command, int count, char **words)
{
    struct cli_arguments arguments;
    struct buf problem;
    enum cli_exit status;
    char help[40];
    buf_init(&problem, OUTPUT_MAX);
    snprintf(help, sizeof help, "%s ", command->name);
    if (!cli_parse_arguments(command, count, words, &arguments, &problem))
        status = fail(&problem, help);
    else if (arguments.help)
        status = print_one(command);
    else
        status = command->run(&arguments);
    cli_arguments_free(&arguments);
    buf_free(&problem);
    return status;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static enum cli_exit dispatch(int count, char **words)
{
    int used;
    if (count == 0) {
        print_all();
        return CLI_USAGE;
    }
    if (asks_for_help(words[0]) ||
        (count == 2 && asks_for_help(words[1]) && cli_is_group(commands, COMMAND_COUNT, words[0])))
        return print_all();
    if (strcmp(words[0], "help") == 0)
        return print_help(count - 1, words + 1);
    if (strcmp(words[0], "--version") == 0 || strcmp(words[0], "version") == 0) {
        puts("attune " ATTUNE_VERSION);
        return CLI_DONE;
    }
    const struct cli_command *command = cli_find_command(commands, COMMAND_COUNT, count, words, &used);
    return command ? run(command, count - used, words + used) : refuse_words(count, words);
}

int main(int argc, char **argv)
{
    enum cli_exit status = dispatch(argc - 1, argv + 1);
    if (!output_finish() && status == CLI_DONE)
        status = CLI_USAGE;
    return (int)status;
}
