"""Rates, policy files and what makes no gate."""

from __future__ import annotations

import pytest

from loopbench.gate.policy import Policy, Thresholds, increase, merged, parse, rate


@pytest.mark.parametrize(
    ("text", "value"),
    [("1%", 0.01), (" 0.5 % ", 0.005), ("0.01", 0.01), (0.2, 0.2), (0, 0.0), (1, 1.0), ("1", 1.0)],
)
def test_rates(text: str | float, value: float) -> None:
    assert rate(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [("5", "did you mean 5%"), ("", "is not a rate"), ("nan", "is not a rate"), (True, "True"),
     ("1%%", "is not a rate"), ("-0.1", "did you mean"), ("1pp", "is not a rate"),
     ([], "is not a rate"), ("inf%", "is not a rate")],
)  # fmt: skip
def test_what_is_no_rate(text: object, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        rate(text)  # type: ignore[arg-type]


def test_increases() -> None:
    assert increase("0.5pp") == pytest.approx(0.005)
    assert increase("0") == 0.0
    with pytest.raises(ValueError, match="did you mean 2pp"):
        increase("2")
    with pytest.raises(ValueError, match="percentage points"):
        increase("0.5%")


FULL = """
max_doom_rate = "1%"
max_stuck_rate = "3%"
min_accuracy = 0.3
confidence = "99%"
max_errors = "2%"
inconclusive = "pass"

[per_task]
countdown = "5%"
tool_call = { max_doom_rate = "2%", max_stuck_rate = "4%", min_tool_score = "40%" }

[baseline]
path = "main.json"
max_increase = "0.5pp"
max_stuck_increase = "1pp"
"""


def test_a_whole_file() -> None:
    policy, baseline = parse(FULL)
    assert baseline == "main.json"
    assert policy == Policy(
        overall=Thresholds(max_doom_rate=0.01, max_stuck_rate=0.03, min_accuracy=0.3),
        per_task={
            "countdown": Thresholds(max_doom_rate=0.05),
            "tool_call": Thresholds(max_doom_rate=0.02, max_stuck_rate=0.04, min_tool_score=0.4),
        },
        max_increase=0.005,
        max_stuck_increase=0.01,
        confidence=0.99,
        max_errors=0.02,
        inconclusive="pass",
    )
    policy.check()


def test_what_a_file_leaves_out_is_strict() -> None:
    policy, baseline = parse('max_doom_rate = "1%"')
    assert (policy.confidence, policy.max_errors, policy.inconclusive) == (0.95, 0.0, "fail")
    assert (policy.max_increase, policy.max_stuck_increase, baseline) == (None, None, None)


@pytest.mark.parametrize("word", ["fail", "pass"])
def test_a_file_says_what_becomes_of_the_undecided(word: str) -> None:
    assert parse(f'inconclusive = "{word}"').policy.inconclusive == word


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_doom_rat = 1", "p.toml has an unknown entry 'max_doom_rat'; did you mean max_doom_r"),
        ("xyz = 1", "unknown entry 'xyz'; known are max_doom_rate, max_stuck_rate, max_trunc"),
        ("max_doom_rate =", "p.toml is not valid TOML"),
        ('max_doom_rate = "lots"', "p.toml: max_doom_rate: 'lots' is not a rate"),
        ("max_doom_rate = 5", "did you mean 5%"),
        ("max_doom_rate = [1]", "is not a rate"),
        ('confidence = "95"', "p.toml: confidence: '95' is not a rate .* did you mean 95%"),
        ('inconclusive = "maybe"', "is 'fail' or 'pass', got 'maybe'"),
        ('per_task = "5%"', "p.toml: per_task is a table"),
        ("[per_task.a]\nmax_dom = 0.1", r"p.toml, .per_task.a. has .* 'max_dom'; did you mean"),
        ("[per_task.a]\nmax_doom_rate = 5", "p.toml, .per_task.a.: max_doom_rate: 5 is not a rate"),
        ('[per_task]\na = "lots"', "p.toml, .per_task.a.: max_doom_rate: 'lots' is not a rate"),
        ('baseline = "x"', "p.toml: baseline is a table"),
        ("[baseline]\npth = 1", "p.toml, .baseline. has an unknown entry 'pth'; did you mean path"),
        ("[baseline]\npath = 1", "p.toml, .baseline.: path is a text, got 1"),
        ('[baseline]\nmax_increase = "1%"', "p.toml, .baseline.: max_increase: '1%' is not"),
        ('[baseline]\nmax_stuck_increase = "1%"', "max_stuck_increase: '1%' is not an increase"),
        ("max_stuck_rate = 5", "p.toml: max_stuck_rate: 5 is not a rate"),
        ("[per_task.countdown]\nmax_stuk_rate = 0.1", "did you mean max_stuck_rate"),
    ],
)
def test_mistakes_in_a_file_are_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text, "p.toml")


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (Policy(), "A gate needs a rule"),
        (Policy(overall=Thresholds(max_doom_rate=0.0)), "between 0 % and 100 %"),
        (Policy(overall=Thresholds(min_accuracy=1.0)), "got 100 %"),
        (Policy(per_task={"x": Thresholds(max_doom_rate=2.0)}), "got 200 %"),
        (Policy(max_increase=1.0), "max_increase must be .* below 100pp, got 100pp"),
        (Policy(max_increase=1.5), "got 150pp"),
        (Policy(max_increase=-0.01), "got -1pp"),
        (
            Policy(
                overall=Thresholds(max_doom_rate=1.0),
                per_task={"x": Thresholds(max_doom_rate=0.1)},
            ),
            "max_doom_rate must .* got 100 %",
        ),
        (Policy(max_stuck_increase=1.0), "max_stuck_increase must be .* below 100pp, got 100pp"),
        (Policy(overall=Thresholds(max_stuck_rate=0.0)), "max_stuck_rate must lie"),
        (Policy(max_increase=0.0, confidence=1.0), "confidence must be"),
        (Policy(max_increase=0.0, confidence=0.2), "confidence must be"),
        (Policy(max_increase=0.0, confidence=0.49), "got 0.49"),
        (Policy(max_increase=0.0, max_errors=1.0), "max_errors must be"),
        (Policy(max_increase=0.0, max_errors=-0.1), "max_errors must be"),
    ],
)
def test_policies_that_decide_nothing_are_refused(policy: Policy, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        policy.check()


def test_a_rule_alone_makes_a_gate_up_to_its_bounds() -> None:
    for policy in (
        Policy(overall=Thresholds(max_stuck_rate=0.02)),
        Policy(per_task={"x": Thresholds(max_stuck_rate=0.02)}),
        Policy(max_stuck_increase=0.0),
        Policy(max_increase=0.999, confidence=0.5, max_errors=0.999),
    ):
        policy.check()


def test_options_win_over_the_file() -> None:
    base, _ = parse(FULL)
    policy = merged(
        base, max_doom_rate=0.02, confidence=None, per_task={"tool_call": 0.1, "*": 0.5}
    )
    overall = Thresholds(max_doom_rate=0.02, max_stuck_rate=0.03, min_accuracy=0.3)
    assert policy.overall == overall
    assert policy.confidence == 0.99
    tool_call = Thresholds(max_doom_rate=0.1, max_stuck_rate=0.04, min_tool_score=0.4)
    assert policy.per_task["tool_call"] == tool_call
    assert policy.per_task["*"] == Thresholds(max_doom_rate=0.5)
    stuck = merged(base, max_stuck_rate=0.2, max_stuck_increase=0.1)
    assert (stuck.overall.max_stuck_rate, stuck.overall.max_doom_rate) == (0.2, 0.01)
    assert (stuck.max_stuck_increase, stuck.max_increase) == (0.1, 0.005)
    assert merged(base) == base
