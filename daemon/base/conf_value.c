/*
 * One scalar of attune.yaml: its text checked and stored by the type of its row. Run by keep and the command; the text
 * is the operator's and may hold anything that YAML can carry.
 */
#include <arpa/inet.h>
#include <attune/conf_table.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { WHY_SIZE = 256 };

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
static const struct unit size_units[] = {{"KiB", 1024}, {"MiB", 1024 * 1024}};

/* --- texts ------------------------------------------------------------------------------------------------------- */

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == 0x7f)
            return true;
    }
    return false;
}

static bool check_text(const struct conf_row *row, struct str text, char why[WHY_SIZE])
{
    if (text.length == 0)
        snprintf(why, WHY_SIZE, "is empty");
    else if (text.length > row->maximum)
        snprintf(why, WHY_SIZE, "is longer than %llu bytes", (unsigned long long)row->maximum);
    else if (has_control(text))
        snprintf(why, WHY_SIZE, "may not hold a line break or another control character");
    else
        return true;
    return false;
}

static bool parse_text(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    if (!check_text(row, text, why))
        return false;
    *(const char **)target = text.data;
    return true;
}

/* A daemon's working folder is no place that an operator sees: names from the root only. */
static bool parse_path(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    if (!parse_text(row, text, target, why))
        return false;
    if (text.data[0] == '/')
        return true;
    snprintf(why, WHY_SIZE, "must be a whole path, beginning with /");
    return false;
}

static bool is_made_of(struct str text, const char *allowed)
{
    return strspn(text.data, allowed) == text.length;
}

static bool parse_name(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    (void)row;
    *(const char **)target = text.data;
    if (text.length > 0 && text.length <= CONF_MAX_NAME && text.data[0] != '-' &&
        is_made_of(text, "abcdefghijklmnopqrstuvwxyz0123456789-"))
        return true;
    snprintf(why, WHY_SIZE, "must be 1 to %d lower-case letters a-z, digits and hyphens", CONF_MAX_NAME);
    return false;
}

static bool parse_host(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    if (!parse_text(row, text, target, why))
        return false;
    if (is_made_of(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]"))
        return true;
    snprintf(why, WHY_SIZE, "must be a host name or an address, without scheme, port or path");
    return false;
}

bool conf_address_is_valid(const char *address)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *at = strchr(address, '@');
    size_t length = strlen(address);
    if (!at || length > CONF_MAX_ADDRESS || at == address || !at[1] || strstr(address, ".."))
        return false;
    struct str local = {address, (size_t)(at - address)}, domain = str_of(at + 1);
    char first = domain.data[0], last = domain.data[domain.length - 1];
    if (address[0] == '.' || address[0] == '-' || local.data[local.length - 1] == '.')
        return false;
    for (size_t i = 0; i < local.length; i++)
        if (!strchr(letters, local.data[i]) && !strchr("!#$&'*+-/=?^_`{|}~.", local.data[i]))
            return false;
    return strchr(letters, first) && strchr(letters, last) &&
           is_made_of(domain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
}

static bool parse_address(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    if (!parse_text(row, text, target, why))
        return false;
    if (conf_address_is_valid(text.data))
        return true;
    snprintf(why, WHY_SIZE, "must be one mail address, such as ana@example.org");
    return false;
}

static bool parse_domain(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    char address[CONF_MAX_ADDRESS + 1];
    if (!parse_text(row, text, target, why))
        return false;
    if (text.length < CONF_MAX_ADDRESS - 2) {
        snprintf(address, sizeof address, "a@%s", text.data);
        if (conf_address_is_valid(address))
            return true;
    }
    snprintf(why, WHY_SIZE, "must be what stands behind the @ of an address, such as example.org");
    return false;
}

/* The wildcards are legal in a name, but LIST cannot then ask for that folder alone (RFC 3501, 6.3.8). */
static bool parse_folder(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    if (!parse_text(row, text, target, why))
        return false;
    if (strpbrk(text.data, "*%") == NULL)
        return true;
    snprintf(why, WHY_SIZE, "may not hold * or %%");
    return false;
}

static bool parse_url(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    return parse_text(row, text, target, why) && conf_check_url(text.data, why);
}

bool conf_host_is_loopback(const char *host)
{
    char bare[64];
    size_t length = strlen(host);
    if (length >= 2 && host[0] == '[' && host[length - 1] == ']' && length - 2 < sizeof bare) {
        memcpy(bare, host + 1, length - 2);
        bare[length - 2] = '\0';
        host = bare;
    }
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six);
    return strcasecmp(host, "localhost") == 0;
}

/* Takes the parts apart as libcurl will when it connects: a reader of our own could see another host than it does. */
static const char *url_fault(CURLU *url)
{
    char *scheme = NULL, *host = NULL, *user = NULL, *fragment = NULL;
    const char *fault = NULL;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        fault = "is not a URL";
    else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
        fault = "must begin with https://";
    else if (strcmp(scheme, "http") == 0 && !conf_host_is_loopback(host))
        fault = "must begin with https://: without it, anybody on the way can read and forge pages";
    else if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
        fault = "may not hold a user name or password";
    else if (curl_url_get(url, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK)
        fault = "may not hold a # part, which is never sent";
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(fragment);
    return fault;
}

bool conf_check_url(const char *url, char why[WHY_SIZE])
{
    for (const char *at = url; *at; at++) {
        if ((unsigned char)*at > 0x20 && (unsigned char)*at < 0x7f)
            continue;
        snprintf(why, WHY_SIZE, "must be plain ASCII without spaces: write other characters as %%XX");
        return false;
    }
    CURLU *parts = curl_url();
    const char *fault = "is not a URL";
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK)
        fault = url_fault(parts);
    curl_url_cleanup(parts);
    if (fault)
        snprintf(why, WHY_SIZE, "%s", fault);
    return fault == NULL;
}

/* --- numbers and words ------------------------------------------------------------------------------------------- */

static bool check_bounds(const struct conf_row *row, uint64_t value, const struct unit *unit, char why[WHY_SIZE])
{
    if (value >= row->minimum && value <= row->maximum)
        return true;
    snprintf(why, WHY_SIZE, "must be between %llu%s and %llu%s", (unsigned long long)(row->minimum / unit->factor),
             unit->name, (unsigned long long)(row->maximum / unit->factor), unit->name);
    return false;
}

static bool parse_whole(const struct conf_row *row, struct str text, uint64_t *value, char why[WHY_SIZE])
{
    static const struct unit one = {"", 1};
    if (str_to_u64(text, UINT32_MAX, value))
        return check_bounds(row, *value, &one, why);
    snprintf(why, WHY_SIZE, "must be a whole number");
    return false;
}

/* Digits, then one of `units`; a space may stand between. */
static bool parse_measure(const struct conf_row *row, struct str text, const struct unit *units, size_t count,
                          const char *example, void *target, char why[WHY_SIZE])
{
    size_t digits = strspn(text.data, "0123456789");
    struct str name = str_trim(str_slice(text, digits, text.length));
    uint64_t value;
    for (size_t i = 0; i < count; i++) {
        if (!str_equal_text(name, units[i].name))
            continue;
        /* UINT32_MAX of the greatest unit is far below the limit of 64 bits. */
        if (!str_to_u64(str_slice(text, 0, digits), UINT32_MAX, &value))
            break;
        value *= units[i].factor;
        if (!check_bounds(row, value, &units[0], why))
            return false;
        *(uint32_t *)target = (uint32_t)value;
        return true;
    }
    snprintf(why, WHY_SIZE, "must be a number and its unit: %s", example);
    return false;
}

static bool parse_duration(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    return parse_measure(row, text, duration_units, 4, "30s, 5m, 4h or 2d", target, why);
}

/* HH:MM of a day of 24 hours. */
static bool parse_clock(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    uint64_t hour, minute;
    (void)row;
    if (text.length == 5 && text.data[2] == ':' && str_to_u64(str_slice(text, 0, 2), 23, &hour) &&
        str_to_u64(str_slice(text, 3, 5), 59, &minute)) {
        *(uint32_t *)target = (uint32_t)(hour * 60 + minute);
        return true;
    }
    snprintf(why, WHY_SIZE, "must be a time of the day between \"00:00\" and \"23:59\"");
    return false;
}

static bool parse_size(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    return parse_measure(row, text, size_units, 2, "512 KiB or 30 MiB", target, why);
}

static bool parse_port(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    uint64_t value;
    if (!parse_whole(row, text, &value, why))
        return false;
    *(uint16_t *)target = (uint16_t)value;
    return true;
}

static bool parse_count(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    uint64_t value;
    if (!parse_whole(row, text, &value, why))
        return false;
    *(uint32_t *)target = (uint32_t)value;
    return true;
}

static bool parse_flag(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    (void)row;
    *(bool *)target = str_equal_text(text, "yes");
    if (*(bool *)target || str_equal_text(text, "no"))
        return true;
    snprintf(why, WHY_SIZE, "must be yes or no");
    return false;
}

static bool parse_choice(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    char words[WHY_SIZE / 2] = "";
    for (unsigned i = 0; row->words[i]; i++) {
        if (str_equal_text(text, row->words[i])) {
            *(unsigned *)target = i;
            return true;
        }
        size_t used = strlen(words);
        snprintf(words + used, sizeof words - used, "%s%s", i ? ", " : "", row->words[i]);
    }
    if (row->later && str_equal_text(text, row->later))
        snprintf(why, WHY_SIZE, "%s is not in this version; here it can only be: %s", row->later, words);
    else
        snprintf(why, WHY_SIZE, "must be one of: %s", words);
    return false;
}

typedef bool parse_function(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE]);

bool conf_parse_value(const struct conf_row *row, struct str text, void *target, char why[WHY_SIZE])
{
    static parse_function *const parsers[] = {
        [CONF_TYPE_TEXT] = parse_text,         [CONF_TYPE_PATH] = parse_path,     [CONF_TYPE_NAME] = parse_name,
        [CONF_TYPE_HOST] = parse_host,         [CONF_TYPE_FOLDER] = parse_folder, [CONF_TYPE_URL] = parse_url,
        [CONF_TYPE_FLAG] = parse_flag,         [CONF_TYPE_PORT] = parse_port,     [CONF_TYPE_COUNT] = parse_count,
        [CONF_TYPE_DURATION] = parse_duration, [CONF_TYPE_SIZE] = parse_size,     [CONF_TYPE_CHOICE] = parse_choice,
        [CONF_TYPE_ADDRESS] = parse_address,   [CONF_TYPE_DOMAIN] = parse_domain, [CONF_TYPE_CLOCK] = parse_clock,
    };
    if (row->type >= sizeof parsers / sizeof parsers[0] || !parsers[row->type])
        bug("a row without a scalar type was read as one");
    return parsers[row->type](row, text, target, why);
}
