/* Charsets of mail: the table of names and the opened converters. Screen children and the command; the bytes are
 * hostile. */
#include <attune/charset.h>
#include <attune/language.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>

enum charset_kind { KIND_UTF8, KIND_ASCII, KIND_BYTES, KIND_UTF16, KIND_STATEFUL };

struct charset {
    const char *names; /* as mail writes them, one space between; lower case */
    const char *iconv_name;
    enum charset_kind kind;
};

/* iso-8859-1 is read as windows-1252, of which it is a part: programs declare it and send the larger set; us-ascii with
 * other bytes declares nothing (WHATWG Encoding, 4.2). "unknown-8bit" and "8bit" say nothing: they are absent, which
 * means a guess. */
static const struct charset TABLE[] = {
    {"utf-8 utf8 unicode-1-1-utf-8 utf-8-mac cp65001 x-utf-8", "UTF-8", KIND_UTF8},
    {"us-ascii ascii ansi_x3.4-1968 iso646-us", "CP1252", KIND_ASCII},
    {"iso-8859-1 iso8859-1 iso_8859-1 latin1 l1 windows-1252 cp1252 cp-1252 "
     "x-cp1252 ansi",
     "CP1252", KIND_BYTES},
    {"iso-8859-2 iso8859-2 iso_8859-2 latin2 l2 csisolatin2", "ISO-8859-2", KIND_BYTES},
    {"iso-8859-3 iso8859-3 latin3", "ISO-8859-3", KIND_BYTES},
    {"iso-8859-4 iso8859-4 latin4", "ISO-8859-4", KIND_BYTES},
    {"iso-8859-5 iso8859-5 iso_8859-5 cyrillic", "ISO-8859-5", KIND_BYTES},
    {"iso-8859-6 iso8859-6 arabic", "ISO-8859-6", KIND_BYTES},
    {"iso-8859-7 iso8859-7 greek", "ISO-8859-7", KIND_BYTES},
    {"iso-8859-8 iso8859-8 iso-8859-8-i hebrew", "ISO-8859-8", KIND_BYTES},
    {"iso-8859-9 iso8859-9 latin5 windows-1254 cp1254", "CP1254", KIND_BYTES},
    {"iso-8859-10 iso8859-10 latin6", "ISO-8859-10", KIND_BYTES},
    {"iso-8859-13 iso8859-13 latin7", "ISO-8859-13", KIND_BYTES},
    {"iso-8859-14 iso8859-14 latin8", "ISO-8859-14", KIND_BYTES},
    {"iso-8859-15 iso8859-15 iso_8859-15 latin9 latin-9 l9", "ISO-8859-15", KIND_BYTES},
    {"iso-8859-16 iso8859-16 iso_8859-16 latin10 l10", "ISO-8859-16", KIND_BYTES},
    {"windows-1250 cp1250 cp-1250 x-cp1250 win-1250 win1250", "CP1250", KIND_BYTES},
    {"windows-1251 cp1251 cp-1251 x-cp1251 win-1251 win1251", "CP1251", KIND_BYTES},
    {"windows-1253 cp1253", "CP1253", KIND_BYTES},
    {"windows-1255 cp1255", "CP1255", KIND_BYTES},
    {"windows-1256 cp1256", "CP1256", KIND_BYTES},
    {"windows-1257 cp1257", "CP1257", KIND_BYTES},
    {"windows-1258 cp1258", "CP1258", KIND_BYTES},
    {"koi8-r koi8r koi8 cskoi8r", "KOI8-R", KIND_BYTES},
    {"koi8-u koi8u koi8-ru", "KOI8-U", KIND_BYTES},
    {"ibm852 cp852 852", "CP852", KIND_BYTES},
    {"ibm866 cp866 866", "CP866", KIND_BYTES},
    {"macintosh mac x-mac-roman", "MACINTOSH", KIND_BYTES},
    {"x-mac-cyrillic mac-cyrillic", "MAC-CYRILLIC", KIND_BYTES},
    {"utf-16 utf16 unicode ucs-2 iso-10646-ucs-2", NULL, KIND_UTF16},
    {"utf-16le utf16le", "UTF-16LE", KIND_STATEFUL},
    {"utf-16be utf16be", "UTF-16BE", KIND_STATEFUL},
    {"utf-7 utf7 unicode-1-1-utf-7", "UTF-7", KIND_STATEFUL},
    {"gb2312 gbk gb18030 cp936 x-gbk euc-cn csgb2312", "GB18030", KIND_STATEFUL},
    {"big5 big5-hkscs cp950", "BIG5", KIND_STATEFUL},
    {"iso-2022-jp csiso2022jp", "ISO-2022-JP", KIND_STATEFUL},
    {"shift_jis shift-jis sjis x-sjis cp932", "SJIS", KIND_STATEFUL},
    {"euc-jp eucjp x-euc-jp", "EUC-JP", KIND_STATEFUL},
    {"euc-kr ks_c_5601-1987 cp949 korean", "EUC-KR", KIND_STATEFUL},
};
enum { TABLE_COUNT = sizeof TABLE / sizeof *TABLE };

/* One converter a row, opened once by charset_prepare(): the only state of this module. */
static iconv_t converters[TABLE_COUNT];
static bool is_prepared;

/* What text without a true declaration is tried as; the first is what stands when none makes sense. */
static const char *const CANDIDATES[] = {"windows-1252", "windows-1250", "iso-8859-2",
                                         "iso-8859-16",  "windows-1251", "koi8-u"};
enum {
    GUESS_BYTES = 2048, /* looked at for a guess: more does not change it */
};

static bool has_name(const char *names, struct str name)
{
    struct str rest = str_of(names);
    while (rest.length) {
        size_t space = str_find(rest, STR(" "), 0);
        if (str_equal_nocase(str_slice(rest, 0, space), name))
            return true;
        rest = space == SIZE_MAX ? (struct str){0} : str_slice(rest, space + 1, rest.length);
    }
    return false;
}

const struct charset *charset_find(struct str name)
{
    name = str_trim(name);
    while (name.length >= 2 && (name.data[0] == '\'' || name.data[0] == '"')) /* charset="'utf-8'" is seen */
        name = str_slice(name, 1, name.length - 1);
    if (name.length == 0)
        return NULL;
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (has_name(TABLE[i].names, name))
            return &TABLE[i];
    return NULL;
}

bool charset_is_single_byte(const struct charset *charset)
{
    return charset->kind == KIND_BYTES;
}

/* Runs a converter over all of `in`; bytes that it refuses become U+FFFD and are counted. */
static size_t convert(iconv_t converter, struct str in, char *out, size_t room, size_t *faults)
{
    char *from = (char *)(uintptr_t)in.data, *to = out;
    size_t left = in.length, space = room;
    iconv(converter, NULL, NULL, NULL, NULL);
    while (left) {
        if (iconv(converter, &from, &left, &to, &space) != (size_t)-1)
            break;
        if (space < 8)
            break;
        if (left == 0)
            break;
        memcpy(to, "\xef\xbf\xbd", 3);
        to += 3;
        space -= 3;
        from++;
        left--;
        ++*faults;
    }
    iconv(converter, NULL, NULL, &to, &space);
    return (size_t)(to - out);
}

enum err charset_prepare(void)
{
    if (is_prepared)
        return ERR_OK;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (!TABLE[i].iconv_name || TABLE[i].kind == KIND_UTF8)
            continue;
        converters[i] = iconv_open("UTF-8", TABLE[i].iconv_name);
        if (converters[i] == (iconv_t)-1)
            return ERR_SYSTEM;
        char out[32];
        size_t faults = 0; /* a try loads what the converter itself loads lazily */
        convert(converters[i], STR("ab\xe4\xb6"), out, sizeof out, &faults);
    }
    is_prepared = true;
    return ERR_OK;
}

enum err charset_repair(struct arena *arena, struct str in, struct str *out)
{
    char *text = arena_alloc(arena, in.length * 3 + 1); /* U+FFFD takes three bytes for at least one */
    if (!text)
        return ERR_SYSTEM;
    size_t used = 0;
    for (size_t at = 0, length; at < in.length; at += length) {
        uint32_t c = utf8_decode(in, at, &length);
        used += utf8_encode(c ? c : 0xfffd, text + used);
    }
    *out = (struct str){text, used};
    return ERR_OK;
}

static bool is_plain(struct str bytes)
{
    for (size_t i = 0; i < bytes.length; i++)
        if ((unsigned char)bytes.data[i] >= 0x80 || bytes.data[i] == '\0' || bytes.data[i] == '\x1b')
            return false;
    return true;
}

/* Without a mark the order is told by where the zero bytes of ASCII stand (RFC 2781, 4.3 says big-endian else). */
static const struct charset *utf16_order(struct str *bytes)
{
    size_t even = 0, odd = 0;
    if (bytes->length >= 2 && memcmp(bytes->data, "\xff\xfe", 2) == 0) {
        *bytes = str_slice(*bytes, 2, bytes->length);
        return charset_find(STR("utf-16le"));
    }
    if (bytes->length >= 2 && memcmp(bytes->data, "\xfe\xff", 2) == 0)
        *bytes = str_slice(*bytes, 2, bytes->length);
    for (size_t i = 0; i < bytes->length && i < 4096; i++)
        if (bytes->data[i] == '\0')
            ++*(i % 2 ? &odd : &even);
    return charset_find(odd > even ? STR("utf-16le") : STR("utf-16be"));
}

static enum err convert_with(struct arena *arena, struct str bytes, const struct charset *charset, struct str *out,
                             size_t *faults)
{
    size_t room = bytes.length * 4 + 32; /* one byte gives at most 3 of UTF-8; utf-7 less; the rest is reset text */
    char *text = arena_alloc(arena, room);
    if (!text)
        return ERR_SYSTEM;
    struct str made = {text, convert(converters[charset - TABLE], bytes, text, room, faults)};
    if (!memchr(made.data, '\0', made.length) && utf8_is_valid(made)) {
        *out = made;
        return ERR_OK;
    }
    return charset_repair(arena, made, out);
}

/* How much sense the bytes make in a charset: common words and telling letters of the covered languages. */
static double sense_in(struct str bytes, const struct charset *charset)
{
    char text[GUESS_BYTES * 4];
    size_t faults = 0;
    bytes = str_slice(bytes, 0, GUESS_BYTES);
    struct str made = {text, convert(converters[charset - TABLE], bytes, text, sizeof text, &faults)};
    return language_sense(made) - (double)faults;
}

/* The candidate in which the bytes make the most sense; `declared` unless another is clearly better. *is_sure when what
 * it makes of them is full of words and letters that one of the languages has. */
static const struct charset *guess_charset(struct str bytes, const struct charset *declared, bool *is_sure)
{
    enum { CLEARLY = 3 }; /* words or letters that speak for another: a name or two is not enough */
    const struct charset *best = declared ? declared : charset_find(str_of(CANDIDATES[0]));
    double most = sense_in(bytes, best) + (declared ? CLEARLY : 0);
    for (size_t i = 0; i < sizeof CANDIDATES / sizeof *CANDIDATES; i++) {
        const struct charset *charset = charset_find(str_of(CANDIDATES[i]));
        double sense = sense_in(bytes, charset);
        if (sense > most) {
            most = sense;
            best = charset;
        }
    }
    *is_sure = most >= CLEARLY;
    return best;
}

/* Characters beyond ASCII that are well formed, and bytes that are not, of text that is to be UTF-8. */
static bool is_mostly_utf8(struct str bytes)
{
    enum { GOOD_PER_FAULT = 4 }; /* 8-bit text makes hardly any well-formed character by chance */
    size_t good = 0, faults = 0;
    for (size_t at = 0, length; at < bytes.length; at += length) {
        uint32_t c = utf8_decode(bytes, at, &length);
        good += c >= 0x80 && c != 0xfffd;
        faults += c == 0xfffd;
    }
    return good >= faults * GOOD_PER_FAULT;
}

/* Bytes of an 8-bit charset. A Western declaration is what programs fall back to, so it is checked against the text. */
static enum err read_bytes(struct arena *arena, struct str bytes, const struct charset *declared, struct str *out,
                           bool *guessed)
{
    size_t faults = 0;
    bool is_sure = true;
    const struct charset *charset = declared;
    if (!declared || declared->kind != KIND_BYTES)
        charset = guess_charset(bytes, NULL, &is_sure);
    else if (declared == charset_find(str_of(CANDIDATES[0])))
        charset = guess_charset(bytes, declared, &is_sure);
    enum err error = convert_with(arena, bytes, charset, out, &faults);
    *guessed = (charset != declared && !is_sure) || faults > 0;
    return error;
}

enum err charset_to_utf8(struct arena *arena, struct str bytes, const struct charset *declared, struct str *out,
                         bool *guessed)
{
    *guessed = false;
    *out = bytes;
    bool is_bytes = !declared || declared->kind <= KIND_BYTES;
    if (is_bytes && is_plain(bytes))
        return ERR_OK;
    if (declared && declared->kind == KIND_UTF16)
        declared = utf16_order(&bytes);
    bool is_valid = utf8_is_valid(bytes);
    if (!is_bytes) {
        size_t faults = 0;
        enum err error = convert_with(arena, bytes, declared, out, &faults);
        *guessed = faults > 0;
        bool is_other =
            is_valid && !memchr(bytes.data, '\0', bytes.length); /* UTF-8, or plain ASCII, wrongly declared */
        if (error != ERR_OK || faults == 0 || !is_other)
            return error;
    }
    /* Text that is valid UTF-8 beyond ASCII is UTF-8, whatever was declared: chance makes that of no 8-bit text. */
    *out = bytes;
    if (is_valid && !memchr(bytes.data, '\0', bytes.length))
        return ERR_OK;
    if (is_valid || (declared && declared->kind == KIND_UTF8 && is_mostly_utf8(bytes))) {
        *guessed = *guessed || !is_valid;
        return charset_repair(arena, bytes, out);
    }
    return read_bytes(arena, bytes, declared, out, guessed);
}
