/* One open file of mail, read in pieces: a message, or an mbox cut into its messages. The command only; the bytes are
 * hostile. Memory is one buffer and the message in hand, however long the file. */
#include <attune/mailsource.h>
#include <attune/reading.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What must be in the buffer to judge a separator: its line and the start of the next, each as long as RFC 5322 allows.
 */
enum { LOOK_AHEAD = 2048 };

enum form { FORM_UNKNOWN, FORM_MESSAGE, FORM_MBOX };

struct mailfile {
    int fd;
    enum form form;
    bool at_end;
    bool given; /* FORM_MESSAGE: its one message was given */
    int error;
    size_t from;
    size_t to;
    char bytes[MAILFILE_BUFFER];
};

struct mailfile *mailfile_open(int fd)
{
    struct mailfile *file = malloc(sizeof *file);
    if (!file) {
        close(fd);
        return NULL;
    }
    memset(file, 0, offsetof(struct mailfile, bytes));
    file->fd = fd;
    return file;
}

void mailfile_free(struct mailfile **file)
{
    if (!*file)
        return;
    close((*file)->fd);
    free(*file);
    *file = NULL;
}

/* Reads until `wanted` bytes are in the buffer or the file ends. */
static void fill(struct mailfile *file, size_t wanted)
{
    if (file->to - file->from >= wanted || file->at_end)
        return;
    memmove(file->bytes, file->bytes + file->from, file->to - file->from);
    file->to -= file->from;
    file->from = 0;
    while (file->to < wanted && !file->at_end) {
        ssize_t got = read(file->fd, file->bytes + file->to, sizeof file->bytes - file->to);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            file->error = errno;
        if (got <= 0)
            file->at_end = true;
        else
            file->to += (size_t)got;
    }
}

static struct str buffered(const struct mailfile *file)
{
    return (struct str){file->bytes + file->from, file->to - file->from};
}

/* "Name:" at the start, of the characters RFC 5322, 2.2 allows and mail uses. */
static bool starts_with_field(struct str text)
{
    size_t at = 0;
    while (at < text.length && at < 78 &&
           (text.data[at] == '-' || text.data[at] == '_' || (text.data[at] >= '0' && text.data[at] <= '9') ||
            (text.data[at] >= 'A' && text.data[at] <= 'Z') || (text.data[at] >= 'a' && text.data[at] <= 'z')))
        at++;
    return at > 0 && at < text.length && text.data[at] == ':';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* A time of day and, behind it, a year: what every dialect's separator carries (asctime, with or without zone). */
static bool has_date(struct str line)
{
    for (size_t at = 5; at + 5 <= line.length; at++) {
        const char *d = line.data + at;
        if (!is_digit(d[0]) || !is_digit(d[1]) || d[2] != ':' || !is_digit(d[3]) || !is_digit(d[4]))
            continue;
        struct str rest = str_slice(line, at + 5, line.length);
        return str_find(rest, STR(" 19"), 0) != SIZE_MAX || str_find(rest, STR(" 20"), 0) != SIZE_MAX;
    }
    return false;
}

/*
 * Whether a separator line begins here. Bodies have lines that begin with "From " too, and not every writer quotes
 * them: the line must carry a date, or follow an empty line and be followed by a header field. Both sides of a wrong
 * cut are still read.
 */
static bool is_separator(struct str text, bool after_empty)
{
    struct str line;
    if (text.length < 5 || memcmp(text.data, "From ", 5) != 0)
        return false;
    str_next_line(&text, &line);
    return has_date(str_slice(line, 0, LOOK_AHEAD / 2)) || (after_empty && starts_with_field(text));
}

static void learn_form(struct mailfile *file)
{
    if (file->form != FORM_UNKNOWN)
        return;
    fill(file, LOOK_AHEAD);
    file->form = is_separator(buffered(file), true) ? FORM_MBOX : FORM_MESSAGE;
}

bool mailfile_is_mbox(struct mailfile *file)
{
    learn_form(file);
    return file->form == FORM_MBOX;
}

bool mailfile_looks_like_mail(struct mailfile *file)
{
    return mailfile_is_mbox(file) || starts_with_field(buffered(file));
}

bool mailfile_is_empty(struct mailfile *file)
{
    learn_form(file);
    return file->from == file->to && file->at_end && file->error == 0 && !file->given;
}

/* Takes `length` bytes from the buffer to the message, as far as the message may grow. */
static void take(struct mailfile *file, size_t length, struct buf *out, bool *cut)
{
    size_t room = READING_MAX_MESSAGE - out->length;
    size_t kept = length < room ? length : room;
    if (kept < length)
        *cut = true;
    (void)buf_add(out, file->bytes + file->from, kept);
    file->from += length;
}

static void take_whole_file(struct mailfile *file, struct buf *out, bool *cut)
{
    do {
        take(file, file->to - file->from, out, cut);
        fill(file, sizeof file->bytes);
    } while (file->to > file->from && !*cut);
}

/* Bytes up to and including the next LF, or all that is buffered when there is none. */
static size_t line_length(const struct mailfile *file)
{
    const char *start = file->bytes + file->from;
    const char *end = memchr(start, '\n', file->to - file->from);
    return end ? (size_t)(end - start) + 1 : file->to - file->from;
}

/* mboxrd: a line of '>' and "From " was written with one '>' more. */
static bool is_quoted_from(struct str text)
{
    size_t marks = 0;
    while (marks < text.length && text.data[marks] == '>')
        marks++;
    return marks > 0 && text.length - marks >= 5 && memcmp(text.data + marks, "From ", 5) == 0;
}

static void drop_last_empty_line(struct buf *out)
{
    struct str text = buf_str(out);
    if (str_ends_nocase(text, STR("\n\r\n")))
        out->length -= 2;
    else if (str_ends_nocase(text, STR("\n\n")))
        out->length -= 1;
}

static void take_from_mbox(struct mailfile *file, struct buf *out, bool *cut)
{
    file->from += line_length(file); /* the separator */
    bool line_start = true, after_empty = false;
    for (;;) {
        fill(file, LOOK_AHEAD);
        if (file->from == file->to)
            return;
        struct str text = buffered(file);
        if (line_start && is_separator(text, after_empty)) {
            drop_last_empty_line(out);
            return;
        }
        if (line_start && is_quoted_from(text)) {
            file->from++;
            text = buffered(file);
        }
        size_t length = line_length(file);
        after_empty = line_start && (text.data[0] == '\n' || (length == 2 && text.data[0] == '\r'));
        line_start = text.data[length - 1] == '\n';
        take(file, length, out, cut);
    }
}

enum err mailfile_next(struct mailfile *file, struct buf *out, bool *cut)
{
    learn_form(file);
    buf_reset(out);
    *cut = false;
    if (file->form == FORM_MBOX ? file->from == file->to && file->at_end : file->given)
        return file->error ? (errno = file->error, ERR_SYSTEM) : ERR_ABSENT;
    if (file->form == FORM_MBOX)
        take_from_mbox(file, out, cut);
    else
        take_whole_file(file, out, cut);
    file->given = true;
    if (file->error || buf_failed(out)) {
        errno = file->error ? file->error : ENOMEM;
        file->form = FORM_MESSAGE; /* given: the next call ends */
        file->error = 0;
        return ERR_SYSTEM;
    }
    return ERR_OK;
}
