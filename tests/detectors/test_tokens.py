"""The declared split of texts without token ids: what it makes visible, and what it must not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbench.detectors.parts.tokens import FALLBACK, fallback_tokens, named, split_after
from loopbench.detectors.suffix import Suffix, find_tail_loop

PERIODIC = [
    "agreed, ", "Yes", "Q", "GATTACA", "嗯", "是的，好的，", "はい。", "ไม่ใช่ ", "ទេ", "ー",
    "ㅋㅋ ", "- first\n- second\n", "{\"port\": \"north\", \"n\": 3},\n", "    pass\n\n\n",
    "\n\n\n    ", "\n", "  ", "\t", "It comes back to the same thing. ",
    "Is it 42? 6 * 7 = 42. Yes.\n\nBut wait: ", "-----\n", "|---|---|\n", "====", "=-", "!", "?!",
    "😀", "👩‍👩‍👧 ", "हाँ, ठीक है। ", "نعم، حسنا. ", "Да, верно! ", "ü̃ ", "bm8gbm8gbm8", "0",
    "01", "2.72 ", "<i></i>", "<br/>\n", "\\n", "\\u00e9", "while (n > 0) {\n  n--;\n}\n",
    "甲乙丙丁。\n", "Rindfleischetikettierungsueberwachungsgesetz ", "z" * 40 + " ",
    "\n" + " " * 36 + "}", "_", "___ ", "* * ", "…", " \n \n", "[7, 8]\n", "No. No. Yes. ",
]  # fmt: skip
RULE = Suffix()


def terminal(text: str) -> bool:
    ids, _ = fallback_tokens(text)
    return find_tail_loop(ids, RULE) is not None


def test_there_are_fifty_periodic_texts() -> None:
    assert len(set(PERIODIC)) >= 50


@pytest.mark.parametrize("block", PERIODIC)
def test_a_loop_is_seen_wherever_the_budget_cuts_it(block: str) -> None:
    whole = "Before it came to that.\n\n" + block * max(4, 1 + 2400 // len(block))
    cuts = range(min(len(block) + 8, 100))
    assert [cut for cut in cuts if not terminal(whole[: len(whole) - cut])] == []


def test_white_space_in_any_order_is_a_loop() -> None:
    runs = "".join("  \n \t\n   \n"[at * at % 9 : at * at % 9 + 3] for at in range(700))
    ids, pieces = fallback_tokens('{"done": true,' + runs)
    assert terminal('{"done": true,' + runs)
    assert len(set(ids[8:])) == 1
    assert "".join(pieces).endswith(runs)
    # One that is short is what it is, and an indent is no loop.
    assert not terminal("".join(f"{' ' * (at % 9)}step{at % 7}\n" for at in range(200, 230)))


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_character_that_was_cut_in_two_hides_no_loop(lost: int) -> None:
    assert terminal("好的。" * 60 + "好" + "\ufffd" * lost)
    assert terminal("so it goes, " * 60 + "so it g" + "\ufffd" * lost)


@pytest.mark.parametrize(
    "rule", ["-" * 140, "=" * 200, "_" * 160, "·" * 140, "─" * 200, "=-" * 100, "." * 300, "#" * 80]
)
def test_a_rule_that_the_budget_cuts_is_no_loop(rule: str) -> None:
    assert not terminal("Timetable of the ferry\n" + rule)
    assert terminal("Timetable of the ferry\n" + rule * 20)


@pytest.mark.parametrize("run", ["A" * 90, " " * 200, "9" * 100, "\n" * 100, "!" * 60, "あ" * 60])
def test_a_short_run_is_no_loop(run: str) -> None:
    assert not terminal("As it was said then: " + run)


def test_a_word_of_no_more_than_a_run_stays_whole() -> None:
    assert fallback_tokens("a" * 32 + " " * 32)[1] == ["a" * 32, " " * 32]
    assert fallback_tokens("a" * 33)[1] == ["a"] * 33
    assert fallback_tokens(" " * 33)[1] == [" " * 4] * 8 + [" "]
    assert fallback_tokens("x----y")[1] == ["x", "----", "y"]
    assert fallback_tokens("x-----y")[1] == ["x", "----", "-", "y"]


def test_what_is_cut_is_read_as_where_it_stood_before() -> None:
    ids, pieces = fallback_tokens("one and the other, " * 30 + "one and the oth")
    assert pieces[-1] == "oth"
    assert ids[-1] == ids[6]
    # Another word, after other words: nothing to complete it by.
    ids, pieces = fallback_tokens("one and the other, " * 30 + "but then the oth")
    assert ids[-1] == max(ids)


@given(st.text(alphabet=st.sampled_from("ab 1.-\n\té我👍_\ufffd"), max_size=90))
def test_pieces_are_the_text_and_equal_ids_are_equal_pieces(text: str) -> None:
    ids, pieces = fallback_tokens(text)
    assert "".join(pieces) == text
    assert len(ids) == len(pieces)
    settled = list(zip(ids, named(pieces), strict=True))[:-4]
    assert len(dict(settled)) == len({name for _, name in settled})


@given(st.lists(st.tuples(st.sampled_from("ab 1.-\n\té我_"), st.integers(1, 40)), max_size=9))
def test_the_fast_way_is_the_whole_way(runs: list[tuple[str, int]]) -> None:
    text = "".join(character * count for character, count in runs)
    # Behind a line's end nothing is inside a run, and nothing before it is completed.
    assert fallback_tokens(text + "\x00")[1] == [*split_after("", text), "\x00"]


def test_the_split_has_a_name() -> None:
    assert FALLBACK == "words-v2"
