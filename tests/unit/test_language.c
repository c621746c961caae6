/* Languages of short, accent-less, transliterated and foreign text. */
#include <attune/language.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct example {
    const char *text;
    const char *code;
    bool covered;
};

static const struct example EXAMPLES[] = {
    {"Can I move my session to Friday?", "en", true},
    {"I don't know what to do", "en", true},
    {"Ali lahko prestavim srečanje na petek?", "sl", true},
    {"ne morem vec spati, prosim za pomoc", "sl", true},
    {"Nisem dobila računa", "sl", true},
    {"Aș vrea să mut ședința de vineri", "ro", true},
    {"nu mai pot dormi, va rog sa ma sunati", "ro", true},
    {"Czy mogę przełożyć sesję na piątek?", "pl", true},
    {"nie moge spac, prosze o kontakt", "pl", true},
    {"Чи можна перенести зустріч на п'ятницю?", "uk", true},
    {"я не можу спати", "uk", true},
    {"Можно перенести встречу на пятницу?", "ru", true},
    {"я не могу спать", "ru", true},
    {"zdravstvuyte, ya ne mogu spat, pozhaluysta pozvonite mne", "ru", true},
    {"dobryi den, ya ne mozhu spaty, bud laska", "uk", true},
    {"Ich möchte meinen Termin auf Freitag verschieben, weil ich an diesem Tag arbeiten muss und keine andere Zeit "
     "habe. "
     "Bitte rufen Sie mich an.",
     "de", false},
    {"Querría cambiar mi sesión del viernes porque ese día tengo que trabajar y no puedo ir a ninguna otra hora, "
     "gracias.",
     "es", false},
    {"Molim vas da pomaknete moj termin jer taj dan moram raditi i ne mogu doći, hvala vam što ste mi pomogli prošli "
     "put.",
     "hr", false},
    {"Здраво, желела бих да знам да ли је могуће да променим време своје сеансе јер морам да водим сина код лекара.",
     "sr", false},
    {"Bonjour, je voudrais savoir si je peux changer l'heure de ma séance parce que je dois emmener mon fils chez le "
     "médecin et je ne peux pas arriver à temps.",
     "fr", false},
    {"Добрий день, я хотіла спитать чи можна поміняти врем'я, бо мені нада вести сина до врача", "uk", true},
    {"", "", true},
    {"12345 !!! ???", "", true},
};

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; i++) {
        struct language found = language_of(str_of(EXAMPLES[i].text));
        if (strcmp(found.code, EXAMPLES[i].code) != 0 || found.is_covered != EXAMPLES[i].covered)
            fail_msg("%s: found %s, covered %d", EXAMPLES[i].text, found.code, found.is_covered);
    }
}

/* Few words in another language are not "uncovered": people read them in any case. */
static void test_short_is_covered(void **state)
{
    (void)state;
    static const char *const SHORT[] = {"Danke", "Guten Tag", "gracias", "ok", "Hvala puno", "merci beaucoup"};
    for (size_t i = 0; i < sizeof SHORT / sizeof *SHORT; i++)
        assert_true(language_of(str_of(SHORT[i])).is_covered);
}

static void test_sense(void **state)
{
    (void)state;
    double right = language_sense(STR("Привет, я не знаю, что мне делать"));
    assert_true(right > language_sense(STR("Ïðèâåò, ÿ íå çíàþ, ÷òî ìíå äåëàòü")));
    assert_true(right > language_sense(STR("оПХБЕР, Ъ МЕ ГМЮЧ, ВРН ЛМЕ ДЕКЮРЭ")));
    assert_true(language_sense(STR("")) <= 0);
}

static void test_long(void **state)
{
    (void)state;
    size_t length = LANGUAGE_MAX_BYTES + 1; /* the cut falls inside a character */
    char *text = malloc(length);
    assert_non_null(text);
    for (size_t i = 0; i + 1 < length; i += 2)
        memcpy(text + i, "\xd1\x97", 2);
    text[length - 1] = ' ';
    assert_string_equal(language_of((struct str){text, length}).code, "uk");
    free(text);
}

static int set_up(void **state)
{
    (void)state;
    language_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_short_is_covered),
                                       cmocka_unit_test(test_sense), cmocka_unit_test(test_long)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}
