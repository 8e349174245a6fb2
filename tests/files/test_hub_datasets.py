"""Data sets of the Hub, by folders that `datasets` reads in the same way."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from loopbench.files.hub import HubName, hub_rows, parse, rows_of
from loopbench.files.outputs import FileError, Row, Skipped
from loopbench.files.reading import Item, open_reading

ROWS = [
    {"id": "a", "output": "barley", "finish_reason": "stop"},
    {"id": "b", "output": "barley barley", "finish_reason": None},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("datasets")
    for split in ("test", "train"):
        lines = "".join(json.dumps(row) + "\n" for row in ROWS)
        (tmp_path / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def fake(monkeypatch: pytest.MonkeyPatch, load: Any) -> None:
    module = ModuleType("datasets")
    module.load_dataset = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("hf:farm/hay", HubName("farm/hay")),
        ("hf:farm/hay/test", HubName("farm/hay", None, "test")),
        ("hf:farm/hay:oats", HubName("farm/hay", "oats")),
        ("hf:farm/hay.v1-x:oats_2|a/latest", HubName("farm/hay.v1-x", "oats_2|a", "latest")),
    ],
)
def test_a_name_says_which_rows(name: str, meant: HubName) -> None:
    assert parse(name) == meant


@pytest.mark.parametrize(
    "name",
    ["hf:hay", "farm/hay", "hf:", "hf:farm/hay/a/b", "hf:farm/hay:", "hf:../hay", "hf:/etc/x"],
)
def test_what_is_no_name_is_said_to_be_none(name: str) -> None:
    with pytest.raises(FileError, match="hf:OWNER/NAME"):
        hub_rows(name)


@pytest.mark.slow
def test_rows_of_a_folder_are_numbered_and_lack_what_is_none(folder: Path) -> None:
    rows = list(rows_of(HubName(str(folder), None, "test"), "hf:farm/hay/test"))
    assert rows == [
        Row(1, ROWS[0], file="hf:farm/hay/test"),
        Row(2, {"id": "b", "output": "barley barley"}, file="hf:farm/hay/test"),
    ]


def test_a_table_is_read_as_lines_are(folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    for path in folder.glob("*.jsonl"):
        path.unlink()
    pandas.DataFrame(ROWS).to_parquet(folder / "test.parquet")
    rows = list(rows_of(HubName(str(folder)), "hf:farm/hay"))
    assert [row.value["output"] for row in rows if isinstance(row, Row)] == [
        "barley",
        "barley barley",
    ]


def test_of_several_splits_one_must_be_named(folder: Path) -> None:
    with pytest.raises(FileError, match=r"several splits: .*test.*Name one: hf:farm/hay/SPLIT"):
        rows_of(HubName(str(folder)), "hf:farm/hay")


def test_a_split_that_is_not_there_is_said(folder: Path) -> None:
    with pytest.raises(FileError, match=r"hf:farm/hay/dev cannot be read: .*dev"):
        list(rows_of(HubName(str(folder), None, "dev"), "hf:farm/hay/dev"))


def test_what_is_asked_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(*args: Any, **more: Any) -> Any:
        asked.append((args, more))
        return {"only": ROWS}

    fake(monkeypatch, load)
    assert len(list(hub_rows("hf:farm/hay:oats"))) == 2
    assert asked == [(("farm/hay", "oats"), {"split": None, "streaming": True})]


def test_without_the_library_the_command_that_installs_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(FileError, match="pip install datasets"):
        hub_rows("hf:farm/hay")


class DatasetNotFoundError(FileNotFoundError):
    """Named as the library's own."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DatasetNotFoundError("Dataset\n'farm/hay' doesn't exist"), "no such data set on the Hub"),
        (ConnectionError("max retries"), "the Hub cannot be reached"),
        (ValueError("Config name is missing.\nPick one: ['oats']"), r"missing\. Pick one"),
        (ValueError(), "ValueError"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def load(*_: Any, **__: Any) -> Any:
        raise error

    fake(monkeypatch, load)
    with pytest.raises(FileError, match=said) as raised:
        hub_rows("hf:farm/hay")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("before", [0, 1])
def test_a_download_that_breaks_off_keeps_the_rows_before(
    monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield from ROWS[:before]
        raise ConnectionError("reset")

    fake(monkeypatch, lambda *_, **__: rows())
    found = hub_rows("hf:farm/hay")
    if not before:
        with pytest.raises(FileError, match="cannot be reached"):
            list(found)
        return
    assert list(found) == [
        Row(1, ROWS[0], file="hf:farm/hay"),
        Skipped(2, "the Hub cannot be reached; nothing behind it is read"),
    ]


def test_a_name_is_read_as_a_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, lambda *_, **__: ROWS)
    with open_reading(Path("hf:farm/hay/test")) as reading:
        assert (reading.kind, reading.format.name) == ("hub", "plain")
        items = [item for item in reading if isinstance(item, Item)]
    assert [(i.output.text, i.output.finish) for i in items] == [
        ("barley", "stop"),
        ("barley barley", "unknown"),
    ]


def test_a_name_that_cannot_be_read_is_refused_as_a_file_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake(monkeypatch, lambda *_, **__: [{"audio": 3}])
    with pytest.raises(FileError, match=r"hf:farm/hay \(hub\) is in no format known here"):
        open_reading(Path("hf:farm/hay"))
    with pytest.raises(FileError, match="hf:OWNER/NAME"):
        open_reading(Path("hf:hay"))
