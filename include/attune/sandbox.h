/*
 * What a process may still do once it is set up: seccomp by libseccomp (seccomp(2)) and landlock by system call
 * (landlock(7), ABI negotiated). Profiles are data (sandbox_profiles.h): a table of system calls a role, default deny.
 * Calls that libraries make and can live without are refused softly with an errno, the rest kill the process with
 * SIGSYS (after OpenSSH's sandbox).
 */
#ifndef ATTUNE_SANDBOX_H
#define ATTUNE_SANDBOX_H

#include <attune/err.h>
#include <stddef.h>
#include <sys/types.h>

enum sandbox_profile {
    SANDBOX_CHILD,  /* a screen child: read, write, memory without W^X, receive a descriptor, exit. No files, no sockets
                     */
    SANDBOX_ZYGOTE, /* screen once loaded: as the child, and it forks, locks down, ends and reaps children */
    SANDBOX_FETCH,  /* IMAP: sockets to the network, memfd, threads for libcurl's resolver. No exec, fork, ptrace, kill
                     */
    SANDBOX_NOTIFY, /* HTTPS and SMTP: as fetch, without memfd */
    SANDBOX_PROFILES
};

enum {
    SANDBOX_MAX_PATHS = 16,
    SANDBOX_CHILD_FILES = 8, /* descriptors of a screen child: standard error, its socket, one message, some slack */
};

/* AddressSanitizer maps terabytes of shadow: in its builds no address space is limited, and tests that need it say so.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_LIMITS_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_LIMITS_MEMORY 0
#endif
#endif
#ifndef SANDBOX_LIMITS_MEMORY
#define SANDBOX_LIMITS_MEMORY 1
#endif

/*
 * Locks this process down for good: no_new_privs, landlock over `readable` (`count` paths that stay readable, files or
 * whole directories; missing and NULL ones are skipped), then seccomp. Call while the process has one thread.
 * ERR_SYSTEM when seccomp cannot be set; landlock missing from the kernel is logged as a warning and seccomp stands
 * alone. *abi_out (may be NULL) gets the ABI in force, 0 for none.
 */
enum err sandbox_enter(enum sandbox_profile profile, const char *const *readable, size_t count,
                       int *abi_out) ATTUNE_MUST_CHECK;

/* Builds the profile's filters ahead, for processes that will be forked and enter it: only SANDBOX_CHILD can be
 * prepared so. Does nothing the second time. ERR_SYSTEM without memory. */
enum err sandbox_prepare(enum sandbox_profile profile) ATTUNE_MUST_CHECK;

/* Resource limits of a screen child: address space in bytes (what is mapped already counts), no core, few descriptors,
 * no file grows. */
enum err sandbox_limit_child(size_t address_space) ATTUNE_MUST_CHECK;

/*
 * The paths that TLS and name resolution read (the CA bundle given, or NULL; resolver, host and locale files, crypto
 * policy). Fills paths[SANDBOX_MAX_PATHS]; returns the count. A file granted alone and then replaced by another is out
 * of reach: a role whose lookups keep failing exits, and is started with the new files.
 */
size_t sandbox_network_paths(const char *ca_file, const char *paths[SANDBOX_MAX_PATHS]);

#endif
