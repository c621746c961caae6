"""What a mail server can do to us: new UIDVALIDITY, lost replies, bad certificates, refusals, absence."""
import time

from certificates import Authority
from daemon import plain_mailbox, tls_mailbox
from dovecot import Dovecot
from messages import FOLDERS, identity, message
from proxy import Proxy
from test_path import places, wait_for_folder, wait_for_page


def through(proxy, server, user, **settings):
    return {**plain_mailbox(server, user, **settings), "port": proxy.port}


def mailbox_status(daemon, name):
    return next(box for box in daemon.status()["mailboxes"] if box["name"] == name)


def test_new_uidvalidity_of_the_inbox_while_running(daemon, server, user, pager):
    server.append(user, "INBOX", *[message(number) for number in range(10)], message(90, "now"))
    wait_for_page(daemon, pager)
    wait_for_folder(daemon, server, user, identity(90, "now"), "Clinical/Urgent")
    server.change_validity(user, "INBOX", server.status(user, "INBOX")["UIDVALIDITY"] + 1000)
    server.append(user, "INBOX", message(91, "now"), message(92, "soon"))
    wait_for_folder(daemon, server, user, identity(91, "now"), "Clinical/Urgent", 60)
    wait_for_folder(daemon, server, user, identity(92, "soon"), "Clinical/Today", 60)
    wait_for_page(daemon, pager, count=2)
    assert len(places(server, user)) == 13 and all(len(found) == 1 for found in places(server, user).values())
    assert len(pager.cases()) == 2


def test_new_uidvalidity_while_stopped(daemon, server, user, pager):
    server.append(user, "INBOX", *[message(number) for number in range(10)], message(90, "now"))
    wait_for_folder(daemon, server, user, identity(90, "now"), "Clinical/Urgent")
    wait_for_page(daemon, pager)
    daemon.stop()
    server.change_validity(user, "INBOX", server.status(user, "INBOX")["UIDVALIDITY"] + 1000)
    server.append(user, "INBOX", message(91, "now"))
    daemon.start()
    wait_for_folder(daemon, server, user, identity(91, "now"), "Clinical/Urgent", 60)
    wait_for_page(daemon, pager, count=2)
    assert len(pager.cases()) == 2
    assert len(places(server, user)) == 12 and all(len(found) == 1 for found in places(server, user).values())


def test_clinical_folder_made_anew(daemon, server, user, pager):
    server.append(user, "INBOX", message(1, "soon"))
    wait_for_folder(daemon, server, user, identity(1, "soon"), "Clinical/Today")
    server.recreate(user, "Clinical/Today")
    server.append(user, "INBOX", message(2, "soon"))
    wait_for_folder(daemon, server, user, identity(2, "soon"), "Clinical/Today")


def test_clinical_folder_deleted_by_a_person(daemon, server, user):
    server.append(user, "INBOX", message(1, "soon"))
    wait_for_folder(daemon, server, user, identity(1, "soon"), "Clinical/Today")
    with server.client(user) as connection:
        connection.delete('"Clinical/Today"')
    server.append(user, "INBOX", message(2, "soon"))
    wait_for_folder(daemon, server, user, identity(2, "soon"), "Clinical/Today", 60)


def test_a_move_whose_reply_is_lost(daemons, server, user, pager):
    with Proxy(server.port) as proxy:
        daemon = daemons(mailboxes=[through(proxy, server, user)], staff=[pager.person("ana")]).start()
        for number, kind in enumerate(("now", "soon", "review")):
            proxy.lose_reply("MOVE")
            server.append(user, "INBOX", message(number, kind))
            wait_for_folder(daemon, server, user, identity(number, kind), FOLDERS[kind], 60)
            daemon.wait_until(lambda: not daemon.status()["messages"]["moving"], 60, "the move is known to be done")
        assert proxy.cuts == 3
        assert all(len(found) == 1 for found in places(server, user).values())
        items = {(item["folder"], item["uid"]) for item in daemon.queue()}
        assert items == {place[:2] for found in server.contents(user).values() for place in found}


def test_a_move_that_never_arrives(daemons, server, user, pager):
    with Proxy(server.port) as proxy:
        daemon = daemons(mailboxes=[through(proxy, server, user)], staff=[pager.person("ana")]).start()
        proxy.cut_before("MOVE")
        server.append(user, "INBOX", message(1, "now"))
        wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent", 60)
        assert proxy.cuts == 1
        assert len(pager.cases()) == 1


def test_a_reply_that_kills_fetch_is_told_to_people_and_delays_nobody_for_long(daemons, server, user, pager):
    """What a reply that crashes the IMAP library would do: fetch dies each time that it asks for one message."""
    with Proxy(server.port) as proxy:
        daemon = daemons(mailboxes=[through(proxy, server, user)], staff=[pager.person("ana")])
        proxy.watch("UID FETCH 3 ", lambda: daemon.kill_role("fetch"))
        server.append(user, "INBOX", *[message(number, "soon") for number in range(1, 7)])
        daemon.start()
        for number in (1, 2, 4, 5, 6):
            wait_for_folder(daemon, server, user, identity(number, "soon"), "Clinical/Today", 60)
        wait_for_folder(daemon, server, user, identity(3, "soon"), "Clinical/Review", 60)
        assert [item["unscreened"] for item in daemon.queue() if item["urgency"] == "review"] == [["server-withheld"]]


def test_connection_cut_while_a_message_is_read(daemons, server, user, pager):
    with Proxy(server.port) as proxy:
        daemon = daemons(mailboxes=[through(proxy, server, user)], staff=[pager.person("ana")]).start()
        proxy.cut_before("BODY.PEEK")
        server.append(user, "INBOX", *[message(number, "soon") for number in range(20)])
        for number in range(20):
            wait_for_folder(daemon, server, user, identity(number, "soon"), "Clinical/Today", 60)
        assert proxy.cuts == 1
        assert not daemon.status()["messages"]["unread_gone"]


def test_server_away_then_back_while_another_mailbox_goes_on(daemons, server, user, pager):
    server.add_user(f"{user}b")
    with Proxy(server.port) as proxy:
        daemon = daemons(mailboxes=[through(proxy, server, user), plain_mailbox(server, f"{user}b")], staff=[pager.person("ana")]).start()
        daemon.wait_until(lambda: mailbox_status(daemon, user)["link"] == "up", what="the link is up")
        proxy.refuse()
        down = daemon.wait_until(lambda: mailbox_status(daemon, user)["link"] == "down" and mailbox_status(daemon, user), what="the link is down")
        assert down["why"]
        server.append(user, "INBOX", message(1, "now"))
        server.append(f"{user}b", "INBOX", message(2, "soon"))
        wait_for_folder(daemon, server, f"{user}b", identity(2, "soon"), "Clinical/Today")
        proxy.refuse(False)
        wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent", 90)
        daemon.wait_until(lambda: mailbox_status(daemon, user)["link"] == "up", what="the link is up again")
        wait_for_page(daemon, pager)


def test_wrong_password_backs_off_long_and_says_so(daemons, server, user, pager):
    server.add_user(f"{user}b")
    bad = {**plain_mailbox(server, user), "password": "not-this"}
    daemon = daemons(mailboxes=[bad, plain_mailbox(server, f"{user}b")], staff=[pager.person("ana")]).start()
    down = daemon.wait_until(lambda: mailbox_status(daemon, user)["link"] == "down" and mailbox_status(daemon, user)["retry_ms"] and
                             mailbox_status(daemon, user), what="the link is down")
    assert "credentials" in down["why"]
    assert down["retry_ms"] > 60_000
    server.append(f"{user}b", "INBOX", message(2, "soon"))
    wait_for_folder(daemon, server, f"{user}b", identity(2, "soon"), "Clinical/Today")
    assert "not-this" not in daemon.log()


def assert_tls_is_refused(daemons, mailbox, pager, server, user):
    """No login may even be tried."""
    server.append(user, "INBOX", message(1, "now"))
    daemon = daemons(mailboxes=[mailbox], staff=[pager.person("ana")]).start()
    daemon.wait_until(lambda: mailbox_status(daemon, mailbox["name"])["why"] == "tls", what="refused for its certificate")
    time.sleep(1)
    assert mailbox_status(daemon, mailbox["name"])["link"] == "down"
    assert not pager.received()
    assert server.log().count(f"Login: user=<{user}>") == 1  # this test itself, when it delivered the message


def test_certificate_of_an_unknown_authority_is_refused(daemons, server, user, pager, tmp_path):
    other = Authority(tmp_path / "other")
    for number, tls in enumerate(("implicit", "starttls")):
        name = f"{user}x{number}"
        with Dovecot(users=[name]) as fresh:
            assert_tls_is_refused(daemons, {**tls_mailbox(fresh, name, tls), "ca_file": other.ca_file}, pager, fresh, name)


def test_certificate_of_another_name_is_refused(daemons, user, pager):
    with Dovecot(users=[user]) as fresh:
        fresh.stop()
        fresh.use_certificate(fresh.authority.issue("elsewhere", "DNS:imap.elsewhere.example.org"))
        fresh.start()
        assert_tls_is_refused(daemons, tls_mailbox(fresh, user), pager, fresh, user)


def test_plaintext_is_refused_beyond_loopback(daemons, server, user, pager):
    daemon = daemons(mailboxes=[{**plain_mailbox(server, user), "host": "imap.example.org"}], staff=[pager.person("ana")]).launch()
    assert daemon.process.wait(20) == 2
    assert "tls" in daemon.log() or "loopback" in daemon.log()
