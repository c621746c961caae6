"""What the system tests share: one Dovecot for the whole run with a fresh user for each test, a webhook receiver, and
daemons that are stopped whatever happens. Tests run build/ (and build-faults/ where a fault is asked for)."""
import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemon import Daemon, plain_mailbox, webhook_person  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from pager import Pager  # noqa: E402

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server():
    with Dovecot(users=()) as running:
        yield running


@pytest.fixture
def user(server):
    """A mailbox of this test's own."""
    name = f"box{next(_numbers)}"
    server.add_user(name)
    return name


@pytest.fixture
def pager():
    with Pager() as running:
        yield running


@pytest.fixture
def daemons():
    """daemons(...) makes a Daemon that is closed at the end of the test."""
    made = []

    def make(*arguments, **settings):
        made.append(Daemon(*arguments, **settings))
        return made[-1]

    yield make
    for daemon in made:
        daemon.close()


@pytest.fixture
def daemon(daemons, server, user, pager):
    """A running daemon on one plaintext loopback mailbox, paging `ana`."""
    return daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")]).start()
