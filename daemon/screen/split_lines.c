/*
 * The lines that mail programs write around a quotation, in six languages and in the English that many programs keep.
 * Screen children. ASCII case is ignored; other letters stand in the forms that programs use.
 */
#include <attune/split.h>
#include <attune/split_lines.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct label {
    const char *word;
    enum line_label label;
};
static const struct label LABELS[] = {
    {"from:", LABEL_FROM},       {"sent:", LABEL_DATE},       {"date:", LABEL_DATE},      {"to:", LABEL_TO},
    {"subject:", LABEL_SUBJECT}, {"cc:", LABEL_COPY},         {"reply-to:", LABEL_COPY},  {"od:", LABEL_FROM},
    {"poslano:", LABEL_DATE},    {"datum:", LABEL_DATE},      {"za:", LABEL_TO},          {"komu:", LABEL_TO},
    {"prejemnik:", LABEL_TO},    {"zadeva:", LABEL_SUBJECT},  {"kp:", LABEL_COPY},        {"pošiljatelj:", LABEL_FROM},
    {"de la:", LABEL_FROM},      {"din:", LABEL_FROM},        {"expeditor:", LABEL_FROM}, {"trimis:", LABEL_DATE},
    {"data:", LABEL_DATE},       {"dată:", LABEL_DATE},       {"către:", LABEL_TO},       {"catre:", LABEL_TO},
    {"pentru:", LABEL_TO},       {"subiect:", LABEL_SUBJECT}, {"wysłano:", LABEL_DATE},   {"wysłane:", LABEL_DATE},
    {"do:", LABEL_TO},           {"temat:", LABEL_SUBJECT},   {"dw:", LABEL_COPY},        {"nadawca:", LABEL_FROM},
    {"adresat:", LABEL_TO},      {"Від:", LABEL_FROM},        {"від:", LABEL_FROM},       {"Відправник:", LABEL_FROM},
    {"Надіслано:", LABEL_DATE},  {"Дата:", LABEL_DATE},       {"Кому:", LABEL_TO},        {"кому:", LABEL_TO},
    {"До:", LABEL_TO},           {"Тема:", LABEL_SUBJECT},    {"тема:", LABEL_SUBJECT},   {"Копія:", LABEL_COPY},
    {"От:", LABEL_FROM},         {"от:", LABEL_FROM},         {"От кого:", LABEL_FROM},   {"Отправитель:", LABEL_FROM},
    {"Отправлено:", LABEL_DATE}, {"Копия:", LABEL_COPY},      {"von:", LABEL_FROM},       {"gesendet:", LABEL_DATE},
    {"an:", LABEL_TO},           {"betreff:", LABEL_SUBJECT}, {"envoyé:", LABEL_DATE},    {"objet:", LABEL_SUBJECT},
    {"Від кого:", LABEL_FROM},
};

struct mark {
    const char *words;
    enum line_mark mark;
};
/* Between dashes. */
static const struct mark DASHED[] = {
    {"original message", MARK_LINE_ORIGINAL},
    {"original appointment", MARK_LINE_ORIGINAL},
    {"reply message", MARK_LINE_ORIGINAL},
    {"izvirno sporočilo", MARK_LINE_ORIGINAL},
    {"prvotno sporočilo", MARK_LINE_ORIGINAL},
    {"mesaj original", MARK_LINE_ORIGINAL},
    {"mesajul original", MARK_LINE_ORIGINAL},
    {"wiadomość oryginalna", MARK_LINE_ORIGINAL},
    {"oryginalna wiadomość", MARK_LINE_ORIGINAL},
    {"Исходное сообщение", MARK_LINE_ORIGINAL},
    {"Оригинальное сообщение", MARK_LINE_ORIGINAL},
    {"Оригінальне повідомлення", MARK_LINE_ORIGINAL},
    {"Вихідне повідомлення", MARK_LINE_ORIGINAL},
    {"Початкове повідомлення", MARK_LINE_ORIGINAL},
    {"forwarded message", MARK_LINE_FORWARD},
    {"posredovano sporočilo", MARK_LINE_FORWARD},
    {"mesaj redirecționat", MARK_LINE_FORWARD},
    {"mesaj redirectionat", MARK_LINE_FORWARD},
    {"mesaj transmis", MARK_LINE_FORWARD},
    {"mesaj înaintat", MARK_LINE_FORWARD},
    {"przekazana wiadomość", MARK_LINE_FORWARD},
    {"wiadomość przekazana", MARK_LINE_FORWARD},
    {"treść przekazanej wiadomości", MARK_LINE_FORWARD},
    {"Пересылаемое сообщение", MARK_LINE_FORWARD},
    {"Пересланное сообщение", MARK_LINE_FORWARD},
    {"Пересылаемое письмо", MARK_LINE_FORWARD},
    {"Перенаправленное сообщение", MARK_LINE_FORWARD},
    {"Переслане повідомлення", MARK_LINE_FORWARD},
    {"Переадресоване повідомлення", MARK_LINE_FORWARD},
    {"Перенаправлене повідомлення", MARK_LINE_FORWARD},
};
/* Apple Mail writes these bare, before a colon. */
static const struct mark BARE[] = {
    {"begin forwarded message:", MARK_LINE_FORWARD},
    {"začetek posredovanega sporočila:", MARK_LINE_FORWARD},
    {"început mesaj redirecționat:", MARK_LINE_FORWARD},
    {"începutul mesajului redirecționat:", MARK_LINE_FORWARD},
    {"początek przekazywanej wiadomości:", MARK_LINE_FORWARD},
    {"Початок переадресованого повідомлення:", MARK_LINE_FORWARD},
    {"Початок пересланого повідомлення:", MARK_LINE_FORWARD},
    {"Начало переадресованного сообщения:", MARK_LINE_FORWARD},
    {"Начало пересылаемого сообщения:", MARK_LINE_FORWARD},
};

static const char *const WROTE[] = {
    "wrote",   "writes",  "je napisal", "je pisal", "napisal",    "piše",   "pise:",
    "a scris", "scrie",   "a transmis", "napisał",  "napisala",   "pisze",  "pisał",
    "пише",    "написав", "написала",   "писав",    "писала",     "пишет",  "написал",
    "писал",   "schrieb", "a écrit",    "escribió", "ha scritto", "napsal", "napisao",
};

static const char *const BEGINS[] = {
    "on ", "dne ",  "v ",  "dana ", "în data", "in data", "pe ", "la data", "w dniu", "dnia ", "am ", "le ", "el ",
    "В ",  "У ",    "mon", "tue",   "wed",     "thu",     "fri", "sat",     "sun",    "pon",   "tor", "sre", "čet",
    "pet", "sob",   "ned", "lun",   "mar",     "mie",     "joi", "vin",     "sâm",    "dum",   "wt",  "śr",  "czw",
    "pt",  "niedz", "пн",  "вт",    "ср",      "чт",      "пт",  "сб",      "вс",     "нд",
};

/* Beginnings of the line that a device or program adds. */
static const char *const DEVICES[] = {
    "sent from my ",  "sent from mail for", "sent from yahoo", "sent from outlook", "sent from proton",
    "sent via ",      "sent with proton",   "get outlook for", "sent from samsung", "sent using",
    "poslano iz ",    "poslano z ",         "poslano s ",      "poslano prek",      "trimis de pe ",
    "trimis din ",    "trimis prin ",       "wysłane z ",      "wysłano z ",        "wyslane z ",
    "Надіслано з ",   "Надіслано через",    "Відправлено з ",  "Надіслано із ",     "Отправлено с ",
    "Отправлено из ", "Отправлено через",   "Послано с ",      "von meinem ",       "envoyé de mon",
};

static const char *const POINTERS[] = {
    "answers below",
    "answered below",
    "my answers",
    "inline",
    "in red",
    "rdeče",
    "z rdečo",
    "cu roșu",
    "cu rosu",
    "na czerwono",
    "червоним",
    "красным",
    "look what",
    "look at what",
    "see what",
    "see below",
    "read what",
    "read below",
    "read this",
    "this is what",
    "what he wrote",
    "what she wrote",
    "what they wrote",
    "got this",
    "received this",
    "forwarding",
    "see the message",
    "glej",
    "poglej",
    "poglejte",
    "preberite",
    "preberi",
    "spodaj",
    "kaj mi je napisal",
    "kaj je napisal",
    "posredujem",
    "prejel sem to",
    "prejela sem to",
    "to sem dobil",
    "uite ce",
    "uitați",
    "uitati",
    "vedeți mai jos",
    "vedeti mai jos",
    "mai jos",
    "citiți",
    "cititi ",
    "ce mi-a scris",
    "ce a scris",
    "am primit",
    "redirecționez",
    "redirectionez",
    "zobacz",
    "spójrz",
    "spojrz",
    "patrz",
    "przeczytaj",
    "poniżej",
    "ponizej",
    "co napisał",
    "co mi napisał",
    "co napisal",
    "przesyłam",
    "przesylam",
    "dostałam to",
    "dostałem to",
    "Подивіться",
    "подивіться",
    "подивись",
    "Подивись",
    "нижче",
    "прочитайте",
    "Прочитайте",
    "що він написав",
    "що вона написала",
    "що мені написа",
    "пересилаю",
    "Пересилаю",
    "Посмотрите",
    "посмотрите",
    "посмотри",
    "Посмотри",
    "ниже",
    "почитайте",
    "Почитайте",
    "что он написал",
    "что она написала",
    "что мне написал",
    "что мне пишет",
    "пересылаю",
    "Пересылаю",
    "вот что",
    "Вот что",
    "ось що",
    "Ось що",
};

static unsigned char lower(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value >= 'A' && value <= 'Z' ? (unsigned char)(value + 32) : value;
}

/* Compares as it goes and mostly ends at the first byte: every line of every mail meets every word of these tables. */
static bool starts_with(struct str line, const char *word)
{
    size_t i = 0;
    for (; word[i]; i++)
        if (i == line.length || lower(line.data[i]) != lower(word[i]))
            return false;
    return true;
}

static bool starts_with_any(struct str line, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (starts_with(line, words[i]))
            return true;
    return false;
}

static bool contains_any(struct str line, const char *const *words, size_t count)
{
    for (size_t at = 0; at < line.length; at++)
        if (starts_with_any(str_slice(line, at, line.length), words, count))
            return true;
    return false;
}

enum line_label line_header_label(struct str line)
{
    line = str_trim(line);
    while (line.length && line.data[0] == '*')
        line = str_slice(line, 1, line.length);
    for (size_t i = 0; i < COUNT(LABELS); i++)
        if (starts_with(line, LABELS[i].word))
            return LABELS[i].label;
    return LABEL_NONE;
}

static bool is_dash(char byte)
{
    return byte == '-' || byte == '_' || byte == '=';
}

enum line_mark line_mark(struct str line)
{
    enum { DASHES = 2 }; /* the fewest that programs write on one side */
    line = str_trim(line);
    for (size_t i = 0; i < COUNT(BARE); i++)
        if (starts_with(line, BARE[i].words))
            return BARE[i].mark;
    size_t dashes = 0;
    while (dashes < line.length && is_dash(line.data[dashes]))
        dashes++;
    if (dashes < DASHES)
        return MARK_LINE_NONE;
    line = str_trim(str_slice(line, dashes, line.length));
    for (size_t i = 0; i < COUNT(DASHED); i++)
        if (starts_with(line, DASHED[i].words))
            return DASHED[i].mark;
    return MARK_LINE_NONE;
}

bool line_is_quoted(struct str line)
{
    line = str_trim(line);
    return line.length && line.data[0] == '>';
}

struct str line_without_marks(struct str line)
{
    size_t at = 0;
    while (at < line.length && (line.data[at] == '>' || line.data[at] == ' ' || line.data[at] == '\t'))
        at++;
    return str_slice(line, at, line.length);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* A year and a time of day, or an address: nobody writes these before a colon by hand. */
static bool has_full_form(struct str line)
{
    bool year = false, time = false;
    for (size_t i = 0; i + 4 < line.length; i++) {
        const char *at = line.data + i;
        year = year || (at[0] == '2' && at[1] == '0' && is_digit(at[2]) && is_digit(at[3]) && !is_digit(at[4]));
        time = time || (is_digit(at[0]) && at[1] == ':' && is_digit(at[2]) && is_digit(at[3]));
    }
    bool address = str_find(line, STR("@"), 0) != SIZE_MAX;
    return (year && time) || (year && address) || (time && address);
}

bool line_is_attribution(struct str line, bool *is_certain)
{
    line = str_trim(line);
    *is_certain = false;
    if (line.length < 6 || line.data[line.length - 1] != ':')
        return false;
    bool has_digit = false;
    for (size_t i = 0; i < line.length; i++)
        has_digit = has_digit || is_digit(line.data[i]);
    bool says_wrote = contains_any(line, WROTE, COUNT(WROTE));
    *is_certain = has_full_form(line);
    bool is_bare_form = *is_certain && str_find(line, STR("<"), 0) != SIZE_MAX; /* Yandex: date, "Name" <address>: */
    *is_certain = *is_certain && (says_wrote || is_bare_form);
    return *is_certain || says_wrote;
}

bool line_begins_attribution(struct str line)
{
    return line.length && (is_digit(line.data[0]) || starts_with_any(line, BEGINS, COUNT(BEGINS)));
}

bool line_is_signature_mark(struct str line)
{
    return str_equal_text(line, "-- ") || str_equal_text(line, "--");
}

static size_t count_words(struct str line)
{
    size_t words = 0;
    for (size_t i = 0; i < line.length; i++)
        words += line.data[i] != ' ' && (i == 0 || line.data[i - 1] == ' ');
    return words;
}

bool line_is_device(struct str line)
{
    enum { LONGEST_BYTES = 90, MOST_WORDS = 9 }; /* longer is a sentence, and so is one with a comma */
    line = str_trim(line);
    return line.length <= LONGEST_BYTES && count_words(line) <= MOST_WORDS && str_find(line, STR(","), 0) == SIZE_MAX &&
           starts_with_any(line, DEVICES, COUNT(DEVICES));
}

bool line_is_rule(struct str line)
{
    enum { FEWEST = 5 };
    line = str_trim(line);
    for (size_t i = 0; i < line.length; i++)
        if (!is_dash(line.data[i]))
            return false;
    return line.length >= FEWEST;
}

bool line_is_list_footer(struct str line)
{
    static const char *const FOOTERS[] = {" mailing list", "/mailman/listinfo/", "unsubscribe from this group",
                                          "unsubscribe send"};
    return contains_any(line, FOOTERS, COUNT(FOOTERS));
}

bool split_points_at_quotation(struct str text)
{
    enum { FAR_ENOUGH = 8192 }; /* who points at a quotation does so in a short letter */
    text = str_slice(text, 0, FAR_ENOUGH);
    bool is_start = true;
    for (size_t at = 0; at < text.length; at++) {
        if (is_start && starts_with_any(str_slice(text, at, text.length), POINTERS, COUNT(POINTERS)))
            return true;
        is_start = (unsigned char)text.data[at] <= ' ' || text.data[at] == '(' || text.data[at] == '"';
    }
    return false;
}
