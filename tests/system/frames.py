"""The frames between keep and a role, in Python: a test plays keep.

The numbers and names are read from include/attune/frames.h, so that the two cannot drift apart; what stands inside a body
is written out here, in the order that the header gives.
"""
import os
import re
import socket
import struct
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = f"{ROOT}/include/attune/frames.h"
MAX_FRAME = 128 * 1024


def _read_header():
    with open(HEADER, encoding="utf-8") as file:
        text = file.read()
    types = {name: number for number, name in enumerate(re.findall(r"^\s*X\((\w+),", text, re.M), start=1)}
    carries = {name: fd == "true" for name, fd in re.findall(r"^\s*X\((\w+),\s*\w+,\s*\w+,[^,]*,\s*(true|false)", text, re.M)}
    constants = {name: int(number) for name, number in re.findall(r"\b(FETCH_[A-Z_]+) = (\d+)", text)}
    return types, carries, constants


TYPES, CARRIES, CONSTANTS = _read_header()
NAMES = {number: name for name, number in TYPES.items()}
globals().update(CONSTANTS)

# How each field is written: B u8, H u16, I u32, Q u64, q i64, s str, 32 bytes of hash, * a count and as many u32.
BODIES = {
    "BEAT": "I", "STOP": "", "FETCH_START": "", "FETCH_READY": "",
    "FETCH_CURSOR": "sII", "FETCH_LINK": "BBII", "FETCH_LISTED": "sIBBII*", "FETCH_VALIDITY": "sI",
    "FETCH_READ": "QsII", "FETCH_MESSAGE": "QIBBq", "FETCH_UNREAD": "QB",
    "FETCH_STATUS": "Qs", "FETCH_STATUS_IS": "QBII", "FETCH_MOVE": "QsIIss", "FETCH_MOVED": "QBII",
    "FETCH_FIND": "QsIhI", "FETCH_FOUND": "QBII", "FETCH_PROBE": "QsII", "FETCH_PROBED": "QB",
}
SIZES = {"B": 1, "H": 2, "I": 4, "Q": 8, "q": 8}


def pack(form, *values):
    out = b""
    for kind, value in zip(form, values, strict=True):
        if kind == "s":
            data = value.encode() if isinstance(value, str) else value
            out += struct.pack("<I", len(data)) + data
        elif kind == "h":
            assert len(value) == 32
            out += value
        else:
            out += struct.pack("<" + kind, value)
    return out


def unpack(form, data):
    values, at = [], 0
    for kind in form:
        if kind == "s":
            length = struct.unpack_from("<I", data, at)[0]
            values.append(data[at + 4:at + 4 + length].decode())
            at += 4 + length
        elif kind == "*":
            count = struct.unpack_from("<I", data, at)[0]
            values.append(list(struct.unpack_from(f"<{count}I", data, at + 4)))
            at += 4 + 4 * count
        else:
            values.append(struct.unpack_from("<" + kind, data, at)[0])
            at += SIZES[kind]
    assert at == len(data), "bytes left over in a frame"
    return values


class Gone(Exception):
    """The role has closed its channel."""


class Channel:
    def __init__(self, sock):
        self.socket = sock

    def send(self, name, *values, fd=None, raw=None):
        body = pack(BODIES[name], *values) if raw is None else raw
        self.send_raw(TYPES[name], body, fd)

    def send_raw(self, number, body, fd=None):
        frame = struct.pack("<HHI", number, 0, len(body)) + body
        control = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", fd))]
        self.socket.sendmsg([frame], control)

    def receive(self, timeout=10.0):
        """(name, values, descriptor or None); TimeoutError, or Gone at the end."""
        self.socket.settimeout(max(timeout, 0.001))
        data, control, _, _ = self.socket.recvmsg(MAX_FRAME, socket.CMSG_SPACE(16), socket.MSG_CMSG_CLOEXEC)
        if not data:
            raise Gone()
        number, zero, length = struct.unpack_from("<HHI", data)
        assert zero == 0 and length == len(data) - 8
        fd = None
        for level, kind, content in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fd = struct.unpack("i", content[:4])[0]
        name = NAMES[number]
        assert (fd is not None) == CARRIES[name], f"descriptor and {name} do not go together"
        return name, unpack(BODIES[name], data[8:]), fd


class Fetch:
    """build/attuned --role fetch, with the test as its keep.

        with Fetch(port=server.port, user="support", password="...") as fetch:
            fetch.start()
            fetch.wait("FETCH_LISTED")
    """

    def __init__(self, host="127.0.0.1", port=143, user="support", password="secret-of-support", tls="NONE", ca_file="",
                 folders=(("INBOX", "IDLE"),), message_cap=25 * 1024 * 1024, create=True, keywords=True, poll_s=60,
                 reconcile_s=300, folder=None, label="support"):
        import tempfile
        self.settings = (label, host, port, CONSTANTS[f"FETCH_TLS_{tls}"], ca_file, user, message_cap, create, keywords, poll_s,
                         reconcile_s)
        self.folders = folders
        self.orders = 0
        self.beats = []
        self.backlog = []
        self.output = tempfile.TemporaryFile()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel = Channel(ours)
        self.password = tempfile.TemporaryFile()
        self.password.write(password.encode() if isinstance(password, str) else password)
        self.password.seek(0)
        binary = os.environ.get("ATTUNED", f"{ROOT}/build/attuned")

        def arrange():
            os.dup2(theirs.fileno(), 3)

        self.process = subprocess.Popen([binary, "--role", "fetch"], pass_fds=(3,), preexec_fn=arrange, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.output, cwd=folder or "/tmp",
                                        env={"LANG": "C.UTF-8", **{k: v for k, v in os.environ.items() if k.startswith("ASAN_")}})
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.socket.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.password.close()
        log = self.log()
        assert "Sanitizer" not in log and "runtime error" not in log, log

    def log(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def setup_body(self):
        body = pack("ssHBssIBBII", *self.settings)
        body += struct.pack("<H", len(self.folders))
        for name, watch in self.folders:
            body += pack("sB", name, CONSTANTS[f"FETCH_WATCH_{watch}"])
        return body

    def start(self, cursors=()):
        """cursors: (folder, uidvalidity, last uid)."""
        self.channel.send("FETCH_SETUP", raw=self.setup_body(), fd=self.password.fileno())
        for cursor in cursors:
            self.channel.send("FETCH_CURSOR", *cursor)
        self.channel.send("FETCH_START")
        self.wait("FETCH_READY")
        return self

    def send(self, name, *values):
        """An order; returns its number."""
        self.orders += 1
        self.channel.send(name, self.orders, *values)
        return self.orders

    def next(self, timeout=10.0):
        """The next frame that is no BEAT."""
        deadline = time.monotonic() + timeout
        while True:
            name, values, fd = self.channel.receive(deadline - time.monotonic())
            if name != "BEAT":
                return name, values, fd
            self.beats.append((time.monotonic(), values[0]))

    def wait(self, wanted, timeout=10.0, where=None):
        """The first frame called so; others are kept for later waits."""
        for index, (name, values, fd) in enumerate(self.backlog):
            if name == wanted and (where is None or where(values)):
                del self.backlog[index]
                return (values, fd) if CARRIES[name] else values
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no {wanted}; had {[(n, v) for n, v, _ in self.backlog]}\n{self.log()}")
            try:
                name, values, fd = self.next(left)
            except TimeoutError:
                continue
            if name == wanted and (where is None or where(values)):
                return (values, fd) if CARRIES[name] else values
            self.backlog.append((name, values, fd))

    # --- what keep does with the frames ---

    def wait_up(self, timeout=10.0):
        return self.wait("FETCH_LINK", timeout, lambda v: v[0] == CONSTANTS["FETCH_LINK_UP"])

    def wait_down(self, timeout=10.0):
        return self.wait("FETCH_LINK", timeout, lambda v: v[0] == CONSTANTS["FETCH_LINK_DOWN"])

    def wait_listing(self, folder="INBOX", kind=None, timeout=10.0):
        """(uidvalidity, uids) of a whole listing, whose ranges must follow one another."""
        uids, follows = [], None
        while True:
            values = self.wait("FETCH_LISTED", timeout, lambda v: v[0] == folder and (kind is None or v[2] == CONSTANTS[f"FETCH_LISTING_{kind}"]))
            _, uidvalidity, _, last, first, to, some = values
            assert follows is None or first == follows
            assert all(first <= uid <= to for uid in some) and some == sorted(set(some))
            follows = to + 1
            uids += some
            if last:
                return uidvalidity, uids

    def commit(self, folder, uidvalidity, uids):
        if uids:
            self.channel.send("FETCH_CURSOR", folder, uidvalidity, max(uids))

    def read(self, folder, uidvalidity, uid, timeout=10.0):
        """(bytes, cut, seen, date in ms), or the why of an UNREAD."""
        order = self.send("FETCH_READ", folder, uidvalidity, uid)
        while True:
            name, values, fd = self.wait_any(("FETCH_MESSAGE", "FETCH_UNREAD"), order, timeout)
            if name == "FETCH_UNREAD":
                return values[1]
            with os.fdopen(fd, "rb") as file:
                data = os.pread(file.fileno(), values[1] + 1, 0)
            assert len(data) == values[1]
            return data, bool(values[2]), bool(values[3]), values[4]

    def wait_any(self, names, order, timeout=10.0):
        for index, (name, values, fd) in enumerate(self.backlog):
            if name in names and values[0] == order:
                del self.backlog[index]
                return name, values, fd
        deadline = time.monotonic() + timeout
        while True:
            try:
                name, values, fd = self.next(deadline - time.monotonic())
            except TimeoutError:
                raise TimeoutError(f"no {names} for {order}; had {[(n, v) for n, v, _ in self.backlog]}\n{self.log()}") from None
            if name in names and values[0] == order:
                return name, values, fd
            self.backlog.append((name, values, fd))

    def ask(self, question, *values, timeout=10.0):
        """The answer's values behind the order's number."""
        answers = {"FETCH_STATUS": "FETCH_STATUS_IS", "FETCH_MOVE": "FETCH_MOVED", "FETCH_FIND": "FETCH_FOUND",
                   "FETCH_PROBE": "FETCH_PROBED"}
        order = self.send(question, *values)
        return self.wait_any((answers[question],), order, timeout)[1][1:]

    def stop(self, timeout=10.0):
        """Exit status after STOP."""
        self.channel.send("STOP")
        return self.process.wait(timeout)
