/* Whole readings: fixtures with the faults that hide words, header facts, limits, and every prefix of a mail. */
#include <attune/buf.h>
#include <attune/reading.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static void assert_str(const char *name, struct str found, const char *wanted)
{
    if (!str_equal_text(found, wanted))
        fail_msg("%s: found \"%.*s\", wanted \"%s\"", name, (int)found.length, found.data ? found.data : "", wanted);
}

static void assert_sound(const char *name, const struct reading *reading)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        struct str field = reading->fields[i];
        bool has_nul = field.length && memchr(field.data, '\0', field.length);
        if (!utf8_is_valid(field) || has_nul || field.length > READING_MAX_TEXT)
            fail_msg("%s: %s is not sound", name, text_field_name((enum text_field)i));
    }
}

static struct reading read_mail(struct str raw, enum screen_mode mode)
{
    struct reading out;
    arena_reset(arena);
    assert_int_equal(reading_from_mail(arena, raw, mode, &out), ERR_OK);
    assert_sound("mail", &out);
    return out;
}

/* Files in tests/mail/reading. A NULL is not looked at. */
struct fixture {
    const char *file;
    const char *subject;
    const char *text;
    const char *quoted;
    const char *language;
    unsigned reasons;
};

#define QUESTION "a question"
static const struct fixture FIXTURES[] = {
    {"nul-in-word", "please ca\xef\xbf\xbdll me tonight", "the reason is above", "", "en", 0},
    {"split-character", "не можу спати", "Text", "", NULL, 0},
    {"raw-header", "ne morem več spati", "prosim, pokličite", "", "sl", 0},
    {"raw-header-legacy", "я не могу больше спать", "позвоните мне, пожалуйста, я не знаю, что делать", "", "ru", 0},
    {"unknown-charset", QUESTION, "не знаю, що мені робити, будь ласка, подзвоніть", "", "uk", 0},
    {"wrong-charset", QUESTION, "nie wiem, co robić, proszę, zadzwońcie do mnie", "", "pl", 0},
    {"utf-7", QUESTION, "I canét sleep at all", "", "en", 0},
    {"utf-16", QUESTION, "nu mai pot dormi, vă rog să mă sunați", "", "ro", 0},
    {"charset-koi8-r", QUESTION, "не могу спать", "", "ru", 0},
    {"charset-koi8-u", QUESTION, "не можу їсти", "", "uk", 0},
    {"charset-windows-1250", QUESTION, "ne želim več", "", "sl", 0},
    {"charset-windows-1251", QUESTION, "не хочу нічого", "", "uk", 0},
    {"charset-iso-8859-2", QUESTION, "nie chcę już", "", "pl", 0},
    {"charset-iso-8859-16", QUESTION, "nu mai știu și plâng", "", "ro", 0},
    {"text-after-base64", QUESTION, "the first part of it\nand these words came after it", "", "en", 0},
    {"broken-quoted-printable", QUESTION, "1 + 1 = 2 and =ZZ and a lone line endand the end", "", "en", 0},
    {"missing-boundary", QUESTION, "words without any boundary", "", "en", 0},
    {"bogus-boundary", QUESTION, "words behind another boundary", "", "en", 0},
    {"boundary-never-comes", QUESTION, "words though no boundary came", "", "en", 0},
    {"line-in-headers", QUESTION, "the body stands here\n\nthis line is no header", "", "en", 0},
    {"mbox-line", QUESTION, "words behind an mbox line", "", "en", 0},
    {"bare-cr", QUESTION, "words with bare line ends", "", "en", 0},
    {"no-headers", "", "there is no header here, only these words\nand these", "", "en", REASON_UNPARSABLE},
    {"empty-body", "I have to talk to somebody tonight", "", "", "en", 0},
    {"flowed", QUESTION, "this line goes on in the next and is not cut in two", "quoted \nlines", "en", 0},
    {"soft-hyphens", QUESTION, "I am lone\xc2\xadly and ti\xe2\x80\x8bred", "", "en", 0},
    {"html-only", QUESTION, "Prosim, pokličite\xc2\xa0me\ndanes\n\nskrito", "staro", "sl", 0},
    {"alternative", QUESTION, "The letter itself.\n\nOnly the plain form says this sentence.", "", "en", 0},
    {"forward-enclosed", "Fwd: for you", "look what he wrote", "to you\n\nenclosed words", "en", 0},
    {"enclosed-in-base64", "Fwd: for you", "see the file", "to you\n\nenclosed words", "en", 0},
    {"attached-text", QUESTION, "my letter is attached\n\nwords of the letter", "", "en", 0},
    {"attached-pdf", QUESTION, "see attached", "", NULL, REASON_ATTACHMENT_UNREAD},
    {"image-only", QUESTION, "", "", NULL, REASON_NO_TEXT | REASON_ATTACHMENT_UNREAD},
    {"winmail", QUESTION, "", "", NULL, REASON_NO_TEXT | REASON_ATTACHMENT_UNREAD},
    {"pgp-mime", QUESTION, "", "", NULL, REASON_ENCRYPTED},
    {"pgp-inline", QUESTION, NULL, "", NULL, REASON_ENCRYPTED},
    {"smime", QUESTION, "", "", NULL, REASON_ENCRYPTED},
    {"signed", QUESTION, "signed words", "", "en", 0},
    {"form-relay", "Contact form", "Name: Ana\nMessage: please call me back today", "", "en", 0},
};

static struct str load(const char *file, struct buf *out)
{
    char path[256], piece[4096];
    snprintf(path, sizeof path, "tests/mail/reading/%s.eml", file);
    FILE *stream = fopen(path, "rb");
    if (!stream)
        fail_msg("%s: not found", path);
    buf_init(out, READING_MAX_MESSAGE);
    for (size_t count; (count = fread(piece, 1, sizeof piece, stream)) > 0;)
        assert_int_equal(buf_add(out, piece, count), ERR_OK);
    fclose(stream);
    return buf_str(out);
}

static void test_fixtures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof FIXTURES / sizeof *FIXTURES; i++) {
        const struct fixture *fixture = &FIXTURES[i];
        struct buf raw;
        struct reading reading = read_mail(load(fixture->file, &raw), SCREEN_FULL);
        assert_str(fixture->file, reading.fields[FIELD_SUBJECT], fixture->subject);
        if (fixture->text)
            assert_str(fixture->file, reading.fields[FIELD_TEXT], fixture->text);
        assert_str(fixture->file, reading.fields[FIELD_QUOTED], fixture->quoted);
        if (fixture->language)
            assert_str(fixture->file, str_of(reading.language), fixture->language);
        if (reading.reasons != fixture->reasons)
            fail_msg("%s: reasons %u, wanted %u", fixture->file, reading.reasons, fixture->reasons);
        buf_free(&raw);
    }
}

static void test_flags(void **state)
{
    (void)state;
    struct buf raw;
    struct reading reading = read_mail(load("forward-enclosed", &raw), SCREEN_FULL);
    assert_true(reading.is_forward && reading.points_at_quotation && !reading.hidden_text && !reading.automatic);
    assert_int_equal(reading.class, CLASS_HUMAN);
    buf_free(&raw);
    reading = read_mail(load("html-only", &raw), SCREEN_FULL);
    assert_true(reading.hidden_text && !reading.is_forward);
    buf_free(&raw);
    reading = read_mail(load("bounce", &raw), SCREEN_FULL);
    assert_int_equal(reading.class, CLASS_BOUNCE);
    assert_false(reading.is_forward);
    buf_free(&raw);
    reading = read_mail(load("form-relay", &raw), SCREEN_FULL);
    assert_int_equal(reading.class, CLASS_FORM_RELAY);
    assert_true(reading.automatic);
    assert_str("writer", reading.writer, "ana@example.net");
    assert_str("from", reading.from_address, "noreply@example.org");
    buf_free(&raw);
}

static void test_headers(void **state)
{
    (void)state;
    struct reading reading =
        read_mail(STR("From: Ana <Ana@Example.org>\nSubject: Fwd: x\nDate: Tue, 17 Nov 2026 21:13:00 +0100\n"
                      "Message-ID: <m@example.org>\nReferences: <a@example.org> <b@example.org>\n"
                      "In-Reply-To: <b@example.org>\nX-Attune-Origin: v1:proof\n\nwords"),
                  SCREEN_FULL);
    assert_str("from", reading.from_address, "ana@example.org");
    assert_str("writer", reading.writer, "ana@example.org");
    assert_str("id", reading.message_id, "m@example.org");
    assert_str("thread", reading.thread_ids, "a@example.org b@example.org b@example.org");
    assert_str("proof", reading.own_proof, "v1:proof");
    assert_int_equal(reading.class, CLASS_OWN);
    assert_true(reading.date_ms == 1794946380000);
    assert_int_equal(reading.zone_minutes, 60);
    assert_false(reading.is_forward); /* nothing is quoted */

    reading = read_mail(STR("From: nobody\nSubject: x\nDate: today\n\nwords"), SCREEN_FULL);
    assert_str("from", reading.from_address, "");
    assert_str("id", reading.message_id, "");
    assert_true(reading.date_ms == 0);
    assert_int_equal(reading.zone_minutes, INT32_MIN);
}

/* Where the words of a letter are put when it begins like a forwarded one, or says nothing new. */
static void test_placing(void **state)
{
    (void)state;
#define BLOCK "\n\nFrom: Ana\nDate: today\nSubject: help\n\nplease call me\n"
    struct reading reading = read_mail(STR("From: site@example.org\nSubject: Contact" BLOCK), SCREEN_FULL);
    assert_str("a form", reading.fields[FIELD_TEXT], "From: Ana\nDate: today\nSubject: help\n\nplease call me");
    assert_str("a form", reading.fields[FIELD_QUOTED], "");

    reading =
        read_mail(STR("From: site@example.org\nSubject: Contact\nContent-Type: multipart/mixed; boundary=b\n\n--b" BLOCK
                      "--b\n\nfooter\n--b--"),
                  SCREEN_FULL);
    assert_str("a form and more", reading.fields[FIELD_TEXT],
               "From: Ana\nDate: today\nSubject: help\n\nplease call me\n\nfooter");

    reading = read_mail(STR("From: a@example.org\nSubject: FW: help" BLOCK), SCREEN_FULL);
    assert_str("a forward", reading.fields[FIELD_TEXT], "");
    assert_true(reading.is_forward);

    reading = read_mail(STR("From: a@example.org\nSubject: Re: help\nIn-Reply-To: <a@example.org>" BLOCK), SCREEN_FULL);
    assert_str("an answer without words", reading.fields[FIELD_TEXT], "");
    assert_true(reading.points_at_quotation && !reading.is_forward);
    assert_true(reading.repeats_subject);
    /* Nothing in it: that is for people to look at, also when there is not even a header. */
    reading = read_mail(STR("From: a@example.org\nSubject:\n\n \n"), SCREEN_FULL);
    assert_true(reading.reasons & REASON_NO_TEXT);
    reading = read_mail(STR(""), SCREEN_FULL);
    assert_true(reading.reasons & REASON_NO_TEXT);
    reading = read_mail(STR("From: a@example.org\nSubject: call me\n\n"), SCREEN_FULL);
    assert_false(reading.reasons & REASON_NO_TEXT);
    /* A picture and nothing else, whatever the program that sent it says before its parts; words there are read. */
    reading = read_mail(
        STR("From: a@example.org\nSubject: x\nContent-Type: multipart/mixed; boundary=b\n\nThis is a message in several"
            " parts.\n--b\nContent-Type: image/png\n\nabc\n--b--\n"),
        SCREEN_FULL);
    assert_true(reading.reasons & REASON_NO_TEXT);
    assert_true(reading.fields[FIELD_TEXT].length > 0);
    /* Nothing was answered, or the writer chose another subject. */
    reading = read_mail(STR("From: a@example.org\nSubject: Re: help\n\nplease"), SCREEN_FULL);
    assert_false(reading.repeats_subject);
    reading = read_mail(STR("From: a@example.org\nSubject: help\nIn-Reply-To: <a@example.org>\n\nplease"), SCREEN_FULL);
    assert_false(reading.repeats_subject);
    reading =
        read_mail(STR("From: a@example.org\nSubject: Відп: довідка\nIn-Reply-To: <a@example.org>\n\nтак"), SCREEN_FULL);
    assert_true(reading.repeats_subject);
#undef BLOCK
}

static void test_raw_mode(void **state)
{
    (void)state;
    struct reading reading = read_mail(STR("Subject: s\nContent-Type: text/html\n\n<p>caf=C3=A9 wor=\nds"), SCREEN_RAW);
    assert_int_equal(reading.reasons, REASON_UNPARSABLE);
    assert_int_equal(reading.class, CLASS_UNKNOWN);
    assert_true(str_find(reading.fields[FIELD_TEXT], STR("café words"), 0) != SIZE_MAX);
}

/* Longer than rules take: head and tail stay, cut between characters. */
static void test_long_text(void **state)
{
    (void)state;
    struct buf mail;
    buf_init(&mail, 4 * READING_MAX_TEXT);
    assert_int_equal(buf_add_text(&mail, "From: a@example.org\nSubject: s\n\nfirst"), ERR_OK);
    while (mail.length < READING_MAX_TEXT + 1000)
        assert_int_equal(buf_add_text(&mail, " žžžžžžž"), ERR_OK);
    assert_int_equal(buf_add_text(&mail, " last"), ERR_OK);
    struct reading reading = read_mail(buf_str(&mail), SCREEN_FULL);
    assert_int_equal(reading.reasons & (unsigned)~REASON_LANGUAGE, REASON_CUT);
    assert_true(str_starts_nocase(reading.fields[FIELD_TEXT], STR("first")));
    assert_true(str_ends_nocase(reading.fields[FIELD_TEXT], STR("last")));
    assert_true(reading.fields[FIELD_TEXT].length > READING_MAX_TEXT - 16);
    buf_free(&mail);
}

static void test_long_mail(void **state)
{
    (void)state;
    size_t length = READING_MAX_MESSAGE + 1;
    char *mail = malloc(length);
    assert_non_null(mail);
    memset(mail, ' ', length);
    memcpy(mail, "From: a@example.org\nSubject: s\n\nwords", 37);
    struct reading reading = read_mail((struct str){mail, length}, SCREEN_FULL);
    assert_int_equal(reading.reasons, REASON_CUT);
    assert_str("long", reading.fields[FIELD_TEXT], "words");
    free(mail);
}

/* The same bytes give the same reading, and every prefix gives one. */
static void test_byte_by_byte(void **state)
{
    (void)state;
    static const char *const FILES[] = {"html-only", "alternative", "forward-enclosed", "utf-16", "bounce"};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        struct buf raw;
        struct str whole = load(FILES[i], &raw);
        for (size_t length = 0; length <= whole.length; length += 3) {
            char *copy = malloc(length + 1);
            assert_non_null(copy);
            memcpy(copy, whole.data, length);
            read_mail((struct str){copy, length}, SCREEN_FULL);
            free(copy);
        }
        buf_free(&raw);
    }
}

static void test_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++)
        assert_non_null(reading_reason_name(i));
    assert_null(reading_reason_name(REASON_COUNT));
    assert_string_equal(reading_reason_name(0), "encrypted");
    assert_string_equal(reading_reason_name(12), "attachment-unread");
    assert_string_equal(mail_class_name(CLASS_FORM_RELAY), "form-relay");
    assert_string_equal(mail_class_name((enum mail_class)99), "unknown");
    assert_string_equal(text_field_name(FIELD_SIGNATURE), "signature");
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(READING_ARENA);
    return arena && reading_prepare() == ERR_OK ? 0 : -1;
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
        cmocka_unit_test(test_fixtures),  cmocka_unit_test(test_flags),        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_placing),   cmocka_unit_test(test_raw_mode),     cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_long_mail), cmocka_unit_test(test_byte_by_byte), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
