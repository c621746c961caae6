"""attune status, queue and ack against a stand-in for the daemon: what they ask, print and exit with."""
import json
import os
import socket
import subprocess
import threading

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ATTUNE = os.path.join(ROOT, os.environ.get("ATTUNE_BUILD", "build"), "attune")
CASE = "abcdefghijklmnopqrstuvwxyz"

STATUS = {"ok": True, "version": "0.1.0", "mode": "route", "started_at": "2026-11-21T09:30:00.000Z", "uptime_s": 3725, "approvals": "not checked",
          "rules": {"hash": "ab" * 32, "count": 12, "stale": True, "error": "en/mood.yaml:3:1: bad key"},
          "mailboxes": [{"name": "support", "link": "down", "why": "credentials", "retry_ms": 900000, "last_listed_at": "2026-11-21T09:30:00.000Z",
                         "waiting": 2}],
          "messages": {"now": 1, "soon": 2, "review": 3, "routine": 4, "waiting": 5, "moving": 6, "unread_gone": 7, "taken": 8},
          "alerts": {"open": 2, "unacknowledged": 1, "oldest_s": 65}, "outbox": {"pending": 1, "failing": 0, "oldest_s": 2},
          "roles": [{"role": "fetch", "state": "ready", "restarts": 2}, {"role": "screen", "state": "ready", "restarts": 0}],
          "problems": ["the server refused the login \x1b[2J\u009b2J"]}
ITEM = {"case": CASE, "urgency": "now", "queue": "clinical", "mailbox": "support", "folder": "Clinical/Urgent", "uid": 7, "state": "open",
        "received_at": "2026-11-21T09:30:00.000Z", "decided_at": "2026-11-21T09:30:01.000Z", "deadline_at": "2026-11-21T09:35:00.123Z",
        "acknowledged_by": None, "acknowledged_at": None, "cues": ["cue-one", "cue-two"], "cards": [], "unscreened": ["cut"], "language": "en",
        "class": "human"}


class Answers:
    """One connection after another: keeps the request, sends the answer."""

    def __init__(self, folder, answer):
        self.path = os.path.join(folder, "control")
        self.answer = answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n"
        self.requests = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.listener.settimeout(20)
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                line = connection.makefile("rb").readline()
                self.requests.append(json.loads(line))
                connection.sendall(self.answer)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


def attune(*words, **options):
    return subprocess.run([ATTUNE, *words], capture_output=True, text=True, timeout=60, check=False, **options)


def has_no_control_characters(text):
    return not any(ord(c) < 0x20 and c != "\n" or 0x7F <= ord(c) < 0xA0 for c in text)


def test_status(tmp_path):
    with Answers(tmp_path, STATUS) as daemon:
        told = attune("status", "--socket", daemon.path)
        assert told.returncode == 0 and not told.stderr
        assert daemon.requests == [{"command": "status"}]
        for words in ("mode route", "up 1 h 2 min", "STALE", "support: down (credentials), next try in 900 s", "now 1, soon 2, review 3, routine 4",
                      "open 2, unacknowledged 1, the oldest for 1 min 5 s", "fetch ready (2 restarts), screen ready", "PROBLEM"):
            assert words in told.stdout
        assert has_no_control_characters(told.stdout)
        told = attune("status", "--json", "--socket", daemon.path)
        assert json.loads(told.stdout) == STATUS
        assert has_no_control_characters(told.stdout)


def test_queue(tmp_path):
    with Answers(tmp_path, {"ok": True, "items": [ITEM, {**ITEM, "case": "zzz", "cues": [], "mailbox": "o\x1b[1mther"}]}) as daemon:
        told = attune("queue", "--queue", "clinical", "--socket", daemon.path)
        assert told.returncode == 0
        assert daemon.requests == [{"command": "queue", "queue": "clinical"}]
        heading, first, second = told.stdout.splitlines()
        assert heading.split()[0] == "CASE" and first.startswith("abcdefghij ")
        assert "2026-11-21 09:35" in first and "cue-one, cue-two; not read in full: cut" in first
        assert "not read in full: cut" in second and has_no_control_characters(told.stdout)
        told = attune("queue", "--json", "--socket", daemon.path)
        assert json.loads(told.stdout)["items"][0] == ITEM
        assert daemon.requests[-1] == {"command": "queue", "queue": None}


def test_empty_queue(tmp_path):
    with Answers(tmp_path, {"ok": True, "items": []}) as daemon:
        assert attune("queue", "--socket", daemon.path).stdout == "Nothing waits.\n"


def test_queue_of_another_name():
    told = attune("queue", "--queue", "urgent")
    assert told.returncode == 2 and "clinical or agent" in told.stderr


@pytest.mark.parametrize("already, words", [(False, "acknowledged by ana"), (True, "was already acknowledged by ana")])
def test_ack(tmp_path, already, words):
    with Answers(tmp_path, {"ok": True, "case": CASE, "acknowledged_by": "ana", "already": already}) as daemon:
        told = attune("ack", "abcdef", "--as", "ana", "--socket", daemon.path)
        assert told.returncode == 0 and words in told.stdout
        assert daemon.requests == [{"command": "ack", "case": "abcdef", "as": "ana"}]
        assert attune("ack", "abcdef", "--json", "--socket", daemon.path).returncode == 0
        assert daemon.requests[-1] == {"command": "ack", "case": "abcdef", "as": None}


@pytest.mark.parametrize("exit_status", [1, 2])
def test_refusal(tmp_path, exit_status):
    with Answers(tmp_path, {"ok": False, "error": "Unknown case: zzzzzz.", "exit": exit_status}) as daemon:
        told = attune("ack", "zzzzzz", "--socket", daemon.path)
        assert told.returncode == exit_status and told.stderr == "attune: Unknown case: zzzzzz.\n" and not told.stdout
        told = attune("ack", "zzzzzz", "--json", "--socket", daemon.path)
        assert json.loads(told.stdout) == {"ok": False, "error": "Unknown case: zzzzzz.", "exit": exit_status}


def test_refusal_with_an_odd_status(tmp_path):
    with Answers(tmp_path, {"ok": False, "exit": 77}) as daemon:
        told = attune("status", "--socket", daemon.path)
        assert told.returncode == 1 and "did not say why" in told.stderr


@pytest.mark.parametrize("answer", [b"", b"garbage\n", b'{"ok":tr', b"[]", b"\xff\xfe", b"{" * 100000],
                         ids=["empty", "garbage", "cut", "list", "bytes", "braces"])
@pytest.mark.parametrize("command", [["status"], ["queue"], ["ack", "abcdef"]])
def test_no_answer(tmp_path, command, answer):
    with Answers(tmp_path, answer) as daemon:
        told = attune(*command, "--socket", daemon.path)
        assert told.returncode == 3 and "cannot be asked" in told.stderr and not told.stdout


# An answer of the right form with members of other types is shown as far as it goes, and never crashes the command.
@pytest.mark.parametrize("answer", [{"ok": True}, {"ok": True, "items": 1, "mailboxes": {}, "roles": "x", "messages": [], "problems": [1, None]},
                                    {"ok": True, "items": [1, "x", None, {"case": 7, "cues": {"a": 1}, "unscreened": [1]}], "mailboxes": [3],
                                     "roles": [None], "rules": [], "alerts": {"unacknowledged": "9"}}])
@pytest.mark.parametrize("command", [["status"], ["queue"], ["ack", "abcdef"]])
def test_odd_answer(tmp_path, command, answer):
    with Answers(tmp_path, answer) as daemon:
        assert attune(*command, "--socket", daemon.path).returncode == 0


def test_nobody_answers(tmp_path):
    for command in (["status"], ["queue"], ["ack", "abcdef"]):
        told = attune(*command, "--socket", str(tmp_path / "control"))
        assert told.returncode == 3 and "No daemon answers at" in told.stderr
    told = attune("status", "--json", "--socket", str(tmp_path / "control"))
    assert told.returncode == 3 and json.loads(told.stdout)["exit"] == 3


def test_socket_from_the_configuration(tmp_path):
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "secret").chmod(0o600)
    config = tmp_path / "attune.yaml"
    config.write_text(f"""mode: route
state_dir: {tmp_path}
run_dir: {tmp_path}
rules: {tmp_path}
mailboxes:
  - {{name: support, host: 127.0.0.1, tls: none, user: support, password_file: {tmp_path}/secret}}
staff:
  - {{name: ana, channels: [{{name: phone, webhook: "http://127.0.0.1:1/", secret_file: {tmp_path}/secret}}]}}
pages:
  clinical: [{{to: ana, after: 0s}}]
""")
    with Answers(tmp_path, STATUS):
        told = attune("status", "--config", str(config))
        assert told.returncode == 0, told.stderr
    config.write_text(config.read_text() + "mailboxs: []\n")
    told = attune("status", "--config", str(config))
    assert told.returncode == 2 and f"{config}:" in told.stderr and "mailboxes" in told.stderr and "--socket" in told.stderr


def test_wrong_use():
    for words in (["ack"], ["ack", "one", "two"], ["status", "now"], ["status", "--queue", "clinical"], ["stats"], []):
        told = attune(*words)
        assert told.returncode == 2, words
    assert "Did you mean `status`?" in attune("stats").stderr


def test_help_and_version():
    for words in (["--help"], ["help"], ["help", "status"], ["status", "--help"], ["ack", "-h"]):
        told = attune(*words)
        assert told.returncode == 0 and told.stdout.startswith("usage: attune") and not told.stderr
    assert attune("--version").stdout.startswith("attune ")
    assert attune("help", "nothing").returncode == 2


def test_manual_is_of_this_command():
    """docs/attune.1 is made by `attune help --man`."""
    with open(os.path.join(ROOT, "docs", "attune.1"), encoding="utf-8") as manual:
        assert manual.read() == attune("help", "--man").stdout


def test_output_that_cannot_be_written():
    with open("/dev/full", "w", encoding="utf-8") as full:
        told = subprocess.run([ATTUNE, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert told.returncode == 2 and "could not be written" in told.stderr
