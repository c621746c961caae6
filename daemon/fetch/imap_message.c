/* Messages of the selected folder: searching, reading, moving. Role fetch; every number is the server's word. */
#include <attune/imap_session.h>
#include <stdio.h>
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
    struct imap_read read;
    const void *section; /* of its body */
    size_t bodies;
};

static void read_static(const struct mailimap_msg_att_static *item, struct told *told)
{
    if (item->att_type == MAILIMAP_MSG_ATT_UID) {
        told->read.uid = item->att_data.att_uid;
    } else if (item->att_type == MAILIMAP_MSG_ATT_RFC822_SIZE) {
        told->read.size = item->att_data.att_rfc822_size;
    } else if (item->att_type == MAILIMAP_MSG_ATT_INTERNALDATE && item->att_data.att_internal_date) {
        told->read.internal_date_ms = date_ms(item->att_data.att_internal_date);
    } else if (item->att_type == MAILIMAP_MSG_ATT_BODY_SECTION) {
        told->section = item->att_data.att_body_section;
        told->bodies++;
    }
}

static void read_flags(const struct mailimap_msg_att_dynamic *item, struct told *told)
{
    if (!item->att_list)
        return;
    for (clistiter *at = clist_begin(item->att_list); at; at = clist_next(at)) {
        const struct mailimap_flag_fetch *flag = clist_content(at);
        if (flag->fl_type == MAILIMAP_FLAG_FETCH_OTHER && flag->fl_flag && flag->fl_flag->fl_type == MAILIMAP_FLAG_SEEN)
            told->read.seen = true;
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

static struct body *body_of(const struct imap *imap, const struct told *told)
{
    for (size_t i = 0; told->bodies == 1 && i < imap->slots_used; i++)
        if (imap->slots[i].section == told->section)
            return imap->slots[i].body;
    return NULL;
}

static void settle(struct imap_read *reads, size_t count, const struct told *told, struct body *body)
{
    for (size_t i = 0; i < count; i++) {
        if (reads[i].uid != told->read.uid || reads[i].whole)
            continue;
        reads[i].whole = body_offered(body) > 0;
        reads[i].seen = told->read.seen;
        reads[i].size = told->read.size;
        reads[i].internal_date_ms = told->read.internal_date_ms;
        reads[i].body = body;
        return;
    }
}

/* Gives the bodies of one answer to the reads that they are of; after it the library reuses its section's memory. */
static void settle_answer(struct imap *imap, struct imap_read *reads, size_t count)
{
    const struct mailimap_response_info *info = imap->session->imap_response_info;
    clist *list = info ? info->rsp_fetch_list : NULL;
    for (clistiter *at = list ? clist_begin(list) : NULL; at; at = clist_next(at)) {
        struct told told = read_told(clist_content(at));
        struct body *body = body_of(imap, &told);
        if (body)
            settle(reads, count, &told, body);
    }
    for (size_t i = 0; i < imap->slots_used; i++)
        imap->slots[i].section = NULL;
}

static enum imap_answer send_fetch(struct imap *imap, const struct imap_read *read)
{
    char command[160];
    char part[32] = "";
    if (read->first_bytes)
        (void)snprintf(part, sizeof part, "<0.%u>", (unsigned)read->first_bytes);
    (void)snprintf(command, sizeof command, "UID FETCH %u (UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[]%s)",
                   (unsigned)read->uid, part);
    return imap_send(imap, command);
}

enum imap_answer imap_fetch(struct imap *imap, struct imap_read *reads, size_t count)
{
    enum imap_answer answer = IMAP_OK;
    imap->slots_used = 0;
    imap->slots_open = count;
    for (size_t i = 0; i < count && answer != IMAP_LOST; i++)
        answer = send_fetch(imap, &reads[i]);
    for (size_t i = 0; i < count && answer != IMAP_LOST; i++) {
        answer = imap_finish(imap, IMAP_ANSWER_BYTES);
        if (answer != IMAP_LOST)
            settle_answer(imap, reads, count);
        if (answer == IMAP_NO) /* what came of it before is not the whole message */
            reads[i].whole = false;
    }
    if (answer == IMAP_LOST && imap->slots_used > 0)
        reads[0].overlong = body_offered(imap->slots[imap->slots_used - 1].body) > imap->message_cap;
    imap->slots_open = 0;
    return answer == IMAP_LOST ? IMAP_LOST : IMAP_OK;
}

enum imap_answer imap_fetch_size(struct imap *imap, uint32_t uid, uint32_t *size)
{
    *size = 0;
    enum imap_answer answer = imap_run(imap, IMAP_ANSWER_BYTES, "UID FETCH %u (UID RFC822.SIZE)", (unsigned)uid);
    const struct mailimap_response_info *info = imap->session->imap_response_info;
    clist *list = answer == IMAP_OK && info ? info->rsp_fetch_list : NULL;
    for (clistiter *at = list ? clist_begin(list) : NULL; at; at = clist_next(at)) {
        struct told told = read_told(clist_content(at));
        if (told.read.uid == uid)
            *size = told.read.size;
    }
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
