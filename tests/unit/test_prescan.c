/* The structure of mails: fields, parts, limits, and what stands after repair. */
#include <attune/prescan.h>
#include <attune/reading.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static struct prescan scan(struct str raw)
{
    struct prescan mail;
    arena_reset(arena);
    assert_int_equal(prescan_mail(arena, raw, &mail), ERR_OK);
    return mail;
}

static void assert_str(struct str found, const char *wanted)
{
    if (!str_equal_text(found, wanted))
        fail_msg("found \"%.*s\", wanted \"%s\"", (int)found.length, found.data ? found.data : "", wanted);
}

/* A mail and what its first leaf holds; `parts` counts all. */
struct example {
    const char *name;
    const char *mail;
    uint32_t parts;
    uint32_t leaf;
    const char *body;
};

static const struct example EXAMPLES[] = {
    {"plain", "Subject: s\n\nbody\n", 1, 0, "body\n"},
    {"crlf", "Subject: s\r\n\r\nbody\r\n", 1, 0, "body\r\n"},
    {"mbox line first", "From someone Mon Jan 1\nSubject: s\n\nbody", 1, 0, "body"},
    {"blank lines first", "\n\nSubject: s\n\nbody", 1, 0, "body"},
    {"byte order mark", "\xef\xbb\xbfSubject: s\n\nbody", 1, 0, "body"},
    {"no header", "dear all\nthis is text", 1, 0, "dear all\nthis is text"},
    {"colons but no header", "Note: I am here\nAnd: there", 1, 0, "Note: I am here\nAnd: there"},
    {"no blank line", "Subject: s\nthis is the body\nof two lines", 1, 0, "this is the body\nof two lines"},
    {"line among headers", "Subject: s\nsome relay remark\nTo: b@example.org\n\nbody", 1, 0, "body"},
    {"space before colon", "Subject : s\n\nbody", 1, 0, "body"},
    {"mixed", "Content-Type: multipart/mixed; boundary=b\nTo: x\n\n--b\n\none\n--b\n\ntwo\n--b--\n", 3, 1, "one"},
    {"quoted boundary", "To: x\nContent-Type: multipart/mixed; boundary=\"b c\"\n\n--b c\n\none\n--b c--\n", 2, 1,
     "one"},
    {"no closing boundary", "To: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none", 2, 1, "one"},
    {"wrong boundary",
     "To: x\nContent-Type: multipart/mixed; boundary=b\n\n--other\nContent-Type: text/plain\n\none\n--other--\n", 2, 1,
     "one"},
    {"boundary ends a header", "To: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nX-A: 1\n--b\n\ntwo\n--b--", 3,
     2, "two"},
    {"enclosed mail", "To: x\nContent-Type: message/rfc822\n\nSubject: in\n\nwords", 2, 1, "words"},
    {"boundary is a prefix", "To: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n--bb\n--b--", 2, 1, "--bb"},
    {"outer boundary ends inner",
     "To: x\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; "
     "boundary=i\n\n--i\n\none\n--o\n\ntwo\n--o--",
     4, 2, "one"},
};

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; i++) {
        struct prescan mail = scan(str_of(EXAMPLES[i].mail));
        if (mail.count != EXAMPLES[i].parts)
            fail_msg("%s: %u parts, wanted %u", EXAMPLES[i].name, mail.count, EXAMPLES[i].parts);
        assert_str(mail.parts[EXAMPLES[i].leaf].body, EXAMPLES[i].body);
        assert_int_equal(mail.reasons, 0);
    }
}

static void test_fields(void **state)
{
    (void)state;
    struct prescan mail = scan(STR("Subject: one\r\n two\r\nsUbJeCt: second\r\nX-Empty:\r\n\r\nbody"));
    assert_str(part_field(&mail.parts[0], "subject"), " one\r\n two");
    assert_str(part_field(&mail.parts[0], "x-empty"), "");
    assert_non_null(part_field(&mail.parts[0], "x-empty").data);
    assert_null(part_field(&mail.parts[0], "absent").data);
    mail = scan(STR("Subject: s\nlost words\nTo: b@example.org\n\n"));
    assert_str(part_field(&mail.parts[0], ""), "lost words");
}

static void test_parameters(void **state)
{
    (void)state;
    struct str value = STR("text/plain; a=1;\r\n charset=\"utf-8; x\" ; name*=utf-8''n; empty=; b");
    assert_str(field_token(value), "text/plain");
    assert_str(field_parameter(value, "a"), "1");
    assert_str(field_parameter(value, "CHARSET"), "utf-8; x");
    assert_str(field_parameter(value, "name"), "utf-8''n");
    assert_str(field_parameter(value, "empty"), "");
    assert_str(field_parameter(value, "b"), "");
    assert_str(field_parameter(STR("x; boundary=\"open"), "boundary"), "open");
    assert_str(field_parameter(STR(""), "a"), "");
}

static void test_preamble_and_epilogue(void **state)
{
    (void)state;
    struct prescan mail =
        scan(STR("To: x\nContent-Type: multipart/mixed; boundary=b\n\nbefore\n--b\n\none\n--b--\nbehind\n"));
    assert_str(mail.parts[0].preamble, "before");
    assert_str(mail.parts[0].epilogue, "behind\n");
}

/* `count` times `piece` behind `head`; the caller frees. */
static char *repeat(const char *head, const char *piece, size_t count)
{
    size_t start = strlen(head), length = strlen(piece);
    char *out = malloc(start + count * length + 1);
    assert_non_null(out);
    memcpy(out, head, start);
    for (size_t i = 0; i < count; i++)
        memcpy(out + start + i * length, piece, length);
    out[start + count * length] = '\0';
    return out;
}

static void test_limits(void **state)
{
    (void)state;
    char *mail =
        repeat("Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n", READING_MAX_PARTS + 5);
    struct prescan out = scan(str_of(mail));
    assert_int_equal(out.count, READING_MAX_PARTS);
    assert_int_equal(out.reasons, REASON_TOO_DEEP);
    free(mail);

    mail = repeat("Subject: s\n", "Content-Type: message/rfc822\n\n", READING_MAX_DEPTH + 5);
    out = scan(str_of(mail));
    assert_int_equal(out.reasons, REASON_TOO_DEEP);
    assert_int_equal(out.count, READING_MAX_DEPTH + 1);
    free(mail);

    mail = repeat("Subject: s\nTo: ", "a:", READING_MAX_FIELD);
    out = scan(str_of(mail));
    assert_int_equal(out.reasons, REASON_HEADERS_CUT);
    assert_int_equal(part_field(&out.parts[0], "to").length, READING_MAX_FIELD);
    free(mail);

    mail = repeat("Subject: s\n", "a: b\n", PRESCAN_MAX_FIELDS + 5);
    out = scan(str_of(mail));
    assert_int_equal(out.reasons, REASON_HEADERS_CUT);
    assert_int_equal(out.parts[0].field_count, PRESCAN_MAX_FIELDS);
    free(mail);

    char *field = repeat("X: ", "y", READING_MAX_FIELD - 8);
    char *line = repeat(field, "\n", 1);
    mail = repeat("Subject: s\n", line, 1 + READING_MAX_HEADERS / (READING_MAX_FIELD - 8));
    out = scan(str_of(mail));
    assert_int_equal(out.reasons, REASON_HEADERS_CUT);
    free(mail);
    free(line);
    free(field);
}

/* Every prefix of a mail is a mail too. */
static void test_byte_by_byte(void **state)
{
    (void)state;
    struct str mail =
        STR("From x\nSubject: s\n t\nbad line\nTo: x\nContent-Type: multipart/mixed; boundary=\"b\"\n\npre\n--b\n"
            "Content-Type: message/rfc822\n\nSubject: in\n\nwords\n--b\n\ntwo\n--b--\npost\n");
    for (size_t length = 0; length <= mail.length; length++) {
        char *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, mail.data, length);
        assert_true(scan((struct str){copy, length}).count >= 1);
        free(copy);
    }
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(READING_ARENA);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),   cmocka_unit_test(test_fields),
        cmocka_unit_test(test_parameters), cmocka_unit_test(test_preamble_and_epilogue),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
