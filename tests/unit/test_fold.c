/* The fold: one form for rules and text, an exact map back, and nothing hostile that breaks either. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/fold.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 64 * 1024 * 1024 };

struct fold_case {
    const char *text;
    const char *folded;
    const char *plain; /* NULL: as folded */
};

static const struct fold_case cases[] = {
    {"", "", NULL},
    {"I Want\tto  DIE", "i want to die", NULL},
    {"  both ends \r\n", "both ends", NULL},
    {"one line\nand its wrap", "one line and its wrap", NULL},
    {"a paragraph\n\nand the next", "a paragraph\nand the next", NULL},
    {"a\r\n \r\nb", "a\nb", NULL},
    {"a\xE2\x80\xA9"
     "b",
     "a\nb", NULL}, /* paragraph separator */
    {"don’t don‘t donʼt don´t don`t don＇t", "don't don't don't don't don't don't", NULL},
    {"«ja» „nein“ “yes”", "\"ja\" \"nein\" \"yes\"", NULL},
    {"self–harm self‐harm self−harm", "self-harm self-harm self-harm", NULL},
    {"wait… what", "wait... what", NULL},
    {"ＫＩＬＬ 𝓴ⓘⓛⓛ", "kill kill", NULL}, /* NFKC */
    {"k\xE2\x80\x8Bill un\xC2\xAD"
     "alive \xEF\xBB\xBFme",
     "kill unalive me", NULL},                          /* ZWSP, soft hyphen, BOM */
    {"k\xE2\x80\x8Dill", "kill", NULL},                 /* ZWJ outside an emoji */
    {"👨‍👩‍👧", "👨‍👩‍👧", NULL}, /* ZWJ inside one */
    {"ѕuicide", "suicide", NULL},                       /* Cyrillic s in a Latin word */
    {"xочу умереть", "хочу умереть", NULL},             /* Latin x in a Cyrillic word */
    {"хочу up", "хочу up", NULL},                       /* whole words of either script stay */
    {"IT-отдел", "it-отдел", NULL},
    {"kıll", "kill", NULL},
    {"straße", "strasse", NULL},
    {"ZABIĆ SIĘ, nie śpię", "zabić się, nie śpię", "zabic sie, nie spie"},
    {"Łódź đak smørrebrød", "łódź đak smørrebrød", "lodz dak smorrebrod"},
    {"șase ţări și ş", "șase ţări și ş", "sase tari si s"},
    {"e\xCC\x81t\xC3\xA9", "été", "ete"}, /* composed and decomposed */
    {"всё моё", "всё моё", "все мое"},
    {"мій їжак МОЙ йод", "мій їжак мой йод", NULL}, /* й and ї are letters */
    {"и\xCC\x86од", "йод", NULL},
    {"уби́ть себя́", "уби́ть себя́", "убить себя"}, /* stress marks */
    {"ђ ґ є", "ђ ґ є", NULL},
    {"a\x01"
     "b\x7F"
     "c",
     "abc", NULL},
    {"½ ﬁre", "1⁄2 fire", NULL},
    {"bad \xEF\xBF\xBD byte", "bad \xEF\xBF\xBD byte", NULL},
};

static struct folded fold(struct arena *arena, struct str text, enum fold_view view)
{
    struct folded folded;
    assert_int_equal(fold_text(arena, text, view, &folded), ERR_OK);
    return folded;
}

static void folds_to_one_form(void **state)
{
    (void)state;
    struct arena *arena = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct folded text = fold(arena, str_of(cases[i].text), FOLD_TEXT);
        struct folded plain = fold(arena, str_of(cases[i].text), FOLD_PLAIN);
        assert_string_equal(text.text.data, cases[i].folded);
        assert_string_equal(plain.text.data, cases[i].plain ? cases[i].plain : cases[i].folded);
        arena_reset(arena);
    }
    arena_free(&arena);
}

/* What every fold of every valid text must hold. */
static void check_promises(struct arena *arena, struct str text)
{
    for (int view = FOLD_TEXT; view <= FOLD_PLAIN; view++) {
        struct folded folded = fold(arena, text, (enum fold_view)view);
        assert_true(utf8_is_valid(folded.text));
        assert_int_equal(folded.text.data[folded.text.length], '\0');
        uint32_t end = folded.origin[folded.text.length];
        assert_true(end <= text.length && (folded.text.length == 0 || end > folded.origin[folded.text.length - 1]));
        for (size_t i = 0; i < folded.text.length; i++) {
            assert_true(folded.origin[i] < text.length);
            assert_true(i == 0 || folded.origin[i] >= folded.origin[i - 1]);
            assert_true(((unsigned char)text.data[folded.origin[i]] & 0xC0) != 0x80);
        }
        assert_null(memchr(folded.text.data, '\0', folded.text.length));
    }
}

static void maps_back_exactly(void **state)
{
    (void)state;
    struct arena *arena = arena_new(ARENA_BYTES);
    struct folded folded = fold(arena, STR("Ja, ｄｏｎ’ｔ\xE2\x80\x8B  go"), FOLD_TEXT);
    assert_string_equal(folded.text.data, "ja, don't go");
    static const uint32_t origin[] = {0, 1, 2, 3, 4, 7, 10, 13, 16, 22, 24, 25, 26};
    for (size_t i = 0; i < sizeof origin / sizeof *origin; i++)
        assert_int_equal(folded.origin[i], origin[i]);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_promises(arena, str_of(cases[i].text));
    arena_free(&arena);
}

static void is_settled_after_one_pass(void **state)
{
    (void)state;
    struct arena *arena = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int view = FOLD_TEXT; view <= FOLD_PLAIN; view++) {
            struct folded once = fold(arena, str_of(cases[i].text), (enum fold_view)view);
            struct folded twice = fold(arena, once.text, (enum fold_view)view);
            if (!memchr(once.text.data, '\n', once.text.length)) /* one line feed alone is white space */
                assert_string_equal(twice.text.data, once.text.data);
        }
    }
    arena_free(&arena);
}

/* Random code points, with the ones that give trouble drawn often; a fixed seed. */
static size_t random_text(uint32_t *seed, char *out, size_t characters)
{
    static const uint32_t troublesome[] = {
        'a',    'I',    ' ',    '\n',   '\'',   0x0301,  0x0306, 0x0308, 0x0327, 0x200D,  0x200B,   0xFDFA,  0x1F468,
        0xFE0F, 0x0430, 0x0456, 0x0438, 0x0131, 0x0130,  0x1E9E, 0x00B4, 0x2019, 0xAC00,  0x1161,   0x11A8,  0x0345,
        0x2028, 0x2029, 0x00A0, 0xFFFD, 0x0,    0x1F3FB, 0x3000, 0x0E33, 0x09CB, 0x1D15E, 0x10FFFF, 0x2000B, 0x0958,
    };
    size_t length = 0;
    for (size_t i = 0; i < characters; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        uint32_t draw = *seed >> 8;
        uint32_t point =
            draw % 4 ? troublesome[draw / 4 % (sizeof troublesome / sizeof *troublesome)] : draw % 0x110000;
        length += utf8_encode(point, out + length);
    }
    return length;
}

/* Rules look at FOLD_PLAIN alone: whatever two texts have in common in FOLD_TEXT, they have in common there. */
static void strips_accents_after_folding_as_well(void **state)
{
    (void)state;
    static const uint32_t alphabets[2][16] = {
        {'a', 'E', ' ', '\'', 0x0301, 0x0308, 0x0327, 0x0326, 0x0142, 0x015F, 0x0219, 0x200B, 0x00AD, 0x1EBF, 0x0111,
         '.'},
        {0x0438, 0x0419, 0x0456, 0x0457, 0x0435, 0x0401, 0x0306, 0x0308, 0x0301, ' ', 0x200D, 0x0413, 0x2019, 0x0443,
         0x045E, 0xFE0F},
    };
    struct arena *arena = arena_new(ARENA_BYTES);
    uint32_t seed = 5;
    for (size_t i = 0; i < 4000; i++) {
        char text[4 * 40];
        size_t length = 0;
        for (size_t j = 0; j < 40; j++) {
            seed = seed * 1664525u + 1013904223u;
            length += utf8_encode(alphabets[i % 2][seed >> 28], text + length);
        }
        struct str original = {text, length};
        struct folded once = fold(arena, original, FOLD_PLAIN);
        struct folded twice = fold(arena, fold(arena, original, FOLD_TEXT).text, FOLD_PLAIN);
        assert_string_equal(twice.text.data, once.text.data);
        arena_reset(arena);
    }
    arena_free(&arena);
}

static void survives_any_text(void **state)
{
    (void)state;
    struct arena *arena = arena_new(ARENA_BYTES);
    char text[4 * 200];
    uint32_t seed = 20;
    for (int i = 0; i < 2000; i++) {
        check_promises(arena, (struct str){text, random_text(&seed, text, 1 + (size_t)i % 200)});
        arena_reset(arena);
    }
    arena_free(&arena);
}

/* No caller gives ill-formed text; if one did, the fold would still write well-formed text with a rising map. */
static void mends_ill_formed_text(void **state)
{
    (void)state;
    struct arena *arena = arena_new(ARENA_BYTES);
    unsigned char bytes[64];
    uint32_t seed = 9;
    for (int round = 0; round < 20000; round++) {
        static const unsigned char leads[] = {0xD0, 0xD1, 0xCC, 0x81, 0xE2, 0x80, 0xF0, 0xFF, 'a', ' ', 0xC3, 0xBF};
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = leads[(seed >> 16) % sizeof leads];
        }
        struct folded folded =
            fold(arena, (struct str){(const char *)bytes, sizeof bytes}, (enum fold_view)(round % 2));
        assert_true(utf8_is_valid(folded.text));
        for (size_t i = 1; i < folded.text.length; i++)
            assert_true(folded.origin[i] >= folded.origin[i - 1] && folded.origin[i] < sizeof bytes);
        arena_reset(arena);
    }
    arena_free(&arena);
}

static void bounds_a_pile_of_marks(void **state)
{
    (void)state;
    enum { MARKS = 100000 };
    struct arena *arena = arena_new(ARENA_BYTES);
    char *text = malloc(1 + 2 * MARKS);
    text[0] = 'a';
    for (size_t i = 0; i < MARKS; i++)
        memcpy(text + 1 + 2 * i, "\xCC\x81", 2);
    struct str pile = {text, 1 + 2 * MARKS};
    check_promises(arena, pile);
    assert_string_equal(fold(arena, pile, FOLD_PLAIN).text.data, "a");
    free(text);
    arena_free(&arena);
}

static void refuses_what_is_too_much(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1024 * 1024);
    struct folded folded;
    size_t over = 16 * 1024 * 1024 + 1;
    char *text = calloc(1, over);
    assert_int_equal(fold_text(arena, (struct str){text, over}, FOLD_TEXT, &folded), ERR_LIMIT);
    memset(text, 'a', over);
    assert_int_equal(fold_text(arena, (struct str){text, over - 1}, FOLD_TEXT, &folded), ERR_SYSTEM);
    free(text);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_to_one_form),         cmocka_unit_test(maps_back_exactly),
        cmocka_unit_test(is_settled_after_one_pass), cmocka_unit_test(strips_accents_after_folding_as_well),
        cmocka_unit_test(survives_any_text),         cmocka_unit_test(mends_ill_formed_text),
        cmocka_unit_test(bounds_a_pile_of_marks),    cmocka_unit_test(refuses_what_is_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
