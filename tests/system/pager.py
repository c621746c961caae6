"""A clinician's pager for tests and the demo: receives webhooks on a loopback port and checks each signature by itself,
from the Standard Webhooks specification (HMAC-SHA256 over "id.timestamp.body")."""
import base64
import collections
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time

from daemon import webhook_person

Page = collections.namedtuple("Page", "id person body verified at status")
BODY_LIMIT = 64 * 1024   # a page is thin: anything near this is a fault
CLOCK_SKEW_S = 300       # the specification's tolerance


def is_signed(secret, headers, body, now=None):
    """Whether the three Standard Webhooks headers are there, fresh, and signed with `secret` (whsec_ + base64)."""
    identity, stamp, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not identity or not stamp.isdigit() or abs((now or time.time()) - int(stamp)) > CLOCK_SKEW_S:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(given, f"v1,{wanted}") for given in signatures.split(" "))


class Pager:
    """answer: the status each page gets; "hang" keeps the caller waiting. Pages of any status are recorded."""

    def __init__(self, authority=None):
        self.answer = 200
        self.secrets = {}
        self._received = []
        self._lock = threading.Lock()
        self._hanging = threading.Event()
        self._authority = authority
        self._server = None
        self.port = 0
        self.up()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    def person(self, name, channel="phone"):
        """An entry for the staff list."""
        host = f"https://localhost:{self.port}" if self._authority else f"http://127.0.0.1:{self.port}"
        entry = webhook_person(name, f"{host}/{name}", channel=channel)
        self.secrets[name] = entry["channels"][0]["secret"]
        return entry

    @property
    def ca_file(self):
        return self._authority.ca_file if self._authority else None

    def received(self):
        """Every request, also those answered with an error."""
        with self._lock:
            return list(self._received)

    def pages(self):
        """{webhook-id: Page} of what was accepted: a retried page counts once."""
        return {page.id: page for page in self.received() if 200 <= page.status < 300}

    def cases(self):
        """{case: [Page]} of what was accepted."""
        found = collections.defaultdict(list)
        for page in self.pages().values():
            found[page.body.get("case")].append(page)
        return dict(found)

    def up(self):
        """Listens; after down(), on the same port again."""
        pager = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 30

            def do_POST(self):
                body = self.rfile.read(min(int(self.headers.get("content-length", 0)), BODY_LIMIT))
                pager._record(self, body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass  # a caller that hangs up is the caller's affair

        self._hanging.clear()
        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        if self._authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._authority.issue("pager"))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def down(self):
        """No longer listens: callers are refused."""
        self._hanging.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _record(self, request, body):
        person = request.path.strip("/")
        status = self.answer
        try:
            content = json.loads(body)
        except ValueError:
            content = {}
        verified = person in self.secrets and is_signed(self.secrets[person], request.headers, body)
        with self._lock:
            self._received.append(Page(request.headers.get("webhook-id"), person, content, verified, time.time(),
                                       0 if status == "hang" else status))
        if status == "hang":
            self._hanging.wait(60)
            return
        request.send_response(status)
        request.send_header("Content-Length", "0")
        request.end_headers()
