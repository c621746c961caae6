"""A clinician's pager for tests and the demo: a webhook receiver that knows whose page is whose and checks each signature."""
import collections
import json

from daemon import webhook_person
from webhook_receiver import Receiver, verify

Page = collections.namedtuple("Page", "id person case data verified at answer")


class Pager:
    """answer(...): what each page gets, as webhook_receiver says: "200", "503", "hang". Pages of any answer are recorded."""

    def __init__(self, authority=None):
        self._authority = authority
        self._secrets = {}
        self._receiver = Receiver(tls=authority.issue("pager") if authority else None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    @property
    def port(self):
        return self._receiver.port

    def answer(self, answer):
        self._receiver.answer = answer

    def up(self):
        """Listens again, on the same port."""
        self._receiver.up()

    def down(self):
        """No longer listens: callers are refused."""
        self._receiver.down()

    def person(self, name, channel="phone"):
        """An entry for the staff list."""
        host = f"https://localhost:{self.port}" if self._authority else f"http://127.0.0.1:{self.port}"
        entry = webhook_person(name, f"{host}/{name}", channel=channel)
        self._secrets[name] = entry["channels"][0]["secret"]
        return entry

    def _page(self, request):
        person = request["path"].strip("/")
        try:
            data = json.loads(request["body"])["data"]
        except (ValueError, KeyError, TypeError):
            data = {}
        return Page(request["headers"].get("webhook-id"), person, data.get("case"), data,
                    person in self._secrets and verify(self._secrets[person], request["headers"], request["body"], request["at"]),
                    request["at"], request["answer"])

    def received(self):
        """Every page, also those answered with an error."""
        return [self._page(request) for request in list(self._receiver.requests)]

    def pages(self):
        """{webhook-id: Page} of what was accepted: a retried page counts once."""
        found = {}
        for page in self.received():
            if page.answer.startswith("2"):
                found.setdefault(page.id, page)
        return found

    def cases(self):
        """{case: [Page]} of what was accepted, alarms about ourselves left out."""
        found = collections.defaultdict(list)
        for page in self.pages().values():
            if "urgency" in page.data:
                found[page.case].append(page)
        return dict(found)
