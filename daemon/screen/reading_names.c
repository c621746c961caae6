/* The names of reasons, classes and fields, as journal, JSON and people see them. Every role; apart from the reading,
 * so that naming a reason does not bring a mail parser along. */
#include <attune/reading.h>

static const char *const REASONS[REASON_COUNT] = {
    "encrypted",      "unparsable",      "no-text",           "cut",           "too-deep",
    "headers-cut",    "charset",         "language",          "pattern-limit", "screen-crash",
    "screen-timeout", "server-withheld", "attachment-unread",
};
static const char *const CLASSES[CLASS_COUNT] = {"unknown", "human",      "auto-reply", "bounce",
                                                 "list",    "form-relay", "own"};
static const char *const FIELDS[FIELD_COUNT] = {"subject", "text", "quoted", "signature"};

const char *reading_reason_name(unsigned index)
{
    return index < REASON_COUNT ? REASONS[index] : NULL;
}

const char *mail_class_name(enum mail_class class)
{
    return (unsigned)class < CLASS_COUNT ? CLASSES[class] : CLASSES[CLASS_UNKNOWN];
}

const char *text_field_name(enum text_field field)
{
    return (unsigned)field < FIELD_COUNT ? FIELDS[field] : "";
}
