/*
 * The control socket: a SOCK_STREAM socket `control` in run_dir. The caller writes one JSON object and a newline, keep
 * answers with one JSON object and closes. keep knows the caller by SO_PEERCRED; what it asks is journalled with it.
 *
 *   {"command":"status"}                                {"command":"queue","queue":"clinical"|"agent"|null}
 *   {"command":"ack","case":"ID or unique beginning of 6 or more","as":"PERSON"|null}
 *   {"command":"digest","person":NAME|null}             {"command":"reload"}
 *
 * Every answer has "ok"; when false, "error" is a sentence and "exit" the command's exit status (1: the named thing is not
 * there or a check failed, 2: wrong use or not allowed).
 *
 * status: {"ok":true,"running":true,"version","mode","started_at","uptime_s","approvals":"not checked","rules":{"hash","count","stale",
 *   "error"},"mailboxes":[{"name","link":"up"|"down","why","retry_ms","last_listed_at","waiting"}],"messages":{"now","soon",
 *   "review","routine","waiting","moving","unread_gone","taken"},"alerts":{"open","unacknowledged","oldest_s"},
 *   "outbox":{"pending","failing","oldest_s"},"roles":[{"role","state","restarts"}],"problems":[sentence]}
 * queue: {"ok":true,"items":[{"case","urgency","queue","mailbox","folder","uid","state","received_at","decided_at",
 *   "deadline_at","acknowledged_by","acknowledged_at","cues":[id],"cards":[name],"unscreened":[reason],"language","class"}]}
 *   With "all":true closed cases too: they have "closed_by" and "closed_at", which are null otherwise.
 * show: {"ok":true,"case","kind":"message"|"alarm","urgency","reason","mailbox","opened_at","acknowledged_by",
 *   "acknowledged_at","timeline":[{"at","what","actor","detail"}]}, and of a message also "queue","folder","uid","state",
 *   "received_at","decided_at","deadline_at","closed_by","closed_at","route","page","hint","language","class","rules",
 *   "unscreened":[reason],"cues":[{"rule","cue","cue_title","title","why","urgency","lowered_by","field","places"}],
 *   "cards":[{"card","text"}]. Titles and texts are those of the rules in force, null when they are not in them.
 * close: {"ok":true,"case","closed_by","already":bool}
 * ack: {"ok":true,"case","acknowledged_by","already":bool}
 * digest: {"ok":true,"person":NAME|null,"subject","to_read","shown","left_out","text","html"}: as it would be sent now
 * reload: {"ok":true,"hash"}
 */
#ifndef ATTUNE_CONTROL_H
#define ATTUNE_CONTROL_H

enum { CONTROL_MAX_REQUEST = 8192, CONTROL_MAX_ANSWER = 16 * 1024 * 1024, CONTROL_TIMEOUT_MS = 10000 };
#define CONTROL_SOCKET_NAME "control"

#endif
