"""Role fetch against servers that break, lie, stall and flood: it answers every order, keeps little in memory, and goes on
with the other messages."""
import time

import pytest

import frames
from frames import Fetch
from hostile_imap import FALL_BACK, HostileImap, for_uid, once

LATER, REFUSED, GONE = frames.FETCH_UNREAD_LATER, frames.FETCH_UNREAD_REFUSED, frames.FETCH_UNREAD_GONE
MEBIBYTE = 1024 * 1024


def new_fetch(server, **settings):
    return Fetch(**{"port": server.port, "password": "secret", "poll_s": 60, **settings})


def begin(fetch):
    fetch.start()
    fetch.wait_up()
    return fetch.wait_listing("INBOX", "FULL")[0]


def peak_bytes(fetch):
    """The most memory the process ever had."""
    with open(f"/proc/{fetch.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))


def head(uid, rest):
    return f"* {uid} FETCH (UID {uid} FLAGS () {rest}"


# --- an answer to FETCH that costs the connection ----------------------------------------------------------------------------


def eof_in_literal(session, tag, arguments):
    session.send(head(2, "BODY[] {1000}\r\nabc"))
    session.close()


def four_gigabytes(session, tag, arguments):
    session.send(head(2, "BODY[] {4294967290}\r\nabc"))
    session.close()


def past_all_numbers(session, tag, arguments):
    session.send(head(2, "BODY[] {99999999999999999999999}\r\nabc"))
    session.close()


def reset(session, tag, arguments):
    session.send(head(2, "BODY[] {1000}\r\nabc"))
    session.reset()


def bye(session, tag, arguments):
    session.send("* BYE timeout\r\n")
    session.close()


def bye_and_stay(session, tag, arguments):
    session.send("* BYE timeout\r\n")
    session.hold()


def wrong_tag(session, tag, arguments):
    session.send("999 OK done\r\n")
    session.hold()


def unknown_line(session, tag, arguments):
    session.send("* WEIRD thing ((\r\n" + head(2, "BODY[] {3}\r\nabc)\r\n"))
    session.tagged(tag)


def endless_line(session, tag, arguments):
    for _ in range(400):
        session.send(b"* OK " + b"x" * MEBIBYTE)


def endless_flags(session, tag, arguments):
    session.send("* 2 FETCH (UID 2 FLAGS (")
    for _ in range(100):
        session.send(b"$abcdefg " * 10000)


def endless_lines(session, tag, arguments):
    for _ in range(100):
        session.send(b"* 1 EXISTS\r\n" * 10000)


def two_bodies(session, tag, arguments):
    session.send(head(2, "BODY[] {3}\r\nabc)\r\n") + head(2, "BODY[] {3}\r\ndef)\r\n"))
    session.tagged(tag)


def deep_nesting(session, tag, arguments):
    session.send("* 2 FETCH (UID 2 BODYSTRUCTURE " + "(" * 1000 + "\r\n")
    session.tagged(tag)


LOST = [eof_in_literal, four_gigabytes, past_all_numbers, reset, bye, wrong_tag, unknown_line, endless_line, endless_flags,
        endless_lines, two_bodies, deep_nesting]


@pytest.mark.parametrize("answer", LOST, ids=lambda answer: answer.__name__)
def test_a_broken_answer_costs_one_message_and_one_connection(answer):
    with HostileImap({"UID FETCH": for_uid(2, answer)}) as server, new_fetch(server, message_cap=MEBIBYTE) as fetch:
        uidvalidity = begin(fetch)
        orders = {uid: fetch.send("FETCH_READ", "INBOX", uidvalidity, uid) for uid in (1, 2, 3)}
        answers = {uid: fetch.wait_any(("FETCH_MESSAGE", "FETCH_UNREAD"), order, timeout=20) for uid, order in orders.items()}
        assert answers[1][0] == answers[3][0] == "FETCH_MESSAGE"
        assert answers[2][0] == "FETCH_UNREAD" and answers[2][1][1] == LATER
        assert fetch.wait_down()[1] in (frames.FETCH_WHY_CONNECT, frames.FETCH_WHY_PROTOCOL)
        assert peak_bytes(fetch) < 40 * MEBIBYTE
        assert fetch.stop() == 0


def test_a_message_that_breaks_every_connection_is_refused_the_second_time():
    with HostileImap({"UID FETCH": for_uid(2, unknown_line)}) as server, new_fetch(server) as fetch:
        uidvalidity = begin(fetch)
        assert fetch.read("INBOX", uidvalidity, 2) == LATER
        assert fetch.read("INBOX", uidvalidity, 2) == REFUSED
        assert fetch.read("INBOX", uidvalidity, 3)[0] == server.messages[3]


# --- an answer to FETCH without the message ----------------------------------------------------------------------------------


def partial_then_no(session, tag, arguments):
    session.send(head(2, "BODY[] {3}\r\nabc)\r\n"))
    session.tagged(tag, "NO Server Unavailable. 15")


def bad(session, tag, arguments):
    session.tagged(tag, "BAD Command Argument Error. 11")


def nothing(session, tag, arguments):
    session.tagged(tag)


def no_body(session, tag, arguments):
    session.send(head(2, "BODY[] NIL)\r\n"))
    session.tagged(tag)


def empty_string(session, tag, arguments):
    session.send(head(2, 'BODY[] "")\r\n'))
    session.tagged(tag)


def empty_literal(session, tag, arguments):
    session.send(head(2, "BODY[] {0}\r\n)\r\n"))
    session.tagged(tag)


def only_flags(session, tag, arguments):
    session.send("* 2 FETCH (FLAGS (\\Seen) UID 2)\r\n")
    session.tagged(tag)


def another_message(session, tag, arguments):
    session.send("* 7 FETCH (UID 77 FLAGS () BODY[] {3}\r\nabc)\r\n")
    session.tagged(tag)


def no_uid(session, tag, arguments):
    session.send("* 2 FETCH (FLAGS () BODY[] {3}\r\nabc)\r\n")
    session.tagged(tag)


ABSENT = [partial_then_no, bad, nothing, no_body, empty_string, empty_literal, only_flags, another_message, no_uid]


@pytest.mark.parametrize("answer", ABSENT, ids=lambda answer: answer.__name__)
def test_a_message_that_is_listed_and_not_given_is_refused(answer):
    with HostileImap({"UID FETCH": for_uid(2, answer)}) as server, new_fetch(server) as fetch:
        uidvalidity = begin(fetch)
        assert fetch.read("INBOX", uidvalidity, 2) == REFUSED
        assert fetch.read("INBOX", uidvalidity, 3)[0] == server.messages[3], "on the same connection"
        assert server.connections == 2


def test_a_message_that_is_not_listed_any_more_is_gone():
    def removed(session, tag, arguments):
        session.server.messages.pop(2, None)
        session.tagged(tag, "NO [EXPUNGEISSUED] some messages are no longer there")
    with HostileImap({"UID FETCH": for_uid(2, removed)}) as server, new_fetch(server) as fetch:
        assert fetch.read("INBOX", begin(fetch), 2) == GONE


def test_nothing_is_concluded_from_a_search_that_is_refused():
    def refuse(session, tag, arguments):
        if arguments != "UID 2:2":
            return FALL_BACK
        session.tagged(tag, "NO not now")
    with HostileImap({"UID FETCH": for_uid(2, nothing), "UID SEARCH": refuse}) as server, new_fetch(server) as fetch:
        uidvalidity = begin(fetch)
        assert fetch.read("INBOX", uidvalidity, 2) == LATER
        assert fetch.ask("FETCH_PROBE", "INBOX", uidvalidity, 2) == [frames.FETCH_FOUND_LATER]


# --- odd and still whole -----------------------------------------------------------------------------------------------------


def with_news(session, tag, arguments):
    session.send("* OK [ALERT] hi\r\n* 4 EXISTS\r\n* 2 EXPUNGE\r\n* 3 FETCH (FLAGS (\\Seen))\r\n" +
                 head(2, "BODY[] {3}\r\nabc)\r\n") + "* 0 RECENT\r\n* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n")
    session.tagged(tag)


def body_first(session, tag, arguments):
    session.send("* 2 FETCH (BODY[] {3}\r\nabc FLAGS () UID 2)\r\n")
    session.tagged(tag)


def in_pieces(session, tag, arguments):
    session.drip(head(2, "BODY[] {3}\r\nabc)\r\n").encode() + f"{tag} OK done\r\n".encode(), 0.01)


@pytest.mark.parametrize("answer", [with_news, body_first, in_pieces], ids=lambda answer: answer.__name__)
def test_odd_answers_that_are_right(answer):
    with HostileImap({"UID FETCH": for_uid(2, answer)}) as server, new_fetch(server) as fetch:
        assert fetch.read("INBOX", begin(fetch), 2)[0] == b"abc"


def test_a_nul_in_the_body_is_kept():
    with HostileImap(messages={1: b"a\0b\0c"}) as server, new_fetch(server) as fetch:
        assert fetch.read("INBOX", begin(fetch), 1)[0] == b"a\0b\0c"


def test_answers_under_each_others_tags():
    """Several FETCH answered together, as Dovecot does, and here in reverse."""
    held = []

    def gather(session, tag, arguments):
        held.append((tag, int(arguments.split()[0])))
        if len(held) < 3:
            return
        for _, uid in reversed(held):
            session.send(session.fetched(uid, session.server.messages[uid]))
        for each, _ in held:
            session.tagged(each)
        held.clear()
    with HostileImap({"UID FETCH": gather}) as server, new_fetch(server) as fetch:
        uidvalidity = begin(fetch)
        # Behind a question, so that all three wait in the queue when the first is sent.
        fetch.send("FETCH_STATUS", "INBOX")
        orders = {uid: fetch.send("FETCH_READ", "INBOX", uidvalidity, uid) for uid in (1, 2, 3)}
        for uid, order in orders.items():
            _, values, fd = fetch.wait_any(("FETCH_MESSAGE",), order)
            with open(fd, "rb") as file:
                file.seek(0)
                assert file.read() == server.messages[uid]


# --- size ----------------------------------------------------------------------------------------------------------------------


def test_a_literal_past_the_cap_is_cut_and_one_without_end_is_refused():
    def flood(session, tag, arguments):
        session.send(head(2, "BODY[] {%d}\r\n" % (200 * MEBIBYTE)))
        for _ in range(200):
            session.send(b"x" * MEBIBYTE)
        session.send(")\r\n")
        session.tagged(tag)
    with HostileImap({"UID FETCH": for_uid(2, flood)}) as server, new_fetch(server, message_cap=MEBIBYTE) as fetch:
        uidvalidity = begin(fetch)
        assert fetch.read("INBOX", uidvalidity, 2, timeout=30) == REFUSED, "it ignores the range that is asked for"
        assert any("BODY.PEEK[]<0.1048576>" in arguments for command, arguments in server.commands if command == "UID FETCH")
        assert fetch.read("INBOX", uidvalidity, 3, timeout=30)[0] == server.messages[3]
        assert peak_bytes(fetch) < 40 * MEBIBYTE


def test_ten_million_search_results():
    def flood(session, tag, arguments):
        session.send("* SEARCH")
        for start in range(0, 10_000_000, 100_000):
            session.send("".join(f" {uid}" for uid in range(start + 1, start + 100_001)))
        session.send("\r\n")
        session.tagged(tag)
    with HostileImap({"UID SEARCH": once(flood)}) as server, new_fetch(server) as fetch:
        fetch.start()
        assert fetch.wait_down(20)[1] == frames.FETCH_WHY_PROTOCOL
        assert fetch.wait_listing("INBOX", "FULL", timeout=20)[1] == [1, 2, 3]
        assert peak_bytes(fetch) < 100 * MEBIBYTE


def test_search_results_without_order_or_sense():
    def disorder(session, tag, arguments):
        session.send("* SEARCH 3 1 3 2 2\r\n* SEARCH 9 1\r\n")
        session.tagged(tag)
    with HostileImap({"UID SEARCH": disorder}) as server, new_fetch(server) as fetch:
        fetch.start()
        assert fetch.wait_listing("INBOX", "FULL")[1] == [1, 2, 3, 9]


def test_a_folder_too_large_for_one_search_is_listed_range_by_range():
    def large(session, tag, arguments):
        session.send("* 400000 EXISTS\r\n* OK [UIDVALIDITY 42] x\r\n* OK [UIDNEXT 1000001] x\r\n")
        session.tagged(tag)

    def ranges(session, tag, arguments):
        first, _, last = arguments.split()[-1].partition(":")
        found = [uid for uid in (1, 350_000, 350_001, 700_000, 1_000_000) if int(first) <= uid <= (int(last) if last != "*" else 1e9)]
        session.send("* SEARCH" + "".join(f" {uid}" for uid in found) + "\r\n")
        session.tagged(tag)
    with HostileImap({"SELECT": large, "EXAMINE": large, "UID SEARCH": ranges}) as server, new_fetch(server) as fetch:
        fetch.start()
        assert fetch.wait_listing("INBOX", "FULL")[1] == [1, 350_000, 350_001, 700_000, 1_000_000]
        assert [arguments for command, arguments in server.commands if command == "UID SEARCH"] == [
            "UID 1:350000", "UID 350001:700000", "UID 700001:*"]


# --- selecting -------------------------------------------------------------------------------------------------------------------


def test_no_uidvalidity_is_no_folder():
    def silent(session, tag, arguments):
        session.send("* 3 EXISTS\r\n")
        session.tagged(tag)
    with HostileImap({"EXAMINE": silent, "SELECT": silent}) as server, new_fetch(server) as fetch:
        fetch.start()
        assert fetch.wait_down()[1] == frames.FETCH_WHY_PROTOCOL


def test_an_inbox_that_is_not_there():
    with HostileImap({"EXAMINE": lambda s, tag, a: s.tagged(tag, "NO no such folder"),
                      "SELECT": lambda s, tag, a: s.tagged(tag, "NO no such folder")}) as server, new_fetch(server) as fetch:
        fetch.start()
        assert fetch.wait_down()[1] == frames.FETCH_WHY_FOLDER


def test_a_server_whose_uidvalidity_never_stays():
    def lie(session, tag, arguments):
        session.server.uidvalidity += 1
        return FALL_BACK
    with HostileImap({"EXAMINE": lie, "SELECT": lie}) as server, new_fetch(server, poll_s=1, reconcile_s=1) as fetch:
        fetch.start()
        fetch.wait_listing("INBOX", "FULL")
        for _ in range(3):
            _, uidvalidity = fetch.wait("FETCH_VALIDITY")
            fetch.channel.send("FETCH_CURSOR", "INBOX", uidvalidity, 0)
        assert fetch.stop() == 0


# --- greeting and login ------------------------------------------------------------------------------------------------------------


def say(text, then="close"):
    def greet(session):
        session.send(text)
        getattr(session, then)()
    return greet


@pytest.mark.parametrize("greeting, why", [
    ("* BYE Too many connections\r\n", frames.FETCH_WHY_THROTTLED),
    ("* BYE down for repairs\r\n", frames.FETCH_WHY_CONNECT),
    ("HTTP/1.1 400 Bad Request\r\n\r\n", frames.FETCH_WHY_PROTOCOL),
    ("* OK", frames.FETCH_WHY_CONNECT),
    ("", frames.FETCH_WHY_CONNECT),
    (b"* OK " + b"x" * MEBIBYTE, frames.FETCH_WHY_PROTOCOL),
    (b"\0\r\n", frames.FETCH_WHY_PROTOCOL),
])
def test_greetings(greeting, why):
    with HostileImap(greet=say(greeting)) as server, new_fetch(server) as fetch:
        fetch.start()
        assert fetch.wait_down()[1] == why


@pytest.mark.parametrize("answer, why, wait_ms", [
    ("NO [AUTHENTICATIONFAILED] no", frames.FETCH_WHY_CREDENTIALS, 900_000),
    ("NO", frames.FETCH_WHY_PROTOCOL, None),
    ("BAD no such command", frames.FETCH_WHY_CREDENTIALS, 900_000),
    ("NO [UNAVAILABLE] come back", frames.FETCH_WHY_THROTTLED, 300_000),
    ("NO [LIMIT] Too many connections", frames.FETCH_WHY_THROTTLED, 300_000),
    ("NO Server Unavailable. 15", frames.FETCH_WHY_THROTTLED, 300_000),
    ("BAD Request is throttled. Suggested Backoff Time: 7000 milliseconds", frames.FETCH_WHY_THROTTLED, 7000),
    ("NO Request is throttled. Suggested Backoff Time: 99999999999 milliseconds", frames.FETCH_WHY_THROTTLED, 300_000),
    ("NO Request is throttled. Suggested Backoff Time: 90000000 milliseconds", frames.FETCH_WHY_THROTTLED, 3_600_000),
])
def test_logins_that_fail(answer, why, wait_ms):
    with HostileImap({"LOGIN": lambda s, tag, a: s.tagged(tag, answer)}) as server, new_fetch(server) as fetch:
        fetch.start()
        values = fetch.wait_down()
        assert values[1] == why and (wait_ms is None or values[2] == wait_ms)
        assert server.connections == 1 or wait_ms is None, "the second connection does not try as well"


def test_a_bye_at_login():
    with HostileImap({"LOGIN": bye}) as server, new_fetch(server) as fetch:
        fetch.start()
        assert fetch.wait_down()[1] in (frames.FETCH_WHY_CONNECT, frames.FETCH_WHY_PROTOCOL)


@pytest.mark.parametrize("capability", ["NO no", "BAD no", "OK without a list"])
def test_a_server_that_does_not_tell_what_it_can(capability):
    with HostileImap({"CAPABILITY": lambda s, tag, a: s.tagged(tag, capability)}) as server, new_fetch(server) as fetch:
        fetch.start()
        assert fetch.wait_up()[3] & ~frames.FETCH_CAN_KEYWORDS == 0
        uidvalidity, _ = fetch.wait_listing("INBOX", "FULL")
        assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, "INBOX", "")[0] == frames.FETCH_MOVED_REFUSED


# --- moving --------------------------------------------------------------------------------------------------------------------------


def moving(*lines, tagged="OK done"):
    def answer(session, tag, arguments):
        session.send("".join(f"{line}\r\n" for line in lines))
        session.tagged(tag, tagged)
    return answer


@pytest.mark.parametrize("answer, outcome", [
    (moving("* OK [COPYUID 7 1 9] moved"), [frames.FETCH_MOVED_MOVED, 7, 9]),
    (moving(tagged="OK [COPYUID 7 1 9] moved"), [frames.FETCH_MOVED_MOVED, 7, 9]),
    (moving(tagged="OK No messages found"), [frames.FETCH_MOVED_NOTHING, 0, 0]),
    (moving("* OK [COPYUID 7 2 9] another message"), [frames.FETCH_MOVED_NOTHING, 0, 0]),
    (moving("* OK [COPYUID 7 1:3 9:11] more than was asked"), [frames.FETCH_MOVED_NOTHING, 0, 0]),
    (moving("* OK [COPYUID 0 1 9] no validity"), [frames.FETCH_MOVED_NOTHING, 0, 0]),
    (moving(tagged="NO [OVERQUOTA] full"), [frames.FETCH_MOVED_REFUSED, 0, 0]),
    (moving(tagged="BAD no"), [frames.FETCH_MOVED_REFUSED, 0, 0]),
    (bye, [frames.FETCH_MOVED_UNKNOWN, 0, 0]),
    (eof_in_literal, [frames.FETCH_MOVED_UNKNOWN, 0, 0]),
    (unknown_line, [frames.FETCH_MOVED_UNKNOWN, 0, 0]),
    (reset, [frames.FETCH_MOVED_UNKNOWN, 0, 0]),
])
def test_answers_to_a_move(answer, outcome):
    with HostileImap({"UID MOVE": answer}) as server, \
            new_fetch(server, folders=(("INBOX", "IDLE"), ("There", "NONE"))) as fetch:
        assert fetch.ask("FETCH_MOVE", "INBOX", begin(fetch), 1, "There", "") == outcome


def test_a_destination_that_is_missing_is_made_once():
    with HostileImap({"UID MOVE": moving(tagged="NO [TRYCREATE] missing"), "CREATE": moving(tagged="NO may not")}) as server, \
            new_fetch(server, folders=(("INBOX", "IDLE"), ("There", "NONE"))) as fetch:
        assert fetch.ask("FETCH_MOVE", "INBOX", begin(fetch), 1, "There", "")[0] == frames.FETCH_MOVED_REFUSED
        names = [command for command, _ in server.commands]
        assert names.count("UID MOVE") == 1 and names.count("CREATE") == 1
    with HostileImap({"UID MOVE": moving(tagged="NO [TRYCREATE] missing")}) as server, \
            new_fetch(server, folders=(("INBOX", "IDLE"), ("There", "NONE"))) as fetch:
        assert fetch.ask("FETCH_MOVE", "INBOX", begin(fetch), 1, "There", "")[0] == frames.FETCH_MOVED_REFUSED
        assert [command for command, _ in server.commands].count("UID MOVE") == 2


def test_never_sends_what_would_mark_or_remove():
    with HostileImap() as server, new_fetch(server, folders=(("INBOX", "IDLE"), ("There", "NONE"))) as fetch:
        uidvalidity = begin(fetch)
        fetch.read("INBOX", uidvalidity, 1)
        fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, "There", "$Key")
        fetch.stop()
        for command, arguments in server.commands:
            assert command not in ("EXPUNGE", "CLOSE", "STORE", "FETCH", "COPY")
            assert command != "UID FETCH" or "BODY.PEEK[]" in arguments
            assert "\\Seen" not in arguments and "ENVELOPE" not in arguments and "BODYSTRUCTURE" not in arguments


# --- IDLE ------------------------------------------------------------------------------------------------------------------------------


def test_news_before_the_continuation():
    def eager(session, tag, arguments):
        session.send("* FLAGS (\\Seen)\r\n")
        return FALL_BACK
    with HostileImap({"IDLE": eager}) as server, new_fetch(server, poll_s=1) as fetch:
        begin(fetch)
        server.messages[4] = b"new"
        assert fetch.wait_listing("INBOX", "NEW")[1] == [4]
        assert not [frame for frame in fetch.backlog if frame[0] == "FETCH_LINK"]


def test_an_arrival_before_the_continuation_is_not_missed():
    def arrive(session, tag, arguments):
        session.server.messages[4] = b"new"
        session.send("* 4 EXISTS\r\n")
        return FALL_BACK
    with HostileImap({"IDLE": once(arrive)}) as server, new_fetch(server, poll_s=600) as fetch:
        begin(fetch)
        assert fetch.wait_listing("INBOX", "NEW")[1] == [4]


def test_an_idle_that_is_refused_is_polled():
    with HostileImap({"IDLE": lambda s, tag, a: s.tagged(tag, "NO no")}) as server, new_fetch(server, poll_s=1) as fetch:
        begin(fetch)
        server.messages[4] = b"new"
        assert fetch.wait_listing("INBOX", "NEW")[1] == [4]
        assert [command for command, _ in server.commands].count("IDLE") == 1


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("line", ["", "* BYE Autologout\r\n", "* 1 FETCH {10}\r\n", "garbage\r\n"])
def test_an_idle_that_ends_badly(end, line):
    def leave(session, tag, arguments):
        session.send("+ idling\r\n")
        time.sleep(0.2)
        session.send(line)
        getattr(session, end)()
    with HostileImap({"IDLE": once(leave)}) as server, new_fetch(server) as fetch:
        begin(fetch)
        fetch.wait_down()
        fetch.wait_up()
        assert fetch.wait_listing("INBOX", "FULL")[1] == [1, 2, 3]


def test_a_flood_while_idle():
    def flood(session, tag, arguments):
        session.send("+ idling\r\n")
        for _ in range(100):
            session.send(b"x" * MEBIBYTE)
    with HostileImap({"IDLE": once(flood)}) as server, new_fetch(server) as fetch:
        begin(fetch)
        assert fetch.wait_down()[1] in (frames.FETCH_WHY_PROTOCOL, frames.FETCH_WHY_CONNECT)
        assert peak_bytes(fetch) < 40 * MEBIBYTE


# --- time --------------------------------------------------------------------------------------------------------------------------------


def test_stalls_and_drips_end_at_the_deadline_of_the_command():
    """All at once, because the deadline is 30 s."""
    def stall(session, tag, arguments):
        session.send(head(2, "BODY[] {1000}\r\nabc"))
        session.hold()

    def drip(session, tag, arguments):
        session.send(head(2, "BODY[] {1000}\r\n"))
        session.drip(b"x" * 1000)

    def silent(session, tag, arguments):
        session.hold()

    reads = [HostileImap({"UID FETCH": for_uid(2, once(answer))}) for answer in (stall, drip, silent, bye_and_stay)]
    logins = [HostileImap({"LOGIN": once(silent, 2)}), HostileImap(greet=lambda session: session.hold()),
              HostileImap(greet=lambda session: session.drip(b"* OK " + b"x" * 200))]
    fetches = [new_fetch(server.__enter__()) for server in reads + logins]
    try:
        started = time.monotonic()
        for fetch in fetches[len(reads):]:
            fetch.start()
        orders = [(fetch, fetch.send("FETCH_READ", "INBOX", begin(fetch), 2)) for fetch in fetches[:len(reads)]]
        for fetch, order in orders:
            assert fetch.wait_any(("FETCH_UNREAD",), order, timeout=40)[1][1] == LATER
            assert fetch.wait_down()[1] == frames.FETCH_WHY_DEADLINE
            assert max(allowed for _, allowed in fetch.beats) >= 30_000, "keep was told how long to wait"
        for fetch in fetches[len(reads):]:
            assert fetch.wait_down(40)[1] == frames.FETCH_WHY_DEADLINE
        assert 29 < time.monotonic() - started < 45
        for server, (fetch, _) in zip(reads, orders):
            assert fetch.read("INBOX", server.uidvalidity, 2)[0] == server.messages[2]
    finally:
        for server, fetch in zip(reads + logins, fetches):
            fetch.__exit__()
            server.__exit__()
