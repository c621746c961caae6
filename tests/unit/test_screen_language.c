/* A language that the reading knows and the rule set does not: unread, and said so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ruleset_files.h"
#include <attune/screen.h>

#define HEAD "From: Ola <ola@example.org>\nSubject: Faktura\nDate: Fri, 20 Nov 2026 10:00:00 +0100\n\n"

static const struct {
    const char *mail;
    bool is_unheard;
} cases[] = {
    /* Polish, and the set has English rules alone */
    {HEAD "Dzień dobry, bardzo proszę o przesłanie faktury za październik na mój nowy adres, dziękuję.\n", true},
    /* too short to say */
    {HEAD "Dziękuję bardzo.\n", false},
    {HEAD "Good morning, could you please send the October invoice to my new address, thank you very much.\n", false},
};

static void a_language_without_rules_is_a_reason(void **state)
{
    struct folder folder = folder_make_base();
    struct arena *arena = arena_new(READING_ARENA);
    struct pack *pack = NULL;
    struct ruleset *ruleset = NULL;
    struct diag diag;
    (void)state;
    diag_init(&diag);
    assert_int_equal(reading_prepare(), ERR_OK);
    assert_int_equal(pack_load(folder.path, &pack, &diag), ERR_OK);
    assert_int_equal(ruleset_compile(pack, &ruleset, &diag), ERR_OK);
    assert_true(ruleset_has_language(ruleset, "en"));
    assert_false(ruleset_has_language(ruleset, "pl"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verdict verdict;
        assert_int_equal(screen_message(ruleset, arena, str_of(cases[i].mail), SCREEN_FULL, &verdict, NULL), ERR_OK);
        bool is_unheard = (verdict.reasons & REASON_LANGUAGE) != 0;
        if (is_unheard != cases[i].is_unheard)
            fail_msg("mail %zu: language '%s', reasons %x", i, verdict.language, verdict.reasons);
        arena_reset(arena);
    }
    ruleset_free(&ruleset);
    pack_free(&pack);
    diag_free(&diag);
    arena_free(&arena);
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_language_without_rules_is_a_reason)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
