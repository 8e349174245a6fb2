"""The run loop with a scripted backend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from circling import ROUND
from fakes import ANSWER, LOOP, RAMBLE, install

import loopbench
from loopbench.errors import BackendError, RunError
from loopbench.harness.api import rows_of
from loopbench.harness.plan import Settings
from loopbench.harness.runner import default_folder, execute
from loopbench.results.store import read_audits, read_header, read_records
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


@pytest.mark.parametrize(("asked", "opened"), [(None, 2), (4, 4), (50, 6)])
def test_no_more_slots_than_streams_are_opened(
    tmp_path: Path, monkeypatch, asked: int | None, opened: int
) -> None:
    factory = install(monkeypatch, MIXED)
    execute(settings(slots=asked), tmp_path / "run")
    assert factory.settings["slots"] == opened


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


COUNT = [piece for i in range(1, 400) for piece in (str(i), ". ", "Lily ", "lies.\n")]


def test_a_counter_loop_is_stopped_only_when_it_is_long(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, by_turn((COUNT, "length")))
    execute(settings(limit=1, max_new_tokens=900), tmp_path / "run")
    (record,) = read_records(tmp_path / "run")
    assert record.generation.finish == "loop"
    assert 512 <= record.generation.output_tokens < 700
    (row,) = rows_of(tmp_path / "run")
    assert (row.counter_rate.value, row.verbatim_rate.value) == (1, 0)


def test_only_a_share_of_many_stops_is_audited(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, by_turn((LOOP, "length")))
    execute(settings(audit_min=2, audit_share=0.5), tmp_path / "run")
    (row,) = rows_of(tmp_path / "run")
    assert (row.early_stopped, row.audited) == (6, 3)
    assert row.tokens_saved == 3 * (600 - 256)
    assert row.corrected_doom_rate.low < row.doom_rate.low


def test_only_what_failed_or_is_missing_is_made_again(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, by_turn(([], "error"), (ANSWER, "stop"), (LOOP, "length")))
    execute(settings(), tmp_path / "run")
    failed = {r.key for r in read_records(tmp_path / "run") if r.outcome == "error"}
    factory = install(monkeypatch, by_turn((ANSWER, "stop")))
    execute(settings(), tmp_path / "run", resume=True)
    assert {r.key for r in factory.requests} == failed
    assert len(failed) == len(factory.requests) == 2


def test_a_failed_audit_is_made_again(tmp_path: Path, monkeypatch) -> None:
    said = by_turn((LOOP, "length"))
    install(monkeypatch, lambda r: ([], "error") if r.prefix_ids else said(r))
    execute(settings(limit=2), tmp_path / "run")
    assert {a.outcome for a in read_audits(tmp_path / "run")} == {"error"}
    (row,) = rows_of(tmp_path / "run")
    assert (row.audited, row.corrected_doom_rate.value) == (0, None)
    factory = install(monkeypatch, said)
    execute(settings(limit=2), tmp_path / "run", resume=True)
    assert [len(r.prefix_ids) for r in factory.requests] == [256, 256]
    (row,) = rows_of(tmp_path / "run")
    assert (row.audited, row.escaped, row.corrected_doom_rate.value) == (2, 0, 1)


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), BackendError("The engine is gone.")])
def test_a_run_that_ends_in_its_audits_goes_on(tmp_path: Path, monkeypatch, failure) -> None:
    audits = iter(range(9))

    def script(request: Request):
        if request.prefix_ids and next(audits) == 1:
            raise failure
        return LOOP, "length"

    install(monkeypatch, script)
    with pytest.raises(type(failure)):
        execute(settings(limit=3), tmp_path / "run")
    assert len(list(read_audits(tmp_path / "run"))) == 1
    factory = install(monkeypatch, by_turn((LOOP, "length")))
    execute(settings(limit=3), tmp_path / "run", resume=True)
    assert len(factory.requests) == 2
    keys = [audit.key for audit in read_audits(tmp_path / "run")]
    assert sorted(keys) == sorted(r.key for r in read_records(tmp_path / "run"))


@pytest.mark.parametrize("after", [13, 47])
def test_a_big_run_that_is_interrupted_anywhere_ends_the_same(
    tmp_path: Path, monkeypatch, after: int
) -> None:
    big = settings(models=("a", "b"), temperatures=(0.0, 0.5), repeats=2)
    turns = iter(range(100))

    def interrupted(request: Request):
        if next(turns) == after:
            raise KeyboardInterrupt
        return MIXED(request)

    install(monkeypatch, interrupted)
    with pytest.raises(KeyboardInterrupt):
        execute(big, tmp_path / "run")
    factory = install(monkeypatch, MIXED)
    execute(big, tmp_path / "run", resume=True)
    assert factory.opened == (1 if after > 31 else 2)
    records, audits = list(read_records(tmp_path / "run")), list(read_audits(tmp_path / "run"))
    assert len({r.key for r in records}) == len(records) == 6 * 2 * 2 * 2
    assert len({a.key for a in audits}) == len(audits)
    whole = execute(big, tmp_path / "whole")
    assert {r.key: r for r in records} == {r.key: r for r in read_records(whole)}
    assert {a.key: a for a in audits} == {a.key: a for a in read_audits(whole)}
    assert rows_of(tmp_path / "run") == rows_of(whole)


def test_two_models_that_could_be_mixed_up_are_refused(tmp_path: Path, monkeypatch) -> None:
    factory = install(monkeypatch, MIXED)
    with pytest.raises(ValueError, match="are the same model"):
        execute(settings(models=("x/a", "y/a")), tmp_path / "run")
    assert (factory.opened, (tmp_path / "run").exists()) == (0, False)


def test_the_header_tells_what_was_measured(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, MIXED)
    execute(settings(tasks=("chain_sum", "tool_call"), seed=3), tmp_path / "one")
    header = read_header(tmp_path / "one")
    assert header.tasks.keys() == {"chain_sum", "tool_call"}
    assert (header.samples, header.seed, header.engine["slots"]) == (6, 3, 2)
    assert {rule.detector for rule in header.stop} == {"suffix", "counter"}
    execute(settings(deterministic=True, slots=4, early_stop=False), tmp_path / "two")
    header = read_header(tmp_path / "two")
    assert (header.deterministic, header.engine["slots"], header.stop) == (True, 1, [])


def test_resuming_needs_a_folder_and_starts_where_nothing_is(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, MIXED)
    with pytest.raises(RunError, match="Say with --out which run to resume"):
        execute(settings(), resume=True)
    execute(settings(), tmp_path / "new", resume=True)
    assert len(list(read_records(tmp_path / "new"))) == 6


@pytest.mark.parametrize(
    "models", [("../../etc/passwd",), ("/",), ("..",), ("a/b c.gguf", "x" * 99)]
)
def test_a_default_folder_stays_under_runs(models: tuple[str, ...]) -> None:
    folder = default_folder(models)
    assert folder.parent == Path("runs")
    assert folder.name not in ("", ".", "..")
    assert len(folder.name) < 90


def test_progress_is_told_of_every_token_and_outcome(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, MIXED)
    told: list[tuple] = []

    class Told:
        def phase(self, text: str, total: int) -> None:
            told.append(("phase", text, total))

        def token(self, count: int) -> None:
            told.append(("token", count))

        def done(self, outcome: str) -> None:
            told.append(("done", outcome))

        def note(self, sentence: str) -> None:
            told.append(("note", sentence))

    execute(settings(), tmp_path / "run", progress=Told())
    assert [event for event in told if event[0] == "phase"] == [
        ("phase", "a T=0", 6),
        ("phase", "audit of 2 early stops", 2),
    ]
    assert not [event for event in told if event[0] == "note"]
    assert sorted(e[1] for e in told if e[0] == "done") == sorted(
        ["clean"] * 2 + ["doom"] * 4 + ["truncated"] * 2
    )
    (row,) = rows_of(tmp_path / "run")
    assert sum(e[1] for e in told if e[0] == "token") == row.tokens_used


def test_the_python_interface_returns_the_rows(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, MIXED)
    given = {"tasks": ["chain_sum"], "limit": 6, "max_new_tokens": 600}
    result = loopbench.run("a", out=str(tmp_path / "run"), **given)
    assert result.rows == rows_of(result.path)
    summary = json.loads((result.path / "summary.json").read_text())
    assert summary[0]["doom_rate"]["value"] == 1 / 3
    with pytest.raises(ValueError, match="Unknown setting 'temprature'"):
        loopbench.run("a", temprature=1.0)
    with pytest.raises(ValueError, match=r"Expected `array`, got `str` - at `\$\.tasks`"):
        loopbench.run("a", tasks="quick")


def test_a_stream_that_goes_round_is_stopped_only_if_asked(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, by_turn((ROUND, "length")))
    chosen = settings(max_new_tokens=1_200)
    execute(chosen, tmp_path / "left")
    assert {r.generation.finish for r in read_records(tmp_path / "left")} == {"length"}
    (left,) = rows_of(tmp_path / "left")
    assert (left.circular_rate.value, left.early_stopped, left.doom_rate.value) == (1, 0, 0)
    execute(settings(max_new_tokens=1_200, stop_circular=True), tmp_path / "stopped")
    stopped = list(read_records(tmp_path / "stopped"))
    assert {(r.generation.finish, r.outcome) for r in stopped} == {("loop", "circular")}
    assert all(600 < r.generation.output_tokens < 1_100 for r in stopped)
    assert all(a.outcome == "circular" and not a.escaped for a in read_audits(tmp_path / "stopped"))
    (row,) = rows_of(tmp_path / "stopped")
    assert (row.stuck_rate.value, row.corrected_stuck_rate.value) == (1, 1)
    with pytest.raises(ValueError, match="--stop-circular and --no-early-stop"):
        settings(stop_circular=True, early_stop=False).check()


def test_a_circle_that_is_left_after_the_stop_has_escaped(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, by_turn((ROUND[:1_100] + ANSWER, "stop")))
    execute(settings(max_new_tokens=1_200, stop_circular=True), tmp_path / "run")
    assert all(a.escaped and a.outcome == "clean" for a in read_audits(tmp_path / "run"))
    (row,) = rows_of(tmp_path / "run")
    assert (row.stuck_rate.value, row.corrected_stuck_rate.value) == (1, 0)
    assert row.circled_rate.n == 0


def test_an_output_that_circled_and_ended_says_so(tmp_path: Path, monkeypatch) -> None:
    install(monkeypatch, by_turn((ROUND[:1_100] + RAMBLE[:300] + ANSWER, "stop")))
    execute(settings(max_new_tokens=1_600), tmp_path / "run")
    assert {(r.outcome, r.circled) for r in read_records(tmp_path / "run")} == {("clean", True)}
    assert rows_of(tmp_path / "run")[0].circled_rate.value == 1
