"""attune explain: the same message gives the same explanation as on file, in words, JSON and as a page; hostile mail.

ATTUNE_GOLDEN=write writes the files in tests/golden/explain anew: look at what changed before you commit it.
"""
import json
import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ATTUNE = os.path.join(ROOT, os.environ.get("ATTUNE_BUILD", "build"), "attune")
GOLDEN = os.path.join(ROOT, "tests", "golden")
MAILS = ("plain", "combined", "lowered", "handed-on", "long", "unread", "hostile", "routine")
INTENT = "the lighthouse goes dark tonight"


def explain(*words, stdin=None, status=0):
    told = subprocess.run([ATTUNE, "explain", *map(str, words)], input=stdin, capture_output=True, timeout=120, check=False,
                          cwd=os.path.join(GOLDEN, "explain"))
    assert told.returncode == status, told.stderr.decode()
    return told


def with_rules(*words, **options):
    return explain("--rules", os.path.join(GOLDEN, "rules"), *words, **options)


def mail(text, subject="My invoice", extra="Content-Type: text/plain; charset=utf-8\n"):
    return (f"From: Writer <writer@example.org>\nTo: support@example.com\nSubject: {subject}\nMessage-ID: <m@example.org>\n"
            f"Date: Sat, 21 Nov 2026 09:30:00 +0000\n{extra}\n{text}\n").encode()


def compare(name, given):
    path = os.path.join(GOLDEN, "explain", name)
    if os.environ.get("ATTUNE_GOLDEN") == "write":
        with open(path, "wb") as file:
            file.write(given)
    with open(path, "rb") as file:
        assert given == file.read(), f"{name} differs: ATTUNE_GOLDEN=write writes it anew"


def no_hash(text):
    """A changed test rule must not change every file."""
    return re.sub(rb"[0-9a-f]{64}|(?<=Rule set )[0-9a-f]{12}|(?<=<code>)[0-9a-f]{12}(?=</code>)", b"HASH", text)


# --- golden files ---

@pytest.mark.parametrize("name", MAILS)
def test_text(name):
    compare(f"{name}.txt", no_hash(with_rules(f"{name}.eml").stdout))


@pytest.mark.parametrize("name", MAILS)
def test_json(name):
    line = no_hash(with_rules("--json", f"{name}.eml").stdout)
    compare(f"{name}.json", (json.dumps(json.loads(line), indent=1, ensure_ascii=False) + "\n").encode())


@pytest.mark.parametrize("name", MAILS)
def test_page(name):
    page = no_hash(with_rules("--html", "-", f"{name}.eml").stdout)
    page = re.sub(rb"<style>.*</style>", b"<style></style>", page, flags=re.DOTALL)
    compare(f"{name}.html", page)


@pytest.mark.parametrize("name", MAILS)
def test_twice_is_the_same(name):
    for form in ((), ("--json",), ("--html", "-")):
        assert with_rules(*form, f"{name}.eml").stdout == with_rules(*form, f"{name}.eml").stdout


@pytest.mark.parametrize("name", MAILS)
def test_agrees_with_triage(name):
    told = subprocess.run([ATTUNE, "triage", "--json", "--rules", os.path.join(GOLDEN, "rules"), f"{name}.eml"], capture_output=True,
                          timeout=60, check=True, cwd=os.path.join(GOLDEN, "explain"))
    triage, explained = json.loads(told.stdout), json.loads(with_rules("--json", f"{name}.eml").stdout)
    cues = explained.pop("cues")
    assert [{key: cue[key] for key in wanted} for cue, wanted in zip(cues, triage["cues"])] == triage.pop("cues")
    assert {key: explained[key] for key in triage} == triage


# --- places ---

def test_marks_are_the_words(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail(f"Ž {INTENT}, {INTENT}. I tell you."))
    (told,) = [json.loads(with_rules("--json", tmp_path / "a.eml").stdout)]
    assert [cue["text"] for cue in told["cues"]] == [INTENT, INTENT] and [cue["number"] for cue in told["cues"]] == [1, 1]
    for cue in told["cues"]:
        assert told["fields"]["text"].encode()[cue["start"]:cue["end"]].decode() == INTENT
    text = with_rules(tmp_path / "a.eml").stdout.decode()
    assert f"  | Ž [{INTENT}][1], [{INTENT}][1]. I tell you." in text and "now, 2 places" in text


def test_colour_on_a_terminal(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail(INTENT))
    command = f"{ATTUNE} explain --rules {GOLDEN}/rules {tmp_path}/a.eml"
    told = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, timeout=60, check=True, stdin=subprocess.DEVNULL,
                          env={"PATH": "/usr/bin:/bin", "TERM": "xterm"}).stdout.decode()
    assert f"\x1b[1;31m{INTENT}\x1b[0m[1]" in told


def test_several_messages_of_a_box(tmp_path):
    box = b"".join(b"From writer@example.org Sat Nov 21 09:30:00 2026\n" + mail(text) + b"\n" for text in (INTENT, "Thank you"))
    lines = with_rules("--json", "-", stdin=box).stdout.splitlines()
    assert [json.loads(line)["urgency"] for line in lines] == ["now", "routine"]
    page = with_rules("--html", "-", "-", stdin=box).stdout.decode()
    assert page.count("<article>") == 2 and page.count("<html") == 1


# --- the page ---

def test_page_is_its_owners_alone_and_needs_nothing(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail(INTENT))
    target = tmp_path / "a.html"
    target.write_text("an older page, longer than the new one" * 2000)
    target.chmod(0o644)
    assert with_rules("--html", target, tmp_path / "a.eml").stdout == b""
    page = target.read_text()
    assert target.stat().st_mode & 0o777 == 0o600 and page.startswith("<!doctype html>") and page.endswith("</html>\n")
    assert "default-src 'none'" in page and "prefers-color-scheme:dark" in page and "width=device-width" in page
    assert not re.search(r"https?://|url\(|<script|<img|<link|@import", page)


def test_page_escapes_what_a_mail_says(tmp_path):
    nasty = f"</div></article><script>alert(1)</script> <img src=x onerror=alert(2)> &amp; \"' \x1b[2J \u202e {INTENT}"
    (tmp_path / "a.eml").write_bytes(mail(nasty, subject="<svg/onload=alert(3)>"))
    page = with_rules("--html", "-", tmp_path / "a.eml").stdout.decode()
    body = page[page.index("<body>"):]
    assert set(re.findall(r"</?([a-z0-9]+)", body)) <= {"body", "main", "article", "h1", "h2", "span", "p", "div", "mark", "sup", "ol", "ul",
                                                        "li", "strong", "code", "dl", "dt", "dd", "details", "summary", "footer", "html"}
    assert "&lt;script&gt;" in body and "\x1b" not in body and "\u202e" not in body


def test_json_and_page_at_once(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail(INTENT))
    assert json.loads(with_rules("--json", "--html", tmp_path / "a.html", tmp_path / "a.eml").stdout)["urgency"] == "now"
    assert (tmp_path / "a.html").exists()


# --- trouble ---

def test_wrong_use(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail(INTENT))
    assert b"No such file" in with_rules(tmp_path / "none.eml", status=2).stderr
    assert b"cannot be written" in with_rules("--html", tmp_path / "no" / "page.html", tmp_path / "a.eml", status=2).stderr
    assert b"both be written" in with_rules("--json", "--html", "-", tmp_path / "a.eml", status=2).stderr
    (tmp_path / "empty").mkdir()
    assert b"holds no mail" in with_rules(tmp_path / "empty", status=2).stderr
    assert b"not a folder of rules" in explain("--rules", tmp_path / "none", tmp_path / "a.eml", status=2).stderr


def test_long_and_crowded(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail("\n".join(f"line {i} {INTENT} rain on the slate roof" for i in range(3000))))
    told = with_rules(tmp_path / "a.eml").stdout.decode()
    assert "without a mark" in told and told.count(f"[{INTENT}]") <= 1024
    (tmp_path / "b.eml").write_bytes(mail(" ".join([INTENT] * 50000)))
    with_rules("--html", tmp_path / "b.html", tmp_path / "b.eml")
