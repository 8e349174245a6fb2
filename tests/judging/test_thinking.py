from __future__ import annotations

from pathlib import Path

import pytest
from fakes import generation, install

from loopbench.harness.api import rows_of
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.judging.thinking import (
    ThinkingState,
    loop_in_thinking,
    opens_thinking,
    thinking_end_text,
    whole_text,
)
from loopbench.results.store import read_records
from loopbench.results.table import render
from loopbench.types import Generation, Level, Verdict


def said(*pieces: str, opened: bool = False) -> Generation:
    made = generation(list(pieces), "length", list(range(len(pieces))))
    return Generation(
        **{field: getattr(made, field) for field in made.__struct_fields__}
        | {"opened_thinking": opened}
    )


def verdict(onset: int | None, level: Level = "verbatim", looped: bool = True) -> Verdict:
    return Verdict(
        detector="x", version=1, level=level, looped=looped, terminal=looped, onset=onset
    )


@pytest.mark.parametrize(
    ("output", "onset", "inside"),
    [
        (said("<think>", "a", "b", "b"), 2, True),
        (said("<think>", "a", "</think>", "b", "b"), 3, False),
        (said("<think>", "a", "</think>", "<think>", "b"), 4, True),
        (said("<think>", "a", "</think>", "<think>", "</think>", "b"), 5, False),
        (said("b", "b", "</think>", "c"), 0, True),
        (said("b", "b", "</think>", "c", "<think>", "d", "</think>"), 0, True),
        (said("b", "b", "</th", "ink>", "c"), 3, True),
        (said("</think>", "b", "b"), 0, True),
        (said("a", "</think>", "b", "b"), 2, False),
        (said("b", "b", "<think>", "a", "</think>"), 0, False),
        (said("<think>", "a", "</think>", "b", "b"), 0, False),
        (said("b", "b", "<think>", "a", "</think>", "<think>", "c"), 0, False),
        (said("b", "b", "<think>", "c"), 0, False),
        (said("b", "b", opened=True), 0, True),
        (said("a", "</think>", "b", "b", opened=True), 2, False),
        (said("b", "b"), 0, None),
        (said("<think>", "a"), None, None),
        (said(), None, None),
    ],
)
def test_where_a_loop_begins(output: Generation, onset: int | None, inside: bool | None) -> None:
    verdicts = [verdict(onset)] if onset is not None else [verdict(None, looped=False)]
    assert loop_in_thinking(output, verdicts) is inside


def test_the_strictest_loop_decides_and_near_ones_do_not_count() -> None:
    output = said("<think>", "a", "</think>", "b", "b")
    both = [verdict(1, "counter"), verdict(3, "verbatim")]
    assert loop_in_thinking(output, both) is False
    assert loop_in_thinking(output, [verdict(1, "circular")]) is None


def test_an_opening_that_the_template_wrote_is_given_back() -> None:
    assert whole_text(said("a", "</think>", opened=True)) == "<think>a</think>"
    assert whole_text(said("a")) == "a"


def test_a_prompt_opens_thinking_with_its_last_tag_only() -> None:
    assert opens_thinking("User: 1+1?\nAssistant:<think>\n")
    assert not opens_thinking("User: what is <think>?\nAssistant:")
    assert not opens_thinking("<think>\n\n</think>\n")


LOOP = ["<think>", *["so ", "it ", "goes. "] * 400]
ANSWERED = ["<think>", "Answer: 1", "</think>", "Answer: 2"]


def test_runs_record_it_and_show_a_column_only_where_models_think(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([True, False] * 20)
    known: dict[str, bool] = {}

    def script(request):
        loops = known.setdefault(request.prompt, next(turns))
        return (LOOP, "length") if loops else (ANSWERED, "stop")

    install(monkeypatch, script)
    run = execute(
        Settings(models=("a",), tasks=("chain_sum",), limit=4, max_new_tokens=900), tmp_path / "r"
    )
    records = list(read_records(run))
    assert [r.loop_in_thinking for r in records if r.outcome == "doom"] == [True, True]
    assert [r.loop_in_thinking for r in records if r.outcome == "clean"] == [None, None]
    assert {r.grade.problem for r in records if r.outcome == "doom"} == {"no_answer"}
    (row,) = rows_of(run)
    assert (row.doom_in_thinking.value, row.doom_in_thinking.n) == (1.0, 2)
    assert "| in think % |" in render([row], "md")

    install(monkeypatch, lambda request: (LOOP[1:], "length"))
    plain = execute(Settings(models=("a",), tasks=("chain_sum",), limit=2), tmp_path / "p")
    assert "in think" not in render(rows_of(plain), "md")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (None, "</think>"),
        ("{{ m.content.split('</think>')[-1] }}", "</think>"),
        (
            r"{{ '<think>\n' + r + '\n</think>\n\n' + c }}{{ x.split('</think>') }}",
            "\n</think>\n\n",
        ),
        ("{{ '<think>\n' + r + '\n</think>\n\n' }}", "\n</think>\n\n"),
        ("\n\n\n\n\n</think>\n\n\n\n\n", "\n\n\n\n</think>\n\n\n\n"),
    ],
)
def test_the_text_that_ends_thinking_is_that_of_the_template(
    template: str | None, text: str
) -> None:
    assert thinking_end_text(template) == text


def test_thinking_is_followed_wherever_tokens_cut_the_tags() -> None:
    whole = "a<think>bb</think>c<think>d"
    for width in (1, 2, 3, 7, 8, 30):
        state = ThinkingState()
        for at in range(0, len(whole), width):
            state.push(whole[at : at + width])
        assert state.open and state.seen
    state = ThinkingState()
    for piece, inside, tokens in (
        ("a", False, 0), ("<think>", True, 0), ("b", True, 1), ("</think>", False, 1),
        ("c", False, 1), ("</think><think>d</think>", False, 1), ("<think>", True, 1),
        ("</think><think>", True, 2),
    ):  # fmt: skip
        state.push(piece)
        assert (state.open, state.tokens) == (inside, tokens)
    state = ThinkingState(opened=True)
    for piece, begun in (("x ", False), ("<", True), ("/thin", True), ("g", False)):
        state.push(piece)
        assert (state.open, state.closing_begun) == (True, begun)
    assert state.tokens == 4
    state.push("</think> <")
    assert not state.open
