/*
 * libyaml's events built into a tree. Run by keep (configuration), screen's zygote (rules) and the command. Trusts
 * nothing of the text: bytes, characters, depth and nodes are bounded here, because libyaml bounds none of them.
 */
#include <attune/yaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

/* The tree is built bottom-up: children of an open list or map wait in a linked chain until its end is met, since their
 * number is known only then. */
struct link {
    struct link *next;
    struct yaml_node *node;
};

struct level {
    struct yaml_node *node; /* the open list or map */
    struct link *first;
    struct link **end;
    size_t links; /* of a map: keys and values alternate */
};

struct build {
    struct arena *arena;
    const char *file;
    struct diag *diag;
    struct level levels[YAML_MAX_DEPTH];
    size_t depth;
    size_t nodes;
    size_t documents;
    struct yaml_node *root;
};

const char *yaml_kind_name(enum yaml_kind kind)
{
    static const char *const names[] = {[YAML_SCALAR] = "text", [YAML_LIST] = "list", [YAML_MAP] = "map"};
    return names[kind];
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    if (map->kind != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (str_equal_text(map->keys[i]->text, key))
            return map->values[i];
    return NULL;
}

static unsigned one_based(size_t place)
{
    return place < UINT32_MAX ? (unsigned)place + 1 : UINT32_MAX;
}

/* --- refusals ---------------------------------------------------------------------------------------------------- */

static enum err refuse(struct build *build, const yaml_mark_t *mark, const char *code, const char *message)
{
    diag_add(build->diag, DIAG_ERROR, code, build->file, one_based(mark->line), one_based(mark->column), "", "%s",
             message);
    return ERR_INPUT;
}

/* The position of a byte, as libyaml counts: lines, and characters in the line. */
static yaml_mark_t mark_of_byte(struct str text, size_t at)
{
    yaml_mark_t mark = {at, 0, 0};
    for (size_t i = 0; i < at && i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte == '\n') {
            mark.line++;
            mark.column = 0;
        } else if ((byte & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

static size_t first_bad_utf8(struct str text)
{
    for (size_t at = 0; at < text.length;) {
        size_t length;
        uint32_t c = utf8_decode(text, at, &length);
        if (c == 0xfffd && !(length == 3 && memcmp(text.data + at, "\xef\xbf\xbd", 3) == 0))
            return at;
        at += length;
    }
    return SIZE_MAX;
}

/* Directives mean nothing here, and libyaml compares each %TAG with all before it: 1 MiB of them takes minutes. It
 * takes a directive for one only in the first column, so a look at each line start finds them all. */
static enum err check_directives(struct build *build, struct str text)
{
    size_t at = text.length && text.data[0] == '%' ? 0 : str_find(text, STR("\n%"), 0);
    if (at == SIZE_MAX)
        return ERR_OK;
    yaml_mark_t mark = mark_of_byte(text, text.data[at] == '%' ? at : at + 1);
    return refuse(build, &mark, "Y013", "a line may not start with %: directives are not used here");
}

static enum err check_bytes(struct build *build, struct str text)
{
    if (text.length > YAML_MAX_BYTES) {
        diag_add(build->diag, DIAG_ERROR, "Y001", build->file, 0, 0, "", "larger than %d bytes", YAML_MAX_BYTES);
        return ERR_INPUT;
    }
    const char *nul = text.length ? memchr(text.data, 0, text.length) : NULL;
    if (nul) {
        yaml_mark_t mark = mark_of_byte(text, (size_t)(nul - text.data));
        return refuse(build, &mark, "Y002", "a NUL byte: this is not a text file");
    }
    size_t bad = first_bad_utf8(text);
    if (bad == SIZE_MAX)
        return check_directives(build, text);
    yaml_mark_t mark = mark_of_byte(text, bad);
    return refuse(build, &mark, "Y003", "not UTF-8: save the file in that encoding");
}

static enum err report_parser(struct build *build, const yaml_parser_t *parser, struct str text)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return ERR_SYSTEM;
    /* The reader, which meets characters before the scanner does, knows a byte and not a mark. */
    yaml_mark_t mark =
        parser->error == YAML_READER_ERROR ? mark_of_byte(text, parser->problem_offset) : parser->problem_mark;
    diag_add(build->diag, DIAG_ERROR, "Y004", build->file, one_based(mark.line), one_based(mark.column), "",
             "not valid YAML: %s%s%s", parser->context ? parser->context : "", parser->context ? ", " : "",
             parser->problem ? parser->problem : "unreadable");
    return ERR_INPUT;
}

/* --- building ---------------------------------------------------------------------------------------------------- */

static bool awaits_key(const struct level *level)
{
    return level->node->kind == YAML_MAP && level->links % 2 == 0;
}

static enum err append(struct level *level, struct arena *arena, struct yaml_node *node)
{
    struct link *link = arena_alloc(arena, sizeof *link);
    if (!link)
        return ERR_SYSTEM;
    link->node = node;
    *level->end = link;
    level->end = &link->next;
    level->links++;
    return ERR_OK;
}

/* A new node at `mark`, hung under the innermost open list or map. */
static enum err add_node(struct build *build, enum yaml_kind kind, const yaml_mark_t *mark, struct yaml_node **out)
{
    if (build->nodes >= YAML_MAX_NODES)
        return refuse(build, mark, "Y005", "too many entries in one file: split it");
    build->nodes++;
    struct yaml_node *node = arena_alloc(build->arena, sizeof *node);
    if (!node)
        return ERR_SYSTEM;
    node->kind = kind;
    node->line = one_based(mark->line);
    node->column = one_based(mark->column);
    *out = node;
    if (build->depth == 0) {
        build->root = node;
        return ERR_OK;
    }
    struct level *level = &build->levels[build->depth - 1];
    if (awaits_key(level) && kind != YAML_SCALAR)
        return refuse(build, mark, "Y006", "a key must be text, not a list or map");
    return append(level, build->arena, node);
}

static enum err open_level(struct build *build, enum yaml_kind kind, const yaml_mark_t *mark)
{
    if (build->depth >= YAML_MAX_DEPTH)
        return refuse(build, mark, "Y007", "nested too deeply");
    struct yaml_node *node;
    enum err error = add_node(build, kind, mark, &node);
    if (error)
        return error;
    struct level *level = &build->levels[build->depth++];
    *level = (struct level){.node = node, .end = &level->first};
    return ERR_OK;
}

/* Findings name keys, and findings are printed on terminals. */
static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == 0x7f)
            return true;
    }
    return false;
}

static enum err add_scalar(struct build *build, const yaml_event_t *event)
{
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    if (text.length && memchr(text.data, 0, text.length))
        return refuse(build, &event->start_mark, "Y002", "text may not hold a NUL character");
    if (build->depth && awaits_key(&build->levels[build->depth - 1]) && has_control(text))
        return refuse(build, &event->start_mark, "Y014", "a key may not hold control characters");
    struct yaml_node *node;
    enum err error = add_node(build, YAML_SCALAR, &event->start_mark, &node);
    if (error)
        return error;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = (struct str){arena_copy(build->arena, text.data, text.length), text.length};
    return node->text.data ? ERR_OK : ERR_SYSTEM;
}

static int compare_keys(const void *a, const void *b)
{
    const struct yaml_node *left = *(struct yaml_node *const *)a;
    const struct yaml_node *right = *(struct yaml_node *const *)b;
    int order = strcmp(left->text.data, right->text.data);
    if (order)
        return order;
    if (left->line != right->line)
        return left->line < right->line ? -1 : 1;
    return left->column < right->column ? -1 : left->column > right->column;
}

/* Sorted, because comparing each key with each other would take minutes on a map of the greatest size. */
static enum err check_keys(struct build *build, const struct yaml_node *map)
{
    struct yaml_node **sorted = arena_array(build->arena, map->count, sizeof *sorted);
    if (!sorted)
        return ERR_SYSTEM;
    memcpy(sorted, map->keys, map->count * sizeof *sorted);
    qsort(sorted, map->count, sizeof *sorted, compare_keys);
    enum err result = ERR_OK;
    for (size_t i = 1; i < map->count; i++) {
        if (!str_equal(sorted[i]->text, sorted[i - 1]->text))
            continue;
        diag_add(build->diag, DIAG_ERROR, "Y008", build->file, sorted[i]->line, sorted[i]->column, sorted[i]->text.data,
                 "this key stands twice in one map, before at line %u", sorted[i - 1]->line);
        result = ERR_INPUT;
    }
    return result;
}

static enum err close_level(struct build *build)
{
    struct level *level = &build->levels[--build->depth];
    struct yaml_node *node = level->node;
    bool is_map = node->kind == YAML_MAP;
    node->count = is_map ? level->links / 2 : level->links;
    if (node->count == 0)
        return ERR_OK;
    node->values = arena_array(build->arena, node->count, sizeof(struct yaml_node *));
    node->keys = is_map ? arena_array(build->arena, node->count, sizeof(struct yaml_node *)) : NULL;
    if (!node->values || (is_map && !node->keys))
        return ERR_SYSTEM;
    struct link *link = level->first;
    for (size_t i = 0; i < node->count; i++) {
        if (is_map) {
            node->keys[i] = link->node;
            link = link->next;
        }
        node->values[i] = link->node;
        link = link->next;
    }
    return is_map ? check_keys(build, node) : ERR_OK;
}

static enum err start_document(struct build *build, const yaml_event_t *event)
{
    if (build->documents++)
        return refuse(build, &event->start_mark, "Y009", "a second document: one file holds one");
    return ERR_OK;
}

static enum err check_properties(struct build *build, const yaml_event_t *event, const yaml_char_t *anchor,
                                 const yaml_char_t *tag)
{
    if (anchor)
        return refuse(build, &event->start_mark, "Y011", "anchors (&) and aliases (*) are not used here");
    if (tag)
        return refuse(build, &event->start_mark, "Y010", "tags (!) have no meaning here");
    return ERR_OK;
}

static enum err take_event(struct build *build, const yaml_event_t *event)
{
    enum err error;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return start_document(build, event);
    case YAML_ALIAS_EVENT:
        return check_properties(build, event, event->data.alias.anchor, NULL);
    case YAML_SCALAR_EVENT:
        error = check_properties(build, event, event->data.scalar.anchor, event->data.scalar.tag);
        return error ? error : add_scalar(build, event);
    case YAML_SEQUENCE_START_EVENT:
        error = check_properties(build, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        return error ? error : open_level(build, YAML_LIST, &event->start_mark);
    case YAML_MAPPING_START_EVENT:
        error = check_properties(build, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        return error ? error : open_level(build, YAML_MAP, &event->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_level(build);
    default:
        return ERR_OK;
    }
}

static enum err take_events(struct build *build, yaml_parser_t *parser, struct str text)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return report_parser(build, parser, text);
        bool ended = event.type == YAML_STREAM_END_EVENT;
        enum err error = take_event(build, &event);
        yaml_event_delete(&event);
        if (error || ended)
            return error;
    }
}

/* Nothing, or one empty plain scalar, is what libyaml makes of a file of comments. */
static enum err finish_root(struct build *build)
{
    const struct yaml_node *root = build->root;
    if (root && !(root->kind == YAML_SCALAR && root->plain && root->text.length == 0))
        return ERR_OK;
    yaml_mark_t start = {0, 0, 0};
    return add_node(build, YAML_MAP, &start, &build->root);
}

enum err yaml_parse(struct arena *arena, const char *file, struct str text, struct yaml_node **root, struct diag *diag)
{
    struct build build = {.arena = arena, .file = file, .diag = diag};
    enum err error = check_bytes(&build, text);
    if (error)
        return error;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return ERR_SYSTEM;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.data ? text.data : ""), text.length);
    error = take_events(&build, &parser, text);
    yaml_parser_delete(&parser);
    if (!error)
        error = finish_root(&build);
    if (!error)
        *root = build.root;
    return error;
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static enum err refuse_file(const char *path, const char *message, struct diag *diag)
{
    diag_add(diag, DIAG_ERROR, "Y012", path, 0, 0, "", "%s", message);
    return ERR_INPUT;
}

/* Asked before opening too: opening a device or a pipe can act on it or wait for ever. */
static enum err open_regular(const char *path, int *fd, struct diag *diag)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return refuse_file(path, strerror(errno), diag);
    if (!S_ISREG(status.st_mode))
        return refuse_file(path, "not a regular file", diag);
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (opened < 0)
        return refuse_file(path, strerror(errno), diag);
    if (fstat(opened, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(opened);
        return refuse_file(path, "not a regular file", diag);
    }
    *fd = opened;
    return ERR_OK;
}

/* Reads up to `size` bytes; -1 with errno. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t got = read(fd, bytes + length, size - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

enum err yaml_parse_file(struct arena *arena, const char *path, struct yaml_node **root, struct diag *diag)
{
    int fd;
    enum err error = open_regular(path, &fd, diag);
    if (error)
        return error;
    char *bytes = malloc(YAML_MAX_BYTES + 1); /* one more, to see that a file is too long */
    ssize_t length = bytes ? read_all(fd, bytes, YAML_MAX_BYTES + 1) : 0;
    if (!bytes)
        error = ERR_SYSTEM;
    else if (length < 0)
        error = refuse_file(path, strerror(errno), diag);
    else
        error = yaml_parse(arena, path, (struct str){bytes, (size_t)length}, root, diag);
    free(bytes);
    close(fd);
    return error;
}
