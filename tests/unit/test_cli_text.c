/* Reading one message in a child for the operator's eyes: what it gives, and what is left when the child dies. */
#include "stand_in.h"
#include <attune/readchild.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sys/wait.h>

/* "a b c" of a JSON list of texts. */
static const char *words_of(const json_t *list)
{
    static char words[256];
    size_t index, length = 0;
    json_t *value;
    words[0] = '\0';
    json_array_foreach(list, index, value) length +=
        (size_t)snprintf(words + length, sizeof words - length, "%s%s", index ? " " : "", json_string_value(value));
    return words;
}

static void test_children(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        const char *unscreened;
        const char *class;
    } cases[] = {
        {"one", "", "human"},
        {"crash", "unparsable screen-crash", "human"},
        {"segfault", "unparsable screen-crash", "human"},
        {"exec", "unparsable screen-crash", "human"},
        {"stack", "unparsable screen-crash", "human"},
        {"full", "screen-crash", "unknown"}, /* no memory: the second try fails too */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *seen;
        assert_int_equal(readchild_read(str_of(cases[i].word), &seen), ERR_OK);
        assert_string_equal(words_of(json_object_get(seen, "unscreened")), cases[i].unscreened);
        assert_string_equal(json_string_value(json_object_get(seen, "class")), cases[i].class);
        json_decref(seen);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    }
}

static void test_object(void **state)
{
    (void)state;
    const struct reading reading = {
        .fields = {[FIELD_SUBJECT] = STR("s"), [FIELD_TEXT] = STR("a\0b"), [FIELD_QUOTED] = STR("q")},
        .class = CLASS_LIST,
        .reasons = REASON_CUT | REASON_CHARSET,
        .language = "sl",
        .is_forward = true,
        .automatic = true,
        .message_id = STR("m@example.org"),
    };
    json_t *object = readchild_object(&reading);
    assert_string_equal(json_string_value(json_object_get(object, "message_id")), "m@example.org");
    assert_string_equal(json_string_value(json_object_get(object, "class")), "list");
    assert_string_equal(json_string_value(json_object_get(object, "language")), "sl");
    assert_int_equal(json_string_length(json_object_get(object, "text")), 3);
    assert_string_equal(json_string_value(json_object_get(object, "signature")), "");
    assert_string_equal(words_of(json_object_get(object, "flags")), "forward automatic");
    assert_string_equal(words_of(json_object_get(object, "unscreened")), "cut charset");
    json_decref(object);
}

static void test_nothing_known(void **state)
{
    (void)state;
    const struct reading nothing = {.class = CLASS_UNKNOWN};
    json_t *object = readchild_object(&nothing);
    assert_true(json_is_null(json_object_get(object, "message_id")));
    assert_true(json_is_null(json_object_get(object, "language")));
    assert_string_equal(json_string_value(json_object_get(object, "text")), "");
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_object),
        cmocka_unit_test(test_nothing_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
