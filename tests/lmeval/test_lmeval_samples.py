"""`loopbench score` on the files that lm-eval's `--log_samples` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toy import CIRCULAR

from loopbench.detectors.parts.tokens import FALLBACK
from loopbench.errors import RunError
from loopbench.lmeval.samples import InputError, samples_grid, samples_notes, score_file

LOOP = "so it goes, " * 60
NAME = "samples_gsm8k_2026-11-24T14-02-49.231745.jsonl"


def row(doc_id: int, text: str, *more: str, **fields: Any) -> dict[str, Any]:
    """Return a line as lm-eval 0.4 writes it."""
    return {
        "doc_id": doc_id,
        "doc": {"question": "?"},
        "target": "7",
        "arguments": {"gen_args_0": {"arg_0": "?", "arg_1": {"until": [], "max_gen_toks": 1024}}},
        "resps": [[text, *more]],
        "filtered_resps": ["7"],
        "filter": "none",
        "metrics": ["exact_match"],
        "exact_match": 1.0,
        **fields,
    }


def written(folder: Path, *rows: dict[str, Any] | str, name: str = NAME) -> Path:
    file = folder / name
    file.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return file


def test_text_alone_gives_what_is_stuck_and_leaves_the_rest_open(tmp_path: Path) -> None:
    file = written(tmp_path, row(0, LOOP), row(1, LOOP + "then 7."), row(2, "7", exact_match=0.0))
    found = score_file(file)
    assert (found.task, found.n, found.budget) == ("gsm8k", 3, 1024)
    assert found.doom_rate.value == found.stuck_rate.value == pytest.approx(1 / 3)
    for rate in (found.recovered_rate, found.truncated_rate):
        assert (rate.value, rate.n) == (None, 0)
    assert (found.n_unknown, found.stuck_unknown) == (2, 1)
    assert found.tokenization == FALLBACK
    assert found.scores == {"exact_match,none": pytest.approx(2 / 3)}
    (note,) = (note for note in samples_notes([found]) if "not known" in note)
    assert note.startswith("Of 3 of 3 responses it is not known why they ended: 1 of them loop")


def test_a_document_counts_once_whatever_its_filters(tmp_path: Path) -> None:
    rows = [
        row(doc, text, filter=name, exact_match=float(name == "loose"))
        for name in ("strict", "loose")
        for doc, text in enumerate([LOOP, "7"])
    ]
    found = score_file(written(tmp_path, *rows))
    assert (found.n, found.doom_rate.value) == (2, 0.5)
    assert found.scores == {"exact_match,strict": 0.0, "exact_match,loose": 1.0}


def test_repeats_are_clustered_by_document(tmp_path: Path) -> None:
    found = score_file(written(tmp_path, row(0, LOOP, LOOP), row(1, "7", "7")))
    assert (found.n, found.doom_rate.value) == (4, 0.5)
    alone = score_file(
        written(tmp_path, *(row(i, t) for i, t in enumerate([LOOP, LOOP, "7", "7"])))
    )
    assert found.doom_rate.low < alone.doom_rate.low


def test_what_loopbench_lm_eval_logged_is_used_again(tmp_path: Path) -> None:
    said = {"finish": "length", "raw_finish": "length", "token_ids": [5, 6] * 100,
            "token_chars": [1] * 200, "raw": "ab" * 100, "outcome": "clean"}  # fmt: skip
    failed = {"finish": "error", "raw_finish": "", "token_ids": [], "token_chars": []}
    stopped = {"finish": "stop", "raw_finish": "eos", "token_ids": [1], "raw": None}
    found = score_file(
        written(
            tmp_path,
            row(0, "cut", loopbench=[said]),
            row(1, "7", loopbench=[stopped]),
            row(2, "", loopbench=[failed]),
        )
    )
    assert (found.n, found.n_error, found.doom_rate.value) == (3, 1, 0.5)
    assert (found.truncated_rate.value, found.tokenization) == (0.0, "given")


def known(text: str, finish: str) -> dict[str, Any]:
    """Return what is logged beside a response whose finish the engine told, but no ids."""
    return {"finish": finish, "raw_finish": finish, "token_ids": None, "raw": text}


def test_ends_that_go_round_have_a_column_beside_doom(tmp_path: Path) -> None:
    said = [(LOOP, "length"), (CIRCULAR, "length"), (CIRCULAR, "stop"), ("It is", "length")]
    rows = [row(i, "cut", loopbench=[known(*what)]) for i, what in enumerate(said)]
    found = score_file(written(tmp_path, *rows))
    assert found.stuck_rate.value == 0.5
    assert found.stuck_rate.low == pytest.approx(0.15, abs=0.01)
    names = ("doom_rate", "circular_rate", "recovered_rate", "truncated_rate")
    assert [getattr(found, name).value for name in names] == [0.25, 0.25, 0, 0.25]
    (line,) = samples_grid([found]).rows
    assert line[:7] == (
        "gsm8k", "4", "50.0\n[15.0, 85.0]", "25.0\n[4.6, 69.9]", "25.0", "0.0", "25.0",
    )  # fmt: skip
    assert not any("–" in note for note in samples_notes([found]))


def test_a_text_that_goes_round_may_have_ended_and_the_note_says_so(tmp_path: Path) -> None:
    target = tmp_path / "out" / NAME
    found = score_file(written(tmp_path, row(0, CIRCULAR), row(1, LOOP)), target)
    assert (found.doom_rate.value, found.stuck_rate.value, found.n) == (0.5, 0.5, 2)
    (first, _) = (json.loads(line)["loopbench"][0] for line in target.read_text().splitlines())
    assert (first["outcome"], first["finish"]) == ("unknown", "unknown")
    (line,) = samples_grid([found]).rows
    assert [line[i] for i in (4, 5, 6)] == ["–", "–", "–"]
    assert any("may have ended by themselves" in note for note in samples_notes([found]))
    # What was written is read again, and so is what an earlier version wrote.
    assert score_file(target).stuck_unknown == 1
    target.write_text(target.read_text().replace('"unknown"', "null"))
    assert score_file(target).stuck_unknown == 1


def shown(grid: Any, width: int) -> list[str]:
    from rich.console import Console

    console = Console(width=width)
    with console.capture() as capture:
        for table in grid.tables(width):
            console.print(table)
    return [line.strip() for line in capture.get().splitlines() if line.strip()]


def test_the_table_fits_into_100_columns_and_is_one_where_there_is_room(tmp_path: Path) -> None:
    scores = {"exact_match": 1.0, "strict_match": 0.5}
    rows = [
        row(i, "cut", filter="flexible-extract", metrics=list(scores), **scores,
            loopbench=[known(LOOP, "length")])
        for i in range(12)
    ]  # fmt: skip
    name = NAME.replace("gsm8k", "loopbench_long_multiplication")
    grid = samples_grid([score_file(written(tmp_path, *rows, name=name))])
    narrow, wide = shown(grid, 100), shown(grid, 240)
    assert [line.split()[0] for line in narrow].count("task") == 2
    assert [line.split()[0] for line in narrow].count("loopbench_long_multiplication") == 2
    assert all(len(line) <= 100 for line in narrow)
    assert " ".join(wide[0].split()) == (
        "task n stuck % doom % circ. recov. trunc. budget tokens scores"
    )
    for lines in (narrow, wide):
        # Nothing is cut into pieces.
        for whole in ("[75.8, 100.0]", "exact_match,flexible-extract 1.0000", "words-v2"):
            assert any(whole in line for line in lines)
    for width in (60, 80):
        assert all(len(line) <= width for line in shown(grid, width))
        assert any("loopbench_long_multiplication" in line for line in shown(grid, width))
    # As narrow as it can be in one piece, and one less.
    least = max(map(len, wide))
    assert len(shown(grid, least + 2)) == len(wide) < len(shown(grid, least + 1))


def test_the_lines_with_their_verdicts_go_into_a_new_folder(tmp_path: Path) -> None:
    file = written(tmp_path, row(0, LOOP), row(1, "7"))
    before = file.read_bytes()
    target = tmp_path / "out" / NAME
    score_file(file, target)
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [line.pop("loopbench")[0]["outcome"] for line in lines] == ["doom", "unknown"]
    assert lines == [json.loads(line) for line in before.splitlines()]
    assert score_file(target).doom_rate == score_file(file).doom_rate
    with pytest.raises(RunError, match="is there already"):
        score_file(file, target)
    with pytest.raises(RunError, match="is there already"):
        score_file(file, file)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "Line 2"),
        ("7", "Line 2"),
        ("[" * 100_000, "Line 2"),
        (json.dumps({"doc_id": 1}), "resps"),
        (json.dumps(row(1, "a") | {"resps": [[["-3.5", "True"]]]}), "no texts"),
        (
            json.dumps(row(1, "-3.5", arguments={"gen_args_0": {"arg_0": "?", "arg_1": " 7"}})),
            "compares likelihoods",
        ),
        (
            json.dumps(row(1, "a", loopbench=[{"finish": "stop", "token_ids": [1, 2],
                                               "token_chars": [1]}])),
            "one string per token",
        ),
        (json.dumps(row(1, "a", loopbench=[{"finish": "never"}])), "finish"),
    ],
)  # fmt: skip
def test_other_files_are_refused_with_the_line(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(InputError, match="Line 2") as error:
        score_file(written(tmp_path, row(0, "a"), line))
    assert why in str(error.value)


def test_an_empty_file_has_no_rates(tmp_path: Path) -> None:
    found = score_file(written(tmp_path, name="other.jsonl"))
    assert (found.task, found.n, found.doom_rate.value) == ("other", 0, None)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    import sys

    from loopbench.cli import app as cli

    monkeypatch.setattr(sys, "argv", ["loopbench", "score", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def test_the_command_prints_a_table_or_json(tmp_path: Path, monkeypatch, capsys) -> None:
    first = written(tmp_path, row(0, LOOP))
    second = written(tmp_path, row(0, "7"), name=NAME.replace("gsm8k", "ifeval"))
    assert call(monkeypatch, first, second, "--out", tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "gsm8k" in out and "ifeval" in out and "100.0" in out
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert call(monkeypatch, first, "--format", "md") == 0
    assert (
        "| gsm8k | 1 | 100.0 [20.7, 100.0] | 100.0 [20.7, 100.0] | – | – | – |"
        in capsys.readouterr().out
    )
    assert call(monkeypatch, first, "--format", "json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["task"], found["doom_rate"]["value"]) == ("gsm8k", 1.0)


def test_options_of_runs_do_not_apply(tmp_path: Path, monkeypatch, capsys) -> None:
    file = written(tmp_path, row(0, "7"))
    for arguments in (
        (file, "--by", "task"),
        (file, "--detectors", "all"),
        (file, "--format", "csv"),
    ):
        assert call(monkeypatch, *arguments) == 2
    assert call(monkeypatch, tmp_path, file) in (2, 4)
    assert call(monkeypatch) == 2
    capsys.readouterr()


def test_hostile_names_reach_no_terminal(tmp_path: Path, monkeypatch, capsys) -> None:
    file = written(
        tmp_path, row(0, "7", metrics=["a\x1b[31m"], **{"a\x1b[31m": 1}), name="s\x1b]0;x\x07.jsonl"
    )
    assert call(monkeypatch, file) == 0
    assert "\x1b" not in capsys.readouterr().out
