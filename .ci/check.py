#!/usr/bin/python3
"""make check: every build and every test, one progress line each, then `N passed, N failed`.

  check.py               everything
  check.py unit BUILD    the unit tests of one build
"""
import glob
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = sys.executable
ASAN = ["BUILD=build-asan", "CC=clang", "CXX=clang++",
        "SANITIZE=-fsanitize=address,undefined -fno-sanitize-recover=all"]
UNIT_LIMIT_S = 300     # the longest unit program takes seconds; a hang must not eat the whole run
STEP_LIMIT_S = 2400    # a slow machine may take twice as long; everything should take under 25 minutes


class Tally:
    """Counts what passed and failed, and keeps the names of what failed."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.names = []
        self.began = time.monotonic()

    def add(self, name, passed, failed, output=""):
        self.passed += passed
        self.failed += failed
        mark = "ok" if not failed else "FAILED"
        seconds = time.monotonic() - self.began
        print(f"[{seconds:5.0f} s] {name}: {passed} passed, {failed} failed {'' if mark == 'ok' else mark}".rstrip(), flush=True)
        if failed:
            self.names.append(name)
            if output:
                print(output, flush=True)


def run(arguments, limit_s, **extra):
    """The exit status and everything printed. A fresh make must not see this make's job server."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    environment.update(extra)
    try:
        done = subprocess.run(arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=limit_s)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return 124, (late.stdout or b"").decode("utf-8", "replace") + f"\nnot done after {limit_s} s\n"


def step(tally, name, arguments, limit_s=STEP_LIMIT_S):
    status, output = run(arguments, limit_s)
    tally.add(name, int(status == 0), int(status != 0), output)
    return status == 0


def run_unit_programs(tally, build):
    """cmocka prints TAP: `ok N - name`, `not ok N - name`. A program that dies says less, and fails once more."""
    for program in sorted(glob.glob(f"{ROOT}/{build}/tests/test_*")):
        if program.endswith(".d") or not os.access(program, os.X_OK):
            continue
        if not os.path.exists(f"{ROOT}/tests/unit/{os.path.basename(program)}.c"):
            continue  # left over from a test that is gone
        status, output = run([program], UNIT_LIMIT_S, CMOCKA_MESSAGE_OUTPUT="TAP", UBSAN_OPTIONS="print_stacktrace=1",
                             G_SLICE="always-malloc")
        skipped = re.findall(r"^not ok \d+ # SKIP (\S+)", output, re.M)
        passed = len(re.findall(r"^ok \d+", output, re.M))
        failed = len(re.findall(r"^not ok \d+", output, re.M)) - len(skipped)
        for name in skipped:
            print(f"          {name} skipped itself: it needs another user or system", flush=True)
        if (status != 0 and failed == 0) or passed + failed == 0:
            failed += 1
            output += f"\nexit status {status}\n"
        tally.add(f"{build}/{os.path.basename(program)}", passed, failed, output)


def run_system_tests(tally):
    """pytest writes its counts as JUnit XML; its progress goes straight to the terminal. A skipped test counts neither way, and is named."""
    report = f"{ROOT}/build/system.xml"
    if os.path.exists(report):
        os.unlink(report)
    command = [PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "-v", "--tb=short", "-rfs", "--color=no", f"--junit-xml={report}", "tests/system"]
    try:
        status = subprocess.run(command, cwd=ROOT, timeout=STEP_LIMIT_S, stdin=subprocess.DEVNULL).returncode
    except subprocess.TimeoutExpired:
        status = 124
    if not os.path.exists(report):
        tally.add("system tests", 0, 1, f"pytest gave no report, exit status {status}")
        return
    suites = xml.etree.ElementTree.parse(report).getroot().iter("testsuite")
    total = failed = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += sum(int(suite.get(kind, 0)) for kind in ("failures", "errors"))
        skipped += int(suite.get("skipped", 0))
    if status != 0 and failed == 0:
        failed = 1
    if skipped:
        print(f"          {skipped} system tests skipped themselves: they need another user or system; the reasons stand above", flush=True)
    tally.add("system tests", max(0, total - failed - skipped), failed)


def run_everything(tally):
    built = step(tally, "build with gcc", ["make", "all", "unit-build"])
    sanitized = step(tally, "build with clang, address and undefined-behaviour sanitizers", ["make", *ASAN, "all", "unit-build"])
    faults = step(tally, "build with faults for the tests", ["make", "BUILD=build-faults", "FAULTS=1", "all"])
    step(tally, "headers stand alone, layout, banned calls", ["make", "lint"])
    if built:
        run_unit_programs(tally, "build")
    if sanitized:
        run_unit_programs(tally, "build-asan")
    if built:
        step(tally, "rules check", ["build/attune", "rules", "check", "rules"], 60)
        step(tally, "rules test", ["build/attune", "rules", "test", "rules"], 60)
    if built and faults:
        run_system_tests(tally)


def main():
    # A shell starts background jobs with ^C ignored, and so would every test that is to be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tally = Tally()
    if len(sys.argv) == 3 and sys.argv[1] == "unit":
        run_unit_programs(tally, sys.argv[2])
    elif len(sys.argv) == 1:
        run_everything(tally)
    else:
        print(__doc__, file=sys.stderr)
        return 2
    for name in tally.names:
        print(f"failed: {name}")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
