"""Trouble at home: a pager that does not answer, a full disk, bad rules and settings, screens that crash, kills."""
import os
import shutil
import signal
import time

import pytest
from daemon import START_LIMIT_S, TEST_RULES, Daemon, plain_mailbox
from messages import FOLDERS, PHRASES, identity, message
from pager import Pager
from sweep import Sweep
from test_path import KINDS, places, wait_for_folder, wait_for_page


# --- the pager ---

def test_pager_down_then_up(daemon, server, user, pager):
    pager.down()
    server.append(user, "INBOX", message(1, "now"))
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")
    daemon.wait_until(lambda: daemon.status()["outbox"]["failing"] >= 1, what="shown as failing")
    pager.up()
    wait_for_page(daemon, pager, limit_s=60)


def test_pager_down_over_a_restart(daemon, server, user, pager):
    pager.down()
    server.append(user, "INBOX", message(1, "now"))
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")
    daemon.kill()
    pager.up()
    daemon.start()
    wait_for_page(daemon, pager, limit_s=60)


def test_pager_answers_with_errors_first(daemon, server, user, pager):
    pager.answer("503")
    server.append(user, "INBOX", message(1, "now"))
    daemon.wait_until(lambda: len(pager.received()) >= 2, 40, "a retry")
    assert len({page.id for page in pager.received()}) == 1  # a retry repeats the id
    pager.answer("200")
    wait_for_page(daemon, pager, limit_s=60)


def test_webhook_with_an_unknown_authority_gets_nothing(daemons, server, user, tmp_path):
    from certificates import Authority
    with Pager(Authority(tmp_path / "unknown")) as pager:
        daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], ca_file=server.ca_file).start()
        server.append(user, "INBOX", message(1, "now"))
        daemon.wait_until(lambda: daemon.status()["outbox"]["failing"] >= 1, what="shown as failing")
        assert not pager.received()
        assert daemon.status()["problems"]


# --- the disk ---

# A small file system of the test's own, by a user and a mount namespace: needs no rights. `fill` and `free` are orders.
SMALL_DISK = """
mount -t tmpfs -o size=48m tmpfs "$1" || exit 99
( while :; do
    if [ -e "$2/fill" ]; then cat /dev/zero >"$1/ballast" 2>/dev/null; rm -f "$2/fill"; fi
    if [ -e "$2/free" ]; then rm -f "$1/ballast" "$2/free"; fi
    kill -0 $$ 2>/dev/null || exit 0
    sleep 0.05
done ) &
shift 2
exec "$@"
"""


def order(daemon, name):
    open(f"{daemon.folder}/{name}", "w").close()
    daemon.wait_until(lambda: not os.path.exists(f"{daemon.folder}/{name}"), what=f"{name} the disk")


def test_full_disk_loses_nothing(daemons, server, user, pager):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")])
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    daemon.start(prefix=[*namespace, "sh", "-c", SMALL_DISK, "sh", daemon.state_dir, daemon.folder])
    server.append(user, "INBOX", message(0, "soon"))
    wait_for_folder(daemon, server, user, identity(0, "soon"), "Clinical/Today")
    order(daemon, "fill")
    kinds = [("now", "soon", "review", "routine")[number % 4] for number in range(1, 41)]
    server.append(user, "INBOX", *[message(number, kind) for number, kind in enumerate(kinds, 1)])
    time.sleep(5)  # long enough for work that ought not to happen
    assert daemon.process.poll() is None, daemon.log()
    found = places(server, user)
    assert len(found) == 41 and all(len(folders) == 1 for folders in found.values())
    order(daemon, "free")
    for number, kind in enumerate(kinds, 1):
        wait_for_folder(daemon, server, user, identity(number, kind), FOLDERS[kind], 90)
    wait_for_page(daemon, pager, limit_s=60, count=kinds.count("now"))


# --- rules and settings ---

@pytest.fixture
def rules(tmp_path):
    shutil.copytree(TEST_RULES, tmp_path / "rules")
    return tmp_path / "rules"


def break_rules(rules):
    with open(rules / "en" / "test.yaml", "a", encoding="utf-8") as file:
        file.write("  - id: en.test.broken\n    urgencie: now\n")


def test_bad_rules_and_no_last_good_set(daemons, server, user, pager, rules):
    break_rules(rules)
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], rules=str(rules)).launch()
    assert daemon.process.wait(START_LIMIT_S) not in (0, None)
    assert "test.yaml:" in daemon.log() and "urgencie" in daemon.log()
    server.append(user, "INBOX", message(1, "now"))
    assert places(server, user)[identity(1, "now")] == ["INBOX"]


def test_bad_rules_on_reload_and_restart_leave_the_last_good_set(daemons, server, user, pager, rules):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], rules=str(rules)).start()
    good = daemon.status()["rules"]
    assert not good["stale"]
    break_rules(rules)
    daemon.reload()
    stale = daemon.wait_until(lambda: daemon.status()["rules"]["stale"] and daemon.status()["rules"], what="stale after the reload")
    assert stale["hash"] == good["hash"] and stale["error"]
    server.append(user, "INBOX", message(1, "now"))
    wait_for_page(daemon, pager)
    daemon.stop()
    daemon.start()
    assert daemon.status()["rules"]["stale"] and daemon.status()["rules"]["hash"] == good["hash"]
    server.append(user, "INBOX", message(2, "soon"))
    wait_for_folder(daemon, server, user, identity(2, "soon"), "Clinical/Today")
    shutil.rmtree(rules)
    shutil.copytree(TEST_RULES, rules)
    daemon.reload()
    daemon.wait_until(lambda: not daemon.status()["rules"]["stale"], what="fresh again")


def test_reload_takes_new_rules(daemons, server, user, pager, rules):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], rules=str(rules)).start()
    before = daemon.status()["rules"]["hash"]
    path = rules / "en" / "test.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("rain on the slate roof", "snow on the slate roof")
                    .replace("Rain on the slate", "Snow on the slate").replace("rain on the motorway", "snow on the motorway"), encoding="utf-8")
    daemon.reload()
    daemon.wait_until(lambda: daemon.status()["rules"]["hash"] != before, what="a new rule set")
    server.append(user, "INBOX", message(1, "review"), message(2, text="There is snow on the slate roof."))
    wait_for_folder(daemon, server, user, identity(2), "Clinical/Review")
    assert places(server, user)[identity(1, "review")] == ["INBOX"]


@pytest.mark.parametrize("wrong, expected", [
    ({"mailboxs": 1}, "mailboxes"),
    ({"mode": "observe"}, "observe"),
    ({"screen_children": "many"}, "screen_children"),
])
def test_bad_settings_are_named_and_nothing_starts(daemons, server, user, pager, wrong, expected):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], **wrong).launch()
    assert daemon.process.wait(START_LIMIT_S) == 2
    assert expected in daemon.log() and "attune.yaml:" in daemon.log()


def test_bad_settings_on_reload_leave_the_ones_in_force(daemon, server, user, pager):
    good = open(daemon.config_file, encoding="utf-8").read()
    daemon.write_config(good.replace("mailboxes:", "mailboxs:"))
    daemon.reload()
    daemon.wait_until(lambda: any("mailboxs" in problem for problem in daemon.status()["problems"]), what="the fault is shown")
    server.append(user, "INBOX", message(1, "now"))
    wait_for_page(daemon, pager)
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent")
    daemon.write_config(good)
    daemon.reload()
    daemon.wait_until(lambda: not daemon.status()["problems"], what="all is well again")


def test_a_new_mailbox_on_reload_is_read(daemon, server, user):
    server.add_user(f"{user}b")
    daemon.config["mailboxes"].append(daemon._mailbox(plain_mailbox(server, f"{user}b")))
    daemon.write_config()
    daemon.reload()
    server.append(f"{user}b", "INBOX", message(1, "soon"))
    wait_for_folder(daemon, server, f"{user}b", identity(1, "soon"), "Clinical/Today")


def test_a_password_that_others_can_read_is_refused(daemons, server, user, pager):
    """That mailbox is not read; the daemon says why and goes on for the others."""
    server.add_user(f"{user}b")
    daemon = daemons(mailboxes=[plain_mailbox(server, user), plain_mailbox(server, f"{user}b")], staff=[pager.person("ana")])
    os.chmod(daemon.config["mailboxes"][0]["password_file"], 0o644)
    daemon.launch("--check")
    assert daemon.process.wait(START_LIMIT_S) == 1
    assert f"{user}.password" in daemon.log() and "chmod 600" in daemon.log()
    daemon.start()
    server.append(f"{user}b", "INBOX", message(1, "soon"))
    wait_for_folder(daemon, server, f"{user}b", identity(1, "soon"), "Clinical/Today")
    assert [box["link"] for box in daemon.status()["mailboxes"]] == ["down", "up"]
    daemon.wait_until(lambda: any(user in problem and "password" in problem for problem in daemon.status()["problems"]), what="the reason in status")
    assert f"Login: user=<{user}>" not in server.log()


def test_check_option(daemons, server, user, pager, rules):
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], rules=str(rules)).launch("--check")
    assert daemon.process.wait(START_LIMIT_S) == 0, daemon.log()
    break_rules(rules)
    daemon.launch("--check")
    assert daemon.process.wait(START_LIMIT_S) in (1, 2)
    assert not os.path.exists(f"{daemon.run_dir}/control")


# --- screens ---

@pytest.fixture
def faulty(daemons, server, user, pager):
    """A daemon whose screens do what X-Attune-Fault says."""
    return daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], build="build-faults").start()


@pytest.mark.parametrize("fault", ["crash", "hang", "memory", "lie"])
def test_a_fault_in_a_screen_costs_that_message_its_reading_only(faulty, server, user, fault):
    server.append(user, "INBOX", message(0), message(1, headers=[f"X-Attune-Fault: {fault}"]), *[message(number, "soon") for number in range(2, 12)])
    for number in range(2, 12):
        wait_for_folder(faulty, server, user, identity(number, "soon"), "Clinical/Today", 60)
    wait_for_folder(faulty, server, user, identity(1), "Clinical/Review", 60)
    item = next(item for item in faulty.queue() if item["folder"] == "Clinical/Review")
    assert item["unscreened"] and item["urgency"] == "review"
    assert places(server, user)[identity(0)] == ["INBOX"]
    assert faulty.process.poll() is None


def test_the_usual_build_knows_no_fault(daemon, server, user):
    server.append(user, "INBOX", message(1, headers=["X-Attune-Fault: crash"]), message(2, "soon"))
    wait_for_folder(daemon, server, user, identity(2, "soon"), "Clinical/Today")
    assert places(server, user)[identity(1)] == ["INBOX"]
    assert not any(item["unscreened"] for item in daemon.queue())


def test_a_message_larger_than_the_cap_is_read_up_to_it(daemons, server, user, pager):
    daemon = daemons(mailboxes=[plain_mailbox(server, user, message_cap="64 KiB")], staff=[pager.person("ana")]).start()
    server.append(user, "INBOX", message(1, text=f"{PHRASES['now']}\n" + "More words follow here.\n" * 20000), message(2, text="word\n" * 40000))
    wait_for_folder(daemon, server, user, identity(1), "Clinical/Urgent")
    wait_for_folder(daemon, server, user, identity(2), "Clinical/Review")
    assert all(item["unscreened"] for item in daemon.queue())


# --- processes ---

@pytest.mark.parametrize("role", ["fetch", "screen", "notify"])
def test_a_hung_role_is_replaced(daemon, server, user, pager, role):
    daemon.wait_until(lambda: daemon.tree().get(role), what=f"{role} runs")
    hung = daemon.kill_role(role, signal.SIGSTOP)
    server.append(user, "INBOX", message(1, "now"))
    wait_for_page(daemon, pager, limit_s=120)
    wait_for_folder(daemon, server, user, identity(1, "now"), "Clinical/Urgent", 120)
    daemon.wait_until(lambda: hung not in daemon.tree().get(role, [hung]), 60, "the hung process is gone")


def test_roles_end_with_keep(daemon):
    daemon.wait_until(lambda: daemon.tree()["child"], what="a screen child")
    assert len(daemon.role_pids()) >= 4
    assert daemon.kill() == []


def test_no_second_daemon_on_one_state_folder(daemon, server, user, pager):
    second = Daemon(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], folder=daemon.folder)
    second.log_file = f"{daemon.folder}/second.log"
    second.launch()
    assert second.process.wait(START_LIMIT_S) != 0
    assert daemon.status()["ok"]


def test_kill_sweep_sample(server, user, pager, daemons):
    """Ten kills over 120 messages; `make sweep` runs the whole."""
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")]).start()
    sweep = Sweep(server, pager, daemon, user, points=10, messages=120, seed=7)
    faults = sweep.run()
    assert not any(faults.values()), faults
    assert sum(sweep.kills.values()) >= 8 and sweep.left_behind == 0


def test_a_thousand_messages_arrive_whole(daemon, server, user):
    count = 1000
    server.append(user, "INBOX", *[message(number, KINDS[number % 5]) for number in range(count)])
    daemon.wait_until(lambda: len(daemon.queue()) == count and not daemon.status()["messages"]["moving"], 120, "all decided and moved", interval_s=0.5)
    found = places(server, user)
    assert len(found) == count
    assert all(found[identity(number, KINDS[number % 5])] == [FOLDERS[KINDS[number % 5]]] for number in range(count))
