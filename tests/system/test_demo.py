"""The demo keeps its promises: what its mails are, what its last line says, and that nothing is left behind."""
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from daemon import ROOT

MAIL = f"{ROOT}/tests/mail/demo"
LAST_LINE = re.compile(r"^demo: (\d+) messages: now (\d+), soon (\d+), review (\d+), routine (\d+); (\d+) pages delivered; (\d+) lost$")
LIMIT_S = 120


def start_demo(folder):
    """In a temporary folder of its own, so that what it leaves behind can be seen."""
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([sys.executable, f"{ROOT}/tests/system/demo.py"], env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def processes_of(folder):
    """Processes whose command line names the folder: every server and role of the demo does, or ends with one that does."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if str(folder).encode() in file.read():
                    found.append(int(entry))
        except OSError:
            continue
    return found


def test_mails_are_what_the_sources_say(tmp_path):
    sys.path.insert(0, MAIL)
    import build
    build.write_all(tmp_path)
    kept = {name for name in os.listdir(MAIL) if name.endswith((".eml", ".jsonl"))}
    assert kept == set(os.listdir(tmp_path))
    for name in kept:
        with open(f"{MAIL}/{name}", "rb") as ours, open(tmp_path / name, "rb") as fresh:
            assert ours.read() == fresh.read(), name


def test_mails_cover_what_was_promised():
    with open(f"{MAIL}/manifest.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert len(rows) >= 42
    urgencies = collections.defaultdict(collections.Counter)
    for row in rows:
        urgencies[row["language"]][row["urgency"]] += 1
    assert sorted(urgencies) == ["en", "pl", "ro", "ru", "sl", "uk"]
    for language, counts in urgencies.items():
        assert set(counts) == {"now", "soon", "review", "routine"} and sum(counts.values()) >= 7, language
    assert {"client", "therapist"} <= {row["voice"] for row in rows}


@pytest.fixture
def folder():
    """One that the mail server, which is not root, may pass through; pytest's own may be closed to it."""
    made = tempfile.mkdtemp(prefix="attune-test-")
    os.chmod(made, 0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_demo(folder):
    began = time.monotonic()
    process = start_demo(folder)
    output = process.communicate(timeout=LIMIT_S)[0].decode()
    assert process.returncode == 0, output
    last = LAST_LINE.match(output.rstrip().splitlines()[-1])
    assert last, output
    count, now, soon, review, routine, pages, lost = map(int, last.groups())
    assert lost == 0 and count == now + soon + review + routine and pages >= now
    assert "BAD" not in output
    assert time.monotonic() - began < LIMIT_S
    assert os.listdir(folder) == [] and processes_of(folder) == []


def test_interrupted_demo_leaves_nothing(folder):
    for seconds, sig in ((0.4, signal.SIGINT), (1.5, signal.SIGINT), (1.0, signal.SIGTERM)):
        process = start_demo(folder)
        time.sleep(seconds)
        process.send_signal(sig)
        process.communicate(timeout=60)
        assert process.returncode != 0
        deadline = time.monotonic() + 10
        while (os.listdir(folder) or processes_of(folder)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert os.listdir(folder) == [] and processes_of(folder) == []
