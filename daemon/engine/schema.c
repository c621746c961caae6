/* Checks maps of rule files against tables of keys. Runs as rules and policy load, in keep, screen and the command. */
#include <attune/schema.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_KEYS = 32, MAX_ID = 64 };

void schema_fail(const struct schema_place *place, const struct yaml_node *node, const char *code, const char *format,
                 ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    diag_add(place->diag, DIAG_ERROR, code, place->file, node ? node->line : 0, node ? node->column : 0, place->subject,
             "%s", message);
}

static const struct schema_key *find_key(const struct schema_key *keys, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal_text(name, keys[i].name))
            return &keys[i];
    return NULL;
}

static bool fail_unknown(const struct schema_place *place, const struct yaml_node *key, const struct schema_key *keys,
                         size_t count)
{
    const char *names[MAX_KEYS];
    size_t known = 0;
    for (size_t i = 0; i < count && known < MAX_KEYS; i++)
        if (keys[i].use != KEY_LATER)
            names[known++] = keys[i].name;
    const char *nearest = str_nearest(key->text.data, names, known);
    if (nearest)
        schema_fail(place, key, "R002", "unknown key `%s`; did you mean `%s`?", key->text.data, nearest);
    else
        schema_fail(place, key, "R002", "unknown key `%s`", key->text.data);
    return false;
}

static bool check_pair(const struct schema_place *place, const struct yaml_node *key, const struct yaml_node *value,
                       const struct schema_key *keys, size_t count)
{
    const struct schema_key *row = find_key(keys, count, key->text);
    if (!row)
        return fail_unknown(place, key, keys, count);
    if (row->use == KEY_LATER) {
        schema_fail(place, key, "R004", "`%s` is not supported by this version of Attune", row->name);
        return false;
    }
    if (value->kind != row->kind && !(row->use == KEY_ONE_OR_MORE && value->kind == YAML_LIST)) {
        schema_fail(place, value, "R005", "`%s` takes a %s, not a %s", row->name, yaml_kind_name(row->kind),
                    yaml_kind_name(value->kind));
        return false;
    }
    return true;
}

bool schema_check(const struct schema_place *place, const struct yaml_node *map, const struct schema_key *keys,
                  size_t count)
{
    if (map->kind != YAML_MAP) {
        schema_fail(place, map, "R005", "a map of keys was expected here, not a %s", yaml_kind_name(map->kind));
        return false;
    }
    bool right = true;
    for (size_t i = 0; i < map->count; i++)
        right = check_pair(place, map->keys[i], map->values[i], keys, count) && right;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].use != KEY_REQUIRED || yaml_get(map, keys[i].name))
            continue;
        schema_fail(place, map, "R006", "`%s` is missing", keys[i].name);
        right = false;
    }
    return right;
}

int schema_choose(const struct schema_place *place, const struct yaml_node *scalar, const char *what,
                  const char *const *names, size_t count)
{
    char list[256] = "";
    for (size_t i = 0; i < count; i++) {
        if (scalar->kind == YAML_SCALAR && str_equal_text(scalar->text, names[i]))
            return (int)i;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    }
    schema_fail(place, scalar, "R007", "`%s` is one of: %s", what, list);
    return -1;
}

static bool is_edge_byte(char byte, bool beyond_ascii)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           (beyond_ascii && (unsigned char)byte >= 0x80);
}

static bool is_name(struct str text, bool beyond_ascii)
{
    if (text.length < 2 || text.length > MAX_ID || !is_edge_byte(text.data[0], beyond_ascii) ||
        !is_edge_byte(text.data[text.length - 1], beyond_ascii))
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (!is_edge_byte(text.data[i], beyond_ascii) && text.data[i] != '-' && text.data[i] != '.')
            return false;
    return true;
}

bool schema_check_id(const struct schema_place *place, const struct yaml_node *scalar, const char *what)
{
    if (scalar->kind == YAML_SCALAR && is_name(scalar->text, false))
        return true;
    schema_fail(place, scalar, "R008", "`%s` is 2 to %d of a-z, 0-9, `-` and `.`", what, MAX_ID);
    return false;
}

bool schema_check_name(const struct schema_place *place, const struct yaml_node *scalar, const char *what)
{
    if (scalar->kind == YAML_SCALAR && is_name(scalar->text, true))
        return true;
    schema_fail(place, scalar, "R008", "`%s` is 2 to %d bytes of small letters, 0-9, `-` and `.`", what, MAX_ID);
    return false;
}

bool schema_check_text(const struct schema_place *place, const struct yaml_node *scalar, const char *what,
                       size_t maximum)
{
    if (scalar->kind != YAML_SCALAR) {
        schema_fail(place, scalar, "R005", "`%s` takes a text, not a %s", what, yaml_kind_name(scalar->kind));
        return false;
    }
    if (str_trim(scalar->text).length == 0 || scalar->text.length > maximum) {
        schema_fail(place, scalar, "R009", "`%s` takes a text of 1 to %zu bytes", what, maximum);
        return false;
    }
    return true;
}
