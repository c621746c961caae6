/* Classes by header fields; content is read in every class, so a wrong one costs a label and no page. */
#include <attune/class.h>
#include <attune/header.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

#define PERSON "From: Ana <ana@example.org>\nSubject: my session\n"
#define ROBOT "From: Site <noreply@example.org>\nSubject: Contact form\n"

struct example {
    const char *name;
    const char *mail;
    enum mail_class class;
    bool automatic;
};

static const struct example EXAMPLES[] = {
    {"person", PERSON, CLASS_HUMAN, false},
    {"auto-submitted: no", PERSON "Auto-Submitted: no\n", CLASS_HUMAN, false},
    {"a person's reply that a program sent", PERSON "In-Reply-To: <1@example.org>\nAuto-Submitted: auto-generated\n",
     CLASS_HUMAN, true},
    {"auto-generated", PERSON "Auto-Submitted: auto-generated\n", CLASS_HUMAN, true},
    {"rfc 3834", PERSON "Auto-Submitted: auto-replied\n", CLASS_AUTO_REPLY, true},
    {"rfc 3834 with a parameter", PERSON "Auto-Submitted: auto-replied (vacation); owner=x\n", CLASS_AUTO_REPLY, true},
    {"x-autoreply", PERSON "X-Autoreply: yes\n", CLASS_AUTO_REPLY, true},
    {"precedence", PERSON "Precedence: auto_reply\n", CLASS_AUTO_REPLY, true},
    {"outlook", "From: a@example.org\nSubject: Automatic reply: x\nX-Auto-Response-Suppress: All\n", CLASS_AUTO_REPLY,
     false},
    {"russian", "From: a@example.org\nSubject: Автоответ: x\nAuto-Submitted: auto-generated\n", CLASS_AUTO_REPLY, true},
    {"a person who writes so", "From: a@example.org\nSubject: Automatic reply: why do I get these\n", CLASS_HUMAN,
     false},
    {"delivery status", PERSON "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
     CLASS_BOUNCE, false},
    {"mailer-daemon", "From: MAILER-DAEMON@example.org\nSubject: x\n", CLASS_BOUNCE, false},
    {"postmaster, null path", "Return-Path: <>\nFrom: postmaster@example.org\nSubject: x\n", CLASS_BOUNCE, false},
    {"postmaster writes", "From: postmaster@example.org\nSubject: x\n", CLASS_HUMAN, false},
    {"null path alone", "Return-Path: <>\n" PERSON, CLASS_HUMAN, false},
    {"failed recipients", PERSON "X-Failed-Recipients: b@example.org\n", CLASS_BOUNCE, true},
    {"list-id", PERSON "List-Id: <talk.example.org>\n", CLASS_LIST, false},
    {"newsletter", PERSON "List-Unsubscribe: <mailto:u@example.org>\nPrecedence: bulk\n", CLASS_LIST, true},
    {"unsubscribe alone", PERSON "List-Unsubscribe: <mailto:u@example.org>\n", CLASS_HUMAN, false},
    {"form", ROBOT "Reply-To: ana@example.com\n", CLASS_FORM_RELAY, false},
    {"form, auto-generated", PERSON "Reply-To: b@example.com\nAuto-Submitted: auto-generated\n", CLASS_FORM_RELAY,
     true},
    {"reply-to the same", ROBOT "Reply-To: noreply@example.org\n", CLASS_HUMAN, false},
    {"a person's other address", PERSON "Reply-To: ana@example.com\n", CLASS_HUMAN, false},
    {"own", PERSON "X-Attune-Origin: v1:abc\nAuto-Submitted: auto-generated\n", CLASS_OWN, true},
    {"no sender, no subject", "To: b@example.org\n", CLASS_UNKNOWN, false},
    {"no headers", "just words", CLASS_UNKNOWN, false},
};

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; i++) {
        struct prescan mail;
        struct class_input input = {.mail = &mail};
        arena_reset(arena);
        assert_int_equal(prescan_mail(arena, str_of(EXAMPLES[i].mail), &mail), ERR_OK);
        const struct part *root = &mail.parts[0];
        assert_int_equal(header_address(arena, part_field(root, "from"), &input.from_address), ERR_OK);
        assert_int_equal(header_address(arena, part_field(root, "reply-to"), &input.reply_address), ERR_OK);
        enum mail_class class = class_of_mail(&input);
        if (class != EXAMPLES[i].class)
            fail_msg("%s: found %s, wanted %s", EXAMPLES[i].name, mail_class_name(class),
                     mail_class_name(EXAMPLES[i].class));
        if (class_is_automatic(&mail) != EXAMPLES[i].automatic)
            fail_msg("%s: automatic is wrong", EXAMPLES[i].name);
    }
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1024 * 1024);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
