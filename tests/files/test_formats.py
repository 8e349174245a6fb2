"""What every format must keep to; a new one is picked up, and needs an example."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbench.files import formats
from loopbench.files.finishes import finish_of
from loopbench.files.formats.base import Format, Grouping, PerFile
from loopbench.files.outputs import FileOutput, Row, RowError, Skipped

HERE = Path(__file__).parent


def _module(name: str) -> Any:
    path = HERE / f"{name}.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location(f"loopbench_{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIRST, MORE = _module("examples"), _module("examples_more")
EXAMPLES: dict[str, list[Any]] = {**FIRST.EXAMPLES, **getattr(MORE, "EXAMPLES", {})}
REFUSED: list[Any] = [*FIRST.REFUSED, *getattr(MORE, "REFUSED", [])]
OTHERS: list[Any] = [*FIRST.OTHERS, *getattr(MORE, "OTHERS", [])]
NAMES = formats.names()


def row_of(value: Any, number: int = 1) -> Row:
    return value if isinstance(value, Row) else Row(number, value)


def rows_of(name: str) -> list[Row]:
    return [row_of(value) for rows, _ in EXAMPLES[name] for value in rows]


def reader(name: str) -> Format:
    found = formats.get(name)
    return found.opened() if isinstance(found, PerFile) else found


@pytest.mark.parametrize("name", NAMES)
def test_every_format_says_what_it_is(name: str) -> None:
    found = formats.get(name)
    assert found.name == name and name.replace("_", "").isalnum()
    for said in (found.title, found.finish):
        assert said and not said.endswith(".") and len(said) < 120 and "|" not in said


@pytest.mark.parametrize("name", NAMES)
def test_every_format_has_examples(name: str) -> None:
    assert EXAMPLES.get(name), f"give tests/files/examples.py an entry {name!r}"
    assert any(outputs for _, outputs in EXAMPLES[name])


@pytest.mark.parametrize("name", NAMES)
def test_examples_give_their_outputs(name: str) -> None:
    for rows, wanted in EXAMPLES[name]:
        reads = reader(name)
        found = [
            output
            for number, value in enumerate(rows, 1)
            for output in reads.outputs(row_of(value, number))
        ]
        assert len(found) == len(wanted), found
        for output, fields in zip(found, wanted, strict=True):
            if isinstance(fields, FileOutput):
                assert output == fields
                continue
            assert {field: getattr(output, field) for field in fields} == fields


@pytest.mark.parametrize("name", NAMES)
def test_its_rows_are_known_to_it_alone(name: str) -> None:
    for row in rows_of(name):
        knowing = [one for one in NAMES if formats.get(one).recognises(row)]
        # `plain` is asked last, and takes much of what has a form of its own.
        assert [one for one in knowing if one != formats.PLAIN] == [name] * (name != formats.PLAIN)
        found = formats.recognised(row)
        assert found and found.name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_row_can_be_read_again(name: str) -> None:
    for row in rows_of(name):
        before = copy.deepcopy(row.value)
        first, again = list(formats.get(name).outputs(row)), list(formats.get(name).outputs(row))
        assert first == again and row.value == before


@pytest.mark.parametrize(("name", "value", "problem"), REFUSED)
def test_what_is_refused_is_known_and_said(name: str, value: Any, problem: str) -> None:
    row = row_of(value)
    assert formats.get(name).recognises(row)
    with pytest.raises(RowError, match=problem):
        list(formats.get(name).outputs(row))


@pytest.mark.parametrize("value", OTHERS)
def test_what_holds_no_outputs_is_nobodys(value: Any) -> None:
    assert formats.recognised(Row(1, value)) is None


STREAMS = [(name, example) for name, found in FIRST.STREAMS.items() for example in found]


def grouped(name: str, values: list[Any]) -> Iterator[Row | Skipped]:
    found = formats.get(name)
    assert isinstance(found, Grouping)
    return found.grouped(Row(number, value) for number, value in enumerate(values, 1))


@pytest.mark.parametrize(("name", "example"), STREAMS)
def test_the_pieces_of_a_stream_are_one_output(name: str, example: Any) -> None:
    found = []
    for row in grouped(name, example.rows):
        assert isinstance(row, Row)
        first = formats.recognised(row)
        assert first and first.name == name
        found += list(first.outputs(row))
    told = [
        {field: getattr(output, field) for field in wanted}
        for output, wanted in zip(found, example.outputs, strict=True)
    ]
    assert told == example.outputs


@pytest.mark.slow
@pytest.mark.parametrize(("name", "example"), STREAMS)
def test_damaged_pieces_are_read_or_refused(name: str, example: Any) -> None:
    for at, value in enumerate(example.rows):
        for place in _places(value):
            for new in HOSTILE[len(place) % 2 :: 2]:
                rows = [*example.rows]
                rows[at] = _with(value, place, new)
                for row in grouped(name, rows):
                    assert isinstance(row, Row)
                    try_one(name, row)


HOSTILE: list[Any] = [
    None, True, 0, -1, 1 << 80, 1.5, float("nan"), float("inf"), "", "x", "\0\ud800", "9" * 5000,
    [], [None], [[]], [[[]]], [{}], {}, {"a": 1}, [1, "a", None], ["a"] * 50, {"": {"": [{}]}},
    [{"role": "assistant"}], [{"type": "text"}], b"bytes", "[" * 3000, {"type": []}, [{"type": {}}],
    {"role": {}, "content": [{"text": {}}]},
]  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to everything inside a value."""
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, one in inner:
        yield from _places(one, (*path, key))


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = _with(value[path[0]], path[1:], new)
    return changed


def check(output: FileOutput) -> None:
    """Check what readers of outputs rely on."""
    assert isinstance(output.id, str | int | None)
    for field in ("text", "raw_finish", "prompt", "prompt_hash", "model", "task", "error"):
        assert isinstance(getattr(output, field), str | None), (field, output)
    assert finish_of(output.finish) == output.finish
    assert isinstance(output.repeat, int) and output.repeat >= 0
    assert output.text is not None or output.token_ids is not None or output.error is not None
    assert (output.finish == "error") >= (output.error is not None)
    for field in ("budget", "output_tokens"):
        number = getattr(output, field)
        assert number is None or (type(number) is int and 0 <= number < 1 << 32)
    if output.token_ids is not None:
        assert all(type(one) is int and abs(one) <= 1 << 63 for one in output.token_ids)
        assert output.token_ids
    if output.token_chars is not None:
        assert output.token_ids is not None and len(output.token_chars) == len(output.token_ids)
        assert min(output.token_chars) >= 0 and sum(output.token_chars) == len(output.text or "")
    if output.pieces is not None:
        assert output.token_ids is not None and len(output.pieces) == len(output.token_ids)


def try_one(name: str, row: Row) -> None:
    """Read a row that may be anything."""
    found = formats.get(name)
    assert isinstance(found.recognises(row), bool)
    try:
        for output in reader(name).outputs(row):
            check(output)
    except RowError as error:
        assert 5 < len(str(error)) < 2500


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_hostile_values_are_read_or_refused(name: str) -> None:
    for row in rows_of(name):
        places = list(_places(row.value))
        for at, place in enumerate(places):
            # Every value everywhere would be too many for the long rows.
            step = 1 if len(places) < 15 else 4
            for new in HOSTILE[at % step :: step]:
                try_one(name, row._replace(value=_with(row.value, place, new)))


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_other_formats_are_read_or_refused(name: str) -> None:
    for other in NAMES:
        for row in rows_of(other):
            try_one(name, row)


_KEYS = sorted(
    {
        key
        for name in NAMES
        if name in EXAMPLES
        for row in rows_of(name)
        for place in _places(row.value)
        for key in place
        if isinstance(key, str)
    }
)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_value_is_read_or_refused(value: Any) -> None:
    for name in NAMES:
        try_one(name, Row(1, value))
