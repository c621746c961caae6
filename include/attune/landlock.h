/*
 * Landlock by system call (landlock(7)): what this process may still reach of files, TCP ports and other processes. The
 * kernel's ABI is asked for and used as far as it goes: 2 on Debian 12, 6 from Linux 6.12 on. Used by sandbox.c alone.
 */
#ifndef ATTUNE_LANDLOCK_H
#define ATTUNE_LANDLOCK_H

#include <attune/err.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    LANDLOCK_ABI_NETWORK = 4, /* TCP ports are handled from here on */
    LANDLOCK_ABI_SCOPE = 6,   /* signals and abstract sockets are held to this process and those it makes */
};

/* The kernel's ABI; 0 where landlock is missing (errno: ENOSYS not compiled in, EOPNOTSUPP not enabled at boot). */
int landlock_abi(void);

/*
 * Takes away for good, from this process and those it makes: every file right but reading `readable` (`count` paths,
 * files or whole directories; missing and NULL ones are skipped); listening on TCP, and connecting too unless
 * `connects`; signals to others. Each as far as `abi` (1 to landlock_abi()) knows it. Needs no_new_privs. ERR_SYSTEM
 * when the kernel refuses.
 */
enum err landlock_enter(int abi, bool connects, const char *const *readable, size_t count) ATTUNE_MUST_CHECK;

#endif
