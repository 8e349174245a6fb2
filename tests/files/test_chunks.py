"""Outputs over several rows, and streams of events."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from loopbench.files.chunks import Chunk, joined
from loopbench.files.containers import contents_of
from loopbench.files.outputs import Row, Skipped
from loopbench.files.reading import Item, Reading


def chunk_of(value: str) -> Chunk | None:
    key, text = value[0], value[1:]
    return None if key == "-" else Chunk(key, text.endswith("."))


def join(rows: list[Row | Skipped]) -> list[Row | Skipped]:
    return list(joined(iter(rows), chunk_of, lambda parts: "".join(part[1:] for part in parts)))


def test_parts_are_joined_by_their_keys_and_the_whole_stays() -> None:
    rows = [Row(n, value, 10 * n) for n, value in enumerate(["aO", "bR", "-w", "aats.", "bye"])]
    assert join([*rows]) == [
        rows[2],
        Row(0, "Oats.", None),
        Row(1, "Rye", None),  # it was cut off
    ]


def test_a_key_begins_anew_behind_a_last_part() -> None:
    found = join([Row(1, "aO."), Row(2, "aP"), Row(3, "aQ.")])
    assert found == [Row(1, "aO."), Row(2, "PQ.", None)]


def test_one_part_that_is_whole_can_be_found_again() -> None:
    assert join([Row(7, "aO.", 99)]) == [Row(7, "aO.", 99)]


def test_a_damaged_row_between_parts_is_told_where_it_was() -> None:
    bad = Skipped(2, "it is cut off")
    assert join([Row(1, "aO"), bad, Row(3, "aP.")]) == [bad, Row(1, "OP.", None)]


def test_only_the_parts_of_what_is_open_are_held() -> None:
    def rows() -> Iterator[Row]:
        yield Row(1, "aO.")
        raise AssertionError("nothing more was needed")

    found = joined(rows(), chunk_of, "".join)
    assert next(found) == Row(1, "aO.")


EVENTS = b"""\
event: message
id: 4
data: {"content": "moo", "stop": false, "id_slot": 0}

: still here
data: {"content": " moo", "stop": false, "id_slot": 0}

data: {"content": "", "stop": true, "id_slot": 0, "stop_type": "limit", "tokens_predicted": 2}

data: [DONE]
"""


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_saved_stream_of_events_is_one_answer(ends: bytes) -> None:
    reading = Reading(io.BytesIO(EVENTS.replace(b"\n", ends)), "a.txt")
    assert (reading.kind, reading.format.name if reading.format else "") == (
        "events",
        "llama_server",
    )
    (item,) = reading
    assert isinstance(item, Item)
    assert (item.row, item.output.text, item.output.finish) == (3, "moo moo", "length")


def test_a_stream_that_was_cut_off_is_said_to_be() -> None:
    found = list(contents_of(io.BytesIO(EVENTS[:80]), "a.txt").rows)
    assert found == [
        Row(3, {"content": "moo", "stop": False, "id_slot": 0}),
    ]
    found = list(contents_of(io.BytesIO(EVENTS[:50] + b'"'), "a.txt").rows)
    assert found == [Skipped(3, "it is cut off")]


@pytest.mark.parametrize(
    "text", [b"data: a list of fields\nand more", b"event: the fair\ndata: none", b"id: 5, a cow"]
)
def test_a_text_that_begins_as_an_event_is_a_text(text: bytes) -> None:
    assert contents_of(io.BytesIO(text), "a.txt").kind == "text"
