"""Outputs from a file: JSON lines in, one verdict per row out, in order."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from loopbench.detectors.parts.tokens import FALLBACK
from loopbench.judging.rows import InputError, judged

LOOP = [1, 2] * 100
REQUIRED = {"id", "outcome", "level", "detector", "period", "repeats", "onset"}


def read(*rows: dict[str, Any] | bytes) -> list[dict[str, Any]]:
    encoded = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return list(judged(io.BytesIO(b"\n".join(encoded) + b"\n")))


def test_rows_come_back_in_order_under_their_names() -> None:
    verdicts = read(
        {"id": "a", "token_ids": LOOP},
        {"uid": 7, "token_ids": LOOP, "finish": "stop"},
        {"id": "c", "uid": "d", "text": "one two"},
        {"text": "so " * 200, "finish": "length"},
        {"id": 0, "uid": 9, "token_ids": [], "finish": "stop"},
        {"id": "f", "text": "so " * 200, "finish": "stop"},
    )
    assert [(v["id"], v["outcome"]) for v in verdicts] == [
        ("a", "doom"),
        (7, "recovered"),
        ("c", "truncated"),
        (4, "doom"),
        (0, "clean"),
        ("f", "recovered"),
    ]


def test_a_verdict_has_what_later_work_builds_on() -> None:
    (verdict,) = read({"token_ids": [5, *LOOP]})
    assert verdict.keys() >= REQUIRED
    assert (verdict["level"], verdict["detector"]) == ("verbatim", "suffix")
    assert (verdict["onset"], verdict["period"], verdict["repeats"]) == (1, 2, 100)
    assert json.loads(json.dumps(verdict)) == verdict


def test_a_count_shows_its_template() -> None:
    (verdict,) = read({"text": "".join(f"{i}. Lily lies.\n" for i in range(80))})
    assert (verdict["template"], verdict["strides"]) == (". Lily lies.\n{}", [1.0])


def test_ids_with_their_text_show_counts() -> None:
    text = "".join(f"{i}, " for i in range(100, 300))
    with_text, without = read(
        {"token_ids": list(range(1000)), "text": text}, {"token_ids": list(range(1000))}
    )
    assert with_text["level"] == "counter"
    assert with_text["tokenization"] == "given"
    assert without["level"] is None


def test_characters_per_token_place_a_loop_exactly() -> None:
    pieces = [f" word{chr(97 + i % 26)}{i * i}" for i in range(60)]
    pieces += ["\n", *(piece for i in range(60) for piece in (f"{i}", ". no", "\n"))]
    row = {"token_ids": list(range(len(pieces))), "text": "".join(pieces)}
    placed, even = read({**row, "token_chars": [len(p) for p in pieces]}, row)
    assert placed["onset"] == 62  # after the first number, which has no line before it
    assert even["onset"] != 62


def test_blank_lines_before_json_lines() -> None:
    assert [v["id"] for v in read(b"", b"  ", b' {"text": "a"}')] == [3]
    (verdict,) = judged(io.BytesIO(b"\n\n so" + b" so" * 200))
    assert verdict["outcome"] == "doom"


def test_other_fields_blank_lines_and_windows_line_ends_are_fine() -> None:
    rows = [b'{"id": 1, "text": "a", "model": {"name": "x"}}\r', b"", b"  ", b'{"text": "b"}\r']
    assert [v["id"] for v in read(*rows)] == [1, 4]


def test_a_last_line_without_line_end_counts() -> None:
    assert len(list(judged(io.BytesIO(b'{"text": "a"}\n{"text": "b"}')))) == 2


def test_a_byte_order_mark_is_no_text() -> None:
    assert [v["id"] for v in read(b'\xef\xbb\xbf{"id": "a", "text": "b"}')] == ["a"]


@pytest.mark.parametrize("text", ["so " * 100, "one\ntwo\n" * 60, "[1, 2]\n" * 60])
def test_anything_else_is_one_text(text: str) -> None:
    (verdict,) = judged(io.BytesIO(text.encode()))
    assert (verdict["id"], verdict["outcome"]) == (0, "doom")
    assert verdict["tokenization"] == FALLBACK


def test_bytes_that_are_no_utf8_are_judged_all_the_same() -> None:
    (verdict,) = judged(io.BytesIO(b"\xff\xfe so" * 100))
    assert verdict["outcome"] == "doom"


def test_nothing_in_nothing_out() -> None:
    assert list(judged(io.BytesIO(b""))) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "truncated"),
        (b"[1, 2]", "object"),
        (b"not json", "malformed"),
        (b'{"id": 1}', "neither token_ids nor text"),
        (b'{"text": null, "token_ids": null}', "neither token_ids nor text"),
        (b'{"token_ids": [1.5]}', r"token_ids\[0\]"),
        (b'{"token_ids": "12"}', "token_ids"),
        (b'{"token_ids": [[1]]}', r"token_ids\[0\]"),
        (b'{"token_ids": [1, 99999999999999999999999]}', "token"),
        (b'{"text": 5}', "text"),
        (b'{"text": "a", "finish": "eos"}', "'eos'"),
        (b'{"text": "\xff"}', "utf-8"),
        (b'{"id": [1], "text": "a"}', "id"),
        (b'{"token_ids": [1, 2], "text": "abc", "token_chars": [1, 1]}', "do not add up"),
        (b'{"token_ids": [1, 2], "text": "abc", "token_chars": [3]}', "one string per token"),
        (b'{"x": ' + b"[" * 100_000, "recursion"),
    ],
)
def test_a_bad_line_is_named_after_the_good_ones_were_judged(line: bytes, reason: str) -> None:
    rows = judged(io.BytesIO(b'{"id": "good", "text": "a"}\n\n' + line + b"\n"))
    assert next(rows)["id"] == "good"
    with pytest.raises(InputError, match=rf"(?i)^Line 3 cannot be judged: .*{reason}"):
        next(rows)
