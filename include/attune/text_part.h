/*
 * The text of one part of a mail as valid UTF-8 with LF line ends. Screen children and the command.
 */
#ifndef ATTUNE_TEXT_PART_H
#define ATTUNE_TEXT_PART_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/prescan.h>

/*
 * Undoes transfer encoding, charset, line ends and format=flowed (RFC 3676). Of more than `maximum` decoded bytes head
 * and tail are kept. What went wrong is added to *reasons. *text lives in the arena or BORROWS from the mail.
 * ERR_SYSTEM when the arena is full.
 */
enum err text_part_decode(struct arena *arena, const struct part *part, size_t maximum, struct str *text,
                          unsigned *reasons);

/* The same for bytes that carry no transfer encoding, in the charset that the part declares. */
enum err text_part_convert(struct arena *arena, const struct part *part, struct str bytes, struct str *text,
                           unsigned *reasons);

#endif
