"""Files of outputs, from their bytes to their outputs."""

from __future__ import annotations

import gzip
import importlib.metadata
import io
import json
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from loopbench.files import formats
from loopbench.files.outputs import Fields, FileError, FileOutput, Row, RowError, Skipped
from loopbench.files.reading import How, Item, Reading, open_reading
from loopbench.naming import PluginError, UnknownNameError


def read(content: bytes | list[Any], name: str = "file", **how: Any) -> list[Item | Skipped]:
    if not isinstance(content, bytes):
        content = "".join(json.dumps(row) + "\n" for row in content).encode()
    fields = Fields(**{key: how.pop(key) for key in ("text", "finish", "group") if key in how})
    with Reading(io.BytesIO(content), name, How(fields=fields, **how)) as reading:
        return list(reading)


def outputs(*args: Any, **how: Any) -> list[FileOutput]:
    found = read(*args, **how)
    assert all(isinstance(one, Item) for one in found), found
    return [one.output for one in found if isinstance(one, Item)]


def texts(*args: Any, **how: Any) -> list[str | None]:
    return [output.text for output in outputs(*args, **how)]


CHAT = {"choices": [{"message": {"content": "a"}, "finish_reason": "length"}], "lang": "de"}


def test_rows_are_numbered_and_can_be_read_again() -> None:
    content = b'{"outputs": ["a", "b"]}\n\n{"outputs": ["c"]}\n'
    found = read(content)
    assert [(one.row, one.output.repeat) for one in found if isinstance(one, Item)] == [
        (1, 0), (1, 1), (3, 0),
    ]  # fmt: skip
    last = found[-1]
    assert isinstance(last, Item) and last.at is not None
    assert json.loads(content[last.at :]) == {"outputs": ["c"]}


def test_rows_that_cannot_be_read_are_counted_and_the_others_judged() -> None:
    found = read([{"output": "a"}, {"note": 1}, {"output": None}, {"output": "b"}])
    assert [type(one) for one in found] == [Item, Skipped, Skipped, Item]
    assert found[1] == Skipped(2, "no field of it is known to hold an output; its fields are note")
    assert found[2] == Skipped(3, "its field 'output' holds no text, but null")


def test_each_row_is_read_by_the_format_that_knows_it() -> None:
    rows = [
        {"error": "timed out"},
        CHAT,
        {"output": "b"},
        {"messages": [{"role": "assistant", "content": "c"}]},
    ]
    found = outputs(rows)
    assert [(one.text, one.finish) for one in found] == [
        (None, "error"), ("a", "length"), ("b", "unknown"), ("c", "unknown"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["results", "data", "samples", "rows"])
def test_a_document_of_rows_is_unwrapped(name: str) -> None:
    document = {"about": 1, name: [{"output": "a"}, {"output": "b"}, None]}
    for indent in (None, 2):
        first, second, last = read(json.dumps(document, indent=indent).encode())
        assert isinstance(first, Item) and first.output.text == "a"
        assert isinstance(second, Item) and (second.row, second.output.text) == (2, "b")
        assert isinstance(last, Skipped) and last.number == 3


def test_other_documents_of_rows_are_unwrapped() -> None:
    viewer = {"rows": [{"row_idx": 0, "row": {"output": "a"}, "truncated_cells": []}]}
    assert texts(json.dumps(viewer).encode()) == ["a"]
    named = outputs(json.dumps({"q-1": {"prediction": "a"}, "q-2": {"prediction": "b"}}).encode())
    assert [(one.id, one.text) for one in named] == [("q-1", "a"), ("q-2", "b")]
    sample = {"doc_id": 0, "arguments": [["Q", {}]], "resps": [["a"]]}
    tasks = {"results": {}, "samples": {"one": [sample], "two": [sample]}}
    assert [one.task for one in outputs(json.dumps(tasks).encode())] == ["one", "two"]


def test_an_answer_alone_is_no_document_of_rows() -> None:
    answer = {"object": "chat.completion", "choices": CHAT["choices"]}
    assert texts(json.dumps(answer, indent=1).encode()) == ["a"]
    assert texts(b'{"outputs": ["a", "b"]}') == ["a", "b"]


def test_a_saved_conversation_is_no_list_of_texts() -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert texts(json.dumps(turns).encode()) == texts([turns, turns])[:1] == ["a"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("response.choices.0.text", "deep"),
        ("notes", "shallow"),
        ("a.b", "dotted"),
        ("several", "s"),
    ],
)
def test_the_user_names_the_field(path: str, text: str) -> None:
    row = {
        "output": "not this",
        "notes": "shallow",
        "a.b": "dotted",
        "several": ["s"],
        "response": {"choices": [{"text": "deep"}]},
    }
    assert texts([row], text=path) == [text]


def test_a_field_inside_a_document_of_rows_can_be_named() -> None:
    assert texts(b'{"results": [{"said": "a"}, {"said": "b"}]}', text="said") == ["a", "b"]


def test_finish_and_group_can_be_named_for_every_format() -> None:
    rows = [{"output": "a", "why": {"it": "max_tokens"}, "lang": "de"}]
    (found,) = outputs(rows, finish="why.it", group="lang")
    assert (found.finish, found.raw_finish, found.group) == ("length", "max_tokens", "de")
    (found,) = outputs([{**CHAT, "why": "eos"}], finish="why", group="lang")
    assert (found.finish, found.raw_finish, found.group) == ("stop", "eos", "de")


def test_a_named_field_may_be_missing_in_some_rows() -> None:
    rows = [{"output": "a"}, {"output": "b", "why": "length", "lang": 3}, {**CHAT, "why": "eos"}]
    found = outputs(rows, finish="why", group="lang")
    assert [one.finish for one in found] == ["unknown", "length", "stop"]
    assert [one.group for one in found] == [None, "3", "de"]


def test_a_wrong_name_is_refused_with_the_fields_that_there_are() -> None:
    for content in (b'{"said": "a", "id": 1}\n' * 3, b'[{"said": "a", "id": 1}]'):
        with pytest.raises(FileError, match="row 1: there is no field 'sayd', only said, id"):
            read(content, text="sayd")
        for named in ("finish", "group"):
            with pytest.raises(FileError, match="row 1: there is no field 'sayd', only said, id"):
                read(content, text="said", **{named: "sayd"})
    with pytest.raises(FileError, match="its field 'id' holds no text"):
        read(b'{"said": "a", "id": 1}\n', text="id")


def test_what_is_not_understood_is_refused_with_its_fields() -> None:
    with pytest.raises(
        FileError, match=r"fields of its first row: question, gold\. .*--text-field"
    ):
        read([{"question": "q", "gold": 1}])
    with pytest.raises(FileError, match="its first row is int"):
        read(b"[1, 2, 3]")
    with pytest.raises(FileError, match="row 1: it is cut off"):
        read(b'{"question": ')
    with pytest.raises(FileError, match="no output in it"):
        read(b"[]")


def test_what_a_file_holds_does_not_reach_the_terminal_as_it_is() -> None:
    with pytest.raises(FileError) as caught:
        read([{"red\x1b[31m\r\nfield": 1, "x" * 9999: 2}], name="a\nfile")
    said = str(caught.value)
    assert said.isprintable() and said.startswith("a file (json)") and len(said) < 600
    _, skipped = read([{"output": "a"}, {"\x1b[31m": 1}])
    assert isinstance(skipped, Skipped) and skipped.problem.isprintable()


def test_a_format_can_be_asked_for() -> None:
    assert texts([CHAT], format="openai") == ["a"]
    with pytest.raises(FileError, match=r"not in the format 'lm_eval': row 1: .*'resps'"):
        read([CHAT], format="lm_eval")
    with pytest.raises(FileError, match="leave out --text-field or --as"):
        read([CHAT], format="openai", text="text")
    with pytest.raises(UnknownNameError, match="Did you mean 'openai'"):
        read([CHAT], format="openia")


def test_a_saved_stream_is_read_as_whole_answers() -> None:
    def piece(name: str, text: str, finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
        return {"id": name, "object": "chat.completion.chunk", "choices": [choice]}

    pieces = [piece("a", "An "), piece("a", "oak", "stop"), piece("b", "An "), piece("b", "elm")]
    lines = "".join(json.dumps(one) + "\n" for one in pieces)
    events = "".join(f"data: {json.dumps(one)}\n\n" for one in pieces) + "data: [DONE]\n"
    for content in (lines, events, json.dumps(pieces)):
        found = outputs(content.encode())
        assert [(one.text, one.finish) for one in found] == [
            ("An oak", "stop"),
            ("An elm", "unknown"),
        ]


def test_likelihoods_are_refused_for_what_they_are() -> None:
    row = {"doc_id": 0, "arguments": [["Q", " oak"]], "resps": [[[-1.5, False]]]}
    (found,) = read([row])
    assert found == Skipped(1, "it compares likelihoods and holds no generated text")


def test_filters_of_one_file_count_once_and_files_are_apart() -> None:
    sample = {"resps": [["a"]], "arguments": [["Q", {}]]}
    rows = [
        {**sample, "doc_id": doc, "filter": name, "prompt_hash": str(doc)}
        for name in ("strict", "loose")
        for doc in range(3)
    ]
    assert len(outputs(rows)) == len(outputs(rows)) == 3
    # The same name twice: two runs, one behind the other.
    assert len(outputs(rows[:3] * 2)) == 6


def test_texts_can_be_written_whatever_they_hold() -> None:
    (found,) = outputs([{"output": "half \ud800 and whole \U0001f600", "id": "\udfff"}])
    assert found.text == "half \ufffd and whole \U0001f600" and found.id == "\ufffd"
    assert json.dumps(found.text).encode()


def test_formats_know_the_name_of_the_file(tmp_path: Path) -> None:
    row = {"doc_id": 0, "arguments": [["Q", {}]], "resps": [["a"]]}
    path = tmp_path / "o__m" / "samples_trees_2025-01-02T03-04-05.6.jsonl.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(json.dumps(row).encode()))
    with open_reading(path) as reading:
        (found,) = reading
    assert isinstance(found, Item)
    assert (found.output.task, found.output.model) == ("trees", "o__m")


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileError, match=r"cannot be read: .*\."):
            open_reading(path)
    (tmp_path / "empty").touch()
    with pytest.raises(FileError, match="is empty"):
        open_reading(tmp_path / "empty")


class Foreign:
    """A format of another package."""

    name = "foreign"
    title = "rows of a foreign tool"
    finish = "never"

    def recognises(self, row: Row) -> bool:
        return isinstance(row.value, dict) and "foreign" in row.value

    def outputs(self, row: Row) -> Any:
        if not isinstance(row.value["foreign"], str):
            raise RowError("its field 'foreign' is no text")
        yield FileOutput(text=row.value["foreign"], field="foreign")


FOREIGN, NUMBER = Foreign(), 7


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints(
        [
            EntryPoint("foreign", f"{__name__}:FOREIGN", "loopbench.files.formats"),
            EntryPoint("openai", f"{__name__}:FOREIGN", "loopbench.files.formats"),
            EntryPoint("broken", "loopbench_no_such_module:X", "loopbench.files.formats"),
            EntryPoint("number", f"{__name__}:NUMBER", "loopbench.files.formats"),
        ]
    )
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda **wanted: points.select(**wanted)
    )


@pytest.mark.usefixtures("plugins")
def test_third_parties_add_formats() -> None:
    names = formats.names()
    assert {"foreign", "broken", "openai"} <= set(names) and names[-1] == "plain"
    first, second = read([{"foreign": "a"}, {"foreign": 1}])
    assert isinstance(first, Item) and first.output.text == "a"
    assert second == Skipped(2, "its field 'foreign' is no text")
    assert texts([{"foreign": "a"}], format="foreign") == ["a"]


@pytest.mark.usefixtures("plugins")
def test_no_plugin_changes_or_breaks_what_is_built_in() -> None:
    assert texts([CHAT]) == ["a"]
    assert formats.get("openai") is not FOREIGN
    with pytest.raises(PluginError, match=r"'broken' of another .*loopbench_no_such_module"):
        formats.get("broken")
    with pytest.raises(PluginError, match="7 does not follow the contract"):
        formats.get("number")


@pytest.mark.usefixtures("plugins")
def test_a_broken_plugin_is_named_where_formats_are_listed() -> None:
    from click.testing import CliRunner

    from loopbench.cli.listing import ls

    listed = CliRunner().invoke(ls, ["formats"])
    assert listed.exit_code == 0, listed.output
    assert "rows of a foreign tool" in listed.output and "lm_eval" in listed.output
    assert "broken" in listed.output and "uninstall it" in " ".join(listed.output.split())
