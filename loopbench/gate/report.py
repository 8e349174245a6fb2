"""A gate's decision as a sentence, table, Markdown, JUnit and GitHub annotations. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

from loopbench.gate.decision import Check, Decision
from loopbench.gate.policy import INCREASES
from loopbench.results.table import printable, thousands

if TYPE_CHECKING:
    from rich.table import Table

TITLES = ("", "rule", "model", "T", "task", "value [limits]", "threshold", "prompts", "needs")
_IN_POINTS = {rule.name for rule in INCREASES}
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#!|&@~$])")
_NOT_XML = re.compile("[\ufffe\uffff]")


def sentence(decision: Decision, *, looked: int | None = None, samples: int | None = None) -> str:
    """Return the one sentence that says what was decided, and by which numbers.

    Parameters
    ----------
    looked, samples
        Prompts that a sequential gate needed, and the most it would have run.
    """
    check = deciding(decision)
    parts = [f"{decision.verdict.upper()}: {_place(check)}: {_finding(check)}"]
    counts = [one.verdict for one in decision.checks]
    if len(counts) > 1:
        parts.append(
            f"all {len(counts)} rules hold"
            if decision.verdict == "pass"
            else f"{counts.count(decision.verdict)} of {len(counts)} rules "
            + ("fail" if decision.verdict == "fail" else "are undecided")
        )
    if decision.sequential and looked is not None and samples is not None:
        parts.append(
            f"looked at {looked} of at most {samples} prompts, {thousands(decision.tokens)} tokens"
        )
    limits = "always-valid" if decision.sequential else "one-sided"
    return "; ".join(parts) + f" ({limits} {100 * decision.confidence:g} % limits)."


def deciding(decision: Decision) -> Check:
    """Return the check that the verdict hangs on: the worst failure, or the narrowest pass."""
    checks = [one for one in decision.checks if one.verdict == decision.verdict]
    if decision.verdict == "fail":
        return min(checks, key=lambda check: check.p_bad)
    if decision.verdict == "pass":
        return max(checks, key=lambda check: check.p_good)
    return max(checks, key=lambda check: check.more_prompts or float("inf"))


def _place(check: Check) -> str:
    place = f"{printable(check.model)} T={check.temperature:g}"
    return place if check.task == "all" else f"{place}, {printable(check.task)}"


def _finding(check: Check) -> str:
    value = f"{check.noun} {measured(check)} of {check.prompts} prompts"
    threshold = limit_of(check)
    if check.verdict == "pass":
        return f"{value} is {'at most' if check.most else 'at least'} {threshold}"
    if check.verdict == "fail":
        return f"{value} is {'above' if check.most else 'below'} {threshold}"
    return f"{value} cannot be told from {threshold}; {advice(check)}"


def advice(check: Check) -> str:
    """Return how many more prompts would decide."""
    if check.more_prompts is None:
        return "it is too close for any practical number of prompts to decide"
    return f"about {check.more_prompts} more prompts would decide if it stays so"


def measured(check: Check) -> str:
    """Return the value with its limits in percent, or in points for a rise."""
    sign, unit = ("+", "pp") if check.rule in _IN_POINTS else ("", "%")
    return (
        f"{100 * check.value:{sign}.2f} {unit} "
        f"[{100 * check.low:{sign}.2f}, {100 * check.high:{sign}.2f}]"
    )


def limit_of(check: Check) -> str:
    """Return the threshold in percent, or in points for a rise."""
    return f"{100 * check.threshold:g} {'pp' if check.rule in _IN_POINTS else '%'}"


def _cells(check: Check) -> tuple[str, ...]:
    return (
        check.verdict.upper(),
        check.rule,
        printable(check.model),
        f"{check.temperature:g}",
        printable(check.task),
        measured(check),
        f"{'≤' if check.most else '≥'} {limit_of(check)}",
        str(check.prompts),
        "" if check.verdict != "inconclusive" else f"+{check.more_prompts or '∞'}",
    )


def rich_table(checks: Sequence[Check]) -> Table:
    """Return the checks for a terminal, without columns that say the same in every line."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = [_cells(check) for check in checks]
    place = (TITLES.index("model"), TITLES.index("T"))
    hidden = set(place) if len({tuple(row[i] for i in place) for row in rows}) == 1 else set()
    if all(check.task == "all" for check in checks):
        hidden.add(TITLES.index("task"))
    shown = [i for i in range(len(TITLES)) if i not in hidden]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    for i in shown:
        folds = TITLES[i] in ("model", "task")
        table.add_column(TITLES[i].replace(" [", "\n["), overflow="fold", no_wrap=not folds)
    for row in rows:
        # Limits go under their value: that fits eighty columns.
        table.add_row(*(Text(row[i].replace(" [", "\n[")) for i in shown))
    return table


def notes(decision: Decision) -> list[str]:
    """Return what a reader of the numbers must know.

    Of how many outputs nobody knows why they ended, and a line for every row whose early stops
    were audited with another result.
    """
    untold = [
        f"Of {decision.untold} outputs it is not known why they ended: {decision.untold_stuck} of "
        "them loop at their end and count as stuck, and none counts for the truncated rate."
        + f" {decision.untold_round} go round at their end and count for no stuck rate: they may "
        "have ended there by themselves." * bool(decision.untold_round)
    ]
    return untold * bool(decision.untold) + [
        f"{_place(check)}: corrected by the audit of early stops, the {check.noun} is "
        f"{100 * check.corrected:.2f} %; the gate decides on the uncorrected one."
        for check in decision.checks
        if check.corrected is not None and abs(check.corrected - check.value) > 1e-9
    ]


def markdown(decision: Decision, last: str) -> str:
    """Return the decision for a pull request or a step summary."""
    lines = [
        f"### LoopBench gate: {decision.verdict}",
        "",
        escaped(last),
        "",
        "| " + " | ".join(title or "verdict" for title in TITLES) + " |",
        "|" + "---|" * len(TITLES),
    ]
    lines += ["| " + " | ".join(map(escaped, _cells(check))) + " |" for check in decision.checks]
    for note in notes(decision):
        lines += ["", escaped(note)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is: no link, image, tag, mention or cell of its own."""
    return _MARKUP.sub(r"\\\1", printable(text))


def junit(decision: Decision, last: str, inconclusive: Literal["fail", "pass"]) -> bytes:
    """Return a JUnit file with one case per rule and row.

    Parameters
    ----------
    decision
        Of the gate.
    last
        The sentence that ends its report.
    inconclusive
        What such a rule counts as.
    """
    suite = ElementTree.Element("testsuite", name="loopbench gate")
    counts = {"failures": 0, "skipped": 0}
    for check in decision.checks:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=_xml(f"loopbench.{check.model}.T={check.temperature:g}"),
            name=_xml(f"{check.rule} {check.task}"),
        )
        text = _xml(_finding(check))
        if check.verdict == "fail" or (check.verdict, inconclusive) == ("inconclusive", "fail"):
            kind, counts["failures"] = "failure", counts["failures"] + 1
            ElementTree.SubElement(case, kind, type=check.verdict, message=text).text = text
        elif check.verdict == "inconclusive":
            counts["skipped"] += 1
            ElementTree.SubElement(case, "skipped", message=text)
        ElementTree.SubElement(case, "system-out").text = text
    suite.set("errors", "0")
    return _suites(suite, len(decision.checks), last, **counts)


def junit_error(message: str) -> bytes:
    """Return the JUnit file of a gate that could not decide at all."""
    suite = ElementTree.Element("testsuite", name="loopbench gate", errors="1")
    case = ElementTree.SubElement(suite, "testcase", classname="loopbench", name="gate")
    text = _xml(message)
    ElementTree.SubElement(case, "error", type="unusable", message=text).text = text
    return _suites(suite, 1, message, failures=0, skipped=0)


def _suites(suite: ElementTree.Element, tests: int, last: str, **counts: int) -> bytes:
    suite.set("tests", str(tests))
    for name, count in counts.items():
        suite.set(name, str(count))
    ElementTree.SubElement(suite, "system-out").text = _xml(last)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _xml(text: str) -> str:
    """Leave out what XML 1.0 cannot hold; the writer escapes the rest."""
    return _NOT_XML.sub("", printable(text))


def workflow_commands(decision: Decision, inconclusive: Literal["fail", "pass"]) -> list[str]:
    """Return GitHub workflow commands: an error per failed rule, else a notice."""
    lines = []
    for check in decision.checks:
        if check.verdict == "pass":
            continue
        bad = check.verdict == "fail" or inconclusive == "fail"
        lines.append(
            workflow_command("error" if bad else "warning", f"{_place(check)}: {_finding(check)}")
        )
    return lines or [workflow_command("notice", sentence(decision))]


def workflow_command(level: Literal["error", "warning", "notice"], message: str) -> str:
    """Return one workflow command; nothing in the message can end it or start another."""
    safe = printable(message).replace("%", "%25")
    return f"::{level} title=LoopBench gate::{safe}"
