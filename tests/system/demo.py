#!/usr/bin/python3
"""make demo: mail in six languages goes through a real IMAP server, is sorted into queues there, and somebody is paged.

Everything runs on loopback under a temporary folder and is gone at the end, also after ^C or a failure. Exit status 1
when a message is lost: in no folder, or to be read now and not paged.
"""
import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import unicodedata

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemon import ROOT, Daemon, mail_person, smtp_of, tls_mailbox  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from pager import Pager  # noqa: E402
from smtp_sink import SmtpSink  # noqa: E402

MAIL = f"{ROOT}/tests/mail/demo"
USER = "support"
LIMIT_S = 90       # for everything to be read, moved and paged; it takes a few seconds
DIGEST_LINES = 24  # of the digest: the rest is more of the same
QUIET_S = 1.0      # and this long without another page before the count is final
URGENCIES = ("now", "soon", "review", "routine")


def load_manifest():
    with open(f"{MAIL}/manifest.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def width(text):
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 0 if unicodedata.combining(letter) else 1 for letter in text)


def cell(text, size):
    while width(text) > size:
        text = text[:-2] + "…" if len(text) > 1 else ""
    return text + " " * (size - width(text))


def agree(row, item):
    """Whether the decision is what the mail's author wrote on it."""
    return item["urgency"] == row["urgency"] or item["urgency"] in row["accept"]


class Demo:
    def __init__(self, build):
        self.build = build
        self.rows = load_manifest()
        self.stack = contextlib.ExitStack()

    def start(self):
        self.server = self.stack.enter_context(Dovecot(users=[USER]))
        self.pager = self.stack.enter_context(Pager(self.server.authority))
        self.sink = self.stack.enter_context(SmtpSink())
        print(f"A mail server on port {self.server.tls_port}, a pager on port {self.pager.port} and a mail sink on port {self.sink.port} of this machine,"
              " for the demo alone.")
        mails = [open(f"{MAIL}/{row['file']}", "rb").read() for row in self.rows]
        self.server.append(USER, "INBOX", *mails)
        print(f"{len(mails)} invented mails in the inbox of {USER}@. Starting attuned.\n", flush=True)
        people = [self.pager.person("ana"), self.pager.person("mira")]
        people[0]["channels"] += mail_person("ana", "ana@example.org")["channels"]
        self.daemon = self.stack.enter_context(Daemon(
            mailboxes=[tls_mailbox(self.server, USER)], staff=people, build=self.build, rules=f"{ROOT}/rules", ca_file=self.server.ca_file,
            pages={"clinical": [{"to": "ana", "after": "0s", "every": "2m"}], "safety": [{"to": "mira", "after": "0s", "every": "2m"}]},
            smtp=smtp_of(self.sink), staff_domains=["example.org"], digest=[{"to": "ana", "at": "08:00"}]))
        self.began = time.monotonic()

    def _to_be_paged(self, items):
        """Cases that must have rung: whatever should be read now, and whatever lies in the safety folder."""
        return {item["case"] for item in items if item["urgency"] == "now" or item["folder"] == "Clinical/Safety"}

    def wait_until_done(self):
        """Until every mail is decided and in its folder and every page has rung; false when that takes too long."""
        quiet_since = None
        while time.monotonic() < self.began + LIMIT_S:
            status, items = self.daemon.status(), self.daemon.queue()
            busy = status["messages"]["waiting"] or status["messages"]["moving"] or len(items) < len(self.rows)
            if busy or self._to_be_paged(items) - set(self.pager.cases()):
                quiet_since = None
            elif quiet_since is None:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > QUIET_S:
                return True
            time.sleep(0.05)
        return False

    def match(self):
        """Joins what attuned says with where the mail really is: {message-id: (item or None, [places])}."""
        items = {(item["folder"], item["uid"]): item for item in self.daemon.queue()}
        contents = self.server.contents(USER)
        joined = {}
        for row in self.rows:
            places = contents.get(row["message_id"], [])
            joined[row["message_id"]] = (next((items[place[:2]] for place in places if place[:2] in items), None), places)
        return joined

    def print_table(self, joined):
        print(cell("message", 27), cell("lang", 4), cell("urgency", 8), cell("author", 8), cell("queue", 9), cell("folder", 16), "first reason")
        for urgency in URGENCIES:
            for row in self.rows:
                item, _ = joined[row["message_id"]]
                if item and item["urgency"] == urgency:
                    reasons = item["cues"] or [f"unscreened: {reason}" for reason in item["unscreened"]] or ["no cue found"]
                    print(cell(row["file"].removesuffix(".eml"), 27), cell(row["language"], 4), cell(item["urgency"], 8),
                          cell("=" if agree(row, item) else row["urgency"], 8), cell(item["queue"], 9), cell(item["folder"], 16), reasons[0])

    def print_pages(self):
        print("\nPages received (they name a case, never a person):")
        for page in sorted(self.pager.pages().values(), key=lambda page: page.at):
            about = page.data.get("urgency") or page.data.get("reason", "?")
            print(f"  {cell(page.person, 5)} case {page.case}  {cell(about, 7)} mailbox {page.data.get('mailbox', '-')}"
                  f"  signature {'good' if page.verified else 'BAD'}")

    def print_labels(self, joined):
        """How the decisions compare with the labels of the mails' author."""
        order = {urgency: number for number, urgency in enumerate(reversed(URGENCIES))}
        same = higher = lower = 0
        for row in self.rows:
            item, _ = joined[row["message_id"]]
            if not item:
                continue
            if agree(row, item):
                same += 1
            elif order[item["urgency"]] > order[row["urgency"]]:
                higher += 1
            else:
                lower += 1
        print(f"\nAgainst the labels of the mails' author, who had not seen the rules: {same} the same, {higher} more urgent, {lower} less urgent.")

    def run_command(self, *arguments, lines=None):
        print(f"\n$ attune {' '.join(arguments)}")
        status, output, errors = self.daemon.attune(*arguments)
        shown = (output + errors).rstrip().splitlines()
        print("\n".join(shown[:lines]))
        if lines and len(shown) > lines:
            print(f"... and {len(shown) - lines} more lines")
        return status

    def acknowledge_one(self, joined):
        item = next((item for item, _ in joined.values() if item and item["urgency"] == "now"), None)
        return item is None or self.run_command("ack", item["case"], "--as", "ana") == 0

    def run(self):
        self.start()
        done = self.wait_until_done()
        seconds = time.monotonic() - self.began
        joined = self.match()
        self.print_table(joined)
        self.print_pages()
        self.print_labels(joined)
        acknowledged = self.acknowledge_one(joined)
        self.run_command("digest", "--preview", lines=DIGEST_LINES)
        self.run_command("status")
        return self.conclude(joined, done and acknowledged, seconds)

    def conclude(self, joined, done, seconds):
        counts = {urgency: sum(1 for item, _ in joined.values() if item and item["urgency"] == urgency) for urgency in URGENCIES}
        paged = {case for case, pages in self.pager.cases().items() if any(page.verified for page in pages)}
        nowhere = [identity for identity, (item, places) in joined.items() if item is None or len(places) != 1]
        unpaged = [identity for identity, (item, _) in joined.items() if item and item["urgency"] == "now" and item["case"] not in paged]
        lost = len(set(nowhere) | set(unpaged))
        for identity in nowhere:
            print(f"lost: {identity} is in {len(joined[identity][1])} folders and {'in' if joined[identity][0] else 'not in'} the queue")
        for identity in unpaged:
            print(f"lost: {identity} should be read now and nobody was paged")
        if not done:
            print(f"not done within {LIMIT_S} s\n{self.daemon.log()[-2000:]}")
        print(f"\n{seconds:.1f} s from start to the last page.")
        print(f"demo: {len(self.rows)} messages: now {counts['now']}, soon {counts['soon']}, review {counts['review']}, "
              f"routine {counts['routine']}; {len(self.pager.pages())} pages delivered; {lost} lost")
        return 0 if done and not lost else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    demo = Demo(parser.parse_args().build)
    folder = tempfile.mkdtemp(prefix="attune-demo-")
    os.chmod(folder, 0o755)  # the mail server is not root
    tempfile.tempdir = folder
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by birth in a shell's background job
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return demo.run()
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.stack.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
