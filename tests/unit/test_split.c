/* New text, quotation and signature, as mail programs in six languages write them. */
#include <attune/split.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

struct example {
    const char *name;
    const char *mail;
    const char *text;
    const char *quoted;
    const char *signature;
    bool forward;
};

static const struct example EXAMPLES[] = {
    {"only new", "one\n\ntwo\n", "one\n\ntwo", "", "", false},
    {"en", "yes\n\nOn Thu, 12 Nov 2026 at 10:14, Support <help@example.org> wrote:\n\n> will you come?\n", "yes",
     "On Thu, 12 Nov 2026 at 10:14, Support <help@example.org> wrote:\nwill you come?", "", false},
    {"en folded", "yes\nOn Thu, 12 Nov 2026 at 10:14, Support\n<help@example.org>\nwrote:\n> q\n", "yes",
     "On Thu, 12 Nov 2026 at 10:14, Support\n<help@example.org>\nwrote:\nq", "", false},
    {"en without marks", "yes\n\nOn 12 Nov 2026, at 10:14, Support <help@example.org> wrote:\n\nwill you come?\n",
     "yes", "On 12 Nov 2026, at 10:14, Support <help@example.org> wrote:\n\nwill you come?", "", false},
    {"sl", "pridem\n\nV čet., 12. nov. 2026 ob 10:14 je oseba Podpora <help@example.org> napisala:\n> ali pridete?",
     "pridem", "V čet., 12. nov. 2026 ob 10:14 je oseba Podpora <help@example.org> napisala:\nali pridete?", "", false},
    {"ro", "vin\n\nÎn joi, 12 nov. 2026 la 10:14, Suport <help@example.org> a scris:\n> veniți?", "vin",
     "În joi, 12 nov. 2026 la 10:14, Suport <help@example.org> a scris:\nveniți?", "", false},
    {"pl", "będę\n\nczw., 12 lis 2026 o 10:14 Wsparcie <help@example.org> napisał(a):\n> czy?", "będę",
     "czw., 12 lis 2026 o 10:14 Wsparcie <help@example.org> napisał(a):\nczy?", "", false},
    {"pl pisze", "będę\nW dniu 12.11.2026 o 10:14, Wsparcie pisze:\n> czy?", "będę",
     "W dniu 12.11.2026 o 10:14, Wsparcie pisze:\nczy?", "", false},
    {"uk", "так\n\nчт, 12 лист. 2026 р. о 10:14 Підтримка <help@example.org> пише:\n> прийдете?", "так",
     "чт, 12 лист. 2026 р. о 10:14 Підтримка <help@example.org> пише:\nприйдете?", "", false},
    {"ru", "да\n\nчт, 12 нояб. 2026 г. в 10:14, Поддержка <help@example.org>:\n> придёте?", "да",
     "чт, 12 нояб. 2026 г. в 10:14, Поддержка <help@example.org>:\nпридёте?", "", false},
    {"yandex", "да\n12.11.2026, 10:14, \"Поддержка\" <help@example.org>:\n> придёте?", "да",
     "12.11.2026, 10:14, \"Поддержка\" <help@example.org>:\nпридёте?", "", false},
    {"outlook en", "yes\n\nFrom: Support\nSent: Thursday, 12 November 2026 10:14\nTo: Ana\nSubject: session\n\nwords",
     "yes", "From: Support\nSent: Thursday, 12 November 2026 10:14\nTo: Ana\nSubject: session\n\nwords", "", false},
    {"outlook with a rule", "yes\n________________________________\nFrom: Support\nSent: x\nTo: Ana\n\nq", "yes",
     "________________________________\nFrom: Support\nSent: x\nTo: Ana\n\nq", "", false},
    {"outlook bold", "yes\n*From:* S\n*Sent:* x\n*To:* Ana\nq", "yes", "*From:* S\n*Sent:* x\n*To:* Ana\nq", "", false},
    {"outlook sl", "da\nOd: P\nPoslano: x\nZa: A\nZadeva: z\n\nq", "da", "Od: P\nPoslano: x\nZa: A\nZadeva: z\n\nq", "",
     false},
    {"outlook ro", "da\nDe la: P\nTrimis: x\nCătre: A\nSubiect: z\n\nq", "da",
     "De la: P\nTrimis: x\nCătre: A\nSubiect: z\n\nq", "", false},
    {"outlook pl", "tak\nOd: P\nWysłano: x\nDo: A\nTemat: z\n\nq", "tak", "Od: P\nWysłano: x\nDo: A\nTemat: z\n\nq", "",
     false},
    {"outlook uk", "так\nВід: П\nНадіслано: x\nКому: А\nТема: z\n\nq", "так",
     "Від: П\nНадіслано: x\nКому: А\nТема: z\n\nq", "", false},
    {"outlook ru", "да\nОт: П\nОтправлено: x\nКому: А\nТема: z\n\nq", "да",
     "От: П\nОтправлено: x\nКому: А\nТема: z\n\nq", "", false},
    {"original message", "yes\n-----Original Message-----\nq", "yes", "-----Original Message-----\nq", "", false},
    {"original message ru", "да\n-------- Исходное сообщение --------\nq", "да",
     "-------- Исходное сообщение --------\nq", "", false},
    {"gmail forward", "see\n\n---------- Forwarded message ---------\nFrom: B <b@example.org>\n\nwords", "see",
     "---------- Forwarded message ---------\nFrom: B <b@example.org>\n\nwords", "", true},
    {"apple forward", "Begin forwarded message:\n\n> From: B\n> words", "",
     "Begin forwarded message:\n\nFrom: B\nwords", "", true},
    {"ukrainian forward", "---------- Переслане повідомлення ---------\nслова", "",
     "---------- Переслане повідомлення ---------\nслова", "", true},
    {"quoted forward", "> ---------- Forwarded message ---------\n> words", "",
     "---------- Forwarded message ---------\nwords", "", true},
    {"inline answers", "> first?\nyes\n> second?\nno, not now\n", "yes\nno, not now", "first?\nsecond?", "", false},
    {"answers below", "On 12 Nov 2026, A <a@example.org> wrote:\n> q\n\nmy answer\n", "my answer",
     "On 12 Nov 2026, A <a@example.org> wrote:\nq", "", false},
    {"signature", "text\n-- \nAna Novak\nLjubljana\n", "text", "", "Ana Novak\nLjubljana", false},
    {"signature then quotation", "text\n-- \nAna\n\nOn 12 Nov 2026, A <a@example.org> wrote:\n> q", "text",
     "On 12 Nov 2026, A <a@example.org> wrote:\nq", "Ana", false},
    {"text under a signature's quotation", "-- \nAna\n> q\nstill here", "still here", "q", "Ana", false},
    {"short last line stays", "thank you for everything\n\ngoodbye\n-- \nAna", "thank you for everything\n\ngoodbye",
     "", "Ana", false},
    {"a letter below dashes", "--\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n",
     "--\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13", "", "", false},
    {"device", "yes\n\nSent from my iPhone", "yes", "", "Sent from my iPhone", false},
    {"device ru", "да\n\nОтправлено с iPhone", "да", "", "Отправлено с iPhone", false},
    {"device in a sentence", "Sent from my desk, where I sit alone.", "Sent from my desk, where I sit alone.", "", "",
     false},
    {"list footer", "text\n_______________\nTalk mailing list\nTalk@example.org\n", "text", "",
     "Talk mailing list\nTalk@example.org", false},
    /* When unsure, text is new. */
    {"a told quotation", "Last night at 22:10 he wrote:\nI will come for you",
     "Last night at 22:10 he wrote:\nI will come for you", "", "", false},
    {"one label is no header", "From: my heart\nI write this", "From: my heart\nI write this", "", "", false},
    {"dashes in text", "so --\nno more", "so --\nno more", "", "", false},
    {"empty", "", "", "", "", false},
};

static void assert_str(const char *name, const char *part, struct str found, const char *wanted)
{
    if (!str_equal_text(found, wanted))
        fail_msg("%s, %s: found \"%.*s\", wanted \"%s\"", name, part, (int)found.length, found.data ? found.data : "",
                 wanted);
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; i++) {
        const struct example *example = &EXAMPLES[i];
        struct split split;
        arena_reset(arena);
        assert_int_equal(split_text(arena, str_of(example->mail), &split), ERR_OK);
        assert_str(example->name, "text", split.text, example->text);
        assert_str(example->name, "quoted", split.quoted, example->quoted);
        assert_str(example->name, "signature", split.signature, example->signature);
        if (split.has_forward != example->forward)
            fail_msg("%s: forward %d", example->name, split.has_forward);
    }
}

static void test_pointers(void **state)
{
    (void)state;
    static const char *const POINT[] = {"Please look what he wrote",  "poglejte, kaj mi je napisal",
                                        "uite ce mi-a scris",         "zobaczcie poniżej",
                                        "подивіться, що він написав", "Посмотрите ниже"};
    static const char *const NOT[] = {"Can I move my session?",
                                      "Hvala za odgovor.",
                                      "Mulțumesc, e bine.",
                                      "Dziękuję bardzo.",
                                      "Дякую за відповідь",
                                      "Спасибо, всё понятно",
                                      ""};
    for (size_t i = 0; i < sizeof POINT / sizeof *POINT; i++)
        assert_true(split_points_at_quotation(str_of(POINT[i])));
    for (size_t i = 0; i < sizeof NOT / sizeof *NOT; i++)
        assert_false(split_points_at_quotation(str_of(NOT[i])));
}

/* Every prefix of a mail splits, and no letter of it is lost. */
static void test_byte_by_byte(void **state)
{
    (void)state;
    struct str mail =
        STR("a\n> b\nOn 12 Nov 2026, A <a@x.org> wrote:\n> c\n____________\nFrom: d\nSent: e\nTo: f\n-- \ng");
    for (size_t length = 0; length <= mail.length; length++) {
        struct split split;
        arena_reset(arena);
        assert_int_equal(split_text(arena, str_slice(mail, 0, length), &split), ERR_OK);
        assert_true(split.text.length + split.quoted.length + split.signature.length <= length + 2);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_pointers),
                                       cmocka_unit_test(test_byte_by_byte)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
