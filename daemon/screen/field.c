/* Structured values of header fields: tokens and parameters. Screen children; the bytes are hostile. */
#include <attune/field.h>
#include <stdbool.h>

struct str field_token(struct str value)
{
    value = str_trim(value);
    size_t end = 0;
    while (end < value.length && value.data[end] != ';' && (unsigned char)value.data[end] > ' ')
        end++;
    return str_slice(value, 0, end);
}

/* The value at the start of `text`: a quoted string or a word. */
static struct str parameter_value(struct str text)
{
    text = str_trim(text);
    if (text.length && text.data[0] == '"') {
        size_t end = str_find(text, STR("\""), 1);
        return str_slice(text, 1, end == SIZE_MAX ? text.length : end);
    }
    size_t end = 0;
    while (end < text.length && text.data[end] != ';' && (unsigned char)text.data[end] > ' ')
        end++;
    return str_slice(text, 0, end);
}

/* Offset of the ";" that ends the parameter at `at`; one inside quotes does not. */
static size_t parameter_end(struct str value, size_t at)
{
    bool quoted = false;
    for (; at < value.length; at++) {
        if (value.data[at] == '"')
            quoted = !quoted;
        else if (value.data[at] == ';' && !quoted)
            break;
    }
    return at;
}

struct str field_parameter(struct str value, const char *name)
{
    for (size_t at = parameter_end(value, 0); at < value.length;) {
        size_t end = parameter_end(value, at + 1);
        struct str one = str_slice(value, at + 1, end);
        size_t equal = str_find(one, STR("="), 0);
        struct str key = str_trim(str_slice(one, 0, equal == SIZE_MAX ? 0 : equal));
        size_t star = str_find(key, STR("*"), 0);
        if (equal != SIZE_MAX && str_equal_nocase(str_slice(key, 0, star), str_of(name)))
            return parameter_value(str_slice(one, equal + 1, one.length));
        at = end;
    }
    return (struct str){0};
}
