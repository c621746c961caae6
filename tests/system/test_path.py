"""The way of a message against a real Dovecot: found, read, decided, moved, paged, acknowledged."""
import time

from daemon import Daemon, plain_mailbox, tls_mailbox
from messages import FOLDERS, PHRASES, identity, kind_of, message

KINDS = tuple(PHRASES)


def places(server, user):
    """{kind: folder} for messages numbered by kind."""
    return {name: [place.folder for place in found] for name, found in server.contents(user).items()}


def wait_for_folder(daemon, server, user, name, folder, limit_s=20):
    return daemon.wait_until(lambda: places(server, user).get(name) == [folder], limit_s, f"{name} in {folder}")


def wait_for_page(daemon, pager, limit_s=20, count=1):
    daemon.wait_until(lambda: len(pager.cases()) >= count, limit_s, f"{count} cases paged")
    return pager.cases()


def test_each_kind_goes_to_its_folder(daemon, server, user, pager):
    for number, kind in enumerate(KINDS):
        server.append(user, "INBOX", message(number, kind))
    for number, kind in enumerate(KINDS):
        wait_for_folder(daemon, server, user, identity(number, kind), FOLDERS[kind])
    cases = wait_for_page(daemon, pager, count=2)
    items = {item["case"]: item for item in daemon.wait_until(lambda: len(daemon.queue()) == len(KINDS) and daemon.queue())}
    assert {items[case]["folder"] for case in cases} == {"Clinical/Urgent", "Clinical/Safety"}
    assert all(page.verified for pages in cases.values() for page in pages)
    assert {item["queue"] for item in items.values() if item["folder"] != "INBOX"} == {"clinical"}


def test_mail_that_was_there_before_the_start(daemons, server, user, pager):
    server.append(user, "INBOX", *[message(number, kind) for number, kind in enumerate(KINDS * 4)])
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")]).start()
    for number, kind in enumerate(KINDS * 4):
        wait_for_folder(daemon, server, user, identity(number, kind), FOLDERS[kind])


def test_idle_brings_mail_at_once(daemons, server, user, pager):
    """Polling each ten minutes: only IDLE can be this quick."""
    daemon = daemons(mailboxes=[plain_mailbox(server, user, poll="10m", reconcile="1d")], staff=[pager.person("ana")]).start()
    server.append(user, "INBOX", message(0))
    daemon.wait_until(lambda: len(daemon.queue()) == 1, what="the first listing")
    time.sleep(1)  # now it idles
    began = time.monotonic()
    server.append(user, "INBOX", message(1, "now"))
    wait_for_page(daemon, pager, limit_s=5)
    assert time.monotonic() - began < 3
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent", limit_s=5)


def test_implicit_tls_and_starttls(daemons, server, user, pager):
    for number, tls in enumerate(("implicit", "starttls")):
        daemon = daemons(mailboxes=[tls_mailbox(server, user, tls)], staff=[pager.person("ana")]).start()
        server.append(user, "INBOX", message(number, "soon"))
        wait_for_folder(daemon, server, user, identity(number, "soon"), "Clinical/Today")
        assert daemon.stop() == 0


def test_junk_is_read_and_only_urgent_mail_leaves_it(daemon, server, user, pager):
    server.create(user, "Junk")
    for number, kind in enumerate(KINDS):
        server.append(user, "Junk", message(number, kind))
    wait_for_page(daemon, pager, limit_s=30, count=2)
    for number, kind in enumerate(KINDS):
        expected = FOLDERS[kind] if kind in ("now", "soon", "safety") else "Junk"
        wait_for_folder(daemon, server, user, identity(number, kind), expected)


def test_seen_stays_as_it_was(daemon, server, user):
    for number, kind in enumerate(KINDS):
        server.append(user, "INBOX", message(number, kind), flags="(\\Seen)")
        server.append(user, "INBOX", message(number + 100, kind))
    for number, kind in enumerate(KINDS):
        wait_for_folder(daemon, server, user, identity(number, kind), FOLDERS[kind])
        wait_for_folder(daemon, server, user, identity(number + 100, kind), FOLDERS[kind])
    for name, found in server.contents(user).items():
        was_seen = int(name.split("-")[1].split("@")[0]) < 100
        assert [("\\Seen" in place.flags) for place in found] == [was_seen], name


def test_acknowledgement_ends_the_ringing(daemons, server, user, pager):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")],
                     pages={"clinical": [{"to": "ana", "after": "0s", "every": "2s"}]}).start()
    server.append(user, "INBOX", message(0, "now"), message(1, "now"))
    cases = wait_for_page(daemon, pager, count=2)
    daemon.wait_until(lambda: all(len(pages) >= 2 for pages in pager.cases().values()), what="a second ring of both")
    ringing, quiet = sorted(cases)
    status, output, errors = daemon.attune("ack", quiet)
    assert status == 0, output + errors
    time.sleep(0.5)
    before = pager.cases()
    daemon.wait_until(lambda: len(pager.cases()[ringing]) >= len(before[ringing]) + 2, what="the other goes on ringing")
    assert len(pager.cases()[quiet]) == len(before[quiet])
    assert len({page.id for page in pager.cases()[ringing]}) == len(pager.cases()[ringing])  # a new ring has a new id


def test_acknowledging_a_case_that_is_not_there(daemon):
    status, output, errors = daemon.attune("ack", "ffffffffffff")
    assert status == 1
    assert errors.strip().endswith(".") or errors.strip()
    assert daemon.ask({"command": "ack", "case": "ffffffffffff"})["exit"] == 1


def test_pages_are_thin(daemon, server, user, pager):
    server.append(user, "INBOX", message(7, "now"))
    (pages,) = wait_for_page(daemon, pager).values()
    text = str(pages[0])
    for word in ("Question", "lighthouse", "writer7", "example.net", "Hello", "dark"):
        assert word not in text


def test_logs_and_journal_hold_no_content(daemon, server, user, pager):
    server.append(user, "INBOX", message(7, "now", text=f"Xylophonist wrote. {PHRASES['now']}"))
    wait_for_page(daemon, pager)
    wait_for_folder(daemon, server, user, identity(7, "now"), "Clinical/Urgent")
    daemon.stop()
    import os
    stored = daemon.log().encode()
    for folder, _, files in os.walk(daemon.state_dir):
        for name in files:
            if "/rules/" not in f"{folder}/{name}" and "sets" not in folder:
                with open(f"{folder}/{name}", "rb") as file:
                    stored += file.read()
    for word in (b"ylophonist", b"Question 7", b"writer7"):
        assert word not in stored, word


def test_a_clean_stop_and_another_start_change_nothing(daemon, server, user, pager):
    server.append(user, "INBOX", *[message(number, kind) for number, kind in enumerate(KINDS)])
    for number, kind in enumerate(KINDS):
        wait_for_folder(daemon, server, user, identity(number, kind), FOLDERS[kind])
    wait_for_page(daemon, pager, count=2)
    before, cases, contents = len(daemon.queue()), set(pager.cases()), server.contents(user)
    assert daemon.stop() == 0
    daemon.start()
    server.append(user, "INBOX", message(50, "soon"))
    wait_for_folder(daemon, server, user, identity(50, "soon"), "Clinical/Today")
    after = server.contents(user)
    after.pop(identity(50, "soon"))
    assert {name: [place[:2] for place in found] for name, found in after.items()} == \
           {name: [place[:2] for place in found] for name, found in contents.items()}
    assert len(daemon.queue()) == before + 1 and set(pager.cases()) == cases


def test_until_idle_works_everything_off_and_stops(daemons, server, user, pager):
    server.append(user, "INBOX", *[message(number, kind) for number, kind in enumerate(KINDS)])
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")],
                     pages={"clinical": [{"to": "ana", "after": "0s", "every": "0s"}]}).launch("--until-idle")
    assert daemon.process.wait(60) == 0, daemon.log()
    for name, folders in places(server, user).items():
        assert folders == [FOLDERS[kind_of(name)]]
    assert len(pager.cases()) == 2


def test_the_same_mail_twice_is_two_messages(daemon, server, user, pager):
    """Two identical copies in the inbox: both are moved, neither is lost, one alert."""
    server.append(user, "INBOX", message(3, "now"), message(3, "now"))
    daemon.wait_until(lambda: places(server, user).get(identity(3, "now")) == ["Clinical/Urgent"] * 2, what="both copies in place")
    wait_for_page(daemon, pager)


def test_configured_folders_and_agent_folder(daemons, server, user, pager):
    folders = {"urgent": "Nujno/Takoj", "today": "Danes", "review": "Pregled-č", "safety": "Varnost", "agent": "Podpora"}
    daemon = daemons(mailboxes=[plain_mailbox(server, user, folders=folders)], staff=[pager.person("ana")]).start()
    for number, kind in enumerate(KINDS):
        server.append(user, "INBOX", message(number, kind))
    wanted = {"now": "Nujno/Takoj", "soon": "Danes", "review": "Pregled-&AQ0-", "safety": "Varnost", "routine": "Podpora"}
    for number, kind in enumerate(KINDS):
        wait_for_folder(daemon, server, user, identity(number, kind), wanted[kind])


def test_two_mailboxes(daemons, server, user, pager):
    server.add_user(f"{user}b")
    daemon = daemons(mailboxes=[plain_mailbox(server, user), plain_mailbox(server, f"{user}b")], staff=[pager.person("ana")]).start()
    for name in (user, f"{user}b"):
        server.append(name, "INBOX", message(1, "soon"))
    for name in (user, f"{user}b"):
        wait_for_folder(daemon, server, name, identity(1, "soon"), "Clinical/Today")
    assert {box["link"] for box in daemon.status()["mailboxes"]} == {"up"}
    assert isinstance(daemon, Daemon)
