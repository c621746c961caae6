/* Which parts are read, as what, and what is said of those that are not. */
#include <attune/charset.h>
#include <attune/language.h>
#include <attune/mime.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

#define TOP "Subject: s\nContent-Type: "
#define MIXED TOP "multipart/mixed; boundary=b\n\n"
#define CHOICE TOP "multipart/alternative; boundary=b\n\n"
#define PLAIN "Content-Type: text/plain\n\n"
#define HTML "Content-Type: text/html\n\n"

struct example {
    const char *name;
    const char *mail;
    const char *text;
    const char *quoted;
    unsigned reasons;
    unsigned unread;
};

static const struct example EXAMPLES[] = {
    {"no type", "Subject: s\n\nwords", "words", "", 0, 0},
    {"odd type", TOP "text\n\nwords", "words", "", 0, 0},
    {"a letter that is a picture", TOP "text/html\n\n<img src=x>", "", "", 0, 1},
    {"a picture in a letter", TOP "text/html\n\nwords<img src=x>", "words", "", 0, 0},
    {"unknown text", TOP "text/x-strange\n\nwords", "words", "", 0, 0},
    {"mixed", MIXED "--b\n" PLAIN "one\n--b\n" HTML "<p>two</p>\n--b--", "one\n\ntwo", "", 0, 0},
    {"the richer", CHOICE "--b\n" PLAIN "a letter of mine\n--b\n" HTML "<p>a <b>letter</b> of mine</p>\n--b--",
     "a letter of mine", "", 0, 0},
    {"only in plain", CHOICE "--b\n" PLAIN "shown words\nhidden elsewhere\n--b\n" HTML "<p>shown words</p>\n--b--",
     "shown words\n\nhidden elsewhere", "", 0, 0},
    {"one word differs", CHOICE "--b\n" PLAIN "call me never\n--b\n" HTML "<p>call me today</p>\n--b--",
     "call me today\n\ncall me never", "", 0, 0},
    {"addresses of links do not differ",
     CHOICE "--b\n" PLAIN "see this <https://example.org/a/b?c> now\n--b\n" HTML "see <a href=x>this</a> now\n--b--",
     "see this now", "", 0, 0},
    {"empty html", CHOICE "--b\n" PLAIN "words\n--b\n" HTML "<p></p>\n--b--", "words", "", 0, 0},
    {"quotation of the other is no news",
     CHOICE "--b\n" PLAIN "yes\n> old words\n--b\n" HTML "yes<blockquote>old words</blockquote>\n--b--", "yes",
     "old words", 0, 0},
    {"related",
     TOP "multipart/related; boundary=b\n\n--b\n" HTML "<p>one</p>\n--b\nContent-Type: image/png\n\nx\n--b--", "one",
     "", 0, 1},
    {"calendar", MIXED "--b\n\none\n--b\nContent-Type: text/calendar\n\nSUMMARY:x\n--b--", "one", "SUMMARY:x", 0, 0},
    {"enclosed mail", MIXED "--b\n\none\n--b\nContent-Type: message/rfc822\n\nSubject: in\n\nwords\n--b--", "one",
     "in\n\nwords", 0, 0},
    {"enclosed mail with a picture",
     MIXED "--b\n\none\n--b\nContent-Type: message/rfc822\n\nSubject: in\nContent-Type: image/png\n\nwords\n--b--",
     "one", "in", 0, 1},
    {"pdf", MIXED "--b\n\none\n--b\nContent-Type: application/pdf\n\nx\n--b--", "one", "", 0, 1},
    {"encrypted", TOP "multipart/encrypted; boundary=b\n\n--b\nContent-Type: application/pgp-encrypted\n\n1\n--b--", "",
     "", REASON_ENCRYPTED, 0},
    {"s/mime", TOP "application/pkcs7-mime\n\nx", "", "", REASON_ENCRYPTED, 0},
    {"signed",
     TOP "multipart/signed; boundary=b\n\n--b\n\none\n--b\nContent-Type: application/pgp-signature\n\nx\n--b--", "one",
     "", 0, 0},
    {"words before the first part", MIXED "words before\n--b\n\none\n--b--", "one\n\nwords before", "", 0, 0},
    {"a notice before it", MIXED "This is a multi-part message in MIME format.\n--b\n\none\n--b--", "one", "", 0, 0},
    {"words behind the last part", MIXED "--b\n\none\n--b--\nwords behind", "one\n\nwords behind", "", 0, 0},
    {"no boundary", TOP "multipart/mixed\n\nwords", "words", "", 0, 0},
    {"flowed", TOP "text/plain; format=flowed\n\none \ntwo\nthree\n stuffed\n", "one two\nthree\nstuffed", "", 0, 0},
    {"flowed signature", TOP "text/plain; format=flowed\n\none \n-- \nAna", "one", "", 0, 0},
    {"charset of the head", TOP "text/html\n\n<meta charset='koi8-r'><p>\xd1 \xce\xc5 \xd3\xd0\xcc\xc0</p>",
     "я не сплю", "", 0, 0},
    {"text by its name", MIXED "--b\n\none\n--b\nContent-Type: application/octet-stream; name=a.TXT\n\nwords\n--b--",
     "one\n\nwords", "", 0, 0},
    {"a line among the fields", "Subject: s\nlost words\nTo: b@example.org\n\none", "one\n\nlost words", "", 0, 0},
    {"base64 that nobody declared",
     "Subject: s\n\nSSB3cml0ZSB0byB5b3UgYmVjYXVzZSBJIGRvIG5vdCBrbm93IHdobyBlbHNlIHRvIHRl\r\nbGwgYWJvdXQgdGhpcy4=\r\n",
     "I write to you because I do not know who else to tell about this.\n"
     "SSB3cml0ZSB0byB5b3UgYmVjYXVzZSBJIGRvIG5vdCBrbm93IHdobyBlbHNlIHRvIHRl\nbGwgYWJvdXQgdGhpcy4=",
     "", 0, 0},
    {"quoted-printable that nobody declared", "Subject: s\n\n=D0=BD=D0=B5 =D0=BC=D0=BE=D0=B3=D1=83",
     "не могу\n=D0=BD=D0=B5 =D0=BC=D0=BE=D0=B3=D1=83", "", 0, 0},
    {"one long word", "Subject: s\n\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "", 0, 0},
    {"guessed", TOP "text/plain; charset=x\n\nna\xefve", "naïve", "", REASON_CHARSET, 0},
    {"bare cr in a body", "Subject: s\n\none\rtwo", "one\ntwo", "", 0, 0},
};

static void read_mail(struct str raw, struct mime_text *out)
{
    struct prescan mail;
    arena_reset(arena);
    assert_int_equal(prescan_mail(arena, raw, &mail), ERR_OK);
    assert_int_equal(mime_read(arena, &mail, out), ERR_OK);
}

static void assert_text(const char *name, const struct buf *found, const char *wanted)
{
    if (strcmp(buf_text(found), wanted) != 0)
        fail_msg("%s: found \"%s\", wanted \"%s\"", name, buf_text(found), wanted);
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; i++) {
        struct mime_text out;
        read_mail(str_of(EXAMPLES[i].mail), &out);
        assert_text(EXAMPLES[i].name, &out.text, EXAMPLES[i].text);
        assert_text(EXAMPLES[i].name, &out.quoted, EXAMPLES[i].quoted);
        if (out.reasons != EXAMPLES[i].reasons || out.unread != EXAMPLES[i].unread)
            fail_msg("%s: reasons %u, unread %u", EXAMPLES[i].name, out.reasons, out.unread);
        mime_text_free(&out);
    }
}

/* A part longer than the limit keeps its first and last words. */
static void test_long_part(void **state)
{
    (void)state;
    struct buf mail;
    struct mime_text out;
    buf_init(&mail, 4 * MIME_MAX_PART);
    assert_int_equal(buf_add_text(&mail, "Subject: s\n\nfirst words\n"), ERR_OK);
    while (mail.length < MIME_MAX_PART + 100)
        assert_int_equal(buf_add_text(&mail, "many words stand between these two ends of a letter\n"), ERR_OK);
    assert_int_equal(buf_add_text(&mail, "last words"), ERR_OK);
    read_mail(buf_str(&mail), &out);
    assert_int_equal(out.reasons, REASON_CUT);
    assert_true(str_starts_nocase(buf_str(&out.text), STR("first words")));
    assert_true(str_ends_nocase(buf_str(&out.text), STR("last words")));
    mime_text_free(&out);
    buf_free(&mail);
}

/* Many parts that are long together: what fits is read, the rest is told, and the arena holds it all. */
static void test_many_long_parts(void **state)
{
    (void)state;
    struct buf mail;
    struct mime_text out;
    buf_init(&mail, READING_MAX_MESSAGE);
    assert_int_equal(buf_add_text(&mail, MIXED), ERR_OK);
    for (int part = 0; part < 14; part++) {
        assert_int_equal(buf_add_text(&mail, "\n--b\nContent-Type: text/plain; charset=koi8-r\n\n"), ERR_OK);
        for (size_t line = 0; line < 160 * 1024; line++)
            assert_int_equal(buf_add_text(&mail, "\xd1 \xce\xc5 \xd3\xd0\xcc\xc0\r\n"), ERR_OK);
    }
    read_mail(buf_str(&mail), &out);
    assert_int_equal(out.reasons, REASON_CUT);
    assert_true(out.text.length > 2 * READING_MAX_TEXT && out.text.length <= 2 * MIME_MAX_TEXT);
    mime_text_free(&out);
    buf_free(&mail);
}

/* Mails enclosed in base64, one in the other, end at a limit that is told. */
static void test_encoded_nesting(void **state)
{
    (void)state;
    struct mime_text out;
    struct str inner = STR("Subject: x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n");
    struct buf mail;
    buf_init(&mail, 4096);
    for (int i = 0; i <= MIME_MAX_ENCODED_MAILS; i++)
        assert_int_equal(buf_add_str(&mail, inner), ERR_OK);
    assert_int_equal(buf_add_text(&mail, "Subject: deep\n\nwords"), ERR_OK);
    read_mail(buf_str(&mail), &out);
    assert_int_equal(out.reasons, REASON_TOO_DEEP);
    mime_text_free(&out);
    buf_free(&mail);
}

static int set_up(void **state)
{
    (void)state;
    language_prepare();
    arena = arena_new(READING_ARENA);
    return arena && charset_prepare() == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_long_part),
                                       cmocka_unit_test(test_many_long_parts), cmocka_unit_test(test_encoded_nesting)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
