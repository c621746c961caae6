/*
 * attune.yaml: one table of keys gives parsing, checking, the commented sample, the man page and the schema. Unknown
 * keys are errors with the line and the nearest name. Secrets come only from files or systemd credentials
 * ($CREDENTIALS_DIRECTORY), refused when others can read them; conf never reads their content.
 */
#ifndef ATTUNE_CONF_H
#define ATTUNE_CONF_H

#include <attune/arena.h>
#include <attune/buf.h>
#include <attune/decide.h>
#include <attune/diag.h>
#include <attune/err.h>
#include <attune/frames.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONF_MAX_MAILBOXES = 500, CONF_MAX_STAFF = 500, CONF_MAX_CHANNELS = 8, CONF_MAX_STEPS = 20, CONF_MAX_READ = 16 };
enum { CONF_MAX_NAME = 63, CONF_MAX_URL = 2048 };
enum {
    CONF_MAX_ADDRESS = 254, /* RFC 5321, 4.5.3.1.3: a path of 256 without its brackets */
    CONF_MAX_DOMAINS = 64,
    CONF_MAX_DIGESTS = 100,
};
/* People with a folder below `taken`: each is asked for its state every few seconds. Who comes later uses attune ack. */
enum { CONF_MAX_TAKEN = 100 };

#define CONF_EVERYBODY "everybody"

enum conf_mode { CONF_MODE_ROUTE };

struct conf_mailbox {
    const char *name; /* [a-z0-9-], unique */
    const char *host;
    uint16_t port; /* 0 in the file: 993 for implicit, 143 otherwise */
    enum fetch_tls tls;
    const char *ca_file; /* NULL: the system's bundle */
    const char *user;
    const char *password_file; /* never NULL: a credential is resolved to its path */
    const char *credential;    /* as the file has it, or NULL */
    const char *inbox;
    const char *const *also_read; /* folders read and paged; default Junk */
    size_t also_read_count;
    const char *places[PLACE_COUNT]; /* folder names; PLACE_STAY and an unset PLACE_AGENT are NULL: mail stays */
    const char *taken; /* holds a folder for each person on staff: mail moved there is in that person's hands */
    bool create_folders;
    bool keywords;
    uint32_t message_cap; /* bytes */
    uint32_t poll_s;
    uint32_t reconcile_s;
};

struct conf_channel {
    const char *name;        /* unique within the person */
    const char *url;         /* https://, or http:// to loopback; NULL: mail */
    const char *mail;        /* an address of a staff domain; NULL: a webhook */
    const char *secret_file; /* of a webhook never NULL: a credential is resolved to its path */
    const char *credential;  /* as the file has it, or NULL */
};

/* The server that takes our mail to staff. */
struct conf_smtp {
    const char *host; /* NULL: no mail is sent */
    uint16_t port;    /* 0 in the file: 465 for implicit, 587 for starttls, 25 otherwise */
    enum smtp_tls tls;
    const char *user; /* NULL: no sign-in */
    const char *password_file;
    const char *credential;
    const char *from;
};

/* One person's digest: at this minute of these days, by the host's clock. */
struct conf_digest {
    const char *to;
    uint32_t at_minute; /* of the day */
    uint32_t days;      /* bit 0: Sunday, as tm_wday */
};

struct conf_person {
    const char *name; /* [a-z0-9-], unique */
    struct conf_channel channels[CONF_MAX_CHANNELS];
    size_t channel_count;
};

/* A step of the ladder: who is rung, when after the alert opened, and how often again until it is acknowledged. */
struct conf_step {
    const char *to; /* a person's name, or "everybody" */
    uint32_t after_s;
    uint32_t every_s; /* 0: once */
};

struct conf {
    struct arena *arena; /* OWNS all that stands below */
    const char *file;
    enum conf_mode mode;
    const char *state_dir;
    const char *run_dir; /* the control socket `control` stands here */
    const char *rules_dir;
    const char *site_key_file; /* 32 bytes or more; made on first start when it does not exist */
    const char *ca_file;       /* for webhooks, and for mailboxes that name none; NULL: the system's bundle */
    const char *control_group; /* who may ask; NULL: only root and the daemon's own user */
    const char *admin_group;   /* who may act for another person; NULL: only root and the daemon's own user */
    uint32_t screen_children;  /* 0: one per core */
    struct conf_mailbox *mailboxes;
    size_t mailbox_count;
    struct conf_person *staff;
    size_t staff_count;
    struct conf_step clinical[CONF_MAX_STEPS]; /* the ladder of clinical pages */
    size_t clinical_count;
    struct conf_step safety[CONF_MAX_STEPS]; /* the ladder of staff-safety pages; without one, the clinical ladder */
    size_t safety_count;
    struct conf_smtp smtp;
    const char *const *staff_domains; /* mail goes to addresses of these domains only */
    size_t staff_domain_count;
    struct conf_digest *digests;
    size_t digest_count;
};

/* Reads and checks the file alone: it opens none that it names. ERR_INPUT with findings, all of them at once; warnings
 * may come with ERR_OK. The caller OWNS *out. */
enum err conf_load(const char *path, struct conf **out, struct diag *diag);
void conf_free(struct conf **conf);
const struct conf_person *conf_find_person(const struct conf *conf, const char *name);
/* The first of a person's channels that is mail, or NULL. */
const struct conf_channel *conf_mail_channel(const struct conf_person *person);
/* The bundle of certificate authorities for a ca_file setting: itself, or the system's. */
const char *conf_ca_path(const char *ca_file);

/*
 * Opens a secret file read-only, close-on-exec; ERR_INPUT with a finding when it is missing, not a regular file, empty,
 * over 64 KiB, or readable by group or others. A file in $CREDENTIALS_DIRECTORY may carry the group's bit: systemd
 * gives the service its access by an ACL, whose mask stat(2) shows in that place.
 */
enum err conf_open_secret(const char *path, int *fd, struct diag *diag);

/* Whether every secret that the configuration names can be opened: ERR_INPUT with a finding for each that cannot. */
enum err conf_check_secrets(const struct conf *conf, struct diag *diag);

/* The commented sample, made from the same table. */
void conf_print_sample(struct buf *out);
/* attune.yaml(5) in man(7), made from the same table. */
void conf_print_manual(struct buf *out);

#endif
