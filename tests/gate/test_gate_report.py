"""What a reader sees: the sentence, Markdown, JUnit and annotations; model text stays text."""

from __future__ import annotations

from xml.etree import ElementTree

import msgspec
import pytest
from fakes import record
from runs import mixed, observed, records

from loopbench.gate.decision import Decision, decide
from loopbench.gate.policy import Policy, Thresholds
from loopbench.gate.report import (
    escaped,
    junit,
    junit_error,
    markdown,
    notes,
    rich_table,
    sentence,
    workflow_command,
    workflow_commands,
)

HOSTILE = "a\x1b[31m\n::error::x|<b>[l](u)\u202e&\ufffe%0A"


def judged(dooms: int, n: int, model: str = "a", **thresholds: float) -> Decision:
    policy = Policy(overall=Thresholds(**thresholds or {"max_doom_rate": 0.01}))
    return decide(observed(records(mixed(dooms, n), model=model)), policy)


def test_the_sentence_has_the_numbers_that_decided() -> None:
    assert sentence(judged(0, 299)) == (
        "PASS: a T=0: doom-loop rate 0.00 % [0.00, 1.00] of 299 prompts is at most 1 % "
        "(one-sided 95 % limits)."
    )
    assert sentence(judged(30, 100)) == (
        "FAIL: a T=0: doom-loop rate 30.00 % [22.49, 38.42] of 100 prompts is above 1 % "
        "(one-sided 95 % limits)."
    )
    assert sentence(judged(0, 100)) == (
        "INCONCLUSIVE: a T=0: doom-loop rate 0.00 % [0.00, 2.95] of 100 prompts cannot be told "
        "from 1 %; about 199 more prompts would decide if it stays so (one-sided 95 % limits)."
    )
    assert "too close for any practical number" in sentence(judged(1, 100))


def test_the_sentence_counts_rules_and_prompts() -> None:
    both = judged(30, 100, max_doom_rate=0.01, max_truncated=0.1)
    assert "; 1 of 2 rules fail (" in sentence(both)
    assert "all 2 rules hold" in sentence(judged(0, 400, max_doom_rate=0.01, max_truncated=0.1))
    played = msgspec.structs.replace(judged(4, 8), sequential=True, tokens=12_345)
    assert "looked at 8 of at most 946 prompts, 12k tokens (always-valid 95 % limits)." in sentence(
        played, looked=8, samples=946
    )


MANY = observed(records(["doom"] * 8 + ["truncated"] * 40 + ["clean"] * 52))


@pytest.mark.parametrize(
    ("doom", "truncated", "start", "rules"),
    [
        (0.03, 0.1, "FAIL: a T=0: truncated rate 40.00 % [30.33, 48.70]", "2 of 2 rules fail"),
        (0.02, 0.35, "FAIL: a T=0: doom-loop rate 8.00 % [3.52, 13.97]", "1 of 2 rules fail"),
        (0.2, 0.5, "PASS: a T=0: truncated rate 40.00 % [30.33, 48.70]", "all 2 rules hold"),
        (0.14, 0.6, "PASS: a T=0: doom-loop rate 8.00 %", "all 2 rules hold"),
        (0.06, 0.45, "INCONCLUSIVE: a T=0: doom-loop rate 8.00 %", "2 of 2 rules are undecided"),
        (0.08, 0.45, "INCONCLUSIVE: a T=0: doom-loop rate 8.00 %", "2 of 2 rules are undecided"),
        (0.14, 0.4, "INCONCLUSIVE: a T=0: truncated rate", "1 of 2 rules are undecided"),
    ],
)
def test_the_sentence_is_about_the_rule_that_decides(
    doom: float, truncated: float, start: str, rules: str
) -> None:
    policy = Policy(overall=Thresholds(max_doom_rate=doom, max_truncated=truncated))
    said = sentence(decide(MANY, policy))
    assert said.startswith(start)
    assert f"; {rules} (" in said


def test_a_floor_is_told_as_one() -> None:
    sums = observed(records(["clean"] * 60, scores=[1.0, 0.0] * 30))
    for floor, words in (
        (0.3, "PASS: a T=0: accuracy 50.00 % [38.74, 61.26] of 60 prompts is at least 30 %"),
        (0.7, "FAIL: a T=0: accuracy 50.00 % [38.74, 61.26] of 60 prompts is below 70 %"),
        (0.45, "prompts cannot be told from 45 %; about 229 more prompts would decide"),
    ):
        decision = decide(sums, Policy(overall=Thresholds(min_accuracy=floor)))
        assert words in sentence(decision)
        assert f"| ≥ {100 * floor:g} % |" in markdown(decision, "")


def test_a_rise_is_told_in_points() -> None:
    old, new = (observed(records(mixed(k, 200), model=m)) for k, m in ((0, "a"), (60, "b")))
    said = sentence(decide(new, Policy(max_increase=0.005), baseline=old))
    assert said.startswith("FAIL: b T=0: rise of the doom-loop rate +30.00 pp [+")
    assert "is above 0.5 pp" in said


def test_a_stuck_rate_has_a_name_of_its_own() -> None:
    old, new = (
        observed(records(["circular"] * k + ["clean"] * (200 - k), model=m))
        for k, m in ((0, "a"), (60, "b"))
    )
    policy = Policy(overall=Thresholds(max_stuck_rate=0.1))
    assert sentence(decide(new, policy)).startswith("FAIL: b T=0: stuck rate 30.00 % [24.6")
    policy = Policy(max_stuck_increase=0.005)
    decision = decide(new, policy, baseline=old)
    said = sentence(decision)
    assert said.startswith("FAIL: b T=0: rise of the stuck rate +30.00 pp [+")
    assert "is above 0.5 pp" in said
    row = "| FAIL | max_stuck_increase | b | 0 | all | +30.00 pp"
    assert row in markdown(decision, said).replace("\\", "")


@pytest.mark.parametrize("inconclusive", ["fail", "pass"])
def test_junit_has_a_case_per_rule_and_row(inconclusive) -> None:
    made = [*records(mixed(0, 60)), *records(mixed(50, 60), task="countdown")]
    policy = Policy(
        overall=Thresholds(max_doom_rate=0.4), per_task={"*": Thresholds(max_doom_rate=0.5)}
    )
    decision = decide(observed(made), policy)
    root = ElementTree.fromstring(junit(decision, "last", inconclusive))
    (suite,) = root
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [
        "max_doom_rate all", "max_doom_rate chain_sum", "max_doom_rate countdown",
    ]  # fmt: skip
    assert {case.get("classname") for case in cases} == {"loopbench.a.T=0"}
    assert [c.verdict for c in decision.checks] == ["inconclusive", "pass", "fail"]
    failures = 2 if inconclusive == "fail" else 1
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == (
        "3", str(failures), str(2 - failures),
    )  # fmt: skip
    assert len(suite.findall(".//failure")) == failures
    assert cases[1].find("failure") is None


def test_junit_tells_every_finding() -> None:
    (suite,) = ElementTree.fromstring(junit(judged(30, 100), "in short", "fail"))
    text = "doom-loop rate 30.00 % [22.49, 38.42] of 100 prompts is above 1 %"
    (case, last) = suite
    assert (suite.get("name"), suite.get("errors"), last.text) == (
        "loopbench gate", "0", "in short",
    )  # fmt: skip
    failure, out = case
    assert (failure.tag, failure.get("type"), failure.get("message")) == ("failure", "fail", text)
    assert (failure.text, out.tag, out.text) == (text, "system-out", text)
    (suite,) = ElementTree.fromstring(junit(judged(0, 298), "in short", "pass"))
    skipped, out = suite[0]
    assert skipped.get("message") == out.text
    assert str(out.text).endswith("about 1 more prompts would decide if it stays so")


def test_junit_of_a_gate_that_decided_nothing() -> None:
    (suite,) = ElementTree.fromstring(junit_error("UNUSABLE: no\x00 <data>"))
    assert (suite.get("errors"), suite.get("tests")) == ("1", "1")
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "0")
    assert suite.findtext("system-out") == "UNUSABLE: no <data>"
    error = suite.find(".//error")
    assert error is not None
    assert error.text == "UNUSABLE: no <data>"


def test_hostile_names_stay_text_everywhere() -> None:
    decision = judged(30, 100, model=HOSTILE)
    said = sentence(decision)
    assert "\x1b" not in said and "\n" not in said and "\u202e" not in said
    for line in workflow_commands(decision, "fail"):
        assert line.startswith("::error title=LoopBench gate::a[31m::error::x")
        assert "\n" not in line and "%0A" not in line
    root = ElementTree.fromstring(junit(decision, said, "fail"))
    assert "<b>" in root[0][0].get("classname", "")
    page = markdown(decision, said)
    assert "<b>" not in page.replace("\\<b\\>", "")
    assert "[l](u)" not in page
    rows = [line for line in page.splitlines() if line.startswith("| FAIL")]
    assert len(rows) == 1
    assert rows[0].replace("\\|", "").count("|") == 10
    assert rich_table(decision.checks).row_count == 1


def columns(decision: Decision) -> dict[str, list[str]]:
    """Return what the table shows, by the titles of its columns."""
    shown = rich_table(decision.checks).columns
    return {str(column.header): [str(cell) for cell in column.cells] for column in shown}


def test_the_table_leaves_out_what_is_the_same_everywhere() -> None:
    assert columns(judged(1, 100)) == {
        "": ["INCONCLUSIVE"],
        "rule": ["max_doom_rate"],
        "value\n[limits]": ["1.00 %\n[0.05, 4.66]"],
        "threshold": ["≤ 1 %"],
        "prompts": ["100"],
        "needs": ["+∞"],
    }
    cold, warm = records(mixed(0, 299)), records(mixed(30, 299), temperature=0.7)
    policy = Policy(overall=Thresholds(max_doom_rate=0.01))
    shown = columns(decide(observed([*cold, *warm]), policy))
    assert (shown["model"], shown["T"], shown["needs"]) == (["a", "a"], ["0", "0.7"], ["", ""])
    assert "task" not in shown
    policy = Policy(per_task={"chain_sum": Thresholds(max_doom_rate=0.01)})
    assert columns(decide(observed(cold), policy))["task"] == ["chain_sum"]
    assert columns(judged(0, 298))["needs"] == ["+1"]


def test_annotations_by_verdict() -> None:
    both = Policy(overall=Thresholds(max_doom_rate=0.2, max_truncated=0.1))
    (line,) = workflow_commands(decide(MANY, both), "pass")
    assert line.startswith("::error title=LoopBench gate::a T=0: truncated rate 40.00 %25 ")
    assert workflow_commands(judged(0, 299), "fail")[0].startswith("::notice title=")
    assert workflow_commands(judged(0, 100), "fail")[0].startswith("::error title=")
    assert workflow_commands(judged(0, 100), "pass")[0].startswith("::warning title=")
    assert workflow_command("error", "50 %\nx") == "::error title=LoopBench gate::50 %25x"


def test_a_correction_is_told_where_there_is_one() -> None:
    run = observed(records(mixed(50, 100)))
    policy = Policy(overall=Thresholds(max_doom_rate=0.3, max_stuck_rate=0.3))
    doom, stuck = (("max_doom_rate", "a", 0.0, "all"), ("max_stuck_rate", "a", 0.0, "all"))
    changed = decide(run, policy, corrected={doom: 0.42, stuck: 0.47})
    first, second = notes(changed)
    assert first.endswith("the doom-loop rate is 42.00 %; the gate decides on the uncorrected one.")
    assert "the stuck rate is 47.00 %" in second
    page = markdown(changed, "x").replace("\\", "")
    assert first in page and second in page
    same = decide(run, policy, corrected={doom: 0.5, stuck: None})
    assert notes(same) == []


def test_of_what_ended_nobody_knows_why_is_told() -> None:
    untold = [
        record("u", "unknown", finish="unknown"),
        *(record(f"d{i}", "doom", level="verbatim", finish="unknown") for i in range(2)),
        record("c"),
    ]
    decision = decide(observed(untold), Policy(overall=Thresholds(max_doom_rate=0.3)))
    (note,) = notes(decision)
    assert note.startswith("Of 3 outputs it is not known why they ended: 2 of them loop")
    assert note in markdown(decision, "x")


def test_markdown_escapes_what_it_should() -> None:
    assert escaped("a_b|c <d> @e #1") == "a\\_b\\|c \\<d\\> \\@e \\#1"
