/* The YAML reader: trees with positions, and every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/clock.h>
#include <attune/yaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARENA_BYTES = 64 * 1024 * 1024 };

struct read {
    struct arena *arena;
    struct diag diag;
    struct yaml_node *root;
    enum err error;
};

static struct read read_bytes(struct str text)
{
    struct read read = {.arena = arena_new(ARENA_BYTES)};
    diag_init(&read.diag);
    read.error = yaml_parse(read.arena, "t.yaml", text, &read.root, &read.diag);
    return read;
}

static void read_free(struct read *read)
{
    diag_free(&read->diag);
    arena_free(&read->arena);
}

static void gives_tree_with_positions(void **state)
{
    (void)state;
    struct read read = read_bytes(STR("# a note\n"
                                      "name: support\n"
                                      "čas: [1, \"no\", ~]\n"
                                      "deep:\n"
                                      "  - {a: x, b: ''}\n"));
    assert_int_equal(read.error, ERR_OK);
    assert_int_equal(read.root->kind, YAML_MAP);
    assert_int_equal(read.root->count, 3);
    assert_int_equal(read.root->line, 2);
    assert_string_equal(yaml_get(read.root, "name")->text.data, "support");
    assert_true(yaml_get(read.root, "name")->plain);

    const struct yaml_node *list = yaml_get(read.root, "čas");
    assert_int_equal(list->kind, YAML_LIST);
    assert_int_equal(list->count, 3);
    assert_int_equal(list->line, 3);
    assert_int_equal(list->column, 6); /* characters, not bytes */
    assert_null(list->keys);
    assert_string_equal(list->values[1]->text.data, "no");
    assert_false(list->values[1]->plain);
    assert_true(list->values[2]->plain);

    const struct yaml_node *map = yaml_get(read.root, "deep")->values[0];
    assert_string_equal(map->keys[1]->text.data, "b");
    assert_int_equal(map->values[1]->text.length, 0);
    assert_false(map->values[1]->plain);
    assert_null(yaml_get(map, "c"));
    assert_null(yaml_get(list, "c"));
    assert_string_equal(yaml_kind_name(list->kind), "list");
    read_free(&read);
}

static void takes_nothing_for_an_empty_map(void **state)
{
    (void)state;
    const char *const empty[] = {"", "# only a note\n", "---\n", "\n\n", "\xef\xbb\xbf# with a byte order mark\n"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        struct read read = read_bytes(str_of(empty[i]));
        assert_int_equal(read.error, ERR_OK);
        assert_int_equal(read.root->kind, YAML_MAP);
        assert_int_equal(read.root->count, 0);
        read_free(&read);
    }
}

struct refusal {
    struct str text;
    const char *code;
    unsigned line, column;
};

static void refuses_with_position(void **state)
{
    (void)state;
    static const struct refusal rows[] = {
        {{"a: 1\nb: \0", 9}, "Y002", 2, 4},
        {{"a: \"x\\0y\"", 9}, "Y002", 1, 4},
        {{"a: 1\nč: \xff", 10}, "Y003", 2, 4},
        {{"a: \xed\xa0\x80", 6}, "Y003", 1, 4}, /* a surrogate */
        {{"a: \xc0\x80", 5}, "Y003", 1, 4},     /* an overlong NUL */
        {{"a: \xe2\x82", 5}, "Y003", 1, 4},     /* cut in a character */
        {{"\xff\xfe\x61\0", 4}, "Y002", 1, 4},  /* UTF-16 */
        {{"a: \x01", 4}, "Y004", 1, 4},
        {{"a: [1\nb: 2", 10}, "Y004", 2, 2},
        {{"a:\n\tb: 1", 8}, "Y004", 2, 1},
        {{"a: 'open", 8}, "Y004", 1, 9},
        {{"? [a]\n: b", 9}, "Y006", 1, 3},
        {{"a: 1\nb: 2\na: 3", 14}, "Y008", 3, 1},
        {{"x: {\"a\": 1, a: 2}", 17}, "Y008", 1, 13},
        {{"a: 1\n---\nb: 2", 13}, "Y009", 2, 1},
        {{"a: 1\n...\n---\nb: 2", 17}, "Y009", 3, 1},
        {{"a: !!str 1", 10}, "Y010", 1, 4},
        {{"a: ! 1", 6}, "Y010", 1, 4},
        {{"- !x [1]", 8}, "Y010", 1, 3},
        {{"a: !x {b: c}", 12}, "Y010", 1, 4},
        {{"a: &x 1", 7}, "Y011", 1, 4},
        {{"&k a: 1", 7}, "Y011", 1, 1},
        {{"a: *x", 5}, "Y011", 1, 4},
        {{"a: &x [1]", 9}, "Y011", 1, 4},
        {{"a: &x {b: c}", 12}, "Y011", 1, 4},
        {{"a: 1\n\"\\e[2J\": 1", 15}, "Y014", 2, 1},
        {{"{a: 1, \"b\\n\": 1}", 16}, "Y014", 1, 8},
        {{"%YAML 1.1\n---\na: 1", 18}, "Y013", 1, 1},
        {{"# a\n%TAG !x! y\n---\na: 1", 23}, "Y013", 2, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct read read = read_bytes(rows[i].text);
        if (read.error != ERR_INPUT || read.diag.count != 1)
            fail_msg("row %zu: %s with %zu findings", i, err_name(read.error), read.diag.count);
        const struct diag_item *item = &read.diag.items[0];
        if (strcmp(item->code, rows[i].code) != 0 || item->line != rows[i].line || item->column != rows[i].column)
            fail_msg("row %zu: %s at %u:%u (%s)", i, item->code, item->line, item->column, item->message);
        read_free(&read);
    }
}

static void names_every_repeated_key(void **state)
{
    (void)state;
    struct read read = read_bytes(STR("a: 1\nb: 1\na: 2\nb: 2\na: 3\n"));
    assert_int_equal(read.error, ERR_INPUT);
    assert_int_equal(read.diag.count, 3);
    assert_string_equal(read.diag.items[0].subject, "a");
    assert_int_equal(read.diag.items[0].line, 3);
    assert_int_equal(read.diag.items[1].line, 5);
    read_free(&read);
}

/* `unit` over and over, `bytes` long. */
static char *repeat(const char *unit, size_t bytes)
{
    size_t length = strlen(unit);
    char *text = malloc(bytes + 1);
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++)
        text[i] = unit[i % length];
    text[bytes] = '\0';
    return text;
}

static void bounds_depth(void **state)
{
    (void)state;
    char text[2 * YAML_MAX_DEPTH + 3];
    for (size_t depth = YAML_MAX_DEPTH; depth <= YAML_MAX_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct read read = read_bytes((struct str){text, 2 * depth});
        assert_int_equal(read.error, depth > YAML_MAX_DEPTH ? ERR_INPUT : ERR_OK);
        if (read.error)
            assert_string_equal(read.diag.items[0].code, "Y007");
        read_free(&read);
    }
}

static void bounds_nodes(void **state)
{
    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        size_t items = YAML_MAX_NODES - 1 + extra; /* the list is a node too */
        char *text = repeat("- a\n", 4 * items);
        struct read read = read_bytes((struct str){text, 4 * items});
        assert_int_equal(read.error, extra ? ERR_INPUT : ERR_OK);
        if (extra)
            assert_string_equal(read.diag.items[0].code, "Y005");
        else
            assert_int_equal(read.root->count, items);
        read_free(&read);
        free(text);
    }
}

static void bounds_bytes(void **state)
{
    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        char *text = repeat("#", YAML_MAX_BYTES + extra);
        struct read read = read_bytes((struct str){text, YAML_MAX_BYTES + extra});
        assert_int_equal(read.error, extra ? ERR_INPUT : ERR_OK);
        if (extra)
            assert_string_equal(read.diag.items[0].code, "Y001");
        read_free(&read);
        free(text);
    }
}

/* None of these takes 20 ms built plainly; 2 s leaves room for sanitizers on a busy machine and none for a quadratic.
 */
static void answers_hostile_files_fast(void **state)
{
    (void)state;
    static const char *const units[] = {
        "[",      "{",   "- ",           "? ",   "{a: ",  "[[[[\n",  "\"",  "'",      "a: b\n",
        "- a\n",  "[],", "a,",           "x ",   "*a ",   "&a ",     "!a ", "|\n",    ">\n\n",
        "%a\n",   "\n",  "---\n",        "{? ",  "\t",    "\\",      "{a",  "a:\n",   "- - - -\n",
        "%TAG !", "# ",  "\xef\xbb\xbf", "[a: ", "!<%41", "\"\\x41", ": ",  "a: [\n", "- {a: [b, c]}\n"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        char *text = repeat(units[i], YAML_MAX_BYTES - 1);
        int64_t before = clock_cpu_us();
        struct read read = read_bytes((struct str){text, YAML_MAX_BYTES - 1});
        int64_t spent = clock_cpu_us() - before;
        if (spent > 2000000)
            fail_msg("\"%s\" repeated took %lld us", units[i], (long long)spent);
        read_free(&read);
        free(text);
    }
}

static void keeps_large_maps_fast(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, YAML_MAX_BYTES);
    for (unsigned i = 0; i < 20000; i++)
        assert_int_equal(buf_addf(&text, "key-%05u: v\n", i), ERR_OK);
    int64_t before = clock_cpu_us();
    struct read read = read_bytes(buf_str(&text));
    assert_int_equal(read.error, ERR_OK);
    assert_int_equal(read.root->count, 20000);
    assert_true(clock_cpu_us() - before < 2000000);
    read_free(&read);
    buf_free(&text);
}

static void survives_every_cut_and_flipped_byte(void **state)
{
    (void)state;
    static const char text[] = "a: [1, {b: \"c\\n\", 'd': e}]\nf: |\n  g\n  h\n? i\n: - j\n# k\n";
    char copy[sizeof text];
    for (size_t cut = 0; cut < sizeof text; cut++) {
        struct read read = read_bytes((struct str){text, cut});
        assert_true(read.error == ERR_OK || (read.error == ERR_INPUT && read.diag.errors > 0));
        read_free(&read);
    }
    static const char bytes[] = {0,   '\t', '\n', '[', '{', '"',        '\'',      '&',
                                 '*', '!',  ':',  '-', '%', (char)0x80, (char)0xff};
    for (size_t at = 0; at < sizeof text - 1; at++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            memcpy(copy, text, sizeof text);
            copy[at] = bytes[i];
            struct read read = read_bytes((struct str){copy, sizeof text - 1});
            assert_true(read.error == ERR_OK || (read.error == ERR_INPUT && read.diag.errors > 0));
            read_free(&read);
        }
    }
}

static void says_when_memory_ends(void **state)
{
    (void)state;
    struct diag diag;
    diag_init(&diag);
    struct yaml_node *root;
    for (size_t bytes = 16; bytes < 1024; bytes += 16) {
        struct arena *arena = arena_new(bytes);
        assert_non_null(arena);
        enum err error = yaml_parse(arena, "t.yaml", STR("a: [b, {c: d}]\ne: f\n"), &root, &diag);
        assert_true(error == ERR_SYSTEM || error == ERR_OK);
        arena_free(&arena);
    }
    assert_int_equal(diag.count, 0);
    diag_free(&diag);
}

static enum err read_file(const char *path, struct diag *diag)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    struct yaml_node *root = NULL;
    enum err error = yaml_parse_file(arena, path, &root, diag);
    arena_free(&arena);
    return error;
}

static void reads_only_regular_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/attune-yaml-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char good[64], link[64], pipe_path[64], absent[64];
    snprintf(good, sizeof good, "%s/good", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    snprintf(pipe_path, sizeof pipe_path, "%s/pipe", folder);
    snprintf(absent, sizeof absent, "%s/absent", folder);
    FILE *file = fopen(good, "w");
    assert_non_null(file);
    fputs("a: 1\n", file);
    fclose(file);
    assert_int_equal(symlink(good, link), 0);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);

    struct diag diag;
    diag_init(&diag);
    assert_int_equal(read_file(good, &diag), ERR_OK);
    assert_int_equal(read_file(link, &diag), ERR_OK);
    assert_int_equal(diag.count, 0);
    const char *const refused[] = {pipe_path, absent, folder, "/dev/zero"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(read_file(refused[i], &diag), ERR_INPUT);
    assert_int_equal(diag.errors, 4);
    assert_string_equal(diag.items[1].file, absent);
    diag_free(&diag);

    unlink(good);
    unlink(link);
    unlink(pipe_path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_tree_with_positions),
        cmocka_unit_test(takes_nothing_for_an_empty_map),
        cmocka_unit_test(refuses_with_position),
        cmocka_unit_test(names_every_repeated_key),
        cmocka_unit_test(bounds_depth),
        cmocka_unit_test(bounds_nodes),
        cmocka_unit_test(bounds_bytes),
        cmocka_unit_test(answers_hostile_files_fast),
        cmocka_unit_test(keeps_large_maps_fast),
        cmocka_unit_test(survives_every_cut_and_flipped_byte),
        cmocka_unit_test(says_when_memory_ends),
        cmocka_unit_test(reads_only_regular_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
