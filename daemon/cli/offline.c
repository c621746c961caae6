/* Reading the journal of a daemon that does not run. The command only. */
#include <attune/conf.h>
#include <attune/controlclient.h>
#include <attune/journal_json.h>
#include <attune/offline.h>
#include <stdlib.h>
#include <string.h>

static struct journal *open_journal(const struct cli_arguments *arguments)
{
    struct conf *conf = NULL;
    struct journal *journal = NULL;
    struct diag diag;
    diag_init(&diag);
    if (conf_load(arguments->config ? arguments->config : CONTROL_DEFAULT_CONFIG, &conf, &diag) == ERR_OK &&
        journal_open_reader(conf->state_dir, &journal) != ERR_OK)
        journal = NULL;
    diag_free(&diag);
    conf_free(&conf);
    return journal;
}

static int queue_number(const char *name)
{
    if (!name)
        return -1;
    return strcmp(name, queue_name(QUEUE_CLINICAL)) == 0 ? QUEUE_CLINICAL : QUEUE_AGENT;
}

static char *answer_text(struct journal *journal, const json_t *request)
{
    const char *command = json_string_value(json_object_get(request, "command"));
    if (strcmp(command, "status") == 0)
        return status_offline_json(journal);
    const char *queue = json_string_value(json_object_get(request, "queue"));
    return queue_json(journal, queue_number(queue), json_is_true(json_object_get(request, "all")));
}

bool offline_answer(const struct cli_arguments *arguments, const json_t *request, json_t **answer)
{
    const char *command = json_string_value(json_object_get(request, "command"));
    if (arguments->socket || !command || (strcmp(command, "status") != 0 && strcmp(command, "queue") != 0))
        return false;
    struct journal *journal = open_journal(arguments);
    if (!journal)
        return false;
    char *text = answer_text(journal, request);
    *answer = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    free(text);
    journal_close(&journal);
    return *answer != NULL;
}
