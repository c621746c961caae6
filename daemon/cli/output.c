/* Printing for people and for programs. The command only; every text it is given may be hostile. */
#include <attune/output.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool progress_shown;

/* Characters that act on a terminal or reorder what is read: C0, DEL, C1 (ECMA-48), bidirectional controls (UAX 9). */
static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7F && character < 0xA0) || character == 0x200E || character == 0x200F ||
           character == 0x061C || (character >= 0x2028 && character <= 0x202E) ||
           (character >= 0x2066 && character <= 0x2069);
}

static enum err add_character(struct buf *out, uint32_t character)
{
    char bytes[4];
    return buf_add(out, bytes, utf8_encode(character, bytes));
}

static uint32_t harmless(uint32_t character)
{
    if (character == '\t' || character == '\n')
        return ' ';
    return is_control(character) ? '?' : character;
}

enum err output_add_safe(struct buf *out, struct str text)
{
    size_t length;
    for (size_t at = 0; at < text.length; at += length)
        if (add_character(out, harmless(utf8_decode(text, at, &length))) != ERR_OK)
            return ERR_LIMIT;
    return ERR_OK;
}

static size_t count_characters(struct str text)
{
    size_t count = 0, length;
    for (size_t at = 0; at < text.length; at += length, count++)
        utf8_decode(text, at, &length);
    return count;
}

enum err output_add_column(struct buf *out, struct str text, size_t width)
{
    size_t count = count_characters(text), at = 0, length;
    if (count > width && width > 3) {
        buf_add_text(out, "...");
        for (; count > width - 3; count--, at += length)
            utf8_decode(text, at, &length);
        return output_add_safe(out, str_slice(text, at, text.length));
    }
    output_add_safe(out, text);
    return buf_addf(out, "%*s", (int)(width > count ? width - count : 0), "");
}

json_t *output_json_text(struct str text)
{
    if (utf8_is_valid(text))
        return json_stringn_nocheck(text.data ? text.data : "", text.length);
    struct buf clean;
    buf_init(&clean, 3 * text.length + 4); /* U+FFFD takes 3 bytes for one */
    size_t length;
    for (size_t at = 0; at < text.length; at += length)
        (void)add_character(&clean, utf8_decode(text, at, &length));
    json_t *value = buf_failed(&clean) ? NULL : json_stringn_nocheck(buf_text(&clean), clean.length);
    buf_free(&clean);
    return value;
}

json_t *output_json_finding(const struct diag_item *item)
{
    return json_pack("{s:s, s:s, s:o, s:i, s:i, s:o, s:o}", "level", item->level == DIAG_ERROR ? "error" : "warning",
                     "code", item->code, "file", output_json_text(str_of(item->file)), "line", (int)item->line,
                     "column", (int)item->column, "subject", output_json_text(str_of(item->subject)), "message",
                     output_json_text(str_of(item->message)));
}

static bool is_plain(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] >= 0x7F)
            return false;
    return true;
}

/* jansson escapes C0. The others stand only inside strings, where an escape means the same. */
static int add_escaped(const char *bytes, size_t length, void *context)
{
    struct buf *out = context;
    if (is_plain(bytes, length))
        return buf_add(out, bytes, length) == ERR_OK ? 0 : -1;
    struct str text = {bytes, length};
    size_t step;
    for (size_t at = 0; at < length; at += step) {
        uint32_t character = utf8_decode(text, at, &step);
        if (is_control(character) && character >= 0x7F)
            (void)buf_addf(out, "\\u%04x", (unsigned)character);
        else
            (void)buf_add(out, bytes + at, step);
    }
    return buf_failed(out) ? -1 : 0;
}

enum err output_add_json(struct buf *out, const json_t *value)
{
    if (!value || json_dump_callback(value, add_escaped, out, JSON_COMPACT) != 0)
        return ERR_SYSTEM;
    return buf_add_char(out, '\n');
}

void output_print(const struct buf *text)
{
    fwrite(buf_text(text), 1, text->length, stdout);
}

void output_print_json(const json_t *value)
{
    struct buf line;
    buf_init(&line, OUTPUT_MAX);
    if (output_add_json(&line, value) == ERR_OK)
        output_print(&line);
    else
        output_problem("the answer is too long to print.");
    buf_free(&line);
}

bool output_finish(void)
{
    output_progress_end();
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    output_problem("standard output could not be written.");
    return false;
}

static void print_safe_line(const char *prefix, struct str line)
{
    struct buf safe;
    buf_init(&safe, OUTPUT_MAX);
    output_add_safe(&safe, line);
    fprintf(stderr, "%s%s\n", prefix, buf_text(&safe));
    buf_free(&safe);
}

void output_problem(const char *format, ...)
{
    char *line = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&line, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    output_progress_end();
    fflush(stdout);
    print_safe_line("attune: ", (struct str){line, (size_t)length});
    free(line);
}

void output_findings(const struct diag *diag)
{
    struct buf text;
    buf_init(&text, OUTPUT_MAX);
    diag_print(diag, &text);
    struct str rest = buf_str(&text), line;
    while (str_next_line(&rest, &line))
        print_safe_line("", line);
    buf_free(&text);
}

void output_progress(const char *format, ...)
{
    if (!isatty(STDERR_FILENO))
        return;
    va_list arguments;
    va_start(arguments, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, arguments);
    fflush(stderr);
    va_end(arguments);
    progress_shown = true;
}

void output_progress_end(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}

static bool takes_colour(void)
{
    const char *no_color = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

const char *output_mark_on(void)
{
    return takes_colour() ? "\033[1;31m" : "";
}

const char *output_mark_off(void)
{
    return takes_colour() ? "\033[0m" : "";
}
