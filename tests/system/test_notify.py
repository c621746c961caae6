"""The notify role alone, as keep would run it: frames over a socketpair on descriptor 3, real HTTP and TLS on loopback."""
import base64
import collections
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from certificates import Authority  # noqa: E402
from frames import BODIES, TYPES, Channel, Gone, pack  # noqa: E402
from webhook_receiver import Receiver, verify  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ATTUNED = os.path.join(ROOT, os.environ.get("ATTUNE_BUILD", "build"), "attuned")

ACCEPTED, RETRY, REJECTED, REFUSED = 1, 2, 3, 4   # enum notify_outcome of frames.h
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SOCKETS_HOLD = 16 * 1024 * 1024   # what the kernel takes from a sender on loopback whether or not anybody reads
LONGEST_PAGE_S = 10       # a page's whole time; tests wait a little more
KINDS = {"webhook": 0, "mail": 1}   # enum notify_kind
TLS = {"starttls": 0, "implicit": 1, "none": 2}   # enum smtp_tls
Result = collections.namedtuple("Result", "row outcome status retry_after")


BODIES.update({"NOTIFY_SMTP": "sBss", "NOTIFY_STAFF": "Bsss", "NOTIFY_START": "s", "NOTIFY_READY": "", "NOTIFY_SEND": "QBsssss", "NOTIFY_RESULT": "QBHI"})


class Notify:
    """The role and our end of its socket. `staff`: (person, channel, url[, secret]). `inside`: a command to run it by."""

    def __init__(self, staff, ca_file="", start=True, inside=()):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel = Channel(ours)
        self.beats = 0
        self.results = {}
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([*inside, "/bin/bash", "-c", f'exec "$0" --role notify 3<&{theirs.fileno()}', ATTUNED],
                                        env={"LANG": "C.UTF-8"}, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.log)
        theirs.close()
        for entry in staff:
            self.add(*entry)
        if start:
            self.start(ca_file)

    def start(self, ca_file=""):
        self.channel.send("NOTIFY_START", ca_file)
        assert self.wait_frame("NOTIFY_READY") == [], self.log_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.socket.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def add_server(self, url, tls, user, sender, password):
        with tempfile.TemporaryFile() as file:
            file.write(password.encode())
            file.flush()
            self.channel.send("NOTIFY_SMTP", url, TLS[tls], user, sender, fd=file.fileno())

    def add(self, person, channel, url, secret=SECRET, kind="webhook"):
        with tempfile.TemporaryFile() as file:
            file.write(secret.encode() if isinstance(secret, str) else secret)
            file.flush()
            self.channel.send("NOTIFY_STAFF", KINDS[kind], person, channel, url, fd=file.fileno())

    def page(self, row, person, channel, url, identity="msg_1", body='{"case":"abc"}', kind="webhook"):
        self.channel.send("NOTIFY_SEND", row, KINDS[kind], person, channel, url, identity, body)

    def receive(self, seconds):
        """(name, values), or None at the end of time or of the process."""
        try:
            name, values, _ = self.channel.receive(seconds)
        except (TimeoutError, Gone, ConnectionResetError):   # reset: it ended with frames unread
            return None
        self.beats += name == "BEAT"
        return name, values

    def wait_frame(self, name, seconds=10):
        """The values of the next frame called so, or None."""
        until = time.monotonic() + seconds
        while frame := self.receive(until - time.monotonic()):
            if frame[0] == name:
                return frame[1]
        return None

    def wait_result(self, row, seconds=LONGEST_PAGE_S + 5):
        until = time.monotonic() + seconds
        while row not in self.results:
            values = self.wait_frame("NOTIFY_RESULT", until - time.monotonic())
            assert values, f"no result for {row}: {self.log_text()}"
            result = Result(*values)
            assert result.row not in self.results, "a page was answered twice"
            self.results[result.row] = result
        return self.results[row]

    def ends(self, seconds=15):
        """The exit status, after its end."""
        while self.receive(seconds):
            pass
        return self.process.wait(seconds)

    def log_text(self):
        self.log.seek(0)
        return self.log.read().decode()


@pytest.fixture
def receiver():
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def one(receiver, **settings):
    return Notify([("ana", "phone", receiver.url())], **settings)


def only_page(receiver, row=1, **settings):
    with one(receiver) as notify:
        notify.page(row, "ana", "phone", receiver.url(), **settings)
        return notify.wait_result(row)


# --- what arrives ---

def test_a_page_is_signed_and_thin(receiver):
    body = '{"case":"k3v","urgency":"now","mailbox":"sprijin-ă"}'
    with one(receiver) as notify:
        notify.page(7, "ana", "phone", receiver.url(), "msg_a-B9", body)
        assert notify.wait_result(7) == (7, ACCEPTED, 200, 0)
        request, = receiver.requests
        assert (request["method"], request["path"], request["body"]) == ("POST", "/hook", body)
        assert request["headers"]["webhook-id"] == "msg_a-B9"
        assert request["headers"]["content-type"] == "application/json"
        assert request["headers"]["user-agent"].startswith("attune/")
        assert abs(int(request["headers"]["webhook-timestamp"]) - time.time()) < 60
        assert verify(SECRET, request["headers"], body)
        assert not verify(SECRET, request["headers"], body + " ")
        assert not verify("whsec_" + base64.b64encode(b"x" * 32).decode(), request["headers"], body)
        assert set(request["headers"]) == {"host", "user-agent", "accept", "content-type", "content-length", "webhook-id",
                                           "webhook-timestamp", "webhook-signature"}


def test_a_raw_secret_signs_as_its_bytes(receiver):
    raw = bytes(range(128, 160))
    with Notify([("ana", "phone", receiver.url(), raw)]) as notify:
        notify.page(1, "ana", "phone", receiver.url())
        assert notify.wait_result(1).outcome == ACCEPTED
    request, = receiver.requests
    assert verify(raw, request["headers"], request["body"])


def test_an_unusable_secret_costs_its_channel_only(receiver):
    staff = [("ana", "phone", receiver.url(), "short"), ("ben", "phone", receiver.url())]
    with Notify(staff) as notify:
        notify.page(1, "ana", "phone", receiver.url())
        notify.page(2, "ben", "phone", receiver.url())
        assert notify.wait_result(1) == (1, REJECTED, 0, 0)
        assert notify.wait_result(2).outcome == ACCEPTED
        assert "event=secret-unusable person=ana" in notify.log_text()
    assert len(receiver.requests) == 1


def test_the_same_page_again_carries_the_same_id(receiver):
    receiver.script("500", "200")
    with one(receiver) as notify:
        notify.page(1, "ana", "phone", receiver.url(), "msg_same")
        assert notify.wait_result(1) == (1, RETRY, 500, 0)
        notify.page(2, "ana", "phone", receiver.url(), "msg_same")
        assert notify.wait_result(2) == (2, ACCEPTED, 200, 0)
    assert [request["headers"]["webhook-id"] for request in receiver.requests] == ["msg_same", "msg_same"]


# --- how answers are judged ---

@pytest.mark.parametrize("answer, outcome, status, retry_after", [
    ("200", ACCEPTED, 200, 0), ("202", ACCEPTED, 202, 0), ("204", ACCEPTED, 204, 0),
    ("301", REJECTED, 301, 0), ("400", REJECTED, 400, 0), ("401", REJECTED, 401, 0), ("404", REJECTED, 404, 0),
    ("410", REJECTED, 410, 0), ("408", RETRY, 408, 0), ("425", RETRY, 425, 0), ("429", RETRY, 429, 0),
    ("500", RETRY, 500, 0), ("503", RETRY, 503, 0), ("599", RETRY, 599, 0), ("600", REJECTED, 600, 0),
    ("429 Retry-After: 7", RETRY, 429, 7), ("503 Retry-After: 300", RETRY, 503, 300),
    ("503 Retry-After: 301", RETRY, 503, 300), ("503 Retry-After: 99999999999999", RETRY, 503, 300),
    ("503 Retry-After: 99999999999999999999", RETRY, 503, 0), ("503 Retry-After: -5", RETRY, 503, 0), ("503 Retry-After: soon", RETRY, 503, 0),
    ("503 Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", RETRY, 503, 0),
    ("503 Retry-After: Wed, 21 Oct 2065 07:28:00 GMT", RETRY, 503, 300),
    ("200 Retry-After: 7", ACCEPTED, 200, 0),
])
def test_statuses(answer, outcome, status, retry_after):
    with Receiver(answer=answer) as receiver:
        result = only_page(receiver)
    assert (result.outcome, result.status) == (outcome, status)
    assert result.retry_after == retry_after


def test_a_date_to_come_back_at_is_honoured():
    when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    with Receiver(answer=f"503 Retry-After: {when}") as receiver:
        assert 50 <= only_page(receiver).retry_after <= 61


def test_a_redirect_is_not_followed(receiver):
    with Receiver() as elsewhere:
        receiver.answer = f"redirect {elsewhere.url()}"
        assert only_page(receiver) == (1, REJECTED, 308, 0)
        assert elsewhere.connections == 0


@pytest.mark.parametrize("answer", ["big 200000000", "headers 200000000", "cut"])
def test_what_follows_a_status_changes_nothing(receiver, answer):
    """Accepted is accepted: ringing again because the rest of the answer is odd would wake somebody for nothing."""
    receiver.answer = answer
    assert only_page(receiver) == (1, ACCEPTED, 200, 0)
    assert receiver.poured < SOCKETS_HOLD    # cut off at the limits, not read to its end


@pytest.mark.parametrize("answer", ["close", "informational"])
def test_no_status_is_no_acceptance(receiver, answer):
    receiver.answer = answer
    assert only_page(receiver) == (1, RETRY, 0, 0)
    assert receiver.poured < SOCKETS_HOLD


def test_slow_receivers_meet_the_deadline():
    with Receiver(answer="hang") as hanging, Receiver(answer="drip") as dripping:
        with Notify([("ana", "phone", hanging.url()), ("ben", "phone", dripping.url())]) as notify:
            hanging.script("200")
            notify.page(3, "ana", "phone", hanging.url())    # so that the next one meets an open connection
            assert notify.wait_result(3).outcome == ACCEPTED
            started = time.monotonic()
            notify.page(1, "ana", "phone", hanging.url())
            notify.page(2, "ben", "phone", dripping.url())
            assert notify.wait_result(1) == (1, RETRY, 0, 0)
            assert notify.wait_result(2) == (2, RETRY, 0, 0)
            assert 9 < time.monotonic() - started < LONGEST_PAGE_S + 2
            assert notify.beats >= 2    # the heart goes on meanwhile
            assert notify.log_text().count("why=deadline") == 2


def test_a_receiver_that_is_down_and_comes_up(receiver):
    with one(receiver) as notify:
        receiver.down()
        notify.page(1, "ana", "phone", receiver.url())
        assert notify.wait_result(1) == (1, RETRY, 0, 0)
        receiver.up()
        notify.page(2, "ana", "phone", receiver.url())
        assert notify.wait_result(2).outcome == ACCEPTED


def test_a_name_that_does_not_resolve(receiver):
    url = "https://pager.invalid/hook"   # RFC 6761: never resolves
    with Notify([("ana", "phone", url), ("ben", "phone", receiver.url())]) as notify:
        notify.page(1, "ana", "phone", url)
        notify.page(2, "ben", "phone", receiver.url())
        assert notify.wait_result(2, 5).outcome == ACCEPTED   # nobody waits for another's lookup
        assert notify.wait_result(1)[:3] == (1, RETRY, 0)


@pytest.fixture
def silent_names(tmp_path):
    """A command that runs another where every name server is silent. Needs a namespace of its own and port 53."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        server.bind(("127.0.0.77", 53))
    except PermissionError:
        pytest.skip("only root may listen on port 53")
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.77\nnameserver 127.0.0.77\n")
    command = ["unshare", "--mount", "/bin/bash", "-c", f'mount --bind {resolver} /etc/resolv.conf && exec "$@"', "-"]
    if subprocess.run([*command, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("no mount namespace can be made here")
    yield command
    server.close()


def test_silent_name_servers_hold_up_nobody(receiver, silent_names):
    url = "https://pager.example.org/hook"
    with Notify([("ana", "phone", url), ("ben", "phone", receiver.url())], inside=silent_names) as notify:
        started = time.monotonic()
        notify.page(1, "ana", "phone", url)
        time.sleep(0.5)
        notify.page(2, "ben", "phone", receiver.url())
        assert notify.wait_result(2, 3).outcome == ACCEPTED
        assert notify.wait_result(1) == (1, RETRY, 0, 0)
        assert 4 < time.monotonic() - started < 7   # the connection's time, not the resolver's own
        assert notify.wait_frame("BEAT", 6) is not None
        assert "why=name" in notify.log_text()


# --- whom it does not reach ---

@pytest.mark.parametrize("person, channel, path", [
    ("ben", "phone", "/hook"), ("ana", "mail", "/hook"), ("ana", "phone", "/hook2"), ("ana", "phone", "/hoo"),
    ("", "", ""), ("ana\0", "phone", "/hook"), ("ana", "tablet", "/hook")])
def test_only_staff_is_reached(receiver, person, channel, path):
    staff = [("ana", "phone", receiver.url("/hook")), ("cyd", "tablet", receiver.url("/hook"))]
    with Notify(staff) as notify:
        notify.page(1, person, channel, receiver.url(path))
        assert notify.wait_result(1) == (1, REFUSED, 0, 0)
        assert receiver.connections == 0
        notify.page(2, "ana", "phone", receiver.url("/hook"))   # and the list still stands
        assert notify.wait_result(2).outcome == ACCEPTED


def test_a_local_name_that_is_elsewhere_gets_nothing_in_the_clear():
    """http:// is for loopback by the real address. 127.0.0.1 only looks like one here: the list itself refuses others."""
    with Notify([("ana", "phone", "http://pager.example.org/hook")], start=False) as notify:
        assert notify.ends() == 1


@pytest.mark.parametrize("identity", ["", "a b", "a\r\nX-Header: 1", "a.b", "x" * 129, "é"])
def test_an_id_that_could_forge_a_header_is_not_sent(receiver, identity):
    assert only_page(receiver, identity=identity) == (1, REJECTED, 0, 0)
    assert receiver.connections == 0


# --- TLS ---

def tls_page(authority, ca_file, names="DNS:localhost,IP:127.0.0.1", host=None):
    with Receiver(tls=authority.issue(f"server-{time.monotonic_ns()}", names)) as receiver:
        url = receiver.url(host=host)
        with Notify([("ana", "phone", url)], ca_file=ca_file) as notify:
            notify.page(1, "ana", "phone", url)
            result = notify.wait_result(1)
        assert bool(receiver.requests) == (result.outcome == ACCEPTED)
        return result, notify.log_text()


def test_a_trusted_server_is_paged(authority):
    assert tls_page(authority, authority.ca_file)[0] == (1, ACCEPTED, 200, 0)


def test_a_strange_authority_is_refused(authority, tmp_path):
    result, log = tls_page(authority, Authority(tmp_path / "other", "Other").ca_file)
    assert result == (1, RETRY, 0, 0)
    assert "why=certificate" in log


def test_the_systems_bundle_does_not_trust_the_test(authority):
    assert tls_page(authority, "")[0] == (1, RETRY, 0, 0)


def test_a_wrong_name_is_refused(authority):
    result, log = tls_page(authority, authority.ca_file, names="DNS:pager.example.org")
    assert result == (1, RETRY, 0, 0)
    assert "why=certificate" in log


def test_plain_http_on_a_tls_port_is_refused(authority, receiver):
    url = receiver.url().replace("http:", "https:")
    with Notify([("ana", "phone", url)], ca_file=authority.ca_file) as notify:
        notify.page(1, "ana", "phone", url)
        assert notify.wait_result(1).outcome == RETRY
    assert receiver.requests == []


# --- many at once ---

def test_a_hanging_receiver_does_not_hold_up_others(receiver):
    with Receiver(answer="hang") as stuck:
        with Notify([("ana", "phone", stuck.url()), ("ben", "phone", receiver.url())]) as notify:
            for row in range(1, 41):
                notify.page(row, "ana", "phone", stuck.url(), f"msg_{row}")
            for row in range(101, 301):
                notify.page(row, "ben", "phone", receiver.url(), f"msg_{row}")
            for row in range(101, 301):
                assert notify.wait_result(row, 8).outcome == ACCEPTED
            assert stuck.connections <= 4
            for row in range(1, 41):
                assert notify.wait_result(row).outcome == RETRY   # 4 were tried for 10 s, the rest went back after 5 s
    assert len({request["headers"]["webhook-id"] for request in receiver.requests}) == 200


def test_a_flood_is_bounded_and_all_of_it_answered():
    with Receiver(answer="hang") as stuck, Notify([("ana", "phone", stuck.url())]) as notify:
        for row in range(1, 1101):
            notify.page(row, "ana", "phone", stuck.url(), f"msg_{row}")
        assert notify.wait_result(1100, 5) == (1100, RETRY, 0, 5)   # no room: back to the outbox
        notify.channel.send("STOP")
        started = time.monotonic()
        for row in range(1, 1101):
            assert notify.wait_result(row).outcome == RETRY
        assert time.monotonic() - started < LONGEST_PAGE_S + 2
        assert notify.ends() == 0


# --- its life ---

def test_it_beats_while_idle(receiver):
    with one(receiver) as notify:
        until = time.monotonic() + 6
        while time.monotonic() < until:
            notify.receive(until - time.monotonic())
        assert notify.beats >= 2


def test_stop_lets_a_page_arrive(receiver):
    receiver.answer = "late 2"
    with one(receiver) as notify:
        notify.page(1, "ana", "phone", receiver.url())
        receiver.wait_for(1)
        notify.channel.send("STOP")
        assert notify.wait_result(1).outcome == ACCEPTED
        assert notify.ends() == 0


def test_stop_when_idle_ends_at_once(receiver):
    with one(receiver) as notify:
        started = time.monotonic()
        notify.channel.send("STOP")
        assert notify.ends() == 0
        assert time.monotonic() - started < 2


def test_stop_before_the_start():
    with Notify([], start=False) as notify:
        notify.channel.send("STOP")
        assert notify.ends() == 0


def test_it_ends_with_keep(receiver):
    notify = one(receiver)
    notify.channel.socket.close()
    assert notify.process.wait(10) == 1


@pytest.mark.parametrize("name, body", [
    ("NOTIFY_SEND", b""), ("NOTIFY_SEND", b"\xff" * 40), ("NOTIFY_START", pack("s", "")), ("FETCH_START", b""),
    ("NOTIFY_SEND", pack("QBsssss", 1, 0, "ana", "phone", "u", "i", "{}") + b"x"), ("NOTIFY_RESULT", pack("QBHI", 1, 1, 200, 0))])
def test_a_frame_that_is_not_whole_or_not_due_ends_it(receiver, name, body):
    with one(receiver) as notify:
        notify.channel.send_raw(TYPES[name], body)
        assert notify.ends() == 1
    assert receiver.connections == 0


def test_staff_is_a_closed_list(receiver):
    with one(receiver) as notify:
        notify.add("ben", "phone", receiver.url("/ben"))
        assert notify.ends() == 1


def test_a_repeated_channel_is_refused(receiver):
    with Notify([("ana", "phone", receiver.url()), ("ana", "phone", receiver.url("/2"))], start=False) as notify:
        assert notify.ends() == 1


def test_logs_hold_no_url_and_no_body(receiver):
    url = receiver.url("/hook?token=wordmark-in-url")
    with Notify([("ana", "phone", url)]) as notify:
        receiver.script("200", "500", "close")
        for row in (1, 2, 3):
            notify.page(row, "ana", "phone", url, f"msg_{row}", '{"case":"wordmark-in-body"}')
            notify.wait_result(row)
        notify.page(4, "wordmark-person", "phone", url)
        notify.wait_result(4)
        log = notify.log_text()
    assert "event=page-accepted" in log and "event=page-not-accepted" in log and "event=refused-not-staff" in log
    assert "wordmark" not in log and "127.0.0.1" not in log and SECRET[6:] not in log


def test_it_cannot_be_looked_into(receiver):
    """Locked down: no new privileges, seccomp on every thread, not dumpable."""
    with one(receiver) as notify:
        with open(f"/proc/{notify.process.pid}/status", encoding="ascii") as file:
            status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        notify.process.send_signal(signal.SIGTERM)   # unlike keep, it has no handler to be talked to
        assert notify.process.wait(5) == -signal.SIGTERM
