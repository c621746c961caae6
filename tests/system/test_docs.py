"""The documentation says what the program says: a new problem, alarm or hazard without its line fails here."""
import os
import re

import pytest
from daemon import ROOT

DOCUMENTS = ["README.md", *(f"docs/{name}" for name in sorted(os.listdir(f"{ROOT}/docs")) if name.endswith(".md"))]


def read(name):
    with open(f"{ROOT}/{name}", encoding="utf-8") as file:
        return file.read()


def plain(text):
    return re.sub(r"\s+", " ", text)


def c_strings(text):
    """The texts of C literals, neighbours joined."""
    joined = re.sub(r'"\s*\n\s*"', "", text)
    return re.findall(r'"((?:[^"\\]|\\.)*)"', joined)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", read(name)):
        if not target.startswith("http"):
            assert os.path.exists(os.path.normpath(f"{ROOT}/{os.path.dirname(name)}/{target}")), target


def test_operating_explains_every_problem_of_the_status():
    operating = plain(read("docs/operating.md"))
    problems = re.findall(r"add_problem\(problems,(.*?)\);", read("daemon/keep/status.c"), re.S)
    assert len(problems) >= 8
    for call in problems:
        for text in c_strings(call):
            sentence = re.sub(r"%zu|%u|%d", "N", text).replace("mailbox %s", "mailbox NAME")
            assert sentence.split("%s")[0].strip() in operating, sentence
    whys = re.search(r"why_sentences\[FETCH_WHY_COUNT\] = \{(.*?)\};", read("daemon/keep/status.c"), re.S)[1]
    for sentence in c_strings(whys):
        assert sentence in operating, sentence


def test_operating_explains_every_alarm():
    alarms = c_strings(re.search(r"names\[ALARM_COUNT\] = \{(.*?)\};", read("daemon/keep/alert.c"), re.S)[1])
    assert len(alarms) >= 6
    for alarm in alarms:
        assert f"| `{alarm}` |" in read("docs/operating.md"), alarm


def test_privacy_names_every_keyword():
    keywords = set(re.findall(r'"(\$Attune[A-Za-z]+)"', read("daemon/keep/mailbox_move.c")))
    assert keywords
    for keyword in keywords:
        assert keyword in read("docs/privacy.md")


def test_every_hazard_names_its_evidence():
    table = [line for line in read("docs/safety.md").splitlines() if line.startswith("| ") and line.count("|") == 5]
    assert len(table) >= 20
    for line in table[1:]:
        hazard, cause, mitigation, shown = (cell.strip() for cell in line.strip("|").split("|"))
        assert hazard and cause and mitigation
        assert "none" in shown or "`tests/" in shown, hazard
        for name in re.findall(r"`((?:tests|rules)/[^` ]*)`", shown):
            assert os.path.exists(f"{ROOT}/{name}"), name


@pytest.mark.parametrize("name", DOCUMENTS)
def test_words_about_people_are_respectful(name):
    """Safe-messaging guidance: what nobody here writes about anybody."""
    for phrase in ("committed suicide", "failed attempt", "successful suicide", "risk level", "high risk", "attention seeking"):
        assert phrase not in read(name).lower()
