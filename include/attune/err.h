/*
 * One status for every fallible function. The code tells the scope of the damage, which is what a caller needs in order
 * to decide what to give up: this message, this mailbox, this peer process, the operator's file, or this process.
 */
#ifndef ATTUNE_ERR_H
#define ATTUNE_ERR_H

enum err {
    ERR_OK = 0,      /* done */
    ERR_MESSAGE = 1, /* this message cannot be handled further; others are unaffected */
    ERR_MAILBOX = 2, /* this mailbox's server or connection failed; other mailboxes are unaffected */
    ERR_PEER = 3,    /* a peer process broke the protocol, died or is gone; it must be replaced */
    ERR_INPUT = 4,   /* a file or argument that the operator gave is wrong; detail is in the caller's diag */
    ERR_LIMIT = 5,   /* a documented limit was reached; what was produced so far is valid but not whole */
    ERR_ABSENT = 6,  /* the named thing does not exist */
    ERR_SYSTEM = 7,  /* the operating system refused: no memory, no disk, no descriptor; errno tells which */
};

/* A fixed word for logs and JSON ("ok", "message", ...). Never NULL. */
const char *err_name(enum err error);

/* Marks a status that a caller must look at. */
#define ATTUNE_MUST_CHECK __attribute__((warn_unused_result))

/*
 * Ends the process: for our own mistakes only (an impossible state, a broken invariant). No bytes from a peer, a server,
 * a mail or a file may reach it. `where` and `what` are literals.
 */
#define bug(what) bug_at(__FILE__, __LINE__, (what))
_Noreturn void bug_at(const char *file, int line, const char *what);

#endif
