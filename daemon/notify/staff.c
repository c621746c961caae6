/* The closed list of who may be paged. Run by notify; what stands in it came from keep before the role locked itself
 * down. */
#include <attune/conf_table.h>
#include <attune/staff.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHANNELS = CONF_MAX_STAFF * CONF_MAX_CHANNELS };

struct staff {
    struct staff_channel *channels[MAX_CHANNELS]; /* each stays at its place: a page on its way points at it */
    size_t count;
    bool closed;
};

struct staff *staff_new(void)
{
    return calloc(1, sizeof(struct staff));
}

void staff_free(struct staff **staff)
{
    if (!*staff)
        return;
    for (size_t i = 0; i < (*staff)->count; i++) {
        sodium_memzero((*staff)->channels[i], sizeof *(*staff)->channels[i]);
        free((*staff)->channels[i]);
    }
    free(*staff);
    *staff = NULL;
}

static bool copy_text(char *out, size_t size, struct str text)
{
    if (text.length == 0 || text.length >= size || memchr(text.data, '\0', text.length))
        return false;
    memcpy(out, text.data, text.length);
    out[text.length] = '\0';
    return true;
}

static bool has_channel(const struct staff *staff, struct str person, struct str channel)
{
    for (size_t i = 0; i < staff->count; i++)
        if (str_equal_text(person, staff->channels[i]->person) && str_equal_text(channel, staff->channels[i]->channel))
            return true;
    return false;
}

static bool target_is_valid(enum notify_kind kind, const char *target)
{
    char why[256];
    if (kind == NOTIFY_MAIL)
        return conf_address_is_valid(target);
    return kind == NOTIFY_WEBHOOK && conf_check_url(target, why);
}

enum err staff_add(struct staff *staff, enum notify_kind kind, struct str person, struct str channel, struct str target,
                   struct staff_channel **out)
{
    if (staff->closed || staff->count == MAX_CHANNELS || has_channel(staff, person, channel))
        return ERR_INPUT;
    struct staff_channel *added = calloc(1, sizeof *added);
    if (!added)
        return ERR_SYSTEM;
    added->kind = kind;
    if (!copy_text(added->person, sizeof added->person, person) ||
        !copy_text(added->channel, sizeof added->channel, channel) ||
        !copy_text(added->target, sizeof added->target, target) || !target_is_valid(kind, added->target)) {
        free(added);
        return ERR_INPUT;
    }
    staff->channels[staff->count++] = added;
    *out = added;
    return ERR_OK;
}

void staff_close(struct staff *staff)
{
    staff->closed = true;
}

size_t staff_count(const struct staff *staff)
{
    return staff->count;
}

struct staff_channel *staff_find(struct staff *staff, enum notify_kind kind, struct str person, struct str channel,
                                 struct str target)
{
    if (!staff->closed)
        return NULL;
    for (size_t i = 0; i < staff->count; i++) {
        struct staff_channel *known = staff->channels[i];
        if (known->kind == kind && str_equal_text(person, known->person) && str_equal_text(channel, known->channel) &&
            str_equal_text(target, known->target))
            return known;
    }
    return NULL;
}

bool staff_may_receive(struct staff *staff, enum notify_kind kind, struct str person, struct str channel,
                       struct str target)
{
    return staff_find(staff, kind, person, channel, target) != NULL;
}
