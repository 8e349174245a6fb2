"""Outputs for the viewer: positions are a browser's, blocks begin where the loop repeats."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from going_round import CIRCULAR, circular, rounds
from looping_runs import COUNTER, VERBATIM, few, said

from loopbench.report.traces import template_cuts, trace


def blocks(shown: dict) -> list[str]:
    units = shown["text"].encode("utf-16-le", "surrogatepass")
    cuts = shown["loop"]["cuts"]
    return [units[2 * a : 2 * b].decode("utf-16-le", "surrogatepass") for a, b in pairwise(cuts)]


def test_a_verbatim_loop_is_cut_into_equal_blocks() -> None:
    shown = trace(said("v", VERBATIM, finish="length"), 0)
    assert shown["loop"]["kind"] == "verbatim"
    assert set(blocks(shown)[:-1]) == {" so it goes,"}
    assert len(blocks(shown)) == 61


def test_positions_count_as_a_browser_does() -> None:
    text = "\U0001f600\U0001f600 " + "ha \U0001f600 " * 80
    shown = trace(said("v", text, finish="length"), 0)
    assert "".join(blocks(shown)) == text[-len("".join(blocks(shown))) :]
    assert len(set(blocks(shown)[:-1])) == 1


def test_a_counter_loop_is_cut_at_its_numbers() -> None:
    shown = trace(said("c", COUNTER, finish="length"), 0)
    assert "41. Lily lies.\n" in blocks(shown)
    assert shown["loop"]["repeats"] > 40


def test_a_circular_end_is_cut_where_its_last_round_begins() -> None:
    record = circular(text="\U0001f600 " + CIRCULAR)
    shown = trace(record, 0)
    verdict = record.verdicts[-1]
    loop = shown["loop"]
    assert (shown["outcome"], loop["kind"], loop["left"]) == ("circular", "circular", False)
    assert (loop["onset"], loop["period"]) == (verdict.onset, verdict.period)
    assert loop["score"] == verdict.score > 0.9
    before, last_round = blocks(shown)
    # To the end of the output, the round as many tokens as it says.
    assert record.generation.text.endswith(before + last_round)
    chars = record.generation.token_chars
    assert len(last_round) == sum(chars[-verdict.period :])
    assert len(before) == sum(chars[verdict.onset : -verdict.period])


def test_a_round_as_long_as_the_stretch_is_not_cut_off() -> None:
    record = circular()
    verdict = record.verdicts[-1]
    tokens = record.generation.output_tokens
    for period, count in ((tokens - verdict.onset, 1), (tokens - verdict.onset - 1, 2)):
        changed = msgspec.structs.replace(verdict, period=period)
        shown = trace(msgspec.structs.replace(record, verdicts=[changed]), 0)
        assert len(blocks(shown)) == count


def test_a_stretch_that_was_left_is_shown_as_one() -> None:
    new = " ".join(f"{chr(97 + i % 26)}{chr(97 + i // 26)}x" for i in range(600))
    record = said("left", rounds(12) + new, finish="length")
    shown = trace(record, 0)
    assert (shown["outcome"], shown["loop"]["kind"]) == ("truncated", "circular")
    assert shown["loop"]["left"]
    assert len(blocks(shown)) == 2
    assert shown["loop"]["cuts"][-1] < len(shown["text"]) - len(new) // 2


def test_cuts_follow_the_longest_literal_of_the_template() -> None:
    text = "x 1, 2, 3, 4"
    assert template_cuts(text, 2, len(text), ", {}") == [2, 5, 8, 12]
    # A literal twice in one block: every second one begins a block.
    assert template_cuts("1 a 2 a 3 a 4 a ", 0, 16, "{} a {} a ") == [0, 8, 16]
    assert template_cuts(text, 2, 12, "{}") == [2, 12]
    assert template_cuts(text, 2, 12, " never {}") == [2, 12]


def test_cutting_is_linear_in_digits() -> None:
    text = "9" * 200_000 + ", "
    assert template_cuts(text, 0, len(text), "{}, ")[0] == 0


def test_an_output_without_a_loop_has_none() -> None:
    clean, *_, cut = few()
    assert "loop" not in trace(clean, 0)
    assert "loop" not in trace(cut, 3)
    assert trace(cut, 3)["series"] == 3
