/* The phrase language on any text: a fault with a sentence, or a pattern that compiles and that every literal serves.
 */
#include <attune/phrase.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static bool find_lexicon(const void *context, struct str name, struct phrase_entries *out)
{
    static const struct str entries[] = {{"be here", 7}, {"(a|b) c", 7}, {"wak*", 4}};
    (void)context;
    *out = (struct phrase_entries){entries, 3};
    return name.length == 1;
}

static void check_pattern(const struct phrase_node *phrase)
{
    struct buf pattern;
    int fault;
    PCRE2_SIZE at;
    buf_init(&pattern, PHRASE_MAX_PATTERN);
    phrase_write_pattern(phrase, &pattern);
    pcre2_code *code = buf_failed(&pattern)
                           ? NULL
                           : pcre2_compile((PCRE2_SPTR)buf_text(&pattern), PCRE2_ZERO_TERMINATED, 0, &fault, &at, NULL);
    if (!code && !buf_failed(&pattern))
        abort();
    pcre2_code_free(code);
    buf_free(&pattern);
}

static void check_literals(struct arena *arena, const struct phrase_node *phrase)
{
    struct phrase_literals literals;
    if (phrase_find_literals(arena, phrase, &literals) != ERR_OK)
        abort();
    for (size_t i = 0; i < literals.count; i++)
        if (literals.items[i].length == 0 || literals.items[i].length > PHRASE_MAX_LITERAL)
            abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    struct str text = {(const char *)bytes, length};
    struct phrase_scope scope = {.find_lexicon = find_lexicon};
    struct phrase_node *phrase;
    char fault[256] = "";
    if (!utf8_is_valid(text))
        return 0;
    struct arena *arena = arena_new(64 * 1024 * 1024);
    enum err error = phrase_parse(arena, text, &scope, &phrase, fault);
    if (error == ERR_OK) {
        check_pattern(phrase);
        check_literals(arena, phrase);
    } else if (error != ERR_INPUT || !fault[0]) {
        abort();
    }
    arena_free(&arena);
    return 0;
}
