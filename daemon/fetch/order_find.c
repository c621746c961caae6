/* Questions: is it still there, what is the folder's state, where is the copy? Role fetch. A doubt is answered "later".
 */
#include <attune/order.h>
#include <stdlib.h>
#include <string.h>

/* Whether the order's UID is in its folder. LOST too when the search was refused: nothing is concluded from that. */
static enum fetch_found probe(struct fetch *fetch, const struct order *order, bool *lost)
{
    struct imap *imap = fetch->links[LINK_WORK].imap;
    struct imap_uids uids = {0};
    enum order_place place = order_go_to(fetch, order, true);
    *lost = place == ORDER_LOST;
    if (place != ORDER_READY)
        return FETCH_FOUND_LATER;
    /* NOOP first: until then a server may go on naming what others have removed. */
    enum imap_answer answer = imap_noop(imap);
    if (answer != IMAP_LOST)
        answer = imap_search(imap, order->uid, order->uid, &uids);
    size_t count = uids.count;
    imap_uids_free(&uids);
    *lost = answer == IMAP_LOST;
    if (answer != IMAP_OK)
        return FETCH_FOUND_LATER;
    return count > 0 ? FETCH_FOUND_YES : FETCH_FOUND_NO;
}

/* The watch connection hears of a message before this session does, and until the NOOP of the probe the server gave
 * nothing for its UID. Now it will, or it withholds it. */
static bool is_worth_another_read(const struct order *order, enum fetch_found found)
{
    return order->type == FRAME_FETCH_READ && found == FETCH_FOUND_YES && !order->read_again;
}

static void answer_probe(struct fetch *fetch, struct order *order, enum fetch_found found)
{
    if (order->type == FRAME_FETCH_PROBE)
        order_answer_code(fetch, FRAME_FETCH_PROBED, order, found);
    else
        order_answer_unread(fetch, order,
                            found == FETCH_FOUND_YES  ? FETCH_UNREAD_REFUSED
                            : found == FETCH_FOUND_NO ? FETCH_UNREAD_GONE
                                                      : FETCH_UNREAD_LATER);
}

void order_run_probe(struct fetch *fetch, struct order *order)
{
    bool lost;
    enum fetch_found found = probe(fetch, order, &lost);
    if (is_worth_another_read(order, found)) {
        order->read_again = true;
        order_push_front(&fetch->reads, order);
        return;
    }
    answer_probe(fetch, order, found);
    if (lost)
        order_drop_link(fetch);
}

void order_run_status(struct fetch *fetch, struct order *order)
{
    struct imap_status status;
    enum imap_answer answer = imap_status(fetch->links[LINK_WORK].imap, order->folder->wire, &status);
    if (answer == IMAP_LOST) { /* there is no answer that says "later": it is asked again on the next connection */
        order_push_front(&fetch->first, order);
        order_drop_link(fetch);
        return;
    }
    order_answer_place(fetch, FRAME_FETCH_STATUS_IS, order, answer == IMAP_OK, status.uidvalidity, status.uidnext);
}

/* --- finding a copy by its fingerprint --------------------------------------------------------------------------- */

static enum imap_answer compare_message(struct fetch *fetch, const struct order *order, uint32_t uid, bool *same)
{
    struct imap_read read = {.uid = uid};
    unsigned char hash[HASH_SIZE];
    *same = false;
    enum imap_answer answer = imap_fetch(fetch->links[LINK_WORK].imap, &read, 1);
    if (answer == IMAP_OK && read.whole && body_hash(read.body, hash) == ERR_OK)
        *same = memcmp(hash, order->hash, sizeof hash) == 0;
    return answer;
}

/* Two rounds: messages of the size that the server gives as the wanted one first, then all others, since some servers
 * give wrong sizes. `sizes` remembers between the rounds. */
static enum imap_answer look_through(struct fetch *fetch, const struct order *order, const struct imap_uids *uids,
                                     uint32_t *sizes, uint32_t *found)
{
    struct imap *imap = fetch->links[LINK_WORK].imap;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < uids->count; i++) {
            bool same = false;
            if (round == 0 && imap_fetch_size(imap, uids->list[i], &sizes[i]) == IMAP_LOST)
                return IMAP_LOST;
            if ((sizes[i] == order->size) != (round == 0))
                continue;
            if (compare_message(fetch, order, uids->list[i], &same) == IMAP_LOST)
                return IMAP_LOST;
            if (same) {
                *found = uids->list[i];
                return IMAP_OK;
            }
            fetch_serve(fetch);
            if (fetch->stop)
                return IMAP_NO;
        }
    return IMAP_OK;
}

void order_run_find(struct fetch *fetch, struct order *order)
{
    struct imap *imap = fetch->links[LINK_WORK].imap;
    struct imap_uids uids = {0};
    uint32_t *sizes = NULL;
    uint32_t found = 0;
    uint32_t uidvalidity = 0;
    imap_forget_selection(imap); /* what was copied a moment ago must be seen */
    enum order_place place = order_go_to(fetch, order, true);
    enum imap_answer answer = place == ORDER_READY ? IMAP_OK : place == ORDER_LOST ? IMAP_LOST : IMAP_NO;
    if (answer == IMAP_OK) {
        uidvalidity = imap_selection(imap)->uidvalidity;
        answer = imap_search(imap, order->uid ? order->uid : 1, UINT32_MAX, &uids);
    }
    if (answer == IMAP_OK && uids.count > 0) {
        sizes = calloc(uids.count, sizeof *sizes);
        answer = sizes ? look_through(fetch, order, &uids, sizes, &found) : IMAP_NO;
    }
    /* A folder that is not there holds no copy; any other refusal proves nothing. */
    bool nowhere = answer == IMAP_OK || place == ORDER_REFUSED;
    enum fetch_found code = found ? FETCH_FOUND_YES : nowhere ? FETCH_FOUND_NO : FETCH_FOUND_LATER;
    order_answer_place(fetch, FRAME_FETCH_FOUND, order, code, found ? uidvalidity : 0, found);
    free(sizes);
    imap_uids_free(&uids);
    if (answer == IMAP_LOST)
        order_drop_link(fetch);
}
