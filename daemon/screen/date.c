/* Dates of mail headers (RFC 5322, 3.3 and 4.3). Screen children; the bytes are hostile. */
#include <attune/header.h>

/* The words of a date, commas and comments left out; a usual one has five or six. */
enum { MAX_WORDS = 8 };

static size_t split_words(struct str value, struct str words[MAX_WORDS])
{
    size_t count = 0, at = 0;
    while (count < MAX_WORDS) {
        while (at < value.length && ((unsigned char)value.data[at] <= ' ' || value.data[at] == ','))
            at++;
        size_t start = at;
        if (at == value.length || value.data[at] == '(')
            break;
        while (at < value.length && (unsigned char)value.data[at] > ' ' && value.data[at] != ',')
            at++;
        words[count++] = str_slice(value, start, at);
    }
    return count;
}

static int month_of(struct str word)
{
    static const char NAMES[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    struct str names = str_of(NAMES);
    for (size_t i = 0; i < 12; i++)
        if (str_starts_nocase(word, str_slice(names, i * 3, i * 3 + 3)))
            return (int)i + 1;
    return 0;
}

/* "10:14" or "10:14:05" as seconds of the day. */
static bool parse_time(struct str word, int64_t *seconds)
{
    uint64_t hour, minute, second = 0;
    size_t first = str_find(word, STR(":"), 0);
    if (first == SIZE_MAX)
        return false;
    size_t next = str_find(word, STR(":"), first + 1);
    struct str last = next == SIZE_MAX ? (struct str){0} : str_slice(word, next + 1, word.length);
    if (!str_to_u64(str_slice(word, 0, first), 23, &hour) || !str_to_u64(str_slice(word, first + 1, next), 59, &minute))
        return false;
    if (last.length && !str_to_u64(last, 60, &second)) /* 60: a leap second */
        return false;
    *seconds = (int64_t)(hour * 3600 + minute * 60 + second);
    return true;
}

/* Minutes east of UTC. "-0000" means that the zone is not known; so does every name but those RFC 5322 lists. */
static int32_t parse_zone(struct str word)
{
    static const struct {
        const char *name;
        int32_t minutes;
    } NAMES[] = {{"ut", 0},     {"utc", 0},    {"gmt", 0},    {"z", 0},      {"est", -300}, {"edt", -240},
                 {"cst", -360}, {"cdt", -300}, {"mst", -420}, {"mdt", -360}, {"pst", -480}, {"pdt", -420}};
    uint64_t number;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (str_equal_nocase(word, str_of(NAMES[i].name)))
            return NAMES[i].minutes;
    if (word.length != 5 || (word.data[0] != '+' && word.data[0] != '-') || str_equal_text(word, "-0000") ||
        !str_to_u64(str_slice(word, 1, 5), 1459, &number) || number % 100 > 59)
        return INT32_MIN;
    int32_t minutes = (int32_t)(number / 100 * 60 + number % 100);
    return word.data[0] == '-' ? -minutes : minutes;
}

/* Days from 1970-01-01 of a date of the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

bool header_date(struct str value, int64_t *date_ms, int32_t *zone_minutes)
{
    struct str words[MAX_WORDS];
    size_t count = split_words(value, words), at = 0;
    uint64_t day, year;
    int64_t seconds;
    if (count && !str_to_u64(words[0], 31, &day))
        at = 1; /* the day's name */
    if (count < at + 4 || !str_to_u64(words[at], 31, &day) || !str_to_u64(words[at + 2], 9999, &year))
        return false;
    int month = month_of(words[at + 1]);
    if (year < 100)
        year += year < 50 ? 2000 : 1900; /* RFC 5322, 4.3 */
    if (day == 0 || month == 0 || year < 1980 || year > 2100 || !parse_time(words[at + 3], &seconds))
        return false;
    *zone_minutes = count > at + 4 ? parse_zone(words[at + 4]) : INT32_MIN;
    int64_t offset = *zone_minutes == INT32_MIN ? 0 : *zone_minutes;
    *date_ms = (days_from_civil((int64_t)year, month, (int64_t)day) * 86400 + seconds - offset * 60) * 1000;
    return true;
}
