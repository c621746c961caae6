/* Whole readings: a mail in, the fields and flags out. */
#include <attune/reading.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct example {
    const char *name;
    const char *mail;
    const char *subject;
    const char *text;
    const char *quoted;
    unsigned reasons;
    enum mail_class class;
    const char *language;
};

static const struct example EXAMPLES[] = {
    {"plain", "From: Ana <Ana@Example.org>\nSubject: Hello\n\nI would like to move my session, please.\n", "Hello",
     "I would like to move my session, please.", "", 0, CLASS_HUMAN, "en"},
    {"html",
     "From: a@example.org\nSubject: x\nContent-Type: text/html; charset=utf-8\n\n"
     "<p>Please move<br>my &amp; her session</p><blockquote>earlier words</blockquote>",
     "x", "Please move\nmy & her session", "earlier words", 0, CLASS_HUMAN, "en"},
    {"koi8",
     "From: a@example.org\nSubject: =?koi8-r?B?8NLJ18XU?=\nContent-Type: text/plain; charset=koi8-r\n\n"
     "\xf0\xd2\xc9\xd7\xc5\xd4, \xd1 \xce\xc5 \xd3\xd0\xcc\xc0",
     "Привет", "Привет, я не сплю", "", 0, CLASS_HUMAN, "ru"},
    {"reply",
     "From: a@example.org\nSubject: Re: x\nIn-Reply-To: <1@example.org>\n\nYes, thank you.\n\n"
     "On 12 Nov 2026 at 10:14, Support <help@example.org> wrote:\n> will you come?\n",
     "Re: x", "Yes, thank you.", "On 12 Nov 2026 at 10:14, Support <help@example.org> wrote:\nwill you come?", 0,
     CLASS_HUMAN, "en"},
    {"no headers", "I have no header and this is what I say to you", "",
     "I have no header and this is what I say to you", "", REASON_UNPARSABLE, CLASS_UNKNOWN, "en"},
};

static void assert_text(const char *name, struct str found, const char *wanted)
{
    if (!str_equal_text(found, wanted))
        fail_msg("%s: found \"%.*s\", wanted \"%s\"", name, (int)found.length, found.data ? found.data : "", wanted);
}

static void test_examples(void **state)
{
    (void)state;
    struct arena *arena = arena_new(READING_ARENA);
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; i++) {
        const struct example *example = &EXAMPLES[i];
        struct reading reading;
        arena_reset(arena);
        assert_int_equal(reading_from_mail(arena, str_of(example->mail), SCREEN_FULL, &reading), ERR_OK);
        assert_text(example->name, reading.fields[FIELD_SUBJECT], example->subject);
        assert_text(example->name, reading.fields[FIELD_TEXT], example->text);
        assert_text(example->name, reading.fields[FIELD_QUOTED], example->quoted);
        assert_int_equal(reading.reasons, example->reasons);
        assert_int_equal(reading.class, example->class);
        assert_string_equal(reading.language, example->language);
    }
    arena_free(&arena);
}

static int prepare(void **state)
{
    (void)state;
    return reading_prepare() == ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, prepare, NULL);
}
