/* Each profile bites: a forked process enters it and tries what it must not do, and what it must still be able to do.
 */
#include <attune/landlock.h>
#include <attune/sandbox.h>
#include <attune/sandbox_profiles.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static char journal[96]; /* a file that no sandboxed role may open */
static char readable[96];
static char certificate[96];
static pid_t bystander;
static unsigned tls_port;
static pid_t tls_server;

/* --- what a captured process would try: each gives 0 when it was refused as it should be -----------------------------
 */

enum { WENT_THROUGH = 99 };

static int refused_with(long answer, int wanted)
{
    if (answer >= 0)
        return WENT_THROUGH;
    return errno == wanted ? 0 : errno;
}

static int open_journal(void)
{
    return refused_with(open(journal, O_RDONLY), EACCES);
}

static int open_journal_for_writing(void)
{
    int error = refused_with(open(journal, O_WRONLY), EPERM);
    return error == EACCES ? 0 : error;
}

static int make_file(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/new", folder);
    int error = refused_with(open(path, O_WRONLY | O_CREAT, 0600), EPERM);
    return error == EACCES ? 0 : error;
}

static int make_socket(void)
{
    return refused_with(socket(AF_INET, SOCK_STREAM, 0), EACCES);
}

static int make_unix_socket(void)
{
    return refused_with(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
}

static int listen_on_socket(void)
{
    return refused_with(listen(socket(AF_INET, SOCK_STREAM, 0), 1), EPERM);
}

static int run_program(void)
{
    char *const arguments[] = {(char[]){"true"}, NULL};
    return refused_with(execve("/bin/true", arguments, NULL), EPERM);
}

static int run_program_by_descriptor(void)
{
    char *const arguments[] = {(char[]){"true"}, NULL};
    return refused_with(syscall(SYS_execveat, 3, "", arguments, NULL, AT_EMPTY_PATH), EPERM);
}

static int fork_process(void)
{
    return refused_with(fork(), EPERM);
}

static int vfork_process(void)
{
    return refused_with(syscall(SYS_vfork), EPERM);
}

static int clone3_process(void)
{
    uint64_t arguments[8] = {[4] = SIGCHLD};
    return refused_with(syscall(SYS_clone3, arguments, sizeof arguments), ENOSYS);
}

static int map_executable(void)
{
    return refused_with(
        (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -1 ? -1 : 0, EPERM);
}

static int make_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? 1 : refused_with(mprotect(page, 4096, PROT_READ | PROT_EXEC), EPERM);
}

static int trace_bystander(void)
{
    return refused_with(ptrace(PTRACE_ATTACH, bystander, NULL, NULL), EPERM);
}

static int read_bystander(void)
{
    char byte;
    struct iovec mine = {&byte, 1}, theirs = {&byte, 1};
    return refused_with(process_vm_readv(bystander, &mine, 1, &theirs, 1, 0), EPERM);
}

static int kill_bystander(void)
{
    return refused_with(kill(bystander, SIGKILL), EPERM);
}

static int signal_bystander(void)
{
    return refused_with(kill(bystander, SIGTERM), EPERM);
}

static int kill_thread_of_bystander(void)
{
    return refused_with(syscall(SYS_tgkill, bystander, bystander, SIGKILL), EPERM);
}

static int own_signals_of_descriptor(void)
{
    return refused_with(fcntl(2, F_SETOWN, bystander), EPERM);
}

static int raise_own_limits(void)
{
    struct rlimit limit = {1, 1};
    return refused_with(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
}

static int become_dumpable(void)
{
    return refused_with(syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0), EPERM);
}

static int use_io_uring(void)
{
    char parameters[120] = {0};
    return refused_with(syscall(SYS_io_uring_setup, 1, parameters), EPERM);
}

static int use_bpf(void)
{
    return refused_with(syscall(SYS_bpf, 0, NULL, 0), EPERM);
}

static int mount_something(void)
{
    return refused_with(syscall(SYS_mount, "none", folder, "tmpfs", 0, NULL), EPERM);
}

static int filter_again(void)
{
    return refused_with(syscall(SYS_seccomp, 1, 0, NULL), EPERM);
}

static int truncate_journal(void)
{
    return refused_with(truncate(journal, 0), EACCES);
}

static int rename_journal(void)
{
    return refused_with(rename(journal, readable), EACCES);
}

static int remove_journal(void)
{
    return refused_with(unlink(journal), EACCES);
}

static int read_folder(void)
{
    return refused_with(open(folder, O_RDONLY | O_DIRECTORY), EACCES);
}

static int open_own_memory(void)
{
    return refused_with(open("/proc/self/mem", O_RDONLY), EACCES);
}

static int make_message_file(void)
{
    return refused_with(memfd_create("x", 0), EPERM);
}

static int budget_by_wall(void)
{
    struct itimerval timer = {{0, 0}, {1, 0}};
    return refused_with(setitimer(ITIMER_REAL, &timer, NULL), EPERM);
}

/* --- what each role's work needs: 0 when it works -------------------------------------------------------------------
 */

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* malloc small and large, sort, time, a timer for CPU, a lock: what reading and matching call below. */
static int use_libraries(void)
{
    char *large = malloc(64 * 1024 * 1024);
    int *numbers = malloc(4096 * sizeof *numbers);
    if (!large || !numbers)
        return 1;
    memset(large, 1, 64 * 1024 * 1024);
    for (int i = 0; i < 4096; i++)
        numbers[i] = 4096 - i;
    qsort(numbers, 4096, sizeof *numbers, compare_ints);
    large = realloc(large, 128 * 1024 * 1024);
    struct timespec now;
    struct itimerval timer = {{0, 0}, {2, 0}};
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    bool good = large && numbers[0] == 1 && clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0 &&
                setitimer(ITIMER_PROF, &timer, NULL) == 0;
    free(large);
    free(numbers);
    fprintf(stderr, "%s", "");
    return good ? 0 : 2;
}

static int use_message_file(void)
{
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool good = fd >= 0 && write(fd, "x", 1) == 1 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0;
    return good ? 0 : errno;
}

static int read_granted_file(void)
{
    char text[5] = "";
    int fd = open(readable, O_RDONLY);
    return fd >= 0 && read(fd, text, 4) == 4 && strcmp(text, "fine") == 0 ? 0 : errno;
}

static void *thread_body(void *argument)
{
    *(int *)argument = 7;
    return NULL;
}

static int make_thread(void)
{
    pthread_t thread;
    int value = 0;
    if (pthread_create(&thread, NULL, thread_body, &value) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    return value == 7 ? 0 : 2;
}

/* RFC 6761: nobody answers for .invalid, so the resolver must end with its own error, with or without a network. */
static int resolve_name(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int local = getaddrinfo("localhost", "993", &hints, &found);
    if (local == 0)
        freeaddrinfo(found);
    int answer = getaddrinfo("mail.invalid", "993", &hints, &found);
    bool failed_well = answer == EAI_NONAME || answer == EAI_AGAIN || answer == EAI_FAIL || answer == EAI_NODATA;
    return local == 0 && failed_well ? 0 : answer;
}

static CURLcode fetch_url(const char *url)
{
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 3L);
    CURLcode answer = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return answer;
}

/* By libcurl, whose resolver runs in a thread of its own. */
static int resolve_by_curl(void)
{
    CURLcode answer = fetch_url("https://mail.invalid:993/");
    return answer == CURLE_COULDNT_RESOLVE_HOST || answer == CURLE_OPERATION_TIMEDOUT ? 0 : (int)answer;
}

static int connect_by_tls(void)
{
    char url[64];
    snprintf(url, sizeof url, "https://localhost:%u/", tls_port);
    return (int)fetch_url(url);
}

static size_t discard(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

static int use_multi_handle(void)
{
    CURLM *multi = curl_multi_init();
    CURL *curl = curl_easy_init();
    char url[64];
    int running = 1, left = 0;
    snprintf(url, sizeof url, "https://localhost:%u/", tls_port);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 5L);
    curl_multi_add_handle(multi, curl);
    while (running && curl_multi_perform(multi, &running) == CURLM_OK && running)
        curl_multi_poll(multi, NULL, 0, 1000, NULL);
    CURLMsg *message = curl_multi_info_read(multi, &left);
    return message ? (int)message->data.result : 98;
}

static int abort_itself(void)
{
    abort();
}

/* --- the table ------------------------------------------------------------------------------------------------------
 */

enum {
    CHILD = 1 << SANDBOX_CHILD,
    ZYGOTE = 1 << SANDBOX_ZYGOTE,
    FETCH = 1 << SANDBOX_FETCH,
    NOTIFY = 1 << SANDBOX_NOTIFY
};
enum { NETWORKED = FETCH | NOTIFY, FILELESS = CHILD | ZYGOTE, ALL = NETWORKED | FILELESS };

static const struct {
    const char *name;
    int (*attempt)(void);
    unsigned dies;    /* profiles in which it ends the process by SIGSYS */
    unsigned returns; /* profiles in which it returns 0: refused softly, or done, as the attempt says */
} attempts[] = {
    {"open a file", open_journal, 0, ALL},
    {"open a file for writing", open_journal_for_writing, 0, ALL},
    {"make a file", make_file, 0, ALL},
    {"read a folder", read_folder, 0, ALL},
    {"open its own memory", open_own_memory, 0, ALL},
    {"truncate a file", truncate_journal, ALL, 0},
    {"rename a file", rename_journal, ALL, 0},
    {"remove a file", remove_journal, FILELESS, NETWORKED},
    {"make a socket", make_socket, 0, FILELESS},
    {"make a unix socket", make_unix_socket, 0, NETWORKED},
    {"listen", listen_on_socket, ALL, 0},
    {"exec", run_program, ALL, 0},
    {"exec by descriptor", run_program_by_descriptor, ALL, 0},
    {"fork", fork_process, CHILD | NETWORKED, 0},
    {"vfork", vfork_process, ALL, 0},
    {"clone3 a process", clone3_process, FILELESS, NETWORKED},
    {"map executable memory", map_executable, FILELESS, NETWORKED},
    {"make memory executable", make_executable, FILELESS, NETWORKED},
    {"ptrace", trace_bystander, ALL, 0},
    {"read another's memory", read_bystander, ALL, 0},
    {"kill another", kill_bystander, CHILD | NETWORKED, 0},
    {"signal another", signal_bystander, ALL, 0},
    {"signal another's thread", kill_thread_of_bystander, ALL, 0},
    {"direct a descriptor's signals", own_signals_of_descriptor, 0, ALL},
    {"set limits", raise_own_limits, 0, CHILD | NETWORKED},
    {"become dumpable", become_dumpable, 0, ALL},
    {"io_uring", use_io_uring, ALL, 0},
    {"bpf", use_bpf, ALL, 0},
    {"mount", mount_something, ALL, 0},
    {"install a filter", filter_again, CHILD | NETWORKED, 0},
    {"make a memory file", make_message_file, FILELESS | NOTIFY, 0},
    {"use the wall timer", budget_by_wall, 0, ALL},

    {"work with memory, sorting and time", use_libraries, 0, FILELESS},
    {"make a message file", use_message_file, 0, FETCH},
    {"read a granted file", read_granted_file, 0, NETWORKED},
    {"make a thread", make_thread, 0, NETWORKED},
    {"resolve a name", resolve_name, 0, NETWORKED},
    {"resolve a name by libcurl", resolve_by_curl, 0, NETWORKED},
    {"connect by TLS", connect_by_tls, 0, NETWORKED},
    {"use a multi handle", use_multi_handle, 0, NETWORKED},
    {"abort", abort_itself, CHILD, 0},
};

static int run_attempt(enum sandbox_profile profile, int (*attempt)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        const char *paths[SANDBOX_MAX_PATHS + 1];
        size_t count = sandbox_network_paths(certificate, paths);
        paths[count++] = readable;
        alarm(30);
        bool networked = profile == SANDBOX_FETCH || profile == SANDBOX_NOTIFY;
        if (sandbox_enter(profile, paths, networked ? count : 0, NULL) != ERR_OK)
            _exit(97);
        _exit(attempt());
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void check_attempt(enum sandbox_profile profile, size_t index)
{
    unsigned bit = 1u << profile;
    if (((attempts[index].dies | attempts[index].returns) & bit) == 0)
        return;
    int status = run_attempt(profile, attempts[index].attempt);
    bool as_said = attempts[index].dies & bit ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
                                              : WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!as_said)
        fail_msg("%s: %s: wait status %#x", sandbox_tables(profile)->name, attempts[index].name, (unsigned)status);
}

static void check_profile(enum sandbox_profile profile)
{
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        check_attempt(profile, i);
}

static void child_profile_bites(void **state)
{
    (void)state;
    check_profile(SANDBOX_CHILD);
}

static void zygote_profile_bites(void **state)
{
    (void)state;
    check_profile(SANDBOX_ZYGOTE);
}

static void fetch_profile_bites_and_lets_work(void **state)
{
    (void)state;
    check_profile(SANDBOX_FETCH);
}

static void notify_profile_bites_and_lets_work(void **state)
{
    (void)state;
    check_profile(SANDBOX_NOTIFY);
}

/* Without this the table above could pass because the attempts fail anyway. */
static void attempts_succeed_outside(void **state)
{
    (void)state;
    assert_int_equal(open_journal(), WENT_THROUGH);
    assert_int_equal(make_socket(), WENT_THROUGH);
    assert_int_equal(map_executable(), WENT_THROUGH);
    assert_int_equal(make_executable(), WENT_THROUGH);
    assert_int_equal(own_signals_of_descriptor(), WENT_THROUGH);
}

static int zygote_forks_and_reaps(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (sandbox_limit_child(512 * 1024 * 1024) != ERR_OK || sandbox_enter(SANDBOX_CHILD, NULL, 0, NULL) != ERR_OK)
            _exit(1);
        for (;;)
            pause();
    }
    usleep(10000);
    int status = 0;
    return pid > 0 && kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) ? 0 : 1;
}

/* What is prepared is what would have been built: the child's table once more, from filters made before the fork. */
static void prepared_child_profile_bites(void **state)
{
    (void)state;
    assert_int_equal(sandbox_prepare(SANDBOX_CHILD), ERR_OK);
    check_profile(SANDBOX_CHILD);
}

static void networked_roles_abort_as_usual(void **state)
{
    (void)state;
    int status = run_attempt(SANDBOX_FETCH, abort_itself);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void zygote_still_makes_children(void **state)
{
    (void)state;
    int status = run_attempt(SANDBOX_ZYGOTE, zygote_forks_and_reaps);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int zygote_kills_bystander(void)
{
    int error = refused_with(kill(bystander, SIGKILL), EPERM);
    return error;
}

static void zygote_kills_none_but_its_own(void **state)
{
    (void)state;
    if (landlock_abi() <
        LANDLOCK_ABI_SCOPE) /* older kernels do not scope signals: there the zygote's own code is the guard */
        skip();
    int status = run_attempt(SANDBOX_ZYGOTE, zygote_kills_bystander);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* What each ABI up to this kernel's gives: the structure and the rights must be ones that such a kernel takes. */
static int landlock_holds(int abi)
{
    const char *paths[] = {readable, NULL, "/nowhere"};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_enter(abi, abi % 2 == 0, paths, 3) != ERR_OK)
        return 1;
    if (open_journal() || open_journal_for_writing() || make_file() || read_folder() || read_granted_file())
        return 2;
    /* TRUNCATE is a right of its own from ABI 3 on. */
    if (abi >= 3 && truncate_journal())
        return 3;
    if (abi >= LANDLOCK_ABI_SCOPE && kill(bystander, 0) == 0)
        return 4;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    bool binds = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    address.sin_port = htons((uint16_t)tls_port);
    bool connects = connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address) == 0;
    bool network = abi >= LANDLOCK_ABI_NETWORK;
    return binds == !network && connects == (!network || abi % 2 == 0) ? 0 : 5;
}

static void every_landlock_abi_holds(void **state)
{
    (void)state;
    if (landlock_abi() == 0) /* a kernel without it: seccomp stands alone, as the log says */
        skip();
    for (int abi = 1; abi <= landlock_abi(); abi++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(landlock_holds(abi));
        int status = -1;
        waitpid(pid, &status, 0);
        if (status != 0)
            fail_msg("abi %d: wait status %#x", abi, (unsigned)status);
    }
}

static int limits_hold(void)
{
    struct rlimit core;
    getrlimit(RLIMIT_CORE, &core);
    int files = 0;
    while (dup(2) >= 0)
        files++;
    void *much = SANDBOX_LIMITS_MEMORY ? malloc((size_t)512 * 1024 * 1024) : NULL;
    int file = open(journal, O_WRONLY | O_APPEND);
    return core.rlim_max == 0 && files < SANDBOX_CHILD_FILES && !much && file < 0 ? 0 : 1;
}

static void child_limits_hold(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(sandbox_limit_child((size_t)512 * 1024 * 1024) == ERR_OK ? limits_hold() : 90);
    int status = -1;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A conditional call must not be listed without conditions too: libseccomp would silently drop the conditions. */
static void tables_do_not_contradict(void **state)
{
    (void)state;
    for (int profile = SANDBOX_CHILD; profile < SANDBOX_PROFILES; profile++) {
        const struct sandbox_rule *seen[512];
        size_t count = 0;
        const struct sandbox_tables *tables = sandbox_tables((enum sandbox_profile)profile);
        for (size_t g = 0; g < SANDBOX_MAX_GROUPS; g++)
            for (size_t i = 0; i < tables->groups[g].count; i++) {
                const struct sandbox_rule *rule = &tables->groups[g].rules[i];
                for (size_t k = 0; k < count; k++)
                    if (seen[k]->call == rule->call && (!rule->when[0].mask || !seen[k]->when[0].mask))
                        fail_msg("%s: call %d stands twice", tables->name, rule->call);
                seen[count++] = rule;
            }
    }
}

static void network_paths_fit(void **state)
{
    (void)state;
    const char *paths[SANDBOX_MAX_PATHS] = {0};
    size_t without = sandbox_network_paths(NULL, paths);
    size_t with = sandbox_network_paths("/tmp/ca.pem", paths);
    assert_int_equal(with, without + 1);
    assert_true(with <= SANDBOX_MAX_PATHS);
    assert_string_equal(paths[0], "/tmp/ca.pem");
}

/* --- a place to stand -----------------------------------------------------------------------------------------------
 */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    close(fd);
    return ntohs(address.sin_port);
}

static void wait_for_port(unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons((uint16_t)port)};
    for (int tries = 0; tries < 200; tries++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int answer = connect(fd, (struct sockaddr *)&address, sizeof address);
        close(fd);
        if (answer == 0)
            return;
        usleep(25000);
    }
    fail_msg("the TLS server did not come up");
}

static void start_tls_server(void)
{
    char command[512], key[96], port[16];
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
             "-addext subjectAltName=DNS:localhost -keyout %s -out %s 2>/dev/null",
             key, certificate);
    assert_int_equal(system(command), 0);
    tls_port = free_port();
    snprintf(port, sizeof port, "127.0.0.1:%u", tls_port);
    tls_server = fork();
    if (tls_server == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        alarm(120);
        execlp("openssl", "openssl", "s_server", "-quiet", "-www", "-accept", port, "-cert", certificate, "-key", key,
               (char *)NULL);
        _exit(127);
    }
    wait_for_port(tls_port);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/attune-sandbox-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(journal, sizeof journal, "%s/journal", folder);
    snprintf(readable, sizeof readable, "%s/readable", folder);
    snprintf(certificate, sizeof certificate, "%s/ca.pem", folder);
    write_file(journal, "private");
    write_file(readable, "fine");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bystander = fork();
    if (bystander == 0) {
        alarm(120);
        pause();
        _exit(0);
    }
    start_tls_server();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    int status = 0;
    char command[128];
    /* Nobody got at it: it is still there for us to end. */
    assert_int_equal(waitpid(bystander, &status, WNOHANG), 0);
    kill(bystander, SIGKILL);
    waitpid(bystander, &status, 0);
    kill(tls_server, SIGKILL);
    waitpid(tls_server, &status, 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_succeed_outside),
        cmocka_unit_test(tables_do_not_contradict),
        cmocka_unit_test(network_paths_fit),
        cmocka_unit_test(child_profile_bites),
        cmocka_unit_test(prepared_child_profile_bites),
        cmocka_unit_test(networked_roles_abort_as_usual),
        cmocka_unit_test(zygote_profile_bites),
        cmocka_unit_test(zygote_still_makes_children),
        cmocka_unit_test(zygote_kills_none_but_its_own),
        cmocka_unit_test(fetch_profile_bites_and_lets_work),
        cmocka_unit_test(notify_profile_bites_and_lets_work),
        cmocka_unit_test(every_landlock_abi_holds),
        cmocka_unit_test(child_limits_hold),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
