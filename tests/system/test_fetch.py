"""Role fetch against a real Dovecot: listing, reading, moving, TLS and names."""
import hashlib
import os
import shutil
import socket
import tempfile
import threading
import time

import pytest

import frames
from certificates import Authority
from dovecot import Dovecot, free_port
from frames import Fetch

USER = "support"
URGENT = "Clinical/Urgent"
FOLDERS = (("INBOX", "IDLE"), ("Junk", "POLL"), (URGENT, "NONE"))


def mail(label, text="hello"):
    return f"Message-ID: <{label}@example.org>\r\nFrom: writer@example.org\r\nSubject: {label}\r\n\r\n{text}\r\n".encode()


def new_fetch(server, user, **settings):
    return Fetch(**{"port": server.port, "user": user, "password": server.passwords.get(user, "none"), "folders": FOLDERS, **settings})


def start(fetch, cursors=()):
    """Started, up and listed: (uidvalidity, uids) of the inbox."""
    fetch.start(cursors)
    fetch.wait_up()
    return fetch.wait_listing("INBOX", "FULL")


# --- listing --------------------------------------------------------------------------------------------------------------


def test_lists_all_then_only_what_is_new(server, user):
    uids = server.append(user, "INBOX", *[mail(i) for i in range(5)])
    with new_fetch(server, user) as fetch:
        uidvalidity, listed = start(fetch)
        assert listed == uids and uidvalidity == server.status(user, "INBOX")["UIDVALIDITY"]
        fetch.commit("INBOX", uidvalidity, listed)
        new = server.append(user, "INBOX", mail("late"))
        assert fetch.wait_listing("INBOX", "NEW") == (uidvalidity, new)
        assert fetch.stop() == 0


def test_lists_an_empty_inbox_as_an_empty_range(server, user):
    with new_fetch(server, user) as fetch:
        fetch.start()
        fetch.wait_up()
        values = fetch.wait("FETCH_LISTED")
        assert values[2:] == [frames.FETCH_LISTING_FULL, 1, 1, 0, []]


def test_names_the_first_mail_of_an_empty_inbox(server, user):
    with new_fetch(server, user) as fetch:
        uidvalidity, listed = start(fetch)
        assert listed == []
        assert server.append(user, "INBOX", mail("first")) == [1]
        assert fetch.wait_listing("INBOX", "NEW") == (uidvalidity, [1])


def test_a_full_listing_ends_with_the_highest_uid_ever_named(server, user):
    uids = server.append(user, "INBOX", mail(1), mail(2))
    server.delete(user, "INBOX", uids[1])
    uidvalidity = server.status(user, "INBOX")["UIDVALIDITY"]
    with new_fetch(server, user) as fetch:
        fetch.start([("INBOX", uidvalidity, uids[1])])
        values = fetch.wait("FETCH_LISTED")
        assert values[4:] == [1, uids[1], [uids[0]]], "keep must see that the second one is gone"


def test_splits_long_listings(server, user):
    folder = f"{server.folder}/home/{user}/Maildir"
    for name in ("", "/cur", "/new", "/tmp"):
        os.makedirs(folder + name, exist_ok=True)
        os.chown(folder + name, server.uid, server.gid)
    for i in range(8001):
        with open(f"{folder}/cur/1700000000.M{i}P1.host:2,", "wb") as file:
            file.write(b"\n")
            os.fchown(file.fileno(), server.uid, server.gid)
    with new_fetch(server, user) as fetch:
        _, listed = start(fetch)
        assert listed == list(range(1, 8002))


def test_reconciles_and_counts_no_seen_flag(server, user):
    uids = server.append(user, "INBOX", mail(1), mail(2), mail(3))
    server.add_flags(user, "INBOX", uids[0], "\\Seen")
    with new_fetch(server, user, reconcile_s=1) as fetch:
        _, listed = start(fetch)
        assert listed == uids
        server.delete(user, "INBOX", uids[1])
        for _ in range(3):
            _, listed = fetch.wait_listing("INBOX", "FULL")
            if listed == [uids[0], uids[2]]:
                return
        pytest.fail("the deletion was never seen")


def test_polls_the_folders_that_are_also_read(server, user):
    server.create(user, "Junk")
    server.append(user, "Junk", mail("old"))
    with new_fetch(server, user, poll_s=1) as fetch:
        start(fetch)
        uidvalidity, listed = fetch.wait_listing("Junk", "FULL")
        assert listed == [1]
        assert server.append(user, "Junk", mail("new")) == [2]
        assert fetch.wait_listing("Junk", "NEW") == (uidvalidity, [2])
        server.delete(user, "Junk", 1)
        assert fetch.wait_listing("Junk", "FULL") == (uidvalidity, [2])
        assert fetch.read("Junk", uidvalidity, 2)[0] == mail("new")


def test_a_polled_folder_may_appear_later(server, user):
    with new_fetch(server, user, poll_s=1) as fetch:
        start(fetch)
        server.create(user, "Junk")
        server.append(user, "Junk", mail("late"))
        assert fetch.wait_listing("Junk")[1] == [1]


def test_news_comes_within_a_second_by_idle(server, user):
    with new_fetch(server, user, poll_s=600) as fetch:
        start(fetch)
        for i in range(3):
            begin = time.monotonic()
            server.append(user, "INBOX", mail(i))
            fetch.wait_listing("INBOX", "NEW")
            assert time.monotonic() - begin < 1.5


def test_polls_a_server_without_idle():
    with Dovecot(users=[USER], extra="imap_capability = IMAP4rev1 UIDPLUS MOVE") as server:
        with new_fetch(server, USER, poll_s=1) as fetch:
            fetch.start()
            assert fetch.wait_up()[3] & frames.FETCH_CAN_IDLE == 0
            fetch.wait_listing("INBOX", "FULL")
            server.append(USER, "INBOX", mail("new"))
            assert fetch.wait_listing("INBOX", "NEW", timeout=4)[1] == [1]


# --- UIDVALIDITY -----------------------------------------------------------------------------------------------------------


def test_a_changed_uidvalidity_freezes_the_folder_until_keep_answers(server, user):
    uids = server.append(user, "INBOX", mail(1), mail(2))
    real = server.status(user, "INBOX")["UIDVALIDITY"]
    with new_fetch(server, user, poll_s=1, reconcile_s=1) as fetch:
        fetch.start([("INBOX", real - 1, 7)])
        assert fetch.wait("FETCH_VALIDITY") == ["INBOX", real]
        with pytest.raises(TimeoutError):
            fetch.wait("FETCH_LISTED", timeout=2.5)
        assert not [name for name, _, _ in fetch.backlog if name == "FETCH_VALIDITY"], "told once"
        fetch.channel.send("FETCH_CURSOR", "INBOX", real, 0)
        assert fetch.wait_listing("INBOX", "FULL") == (real, uids)


def test_uidvalidity_changes_while_it_runs(server, user):
    server.create(user, "Junk")
    server.append(user, "Junk", mail(1), mail(2))
    with new_fetch(server, user, poll_s=1) as fetch:
        start(fetch)
        old, listed = fetch.wait_listing("Junk", "FULL")
        fetch.commit("Junk", old, listed)
        time.sleep(1.1)  # Dovecot takes a new UIDVALIDITY from the clock
        server.recreate(user, "Junk", [mail(3)])
        new = server.status(user, "Junk")["UIDVALIDITY"]
        assert new != old
        assert fetch.wait("FETCH_VALIDITY") == ["Junk", new]
        assert fetch.read("Junk", old, 1) == frames.FETCH_UNREAD_LATER, "an old UID must not be read as another message"
        fetch.channel.send("FETCH_CURSOR", "Junk", new, 0)
        assert fetch.wait_listing("Junk", "FULL") == (new, [1])
        assert fetch.read("Junk", new, 1)[0] == mail(3)


def test_orders_under_an_old_uidvalidity_do_nothing(server, user):
    server.append(user, "INBOX", mail(1))
    with new_fetch(server, user) as fetch:
        uidvalidity, _ = start(fetch)
        wrong = uidvalidity - 1
        assert fetch.ask("FETCH_MOVE", "INBOX", wrong, 1, URGENT, "")[0] == frames.FETCH_MOVED_NOTHING
        assert fetch.ask("FETCH_PROBE", "INBOX", wrong, 1)[0] == frames.FETCH_FOUND_LATER
        assert fetch.read("INBOX", wrong, 1) == frames.FETCH_UNREAD_LATER
        assert server.status(user, "INBOX")["MESSAGES"] == 1


# --- reading ---------------------------------------------------------------------------------------------------------------


def test_reads_bytes_as_they_are_and_leaves_seen_alone(server, user):
    wanted = mail("odd", "a\x01b caf\u00e9 " + "x" * 5000)
    server.append(user, "INBOX", wanted, mail("read"), flags=None)
    server.add_flags(user, "INBOX", 2, "\\Seen")
    with new_fetch(server, user) as fetch:
        uidvalidity, _ = start(fetch)
        data, cut, seen, date = fetch.read("INBOX", uidvalidity, 1)
        assert (data, cut, seen) == (wanted, False, False)
        assert abs(date / 1000 - time.time()) < 60
        assert fetch.read("INBOX", uidvalidity, 2)[2] is True
        assert fetch.stop() == 0
    flags = {place[0].uid: place[0].flags for place in server.contents(user, ["INBOX"]).values()}
    assert "\\Seen" not in flags[1] and "\\Seen" in flags[2]


def test_the_message_cannot_be_changed_afterwards(server, user):
    server.append(user, "INBOX", mail(1))
    with new_fetch(server, user) as fetch:
        uidvalidity, _ = start(fetch)
        order = fetch.send("FETCH_READ", "INBOX", uidvalidity, 1)
        _, _, fd = fetch.wait_any(("FETCH_MESSAGE",), order)
        for change in (lambda: os.write(fd, b"x"), lambda: os.pwrite(fd, b"x", 0), lambda: os.ftruncate(fd, 0)):
            with pytest.raises(PermissionError):
                change()
        os.close(fd)


def test_cuts_a_message_at_the_cap(server, user):
    cap = 100_000
    server.append(user, "INBOX", mail("long", "y" * 300_000), mail("fits", "z" * 1000), mail("huge", "w" * 20_000_000))
    with new_fetch(server, user, message_cap=cap) as fetch:
        uidvalidity, _ = start(fetch)
        data, cut, _, _ = fetch.read("INBOX", uidvalidity, 1)
        assert cut and len(data) == cap and mail("long", "y" * 300_000).startswith(data)
        assert fetch.read("INBOX", uidvalidity, 2)[1] is False
        # Past what is worth draining: the connection goes, and only the beginning is asked for on the next one.
        data, cut, _, _ = fetch.read("INBOX", uidvalidity, 3, timeout=30)
        assert cut and len(data) == cap and data.startswith(b"Message-ID: <huge@")
        assert fetch.read("INBOX", uidvalidity, 2)[1] is False


def test_a_vanished_message_is_gone(server, user):
    uids = server.append(user, "INBOX", mail(1), mail(2))
    with new_fetch(server, user) as fetch:
        uidvalidity, _ = start(fetch)
        server.delete(user, "INBOX", uids[0])
        assert fetch.read("INBOX", uidvalidity, uids[0]) == frames.FETCH_UNREAD_GONE
        assert fetch.read("INBOX", uidvalidity, 999) == frames.FETCH_UNREAD_GONE
        assert fetch.ask("FETCH_PROBE", "INBOX", uidvalidity, uids[0]) == [frames.FETCH_FOUND_NO]
        assert fetch.ask("FETCH_PROBE", "INBOX", uidvalidity, uids[1]) == [frames.FETCH_FOUND_YES]


def test_reads_many_and_answers_each_once(server, user):
    wanted = {uid: mail(uid, "t" * (uid * 37 % 5000)) for uid in range(1, 301)}
    server.append(user, "INBOX", *wanted.values())
    with new_fetch(server, user) as fetch:
        uidvalidity, listed = start(fetch)
        orders = {fetch.send("FETCH_READ", "INBOX", uidvalidity, uid): uid for uid in listed}
        move = fetch.send("FETCH_MOVE", "INBOX", uidvalidity, 300, URGENT, "")
        before_the_move = 0
        moved = False
        while orders:
            name, values, fd = fetch.next()
            if name == "FETCH_MOVED":
                assert values[0] == move
                moved = True
                continue
            uid = orders.pop(values[0])
            before_the_move += not moved
            if uid == 300 and name == "FETCH_UNREAD":
                assert values[1] == frames.FETCH_UNREAD_GONE
                continue
            assert name == "FETCH_MESSAGE"
            assert os.pread(fd, values[1], 0) == wanted[uid]
            os.close(fd)
        assert moved and before_the_move < 299, "a move does not wait behind all reads"


# --- moving ----------------------------------------------------------------------------------------------------------------


def test_moves_with_a_keyword_and_names_the_copy(server, user):
    server.append(user, "INBOX", mail("urgent"))
    with new_fetch(server, user) as fetch:
        uidvalidity, _ = start(fetch)
        known, target, uidnext = fetch.ask("FETCH_STATUS", URGENT)
        assert (known, uidnext) == (1, 1)
        assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, URGENT, "$AttuneNow") == [frames.FETCH_MOVED_MOVED, target, 1]
        assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, URGENT, "") == [frames.FETCH_MOVED_NOTHING, 0, 0]
    place, = server.contents(user)["<urgent@example.org>"]
    assert place.folder == URGENT and "$AttuneNow" in place.flags and "\\Seen" not in place.flags


def test_makes_a_missing_destination_again(server, user):
    server.append(user, "INBOX", mail(1))
    with new_fetch(server, user) as fetch:
        uidvalidity, _ = start(fetch)
        with server.client(user) as person:
            person.delete(URGENT)
        assert fetch.ask("FETCH_STATUS", URGENT)[0] == 0
        assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, URGENT, "")[0] == frames.FETCH_MOVED_MOVED
    with server.client(user) as person:
        assert any(URGENT.encode() in line for line in person.lsub()[1]), "subscribed, so that mail programs show it"


def test_a_missing_destination_that_may_not_be_made_is_a_refusal(server, user):
    server.append(user, "INBOX", mail(1))
    with new_fetch(server, user, create=False) as fetch:
        fetch.start()
        assert fetch.wait_up()[1] == frames.FETCH_WHY_FOLDER
        uidvalidity, _ = fetch.wait_listing("INBOX", "FULL")
        assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, URGENT, "") == [frames.FETCH_MOVED_REFUSED, 0, 0]
    assert server.status(user, "INBOX")["MESSAGES"] == 1


@pytest.mark.parametrize("name", ["B\u00fcro/Gr\u00f6\u00dfe & Co", "\u0421\u0440\u043e\u0447\u043d\u043e", 'quote " inside', "back\\slash",
                                  "\U0001f49a", "a&b"])
def test_folder_names_of_all_kinds(server, user, name):
    server.append(user, "INBOX", mail("named"))
    with new_fetch(server, user, folders=(("INBOX", "IDLE"), (name, "NONE"))) as fetch:
        uidvalidity, _ = start(fetch)
        assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, name, "")[0] == frames.FETCH_MOVED_MOVED
    listed = server.doveadm("mailbox", "list", "-8", "-u", user)
    assert name in listed.splitlines()


@pytest.mark.parametrize("name", ["two\r\nlines", "tab\tbed", "", "bad\udcff"], ids=["two-lines", "tab", "empty", "no-utf8"])
def test_refuses_folder_names_that_would_be_commands(server, name):
    with new_fetch(server, USER, folders=(("INBOX", "IDLE"), (name.encode(errors="surrogateescape"), "NONE"))) as fetch:
        fetch.channel.send("FETCH_SETUP", raw=fetch.setup_body(), fd=fetch.password.fileno())
        assert fetch.process.wait(5) == 1


@pytest.mark.parametrize("keyword", ["two words", "par(en", "\\Seen", "new\r\nline", "x" * 65])
def test_refuses_keywords_that_are_none(server, user, keyword):
    with new_fetch(server, user) as fetch:
        uidvalidity, _ = start(fetch)
        fetch.send("FETCH_MOVE", "INBOX", uidvalidity, 1, URGENT, keyword)
        assert fetch.process.wait(5) == 1


def test_copies_and_removes_on_a_server_without_move():
    with Dovecot(users=[USER], extra="imap_capability = IMAP4rev1 UIDPLUS IDLE") as server:
        server.append(USER, "INBOX", mail(1), mail(2), mail(3))
        server.add_flags(USER, "INBOX", 2, "\\Deleted")  # a person's, not ours to expunge
        with new_fetch(server, USER) as fetch:
            uidvalidity, _ = start(fetch)
            outcome, target, uid = fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, URGENT, "")
            assert (outcome, uid) == (frames.FETCH_MOVED_MOVED, 1) and target
            assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 99, URGENT, "")[0] == frames.FETCH_MOVED_NOTHING
        found = server.contents(USER)
        assert [(place.folder, place.uid) for places in found.values() for place in places] == [(URGENT, 1), ("INBOX", 2), ("INBOX", 3)]


def test_without_move_and_uidplus_nothing_is_moved():
    with Dovecot(users=[USER], extra="imap_capability = IMAP4rev1 IDLE") as server:
        server.append(USER, "INBOX", mail(1))
        with new_fetch(server, USER) as fetch:
            uidvalidity, _ = start(fetch)
            assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, URGENT, "")[0] == frames.FETCH_MOVED_REFUSED
        assert server.status(USER, "INBOX")["MESSAGES"] == 1


def test_finds_a_message_by_its_fingerprint(server, user):
    same_size = [mail("one", "aaaa"), mail("two", "bbbb"), mail("six", "cccc")]
    server.append(user, "INBOX", *same_size, mail("longer", "ddddddd"))
    with new_fetch(server, user) as fetch:
        uidvalidity, _ = start(fetch)

        def find(data, start_at=1, size=None):
            return fetch.ask("FETCH_FIND", "INBOX", start_at, hashlib.sha256(data).digest(), size or len(data))

        assert find(same_size[1]) == [frames.FETCH_FOUND_YES, uidvalidity, 2]
        assert find(same_size[1], 3) == [frames.FETCH_FOUND_NO, 0, 0]
        assert find(mail("longer", "ddddddd"), size=3) == [frames.FETCH_FOUND_YES, uidvalidity, 4], "the size is a hint only"
        assert find(mail("never")) == [frames.FETCH_FOUND_NO, 0, 0]
        assert fetch.ask("FETCH_FIND", URGENT, 1, bytes(32), 1) == [frames.FETCH_FOUND_NO, 0, 0]
        with server.client(user) as person:
            person.delete(URGENT)
        assert fetch.ask("FETCH_FIND", URGENT, 1, bytes(32), 1) == [frames.FETCH_FOUND_NO, 0, 0]


# --- lost replies ----------------------------------------------------------------------------------------------------------


class Cutter:
    """A TCP proxy. After `cut_after` was seen from the client, the server's bytes no longer pass, and a moment later both
    ends are closed: the command was carried out and its reply is lost."""

    def __init__(self, port, cut_after):
        self.target, self.cut_after, self.cuts = port, cut_after, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self.target))
            state = {"cut": False}
            threading.Thread(target=self.pump, args=(client, upstream, state, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(upstream, client, state, False), daemon=True).start()

    def pump(self, source, sink, state, from_client):
        try:
            while data := source.recv(65536):
                if from_client and self.cut_after and self.cut_after in data:
                    state["cut"] = True
                    self.cut_after = None
                    sink.sendall(data)
                    time.sleep(0.3)
                    self.cuts += 1
                    break
                if not from_client and state["cut"]:
                    continue
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def test_a_move_whose_reply_is_lost_can_be_resolved(server, user):
    message = mail("once")
    server.append(user, "INBOX", message)
    proxy = Cutter(server.port, b"UID MOVE")
    try:
        with new_fetch(server, user, port=proxy.port) as fetch:
            uidvalidity, _ = start(fetch)
            _, target, uidnext = fetch.ask("FETCH_STATUS", URGENT)
            assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, URGENT, "") == [frames.FETCH_MOVED_UNKNOWN, 0, 0]
            assert proxy.cuts == 1
            assert fetch.wait_down()[1] == frames.FETCH_WHY_CONNECT
            # What keep does then: is it still there? If not, is it in the destination?
            assert fetch.ask("FETCH_PROBE", "INBOX", uidvalidity, 1) == [frames.FETCH_FOUND_NO]
            assert fetch.ask("FETCH_FIND", URGENT, uidnext, hashlib.sha256(message).digest(), len(message)) == [
                frames.FETCH_FOUND_YES, target, 1]
            assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, URGENT, "")[0] == frames.FETCH_MOVED_NOTHING
        assert len(server.contents(user)["<once@example.org>"]) == 1
    finally:
        proxy.close()


def test_a_read_whose_reply_is_lost_is_later_and_then_read(server, user):
    server.append(user, "INBOX", mail(1))
    proxy = Cutter(server.port, b"UID FETCH 1 ")
    try:
        with new_fetch(server, user, port=proxy.port) as fetch:
            uidvalidity, _ = start(fetch)
            assert fetch.read("INBOX", uidvalidity, 1) == frames.FETCH_UNREAD_LATER
            assert fetch.wait_down()[2] <= 2000
            assert fetch.read("INBOX", uidvalidity, 1)[0] == mail(1)
            fetch.wait_up()
    finally:
        proxy.close()


def test_comes_back_and_lists_what_came_meanwhile(server, user):
    with new_fetch(server, user) as fetch:
        uidvalidity, _ = start(fetch)
        server.drop_connections()
        server.append(user, "INBOX", mail("meanwhile"))
        assert fetch.wait_down()[1] == frames.FETCH_WHY_CONNECT
        assert fetch.wait_listing("INBOX", "FULL", timeout=15) == (uidvalidity, [1])


# --- TLS and login -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["IMPLICIT", "STARTTLS"])
def test_reads_and_moves_over_tls(server, user, tls):
    server.append(user, "INBOX", *[mail(i, "x" * 20000) for i in range(20)])
    port = server.tls_port if tls == "IMPLICIT" else server.port
    with new_fetch(server, user, host="localhost", port=port, tls=tls, ca_file=server.ca_file) as fetch:
        uidvalidity, listed = start(fetch)
        assert listed == list(range(1, 21))
        orders = [fetch.send("FETCH_READ", "INBOX", uidvalidity, uid) for uid in listed]
        for order in orders:
            _, values, fd = fetch.wait_any(("FETCH_MESSAGE",), order)
            assert values[1] > 20000
            os.close(fd)
        assert fetch.ask("FETCH_MOVE", "INBOX", uidvalidity, 1, URGENT, "$AttuneNow")[0] == frames.FETCH_MOVED_MOVED
        new = server.append(user, "INBOX", mail("news"))
        assert fetch.wait_listing("INBOX", "NEW") == (uidvalidity, new)


def test_a_large_bundle_of_authorities_is_not_kept(server, user, tmp_path):
    with open("/etc/ssl/certs/ca-certificates.crt", encoding="ascii") as system, open(server.ca_file, encoding="ascii") as own:
        (tmp_path / "bundle.pem").write_text(system.read() + own.read())
    with new_fetch(server, user, host="localhost", port=server.tls_port, tls="IMPLICIT", ca_file=str(tmp_path / "bundle.pem")) as fetch:
        start(fetch)
        with open(f"/proc/{fetch.process.pid}/status", encoding="ascii") as status:
            anonymous = next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
        if "asan" not in os.environ.get("ATTUNED", ""):
            assert anonymous < 7000, "kB; two connections would hold 4 MB of certificates each"
        server.append(user, "INBOX", mail("after"))
        assert fetch.wait_listing("INBOX", "NEW")[1] == [1]


@pytest.mark.parametrize("tls", ["IMPLICIT", "STARTTLS"])
def test_an_unknown_authority_is_refused(server, user, tls, tmp_path):
    stranger = Authority(tmp_path / "stranger")
    port = server.tls_port if tls == "IMPLICIT" else server.port
    with new_fetch(server, user, host="localhost", port=port, tls=tls, ca_file=stranger.ca_file) as fetch:
        fetch.start()
        assert fetch.wait_down()[1] == frames.FETCH_WHY_TLS
        assert f"user=<{user}>" not in server.log(), "no password over such a connection"


@pytest.mark.parametrize("tls", ["IMPLICIT", "STARTTLS"])
def test_a_wrong_name_is_refused(user, tls, server):
    with Dovecot(users=[USER]) as other:
        other.stop()
        other.use_certificate(other.authority.issue("elsewhere", "DNS:mail.example.org"))
        other.start()
        port = other.tls_port if tls == "IMPLICIT" else other.port
        with new_fetch(other, USER, host="localhost", port=port, tls=tls, ca_file=other.ca_file) as fetch:
            fetch.start()
            assert fetch.wait_down()[1] == frames.FETCH_WHY_TLS


def test_starttls_that_is_not_offered_is_refused():
    with Dovecot(users=[USER], extra="ssl = no") as server:
        with new_fetch(server, USER, host="localhost", tls="STARTTLS", ca_file=server.ca_file) as fetch:
            fetch.start()
            assert fetch.wait_down()[1] == frames.FETCH_WHY_TLS


def test_plaintext_leaves_loopback_never(server, user):
    with new_fetch(server, user, host="192.0.2.1") as fetch:
        fetch.start()
        begin = time.monotonic()
        assert fetch.wait_down()[1] == frames.FETCH_WHY_TLS
        assert time.monotonic() - begin < 5, "refused, not timed out"


def test_a_wrong_password_waits_a_quarter_of_an_hour(server, user):
    with new_fetch(server, user, password="wrong") as fetch:
        fetch.start()
        values = fetch.wait_down()
        assert values[1:3] == [frames.FETCH_WHY_CREDENTIALS, 15 * 60 * 1000]
        with pytest.raises(TimeoutError):
            fetch.wait("FETCH_LINK", timeout=3, where=lambda v: True)


def test_passwords_of_all_kinds():
    passwords = ['with "quotes" and \\slashes\\', "umlaut-\u00fc", "trailing newline\n"]
    folder = tempfile.mkdtemp(prefix="attune-passwords-")
    try:
        with open(f"{folder}/users", "w", encoding="utf-8") as file:
            for number, password in enumerate(passwords):
                file.write(f"odd{number}:{{PLAIN}}{password.strip()}\n")
        os.chmod(folder, 0o755)
        os.chmod(file.name, 0o644)
        with Dovecot(extra=f"passdb {{\n driver = passwd-file\n args = {file.name}\n}}") as server:
            for number, password in enumerate(passwords):
                server.add_user(f"odd{number}")
                with new_fetch(server, f"odd{number}", password=password) as fetch:
                    start(fetch)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("password", [b"", b"\n", b"two\nlines", b"nul\0inside", b"x" * 5000],
                         ids=["empty", "newline", "two-lines", "nul", "too-long"])
def test_password_files_that_cannot_be(server, password):
    with new_fetch(server, USER, password=password) as fetch:
        fetch.channel.send("FETCH_SETUP", raw=fetch.setup_body(), fd=fetch.password.fileno())
        assert fetch.process.wait(5) == 1


def test_nothing_listens_there(server):
    with new_fetch(server, USER, port=free_port()) as fetch:
        fetch.start()
        values = fetch.wait_down()
        assert values[1] == frames.FETCH_WHY_CONNECT and values[2] <= 2000


# --- the process -------------------------------------------------------------------------------------------------------------


def test_beats_and_ends_with_keep(server, user):
    with new_fetch(server, user) as fetch:
        start(fetch)
        begin = time.monotonic()
        while not [beat for beat in fetch.beats if beat[0] > begin and beat[1] == 0]:
            try:
                fetch.next(0.5)
            except TimeoutError:
                assert time.monotonic() - begin < 7
        fetch.channel.socket.close()
        assert fetch.process.wait(5) in (0, 1)


@pytest.mark.parametrize("frame", [("FETCH_START", b""), ("FETCH_READ", b"short"), ("FETCH_CURSOR", frames.pack("sII", "Nowhere", 1, 1)),
                                   ("FETCH_READ", frames.pack("QsII", 1, "INBOX", 1, 0)), ("BEAT", b"\0\0\0\0")])
def test_a_frame_that_makes_no_sense_ends_the_process(server, user, frame):
    with new_fetch(server, user) as fetch:
        start(fetch)
        fetch.channel.send(frame[0], raw=frame[1])
        assert fetch.process.wait(5) == 1


def test_the_password_is_not_in_the_log_and_no_file_appears(server, user, tmp_path):
    server.append(user, "INBOX", mail("private"))
    with new_fetch(server, user, folder=str(tmp_path)) as fetch:
        uidvalidity, _ = start(fetch)
        fetch.read("INBOX", uidvalidity, 1)
        assert fetch.stop() == 0
        assert server.passwords[user] not in fetch.log() and "private" not in fetch.log() and user not in fetch.log()
    assert list(tmp_path.iterdir()) == []


def test_a_host_name_is_resolved_inside_the_sandbox(server, user):
    """`localhost` may be answered without the resolver: ask for the machine's own name, which needs its files. Debian gives
    it 127.0.1.1, others an address of the network: whoever comes there has resolved it."""
    name = socket.gethostname()
    try:
        listener = socket.create_server((socket.gethostbyname(name), 0))
    except OSError:
        pytest.skip("this machine cannot resolve its own name to an address of its own")
    with listener, new_fetch(server, user, host=name, port=listener.getsockname()[1]) as fetch:
        listener.settimeout(20)
        fetch.start()
        listener.accept()[0].close()

