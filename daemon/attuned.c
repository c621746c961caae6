/* The daemon's entry: arguments and role dispatch. With --role it is one of keep's children; otherwise it is keep. */
#include <attune/keep.h>
#include <attune/role.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: attuned [--config FILE] [--check | --until-idle]\n"
    "\n"
    "Watches support mailboxes over IMAP, reads every new message for what it implies, puts each into an agent queue "
    "or a\n"
    "clinical queue in the same mailboxes, and pages a clinician when somebody should be read now. Runs in the "
    "foreground.\n"
    "\n"
    "  --config FILE   the configuration (default /etc/attune/attune.yaml)\n"
    "  --check         check configuration, secrets and rules, say what is wrong, and end\n"
    "  --until-idle    work until nothing is in flight or due within 2 s, then stop cleanly\n"
    "  --sample        print a commented configuration to begin with\n"
    "  --manual        print attune.yaml(5)\n"
    "  --version       print the version\n"
    "  --help          print this\n"
    "\n"
    "SIGTERM stops cleanly, SIGHUP reloads configuration and rules (a bad set leaves the last good one).\n"
    "Exit status: 0 done, 1 a check failed, 2 wrong use or a start that is not possible.\n";

static int run_role(const char *name)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } roles[] = {{"fetch", fetch_main}, {"screen", screen_main}, {"notify", notify_main}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(roles[i].name, name) == 0)
            _exit(roles[i].run()); /* libraries' exit handlers would run into the sandbox */
    fprintf(stderr, "attuned: there is no role '%s'\n", name);
    return 2;
}

/* Both are made from the table of settings. */
static int print_settings(void (*print)(struct buf *out))
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    print(&text);
    bool done = !buf_failed(&text) && fputs(buf_text(&text), stdout) >= 0 && fflush(stdout) == 0;
    buf_free(&text);
    return done ? 0 : 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"until-idle", no_argument, NULL, 'i'},   {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {"sample", no_argument, NULL, 's'},
        {"manual", no_argument, NULL, 'm'},       {0},
    };
    struct keep_options keep = {.conf_path = "/etc/attune/attune.yaml"};
    if (argc >= 3 && strcmp(argv[1], "--role") == 0)
        return run_role(argv[2]);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            keep.conf_path = optarg;
            break;
        case 'k':
            keep.check_only = true;
            break;
        case 'i':
            keep.until_idle = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 's':
            return print_settings(conf_print_sample);
        case 'm':
            return print_settings(conf_print_manual);
        case 'v':
            puts("attuned " ATTUNE_VERSION);
            return 0;
        default:
            fputs("attuned: try 'attuned --help'\n", stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "attuned: '%s' is not an option; try 'attuned --help'\n", argv[optind]);
        return 2;
    }
    return keep_main(&keep);
}
