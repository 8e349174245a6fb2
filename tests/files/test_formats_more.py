"""Formats of benchmarks, servers and transcriptions, each by its examples."""

from __future__ import annotations

import copy
import io
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from examples_more import EXAMPLES, PARTS, Example

from loopbench.files import formats
from loopbench.files.formats.base import Grouping
from loopbench.files.outputs import FileOutput, Row, RowError, Skipped
from loopbench.files.reading import Reading

CASES = [
    pytest.param(name, example, id=f"{name}-{number}")
    for name in EXAMPLES
    for number, example in enumerate([*EXAMPLES[name], *PARTS.get(name, [])])
]
ALONE = [one for one in formats.names() if one != formats.PLAIN]


def as_lines(values: list[Any]) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def as_array(values: list[Any]) -> bytes:
    return json.dumps(values, indent=1).encode()


def as_events(values: list[Any]) -> bytes:
    lines = "".join(f"data: {json.dumps(value)}\n\n" for value in values)
    return (lines + "data: [DONE]\n\n").encode()


def read(content: bytes) -> tuple[str, list[FileOutput]]:
    reading = Reading(io.BytesIO(content), "a.json")
    items = list(reading)
    assert not [item for item in items if isinstance(item, Skipped)]
    return reading.format.name, [item.output for item in items if not isinstance(item, Skipped)]


@pytest.mark.parametrize(("name", "example"), CASES)
@pytest.mark.parametrize("written", [as_lines, as_array, as_events])
def test_a_file_gives_the_outputs_of_its_rows(name: str, example: Example, written: Any) -> None:
    values, expected = example
    found, outputs = read(written(values))
    assert found == name
    told = [
        {field: getattr(output, field) for field in wanted}
        for output, wanted in zip(outputs, expected, strict=False)
    ]
    assert told == expected
    assert len(outputs) == len(expected)


@pytest.mark.parametrize(("name", "example"), CASES)
def test_no_other_format_takes_a_row_for_its_own(name: str, example: Example) -> None:
    known = {
        one for value in example[0] for one in ALONE if formats.get(one).recognises(Row(1, value))
    }
    assert known == {name}


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_a_row_of_something_else_is_not_recognised(name: str) -> None:
    form = formats.get(name)
    for value in ({}, [], "text", 3, None, {"text": "a"}, {"id": 1, "result": "a"}, [[]], [{}]):
        assert not form.recognises(Row(1, value)), value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # A program beside an answer is the right one; a span with a label is no speech.
        ({"task_id": 1, "solution": "x = 1", "output": "x = 2"}, "x = 2"),
        ({"start": 0, "end": 4, "text": "Hay.", "label": "CROP"}, "Hay."),
        ({"id": 1, "result": "Hay.", "latency": 0.5}, "Hay."),
        ({"id": "case-1", "messages": [], "reward": 0, "response": "Hay."}, "Hay."),
        ({"instruction": "Mow.", "output": "Hay."}, "Hay."),
        ({"text": "Hay.", "meta_info": {"source": "web"}}, "Hay."),
        ({"generated_text": "Hay.", "details": None}, "Hay."),
    ],
)
def test_what_only_looks_like_one_of_these_is_plain(value: Any, text: str) -> None:
    found, (output,) = read(as_lines([value]))
    assert (found, output.text) == (formats.PLAIN, text)


HOSTILE: list[Any] = [
    None, True, -1, 10**30, math.nan, math.inf, "", "\ud800", "a", [], {}, [None], [[[[[]]]]],
    [{}], {"": None}, {"name": []}, ["a", 1], [[["a"], 3], None],
]  # fmt: skip
DEEP: Any = 0
for _ in range(5000):
    DEEP = {"name": "x", "arguments": [DEEP]}


def damaged(value: Any) -> Iterator[Any]:
    """Yield copies of a value with one part of it replaced or gone."""

    def places(part: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        keys = range(len(part)) if isinstance(part, list) else part
        for key in keys if isinstance(part, dict | list) else ():
            yield (*path, key)
            yield from places(part[key], (*path, key))

    for path in places(value, ()):
        for other in [*HOSTILE, DEEP, "gone"]:
            at = whole = copy.deepcopy(value)
            for key in path[:-1]:
                at = at[key]
            if other == "gone":
                del at[path[-1]]
            else:
                at[path[-1]] = other
            yield whole


@pytest.mark.slow
@pytest.mark.parametrize(("name", "example"), CASES)
def test_damaged_rows_raise_nothing_but_what_is_said_of_a_row(name: str, example: Example) -> None:
    form = formats.get(name)
    grouped = form.grouped if isinstance(form, Grouping) else iter
    read_, refused = 0, 0
    for value in example[0]:
        for whole in damaged(value):
            for row in grouped(iter([Row(1, whole), Row(2, whole)])):
                form.recognises(row)
                try:
                    for output in form.outputs(row):
                        assert isinstance(output.text, str | None)
                        assert isinstance(output.error, str | None)
                        assert output.text is not None or output.token_ids or output.error
                        assert isinstance(output.id, str | None)
                        assert isinstance(output.model, str | None)
                        assert 0 <= output.repeat < 1 << 31
                    read_ += 1
                except RowError as error:
                    assert str(error)
                    refused += 1
    assert read_ and refused


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_what_a_format_says_of_itself_fits_into_a_table(name: str) -> None:
    form = formats.get(name)
    assert form.name == name
    assert all(word and "\n" not in word and "|" not in word for word in (form.title, form.finish))


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_no_fields_at_all_are_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(RowError):
        list(formats.get(name).outputs(Row(1, 5)))
    with pytest.raises(RowError):
        list(formats.get(name).outputs(Row(1, {})))
