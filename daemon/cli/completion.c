/* Completions for bash and zsh, from the tables that also parse: what is offered is what is taken. The command only. */
#include <attune/cli.h>
#include <string.h>

/* What stands behind an option or as an operand, by the name that help gives it. */
enum kind { KIND_OTHER, KIND_FILE, KIND_FOLDER };

static enum kind kind_of(const char *value)
{
    if (strstr(value, "DIR"))
        return KIND_FOLDER;
    return strstr(value, "FILE") || strstr(value, "PATH") ? KIND_FILE : KIND_OTHER;
}

static const char *second_word(const struct cli_command *command)
{
    const char *space = strchr(command->name, ' ');
    return space ? space + 1 : NULL;
}

static size_t first_length(const struct cli_command *command)
{
    return strcspn(command->name, " ");
}

/* Whether commands[index] is the first with its first word. */
static bool opens_group(const struct cli_command *commands, size_t index)
{
    size_t length = first_length(&commands[index]);
    for (size_t i = 0; i < index; i++)
        if (first_length(&commands[i]) == length && strncmp(commands[i].name, commands[index].name, length) == 0)
            return false;
    return true;
}

static bool is_in_group(const struct cli_command *command, const struct cli_command *first)
{
    size_t length = first_length(first);
    return first_length(command) == length && strncmp(command->name, first->name, length) == 0;
}

/* --- bash --------------------------------------------------------------------------------------------------------- */

static void add_first_words(struct buf *out, const struct cli_command *commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (opens_group(commands, i))
            buf_addf(out, "%.*s ", (int)first_length(&commands[i]), commands[i].name);
    buf_add_text(out, "help version");
}

static void add_bash_groups(struct buf *out, const struct cli_command *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!second_word(&commands[i]) || !opens_group(commands, i))
            continue;
        buf_addf(out, "    %.*s)\n        [ \"$COMP_CWORD\" -eq 2 ] && choices='", (int)first_length(&commands[i]),
                 commands[i].name);
        for (size_t j = i; j < count; j++)
            if (is_in_group(&commands[j], &commands[i]))
                buf_addf(out, "%s%s", j == i ? "" : " ", second_word(&commands[j]));
        buf_add_text(out, "'\n        ;;\n");
    }
}

static void add_bash_options(struct buf *out, const struct cli_command *command)
{
    const char *name, *value, *help;
    buf_addf(out, second_word(command) ? "    '%s') options='--help" : "    '%s '*) options='--help", command->name);
    for (size_t i = 0; cli_option_row(i, command->options, &name, &value, &help); i++)
        if (name)
            buf_addf(out, " --%s", name);
    buf_add_text(out, "' ;;\n");
}

/* The options whose value is of this kind, as the pattern of a case: "--config|--socket". False when there is none. */
static bool add_bash_values(struct buf *out, enum kind kind)
{
    const char *name, *value, *help;
    bool any = false;
    for (size_t i = 0; cli_option_row(i, ~0U, &name, &value, &help); i++)
        if (value && kind_of(value) == kind) {
            buf_addf(out, "%s--%s", any ? " | " : "    ", name);
            any = true;
        }
    return any;
}

void cli_print_bash_completion(const struct cli_command *commands, size_t count, struct buf *out)
{
    buf_add_text(out,
                 "# bash completion for attune, written by `attune help --bash`\n_attune()\n{\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options='' choices=''\n"
                 "    COMPREPLY=()\n    case $before in\n");
    if (add_bash_values(out, KIND_FILE))
        buf_add_text(out, ")\n        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n        return\n        ;;\n");
    if (add_bash_values(out, KIND_FOLDER))
        buf_add_text(out, ")\n        mapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n        return\n        ;;\n");
    if (add_bash_values(out, KIND_OTHER))
        buf_add_text(out, ")\n        return\n        ;;\n");
    buf_add_text(out, "    esac\n    [ \"$COMP_CWORD\" -eq 1 ] && choices='");
    add_first_words(out, commands, count);
    buf_add_text(out, "'\n    case ${COMP_WORDS[1]} in\n");
    add_bash_groups(out, commands, count);
    buf_add_text(out, "    esac\n    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
    for (size_t i = 0; i < count; i++)
        add_bash_options(out, &commands[i]);
    buf_add_text(out, "    esac\n    if [ -n \"$choices\" ]; then\n"
                      "        mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$word\")\n"
                      "    elif [[ $word == -* ]]; then\n"
                      "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
                      "    else\n        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n    fi\n}\n"
                      "complete -o filenames -F _attune attune\n");
}

/* --- zsh ---------------------------------------------------------------------------------------------------------- */

/* Text inside single quotes, where the brackets and colons of _arguments are words of their own. */
static void add_zsh_text(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            buf_add_text(out, "'\\'");
        else if (*text == '[' || *text == ']' || *text == ':' || *text == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

static const char *zsh_action(const char *value)
{
    static const char *const actions[] = {[KIND_OTHER] = " ", [KIND_FILE] = "_files", [KIND_FOLDER] = "_files -/"};
    return actions[kind_of(value)];
}

static void add_zsh_arguments(struct buf *out, const struct cli_command *command)
{
    const char *name, *value, *help;
    buf_add_text(out, "_arguments '--help[print help]'");
    for (size_t i = 0; cli_option_row(i, command->options, &name, &value, &help); i++) {
        if (!name)
            continue;
        buf_addf(out, " '--%s%s[", name, value ? "=" : "");
        add_zsh_text(out, help);
        buf_add_char(out, ']');
        if (value)
            buf_addf(out, ":%s:%s", value, zsh_action(value));
        buf_add_char(out, '\'');
    }
    if (*command->operands) {
        buf_add_text(out, " '*:");
        add_zsh_text(out, command->operands);
        buf_addf(out, ":%s'", zsh_action(command->operands));
    }
    buf_add_text(out, " ;;\n");
}

static void add_zsh_choice(struct buf *out, const char *word, size_t length, const char *summary)
{
    buf_addf(out, " '%.*s:", (int)length, word);
    add_zsh_text(out, summary);
    buf_add_char(out, '\'');
}

static void add_zsh_group(struct buf *out, const struct cli_command *commands, size_t count, size_t index)
{
    const struct cli_command *first = &commands[index];
    buf_addf(out, "%.*s)\n        if (( CURRENT == 3 )); then\n            words_of_attune=(", (int)first_length(first),
             first->name);
    for (size_t i = index; i < count; i++)
        if (is_in_group(&commands[i], first))
            add_zsh_choice(out, second_word(&commands[i]), strlen(second_word(&commands[i])), commands[i].summary);
    buf_add_text(out, " )\n            _describe 'command' words_of_attune\n            return\n        fi\n"
                      "        case $words[3] in\n");
    for (size_t i = index; i < count; i++)
        if (is_in_group(&commands[i], first)) {
            buf_addf(out, "        %s) shift 2 words; (( CURRENT -= 2 )); ", second_word(&commands[i]));
            add_zsh_arguments(out, &commands[i]);
        }
    buf_add_text(out, "        esac ;;\n");
}

void cli_print_zsh_completion(const struct cli_command *commands, size_t count, struct buf *out)
{
    buf_add_text(out, "#compdef attune\n# zsh completion for attune, written by `attune help --zsh`\n"
                      "local -a words_of_attune\nif (( CURRENT == 2 )); then\n    words_of_attune=(");
    for (size_t i = 0; i < count; i++)
        if (opens_group(commands, i))
            add_zsh_choice(out, commands[i].name, first_length(&commands[i]),
                           second_word(&commands[i]) ? "one of several commands" : commands[i].summary);
    buf_add_text(out, " 'help:tell how a command is used' 'version:print the version' )\n"
                      "    _describe 'command' words_of_attune\n    return\nfi\ncase $words[2] in\n");
    for (size_t i = 0; i < count; i++) {
        if (second_word(&commands[i])) {
            if (opens_group(commands, i))
                add_zsh_group(out, commands, count, i);
            continue;
        }
        buf_addf(out, "%s) shift words; (( CURRENT -= 1 )); ", commands[i].name);
        add_zsh_arguments(out, &commands[i]);
    }
    buf_add_text(out, "esac\n");
}
