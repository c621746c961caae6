/*
 * The people that pages may go to, as keep gave them at the start. The list is closed before anything is sent, and each
 * send is looked up in it: this process cannot be talked into writing to anybody else. Run by notify.
 */
#ifndef ATTUNE_STAFF_H
#define ATTUNE_STAFF_H

#include <attune/conf.h>
#include <attune/err.h>
#include <attune/str.h>
#include <attune/webhook.h>
#include <stdbool.h>
#include <stddef.h>

struct staff_channel {
    char person[CONF_MAX_NAME + 1];
    char channel[CONF_MAX_NAME + 1];
    enum notify_kind kind;
    char target[CONF_MAX_URL + 1]; /* a URL, or an address */
    struct webhook_secret secret;  /* length 0: its file held no key, so nothing can be sent; mail has none */
    size_t in_flight;              /* kept by the sender */
};

struct staff; /* an open or a closed list */

struct staff *staff_new(void); /* NULL without memory */
/* Wipes the secrets. */
void staff_free(struct staff **staff);

/* Adds a channel and gives it to be filled with its secret; it stays at its place. ERR_INPUT for a name or target that
 * is empty or too long, for a URL or an address that conf would refuse, for a pair that is there, for more channels
 * than a configuration may have, and for any after staff_close(). */
enum err staff_add(struct staff *staff, enum notify_kind kind, struct str person, struct str channel, struct str target,
                   struct staff_channel **out) ATTUNE_MUST_CHECK;
void staff_close(struct staff *staff);
size_t staff_count(const struct staff *staff);

/* The channel where kind, person, channel and target stand together on the closed list; else NULL. */
struct staff_channel *staff_find(struct staff *staff, enum notify_kind kind, struct str person, struct str channel,
                                 struct str target);
bool staff_may_receive(struct staff *staff, enum notify_kind kind, struct str person, struct str channel,
                       struct str target);

#endif
