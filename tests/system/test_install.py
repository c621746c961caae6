"""What `make install` puts where, the service unit, the manual pages and the completions."""
import grp
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time

import pytest
from confine import allowed_calls, settings
from daemon import ROOT, plain_mailbox
from messages import FOLDERS, identity, message
from test_build import make

UNIT = f"{ROOT}/systemd/attune.service"
MANUALS = sorted(name for name in os.listdir(f"{ROOT}/docs") if re.search(r"\.[158]$", name))
MOST_EXPOSURE = 1.5

INSTALLED = """bin/attune
sbin/attuned
lib/systemd/system/attune.service
lib/systemd/system/attune-failure.service
lib/sysusers.d/attune.conf
lib/tmpfiles.d/attune.conf
share/attune/rules/cues.yaml
share/attune/rules/policy.yaml
share/attune/rules/en/lexicon.yaml
share/bash-completion/completions/attune
share/doc/attune/LICENSE
share/doc/attune/README.md
share/doc/attune/attune.yaml.sample
share/doc/attune/for-agents.md
share/doc/attune/for-clinicians.md
share/doc/attune/operating.md
share/doc/attune/privacy.md
share/doc/attune/safety.md
share/doc/attune/rule-language.md
share/doc/attune/triage-guide.md
share/man/man1/attune.1
share/man/man5/attune-rules.5
share/man/man5/attune.yaml.5
share/man/man8/attuned.8
share/zsh/site-functions/_attune""".splitlines()


def run(*command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False, **options)
    return done.returncode, done.stdout.decode()


def files_below(folder):
    return sorted(os.path.relpath(f"{place}/{name}", folder) for place, _, names in os.walk(folder) for name in names)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Installed below a DESTDIR as a package would be, under the default PREFIX."""
    folder = tmp_path_factory.mktemp("package")
    make("install", f"DESTDIR={folder}")
    return folder


# --- files ---

def test_every_file_is_there_and_readable(installed):
    found = files_below(f"{installed}/usr/local")
    assert [name for name in INSTALLED if name not in found] == []
    for name in found:
        mode = stat.S_IMODE(os.stat(f"{installed}/usr/local/{name}").st_mode)
        assert mode == (0o755 if name in ("bin/attune", "sbin/attuned") else 0o644), name


def test_nothing_else_is_installed(installed):
    rules = {f"share/attune/{name}" for name in run("git", "ls-files", "rules", cwd=ROOT)[1].split()} or None
    documents = {f"share/doc/attune/{name}" for name in os.listdir(f"{ROOT}/docs") if name.endswith((".md", ".sample"))}
    unexpected = set(files_below(f"{installed}/usr/local")) - set(INSTALLED) - documents
    assert {name for name in unexpected if not name.startswith("share/attune/rules/")} == set()
    if rules:  # a source tree without its history has none
        assert {name for name in unexpected if name not in rules} == set()


def test_uninstall_leaves_nothing(tmp_path):
    make("install", f"DESTDIR={tmp_path}")
    make("uninstall", f"DESTDIR={tmp_path}")
    assert files_below(tmp_path) == []


def test_uninstall_leaves_what_others_put_there(tmp_path):
    others = [f"{tmp_path}/usr/local/{name}" for name in ("sbin/other", "share/man/man5/other.5", "etc/attune.yaml", "lib/systemd/system/other.service")]
    for name in others:
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "w", encoding="utf-8"):
            pass
    make("install", f"DESTDIR={tmp_path}")
    make("uninstall", f"DESTDIR={tmp_path}")
    assert [f"{tmp_path}/{name}" for name in files_below(tmp_path)] == sorted(others)


def test_the_installed_command_finds_the_installed_rules(tmp_path):
    """Away from the source tree, whose rules come first. Under a PREFIX of its own: the path is compiled in."""
    prefix = tmp_path / "attune"
    try:
        make("install", f"PREFIX={prefix}")
        status, output = run(f"{prefix}/bin/attune", "rules", "check", cwd=tmp_path)
        assert status == 0, output
        shutil.move(f"{prefix}/share/attune/rules", tmp_path / "elsewhere")
        status, output = run(f"{prefix}/bin/attune", "rules", "check", cwd=tmp_path)
        assert status == 2 and f"{prefix}/share/attune/rules" in output
    finally:
        make("all")
    unit = open(f"{prefix}/lib/systemd/system/attune.service", encoding="utf-8").read()
    assert f"ExecStart={prefix}/sbin/attuned " in unit and "=/usr/local/" not in unit


def test_the_sample_is_the_daemons_own(installed):
    status, output = run(f"{installed}/usr/local/sbin/attuned", "--sample")
    with open(f"{installed}/usr/local/share/doc/attune/attune.yaml.sample", encoding="utf-8") as sample:
        assert status == 0 and output == sample.read()


# --- the unit ---

def test_the_unit_is_hardened():
    """--offline needs no running systemd; the unit is measured as it would be on a fresh machine."""
    status, output = run("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
    exposure = re.search(r"exposure level for attune.service: ([0-9.]+)", output)
    assert status == 0 and exposure, output
    assert float(exposure[1]) <= MOST_EXPOSURE, output


@pytest.mark.parametrize("unit", ["attune.service", "attune-failure.service"])
def test_the_units_hold_no_unknown_words(unit, tmp_path):
    """systemd-analyze verify, of a copy whose program is there."""
    with open(f"{ROOT}/systemd/{unit}", encoding="utf-8") as file:
        text = re.sub(r"^Documentation=.*\n", "", file.read(), flags=re.M).replace("/usr/local/sbin/attuned", "/bin/true")
    copy = tmp_path / unit
    copy.write_text(text, encoding="utf-8")
    if unit != "attune-failure.service":
        shutil.copy(f"{ROOT}/systemd/attune-failure.service", tmp_path)
    _, output = run("systemd-analyze", "verify", str(copy))
    complaints = [line for line in output.splitlines() if unit in line and not re.search("Failed to|attuned\\(8\\)", line)]
    assert complaints == []


def test_the_unit_leaves_what_the_roles_need():
    allowed = allowed_calls(UNIT)
    assert {"seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "memfd_create", "chown"} <= allowed
    assert not {"mount", "ptrace", "setuid", "bpf", "init_module", "reboot"} & allowed
    for refused in ("MemoryDenyWriteExecute", "PrivateUsers", "PrivateNetwork"):
        assert settings(UNIT, refused) == []


def test_attuned_works_within_the_units_filter(daemons, server, user, pager):
    """Mail is found, read, moved and paged with the unit's system calls and no capability; the socket gets its group."""
    group = grp.getgrgid(os.getgid()).gr_name
    daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")], control={"group": group})
    daemon.start(prefix=(sys.executable, f"{ROOT}/tests/system/confine.py", UNIT))
    with open(f"/proc/{daemon.process.pid}/status", encoding="utf-8") as status:
        words = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
    assert words["Seccomp"] == "2" and words["NoNewPrivs"] == "1" and int(words["CapEff"], 16) == 0
    assert stat.S_IMODE(os.stat(f"{daemon.run_dir}/control").st_mode) == 0o660
    server.append(user, "INBOX", message(1, "now"), message(2, "soon"))
    daemon.wait_until(lambda: pager.cases(), what="a page")
    for number, kind in ((1, "now"), (2, "soon")):
        daemon.wait_until(lambda n=number, k=kind: [place.folder for place in server.contents(user).get(identity(n, k), ())] == [FOLDERS[k]],
                          what="the move")
    assert "landlock-missing" not in daemon.log() and not re.search(r"event=\S*sandbox", daemon.log())
    daemon.reload()
    daemon.wait_until(lambda: "reload" in daemon.log(), what="the reload")
    assert daemon.stop() == 0


def test_systemd_is_told_of_readiness_and_life(daemons, server, user, pager, tmp_path):
    """Type=notify and WatchdogSec=: READY once rules are in force, then a sign of life at half the interval, STOPPING."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{tmp_path}/notify")
        systemd.settimeout(20)
        daemon = daemons(mailboxes=[plain_mailbox(server, user)], staff=[pager.person("ana")],
                         environment={"NOTIFY_SOCKET": f"{tmp_path}/notify", "WATCHDOG_USEC": "3000000"}).launch()
        words = [systemd.recv(100)]
        if words == [b"WATCHDOG=1"]:  # before the rules are loaded
            words = [systemd.recv(100)]
        assert words == [b"READY=1"] and daemon.status()["rules"]["hash"]
        for _ in range(2):
            began = time.monotonic()
            assert systemd.recv(100) == b"WATCHDOG=1" and time.monotonic() - began < 3
        assert daemon.stop() == 0
        last = [systemd.recv(100)]
        while last[-1] == b"WATCHDOG=1":
            last.append(systemd.recv(100))
        assert last[-1] == b"STOPPING=1"


# --- manual pages ---

@pytest.mark.parametrize("page", MANUALS)
def test_manual_pages_are_clean(page):
    environment = {**os.environ, "MANROFFSEQ": "", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    status, output = run("man", "--warnings", "--local-file", f"{ROOT}/docs/{page}", env=environment)
    assert status == 0 and not re.search(r"^\S*: ?(warning|error)|:\d+: ", output, re.M)
    assert "NAME" in output and "SEE ALSO" in output


def test_attuned_8_tells_every_option():
    _, usage = run(f"{ROOT}/build/attuned", "--help")
    with open(f"{ROOT}/docs/attuned.8", encoding="utf-8") as page:
        text = page.read().replace("\\-", "-")
    options = re.findall(r"^  (--[a-z-]+)", usage, re.M)
    assert len(options) >= 7
    for option in options:
        assert f".B {option}" in text


def test_attune_yaml_5_is_the_daemons_own():
    with open(f"{ROOT}/docs/attune.yaml.5", encoding="utf-8") as page:
        assert run(f"{ROOT}/build/attuned", "--manual") == (0, page.read())


def test_the_rule_of_attune_rules_5_loads(tmp_path):
    with open(f"{ROOT}/docs/attune-rules.5", encoding="utf-8") as page:
        example = re.search(r"^\.SH A RULE\n\.EX\n(.*?)^\.EE", page.read(), re.M | re.S)[1]
    shutil.copytree(f"{ROOT}/rules", tmp_path / "rules")
    (tmp_path / "rules/en/example.yaml").write_text(example.replace("\\-", "-").replace("\\(aq", "'"), encoding="utf-8")
    status, output = run(f"{ROOT}/build/attune", "rules", "check", str(tmp_path / "rules"))
    assert status == 0, output


# --- completions ---

def commands():
    """{command: its options} as the command's own help tells."""
    manual = run(f"{ROOT}/build/attune", "help", "--man")[1].replace("\\-", "-")
    found = {}
    for part in re.split(r"^\.SS attune ", manual, flags=re.M)[1:]:
        name = re.sub(r" (\[OPTION|\[?[A-Z]).*", "", part.splitlines()[0])
        found[name] = re.findall(r"^\.B (--[a-z-]+)", part, re.M)
    return found


def complete(script, *words):
    """What bash would offer for the last of the words."""
    quoted = " ".join(f"'{word}'" for word in words)
    program = f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _attune; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    status, output = run("bash", "--norc", "-c", program)
    assert status == 0, output
    return output.split()


def test_bash_completes_every_command_and_option(installed):
    script = f"{installed}/usr/local/share/bash-completion/completions/attune"
    known = commands()
    assert {"triage", "status", "ack", "rules check"} <= set(known)
    assert {name.split()[0] for name in known} | {"help", "version"} == set(complete(script, "attune", ""))
    assert complete(script, "attune", "rules", "ch") == ["check"]
    for name, options in known.items():
        assert set(complete(script, "attune", *name.split(), "--")) == {*options, "--help"}, name


def test_zsh_completion_names_every_command_and_option(installed):
    script = f"{installed}/usr/local/share/zsh/site-functions/_attune"
    with open(script, encoding="utf-8") as file:
        text = file.read()
    assert text.startswith("#compdef attune\n")
    for name, options in commands().items():
        line = next(line for line in text.splitlines() if re.match(rf"\s*{name.split()[-1]}\) shift", line))
        for option in options:
            assert f"'{option}[" in line or f"'{option}=[" in line, (name, option)
    if shutil.which("zsh"):
        assert run("zsh", "-n", script) == (0, "")
