/*
 * The operator's command: arguments as tables, one row giving parsing, checking and help, and the sub-commands. Runs as
 * the operator; what it reads (mail, rule files, the daemon's answers) is never printed to a terminal unescaped.
 */
#ifndef ATTUNE_CLI_H
#define ATTUNE_CLI_H

#include <attune/buf.h>
#include <stdbool.h>
#include <stddef.h>

/* Exit statuses: a contract that scripts rely on. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,    /* a check or test failed, or the named thing is not there */
    CLI_USAGE = 2,     /* wrong use, or a file that is wrong or cannot be read */
    CLI_NO_DAEMON = 3, /* a daemon is needed and none answers */
};

/* Options by bit; each sub-command names those it takes. The rows stand in arguments.c. */
enum cli_option {
    CLI_OPTION_JSON = 1 << 0,
    CLI_OPTION_RULES = 1 << 1,
    CLI_OPTION_CONFIG = 1 << 2,
    CLI_OPTION_JOBS = 1 << 3,
    CLI_OPTION_TIMING = 1 << 4,
    CLI_OPTION_RULE = 1 << 5,
    CLI_OPTION_AS = 1 << 6,
    CLI_OPTION_QUEUE = 1 << 7,
    CLI_OPTION_SOCKET = 1 << 8,
    CLI_OPTION_HELP = 1 << 9,
    CLI_OPTION_HTML = 1 << 10,
    CLI_OPTION_ALL = 1 << 11,
    CLI_OPTION_PREVIEW = 1 << 12,
    CLI_OPTION_PERSON = 1 << 13,
};

enum { CLI_MAX_JOBS = 64 /* as many as SCREEN_MAX_CHILDREN */ };

struct cli_arguments {
    bool json;
    bool timing;
    bool help;
    bool preview;
    bool all;
    unsigned jobs; /* 0: one per core */
    const char *rules;
    const char *config;
    const char *rule;
    const char *as;
    const char *queue;
    const char *person;
    const char *socket;
    const char *html;
    const char **operands; /* OWNED array of BORROWED strings */
    size_t operand_count;
};

struct cli_command {
    const char *name;     /* "triage", or two words: "rules check" */
    const char *operands; /* as help shows them: "PATH..." */
    const char *summary;  /* one line */
    const char *details;  /* paragraphs for --help, or NULL */
    unsigned options;     /* enum cli_option bits; help is always taken */
    size_t min_operands;
    size_t max_operands;
    enum cli_exit (*run)(const struct cli_arguments *arguments);
};

/*
 * Reads the words behind the command's name. Options may stand anywhere; `--` ends them; `-` is an operand. False when
 * something is wrong: a sentence, with the nearest name where there is one, is in `problem`. Free with
 * cli_arguments_free() in either case.
 */
bool cli_parse_arguments(const struct cli_command *command, int count, char **words, struct cli_arguments *out,
                         struct buf *problem);
void cli_arguments_free(struct cli_arguments *arguments);

/* Help of one sub-command, and of the table of all. */
void cli_print_command_help(const struct cli_command *command, struct buf *out);
void cli_print_help(const struct cli_command *commands, size_t count, struct buf *out);

/* The manual page (man(7)) of all, from the same tables. */
void cli_print_manual(const struct cli_command *commands, size_t count, struct buf *out);
/* Completions for the shells, from the same tables. */
void cli_print_bash_completion(const struct cli_command *commands, size_t count, struct buf *out);
void cli_print_zsh_completion(const struct cli_command *commands, size_t count, struct buf *out);

/* The command that the first one or two of `words` name, and how many words that took; NULL when none does. */
const struct cli_command *cli_find_command(const struct cli_command *commands, size_t count, int word_count,
                                           char **words, int *used);
/* Whether `word` is the first of two: "rules". */
bool cli_is_group(const struct cli_command *commands, size_t count, const char *word);
/* The sentence for words that name no command, with the nearest name where there is one. */
void cli_explain_unknown(const struct cli_command *commands, size_t count, int word_count, char **words,
                         struct buf *problem);

/* A row of the option table: *name is NULL when `options` has not its bit, *value when it is a flag. False past the
 * last row. */
bool cli_option_row(size_t index, unsigned options, const char **name, const char **value, const char **help);

/* The sub-commands, one file each. */
enum cli_exit cli_triage(const struct cli_arguments *arguments);
enum cli_exit cli_text(const struct cli_arguments *arguments);
enum cli_exit cli_explain(const struct cli_arguments *arguments);
enum cli_exit cli_rules_check(const struct cli_arguments *arguments);
enum cli_exit cli_rules_test(const struct cli_arguments *arguments);
enum cli_exit cli_status(const struct cli_arguments *arguments);
enum cli_exit cli_queue(const struct cli_arguments *arguments);
enum cli_exit cli_ack(const struct cli_arguments *arguments);
enum cli_exit cli_digest(const struct cli_arguments *arguments);
enum cli_exit cli_show(const struct cli_arguments *arguments);
enum cli_exit cli_close(const struct cli_arguments *arguments);

#endif
