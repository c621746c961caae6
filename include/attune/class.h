/* What kind of mail it is, by its header: a person's, or a program's (RFC 3834, 3464, 2919). Screen children. */
#ifndef ATTUNE_CLASS_H
#define ATTUNE_CLASS_H

#include <attune/prescan.h>
#include <attune/reading.h>

struct class_input {
    const struct prescan *mail;
    struct str from_address; /* as header_address() gives them */
    struct str reply_address;
};

enum mail_class class_of_mail(const struct class_input *input);

/* Auto-Submitted other than "no", or a like header. */
bool class_is_automatic(const struct prescan *mail);

#endif
