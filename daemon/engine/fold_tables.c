/* Small tables of the fold: what utf8proc does not say of a character. Pure data and look-ups. */
#include <attune/fold_tables.h>
#include <utf8proc.h>

/* 0x00-0x1F: white space as it is, other controls dropped; upper case to lower; the grave accent serves as an
 * apostrophe. */
const unsigned char fold_ascii_table[128] = {
    0,    0,   0,   0,   0,   0,   0,   0,    0,   '\t', '\n', '\v', '\f', '\r', 0,   0,   /* 0x00 */
    0,    0,   0,   0,   0,   0,   0,   0,    0,   0,    0,    0,    0,    0,    0,   0,   /* 0x10 */
    ' ',  '!', '"', '#', '$', '%', '&', '\'', '(', ')',  '*',  '+',  ',',  '-',  '.', '/', /* 0x20 */
    '0',  '1', '2', '3', '4', '5', '6', '7',  '8', '9',  ':',  ';',  '<',  '=',  '>', '?', /* 0x30 */
    '@',  'a', 'b', 'c', 'd', 'e', 'f', 'g',  'h', 'i',  'j',  'k',  'l',  'm',  'n', 'o', /* 0x40 */
    'p',  'q', 'r', 's', 't', 'u', 'v', 'w',  'x', 'y',  'z',  '[',  '\\', ']',  '^', '_', /* 0x50 */
    '\'', 'a', 'b', 'c', 'd', 'e', 'f', 'g',  'h', 'i',  'j',  'k',  'l',  'm',  'n', 'o', /* 0x60 */
    'p',  'q', 'r', 's', 't', 'u', 'v', 'w',  'x', 'y',  'z',  '{',  '|',  '}',  '~', 0,   /* 0x70 */
};

bool fold_is_space(uint32_t code_point)
{
    if (code_point < 0x80)
        return code_point == ' ' || (code_point >= '\t' && code_point <= '\r');
    if (code_point == 0x85) /* NEXT LINE is a control to Unicode and a line end to mainframes */
        return true;
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code_point);
    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

bool fold_is_control(uint32_t code_point)
{
    return (code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0)) && !fold_is_space(code_point);
}

bool fold_is_mark(uint32_t code_point)
{
    if (code_point < 0x300)
        return false;
    if (code_point >= 0x1160 && code_point <= 0x11FF) /* Hangul vowels and finals compose like marks (UAX 15) */
        return true;
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code_point);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
}

bool fold_is_ignorable(uint32_t code_point)
{
    return code_point >= 0xAD && utf8proc_get_property((utf8proc_int32_t)code_point)->ignorable;
}

bool fold_is_emoji(uint32_t code_point)
{
    if (code_point == 0xFE0F || (code_point >= 0x1F3FB && code_point <= 0x1F3FF)) /* emoji style, skin tones */
        return true;
    const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)code_point);
    return property->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;
}

bool fold_is_accent(uint32_t code_point)
{
    return (code_point >= 0x0300 && code_point <= 0x036F) || (code_point >= 0x1AB0 && code_point <= 0x1AFF) ||
           (code_point >= 0x1DC0 && code_point <= 0x1DFF) || (code_point >= 0x20D0 && code_point <= 0x20FF) ||
           (code_point >= 0xFE20 && code_point <= 0xFE2F);
}

bool fold_accent_makes_letter(uint32_t base, uint32_t accent)
{
    bool breve = accent == 0x0306 && (base == 0x0438 || base == 0x0443); /* й, ў */
    bool diaeresis = accent == 0x0308 && base == 0x0456;                 /* ї */
    return breve || diaeresis;
}

struct plain_letter {
    uint32_t code_point;
    const char *plain;
};

static const struct plain_letter plain_letters[] = {
    {0x00E6, "ae"}, {0x00F0, "d"}, {0x00F8, "o"},  {0x00FE, "th"}, {0x0111, "d"},
    {0x0127, "h"},  {0x0142, "l"}, {0x0153, "oe"}, {0x0167, "t"},
};

const char *fold_without_stroke(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof plain_letters / sizeof *plain_letters; i++)
        if (plain_letters[i].code_point == code_point)
            return plain_letters[i].plain;
    return NULL;
}

struct one_form {
    uint32_t from;
    uint32_t to;
    uint32_t form;
};

/* Ranges in rising order. U+00B4 and U+1FBD are here because NFKC would make a space and an accent of them. */
static const struct one_form one_forms[] = {
    {0x0060, 0x0060, '\''}, /* grave accent */
    {0x00AB, 0x00AB, '"'},  /* « */
    {0x00B4, 0x00B4, '\''}, /* acute accent */
    {0x00BB, 0x00BB, '"'},  /* » */
    {0x02B9, 0x02B9, '\''}, /* modifier prime */
    {0x02BB, 0x02BD, '\''}, /* modifier commas: U+02BC is the Ukrainian apostrophe */
    {0x02C8, 0x02C8, '\''}, /* modifier vertical line */
    {0x02CA, 0x02CB, '\''}, /* modifier acute, grave */
    {0x055A, 0x055A, '\''}, /* Armenian apostrophe */
    {0x05F3, 0x05F3, '\''}, /* geresh */
    {0x1FBD, 0x1FBD, '\''}, /* Greek koronis */
    {0x1FBF, 0x1FBF, '\''}, /* Greek psili */
    {0x2010, 0x2015, '-'},  /* hyphens, dashes, bar */
    {0x2018, 0x201B, '\''}, /* single quotation marks: U+2019 is the typographic apostrophe */
    {0x201C, 0x201F, '"'},  /* double quotation marks */
    {0x2032, 0x2032, '\''}, /* prime */
    {0x2033, 0x2033, '"'},  /* double prime */
    {0x2035, 0x2035, '\''}, /* reversed prime */
    {0x2036, 0x2036, '"'},  /* reversed double prime */
    {0x2039, 0x203A, '\''}, /* ‹ › */
    {0x2043, 0x2043, '-'},  /* hyphen bullet */
    {0x2212, 0x2212, '-'},  /* minus */
    {0x275B, 0x275C, '\''}, /* ornamental single quotation marks */
    {0x275D, 0x275E, '"'},  /* ornamental double quotation marks */
    {0xA78B, 0xA78C, '\''}, /* saltillo */
    {0xFE58, 0xFE58, '-'},  /* small em dash */
    {0xFE63, 0xFE63, '-'},  /* small hyphen-minus */
    {0xFF07, 0xFF07, '\''}, /* full-width apostrophe */
    {0xFF0D, 0xFF0D, '-'},  /* full-width hyphen-minus */
    {0xFF40, 0xFF40, '\''}, /* full-width grave accent */
};

uint32_t fold_one_form(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof one_forms / sizeof *one_forms && one_forms[i].from <= code_point; i++)
        if (code_point <= one_forms[i].to)
            return one_forms[i].form;
    return code_point;
}

unsigned fold_script_of(uint32_t code_point)
{
    if (code_point < 0x80)
        return code_point >= 'a' && code_point <= 'z' ? FOLD_LATIN : FOLD_NO_SCRIPT;
    if ((code_point >= 0x00DF && code_point <= 0x024F && code_point != 0x00F7) ||
        (code_point >= 0x1E00 && code_point <= 0x1EFF))
        return FOLD_LATIN;
    if (code_point >= 0x0400 && code_point <= 0x052F)
        return FOLD_CYRILLIC;
    return code_point >= 0x0370 && code_point <= 0x03FF ? FOLD_GREEK : FOLD_NO_SCRIPT;
}

struct look_alike {
    uint32_t latin;
    uint32_t other;
};

/* After UTS 39's confusables, cut to letters that people can type, in lower case. Capitals that look alike (В Н К М Т)
 * stand in the lower case that the fold gives them. Of several for one Latin letter the first is written back. */
static const struct look_alike look_alikes[] = {
    {'a', 0x0430}, {'b', 0x0432}, {'c', 0x0441}, {'d', 0x0501}, {'e', 0x0435}, {'h', 0x043D}, {'h', 0x04BB},
    {'i', 0x0456}, {'j', 0x0458}, {'k', 0x043A}, {'l', 0x04CF}, {'m', 0x043C}, {'n', 0x043F}, {'o', 0x043E},
    {'p', 0x0440}, {'q', 0x051B}, {'r', 0x0433}, {'s', 0x0455}, {'t', 0x0442}, {'u', 0x0438}, {'w', 0x051D},
    {'x', 0x0445}, {'y', 0x0443}, {'a', 0x03B1}, {'b', 0x03B2}, {'e', 0x03B5}, {'h', 0x03B7}, {'i', 0x03B9},
    {'k', 0x03BA}, {'m', 0x03BC}, {'n', 0x03BD}, {'o', 0x03BF}, {'p', 0x03C1}, {'t', 0x03C4}, {'u', 0x03C5},
    {'w', 0x03C9}, {'x', 0x03C7}, {'z', 0x03B6},
};

/* The letter of `script` that looks like `code_point`; the letter itself when it is of that script; 0: there is none.
 */
static uint32_t find_twin(uint32_t code_point, unsigned script)
{
    if (fold_script_of(code_point) == script)
        return code_point;
    for (size_t i = 0; i < sizeof look_alikes / sizeof *look_alikes; i++) {
        const struct look_alike *pair = &look_alikes[i];
        if (script == FOLD_LATIN && pair->other == code_point)
            return pair->latin;
        if (script != FOLD_LATIN && pair->latin == code_point && fold_script_of(pair->other) == script)
            return pair->other;
    }
    return 0;
}

static bool has_all_twins(const uint32_t *points, size_t count, unsigned script)
{
    for (size_t i = 0; i < count; i++)
        if (find_twin(points[i], script) == 0)
            return false;
    return true;
}

static size_t count_letters(const uint32_t *points, size_t count, unsigned script)
{
    size_t letters = 0;
    for (size_t i = 0; i < count; i++)
        letters += fold_script_of(points[i]) == script;
    return letters;
}

bool fold_unify_scripts(uint32_t *points, size_t count)
{
    static const unsigned scripts[] = {FOLD_LATIN, FOLD_CYRILLIC, FOLD_GREEK};
    unsigned best = FOLD_NO_SCRIPT;
    size_t best_letters = 0;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        size_t letters = count_letters(points, count, scripts[i]);
        if (letters > best_letters && has_all_twins(points, count, scripts[i])) {
            best = scripts[i];
            best_letters = letters;
        }
    }
    for (size_t i = 0; best != FOLD_NO_SCRIPT && i < count; i++)
        points[i] = find_twin(points[i], best);
    return best != FOLD_NO_SCRIPT;
}
