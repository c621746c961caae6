"""People raise and take by moving mail: into a clinical folder, or into their own below Clinical/Taken. What Attune moved
itself rings nobody, and a restart in between changes nothing."""
import contextlib
import json
import sqlite3

import pytest
from daemon import plain_mailbox
from messages import identity, message
from test_path import places, wait_for_folder, wait_for_page
from test_people import uid_of

FOLDERS = ("Clinical/Urgent", "Clinical/Today", "Clinical/Review", "Clinical/Safety", "Clinical/Taken/ana", "Clinical/Taken/ben")


def start(daemons, server, user, pager, **settings):
    daemon = daemons(mailboxes=[plain_mailbox(server, user, poll="1s", **settings)], staff=[pager.person("ana"), pager.person("ben")],
                     pages={"clinical": [{"to": "ana", "after": "0s", "every": "1m"}]}).start()
    wait_for_beginning(daemon)
    return daemon


def wait_for_beginning(daemon):
    """Until every folder of people is known: what is moved there from now on has a meaning."""
    daemon.wait_until(lambda: {row["name"] for row in daemon.journal("SELECT name FROM folder")} >= set(FOLDERS), what="folders are known")


def move(server, user, number, kind, source, destination):
    server.move(user, source, uid_of(server, user, identity(number, kind), source), destination)


def item_of(daemon, kind_number, folder, limit_s=20):
    """The only queue item in a folder."""
    return daemon.wait_until(lambda: [item for item in daemon.queue() if item["folder"] == folder and item["state"] == "placed"], limit_s,
                             f"{kind_number} in {folder} in the journal")[0]


def rest(daemon):
    daemon.wait_until(lambda: not daemon.status()["messages"]["waiting"] and not daemon.status()["messages"]["moving"], what="rest")


def events(daemon, case):
    return [(event["what"], event["detail"]) for event in json.loads(daemon.attune("show", "--json", case)[1])["timeline"]]


def test_folders_are_made(daemons, server, user, pager):
    start(daemons, server, user, pager)
    assert set(FOLDERS) <= set(server.folders(user))


def test_moved_to_urgent_pages_at_once(daemons, server, user, pager):
    daemon = start(daemons, server, user, pager)
    server.append(user, "INBOX", message(1, "routine"))
    item = item_of(daemon, "routine", "INBOX")
    move(server, user, 1, "routine", "INBOX", "Clinical/Urgent")
    ((case, (page,)),) = wait_for_page(daemon, pager).items()
    assert case == item["case"] and page.data["urgency"] == "now" and page.data["reason"] == "raised-by-staff"
    raised = item_of(daemon, "routine", "Clinical/Urgent")
    assert (raised["urgency"], raised["queue"], raised["case"]) == ("now", "clinical", case)
    assert ("raised-by-staff", "Clinical/Urgent") in events(daemon, case)
    rest(daemon)
    assert len(pager.pages()) == 1


def test_what_attune_moved_rings_nobody_again(daemons, server, user, pager):
    daemon = start(daemons, server, user, pager)
    for number, kind in enumerate(("now", "soon", "review")):
        server.append(user, "INBOX", message(number, kind))
    for number, (kind, folder) in enumerate((("now", "Clinical/Urgent"), ("soon", "Clinical/Today"), ("review", "Clinical/Review"))):
        wait_for_folder(daemon, server, user, identity(number, kind), folder)
    wait_for_page(daemon, pager)
    daemon.stop()
    daemon.start()
    server.append(user, "INBOX", message(9, "soon"))
    wait_for_folder(daemon, server, user, identity(9, "soon"), "Clinical/Today")
    rest(daemon)
    assert len(pager.pages()) == 1
    assert daemon.journal("SELECT what FROM audit WHERE what IN ('raised-by-staff', 'moved-by-staff', 'taken-by')") == []


def test_a_crash_after_our_move_rings_nobody_again(daemons, server, user, pager):
    """The mail lies in its folder before the journal knows the UID there: it is known by its fingerprint."""
    daemon = start(daemons, server, user, pager)
    server.append(user, "INBOX", message(1, "now"))
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")
    wait_for_page(daemon, pager)
    daemon.kill()
    with contextlib.closing(open_journal(daemon)) as database:
        database.execute("UPDATE message SET state = 2, destination_uid = 0 WHERE destination = 'Clinical/Urgent'")
        database.execute("UPDATE folder SET last_uid = 0 WHERE name = 'Clinical/Urgent'")
        database.commit()
    daemon.start()
    daemon.wait_until(lambda: [item for item in daemon.queue() if item["state"] == "placed"], what="settled")
    rest(daemon)
    assert len(pager.pages()) == 1 and len(daemon.journal("SELECT id FROM message")) == 1
    assert daemon.journal("SELECT what FROM audit WHERE what = 'raised-by-staff'") == []


def open_journal(daemon):
    return sqlite3.connect(f"{daemon.state_dir}/journal.db", timeout=10)


def test_moved_to_another_clinical_folder_joins_its_queue(daemons, server, user, pager):
    daemon = start(daemons, server, user, pager)
    server.append(user, "INBOX", message(1, "routine"), message(2, "routine"))
    daemon.wait_until(lambda: len(daemon.queue()) == 2, what="decided")
    move(server, user, 1, "routine", "INBOX", "Clinical/Today")
    move(server, user, 2, "routine", "INBOX", "Clinical/Review")
    today, review = item_of(daemon, 1, "Clinical/Today"), item_of(daemon, 2, "Clinical/Review")
    assert (today["urgency"], today["queue"]) == ("soon", "clinical") and today["deadline_at"]
    assert (review["urgency"], review["queue"]) == ("review", "clinical")
    rest(daemon)
    assert pager.pages() == {}
    assert ("moved-by-staff", "Clinical/Today") in events(daemon, today["case"])


def test_taken_by_moving_to_ones_own_folder(daemons, server, user, pager):
    daemon = start(daemons, server, user, pager)
    server.append(user, "INBOX", message(1, "now"))
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")
    (case,) = wait_for_page(daemon, pager)
    move(server, user, 1, "now", "Clinical/Urgent", "Clinical/Taken/ben")
    item = daemon.wait_until(lambda: [item for item in daemon.queue() if item["acknowledged_by"]], what="acknowledged")[0]
    assert item["case"] == case and item["acknowledged_by"] == "ben" and item["folder"] == "Clinical/Taken/ben"
    assert daemon.journal("SELECT count(*) AS n FROM ladder")[0]["n"] == 0
    assert ("taken-by", "Clinical/Taken/ben") in events(daemon, case)


def test_taken_straight_from_the_inbox(daemons, server, user, pager):
    """A mail without a page: nobody is acknowledged for, but it is known who has it."""
    daemon = start(daemons, server, user, pager)
    server.append(user, "INBOX", message(1, "routine"))
    item = item_of(daemon, 1, "INBOX")
    move(server, user, 1, "routine", "INBOX", "Clinical/Taken/ana")
    daemon.wait_until(lambda: ("taken-by", "Clinical/Taken/ana") in events(daemon, item["case"]), what="taken")
    assert pager.pages() == {}


def test_given_back_rings_anew(daemons, server, user, pager):
    """Taken, and put back into Urgent: a new ring, which its receiver does not take for the old one."""
    daemon = start(daemons, server, user, pager)
    server.append(user, "INBOX", message(1, "now"))
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")
    wait_for_page(daemon, pager)
    move(server, user, 1, "now", "Clinical/Urgent", "Clinical/Taken/ana")
    daemon.wait_until(lambda: daemon.status()["alerts"]["unacknowledged"] == 0, what="acknowledged")
    move(server, user, 1, "now", "Clinical/Taken/ana", "Clinical/Urgent")
    daemon.wait_until(lambda: len(pager.pages()) == 2, what="a second page")
    (pages,) = pager.cases().values()
    assert [page.data.get("reason") for page in pages] == [None, "raised-by-staff"] and pages[0].data["ring"] < pages[1].data["ring"]
    assert daemon.status()["alerts"]["unacknowledged"] == 1


def test_unknown_mail_in_urgent(daemons, server, user, pager):
    """Brought from a folder that nobody reads: it is read, decided and raised, and stays where the person put it."""
    daemon = start(daemons, server, user, pager)
    server.create(user, "Archive")
    server.append(user, "Archive", message(1, "routine"), message(2, "soon"))
    move(server, user, 1, "routine", "Archive", "Clinical/Urgent")
    move(server, user, 2, "soon", "Archive", "Clinical/Review")
    wait_for_page(daemon, pager)
    raised, kept = item_of(daemon, 1, "Clinical/Urgent"), item_of(daemon, 2, "Clinical/Review")
    assert (raised["urgency"], kept["urgency"]) == ("now", "soon")
    rest(daemon)
    assert places(server, user)[identity(2, "soon")] == ["Clinical/Review"] and len(pager.pages()) == 1


def test_raised_while_the_daemon_was_down(daemons, server, user, pager):
    daemon = start(daemons, server, user, pager)
    server.append(user, "INBOX", message(1, "routine"), message(2, "now"))
    wait_for_folder(daemon, server, user, identity(2, "now"), "Clinical/Urgent")
    item_of(daemon, 1, "INBOX")
    (taken,) = wait_for_page(daemon, pager)
    daemon.stop()
    move(server, user, 1, "routine", "INBOX", "Clinical/Urgent")
    move(server, user, 2, "now", "Clinical/Urgent", "Clinical/Taken/ana")
    daemon.start()
    daemon.wait_until(lambda: len(pager.cases()) == 2, what="raised after the start")
    daemon.wait_until(lambda: [item for item in daemon.queue() if item["case"] == taken and item["acknowledged_by"] == "ana"], what="taken")


def test_what_lay_there_before_the_first_start_rings_nobody(daemons, server, user, pager):
    server.create(user, "Clinical/Urgent")
    server.append(user, "Clinical/Urgent", message(1, "now"), message(2, "routine"))
    daemon = start(daemons, server, user, pager)
    server.append(user, "INBOX", message(3, "soon"))
    wait_for_folder(daemon, server, user, identity(3, "soon"), "Clinical/Today")
    rest(daemon)
    assert pager.pages() == {} and len(daemon.queue()) == 1


def test_a_folder_made_anew_rings_nobody(daemons, server, user, pager):
    """Its UIDVALIDITY changes: what Attune had put there is known by its fingerprint."""
    daemon = start(daemons, server, user, pager)
    server.append(user, "INBOX", message(1, "now"))
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")
    (case,) = wait_for_page(daemon, pager)
    assert daemon.attune("ack", case, "--as", "ana")[0] == 0
    daemon.stop()
    server.change_validity(user, "Clinical/Urgent", 4242)
    daemon.start()
    daemon.wait_until(lambda: daemon.journal("SELECT destination_uidvalidity AS v FROM message WHERE destination = 'Clinical/Urgent'")[0]["v"] == 4242,
                      what="known again")
    rest(daemon)
    assert len(pager.pages()) == 1 and daemon.status()["alerts"]["unacknowledged"] == 0
    assert daemon.journal("SELECT what FROM audit WHERE what = 'raised-by-staff'") == []


@pytest.mark.parametrize("folder", ["Clinical/Urgent", "Clinical/Taken/ana"])
def test_gone_before_it_was_read_there(daemons, server, user, pager, folder):
    """Moved in and on at once: neither an alarm nor a message for ever waiting."""
    daemon = start(daemons, server, user, pager)
    server.create(user, "Done by hand")
    server.append(user, "INBOX", message(1, "routine"))
    item_of(daemon, 1, "INBOX")
    move(server, user, 1, "routine", "INBOX", folder)
    with contextlib.suppress(StopIteration, KeyError):
        move(server, user, 1, "routine", folder, "Done by hand")
    server.append(user, "INBOX", message(2, "soon"))
    wait_for_folder(daemon, server, user, identity(2, "soon"), "Clinical/Today")
    rest(daemon)
    assert daemon.status()["messages"]["unread_gone"] == 0


def test_looked_at_more_often_while_a_page_is_open(daemons, server, user, pager):
    """poll: 10m, and still taken within seconds."""
    daemon = daemons(mailboxes=[plain_mailbox(server, user, poll="10m")], staff=[pager.person("ana"), pager.person("ben")],
                     pages={"clinical": [{"to": "ana", "after": "0s", "every": "1m"}]}).start()
    wait_for_beginning(daemon)
    server.append(user, "INBOX", message(1, "now"))
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")
    wait_for_page(daemon, pager)
    move(server, user, 1, "now", "Clinical/Urgent", "Clinical/Taken/ana")
    daemon.wait_until(lambda: daemon.status()["alerts"]["unacknowledged"] == 0, 15, "acknowledged")
