"""attune show and close on a running daemon: what they tell, what closing does to the page and the queue, who may."""
import json

from daemon import plain_mailbox
from messages import message
from test_path import wait_for_folder, wait_for_page
from messages import identity


def start_case(daemon, server, user, pager, kind="now"):
    """One message of a kind, decided and moved; its item of the queue."""
    server.append(user, "INBOX", message(1, kind))
    wait_for_folder(daemon, server, user, identity(1, kind), "INBOX" if kind == "routine" else
                    {"now": "Clinical/Urgent", "soon": "Clinical/Today", "review": "Clinical/Review"}[kind])
    if kind == "now":
        wait_for_page(daemon, pager)
    return daemon.wait_until(lambda: [item for item in daemon.queue() if item["state"] == "placed"], what="placed")[0]


def show(daemon, case):
    status, output, errors = daemon.attune("show", "--json", case)
    assert status == 0, errors
    return json.loads(output)


def test_show(daemon, server, user, pager):
    item = start_case(daemon, server, user, pager)
    told = show(daemon, item["case"][:8])
    assert told["case"] == item["case"] and told["kind"] == "message" and told["urgency"] == "now" and told["queue"] == "clinical"
    assert (told["route"], told["page"], told["hint"], told["folder"]) == ("now", "clinical", "hand-over", "Clinical/Urgent")
    (cue,) = told["cues"]
    assert (cue["rule"], cue["cue"], cue["field"], cue["places"], cue["lowered_by"]) == ("en.test.now", "intent", "text", 1, None)
    assert cue["title"] == "Test phrase for now" and cue["cue_title"] and told["cards"][0]["card"] == "test" and told["cards"][0]["text"]
    assert [event["what"] for event in told["timeline"]] == ["listed", "decided", "moved", "paged"] or \
        [event["what"] for event in told["timeline"]] == ["listed", "decided", "paged", "moved"]
    status, output, _ = daemon.attune("show", item["case"])
    assert status == 0
    for words in (item["case"], "urgency     now", "Clinical/Urgent", "rule en.test.now", "protocol card: test", "what happened", "paged: ana by phone",
                  "Agents hand it over"):
        assert words in output
    assert "lighthouse" not in output and "Question 1" not in output


def test_show_after_an_acknowledgement(daemon, server, user, pager):
    item = start_case(daemon, server, user, pager)
    assert daemon.attune("ack", item["case"], "--as", "ana")[0] == 0
    told = show(daemon, item["case"])
    assert told["acknowledged_by"] == "ana" and told["timeline"][-1]["what"] == "acknowledged" and told["timeline"][-1]["detail"] == "ana"
    assert "taken by    ana" in daemon.attune("show", item["case"])[1]


def test_show_of_a_message_that_nobody_was_rung_for(daemon, server, user, pager):
    item = start_case(daemon, server, user, pager, "review")
    told = show(daemon, item["case"])
    assert told["urgency"] == "review" and told["acknowledged_by"] is None and [event["what"] for event in told["timeline"]] == ["listed", "decided",
                                                                                                                                  "moved"]


def test_unknown_cases(daemon):
    for command in ("show", "close", "ack"):
        for case in ("abcdefgh", "abc", "ABCDEFGH", "a" * 27):
            status, _, errors = daemon.attune(command, case)
            assert status == 1 and "case" in errors


def test_close_ends_the_page_and_leaves_the_queue(daemon, server, user, pager):
    item = start_case(daemon, server, user, pager)
    status, output, _ = daemon.attune("close", item["case"], "--as", "ana")
    assert status == 0 and output == f"{item['case']}: closed by ana\n"
    assert "was already closed by ana" in daemon.attune("close", item["case"])[1]
    told = show(daemon, item["case"])
    assert told["closed_by"] == "ana" and told["acknowledged_by"] == "ana" and told["timeline"][-1]["what"] == "closed"
    assert daemon.queue() == [] and daemon.attune("queue")[1] == "Nothing waits.\n"
    assert item["case"][:10] in daemon.attune("queue", "--all")[1]
    assert daemon.status()["alerts"] == {"open": 0, "unacknowledged": 0, "oldest_s": 0} or daemon.status()["alerts"]["open"] == 0
    assert daemon.journal("SELECT count(*) AS n FROM ladder")[0]["n"] == 0
    assert [row["actor"] for row in daemon.journal("SELECT actor FROM audit WHERE what = 'closed'")] != []


def test_close_without_a_page(daemon, server, user, pager):
    item = start_case(daemon, server, user, pager, "review")
    assert daemon.attune("close", item["case"], "--as", "ana")[0] == 0
    assert daemon.queue() == [] and show(daemon, item["case"])["closed_by"] == "ana"


def test_a_closed_case_stays_closed_after_a_crash(daemon, server, user, pager):
    item = start_case(daemon, server, user, pager)
    assert daemon.attune("close", item["case"], "--as", "ana")[0] == 0
    daemon.kill()
    daemon.start()
    assert daemon.queue() == [] and show(daemon, item["case"])["closed_by"] == "ana"


def test_close_for_nobody_on_staff(daemon, server, user, pager):
    item = start_case(daemon, server, user, pager)
    status, _, errors = daemon.attune("close", item["case"], "--as", "somebody")
    assert status == 1 and "staff" in errors and len(daemon.queue()) == 1


def test_the_journal_answers_when_no_daemon_does(daemons, server, user, pager):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")]).start()
    server.append(user, "INBOX", message(1, "now"), message(2))
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")
    daemon.wait_until(lambda: len(daemon.queue()) == 2, what="both decided")
    daemon.stop()
    status, output, _ = daemon.attune("queue", "--json")
    assert status == 0 and len(json.loads(output)["items"]) == 2
    status, output, _ = daemon.attune("queue", "--json", "--queue", "clinical")
    items = json.loads(output)["items"]
    assert status == 0 and [item["urgency"] for item in items] == ["now"]
    status, output, _ = daemon.attune("status", "--json")
    answer = json.loads(output)
    assert status == 3 and answer["running"] is False and answer["messages"]["now"] == 1
    assert "not running" in daemon.attune("status")[1]
    assert daemon.attune("ack", items[0]["case"])[0] == 3
