/* Which words a text has, to tell what another one adds. Screen children; the text is hostile and only hashed. */
#include <attune/word_set.h>

static bool is_word_byte(char byte)
{
    return (unsigned char)byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z');
}

/* The next word from *at on; addresses of the web are passed over, since one alternative shows them and the other not.
 */
static bool next_word(struct str text, size_t *at, struct str *word)
{
    while (*at < text.length) {
        size_t start = *at;
        while (start < text.length && !is_word_byte(text.data[start]))
            start++;
        size_t end = start;
        while (end < text.length && is_word_byte(text.data[end]))
            end++;
        *word = str_slice(text, start, end);
        *at = end;
        if (!str_starts_nocase(*word, STR("http")))
            return end > start;
        while (*at < text.length && (unsigned char)text.data[*at] > ' ')
            ++*at;
    }
    return false;
}

static uint32_t word_hash(struct str word)
{
    uint32_t value = 2166136261u; /* FNV-1a, ASCII letters in one case */
    for (size_t i = 0; i < word.length; i++)
        value = (value ^ ((unsigned char)word.data[i] | 0x20)) * 16777619u;
    return (value ^ value >> 16) % WORD_SET_BITS;
}

void word_set_learn(struct word_set *set, struct str text)
{
    struct str word;
    for (size_t at = 0; next_word(text, &at, &word);) {
        uint32_t bit = word_hash(word);
        set->bits[bit / 8] |= (unsigned char)(1u << bit % 8);
    }
}

bool word_set_lacks(const struct word_set *set, struct str line)
{
    size_t words = 0, unknown = 0;
    struct str word;
    for (size_t at = 0; next_word(line, &at, &word); words++) {
        uint32_t bit = word_hash(word);
        unknown += !(set->bits[bit / 8] & 1u << bit % 8);
    }
    return unknown * 3 >= words && unknown;
}
