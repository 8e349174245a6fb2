"""Recorded outputs, from every kind of recording, watched again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import ANSWER, LOOP, RAMBLE, install
from hypothesis import given
from hypothesis import strategies as st

from loopbench.backends.replay.backend import BACKEND, load, replay
from loopbench.errors import BackendError
from loopbench.files.recordings import RecordedOutput, Recording
from loopbench.harness.api import rows_of
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.results.store import read_audits, read_header, read_records
from loopbench.types import Request, Sampling


class Watcher:
    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.left = stop_after
        self.seen: list[int] = []

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        assert len(ids) == len(pieces) == 1
        self.seen += ids
        self.left -= 1
        return self.left <= 0


def stream(count: int = 6, finish: Any = "length") -> RecordedOutput:
    pieces = [f"{i} " for i in range(count)]
    return RecordedOutput.of(range(count), pieces, finish=finish, raw_finish=finish)


def request(**more: Any) -> Request:
    sampling = Sampling(max_new_tokens=more.pop("budget", 100))
    return Request(key="k", prompt=more.pop("prompt", "p"), sampling=sampling, **more)


def test_a_recorded_output_streams_token_by_token() -> None:
    watcher = Watcher()
    result = replay(stream(), request(), watcher)
    assert watcher.seen == result.token_ids == [0, 1, 2, 3, 4, 5]
    assert (result.text, result.token_chars) == ("0 1 2 3 4 5 ", [2] * 6)
    assert (result.finish, result.raw_finish, result.seconds) == ("length", "length", 0.0)


def test_a_watcher_cuts_it() -> None:
    result = replay(stream(), request(), Watcher(3))
    assert (result.finish, result.raw_finish, result.token_ids) == ("loop", "watch", [0, 1, 2])


def test_an_end_wins_over_a_watcher_that_fires_on_the_last_token() -> None:
    assert replay(stream(finish="stop"), request(), Watcher(6)).finish == "stop"
    assert replay(stream(finish="stop"), request(), Watcher(5)).finish == "loop"
    assert replay(stream(finish="length"), request(), Watcher(6)).finish == "loop"


@given(st.integers(0, 6), st.integers(1, 8))
def test_a_continuation_is_the_rest(cut: int, budget: int) -> None:
    whole = replay(stream(), request(budget=budget), Watcher())
    ids = tuple(whole.token_ids[:cut])
    rest = replay(stream(), request(budget=budget, prefix_ids=ids), Watcher())
    assert [*ids, *rest.token_ids] == whole.token_ids == list(range(min(budget, 6)))
    assert rest.finish == "length"


def test_beyond_an_early_stop_nothing_is_known() -> None:
    stopped = stream(finish="loop")
    assert replay(stopped, request(), Watcher()).finish == "loop"
    rest = replay(stopped, request(prefix_ids=tuple(range(6))), Watcher())
    assert rest.error == "The recording ends where its own run stopped the stream."


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a run of twelve prompts without early stopping: loops, answers, rambling."""
    said = [(LOOP, "length"), (ANSWER, "stop"), (RAMBLE, "length")]
    prompts: list[str] = []

    def script(asked: Request) -> tuple[list[str], str]:
        if asked.prompt not in prompts:
            prompts.append(asked.prompt)
        return said[prompts.index(asked.prompt) % 3]

    with monkeypatch.context() as patched:
        install(patched, script)
        settings = Settings(
            models=("a",), tasks=("chain_sum", "tool_call"), limit=12, early_stop=False,
            temperatures=(0.0, 0.5), max_new_tokens=700, repeats=2,
        )  # fmt: skip
        return execute(settings, tmp_path / "recorded")


def run(place: Any, out: Path, **settings: Any) -> Path:
    return execute(Settings(models=(str(place),), **settings), out)


def test_a_run_replayed_has_its_rows(recorded: Path, tmp_path: Path) -> None:
    again = run(recorded, tmp_path / "again", early_stop=False)
    before, after = rows_of(recorded), rows_of(again)
    assert [(r.temperature, r.budget, r.n, r.doom_rate) for r in after] == [
        (r.temperature, r.budget, r.n, r.doom_rate) for r in before
    ]
    assert [r.accuracy for r in after] == [r.accuracy for r in before]
    assert after[0].engine.startswith("replay of fake 1")
    assert after[0].tokens_per_second is None
    theirs = {r.key: r.generation.token_ids for r in read_records(recorded)}
    assert {r.key: r.generation.token_ids for r in read_records(again)} == theirs


def test_stopping_rules_are_tried_on_a_recording(recorded: Path, tmp_path: Path) -> None:
    stopped = run(recorded, tmp_path / "stopped", audit_share=0.0, audit_min=5)
    (cold, warm) = rows_of(stopped)
    assert (cold.n, cold.early_stopped, cold.audited, cold.escaped) == (24, 8, 5, 0)
    assert cold.doom_rate == rows_of(recorded)[0].doom_rate
    assert cold.tokens_saved > 0
    # The audits went on to the recorded end.
    ends = {r.key: len(r.generation.token_ids) for r in read_records(stopped)}
    audits = list(read_audits(stopped))
    assert len(audits) == 10
    assert {ends[a.key] + len(a.generation.token_ids) for a in audits} == {700}
    assert warm.n == 24


def test_audits_complete_what_was_stopped_early(recorded: Path, tmp_path: Path) -> None:
    stopped = run(recorded, tmp_path / "stopped", audit_share=0.0, audit_min=5)
    again = run(stopped, tmp_path / "again", early_stop=False)
    lengths = sorted(len(r.generation.token_ids) for r in read_records(again))
    kept = sorted(len(r.generation.token_ids) for r in read_records(stopped))
    assert sum(lengths) > sum(kept)
    assert sum(r.generation.finish == "loop" for r in read_records(again)) == 16 - 10


def test_tasks_and_limits_narrow_a_recording(recorded: Path, tmp_path: Path) -> None:
    some = run(recorded, tmp_path / "some", limit=3)
    assert len(list(read_records(some))) == 3 * 2 * 2
    other = run(recorded, tmp_path / "other", tasks=("countdown",), limit=2)
    errors = {r.generation.error for r in read_records(other)}
    assert errors == {"This prompt has no recorded output."}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ROWS: list[dict[str, Any]] = [
    {"id": "x", "prompt": "p1", "token_ids": [1, 2] * 200, "text": ["a", "b"] * 200},
    {"id": "y", "prompt": "p2", "token_ids": [1, 2, 3], "text": "abc", "finish": "stop"},
    {"id": "z", "prompt": "p1", "token_ids": [4], "text": "d", "finish": "stop"},
]


def test_rows_of_json_become_samples_without_grades(tmp_path: Path) -> None:
    out = run(write(tmp_path / "rows.jsonl", ROWS), tmp_path / "run", early_stop=False)
    header = read_header(out)
    assert (header.samples, header.repeats, header.tasks) == (2, 2, {"recorded": 1})
    assert header.samplings[0].max_new_tokens == 400
    records = {(r.sample_id, r.repeat): r for r in read_records(out)}
    assert {key: r.outcome for key, r in records.items()} == {
        ("x", 0): "doom", ("x", 1): "clean", ("y", 0): "clean", ("y", 1): "error",
    }  # fmt: skip
    (row,) = rows_of(out)
    assert (row.n, row.n_error, row.prompts) == (4, 1, 2)
    assert row.accuracy.n == row.extraction_f1.n == row.tool_score.n == 0
    assert row.tokenization == "model"


def test_prompts_with_one_id_are_not_one_prompt(tmp_path: Path) -> None:
    rows = [{**row, "id": "same"} for row in ROWS]
    recording = load(str(write(tmp_path / "rows.jsonl", rows)))
    assert [(s.id, s.prompt) for s in recording.samples] == [("same", "p1"), ("same@2", "p2")]


def test_texts_are_split_into_declared_words(tmp_path: Path) -> None:
    rows = [{"text": "so it goes, " * 100}, {"text": "done", "finish": "stop", "token_ids": [5]}]
    out = run(write(tmp_path / "rows.jsonl", rows), tmp_path / "run")
    (row,) = rows_of(out)
    assert (row.tokenization, row.n, row.doom_rate.value) == ("words-v2", 2, 0.5)
    assert row.early_stopped == 1


def lm_eval_row(doc_id: int, response: str, **more: Any) -> dict[str, Any]:
    return {
        "doc_id": doc_id, "doc": {"q": 1}, "target": "7", "filter": "none",
        "arguments": {"gen_args_0": {"arg_0": f"Q{doc_id}", "arg_1": {"until": ["\n"]}}},
        "resps": [[response]], "filtered_resps": [response], "exact_match": 0.0, **more,
    }  # fmt: skip


def test_samples_of_lm_eval_are_read(tmp_path: Path) -> None:
    rows = [
        lm_eval_row(0, "round and round we go, " * 90),
        lm_eval_row(0, "round and round we go, " * 90, filter="strict"),
        lm_eval_row(1, "seven", resps=[["seven", "eight"]]),
    ]
    rows[2]["arguments"] = [["Q1", {}]]
    recording = load(str(write(tmp_path / "samples_gsm8k_2026.jsonl", rows)))
    assert [s.prompt for s in recording.samples] == ["Q0", "Q1"]
    assert recording.repeats == 2
    found = recording.find(request(prompt="Q1", repeat=1))
    assert found and "".join(found.pieces) == "eight"
    assert len(recording.streams) == 3


def test_parquet_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{"finish": "length", **row, "text": "".join(row["text"])} for row in ROWS]
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path)
    out = run(path, tmp_path / "run", early_stop=False)
    assert sorted(r.outcome for r in read_records(out)) == ["clean", "clean", "doom", "error"]


def test_without_a_reader_for_parquet_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "rows.parquet").touch()
    with pytest.raises(BackendError, match=r"pip install 'loopbench-edge\[parquet\]'"):
        load(str(tmp_path / "rows.parquet"))


def test_a_hash_stands_for_a_prompt(tmp_path: Path) -> None:
    import hashlib

    digest = hashlib.sha256(b"secret question").hexdigest()
    rows = [{"prompt_hash": digest, "token_ids": [1, 2], "text": "ab"}]
    recording = load(str(write(tmp_path / "rows.jsonl", rows)))
    assert recording.find(request(prompt="secret question")) is not None
    assert recording.find(request(prompt="another")) is None
    (sample,) = recording.samples
    assert recording.find(request(prompt=sample.prompt, sample_id=sample.id)) is not None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "holds no outputs"),
        ('{"id": 1}\n', "has neither token_ids nor text"),
        ('{"text": "a"}\n{\n', "line 2 cannot be replayed"),
        ('{"text": "a", "finish": "odd"}\n', "line 1 cannot be replayed"),
        ('{"token_ids": [1, 2], "text": ["a"]}\n', None),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(
    tmp_path: Path, content: str, complaint: str | None
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    if complaint:
        with pytest.raises(ValueError, match=complaint):
            load(str(path))
        return
    recording = load(str(path))
    with pytest.raises(ValueError, match="one string per token"):
        recording.find(request(prompt="", sample_id="1"))


def test_places_that_hold_no_recording(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no recording"):
        load(str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="has no model 'b', only a"):
        load(f"{recorded}#b")
    assert isinstance(load(f"{recorded}#a"), Recording)
    with pytest.raises(ValueError, match="replayed alone"):
        execute(Settings(models=(str(recorded), f"replay:{recorded}")), tmp_path / "x")


def test_a_torn_line_and_earlier_failures_do_not_count(recorded: Path, tmp_path: Path) -> None:
    file = recorded / "records.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]) + lines[-1][:50])
    recording = load(str(recorded))
    assert len(recording.streams) == len(lines) - 1


def test_the_name_and_the_recorded_engine_are_told(recorded: Path) -> None:
    info = BACKEND.describe(recorded)
    assert (info.name, info.fingerprint) == ("a", "sha256:a")
    assert info.engine == "replay of fake 1"
