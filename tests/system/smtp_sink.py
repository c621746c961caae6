"""A submission server on loopback that takes mail and keeps it, well or badly. For tests and the demo:

    with SmtpSink() as sink:                    # SmtpSink(tls=(certificate, key), mode="starttls" or "implicit")
        sink.script("451", "250")               # what the next messages get at their end; then the default answer
        mail = sink.wait_for(1)[0]              # a dict: from, to, user, data (bytes), message (email.message), answer, at

As a program it prints its port and writes each message to a file of a folder, until its standard input ends:

    smtp_sink.py FOLDER

Answers, at the message's end unless they say otherwise:
    250 | 451 | 554 ...   this code
    rcpt CODE             this code to RCPT
    late S                250 after S seconds
    hang                  no reply until the sink closes
    cut                   the connection is closed after the whole message, without a reply
    cut-in-data           the connection is closed in the middle of the message
    no-quit               250, and no reply to QUIT
"""
import base64
import email
import email.policy
import os
import socket
import ssl
import sys
import threading
import time

LINE_LIMIT = 4096
DATA_LIMIT = 1 << 20
IDLE_S = 30


class SmtpSink:
    """user and password: what AUTH takes; None asks for none. `taken`: messages answered with 2xx; `offered`: all that
    came whole, whatever their answer."""

    def __init__(self, tls=None, mode="starttls", user=None, password=None, answer="250", port=0, folder=None, greets=True):
        self.answer = answer
        self.offered = []
        self.greetings = []
        self.commands = []
        self.port = port
        self._mode = mode if tls else "none"
        self._account = (user, password) if user else None
        self._folder = folder
        self._greets = greets
        self._script = []
        self._open = set()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._listener = None
        self._tls = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        self.up()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    @property
    def taken(self):
        return [mail for mail in list(self.offered) if mail["code"] == 250]

    def script(self, *answers):
        with self._changed:
            self._script = list(answers)

    def wait_for(self, count, seconds=20):
        """The messages that were taken, once there are `count`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.taken) >= count, seconds):
                raise AssertionError(f"{len(self.taken)} mails after {seconds} s, not {count}; said: {self.commands[-20:]}")
            return self.taken

    def up(self):
        self._closing.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def down(self):
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
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.settimeout(IDLE_S)
            if not self._greets:
                self.wait_closing(60)
                return
            stream = self._tls.wrap_socket(connection, server_side=True) if self._mode == "implicit" else connection
            _Session(self, stream, self._mode == "implicit").run()
        except (OSError, ValueError, EOFError):
            pass  # a caller that hangs up is the caller's affair
        finally:
            with self._changed:
                self._open.discard(connection)
            connection.close()

    # --- what a session asks ---

    def next_answer(self):
        with self._changed:
            return self._script.pop(0) if self._script else self.answer

    def note(self, line):
        with self._changed:
            self.commands.append(line)

    def keep(self, mail):
        mail["message"] = email.message_from_bytes(mail["data"], policy=email.policy.default)
        mail["at"] = time.time()
        with self._changed:
            self.offered.append(mail)
            number = len(self.offered)
            self._changed.notify_all()
        if self._folder:
            with open(os.path.join(self._folder, f"{number:03}.eml"), "wb") as file:
                file.write(mail["data"])

    def wait_closing(self, seconds):
        self._closing.wait(seconds)

    @property
    def tls(self):
        return self._tls if self._mode == "starttls" else None

    @property
    def account(self):
        return self._account


class _Session:
    def __init__(self, sink, stream, encrypted):
        self.sink, self.stream, self.encrypted = sink, stream, encrypted
        self.pending = b""
        self.user = None
        self.sender, self.recipients, self.answer = None, [], None

    def say(self, text):
        self.stream.sendall(text.encode() + b"\r\n")

    def line(self):
        while b"\r\n" not in self.pending:
            more = self.stream.recv(65536)
            if not more or len(self.pending) > DATA_LIMIT:
                raise EOFError
            self.pending += more
        line, self.pending = self.pending.split(b"\r\n", 1)
        return line

    def run(self):
        self.say("220 sink.example.org ESMTP")
        while True:
            line = self.line().decode("utf-8", "replace")[:LINE_LIMIT]
            verb = line.split(" ", 1)[0].split(":", 1)[0].upper()
            self.sink.note(verb)
            method = getattr(self, "do_" + verb.lower(), None)
            if method is None:
                self.say("502 5.5.1 no such command")
            elif method(line) is False:
                return

    def do_ehlo(self, line):
        self.sink.greetings.append(line.split(" ", 1)[1])
        lines = ["sink.example.org"]
        if self.sink.tls and not self.encrypted:
            lines.append("STARTTLS")
        if self.sink.account and (self.encrypted or not self.sink.tls):
            lines.append("AUTH PLAIN LOGIN")
        for text in lines:
            self.say(f"250-{text}")
        self.say("250 SIZE 1000000")

    def do_starttls(self, _):
        if not self.sink.tls or self.encrypted:
            return self.say("503 5.5.1 not now")
        self.say("220 go ahead")
        self.stream, self.encrypted, self.pending = self.sink.tls.wrap_socket(self.stream, server_side=True), True, b""

    def do_auth(self, line):
        words = line.split(" ")
        if len(words) == 2:
            self.say("334 ")
            words.append(self.line().decode())
        _, user, password = base64.b64decode(words[2]).decode().split("\0")
        if self.sink.account != (user, password):
            return self.say("535 5.7.8 no")
        self.user = user
        self.say("235 2.7.0 yes")

    def do_mail(self, line):
        if self.sink.account and not self.user:
            return self.say("530 5.7.0 sign in first")
        self.sender, self.recipients = line.split("<", 1)[1].split(">", 1)[0], []
        self.say("250 2.1.0 ok")

    def do_rcpt(self, line):
        self.answer = self.sink.next_answer()
        if self.answer.startswith("rcpt "):
            return self.say(f"{self.answer[5:]} 5.1.1 not here")
        self.recipients.append(line.split("<", 1)[1].split(">", 1)[0])
        self.say("250 2.1.5 ok")

    def do_data(self, _):
        if self.answer == "cut-in-data":
            self.say("354 go ahead")
            self.line()
            return False
        self.say("354 go ahead")
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        kind, _, rest = self.answer.partition(" ")
        code = int(kind) if kind.isdigit() else 250 if kind in ("late", "no-quit") else 0
        if kind == "late":
            self.sink.wait_closing(float(rest))
        if kind == "hang":
            self.sink.wait_closing(60)
        self.sink.keep({"from": self.sender, "to": self.recipients, "user": self.user, "encrypted": self.encrypted,
                        "data": b"\r\n".join(lines) + b"\r\n", "code": code, "answer": self.answer})
        if not code:
            return False
        self.say(f"{code} 2.0.0 done")

    def do_quit(self, _):
        if self.answer == "no-quit":
            self.sink.wait_closing(60)
            return False
        self.say("221 2.0.0 bye")
        return False

    def do_rset(self, _):
        self.say("250 2.0.0 ok")


def main():
    with SmtpSink(folder=sys.argv[1]) as sink:
        print(f"port {sink.port}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
