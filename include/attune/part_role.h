/* As what a part of a mail is read. Screen children and the command. */
#ifndef ATTUNE_PART_ROLE_H
#define ATTUNE_PART_ROLE_H

#include <attune/prescan.h>

enum part_role {
    ROLE_TEXT, /* the writer's words, also of a text file that is attached */
    ROLE_HTML,
    ROLE_ASIDE, /* text that a program wrote: calendars, cards, delivery reports */
    ROLE_MAIL,  /* an enclosed mail */
    ROLE_ENCRYPTED,
    ROLE_SILENT, /* holds no words for people: signatures, keys */
    ROLE_UNREAD, /* may hold words that are not read: pictures, documents, archives */
};

enum part_role part_role_of(const struct part *part);
bool part_is_attachment(const struct part *part);

#endif
