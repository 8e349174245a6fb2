"""Calibration: numbers counted by hand on small sets of labelled traces."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from loopbench import detectors
from loopbench.calibration.corpus import Label, Trace
from loopbench.calibration.measures import (
    calibrate,
    call,
    either,
    lowest_silent,
    part_of,
    spread,
    summarise,
    sweep,
)
from loopbench.calibration.tables import calibration_grid, category_grid
from loopbench.statistics.intervals import wilson
from loopbench.types import LoopSpan, Verdict

PROSE = [f" w{chr(97 + i % 26)}{chr(97 + i * i % 23)}{chr(97 + i * 7 % 19)}" for i in range(300)]
LOOP = [" on", " and"] * 200


def trace(
    uid: str,
    pieces: Sequence[str],
    label: Label,
    *,
    onset: int | None = None,
    finish: str = "length",
    prompt: str | None = None,
    category: str = "prose",
    source: str = "a-model",
) -> Trace:
    known: dict[str, int] = {}
    return Trace(
        uid=uid,
        source=source,
        category=category,
        prompt_id=prompt or uid,
        prompt="?",
        finish=finish,
        label=label,
        onset=onset,
        token_ids=[known.setdefault(piece, len(known)) for piece in pieces],
        token_chars=[len(piece) for piece in pieces],
        text="".join(pieces),
        label_source="constructed",
        tokenizer="words-v2",
    )


class Always:
    """Says that every output ends in a loop from token 10 on."""

    name, version = "always", 7
    parameters_seen: tuple[int, ...] = ()

    def scan(self, ids, text=None) -> Verdict:
        span = LoopSpan(start=10, end=len(ids), period=1, repeats=9)
        return Verdict(
            detector="always", version=7, level="verbatim", looped=True, terminal=True,
            onset=10, period=1, repeats=9, spans=[span],
        )  # fmt: skip

    def watch(self):
        return self

    def push(self, ids, pieces=None) -> LoopSpan:
        return LoopSpan(start=10, end=64, period=1, repeats=9)


TRACES = [
    trace("v", PROSE + LOOP, "verbatim", onset=300),
    trace("c", PROSE + LOOP, "counter", onset=20),
    trace("circular", PROSE, "circular", onset=5),
    trace("n1", PROSE, "none", category="poem"),
    trace("n2", PROSE, "none", category="poem"),
    trace("ended", LOOP, "none", finish="stop", category="poem"),
]


def test_every_number_of_a_rule_that_always_fires() -> None:
    row = calibrate(Always(), TRACES)
    assert (row.detector, row.version, row.n) == ("always", 7, 6)
    # Two loops are called, two that are none; circular and what ended by itself are left aside.
    assert (row.precision.value, row.precision.n) == (0.5, 4)
    assert (row.recall.value, row.recall.n) == (1.0, 2)
    assert (row.recall_verbatim.n, row.recall_counter.n) == (1, 1)
    assert (row.recall_circular.value, row.recall_circular.n) == (1.0, 1)
    assert row.f1.value == pytest.approx(2 / 3)
    low, high = (2 * j / (1 + j) for j in wilson(2, 4)[1:])
    assert (row.f1.low, row.f1.high) == pytest.approx((low, high))
    # Three that are stuck are called, and two that are not.
    assert (row.stuck_precision.value, row.stuck_precision.n) == (3 / 5, 5)
    assert (row.stuck_recall.value, row.stuck_recall.n) == (1.0, 3)
    assert row.stuck_f1.value == pytest.approx(3 / 4)
    assert (row.false_positives.value, row.false_positives.n) == (1.0, 2)
    assert row.by_category == {"poem": (2, 2)}
    assert (row.onset_error.n, row.onset_error.median) == (2, (10 - 300 + 10 - 20) / 2)
    assert (row.delay.n, row.delay.median) == (2, (64 - 300 + 64 - 20) / 2)


def test_a_real_rule_is_right_here() -> None:
    row = calibrate(detectors.get("suffix"), TRACES)
    assert (row.recall_verbatim.value, row.precision.value) == (1.0, 1.0)
    assert row.onset_error.median == 140  # 0 for "v", 280 for the mislabelled
    assert row.delay.low is not None and row.delay.low > 0


def test_a_prompt_with_many_traces_counts_as_a_cluster() -> None:
    many = [trace(f"v{i}", LOOP, "verbatim", onset=0, prompt="same") for i in range(20)]
    apart = [trace(f"w{i}", LOOP, "verbatim", onset=0) for i in range(20)]
    suffix = detectors.get("suffix")
    assert calibrate(suffix, many).recall.low < calibrate(suffix, apart).recall.low


def test_joined_rules_call_what_either_calls_and_fire_with_the_first() -> None:
    suffix, counter = (call(detectors.get(name), TRACES) for name in ("suffix", "counter"))
    always = call(Always(), TRACES)
    joined = either([counter, suffix])
    assert [c.called for c in joined] == [c.called for c in suffix]
    assert joined[0].verdict.detector == "suffix"
    assert joined[3].fired is None
    assert [c.fired for c in either([suffix, always])] == [64] * 6
    row = summarise("both", 0, {}, joined)
    assert (row.detector, row.recall.value) == ("both", 1.0)


def test_no_traces_give_no_rates() -> None:
    row = summarise("none", 1, {}, [])
    assert row.f1.value is None
    assert row.delay.median is None
    assert calibration_grid([row]).rows[0][1] == "–"


def test_traces_of_one_prompt_share_their_part() -> None:
    parts = {p: {part_of(trace(f"{p}-{i}", ["a"], "none", prompt=p)) for i in range(3)}
             for p in map(str, range(60))}  # fmt: skip
    assert all(len(part) == 1 for part in parts.values())
    share = sum(part == {"held-out"} for part in parts.values()) / 60
    assert 0.3 < share < 0.7


def test_constructed_traces_of_one_kind_share_theirs() -> None:
    kinds = {
        part_of(trace(str(i), ["a"], "none", category="poem", source="constructed"))
        for i in range(40)
    }
    assert len(kinds) == 1


def test_the_lowest_silent_threshold() -> None:
    refrain = trace("r", PROSE + PROSE[:150] + PROSE[150:280:3], "none")
    values = [0.05, 0.1, 0.3, 0.5, 0.7, 0.9]
    found = lowest_silent("gain", "threshold", values, [refrain])
    below = values[: values.index(found)]
    assert below
    called = [call(detectors.get("gain", threshold=v), [refrain])[0].called for v in below]
    assert called[-1]
    assert lowest_silent("gain", "threshold", [-5.0], [refrain]) is None
    assert lowest_silent("gain", "threshold", [-5.0], TRACES[:1]) == -5.0


def test_a_sweep_keeps_its_parameters() -> None:
    rows = sweep("suffix", [{"min_repeats": 3}, {"min_repeats": 250}], TRACES[:1])
    assert [row.parameters["min_repeats"] for row in rows] == [3, 250]
    assert [row.recall.value for row in rows] == [1.0, 0.0]


def test_spread_is_median_and_quartiles() -> None:
    assert spread([1, 2, 3, 4, 5]).low == 2
    assert spread([7]).high == 7


def test_tables_show_counts_and_categories() -> None:
    rows = [calibrate(Always(), TRACES), calibrate(detectors.get("suffix"), TRACES)]
    grid = calibration_grid(rows)
    assert [row[0] for row in grid.rows] == ["suffix v2", "always v7"]
    assert grid.rows[1][8] == "2/2"
    false_alarms = category_grid(rows)
    assert false_alarms.titles == ("unfinished, no loop", "n", "always")
    assert false_alarms.rows == [("poem", "2", "2"), ("all", "2", "2")]
    assert grid.markdown().count("\n") == 4
