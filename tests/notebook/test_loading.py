"""`loopbench.load`: runs and files of outputs, and what one can do with both."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from looping_runs import COUNTER, VERBATIM, few, said, write

import loopbench
from loopbench.errors import BackendError, LoopbenchError
from loopbench.notebook.files import OutputsResult
from loopbench.notebook.runs import RunsResult
from loopbench.results.store import AUDITS
from loopbench.types import SCHEMA_VERSION, Audit, Record

ROWS: list[dict[str, Any]] = [
    {"id": "q1", "text": VERBATIM, "finish_reason": "length", "max_tokens": 1024, "model": "m"},
    {"id": "q2", "text": "It is seven.", "finish_reason": "stop", "model": "m"},
    {"id": "q3", "text": COUNTER, "finish_reason": "length", "model": "n"},
    {"id": "q4", "text": 5},
    {"id": "q5", "text": "", "finish_reason": "stop", "model": "n"},
]
CORE = ["model", "task", "id", "outcome", "level", "onset", "period", "repeats", "tokens", "finish"]


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return jsonl(tmp_path / "outputs.jsonl", ROWS)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write(tmp_path / "run", few())


def outputs(*place: Any, **options: Any) -> OutputsResult:
    result = loopbench.load(*place, **options)
    assert isinstance(result, OutputsResult)
    return result


def runs(*place: Any, **options: Any) -> RunsResult:
    result = loopbench.load(*place, **options)
    assert isinstance(result, RunsResult)
    return result


def test_a_file_is_judged(file: Path) -> None:
    result = outputs(file)
    assert [one.outcome for one in result.outputs] == ["doom", "clean", "doom", "clean"]
    assert result.records is result.outputs
    assert len(result) == 4
    assert [row.name for row in result.rows] == ["m", "n", "all"]
    assert result.rows[-1].stuck_rate.value == 0.5
    assert [(one.row, one.file) for one in result.unread] == [(4, str(file))]
    assert "1 row could not be read" in " ".join(result.notes)
    assert repr(result).startswith("outputs.jsonl (plain): 4 outputs, stuck 50.0 [")


def test_the_command_line_says_the_same(file: Path, loopbench: Any) -> None:
    rows = json.loads(loopbench("detect", file, "--format", "json").out)
    assert rows == msgspec.to_builtins(outputs(file).rows)


def test_a_run_is_not_judged_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(*_: Any, **__: Any) -> Any:
        raise AssertionError("judged again")

    monkeypatch.setattr("loopbench.outputs.judging.judge", judge)
    monkeypatch.setattr("loopbench.judging.detection.scan_all", judge)
    result = runs(run)
    assert [one.outcome for one in result.outputs] == [one.outcome for one in few()]
    assert all(isinstance(one, Record) for one in result.records)
    assert [(row.n, row.group) for row in result.rows] == [(5, "all")]
    assert repr(result).startswith("run run: 5 outputs of 1 model, stuck 40.0 [")


def test_both_kinds_have_the_same_core_of_typed_columns(file: Path, run: Path) -> None:
    of_file, of_run = outputs(file).to_pandas(), runs(run).to_pandas()
    assert set(CORE) <= set(of_file.columns)
    shared = of_run[of_file.columns]
    assert shared.dtypes.to_dict() == of_file.dtypes.to_dict()
    more = of_run.drop(columns=of_file.columns).dtypes.astype(str).to_dict()
    assert more["temperature"] == more["score"] == "Float64"
    assert more["correct"] == more["stopped"] == more["escaped"] == "boolean"


def test_a_frame_of_a_run_holds_its_grades(run: Path) -> None:
    frame = runs(run).to_pandas()
    assert frame.correct.tolist() == [True, False, False, False, pd.NA]
    assert frame.difficulty.unique().tolist() == ["hard"]
    assert frame.level.tolist() == [pd.NA, "verbatim", "counter", "verbatim", pd.NA]
    assert frame.budget.tolist() == [2000] * 5


def test_what_an_audit_found_stands_beside_its_output(tmp_path: Path) -> None:
    stopped = said("k", VERBATIM, finish="loop")
    other = said("other", VERBATIM, finish="loop")
    path = write(tmp_path / "run", [stopped, other])
    audit = Audit(
        schema_version=SCHEMA_VERSION, key="k", generation=few()[0].generation, verdicts=[],
        outcome="clean", escaped=True,
    )  # fmt: skip
    (path / AUDITS).write_bytes(msgspec.json.encode(audit) + b"\n")
    result = runs(path)
    frame = result.to_pandas()
    assert frame.stopped.tolist() == [True, True]
    assert frame.audit_outcome.tolist() == ["clean", pd.NA]
    assert frame.escaped.tolist() == [True, pd.NA]
    assert result.audits == [audit]
    assert result.rows[0].escaped == 1


@pytest.mark.parametrize("level", ["model", "task", "level", "category"])
def test_a_run_has_one_row_for_each(level: str, run: Path) -> None:
    frame = runs(run).to_pandas(level)
    assert frame.n.sum() == 5
    column = {"level": "difficulty"}.get(level, level)
    assert frame[column].is_unique
    assert {"stuck_rate", "stuck_rate_low", "accuracy", "temperature"} <= set(frame.columns)
    assert set(frame.file) == {str(run)}


@pytest.mark.parametrize(
    ("level", "names"),
    [("model", ["m", "n"]), ("task", ["–"]), ("all", None), ("file", None), ("group", ["–"])],
)
def test_files_have_one_row_for_each(level: str, names: Any, file: Path) -> None:
    frame = outputs(file).to_pandas(level)
    assert frame.n.sum() == 4
    if names:
        assert frame[level].tolist() == names
    assert str(frame.stuck_rate.dtype) == "Float64"


def test_an_unknown_level_is_answered_with_what_there_is(file: Path, run: Path) -> None:
    with pytest.raises(ValueError, match="Did you mean 'model'"):
        outputs(file).to_pandas("modell")
    with pytest.raises(ValueError, match="Known: category, level, model, output, task"):
        runs(run).to_pandas("xyz")


def test_rows_are_split_as_asked(file: Path, run: Path) -> None:
    assert [row.by for row in outputs(file, by="file").rows] == ["file"]
    assert [row.group for row in runs(run, by="task").rows] == ["chain_sum", "tool_call"]
    with pytest.raises(ValueError, match=r"Unknown by 'modle'\. Did you mean 'model'"):
        outputs(file, by="modle")


def test_a_filtered_frame_leads_back_to_the_text(file: Path, run: Path) -> None:
    for result, text in ((outputs(file), COUNTER), (runs(run), COUNTER)):
        frame = result.to_pandas()
        (place,) = frame.index[frame.level == "counter"]
        assert result.text(place) == text
        assert result.text(np.int64(place)) == text
        one = result.outputs[place]
        assert text[one.start : one.end].startswith(". Lily lies.\n2")


def test_texts_are_read_again_from_any_file(tmp_path: Path) -> None:
    rows = [
        {"text": ["first of two", "second of two"], "id": "a"},
        {"text": 5, "id": "b"},
        {"text": "third", "id": "c"},
    ]
    path = tmp_path / "rows.json.gz"
    path.write_bytes(gzip.compress(json.dumps(rows).encode()))
    other = jsonl(tmp_path / "other.jsonl", ROWS)
    result = outputs([path, other, path])
    texts = ["first of two", "second of two", "third", VERBATIM, "It is seven.", COUNTER, ""]
    assert result.to_pandas(text=True).text.tolist() == texts
    assert [result.text(i) for i in reversed(range(7))] == texts[::-1]


def test_the_text_of_another_file_is_not_passed_for_that_of_this_one(file: Path) -> None:
    result = outputs(file)
    jsonl(file, ROWS[::-1])
    with pytest.raises(ValueError, match="has changed since it was loaded; load it again"):
        result.text(0)


def test_a_file_whose_name_is_no_text_is_judged_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "n\udce9.jsonl"
    result = outputs(jsonl(path, ROWS))
    assert result.to_pandas().file[0].endswith("n\ufffd.jsonl")
    assert result._repr_html_().encode()
    with pytest.raises(ValueError, match="are not kept, and it cannot be read again"):
        result.text(0)


@pytest.mark.parametrize("place", [-1, 4])
def test_a_place_outside_is_refused(place: int, file: Path) -> None:
    with pytest.raises(IndexError, match="There are 4 outputs, from 0 on"):
        outputs(file).text(place)


def test_several_runs_are_one_result(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "runs" / name, few())
    both = [str(tmp_path / "runs" / name) for name in ("a", "b")]
    for place in (both, tmp_path / "runs", str(tmp_path / "runs" / "*")):
        result = runs(place)
        assert len(result) == 10
        assert result.to_pandas().file.unique().tolist() == both
    assert repr(runs(both)) == "2 runs a, b: 10 outputs of 1 model."


def test_a_folder_of_files_is_judged_and_what_holds_none_is_named(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "settings.json").write_text('{"lr": 1}')
    result = outputs(tmp_path)
    assert result.passed_over == [str(tmp_path / "settings.json")]
    assert result.formats == {str(tmp_path / "a.jsonl"): "plain"}


def test_fields_are_named_as_on_the_command_line(tmp_path: Path) -> None:
    rows = [{"mine": {"said": VERBATIM}, "why": "length", "kind": k} for k in ("x", "y")]
    file = jsonl(tmp_path / "f.jsonl", rows)
    result = outputs(file, text_field="mine.said", finish_field="why", group_field="kind")
    assert [(row.name, row.stuck_rate.value) for row in result.rows[:2]] == [("x", 1.0), ("y", 1.0)]
    assert result.text(1) == VERBATIM


def test_only_ends_are_looked_at_where_that_is_asked(file: Path) -> None:
    assert ">recov.</th>" not in outputs(file, ends_only=True)._repr_html_()
    assert ">recov.</th>" in outputs(file)._repr_html_()


def test_progress_counts_the_bytes(file: Path) -> None:
    told: list[int] = []
    outputs(file, progress=told.append)
    assert sum(told) == file.stat().st_size


def test_the_options_are_called_as_they_are_in_python(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "f.jsonl", [{"mine": "x"}])
    with pytest.raises(ValueError, match="text_field") as caught:
        loopbench.load(file)
    assert "such as text_field='answer.text', or a format with format." in str(caught.value)
    assert "--" not in str(caught.value)
    with pytest.raises(ValueError, match="leave out text_field or format") as caught:
        loopbench.load(file, text_field="mine", format="openai")
    unknown = loopbench.load(jsonl(file, [{"text": VERBATIM}]))
    assert "finish_field names another" in " ".join(unknown.notes)


@pytest.mark.parametrize(
    ("rows", "match"),
    [([{"text": 5}], "row 1|fields of its first row"), ([], "is empty")],
)
def test_a_file_without_outputs_is_refused(rows: Any, match: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=match):
        loopbench.load(jsonl(tmp_path / "f.jsonl", rows))


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path / "none.jsonl", str(tmp_path / "none*")):
        with pytest.raises(ValueError, match=r"There is no file|No file matches"):
            loopbench.load(place)
    with pytest.raises(ValueError, match="Name a run folder or a file"):
        loopbench.load([])


def test_runs_and_files_are_loaded_apart(file: Path, run: Path) -> None:
    with pytest.raises(ValueError, match="Load run folders apart"):
        loopbench.load([file, run])
    with pytest.raises(ValueError, match="A run is judged already"):
        loopbench.load(run, ends_only=True)


def test_a_broken_run_is_refused_in_a_sentence(run: Path) -> None:
    (run / "header.json").write_text("{")
    with pytest.raises(LoopbenchError, match=r"header\.json cannot be understood"):
        loopbench.load(run)


def test_charts_are_drawn_by_name(file: Path, run: Path) -> None:
    for result in (outputs(file), runs(run)):
        assert {"loop-rate", "onset", "outcomes", "tokens"} <= set(result.charts)
        assert result.plot("tokens").axes
    with pytest.raises(ValueError, match="Did you mean 'tokens'"):
        outputs(file).plot("token")


def test_what_is_not_installed_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = outputs(file)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(BackendError, match=r"Tables need pandas.*\[files\]"):
        result.to_pandas()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ValueError, match=r"Charts need matplotlib.*\[plots\]"):
        result.plot("tokens")
    assert "<table" in result._repr_html_()


@pytest.mark.slow
def test_a_script_may_load_a_long_file_at_its_top_level(tmp_path: Path) -> None:
    # A second process would run the script once more, and so on.
    jsonl(tmp_path / "long.jsonl", [{"text": "so it goes, " * 20_000} for _ in range(8)])
    script = tmp_path / "script.py"
    script.write_text(
        "import loopbench\nprint(len(loopbench.load('long.jsonl', ends_only=True)))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("8\n", "")


def test_a_number_of_processes_is_at_least_one(file: Path) -> None:
    with pytest.raises(ValueError, match="processes must be at least 1, got 0"):
        loopbench.load(file, processes=0)


def test_loading_needs_no_heavy_library(file: Path) -> None:
    code = (
        "import sys, loopbench\n"
        f"result = loopbench.load({str(file)!r})\n"
        "result._repr_html_(), result.charts\n"
        "heavy = ('pandas', 'matplotlib', 'torch', 'xllamacpp', 'aiohttp')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
