"""Anybody's prompts: one JSON object per line.

`prompt` (text) or `messages` is needed. `id`, `answer`, `match` (how the answer is compared),
`level` and `category` are optional. Without an answer an item counts loops and has no grade.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from loopbench.tasks.answers import shown
from loopbench.tasks.base import Task
from loopbench.tasks.sources import SourceError
from loopbench.tasks.sources.answering import KINDS, grade_answer, oracle_answer
from loopbench.tasks.sources.fixed import ALL, FixedTask
from loopbench.tasks.sources.prompts import prompt_of
from loopbench.types import Category, Grade, Sample

MAX_BYTES = 512 * 1024 * 1024
"""Of a file; it is held in memory."""
MAX_LINE = 4 * 1024 * 1024
MAX_NAME = 200
"""Characters of an id or a level."""

_FIELDS = {"prompt", "messages", "id", "answer", "match", "level", "category"}


class JsonlTask(FixedTask):
    """The prompts of one file."""

    version = 1
    category: Category = "reasoning"
    description = "prompts of a JSONL file"

    def __init__(self, path: str) -> None:
        self.name = f"jsonl:{path}"
        self._path = Path(path)

    @cached_property
    def _raw(self) -> bytes:
        try:
            if not self._path.is_file():
                raise SourceError(f"{self._path} is no file; jsonl: needs the path of one.")
            if self._path.stat().st_size > MAX_BYTES:
                raise SourceError(f"{self._path} is larger than {MAX_BYTES >> 20} MB; split it.")
            return self._path.read_bytes()
        except (OSError, ValueError) as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"{self._path} cannot be read: {error}.") from error

    @property
    def origin(self) -> str:
        """The hash of the file."""
        return f"sha256:{hashlib.sha256(self._raw).hexdigest()}"

    def read(self) -> Sequence[Sample]:
        """Read and check every line.

        Raises
        ------
        SourceError
            With the number of the first line that cannot be used.
        """
        found: dict[str, Sample] = {}
        for number, line in _lines(self._raw):
            try:
                sample = self._sample(number, line)
            except ValueError as error:
                raise SourceError(f"{self._path}, line {number}: {error}.") from error
            if sample.id in found:
                raise SourceError(
                    f"{self._path}, line {number}: the id {sample.id!r} occurs twice."
                )
            found[sample.id] = sample
        if not found:
            raise SourceError(f"{self._path} holds no prompts.")
        return list(found.values())

    def _sample(self, number: int, line: bytes) -> Sample:
        item = _decoded(line)
        answer, match = item.get("answer"), item.get("match")
        if isinstance(answer, int | float) and not isinstance(answer, bool):
            answer, match = str(answer), match or "number"
        if answer is not None and not isinstance(answer, str):
            raise ValueError("'answer' must be a text or a number")
        if match is not None and match not in KINDS:
            raise ValueError(f"'match' must be one of {', '.join(KINDS)}")
        category = item.get("category") or self.category
        if category not in get_args(Category):
            raise ValueError(f"'category' must be one of {', '.join(get_args(Category))}")
        return Sample(
            task=self.name,
            task_version=self.version,
            id=_short(item, "id", f"line-{number}"),
            level=_short(item, "level", ALL),
            category=category,
            prompt=_prompt(item),
            reference={"answer": answer, "match": _kind(answer, match)},
        )

    def grade(self, sample: Sample, text: str) -> Grade:
        """Compare the stated answer; an item without one gets no judgement."""
        answer, match = sample.reference["answer"], sample.reference["match"]
        return grade_answer(text, answer or "", match)

    def oracle(self, sample: Sample) -> str:
        """State the answer, as the prompts of most files ask for it."""
        answer, match = sample.reference["answer"], sample.reference["match"]
        return oracle_answer(answer or "", match)


def _lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            yield number, line


def _decoded(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE >> 20} MB")
    try:
        item = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise ValueError("not a JSON object") from error
    if not isinstance(item, dict):
        raise ValueError("not a JSON object")
    return item


def _prompt(item: dict[str, Any]) -> str:
    if ("prompt" in item) == ("messages" in item):
        known = ", ".join(sorted(_FIELDS))
        raise ValueError(f"give either 'prompt' or 'messages' (the fields are {known})")
    prompt = item["prompt"] if "prompt" in item else prompt_of(item["messages"])
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError("the prompt must be a text that is not empty")
    try:
        # A lone surrogate, which JSON's \u can write, could not be stored or sent.
        prompt.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("the prompt holds half a surrogate pair") from error
    return prompt


def _short(item: dict[str, Any], field: str, default: str) -> str:
    value = item.get(field)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"'{field}' must be a text")
    text = str(value)
    if not 0 < len(text) <= MAX_NAME or not text.isprintable() or shown(text) != text:
        raise ValueError(f"'{field}' must be 1 to {MAX_NAME} printable characters")
    return text


def _kind(answer: str | None, match: str | None) -> str:
    if answer is None:
        return "none"
    if match:
        return match
    from loopbench.tasks.answers import parse_number

    plain_number = answer.strip().lstrip("+-").replace(",", "").replace(".", "", 1).isdigit()
    return "number" if plain_number and parse_number(answer) is not None else "text"


class _Jsonl:
    """The source."""

    prefix = "jsonl"
    origin = "a file"
    placeholder = "<path>"
    description = "your own prompts, one JSON object per line"
    licence = "yours"

    def known(self) -> list[str]:
        return []

    def size(self) -> str:
        return "any"

    def levels(self) -> str:
        return "all, and those that the items name"

    def split(self, rest: str) -> tuple[str, str]:
        """Cut a level off, unless there is a file of the whole name."""
        head, colon, tail = rest.rpartition(":")
        if colon and not Path(rest).exists() and Path(head).exists():
            return head, tail
        return rest, ""

    def open(self, name: str) -> Task:
        return JsonlTask(name)


SOURCE = _Jsonl()
