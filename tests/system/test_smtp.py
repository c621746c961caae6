"""Mail to staff: the notify role alone against a submission server on loopback, and pages by mail from a whole daemon."""
import time

import pytest

from certificates import Authority
from daemon import mail_person, plain_mailbox, smtp_of
from messages import FOLDERS, identity, message
from smtp_sink import SmtpSink
from test_notify import ACCEPTED, REFUSED, REJECTED, RETRY, Notify
from test_path import wait_for_folder

ANA = "ana@example.org"
MAIL = "From: attune@example.org\r\nTo: ana@example.org\r\nSubject: s\r\nMessage-ID: <m1@example.org>\r\n\r\n.line\r\nend\r\n"


@pytest.fixture
def sink():
    with SmtpSink() as running:
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def notify_for(sink, tls="none", host="127.0.0.1", user="", password="", ca_file="", staff=((ANA, "mail"),)):
    scheme = "smtps" if tls == "implicit" else "smtp"
    notify = Notify([], start=False)
    notify.add_server(f"{scheme}://{host}:{sink.port}", tls, user, "attune@example.org", password)
    for address, channel in staff:
        notify.add("ana", channel, address, "", kind="mail")
    notify.start(ca_file)
    return notify


def send(notify, row=1, address=ANA, body=MAIL):
    notify.page(row, "ana", "mail", address, f"m{row}", body, kind="mail")


def one_result(sink, row=1, **settings):
    with notify_for(sink, **settings) as notify:
        send(notify, row)
        return notify.wait_result(row, 45)


def test_a_mail_arrives_whole(sink):
    assert one_result(sink) == (1, ACCEPTED, 250, 0)
    mail, = sink.taken
    assert (mail["from"], mail["to"], mail["data"].decode()) == ("attune@example.org", [ANA], MAIL)
    assert sink.greetings == ["example.org"], "the machine's name is nobody's business"


@pytest.mark.parametrize("answer, outcome, status", [
    ("250", ACCEPTED, 250), ("451", RETRY, 451), ("421", RETRY, 421), ("552", REJECTED, 552), ("554", REJECTED, 554),
    ("rcpt 450", RETRY, 450), ("rcpt 550", REJECTED, 550), ("cut", RETRY, 0), ("cut-in-data", RETRY, 0), ("late 2", ACCEPTED, 250),
])
def test_replies(answer, outcome, status):
    with SmtpSink(answer=answer) as sink:
        result = one_result(sink)
    assert (result.outcome, result.status) == (outcome, status)


def test_a_server_that_hangs_costs_its_mail_alone():
    with SmtpSink(answer="hang") as sink, notify_for(sink) as notify:
        began = time.monotonic()
        send(notify)
        assert notify.wait_result(1, 40).outcome == RETRY
        assert 9 < time.monotonic() - began < 14 and notify.beats >= 2


def test_a_server_that_never_greets():
    with SmtpSink(answer="250", greets=False) as sink, notify_for(sink) as notify:
        began = time.monotonic()
        send(notify, 1)
        assert notify.wait_result(1, 20) == (1, RETRY, 0, 0)
        assert 7 < time.monotonic() - began < 12 and notify.beats >= 1


def test_a_server_that_takes_the_mail_and_falls_silent_has_taken_it():
    with SmtpSink(answer="no-quit") as sink, notify_for(sink) as notify:
        began = time.monotonic()
        send(notify)
        assert notify.wait_result(1) == (1, ACCEPTED, 250, 0)
        assert time.monotonic() - began < 5


def test_a_server_that_is_not_there(sink):
    sink.down()
    assert one_result(sink) == (1, RETRY, 0, 0)


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_tls_and_sign_in(authority, mode):
    with SmtpSink(tls=authority.issue(f"mail-{mode}"), mode=mode, user="attune", password="p\u0103ss word") as sink:
        settings = {"tls": mode, "host": "localhost", "ca_file": str(authority.ca_file)}
        assert one_result(sink, user="attune", password="p\u0103ss word\n", **settings).outcome == ACCEPTED
        mail, = sink.taken
        assert mail["user"] == "attune" and mail["encrypted"]
        assert one_result(sink, user="attune", password="another", **settings) == (1, REJECTED, 535, 0)


def test_a_certificate_that_is_not_trusted_gets_nothing(authority, tmp_path):
    other = Authority(tmp_path)
    for mode in ("starttls", "implicit"):
        with SmtpSink(tls=authority.issue(f"untrusted-{mode}"), mode=mode) as sink:
            assert one_result(sink, tls=mode, host="localhost", ca_file=str(other.ca_file)).outcome == RETRY
            assert not sink.offered and "MAIL" not in sink.commands


def test_no_way_back_to_plaintext(sink, authority):
    """The server offers no STARTTLS: nothing is said to it."""
    assert one_result(sink, tls="starttls", host="localhost", ca_file=str(authority.ca_file)).outcome == RETRY
    assert not sink.offered and "MAIL" not in sink.commands


def test_plaintext_goes_to_this_machine_only(sink):
    notify = Notify([], start=False)
    with notify:
        notify.add_server(f"smtp://mail.example.net:{sink.port}", "none", "", "attune@example.org", "")
        assert notify.ends() == 1


def test_only_staff_receive(sink):
    with notify_for(sink) as notify:
        for row, (kind, channel, address) in enumerate([("mail", "mail", "eve@example.net"), ("mail", "phone", ANA),
                                                        ("webhook", "mail", ANA)], start=1):
            notify.page(row, "ana", channel, address, f"m{row}", MAIL, kind=kind)
            assert notify.wait_result(row) == (row, REFUSED, 0, 0)
    assert not sink.commands


# --- pages ---

def start(daemons, server, user, sink, staff=None, **settings):
    staff = staff or [mail_person("ana", ANA)]
    return daemons(mailboxes=[plain_mailbox(server, user)], staff=staff, smtp=smtp_of(sink), staff_domains=["example.org"],
                   **settings).start()


def test_a_page_by_mail(daemons, server, user, sink):
    daemon = start(daemons, server, user, sink)
    server.append(user, "INBOX", message(1, "now"))
    mail = sink.wait_for(1)[0]["message"]
    case = daemon.wait_until(lambda: daemon.queue("clinical"))[0]["case"]
    assert mail["From"] == "attune@example.org" and mail["To"] == ANA
    assert mail["Subject"] == f"[attune] to read now: {case[:8]}"
    assert mail["Auto-Submitted"] == "auto-generated" and mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-Attune-Origin"].startswith("v1=") and mail["Message-ID"].endswith("@example.org>")
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for part in (text, html):
        assert case in part and f"attune ack {case[:8]}" in part and user in part
        for word in ("ylophonist", "Question 1", "writer1"):
            assert word not in part
    assert "<img" not in html and "http" not in html


def test_a_retry_keeps_its_message_id(daemons, server, user, sink):
    sink.script("cut", "451")
    daemon = start(daemons, server, user, sink, pages={"clinical": [{"to": "ana", "after": "0s"}]})
    server.append(user, "INBOX", message(1, "now"))
    daemon.wait_until(lambda: len(sink.offered) >= 3, 60, "three tries")
    sink.wait_for(1)
    mails = list(sink.offered)
    assert len({mail["message"]["Message-ID"] for mail in mails}) == 1
    assert len({mail["data"] for mail in mails}) == 1, "the same id with another content"


def test_our_own_mail_is_known_and_a_forged_one_is_read(daemons, server, user, sink):
    daemon = start(daemons, server, user, sink)
    server.append(user, "INBOX", message(1, "now"))
    own = sink.wait_for(1)[0]["data"]
    server.append(user, "INBOX", own)
    forged = message(2, "now")
    forged = forged if isinstance(forged, bytes) else forged.encode()
    server.append(user, "INBOX", b"X-Attune-Origin: " + own.split(b"X-Attune-Origin: ")[1].split(b"\r\n")[0] + b"\r\n" + forged)
    wait_for_folder(daemon, server, user, identity(2, "now"), FOLDERS["now"])
    items = daemon.wait_until(lambda: len(daemon.queue()) == 3 and daemon.queue())
    assert sorted((item["class"], item["urgency"]) for item in items) == [("human", "now"), ("own", "routine"), ("unknown", "now")]
