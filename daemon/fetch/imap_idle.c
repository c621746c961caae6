/* Waiting for news, line by line. Role fetch; lines are bounded by the transport's budget. */
#include <attune/imap_session.h>
#include <stdio.h>
#include <string.h>

static bool read_line(struct imap *imap, struct str *line)
{
    if (!mailimap_read_line(imap->session))
        return false;
    *line = imap_last_line(imap);
    return true;
}

static bool is_news(struct str line)
{
    return str_ends_nocase(line, STR(" EXISTS")) || str_ends_nocase(line, STR(" EXPUNGE")) ||
           str_starts_nocase(line, STR("* VANISHED "));
}

/* One untagged line. False for what ends the session: a BYE, or a literal, which nothing here could read. */
static bool take_untagged(struct str line, bool *news)
{
    if (!str_starts_nocase(line, STR("* ")) || str_starts_nocase(line, STR("* BYE")) || str_ends_nocase(line, STR("}")))
        return false;
    if (is_news(line))
        *news = true;
    return true;
}

/* Reads until the tagged line of the command under way, or, when `plus`, a continuation. */
static enum imap_answer read_to_end(struct imap *imap, bool plus, bool *news)
{
    mailimap *session = imap->session;
    char tag[32];
    size_t length = (size_t)snprintf(tag, sizeof tag, "%d ", session->imap_tag);
    struct str line;
    while (read_line(imap, &line)) {
        if (plus && str_starts_nocase(line, STR("+")))
            return IMAP_OK;
        if (str_starts_nocase(line, (struct str){tag, length})) {
            imap->answered = session->imap_tag;
            return str_starts_nocase(str_slice(line, length, line.length), STR("OK")) && !plus ? IMAP_OK : IMAP_NO;
        }
        if (!take_untagged(line, news))
            return imap_lose(imap, str_starts_nocase(line, STR("* BYE")) ? FETCH_WHY_CONNECT : FETCH_WHY_PROTOCOL);
    }
    return imap_lose(imap, FETCH_WHY_CONNECT);
}

enum imap_answer imap_idle_begin(struct imap *imap, bool *news)
{
    if (imap_send(imap, "IDLE") != IMAP_OK)
        return IMAP_LOST;
    return read_to_end(imap, true, news);
}

enum imap_answer imap_idle_read(struct imap *imap, bool *news)
{
    transport_allow(imap->transport, IMAP_COMMAND_MS, IMAP_ANSWER_BYTES);
    while (imap_has_input(imap)) {
        struct str line;
        if (!read_line(imap, &line))
            return imap_lose(imap, FETCH_WHY_CONNECT);
        if (!take_untagged(line, news))
            return imap_lose(imap, str_starts_nocase(line, STR("* BYE")) ? FETCH_WHY_CONNECT : FETCH_WHY_PROTOCOL);
    }
    return IMAP_OK;
}

enum imap_answer imap_idle_end(struct imap *imap, bool *news)
{
    mailstream *stream = imap->session->imap_stream;
    transport_allow(imap->transport, IMAP_COMMAND_MS, IMAP_ANSWER_BYTES);
    if (mailstream_write(stream, "DONE\r\n", 6) < 0 || mailstream_flush(stream) < 0)
        return imap_lose(imap, FETCH_WHY_CONNECT);
    return read_to_end(imap, false, news);
}
