/* The YAML reader on any bytes: it ends, and either gives a tree whose texts are what it promises or says what is
 * wrong. */
#include <attune/yaml.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static void check(const struct yaml_node *node, unsigned depth)
{
    if (depth > YAML_MAX_DEPTH + 1 || node->line == 0 || node->column == 0)
        abort();
    if (node->kind == YAML_SCALAR) {
        if (!utf8_is_valid(node->text) || strlen(node->text.data) != node->text.length)
            abort();
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == YAML_MAP)
            check(node->keys[i], depth + 1);
        check(node->values[i], depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    struct arena *arena = arena_new(64 * 1024 * 1024);
    struct diag diag;
    struct yaml_node *root = NULL;
    diag_init(&diag);
    enum err error = yaml_parse(arena, "input", (struct str){(const char *)bytes, length}, &root, &diag);
    if (error == ERR_OK)
        check(root, 1);
    else if (error != ERR_INPUT || diag.errors == 0)
        abort();
    diag_free(&diag);
    arena_free(&arena);
    return 0;
}
