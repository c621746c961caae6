/*
 * What a process may still do once it is set up: seccomp by libseccomp (seccomp(2)) and landlock by system call
 * (landlock(7), ABI negotiated). Profiles are data: a table of system calls a role, default deny. Calls that libraries
 * make and can live without are refused softly with an errno, the rest kill the process (after OpenSSH's sandbox).
 */
#ifndef ATTUNE_SANDBOX_H
#define ATTUNE_SANDBOX_H

#include <attune/err.h>
#include <stddef.h>
#include <sys/types.h>

enum sandbox_profile {
    SANDBOX_CHILD,  /* a screen child: read, write, memory without W^X, receive a descriptor, exit. No files, no sockets */
    SANDBOX_FETCH,  /* IMAP: sockets to the network, memfd, threads for libcurl's resolver. No exec, fork, ptrace, kill */
    SANDBOX_NOTIFY, /* HTTPS and SMTP: as fetch */
};

/*
 * Locks this process down for good: no_new_privs, landlock over `readable` (`count` paths that stay readable; missing ones
 * are skipped), then seccomp. ERR_SYSTEM when seccomp cannot be set; landlock missing from the kernel is logged as a
 * warning and seccomp stands alone. *landlock_abi (may be NULL) gets the ABI in force, 0 for none.
 */
enum err sandbox_enter(enum sandbox_profile profile, const char *const *readable, size_t count, int *landlock_abi);

/* Resource limits of a screen child: address space, no core, no new files past what is open, file size 0. */
enum err sandbox_limit_child(size_t address_space);

/* The paths that TLS and name resolution read (CA bundle given, resolv.conf, hosts, nsswitch.conf, gai.conf, services,
 * locale and crypto policy files). Fills paths[16]; returns the count. */
size_t sandbox_network_paths(const char *ca_file, const char *paths[16]);

#endif
