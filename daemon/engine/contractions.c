/* A hash table from contractions to their long forms; filled as rules load, read-only afterwards. */
#include <attune/contractions.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 32768, /* a power of two, twice MAX_FORMS: a look-up that fails ends soon */
    MAX_FORMS = SLOTS / 2,
    SCRATCH = 64 * 1024, /* for folding one entry */
};

struct form {
    struct str word; /* data NULL: a free slot */
    struct str long_form;
};

struct contractions {
    struct arena *arena;
    struct form *slots;
    size_t count;
    struct word_starts starts; /* of all forms: spares most words the look-up */
};

/* English words that a contraction without its apostrophe would be taken for. */
static const char *const whole_words[] = {"hell", "id", "ill", "its", "shed", "shell", "wed", "well", "were", "whore"};

struct contractions *contractions_new(void)
{
    struct contractions *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->arena = arena_new(SLOTS * sizeof(struct form) + 4 * 1024 * 1024);
    table->slots = table->arena ? arena_array(table->arena, SLOTS, sizeof *table->slots) : NULL;
    if (!table->slots)
        contractions_free(&table);
    return table;
}

void contractions_free(struct contractions **table)
{
    if (!*table)
        return;
    arena_free(&(*table)->arena);
    free(*table);
    *table = NULL;
}

/* FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/. Its input is a table of the operator's, looked up by
 * words of strangers: they cannot fill the table, so nothing is won by colliding. */
static size_t hash_word(struct str word)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < word.length; i++)
        hash = (hash ^ (unsigned char)word.data[i]) * 16777619u;
    return hash & (SLOTS - 1);
}

static struct form *find_slot(const struct contractions *table, struct str word)
{
    size_t slot = hash_word(word);
    while (table->slots[slot].word.data && !str_equal(table->slots[slot].word, word))
        slot = (slot + 1) & (SLOTS - 1);
    return &table->slots[slot];
}

bool contractions_find(const struct contractions *table, struct str word, struct str *long_form)
{
    if (word.length > WORDS_MAX_CONTRACTION || !word_starts_has(&table->starts, words_start(word)))
        return false;
    const struct form *form = find_slot(table, word);
    if (!form->word.data)
        return false;
    *long_form = form->long_form;
    return true;
}

static enum err put_form(struct contractions *table, struct str word, struct str long_form)
{
    if (table->count == MAX_FORMS)
        return ERR_LIMIT;
    struct form *form = find_slot(table, word);
    if (form->word.data)
        return ERR_OK; /* the first stands: files are read in order, and a bare form may already be a contraction */
    char *copy = arena_copy(table->arena, word.data, word.length);
    if (!copy)
        return ERR_SYSTEM;
    *form = (struct form){{copy, word.length}, long_form};
    table->count++;
    word_starts_add(&table->starts, words_start(word));
    return ERR_OK;
}

static bool is_whole_word(struct str word)
{
    for (size_t i = 0; i < sizeof whole_words / sizeof *whole_words; i++)
        if (str_equal_text(word, whole_words[i]))
            return true;
    return false;
}

static enum err put_bare_form(struct contractions *table, struct str word, struct str long_form)
{
    char bare[WORDS_MAX_CONTRACTION];
    size_t length = 0;
    for (size_t i = 0; i < word.length; i++)
        if (word.data[i] != '\'')
            bare[length++] = word.data[i];
    struct str form = {bare, length};
    return length == word.length || is_whole_word(form) ? ERR_OK : put_form(table, form, long_form);
}

/* The words of `text` with one space between, out of a stream of them. */
static enum err fold_entry(struct arena *scratch, struct str text, struct str *out, size_t *count)
{
    struct words words;
    enum err error = words_split(scratch, text, NULL, &words);
    if (error != ERR_OK)
        return error;
    *count = words.count;
    *out = str_trim(words.stream);
    return ERR_OK;
}

static enum err add_folded(struct contractions *table, struct arena *scratch, struct str contraction, struct str text)
{
    struct str word, long_form;
    size_t words, long_words;
    if (fold_entry(scratch, contraction, &word, &words) != ERR_OK || words != 1 || word.length > WORDS_MAX_CONTRACTION)
        return ERR_INPUT;
    if (fold_entry(scratch, text, &long_form, &long_words) != ERR_OK || long_words == 0 ||
        str_find(long_form, STR("\n"), 0) != SIZE_MAX)
        return ERR_ABSENT;
    char *copy = arena_copy(table->arena, long_form.data, long_form.length);
    if (!copy)
        return ERR_SYSTEM;
    long_form.data = copy;
    enum err error = put_form(table, word, long_form);
    return error == ERR_OK ? put_bare_form(table, word, long_form) : error;
}

enum err contractions_add(struct contractions *table, struct str contraction, struct str long_form)
{
    struct arena *scratch = arena_new(SCRATCH);
    if (!scratch)
        return ERR_SYSTEM;
    enum err error = add_folded(table, scratch, contraction, long_form);
    arena_free(&scratch);
    return error;
}
