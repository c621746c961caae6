"""attune rules check and rules test: sound sets, broken ones, single rules, and where the rules are looked for."""
import json
import os
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ATTUNE = os.path.join(ROOT, os.environ.get("ATTUNE_BUILD", "build"), "attune")
RULES = os.path.join(ROOT, "tests", "system", "rules")


def attune(*words, **options):
    return subprocess.run([ATTUNE, *map(str, words)], capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.fixture
def rules(tmp_path):
    shutil.copytree(RULES, tmp_path / "rules")
    return tmp_path / "rules"


def replace(path, before, after):
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def test_check(rules):
    told = attune("rules", "check", rules)
    assert told.returncode == 0 and "no errors" in told.stdout and not told.stderr
    found = json.loads(attune("rules", "check", "--json", rules).stdout)
    assert found["ok"] is True and found["rules"] > 0 and found["routes"] > 0 and len(found["hash"]) == 64 and found["findings"] == []


def test_check_finds(rules):
    replace(rules / "en" / "test.yaml", "urgency: now", "urgency: nwo")
    told = attune("rules", "check", rules)
    assert told.returncode == 1 and f"{rules}/en/test.yaml:8:" in told.stderr.replace("rules//", "rules/")
    told = attune("rules", "check", "--json", rules)
    found = json.loads(told.stdout)
    assert told.returncode == 1 and found["ok"] is False and found["errors"] >= 1 and not told.stderr
    assert set(found["findings"][0]) == {"level", "code", "file", "line", "column", "subject", "message"}
    assert found["findings"][0]["line"] == 8


def test_check_finds_a_weak_policy(rules):
    policy = rules / "policy.yaml"
    policy.write_text("format: 1\nroutes:\n  - {id: all, queue: agent, folder: agent, hint: handle}\n", encoding="utf-8")
    told = attune("rules", "check", rules)
    assert told.returncode == 1 and "policy.yaml" in told.stderr


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\0\0\0", b"[[[[", b"a: &x [*x]\n", b"format: 1\n" * 3, b"\x1b[2J: 1\n"])
def test_broken_files_are_findings(rules, content):
    (rules / "en" / "test.yaml").write_bytes(content)
    told = attune("rules", "check", rules)
    assert told.returncode == 1 and told.stderr and "\x1b" not in told.stderr
    assert json.loads(attune("rules", "check", "--json", rules).stdout)["ok"] is False
    assert attune("rules", "test", rules).returncode == 1
    (rules / "mail.eml").write_bytes(b"Subject: x\n\ny\n")
    told = attune("triage", "--rules", rules, rules / "mail.eml")
    assert told.returncode == 2 and not told.stdout


def test_test(rules):
    told = attune("rules", "test", rules)
    assert told.returncode == 0 and "tests, 0 findings" in told.stdout
    found = json.loads(attune("rules", "test", "--json", rules).stdout)
    assert found["ok"] is True and found["tests"] >= 4


def test_test_of_one_rule(rules):
    found = json.loads(attune("rules", "test", "--json", "--rule", "en.test.now", rules).stdout)
    assert found["tests"] == 4
    told = attune("rules", "test", "--rule", "en.test.nwo", rules)
    assert told.returncode == 1 and "there is no rule en.test.nwo. Did you mean en.test.now?" in told.stderr


def test_a_failing_test(rules):
    replace(rules / "en" / "test.yaml", 'fires: "The lighthouse goes dark tonight."', 'fires: "The lighthouse is bright."')
    assert attune("rules", "check", rules).returncode == 0
    told = attune("rules", "test", rules)
    assert told.returncode == 1 and "T001" in told.stderr and "en.test.now" in told.stderr and "1 finding" in told.stdout
    assert attune("rules", "test", "--rule", "en.test.soon", rules).returncode == 0
    found = json.loads(attune("rules", "test", "--json", rules).stdout)
    assert found["ok"] is False and found["findings"][0]["subject"] == "en.test.now"


def test_places(rules, tmp_path):
    told = attune("rules", "check", tmp_path / "none")
    assert told.returncode == 2 and "is not a folder of rules" in told.stderr
    assert attune("rules", "check", "--rules", rules).returncode == 0
    assert attune("rules", "check", rules, "more").returncode == 2
    found = json.loads(attune("rules", "check", "--json", cwd="/").stdout)
    assert found["directory"] == os.path.join(ROOT, "rules")


def test_installed_elsewhere(rules, tmp_path):
    """Without a build tree around it the command uses the rules it was installed with, or says where they should be."""
    (tmp_path / "bin").mkdir()
    shutil.copy(ATTUNE, tmp_path / "bin" / "attune")
    shutil.rmtree(rules)
    told = subprocess.run([tmp_path / "bin" / "attune", "rules", "check"], capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode in (0, 2)
    if told.returncode == 2:
        assert "there are no rules at /" in told.stderr
