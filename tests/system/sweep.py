#!/usr/bin/python3
"""The kill sweep: messages keep arriving while keep and each role is killed with SIGKILL at random moments.

Afterwards every message must stand in exactly one folder, the right one; whatever should be read now must have been paged;
\\Seen must be as it was delivered. Seeded: the same seed gives the same messages, victims and moments.
"""
import argparse
import collections
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemon import Daemon, NotAnswering, plain_mailbox  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from messages import FOLDERS, identity, kind_of, message, mixture  # noqa: E402
from pager import Pager  # noqa: E402

VICTIMS = ("keep", "fetch", "screen", "child", "notify")
SETTLE_LIMIT_S = 120   # restart back-off after many kills in a row reaches half a minute
USER = "sweep"


class Sweep:
    def __init__(self, server, pager, daemon, user=USER, points=30, messages=500, seed=1, say=lambda line: None):
        self.server, self.pager, self.daemon, self.user = server, pager, daemon, user
        self.points, self.say = points, say
        self.random = random.Random(seed)
        kinds = mixture(messages, seed)
        self.kinds = [(number, kind) for number, kind in enumerate(kinds)]
        # A third has been read by somebody before attuned sees it.
        self.seen = {identity(number, kind): self.random.random() < 0.33 for number, kind in self.kinds}
        self.kills = collections.Counter()
        self.left_behind = 0

    def run(self):
        """The faults found, by name: {fault: [message-id]}."""
        for point in range(self.points):
            batch = self.kinds[point * len(self.kinds) // self.points:(point + 1) * len(self.kinds) // self.points]
            delivery = threading.Thread(target=self._deliver, args=(batch,))
            victim = VICTIMS[point % len(VICTIMS)]
            # A server tells of new mail up to half a second late: three of four kills wait until the work has begun.
            at_work = self.random.random() < 0.75
            delay = self.random.uniform(0, 0.12) if at_work else 10 ** self.random.uniform(-3, 0)
            size = os.path.getsize(self.daemon.log_file)
            delivery.start()
            if at_work:
                self._await_work(size)
            time.sleep(delay)
            self._kill(victim)
            delivery.join()
            self.say(f"point {point + 1:3}: {len(batch)} messages, {victim} killed {delay * 1000:.0f} ms "
                     f"after {'the first decision' if at_work else 'the first delivery'}")
        settled = self._settle()
        faults = self._judge()
        if not settled and not any(faults.values()):
            faults["unsettled"] = [""]
        return faults

    def _deliver(self, batch):
        with self.server.client(self.user) as connection:
            for number, kind in batch:
                flags = "(\\Seen)" if self.seen[identity(number, kind)] else None
                connection.append("INBOX", flags, None, message(number, kind))

    def _await_work(self, size):
        """Until the log grows."""
        deadline = time.monotonic() + 2
        while os.path.getsize(self.daemon.log_file) == size and time.monotonic() < deadline:
            time.sleep(0.001)

    def _kill(self, victim):
        if victim == "keep":
            self.left_behind += len(self.daemon.kill())
            self.kills["keep"] += 1
            self.daemon.start()
            return
        deadline = time.monotonic() + 2  # the role may be waiting out its restart
        while time.monotonic() < deadline:
            if self.daemon.kill_role(victim):
                self.kills[victim] += 1
                return
            time.sleep(0.01)

    def _settle(self):
        deadline = time.monotonic() + SETTLE_LIMIT_S
        while time.monotonic() < deadline:
            try:
                counts = self.daemon.status()["messages"]
                if not counts["waiting"] and not counts["moving"] and not any(self._judge().values()):
                    return True
            except NotAnswering:
                pass
            time.sleep(0.5)
        return False

    def _judge(self):
        contents = self.server.contents(self.user)
        items = {(item["folder"], item["uid"]): item for item in self.daemon.queue()}
        paged = {case for case, pages in self.pager.cases().items() if any(page.verified for page in pages)}
        faults = {"lost": [], "duplicated": [], "misplaced": [], "unpaged": [], "seen changed": []}
        for number, kind in self.kinds:
            name = identity(number, kind)
            places = contents.get(name, [])
            if not places:
                faults["lost"].append(name)
                continue
            if len(places) > 1:
                faults["duplicated"].append(name)
            item = next((items[place[:2]] for place in places if place[:2] in items), None)
            if not self._is_well_placed(name, places[0], item):
                faults["misplaced"].append(name)
            if kind in ("now", "safety") and (not item or item["case"] not in paged):
                faults["unpaged"].append(name)
            if any(("\\Seen" in place.flags) != self.seen[name] for place in places):
                faults["seen changed"].append(name)
        return faults

    @staticmethod
    def _is_well_placed(name, place, item):
        """A message whose screen was killed under it may go to people as unscreened, but only upwards."""
        wanted = FOLDERS[kind_of(name)]
        if place.folder == wanted:
            return True
        return wanted == "INBOX" and place.folder == "Clinical/Review" and item is not None and bool(item["unscreened"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    with Dovecot(users=[USER]) as server, Pager() as pager, \
            Daemon(mailboxes=[plain_mailbox(server, USER)], staff=[pager.person("ana")], build=options.build) as daemon:
        sweep = Sweep(server, pager, daemon, points=options.points, messages=options.messages, seed=options.seed,
                      say=lambda line: print(line, flush=True))
        faults = sweep.run()
        for fault, names in faults.items():
            for name in names:
                print(f"{fault}: {name}")
        unscreened = sum(1 for item in daemon.queue() if item["unscreened"])
        if any(faults.values()):
            print(daemon.log()[-8000:])
    print(f"killed: {', '.join(f'{role} {count}' for role, count in sorted(sweep.kills.items()))}; "
          f"{unscreened} messages went to people as unscreened; {sweep.left_behind} processes outlived keep")
    print(f"sweep: {options.points} points, {options.messages} messages: " +
          ", ".join(f"{len(names)} {fault}" for fault, names in faults.items()) + f"; {time.monotonic() - began:.0f} s")
    return 1 if any(faults.values()) or sweep.left_behind else 0


if __name__ == "__main__":
    sys.exit(main())
