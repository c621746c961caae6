/* One line an event, from a fixed buffer: logging never allocates and cannot carry text of a message. Every role. */
#include <attune/log.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, VALUE_MAX_BYTES = 96 };

static char role_label[64] = "attune";
static enum log_level highest = LOG_LEVEL_INFO;

void log_set_role(const char *role)
{
    snprintf(role_label, sizeof role_label, "%s", role);
}

void log_set_level(enum log_level level)
{
    highest = level;
}

struct line {
    char bytes[LINE_MAX_BYTES];
    size_t length;
};

static void put(struct line *line, char byte)
{
    if (line->length < LINE_MAX_BYTES - 1)
        line->bytes[line->length++] = byte;
}

static void put_text(struct line *line, const char *text)
{
    while (*text)
        put(line, *text++);
}

static bool is_plain(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte && strchr("._/@:+-", byte));
}

static void put_name(struct line *line, const char *name)
{
    if (!name || !*name) {
        put(line, '-');
        return;
    }
    for (size_t i = 0; name[i] && i < VALUE_MAX_BYTES; i++)
        put(line, is_plain(name[i]) ? name[i] : '?');
}

static void put_field(struct line *line, const struct log_field *field)
{
    put(line, ' ');
    put_text(line, field->key);
    put(line, '=');
    if (field->kind == LOG_KIND_NAME) {
        put_name(line, field->name);
    } else if (field->kind == LOG_KIND_NUMBER) {
        char digits[24];
        snprintf(digits, sizeof digits, "%lld", (long long)field->number);
        put_text(line, digits);
    } else {
        for (uint32_t i = 0; i < field->length && i < 16; i++) {
            char digits[3];
            snprintf(digits, sizeof digits, "%02x", field->bytes[i]);
            put_text(line, digits);
        }
    }
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    /* sd-daemon(3): 3 error, 4 warning, 6 info, 7 debug */
    static const char priority[] = {'3', '4', '6', '7'};
    static const char *const word[] = {"error", "warn", "info", "debug"};
    if (level > highest)
        return;
    struct line line = {.length = 0};
    if (getenv("JOURNAL_STREAM")) {
        put(&line, '<');
        put(&line, priority[level]);
        put(&line, '>');
    }
    put_text(&line, role_label);
    put_text(&line, " level=");
    put_text(&line, word[level]);
    put_text(&line, " event=");
    put_text(&line, event);
    for (; fields->kind != LOG_KIND_END; fields++)
        put_field(&line, fields);
    line.bytes[line.length++] = '\n';
    /* One write: lines of several processes do not mix. A log that cannot be written is no reason to stop. */
    ssize_t written = write(2, line.bytes, line.length);
    (void)written;
}
