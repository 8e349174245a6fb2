"""Recorded outputs, from every kind of recording, watched again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import ANSWER, LOOP, RAMBLE, install
from hypothesis import given
from hypothesis import strategies as st

from loopbench.backends import forms
from loopbench.backends.replay.backend import BACKEND, load, replay
from loopbench.detectors.parts.tokens import FALLBACK
from loopbench.files.recordings import RecordedOutput, Recording, RecordingError
from loopbench.gate.running import observe_run
from loopbench.harness.api import rows_of
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.judging.progress import Silent
from loopbench.judging.rules import STOP, STOP_CIRCULAR
from loopbench.results.observed import missing_generations
from loopbench.results.store import read_audits, read_header, read_records
from loopbench.types import Request, Rule, Sampling


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
    assert replay(stream(finish="unknown"), request(), Watcher(6)).finish == "loop"
    assert replay(stream(finish="unknown"), request(), Watcher(7)).finish == "unknown"


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
    again = run(recorded, tmp_path / "again")
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
    stopped = run(recorded, tmp_path / "stopped", early_stop=True, audit_share=0.0, audit_min=5)
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
    stopped = run(recorded, tmp_path / "stopped", early_stop=True, audit_share=0.0, audit_min=5)
    again = run(stopped, tmp_path / "again")
    lengths = sorted(len(r.generation.token_ids) for r in read_records(again))
    kept = sorted(len(r.generation.token_ids) for r in read_records(stopped))
    assert sum(lengths) > sum(kept)
    assert sum(r.generation.finish == "loop" for r in read_records(again)) == 16 - 10
    # What its own run stopped stays stopped, by the rules of that run, and is not asked for again.
    assert read_header(again).stop == read_header(stopped).stop == list(STOP)
    assert list(read_audits(again)) == []


@pytest.mark.parametrize(
    ("settings", "rules"),
    [
        ({}, []),
        ({"early_stop": False}, []),
        ({"early_stop": True}, [*STOP]),
        ({"stop_circular": True}, [*STOP, STOP_CIRCULAR]),
    ],
)
def test_a_recording_is_stopped_early_only_where_that_is_asked_for(
    tmp_path: Path, settings: dict[str, Any], rules: list[Rule]
) -> None:
    rows = [{"text": "so it goes, " * 200, "finish_reason": "stop"}]
    out = run(write(tmp_path / "rows.jsonl", rows), tmp_path / "run", **settings)
    (record,) = read_records(out)
    assert read_header(out).stop == rules
    assert record.outcome == ("doom" if rules else "recovered")
    assert record.generation.finish == ("loop" if rules else "stop")


def test_tasks_and_limits_narrow_a_recording(recorded: Path, tmp_path: Path) -> None:
    some = run(recorded, tmp_path / "some", limit=3)
    assert len(list(read_records(some))) == 3 * 2 * 2
    assert (read_header(some).samples, read_header(some).generations) == (3, None)
    notes = Notes()
    one = Settings(models=(str(recorded),), tasks=("chain_sum", "countdown"), limit=4)
    execute(one, tmp_path / "one", progress=notes)
    assert {r.task for r in read_records(tmp_path / "one")} == {"chain_sum"}
    assert notes.said == ["2 of 4 prompts have no recorded output: left out."]
    with pytest.raises(ValueError, match="No prompt of countdown has an output in"):
        run(recorded, tmp_path / "other", tasks=("countdown",), limit=2)
    assert not (tmp_path / "other").exists()


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, sentence: str) -> None:
        self.said.append(sentence)


def test_of_an_interrupted_run_what_is_missing_stays_missing(
    recorded: Path, tmp_path: Path
) -> None:
    file = recorded / "records.jsonl"
    # All of one prompt's, too: of that the recording knows nothing but the number.
    lines = file.read_bytes().splitlines(keepends=True)
    sample = json.loads(lines[-1])["sample_id"]
    kept = [line for line in lines[3:] if json.loads(line)["sample_id"] != sample]
    file.write_bytes(b"".join(kept))
    again = run(recorded, tmp_path / "again")
    records = list(read_records(again))
    assert len(records) == len(kept)
    assert not any(record.outcome == "error" for record in records)
    observed = observe_run(again)
    assert missing_generations(observed) == missing_generations(observe_run(recorded)) > 3


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ROWS: list[dict[str, Any]] = [
    {"id": "x", "prompt": "p1", "token_ids": [1, 2] * 200, "text": ["a", "b"] * 200,
     "finish": "length"},
    {"id": "y", "prompt": "p2", "token_ids": [1, 2, 3], "text": "abc", "finish": "stop"},
    {"id": "z", "prompt": "p1", "token_ids": [4], "text": "d", "finish": "stop"},
]  # fmt: skip


def test_rows_become_samples_without_grades_and_only_those_that_are_there(tmp_path: Path) -> None:
    out = run(write(tmp_path / "rows.jsonl", ROWS), tmp_path / "run")
    header = read_header(out)
    assert (header.samples, header.repeats, header.tasks) == (2, 2, {"recorded": 1})
    assert (header.generations, header.expected) == (3, 3)
    assert header.samplings[0].max_new_tokens == 400
    records = {(r.sample_id, r.repeat): r for r in read_records(out)}
    assert {key: r.outcome for key, r in records.items()} == {
        ("x", 0): "doom", ("x", 1): "clean", ("y", 0): "clean",
    }  # fmt: skip
    (row,) = rows_of(out)
    assert (row.n, row.n_error, row.prompts) == (3, 0, 2)
    assert row.accuracy.n == row.extraction_f1.n == row.tool_score.n == 0
    assert row.tokenization == "model"
    assert missing_generations(observe_run(out)) == 0


def test_a_replay_is_resumed(tmp_path: Path) -> None:
    path, out = write(tmp_path / "rows.jsonl", ROWS), tmp_path / "run"
    whole = (run(path, out) / "records.jsonl").read_bytes()
    (out / "records.jsonl").write_bytes(whole.splitlines(keepends=True)[0])
    execute(Settings(models=(str(path),)), out, resume=True)
    assert (out / "records.jsonl").read_bytes() == whole


def test_why_outputs_ended_is_told_or_unknown(tmp_path: Path) -> None:
    loop, prose = "so it goes, " * 200, "It went once, and then it was over."
    rows = [
        {"text": prose},
        {"text": loop},
        {"text": prose, "finish_reason": "max_tokens"},
        {"text": loop, "stop_reason": "end_turn"},
        {"text": loop, "finish_reason": None},
        {"error": "the server was away", "finish": "error"},
    ]
    out = run(write(tmp_path / "rows.jsonl", rows), tmp_path / "run")
    records = list(read_records(out))
    assert [(r.generation.finish, r.generation.raw_finish, r.outcome) for r in records] == [
        ("unknown", "recorded unknown", "unknown"),
        ("unknown", "recorded unknown", "doom"),
        ("length", "max_tokens", "truncated"),
        ("stop", "end_turn", "recovered"),
        ("unknown", "recorded unknown", "doom"),
        ("error", "recorded error", "error"),
    ]
    assert records[-1].generation.error == "the server was away"
    (row,) = rows_of(out)
    assert (row.n_unknown, row.stuck_unknown, row.truncated_rate.n) == (1, 2, 2)


def test_texts_are_split_into_declared_words(tmp_path: Path) -> None:
    rows = [{"text": "so it goes, " * 100}, {"text": "done", "finish": "stop", "token_ids": [5]}]
    out = run(write(tmp_path / "rows.jsonl", rows), tmp_path / "run")
    (row,) = rows_of(out)
    assert (row.tokenization, row.n, row.doom_rate.value) == (FALLBACK, 2, 0.5)
    assert row.early_stopped == 0


def test_every_form_of_file_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{**row, "text": "".join(row["text"])} for row in ROWS]
    lines = write(tmp_path / "rows.jsonl", rows)
    table, array, packed = (tmp_path / f"rows.{end}" for end in ("parquet", "json", "jsonl.gz"))
    parquet.write_table(pa.Table.from_pylist(rows), table)
    array.write_text(json.dumps(rows, indent=1))
    packed.write_bytes(gzip.compress(lines.read_bytes()))
    kept = []
    for path in (lines, table, array, packed):
        out = run(path, tmp_path / f"run-{path.suffix}")
        kept.append([(r.sample_id, r.generation, r.outcome) for r in read_records(out)])
    assert kept[0] == kept[1] == kept[2] == kept[3]
    assert sorted(outcome for _, _, outcome in kept[0]) == ["clean", "clean", "doom"]


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
    path = write(tmp_path / "samples_gsm8k_2026-01-01T00-00-00.000.jsonl", rows)
    recording = load(str(path))
    assert [(s.task, s.prompt) for s in recording.samples] == [("gsm8k", "Q0"), ("gsm8k", "Q1")]
    assert recording.repeats == 2
    found = recording.find(request(prompt="Q1", repeat=1))
    assert found and "".join(found.pieces) == "eight"
    assert len(recording.streams) == 3
    (row,) = rows_of(run(path, tmp_path / "run"))
    assert (row.n, row.n_error, row.doom_rate.value) == (3, 0, 1 / 3)
    assert (row.n_unknown, row.stuck_unknown) == (2, 1)


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
        ("", "is empty: there is no output in it"),
        ('{"id": 1}\n', "The fields of its first row: id"),
        ("{\n", "row 1"),
        (b"\0\1\2" * 99, "it is binary"),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(
    tmp_path: Path, content: str | bytes, complaint: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(RecordingError, match=complaint):
        load(str(path))


def test_a_file_is_a_recording_whatever_it_is_called(tmp_path: Path) -> None:
    for name in ("answers.json", "answers.txt", "answers"):
        assert forms.locate(str(write(tmp_path / name, ROWS))).backend == "replay"
    weights = tmp_path / "blob"
    weights.write_bytes(b"GGUF\3\0\0\0")
    assert not forms.is_recording(str(weights))
    assert not forms.is_recording(str(tmp_path / "model.gguf"))
    assert forms.is_recording(f"{tmp_path / 'answers'}#some/model")


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
