"""The run loop with a scripted backend."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import ANSWER, LOOP, RAMBLE, install

from loopbench.api import rows_of
from loopbench.plan import Settings
from loopbench.runner import execute
from loopbench.store import RunError, read_audits, read_records
from loopbench.types import Request


def settings(**changes) -> Settings:
    return Settings(
        **{"models": ("a",), "tasks": ("chain_sum",), "limit": 6, "max_new_tokens": 600, **changes}
    )


def by_turn(*said):
    """Say these in turn, whatever the prompt; the same prompt always gets the same."""
    known: dict[str, tuple] = {}

    def script(request: Request):
        return known.setdefault(request.prompt, said[len(known) % len(said)])

    return script


MIXED = by_turn((LOOP, "length"), (ANSWER, "stop"), (RAMBLE, "length"))


def test_outcomes_audits_and_rows(tmp_path: Path, monkeypatch) -> None:
    factory = install(monkeypatch, MIXED)
    execute(settings(), tmp_path / "run")
    records = list(read_records(tmp_path / "run"))
    assert sorted(r.outcome for r in records) == ["clean"] * 2 + ["doom"] * 2 + ["truncated"] * 2
    stopped = [r for r in records if r.generation.finish == "loop"]
    assert [r.generation.output_tokens for r in stopped] == [256, 256]
    audits = list(read_audits(tmp_path / "run"))
    assert {a.key for a in audits} == {r.key for r in stopped}
    assert all(a.outcome == "doom" and not a.escaped for a in audits)
    assert [len(r.prefix_ids) for r in factory.requests if r.prefix_ids] == [256, 256]
    (row,) = rows_of(tmp_path / "run")
    assert (row.n, row.doom_rate.value, row.verbatim_rate.value) == (6, 1 / 3, 1 / 3)
    assert (row.early_stopped, row.audited, row.escaped, row.tokens_saved) == (2, 2, 0, 0)
    assert row.corrected_doom_rate.value == pytest.approx(1 / 3)


def test_a_stream_that_leaves_its_loop_has_escaped(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, by_turn((LOOP[:300] + ANSWER, "stop")))
    execute(settings(), tmp_path / "run")
    assert all(a.escaped and a.outcome == "recovered" for a in read_audits(tmp_path / "run"))
    (row,) = rows_of(tmp_path / "run")
    assert row.doom_rate.value == 1
    assert row.corrected_doom_rate.value == 0


def test_without_early_stopping_nothing_is_stopped(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, MIXED)
    execute(settings(early_stop=False), tmp_path / "run")
    assert {r.generation.finish for r in read_records(tmp_path / "run")} == {"length", "stop"}
    (row,) = rows_of(tmp_path / "run")
    assert (row.doom_rate.value, row.early_stopped, row.tokens_saved) == (1 / 3, 0, 0)


@pytest.mark.parametrize("after", [0, 1, 4])
def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, monkeypatch, after: int) -> None:
    turns = iter(range(100))

    def interrupted(request: Request):
        if next(turns) == after:
            raise KeyboardInterrupt
        return MIXED(request)

    install(monkeypatch, interrupted)
    with pytest.raises(KeyboardInterrupt):
        execute(settings(), tmp_path / "run")
    before = list(read_records(tmp_path / "run"))
    assert len(before) == after
    install(monkeypatch, MIXED)
    execute(settings(), tmp_path / "run", resume=True)
    records = list(read_records(tmp_path / "run"))
    assert records[:after] == before
    assert len({r.key for r in records}) == len(records) == 6
    whole = execute(settings(), tmp_path / "whole")
    assert {r.key for r in records} == {r.key for r in read_records(whole)}
    assert {a.key for a in read_audits(tmp_path / "run")} == {a.key for a in read_audits(whole)}


def test_a_finished_run_loads_no_model_again(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, MIXED)
    execute(settings(), tmp_path / "run")
    factory = install(monkeypatch, MIXED)
    execute(settings(), tmp_path / "run", resume=True)
    assert factory.opened == 0


def test_failures_are_counted_apart_and_made_again(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, by_turn(([], "error"), (ANSWER, "stop")))
    execute(settings(), tmp_path / "run")
    (row,) = rows_of(tmp_path / "run")
    assert (row.n, row.n_error, row.doom_rate.n) == (6, 3, 3)
    install(monkeypatch, by_turn((ANSWER, "stop")))
    execute(settings(), tmp_path / "run", resume=True)
    (row,) = rows_of(tmp_path / "run")
    assert (row.n, row.n_error) == (6, 0)


def test_models_temperatures_and_repeats_give_rows(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, MIXED)
    chosen = settings(models=("b", "a"), temperatures=(0.0, 0.5), repeats=2)
    execute(chosen, tmp_path / "run")
    rows = rows_of(tmp_path / "run")
    assert [(r.model, r.temperature) for r in rows] == [
        ("b", 0.0), ("b", 0.5), ("a", 0.0), ("a", 0.5)
    ]  # fmt: skip
    assert {(r.n, r.prompts, r.flip_rate.value) for r in rows} == {(12, 6, 0.0)}


def test_other_settings_do_not_resume(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, MIXED)
    execute(settings(), tmp_path / "run")
    with pytest.raises(RunError, match=r"max_new_tokens is 500 instead of 600"):
        execute(settings(max_new_tokens=500), tmp_path / "run", resume=True)
    with pytest.raises(RunError, match="holds a run already"):
        execute(settings(), tmp_path / "run")
