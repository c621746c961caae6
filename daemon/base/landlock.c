/* Landlock for sandbox.c. Constants are those of linux/landlock.h up to ABI 6, which Debian 12's headers do not have.
 */
#include <attune/landlock.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    GIVE_VERSION = 1, /* LANDLOCK_CREATE_RULESET_VERSION */
    PATH_BENEATH = 1, /* LANDLOCK_RULE_PATH_BENEATH */
};

#define READ_FILE (UINT64_C(1) << 2)
#define READ_DIR (UINT64_C(1) << 3)
#define BIND_TCP (UINT64_C(1) << 0)
#define CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

struct attributes {
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};

struct path_beneath {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, GIVE_VERSION);
    return abi > 0 ? (int)abi : 0;
}

/* All file rights an ABI knows: what is handled and not granted is refused. ABI 1 has 13 of them, 2 adds REFER,
 * 3 TRUNCATE, 5 IOCTL_DEV. */
static uint64_t file_rights(int abi)
{
    unsigned bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;
    return (UINT64_C(1) << bits) - 1;
}

/* An older kernel refuses a structure with anything in fields it does not know. */
static size_t attributes_size(int abi)
{
    return abi >= LANDLOCK_ABI_SCOPE ? 24 : abi >= LANDLOCK_ABI_NETWORK ? 16 : 8;
}

static int create_ruleset(int abi, bool connects)
{
    struct attributes attributes = {
        .files = file_rights(abi),
        .network = connects ? BIND_TCP : BIND_TCP | CONNECT_TCP,
        .scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL,
    };
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, attributes_size(abi), 0);
}

/* A path that does not exist, or is out of reach already, has nothing to grant. */
static bool grant_reading(int ruleset, const char *path)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return true;
    struct stat about;
    bool is_directory = fstat(fd, &about) == 0 && S_ISDIR(about.st_mode);
    struct path_beneath rule = {.allowed = READ_FILE | (is_directory ? READ_DIR : 0), .parent = fd};
    long answer = syscall(SYS_landlock_add_rule, ruleset, PATH_BENEATH, &rule, 0);
    close(fd);
    return answer == 0;
}

enum err landlock_enter(int abi, bool connects, const char *const *readable, size_t count)
{
    int ruleset = create_ruleset(abi, connects);
    if (ruleset < 0)
        return ERR_SYSTEM;
    bool granted = true;
    for (size_t i = 0; i < count && granted; i++)
        granted = !readable[i] || grant_reading(ruleset, readable[i]);
    long answer = granted ? syscall(SYS_landlock_restrict_self, ruleset, 0) : -1;
    close(ruleset);
    return answer == 0 ? ERR_OK : ERR_SYSTEM;
}
