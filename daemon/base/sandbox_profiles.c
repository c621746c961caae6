/*
 * What each role may ask of the kernel. Data for sandbox.c; every role but keep runs inside one of these. A call is
 * here because something in the role was seen to make it, or glibc documents that it may.
 */
#include <attune/sandbox_profiles.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#define CALL(name) .call = SCMP_SYS(name)
#define INT_IS(index, wanted)                                                                                          \
    {                                                                                                                  \
        .argument = (index), .mask = SANDBOX_INT, .value = (uint64_t)(wanted)                                          \
    }
#define BITS_CLEAR(index, bits)                                                                                        \
    {                                                                                                                  \
        .argument = (index), .mask = (uint64_t)(bits), .value = 0                                                      \
    }
#define BITS_SET(index, bits)                                                                                          \
    {                                                                                                                  \
        .argument = (index), .mask = (uint64_t)(bits), .value = (uint64_t)(bits)                                       \
    }
#define IS_NULL(index)                                                                                                 \
    {                                                                                                                  \
        .argument = (index), .mask = SANDBOX_POINTER, .value = 0                                                       \
    }
#define IS_SELF(index)                                                                                                 \
    {                                                                                                                  \
        .argument = (index), .mask = SANDBOX_INT, .own_pid = true                                                      \
    }
#define GROUP(table)                                                                                                   \
    {                                                                                                                  \
        (table), sizeof(table) / sizeof *(table)                                                                       \
    }

/* Every profile: descriptors that are open already, memory given back, time, one's own signals, the end. */
static const struct sandbox_rule common[] = {
    {CALL(read)},
    {CALL(readv)},
    {CALL(write)},
    {CALL(writev)},
    {CALL(close)},
    {CALL(lseek)},
    {CALL(fstat)},
    {CALL(recvmsg)},
    {CALL(sendmsg)},
    {CALL(poll)},
    {CALL(ppoll)},
    /* Only these commands: F_SETOWN and F_SETSIG would let the kernel send any signal to any process of this user. */
    {CALL(fcntl), .when = {INT_IS(1, F_GETFL)}},
    {CALL(fcntl), .when = {INT_IS(1, F_SETFL)}},
    {CALL(fcntl), .when = {INT_IS(1, F_GETFD)}},
    {CALL(fcntl), .when = {INT_IS(1, F_SETFD)}},
    {CALL(fcntl), .when = {INT_IS(1, F_GET_SEALS)}},
    {CALL(fcntl), .when = {INT_IS(1, F_ADD_SEALS)}},
    {CALL(fcntl), .when = {INT_IS(1, F_DUPFD_CLOEXEC)}},
    {CALL(brk)},
    {CALL(munmap)},
    {CALL(mremap)},
    {CALL(madvise)},
    {CALL(futex)},
    {CALL(getrandom)},
    {CALL(clock_gettime)},
    {CALL(clock_getres)},
    {CALL(clock_nanosleep)},
    {CALL(nanosleep)},
    {CALL(gettimeofday)},
    {CALL(time)},
    {CALL(times)},
    {CALL(getrusage)},
    {CALL(restart_syscall)},
    {CALL(sched_yield)},
    {CALL(sched_getaffinity)}, /* malloc: the number of arenas */
    {CALL(getcpu)},
    {CALL(sysinfo)}, /* qsort() of glibc before 2.37 asks for the memory size */
    {CALL(uname)},
    {CALL(getpid)},
    {CALL(gettid)},
    {CALL(getppid)},
    {CALL(getuid)},
    {CALL(geteuid)},
    {CALL(getgid)},
    {CALL(getegid)},
    {CALL(rt_sigaction)},
    {CALL(rt_sigprocmask)},
    {CALL(rt_sigreturn)},
    {CALL(sigaltstack)},
    {CALL(exit)},
    {CALL(exit_group)},
    {CALL(membarrier), .error = ENOSYS},
};

/* The child: W^X without exception, what was compiled before is all that runs. */
static const struct sandbox_rule memory_strict[] = {
    {CALL(mmap), .when = {BITS_CLEAR(2, PROT_EXEC)}, .otherwise_dies = true},
    {CALL(mprotect), .when = {BITS_CLEAR(2, PROT_EXEC)}, .otherwise_dies = true},
};

/* Where a library may try dlopen() (name service, PKCS#11) it is told no, and goes without. */
static const struct sandbox_rule memory_soft[] = {
    {CALL(mmap), .when = {BITS_CLEAR(2, PROT_EXEC)}},
    {CALL(mprotect), .when = {BITS_CLEAR(2, PROT_EXEC)}},
    {CALL(mlock)}, /* libsodium's guarded memory, GnuTLS's keys */
    {CALL(munlock)},
};

/* Roles without files: what libraries try all the same (iconv, locale, syslog) fails softly and they degrade. */
static const struct sandbox_rule no_files[] = {
    /* fstat() of glibc 2.33 and later. */
    {CALL(newfstatat), .when = {BITS_SET(3, AT_EMPTY_PATH)}},
    {CALL(open), .error = EACCES},
    {CALL(openat), .error = EACCES},
    {CALL(openat2), .error = ENOSYS},
    {CALL(access), .error = EACCES},
    {CALL(faccessat), .error = EACCES},
    {CALL(faccessat2), .error = ENOSYS},
    {CALL(stat), .error = EACCES},
    {CALL(lstat), .error = EACCES},
    {CALL(statx), .error = ENOSYS},
    {CALL(statfs), .error = EACCES},
    {CALL(readlink), .error = EACCES},
    {CALL(readlinkat), .error = EACCES},
    {CALL(getcwd), .error = EACCES},
    {CALL(ioctl), .error = ENOTTY}, /* stdio asks whether it writes to a terminal */
    {CALL(socket), .error = EACCES},
    {CALL(connect), .error = EACCES},
};

/* No tgkill: abort() in a child ends it by SIGSYS, which is an end as good as another. */
static const struct sandbox_rule child_only[] = {
    {CALL(setitimer), .when = {INT_IS(0, ITIMER_PROF)}}, /* the CPU budget of one message */
    {CALL(prctl), .error = EPERM},
    {CALL(getrlimit)},
    {CALL(prlimit64), .when = {INT_IS(0, 0), IS_NULL(2)}},
};

/* The zygote forks, locks its children down (their filters come on top of this one), ends and reaps them. */
static const struct sandbox_rule zygote_only[] = {
    /* fork() of glibc and nothing wider: no threads, no namespaces. */
    {CALL(clone), .when = {INT_IS(0, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD)}, .otherwise_dies = true},
    {CALL(set_robust_list)},
    {CALL(rseq)},
    {CALL(tgkill), .when = {IS_SELF(0)}, .otherwise_dies = true}, /* abort() */
    {CALL(wait4)},
    {CALL(waitid)},
    {CALL(kill), .when = {INT_IS(1, SIGKILL)}, .otherwise_dies = true},
    {CALL(socketpair), .when = {INT_IS(0, AF_UNIX)}},
    {CALL(close_range)},
    {CALL(dup2)},
    {CALL(dup3)},
    {CALL(getrlimit)},
    {CALL(setrlimit)},
    {CALL(prlimit64), .when = {INT_IS(0, 0)}},
    {CALL(setitimer), .when = {INT_IS(0, ITIMER_PROF)}},
    {CALL(prctl), .when = {INT_IS(0, PR_SET_PDEATHSIG)}},
    {CALL(prctl), .when = {INT_IS(0, PR_SET_DUMPABLE), INT_IS(1, 0)}},
    {CALL(prctl), .when = {INT_IS(0, PR_SET_NO_NEW_PRIVS)}},
    {CALL(prctl), .when = {INT_IS(0, PR_SET_SECCOMP)}},
    {CALL(prctl), .when = {INT_IS(0, PR_GET_SECCOMP)}},
    {CALL(prctl), .when = {INT_IS(0, PR_SET_NAME)}},
    {CALL(seccomp)},
    {CALL(landlock_create_ruleset)},
    {CALL(landlock_add_rule)},
    {CALL(landlock_restrict_self)},
};

/* Files may be read where landlock lets them; never opened for writing. */
static const struct sandbox_rule read_files[] = {
    {CALL(openat), .when = {BITS_CLEAR(2, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)}},
    {CALL(open), .when = {BITS_CLEAR(1, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)}},
    {CALL(openat2), .error = ENOSYS},
    {CALL(pread64)},
    {CALL(newfstatat)},
    {CALL(stat)},
    {CALL(lstat)},
    {CALL(statx)},
    {CALL(statfs)},
    {CALL(fstatfs)},
    {CALL(access)},
    {CALL(faccessat)},
    {CALL(faccessat2)},
    {CALL(readlink)},
    {CALL(readlinkat)},
    {CALL(getcwd)},
    {CALL(getdents64)},
    {CALL(fadvise64)},
    {CALL(umask), .error = EPERM},
    {CALL(mkdir), .error = EACCES},
    {CALL(mkdirat), .error = EACCES},
    {CALL(unlink), .error = EACCES},
    {CALL(unlinkat), .error = EACCES},
};

/* TCP and TLS by libcurl, and getaddrinfo(). Nobody here listens. */
static const struct sandbox_rule network[] = {
    {CALL(socket), .when = {INT_IS(0, AF_INET)}},
    {CALL(socket), .when = {INT_IS(0, AF_INET6)}},
    /* getaddrinfo() lists the interfaces; protocol 0 is NETLINK_ROUTE. AF_UNIX (nscd, syslog) fails softly. */
    {CALL(socket), .when = {INT_IS(0, AF_NETLINK), INT_IS(2, 0)}},
    {CALL(socketpair),
     .when = {INT_IS(0, AF_UNIX)}}, /* libcurl: the resolver thread's and the multi handle's wake-up */
    {CALL(connect)},
    {CALL(bind)},
    {CALL(getsockname)},
    {CALL(getpeername)},
    {CALL(getsockopt)},
    {CALL(setsockopt)},
    {CALL(sendto)},
    {CALL(sendmmsg)},
    {CALL(recvfrom)},
    {CALL(recvmmsg)},
    {CALL(shutdown)},
    {CALL(select)},
    {CALL(pselect6)},
    {CALL(epoll_create1)},
    {CALL(epoll_ctl)},
    {CALL(epoll_wait)},
    {CALL(epoll_pwait)},
    {CALL(eventfd2)},
    {CALL(pipe)},
    {CALL(pipe2)},
    {CALL(timerfd_create)},
    {CALL(timerfd_settime)},
    /* FIOSETOWN and SIOCSPGRP direct signals as F_SETOWN does; terminals and devices are nobody's business here. */
    {CALL(ioctl), .when = {INT_IS(1, FIONREAD)}},
    {CALL(ioctl), .when = {INT_IS(1, FIONBIO)}},
    {CALL(ioctl), .when = {INT_IS(1, SIOCGIFINDEX)}},
    {CALL(ioctl), .when = {INT_IS(1, SIOCGIFNAME)}},
};

/* libcurl resolves in a thread: pthread_create() and nothing that makes a process. */
static const struct sandbox_rule threads[] = {
    {CALL(clone), .when = {BITS_SET(0, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND)}, .otherwise_dies = true},
    /* Its flags are behind a pointer that no filter can follow; glibc falls back to clone. */
    {CALL(clone3), .error = ENOSYS},
    {CALL(set_robust_list)},
    {CALL(set_tid_address)},
    {CALL(rseq)},
    {CALL(prctl), .when = {INT_IS(0, PR_SET_NAME)}},
    {CALL(prctl), .when = {INT_IS(0, PR_GET_NAME)}},
    {CALL(tgkill), .when = {IS_SELF(0)}, .otherwise_dies = true}, /* abort() */
    {CALL(getrlimit)},
    {CALL(prlimit64), .when = {INT_IS(0, 0), IS_NULL(2)}},
    {CALL(sched_getscheduler)},
    {CALL(sched_getparam)},
    {CALL(setitimer), .error = EPERM},
};

/* fetch alone: the sealed memory file that carries a message. */
static const struct sandbox_rule message_files[] = {
    {CALL(memfd_create)},
    {CALL(ftruncate)},
    {CALL(pwrite64)},
};

static const struct sandbox_tables profiles[] = {
    [SANDBOX_CHILD] = {.name = "child",
                       .groups = {GROUP(common), GROUP(memory_strict), GROUP(no_files), GROUP(child_only)}},
    [SANDBOX_ZYGOTE] = {.name = "zygote",
                        .groups = {GROUP(common), GROUP(memory_strict), GROUP(no_files), GROUP(zygote_only)}},
    [SANDBOX_FETCH] = {.name = "fetch",
                       .groups = {GROUP(common), GROUP(memory_soft), GROUP(read_files), GROUP(network), GROUP(threads),
                                  GROUP(message_files)},
                       .connects = true},
    [SANDBOX_NOTIFY] = {.name = "notify",
                        .groups = {GROUP(common), GROUP(memory_soft), GROUP(read_files), GROUP(network),
                                   GROUP(threads)},
                        .connects = true},
};

const struct sandbox_tables *sandbox_tables(enum sandbox_profile profile)
{
    return &profiles[profile];
}
