"""Runs attuned for a test: writes its configuration and secrets, starts it, asks it, kills it or one of its roles.

    with Daemon(mailboxes=[plain_mailbox(server, "support")], staff=[webhook_person("ana", receiver.url)]) as daemon:
        daemon.wait_until(lambda: daemon.queue("clinical"))

Everything stands in a temporary folder that goes with the daemon, unless the test keeps it.
"""
import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEST_RULES = f"{ROOT}/tests/system/rules"
START_LIMIT_S = 20    # loading and compiling rules under a loaded machine
STOP_LIMIT_S = 20     # notify may finish what is in flight for 10 s


class NotAnswering(Exception):
    """The control socket is not there, or gave no whole answer."""


def plain_mailbox(server, user, **settings):
    """A mailbox of a Dovecot over plaintext loopback."""
    return {"name": user.replace("_", "-"), "host": "127.0.0.1", "port": server.port, "tls": "none", "user": user,
            "password": server.passwords[user], "poll": "5s", **settings}


def tls_mailbox(server, user, tls="implicit", **settings):
    port = server.tls_port if tls == "implicit" else server.port
    return {"name": user.replace("_", "-"), "host": "localhost", "port": port, "tls": tls, "ca_file": server.ca_file, "user": user,
            "password": server.passwords[user], "poll": "5s", **settings}


def new_secret():
    return "whsec_" + base64.b64encode(os.urandom(24)).decode()


def webhook_person(name, url, secret=None, channel="phone"):
    return {"name": name, "channels": [{"name": channel, "webhook": url, "secret": secret or new_secret()}]}


def mail_person(name, address, channel="mail"):
    return {"name": name, "channels": [{"name": channel, "mail": address}]}


def smtp_of(sink):
    """Settings for an SMTP sink over plaintext loopback."""
    return {"host": "127.0.0.1", "port": sink.port, "tls": "none", "from": "attune@example.org"}


def to_yaml(value, indent=0):
    """Block style, so that a finding's line points at one setting. Every scalar but numbers and yes/no is quoted."""
    pad = "  " * indent
    lines = []
    if isinstance(value, dict):
        for key, item in value.items():
            nested = isinstance(item, (dict, list)) and item
            lines.append(f"{pad}{key}:" + ("" if nested else f" {_scalar(item)}"))
            if nested:
                lines.append(to_yaml(item, indent + 1))
    else:
        for item in value:
            if isinstance(item, dict):
                block = to_yaml(item, indent + 1)
                lines.append(f"{pad}- {block.lstrip()}")
            else:
                lines.append(f"{pad}- {_scalar(item)}")
    return "\n".join(lines)


def _scalar(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (dict, list)):
        return "[]" if isinstance(value, list) else "{}"
    return json.dumps(value, ensure_ascii=False)


class Daemon:
    """mailboxes and staff: as in attune.yaml, with `password` and `secret` given in the clear: they become files.
    pages: ladders; by default the first person at once and again each minute. settings: further top-level keys."""

    def __init__(self, mailboxes=(), staff=(), pages=None, rules=TEST_RULES, build=None, folder=None, environment=None, **settings):
        self.build = os.path.join(ROOT, build or os.environ.get("ATTUNE_BUILD", "build"))
        self.owns_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="attune-daemon-")
        self.environment = environment or {}
        self.process = None
        self.log_file = f"{self.folder}/log"
        self.config_file = f"{self.folder}/attune.yaml"
        self.state_dir = f"{self.folder}/state"
        self.run_dir = f"{self.folder}/run"
        self.rules = rules
        for needed in (self.state_dir, self.run_dir, f"{self.folder}/secrets"):
            os.makedirs(needed, mode=0o700, exist_ok=True)
        self.config = {"mode": "route", "state_dir": self.state_dir, "run_dir": self.run_dir, "rules": rules,
                       "mailboxes": [self._mailbox(mailbox) for mailbox in mailboxes],
                       "staff": [self._person(person) for person in staff],
                       "pages": pages or {"clinical": [{"to": staff[0]["name"] if staff else "nobody", "after": "0s", "every": "1m"}]},
                       **settings}
        self.write_config()

    def _secret_file(self, name, content):
        path = f"{self.folder}/secrets/{name}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(content + "\n")
        return path

    def _mailbox(self, mailbox):
        mailbox = dict(mailbox)
        mailbox["password_file"] = self._secret_file(f"{mailbox['name']}.password", mailbox.pop("password"))
        return mailbox

    def _person(self, person):
        channels = []
        for channel in person["channels"]:
            channel = dict(channel)
            if "secret" in channel:
                channel["secret_file"] = self._secret_file(f"{person['name']}.{channel['name']}.secret", channel.pop("secret"))
            channels.append(channel)
        return {**person, "channels": channels}

    def write_config(self, text=None):
        with open(self.config_file, "w", encoding="utf-8") as file:
            file.write(text if text is not None else to_yaml(self.config) + "\n")

    # --- running ---

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def launch(self, *arguments, prefix=()):
        """Starts the process and does not wait for it to answer. prefix: a command that runs it, such as unshare."""
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([*prefix, f"{self.build}/attuned", "--config", self.config_file, *arguments], cwd=self.folder,
                                            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **self.environment},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        return self

    def start(self, *arguments, prefix=()):
        self.launch(*arguments, prefix=prefix)
        self.wait_ready()
        return self

    def wait_ready(self):
        """Until the control socket answers and rules are in force."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"attuned ended with {self.process.returncode}\n{self.log()}")
            with contextlib.suppress(NotAnswering):
                if self.status()["rules"]["hash"]:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"attuned does not answer after {START_LIMIT_S} s\n{self.log()}")

    def stop(self, limit_s=STOP_LIMIT_S):
        """SIGTERM; the exit status."""
        if self.process is None:
            return None
        roles = self.role_pids()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(limit_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self._end_left_over(roles)
        status, self.process = self.process.returncode, None
        return status

    def kill(self):
        """SIGKILL of keep, as a crash. Its roles must end by themselves: the result lists those that had not in 5 s."""
        roles = self.role_pids()
        self.process.kill()
        self.process.wait(5)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and any(_is_alive(pid) for pid in roles):
            time.sleep(0.01)
        left = [pid for pid in roles if _is_alive(pid)]
        self._end_left_over(left)
        self.process = None
        return left

    @staticmethod
    def _end_left_over(pids):
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def close(self):
        self.stop()
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def tree(self):
        """{role: [pid]} of the running daemon; the zygote's children are `child`."""
        if self.process is None or self.process.poll() is not None:
            return {}
        parents = _parents()
        keep = self.process.pid
        if _role_of(keep) is None and not _is_attuned(keep):  # started through a prefix such as unshare
            keep = next((pid for pid, parent in parents.items() if parent == keep and _is_attuned(pid)), keep)
        found = {"keep": [keep]}
        for pid, parent in parents.items():
            if parent == keep and _role_of(pid):
                found.setdefault(_role_of(pid), []).append(pid)
        zygotes = set(found.get("screen", ()))
        found["child"] = [pid for pid, parent in parents.items() if parent in zygotes]
        return found

    def role_pids(self):
        return [pid for role, pids in self.tree().items() if role != "keep" for pid in pids]

    def kill_role(self, role, sig=signal.SIGKILL):
        """Signals one process of a role (or `child`, or `keep` without waiting); its pid, or None when there was none."""
        for pid in self.tree().get(role, ()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
                return pid
        return None

    def reload(self):
        os.kill(self.tree()["keep"][0], signal.SIGHUP)

    # --- asking ---

    def ask(self, request, limit_s=15):
        """One question over the control socket."""
        try:
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
                connection.settimeout(limit_s)
                connection.connect(f"{self.run_dir}/control")
                connection.sendall(json.dumps(request).encode() + b"\n")
                answer = b""
                while chunk := connection.recv(1 << 20):
                    answer += chunk
            return json.loads(answer)
        except (OSError, ValueError) as error:
            raise NotAnswering(str(error)) from error

    def status(self):
        return self.ask({"command": "status"})

    def queue(self, queue=None):
        return self.ask({"command": "queue", "queue": queue})["items"]

    def attune(self, *arguments, limit_s=60):
        """Runs the operator's command with this daemon's configuration: (exit status, output, errors)."""
        done = subprocess.run([f"{self.build}/attune", *arguments, "--config", self.config_file], cwd=self.folder, timeout=limit_s,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")

    def journal(self, query, *values):
        """Rows of the journal, read beside the daemon."""
        files = [name for name in os.listdir(self.state_dir) if name.endswith((".db", ".sqlite", ".journal")) or name == "journal"]
        with contextlib.closing(sqlite3.connect(f"file:{self.state_dir}/{files[0]}?mode=ro", uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]

    def log(self):
        with contextlib.suppress(OSError), open(self.log_file, encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    def wait_until(self, condition, limit_s=30, what="", interval_s=0.05):
        """Calls condition until it gives something true, which is returned."""
        deadline = time.monotonic() + limit_s
        while True:
            with contextlib.suppress(NotAnswering):
                value = condition()
                if value:
                    return value
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {limit_s} s: {what or condition}\n{self._last_words()}")
            time.sleep(interval_s)

    def _last_words(self):
        with contextlib.suppress(NotAnswering):
            return json.dumps(self.status(), indent=1) + "\n" + self.log()[-4000:]
        return self.log()[-4000:]


def _parents():
    """{pid: parent} of every process."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
            state, parent = file.read().rsplit(")", 1)[1].split()[:2]
            if state != "Z":
                found[int(entry)] = int(parent)
    return found


def _command_line(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().split(b"\0")
    return []


def _is_attuned(pid):
    words = _command_line(pid)
    return bool(words) and os.path.basename(words[0]).startswith(b"attuned")


def _role_of(pid):
    words = _command_line(pid)
    return words[words.index(b"--role") + 1].decode() if b"--role" in words else None


def _is_alive(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    return False
