"""Outputs from anywhere as input of `loopbench detect`: JSON lines, or a plain text."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import msgspec

from loopbench.judging.detection import Detection, detect
from loopbench.pieces import cut
from loopbench.types import Count, Finish, Id, Struct


class OutputRow(Struct, frozen=True):
    """One output to judge; at least one of `token_ids` and `text`."""

    id: str | int | None = None
    uid: str | int | None = None
    token_ids: list[Id] | None = None
    text: str | None = None
    token_chars: list[Count] | None = None
    """Characters of the text that each token added; without, tokens are placed evenly."""
    finish: Finish = "length"


class InputError(ValueError):
    """An input line cannot be judged; its text names the line and what is wrong."""


def judged(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield one JSON-ready verdict per output of a file.

    A file whose first line that is not blank is a JSON object is JSON lines; anything else
    is one text.

    Raises
    ------
    InputError
        For a line that is no such object, with its number. Earlier lines were yielded.
    """
    number, blank, line = 1, b"", file.readline().removeprefix(codecs.BOM_UTF8)
    while line.isspace():
        number, blank, line = number + 1, blank + line, file.readline()
    if not line.lstrip().startswith(b"{"):
        text = (blank + line + file.read()).decode("utf-8", "replace")
        if text:
            yield _line(0, detect(text))
        return
    decoder = msgspec.json.Decoder(OutputRow)
    while line:
        if line.strip():
            try:
                row = decoder.decode(line)
                yield judge_row(row, number)
            except (TypeError, ValueError, RecursionError) as error:
                raise InputError(
                    f"Line {number} cannot be judged: {error}. A row has token_ids and/or "
                    "text, and optionally id, token_chars and finish (stop, length, loop "
                    "or error)."
                ) from error
        number, line = number + 1, file.readline()


def judge_row(row: OutputRow, number: int) -> dict[str, Any]:
    """Return the JSON-ready verdict on one output, which is called by its number if by no id.

    Raises
    ------
    ValueError, TypeError
        If it cannot be judged.
    """
    name = next((n for n in (row.id, row.uid) if n is not None), number)
    return _line(name, _detection(row))


def _detection(row: OutputRow) -> Detection:
    if row.token_ids is not None:
        text: str | Sequence[str] | None = row.text
        if row.text is not None and row.token_chars is not None:
            text = cut(row.text, row.token_chars)
            if "".join(text) != row.text:
                raise ValueError("its token_chars do not add up to its text")
        return detect(row.token_ids, text=text, finish=row.finish)
    if row.text is None:
        raise ValueError("it has neither token_ids nor text")
    return detect(row.text, finish=row.finish)


def _line(name: str | int, detection: Detection) -> dict[str, Any]:
    line: dict[str, Any] = msgspec.to_builtins(detection)
    template = next((v["template"] for v in line["verdicts"] if v["template"]), None)
    strides = next((v["strides"] for v in line["verdicts"] if v["strides"]), None)
    del line["verdicts"]
    return {"id": name, **line, "template": template, "strides": strides}
