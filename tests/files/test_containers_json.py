"""JSON in every form in which people have it, and what is damaged in it."""

from __future__ import annotations

import codecs
import io
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbench.files.containers import contents_of, streams, values
from loopbench.files.outputs import FileError, Row, Skipped


def rows_of(content: bytes, name: str = "file") -> list[Row | Skipped]:
    return list(contents_of(io.BytesIO(content), name).rows)


def values_of(content: bytes) -> list[Any]:
    rows = rows_of(content)
    assert all(isinstance(row, Row) for row in rows), rows
    return [row.value for row in rows if isinstance(row, Row)]


ROWS: list[Any] = [{"text": "one", "n": 1}, {"text": "zwei ü", "n": [1.5, None]}, {"text": "三"}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        LINES.rstrip("\n").encode(),
        LINES.replace("\n", "\r\n").encode(),
        LINES.replace("\n", "\n\n \n").encode(),
        codecs.BOM_UTF8 + LINES.encode(),
        LINES.encode("utf-16"),
        codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"),
        json.dumps(ROWS).encode(),
        json.dumps(ROWS, indent=2).encode(),
        codecs.BOM_UTF8 + json.dumps(ROWS, indent="\t").encode(),
        "\n".join(json.dumps(row, indent=4) for row in ROWS).encode(),
        " ".join(map(json.dumps, ROWS)).encode(),
        "".join(map(json.dumps, ROWS)).encode(),
        json.dumps(ROWS[:1]).encode() + json.dumps(ROWS[1:]).encode(),
    ],
)
def test_every_form_gives_the_same_rows(content: bytes) -> None:
    assert values_of(content) == ROWS


def test_lines_know_their_numbers_and_places() -> None:
    content = codecs.BOM_UTF8 + b'{"a": 1}\n\n{"a": 2}\r\n'
    rows = rows_of(content)
    assert [row.number for row in rows] == [1, 3]
    for row in rows:
        assert isinstance(row, Row) and row.at is not None
        assert json.loads(content[row.at :].splitlines()[0]) == row.value


def test_lines_of_another_encoding_have_no_places() -> None:
    assert {row.at for row in rows_of(LINES.encode("utf-16")) if isinstance(row, Row)} == {None}


def test_what_only_python_writes_is_read() -> None:
    (row,) = values_of(
        b'{"a": NaN, "b": [Infinity, -Infinity], "c": "\\ud800 half", "d": "tab\there"}'
    )
    assert math.isnan(row["a"]) and row["b"] == [math.inf, -math.inf]
    assert row["c"] == "\ud800 half" and row["d"] == "tab\there"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{'text': 'no JSON'}", "no JSON"),
        (b'{"text": "\xff\xfe"}', "no UTF-8"),
        (b'{"a":' * 200_000 + b"1" + b"}" * 200_000, "nested too deep"),
        (b'{"text": "no end', "no JSON"),
        (b"[1, 2", "no JSON"),
    ],
)
def test_a_damaged_line_is_passed_over(line: bytes, problem: str) -> None:
    first, damaged, last = rows_of(b'{"text": "a"}\n' + line + b'\n{"text": "b"}\n')
    assert isinstance(first, Row) and isinstance(last, Row) and last.number == 3
    assert isinstance(damaged, Skipped) and damaged.number == 2 and problem in damaged.problem


def test_a_damaged_first_line_hides_no_others() -> None:
    damaged, *others = rows_of(b'{"text": oops}\n{"text": "b"}\n{"text": "c"}\n')
    assert isinstance(damaged, Skipped)
    assert [row.value["text"] for row in others if isinstance(row, Row)] == ["b", "c"]


def test_a_cut_last_line_is_said() -> None:
    *_, last = rows_of(b'{"text": "a"}\n{"text": "b"}\n{"text": "c')
    assert last == Skipped(3, "it is cut off")


def test_a_cut_array_is_said() -> None:
    whole = json.dumps(ROWS, indent=1)
    for end in (whole.rindex("]"), whole.rindex("}"), whole.rindex('"text"')):
        *rows, last = rows_of(whole[:end].encode())
        assert isinstance(last, Skipped) and "cut off" in last.problem, end
        assert [row.value for row in rows if isinstance(row, Row)] == ROWS[: len(rows)]


class Counted(io.BytesIO):
    read_so_far = 0

    def readinto(self, buffer: Any) -> int:
        size = super().readinto(buffer)
        self.read_so_far += size
        return size


def test_damage_inside_an_array_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by reading the rest of the file in search of an end."""
    monkeypatch.setattr(values, "LONGEST", 1 << 12)
    content = b'[{"text": "a"},\n{"text": oops},\n' + b'{"text": "b"},\n' * 300_000
    stream = Counted(content)
    rows = list(contents_of(stream, "f").rows)
    assert isinstance(rows[1], Skipped) and "nothing behind it is read" in rows[1].problem
    assert len(rows) == 2 and stream.read_so_far <= 2 << 20 < len(content)


def test_lines_of_arrays_are_rows_and_an_array_alone_holds_rows() -> None:
    assert values_of(b'["a", "b"]\n["c"]\n') == [["a", "b"], ["c"]]
    assert values_of(b'["a", "b"]\n') == ["a", "b"]


def test_values_are_found_wherever_a_chunk_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2, 3, 7, 64):
        monkeypatch.setattr(values, "_CHUNK", size)
        for content in (json.dumps(ROWS, indent=1), "[1e5, 67.25, true, -12345]"):
            assert values_of(content.encode()) == json.loads(content), (size, content)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.floats() | st.none()), min_size=1)
)
def test_any_rows_come_back(rows: list[dict[str, Any]]) -> None:
    for content in (json.dumps(rows, indent=1), "\n".join(map(json.dumps, rows))):
        found = values_of(content.encode())
        assert repr(found) == repr(rows)


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_refused(content: bytes) -> None:
    for head in (b"", b"{", b"[", b'["', b'{"a": 1}\n', b"\x1f\x8b\x08", b"PK\x03\x04", b"PAR1"):
        try:
            rows = rows_of(head + content)
        except FileError as error:
            assert str(error).startswith("file ") and str(error).endswith((".", "pull", "'"))
        else:
            assert all(isinstance(row, Row | Skipped) for row in rows)


def test_a_huge_line_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "LONGEST", 1 << 10)
    first, huge, last = rows_of(b'{"a": 1}\n{"a": "' + b"x" * 5000 + b'"}\n{"a": 2}\n')
    assert isinstance(huge, Skipped) and huge.number == 2 and "longer than" in huge.problem
    assert isinstance(first, Row) and isinstance(last, Row) and last.value == {"a": 2}


def test_a_huge_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "LONGEST", 1 << 10)
    monkeypatch.setattr(values, "_CHUNK", 256)
    (huge,) = rows_of(b'[\n{"a": "' + b"x" * 5000 + b'"}]')
    assert isinstance(huge, Skipped) and "longer than" in huge.problem


def test_a_long_first_line_is_no_reason_to_hold_the_file() -> None:
    long = b'{"text": "' + b"x" * (streams.PEEKED + 10) + b'"}\n'
    rows = rows_of(long + b"{oops}\n" + long)
    assert [type(row) for row in rows] == [Row, Skipped, Row]


@pytest.mark.parametrize("digits", [5000, 100_000])
def test_a_number_without_end_is_no_value(digits: int) -> None:
    number = b"9" * digits
    for content in (b'{"a": 1}\n{"a": ' + number + b"}\n", b'[{"a": 1}, {"a": ' + number + b"}]"):
        first, second = rows_of(content)
        assert isinstance(first, Row)
        assert isinstance(second, Skipped) or math.isfinite(second.value["a"])


def test_a_message_before_the_lines_is_passed_over() -> None:
    damaged, *rows = rows_of(b"INFO starting\n" + LINES.encode())
    assert isinstance(damaged, Skipped)
    assert [row.value for row in rows if isinstance(row, Row)] == ROWS


def test_an_array_of_one_row_is_no_file_of_lines() -> None:
    assert values_of(b'[\n{"a": 1}\n]\n') == [{"a": 1}]
    assert values_of(b'{"a": [\n  {},\n  {}\n]}\n') == [{"a": [{}, {}]}]


def test_a_text_may_begin_like_json() -> None:
    assert contents_of(io.BytesIO(b'"Well," she said, "no."\nThe end.'), "f").kind == "text"
    assert values_of(b'"a text"\n"and another"\n') == ["a text", "and another"]
