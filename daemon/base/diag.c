/* Findings about the operator's files, collected and printed in the form editors jump by. keep, screen, the command. */
#include <attune/diag.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void diag_init(struct diag *diag)
{
    *diag = (struct diag){0};
}

void diag_free(struct diag *diag)
{
    free(diag->items);
    diag_init(diag);
}

/* Copies the end of a path, which says more than its beginning. */
static void copy_tail(char *out, size_t size, const char *path)
{
    size_t length = strlen(path);
    snprintf(out, size, "%s", length < size ? path : path + (length - size + 1));
}

void diag_add(struct diag *diag, enum diag_level level, const char *code, const char *file, unsigned line,
              unsigned column, const char *subject, const char *format, ...)
{
    if (level == DIAG_ERROR)
        diag->errors++;
    if (!diag->items)
        diag->items = calloc(DIAG_MAX_ITEMS, sizeof *diag->items);
    if (!diag->items || diag->count == DIAG_MAX_ITEMS) {
        diag->dropped++;
        return;
    }
    struct diag_item *item = &diag->items[diag->count++];
    item->level = level;
    item->line = line;
    item->column = column;
    snprintf(item->code, sizeof item->code, "%s", code ? code : "");
    copy_tail(item->file, sizeof item->file, file ? file : "");
    snprintf(item->subject, sizeof item->subject, "%s", subject ? subject : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(item->message, sizeof item->message, format, arguments);
    va_end(arguments);
}

static void print_item(const struct diag_item *item, struct buf *out)
{
    buf_add_text(out, item->file);
    if (item->line)
        buf_addf(out, ":%u", item->line);
    if (item->line && item->column)
        buf_addf(out, ":%u", item->column);
    buf_addf(out, ": %s: ", item->level == DIAG_ERROR ? "error" : "warning");
    if (item->subject[0])
        buf_addf(out, "%s: ", item->subject);
    buf_add_text(out, item->message);
    if (item->code[0])
        buf_addf(out, " [%s]", item->code);
    buf_add_char(out, '\n');
}

void diag_print(const struct diag *diag, struct buf *out)
{
    for (size_t i = 0; i < diag->count; i++)
        print_item(&diag->items[i], out);
    if (diag->dropped)
        buf_addf(out, "and %zu more\n", diag->dropped);
}
