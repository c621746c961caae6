/*
 * What a person wrote, taken out of the raw bytes of a mail: subject, new text, quotation and signature apart, with
 * class, writer, language, and a reason for everything that could not be read. Runs in a screen child (and in `attune
 * triage`); trusts nothing in the mail. The same bytes always give the same reading.
 */
#ifndef ATTUNE_READING_H
#define ATTUNE_READING_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/frames.h>
#include <attune/str.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits, each met by cutting and flagging, never by dropping the message. */
enum {
    READING_MAX_MESSAGE = 30 * 1024 * 1024, /* bytes of one mail */
    READING_MAX_HEADERS = 256 * 1024,       /* all header fields of one part together */
    READING_MAX_FIELD = 16 * 1024,          /* one header field */
    READING_MAX_PARTS = 1000,
    READING_MAX_DEPTH = 50,
    READING_MAX_TEXT = 1024 * 1024, /* text given to rules: head and tail are kept */
    READING_MAX_SUBJECT = 4096,
    READING_MAX_ADDRESS = 320,    /* RFC 5321, 4.5.3.1: 64 + 1 + 255 */
    READING_MAX_MESSAGE_ID = 998, /* RFC 5322, 2.1.1: one line */
    READING_ARENA = 192 * 1024 * 1024,
};

/* Why a message was not read in full: bits, so that several may stand together. Names by reading_reason_name(). */
enum reading_reason {
    REASON_ENCRYPTED = 1 << 0,   /* PGP/MIME, S/MIME, inline PGP */
    REASON_UNPARSABLE = 1 << 1,  /* no structure could be found: raw text was read */
    REASON_NO_TEXT = 1 << 2,     /* only images or attachments, or nothing at all */
    REASON_CUT = 1 << 3,         /* longer than a limit: the rest was not read */
    REASON_TOO_DEEP = 1 << 4,    /* parts nested or counted past the limit */
    REASON_HEADERS_CUT = 1 << 5, /* header fields past the limit */
    REASON_CHARSET = 1 << 6,  /* bytes that no charset explains (shown as U+FFFD), or a guess that makes little sense */
    REASON_LANGUAGE = 1 << 7, /* a language that no pack covers */
    REASON_PATTERN_LIMIT = 1 << 8,      /* a rule reached its match limit */
    REASON_SCREEN_CRASH = 1 << 9,       /* the child that read it died */
    REASON_SCREEN_TIMEOUT = 1 << 10,    /* it outlasted its time */
    REASON_SERVER_WITHHELD = 1 << 11,   /* the server lists it and does not give it */
    REASON_ATTACHMENT_UNREAD = 1 << 12, /* an attachment that is not read, and hardly any text beside it */
    REASON_COUNT = 13,
};
const char *reading_reason_name(unsigned index); /* "encrypted", ...; index of the bit; NULL past the last */

enum mail_class {
    CLASS_UNKNOWN = 0, /* could not be told */
    CLASS_HUMAN,
    CLASS_AUTO_REPLY, /* RFC 3834 */
    CLASS_BOUNCE,     /* RFC 3464 */
    CLASS_LIST,       /* RFC 2369, RFC 2919 */
    CLASS_FORM_RELAY, /* a web form: its writer is the Reply-To */
    CLASS_OWN,        /* carries our own header; keep proves it before it believes it */
    CLASS_COUNT
};
const char *mail_class_name(enum mail_class class); /* "human", "auto-reply", ... */

/* A field that rules look at. Offsets of hits are bytes of UTF-8 in the field's text. */
enum text_field { FIELD_SUBJECT, FIELD_TEXT, FIELD_QUOTED, FIELD_SIGNATURE, FIELD_COUNT };
const char *text_field_name(enum text_field field);

struct reading {
    struct str fields[FIELD_COUNT]; /* valid UTF-8, lines end in LF; in the arena */
    enum mail_class class;
    unsigned reasons; /* enum reading_reason bits */
    char language[4]; /* ISO 639-1, or "" when not known */
    bool is_forward;
    bool points_at_quotation; /* the new text says to look at what is quoted, or a person's mail says nothing new */
    bool repeats_subject;     /* an answer: its subject is that of the mail before it, not what is written now */
    bool hidden_text;         /* HTML text that a reader would not see was found; it was read all the same */
    bool automatic;           /* Auto-Submitted other than "no", or a like header (RFC 3834) */
    struct str from_address;  /* lower-cased; "" when there is none that parses */
    struct str writer;        /* from_address, or the Reply-To of a form relay */
    struct str message_id;    /* without <>; "" when absent */
    struct str thread_ids;    /* References then In-Reply-To, ids without <>, one space between, last ones kept */
    struct str own_proof;     /* the value of X-Attune-Origin, or "" */
    int64_t date_ms;          /* the Date header; 0 when absent or absurd */
    int32_t zone_minutes;     /* its offset east of UTC; INT32_MIN when unknown ("-0000") */
};

/* Opens charset converters and every library table that loads lazily. Once, before the sandbox closes (glibc's iconv
 * opens files on first use). ERR_SYSTEM when one of the charsets the mission needs is missing. */
enum err reading_prepare(void);

/* Reads `raw` (BORROWED) into *out, whose strings live in `arena`. Always gives a usable reading: anything wrong with
 * the mail is a reason in it. ERR_SYSTEM only without memory. */
enum err reading_from_mail(struct arena *arena, struct str raw, enum screen_mode mode, struct reading *out);

#endif
