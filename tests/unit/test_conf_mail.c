/* Mail to staff in attune.yaml: the server, the addresses, the digests; every fault found and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/conf.h>
#include <attune/conf_table.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int make_file(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/attune-conf-mail-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

#define MAILBOX "mailboxes: [{name: support, host: localhost, user: support@example.org, password_file: /p}]\n"
#define STAFF(channel) "staff: [{name: ana, channels: [{name: post" channel "}]}]\n"
#define ANA STAFF(", mail: ana@example.org")
#define PAGES "pages: {clinical: [{to: ana, every: 2m}]}\n"
#define SMTP "smtp: {host: mail.example.org, from: attune@example.org}\n"
#define DOMAINS "staff_domains: [example.net, Example.ORG]\n"

static enum err load(const char *text, struct conf **conf, struct diag *diag)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    *conf = NULL;
    diag_init(diag);
    return conf_load(path, conf, diag);
}

static void takes_every_key(void **state)
{
    (void)state;
    struct conf *conf;
    struct diag diag;
    assert_int_equal(load(MAILBOX ANA PAGES DOMAINS
                          "smtp: {host: localhost, tls: none, user: u, password_file: /pw, from: attune@example.org}\n"
                          "digest: [{to: ana, at: \"23:59\", days: [sun, sat]}, {to: ana, at: 08:00}]\n",
                          &conf, &diag),
                     ERR_OK);
    assert_int_equal(conf->smtp.port, 25);
    assert_int_equal(conf->smtp.tls, SMTP_TLS_NONE);
    assert_string_equal(conf->smtp.password_file, "/pw");
    assert_int_equal(conf->staff_domain_count, 2);
    assert_int_equal(conf->digest_count, 2);
    assert_int_equal(conf->digests[0].at_minute, 23 * 60 + 59);
    assert_int_equal(conf->digests[0].days, 1 | 1 << 6);
    assert_int_equal(conf->digests[1].at_minute, 480);
    assert_int_equal(conf->digests[1].days, 0x7f);
    assert_string_equal(conf_mail_channel(&conf->staff[0])->mail, "ana@example.org");
    assert_null(conf->staff[0].channels[0].url);
    conf_free(&conf);
    diag_free(&diag);
}

static void knows_the_usual_ports(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint16_t port;
    } cases[] = {{SMTP, 587},
                 {"smtp: {host: m, from: a@example.org, tls: implicit}\n", 465},
                 {"smtp: {host: m, from: a@example.org, port: 2525}\n", 2525}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conf *conf;
        struct diag diag;
        char text[2048];
        snprintf(text, sizeof text, "%s%s", MAILBOX ANA PAGES DOMAINS, cases[i].text);
        assert_int_equal(load(text, &conf, &diag), ERR_OK);
        assert_int_equal(conf->smtp.port, cases[i].port);
        conf_free(&conf);
        diag_free(&diag);
    }
}

static const struct {
    const char *text;
    const char *code;
    const char *says; /* in "subject: message" */
} faults[] = {
    {MAILBOX ANA PAGES DOMAINS, "C018", "ana: ana@example.org needs smtp"},
    {MAILBOX ANA PAGES SMTP, "C018", "ana: ana@example.org is outside staff_domains"},
    {MAILBOX ANA PAGES SMTP "staff_domains: [ample.org]\n", "C018", "outside staff_domains"},
    {MAILBOX ANA PAGES SMTP "staff_domains: [sub.example.org]\n", "C018", "outside staff_domains"},
    {MAILBOX STAFF(", mail: Support@Example.org") PAGES SMTP DOMAINS, "C018", "is a watched mailbox"},
    {MAILBOX STAFF(", mail: ana@example.org, secret_file: /s") PAGES SMTP DOMAINS, "C018", "takes no secret"},
    {MAILBOX STAFF(", mail: ana@example.org, webhook: 'https://p.example.org', secret_file: /s") PAGES SMTP DOMAINS,
     "C012", "webhook and mail exclude each other"},
    {MAILBOX STAFF("") PAGES, "C006", "ana: webhook or mail is missing"},
    {MAILBOX STAFF(", mail: ana") PAGES SMTP DOMAINS, "C004", "one mail address"},
    {MAILBOX STAFF(", mail: \"ana@example.org\\r\\nBcc: eve@example.net\"") PAGES SMTP DOMAINS, "C004", "line break"},
    {MAILBOX STAFF(", mail: 'ana@example.org, eve@example.org'") PAGES SMTP DOMAINS, "C004", "one mail address"},
    {MAILBOX ANA PAGES DOMAINS "smtp: {from: a@example.org}\n", "C006", "smtp: host is missing"},
    {MAILBOX ANA PAGES DOMAINS "smtp: {host: m}\n", "C006", "smtp: from is missing"},
    {MAILBOX ANA PAGES DOMAINS "smtp: {host: m, from: a@example.org, tls: none}\n", "C008", "in the clear"},
    {MAILBOX ANA PAGES DOMAINS "smtp: {host: m, from: a@example.org, user: u}\n", "C006",
     "password_file or credential"},
    {MAILBOX ANA PAGES DOMAINS "smtp: {host: m, from: a@example.org, password_file: /p}\n", "C006", "user is missing"},
    {MAILBOX ANA PAGES DOMAINS "smtp: {host: m, from: a@example.org, password: p}\n", "C002", "does not belong"},
    {MAILBOX ANA PAGES SMTP "staff_domains: []\n", "C005", "1 to 64"},
    {MAILBOX ANA PAGES SMTP "staff_domains: ['*']\n", "C004", "behind the @"},
    {MAILBOX ANA PAGES SMTP DOMAINS "digest: [{to: anna, at: 08:00}]\n", "C010", "did you mean ana?"},
    {MAILBOX STAFF(", webhook: 'https://p.example.org', secret_file: /s") PAGES "digest: [{to: ana, at: 08:00}]\n",
     "C019", "ana: has no mail address"},
    {MAILBOX ANA PAGES SMTP DOMAINS "digest: [{to: ana}]\n", "C006", "digest[1].at: is missing"},
    {MAILBOX ANA PAGES SMTP DOMAINS "digest: [{to: ana, at: 24:00}]\n", "C004", "time of the day"},
    {MAILBOX ANA PAGES SMTP DOMAINS "digest: [{to: ana, at: 08:60}]\n", "C004", "time of the day"},
    {MAILBOX ANA PAGES SMTP DOMAINS "digest: [{to: ana, at: 8}]\n", "C004", "time of the day"},
    {MAILBOX ANA PAGES SMTP DOMAINS "digest: [{to: ana, at: 08:00, days: []}]\n", "C005", "1 to 7"},
    {MAILBOX ANA PAGES SMTP DOMAINS "digest: [{to: ana, at: 08:00, days: [sunday]}]\n", "C004", "one of: sun, mon"},
    {MAILBOX ANA PAGES SMTP DOMAINS "digest: [{to: ana, at: 08:00, days: mon}]\n", "C003", "must be a list"},
};

static bool has_finding(const struct diag *diag, const char *code, const char *says)
{
    for (size_t i = 0; i < diag->count; i++) {
        char both[700];
        snprintf(both, sizeof both, "%s: %s", diag->items[i].subject, diag->items[i].message);
        if (strcmp(diag->items[i].code, code) == 0 && strstr(both, says))
            return true;
    }
    return false;
}

static void finds_every_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct conf *conf;
        struct diag diag;
        enum err error = load(faults[i].text, &conf, &diag);
        if (error != ERR_INPUT || !has_finding(&diag, faults[i].code, faults[i].says))
            fail_msg("no %s \"%s\" for\n%s", faults[i].code, faults[i].says, faults[i].text);
        conf_free(&conf);
        diag_free(&diag);
    }
}

static void tells_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"a@b", "ana.b+c@mail-1.example.org", "o'neill@example.org"};
    static const char *const bad[] = {"",         "@",       "a@",         "@b",         "a b@c",   "a@b c",
                                      "a@@b",     "a@b@c",   "<a@b>",      "a@[::1]",    "\"a\"@b", "a..b@c",
                                      ".a@b",     "-a@b",    "a.@b",       "a@.b",       "a@b.",    "a@-b",
                                      "a@b\r\nc", "a@b,c@d", "\xc5\xa1@b", "a@\xc5\xa1", "a@b>",    "a@b..c"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(conf_address_is_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (conf_address_is_valid(bad[i]))
            fail_msg("taken: %s", bad[i]);
    char longest[CONF_MAX_ADDRESS + 2];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    longest[1] = '@';
    assert_false(conf_address_is_valid(longest));
    longest[CONF_MAX_ADDRESS] = '\0';
    assert_true(conf_address_is_valid(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_key),
        cmocka_unit_test(knows_the_usual_ports),
        cmocka_unit_test(finds_every_fault),
        cmocka_unit_test(tells_addresses),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
