/*
 * The language of a text: CLD2's guess, letters that only some languages have, and function words. Screen children.
 * The words are the commonest of each language, with the accent-less spelling where people type that; words that two
 * languages share count for both and so decide nothing between them.
 */
#include <attune/language.h>
#include <string.h>
#include <utf8proc.h>

enum code { EN, SL, RO, PL, UK, RU, HR, CS, SK, BG, BE, DE, ES, FR, IT, CODE_COUNT };
static const char *const CODES[CODE_COUNT] = {"en", "sl", "ro", "pl", "uk", "ru", "hr", "cs",
                                              "sk", "bg", "be", "de", "es", "fr", "it"};
enum { COVERED = HR }; /* codes below this one have a pack */

static const char *const WORDS[CODE_COUNT] = {
    [EN] =
        "the and to of a i in is it you that my for me with was have this on but not be are so can do we at as if your "
        "am what they or from an would will just about there when all no had has how please thank thanks don't i'm "
        "his her he she been could which who hello hi dear any know were our want need get it's i've",
    [SL] =
        "je in da se v na sem za ne si so pa ki z ni kot s mi bi po ali tudi če ce ko še se lahko bo ker me moj moja "
        "imam kako samo kaj jaz bil bila že ze nisem hvala prosim vas vam mu nič nic to te pri od do smo ste bom "
        "sva jo ga tako zdaj danes več vec ampak zakaj kdo kje dan pozdravljeni lep pozdrav nekaj vse kjer brez ima",
    [RO] =
        "și si să sa nu de la în in că ca pe un o cu mai este e am din ce care pentru ma mă fost ai dar când cand sunt "
        "îmi imi nici eu doar tot lui te se vă va fi ți ti-am sau acum are foarte bine bună buna ziua mulțumesc "
        "multumesc vreau știu stiu după dupa fără fara asta prea unde cum dacă daca eram mea meu nu-mi n-am s-a",
    [PL] =
        "nie się sie i w na że ze to z do jest mam o jak ale po co już juz tak mi za od czy dla tylko by był byla była "
        "jestem mnie bardzo dzień dzien dobry proszę prosze dziękuję dziekuje przez są sa może moze pan pani ja być "
        "byc gdy jeszcze tego moja mój moj bez kiedy będzie bedzie nic więc wiec jej jego czuję czuje chcę chce",
    [UK] =
        "привіт я не і й привіт в у на що з та до за мені це як але так мене ми є вже від про був була було якщо бо "
        "тільки ви дуже "
        "коли його вона він для чи ще його мій моя день добрий дякую будь ласка хочу можу треба без все якби вас вам "
        "їх її ні може немає просто по щоб під після ж би сьогодні тепер знаю "
        /* in Latin letters */
        "pryvit dobryi dobryy ya ne mozhu shcho scho duzhe dyakuyu diakuiu bud laska meni tse yak mene buv bula tilky",
    [RU] =
        "привет я не и в на что с а как это но у меня мне по за так же от бы до вы он она если уже для только вам вас "
        "то ещё "
        "еще когда был была было из мой моя нет есть или очень просто можно здравствуйте пожалуйста спасибо хочу могу "
        "её ее его чтобы после день добрый без всё все сейчас нужно под кто где тебя ничего больше "
        /* in Latin letters */
        "kak tolko budet nado nuzhno segodnya zavtra vchera poka vot byl byla eshe vse moy svoy moey zhizn "
        "zdravstvuite zdravstvuyte privet ya chto eto mne menya ochen pozhaluista pozhaluysta spasibo hochu khochu "
        "kogda mozhno net yest esli uzhe tolko pishu moi moya vas vy",
    [HR] =
        "je i da se u na sam za ne si su što sto kao mi bi po ili ali nije samo već vec ja bio bila kako od do ovo "
        "hvala molim vas vam mogu želim zelim imam sve još jos nisam ćete gdje tko ima šta sta može moze bih "
        /* Serbian in Cyrillic letters */
        "је и да се у на сам за не си су што као ми би по или али није само већ ја био била како од до ово хвала молим",
    [CS] = "je a se na že to v ne si jsem s z do o ale jak jsou by co pro tak mi už jako jsme jen když mě nebo prosím "
           "děkuji dobrý den byl která který mám ještě při",
    [SK] = "je a sa na že to v nie si som s z do o ale ako sú by čo pre tak mi už sme len keď ma alebo prosím ďakujem "
           "dobrý deň bol ktorá ktorý mám ešte pri",
    [BG] = "и на да се не в за от с че съм е са по ми как но това аз ще си до като беше мен ме само или вече моля "
           "благодаря здравейте искам много какво",
    [BE] = "і не на я у што з да як гэта але мне так вы ён яна калі ўжо мяне для толькі быў была вельмі дзякуй",
    [DE] =
        "ich die und der nicht das ist sie es zu ein in mit mir den auf wir für bitte danke haben mich aber wie auch "
        "noch sehr guten tag meine mein bin habe von dem eine kann",
    [ES] =
        "de la que el en y los se del las un por con no una su para es al lo como más o pero sus le ha me si sin sobre "
        "este ya entre cuando todo esta ser son dos también fue había era muy años hasta desde está mi porque qué solo",
    [FR] = "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se le ce il sont la avec "
           "son je "
           "vous ou si mais nous aux elle cette être tout bien mon ma merci bonjour peux suis n'ai c'est j'ai très",
    [IT] =
        "di e il la che in a per un del non sono le una con i è si da al mi ho ma come lo se della ci anche più questo "
        "mio mia alla nel gli posso grazie buongiorno perché molto o ti io cosa quando",
};

/* Letters (lower case) that tell one language or a group. Weights: a letter that only one of the six has is as good as
 * a function word and a half. */
static const struct {
    uint32_t letter;
    unsigned codes;
} LETTERS[] = {
    {0x456, 1u << UK | 1u << BE},
    {0x457, 1u << UK},
    {0x454, 1u << UK},
    {0x491, 1u << UK},
    {0x44b, 1u << RU | 1u << BE},
    {0x44d, 1u << RU | 1u << BE},
    {0x451, 1u << RU | 1u << BE},
    {0x44a, 1u << BG | 1u << RU},
    {0x45e, 1u << BE},
    {0x103, 1u << RO},
    {0xe2, 1u << RO},
    {0xee, 1u << RO},
    {0x219, 1u << RO},
    {0x21b, 1u << RO},
    {0x15f, 1u << RO},
    {0x163, 1u << RO},
    {0x105, 1u << PL},
    {0x119, 1u << PL},
    {0x142, 1u << PL},
    {0x144, 1u << PL},
    {0x15b, 1u << PL},
    {0x17a, 1u << PL},
    {0x17c, 1u << PL},
    {0x10d, 1u << SL | 1u << HR | 1u << CS | 1u << SK},
    {0x161, 1u << SL | 1u << HR | 1u << CS | 1u << SK},
    {0x17e, 1u << SL | 1u << HR | 1u << CS | 1u << SK},
    {0x458, 1u << HR},
    {0x459, 1u << HR},
    {0x45a, 1u << HR},
    {0x45b, 1u << HR},
    {0x452, 1u << HR},
    {0x45f, 1u << HR},
    {0x107, 1u << HR | 1u << PL},
    {0x111, 1u << HR},
    {0x11b, 1u << CS},
    {0x159, 1u << CS},
    {0x16f, 1u << CS},
    {0x13e, 1u << SK},
    {0xdf, 1u << DE},
    {0xfc, 1u << DE},
    {0xe4, 1u << DE | 1u << SK},
};

/* The words in one open table, built once: word -> the languages that use it. A power of two over twice their number.
 */
enum { SLOTS = 2048, LONGEST_WORD = 24 };
struct slot {
    struct str word;
    unsigned codes;
};
static struct slot slots[SLOTS];
static bool is_prepared;

static uint32_t hash(struct str word)
{
    uint32_t value = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < word.length; i++)
        value = (value ^ (unsigned char)word.data[i]) * 16777619u;
    return value;
}

static struct slot *slot_of(struct str word)
{
    uint32_t at = hash(word) % SLOTS;
    while (slots[at].word.length && !str_equal(slots[at].word, word))
        at = (at + 1) % SLOTS;
    return &slots[at];
}

void language_prepare(void)
{
    if (is_prepared)
        return;
    for (unsigned code = 0; code < CODE_COUNT; code++) {
        struct str rest = str_of(WORDS[code]);
        while (rest.length) {
            size_t space = str_find(rest, STR(" "), 0);
            struct str word = str_slice(rest, 0, space);
            struct slot *slot = slot_of(word);
            slot->word = word;
            slot->codes |= 1u << code;
            rest = space == SIZE_MAX ? (struct str){0} : str_slice(rest, space + 1, rest.length);
        }
    }
    is_prepared = true;
}

struct tally {
    unsigned words; /* that were looked at */
    unsigned known; /* words of a covered language, shared ones too */
    double score[CODE_COUNT];
    unsigned odd; /* words and signs that the wrong charset makes: see odd_letter(), end_word() */
};

static void add_all(struct tally *tally, unsigned codes, double weight)
{
    unsigned count = (unsigned)__builtin_popcount(codes);
    for (unsigned code = 0; code < CODE_COUNT; code++)
        if (codes & 1u << code)
            tally->score[code] += weight / (count > 3 ? 3 : count);
}

static uint32_t lower(uint32_t letter)
{
    if (letter < 0x80)
        return letter >= 'A' && letter <= 'Z' ? letter + 32 : letter;
    if (letter >= 0x410 && letter <= 0x42f)
        return letter + 32;
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)letter);
}

static bool is_letter(uint32_t letter)
{
    if (letter < 0x80)
        return (letter >= 'a' && letter <= 'z') || letter == '\'' || letter == '-';
    return (letter >= 0xc0 && letter < 0x250) || (letter >= 0x400 && letter < 0x530) || letter == 0x2019;
}

/* Latin letters, signs and controls beyond ASCII that none of the six languages writes, names and loans aside. */
static bool is_odd(uint32_t c)
{
    static const char KNOWN[] = "éèáàíóúüöäëçôñßøåćđ«»°§·£©®´";
    char bytes[4];
    if (c < 0x80 || c == 0xa0 || c > 0x24f)
        return false;
    return str_find(str_of(KNOWN), (struct str){bytes, utf8_encode(c, bytes)}, 0) == SIZE_MAX;
}

static void count_letter(struct tally *tally, uint32_t letter)
{
    /* Slovenian and its neighbours have none of these: they tell Russian in Latin letters from it. */
    if (letter == 'y' || letter == 'w' || letter == 'x' || letter == 'q') {
        tally->score[SL] -= 0.5;
        tally->score[HR] -= 0.5;
    }
    if (letter < 0x80)
        return;
    for (size_t i = 0; i < sizeof LETTERS / sizeof *LETTERS; i++) {
        if (LETTERS[i].letter != letter)
            continue;
        add_all(tally, LETTERS[i].codes, 1.0);
        return;
    }
    tally->odd += is_odd(letter);
}

/* One word as it is read. */
struct word {
    char bytes[LONGEST_WORD + 8];
    size_t length;
    unsigned plain, accented, cyrillic; /* letters */
};

static void end_word(struct tally *tally, struct word *word)
{
    if (word->length == 0)
        return;
    tally->words++;
    unsigned latin = word->plain + word->accented;
    tally->odd += (latin && word->cyrillic) || (word->accented >= 2 && word->accented > word->plain);
    struct str text = {word->bytes, word->length};
    const struct slot *slot = text.length <= LONGEST_WORD ? slot_of(text) : NULL;
    if (slot && slot->word.length) {
        add_all(tally, slot->codes, 1.0);
        tally->known += (slot->codes & ((1u << COVERED) - 1)) != 0;
    }
    *word = (struct word){.length = 0};
}

static void add_letter(struct tally *tally, struct word *word, uint32_t letter)
{
    if (word->length <= LONGEST_WORD) /* one past it marks a word that is in no table */
        word->length += utf8_encode(letter, word->bytes + word->length);
    if (letter >= 0x400 && letter < 0x530)
        word->cyrillic++;
    else if (letter >= 0x80)
        word->accented++;
    else
        word->plain += letter != '\'' && letter != '-';
    count_letter(tally, letter);
}

static void tally_text(struct str text, struct tally *tally)
{
    struct word word = {.length = 0};
    for (size_t at = 0, length; at < text.length; at += length) {
        uint32_t letter = lower(utf8_decode(text, at, &length));
        if (letter == 0x2019)
            letter = '\'';
        if (is_letter(letter))
            add_letter(tally, &word, letter);
        else
            end_word(tally, &word);
        if (letter >= 0x80 && letter < 0xc0)
            tally->odd += is_odd(letter);
    }
    end_word(tally, &word);
}

static int code_of(const char *name)
{
    if (strcmp(name, "sr") == 0 || strcmp(name, "bs") == 0)
        name = "hr";
    for (int code = 0; code < CODE_COUNT; code++)
        if (strcmp(CODES[code], name) == 0)
            return code;
    return -1;
}

static unsigned best_of(const struct tally *tally, unsigned from, unsigned to)
{
    unsigned best = from;
    for (unsigned code = from; code < to; code++)
        if (tally->score[code] > tally->score[best])
            best = code;
    return best;
}

static struct language named(const char *code, bool is_covered)
{
    struct language out = {.is_covered = is_covered};
    strncpy(out.code, code, sizeof out.code - 1);
    return out;
}

double language_sense(struct str text)
{
    struct tally tally = {0};
    tally_text(text, &tally);
    return tally.score[best_of(&tally, 0, COVERED)] + tally.known - tally.odd;
}

/* The start of the text, cut between characters. */
static struct str beginning(struct str text)
{
    if (text.length <= LANGUAGE_MAX_BYTES)
        return text;
    for (text.length = LANGUAGE_MAX_BYTES; text.length && (text.data[text.length] & 0xc0) == 0x80; text.length--)
        ;
    return text;
}

/* Confidently a language without a pack: CLD2 is sure of it, and the words do not speak for one that has a pack. */
static bool is_uncovered(const struct tally *tally, const struct cld2_guess *guess, int code)
{
    enum { ENOUGH_BYTES = 80, ENOUGH_PERCENT = 80 }; /* short text is not "uncovered": people read it in any case */
    double best = tally->score[best_of(tally, 0, COVERED)];
    if (!guess->is_reliable || guess->percent < ENOUGH_PERCENT || guess->text_bytes < ENOUGH_BYTES)
        return false;
    if (code >= COVERED)
        return tally->score[code] > 1.2 * best;
    return code < 0 && strcmp(guess->code, "un") != 0 && best < 0.15 * tally->words;
}

/* So many words of one language, and so few of all others, that CLD2 (half the time of reading a letter) would not
 * change the answer. */
static bool is_plain_case(const struct tally *tally, unsigned best)
{
    enum { ENOUGH_WORDS = 20 };
    double second = 0;
    for (unsigned code = 0; code < CODE_COUNT; code++)
        if (code != best && tally->score[code] > second)
            second = tally->score[code];
    return tally->words >= ENOUGH_WORDS && tally->score[best] >= 0.25 * tally->words &&
           tally->score[best] >= 2 * second;
}

struct language language_of(struct str text)
{
    text = beginning(text);
    struct tally tally = {0};
    tally_text(text, &tally);
    unsigned by_words = best_of(&tally, 0, COVERED);
    if (is_plain_case(&tally, by_words))
        return named(CODES[by_words], true);
    struct cld2_guess guess = language_cld2(text.data, (int)text.length);
    int code = code_of(guess.code);
    if (is_uncovered(&tally, &guess, code))
        return named(guess.code, false);
    if (code >= 0) /* worth as much as a third of the words being function words: what usual text has */
        tally.score[code] += (guess.is_reliable ? 0.35 : 0.15) * tally.words + 0.5;
    unsigned best = best_of(&tally, 0, COVERED);
    return tally.score[best] > 0.4 ? named(CODES[best], true) : named("", true);
}
