/*
 * How a role is started by keep and how it opens: keep and every role. The starter trusts its own binary; the started
 * process trusts nothing it inherited.
 */
#include <attune/log.h>
#include <attune/role.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

const char *role_name(enum role role)
{
    static const char *const names[ROLE_COUNT] = {
        [ROLE_KEEP] = "keep",   [ROLE_FETCH] = "fetch",   [ROLE_SCREEN] = "screen",
        [ROLE_CHILD] = "child", [ROLE_NOTIFY] = "notify",
    };
    return (unsigned)role < ROLE_COUNT ? names[role] : "unknown";
}

/* --- starting ------------------------------------------------------------------------------------------------------
 */

enum { TITLE_SIZE = 96, EXIT_NOT_STARTED = 127 };

struct start {
    char *arguments[4];
    char *environment[3];
    pid_t parent;
    int socket;
};

/* Standard input and output go to the void, not to a closed number that the next socket would get: a library that
 * prints must never print into a connection. */
static bool arrange_descriptors(int channel)
{
    int socket = fcntl(channel, F_DUPFD, ROLE_FD + 1); /* out of the way of 0 to 3 */
    int null = open("/dev/null", O_RDWR);
    return socket >= 0 && null >= 0 && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(socket, ROLE_FD) >= 0 &&
           close_range(ROLE_FD + 1, ~0U, 0) == 0;
}

/* In the forked child: nothing but system calls until exec. */
_Noreturn static void become_role(const struct start *start)
{
    /* The death signal counts from now on; a parent that died before is seen by its absence. A session of its own: an
     * operator's ^C is for keep, which stops the roles in order. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == start->parent && setsid() >= 0 &&
        arrange_descriptors(start->socket))
        execve("/proc/self/exe", start->arguments, start->environment);
    _exit(EXIT_NOT_STARTED);
}

static pid_t fork_role(enum role role, const char *label, int socket)
{
    static char language[] = "LANG=C.UTF-8";
    static char option[] = "--role";
    char title[TITLE_SIZE]; /* what ps(1) shows first: "attuned:fetch:support" */
    char name[16];
    char journal[64];
    const char *stream = getenv("JOURNAL_STREAM");
    snprintf(title, sizeof title, "attuned:%s", label ? label : role_name(role));
    snprintf(name, sizeof name, "%s", role_name(role));
    struct start start = {.arguments = {title, option, name, NULL},
                          .environment = {language, NULL, NULL},
                          .parent = getpid(),
                          .socket = socket};
    /* log.c asks for it. A device and an inode number: never longer than this. */
    if (stream && snprintf(journal, sizeof journal, "JOURNAL_STREAM=%s", stream) < (int)sizeof journal)
        start.environment[1] = journal;
    pid_t pid = fork();
    if (pid == 0)
        become_role(&start);
    return pid;
}

enum err role_start(enum role role, const char *label, pid_t *pid, struct ipc_channel **channel)
{
    int ours, theirs;
    if (ipc_pair(&ours, &theirs) != ERR_OK)
        return ERR_SYSTEM;
    *channel = ipc_channel_new(ours);
    *pid = *channel ? fork_role(role, label, theirs) : -1;
    close(theirs);
    if (*pid < 0) {
        ipc_channel_free(channel);
        return ERR_SYSTEM;
    }
    return ERR_OK;
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */

void role_reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* refused for SIGKILL, SIGSTOP and glibc's own */
    signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool is_channel(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

struct ipc_channel *role_open(enum role role, const char *label)
{
    const struct rlimit no_core = {0, 0};
    role_reset_signals();
    log_set_role(label ? label : role_name(role));
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        setrlimit(RLIMIT_CORE, &no_core) < 0)
        exit(2);
    struct ipc_channel *channel = is_channel(ROLE_FD) ? ipc_channel_new(ROLE_FD) : NULL;
    if (!channel) {
        fprintf(stderr, "attuned: --role is for attuned itself: it starts its roles with a socket on descriptor %d\n",
                ROLE_FD);
        exit(2);
    }
    return channel;
}

enum err role_beat(struct ipc_channel *channel, struct ipc_writer *writer, uint32_t allow_ms)
{
    if (ipc_write_begin(writer, FRAME_BEAT) != ERR_OK)
        return ERR_SYSTEM;
    ipc_put_u32(writer, allow_ms);
    if (ipc_write_end(writer) != ERR_OK)
        return ERR_SYSTEM;
    return ipc_send(channel, writer, -1);
}
