/* Fills the structs of conf.h from the tree, row by row. Goes on after a fault, so that one run shows them all. */
#include <attune/conf_table.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 96 /* as diag_item.subject */, LIST_SIZE = 400 };

/* Longer than PATH_SIZE by the greatest index of a list, so that the cut is made in one place: by diag_add(). */
enum { ELEMENT_PATH_SIZE = PATH_SIZE + 24 };

static void report(struct conf_reader *reader, const struct yaml_node *at, const char *code, const char *path,
                   const char *message)
{
    diag_add(reader->diag, DIAG_ERROR, code, reader->file, at->line, at->column, path, "%s", message);
}

static void path_join(char out[PATH_SIZE], const char *path, struct str key)
{
    snprintf(out, PATH_SIZE, "%s%s%.*s", path, path[0] ? "." : "", (int)(key.length < 64 ? key.length : 64), key.data);
}

/* --- keys that no row has ---------------------------------------------------------------------------------------- */

static const struct conf_row *find_row(const struct conf_section *section, struct str key)
{
    for (size_t i = 0; i < section->count; i++)
        if (str_equal_text(key, section->rows[i].key))
            return &section->rows[i];
    return NULL;
}

/* No section has more keys than this; a longer one would only lose its last names in the message. */
enum { MAX_KEYS = 32 };

static size_t known_keys(const struct conf_section *section, const char *keys[MAX_KEYS])
{
    size_t count = 0;
    for (size_t i = 0; i < section->count && count < MAX_KEYS; i++)
        if (section->rows[i].type != CONF_TYPE_REFUSED)
            keys[count++] = section->rows[i].key;
    return count;
}

static void report_unknown(struct conf_reader *reader, const struct conf_section *section, const struct yaml_node *key,
                           const char *path)
{
    const char *keys[MAX_KEYS] = {NULL};
    size_t count = known_keys(section, keys);
    const char *nearest = str_nearest(key->text.data, keys, count);
    char message[512];
    if (nearest) {
        snprintf(message, sizeof message, "unknown key; did you mean %s?", nearest);
    } else {
        char list[LIST_SIZE] = "";
        for (size_t i = 0; i < count; i++) {
            size_t used = strlen(list);
            snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", keys[i]);
        }
        snprintf(message, sizeof message, "unknown key; here belong: %s", list);
    }
    report(reader, key, "C001", path, message);
}

static void check_keys(struct conf_reader *reader, const struct conf_section *section, const struct yaml_node *map,
                       const char *path)
{
    for (size_t i = 0; i < map->count; i++) {
        char here[PATH_SIZE];
        path_join(here, path, map->keys[i]->text);
        const struct conf_row *row = find_row(section, map->keys[i]->text);
        if (!row)
            report_unknown(reader, section, map->keys[i], here);
        else if (row->type == CONF_TYPE_REFUSED)
            report(reader, map->keys[i], "C002", here, row->help);
    }
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static bool has_kind(struct conf_reader *reader, const struct yaml_node *node, enum yaml_kind kind, const char *path)
{
    if (node->kind == kind)
        return true;
    char message[96];
    snprintf(message, sizeof message, "must be a %s, not a %s", yaml_kind_name(kind), yaml_kind_name(node->kind));
    report(reader, node, "C003", path, message);
    return false;
}

static void read_value(struct conf_reader *reader, const struct conf_row *row, const struct yaml_node *node,
                       const char *path, void *target)
{
    char why[256];
    if (has_kind(reader, node, YAML_SCALAR, path) && !conf_parse_value(row, node->text, target, why))
        report(reader, node, "C004", path, why);
}

static bool count_fits(struct conf_reader *reader, const struct conf_row *row, const struct yaml_node *list,
                       const char *path)
{
    if (list->count >= row->minimum && list->count <= row->maximum)
        return true;
    char message[96];
    snprintf(message, sizeof message, "must have %llu to %llu entries, not %zu", (unsigned long long)row->minimum,
             (unsigned long long)row->maximum, list->count);
    report(reader, list, "C005", path, message);
    return false;
}

static void read_texts(struct conf_reader *reader, const struct conf_row *row, const struct yaml_node *node,
                       const char *path, unsigned char *base)
{
    static const struct conf_row folder = {.type = CONF_TYPE_FOLDER, .maximum = 255};
    static const struct conf_row domain = {.type = CONF_TYPE_DOMAIN, .maximum = 253};
    const struct conf_row *one = row->type == CONF_TYPE_FOLDERS ? &folder : &domain;
    if (!has_kind(reader, node, YAML_LIST, path) || !count_fits(reader, row, node, path))
        return;
    const char **names = arena_array(reader->arena, node->count ? node->count : 1, sizeof *names);
    if (!names) {
        reader->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < node->count; i++)
        read_value(reader, one, node->values[i], path, &names[i]);
    memcpy(base + row->offset, &names, sizeof names);
    memcpy(base + row->count_offset, &node->count, sizeof node->count);
}

/* Each day is one bit, as tm_wday counts them. */
static void read_days(struct conf_reader *reader, const struct conf_row *row, const struct yaml_node *node,
                      const char *path, unsigned char *base)
{
    static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
    static const struct conf_row day = {.type = CONF_TYPE_CHOICE, .words = days};
    uint32_t bits = 0;
    if (!has_kind(reader, node, YAML_LIST, path) || !count_fits(reader, row, node, path))
        return;
    for (size_t i = 0; i < node->count; i++) {
        unsigned index = 0;
        read_value(reader, &day, node->values[i], path, &index);
        bits |= 1u << index;
    }
    memcpy(base + row->offset, &bits, sizeof bits);
}

static void read_elements(struct conf_reader *reader, const struct conf_row *row, const struct yaml_node *list,
                          const char *path, unsigned char *elements)
{
    for (size_t i = 0; i < list->count; i++) {
        char here[ELEMENT_PATH_SIZE];
        snprintf(here, sizeof here, "%.95s[%zu]", path, i + 1);
        conf_read_section(reader, row->inner, list->values[i], here, elements + i * row->element);
    }
}

static void read_list(struct conf_reader *reader, const struct conf_row *row, const struct yaml_node *node,
                      const char *path, unsigned char *base)
{
    if (!has_kind(reader, node, YAML_LIST, path) || !count_fits(reader, row, node, path))
        return;
    unsigned char *elements = base + row->offset;
    if (row->type == CONF_TYPE_LIST) {
        elements = arena_array(reader->arena, node->count ? node->count : 1, row->element);
        if (!elements) {
            reader->out_of_memory = true;
            return;
        }
        memcpy(base + row->offset, &elements, sizeof elements);
    }
    memcpy(base + row->count_offset, &node->count, sizeof node->count);
    read_elements(reader, row, node, path, elements);
}

static void read_row(struct conf_reader *reader, const struct conf_row *row, const struct yaml_node *node,
                     const char *path, unsigned char *base)
{
    switch (row->type) {
    case CONF_TYPE_GROUP:
        conf_read_section(reader, row->inner, node, path, base);
        break;
    case CONF_TYPE_LIST:
    case CONF_TYPE_ARRAY:
        read_list(reader, row, node, path, base);
        break;
    case CONF_TYPE_FOLDERS:
    case CONF_TYPE_DOMAINS:
        read_texts(reader, row, node, path, base);
        break;
    case CONF_TYPE_DAYS:
        read_days(reader, row, node, path, base);
        break;
    case CONF_TYPE_REFUSED:
        break; /* reported with the keys */
    default:
        read_value(reader, row, node, path, base + row->offset);
    }
}

/* What an absent key stands for, read as if the file said it. */
static void read_standard(struct conf_reader *reader, const struct conf_row *row, const struct yaml_node *map,
                          const char *path, unsigned char *base)
{
    struct yaml_node empty = {.kind = YAML_MAP, .line = map->line, .column = map->column};
    struct yaml_node text = {.kind = YAML_SCALAR, .text = str_of(row->standard)};
    struct yaml_node *item = &text;
    struct yaml_node list = {.kind = YAML_LIST, .count = 1, .values = &item};
    if (row->type == CONF_TYPE_GROUP)
        read_row(reader, row, &empty, path, base);
    else if (row->standard)
        read_row(reader, row, row->type == CONF_TYPE_FOLDERS ? &list : &text, path, base);
}

void conf_read_section(struct conf_reader *reader, const struct conf_section *section, const struct yaml_node *map,
                       const char *path, void *base)
{
    if (!has_kind(reader, map, YAML_MAP, path))
        return;
    check_keys(reader, section, map, path);
    for (size_t i = 0; i < section->count; i++) {
        const struct conf_row *row = &section->rows[i];
        const struct yaml_node *node = yaml_get(map, row->key);
        char here[PATH_SIZE];
        path_join(here, path, str_of(row->key));
        if (node)
            read_row(reader, row, node, here, base);
        else if (row->required)
            report(reader, map, "C006", here, "is missing");
        else
            read_standard(reader, row, map, here, base);
    }
}
