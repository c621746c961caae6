/*
 * The fold: one form for rules and text, with a map back to the original. Runs in screen's children on what strangers
 * wrote, and on rules as they load. Nothing about its input is trusted.
 *
 * Text goes through in clusters, a character and the marks on it (UAX 15: only inside such a cluster do characters
 * compose), so that each folded byte knows where its character began. Plain ASCII takes a table look-up a byte.
 */
#include <attune/fold.h>
#include <attune/fold_tables.h>
#include <string.h>
#include <utf8proc.h>

enum {
    MAX_TEXT = 16 * 1024 * 1024,
    CLUSTER_BYTES = 128,  /* UAX 15's stream-safe form has 30 marks at most on a character; 31 take 124 bytes */
    CLUSTER_POINTS = 640, /* 128 bytes are 42 characters of 3 bytes; the longest decomposition is 18, and of only one */
    MIXED_WORD_MAX = 64,  /* characters; a longer word is no word that anybody looks for */
};

struct fold {
    struct arena *arena;
    enum fold_view view;
    char *bytes;
    uint32_t *origin;
    size_t length;
    size_t capacity;
    size_t word_start;      /* of the word being written, for look-alikes */
    unsigned scripts;       /* of its letters so far: enum fold_script bits */
    bool space_pending;     /* white space was seen and not yet written */
    unsigned lines_pending; /* line ends in it: two make a paragraph */
    uint32_t space_origin;
    bool failed; /* the arena is full */
};

static bool reserve(struct fold *fold, size_t more)
{
    if (fold->capacity - fold->length > more)
        return true;
    size_t capacity = fold->capacity * 2 + more;
    char *bytes = arena_alloc(fold->arena, capacity);
    uint32_t *origin = arena_array(fold->arena, capacity, sizeof *origin);
    if (!bytes || !origin) {
        fold->failed = true;
        return false;
    }
    if (fold->length) {
        memcpy(bytes, fold->bytes, fold->length);
        memcpy(origin, fold->origin, fold->length * sizeof *origin);
    }
    fold->bytes = bytes;
    fold->origin = origin;
    fold->capacity = capacity;
    return true;
}

static void put_byte(struct fold *fold, char byte, uint32_t origin)
{
    fold->bytes[fold->length] = byte;
    fold->origin[fold->length++] = origin;
}

static void put_character(struct fold *fold, uint32_t code_point, uint32_t origin)
{
    char bytes[4];
    size_t length = utf8_encode(code_point, bytes);
    if (!reserve(fold, length))
        return;
    for (size_t i = 0; i < length; i++)
        put_byte(fold, bytes[i], origin);
}

/* Writes the word again with its look-alikes in the script that the rest of the word is in. */
static void settle_mixed_word(struct fold *fold)
{
    uint32_t points[MIXED_WORD_MAX];
    uint32_t origins[MIXED_WORD_MAX];
    struct str word = {fold->bytes + fold->word_start, fold->length - fold->word_start};
    size_t count = 0, size;
    for (size_t at = 0; at < word.length; at += size, count++) {
        if (count == MIXED_WORD_MAX)
            return;
        points[count] = utf8_decode(word, at, &size);
        origins[count] = fold->origin[fold->word_start + at];
    }
    if (!fold_unify_scripts(points, count))
        return;
    fold->length = fold->word_start;
    for (size_t i = 0; i < count; i++)
        put_character(fold, points[i], origins[i]);
}

static void end_word(struct fold *fold)
{
    if (fold->scripts & (fold->scripts - 1))
        settle_mixed_word(fold);
    fold->scripts = 0;
}

static void note_space(struct fold *fold, uint32_t code_point, uint32_t origin)
{
    if (!fold->space_pending) {
        fold->space_pending = true;
        fold->space_origin = origin;
        fold->lines_pending = 0;
    }
    if (code_point == '\n')
        fold->lines_pending++;
    else if (code_point == 0x2029) /* PARAGRAPH SEPARATOR */
        fold->lines_pending += 2;
}

/* White space at either end of the text is dropped. */
static void write_space(struct fold *fold)
{
    end_word(fold);
    fold->space_pending = false;
    if (fold->length && reserve(fold, 1))
        put_byte(fold, fold->lines_pending > 1 ? '\n' : ' ', fold->space_origin);
    fold->word_start = fold->length;
}

/* One character in its folded form, on its way out. */
static void write_folded(struct fold *fold, uint32_t code_point, uint32_t origin)
{
    if (fold_is_space(code_point)) {
        note_space(fold, code_point, origin);
        return;
    }
    if (fold->space_pending)
        write_space(fold);
    unsigned script = fold_script_of(code_point);
    if (script == FOLD_NO_SCRIPT) {
        end_word(fold);
        put_character(fold, code_point, origin);
        fold->word_start = fold->length;
        return;
    }
    fold->scripts |= script;
    put_character(fold, code_point, origin);
}

/* ZWJ holds a family or a profession together; anywhere else it only hides words from us. */
static bool joins_emoji(struct str text, size_t at, size_t size)
{
    if (at == 0 || at + size >= text.length)
        return false;
    size_t before = at, next_size;
    do
        before--;
    while (before > 0 && (text.data[before] & 0xC0) == 0x80);
    uint32_t last = utf8_decode(text, before, &next_size);
    uint32_t next = utf8_decode(text, at + size, &next_size);
    return fold_is_emoji(last) && fold_is_emoji(next);
}

static utf8proc_int32_t to_one_form(utf8proc_int32_t code_point, void *unused)
{
    (void)unused;
    return (utf8proc_int32_t)fold_one_form((uint32_t)code_point);
}

/* Drops the accents of a decomposed cluster, but those that make another letter: й ў ї. */
static size_t strip_accents(utf8proc_int32_t *points, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!fold_is_accent((uint32_t)points[i]) ||
            (kept > 0 && fold_accent_makes_letter((uint32_t)points[kept - 1], (uint32_t)points[i])))
            points[kept++] = points[i];
    return kept;
}

static void write_point(struct fold *fold, uint32_t code_point, uint32_t origin)
{
    const char *plain = fold->view == FOLD_PLAIN ? fold_without_stroke(code_point) : NULL;
    for (; plain && *plain; plain++)
        write_folded(fold, (uint32_t)*plain, origin);
    if (!plain && !fold_is_control(code_point))
        write_folded(fold, code_point == FOLD_DOTLESS_I ? 'i' : code_point, origin);
}

static void fold_cluster(struct fold *fold, struct str cluster, uint32_t origin)
{
    utf8proc_int32_t points[CLUSTER_POINTS];
    const utf8proc_option_t options = UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_DECOMPOSE;
    utf8proc_ssize_t found =
        utf8proc_decompose_custom((const utf8proc_uint8_t *)cluster.data, (utf8proc_ssize_t)cluster.length, points,
                                  CLUSTER_POINTS, options, to_one_form, NULL);
    if (found < 0) { /* ill-formed bytes */
        write_folded(fold, FOLD_REPLACEMENT, origin);
        return;
    }
    if (found > CLUSTER_POINTS)
        bug("a cluster passed its bounds");
    size_t count = (size_t)found;
    if (fold->view == FOLD_PLAIN)
        count = strip_accents(points, count);
    utf8proc_ssize_t composed = utf8proc_normalize_utf32(points, (utf8proc_ssize_t)count, UTF8PROC_COMPOSE);
    for (utf8proc_ssize_t i = 0; i < composed; i++)
        write_point(fold, (uint32_t)points[i], origin);
}

/* What a cluster goes on with: marks, and what will be dropped between them. */
static bool continues_cluster(struct str text, size_t at, uint32_t code_point, size_t size)
{
    if (fold_is_mark(code_point))
        return true;
    return fold_is_ignorable(code_point) && !(code_point == FOLD_ZWJ && joins_emoji(text, at, size));
}

/* Length of the cluster that begins at `at`: its character and the marks that follow. */
static size_t measure_cluster(struct str text, size_t at)
{
    size_t size;
    utf8_decode(text, at, &size);
    size_t end = at + size;
    while (end < text.length && (unsigned char)text.data[end] >= 0x80) {
        uint32_t next = utf8_decode(text, end, &size);
        if (!continues_cluster(text, end, next, size) || end + size - at > CLUSTER_BYTES)
            break;
        end += size;
    }
    return end - at;
}

static size_t fold_one(struct fold *fold, struct str text, size_t at)
{
    size_t size = measure_cluster(text, at);
    uint32_t first = utf8_decode(text, at, &(size_t){0});
    if (first == FOLD_ZWJ && size == 3 && joins_emoji(text, at, size))
        write_folded(fold, FOLD_ZWJ, (uint32_t)at);
    else if (first == 0x2028 || first == 0x2029) /* LINE and PARAGRAPH SEPARATOR: utf8proc would make them spaces */
        write_folded(fold, first, (uint32_t)at);
    else
        fold_cluster(fold, str_slice(text, at, at + size), (uint32_t)at);
    return size;
}

/* A byte of ASCII that no mark follows: most of what there is to fold. */
static void fold_ascii(struct fold *fold, unsigned char byte, uint32_t at)
{
    unsigned char folded = fold_ascii_table[byte];
    if (folded == 0)
        return;
    if (folded == ' ' || (folded >= '\t' && folded <= '\r')) {
        note_space(fold, folded, at);
        return;
    }
    if (fold->space_pending)
        write_space(fold);
    bool letter = folded >= 'a' && folded <= 'z';
    if (letter)
        fold->scripts |= FOLD_LATIN;
    else
        end_word(fold);
    if (reserve(fold, 1))
        put_byte(fold, (char)folded, at);
    if (!letter)
        fold->word_start = fold->length;
}

/* The letters of U+0410-044F, which every Cyrillic alphabet shares, when no mark can follow: й stays й in both views.
 */
static bool fold_cyrillic(struct fold *fold, struct str text, size_t at)
{
    unsigned char lead = (unsigned char)text.data[at];
    if ((lead != 0xD0 && lead != 0xD1) || at + 1 >= text.length || ((unsigned char)text.data[at + 1] & 0xC0) != 0x80)
        return false;
    unsigned char next = at + 2 < text.length ? (unsigned char)text.data[at + 2] : 0;
    if (next >= 0x80 && next != 0xD0 && next != 0xD1) /* a mark would begin with another byte */
        return false;
    uint32_t point = ((lead & 0x1Fu) << 6) | ((unsigned char)text.data[at + 1] & 0x3Fu);
    if (point < 0x0410 || point > 0x044F)
        return false;
    if (fold->space_pending)
        write_space(fold);
    fold->scripts |= FOLD_CYRILLIC;
    put_character(fold, point < 0x0430 ? point + 0x20 : point, (uint32_t)at);
    return true;
}

static size_t fold_next(struct fold *fold, struct str text, size_t at)
{
    unsigned char byte = (unsigned char)text.data[at];
    if (byte < 0x80 && (at + 1 == text.length || (unsigned char)text.data[at + 1] < 0x80)) {
        fold_ascii(fold, byte, (uint32_t)at);
        return 1;
    }
    return fold_cyrillic(fold, text, at) ? 2 : fold_one(fold, text, at);
}

enum err fold_text(struct arena *arena, struct str text, enum fold_view view, struct folded *out)
{
    if (text.length > MAX_TEXT)
        return ERR_LIMIT;
    struct fold fold = {.arena = arena, .view = view};
    if (!reserve(&fold, text.length + text.length / 8 + 64))
        return ERR_SYSTEM;
    for (size_t at = 0; at < text.length && !fold.failed;)
        at += fold_next(&fold, text, at);
    end_word(&fold);
    if (fold.failed || !reserve(&fold, 1))
        return ERR_SYSTEM;
    fold.bytes[fold.length] = '\0';
    fold.origin[fold.length] = fold.space_pending ? fold.space_origin : (uint32_t)text.length;
    *out = (struct folded){{fold.bytes, fold.length}, fold.origin};
    return ERR_OK;
}
