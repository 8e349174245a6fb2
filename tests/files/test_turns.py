"""One text for several parts of an answer."""

from __future__ import annotations

import pytest

from loopbench.files.outputs import RowError
from loopbench.files.turns import answer_text, call_text, call_texts


def test_thoughts_come_first_and_calls_last() -> None:
    assert answer_text("so so so", "") == "so so so"
    assert answer_text("So. ", "Hay.") == "So. Hay."
    assert answer_text("So.", None, ["A"]) == "So.\nA"
    assert answer_text(None, "Hay.", ["A", "B"]) == "Hay.\nA\nB"
    assert answer_text(["so"], {"a": 1}) == ""


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ({"a": "é"}, '{"a": "é"}'),
        ('{"a":   1}', '{"a":   1}'),
        ('{"a": [1, 1, 1, 1', '{"a": [1, 1, 1, 1'),
        ("", "{}"),
        (None, "{}"),
        ([1], "[1]"),
    ],
)
def test_arguments_are_kept_as_they_are(arguments: object, written: str) -> None:
    expected = f'<tool_call>\n{{"name": "mow", "arguments": {written}}}\n</tool_call>'
    assert call_text("mow", arguments) == expected


def test_arguments_of_any_depth_are_no_crash() -> None:
    deep: object = 0
    for _ in range(9000):
        deep = [deep]
    with pytest.raises(RowError, match="cannot be written"):
        call_text("mow", deep)


def test_calls_of_all_protocols_are_alike() -> None:
    wanted = [call_text("mow", {"lawn": 2})]
    assert call_texts([{"name": "mow", "arguments": {"lawn": 2}}]) == wanted
    assert call_texts([{"name": "mow", "parameters": {"lawn": 2}}]) == wanted
    assert call_texts([{"function": {"name": "mow", "arguments": '{"lawn": 2}'}}]) == wanted
    assert call_texts([None, 3, {"function": None}, {"arguments": {}}]) == []
    assert call_texts("mow") == call_texts(None) == []
