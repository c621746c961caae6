"""What the Makefile promises a newcomer and a packager."""
import os
import subprocess

import pytest
from daemon import ROOT

TARGETS = ("demo", "check", "bench", "install", "deps", "lint", "fuzz", "sweep", "clean", "all", "unit", "system")


def make(*arguments):
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=True).stdout.decode()


@pytest.mark.parametrize("target", TARGETS)
def test_help_has_one_line_for_each_target(target):
    lines = [line for line in make().splitlines() if line.split()[:2] == ["make", target]]
    assert len(lines) == 1 and len(lines[0].split()) > 3


def test_install_puts_everything_below_destdir(tmp_path):
    make("install", f"DESTDIR={tmp_path}")
    found = {os.path.relpath(f"{folder}/{name}", tmp_path) for folder, _, names in os.walk(tmp_path) for name in names}
    for wanted in ("sbin/attuned", "bin/attune", "share/attune/rules/policy.yaml", "share/attune/rules/cues.yaml", "share/doc/attune/LICENSE"):
        assert f"usr/local/{wanted}" in found
    done = subprocess.run([f"{tmp_path}/usr/local/bin/attune", "--version"], stdout=subprocess.PIPE, check=True, timeout=20)
    assert b"attune" in done.stdout


def test_deps_on_another_system_lists_what_is_needed(tmp_path):
    """A system without apt-get: the packages and their reasons are told, nothing is run."""
    for tool in ("sh", "awk", "printf", "sort"):
        found = subprocess.run(["sh", "-c", f"command -v {tool}"], stdout=subprocess.PIPE, check=False).stdout.decode().strip()
        if found.startswith("/"):
            os.symlink(found, tmp_path / tool)
    done = subprocess.run(["/bin/sh", f"{ROOT}/.ci/deps", "build", "test"], env={"PATH": str(tmp_path)}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=30, check=True)
    text = done.stdout.decode()
    assert "not a Debian system" in text and "libgumbo-dev" in text and "reads HTML" in text and "python3-pytest" in text
