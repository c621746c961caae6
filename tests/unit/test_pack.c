/* Loading rule sets: what loads, what is refused and where the finding points, limits, the hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ruleset_files.h"
#include <attune/pack_source.h>

static void loads_a_set(void **state)
{
    (void)state;
    struct folder folder = folder_make_base();
    folder_write(&folder, "combine.yaml",
                 "format: 1\ncombine:\n  - {id: both, all: [distress, sleep], urgency: soon}\n"
                 "  - {id: two, count: {of: [distress, sleep, intent], at_least: 2}, urgency: review}\n");
    folder_write(&folder, "README", "not read\n");
    struct pack *pack;
    struct diag diag;
    diag_init(&diag);
    assert_int_equal(pack_load(folder.path, &pack, &diag), ERR_OK);
    assert_int_equal(diag.count, 0);
    assert_int_equal(pack_cue_count(pack), 5);
    assert_int_equal(pack_rule_count(pack), 5);
    assert_int_equal(pack_card_count(pack), 1);
    assert_string_equal(pack_card(pack, "card"), "A card\n");
    assert_null(pack_card(pack, "cards"));
    const struct rule *rule = pack_rule(pack, 1);
    assert_string_equal(rule->id, "en.wish");
    assert_string_equal(rule->language, "en");
    assert_string_equal(rule->file, "en/base.yaml");
    assert_int_equal(rule->line, 5);
    assert_int_equal(rule->urgency, URGENCY_SOON);
    assert_string_equal(pack_cue(pack, rule->cue)->id, "wish-to-die");
    assert_null(pack_rule(pack, 5));
    assert_int_equal(pack_combination_count(pack), 2);
    assert_int_equal(pack_combination(pack, 1)->kind, COMBINE_COUNT);
    assert_int_equal(pack_combination(pack, 1)->at_least, 2);
    assert_string_equal(pack_combination(pack, 1)->file, "combine.yaml");
    pack_free(&pack);
    assert_null(pack);
    diag_free(&diag);
    folder_remove(&folder);
}

static void hash_of(const struct folder *folder, unsigned char out[HASH_SIZE])
{
    struct pack *pack;
    struct diag diag;
    diag_init(&diag);
    assert_int_equal(pack_load(folder->path, &pack, &diag), ERR_OK);
    memcpy(out, pack_hash(pack), HASH_SIZE);
    pack_free(&pack);
    diag_free(&diag);
}

static void hashes_every_file_of_the_set(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *text;
    } changes[] = {
        {"policy.yaml", BASE_POLICY "# a note\n"}, {"protocols/card.txt", "Another\n"},
        {"protocols/more.txt", "More\n"},          {"en/lexicon.yaml", BASE_LEXICON "# a note\n"},
        {"cues.yaml", BASE_CUES "# a note\n"},
    };
    struct folder folder = folder_make_base();
    unsigned char last[HASH_SIZE], same[HASH_SIZE], next[HASH_SIZE];
    hash_of(&folder, last);
    folder_write(&folder, "README", "no part of the set\n");
    hash_of(&folder, same);
    assert_memory_equal(last, same, HASH_SIZE);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        folder_write(&folder, changes[i].path, changes[i].text);
        hash_of(&folder, next);
        assert_memory_not_equal(last, next, HASH_SIZE);
        memcpy(last, next, HASH_SIZE);
    }
    folder_remove(&folder);
}

struct refusal {
    const char *path;
    const char *text;
    const char *finding;
};

#define EN "format: 1\nlanguage: en\nrules:\n"
#define FIELDS(id, rest)                                                                                               \
    "  - {id: " id ", title: T, cue: intent, status: live, why: W, say: [x y], handle: card, " rest "\n"
#define GOOD_TESTS "tests: [{fires: x y}, {fires: x y}, {silent: x}, {silent: z}]"

static const struct refusal refusals[] = {
    {"cues.yaml", "format: 2\ncues: []\n", "cues.yaml:1:9: error: the file must say `format: 1`"},
    {"cues.yaml", "format: 1\n", "`cues` is missing"},
    {"cues.yaml", "format: 1\ncues: [{id: a b, title: T, alone: now}]\n", "`id` is 2 to 64"},
    {"cues.yaml", "format: 1\ncues: [{id: aa, title: T, alone: routine}]\n", "`alone` is one of"},
    {"cues.yaml", "format: 1\ncues: [{id: aa, title: T, alone: now, titel: T}]\n", "did you mean `title`"},
    {"cues.yaml", BASE_CUES "  - {id: sleep, title: Twice, alone: adds}\n", "already there"},
    {"protocols/sub/x.txt", "x", "directly in protocols/"},
    {"protocols/empty.txt", " \n", "1 to 16384 bytes"},
    {"protocols/latin.txt", "\xE9", "of UTF-8 text"},
    {"en/more.yml", "format: 1\n", "rename it"},
    {"en/lexicon.yaml", "format: 1\nlanguage: sl\n", "the folder of its code"},
    {"en/lexicon.yaml", "format: 1\nlanguage: en\nlexicon: {a b: [x]}\n", "`lexicon` is 2 to 64"},
    {"en/lexicon.yaml", "format: 1\nlanguage: en\nlexicon: {aa: x}\n", "a list of words"},
    {"en/lexicon.yaml", "format: 1\nlanguage: en\nlexicon: {aa: []}\n", "takes 1 to 1000"},
    {"en/lexicon.yaml", "format: 1\nlanguage: en\ncontractions: {do not: do}\n", "one word"},
    {"en/lexicon.yaml", "format: 1\nlanguage: en\ncontractions: {dont: [do]}\n", "takes a text"},
    {"en/lexicon.yaml", "format: 1\nlanguage: en\ninflect: {want: [wants]}\n", "unknown key `inflect`"},
    {"en/x.yaml", "format: 1\nlanguage: en\n", "neither `rules` nor `combine`"},
    {"en/x.yaml", "format: 1\nlanguage: sl\nrules: []\n", "stands in the folder of that code"},
    {"x.yaml", EN FIELDS("en.x", "urgency: now, " GOOD_TESTS "}"), "stands in the folder of that code"},
    {"en/x.yaml", "format: 1\nlanguage: en\ncontexts: []\n", "`contexts` is not supported by this version of Attune"},
    {"en/x.yaml", "format: 1\ninflect: {}\n", "`inflect` is not supported by this version"},
    {"en/x.yaml", "format: 1\noverlay: []\n", "`overlay` is not supported by this version"},
    {"en/x.yaml", "format: 1\nblocks: []\n", "`blocks` is not supported by this version"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, voice: [client], " GOOD_TESTS "}"),
     "en/x.yaml:4:101: error: en.x: `voice` is not supported by this version of Attune"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, context: {}, " GOOD_TESTS "}"), "`context` is not supported"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, regex: x, " GOOD_TESTS "}"), "`regex` takes a list, not a text"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, urgent: yes, " GOOD_TESTS "}"), "did you mean `urgency`"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: routine, " GOOD_TESTS "}"), "`urgency` is one of"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: [now], " GOOD_TESTS "}"), "takes a text, not a list"},
    {"en/x.yaml", EN FIELDS("sl.x", "urgency: now, " GOOD_TESTS "}"), "begins with its language: `en.`"},
    {"en/x.yaml", EN FIELDS("en.wish", "urgency: now, " GOOD_TESTS "}"), "already taken at en/base.yaml:5"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, tests: [{fires: x y}, {silent: x}, {silent: z}]}"),
     "this one has 1 and 2"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, tests: [{fires: x y}, {fires: x y}, {silent: x}]}"),
     "this one has 2 and 1"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, tests: [{fires: x, silent: y}]}"), "either `fires` or `silent`"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, tests: [{silent: y, urgency: now}]}"),
     "belong to a test that fires"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, tests: [{fires: y, because: past}]}"),
     "`because: past` is not supported"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, tests: [{fires: y, also: denial}]}"), "`also` is not supported"},
    {"en/x.yaml", EN FIELDS("en.x", "urgency: now, unless: [], " GOOD_TESTS "}"), "`unless` takes 1 to 200"},
    {"en/x.yaml",
     EN
     "  - {id: en.x, title: T, cue: intend, urgency: now, status: live, why: W, say: [x], handle: card, tests: []}\n",
     "did you mean `intent`"},
    {"en/x.yaml",
     EN
     "  - {id: en.x, title: T, cue: intent, urgency: now, status: shadow, why: W, say: [x], handle: card, tests: []}\n",
     "`status: shadow` is not supported by this version"},
    {"en/x.yaml",
     EN
     "  - {id: en.x, title: T, cue: intent, urgency: now, status: live, why: W, say: [x], handle: cart, tests: []}\n",
     "no protocol card protocols/cart.txt"},
    {"en/x.yaml", EN "  - {id: en.x, title: T, cue: intent, urgency: now, status: live, why: W, say: [x], tests: []}\n",
     "`handle` is missing"},
    {"en/x.yaml", EN "  - {id: en.x}\n", "`why` is missing"},
    {"en/x.yaml", EN "  - just text\n", "a map of keys was expected"},
    {"en/x.yaml", "format: 1\ncombine: [{id: cc, all: [sleep], any: [sleep], urgency: soon}]\n", "one of `all`, `any`"},
    {"en/x.yaml", "format: 1\ncombine: [{id: cc, urgency: soon}]\n", "one of `all`, `any`"},
    {"en/x.yaml", "format: 1\ncombine: [{id: cc, all: [sleep], urgency: adds}]\n", "`urgency` is one of"},
    {"en/x.yaml", "format: 1\ncombine: [{id: cc, all: [sleeps], urgency: now}]\n", "did you mean `sleep`"},
    {"en/x.yaml", "format: 1\ncombine: [{id: cc, all: [sleep, sleep], urgency: now}]\n", "named twice"},
    {"en/x.yaml", "format: 1\ncombine: [{id: cc, all: [], urgency: now}]\n", "names 1 to"},
    {"en/x.yaml", "format: 1\ncombine: [{id: cc, count: {of: [sleep, intent], at_least: 3}, urgency: now}]\n",
     "from 2 to the number"},
    {"en/x.yaml", "format: 1\ncombine: [{id: cc, count: {of: [sleep, intent], at_least: 1}, urgency: now}]\n",
     "from 2 to the number"},
    {"en/x.yaml", "format: 1\ncombine: [{id: cc, all: [sleep], facts: {text.words: 3}, urgency: now}]\n",
     "`facts` is not supported"},
    {"en/x.yaml", "format: 1\ncombine: [{id: cc, all: [sleep], near: {sentences: 2}, urgency: now}]\n",
     "`near` is not supported"},
    {"en/x.yaml",
     "format: 1\ncombine:\n  - {id: cc, all: [sleep], urgency: now}\n  - {id: cc, all: [sleep], urgency: now}\n",
     "en/x.yaml:4:10: error: cc: the combination `cc` is already there"},
    {"en/deep/lexicon.yaml", "format: 1\nlanguage: en\nlexicon: {aa: [x]}\n", "neither `rules` nor `combine`"},
    {"a/b/c/d/e.yaml", "format: 1\n", "too deep"},
};

static void refuses_with_a_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct folder folder = folder_make_base();
        folder_write(&folder, refusals[i].path, refusals[i].text);
        struct pack *pack;
        struct diag diag;
        diag_init(&diag);
        if (pack_load(folder.path, &pack, &diag) != ERR_INPUT)
            fail_msg("%s: was taken:\n%s", refusals[i].path, refusals[i].text);
        assert_null(pack);
        expect_finding(&diag, refusals[i].finding);
        diag_free(&diag);
        folder_remove(&folder);
    }
}

static void needs_its_parts(void **state)
{
    (void)state;
    static const char *const parts[] = {"cues.yaml", "policy.yaml", "protocols/card.txt", "en/base.yaml"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct folder folder = folder_make_base();
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder.path, parts[i]);
        assert_int_equal(unlink(path), 0);
        struct pack *pack;
        struct diag diag;
        diag_init(&diag);
        assert_int_equal(pack_load(folder.path, &pack, &diag), ERR_INPUT);
        assert_true(diag.errors > 0);
        diag_free(&diag);
        folder_remove(&folder);
    }
    struct pack *pack;
    struct diag diag;
    diag_init(&diag);
    assert_int_equal(pack_load("/nonexistent/rules", &pack, &diag), ERR_INPUT);
    expect_finding(&diag, "/nonexistent/rules: error: No such file");
    diag_free(&diag);
}

static void refuses_odd_files(void **state)
{
    (void)state;
    struct folder folder = folder_make_base();
    char path[128];
    struct pack *pack;
    struct diag diag;
    diag_init(&diag);
    snprintf(path, sizeof path, "%s/en/pipe.yaml", folder.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pack_load(folder.path, &pack, &diag), ERR_INPUT); /* and does not wait for a writer */
    expect_finding(&diag, "not a regular file");
    assert_int_equal(unlink(path), 0);
    size_t over = 1024 * 1024 + 1;
    char *large = malloc(over);
    memset(large, '#', over);
    folder_write_bytes(&folder, "en/large.yaml", large, over);
    assert_int_equal(pack_load(folder.path, &pack, &diag), ERR_INPUT);
    expect_finding(&diag, "a rule file may have 1 MiB");
    free(large);
    diag_free(&diag);
    folder_remove(&folder);
}

/* Every beginning of a good file loads, or is refused with a finding. */
static void survives_any_cut(void **state)
{
    (void)state;
    struct folder folder = folder_make_base();
    static const char text[] = BASE_RULES;
    for (size_t length = 0; length < sizeof text - 1; length += 7) {
        folder_write_bytes(&folder, "en/base.yaml", text, length);
        struct pack *pack;
        struct diag diag;
        diag_init(&diag);
        enum err error = pack_load(folder.path, &pack, &diag);
        assert_true(error == ERR_OK || (error == ERR_INPUT && diag.errors > 0));
        pack_free(&pack);
        diag_free(&diag);
    }
    folder_remove(&folder);
}

static void names_urgencies(void **state)
{
    (void)state;
    for (int i = URGENCY_ROUTINE; i <= URGENCY_NOW; i++) {
        enum urgency urgency;
        assert_true(urgency_parse(str_of(urgency_name((enum urgency)i)), &urgency));
        assert_int_equal(urgency, i);
    }
    enum urgency urgency;
    assert_false(urgency_parse(STR("Now"), &urgency));
    assert_null(lowering_name(LOWERED_NOT));
    assert_string_equal(lowering_name(LOWERED_UNLESS), "unless");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_a_set),          cmocka_unit_test(hashes_every_file_of_the_set),
        cmocka_unit_test(refuses_with_a_place), cmocka_unit_test(needs_its_parts),
        cmocka_unit_test(refuses_odd_files),    cmocka_unit_test(survives_any_cut),
        cmocka_unit_test(names_urgencies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
