"""Files of outputs as recordings: whose output is whose, what is left out, what is held."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loopbench.detectors.parts.tokens import FALLBACK, fallback_tokens
from loopbench.files.recordings import Recording, RecordingError
from loopbench.files.rows import load_file
from loopbench.types import Request


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Recording]:
    def loaded(*rows: dict[str, Any] | str, name: str | None = None) -> Recording:
        file = tmp_path / "answers.jsonl"
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        file.write_text("".join(line + "\n" for line in lines))
        return load_file(file, name)

    return loaded


def said(recording: Recording) -> list[tuple[str, str, int, str]]:
    """Return task, sample, repeat and text of everything that is recorded, as it is asked for."""
    found = []
    for sample, sampling, repeat in recording.asked(recording.samples):
        request = Request(
            key="", prompt=sample.prompt, sampling=sampling, sample_id=sample.id, repeat=repeat
        )
        output = recording.find(request)
        assert output
        found.append((sample.task, sample.id, repeat, output.text))
    return found


def test_prompts_may_repeat_an_unequal_number_of_times(load) -> None:
    recording = load(
        {"id": 1, "prompt": "p", "text": "a"},
        {"id": 2, "prompt": "q", "text": "b"},
        {"id": 3, "prompt": "p", "text": "c"},
    )
    assert recording.repeats == 2
    assert said(recording) == [
        ("recorded", "1", 0, "a"), ("recorded", "2", 0, "b"), ("recorded", "1", 1, "c"),
    ]  # fmt: skip


def test_several_samples_of_a_row_are_its_repeats(load) -> None:
    rows = [{"prompt": "p", "outputs": ["a", "b"]}, {"prompt": "q", "outputs": ["c"]}]
    assert [text for *_, text in said(load(*rows))] == ["a", "c", "b"]
    # Alone in its file, a line like this is no document of rows either.
    assert [text for *_, text in said(load(rows[0]))] == ["a", "b"]


def test_tasks_are_told_apart_though_they_share_ids_or_prompts(load) -> None:
    recording = load(
        {"task": "math", "id": 1, "text": "a"},
        {"task": "code", "id": 1, "text": "b"},
        {"task": "code", "id": 1, "text": "c"},
        {"task": "math", "prompt": "p", "text": "d"},
        {"task": "code", "prompt": "p", "text": "e"},
    )
    assert said(recording) == [
        ("math", "1", 0, "a"), ("code", "1@2", 0, "b"), ("math", "4", 0, "d"),
        ("code", "5", 0, "e"), ("code", "1@2", 1, "c"),
    ]  # fmt: skip


def test_a_hash_stands_for_its_prompt(load) -> None:
    digest = hashlib.sha256(b"secret question").hexdigest()
    recording = load({"id": "x", "prompt_hash": digest, "text": "a"}, {"id": "y", "text": "b"})
    assert said(recording) == [("recorded", "x", 0, "a"), ("recorded", "y", 0, "b")]
    (sampling,) = recording.samplings
    found = recording.find(Request(key="", prompt="secret question", sampling=sampling))
    assert found and found.text == "a"
    assert recording.find(Request(key="", prompt="another one", sampling=sampling)) is None


MODELS = [
    {"model": "org/a", "prompt": "p", "text": "of a"},
    {"model": "org/b", "prompt": "p", "text": "of b"},
    {"prompt": "p", "text": "of nobody"},
]


def test_one_of_several_models_is_picked(load) -> None:
    first, second = (load(*MODELS, name=name) for name in ("org/a", "org/b"))
    assert [text for *_, text in said(second)] == ["of b"]
    assert (second.info.name, second.info.path.endswith("answers.jsonl#org/b")) == ("org/b", True)
    # Or a comparison would say that the weights are the same.
    assert first.info.fingerprint != second.info.fingerprint


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (None, r"several models, org/a, org/b, one without a name; name one as .*jsonl#MODEL"),
        ("org/c", r"has no model 'org/c', only org/a"),
    ],
)
def test_which_models_there_are_is_said(load, name: str | None, words: str) -> None:
    with pytest.raises(RecordingError, match=words):
        load(*MODELS, name=name)


def test_many_models_are_not_all_listed(load) -> None:
    with pytest.raises(RecordingError, match=r"m9 and 40 more; name one"):
        load(*({"model": f"m{i}", "text": "a"} for i in range(50)))


def test_the_only_model_gives_its_name_and_a_file_of_none_may_be_given_one(load) -> None:
    assert load(MODELS[0]).info.name == "org/a"
    assert load(MODELS[2]).info.name == "answers"
    assert load(MODELS[2], name="mine").info.name == "mine"


def test_rows_that_cannot_be_read_are_counted_and_told(load) -> None:
    recording = load(
        {"text": "a"}, "{", {"text": "b"}, {"id": 3}, "[1]", {"text": "c"}, '{"text": "cut o'
    )
    assert [text for *_, text in said(recording)] == ["a", "b", "c"]
    assert [one.number for one in recording.skipped] == [2, 4, 5, 7]
    (note,) = recording.notes()
    assert note.startswith("4 of 7 rows of ")
    assert "are in no rate: row 2: " in note and note.endswith("; and 1 more.")
    assert load({"text": "a"}).notes() == []


def test_nothing_that_can_be_replayed_is_one_sentence(load) -> None:
    with pytest.raises(RecordingError, match=r"no format known here\. The fields of its first"):
        load({"id": 1})


def test_ids_without_a_text_are_left_out_where_others_have_no_ids(load) -> None:
    recording = load({"text": "one two"}, {"token_ids": [1, 2, 3]})
    assert recording.info.tokenization == FALLBACK
    assert [text for *_, text in said(recording)] == ["one two"]
    assert recording.skipped[0].problem.startswith("it has token ids without a text")
    assert recording.skipped[0].number == 2
    # Alone they are judged.
    assert load({"token_ids": [1, 2, 3]}).info.tokenization == "model"


def test_a_row_whose_generation_failed_makes_no_words_of_the_ids_of_others(load) -> None:
    recording = load({"token_ids": [1, 2], "text": "ab"}, {"error": "away", "finish": "error"})
    assert recording.info.tokenization == "model"
    failed = [one() for one in recording.streams.values() if one().finish == "error"]
    assert [(one.error, one.token_ids) for one in failed] == [("away", [])]


def test_where_some_have_no_ids_the_tokens_of_all_are_words(load) -> None:
    text = "so it goes, " * 9
    recording = load({"token_ids": [7], "text": text}, {"text": "short"})
    ids, pieces = fallback_tokens(text)
    stream = next(iter(recording.streams.values()))()
    assert (list(stream.token_ids), list(stream.pieces)) == (list(ids), list(pieces))
    assert recording.samplings[0].max_new_tokens == len(ids)


@pytest.mark.parametrize(
    ("row", "pieces"),
    [
        ({"text": "abc", "token_ids": [1, 2], "token_chars": [2, 1]}, ["ab", "c"]),
        ({"text": ["ab", "c"], "token_ids": [1, 2]}, ["ab", "c"]),
        # These do not add up: tokens are then placed evenly.
        ({"text": "abcd", "token_ids": [1, 2], "token_chars": [9, 1]}, ["ab", "cd"]),
        ({"text": "abcd", "token_ids": [1, 2], "token_chars": [5, -1]}, ["ab", "cd"]),
        ({"text": "abcd", "token_ids": [1, 2], "token_chars": [4]}, ["ab", "cd"]),
        ({"token_ids": [1, 2]}, ["", ""]),
    ],
)
def test_every_token_has_the_text_that_it_added(load, row: dict, pieces: list[str]) -> None:
    stream = next(iter(load(row).streams.values()))()
    assert (stream.token_ids, list(stream.pieces)) == ([1, 2], pieces)


def test_what_no_file_of_a_run_could_hold_is_mended_or_left_out(load) -> None:
    broken = '{"id": "\\ud83d", "prompt": "q\\udc00", "text": "a\\ud83db", "model": "m\\udfff"}'
    huge = {"token_ids": [10**30], "text": "x", "model": "m\ufffd"}
    pieces = '{"token_ids": [1, 2], "text": ["a\\ud83d", "b"], "model": "m\\udfff"}'
    assert said(load(broken, huge)) == [
        ("recorded", "\ufffd", 0, "a\ufffdb"), ("recorded", "2", 0, "x"),
    ]  # fmt: skip
    assert [text for *_, text in said(load(pieces))] == ["a\ufffdb"]


def test_of_lines_only_an_index_is_held(load, tmp_path: Path) -> None:
    recording = load(*({"prompt": f"p{i}", "text": f"text {i}"} for i in range(3)))
    file = tmp_path / "answers.jsonl"
    file.write_bytes(file.read_bytes().replace(b"text 1", b"TEXT 1"))
    assert [text for *_, text in said(recording)] == ["text 0", "TEXT 1", "text 2"]
    file.write_bytes(file.read_bytes().replace(b'"text"', b'"test"'))
    with pytest.raises(ValueError, match="no field of it is known to hold an output"):
        said(recording)


def test_a_line_is_read_again_by_the_format_that_read_it(load) -> None:
    documents = [
        {
            "doc_id": i,
            "filter": name,
            "resps": [[f"{i} said", f"{i} also"]],
            "arguments": [["Q", {}]],
        }
        for i in range(2)
        for name in ("strict", "loose")
    ]
    recording = load({"prompt": "p", "text": "plain"}, *documents)
    texts = [text for *_, text in said(recording)]
    assert sorted(texts) == ["0 also", "0 said", "1 also", "1 said", "plain"]


def test_the_budget_is_what_the_file_says_where_its_tokens_are_the_models(load) -> None:
    row = {"text": "ab", "token_ids": [1, 2], "sampling_params": {"max_tokens": 4096}}
    assert load(row).samplings[0].max_new_tokens == 4096
    assert load({**row, "token_ids": [1] * 5000}).samplings[0].max_new_tokens == 5000
    # Words are other tokens.
    assert load(row, {"text": "c"}).samplings[0].max_new_tokens < 4096
