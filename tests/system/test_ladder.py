"""Who is rung, and in which order: the steps of a ladder, the safety contact, deadlines that pass, alarms about Attune."""
import imaplib
import shutil
import time

import pytest
from daemon import TEST_RULES, plain_mailbox
from messages import message
from test_people import held, uid_of  # noqa: F401 (a fixture)
from test_trouble import break_rules

LADDER = [{"to": "ana", "after": "0s", "every": "0s"}, {"to": "ben", "after": "2s", "every": "0s"},
          {"to": "everybody", "after": "4s", "every": "1s"}]


@pytest.fixture
def rules(tmp_path):
    shutil.copytree(TEST_RULES, tmp_path / "rules")
    return tmp_path / "rules"


def rung(pager):
    """[(person, step)] of the pages about messages, in the order of their arrival."""
    pages = sorted((page for found in pager.cases().values() for page in found), key=lambda page: page.at)
    return [(page.person, page.data["step"]) for page in pages]


def alarms(pager):
    """[(reason, what it is about)] of the pages about Attune itself."""
    return [(page.data["reason"], page.data["about"]) for page in pager.pages().values() if "reason" in page.data]


def wait_for_alarm(daemon, pager, reason, about):
    daemon.wait_until(lambda: (reason, about) in alarms(pager), what=f"the alarm {reason}")


def open_alerts(daemon):
    return daemon.status()["alerts"]["open"]


def test_the_ladder_climbs_until_somebody_acknowledges(daemons, server, user, pager):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person(name) for name in ("ana", "ben", "cleo")],
                     pages={"clinical": LADDER}).start()
    server.append(user, "INBOX", message(1, "now"))
    daemon.wait_until(lambda: {("cleo", 2)} <= set(rung(pager)), what="everybody")
    order = rung(pager)
    assert order[0] == ("ana", 0) and order[1] == ("ben", 1)
    assert {person for person, step in order[2:]} == {"ana", "ben", "cleo"} and {step for _, step in order[2:]} == {2}
    (case,) = pager.cases()
    assert daemon.attune("ack", case)[0] == 0
    time.sleep(1)  # a ring that was on its way
    quiet = len(rung(pager))
    time.sleep(2)
    assert len(rung(pager)) == quiet


def test_matters_of_staff_safety_ring_the_safety_contact_alone(daemons, server, user, pager):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana"), pager.person("mira")],
                     pages={"clinical": [{"to": "ana", "after": "0s", "every": "1s"}], "safety": [{"to": "mira", "after": "0s", "every": "1s"}]}).start()
    server.append(user, "INBOX", message(1, "safety"))
    daemon.wait_until(lambda: len(rung(pager)) >= 2, what="two rings")
    assert {person for person, _ in rung(pager)} == {"mira"}
    server.append(user, "INBOX", message(2, "now"))
    daemon.wait_until(lambda: len(pager.cases()) == 2, what="a clinical page")
    clinical = next(pages for pages in pager.cases().values() if pages[0].data["urgency"] == "now")
    assert {page.person for page in clinical} == {"ana"}


def test_a_deadline_that_passes_unacknowledged_rings(daemons, server, user, pager, rules):
    policy = rules / "policy.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("deadline: 4h", "deadline: 3s"), encoding="utf-8")
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], rules=str(rules)).start()
    server.append(user, "INBOX", message(1, "soon"), message(2, "soon"))
    taken, left = [item["case"] for item in daemon.wait_until(lambda: len(daemon.queue("clinical")) == 2 and daemon.queue("clinical"))]
    assert daemon.attune("ack", taken)[0] == 0
    daemon.wait_until(lambda: left in pager.cases(), what="the page when the time is over")
    time.sleep(1)
    assert set(pager.cases()) == {left}


def test_a_refused_login_is_an_alarm_until_it_succeeds(daemons, server, user, pager):
    wrong = {**plain_mailbox(server, user), "password": "not-this"}
    daemon = daemons(mailboxes=[wrong], staff=[pager.person("ana"), pager.person("ben")]).start()
    wait_for_alarm(daemon, pager, "login-refused", wrong["name"])
    assert {page.person for page in pager.pages().values()} == {"ana"}  # the first step of the ladder
    with open(daemon.config["mailboxes"][0]["password_file"], "w", encoding="utf-8") as file:
        file.write(server.passwords[user])
    daemon.reload()
    daemon.wait_until(lambda: open_alerts(daemon) == 0, what="the end of the alarm")
    assert len(alarms(pager)) == 1


def test_rules_that_do_not_load_are_an_alarm_until_they_do(daemons, server, user, pager, rules):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], rules=str(rules)).start()
    break_rules(rules)
    daemon.reload()
    wait_for_alarm(daemon, pager, "rules-stale", "all")
    shutil.rmtree(rules)
    shutil.copytree(TEST_RULES, rules)
    daemon.reload()
    daemon.wait_until(lambda: open_alerts(daemon) == 0, what="the end of the alarm")


def test_several_mails_that_vanish_unread_are_an_alarm(held, server, user, pager):  # noqa: F811
    daemon, proxy = held
    proxy.hold("BODY.PEEK")
    server.append(user, "INBOX", *[message(number) for number in range(3)])
    assert proxy.held.wait(20)
    for places in server.contents(user).values():
        server.delete(user, "INBOX", places[0].uid)
    proxy.release()
    wait_for_alarm(daemon, pager, "unread-gone", "all")


def append_old(server, user, numbers):
    with server.client(user) as connection:
        for number in numbers:
            connection.append('"INBOX"', None, imaplib.Time2Internaldate(time.time() - 80 * 3600), message(number, "now"))


def test_urgent_mail_in_a_backlog_is_one_alarm(daemons, server, user, pager):
    append_old(server, user, range(3))
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")]).start()
    daemon.wait_until(lambda: len(daemon.queue("clinical")) == 3, what="all decided")
    wait_for_alarm(daemon, pager, "old-mail-now", plain_mailbox(server, user)["name"])
    time.sleep(1)
    assert len(alarms(pager)) == 1 and not pager.cases()
    assert all(item["acknowledged_by"] is None for item in daemon.queue("clinical"))
    # Taken, it is over; another backlog is another alarm.
    assert daemon.ask({"command": "ack", "case": next(iter(pager.pages().values())).case, "as": "ana"})["ok"]
    append_old(server, user, range(3, 5))
    daemon.wait_until(lambda: len(alarms(pager)) == 2, what="the second backlog's alarm")


def test_settings_that_are_refused_are_an_alarm_until_they_are_not(daemons, server, user, pager):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")]).start()
    with open(daemon.config_file, encoding="utf-8") as file:
        good = file.read()
    daemon.write_config(good + "\nmailboxs: 1\n")
    daemon.reload()
    wait_for_alarm(daemon, pager, "settings-stale", "all")
    daemon.write_config(good)
    daemon.reload()
    daemon.wait_until(lambda: open_alerts(daemon) == 0, what="the end of the alarm")
