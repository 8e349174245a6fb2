"""Rows of every format, and what is to be read from them; texts of our own.

Each format needs an entry here, or in `examples_more.py`; `test_formats.py` goes through both.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from loopbench.files.outputs import Row


class Example(NamedTuple):
    """Some rows of a file, and what its outputs must say."""

    rows: list[Any]
    """Values, or whole `Row`s where the file's name or header counts."""
    outputs: list[dict[str, Any]]
    """Fields of each output; those that are not named are not compared."""


CALL = '<tool_call>\n{"name": "look_up", "arguments": {"word": "oak"}}\n</tool_call>'
ARGUMENTS = '{"word": "oak"}'


def _chat(*messages: dict[str, Any], finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    choices = [
        {"index": at, "message": {"role": "assistant", **message}, "finish_reason": finish}
        for at, message in enumerate(messages)
    ]
    return {"id": "c-1", "object": "chat.completion", "model": "m-1", "choices": choices, **more}


_RESPONSE = {
    "id": "r-1",
    "object": "response",
    "model": "m-1",
    "status": "incomplete",
    "incomplete_details": {"reason": "max_output_tokens"},
    "max_output_tokens": 40,
    "usage": {"input_tokens": 3, "output_tokens": 40},
    "output": [
        {"type": "reasoning", "id": "x", "summary": [{"type": "summary_text", "text": "Trees."}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "An oak"}],
        },
        {"type": "function_call", "name": "look_up", "arguments": ARGUMENTS, "call_id": "1"},
    ],
}
_CLAUDE = {
    "id": "msg-1",
    "type": "message",
    "role": "assistant",
    "model": "c-2",
    "content": [
        {"type": "thinking", "thinking": "Which tree? ", "signature": "s"},
        {"type": "text", "text": "An oak."},
        {"type": "tool_use", "id": "t", "name": "look_up", "input": {"word": "oak"}},
    ],
    "stop_reason": "max_tokens",
    "usage": {"input_tokens": 4, "output_tokens": 31},
}
_GEMINI = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "Which tree? ", "thought": True},
                    {"text": "An oak."},
                    {"functionCall": {"name": "look_up", "args": {"word": "oak"}}},
                ],
            },
            "finishReason": "MAX_TOKENS",
        }
    ],
    "modelVersion": "g-3",
    "usageMetadata": {"candidatesTokenCount": 20, "thoughtsTokenCount": 5},
}


def _record(**generation: Any) -> dict[str, Any]:
    made = {
        "text": "one two",
        "token_ids": [5, 6],
        "token_chars": [3, 4],
        "finish": "length",
        "raw_finish": "limit",
        "prompt_tokens": 3,
        "output_tokens": 2,
        "seconds": 0.5,
    }
    return {
        "schema_version": 2,
        "key": "k",
        "model": "small",
        "task": "counting",
        "task_version": 1,
        "sample_id": "s-1",
        "prompt": "Count.",
        "repeat": 1,
        "sampling": {"max_new_tokens": 2},
        "generation": made | generation,
        "outcome": "truncated",
    }


def _sample(doc: int, name: str | None, *texts: str, **more: Any) -> dict[str, Any]:
    return {
        "doc_id": doc,
        "doc": {"question": "Which tree?"},
        "target": "oak",
        "arguments": {"gen_args_0": {"arg_0": f"Q{doc}", "arg_1": {"until": ["\n\n"]}}},
        "resps": [list(texts)],
        "filtered_resps": ["oak"],
        "exact_match": 1.0,
        **({"filter": name, "prompt_hash": f"h{doc}"} if name else {}),
        **more,
    }


def _inspect(**more: Any) -> dict[str, Any]:
    message = {"id": "1", "role": "assistant", "content": "An oak.", "source": "generate"}
    return {
        "id": 7,
        "epoch": 2,
        "input": "Which tree?",
        "target": "oak",
        "messages": [{"role": "user", "content": "Which tree?"}, message],
        "output": {
            "model": "m-1",
            "choices": [{"message": message, "stop_reason": "max_tokens"}],
            "completion": "An oak.",
            "usage": {"output_tokens": 3},
        },
        "scores": {},
        "model_usage": {"m-1": {"output_tokens": 3}},
        **more,
    }


_AGENT = [
    {"role": "user", "content": "Which tree?", "source": "input"},
    {"role": "assistant", "content": "Said for it.", "source": "input"},
    {
        "role": "assistant",
        "content": [
            {"type": "reasoning", "reasoning": "Hm. "},
            {"type": "text", "text": "I look."},
        ],
        "tool_calls": [{"id": "1", "function": "look_up", "arguments": {"word": "oak"}}],
    },
    {"role": "tool", "content": "a tree", "function": "look_up"},
    {"role": "assistant", "content": "An oak."},
]
_HEADER = {
    "eval": {"model": "org/m-1", "task": "trees"},
    "plan": {"config": {"max_tokens": 64}},
}

EXAMPLES: dict[str, list[Example]] = {
    "plain": [
        Example(
            [
                {
                    "id": 3,
                    "prompt": "p",
                    "output": "An oak.",
                    "finish_reason": "length",
                    "model": "m",
                },
                {"text": "question", "generation": "answer", "stop_reason": "end_turn"},
                {"task_id": "t", "responses": ["a", "b"], "finish_reasons": ["stop", "length"]},
                {"predictions": [{"generated_text": "a"}, {"generated_text": "b"}]},
                {"token_ids": [1, 2, 3], "finish": "length"},
                {"response": None, "error": "timed out"},
                {"response": "", "error": {"message": "too long"}},
                {"question": "q", "answer": "only an answer"},
                "a text alone",
                ["several", "samples"],
            ],
            [
                {
                    "id": 3,
                    "prompt": "p",
                    "text": "An oak.",
                    "finish": "length",
                    "field": "output",
                    "model": "m",
                },
                {
                    "text": "answer",
                    "finish": "stop",
                    "raw_finish": "end_turn",
                    "field": "generation",
                },
                {"id": "t", "text": "a", "finish": "stop", "repeat": 0, "field": "responses[0]"},
                {"text": "b", "finish": "length", "repeat": 1, "field": "responses[1]"},
                {"text": "a", "finish": "unknown"},
                {"text": "b", "repeat": 1},
                {"token_ids": [1, 2, 3], "text": None, "finish": "length", "field": "token_ids"},
                {"text": None, "finish": "error", "error": "timed out"},
                {"finish": "error", "error": "too long"},
                {"text": "only an answer", "field": "answer"},
                {"text": "a text alone"},
                {"text": "several", "repeat": 0},
                {"text": "samples", "repeat": 1},
            ],
        ),
    ],
    "loopbench": [
        Example(
            [
                _record(),
                _record(finish="error", error="gone", text="", token_ids=[], token_chars=[]),
            ],
            [
                {
                    "text": "one two",
                    "token_ids": [5, 6],
                    "token_chars": [3, 4],
                    "finish": "length",
                    "raw_finish": "limit",
                    "model": "small",
                    "task": "counting",
                    "id": "s-1",
                    "prompt": "Count.",
                    "repeat": 1,
                    "budget": 2,
                    "output_tokens": 2,
                },
                {"text": None, "finish": "error", "error": "gone"},
            ],
        ),
        Example([_record(token_chars=[3, 3])], [{"token_ids": [5, 6], "token_chars": None}]),
    ],
    "openai": [
        Example(
            [
                _chat({"content": "An oak."}, usage={"completion_tokens": 3}),
                _chat(
                    {"content": "a"},
                    {"content": "b"},
                    finish="length",
                    usage={"completion_tokens": 3},
                ),
                _chat(
                    {
                        "reasoning_content": "Which? ",
                        "content": "An oak.",
                        "tool_calls": [
                            {
                                "type": "function",
                                "function": {"name": "look_up", "arguments": ARGUMENTS},
                            }
                        ],
                    },
                    finish="tool_calls",
                ),
                _chat(
                    {"content": None, "function_call": {"name": "look_up", "arguments": ARGUMENTS}}
                ),
                _chat({"content": None}, finish="length"),
                {
                    "object": "text_completion",
                    "choices": [{"text": "An", "finish_reason": "length", "token_ids": [9]}],
                },
            ],
            [
                {
                    "id": "c-1",
                    "text": "An oak.",
                    "finish": "stop",
                    "output_tokens": 3,
                    "model": "m-1",
                    "field": "choices[0].message.content",
                },
                {"text": "a", "finish": "length", "repeat": 0, "output_tokens": None},
                {"text": "b", "repeat": 1, "field": "choices[1].message.content"},
                {"text": f"Which? An oak.\n{CALL}", "finish": "stop", "raw_finish": "tool_calls"},
                {"text": CALL},
                {"text": "", "finish": "length"},
                {"text": "An", "token_ids": [9], "field": "choices[0].text"},
            ],
        ),
        Example(
            [
                {
                    "id": "b",
                    "custom_id": "q-1",
                    "error": None,
                    "response": {"status_code": 200, "body": _chat({"content": "An oak."})},
                },
                {
                    "custom_id": "q-2",
                    "response": None,
                    "error": {"code": "expired", "message": "late"},
                },
                {"custom_id": "q-3", "response": {"status_code": 500, "body": {}}, "error": None},
                {
                    "custom_id": "q-4",
                    "response": {"status_code": 400, "body": {"error": {"message": "no"}}},
                    "error": None,
                },
                {
                    "custom_id": "q-5",
                    "response": {"status_code": 200, "body": _RESPONSE},
                    "error": None,
                },
            ],
            [
                {
                    "id": "q-1",
                    "text": "An oak.",
                    "field": "response.body.choices[0].message.content",
                },
                {"id": "q-2", "finish": "error", "error": "late", "text": None},
                {"id": "q-3", "finish": "error", "error": "the server answered with status 500"},
                {"id": "q-4", "error": "no"},
                {"id": "q-5", "finish": "length", "budget": 40},
            ],
        ),
        Example(
            [
                {
                    "id": 4,
                    "task": "trees",
                    "messages": [{"role": "user", "content": "Which?"}],
                    "raw_response": _chat({"reasoning": "So. ", "content": "Oak."}, finish=None),
                    "max_tokens": 9,
                },
                {"responses": [_chat({"content": "a"}), _chat({"content": "b"})]},
            ],
            [
                {
                    "id": "4",
                    "task": "trees",
                    "prompt": "Which?",
                    "text": "So. Oak.",
                    "finish": "unknown",
                    "raw_finish": None,
                    "budget": 9,
                },
                {"text": "a", "repeat": 0},
                {"text": "b", "repeat": 1, "field": "responses[1].choices[0].message.content"},
            ],
        ),
        Example(
            [_RESPONSE, {**_RESPONSE, "status": "completed", "incomplete_details": None}],
            [
                {
                    "text": f"Trees.An oak\n{CALL}",
                    "finish": "length",
                    "raw_finish": "max_output_tokens",
                    "output_tokens": 40,
                    "model": "m-1",
                },
                {"finish": "stop", "raw_finish": "completed"},
            ],
        ),
    ],
    "anthropic": [
        Example(
            [
                _CLAUDE,
                {
                    "custom_id": "q-1",
                    "result": {
                        "type": "succeeded",
                        "message": {**_CLAUDE, "stop_reason": "end_turn"},
                    },
                },
                {
                    "custom_id": "q-2",
                    "result": {
                        "type": "errored",
                        "error": {"type": "error", "error": {"message": "busy"}},
                    },
                },
                {"custom_id": "q-3", "result": {"type": "expired"}},
                {"id": 1, "question": "Which?", "response": {**_CLAUDE, "stop_reason": None}},
            ],
            [
                {
                    "text": f"Which tree? An oak.\n{CALL}",
                    "finish": "length",
                    "raw_finish": "max_tokens",
                    "output_tokens": 31,
                    "model": "c-2",
                },
                {"id": "q-1", "finish": "stop", "field": "result.message.content"},
                {"id": "q-2", "finish": "error", "error": "busy", "text": None},
                {"id": "q-3", "finish": "error", "error": "expired"},
                {"id": "1", "prompt": "Which?", "finish": "unknown", "field": "response.content"},
            ],
        ),
    ],
    "gemini": [
        Example(
            [
                _GEMINI,
                {
                    "key": "q-1",
                    "request": {
                        "contents": [{"role": "user", "parts": [{"text": "Which?"}]}],
                        "generationConfig": {"maxOutputTokens": 25},
                    },
                    "response": _GEMINI,
                },
                {"promptFeedback": {"blockReason": "SAFETY"}},
                {"candidates": [{"content": {"role": "model"}, "finish_reason": "STOP"}]},
            ],
            [
                {
                    "text": f"Which tree? An oak.\n{CALL}",
                    "finish": "length",
                    "output_tokens": 25,
                    "model": "g-3",
                },
                {
                    "id": "q-1",
                    "prompt": "Which?",
                    "budget": 25,
                    "field": "response.candidates[0].content.parts",
                },
                {"finish": "error", "error": "the prompt was blocked (SAFETY)"},
                {"text": "", "finish": "stop"},
            ],
        ),
    ],
    "messages": [
        Example(
            [
                {
                    "id": "a",
                    "model": "m",
                    "messages": [
                        {"role": "system", "content": "Be short."},
                        {"role": "user", "content": "Which?"},
                        {"role": "assistant", "content": "An oak."},
                        {"role": "user", "content": [{"type": "text", "text": "Sure?"}]},
                        {
                            "role": "assistant",
                            "content": "",
                            "tool_calls": [
                                {"function": {"name": "look_up", "arguments": {"word": "oak"}}}
                            ],
                        },
                        {"role": "toolresult", "content": "a tree"},
                        {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]},
                    ],
                    "finish_reason": "length",
                },
                {
                    "conversations": [
                        {"from": "human", "value": "Which?"},
                        {"from": "gpt", "value": "Oak."},
                    ]
                },
                {"conversation": [{"role": "user", "content": "alone"}]},
                [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "Elm."}],
                {
                    "completion": [{"role": "assistant", "content": "Ash."}],
                    "prompt": [{"role": "user", "content": "q"}],
                },
                {"role": "user", "content": "Which?"},
                {"role": "assistant", "content": "Fir."},
            ],
            [
                {
                    "id": "a",
                    "model": "m",
                    "prompt": "Which?",
                    "text": "An oak.",
                    "finish": "stop",
                    "raw_finish": None,
                    "field": "messages[2].content",
                },
                {"prompt": "Sure?", "text": CALL, "finish": "stop", "field": "messages[4].content"},
                {"text": "Yes.", "finish": "length", "raw_finish": "length"},
                {
                    "prompt": "Which?",
                    "text": "Oak.",
                    "finish": "unknown",
                    "field": "conversations[1].value",
                },
                {"text": "Elm.", "finish": "unknown"},
                {"text": "Ash.", "field": "completion[0].content"},
                {"text": "Fir.", "field": "content"},
            ],
        ),
        Example(
            [
                {
                    "conversation_a": [
                        {"role": "user", "content": "q"},
                        {"role": "assistant", "content": "a"},
                    ],
                    "conversation_b": [
                        {"role": "user", "content": "q"},
                        {"role": "assistant", "content": "b"},
                    ],
                    "model_a": "one",
                    "model_b": "two",
                }
            ],
            [
                {"text": "a", "model": "one", "repeat": 0},
                {"text": "b", "model": "two", "repeat": 1},
            ],
        ),
    ],
    "lm_eval": [
        Example(
            # A document has a line per filter.
            [
                _sample(0, "strict", "one", "two"),
                _sample(1, "strict", "three"),
                _sample(0, "loose", "one", "two"),
                _sample(1, "loose", "three"),
            ],
            [
                {
                    "id": "0",
                    "text": "one",
                    "repeat": 0,
                    "finish": "unknown",
                    "prompt": "Q0",
                    "budget": 256,
                    "budget_default": True,
                },
                {"id": "0", "text": "two", "repeat": 1},
                {"id": "1", "text": "three", "prompt_hash": "h1"},
            ],
        ),
        Example(
            [
                Row(
                    1,
                    _sample(0, "none", "one", arguments=[["Q", {"max_gen_toks": 1024}]]),
                    file="out/org__m-1/samples_trees_2025-01-02T03-04-05.678901.jsonl",
                ),
                Row(
                    2,
                    _sample(1, None, "two", arguments=[["Q", {"max_new_tokens": 8}]]),
                    context={"task": "trees"},
                ),
                # Version 0.4.0 does not name the filter.
                Row(
                    3,
                    _sample(1, None, "two", arguments=[["Q", {"max_new_tokens": 8}]]),
                    context={"task": "trees"},
                ),
            ],
            [
                {"task": "trees", "model": "org__m-1", "budget": 1024, "budget_default": False},
                {"task": "trees", "text": "two", "budget": 8},
            ],
        ),
        Example(
            [
                _sample(
                    0,
                    "none",
                    "cut",
                    loopbench=[
                        {
                            "finish": "length",
                            "raw_finish": "limit",
                            "raw": "cut here",
                            "token_ids": [1, 2],
                            "token_chars": [3, 5],
                        }
                    ],
                ),
                _sample(1, "none", None),
            ],
            [
                {
                    "text": "cut here",
                    "finish": "length",
                    "raw_finish": "limit",
                    "token_ids": [1, 2],
                    "token_chars": [3, 5],
                },
                {"text": None, "finish": "error"},
            ],
        ),
        # Of a chat, some log no settings.
        Example(
            [_sample(0, "none", "-9", arguments={"gen_args_0": {"arg_0": ["Q"]}})],
            [{"text": "-9", "prompt": "Q", "budget": None}],
        ),
        Example(
            [{"doc_id": 3, "prompt_0": "Q", "logit_0": "An oak.", "truth": "oak", "em": "1.0"}],
            [{"id": "3", "text": "An oak.", "prompt": "Q", "field": "logit_0"}],
        ),
    ],
    "inspect_ai": [
        Example(
            [Row(1, _inspect(), context=_HEADER), _inspect(epoch=1)],
            [
                {
                    "id": "7",
                    "repeat": 1,
                    "text": "An oak.",
                    "finish": "length",
                    "raw_finish": "max_tokens",
                    "model": "org/m-1",
                    "task": "trees",
                    "prompt": "Which tree?",
                    "budget": 64,
                    "output_tokens": 3,
                },
                {"repeat": 0, "model": "m-1", "task": None, "budget": None},
            ],
        ),
        Example(
            [
                _inspect(messages=_AGENT, limit={"type": "message", "limit": 5}),
                _inspect(
                    messages=_AGENT,
                    model_usage={"m": {"output_tokens": 4}, "n": {"output_tokens": 5}},
                ),
                _inspect(error={"message": "boom", "traceback": "…"}),
                _inspect(messages=[], output={"model": "m", "choices": [], "completion": ""}),
            ],
            [
                {
                    "text": f"Hm. I look.\n{CALL}\nAn oak.",
                    "finish": "length",
                    "raw_finish": "limit of message",
                },
                {"finish": "length", "raw_finish": "max_tokens", "output_tokens": 9},
                {"finish": "error", "error": "boom", "text": None},
                {"text": "", "finish": "unknown"},
            ],
        ),
    ],
    "lighteval": [
        Example(
            [
                Row(
                    1,
                    {
                        "doc": {
                            "query": "Which?",
                            "id": "5",
                            "task_name": "trees|0",
                            "generation_size": 99,
                        },
                        "metric": {"em": 1},
                        "model_response": {
                            "input": "<user>Which?",
                            "text": ["Oak.", "Elm."],
                            "output_tokens": [[1, 2], [3]],
                            "reasonings": [None, "So. "],
                            "logprobs": [],
                        },
                    },
                )
            ],
            [
                {
                    "id": "5",
                    "task": "trees|0",
                    "text": "Oak.",
                    "token_ids": [1, 2],
                    "prompt": "<user>Which?",
                    "budget": 99,
                    "finish": "unknown",
                    "field": "model_response.text[0]",
                },
                {"text": "So. Elm.", "token_ids": None, "repeat": 1},
            ],
        ),
        Example(
            [
                Row(
                    1,
                    {
                        "example": "Which?",
                        "full_prompt": "Q: Which?",
                        "predictions": "['An oak\\'s', 'Elm']",
                        "cont_tokens": "[[1, 2], [3]]",
                        "input_tokens": "[[7]]",
                        "num_asked_few_shots": "0",
                    },
                    file="x/details/org/m-1/2025-01-02T03-04-05.67/details_trees|0_2025-01-02T03-04-05.67.parquet",
                ),
                {
                    "full_prompt": "Q",
                    "predictions": ["Ash"],
                    "cont_tokens": "[tensor([1])]",
                    "input_tokens": [],
                },
            ],
            [
                {
                    "text": "An oak's",
                    "token_ids": [1, 2],
                    "prompt": "Q: Which?",
                    "task": "trees|0",
                    "model": "org/m-1",
                },
                {"text": "Elm", "token_ids": [3], "repeat": 1},
                {"text": "Ash", "token_ids": None},
            ],
        ),
    ],
}

REFUSED: list[tuple[str, Any, str]] = [
    (
        "lm_eval",
        _sample(0, "none", resps=[[["-1.5", "False"]], [["-2.5", "True"]]]),
        "compares likelihoods",
    ),
    ("lm_eval", _sample(0, "none", resps=[[-1.5, False]]), "compares likelihoods"),
    (
        "lm_eval",
        _sample(0, "none", "-9.5", arguments={"gen_args_0": {"arg_0": "text"}}),
        "compares likelihoods",
    ),
    ("lm_eval", _sample(0, "none", "x", arguments=[["Q", " oak"]]), "compares likelihoods"),
    ("lm_eval", {"doc_id": 0, "logit_0": "(-1.25, False)", "truth": "0"}, "compares likelihoods"),
    ("lm_eval", {"doc_id": 0, "filtered_resps": ["oak"]}, "--text-field filtered_resps"),
    ("lm_eval", {"doc_id": 0, "logit_0": -1.25, "truth": "0"}, "compares likelihoods"),
    (
        "lighteval",
        {"doc": {}, "model_response": {"text": [], "logprobs": [-1.0]}},
        "compares likelihoods",
    ),
    (
        "lighteval",
        {"full_prompt": "", "predictions": "[(-1.5, False)]", "cont_tokens": ""},
        "compares likelihoods",
    ),
    ("loopbench", {**_record(), "escaped": False}, "name records.jsonl"),
    ("loopbench", _record(finish="ended"), "Invalid enum value"),
]
"""Rows that a format knows, and refuses: its name, the row, and what the sentence says."""


def _delta(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text, **more}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def _block(at: int, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": at, "delta": more}


def _piece(text: str, finish: str | None = None, name: str = "r") -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}}
    told = {"finishReason": finish} if finish else {}
    return {"candidates": [{**candidate, **told}], "responseId": name, "modelVersion": "g"}


_UNNAMED = {"object": "text_completion", "choices": [{"index": 0, "text": "a"}]}

STREAMS: dict[str, list[Example]] = {
    "openai": [
        Example(
            [
                {**_delta(), "id": "other"},
                _delta("", reasoning_content="Hm. "),
                _delta("An "),
                {**_delta("elm", "length"), "id": "other"},
                _delta("oak."),
                _delta(tool_calls=[{"index": 0, "function": {"name": "look_up", "arguments": ""}}]),
                _delta(tool_calls=[{"index": 0, "function": {"arguments": ARGUMENTS[:5]}}]),
                _delta(tool_calls=[{"index": 0, "function": {"arguments": ARGUMENTS[5:]}}]),
                _delta(finish="tool_calls"),
                {"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": {}},
                {**_delta("cut "), "id": "d"},
                {**_delta("off"), "id": "d"},
            ],
            [
                {"text": "elm", "finish": "length"},
                {"text": f"Hm. An oak.\n{CALL}", "finish": "stop", "model": "m"},
                {"text": "cut off", "finish": "unknown"},
            ],
        ),
        Example(
            [
                {
                    "id": "p",
                    "object": "text_completion",
                    "choices": [{"index": 0, "text": text, "finish_reason": finish}],
                }
                for text, finish in (("An ", None), ("oak", None), ("", "length"))
            ],
            [{"text": "An oak", "finish": "length"}],
        ),
        # Whole answers, though they do not say why they ended.
        Example([_UNNAMED, _UNNAMED], [{"text": "a"}, {"text": "a"}]),
        Example(
            [
                {
                    "type": "response.created",
                    "sequence_number": 0,
                    "response": {**_RESPONSE, "status": "in_progress", "output": []},
                },
                {"type": "response.output_text.delta", "sequence_number": 1, "delta": "An oak"},
                {"type": "response.output_text.done", "sequence_number": 2, "text": "An oak"},
                {"type": "response.incomplete", "sequence_number": 3, "response": _RESPONSE},
            ],
            [{"text": f"Trees.An oak\n{CALL}", "finish": "length"}],
        ),
    ],
    "anthropic": [
        Example(
            [
                {
                    "type": "message_start",
                    "message": {**_CLAUDE, "content": [], "stop_reason": None},
                },
                {
                    "type": "content_block_start",
                    "index": 0,
                    "content_block": {"type": "thinking", "thinking": ""},
                },
                {"type": "ping"},
                _block(0, type="thinking_delta", thinking="Which "),
                _block(0, type="thinking_delta", thinking="tree? "),
                {"type": "content_block_stop", "index": 0},
                {
                    "type": "content_block_start",
                    "index": 1,
                    "content_block": {"type": "text", "text": ""},
                },
                _block(1, type="text_delta", text="An oak."),
                {
                    "type": "content_block_start",
                    "index": 2,
                    "content_block": {"type": "tool_use", "name": "look_up", "input": {}},
                },
                _block(2, type="input_json_delta", partial_json=ARGUMENTS[:5]),
                _block(2, type="input_json_delta", partial_json=ARGUMENTS[5:]),
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "max_tokens"},
                    "usage": {"output_tokens": 9},
                },
                {"type": "message_stop"},
            ],
            [
                {
                    "text": f"Which tree? An oak.\n{CALL}",
                    "finish": "length",
                    "model": "c-2",
                    "output_tokens": 9,
                }
            ],
        ),
    ],
    "gemini": [
        Example(
            [_piece("An "), _piece("elm", "STOP", "s"), _piece("oak"), _piece(".", "MAX_TOKENS")],
            [
                {"text": "elm", "finish": "stop"},
                {"text": "An oak.", "finish": "length", "model": "g"},
            ],
        ),
    ],
}
"""Answers that were saved in pieces, a row each: they are one output."""

OTHERS: list[Any] = [
    {},
    {
        "question": "Which?",
        "choices": [{"text": "oak", "label": "A"}, {"text": "elm", "label": "B"}],
    },
    {"custom_id": "q", "method": "POST", "url": "/v1", "body": {"messages": []}},
    {"eval": {"model": "m"}, "samples": None},
    json.loads("[1, 2, 3]"),
    {"messages": "no list"},
]
"""Rows that hold no outputs; no format may know them."""
