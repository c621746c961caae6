"""An IMAP server that misbehaves on demand. By itself it is a small, correct one with a few messages; a test replaces its
answer to one command.

    def no_answer(session, tag, arguments): ...
    with HostileImap({"UID FETCH": no_answer}) as server:

A replacement sends what it likes through session.send(), returns nothing, or FALL_BACK to let the correct answer follow.
"""
import re
import socket
import struct
import threading
import time

FALL_BACK = object()
CAPABILITY = "IMAP4rev1 IDLE UIDPLUS MOVE"


class Closed(Exception):
    pass


def once(answer, times=1):
    """Misbehaves so many times in the server's life, then no more."""
    left = [times]

    def limited(session, tag, arguments):
        if left[0] <= 0:
            return FALL_BACK
        left[0] -= 1
        return answer(session, tag, arguments)
    return limited


def for_uid(uid, answer):
    """Misbehaves for one message only."""
    def limited(session, tag, arguments):
        if arguments.split()[0] != str(uid):
            return FALL_BACK
        return answer(session, tag, arguments)
    return limited


class Session:
    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.file = connection.makefile("rb")

    def send(self, data):
        self.connection.sendall(data if isinstance(data, bytes) else data.encode())

    def tagged(self, tag, text="OK done"):
        self.send(f"{tag} {text}\r\n")

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise Closed()
        return line.decode("latin-1").rstrip("\r\n")

    def close(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        raise Closed()

    def reset(self):
        """RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.file.close()
        self.connection.close()
        raise Closed()

    def hold(self, seconds=60):
        """Says nothing more, until the client goes or the server stops."""
        end = time.monotonic() + seconds
        self.connection.settimeout(0.2)
        while time.monotonic() < end and not self.server.stopped:
            try:
                if not self.connection.recv(65536):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        raise Closed()

    def drip(self, data, seconds=0.5):
        for byte in data:
            self.send(bytes([byte]))
            time.sleep(seconds)
            if self.server.stopped:
                raise Closed()

    # --- the correct server ---

    def run(self):
        if self.server.greet(self) is FALL_BACK:
            self.send("* OK ready\r\n")
        while True:
            tag, _, rest = self.line().partition(" ")
            command, _, arguments = rest.partition(" ")
            command = command.upper()
            if command == "UID":
                verb, _, arguments = arguments.partition(" ")
                command = f"UID {verb.upper()}"
            self.server.commands.append((command, arguments))
            replacement = self.server.answers.get(command)
            if replacement is not None and replacement(self, tag, arguments) is not FALL_BACK:
                continue
            self.answer(command, tag, arguments)

    def answer(self, command, tag, arguments):
        server = self.server
        if command == "CAPABILITY":
            self.send(f"* CAPABILITY {CAPABILITY}\r\n")
        elif command in ("SELECT", "EXAMINE"):
            self.send(f"* {len(server.messages)} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen \\Deleted)\r\n"
                      f"* OK [PERMANENTFLAGS (\\Seen \\Deleted \\*)] yes\r\n* OK [UIDVALIDITY {server.uidvalidity}] yes\r\n"
                      f"* OK [UIDNEXT {max(server.messages, default=0) + 1}] yes\r\n")
        elif command == "STATUS":
            name = re.match(r'"(?:[^"\\]|\\.)*"', arguments).group()
            self.send(f"* STATUS {name} (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)\r\n")
        elif command == "UID SEARCH":
            first, _, last = arguments.split()[-1].partition(":")
            top = max(server.messages, default=0)
            low, high = int(first), top if last == "*" else int(last or first)
            found = [uid for uid in server.messages if min(low, high) <= uid <= max(low, high)]
            self.send("* SEARCH" + "".join(f" {uid}" for uid in found) + "\r\n")
        elif command == "UID FETCH":
            uid = int(arguments.split()[0])
            body = server.messages.get(uid)
            if body is not None:
                self.send(self.fetched(uid, body))
        elif command == "UID MOVE":
            uid = int(arguments.split()[0])
            if server.messages.pop(uid, None) is not None:
                self.send(f"* OK [COPYUID 7 {uid} 1] moved\r\n* 1 EXPUNGE\r\n")
        elif command == "IDLE":
            self.send("+ idling\r\n")
            if self.line().upper() != "DONE":
                raise Closed()
        self.tagged(tag)

    def fetched(self, uid, body):
        head = f'* {uid} FETCH (UID {uid} FLAGS () RFC822.SIZE {len(body)} INTERNALDATE "01-Jan-2026 10:00:00 +0100" BODY[] '
        return head.encode() + b"{%d}\r\n" % len(body) + body + b")\r\n"


class HostileImap:
    def __init__(self, answers=None, greet=None, messages=None, uidvalidity=42):
        self.answers = answers or {}
        self.greet = greet or (lambda session: FALL_BACK)
        self.messages = messages if messages is not None else {uid: b"Subject: %d\r\n\r\nbody\r\n" % uid for uid in (1, 2, 3)}
        self.uidvalidity = uidvalidity
        self.commands = []
        self.connections = 0
        self.stopped = False

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.listener.close()

    def accept(self):
        while not self.stopped:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.settimeout(120)
        try:
            Session(self, connection).run()
        except (Closed, OSError, ValueError):
            pass
        finally:
            connection.close()
