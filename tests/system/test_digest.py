"""The digest: what it says and does not say, once for each period whatever crashes, and its preview."""
import contextlib
import datetime
import re
import signal
import sqlite3
import time

import pytest

from daemon import mail_person, plain_mailbox, smtp_of
from messages import PHRASES, message
from smtp_sink import SmtpSink

KINDS = tuple(PHRASES)
ANA = "ana@example.org"
MAIL_MAX = 100 * 1024


@pytest.fixture
def sink():
    with SmtpSink() as running:
        yield running


def make(daemons, server, user, sink, pager, at="00:00", days=None, **settings):
    ana = pager.person("ana")
    ana["channels"] += mail_person("ana", ANA)["channels"]
    entry = {"to": "ana", "at": at, **({"days": days} if days else {})}
    return daemons(mailboxes=[plain_mailbox(server, user)], staff=[ana], smtp=smtp_of(sink), staff_domains=["example.org"],
                   pages={"clinical": [{"to": "ana", "after": "0s", "every": "1h"}]}, digest=[entry], **settings)


def make_due(daemon, back_s=3 * 86400):
    """As if the last digest was sent some days ago: one period, the last, is due."""
    with contextlib.closing(sqlite3.connect(f"{daemon.state_dir}/journal.db", timeout=10)) as journal, journal:
        then = int((time.time() - back_s) * 1000)
        journal.execute("INSERT OR REPLACE INTO meta(key, value) VALUES('digest:ana', ?)", (str(then),))


def digests(sink):
    return [mail for mail in sink.taken if "digest" in mail["message"]["Subject"]]


def body(mail, kind):
    return mail["message"].get_body((kind,)).get_content()


def test_it_tells_what_waits_and_no_word_of_it(daemons, server, user, sink, pager):
    daemon = make(daemons, server, user, sink, pager).start()
    server.append(user, "INBOX", *[message(number, kind) for number, kind in enumerate(KINDS)])
    daemon.wait_until(lambda: len(daemon.queue()) == len(KINDS) and all(item["state"] == "placed" for item in daemon.queue()))
    make_due(daemon)
    daemon.wait_until(lambda: digests(sink), what="the digest")
    mail, = digests(sink)
    text, html = body(mail, "plain"), body(mail, "html")
    items = daemon.queue("clinical")
    assert re.fullmatch(r"\[attune\] digest \d{4}-\d\d-\d\d: %d to read" % len(items), mail["message"]["Subject"])
    for item in items:
        assert item["case"][:8] in text and item["case"][:8] in html
        assert item["folder"] in text and item["folder"] in html
    for word in ("ylophonist", "Question", "@example", user + "@"):
        assert word not in text and word not in html
    assert all(len(line) <= 72 for line in text.splitlines())
    assert html.count("<h1") == 1 and 'lang="en"' in html and "prefers-color-scheme:dark" in html
    assert not re.search(r"<img|<script|<link|https?:|url\(", html)
    assert mail["message"]["Auto-Submitted"] == "auto-generated"
    for part in mail["message"].walk():
        assert part["Content-Type"]


def test_what_is_in_hand_or_closed_is_told_apart(daemons, server, user, sink, pager):
    daemon = make(daemons, server, user, sink, pager).start()
    server.append(user, "INBOX", *[message(number, kind) for number, kind in enumerate(("now", "soon", "review"))])
    daemon.wait_until(lambda: len(daemon.queue("clinical")) == 3)
    cases = {item["urgency"]: item["case"] for item in daemon.queue("clinical")}
    assert daemon.attune("ack", cases["now"], "--as", "ana")[0] == 0
    assert daemon.attune("close", cases["review"])[0] == 0
    answer = daemon.ask({"command": "digest", "person": "ana"})
    assert answer["to_read"] == 1 and cases["review"][:8] not in answer["text"]
    in_hand = answer["text"].split("In somebody's hand, not closed (1)")[1]
    assert f"Case {cases['now'][:8]}. With ana since " in in_hand and cases["soon"][:8] not in in_hand


def test_an_empty_one_is_sent(daemons, server, user, sink, pager):
    daemon = make(daemons, server, user, sink, pager).start()
    make_due(daemon)
    daemon.wait_until(lambda: digests(sink))
    assert digests(sink)[0]["message"]["Subject"].endswith(": 0 to read")
    assert "Nothing waits for a clinician." in body(digests(sink)[0], "plain")


def test_who_is_new_to_the_list_begins_with_the_next_period(daemons, server, user, sink, pager):
    daemon = make(daemons, server, user, sink, pager).start()
    time.sleep(2.5)
    assert not digests(sink) and daemon.journal("SELECT value FROM meta WHERE key = 'digest:ana'")


def test_missed_periods_give_one_and_crashes_give_no_other(daemons, server, user, sink, pager):
    daemon = make(daemons, server, user, sink, pager).start()
    sink.down()
    make_due(daemon, back_s=5 * 86400)
    daemon.wait_until(lambda: daemon.journal("SELECT id FROM outbox WHERE kind = 1"), what="the row")
    assert daemon.kill() == []
    daemon.start()
    daemon.kill_role("notify", signal.SIGKILL)
    sink.up()
    daemon.wait_until(lambda: digests(sink), 40, "the digest")
    daemon.kill()
    daemon.start()
    time.sleep(3)
    assert len(digests(sink)) == 1
    rows = daemon.journal("SELECT state, period FROM outbox WHERE kind = 1")
    midnight = datetime.datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    assert [row["state"] for row in rows] == [1] and abs(rows[0]["period"] / 1000 - midnight.timestamp()) < 1


def test_a_cut_after_the_message_repeats_the_id(daemons, server, user, sink, pager):
    sink.script("cut")
    daemon = make(daemons, server, user, sink, pager).start()
    make_due(daemon)
    daemon.wait_until(lambda: digests(sink), 40)
    assert len(sink.offered) == 2 and len({mail["message"]["Message-ID"] for mail in sink.offered}) == 1


def test_a_long_one_is_cut_with_a_count_and_the_folder(daemons, server, user, sink, pager):
    daemon = make(daemons, server, user, sink, pager).start()
    server.append(user, "INBOX", *[message(number, "soon") for number in range(400)])
    daemon.wait_until(lambda: len(daemon.queue("clinical")) == 400, 60)
    daemon.wait_until(lambda: daemon.journal("SELECT count(*) AS n FROM message WHERE state = 3")[0]["n"] == 400, 90)
    make_due(daemon)
    mail = daemon.wait_until(lambda: digests(sink), 30)[0]
    assert 60 * 1024 < len(mail["data"]) <= MAIL_MAX
    for kind in ("plain", "html"):
        content = body(mail, kind)
        shown = len(re.findall(r"Case (?:<code>)?[a-z2-7]{8}", content))
        more = int(re.search(r"and (\d+) more in Clinical/Today", content)[1])
        assert shown + more == 400 and shown > 50


def test_the_preview(daemons, server, user, sink, pager, tmp_path):
    daemon = make(daemons, server, user, sink, pager, days=["mon", "tue"], at="23:59").start()
    server.append(user, "INBOX", message(1, "now"))
    daemon.wait_until(lambda: daemon.queue("clinical"))
    case = daemon.queue("clinical")[0]["case"]
    status, output, errors = daemon.attune("digest", "--preview")
    assert (status, errors) == (0, "") and case[:8] in output and output.startswith("Subject: [attune] digest ")
    page = tmp_path / "digest.html"
    assert daemon.attune("digest", "--preview", "--html", str(page), "--person", "ana") == (0, "", "")
    assert case[:8] in page.read_text(encoding="utf-8")
    status, output, _ = daemon.attune("digest", "--preview", "--json")
    assert status == 0 and '"to_read":1' in output.replace(" ", "")
    assert daemon.attune("digest", "--preview", "--person", "eve")[0] == 1
    assert daemon.attune("digest")[0] == 2
    assert not sink.offered, "a preview sends nothing"


def test_staff_safety_is_told_to_its_ladder_only(daemons, server, user, sink, pager):
    ben = mail_person("ben", "ben@example.org")
    ana = mail_person("ana", ANA)
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[ana, ben], smtp=smtp_of(sink), staff_domains=["example.org"],
                     pages={"clinical": [{"to": "ana", "after": "0s", "every": "1h"}], "safety": [{"to": "ben", "after": "0s", "every": "1h"}]}).start()
    server.append(user, "INBOX", message(1, "safety"), message(2, "now"))
    daemon.wait_until(lambda: len(daemon.queue("clinical")) == 2)
    ask = {name: daemon.ask({"command": "digest", "person": name})["to_read"] for name in ("ana", "ben")}
    assert ask == {"ana": 1, "ben": 2}


@pytest.mark.parametrize("change, sentence", [
    ({"digest": [{"to": "eve", "at": "08:00"}]}, "eve is not on staff"),
    ({"digest": [{"to": "ben", "at": "08:00"}]}, "ben: has no mail address for a digest"),
    ({"staff_domains": ["example.com"]}, "ana@example.org is outside staff_domains"),
    ({"digest": [{"to": "ana", "at": "8:00"}]}, "must be a time of the day"),
    ({"digest": [{"to": "ana", "at": "08:00", "days": ["monday"]}]}, "must be one of: sun, mon"),
])
def test_who_cannot_get_one_is_refused_by_name(daemons, server, user, sink, pager, change, sentence):
    daemon = make(daemons, server, user, sink, pager)
    daemon.config["staff"].append(daemon._person(pager.person("ben")))
    daemon.config.update(change)
    daemon.write_config()
    daemon.launch("--check").process.wait(30)
    assert daemon.process.returncode == 1 and sentence in daemon.log()
