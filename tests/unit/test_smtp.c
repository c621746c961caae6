/* Submission: the server's settings, the password file, what reply codes mean. The talk itself is tests/system's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/smtp.h>
#include <attune/staff.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void judges_codes(void **state)
{
    (void)state;
    for (long code = 0; code <= 1000; code++) {
        bool accepted = code >= 200 && code <= 299, rejected = code >= 500 && code <= 599;
        enum notify_outcome wanted = accepted ? NOTIFY_ACCEPTED : rejected ? NOTIFY_REJECTED : NOTIFY_RETRY;
        assert_int_equal(smtp_judge_code(code), wanted);
    }
}

static void takes_safe_servers_only(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum smtp_tls tls;
        const char *from;
        bool good;
    } cases[] = {
        {"smtp://mail.example.org:587", SMTP_TLS_STARTTLS, "a@example.org", true},
        {"smtps://mail.example.org:465", SMTP_TLS_IMPLICIT, "a@example.org", true},
        {"smtp://127.0.0.1:25", SMTP_TLS_NONE, "a@example.org", true},
        {"smtp://[::1]:25", SMTP_TLS_NONE, "a@example.org", true},
        {"smtp://localhost:25", SMTP_TLS_NONE, "a@example.org", true},
        {"smtp://mail.example.org:25", SMTP_TLS_NONE, "a@example.org", false},
        {"smtp://127.0.0.1.example.org:25", SMTP_TLS_NONE, "a@example.org", false},
        {"smtp://mail.example.org:465", SMTP_TLS_IMPLICIT, "a@example.org", false},
        {"smtps://mail.example.org:465", SMTP_TLS_STARTTLS, "a@example.org", false},
        {"https://mail.example.org", SMTP_TLS_STARTTLS, "a@example.org", false},
        {"file:///etc/passwd", SMTP_TLS_STARTTLS, "a@example.org", false},
        {"", SMTP_TLS_STARTTLS, "a@example.org", false},
        {"smtp://mail.example.org:587", (enum smtp_tls)3, "a@example.org", false},
        {"smtp://mail.example.org:587", SMTP_TLS_STARTTLS, "", false},
        {"smtp://mail.example.org:587", SMTP_TLS_STARTTLS, "a@example.org>\r\nRCPT", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct smtp_server server = {.tls = cases[i].tls};
        snprintf(server.url, sizeof server.url, "%s", cases[i].url);
        snprintf(server.from, sizeof server.from, "%s", cases[i].from);
        if (smtp_server_is_valid(&server) != cases[i].good)
            fail_msg("%s %s", cases[i].url, cases[i].good ? "refused" : "taken");
    }
}

static enum err read_password(const char *content, size_t length, char out[SMTP_MAX_PASSWORD + 1])
{
    int fd = memfd_create("password", MFD_CLOEXEC);
    assert_int_equal(write(fd, content, length), (ssize_t)length); /* leaves the offset at the end */
    enum err error = smtp_read_password(fd, out);
    close(fd);
    return error;
}

static void reads_the_first_line(void **state)
{
    (void)state;
    char out[SMTP_MAX_PASSWORD + 1], content[SMTP_MAX_PASSWORD + 8];
    assert_int_equal(read_password("p ss\r\nnext\n", 11, out), ERR_OK);
    assert_string_equal(out, "p ss");
    assert_int_equal(read_password("no end", 6, out), ERR_OK);
    assert_string_equal(out, "no end");
    assert_int_equal(read_password("", 0, out), ERR_INPUT);
    assert_int_equal(read_password("\nsecond\n", 8, out), ERR_INPUT);
    assert_int_equal(read_password("a\0b\n", 4, out), ERR_INPUT);
    assert_string_equal(out, "");
    memset(content, 'x', sizeof content);
    assert_int_equal(read_password(content, SMTP_MAX_PASSWORD, out), ERR_OK);
    assert_int_equal(strlen(out), SMTP_MAX_PASSWORD);
    assert_int_equal(read_password(content, SMTP_MAX_PASSWORD + 1, out), ERR_INPUT);
}

static void tells_kinds_apart(void **state)
{
    (void)state;
    struct staff *staff = staff_new();
    struct staff_channel *added;
    assert_int_equal(staff_add(staff, NOTIFY_MAIL, STR("ana"), STR("mail"), STR("ana@example.org"), &added), ERR_OK);
    assert_int_equal(staff_add(staff, NOTIFY_MAIL, STR("ana"), STR("b"), STR("https://p.example.org"), &added),
                     ERR_INPUT);
    assert_int_equal(staff_add(staff, NOTIFY_WEBHOOK, STR("ana"), STR("c"), STR("ana@example.org"), &added), ERR_INPUT);
    assert_int_equal(staff_add(staff, (enum notify_kind)2, STR("ana"), STR("d"), STR("ana@example.org"), &added),
                     ERR_INPUT);
    staff_close(staff);
    assert_true(staff_may_receive(staff, NOTIFY_MAIL, STR("ana"), STR("mail"), STR("ana@example.org")));
    assert_false(staff_may_receive(staff, NOTIFY_WEBHOOK, STR("ana"), STR("mail"), STR("ana@example.org")));
    assert_false(staff_may_receive(staff, NOTIFY_MAIL, STR("ana"), STR("mail"), STR("Ana@example.org")));
    staff_free(&staff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_codes),
        cmocka_unit_test(takes_safe_servers_only),
        cmocka_unit_test(reads_the_first_line),
        cmocka_unit_test(tells_kinds_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
