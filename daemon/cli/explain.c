/* `attune explain`: one message, its verdict and the words that led to it. The command only; the message is read and
 * matched in a sandboxed child, decided here. A page is written for its owner alone: it holds the message. */
#include <attune/explain.h>
#include <attune/mailsource.h>
#include <attune/output.h>
#include <attune/readchild.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct explaining {
    const struct cli_arguments *arguments;
    struct clirules rules;
    struct arena *arena;
    struct buf page;
    bool failed; /* a path could not be read */
};

static void note_problem(void *context, const char *path, const char *why)
{
    ((struct explaining *)context)->failed = true;
    output_problem("%s: %s.", path, why);
}

static void tell(struct explaining *work, const struct explain *explain)
{
    if (work->arguments->html)
        explain_add_article(&work->page, explain);
    if (work->arguments->json) {
        json_t *object = explain_object(explain);
        output_print_json(object);
        json_decref(object);
    } else if (!work->arguments->html) {
        struct buf text;
        buf_init(&text, OUTPUT_MAX);
        explain_add_text(&text, explain);
        output_print(&text);
        buf_free(&text);
    }
}

static enum err explain_one(struct explaining *work, const struct mailsource_item *item)
{
    json_t *seen;
    struct explain explain;
    enum err error = readchild_screen(work->rules.ruleset, item->raw, &seen);
    if (error != ERR_OK)
        return error;
    arena_reset(work->arena);
    error = explain_build(item->name, item->cut, seen, &work->rules, work->arena, &explain);
    if (error == ERR_OK)
        tell(work, &explain);
    json_decref(seen);
    return error;
}

static bool write_all(int fd, const struct buf *page)
{
    for (size_t sent = 0; sent < page->length;) {
        ssize_t now = write(fd, page->data + sent, page->length - sent);
        if (now < 0 && errno != EINTR)
            return false;
        sent += now > 0 ? (size_t)now : 0;
    }
    return true;
}

/* Readable by its owner alone, also where a file of that name stood. */
static bool write_page(const char *path, const struct buf *page)
{
    if (strcmp(path, "-") == 0) {
        output_print(page);
        return true;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return false;
    bool written = fchmod(fd, 0600) == 0 && write_all(fd, page);
    int error = errno;
    written = close(fd) == 0 && written;
    errno = error;
    return written;
}

static enum cli_exit finish_page(struct explaining *work)
{
    if (!work->arguments->html)
        return CLI_DONE;
    explain_add_page_foot(&work->page);
    if (buf_failed(&work->page)) {
        output_problem("the page would be larger than %d MiB: explain fewer messages at a time.",
                       OUTPUT_MAX / 1024 / 1024);
        return CLI_USAGE;
    }
    if (write_page(work->arguments->html, &work->page))
        return CLI_DONE;
    output_problem("%s cannot be written: %s.", work->arguments->html, strerror(errno));
    return CLI_USAGE;
}

static enum cli_exit run(struct explaining *work)
{
    struct mailsource_item item;
    size_t count = 0;
    enum err error = reading_prepare();
    struct mailsource *source =
        mailsource_new(work->arguments->operands, work->arguments->operand_count, note_problem, work);
    buf_init(&work->page, OUTPUT_MAX);
    explain_add_page_head(&work->page);
    for (; error == ERR_OK && source && (error = mailsource_next(source, &item)) == ERR_OK; count++)
        error = explain_one(work, &item);
    mailsource_free(&source);
    if (error != ERR_ABSENT) {
        output_problem("mail cannot be read in a sandbox here (%s): nothing is read outside one.", strerror(errno));
        return CLI_USAGE;
    }
    enum cli_exit status = count ? finish_page(work) : CLI_USAGE;
    if (count == 0 && !work->failed)
        output_problem("%s holds no mail.", work->arguments->operands[0]);
    return work->failed ? CLI_USAGE : status;
}

enum cli_exit cli_explain(const struct cli_arguments *arguments)
{
    struct explaining work = {.arguments = arguments};
    struct diag diag;
    char *directory;
    enum cli_exit status = clirules_find(arguments, NULL, &directory);
    if (status != CLI_DONE)
        return status;
    if (arguments->json && arguments->html && strcmp(arguments->html, "-") == 0) {
        output_problem("--json and --html - cannot both be written to standard output.");
        free(directory);
        return CLI_USAGE;
    }
    diag_init(&diag);
    enum err error = clirules_load(directory, &work.rules, &diag);
    output_findings(&diag);
    diag_free(&diag);
    work.arena = arena_new(EXPLAIN_ARENA);
    status = error == ERR_OK && work.arena ? run(&work) : CLI_USAGE;
    buf_free(&work.page);
    arena_free(&work.arena);
    clirules_free(&work.rules);
    return status;
}
