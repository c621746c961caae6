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

enum err staff_add(struct staff *staff, struct str person, struct str channel, struct str url,
                   struct staff_channel **out)
{
    char why[256];
    if (staff->closed || staff->count == MAX_CHANNELS || has_channel(staff, person, channel))
        return ERR_INPUT;
    struct staff_channel *added = calloc(1, sizeof *added);
    if (!added)
        return ERR_SYSTEM;
    if (!copy_text(added->person, sizeof added->person, person) ||
        !copy_text(added->channel, sizeof added->channel, channel) || !copy_text(added->url, sizeof added->url, url) ||
        !conf_check_url(added->url, why)) {
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

struct staff_channel *staff_find(struct staff *staff, struct str person, struct str channel, struct str url)
{
    if (!staff->closed)
        return NULL;
    for (size_t i = 0; i < staff->count; i++) {
        struct staff_channel *known = staff->channels[i];
        if (str_equal_text(person, known->person) && str_equal_text(channel, known->channel) &&
            str_equal_text(url, known->url))
            return known;
    }
    return NULL;
}

bool staff_may_receive(struct staff *staff, struct str person, struct str channel, struct str url)
{
    return staff_find(staff, person, channel, url) != NULL;
}
