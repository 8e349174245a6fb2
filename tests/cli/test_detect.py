"""The command `detect` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LOOP = "and again, " * 70


def written(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(
        tmp_path / "outputs.jsonl",
        {"id": "x", "response": LOOP, "finish_reason": "length", "model": "a"},
        {"id": "y", "response": LOOP + "Then it ended.", "finish_reason": "stop", "model": "a"},
        {"id": "z", "response": "Forty-two.", "finish_reason": "stop", "model": "b"},
        {"id": "w", "response": "It is known that", "finish_reason": "length", "model": "b"},
    )


def test_piped_output_is_a_line_for_each(file: Path, loopbench: Callable[..., Any]) -> None:
    said = loopbench("detect", file)
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [(row["id"], row["outcome"]) for row in rows] == [
        ("x", "doom"), ("y", "recovered"), ("z", "clean"), ("w", "truncated"),
    ]  # fmt: skip
    assert said.err.startswith("4 outputs, stuck 25.0 [")
    assert said.code == 0


def test_the_summary_is_by_model_with_the_worst(file: Path, loopbench: Callable[..., Any]) -> None:
    out = loopbench("detect", file, "--format", "text").out
    assert out.split()[:2] == ["model", "n"]
    assert "row 1 (x): verbatim ×70" in out
    rows = json.loads(loopbench("detect", file, "--format", "json").out)
    assert [(row["name"], row["n"], row["stuck_rate"]["value"]) for row in rows] == [
        ("a", 2, 0.5), ("b", 2, 0.0), ("all", 4, 0.25),
    ]  # fmt: skip
    assert loopbench("detect", file, "--format", "md", "--by", "all").out.startswith("| n |")


@pytest.mark.parametrize(("most", "code"), [("20%", 1), ("25%", 0), ("0.3", 0)])
def test_the_exit_code_says_whether_too_many_are_stuck(
    file: Path, most: str, code: int, loopbench: Callable[..., Any]
) -> None:
    said = loopbench("detect", file, "--fail-over", most)
    assert said.code == code
    assert ("over" in said.err) is bool(code)


def test_nothing_read_never_passes(tmp_path: Path, loopbench: Callable[..., Any]) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    failed = written(tmp_path / "failed.jsonl", {"id": 1, "error": "gone", "finish": "error"})
    for file in (empty, failed):
        assert loopbench("detect", file, "--fail-over", "50%").code == 2


def test_a_bad_row_is_told_and_the_others_judged(loopbench: Callable[..., Any]) -> None:
    given = '{"text": "a"}\n{"text": 5}\n{\n{"text": "b"}\n{"tex'
    said = loopbench("detect", stdin=given)
    assert len(said.out.splitlines()) == 2
    for row in (2, 3, 5):
        assert f"standard input row {row} is not read: " in said.err
    assert "3 rows not read" in said.err
    assert said.code == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02", "binary"),
        (b'{"foo": "a", "bar": 1}', "The fields of its first row: foo, bar. .*--text-field"),
        (b"[1, 2]", "holds no outputs"),
        (b'{"text": "a"', "cannot be read"),
        (b"PK\x03\x04 no zip", "no readable zip"),
        (b"PAR1 no table PAR1", "no readable parquet"),
        (b"\x1f\x8b no gzip", "cannot be read"),
    ],
)
def test_what_is_not_understood_is_refused(
    content: bytes, reason: str, tmp_path: Path, loopbench: Callable[..., Any]
) -> None:
    import re

    path = tmp_path / "x"
    path.write_bytes(content)
    said = loopbench("detect", path)
    assert (said.code, said.out) == (2, "")
    assert re.search(reason, said.err)


def test_fields_can_be_named(tmp_path: Path, loopbench: Callable[..., Any]) -> None:
    file = written(
        tmp_path / "a.jsonl",
        *({"foo": {"says": [LOOP]}, "why": {"end": end}, "kind": end} for end in ("eos", "length")),
    )
    assert loopbench("detect", file).code == 2
    said = loopbench(
        "detect", file, "--text-field", "foo.says.0", "--finish-field", "why.end", "--group-field",
        "kind", "--format", "json",
    )  # fmt: skip
    rows = json.loads(said.out)
    assert [(row["name"], row["stuck_rate"]["value"]) for row in rows] == [
        ("eos", 0.0), ("length", 1.0), ("all", 0.5),
    ]  # fmt: skip
    wrong = loopbench("detect", file, "--text-field", "foo.say")
    assert wrong.code == 2
    assert "no field 'say' in foo, only says" in wrong.err


def test_several_files_and_one_that_is_refused(
    file: Path, tmp_path: Path, loopbench: Callable[..., Any]
) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(b"\0")
    said = loopbench("detect", file, other, "--format", "json")
    assert said.code == 2
    assert json.loads(said.out)[-1]["n"] == 4
    folder = loopbench("detect", tmp_path, "--format", "json")
    assert folder.code == 0


def test_misused_options_are_told(file: Path, loopbench: Callable[..., Any]) -> None:
    assert loopbench("detect", file, "--rows", "--format", "md").code == 2
    assert loopbench("detect", file, "--fail-over", "3").code == 2
    assert loopbench("detect", file, "--format", "parquet").code == 2
    unknown = loopbench("detect", file, "--as", "plian")
    assert unknown.code == 2
    assert "Did you mean 'plain'?" in unknown.err


def test_score_counts_other_files_as_detect_does(
    file: Path, tmp_path: Path, loopbench: Callable[..., Any]
) -> None:
    assert loopbench("score", file, "--format", "md").out.startswith("| model | n |")
    assert loopbench("score", file, "--out", tmp_path / "new").code == 2
    array = tmp_path / "a.json"
    array.write_text(json.dumps([{"output": LOOP, "finish": "length"}]))
    assert json.loads(loopbench("score", array, "--format", "json").out)[0]["n"] == 1


def test_what_is_read_is_never_written_over(
    file: Path, tmp_path: Path, loopbench: Callable[..., Any]
) -> None:
    before = file.read_bytes()
    link = tmp_path / "link.jsonl"
    link.symlink_to(file)
    for out in (file, link):
        said = loopbench("detect", file, "--out", out)
        assert (said.code, file.read_bytes()) == (2, before)
        assert "is one of the files that are read" in said.err
    kept = tmp_path / "kept.csv"
    kept.write_text("precious")
    bad = written(tmp_path / "bad.jsonl", {"foo": 1})
    assert loopbench("detect", bad, "--format", "csv", "--out", kept).code == 2
    assert kept.read_text() == "precious"
    assert loopbench("detect", file, "--rows", "--out", tmp_path / "new").code == 0
    assert len((tmp_path / "new").read_text().splitlines()) == 4
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.suffix == ".part") == []


def test_messages_of_a_program_may_stand_before_its_lines(
    file: Path, tmp_path: Path, loopbench: Callable[..., Any]
) -> None:
    path = tmp_path / "logged.jsonl"
    path.write_text("".join(f"INFO step {i}\n" for i in range(20)) + file.read_text())
    said = loopbench("detect", path)
    assert len(said.out.splitlines()) == 4
    assert "20 rows not read" in said.err


def test_a_text_is_said_to_be_one(tmp_path: Path, loopbench: Callable[..., Any]) -> None:
    path = tmp_path / "table"
    path.write_text("id,output\n1,yes\n2,no\n")
    assert "is read as one text" in loopbench("detect", path).err
    said = loopbench("detect", path, "--text-field", "output")
    assert said.code == 2
    assert "has no fields" in said.err
    written(tmp_path / "rows.jsonl", {"output": "yes"})
    (tmp_path / "run.log").write_text("started\nended\n")
    said = loopbench("detect", tmp_path)
    assert len(said.out.splitlines()) == 1
    assert "run.log is a text; name it" in said.err


@pytest.mark.parametrize("end", ["\n", " \n\n", "</s>", "<|im_end|>\n", " <|endoftext|>"])
def test_what_files_have_behind_a_text_hides_no_loop(
    end: str, loopbench: Callable[..., Any]
) -> None:
    given = "\n".join(json.dumps({"text": t + end, "finish": "length"}) for t in (LOOP, "Fine."))
    rows = [json.loads(line) for line in loopbench("detect", stdin=given).out.splitlines()]
    assert [row["outcome"] for row in rows] == ["doom", "truncated"]
    untold = json.dumps({"text": LOOP + end})
    (row,) = [json.loads(line) for line in loopbench("detect", stdin=untold).out.splitlines()]
    # Who wrote an end token ended.
    assert row["outcome"] == ("recovered" if "<" in end else "doom")


def test_words_for_a_finish_that_nobody_knows_are_told(
    tmp_path: Path, loopbench: Callable[..., Any]
) -> None:
    path = written(tmp_path / "a.jsonl", {"text": "Fine.", "finish_reason": "banana"})
    assert "not known here, and taken for none: banana." in " ".join(
        loopbench("detect", path, "--format", "text").out.split()
    )
    failed = written(tmp_path / "b.jsonl", {"id": 1, "error": "gone", "finish": "error"})
    assert "1 output, all of them failed." in loopbench("detect", failed).err


@pytest.mark.parametrize("share", ["-1%", "101%"])
def test_a_share_is_between_nothing_and_all(
    share: str, file: Path, loopbench: Callable[..., Any]
) -> None:
    assert loopbench("detect", file, "--fail-over", share).code == 2


def test_an_interruption_says_how_far_it_came(
    file: Path, tmp_path: Path, loopbench: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from loopbench.outputs import judging

    whole = judging.judge_chunk

    def interrupted(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(judging, "judge_chunk", interrupted)
    said = loopbench("detect", file, "--rows", "--out", tmp_path / "rows")
    assert said.code == 130
    assert "Interrupted after 0 outputs" in said.err
    assert not (tmp_path / "rows").exists()
    monkeypatch.setattr(judging, "judge_chunk", whole)
