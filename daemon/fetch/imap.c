/*
 * The session: commands out, answers in, folders. Role fetch. Trusts nothing of what the server says: any answer but a
 * tagged one of the command asked ends the session.
 */
#include <attune/buf.h>
#include <attune/imap_name.h>
#include <attune/imap_session.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_COMMAND = 4096,                /* the longest is LOGIN or a MOVE with its folder */
    THROTTLED_MS = 5 * 60 * 1000,      /* a server that asks for less without saying for how long */
    THROTTLED_MAX_MS = 60 * 60 * 1000, /* no server's word keeps a mailbox unread for longer */
};

/* --- commands and answers ---------------------------------------------------------------------------------------- */

enum imap_answer imap_lose(struct imap *imap, enum fetch_why why)
{
    enum fetch_why transport = transport_why(imap->transport);
    if (imap->trouble.why == FETCH_WHY_NONE)
        imap->trouble.why = transport != FETCH_WHY_NONE ? transport : why;
    return IMAP_LOST;
}

struct str imap_last_line(const struct imap *imap)
{
    const MMAPString *read = imap->session->imap_stream_buffer;
    struct str rest = str_trim((struct str){read->str, read->len});
    for (size_t at = rest.length; at > 0; at--)
        if (rest.data[at - 1] == '\n')
            return str_slice(rest, at, rest.length);
    return rest;
}

/* Words by which servers ask for less; what counts at login may elsewhere concern one message only. */
bool imap_is_throttled(struct str line, bool at_login, uint32_t *wait_ms)
{
    static const struct {
        struct str words;
        bool only_at_login;
    } table[] = {
        {STR("suggested backoff time"), false},
        {STR("is throttled"), false},
        {STR("[limit]"), true},
        {STR("[unavailable]"), true},
        {STR("[inuse]"), true},
        {STR("server unavailable"), true},
        {STR("too many"), true},
    };
    static const struct str time_words = STR("suggested backoff time:");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if ((table[i].only_at_login && !at_login) || str_find_nocase(line, table[i].words, 0) == SIZE_MAX)
            continue;
        *wait_ms = THROTTLED_MS;
        size_t at = str_find_nocase(line, time_words, 0);
        struct str number = at == SIZE_MAX ? STR("") : str_trim(str_slice(line, at + time_words.length, line.length));
        size_t digits = 0;
        while (digits < number.length && number.data[digits] >= '0' && number.data[digits] <= '9')
            digits++;
        uint64_t wait;
        if (digits && str_to_u64(str_slice(number, 0, digits), UINT32_MAX, &wait))
            *wait_ms = wait < THROTTLED_MAX_MS ? (uint32_t)wait : THROTTLED_MAX_MS;
        return true;
    }
    return false;
}

enum imap_answer imap_send(struct imap *imap, const char *command)
{
    mailimap *session = imap->session;
    imap->tick(imap->context, IMAP_COMMAND_MS);
    transport_allow(imap->transport, IMAP_COMMAND_MS, IMAP_ANSWER_BYTES);
    if (mailimap_send_current_tag(session) != MAILIMAP_NO_ERROR ||
        mailstream_write(session->imap_stream, command, strlen(command)) < 0 ||
        mailstream_write(session->imap_stream, "\r\n", 2) < 0 || mailstream_flush(session->imap_stream) < 0)
        return imap_lose(imap, FETCH_WHY_CONNECT);
    return IMAP_OK;
}

/* libetpan calls a tagged BAD a protocol error like all others; the line itself tells them apart. */
static bool is_tagged_bad(const struct imap *imap, int tag)
{
    char wanted[32];
    int length = snprintf(wanted, sizeof wanted, "%d BAD ", tag);
    return str_starts_nocase(imap_last_line(imap), (struct str){wanted, (size_t)length});
}

static enum imap_answer refused(struct imap *imap)
{
    if (imap_is_throttled(imap_last_line(imap), false, &imap->trouble.wait_ms))
        return imap_lose(imap, FETCH_WHY_THROTTLED);
    return IMAP_NO;
}

enum imap_answer imap_finish(struct imap *imap, size_t budget)
{
    mailimap *session = imap->session;
    struct mailimap_response *response = NULL;
    int last_sent = session->imap_tag;
    int tag = imap->answered + 1;
    transport_allow(imap->transport, IMAP_COMMAND_MS, budget);
    if (!mailimap_read_line(session))
        return imap_lose(imap, FETCH_WHY_CONNECT);
    session->imap_tag = tag;
    int code = mailimap_parse_response(session, &response);
    session->imap_tag = last_sent;
    imap->answered = tag;
    if (code == MAILIMAP_ERROR_PROTOCOL && is_tagged_bad(imap, tag))
        return refused(imap);
    if (code != MAILIMAP_NO_ERROR)
        return imap_lose(imap, FETCH_WHY_PROTOCOL);
    int state = response->rsp_resp_done->rsp_data.rsp_tagged->rsp_cond_state->rsp_type;
    mailimap_response_free(response);
    return state == MAILIMAP_RESP_COND_STATE_OK ? IMAP_OK : refused(imap);
}

enum imap_answer imap_run(struct imap *imap, size_t budget, const char *format, ...)
{
    char command[MAX_COMMAND];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof command)
        bug("an IMAP command past its maximum");
    if (imap_send(imap, command) != IMAP_OK)
        return IMAP_LOST;
    return imap_finish(imap, budget);
}

/* --- opening and closing ----------------------------------------------------------------------------------------- */

static enum imap_answer log_in(struct imap *imap, const struct imap_account *account)
{
    enum imap_answer answer = imap_send(imap, account->login);
    mailstream *stream = imap->session->imap_stream;
    sodium_memzero(stream->write_buffer, stream->buffer_max_size); /* it held the password */
    if (answer == IMAP_OK)
        answer = imap_finish(imap, IMAP_ANSWER_BYTES);
    if (answer != IMAP_NO)
        return answer;
    bool later = imap_is_throttled(imap_last_line(imap), true, &imap->trouble.wait_ms);
    return imap_lose(imap, later ? FETCH_WHY_THROTTLED : FETCH_WHY_CREDENTIALS);
}

static uint32_t ability_of(const struct mailimap_capability *capability)
{
    static const struct {
        const char *name;
        uint32_t ability;
    } table[] = {{"MOVE", FETCH_CAN_MOVE}, {"UIDPLUS", FETCH_CAN_UIDPLUS}, {"IDLE", FETCH_CAN_IDLE}};
    if (capability->cap_type != MAILIMAP_CAPABILITY_NAME || !capability->cap_data.cap_name)
        return 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (str_equal_nocase(str_of(capability->cap_data.cap_name), str_of(table[i].name)))
            return table[i].ability;
    return 0;
}

/* Asked after the login: some servers name MOVE only then. */
static enum imap_answer learn_abilities(struct imap *imap)
{
    if (imap_run(imap, IMAP_ANSWER_BYTES, "CAPABILITY") == IMAP_LOST)
        return IMAP_LOST;
    const struct mailimap_connection_info *info = imap->session->imap_connection_info;
    if (!info || !info->imap_capability || !info->imap_capability->cap_list)
        return IMAP_OK;
    for (clistiter *at = clist_begin(info->imap_capability->cap_list); at; at = clist_next(at))
        imap->abilities |= ability_of(clist_content(at));
    return IMAP_OK;
}

static enum imap_answer greet(struct imap *imap, mailstream *stream, const struct imap_account *account)
{
    transport_allow(imap->transport, IMAP_COMMAND_MS, IMAP_ANSWER_BYTES);
    int code = mailimap_connect(imap->session, stream);
    imap->answered = imap->session->imap_tag;
    if (code == MAILIMAP_NO_ERROR_AUTHENTICATED)
        return learn_abilities(imap);
    if (code == MAILIMAP_NO_ERROR_NON_AUTHENTICATED)
        return log_in(imap, account) == IMAP_OK ? learn_abilities(imap) : IMAP_LOST;
    if (code != MAILIMAP_ERROR_DONT_ACCEPT_CONNECTION)
        return imap_lose(imap, FETCH_WHY_PROTOCOL);
    bool later = imap_is_throttled(imap_last_line(imap), true, &imap->trouble.wait_ms);
    return imap_lose(imap, later ? FETCH_WHY_THROTTLED : FETCH_WHY_CONNECT);
}

/* Where the piece of a body belongs. NULL for a body that nobody asked for. */
static struct body *find_slot(struct imap *imap, const void *section)
{
    if (imap->slots_used > 0 && imap->slots[imap->slots_used - 1].section == section)
        return imap->slots[imap->slots_used - 1].body;
    if (imap->slots_used == imap->slots_open)
        return NULL;
    size_t slot = imap->slots_used;
    if (!imap->slots[slot].body)
        imap->slots[slot].body = body_new(imap->message_cap);
    if (!imap->slots[slot].body || body_begin(imap->slots[slot].body) != ERR_OK)
        return NULL;
    imap->slots[slot].section = section;
    imap->slots_used++;
    return imap->slots[slot].body;
}

/* Each piece of a body as it comes from the stream. */
static bool take_body(int type, struct mailimap_msg_att_body_section *section, const char *bytes, size_t length,
                      void *context)
{
    struct imap *imap = context;
    (void)type;
    imap->tick(imap->context, IMAP_COMMAND_MS);
    transport_credit(imap->transport, length);
    struct body *body = find_slot(imap, section);
    return body && body_add(body, bytes, length);
}

struct imap *imap_open(const struct imap_account *account, struct imap_trouble *trouble)
{
    mailstream *stream = NULL;
    *trouble = (struct imap_trouble){.why = FETCH_WHY_CONNECT};
    account->tick(account->context, TRANSPORT_CONNECT_MS + IMAP_COMMAND_MS);
    struct imap *imap = calloc(1, sizeof *imap);
    if (!imap)
        return NULL;
    imap->tick = account->tick;
    imap->message_cap = account->message_cap;
    imap->context = account->context;
    if (transport_connect(&account->target, &imap->transport, &stream, &trouble->why) != ERR_OK) {
        free(imap);
        return NULL;
    }
    imap->session = mailimap_new(0, NULL);
    if (!imap->session) {
        mailstream_close(stream);
        free(imap);
        return NULL;
    }
    mailimap_set_msg_body_handler(imap->session, take_body, imap);
    if (greet(imap, stream, account) == IMAP_OK)
        return imap;
    *trouble = imap->trouble;
    imap_close(&imap);
    return NULL;
}

void imap_close(struct imap **imap)
{
    if (!*imap)
        return;
    mailimap *session = (*imap)->session;
    if (session->imap_stream)
        mailstream_close(session->imap_stream);
    session->imap_stream = NULL; /* or mailimap_free() would say LOGOUT and wait */
    mailimap_free(session);
    for (size_t i = 0; i < IMAP_PIPELINE; i++)
        body_free(&(*imap)->slots[i].body);
    free(*imap);
    *imap = NULL;
}

struct imap_trouble imap_trouble(const struct imap *imap)
{
    return imap->trouble;
}

uint32_t imap_abilities(const struct imap *imap)
{
    return imap->abilities;
}

int imap_fd(const struct imap *imap)
{
    return transport_fd(imap->transport);
}

bool imap_has_input(struct imap *imap)
{
    return imap->session->imap_stream->read_buffer_len > 0 || transport_has_input(imap->transport);
}

/* --- folders ----------------------------------------------------------------------------------------------------- */

static bool takes_any_keyword(const struct mailimap_selection_info *info)
{
    if (!info->sel_perm_flags)
        return false;
    for (clistiter *at = clist_begin(info->sel_perm_flags); at; at = clist_next(at)) {
        const struct mailimap_flag_perm *flag = clist_content(at);
        if (flag->fl_type == MAILIMAP_FLAG_PERM_ALL)
            return true;
    }
    return false;
}

static void forget_library_selection(mailimap *session)
{
    if (session->imap_selection_info)
        mailimap_selection_info_free(session->imap_selection_info);
    session->imap_selection_info = mailimap_selection_info_new();
}

enum imap_answer imap_select(struct imap *imap, const char *name, bool read_only)
{
    struct imap_selection *selection = &imap->selection;
    if (strcmp(selection->name, name) == 0 && (read_only || !selection->read_only))
        return IMAP_OK;
    *selection = (struct imap_selection){0};
    forget_library_selection(imap->session);
    enum imap_answer answer = imap_run(imap, IMAP_ANSWER_BYTES, "%s %s", read_only ? "EXAMINE" : "SELECT", name);
    const struct mailimap_selection_info *info = imap->session->imap_selection_info;
    if (answer != IMAP_OK)
        return answer;
    if (!info || info->sel_uidvalidity == 0)
        return imap_lose(imap, FETCH_WHY_PROTOCOL);
    (void)snprintf(selection->name, sizeof selection->name, "%s", name);
    selection->read_only = read_only;
    selection->any_keyword = !read_only && takes_any_keyword(info);
    selection->uidvalidity = info->sel_uidvalidity;
    selection->uidnext = info->sel_uidnext;
    selection->exists = info->sel_exists;
    return IMAP_OK;
}

void imap_forget_selection(struct imap *imap)
{
    imap->selection.name[0] = '\0';
}

const struct imap_selection *imap_selection(const struct imap *imap)
{
    return &imap->selection;
}

/* Dovecot answers STATUS of the folder that is open from what it last told of it: that one is opened again instead. */
static enum imap_answer reopen(struct imap *imap, struct imap_status *out)
{
    char name[sizeof imap->selection.name];
    memcpy(name, imap->selection.name, sizeof name);
    imap_forget_selection(imap);
    enum imap_answer answer = imap_select(imap, name, imap->selection.read_only);
    if (answer == IMAP_OK)
        *out = (struct imap_status){imap->selection.uidvalidity, imap->selection.uidnext, imap->selection.exists};
    return answer;
}

enum imap_answer imap_status(struct imap *imap, const char *name, struct imap_status *out)
{
    *out = (struct imap_status){0};
    if (strcmp(imap->selection.name, name) == 0)
        return reopen(imap, out);
    enum imap_answer answer = imap_run(imap, IMAP_ANSWER_BYTES, "STATUS %s (MESSAGES UIDNEXT UIDVALIDITY)", name);
    if (answer != IMAP_OK)
        return answer;
    const struct mailimap_response_info *info = imap->session->imap_response_info;
    if (!info || !info->rsp_status || !info->rsp_status->st_info_list)
        return imap_lose(imap, FETCH_WHY_PROTOCOL);
    for (clistiter *at = clist_begin(info->rsp_status->st_info_list); at; at = clist_next(at)) {
        const struct mailimap_status_info *item = clist_content(at);
        if (item->st_att == MAILIMAP_STATUS_ATT_MESSAGES)
            out->messages = item->st_value;
        else if (item->st_att == MAILIMAP_STATUS_ATT_UIDNEXT)
            out->uidnext = item->st_value;
        else if (item->st_att == MAILIMAP_STATUS_ATT_UIDVALIDITY)
            out->uidvalidity = item->st_value;
    }
    return out->uidvalidity ? IMAP_OK : imap_lose(imap, FETCH_WHY_PROTOCOL);
}

enum imap_answer imap_create(struct imap *imap, const char *name)
{
    enum imap_answer answer = imap_run(imap, IMAP_ANSWER_BYTES, "CREATE %s", name);
    if (answer != IMAP_OK)
        return answer;
    /* A mail program may hide what is not subscribed; one that cannot subscribe is no reason to fail. */
    return imap_run(imap, IMAP_ANSWER_BYTES, "SUBSCRIBE %s", name) == IMAP_LOST ? IMAP_LOST : IMAP_OK;
}

enum imap_answer imap_noop(struct imap *imap)
{
    return imap_run(imap, IMAP_ANSWER_BYTES, "NOOP");
}
