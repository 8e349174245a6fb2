"""The table as text: honest rates, pinned names, no surprises from a model's name."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest
from fakes import audit, header, record
from rich.console import Console

from loopbench.results.summary import NO_RATE, Rate, Row, summarise
from loopbench.results.table import (
    columns_for,
    footnotes,
    grid_of,
    percent,
    printable,
    render,
    thousands,
)
from loopbench.types import Record

FIELDS = [
    "model", "quantization", "engine", "temperature", "budget", "group", "n", "n_error",
    "prompts", "doom_rate", "verbatim_rate", "counter_rate", "corrected_doom_rate",
    "circular_rate", "stuck_rate", "corrected_stuck_rate", "circled_rate", "recovered_rate",
    "truncated_rate", "flip_rate", "early_stopped", "audited", "escaped", "escape_rate",
    "median_onset", "tokens_used", "tokens_saved", "accuracy", "extraction_f1", "tool_score",
    "tokens_per_second", "template_hash", "tokenization", "doom_in_thinking", "constrained",
    "think_budget", "thinking_cut", "repetition_penalty", "agent_score", "hallucinated_rate",
    "calls_per_episode", "structure_rate", "structure_runs", "structure_calls",
    "structure_copies", "n_unknown", "unknown_rate", "stuck_unknown", "round_unknown", "judgement",
]  # fmt: skip
HOSTILE = "a|b\\|<img src=x>\x1b[31mred\x07\x9b2J\u202eabc\r\n[bold]"


@pytest.fixture
def rows() -> list[Row]:
    records = [
        *(record(f"k{i}", score=1.0) for i in range(199)),
        record("v", "doom", level="verbatim", onset=9, finish="loop", tokens=300, score=0.0),
        *(record(f"m{i}", model="b", temperature=0.1) for i in range(200)),
        record("e", "error", model="b", temperature=0.1),
    ]
    return summarise(records, [audit("v")], header("a", "b"))


@pytest.fixture
def hostile() -> list[Row]:
    return summarise(
        [record("v", "doom", level="verbatim", finish="loop", model=HOSTILE)],
        [audit("v")],
        header(HOSTILE),
    )


def shown(rows: list[Row], width: int = 240) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    for table in grid_of(rows).tables(width):
        console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_rate_is_never_bare() -> None:
    assert percent(NO_RATE) == "–"
    assert percent(Rate(value=0.0, low=0.0, high=0.0188, n=200)) == "0.0 [0.0, 1.9]"
    assert percent(Rate(value=1.0, low=0.5, high=1.0, n=4)) == "100.0 [50.0, 100.0]"


def test_zero_of_two_hundred_and_no_data_print_honestly(rows: list[Row]) -> None:
    markdown = render(rows, "md")
    line = next(line for line in markdown.splitlines() if line.startswith("| b"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    titles = [cell.strip() for cell in markdown.splitlines()[0].strip("|").split("|")]
    row = dict(zip(titles, cells, strict=True))
    assert (row["n"], row["error"], row["doom %"]) == ("201", "1", "0.0 [0.0, 1.9]")
    assert (row["circ."], row["onset"], row["tools"]) == ("0.0", "–", "–")


def test_names_of_the_json_fields_stay(rows: list[Row]) -> None:
    given = json.loads(render(rows, "json"))
    assert [list(row) for row in given] == [FIELDS, FIELDS]
    assert list(given[0]["doom_rate"]) == ["value", "low", "high", "n"]
    assert given[0]["doom_rate"]["value"] == 1 / 200
    assert msgspec.convert(given, list[Row]) == rows


def test_csv_holds_the_numbers_of_the_json(rows: list[Row]) -> None:
    lines = list(csv.DictReader(io.StringIO(render(rows, "csv"))))
    for line, row in zip(lines, json.loads(render(rows, "json")), strict=True):
        flat = {}
        for name, value in row.items():
            parts = value if isinstance(value, dict) else {"value": value}
            for part, number in parts.items():
                flat[name if part == "value" else f"{name}_{part}"] = number
        assert line == {name: "" if v is None else str(v) for name, v in flat.items()}


def test_columns_without_a_use_are_left_out(rows: list[Row]) -> None:
    titles = render(rows[:1], "md").splitlines()[0]
    assert not any(title in titles for title in ("error", "flips", "by"))
    assert "error" in render(rows, "md").splitlines()[0]


def test_engines_and_weights_are_shown_where_rows_differ_in_them(rows: list[Row]) -> None:
    assert {"engine", "weights"}.isdisjoint(c.title for c in columns_for(rows))
    other = msgspec.structs.replace(rows[1], engine="other 2", quantization="Q4_0")
    assert {"engine", "weights"} <= {c.title for c in columns_for([rows[0], other])}
    markdown = render([rows[0], other], "md")
    assert "| other 2 | Q4_0 |" in markdown


def test_a_declared_tokenization_is_told(rows: list[Row]) -> None:
    assert not any("words-v2" in note for note in footnotes(rows))
    split = [msgspec.structs.replace(row, model="s", tokenization="words-v2") for row in rows]
    told = [note for note in footnotes(split) if "words-v2" in note]
    assert told == [
        "s: the engine gives no token ids; loops are found in the tokens of words-v2, a split "
        "of the text."
    ]


def test_footnotes_tell_of_audits(rows: list[Row]) -> None:
    assert footnotes(rows)[1:] == [
        "a T=0: 1 streams stopped early, all run on to the budget, 0 left their loop for "
        "an end or a circle (0.0 [0.0, 79.3] %); corrected rates: doom 0.5 [0.1, 2.8] %, stuck 0.5 "
        "[0.1, 2.8] %."
    ]


@pytest.mark.parametrize("form", ["csv", "md", "text"])
def test_names_cannot_steer_a_terminal(hostile: list[Row], form: str) -> None:
    printed = shown(hostile) if form == "text" else render(hostile, form)
    printed += "" if form == "csv" else "".join(footnotes(hostile))
    assert not set(printed) & set("\x1b\x07\x9b\u202e\r")
    assert "[bold]" in printed


def test_names_cannot_break_markdown(hostile: list[Row]) -> None:
    head, _, line, *_ = render(hostile, "md").splitlines()
    # What a reader of GFM sees: every character after a backslash is literal.
    assert line.replace("\\\\", "").replace("\\|", "").count("|") == head.count("|")
    assert "\\<img" in line


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_a_narrow_terminal_cuts_the_table_and_no_cell(rows: list[Row], width: int) -> None:
    printed = shown(rows, width)
    assert max(map(len, printed.splitlines())) <= width
    words = printed.split()
    for column in columns_for(rows):
        for row in rows:
            assert set(column.cell(row).split()) <= set(words), column.title
    # Each part says which row is which.
    parts = words.count("model")
    assert parts > 1
    assert words.count("T") == parts


def test_a_wide_terminal_has_one_table(rows: list[Row]) -> None:
    assert len(grid_of(rows).tables(240)) == 1
    assert len(grid_of([]).tables(240)) == 1


def test_no_rows_print_as_no_rows() -> None:
    assert render([], "csv") == ""
    assert json.loads(render([], "json")) == []
    assert render([], "md").startswith("| model | T | n |")
    with pytest.raises(ValueError, match="Unknown format 'html'; use one of text, md, csv, json"):
        render([], "html")


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (9999, "9999"), (10_000, "10k"), (-25_000, "-25k"),
                        (12_345_678, "12.3M")],
)  # fmt: skip
def test_token_counts_fit_a_column(count: int, text: str) -> None:
    assert thousands(count) == text


def test_printable_keeps_letters() -> None:
    assert printable("Lfm2-Ünïcode 模型 🙂\u200b\n") == "Lfm2-Ünïcode 模型 🙂"


def told(*records: Record) -> tuple[list[str], str]:
    """Return the notes below a table, and its cells."""
    found = summarise(records, [], header())
    return footnotes(found)[1:], render(found, "md")


DOOMED = {"level": "verbatim", "onset": 9}


def test_where_no_finish_is_known_the_table_says_so() -> None:
    notes, text = told(
        record("d", "doom", finish="unknown", **DOOMED),
        *(record(f"u{i}", "unknown", finish="unknown") for i in range(3)),
    )
    assert "| recov. | trunc. | unkn. |" in text
    assert "| – | – | 75.0 |" in text
    assert [note.partition(",")[0] for note in notes[1:]] == [
        "Of no output is it known why it ended",
        "1 of the 1 stuck outputs ended nobody knows why: they loop at their last token",
    ]


def test_where_some_are_known_their_number_is_told() -> None:
    notes, text = told(
        record("d", "doom", finish="unknown", **DOOMED),
        record("l", "doom", **DOOMED),
        record("t", "truncated"),
        record("u", "unknown", finish="unknown"),
    )
    assert "| 0.0 | 50.0 | 25.0 |" in text  # recovered, truncated; unknown
    assert notes[1].startswith("Of 2 of 4 outputs it is not known why they ended")
    assert notes[2].startswith("1 of the 2 stuck outputs ended nobody knows why")


def test_where_all_are_known_nothing_is_told() -> None:
    notes, text = told(record("d", "doom", **DOOMED), record("c"), record("e", "error"))
    assert notes == []
    assert "unkn." not in text


def test_outcomes_of_an_earlier_naming_are_told() -> None:
    earlier = msgspec.structs.replace(header(), judgement=1)
    (_, note) = footnotes(summarise([record("c")], [], earlier))
    assert note.startswith("These outputs were judged when a count")


def test_what_goes_round_and_may_have_ended_there_is_told() -> None:
    made = record("g", "circular", level="circular", onset=9, finish="unknown")
    notes, _ = told(msgspec.structs.replace(made, outcome="unknown"), record("c"))
    assert notes[2].startswith("1 outputs go round at their end and may have ended there")
