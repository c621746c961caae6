/*
 * The sandbox's profiles as data: which system calls a role may make, under which conditions on their arguments, and
 * how the rest is answered. sandbox.c turns the tables into filters; nothing else reads them.
 */
#ifndef ATTUNE_SANDBOX_PROFILES_H
#define ATTUNE_SANDBOX_PROFILES_H

#include <attune/sandbox.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* (argument & mask) == value. An `int` argument is compared under SANDBOX_INT: its upper half may hold anything. */
struct sandbox_condition {
    unsigned argument; /* 0 is the first */
    uint64_t mask;     /* 0: no condition */
    uint64_t value;
    bool own_pid; /* compare with this process's id instead of `value` */
};
#define SANDBOX_INT UINT64_C(0xffffffff)
#define SANDBOX_POINTER UINT64_MAX

enum { SANDBOX_MAX_CONDITIONS = 2 };

struct sandbox_rule {
    int call;  /* libseccomp's number; negative where this architecture lacks the call, and then ignored */
    int error; /* 0: allowed; else the call fails with this errno and the process goes on */
    struct sandbox_condition when[SANDBOX_MAX_CONDITIONS]; /* all hold, else `otherwise_dies` decides */
    bool otherwise_dies; /* an argument outside the conditions kills the process; else the call fails with EPERM */
};

struct sandbox_group {
    const struct sandbox_rule *rules;
    size_t count;
};

enum { SANDBOX_MAX_GROUPS = 8 };

struct sandbox_tables {
    const char *name;
    struct sandbox_group
        groups[SANDBOX_MAX_GROUPS]; /* disjoint: a call stands in one of them, or several times in one */
    bool connects;                  /* TCP connections to other hosts are the role's work */
};

/* A call that stands in no group kills the process. Never NULL. */
const struct sandbox_tables *sandbox_tables(enum sandbox_profile profile);

#endif
