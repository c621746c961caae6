/* The fold and the split into words on any bytes: valid UTF-8 out, a map that only rises, nothing lost on the way back.
 */
#include <attune/words.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static void check_fold(struct arena *arena, struct str text, enum fold_view view)
{
    struct folded folded;
    if (fold_text(arena, text, view, &folded) != ERR_OK || !utf8_is_valid(folded.text))
        abort();
    for (size_t i = 0; i < folded.text.length; i++)
        if (folded.origin[i] >= text.length || (i > 0 && folded.origin[i] < folded.origin[i - 1]))
            abort();
    if (folded.origin[folded.text.length] > text.length)
        abort();
}

static void check_words(struct arena *arena, struct str text)
{
    struct words words;
    if (words_split(arena, text, NULL, &words) != ERR_OK)
        abort();
    for (size_t i = 0; i < words.count; i++) {
        const struct word *word = &words.items[i];
        if (word->from >= word->to || word->to > text.length || words.stream.data[word->at - 1] != ' ' ||
            words_find(&words, word->at) != i)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    struct str text = {(const char *)bytes, length};
    struct arena *arena = arena_new(64 * 1024 * 1024);
    check_fold(arena, text, FOLD_TEXT);
    check_fold(arena, text, FOLD_PLAIN);
    check_words(arena, text);
    arena_free(&arena);
    return 0;
}
