/* Messages of the selected folder: searching, reading, moving. Role fetch; every number is the server's word. */
#include <attune/imap_session.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- searching --------------------------------------------------------------------------------------------------- */

static int compare_uids(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* `n:*` always names the last message, so what lies outside the range is dropped. */
static bool gather(clist *numbers, uint32_t from, uint32_t to, struct imap_uids *out)
{
    size_t most = numbers ? (size_t)clist_count(numbers) : 0;
    if (most == 0)
        return true;
    out->list = calloc(most, sizeof *out->list);
    if (!out->list)
        return false;
    for (clistiter *at = clist_begin(numbers); at; at = clist_next(at)) {
        uint32_t uid = *(const uint32_t *)clist_content(at);
        if (uid >= from && uid <= to)
            out->list[out->count++] = uid;
    }
    qsort(out->list, out->count, sizeof *out->list, compare_uids);
    size_t unique = 0;
    for (size_t i = 0; i < out->count; i++)
        if (unique == 0 || out->list[unique - 1] != out->list[i])
            out->list[unique++] = out->list[i];
    out->count = unique;
    return true;
}

enum imap_answer imap_search(struct imap *imap, uint32_t from, uint32_t to, struct imap_uids *out)
{
    *out = (struct imap_uids){0};
    enum imap_answer answer =
        to == UINT32_MAX ? imap_run(imap, IMAP_SEARCH_BYTES, "UID SEARCH UID %u:*", (unsigned)from)
                         : imap_run(imap, IMAP_SEARCH_BYTES, "UID SEARCH UID %u:%u", (unsigned)from, (unsigned)to);
    if (answer != IMAP_OK)
        return answer;
    const struct mailimap_response_info *info = imap->session->imap_response_info;
    return gather(info ? info->rsp_search_result : NULL, from, to, out) ? IMAP_OK : imap_lose(imap, FETCH_WHY_PROTOCOL);
}

void imap_uids_free(struct imap_uids *uids)
{
    free(uids->list);
    *uids = (struct imap_uids){0};
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

enum imap_answer imap_fetch_send(struct imap *imap, uint32_t uid, uint32_t first_bytes)
{
    char command[160];
    char part[32] = "";
    if (first_bytes)
        (void)snprintf(part, sizeof part, "<0.%u>", (unsigned)first_bytes);
    (void)snprintf(command, sizeof command, "UID FETCH %u (UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[]%s)",
                   (unsigned)uid, part);
    return imap_send(imap, command);
}

static int64_t date_ms(const struct mailimap_date_time *date)
{
    struct tm fields = {
        .tm_year = date->dt_year - 1900,
        .tm_mon = date->dt_month - 1,
        .tm_mday = date->dt_day,
        .tm_hour = date->dt_hour,
        .tm_min = date->dt_min,
        .tm_sec = date->dt_sec,
    };
    int zone_minutes = date->dt_zone / 100 * 60 + date->dt_zone % 100;
    return ((int64_t)timegm(&fields) - zone_minutes * INT64_C(60)) * 1000;
}

/* What one `* n FETCH (...)` said, whichever message it speaks of. */
struct told {
    uint32_t uid;
    size_t bodies;
    struct imap_message message;
};

static void read_static(const struct mailimap_msg_att_static *item, struct told *told)
{
    if (item->att_type == MAILIMAP_MSG_ATT_UID)
        told->uid = item->att_data.att_uid;
    else if (item->att_type == MAILIMAP_MSG_ATT_RFC822_SIZE)
        told->message.size = item->att_data.att_rfc822_size;
    else if (item->att_type == MAILIMAP_MSG_ATT_INTERNALDATE && item->att_data.att_internal_date)
        told->message.internal_date_ms = date_ms(item->att_data.att_internal_date);
    else if (item->att_type == MAILIMAP_MSG_ATT_BODY_SECTION)
        told->bodies++;
}

static void read_flags(const struct mailimap_msg_att_dynamic *item, struct told *told)
{
    if (!item->att_list)
        return;
    for (clistiter *at = clist_begin(item->att_list); at; at = clist_next(at)) {
        const struct mailimap_flag_fetch *flag = clist_content(at);
        if (flag->fl_type == MAILIMAP_FLAG_FETCH_OTHER && flag->fl_flag && flag->fl_flag->fl_type == MAILIMAP_FLAG_SEEN)
            told->message.seen = true;
    }
}

static struct told read_told(const struct mailimap_msg_att *attributes)
{
    struct told told = {0};
    for (clistiter *at = clist_begin(attributes->att_list); at; at = clist_next(at)) {
        const struct mailimap_msg_att_item *item = clist_content(at);
        if (item->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC)
            read_static(item->att_data.att_static, &told);
        else if (item->att_type == MAILIMAP_MSG_ATT_ITEM_DYNAMIC)
            read_flags(item->att_data.att_dyn, &told);
    }
    return told;
}

/* The part that speaks of `uid`; *bodies counts those of all, since the bytes of two could not be told apart. */
static struct told find_told(const struct imap *imap, uint32_t uid, size_t *bodies)
{
    struct told found = {0};
    const struct mailimap_response_info *info = imap->session->imap_response_info;
    *bodies = 0;
    if (!info || !info->rsp_fetch_list)
        return found;
    for (clistiter *at = clist_begin(info->rsp_fetch_list); at; at = clist_next(at)) {
        struct told told = read_told(clist_content(at));
        *bodies += told.bodies;
        if (told.uid == uid && told.bodies >= found.bodies)
            found = told;
    }
    return found;
}

enum imap_answer imap_fetch_finish(struct imap *imap, uint32_t uid, struct body *body, struct imap_message *out)
{
    *out = (struct imap_message){0};
    if (body_begin(body) != ERR_OK)
        return imap_lose(imap, FETCH_WHY_CONNECT);
    imap->body = body;
    enum imap_answer answer = imap_finish(imap, IMAP_ANSWER_BYTES);
    imap->body = NULL;
    if (answer != IMAP_OK)
        return answer;
    size_t bodies;
    struct told told = find_told(imap, uid, &bodies);
    *out = told.message;
    out->whole = told.uid == uid && told.bodies == 1 && bodies == 1 && body_offered(body) > 0;
    return IMAP_OK;
}

enum imap_answer imap_fetch_size(struct imap *imap, uint32_t uid, uint32_t *size)
{
    *size = 0;
    enum imap_answer answer = imap_run(imap, IMAP_ANSWER_BYTES, "UID FETCH %u (UID RFC822.SIZE)", (unsigned)uid);
    size_t bodies;
    if (answer == IMAP_OK)
        *size = find_told(imap, uid, &bodies).message.size;
    return answer;
}

/* --- moving ------------------------------------------------------------------------------------------------------ */

static uint32_t only_number(const struct mailimap_set *set)
{
    if (!set || !set->set_list || clist_count(set->set_list) != 1)
        return 0;
    const struct mailimap_set_item *item = clist_content(clist_begin(set->set_list));
    return item->set_first == item->set_last ? item->set_first : 0;
}

/* COPYUID of exactly this message, from whichever line it stood in (RFC 4315, RFC 6851). */
static void read_copied(const struct imap *imap, uint32_t uid, struct imap_copied *out)
{
    const struct mailimap_response_info *info = imap->session->imap_response_info;
    if (!info)
        return;
    out->try_create = info->rsp_trycreate != 0;
    if (!info->rsp_extension_list)
        return;
    for (clistiter *at = clist_begin(info->rsp_extension_list); at; at = clist_next(at)) {
        const struct mailimap_extension_data *data = clist_content(at);
        if (data->ext_extension != &mailimap_extension_uidplus || data->ext_type != MAILIMAP_UIDPLUS_RESP_CODE_COPY)
            continue;
        const struct mailimap_uidplus_resp_code_copy *copy = data->ext_data;
        uint32_t copied = only_number(copy->uid_dest_set);
        if (only_number(copy->uid_source_set) == uid && copied != 0 && copy->uid_uidvalidity != 0) {
            out->uidvalidity = copy->uid_uidvalidity;
            out->uid = copied;
        }
    }
}

static enum imap_answer transfer(struct imap *imap, const char *verb, uint32_t uid, const char *name,
                                 struct imap_copied *out)
{
    *out = (struct imap_copied){0};
    enum imap_answer answer = imap_run(imap, IMAP_ANSWER_BYTES, "UID %s %u %s", verb, (unsigned)uid, name);
    if (answer != IMAP_LOST)
        read_copied(imap, uid, out);
    return answer;
}

enum imap_answer imap_move(struct imap *imap, uint32_t uid, const char *name, struct imap_copied *out)
{
    return transfer(imap, "MOVE", uid, name, out);
}

enum imap_answer imap_copy(struct imap *imap, uint32_t uid, const char *name, struct imap_copied *out)
{
    return transfer(imap, "COPY", uid, name, out);
}

enum imap_answer imap_add_flag(struct imap *imap, uint32_t uid, const char *flag)
{
    return imap_run(imap, IMAP_ANSWER_BYTES, "UID STORE %u +FLAGS.SILENT (%s)", (unsigned)uid, flag);
}

enum imap_answer imap_expunge(struct imap *imap, uint32_t uid)
{
    return imap_run(imap, IMAP_ANSWER_BYTES, "UID EXPUNGE %u", (unsigned)uid);
}
