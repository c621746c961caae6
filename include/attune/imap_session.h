/* The inside of struct imap, for imap.c, imap_message.c and imap_idle.c alone. */
#ifndef ATTUNE_IMAP_SESSION_H
#define ATTUNE_IMAP_SESSION_H

#include <attune/imap.h>
#include <attune/str.h>
#include <libetpan/libetpan.h>

struct imap {
    mailimap *session;
    struct transport *transport; /* BORROWED: lives in the session's stream */
    struct imap_trouble trouble;
    struct imap_selection selection;
    uint32_t abilities;
    int answered; /* tag of the last command that was answered; session->imap_tag is the last one sent */
    /* Bodies in the order in which they come. The section is the library's name for one of them until its answer ends.
     */
    struct {
        struct body *body; /* OWNED; made when first needed */
        const void *section;
    } slots[IMAP_PIPELINE];
    size_t slots_used;
    size_t slots_open; /* 0: no body is expected */
    uint32_t message_cap;
    void (*tick)(void *context, int64_t allow_ms);
    void *context;
};

/* Notes the reason and says IMAP_LOST. The first reason stands. */
enum imap_answer imap_lose(struct imap *imap, enum fetch_why why);
/* Sends one command line; several may be sent before the first is finished. */
enum imap_answer imap_send(struct imap *imap, const char *command);
/* Reads the answer to the oldest command that has none. The library's imap_response_info holds what came. */
enum imap_answer imap_finish(struct imap *imap, size_t budget);
/* Both: one command after the other. */
enum imap_answer imap_run(struct imap *imap, size_t budget, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The last line that was read, without its end. BORROWS until the next read. */
struct str imap_last_line(const struct imap *imap);
/* Looks for a request to come back later in a server's words. `at_login` widens what counts. */
bool imap_is_throttled(struct str line, bool at_login, uint32_t *wait_ms);

#endif
