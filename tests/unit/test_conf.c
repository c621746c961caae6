/* attune.yaml: what a good file gives, and that every fault is found, placed and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/conf.h>
#include <attune/conf_table.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char conf_path[96];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/attune-conf-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(conf_path, sizeof conf_path, "%s/attune.yaml", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(conf_path);
    return rmdir(folder);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    size_t length = strlen(text);
    assert_int_equal(write(fd, text, length), (ssize_t)length);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* The least that is a whole configuration. Tests change one piece each. */
static const char mailbox_lines[] = "mailboxes:\n"
                                    "  - name: support\n"
                                    "    host: localhost\n"
                                    "    user: support@example.org\n"
                                    "    password_file: /secret/password\n";
static const char staff_lines[] =
    "staff:\n"
    "  - name: ana\n"
    "    channels: [{name: phone, webhook: 'https://p.example.org/a', secret_file: /s/a}]\n";
static const char page_lines[] = "pages: {clinical: [{to: ana, every: 2m}]}\n";

struct load {
    enum err error;
    struct conf *conf;
    struct diag diag;
};

static struct load load_text(const char *first, const char *mailboxes, const char *staff, const char *pages)
{
    struct buf text;
    buf_init(&text, 1024 * 1024);
    buf_addf(&text, "%s%s%s%s", first, mailboxes, staff, pages);
    write_file(conf_path, buf_text(&text), 0600);
    buf_free(&text);
    struct load load = {.conf = NULL};
    diag_init(&load.diag);
    load.error = conf_load(conf_path, &load.conf, &load.diag);
    assert_true((load.error == ERR_OK) == (load.conf != NULL));
    return load;
}

static void load_free(struct load *load)
{
    conf_free(&load->conf);
    diag_free(&load->diag);
}

static void fills_in_defaults(void **state)
{
    (void)state;
    struct load load = load_text("", mailbox_lines, staff_lines, page_lines);
    assert_int_equal(load.error, ERR_OK);
    assert_int_equal(load.diag.count, 0);
    const struct conf *conf = load.conf;
    assert_string_equal(conf->state_dir, "/var/lib/attune");
    assert_string_equal(conf->run_dir, "/run/attune");
    assert_true(conf->rules_dir[0] == '/'); /* where this build installs them */
    assert_string_equal(conf->site_key_file, "/var/lib/attune/site.key");
    assert_null(conf->ca_file);
    assert_null(conf->control_group);
    assert_int_equal(conf->mode, CONF_MODE_ROUTE);
    assert_int_equal(conf->screen_children, 0);
    assert_int_equal(conf->mailbox_count, 1);
    const struct conf_mailbox *mailbox = &conf->mailboxes[0];
    assert_int_equal(mailbox->port, 993);
    assert_int_equal(mailbox->tls, FETCH_TLS_IMPLICIT);
    assert_string_equal(mailbox->inbox, "INBOX");
    assert_int_equal(mailbox->also_read_count, 1);
    assert_string_equal(mailbox->also_read[0], "Junk");
    assert_null(mailbox->places[PLACE_STAY]);
    assert_string_equal(mailbox->places[PLACE_URGENT], "Clinical/Urgent");
    assert_string_equal(mailbox->places[PLACE_TODAY], "Clinical/Today");
    assert_string_equal(mailbox->places[PLACE_REVIEW], "Clinical/Review");
    assert_string_equal(mailbox->places[PLACE_SAFETY], "Clinical/Safety");
    assert_null(mailbox->places[PLACE_AGENT]);
    assert_true(mailbox->create_folders && mailbox->keywords);
    assert_int_equal(mailbox->message_cap, 30 * 1024 * 1024);
    assert_int_equal(mailbox->poll_s, 15);
    assert_int_equal(mailbox->reconcile_s, 300);
    assert_int_equal(conf->clinical_count, 1);
    assert_int_equal(conf->safety_count, 0);
    assert_int_equal(conf->clinical[0].every_s, 120);
    assert_string_equal(conf_find_person(conf, "ana")->channels[0].url, "https://p.example.org/a");
    assert_null(conf_find_person(conf, "ben"));
    load_free(&load);
}

static void takes_every_key(void **state)
{
    (void)state;
    struct load load =
        load_text("mode: route\nstate_dir: /s\nrun_dir: /r\nrules: /rules\nsite_key_file: /k\nca_file: /ca\n"
                  "control: {group: g, admin_group: a}\nscreen_children: 3\n",
                  "mailboxes:\n"
                  "  - name: a\n"
                  "    host: '::1'\n"
                  "    port: 10143\n"
                  "    tls: none\n"
                  "    ca_file: /own\n"
                  "    user: u\n"
                  "    credential: pass\n"
                  "    inbox: In\n"
                  "    also_read: []\n"
                  "    folders: {urgent: U, today: T, review: Ră, safety: S, agent: A}\n"
                  "    create_folders: no\n"
                  "    keywords: no\n"
                  "    message_cap: 512 KiB\n"
                  "    poll: 1s\n"
                  "    reconcile: 4h\n"
                  "  - {name: b, host: mail.example.org, tls: starttls, user: u, password_file: /p}\n",
                  "staff:\n"
                  "  - {name: ana, channels: [{name: a, webhook: 'http://127.0.0.1:8080/x', credential: ana}]}\n"
                  "  - {name: ben, channels: [{name: a, webhook: 'https://x.example.org', secret_file: /b}]}\n",
                  "pages: {clinical: [{to: ben, every: 1m}, {to: everybody, after: 1d, every: 1h}], safety: [{to: ana, "
                  "every: 5s}]}\n");
    assert_int_equal(load.error, ERR_OK);
    const struct conf *conf = load.conf;
    assert_string_equal(conf->site_key_file, "/k");
    assert_string_equal(conf->control_group, "g");
    assert_string_equal(conf->admin_group, "a");
    assert_int_equal(conf->screen_children, 3);
    const struct conf_mailbox *mailbox = &conf->mailboxes[0];
    assert_int_equal(mailbox->port, 10143);
    assert_int_equal(mailbox->tls, FETCH_TLS_NONE);
    assert_string_equal(mailbox->ca_file, "/own");
    assert_string_equal(mailbox->password_file, "/run/credentials/attune.service/pass");
    assert_int_equal(mailbox->also_read_count, 0);
    assert_string_equal(mailbox->places[PLACE_REVIEW], "Ră");
    assert_string_equal(mailbox->places[PLACE_AGENT], "A");
    assert_false(mailbox->create_folders || mailbox->keywords);
    assert_int_equal(mailbox->message_cap, 512 * 1024);
    assert_int_equal(mailbox->reconcile_s, 4 * 3600);
    assert_int_equal(conf->mailboxes[1].port, 143);
    assert_string_equal(conf->mailboxes[1].ca_file, "/ca");
    assert_string_equal(conf->staff[0].channels[0].secret_file, "/run/credentials/attune.service/ana");
    assert_int_equal(conf->clinical[1].after_s, 86400);
    assert_string_equal(conf->safety[0].to, "ana");
    load_free(&load);
}

struct fault {
    const char *first; /* before the mailboxes */
    const char *mailbox;
    const char *staff;
    const char *pages;
    const char *code;
    unsigned line;
    const char *says; /* in the subject or the message */
};

#define MAILBOX(lines) "mailboxes:\n  - {name: support, host: localhost, user: u, password_file: /p" lines "}\n"
#define STAFF(channel) "staff:\n  - {name: ana, channels: [{name: phone" channel "}]}\n"

static const struct fault faults[] = {
    {.first = "mailbox: 1\n", .code = "C001", .line = 1, .says = "did you mean mailboxes?"},
    {.first = "\nfrobnicate: 1\n", .code = "C001", .line = 2, .says = "here belong: mode, state_dir"},
    {.first = "control: {groop: x}\n", .code = "C001", .line = 1, .says = "control.groop"},
    {.mailbox = MAILBOX(", password: x"), .code = "C002", .line = 2, .says = "does not belong in this file"},
    {.staff = STAFF(", webhook: 'https://a.example', secret_file: /s, secret: x"),
     .code = "C002",
     .line = 7,
     .says = "secret"},
    {.first = "rules: [a]\n", .code = "C003", .line = 1, .says = "must be a text, not a list"},
    {.mailbox = "mailboxes: support\n", .code = "C003", .line = 1, .says = "must be a list"},
    {.mailbox = "mailboxes: [support]\n", .code = "C003", .line = 1, .says = "mailboxes[1]"},
    {.first = "- a\n", .mailbox = "", .staff = "", .pages = "", .code = "C003", .line = 1, .says = "must be a map"},
    {.first = "mode: observe\n", .code = "C004", .line = 1, .says = "observe is not in this version"},
    {.first = "mode: rout\n", .code = "C004", .line = 1, .says = "must be one of: route"},
    {.first = "state_dir: var/lib\n", .code = "C004", .line = 1, .says = "whole path"},
    {.first = "state_dir:\n", .code = "C004", .line = 1, .says = "is empty"},
    {.first = "state_dir: \"/a\\nb\"\n", .code = "C004", .line = 1, .says = "line break"},
    {.first = "screen_children: 65\n", .code = "C004", .line = 1, .says = "between 0 and 64"},
    {.first = "screen_children: two\n", .code = "C004", .line = 1, .says = "whole number"},
    {.mailbox = MAILBOX(", poll: 15"), .code = "C004", .line = 2, .says = "number and its unit"},
    {.mailbox = MAILBOX(", poll: 0s"), .code = "C004", .line = 2, .says = "between 1s and 600s"},
    {.mailbox = MAILBOX(", poll: 99999999999999999999d"), .code = "C004", .line = 2, .says = "number"},
    {.mailbox = MAILBOX(", reconcile: 4294967295d"), .code = "C004", .line = 2, .says = "between"},
    {.mailbox = MAILBOX(", message_cap: 30MB"), .code = "C004", .line = 2, .says = "30 MiB"},
    {.mailbox = MAILBOX(", message_cap: 63 KiB"), .code = "C004", .line = 2, .says = "between 64KiB"},
    {.mailbox = MAILBOX(", keywords: true"), .code = "C004", .line = 2, .says = "yes or no"},
    {.mailbox = MAILBOX(", port: 0"), .code = "C004", .line = 2, .says = "between 1 and 65535"},
    {.mailbox = MAILBOX(", port: 65536"), .code = "C004", .line = 2, .says = "between 1 and 65535"},
    {.mailbox = MAILBOX(", tls: ssl"), .code = "C004", .line = 2, .says = "implicit, starttls, none"},
    {.mailbox = MAILBOX(", inbox: \"IN\\rBOX\""), .code = "C004", .line = 2, .says = "line break"},
    {.mailbox = MAILBOX(", folders: {today: 'a*'}"), .code = "C004", .line = 2, .says = "folders.today"},
    {.mailbox = MAILBOX(", also_read: [a, \"b\\nc\"]"), .code = "C004", .line = 2, .says = "also_read"},
    {.mailbox = "mailboxes: [{name: Support, host: h, user: u, password_file: /p}]\n",
     .code = "C004",
     .line = 1,
     .says = "lower-case"},
    {.mailbox = "mailboxes: [{name: a, host: 'imaps://h', user: u, password_file: /p}]\n",
     .code = "C004",
     .line = 1,
     .says = "host name"},
    {.staff = STAFF(", webhook: 'http://p.example.org/a', secret_file: /s"),
     .code = "C004",
     .line = 7,
     .says = "https://"},
    {.staff = STAFF(", webhook: 'ftp://p.example.org/a', secret_file: /s"),
     .code = "C004",
     .line = 7,
     .says = "https://"},
    {.mailbox = "mailboxes: []\n", .code = "C005", .line = 1, .says = "1 to 500"},
    {.staff = "staff: [{name: ana, channels: []}]\n", .code = "C005", .line = 6, .says = "staff[1].channels"},
    {.mailbox = "", .code = "C006", .line = 1, .says = "mailboxes: is missing"},
    {.mailbox = "mailboxes: [{name: a, user: u, password_file: /p}]\n",
     .code = "C006",
     .line = 1,
     .says = "mailboxes[1].host"},
    {.mailbox = "mailboxes: [{name: a, host: h, user: u}]\n",
     .code = "C006",
     .line = 1,
     .says = "password_file or credential"},
    {.pages = "", .code = "C006", .line = 1, .says = "pages: is missing"},
    {.pages = "pages: {}\n", .code = "C006", .line = 9, .says = "pages.clinical"},
    {.staff = "staff: [{name: ana}]\n", .code = "C006", .line = 6, .says = "staff[1].channels: is missing"},
    {.mailbox = "mailboxes: [{name: a, host: h, user: u, password_file: /p},\n {name: a, host: h, user: u, "
                "password_file: /p}]\n",
     .code = "C007",
     .line = 2,
     .says = "another mailbox"},
    {.staff = "staff: [{name: ana, channels: [{name: a, webhook: 'https://a.example', secret_file: /s},\n"
              "{name: a, webhook: 'https://b.example', secret_file: /s}]}]\n",
     .code = "C007",
     .line = 7,
     .says = "another channel"},
    {.staff = "staff: [{name: ana, channels: [{name: a, webhook: 'https://a.example', secret_file: /s}]},\n"
              "{name: ana, channels: [{name: a, webhook: 'https://b.example', secret_file: /s}]}]\n",
     .code = "C007",
     .line = 7,
     .says = "another person"},
    {.mailbox = "mailboxes: [{name: a, host: imap.example.org, tls: none, user: u, password_file: /p}]\n",
     .code = "C008",
     .line = 1,
     .says = "in the clear"},
    {.staff = "staff: [{name: everybody, channels: [{name: a, webhook: 'https://a.example', secret_file: /s}]}]\n",
     .pages = "pages: {clinical: [{to: everybody, every: 1m}]}\n",
     .code = "C009",
     .line = 6,
     .says = "all staff"},
    {.pages = "pages: {clinical: [{to: anna, every: 1m}]}\n", .code = "C010", .line = 9, .says = "did you mean ana?"},
    {.pages = "pages: {clinical: [{to: ana, every: 1m}], safety: [{to: zoe, every: 1m}]}\n",
     .code = "C010",
     .line = 9,
     .says = "zoe is not on staff"},
    {.mailbox = MAILBOX(", folders: {today: Clinical/Urgent}"),
     .code = "C011",
     .line = 2,
     .says = "folders.urgent and folders.today"},
    {.mailbox = MAILBOX(", folders: {review: inbox}"), .code = "C011", .line = 2, .says = "inbox and folders.review"},
    {.mailbox = MAILBOX(", also_read: [Clinical/Safety]"),
     .code = "C011",
     .line = 2,
     .says = "also_read and folders.safety"},
    {.mailbox = MAILBOX(", also_read: [Inbox]"), .code = "C011", .line = 2, .says = "inbox and also_read"},
    {.mailbox = MAILBOX(", folders: {review: Clinical/Taken/ana}"),
     .code = "C011",
     .line = 2,
     .says = "folders.review stands within folders.taken"},
    {.mailbox = MAILBOX(", folders: {taken: Clinical/Today}"),
     .code = "C011",
     .line = 2,
     .says = "folders.today stands"},
    {.mailbox = MAILBOX(", credential: x"), .code = "C012", .line = 2, .says = "exclude each other"},
    {.mailbox = "mailboxes: [{name: a, host: h, user: u, credential: ../x}]\n",
     .code = "C012",
     .line = 1,
     .says = "not a path"},
    {.pages = "pages:\n  clinical:\n  - {to: ana, after: 5m}\n  - {to: ana, after: 1m, every: 1m}\n",
     .code = "C013",
     .line = 12,
     .says = "order"},
    {.mailbox = "mailboxes: [{name: a, host: h, user: u, password_file: /p},\n {name: b, host: H, user: u, "
                "password_file: /p}]\n",
     .code = "C017",
     .line = 2,
     .says = "both use the folder INBOX"},
    {.mailbox = "mailboxes: [{name: a, host: h, user: u, password_file: /p},\n"
                "{name: b, host: h, user: u, inbox: Sales, password_file: /p}]\n",
     .code = "C017",
     .line = 2,
     .says = "both use the folder Junk"},
    {.mailbox =
         "mailboxes: [{name: a, host: h, user: u, also_read: [], password_file: /p},\n"
         "{name: b, host: h, user: u, inbox: Clinical/Today, also_read: [], folders: {today: T}, password_file: /p}]\n",
     .code = "C017",
     .line = 2,
     .says = "both use the folder Clinical/Today"},
    {.first = "a: 1\na: 2\n", .code = "Y008", .line = 2, .says = "twice"},
};

static bool has_finding(const struct diag *diag, const struct fault *fault)
{
    for (size_t i = 0; i < diag->count; i++) {
        const struct diag_item *item = &diag->items[i];
        char both[700];
        snprintf(both, sizeof both, "%s: %s", item->subject, item->message);
        if (strcmp(item->code, fault->code) == 0 && item->line == fault->line && strstr(both, fault->says) &&
            strcmp(item->file, conf_path) == 0)
            return true;
    }
    return false;
}

static void finds_every_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct fault *fault = &faults[i];
        struct load load =
            load_text(fault->first ? fault->first : "", fault->mailbox ? fault->mailbox : mailbox_lines,
                      fault->staff ? fault->staff : staff_lines, fault->pages ? fault->pages : page_lines);
        if (load.error != ERR_INPUT || !has_finding(&load.diag, fault)) {
            struct buf found;
            buf_init(&found, 64 * 1024);
            diag_print(&load.diag, &found);
            fail_msg("row %zu: wanted %s at line %u, \"%s\"; found %s:\n%s", i, fault->code, fault->line, fault->says,
                     err_name(load.error), buf_text(&found));
        }
        load_free(&load);
    }
}

static void shows_all_faults_at_once(void **state)
{
    (void)state;
    struct load load = load_text("mode: observe\nrulez: /r\n", MAILBOX(", prot: 1, poll: x"), staff_lines, page_lines);
    assert_int_equal(load.error, ERR_INPUT);
    assert_int_equal(load.diag.errors, 4);
    load_free(&load);
}

static void lets_one_account_have_two_entries(void **state)
{
    (void)state;
    /* Clinical folders may be shared: nobody reads them for new mail. */
    struct load load = load_text("",
                                 "mailboxes: [{name: a, host: h, user: u, password_file: /p},\n"
                                 "{name: b, host: h, user: u, inbox: Sales, also_read: [], password_file: /p}]\n",
                                 staff_lines, page_lines);
    assert_int_equal(load.error, ERR_OK);
    load_free(&load);
}

static void warns_of_a_weak_ladder(void **state)
{
    (void)state;
    struct load load = load_text("", mailbox_lines, staff_lines, "pages: {clinical: [{to: ana, after: 1m}]}\n");
    assert_int_equal(load.error, ERR_OK);
    assert_int_equal(load.diag.errors, 0);
    assert_int_equal(load.diag.count, 2);
    assert_string_equal(load.diag.items[0].code, "C014");
    assert_string_equal(load.diag.items[1].code, "C015");
    load_free(&load);
}

static void bounds_lists(void **state)
{
    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        struct buf mailboxes;
        buf_init(&mailboxes, 1024 * 1024);
        buf_add_text(&mailboxes, "mailboxes:\n");
        for (size_t i = 0; i < CONF_MAX_MAILBOXES + extra; i++)
            buf_addf(&mailboxes, "- {name: m%zu, host: h, user: u%zu, password_file: /p}\n", i, i);
        struct load load = load_text("", buf_text(&mailboxes), staff_lines, page_lines);
        assert_int_equal(load.error, extra ? ERR_INPUT : ERR_OK);
        if (extra)
            assert_string_equal(load.diag.items[0].code, "C005");
        load_free(&load);
        buf_free(&mailboxes);
    }
}

static void bounds_the_control_sockets_path(void **state)
{
    (void)state;
    for (int length = 99; length <= 100; length++) {
        char line[128];
        snprintf(line, sizeof line, "run_dir: /%0*d\n", length - 1, 0);
        struct load load = load_text(line, mailbox_lines, staff_lines, page_lines);
        assert_int_equal(load.error, length > 99 ? ERR_INPUT : ERR_OK);
        load_free(&load);
    }
}

static void survives_every_cut(void **state)
{
    (void)state;
    struct buf sample;
    buf_init(&sample, 64 * 1024);
    conf_print_sample(&sample);
    char *text = strdup(buf_text(&sample));
    assert_non_null(text);
    for (size_t cut = strlen(text); cut > 0; cut -= cut < 37 ? cut : 37) {
        text[cut] = '\0';
        struct load load = load_text(text, "", "", "");
        assert_true(load.error == ERR_OK || (load.error == ERR_INPUT && load.diag.errors > 0));
        load_free(&load);
    }
    free(text);
    buf_free(&sample);
}

static void tells_loopback_from_far(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool near;
    } rows[] = {
        {"localhost", true},
        {"LOCALHOST", true},
        {"127.0.0.1", true},
        {"127.8.8.8", true},
        {"::1", true},
        {"[::1]", true},
        {"localhost.example", false},
        {"127.0.0.1.example", false},
        {"128.0.0.1", false},
        {"0.0.0.0", false},
        {"::", false},
        {"::ffff:127.0.0.1", false},
        {"2130706433", false},
        {"", false},
        {"[]", false},
        {"127.1", false},
        {"[", false},
        {"]", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (conf_host_is_loopback(rows[i].host) != rows[i].near)
            fail_msg("%s", rows[i].host);
}

static void checks_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool good;
    } rows[] = {
        {"https://pager.example.org/hook?t=1", true},
        {"https://pager.example.org:8443", true},
        {"http://127.0.0.1:1/x", true},
        {"http://[::1]:1/x", true},
        {"http://localhost/x", true},
        {"http://pager.example.org/", false},
        {"http://127.0.0.1.example.org/", false},
        {"http://127.0.0.1@pager.example.org/", false},
        {"http://pager.example.org/127.0.0.1", false},
        {"http://pager.example.org#@127.0.0.1", false},
        {"http://pager.example.org\\@127.0.0.1/", false},
        {"https://ana:word@pager.example.org/", false},
        {"https://pager.example.org/#part", false},
        {"https://pager.example.org/a b", false},
        {"https://pager.example.org/\xc3\xa9", false},
        {"https://pager.example.org/\r\nX: y", false},
        {"https://", false},
        {"file:///etc/passwd", false},
        {"gopher://127.0.0.1/", false},
        {"pager.example.org", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char why[256] = "";
        if (conf_check_url(rows[i].url, why) != rows[i].good)
            fail_msg("%s: %s", rows[i].url, why);
        assert_true(rows[i].good == (why[0] == '\0'));
    }
}

static bool opens(const char *path)
{
    struct diag diag;
    diag_init(&diag);
    int fd = -1;
    enum err error = conf_open_secret(path, &fd, &diag);
    assert_true(error == ERR_OK || (error == ERR_INPUT && diag.errors == 1 && fd == -1));
    if (error == ERR_OK) {
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        close(fd);
    }
    diag_free(&diag);
    return error == ERR_OK;
}

static void opens_only_private_secrets(void **state)
{
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "%s/secret", folder);
    static const struct {
        mode_t mode;
        bool alone, credential;
    } rows[] = {{0600, true, true},  {0400, true, true},   {0700, true, true},   {0640, false, true},
                {0620, false, true}, {0604, false, false}, {0644, false, false}, {0602, false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        write_file(path, "word\n", rows[i].mode);
        assert_int_equal(opens(path), rows[i].alone);
        setenv("CREDENTIALS_DIRECTORY", folder, 1);
        assert_int_equal(opens(path), rows[i].credential);
        unsetenv("CREDENTIALS_DIRECTORY");
        unlink(path);
    }
    assert_false(opens(path)); /* absent */
    assert_false(opens(folder));
    assert_false(opens("/dev/zero"));
    write_file(path, "", 0600);
    assert_false(opens(path));
    assert_int_equal(truncate(path, 64 * 1024), 0);
    assert_true(opens(path));
    assert_int_equal(truncate(path, 64 * 1024 + 1), 0);
    assert_false(opens(path));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(opens(path));
    unlink(path);
}

static void names_every_secret_that_fails(void **state)
{
    (void)state;
    struct load load = load_text("", mailbox_lines, staff_lines, page_lines);
    assert_int_equal(load.error, ERR_OK);
    assert_int_equal(conf_check_secrets(load.conf, &load.diag), ERR_INPUT);
    assert_int_equal(load.diag.errors, 2);
    assert_string_equal(load.diag.items[0].file, "/secret/password");
    assert_string_equal(load.diag.items[1].file, "/s/a");
    load_free(&load);
}

/* Unit tests run in the project's folder. UPDATE_SAMPLE=1 writes the file anew after a change of the table. */
static void assert_stored(const char *path, const struct buf *expected)
{
    static char stored[64 * 1024];
    if (getenv("UPDATE_SAMPLE"))
        write_file(path, buf_text(expected), 0644);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(stored, 1, sizeof stored - 1, file);
    fclose(file);
    stored[length] = '\0';
    assert_string_equal(stored, buf_text(expected));
}

static void keeps_the_sample_true(void **state)
{
    (void)state;
    struct buf sample;
    buf_init(&sample, 64 * 1024);
    conf_print_sample(&sample);
    assert_false(buf_failed(&sample));
    struct load load = load_text(buf_text(&sample), "", "", "");
    assert_int_equal(load.error, ERR_OK);
    assert_int_equal(load.diag.count, 0);
    load_free(&load);

    assert_stored("docs/attune.yaml.sample", &sample);
    buf_free(&sample);
}

static void keeps_the_manual_true(void **state)
{
    (void)state;
    struct buf manual;
    buf_init(&manual, 64 * 1024);
    conf_print_manual(&manual);
    assert_false(buf_failed(&manual));
    assert_null(strstr(buf_text(&manual), "\\fR()")); /* a kind of value that the page has no word for */
    assert_stored("docs/attune.yaml.5", &manual);
    buf_free(&manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_defaults),
        cmocka_unit_test(takes_every_key),
        cmocka_unit_test(finds_every_fault),
        cmocka_unit_test(shows_all_faults_at_once),
        cmocka_unit_test(lets_one_account_have_two_entries),
        cmocka_unit_test(warns_of_a_weak_ladder),
        cmocka_unit_test(bounds_lists),
        cmocka_unit_test(bounds_the_control_sockets_path),
        cmocka_unit_test(survives_every_cut),
        cmocka_unit_test(tells_loopback_from_far),
        cmocka_unit_test(checks_urls),
        cmocka_unit_test(opens_only_private_secrets),
        cmocka_unit_test(names_every_secret_that_fails),
        cmocka_unit_test(keeps_the_sample_true),
        cmocka_unit_test(keeps_the_manual_true),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
