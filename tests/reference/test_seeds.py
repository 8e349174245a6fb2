"""Stages over several training seeds: counts, pooling, and lines written again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fakes import record

from loopbench.reference import seeds

SEARCH = "<think>Try 3+8=11?22 no\nTry 3+8=11?22 no\n\nTry 3+8=11?22 no{}</think>Answer: 14+8"


def test_a_line_counts_when_it_is_written_four_times() -> None:
    assert not seeds.repeats_a_line(SEARCH.format(""))
    assert seeds.repeats_a_line(SEARCH.format("\nTry 3+8=11?22 no\n"))
    assert not seeds.repeats_a_line("\n\n\n\n\n")
    assert not seeds.repeats_a_line("")


def test_outcomes_are_counted_and_only_reasoning_is_right_or_wrong() -> None:
    counts = seeds.count(
        [
            record("a", "doom", task="mini_pairs", score=0.0, tokens=1000),
            record("b", "recovered", task="mini_countdown", score=1.0, tokens=200),
            record("c", "truncated", score=0.5, tokens=1000),
            record("d", category="extraction", score=1.0, tokens=40),
            record("e", "circular", category="extraction", score=1.0, tokens=1000),
        ]
    )
    assert (counts.n, counts.doomed, counts.recovered, counts.truncated) == (5, 1, 1, 1)
    assert (counts.circular, counts.stuck) == (1, 2)
    assert (counts.searches, counts.again, counts.graded, counts.correct) == (2, 0, 3, 1)
    assert counts.tokens == 648
    assert (counts.extraction, counts.tools) == (1.0, None)


def test_no_records_are_an_error() -> None:
    with pytest.raises(ValueError, match="no records"):
        seeds.count([])


def test_seeds_are_pooled_and_shown_one_by_one() -> None:
    one = seeds.StageCounts(
        n=100, doomed=10, circular=20, recovered=0, truncated=5, searches=50, again=25,
        graded=80, correct=40, tokens=200.0, extraction=0.9,
    )  # fmt: skip
    two = msgspec.structs.replace(
        one, n=300, doomed=6, circular=24, graded=80, correct=60, tokens=100.0, extraction=0.8
    )
    assert seeds.row("sft", [one, two]) == (
        "| sft | 400 | 15.0 [11.8, 18.8] | 30.0, 10.0 | 4.0 [2.5, 6.4] | 10.0, 2.0 "
        "| 11.0 | 0.0 | 2.5 | 50.0 "
        "| 62.5 [54.8, 69.6] | 50.0, 75.0 | 85.0 | – | 125 |"
    )


def test_a_suite_without_searches_has_dashes() -> None:
    counts = seeds.count([record("a", category="tools", task="mini_call", score=1.0)])
    cells = seeds.row("sft", [counts]).split(" | ")
    assert cells[9:14] == ["–", "–", "–", "–", "100.0"]


def test_the_table_reads_run_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, outcome in (("one", "doom"), ("two", "clean")):
        (tmp_path / name).mkdir()
        lines = [
            msgspec.json.encode(record("a", outcome, task="mini_pairs", score=1.0)),
            msgspec.json.encode(record("b", "doom", temperature=0.1)),
        ]
        (tmp_path / name / "records.jsonl").write_bytes(b"".join(x + b"\n" for x in lines))
    counts = tmp_path / "counts.json"
    seeds.main([str(tmp_path / "one"), str(tmp_path / "two"), "--json", str(counts)])
    header, rule, row = capsys.readouterr().out.splitlines()
    assert header.count("|") == rule.count("|") == row.count("|")
    assert row.startswith("| a | 2 | 50.0 [9.5, 90.5] | 100.0, 0.0 |")
    kept = msgspec.json.decode(counts.read_bytes(), type=dict[str, list[seeds.StageCounts]])
    assert [c.doomed for c in kept["a"]] == [1, 0]
