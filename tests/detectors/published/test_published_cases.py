"""What each published rule sees, misses, and flags by mistake, on literal outputs."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from loopbench import detectors
from loopbench.detectors.parts.tokens import fallback_tokens
from loopbench.types import LoopSpan, Verdict

EXACT = ["ngram", "vllm", "llamacpp", "antidoom", "gemini"]
RATIOS = ["whisper", "trl", "gopher", "novelty", "gain", "cusum"]
PROSE = (
    "Early in spring the river left its bed and took the lower road, two barns and a bridge. "
    "Nobody in town had seen such water; old Marek measured it with his walking stick, wrote "
    "the figure on a door, and went home to sleep. By noon boats were tied to lamp posts. "
)
WAIT = "Wait, let me check this again, because the sum of the angles looks wrong to me. "
COUNTER = "".join(f"Step {i}: the answer is {3 * i}, so we go on.\n" for i in range(1, 80))
ZEROS = "[" + ", ".join(["0"] * 60)


def scan(name: str, text: str, **parameters: object) -> Verdict:
    ids, pieces = fallback_tokens(text)
    return detectors.get(name, **parameters).scan(ids, pieces)


@pytest.mark.parametrize("name", [*EXACT, "whisper", "trl", "gopher", "gain", "cusum"])
def test_a_sentence_said_forty_times_is_a_loop(name: str) -> None:
    verdict = scan(name, PROSE + WAIT * 40)
    assert verdict.looped and verdict.terminal


@pytest.mark.parametrize("name", [*EXACT, "gain", "novelty", "toolcycle", "cusum"])
def test_prose_is_none(name: str) -> None:
    assert not scan(name, PROSE).looped


@pytest.mark.parametrize("name", [*EXACT, "toolcycle"])
def test_a_counter_loop_is_missed_by_every_exact_rule(name: str) -> None:
    assert not scan(name, COUNTER).terminal


@pytest.mark.parametrize("name", ["whisper", "trl", "gopher"])
def test_a_counter_loop_is_seen_by_ratios(name: str) -> None:
    assert scan(name, COUNTER).terminal


@pytest.mark.parametrize(("name", "longest"), [("vllm", 64), ("llamacpp", 1024)])
def test_the_longest_period_of_a_token_rule(name: str, longest: int) -> None:
    detector = detectors.get(name)
    assert detector.scan(list(range(longest)) * 5).terminal
    assert not detector.scan(list(range(longest + 1)) * 5).looped


def test_gopher_judges_nothing_below_fifty_words() -> None:
    text = "so it goes and on it goes. " * 8  # 7 words and a stop: 8 units
    short = text[: len(text) // 8 * 6]
    assert scan("gopher", text).terminal
    assert not scan("gopher", short).looped
    assert scan("gopher", short, min_words=40).looped


def test_antidoom_does_not_see_units_over_1024_characters() -> None:
    text = "".join(chr(0x4E00 + i) for i in range(1025))
    assert not scan("antidoom", text * 5).looped
    assert scan("antidoom", text[1:] * 4).terminal


@pytest.mark.parametrize("name", ["vllm", "llamacpp", "antidoom", "ngram", "trl"])
def test_an_array_of_zeros_is_a_false_positive_users_know(name: str) -> None:
    assert scan(name, ZEROS).terminal


def test_gemini_spares_arrays_of_zeros_lists_tables_and_code() -> None:
    assert not scan("gemini", "[" + "0," * 900).looped
    assert not scan("gemini", "1. The same item, said again and again and again.\n" * 60).looped
    assert not scan("gemini", "* The same item, said again and again and again.\n" * 60).looped
    assert scan("gemini", "- The same item, said again and again and again.\n" * 60).terminal
    assert not scan("gemini", "| the same row | of a table | that does not end |\n" * 60).looped
    assert not scan("gemini", "```\n" + "print('the same line of code, again')\n" * 60).looped
    assert scan("gemini", "```\nx\n```\n" + "print('the same line of code, again')\n" * 60).terminal


def test_gemini_does_not_see_periods_over_250_characters() -> None:
    assert scan("gemini", (PROSE[:249] + "\n") * 14).looped
    assert not scan("gemini", (PROSE[:250] + "\n\n") * 14).looped


def test_vllm_counts_a_multiple_of_a_shorter_period_and_shows_the_primitive_one() -> None:
    rule = {"max_pattern_size": 10, "min_pattern_size": 5, "min_count": 2}
    verdict = detectors.get("vllm", **rule).scan([1, 2, 3] + [9] * 10)
    assert verdict.terminal
    assert verdict.spans == [LoopSpan(start=3, end=13, period=1, repeats=10)]
    assert not detectors.get("vllm", **rule).scan([1, 2, 3] + [9] * 9).looped


def test_vllm_is_off_without_a_pattern_size_as_in_vllm() -> None:
    off = detectors.get("vllm", max_pattern_size=0, min_count=0)
    assert not off.scan([1] * 500).looped
    assert off.watch().push([1] * 500) is None


def test_a_repetition_that_ended_is_looped_and_not_terminal() -> None:
    for name in ("vllm", "llamacpp", "ngram"):
        verdict = detectors.get(name).scan([*range(100, 107), *([1, 2, 3] * 40), *range(50)])
        assert verdict.looped and not verdict.terminal
        assert verdict.spans[0].start == 7 and verdict.spans[0].period == 3
    verdict = scan("antidoom", PROSE + "ha" * 40 + PROSE)
    assert verdict.looped and not verdict.terminal
    assert (verdict.onset, verdict.repeats) == (len(fallback_tokens(PROSE)[1]), 40)


def test_a_loop_between_two_checkpoints_is_not_lost() -> None:
    stream = [*range(1000, 1033), *([5, 6] * 8), *range(40)]
    verdict = detectors.get("vllm").scan(stream)
    assert verdict.spans == [LoopSpan(start=33, end=49, period=2, repeats=8)]


def test_the_thirty_by_twenty_rule_needs_the_twentieth_copy() -> None:
    block = list(range(40))
    ngram = detectors.get("ngram")
    assert not ngram.scan(block * 19).looped
    verdict = ngram.scan(block * 19 + block[:30])
    assert verdict.terminal and (verdict.onset, verdict.period) == (0, 40)
    spread = [i for turn in range(20) for i in (*range(30), 100 + turn)]
    assert ngram.scan(spread).looped, "occurrences need not be contiguous"


def test_whisper_flags_long_repetitive_but_right_answers() -> None:
    rows = "".join(json.dumps({"id": i, "name": f"user{i}"}) + "\n" for i in range(60))
    assert scan("whisper", rows).terminal


def test_the_ratio_rules_report_a_score() -> None:
    for name in ("whisper", "trl", "gopher", "gain", "novelty"):
        assert scan(name, PROSE * 9).score is not None
    assert detectors.get("trl").scan([5] * 102).score == pytest.approx(-0.99)


def test_novelty_sees_reworded_paragraphs() -> None:
    words = [
        "pushing",
        "ahead",
        "and",
        "keeping",
        "the",
        "momentum",
        "while",
        "verifying",
        "that",
        "all",
        "is",
        "well",
        "here",
    ]
    turns = [" ".join(words[i % 13 :] + words[: i % 13]) for i in range(14)]
    verdict = scan("novelty", PROSE + "\n\n" + ".\n\n".join(turns) + "\n\n")
    assert verdict.terminal and verdict.level == "circular"
    named = [f"{turn} in file_{i}.py" for i, turn in enumerate(turns)]
    other = "the {} cat sat on a {} mat near that {} door of my {} house in {} town"
    named = [other.format(*[f"{chr(97 + i)}{chr(97 + j)}q" for j in range(5)]) for i in range(14)]
    assert not scan("novelty", "\n\n".join(named) + "\n\n").looped


def test_novelty_is_reset_by_new_names_and_ignores_one_long_paragraph_of_numbers() -> None:
    words = [
        "we",
        "now",
        "open",
        "the",
        "next",
        "file",
        "and",
        "check",
        "that",
        "its",
        "header",
        "is",
        "as",
        "it",
        "ought",
        "to",
        "be",
    ]
    turns = [" ".join(words[i % 16 :] + words[: i % 16]) + f" in `part{i}`" for i in range(16)]
    assert not scan("novelty", "\n\n".join(turns) + "\n\n").looped
    assert not scan("novelty", "1, 2, 3, " * 900).looped


def test_gain_sees_drift_that_no_template_fits() -> None:
    stock = ["it is clear. ", "so we check. ", "then again. ", "no, wait. "]
    drift = "".join(stock[(i * i * 7 + i // 3) % 4] for i in range(400))
    assert scan("gain", drift, threshold=0.9).terminal


def wrapped(*calls: str) -> str:
    return "".join(f"<tool_call>\n{call}\n</tool_call>\n" for call in calls)


A = '{"name": "get", "arguments": {"x": 1, "y": 2}}'
A2 = '{"arguments": {"y": 2, "x": 1},  "name": "get"}'
B = '{"name": "put", "parameters": {"text": "a } \\" {"}}'


@pytest.mark.parametrize(
    ("text", "looped"),
    [
        (wrapped(A, A2, A), True),
        (wrapped(A, A), False),
        (wrapped(A, B, A, B), True),
        (wrapped(A, B, A), False),
        (wrapped(A, A, B, B), False),
        (f"{A}\n{A2}\n{A}\n", True),
        (f"[{A}, {B}, {A}, {B}]", True),
        ("<|tool_call_start|>[f(a=1), f(a=1)]<|tool_call_end|>", False),
        ("<|tool_call_start|>[f(a=1),f(a=1), f(a=1)]<|tool_call_end|>", True),
        ('<|tool_call_start|>[f(a=", f(a="), g(b=[1, 2])]<|tool_call_end|>' * 2, True),
        (r'{"name": "get", "\u0061rguments": {"x": 1}}' * 3, True),
        ('{"name": "get"}' * 9, False),
        ("".join(f'{{"name": "get", "arguments": {{"x": {i}}}}}' for i in range(9)), False),
        ("if (x) { y = {}; } " * 20, False),
        (wrapped("broken {", "broken {", "broken  {"), True),
    ],
)
def test_tool_call_cycles(text: str, looped: bool) -> None:
    verdict = scan("toolcycle", text)
    assert (verdict.looped, verdict.terminal) == (looped, looped)


def test_a_tool_cycle_ends_when_the_model_goes_on_to_say_something() -> None:
    verdict = scan("toolcycle", wrapped(A, A, A) + PROSE)
    assert verdict.looped and not verdict.terminal
    assert (verdict.onset, verdict.repeats) == (0, 3)


def test_toolcycle_is_cut_at_its_longest_cycle() -> None:
    calls = [f'{{"name": "f{i}", "arguments": {{}}}}' for i in range(5)]
    assert not scan("toolcycle", wrapped(*calls * 3)).looped
    assert scan("toolcycle", wrapped(*calls * 2), max_cycle=5).terminal


def test_levels() -> None:
    def level(name: str, ids: Sequence[int] = (1, 2)) -> str:
        return detectors.get(name).scan(ids).level

    assert {level(name) for name in (*EXACT, "toolcycle")} == {"verbatim"}
    assert {level(name) for name in RATIOS} == {"circular"}
