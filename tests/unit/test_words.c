/* Words, sentences and contractions: the stream that phrases see, and the way back to the original. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/buf.h>
#include <attune/words.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static struct contractions *make_table(void)
{
    static const char *const pairs[][2] = {
        {"don't", "do not"}, {"can't", "can not"}, {"cannot", "can not"}, {"I'll", "I will"},
        {"we're", "we are"}, {"it's", "it is"},    {"gonna", "going to"}, {"he'll", "he will"},
    };
    struct contractions *table = contractions_new();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(contractions_add(table, str_of(pairs[i][0]), str_of(pairs[i][1])), ERR_OK);
    return table;
}

struct stream_case {
    const char *text;
    const char *stream;
};

static const struct stream_case cases[] = {
    {"", ""},
    {"?! ... 😭", ""},
    {"I want to die", " i want to die\n"},
    {"Please help. It is late!  Why?", " please help\n it is late\n why\n"},
    {"a paragraph\n\nand the next", " a paragraph\n and the next\n"},
    {"I just... want it… to stop", " i just want it to stop\n"},
    {"He left.\" Then (he did.) No", " he left\n then he did\n no\n"},
    {"Dr. J. Smith, e.g. on 3.5 at www.example.org/a-b", " dr\n j smith e g on 3 5 at www example org a b\n"},
    {"him and I. Then", " him and i\n then\n"},
    {"то и я. Потом", " то и я\n потом\n"},
    {"self-harm, 'quoted' o'clock rock'n'roll 'cause", " self harm quoted o'clock rock'n'roll cause\n"},
    {"м’який п'ять", " мякий пять\n"},
    {"Don’t. I DONT know, can’t cant cannot", " do not\n i do not know can not can not can not\n"},
    {"I'll be ill; we're where we were; its it's; he'll hell",
     " i will be ill we are where we were its it is he will hell\n"},
    {"здоровʼя, здоров\"я", " здоровя здоров я\n"},
    {"gonna", " going to\n"},
    {"don'ts", " don'ts\n"},
};

static void writes_one_stream(void **state)
{
    (void)state;
    struct arena *arena = arena_new(ARENA_BYTES);
    struct contractions *table = make_table();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct words words;
        assert_int_equal(words_split(arena, str_of(cases[i].text), table, &words), ERR_OK);
        assert_string_equal(words.stream.data, cases[i].stream);
        arena_reset(arena);
    }
    contractions_free(&table);
    arena_free(&arena);
}

static void knows_where_words_stand(void **state)
{
    (void)state;
    struct arena *arena = arena_new(ARENA_BYTES);
    struct contractions *table = make_table();
    struct words words;
    struct str text = STR("Ach, I don’t. ½ ende");
    assert_int_equal(words_split(arena, text, table, &words), ERR_OK);
    assert_string_equal(words.stream.data, " ach i do not\n 1 2 ende\n");
    static const uint32_t expected[][4] = {{1, 0, 3, 0},    {5, 5, 6, 0},    {7, 7, 14, 0},  {10, 7, 14, 0},
                                           {15, 16, 18, 1}, {17, 16, 18, 1}, {19, 19, 23, 1}};
    assert_int_equal(words.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < words.count; i++) {
        assert_int_equal(words.items[i].at, expected[i][0]);
        assert_int_equal(words.items[i].from, expected[i][1]);
        assert_int_equal(words.items[i].to, expected[i][2]);
        assert_int_equal(words.items[i].sentence, expected[i][3]);
    }
    assert_int_equal(words_find(&words, 0), 0);
    assert_int_equal(words_find(&words, 6), 2);
    assert_int_equal(words_find(&words, 20), 7);
    contractions_free(&table);
    arena_free(&arena);
}

/* A beginning of three letters has the number of every word that begins with it, in any alphabet. */
static void numbers_how_words_begin(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"sui", "suicide"}, {"умр", "умру"}, {"їжа", "їжак"},
                                           {"aža", "ažae"},    {"čas", "časa"}, {"漢字x", "漢字xy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(words_start(str_of(pairs[i][0])), words_start(str_of(pairs[i][1])));
    assert_true(words_start(STR("i")) != words_start(STR("in")));
    assert_true(words_start(STR("")) < WORDS_STARTS);
}

static void ends_a_sentence_of_sixty_words_without_a_cut(void **state)
{
    (void)state;
    struct arena *arena = arena_new(ARENA_BYTES);
    struct buf text;
    buf_init(&text, 4096);
    for (int i = 0; i < 61; i++)
        buf_add_text(&text, "on ");
    struct words words;
    assert_int_equal(words_split(arena, buf_str(&text), NULL, &words), ERR_OK);
    assert_int_equal(words.count, 61);
    assert_int_equal(words.items[59].sentence, 0);
    assert_int_equal(words.items[60].sentence, 1);
    assert_ptr_equal(memchr(words.stream.data, '\n', words.stream.length), words.stream.data + words.stream.length - 1);
    buf_free(&text);
    arena_free(&arena);
}

static void refuses_odd_contractions(void **state)
{
    (void)state;
    struct contractions *table = contractions_new();
    assert_int_equal(contractions_add(table, STR("two words"), STR("x")), ERR_INPUT);
    assert_int_equal(contractions_add(table, STR(""), STR("x")), ERR_INPUT);
    assert_int_equal(contractions_add(table, STR("don't"), STR(" ... ")), ERR_ABSENT);
    assert_int_equal(contractions_add(table, STR("don't"), STR("do. not")), ERR_ABSENT);
    char word[16];
    enum err error = ERR_OK;
    for (int i = 0; error == ERR_OK && i < 20000; i++) {
        int length = snprintf(word, sizeof word, "w%d", i);
        error = contractions_add(table, (struct str){word, (size_t)length}, STR("x"));
        assert_true(i < 16384 || error == ERR_LIMIT);
    }
    assert_int_equal(error, ERR_LIMIT);
    contractions_free(&table);
    assert_null(table);
}

static void holds_its_promises_on_any_text(void **state)
{
    (void)state;
    static const char alphabet[] = "a'd.!? \n-\xC3\xA9\xE2\x80\x99\xEF\xBC\x8E\xCC\x81"
                                   "dont";
    struct arena *arena = arena_new(ARENA_BYTES);
    struct contractions *table = make_table();
    uint32_t seed = 7;
    for (int round = 0; round < 3000; round++) {
        char text[64];
        size_t length = 0;
        while (length < sizeof text) {
            seed = seed * 1664525u + 1013904223u;
            text[length++] = alphabet[(seed >> 8) % (sizeof alphabet - 1)];
        }
        for (size_t i = 0; i < length;) { /* make it valid, as every caller does */
            size_t size;
            if (utf8_decode((struct str){text, length}, i, &size) == 0xFFFD)
                memset(text + i, '?', size);
            i += size;
        }
        struct words words;
        assert_int_equal(words_split(arena, (struct str){text, length}, table, &words), ERR_OK);
        for (size_t i = 0; i < words.count; i++) {
            assert_int_equal(words.stream.data[words.items[i].at - 1], ' ');
            assert_true(words.items[i].from < words.items[i].to && words.items[i].to <= length);
            assert_true(i == 0 || words.items[i].from >= words.items[i - 1].from);
        }
        arena_reset(arena);
    }
    contractions_free(&table);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_one_stream),        cmocka_unit_test(knows_where_words_stand),
        cmocka_unit_test(numbers_how_words_begin),  cmocka_unit_test(ends_a_sentence_of_sixty_words_without_a_cut),
        cmocka_unit_test(refuses_odd_contractions), cmocka_unit_test(holds_its_promises_on_any_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
