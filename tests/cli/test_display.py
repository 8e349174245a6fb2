"""Progress as it is shown with and without a terminal; the clock is the test's own."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from loopbench.cli import display
from loopbench.cli.display import LOG_EVERY_S, Display


class Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(display, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def log() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=200, force_terminal=False), file


def test_without_a_terminal_there_is_a_line_every_few_seconds(clock: Clock) -> None:
    console, file = log()
    with Display(console) as shown:
        shown.phase("a T=0", 3)
        shown.token(10)
        clock.now += LOG_EVERY_S
        shown.token(90)
        shown.token(1)
        shown.done("doom")
        clock.now += LOG_EVERY_S
        shown.token(99)
        shown.done("clean")
        shown.done("doom")
    assert file.getvalue().splitlines() == [
        "a T=0: 3 generations",
        "a T=0: 0/3 done, 20 tok/s, 0 stuck, ? s left",
        "a T=0: 1/3 done, 20 tok/s, 1 stuck, 20 s left",
        "a T=0: 3/3 done, 20 tok/s, 2 stuck, 0 s left",
    ]


def test_every_phase_counts_anew(clock: Clock) -> None:
    console, file = log()
    with Display(console) as shown:
        for text in ("one", "two"):
            shown.phase(text, 1)
            clock.now += 1
            shown.token(5)
            shown.done("doom")
    assert file.getvalue().splitlines()[-1] == "two: 1/1 done, 5 tok/s, 1 stuck, 0 s left"


def test_a_terminal_gets_a_bar() -> None:
    file = io.StringIO()
    console = Console(file=file, width=120, force_terminal=True, force_interactive=True)
    with Display(console) as shown:
        shown.phase("a T=0", 2)
        shown.done("doom")
        shown.done("clean")
    assert "2/2" in file.getvalue()
    assert "1 stuck" in file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_model_name_is_no_markup_and_no_escape_sequence(terminal: bool) -> None:
    file = io.StringIO()
    console = Console(file=file, width=120, force_terminal=terminal, color_system=None)
    with Display(console) as shown:
        shown.phase("m[/red][bold]\x1b]0;title\x07", 1)
        shown.done("clean")
    assert "m[/red][bold]]0;title" in file.getvalue()
    assert "\x07" not in file.getvalue()


def test_a_note_is_a_line_of_its_own(clock: Clock) -> None:
    file = io.StringIO()
    sentence = "Waiting for an actor, " * 10 + "\x1b[31mred."
    with Display(Console(file=file, width=80, force_terminal=False)) as shown:
        shown.note(sentence)
        shown.phase("a T=0", 3)
    first, second = file.getvalue().splitlines()
    assert first.startswith("Waiting for an actor, Waiting")
    assert first.endswith("red.")
    assert "\x1b" not in first
    assert second == "a T=0: 3 generations"
