/* What a part is, by its declared type and its name. Screen children; both are hostile. */
#include <attune/part_role.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* By type: what a part is read as. A type that ends in "/" stands for all its subtypes; the first match wins. */
static const struct {
    const char *type;
    enum part_role role;
} TYPES[] = {
    {"text/html", ROLE_HTML},
    {"application/xhtml+xml", ROLE_HTML},
    {"text/calendar", ROLE_ASIDE},
    {"text/vcard", ROLE_ASIDE},
    {"text/x-vcard", ROLE_ASIDE},
    {"text/directory", ROLE_ASIDE},
    {"text/rfc822-headers", ROLE_ASIDE},
    {"text/x-amp-html", ROLE_SILENT}, /* the same letter a third time */
    {"text/", ROLE_TEXT},
    {"message/delivery-status", ROLE_ASIDE},
    {"message/disposition-notification", ROLE_ASIDE},
    {"message/rfc822", ROLE_MAIL},
    {"message/", ROLE_ASIDE},
    {"application/pgp-encrypted", ROLE_ENCRYPTED},
    {"application/pkcs7-mime", ROLE_ENCRYPTED},
    {"application/x-pkcs7-mime", ROLE_ENCRYPTED},
    {"application/pgp-signature", ROLE_SILENT},
    {"application/pgp-keys", ROLE_SILENT},
    {"application/pkcs7-signature", ROLE_SILENT},
    {"application/x-pkcs7-signature", ROLE_SILENT},
};

/* By the end of a file's name, when the type says nothing ("application/octet-stream"). */
static const struct {
    const char *ending;
    enum part_role role;
} ENDINGS[] = {
    {".eml", ROLE_MAIL},  {".txt", ROLE_TEXT},  {".htm", ROLE_HTML},
    {".html", ROLE_HTML}, {".ics", ROLE_ASIDE}, {".vcf", ROLE_ASIDE},
};

static enum part_role role_by_name(const struct part *part)
{
    struct str name = field_parameter(part_field(part, "content-disposition"), "filename");
    if (name.length == 0)
        name = field_parameter(part->content_type, "name");
    for (size_t i = 0; i < COUNT(ENDINGS); i++)
        if (str_ends_nocase(name, str_of(ENDINGS[i].ending)))
            return ENDINGS[i].role;
    return ROLE_UNREAD;
}

enum part_role part_role_of(const struct part *part)
{
    struct str type = field_token(part->content_type);
    if (str_find(type, STR("/"), 0) == SIZE_MAX)
        return ROLE_TEXT; /* none, or garbage: RFC 2045, 5.2 */
    for (size_t i = 0; i < COUNT(TYPES); i++) {
        struct str known = str_of(TYPES[i].type);
        bool is_family = known.data[known.length - 1] == '/';
        if (is_family ? str_starts_nocase(type, known) : str_equal_nocase(type, known))
            return TYPES[i].role;
    }
    return role_by_name(part);
}

bool part_is_attachment(const struct part *part)
{
    return str_equal_nocase(field_token(part_field(part, "content-disposition")), STR("attachment"));
}
