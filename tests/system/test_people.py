"""A person at work in the same mailbox: reads, moves or deletes a message at each step of its way."""
import pytest
from daemon import plain_mailbox
from messages import identity, message
from proxy import Proxy
from test_path import places, wait_for_folder, wait_for_page
from test_server import through


def uid_of(server, user, name, folder):
    return next(place.uid for place in server.contents(user)[name] if place.folder == folder)


@pytest.fixture
def held(daemons, server, user, pager):
    """A daemon whose connection runs through a proxy."""
    with Proxy(server.port) as proxy:
        daemon = daemons(mailboxes=[through(proxy, server, user)], staff=[pager.person("ana")]).start()
        daemon.wait_until(lambda: daemon.status()["mailboxes"][0]["link"] == "up", what="the link is up")
        yield daemon, proxy


def test_deleted_before_it_was_read(held, server, user):
    daemon, proxy = held
    proxy.hold("BODY.PEEK")
    server.append(user, "INBOX", message(1, "now"))
    assert proxy.held.wait(20)
    server.delete(user, "INBOX", uid_of(server, user, identity(1, "now"), "INBOX"))
    proxy.release()
    daemon.wait_until(lambda: daemon.status()["messages"]["unread_gone"] == 1, what="counted as unread-gone")
    server.append(user, "INBOX", message(2, "soon"))
    wait_for_folder(daemon, server, user, identity(2, "soon"), "Clinical/Today")


def test_moved_away_before_it_was_read(held, server, user):
    daemon, proxy = held
    server.create(user, "Done by hand")
    proxy.hold("BODY.PEEK")
    server.append(user, "INBOX", message(1, "now"))
    assert proxy.held.wait(20)
    server.move(user, "INBOX", uid_of(server, user, identity(1, "now"), "INBOX"), "Done by hand")
    proxy.release()
    daemon.wait_until(lambda: daemon.status()["messages"]["unread_gone"] == 1, what="counted as unread-gone")
    assert places(server, user)[identity(1, "now")] == ["Done by hand"]


def test_moved_to_junk_before_it_was_read(held, server, user, pager):
    """Junk is read too: the message is found there."""
    daemon, proxy = held
    server.create(user, "Junk")
    proxy.hold("BODY.PEEK")
    server.append(user, "INBOX", message(1, "now"))
    assert proxy.held.wait(20)
    server.move(user, "INBOX", uid_of(server, user, identity(1, "now"), "INBOX"), "Junk")
    proxy.release()
    wait_for_page(daemon, pager, limit_s=40)
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")


def test_moved_away_before_we_moved_it(held, server, user, pager):
    """A person takes a decided message: it stays where they put it, and the page goes out all the same."""
    daemon, proxy = held
    server.create(user, "Done by hand")
    proxy.hold("MOVE")
    server.append(user, "INBOX", message(1, "now"))
    assert proxy.held.wait(20)
    server.move(user, "INBOX", uid_of(server, user, identity(1, "now"), "INBOX"), "Done by hand")
    proxy.release()
    wait_for_page(daemon, pager)
    daemon.wait_until(lambda: daemon.status()["messages"]["taken"] == 1, 30, "taken by a person")
    assert places(server, user)[identity(1, "now")] == ["Done by hand"]


def test_deleted_before_we_moved_it(held, server, user, pager):
    daemon, proxy = held
    proxy.hold("MOVE")
    server.append(user, "INBOX", message(1, "now"))
    assert proxy.held.wait(20)
    server.delete(user, "INBOX", uid_of(server, user, identity(1, "now"), "INBOX"))
    proxy.release()
    wait_for_page(daemon, pager)
    daemon.wait_until(lambda: daemon.status()["messages"]["taken"] == 1, 30, "taken by a person")
    assert identity(1, "now") not in places(server, user)


def test_read_before_we_moved_it(held, server, user):
    daemon, proxy = held
    proxy.hold("MOVE")
    server.append(user, "INBOX", message(1, "soon"))
    assert proxy.held.wait(20)
    server.add_flags(user, "INBOX", uid_of(server, user, identity(1, "soon"), "INBOX"), "\\Seen \\Flagged")
    proxy.release()
    wait_for_folder(daemon, server, user, identity(1, "soon"), "Clinical/Today")
    (place,) = server.contents(user)[identity(1, "soon")]
    assert {"\\Seen", "\\Flagged"} <= set(place.flags)


def test_moved_or_deleted_after_we_moved_it(daemons, server, user, pager):
    """Nothing brings it back, and no second page goes out."""
    daemon = daemons(mailboxes=[plain_mailbox(server, user, reconcile="2s")], staff=[pager.person("ana")]).start()
    server.create(user, "Done by hand")
    server.append(user, "INBOX", message(1, "now"), message(2, "now"))
    for number in (1, 2):
        wait_for_folder(daemon, server, user, identity(number, "now"), "Clinical/Urgent")
    wait_for_page(daemon, pager, count=2)
    server.move(user, "Clinical/Urgent", uid_of(server, user, identity(1, "now"), "Clinical/Urgent"), "Done by hand")
    server.delete(user, "Clinical/Urgent", uid_of(server, user, identity(2, "now"), "Clinical/Urgent"))
    server.append(user, "INBOX", message(3, "soon"))
    wait_for_folder(daemon, server, user, identity(3, "soon"), "Clinical/Today")
    daemon.stop()
    daemon.start()
    server.append(user, "INBOX", message(4, "soon"))
    wait_for_folder(daemon, server, user, identity(4, "soon"), "Clinical/Today")
    assert places(server, user)[identity(1, "now")] == ["Done by hand"]
    assert identity(2, "now") not in places(server, user)
    assert len(pager.cases()) == 2


def test_moved_back_to_the_inbox_is_left_alone(daemon, server, user, pager):
    """A person's decision stands: what they put back is not taken from them again, and nobody is rung anew."""
    server.append(user, "INBOX", message(1, "now"))
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")
    cases = wait_for_page(daemon, pager)
    server.move(user, "Clinical/Urgent", uid_of(server, user, identity(1, "now"), "Clinical/Urgent"), "INBOX")
    server.append(user, "INBOX", message(2, "soon"))
    wait_for_folder(daemon, server, user, identity(2, "soon"), "Clinical/Today")
    daemon.wait_until(lambda: not daemon.status()["messages"]["waiting"] and not daemon.status()["messages"]["moving"], what="rest")
    assert len(places(server, user)[identity(1, "now")]) == 1
    assert set(pager.cases()) == set(cases)
