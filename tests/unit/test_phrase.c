/* The phrase language: what each form matches, what is refused and why, literals, near misses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/phrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static bool find_lexicon(const void *context, struct str name, struct phrase_entries *out)
{
    static const struct str exist[] = {{"be here", 7}, {"exist", 5}, {"be [still] alive", 16}, {"wak*", 4}};
    static const struct str nested[] = {{"{exist}", 7}};
    static const struct str broken[] = {{"(a", 2}};
    static const struct str empty[] = {{"...", 3}};
    (void)context;
    *out = str_equal(name, STR("exist"))    ? (struct phrase_entries){exist, 4}
           : str_equal(name, STR("nested")) ? (struct phrase_entries){nested, 1}
           : str_equal(name, STR("broken")) ? (struct phrase_entries){broken, 1}
           : str_equal(name, STR("empty"))  ? (struct phrase_entries){empty, 1}
                                            : (struct phrase_entries){NULL, 0};
    return out->count > 0;
}

static const char *nearest_lexicon(const void *context, const char *wrong)
{
    static const char *const names[] = {"exist", "nested"};
    (void)context;
    return str_nearest(wrong, names, 2);
}

struct match_case {
    const char *phrase;
    const char *text;
    const char *found; /* NULL: nothing; else the words of the stream */
};

static const struct match_case matches[] = {
    {"want to die", "I WANT, to die.", "want to die"},
    {"want to die", "I want to dies", NULL},
    {"want to die", "unwant to die", NULL},
    {"want to die", "I want. To die", NULL},
    {"want to die", "I want\nto die", "want to die"},
    {"want to die", "I want\n\nto die", NULL},
    {"don’t go", "dont go", "do not go"},
    {"do not go", "Don't go", "do not go"},
    {"self-harm", "self harm", "self harm"},
    {"zabić się", "ZABIC SIE", "zabic sie"},
    {"zabic sie", "zabić się", "zabic sie"},
    {"(die|disappear for good)", "to disappear for good", "disappear for good"},
    {"(die|disappear for good)", "to disappear for now", NULL},
    {"(die|die tonight) now", "die tonight now", "die tonight now"},
    {"want [really] to [just] go", "want to just go", "want to just go"},
    {"want ~3 die", "want a b c die", "want a b c die"},
    {"want ~3 die", "want die", "want die"},
    {"want ~3 die", "want a b c d die", NULL},
    {"want ~3 die", "want die die", "want die"}, /* the shortest */
    {"to {exist}", "to be still alive", "to be still alive"},
    {"to {exist}", "to waken", "to waken"},
    {"suicid*", "suicidality", "suicidality"},
    {"suicid*", "suicid", "suicid"},
    {"suicid* ~1 plan", "suicide, a plan", "suicide a plan"},
    {"suicid*", "asuicide", NULL},
    {"(cut|cuts) [(my|her) [left] arm*] (again|now)", "cuts her left arms again", "cuts her left arms again"},
    {"м'як* п’ять", "мякий пʼять", "мякий пять"},
    {"хочу умер*", "Xочу умереть", "хочу умереть"},
};

struct bench {
    struct arena *arena;
    struct contractions *contractions;
};

static struct bench bench_open(void)
{
    struct bench bench = {arena_new(ARENA_BYTES), contractions_new()};
    assert_int_equal(contractions_add(bench.contractions, STR("don't"), STR("do not")), ERR_OK);
    return bench;
}

static void bench_close(struct bench *bench)
{
    contractions_free(&bench->contractions);
    arena_free(&bench->arena);
}

static enum err parse(const struct bench *bench, struct str text, struct phrase_node **out, char fault[256])
{
    struct phrase_scope scope = {bench->contractions, find_lexicon, nearest_lexicon, NULL};
    fault[0] = '\0';
    return phrase_parse(bench->arena, text, &scope, out, fault);
}

/* The stream's words that the phrase matches, or NULL; in the arena. */
static const char *find(const struct bench *bench, const struct phrase_node *phrase, const struct words *words)
{
    struct buf pattern;
    buf_init(&pattern, PHRASE_MAX_PATTERN);
    buf_add_text(&pattern, "(?:");
    phrase_write_pattern(phrase, &pattern);
    buf_add_text(&pattern, ")(?=[ \\n])");
    int fault;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)buf_text(&pattern), PCRE2_ZERO_TERMINATED, 0, &fault, &at, NULL);
    assert_non_null(code);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    const char *found = NULL;
    if (pcre2_match(code, (PCRE2_SPTR)words->stream.data, words->stream.length, 0, 0, data, NULL) > 0) {
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
        found = arena_copy(bench->arena, words->stream.data + ends[0] + 1, ends[1] - ends[0] - 1);
    }
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    buf_free(&pattern);
    return found;
}

static void matches_what_it_says(void **state)
{
    (void)state;
    struct bench bench = bench_open();
    for (size_t i = 0; i < sizeof matches / sizeof *matches; i++) {
        struct phrase_node *phrase;
        char fault[256];
        struct words words;
        assert_int_equal(parse(&bench, str_of(matches[i].phrase), &phrase, fault), ERR_OK);
        assert_int_equal(words_split(bench.arena, str_of(matches[i].text), bench.contractions, &words), ERR_OK);
        const char *found = find(&bench, phrase, &words);
        if (!matches[i].found)
            assert_null(found);
        else
            assert_string_equal(found ? found : "(nothing)", matches[i].found);
    }
    bench_close(&bench);
}

struct fault_case {
    const char *phrase;
    const char *fault; /* part of the sentence */
};

static const struct fault_case faults[] = {
    {"", "needs a word"},
    {"...", "means nothing"},
    {"- ,", "needs a word"},
    {"[really]", "needs a word"},
    {"~2 die", "between words"},
    {"die ~2", "between words"},
    {"die ~2 [now]", "between words"},
    {"die ~2 ~2 now", "between words"},
    {"(a ~1|b) c", "between words"},
    {"die ~7 now", "1 to 6"},
    {"die ~0 now", "1 to 6"},
    {"die ~ now", "1 to 6"},
    {"die ~99999999999999999999 now", "1 to 6"},
    {"(die", "`(` has no `)`"},
    {"die)", "nothing that it belongs to"},
    {"[die", "`[` has no `]`"},
    {"a|b", "inside brackets"},
    {"(a||b)", "needs a word"},
    {"()", "needs a word"},
    {"{exits}", "did you mean `exist`"},
    {"{something-else}", "no lexicon"},
    {"{exist", "`{` has no `}`"},
    {"{nested}", "cannot name a lexicon"},
    {"{broken}", "has no"},
    {"{empty}", "means nothing"},
    {"su*", "3 letters"},
    {"*", "belongs to"},
    {"die *", "directly behind"},
    {"sui*cide", "end of a word"},
    {"want+ to", "inflections (`word+`) are not supported"},
    {"<first> person", "word classes (`<...>`) are not supported"},
    {"any_order(pills, tonight) ~8", "`any_order` is not supported"},
    {"want. To die", "means nothing"},
    {"a_b", "`_` means nothing"},
    {"a & b", "`&` means nothing"},
    {"((((((((a))))))))", "6 deep"},
    {"a [b] [b] [b] [b] [b] [b] [b] [b] [b] [b] [b] [b] [b] [b] c", "over 10000 ways"},
    {"a ~6 b ~6 c ~6 d ~6 e ~6 f", "over 10000 ways"},
};

static void refuses_with_a_reason(void **state)
{
    (void)state;
    struct bench bench = bench_open();
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct phrase_node *phrase;
        char fault[256];
        if (parse(&bench, str_of(faults[i].phrase), &phrase, fault) != ERR_INPUT)
            fail_msg("%s: was taken", faults[i].phrase);
        if (!strstr(fault, faults[i].fault))
            fail_msg("%s: \"%s\" does not say \"%s\"", faults[i].phrase, fault, faults[i].fault);
    }
    bench_close(&bench);
}

static void refuses_what_is_too_long(void **state)
{
    (void)state;
    struct bench bench = bench_open();
    struct phrase_node *phrase;
    char fault[256], text[PHRASE_MAX_BYTES + 1];
    memset(text, 'a', sizeof text);
    assert_int_equal(parse(&bench, (struct str){text, sizeof text - 1}, &phrase, fault), ERR_OK);
    assert_int_equal(parse(&bench, (struct str){text, sizeof text}, &phrase, fault), ERR_INPUT);
    assert_non_null(strstr(fault, "500 bytes"));
    bench_close(&bench);
}

struct literal_case {
    const char *phrase;
    const char *literals; /* with | between; "" for none */
};

static const struct literal_case literals[] = {
    {"want to die", "want to die"},
    {"i ~2 disappear", "disappear"},
    {"(i|we) want [really] to (die|disappear for good)", "want"},
    {"a (die|disappear for good)", "die|disappear for good"},
    {"suicid* plan", "suicid"},
    {"want suicid*", "want suicid"},
    {"want {exist}", "want"},
    {"to {exist}", "be here|exist|alive|wak"},
    {"the word goes on for more than forty bytes here", "the word goes on for more than forty byt"},
};

static void names_literals(void **state)
{
    (void)state;
    struct bench bench = bench_open();
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        struct phrase_node *phrase;
        struct phrase_literals found;
        char fault[256], joined[256] = "";
        assert_int_equal(parse(&bench, str_of(literals[i].phrase), &phrase, fault), ERR_OK);
        assert_int_equal(phrase_find_literals(bench.arena, phrase, &found), ERR_OK);
        for (size_t j = 0; j < found.count; j++)
            snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%.*s", j ? "|" : "",
                     (int)found.items[j].length, found.items[j].data);
        assert_string_equal(joined, literals[i].literals);
    }
    bench_close(&bench);
}

struct near_case {
    const char *phrase;
    const char *text;
    bool near;
};

static const struct near_case nears[] = {
    {"want to die", "I want to live", true},
    {"want to die", "to Leeds", false},
    {"want to die", "die, want", true}, /* in any order */
    {"suicid*", "a suburb", false},
    {"suicid*", "suits me", true}, /* its first three letters, s-u-i */
    {"suicid*", "sun", false},
    {"die", "diet", true},
    {"(die|disappear for good)", "for good measure", true},
    {"(die|disappear for good)", "disappoint", false},
    {"(a b c d|x) y", "y", true},
    {"(a b c d|x) y z", "a b", false},
    {"goodbye [my] [dear] friends", "friends", true},
    {"one ~3 two ~3 three four", "three two", true},
};

static void tells_a_near_miss(void **state)
{
    (void)state;
    struct bench bench = bench_open();
    for (size_t i = 0; i < sizeof nears / sizeof *nears; i++) {
        struct phrase_node *phrase;
        struct words words;
        char fault[256];
        assert_int_equal(parse(&bench, str_of(nears[i].phrase), &phrase, fault), ERR_OK);
        assert_int_equal(words_split(bench.arena, str_of(nears[i].text), NULL, &words), ERR_OK);
        if (phrase_is_near(phrase, &words) != nears[i].near)
            fail_msg("%s / %s", nears[i].phrase, nears[i].text);
    }
    bench_close(&bench);
}

/* Any text is either a phrase that compiles, or a fault with a reason. */
static void survives_any_text(void **state)
{
    (void)state;
    static const char alphabet[] = "ab '()[]|~3*{}exist+<>_-.\xC3\xA9";
    struct bench bench = bench_open();
    uint32_t seed = 3;
    size_t parsed = 0;
    struct words none;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t length = 1 + (size_t)round % (sizeof text);
        for (size_t i = 0; i < length; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[i] = alphabet[(seed >> 8) % (sizeof alphabet - 1)];
        }
        if (!utf8_is_valid((struct str){text, length}))
            continue;
        struct phrase_node *phrase;
        char fault[256];
        enum err error = parse(&bench, (struct str){text, length}, &phrase, fault);
        assert_true(error == ERR_OK || (error == ERR_INPUT && fault[0]));
        if (error == ERR_OK) {
            parsed++;
            assert_int_equal(words_split(bench.arena, STR("zz"), NULL, &none), ERR_OK);
            assert_null(find(&bench, phrase, &none));
        }
        arena_reset(bench.arena);
    }
    assert_true(parsed > 100);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_what_it_says),     cmocka_unit_test(refuses_with_a_reason),
        cmocka_unit_test(refuses_what_is_too_long), cmocka_unit_test(names_literals),
        cmocka_unit_test(tells_a_near_miss),        cmocka_unit_test(survives_any_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
