#!/usr/bin/python3
"""make bench: speed and memory, each beside what the design asks for, and the backlog beside mbsync in the same run.

QUICK=1 in the environment runs a tenth of everything. Everything runs on loopback in temporary folders.
"""
import argparse
import contextlib
import datetime
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/system")

from daemon import Daemon, plain_mailbox  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from messages import identity, message, sized_messages  # noqa: E402
from pager import Pager  # noqa: E402

QUICK = os.environ.get("QUICK", "") not in ("", "0")
SCALE = 10 if QUICK else 1
RULES = f"{ROOT}/rules"
LIMIT_S = 600  # for any one measurement

MBSYNC = """
IMAPStore server
Host 127.0.0.1
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN
PipelineDepth 50

MaildirStore local
Path {folder}/mail/
Inbox {folder}/mail/INBOX

Channel all
Far :server:
Near :local:
Patterns INBOX
Create Near
Sync Pull
SyncState *
"""


def say(what, value, asked="", ratio=""):
    print(f"  {what:<58} {value:>16}  {asked:<22} {ratio}".rstrip(), flush=True)


def rate(count, seconds):
    return f"{count / seconds:,.0f}/s"


def times(value, asked):
    return f"{value / asked:.1f}x"


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def milliseconds(seconds):
    return f"{seconds * 1000:,.0f} ms"


# --- triage of stored mail ---

def run_triage(build, folder, *prefix):
    began = time.monotonic()
    done = subprocess.run([*prefix, f"{ROOT}/{build}/attune", "triage", "--json", "--rules", RULES, folder], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_S)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode()[-500:])
    return done.stdout.count(b"\n"), seconds


def bench_triage(build):
    count = 20000 // SCALE
    print(f"Triage of {count:,} stored messages of 2 KB in six languages, all packs, start included")
    with tempfile.TemporaryDirectory(prefix="attune-bench-") as folder:
        for number, mail in enumerate(sized_messages(count)):
            with open(f"{folder}/{number:06}.eml", "wb") as file:
                file.write(mail)
        run_triage(build, folder)  # once for the page cache
        for name, prefix in (("one core", ("taskset", "-c", "0")), (f"all {os.cpu_count()} cores", ())):
            lines, seconds = run_triage(build, folder, *prefix)
            if lines != count:
                raise RuntimeError(f"{lines} verdicts for {count} messages")
            asked = ("5,000/s asked", times(count / seconds, 5000)) if prefix else ("", "")
            say(name, rate(count, seconds), *asked)


# --- backlog ---

def fill_mailbox(server, user, count):
    """Writes a Maildir as deliveries would have left it, and lets Dovecot index it, so that both readers start alike."""
    folder = f"{server.folder}/home/{user}/Maildir"
    for name in ("cur", "new", "tmp"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    for number, mail in enumerate(sized_messages(count)):
        mail = mail.replace(b"\r\n", b"\n")
        with open(f"{folder}/cur/{1700000000 + number}.M{number}P1.bench,S={len(mail)}:2,", "wb") as file:
            file.write(mail)
    subprocess.run(["chown", "-R", f"{server.uid}:{server.gid}", folder], check=True)
    server.doveadm("index", "-u", user, "INBOX")
    with server.client(user) as connection:
        connection.select("INBOX", readonly=True)
        connection.uid("FETCH", "1:*", "(UID FLAGS RFC822.SIZE INTERNALDATE)")


def time_mbsync(server, user, count):
    with tempfile.TemporaryDirectory(prefix="attune-mbsync-") as folder:
        os.makedirs(f"{folder}/mail")
        with open(f"{folder}/rc", "w", encoding="utf-8") as file:
            file.write(MBSYNC.format(port=server.port, user=user, password=server.passwords[user], folder=folder))
        began = time.monotonic()
        subprocess.run(["mbsync", "-q", "-c", f"{folder}/rc", "all"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, timeout=LIMIT_S, env={**os.environ, "HOME": folder})
        seconds = time.monotonic() - began
        found = sum(len(files) for _, _, files in os.walk(f"{folder}/mail/INBOX/new")) + \
            sum(len(files) for _, _, files in os.walk(f"{folder}/mail/INBOX/cur"))
        if found != count:
            raise RuntimeError(f"mbsync fetched {found} of {count}")
        return seconds


def decided(daemon):
    counts = daemon.status()["messages"]
    return sum(counts[urgency] for urgency in ("now", "soon", "review", "routine"))


def time_backlog(server, user, pager, build, count):
    with contextlib.closing(Daemon(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], rules=RULES, build=build)) as daemon:
        began = time.monotonic()
        daemon.start()
        ready = time.monotonic()
        daemon.wait_until(lambda: decided(daemon) >= count, LIMIT_S, "the whole backlog decided", interval_s=0.05)
        done = time.monotonic()
        return ready - began, done - ready


def bench_backlog(build):
    count = 10000 // SCALE
    print(f"Backlog of {count:,} messages of 2 KB, from Dovecot to the journal; mbsync to a Maildir, same mail, same run")
    with Dovecot(users=["a", "b"]) as server, Pager() as pager:
        for user in ("a", "b"):
            fill_mailbox(server, user, count)
        peer = time_mbsync(server, "a", count)
        start, ours = time_backlog(server, "b", pager, build, count)
    say("mbsync", rate(count, peer))
    say("attuned: read, screened, decided, committed", rate(count, ours), "4x mbsync asked", times(peer, ours) + " mbsync")
    say("attuned: start to ready, all packs", milliseconds(start), "500 ms asked")


# --- latency ---

def moment(value):
    """A journalled time: milliseconds since the epoch, or ISO 8601."""
    if isinstance(value, (int, float)):
        return value / 1000 if value > 1e11 else float(value)
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()


def bench_latency(build):
    count = 500 // SCALE
    print(f"Arrival over {count} deliveries to an idle mailbox (Dovecot itself tells IDLE up to half a second late)")
    chooser = random.Random(1)
    with Dovecot(users=["c"]) as server, Pager() as pager, \
            Daemon(mailboxes=[plain_mailbox(server, "c")], staff=[pager.person("ana")], build=build,
                   pages={"clinical": [{"to": "ana", "after": "0s", "every": "0s"}]}) as daemon:
        server.append("c", "INBOX", message(99999))
        daemon.wait_until(lambda: decided(daemon) == 1)
        arrived = {}
        with server.client("c") as connection:
            for number in range(count):
                connection.append("INBOX", None, None, message(number, "now"))
                arrived[identity(number, "now")] = time.time()
                time.sleep(chooser.uniform(0.02, 0.2))
        daemon.wait_until(lambda: len(pager.cases()) >= count, LIMIT_S, "every page")
        daemon.wait_until(lambda: not daemon.status()["messages"]["moving"], LIMIT_S, "every move")
        names = {places[0][:2]: name for name, places in server.contents("c").items()}
        items = {item["case"]: item for item in daemon.queue("clinical")}
        first = {case: min(page.at for page in pages) for case, pages in pager.cases().items()}
        decisions, pages = [], []
        for case, item in items.items():
            name = names[(item["folder"], item["uid"])]
            decisions.append(max(0.0, moment(item["decided_at"]) - arrived[name]))
            pages.append(first[case] - arrived[name])
    for what, values, asked in (("arrival to durable decision", decisions, 1.0), ("arrival to first page received", pages, 2.0)):
        p50, p99 = percentile(values, 50), percentile(values, 99)
        say(f"{what}, p50", milliseconds(p50))
        say(f"{what}, p99", milliseconds(p99), f"{asked:.0f} s asked", f"{p99 / asked:.2f} of it")


# --- memory ---

def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def idle_memory(server, users, pager, build):
    with Daemon(mailboxes=[plain_mailbox(server, user) for user in users], staff=[pager.person("ana")], rules=RULES, build=build) as daemon:
        daemon.wait_until(lambda: all(box["link"] == "up" for box in daemon.status()["mailboxes"]) and daemon.tree()["child"], what="all links up")
        time.sleep(3)
        sizes = {role: sum(map(pss_kib, pids)) for role, pids in daemon.tree().items()}
    return sizes


def bench_memory(build):
    print("Memory at idle (PSS of the whole process tree, plaintext loopback)")
    users = [f"m{number}" for number in range(5)]
    with Dovecot(users=users) as server, Pager() as pager:
        try:
            one = idle_memory(server, users[:1], pager, build)
            five = idle_memory(server, users, pager, build)
        except PermissionError:
            print("  needs root: the roles cannot be looked into by others")
            return
    total = sum(one.values()) / 1024
    say("one mailbox, all roles", f"{total:.1f} MiB", "40 MiB asked", f"{total / 40:.2f} of it")
    for role, size in sorted(one.items()):
        say(f"  of it {role}", f"{size / 1024:.1f} MiB")
    each = (sum(five.values()) / 1024 - total) / 4
    say("each further mailbox", f"{each:.1f} MiB", "6 MiB asked", f"{each / 6:.2f} of it")


PARTS = {"triage": bench_triage, "backlog": bench_backlog, "latency": bench_latency, "memory": bench_memory}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"which measurements, of {', '.join(PARTS)}; all when none is named")
    options = parser.parse_args()
    if set(options.parts) - set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")
    if not shutil.which("mbsync"):
        print("mbsync (package isync) is needed", file=sys.stderr)
        return 2
    for part in options.parts or PARTS:
        PARTS[part](options.build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
