"""attune triage and text on stored mail: every source of it, hostile mail, exit statuses, the contract of the JSON."""
import json
import mailbox
import os
import random
import resource
import signal
import subprocess
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ATTUNE = os.path.join(ROOT, os.environ.get("ATTUNE_BUILD", "build"), "attune")
FAULTY = os.path.join(ROOT, "build-faults", "attune")
RULES = os.path.join(ROOT, "tests", "system", "rules")
NOW = "the lighthouse goes dark tonight"
REVIEW = "rain on the slate roof"
KEYS = ["source", "message_id", "urgency", "queue", "page", "unscreened", "language", "class", "cues", "rules"]
CUE_KEYS = ["rule", "cue", "urgency", "lowered_by", "field", "start", "end", "text"]


def mail(text="Could you please send me the invoice for October again?", subject="My invoice", number=1, extra=""):
    return (f"From: Writer <writer@example.org>\nTo: support@example.com\nSubject: {subject}\nMessage-ID: <m{number}@example.org>\n"
            f"Date: Sat, 21 Nov 2026 09:30:00 +0000\nContent-Type: text/plain; charset=utf-8\n{extra}\n{text}\n").encode()


def attune(*words, stdin=None, program=ATTUNE, **options):
    return subprocess.run([program, *map(str, words)], input=stdin, capture_output=True, timeout=120, check=False, **options)


def triage(*words, stdin=None, status=0, program=ATTUNE):
    told = attune("triage", "--json", "--rules", RULES, *words, stdin=stdin, program=program)
    assert told.returncode == status, told.stderr.decode()
    return [json.loads(line) for line in told.stdout.decode("utf-8").splitlines()]


def has_no_control_characters(text):
    return not any(ord(c) < 0x20 and c != "\n" or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066" for c in text)


# --- the contract of the JSON ---

def test_keys(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail(f"I tell you {NOW}."))
    (verdict,) = triage(tmp_path / "a.eml")
    assert list(verdict)[:len(KEYS)] == KEYS and "cpu_us" not in verdict
    assert (verdict["urgency"], verdict["queue"], verdict["page"], verdict["route"]) == ("now", "clinical", True, "now")
    assert verdict["message_id"] == "m1@example.org" and verdict["class"] == "human" and verdict["unscreened"] == []
    assert len(verdict["rules"]) == 64
    (cue,) = verdict["cues"]
    assert list(cue) == CUE_KEYS and cue["text"] == NOW and cue["field"] == "text" and cue["end"] - cue["start"] == len(NOW)
    (verdict,) = triage("--timing", tmp_path / "a.eml")
    assert verdict["cpu_us"] >= 0


def test_words_of_a_hit_are_the_writers(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail("Well, The  LIGHTHOUSE goes\ndark tonight."))
    (verdict,) = triage(tmp_path / "a.eml")
    assert verdict["cues"][0]["text"].split() == ["The", "LIGHTHOUSE", "goes", "dark", "tonight"]


def test_table(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail(f"I tell you {NOW}."))
    (tmp_path / "b.eml").write_bytes(mail(number=2))
    told = attune("triage", "--rules", RULES, tmp_path)
    lines = told.stdout.decode().splitlines()
    assert told.returncode == 0 and lines[0].split()[:2] == ["URGENCY", "QUEUE"]
    assert lines[1].split()[:3] == ["now", "clinical", "page"] and lines[1].endswith("intent")
    assert lines[3] == "2 messages: now 1, soon 0, review 0, routine 1; 1 would page"
    assert not told.stderr and "\x1b" not in told.stdout.decode()


# --- where mail comes from ---

def test_sources(tmp_path):
    box = mailbox.mbox(str(tmp_path / "box"))
    for i in range(3):
        box.add(mail(f"From here on {NOW}" if i == 1 else "Thanks", number=i))
    box.close()
    folder = mailbox.Maildir(str(tmp_path / "maildir"))
    for i in range(3, 5):
        folder.add(mail(number=i))
    (tmp_path / "one.eml").write_bytes(mail(number=5))
    found = triage(tmp_path)
    assert sorted(v["message_id"] for v in found) == [f"m{i}@example.org" for i in range(6)]
    assert [v["urgency"] for v in found if v["source"].endswith("box#2")] == ["now"]
    assert [v["source"] for v in triage("-", stdin=mail())] == ["-"]
    with open(tmp_path / "box", "rb") as whole:
        assert [v["source"] for v in triage("-", stdin=whole.read())] == ["-#1", "-#2", "-#3"]


def test_a_pipe_may_be_named(tmp_path):
    told = subprocess.run(["bash", "-c", f"'{ATTUNE}' triage --json --rules '{RULES}' <(cat)"], input=mail(), capture_output=True, timeout=60,
                          check=False)
    assert told.returncode == 0 and json.loads(told.stdout)["message_id"] == "m1@example.org"


def test_what_cannot_be_read_is_told(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail())
    told = attune("triage", "--json", "--rules", RULES, tmp_path / "missing", tmp_path / "a.eml")
    assert told.returncode == 2 and len(told.stdout.splitlines()) == 1
    assert f"attune: {tmp_path}/missing: No such file or directory." in told.stderr.decode()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    told = attune("triage", "--json", "--rules", RULES, tmp_path)
    assert told.returncode == 0 and "1 file was left out: not mail." in told.stderr.decode()


def test_empty(tmp_path):
    assert triage(tmp_path) == []
    (tmp_path / "empty.eml").write_bytes(b"")
    assert [os.path.basename(v["source"]) for v in triage(tmp_path)] == ["empty.eml"]
    assert [v["source"] for v in triage("-", stdin=b"")] == ["-"]


def test_wrong_use(tmp_path):
    assert attune("triage").returncode == 2
    told = attune("triage", "--rules", tmp_path / "none", tmp_path)
    assert told.returncode == 2 and "is not a folder of rules" in told.stderr.decode()
    told = attune("triage", "--rules", tmp_path, tmp_path)
    assert told.returncode == 2 and not told.stdout


# --- same verdicts, whatever the cores ---

def test_order_and_number_of_cores(tmp_path):
    draw = random.Random(5)
    texts = [NOW, REVIEW, "Thank you for the help", "the harbour has no ships left", "x" * 50000]
    for i in range(300):
        (tmp_path / f"{i:03}.eml").write_bytes(mail(draw.choice(texts), number=i))
    outputs = {attune("triage", "--json", "--rules", RULES, "--jobs", jobs, tmp_path).stdout for jobs in (1, 2, 5)}
    assert len(outputs) == 1
    first = [json.loads(line) for line in outputs.pop().splitlines()]
    assert [os.path.basename(v["source"]) for v in first] == [f"{i:03}.eml" for i in range(300)]
    files = sorted(tmp_path.iterdir(), reverse=True)
    assert {v["source"]: v for v in triage(*files)} == {v["source"]: v for v in first}


def test_lines_come_as_soon_as_known(tmp_path):
    """The first verdict is there while more mail is awaited on standard input."""
    with subprocess.Popen([ATTUNE, "triage", "--json", "--rules", RULES, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"From a@example.org Sat Nov 21 09:30:00 2026\n" + mail() + b"\n")
        process.stdin.close()
        assert json.loads(process.stdout.readline())["source"] == "-#1"
        assert process.wait(30) == 0


# --- hostile mail ---

HOSTILE = {
    "nul.eml": mail("null \0 byte", subject="a\0b"),
    "bytes.eml": bytes(range(256)) * 20,
    "utf8.eml": mail().replace(b"invoice", b"inv\xff\xc0\x80\xed\xa0\x80oice"),
    "escape.eml": mail(f"\x1b[2J {NOW} \u202e", subject="\x1b]0;title\x07", extra="X-Odd: \x9b2J\n").replace(b"<m1@", b"<\x1b[31mm1\xc2\x9b@"),
    "no-header.eml": b"\n\n" + NOW.encode(),
    "one-line.eml": b"Subject: " + b"x" * 200000,
    "groups.eml": mail(extra="To: " + "a:" * 100000 + "\n"),
    "lines.eml": b"X-A: b\n" * 200000 + b"\n" + NOW.encode(),
    "boundary.eml": mail(extra='MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="\\""\n'),
    "deep.eml": mail(extra="MIME-Version: 1.0\n" + "".join(
        f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(200))),
    "od\x1b[1md\udcff.eml": mail(f"it is {NOW}"),
}


def test_hostile_mail(tmp_path):
    for name, content in HOSTILE.items():
        (tmp_path / name).write_bytes(content)
    verdicts = triage(tmp_path)
    assert len(verdicts) == len(HOSTILE)
    by_name = {os.path.basename(v["source"]): v for v in verdicts}
    assert by_name["escape.eml"]["urgency"] == "now" and by_name["lines.eml"]["urgency"] != "routine"
    assert not any("screen-crash" in v["unscreened"] or "screen-timeout" in v["unscreened"] for v in verdicts)
    for words in (["triage", "--json"], ["triage"]):
        told = attune(*words, "--rules", RULES, tmp_path)
        assert told.returncode == 0 and has_no_control_characters(told.stdout.decode("utf-8"))
    for name in HOSTILE:
        for words in (["text"], ["text", "--json"]):
            told = attune(*words, tmp_path / name)
            assert told.returncode == 0, (name, told.stderr)
            assert has_no_control_characters(told.stdout.decode("utf-8")), name
    for name in HOSTILE:
        assert json.loads(attune("text", "--json", tmp_path / name).stdout)


def test_every_cut_of_a_message(tmp_path):
    whole = (b"From: w@example.org\nSubject: =?utf-8?B?xb7Eqw==?=\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=xy\n\n"
             b"--xy\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nna=C3=AFve\n"
             b"--xy\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGI+aGVsbG88L2I+\n--xy--\n")
    for length in range(0, len(whole), 3):
        (tmp_path / f"{length:04}.eml").write_bytes(whole[:length])
    assert len(triage(tmp_path)) == len(range(0, len(whole), 3))


def test_a_message_over_the_limit(tmp_path):
    (tmp_path / "large.eml").write_bytes(mail(NOW + "\n" + "word " * 6_500_000))
    (tmp_path / "small.eml").write_bytes(mail())
    large, small = triage(tmp_path)
    assert large["urgency"] == "now" and "cut" in large["unscreened"] and small["unscreened"] == []


def test_forged_origin_is_not_believed(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail(NOW, extra="X-Attune-Origin: forged\n"))
    (verdict,) = triage(tmp_path / "a.eml")
    assert verdict["urgency"] == "now" and verdict["page"] and verdict["class"] == "unknown"


@pytest.mark.parametrize("fault, reason", [("crash", "screen-crash"), ("memory", "screen-crash"), ("lie", "screen-crash")])
def test_a_message_that_ends_its_child(tmp_path, fault, reason):
    if not os.path.exists(FAULTY):
        pytest.skip("needs the build with faults: make BUILD=build-faults FAULTS=1 all")
    for i in range(20):
        (tmp_path / f"{i:02}.eml").write_bytes(mail(REVIEW, number=i, extra=f"X-Attune-Fault: {fault}\n" if i == 7 else ""))
    verdicts = triage(tmp_path, program=FAULTY)
    assert [v["unscreened"] for v in verdicts] == [[reason] if i == 7 else [] for i in range(20)]
    assert all(v["urgency"] == "review" and v["queue"] == "clinical" for v in verdicts)


def test_interrupted_leaves_nothing_running(tmp_path):
    for i in range(2000):
        (tmp_path / f"{i:04}.eml").write_bytes(mail("word " * 2000, number=i))
    with subprocess.Popen([ATTUNE, "triage", "--json", "--rules", RULES, tmp_path], stdout=subprocess.PIPE, start_new_session=True) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(20) == -signal.SIGINT
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("a child outlived the command")


def test_few_descriptors(tmp_path):
    """Many messages, folders and children under a small limit: none is left open."""
    for i in range(600):
        (tmp_path / f"d{i % 20}").mkdir(exist_ok=True)
        (tmp_path / f"d{i % 20}" / f"{i}.eml").write_bytes(mail(number=i))
    told = attune("triage", "--json", "--rules", RULES, "--jobs", "4", tmp_path,
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)))
    assert told.returncode == 0 and len(told.stdout.splitlines()) == 600


# --- text ---

def test_text(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail("Hello\n\nOn Fri, Ann wrote:\n> an old line\n\n-- \nWriter\n", subject="A =?utf-8?Q?=C5=BE?= word"))
    seen = json.loads(attune("text", "--json", tmp_path / "a.eml").stdout)
    assert list(seen) == ["source", "message_id", "class", "language", "subject", "text", "quoted", "signature", "flags", "unscreened"]
    assert seen["subject"] == "A ž word" and "Hello" in seen["text"] and "old line" in seen["quoted"] and "Writer" in seen["signature"]
    told = attune("text", tmp_path / "a.eml").stdout.decode()
    assert "subject    A ž word" in told and "  | Hello" in told
    assert attune("text", "-", stdin=mail()).returncode == 0
    assert attune("text", tmp_path / "missing").returncode == 2
    assert attune("text").returncode == 2


def test_text_of_a_message_that_ends_its_child(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail("y" * 3_000_000))
    seen = json.loads(attune("text", "--json", tmp_path / "a.eml").stdout)
    assert "cut" in seen["unscreened"]
