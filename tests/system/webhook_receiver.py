#!/usr/bin/python3
"""A webhook receiver on loopback that records what it gets and answers as it is told, well or badly. For tests and the demo:

    with Receiver() as receiver:            # Receiver(tls=(certificate, key)) for HTTPS
        receiver.script("500", "200")       # in this order, then the default answer
        ...
        request = receiver.wait_for(1)[0]
        assert verify(secret, request["headers"], request["body"])

As a program it prints its port and writes each request as one JSON line, until its standard input ends:

    webhook_receiver.py [--log FILE] [--answer ANSWER] [--certificate FILE --key FILE]

Answers: a status ("200", "429 Retry-After: 7"), or
    hang           nothing is answered until the receiver closes
    close          the connection is closed without an answer
    redirect URL   308 to URL
    big N          200 with N bytes of body
    headers N      200 with N bytes of headers
    cut            200 and half of the body that was announced
    late S         200 after S seconds
    drip           one byte of a status line each second
    informational  100 Continue over and over
"""
import argparse
import base64
import hashlib
import hmac
import json
import socket
import ssl
import sys
import threading
import time

REQUEST_LIMIT = 256 * 1024   # headers and body: a page is thin, so anything near this is a fault
CONNECTION_LIMIT = 200       # open at once; more are closed unread
IDLE_S = 30                  # a connection that says nothing for so long is closed
RECORD_LIMIT = 20000         # requests kept; a test that sends more is wrong
CLOCK_SKEW_S = 300           # Standard Webhooks' tolerance


def verify(secret, headers, body, now=None):
    """Standard Webhooks: whether the headers are there, fresh, and sign `body` (text or bytes) with `secret`: whsec_ and
    base64, or the bytes of the key."""
    identity, stamp, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not identity or not stamp.isdigit() or abs((now or time.time()) - int(stamp)) > CLOCK_SKEW_S:
        return False
    if isinstance(secret, str):
        secret = base64.b64decode(secret[len("whsec_"):], validate=True) if secret.startswith("whsec_") else secret.encode()
    if isinstance(body, str):
        body = body.encode()
    wanted = base64.b64encode(hmac.new(secret, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(given, f"v1,{wanted}") for given in signatures.split())


class Receiver:
    """`requests`: dicts of method, path, headers (names in lower case), body (text), answer, at. `connections` counts all
    that were accepted, whether or not they made a request; `poured`, the bytes of oversized answers that a caller took."""

    def __init__(self, tls=None, answer="200", port=0, log=None):
        self.answer = answer
        self.requests = []
        self.connections = 0
        self.poured = 0
        self.port = port
        self._tls = None
        self._log = log
        self._script = []
        self._open = set()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._listener = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        self.up()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    def url(self, path="/hook", host=None):
        return f"{'https' if self._tls else 'http'}://{host or ('localhost' if self._tls else '127.0.0.1')}:{self.port}{path}"

    def script(self, *answers):
        with self._changed:
            self._script = list(answers)

    def wait_for(self, count, seconds=20):
        """The requests, once there are `count`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise AssertionError(f"{len(self.requests)} requests after {seconds} s, not {count}")
            return list(self.requests)

    # --- listening ---

    def up(self):
        """Listens; after down(), on the same port again."""
        self._closing.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def down(self):
        """Refuses callers from now on and drops those that are connected."""
        self._closing.set()
        with self._changed:
            if self._listener:
                self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
                self._listener = None
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._changed:
                self.connections += 1
                full = len(self._open) >= CONNECTION_LIMIT
                if not full:
                    self._open.add(connection)
            if full:
                connection.close()
            else:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection
        try:
            connection.settimeout(IDLE_S)
            if self._tls:
                stream = self._tls.wrap_socket(connection, server_side=True)
            pending = b""
            while not self._closing.is_set():
                request, pending = self._read(stream, pending)
                if not request or not self._respond(stream, self._record(request)):
                    break
        except (OSError, ValueError):
            pass  # a caller that hangs up or speaks no HTTP is the caller's affair
        finally:
            with self._changed:
                self._open.discard(connection)
            stream.close()

    # --- one request ---

    @staticmethod
    def _read(stream, pending):
        while b"\r\n\r\n" not in pending:
            more = stream.recv(65536)
            if not more or len(pending) > REQUEST_LIMIT:
                return None, b""
            pending += more
        head, pending = pending.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(pending) < min(length, REQUEST_LIMIT):
            more = stream.recv(65536)
            if not more:
                return None, b""
            pending += more
        body = pending[:length].decode("utf-8", "surrogateescape")
        return {"method": method, "path": path, "headers": headers, "body": body}, pending[length:]

    def _record(self, request):
        with self._changed:
            answer = self._script.pop(0) if self._script else self.answer
            request.update(answer=answer, at=time.time())
            if len(self.requests) < RECORD_LIMIT:
                self.requests.append(request)
            if self._log:
                print(json.dumps(request), file=self._log, flush=True)
            self._changed.notify_all()
        return answer

    def _respond(self, stream, answer):
        """Answers; False when the connection ends with it."""
        kind, _, rest = answer.partition(" ")
        if kind.isdigit():
            extra = f"{rest}\r\n" if rest else ""
            stream.sendall(f"HTTP/1.1 {kind} Answer\r\n{extra}Content-Length: 2\r\n\r\nok".encode())
            return True
        if kind == "late":
            self._closing.wait(float(rest))
            return self._respond(stream, "200")
        if kind == "redirect":
            stream.sendall(f"HTTP/1.1 308 Elsewhere\r\nLocation: {rest}\r\nContent-Length: 0\r\n\r\n".encode())
            return True
        if kind == "big":
            stream.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {rest}\r\n\r\n".encode())
            self._pour(stream, b"x" * 65536, int(rest))
        elif kind == "headers":
            stream.sendall(b"HTTP/1.1 200 OK\r\n")
            self._pour(stream, b"X-Filler: %s\r\n" % (b"x" * 1000), int(rest))
            stream.sendall(b"\r\n")
        elif kind == "informational":
            self._pour(stream, b"HTTP/1.1 100 Continue\r\n\r\n", 64 * 1024 * 1024)
        elif kind == "cut":
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
        elif kind == "drip":
            for byte in b"HTTP/1.1 200 OK and so on":
                stream.sendall(bytes([byte]))
                if self._closing.wait(1):
                    break
        elif kind == "hang":
            self._closing.wait(60)
        return False

    def _pour(self, stream, piece, total):
        sent = 0
        while sent < total and not self._closing.is_set():
            stream.sendall(piece[:total - sent] if len(piece) > total - sent else piece)
            sent += len(piece)
            self.poured += len(piece)


def main():
    parser = argparse.ArgumentParser(description="Record webhooks on a loopback port until standard input ends.")
    parser.add_argument("--log", help="write each request there as a JSON line (default: standard output)")
    parser.add_argument("--answer", default="200")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    options = parser.parse_args()
    tls = (options.certificate, options.key) if options.certificate else None
    with open(options.log, "a", encoding="utf-8") if options.log else sys.stdout as log:
        with Receiver(tls, options.answer, options.port, log) as receiver:
            print(f"port {receiver.port}", flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
