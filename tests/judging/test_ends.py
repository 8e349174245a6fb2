"""How outputs ended: what is seen of the end alone is what the whole would say of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from circling import ROUND
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from loopbench.calibration.corpus import read_traces
from loopbench.detectors.parts.endings import EndDetector
from loopbench.judging import ends as module
from loopbench.judging.detection import Detection, detect
from loopbench.judging.ends import of_end
from loopbench.judging.rules import MEASURE, STOP, detectors_of
from loopbench.pieces import Pieces
from loopbench.types import Finish, Rule, Verdict

CORPUS = Path(__file__).parent.parent / "corpus"
TRACES = [
    t for name in ("constructed", "generated") for t in read_traces(CORPUS / f"{name}.jsonl.gz")
]
COUNT = "".join(f"{i}. Lily lies.\n" for i in range(1, 80))
PROSE = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(400)) + "\n"
LONG = "".join(f"chapter {chr(97 + i % 26)}{chr(97 + i // 26)} begins, " for i in range(300))
STRICTER = (*MEASURE, *STOP, Rule(detector="circular", parameters={"lasting": 300}))


def same(found: Verdict) -> Verdict:
    """Leave out where a circular end began, which takes its history."""
    if found.level == "circular" and found.terminal:
        return msgspec.structs.replace(found, spans=[], onset=None, period=None, repeats=None)
    return found


def check(whole: Detection, end: Detection) -> None:
    assert [same(v) for v in end.verdicts] == [same(of_end(v)) for v in whole.verdicts]
    assert (end.outcome, end.at_end, end.tokens) == (whole.outcome, whole.at_end, whole.tokens)


@pytest.mark.slow
@pytest.mark.parametrize("finish", ["length", "unknown", "error"])
def test_the_end_of_every_trace_is_judged_as_in_the_whole(finish: Finish) -> None:
    for trace in TRACES[::3]:
        check(detect(trace.text, finish=finish), detect(trace.text, finish=finish, ends_only=True))


@pytest.mark.slow
def test_real_ids_too_and_other_rules() -> None:
    for trace in TRACES[1::8]:
        said: list[Detection] = []
        for ends_only in (False, True):
            said.append(
                detect(trace.token_ids, text=trace.pieces, rules=STRICTER, ends_only=ends_only)
            )
        check(*said)


BLOCKS = ["so it goes, ", COUNT, PROSE, LONG, "".join(ROUND[:700]), "I. A\nII. B\n", "1.5, 1.7, "]


@pytest.mark.slow
@given(
    parts=st.lists(st.tuples(st.sampled_from(BLOCKS), st.integers(1, 5)), min_size=1, max_size=6),
    last=st.integers(1, 400),
    cut=st.integers(0, 30),
)
@settings(max_examples=settings().max_examples // 2)
def test_texts_that_change_and_are_cut_anywhere(
    parts: list[tuple[str, int]], last: int, cut: int
) -> None:
    text = "".join(part * (last if len(part) < 100 else times) for part, times in parts)
    text = text[: len(text) - cut]
    for rules in (MEASURE, STRICTER):
        check(detect(text, rules=rules), detect(text, rules=rules, ends_only=True))


@pytest.mark.parametrize("repeats", [3, 4, 9])
@pytest.mark.parametrize("cut", [0, 1, 5_000])
def test_a_loop_longer_than_what_is_split_first(repeats: int, cut: int) -> None:
    block = "".join(f"scene {chr(97 + i % 26)}{chr(97 + i // 26)} goes on, " for i in range(300))
    text = PROSE + block * repeats
    text = text[: len(text) - cut]
    end = detect(text, ends_only=True)
    check(detect(text), end)
    assert (end.level == "verbatim") == (repeats * len(block) - cut >= 4 * len(block))


def test_loops_that_were_left_are_not_told() -> None:
    text = "so it goes, " * 200 + PROSE
    assert detect(text, finish="stop").outcome == "recovered"
    end = detect(text, finish="stop", ends_only=True)
    assert end.outcome == "clean"
    assert not any(v.looped or v.spans for v in end.verdicts)


def test_what_was_stopped_for_a_loop_that_its_end_hides_is_judged_as_a_whole() -> None:
    text = "".join(ROUND[:900]) + PROSE
    whole = detect(text, finish="loop")
    assert whole.outcome == "circular"
    assert detect(text, finish="loop", ends_only=True) == whole


def test_a_detector_that_has_no_end_is_asked_for_everything() -> None:
    rules = [Rule(detector="ngram"), Rule(detector="whisper")]
    assert not any(isinstance(rule, EndDetector) for rule in detectors_of(rules))
    for text in ("so it goes, " * 200, "so it goes, " * 200 + PROSE * 3):
        check(detect(text, rules=rules), detect(text, rules=rules, ends_only=True))


def test_little_of_a_long_text_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counted(text: str) -> tuple[NDArray[np.int64], Pieces]:
        sizes.append(len(text))
        return split(text)

    split = module.split
    monkeypatch.setattr(module, "split", counted)
    for end in (PROSE, "so it goes, " * 20):
        sizes.clear()
        text = LONG * 10 + end
        detect(text, ends_only=True)
        assert sum(sizes) < len(text) / 10
