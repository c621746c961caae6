/* The status codes' names, and the end of a process that found itself impossible. Every role; trusts nothing from outside. */
#include <attune/err.h>
#include <stdio.h>
#include <stdlib.h>

const char *err_name(enum err error)
{
    static const char *const names[] = {"ok", "message", "mailbox", "peer", "input", "limit", "absent", "system"};
    size_t index = (size_t)error;
    return index < sizeof names / sizeof *names ? names[index] : "unknown";
}

void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "<2>attune: bug at=%s:%d what=\"%s\"\n", file, line, what);
    abort();
}
