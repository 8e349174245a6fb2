"""What the results of the function calling leaderboard say only by where they lie."""

from __future__ import annotations

import pytest

from loopbench.files.formats.bfcl import FORMAT
from loopbench.files.outputs import Row

RESULT = {"id": 3, "result": "[mow()]"}


@pytest.mark.parametrize(
    ("file", "model", "task"),
    [
        ("out/result/ox-1b-FC/BFCL_v3_simple_result.json", "ox-1b-FC", "simple"),
        ("result/ox_1b/non_live/BFCL_v4_simple_python_result.json", "ox_1b", "simple_python"),
        ("score/ox/agentic/memory/kv/BFCL_v4_memory_score.json.gz", "ox", "memory"),
        ("ox/gorilla_openfunctions_v1_test_java_result.json", "ox", "java"),
        ("C:/r/result/BFCL_v3_rest_result.json", None, "rest"),
        ("BFCL_v3_rest_result.json", None, "rest"),
        ("result/ox/outputs.json", None, None),
    ],
)
def test_the_folder_is_the_model_and_the_file_the_task(
    file: str, model: str | None, task: str | None
) -> None:
    row = Row(1, RESULT, file=file)
    assert FORMAT.recognises(row) == (task is not None)
    (output,) = FORMAT.outputs(row)
    assert (output.model, output.task, output.id) == (model, task, "3")


def test_what_a_row_says_itself_comes_first() -> None:
    value = {
        "id": "java_2",
        "model_name": "ewe",
        "test_category": "java",
        "valid": False,
        "model_result_raw": "x",
    }
    (output,) = FORMAT.outputs(Row(2, value, file="score/ox/BFCL_v3_simple_score.json"))
    assert (output.model, output.task) == ("ewe", "java")


def test_where_all_were_right_there_is_nothing_to_judge() -> None:
    row = Row(1, {"accuracy": 1.0, "correct_count": 2, "total_count": 2})
    assert FORMAT.recognises(row)
    assert list(FORMAT.outputs(row)) == []


def test_arguments_stay_as_they_were_written() -> None:
    value = {"id": "simple_0", "result": [{"mow": '{"lawn": 1,  1,  1,  1'}], "latency": 1}
    (output,) = FORMAT.outputs(Row(1, value))
    assert output.text is not None
    assert '"arguments": {"lawn": 1,  1,  1,  1}\n</tool_call>' in output.text


@pytest.mark.parametrize(
    ("steps", "log", "finish"),
    [
        (21, None, "length"),
        (20, None, "unknown"),
        # The last of them was no call, so the model had ended by itself.
        (21, [{"begin_of_turn_query": [], "step_20": [{"role": "assistant"}]}], "unknown"),
        (3, [{"step_2": [{"role": "handler_log", "content": "It was forced to quit."}]}], "length"),
        (3, [{"step_0": [{"content": "It was forced to quit."}]}, {"step_0": []}], "unknown"),
        (3, [{"step_0": 5}, [], {"begin": None}], "unknown"),
    ],
)
def test_a_turn_that_used_up_its_steps_was_cut(steps: int, log: object, finish: str) -> None:
    value = {"id": "multi_turn_base_1", "result": [["Hello."], ["Again."] * steps], "latency": []}
    (output,) = FORMAT.outputs(Row(1, {**value, "inference_log": log}))
    assert output.finish == finish
