/*
 * The table behind attune.yaml: a row for each key says its type, place in struct conf, default, bounds and what it is
 * for. The same row parses, checks, and writes the sample. Private to conf.
 */
#ifndef ATTUNE_CONF_TABLE_H
#define ATTUNE_CONF_TABLE_H

#include <attune/arena.h>
#include <attune/buf.h>
#include <attune/conf.h>
#include <attune/diag.h>
#include <attune/yaml.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
    CONF_TYPE_TEXT,     /* const char *: no control characters */
    CONF_TYPE_PATH,     /* const char *: from the root */
    CONF_TYPE_NAME,     /* const char *: [a-z0-9-] */
    CONF_TYPE_HOST,     /* const char * */
    CONF_TYPE_FOLDER,   /* const char *: an IMAP folder in UTF-8 */
    CONF_TYPE_URL,      /* const char * */
    CONF_TYPE_FLAG,     /* bool: yes, no */
    CONF_TYPE_PORT,     /* uint16_t */
    CONF_TYPE_COUNT,    /* uint32_t */
    CONF_TYPE_DURATION, /* uint32_t, seconds: 30s 5m 4h 2d */
    CONF_TYPE_SIZE,     /* uint32_t, bytes: 64 KiB, 30 MiB */
    CONF_TYPE_CHOICE,   /* unsigned: the index in `words` */
    CONF_TYPE_ADDRESS,  /* const char *: one mail address, without a name */
    CONF_TYPE_DOMAIN,   /* const char *: what stands behind an address's @ */
    CONF_TYPE_CLOCK,    /* uint32_t, minutes: 08:00 */
    CONF_TYPE_FOLDERS,  /* const char *const * and a count: a list of folders */
    CONF_TYPE_DOMAINS,  /* likewise of domains */
    CONF_TYPE_DAYS,     /* uint32_t: a list of mon, tue, ...; bit 0 is Sunday */
    CONF_TYPE_GROUP,    /* a map whose keys fill the same struct */
    CONF_TYPE_LIST,     /* pointer and count: a list of maps, each one struct of `element` bytes */
    CONF_TYPE_ARRAY,    /* as LIST, but the structs stand in place */
    CONF_TYPE_REFUSED,  /* a key that people would expect: `help` says what to write instead */
};

struct conf_row {
    const char *key;
    enum conf_type type;
    bool required;
    size_t offset;
    size_t count_offset;      /* FOLDERS, DOMAINS, LIST, ARRAY */
    size_t element;           /* LIST, ARRAY */
    const char *standard;     /* what an absent key means, as the file would say it; NULL: unset */
    uint64_t minimum;         /* numbers; for texts the greatest length stands in `maximum` */
    uint64_t maximum;         /* of a list: the greatest count */
    const char *const *words; /* CHOICE; ends with NULL */
    const char *later;        /* CHOICE: a word that a later version will take */
    const struct conf_section *inner;
    const char *sample; /* the value in the sample where it is not the default; lines of an ARRAY that stand for the
                           generated entry, or of a LIST that follow it */
    bool asleep;        /* stands in the sample as a comment */
    const char *help;
};

struct conf_section {
    const struct conf_row *rows;
    size_t count;
};

extern const struct conf_section conf_root;

/* Reads one scalar's `text` into `target`. False with a sentence in `why` when it is not acceptable. */
bool conf_parse_value(const struct conf_row *row, struct str text, void *target, char why[256]);

/* One address as an envelope takes it (RFC 5321, without quoted local parts, literals or comments). */
bool conf_address_is_valid(const char *address);

/* "localhost", 127.0.0.0/8 or ::1, with or without brackets. */
bool conf_host_is_loopback(const char *host);
/* False with a sentence in `why` for a URL that no page may go to. */
bool conf_check_url(const char *url, char why[256]);

struct conf_reader {
    struct arena *arena;
    const char *file;
    struct diag *diag;
    bool out_of_memory;
};

/* Fills `base` from `map` by the section's rows; every finding goes to the reader's diag. `path` is "" at the root. */
void conf_read_section(struct conf_reader *reader, const struct conf_section *section, const struct yaml_node *map,
                       const char *path, void *base);

/* What no single key can show: names that repeat, ladders without people, folders that collide, plaintext to far hosts.
 */
void conf_check(const struct conf *conf, const struct yaml_node *root, struct diag *diag);

#endif
