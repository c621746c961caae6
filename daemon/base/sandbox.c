/*
 * Locks a process down: landlock over files, TCP and signals, then two seccomp filters made from the profile's tables.
 * Every role but keep, once it is set up. Trusts nothing: the process may be captured the moment it goes on.
 *
 * Two filters, because one libseccomp filter cannot say "allowed when the arguments fit, refused softly when not,
 * deadly when unlisted" of the same call: the first kills what the profile does not name, the second refuses what it
 * names under other conditions. The kernel takes the stricter answer of the two.
 */
#include <attune/landlock.h>
#include <attune/log.h>
#include <attune/sandbox.h>
#include <attune/sandbox_profiles.h>
#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int add_rule(scmp_filter_ctx filter, uint32_t action, const struct sandbox_rule *rule, bool with_conditions)
{
    struct scmp_arg_cmp conditions[SANDBOX_MAX_CONDITIONS];
    unsigned count = 0;
    for (size_t i = 0; with_conditions && i < SANDBOX_MAX_CONDITIONS; i++) {
        const struct sandbox_condition *when = &rule->when[i];
        uint64_t value = when->own_pid ? (uint64_t)getpid() : when->value;
        if (when->mask)
            conditions[count++] = SCMP_CMP(when->argument, SCMP_CMP_MASKED_EQ, when->mask, value);
    }
    return seccomp_rule_add_array(filter, action, rule->call, count, conditions);
}

/* Which calls live at all: everything the profile names, under its conditions only where another argument is deadly. */
static int add_survivor(scmp_filter_ctx filter, const struct sandbox_rule *rule)
{
    return add_rule(filter, SCMP_ACT_ALLOW, rule, rule->otherwise_dies);
}

/* In every soft filter: the deadly one is still to be installed. */
static const struct sandbox_rule second_filter = {.call = SCMP_SYS(seccomp)};

/* Which of those succeed: the allowed ones under their conditions. EPERM is the filter's own answer to the rest, and
 * libseccomp takes no rule that says the same again. */
static int add_answer(scmp_filter_ctx filter, const struct sandbox_rule *rule)
{
    if (rule->error == EPERM)
        return 0;
    uint32_t action = rule->error ? SCMP_ACT_ERRNO((uint32_t)rule->error) : SCMP_ACT_ALLOW;
    return add_rule(filter, action, rule, true);
}

typedef int (*rule_adder)(scmp_filter_ctx, const struct sandbox_rule *);

static bool fill_filter(scmp_filter_ctx filter, const struct sandbox_tables *tables, rule_adder add)
{
    /* Another architecture's calls (i386, x32) have other numbers: never. A search tree keeps long tables cheap. */
    if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0 ||
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0)
        return false;
    for (size_t group = 0; group < SANDBOX_MAX_GROUPS; group++)
        for (size_t i = 0; i < tables->groups[group].count; i++)
            if (add(filter, &tables->groups[group].rules[i]) < 0)
                return false;
    return true;
}

/* libseccomp 2.5 writes a filter's program to a descriptor only. */
static bool export_program(scmp_filter_ctx filter, struct sock_fprog *program)
{
    int fd = memfd_create("attune-filter", MFD_CLOEXEC);
    off_t size = fd >= 0 && seccomp_export_bpf(filter, fd) == 0 ? lseek(fd, 0, SEEK_END) : -1;
    program->filter = size > 0 ? malloc((size_t)size) : NULL;
    program->len = (unsigned short)(size > 0 ? (size_t)size / sizeof *program->filter : 0);
    bool whole = program->filter && pread(fd, program->filter, (size_t)size, 0) == size;
    if (fd >= 0)
        close(fd);
    return whole;
}

static bool build_program(const struct sandbox_tables *tables, uint32_t default_action, rule_adder add,
                          struct sock_fprog *program)
{
    scmp_filter_ctx filter = seccomp_init(default_action);
    if (!filter)
        return false;
    bool built = fill_filter(filter, tables, add) && (add != add_answer || add(filter, &second_filter) == 0) &&
                 export_program(filter, program);
    seccomp_release(filter);
    return built;
}

struct programs {
    struct sock_fprog soft;
    struct sock_fprog deadly;
};

/* Built once, then inherited by forks: building takes four times as long as forking. */
static struct programs prepared[SANDBOX_PROFILES];

static bool has_own_pid(const struct sandbox_tables *tables)
{
    for (size_t group = 0; group < SANDBOX_MAX_GROUPS; group++)
        for (size_t i = 0; i < tables->groups[group].count; i++)
            for (size_t k = 0; k < SANDBOX_MAX_CONDITIONS; k++)
                if (tables->groups[group].rules[i].when[k].own_pid)
                    return true;
    return false;
}

static enum err build_programs(enum sandbox_profile profile)
{
    const struct sandbox_tables *tables = sandbox_tables(profile);
    struct programs *programs = &prepared[profile];
    if (programs->deadly.filter)
        return ERR_OK;
    return build_program(tables, SCMP_ACT_ERRNO(EPERM), add_answer, &programs->soft) &&
                   build_program(tables, SCMP_ACT_KILL_PROCESS, add_survivor, &programs->deadly)
               ? ERR_OK
               : ERR_SYSTEM;
}

enum err sandbox_prepare(enum sandbox_profile profile)
{
    if (has_own_pid(sandbox_tables(profile)))
        bug("a profile that names its own process cannot be prepared for another");
    return build_programs(profile);
}

/* A thread that was started before gets the filter too. */
static bool install(const struct sock_fprog *program)
{
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program) == 0;
}

/* The soft filter goes first and lets seccomp(2) pass for the deadly one, which then decides about it as about all. */
static enum err seccomp_enter(enum sandbox_profile profile)
{
    enum err error = build_programs(profile);
    if (error != ERR_OK)
        return error;
    return install(&prepared[profile].soft) && install(&prepared[profile].deadly) ? ERR_OK : ERR_SYSTEM;
}

/* The kernel may lack landlock; a child has no files to lose by that, and the process it came from has said so. */
static enum err restrict_reach(enum sandbox_profile profile, const char *const *readable, size_t count, int *abi)
{
    const struct sandbox_tables *tables = sandbox_tables(profile);
    *abi = landlock_abi();
    if (*abi > 0)
        return landlock_enter(*abi, tables->connects, readable, count);
    if (profile != SANDBOX_CHILD)
        log_warn("landlock-missing", LOG_NAME("profile", tables->name), LOG_NUMBER("errno", errno));
    return ERR_OK;
}

enum err sandbox_enter(enum sandbox_profile profile, const char *const *readable, size_t count, int *abi_out)
{
    int abi = 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return ERR_SYSTEM;
    enum err error = restrict_reach(profile, readable, count, &abi);
    if (abi_out)
        *abi_out = abi;
    return error == ERR_OK ? seccomp_enter(profile) : error;
}

/* --- limits and paths --------------------------------------------------------------------------------------------- */

enum err sandbox_limit_child(size_t address_space)
{
    const struct {
        __rlimit_resource_t resource;
        rlim_t most;
    } limits[] = {
        {RLIMIT_AS, SANDBOX_LIMITS_MEMORY ? address_space : RLIM_INFINITY},
        {RLIMIT_CORE, 0},
        {RLIMIT_NOFILE, SANDBOX_CHILD_FILES},
        {RLIMIT_FSIZE, 0},
    };
    /* A log line that goes to a plain file then fails with EFBIG, instead of ending the child. */
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit limit = {.rlim_cur = limits[i].most, .rlim_max = limits[i].most};
        if (setrlimit(limits[i].resource, &limit) < 0)
            return ERR_SYSTEM;
    }
    return ERR_OK;
}

size_t sandbox_network_paths(const char *ca_file, const char *paths[SANDBOX_MAX_PATHS])
{
    /* Directories where a file is commonly replaced by rename and its directory holds nothing secret. */
    static const char *const system_paths[] = {
        "/etc/ssl/certs", "/etc/resolv.conf",     "/etc/hosts",           "/etc/host.conf",  "/etc/nsswitch.conf",
        "/etc/gai.conf",  "/etc/services",        "/etc/protocols",       "/etc/localtime",  "/usr/lib/locale",
        "/etc/gnutls",    "/etc/crypto-policies", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
    };
    size_t count = 0;
    if (ca_file)
        paths[count++] = ca_file;
    for (size_t i = 0; i < sizeof system_paths / sizeof *system_paths && count < SANDBOX_MAX_PATHS; i++)
        paths[count++] = system_paths[i];
    return count;
}
