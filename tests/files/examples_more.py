"""Rows of formats, of our own words, and the outputs that are to be read from them.

Each example of a format is a pair: the values of the rows of a file, and for each output the
fields that it must have.
"""

from __future__ import annotations

from typing import Any

Example = tuple[list[Any], list[dict[str, Any]]]

CALL = '<tool_call>\n{"name": "mow", "arguments": {"lawn": 2}}\n</tool_call>'

BFCL: list[Example] = [
    (
        [
            {
                "id": "simple_python_0",
                "result": [{"mow": '{"lawn": 2}'}],
                "input_token_count": 90,
                "output_token_count": 12,
                "latency": 0.5,
                "reasoning_content": "Grass is high.",
            },
            {
                "id": "irrelevance_7",
                "result": "No garden, no mower.",
                "input_token_count": 60,
                "output_token_count": 6,
                "latency": 0.25,
            },
            {
                "id": "live_parallel_3-1-0",
                "result": "Error during inference: the server went away",
                "traceback": "…",
            },
            {
                "id": "multi_turn_base_4",
                "result": [
                    [[{"mow": {"lawn": 2}}], [{"mow": {"lawn": 2}}], "Both are cut."],
                    ["Goodbye."],
                ],
                "input_token_count": [[9, 9, 9], [9]],
                "output_token_count": [[5, 5, 4], [2]],
                "latency": [[0.1, 0.1, 0.1], [0.1]],
                "inference_log": [],
                "reasoning_content": [["Cut.", "", ""], ["Part."]],
            },
            {
                "id": "multi_turn_base_5",
                "result": [[[{"mow": {"lawn": 2}}]] * 21],
                "input_token_count": [[1] * 21],
                "output_token_count": [[2] * 21],
                "latency": [[0.1] * 21],
            },
        ],
        [
            {
                "text": f"Grass is high.\n{CALL}",
                "finish": "unknown",
                "id": "simple_python_0",
                "task": "simple_python",
                "output_tokens": 12,
            },
            {"text": "No garden, no mower.", "id": "irrelevance_7", "task": "irrelevance"},
            {
                "text": None,
                "finish": "error",
                "error": "the server went away",
                "id": "live_parallel_3-1-0",
                "task": "live_parallel",
            },
            {
                "text": f"Cut.\n{CALL}\n{CALL}\nBoth are cut.\nPart.Goodbye.",
                "finish": "unknown",
                "output_tokens": 16,
            },
            {"text": "\n".join([CALL] * 21), "finish": "length", "output_tokens": 42},
        ],
    ),
    (
        [
            {"accuracy": 0.5, "correct_count": 1, "total_count": 2},
            {
                "id": "simple_1",
                "model_name": "lawn-1b",
                "test_category": "simple",
                "valid": False,
                "error": ["wrong lawn"],
                "error_type": "value_error",
                "prompt": {"id": "simple_1", "question": "Which lawn?"},
                "model_result_raw": "mow(lawn=3)",
                "possible_answer": [{"mow": {"lawn": [2]}}],
            },
        ],
        [
            {
                "text": "mow(lawn=3)",
                "id": "simple_1",
                "model": "lawn-1b",
                "task": "simple",
                "field": "model_result_raw",
            }
        ],
    ),
    (
        [
            {"idx": 0, "result": "[mow(lawn=2)]", "input_token_count": 3, "latency": 0.1},
            {
                "idx": 1,
                "result": {"finishReason": "SAFETY", "safetyRatings": []},
                "input_token_count": 3,
                "latency": 0.1,
            },
        ],
        [
            {"text": "[mow(lawn=2)]", "id": "0"},
            {"id": "1", "finish": "error", "error": "the answer was withheld: SAFETY"},
        ],
    ),
]

HUMAN_EVAL: list[Example] = [
    (
        [
            {"task_id": "HumanEval/3", "completion": "    return hay + hay\n"},
            {
                "task_id": "HumanEval/4",
                "completion": "    return None\n",
                "result": "passed",
                "passed": True,
            },
            {"task_id": "Mbpp/9", "solution": "def bale(x):\n    return x\n"},
            {
                "task_id": "BigCodeBench/2",
                "raw_solution": "Here it is:\ndef bale(x): ...",
                "solution": "def bale(x): ...",
            },
            {"task_id": 11, "completion": ["a = 1", "a = 2"], "finish_reason": ["stop", "length"]},
        ],
        [
            {"text": "    return hay + hay\n", "id": "HumanEval/3", "field": "completion"},
            {"text": "    return None\n", "id": "HumanEval/4"},
            {"text": "def bale(x):\n    return x\n", "id": "Mbpp/9", "field": "solution"},
            {"text": "Here it is:\ndef bale(x): ...", "field": "raw_solution"},
            {"text": "a = 1", "id": "11", "finish": "stop", "field": "completion[0]"},
            {"text": "a = 2", "id": "11", "repeat": 1, "finish": "length"},
        ],
    ),
    (
        [
            {
                "question_title": "Hay",
                "question_content": "How many bales?",
                "question_id": "77_B",
                "difficulty": "easy",
                "output_list": ["Twelve:\n```\nprint(12)\n```", ""],
                "code_list": ["print(12)", ""],
                "graded_list": [True, False],
                "pass@1": 0.5,
            }
        ],
        [
            {"text": "Twelve:\n```\nprint(12)\n```", "id": "77_B", "prompt": "How many bales?"},
            {"text": "", "id": "77_B", "repeat": 1, "field": "output_list[1]"},
        ],
    ),
    (
        [
            {
                "date": "2031-05-06 07:08",
                "hash": "0a",
                "eval": {
                    "HumanEval/0": [
                        {"task_id": "HumanEval/0", "solution": "def f(): 1", "base_status": "pass"},
                        {"task_id": "HumanEval/0", "solution": "def f(): 2", "base_status": "fail"},
                    ]
                },
            }
        ],
        [
            {"text": "def f(): 1", "id": "HumanEval/0", "repeat": 0},
            {"text": "def f(): 2", "id": "HumanEval/0", "repeat": 1},
        ],
    ),
]

ALPACA_EVAL: list[Example] = [
    (
        [
            {
                "dataset": "barn",
                "instruction": "Name a tool.",
                "output": "A rake.",
                "generator": "rake-7b",
            }
        ],
        [
            {
                "text": "A rake.",
                "model": "rake-7b",
                "task": "barn",
                "prompt": "Name a tool.",
                "field": "output",
            }
        ],
    ),
    (
        [
            {
                "dataset": "barn",
                "instruction": "Name a tool.",
                "output_1": "A hoe.",
                "generator_1": "hoe-1b",
                "output_2": "A rake.",
                "generator_2": "rake-7b",
                "annotator": "judge",
                "preference": 1.5,
            },
            {"instruction": "Name two.", "output_1": "A.", "output_2": "B."},
        ],
        [
            {"text": "A hoe.", "model": "hoe-1b", "repeat": 0, "field": "output_1"},
            {"text": "A rake.", "model": "rake-7b", "repeat": 0, "field": "output_2"},
            {"text": "A.", "model": None, "repeat": 0},
            {"text": "B.", "model": None, "repeat": 1},
        ],
    ),
]

MT_BENCH: list[Example] = [
    (
        [
            {
                "question_id": 81,
                "answer_id": "q",
                "model_id": "barn-owl",
                "choices": [{"index": 0, "turns": ["Hoo.", "Hoo hoo."]}],
                "tstamp": 1.5,
            },
            {
                "question_id": "a1",
                "answer_id": "r",
                "model_id": "barn-owl",
                "choices": [{"index": 0, "turns": [{"content": "Hoo?", "token_len": 3}]}],
                "tstamp": 1.5,
            },
            {
                "question_id": 82,
                "answer_id": "s",
                "model_id": "barn-owl",
                "choices": [{"index": 0, "turns": ["$ERROR$"]}],
                "tstamp": 1.5,
            },
        ],
        [
            {"text": "Hoo.", "id": "81/1", "model": "barn-owl", "field": "choices[0].turns[0]"},
            {"text": "Hoo hoo.", "id": "81/2", "model": "barn-owl", "finish": "unknown"},
            {"text": "Hoo?", "id": "a1", "output_tokens": 3},
            {"text": None, "id": "82", "finish": "error"},
        ],
    ),
    (
        [
            {
                "uid": "u1",
                "ans_id": "t",
                "model": "barn-owl",
                "messages": [
                    {"role": "user", "content": "Who?"},
                    {"role": "assistant", "content": {"answer": "Hoo.", "thought": "Me."}},
                ],
                "tstamp": 1.5,
                "metadata": {"token_len": 2},
            }
        ],
        [{"text": "Me.Hoo.", "id": "u1", "model": "barn-owl"}],
    ),
    (
        [
            {
                "question_id": 81,
                "model": "barn-owl",
                "judge": ["crow", "single-v1"],
                "user_prompt": "Judge it.",
                "judgment": "Rating: [[5]]",
                "score": 5,
                "turn": 1,
                "tstamp": 1.5,
            },
            {
                "question_id": 81,
                "model_1": "barn-owl",
                "model_2": "jay",
                "g1_winner": "tie",
                "g2_winner": "tie",
                "judge": ["crow", "pair-v2"],
                "g1_judgment": "[[C]]",
                "g2_judgment": "[[C]] again",
                "turn": 1,
            },
            {
                "uid": "u1",
                "category": "farm",
                "judge": "crow",
                "model": "barn-owl",
                "baseline": "jay",
                "games": [{"score": "A>B", "judgment": {"answer": "[[A>B]]"}}, None],
            },
        ],
        [
            {"text": "Rating: [[5]]", "id": "81/barn-owl/1", "model": "crow", "field": "judgment"},
            {"text": "[[C]]", "id": "81/barn-owl/jay/1", "model": "crow", "repeat": 0},
            {"text": "[[C]] again", "id": "81/barn-owl/jay/1", "model": "crow", "repeat": 1},
            {"text": "[[A>B]]", "id": "u1/barn-owl", "model": "crow"},
        ],
    ),
]

VLLM: list[Example] = [
    (
        [
            {
                "request_id": "7",
                "prompt": "Sow",
                "prompt_token_ids": [5],
                "outputs": [
                    {
                        "index": 0,
                        "text": " oats",
                        "token_ids": [8, 9],
                        "cumulative_logprob": None,
                        "logprobs": None,
                        "finish_reason": "length",
                        "stop_reason": None,
                    },
                    {
                        "index": 1,
                        "text": " rye",
                        "token_ids": [8],
                        "finish_reason": "stop",
                        "stop_reason": 2,
                    },
                ],
                "finished": True,
            }
        ],
        [
            {
                "text": " oats",
                "token_ids": [8, 9],
                "finish": "length",
                "id": "7",
                "prompt": "Sow",
                "output_tokens": 2,
                "field": "outputs[0].text",
            },
            {"text": " rye", "finish": "stop", "id": "7", "repeat": 1},
        ],
    ),
    (
        [
            {
                "date": "20310506-070809",
                "backend": "vllm",
                "model_id": "rye-3b",
                "num_prompts": 3,
                "input_lens": [4, 4, 4],
                "output_lens": [2, 3, 0],
                "ttfts": [0.1, 0.1, 0.0],
                "itls": [[0.1], [0.1, 0.1], []],
                "generated_texts": ["Rye.", "More rye.", ""],
                "errors": ["", "", "Bad Gateway"],
            }
        ],
        [
            {"text": "Rye.", "model": "rye-3b", "id": "0", "output_tokens": 2},
            {"text": "More rye.", "id": "1", "output_tokens": 3, "field": "generated_texts[1]"},
            {"text": None, "id": "2", "finish": "error", "error": "Bad Gateway"},
        ],
    ),
]

_META = {"prompt_tokens": 3, "cached_tokens": 0}

SGLANG: list[Example] = [
    (
        [
            {
                "text": " hay",
                "output_ids": [4, 5],
                "meta_info": {
                    "id": "x",
                    "finish_reason": {"type": "length", "length": 2},
                    "completion_tokens": 2,
                    **_META,
                },
            },
            [
                {
                    "text": "one",
                    "meta_info": {"id": "y", "finish_reason": {"type": "stop", "matched": 2}},
                },
                {
                    "text": "",
                    "meta_info": {
                        "id": "z",
                        "finish_reason": {"type": "abort", "message": "Input is too long."},
                    },
                },
            ],
        ],
        [
            {
                "text": " hay",
                "token_ids": [4, 5],
                "finish": "length",
                "raw_finish": "length",
                "budget": 2,
                "output_tokens": 2,
                "id": "x",
            },
            {"text": "one", "finish": "stop", "id": "y"},
            {"text": None, "finish": "error", "error": "Input is too long.", "id": "z"},
        ],
    ),
]

SGLANG_PARTS: list[Example] = [
    (
        # A stream; each chunk repeats what came before, and another request is between.
        [
            {"text": "ha", "meta_info": {"id": "x", "finish_reason": None}},
            {"text": "oa", "meta_info": {"id": "y", "finish_reason": None}},
            {"text": "hay ", "meta_info": {"id": "x", "finish_reason": None}},
            {"text": "hay ha", "meta_info": {"id": "x", "finish_reason": {"type": "stop"}}},
            {"text": "ts", "meta_info": {"id": "y", "finish_reason": None}},
        ],
        [
            {"text": "hay ha", "finish": "stop", "id": "x"},
            {"text": "oats", "finish": "unknown", "id": "y"},
        ],
    ),
]


def _token(number: int, text: str, special: bool = False) -> dict[str, Any]:
    return {"id": number, "text": text, "logprob": -0.5, "special": special}


TGI: list[Example] = [
    (
        [
            {
                "generated_text": " oats",
                "details": {
                    "finish_reason": "eos_token",
                    "generated_tokens": 3,
                    "seed": None,
                    "tokens": [_token(4, " oa"), _token(5, "ts"), _token(2, "</s>", True)],
                    "best_of_sequences": [
                        {
                            "generated_text": " rye",
                            "finish_reason": "length",
                            "generated_tokens": 1,
                            "tokens": [],
                        }
                    ],
                },
            },
            [{"generated_text": "x", "details": {"finish_reason": "stop_sequence", "tokens": []}}],
        ],
        [
            {
                "text": " oats",
                "pieces": [" oa", "ts"],
                "token_ids": [4, 5],
                "finish": "stop",
                "raw_finish": "eos_token",
                "output_tokens": 3,
            },
            {"text": " rye", "finish": "length", "repeat": 1, "token_ids": None},
            {"text": "x", "finish": "stop"},
        ],
    ),
]

TGI_PARTS: list[Example] = [
    (
        [
            {"index": 1, "token": _token(4, "oa"), "generated_text": None, "details": None},
            {
                "index": 2,
                "token": _token(5, "ts"),
                "generated_text": "oats",
                "details": {"finish_reason": "length", "generated_tokens": 2},
            },
            {"index": 1, "token": _token(4, "oa"), "generated_text": None, "details": None},
            {"index": 2, "token": _token(4, "oa"), "generated_text": None, "details": None},
        ],
        [
            {"text": "oats", "token_ids": [4, 5], "finish": "length", "output_tokens": 2},
            {"text": "oaoa", "token_ids": [4, 4], "finish": "unknown"},
        ],
    ),
]


def _chat(content: str, done: bool = False, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    return {"model": "mare:1b", "created_at": "t", "message": message, "done": done, **more}


OLLAMA: list[Example] = [
    (
        [
            {
                "model": "mare:1b",
                "created_at": "t",
                "response": "Neigh.",
                "thinking": "A horse?",
                "done": True,
                "done_reason": "length",
                "context": [1, 2],
                "prompt_eval_count": 4,
                "eval_count": 9,
            },
            _chat(
                "",
                True,
                done_reason="stop",
                message={"tool_calls": [{"function": {"name": "mow", "arguments": {"lawn": 2}}}]},
            ),
            {
                "model": "mare:1b",
                "created_at": "t",
                "response": "",
                "done": True,
                "done_reason": "load",
            },
        ],
        [
            {
                "text": "A horse?Neigh.",
                "finish": "length",
                "model": "mare:1b",
                "output_tokens": 9,
                "field": "response",
            },
            {"text": CALL, "finish": "stop", "field": "message.content"},
        ],
    ),
]

OLLAMA_PARTS: list[Example] = [
    (
        [
            _chat("", message={"thinking": "Hay"}),
            _chat("", message={"thinking": "?"}),
            _chat("Ne"),
            _chat("igh"),
            {"model": "mare:1b", "done": True, "done_reason": "stop", "eval_count": 5},
            {"model": "mare:1b", "response": "Ha", "done": False},
            {"model": "mare:1b", "response": "y", "done": False},
        ],
        [
            {"text": "Hay?Neigh", "finish": "stop", "output_tokens": 5},
            {"text": "Hay", "finish": "unknown", "raw_finish": None},
        ],
    ),
]

LLAMA_SERVER: list[Example] = [
    (
        [
            {
                "index": 0,
                "content": "moo moo",
                "tokens": [3, 3],
                "id_slot": 0,
                "stop": True,
                "model": "cow.gguf",
                "tokens_predicted": 2,
                "tokens_evaluated": 5,
                "generation_settings": {"n_predict": 2, "temperature": 0.0},
                "prompt": "Say moo.",
                "truncated": False,
                "stop_type": "limit",
            },
            {
                "content": "moo",
                "stop": True,
                "model": "cow.gguf",
                "generation_settings": {"n_predict": -1},
                "stopped_eos": True,
                "stopped_limit": False,
                "stopped_word": False,
                "tokens_predicted": 1,
            },
            {"content": "mo", "stop": True, "stop_type": "none", "tokens_predicted": 1},
        ],
        [
            {
                "text": "moo moo",
                "token_ids": [3, 3],
                "finish": "length",
                "raw_finish": "limit",
                "model": "cow.gguf",
                "budget": 2,
                "prompt": "Say moo.",
                "output_tokens": 2,
            },
            {"text": "moo", "finish": "stop", "raw_finish": "stopped_eos", "budget": None},
            {"text": "mo", "finish": "unknown", "raw_finish": "none"},
        ],
    ),
]

LLAMA_SERVER_PARTS: list[Example] = [
    (
        # Some say the whole again at the end.
        [
            {"content": "mo", "tokens": [7], "stop": False, "slot_id": 0},
            {"content": "o", "tokens": [8], "stop": False, "slot_id": 0},
            {"content": "moo", "tokens": [7, 8], "stop": True, "slot_id": 0, "stopped_limit": True},
        ],
        [{"text": "moo", "token_ids": [7, 8], "finish": "length", "raw_finish": "stopped_limit"}],
    ),
    (
        [
            {"index": 0, "content": "mo", "tokens": [7], "stop": False, "id_slot": 0},
            {"index": 1, "content": "ba", "stop": False, "id_slot": 1},
            {"index": 0, "content": "o", "tokens": [8], "stop": False, "id_slot": 0},
            {
                "index": 0,
                "content": "",
                "tokens": [],
                "stop": True,
                "id_slot": 0,
                "stop_type": "eos",
                "tokens_predicted": 3,
            },
        ],
        [
            {"text": "moo", "token_ids": [7, 8], "finish": "stop", "output_tokens": 3},
            {"text": "ba", "finish": "unknown"},
        ],
    ),
]

WHISPER: list[Example] = [
    (
        [
            {
                "text": " Rain. Rain.",
                "segments": [
                    {"id": 0, "start": 0.0, "end": 2.0, "text": " Rain.", "temperature": 0.0},
                    {"id": 1, "start": 2.0, "end": 4.0, "text": " Rain.", "temperature": 0.0},
                ],
                "language": "en",
            }
        ],
        [{"text": " Rain.\n Rain.", "finish": "unknown", "field": "segments"}],
    ),
    (
        [
            {
                "systeminfo": "NEON = 1",
                "model": {"type": "tiny", "vocab": 9},
                "params": {"model": "tiny.bin", "language": "en", "translate": False},
                "result": {"language": "en"},
                "transcription": [
                    {
                        "timestamps": {"from": "00:00:00,000", "to": "00:00:02,000"},
                        "offsets": {"from": 0, "to": 2000},
                        "text": " Hail.",
                    }
                ],
            }
        ],
        [{"text": " Hail.", "model": "tiny.bin", "field": "transcription"}],
    ),
    (
        [{"text": "Fog", "chunks": [{"timestamp": [0.0, None], "text": "Fog"}]}],
        [{"text": "Fog", "field": "chunks"}],
    ),
    ([{"text": "", "segments": [], "language": "en"}], [{"text": "", "field": "text"}]),
]

WHISPER_PARTS: list[Example] = [
    (
        [
            {"start": 0.0, "end": 1.0, "text": "Fog.", "words": []},
            {"start": 1.0, "end": 2.0, "text": "Fog.", "speaker": "A"},
            {"start": 2, "end": 3, "text": "Sun."},
        ],
        [{"text": "Fog.\nFog.\nSun."}],
    ),
]

_CALLS = [{"id": "c", "type": "function", "function": {"name": "mow", "arguments": '{"lawn": 2}'}}]

TAU_BENCH: list[Example] = [
    (
        [
            {
                "task_id": 4,
                "reward": 0.0,
                "info": {"task": {"user_id": "u"}},
                "traj": [
                    {"role": "system", "content": "Be kind."},
                    {"role": "user", "content": "Mow."},
                    {"role": "assistant", "content": None, "tool_calls": _CALLS},
                    {"role": "tool", "name": "mow", "content": "done", "tool_call_id": "c"},
                    {"role": "assistant", "content": "Mown."},
                ],
                "trial": 2,
            },
            {"task_id": 5, "reward": 0.0, "info": {"error": "no key"}, "traj": [], "trial": 0},
        ],
        [
            {"text": f"{CALL}\nMown.", "id": "4", "repeat": 2, "finish": "unknown"},
            {"text": None, "id": "5", "finish": "error", "error": "no key"},
        ],
    ),
    (
        [
            {
                "timestamp": "t",
                "info": {
                    "max_steps": 9,
                    "agent_info": {"implementation": "llm_agent", "llm": "goat-2"},
                    "environment_info": {"domain_name": "garden"},
                },
                "tasks": [],
                "simulations": [
                    {
                        "id": "s1",
                        "task_id": "mow_0",
                        "termination_reason": "user_stop",
                        "trial": 1,
                        "messages": [
                            {"role": "assistant", "content": "Hello."},
                            {
                                "role": "assistant",
                                "tool_calls": [
                                    {
                                        "id": "c",
                                        "name": "mow",
                                        "arguments": {"lawn": 2},
                                        "requestor": "assistant",
                                    }
                                ],
                            },
                            {"role": "user", "content": "Bye."},
                        ],
                    },
                    {
                        "id": "s2",
                        "task_id": "mow_1",
                        "termination_reason": "max_steps",
                        "messages": [{"role": "assistant", "content": "Again."}],
                    },
                    {
                        "id": "s3",
                        "task_id": "mow_2",
                        "termination_reason": "infrastructure_error",
                        "messages": [],
                    },
                ],
            }
        ],
        [
            {
                "text": f"Hello.\n{CALL}",
                "finish": "stop",
                "raw_finish": "user_stop",
                "id": "mow_0",
                "repeat": 1,
                "model": "goat-2",
                "task": "garden",
                "field": "simulations[0].messages",
            },
            {"text": "Again.", "finish": "length", "raw_finish": "max_steps"},
            {"text": None, "finish": "error", "error": "infrastructure_error"},
        ],
    ),
    (
        [
            {
                "id": "s1",
                "task_id": "mow_0",
                "termination_reason": "agent_stop",
                "messages": [{"role": "assistant", "content": "Done."}],
            }
        ],
        [{"text": "Done.", "finish": "stop", "id": "mow_0", "field": "messages"}],
    ),
]

SWE_BENCH: list[Example] = [
    (
        [
            {"instance_id": "barn__barn-1", "model_name_or_path": "ox", "model_patch": "+hay\n"},
            {"instance_id": "barn__barn-0", "model_name_or_path": "ox", "model_patch": None},
            {
                "instance_id": "barn__barn-2",
                "model_name_or_path": "ox",
                "text": "Mend the barn.",
                "full_output": "So:\n+hay\n",
                "model_patch": "+hay\n",
            },
        ],
        [
            {"text": "+hay\n", "id": "barn__barn-1", "model": "ox", "field": "model_patch"},
            {"text": None, "id": "barn__barn-0", "finish": "error", "error": "there is no patch"},
            {"text": "So:\n+hay\n", "id": "barn__barn-2", "field": "full_output"},
        ],
    ),
    (
        [{"barn__barn-3": {"model_name_or_path": "ox", "model_patch": "-hay\n"}}],
        [{"text": "-hay\n", "id": "barn__barn-3", "model": "ox"}],
    ),
    (
        [
            {
                "environment": "swe_main",
                "trajectory": [
                    {"action": "ls", "observation": "barn", "response": "Look:\nls"},
                    {"action": "ls", "observation": "barn", "response": "Look:\nls"},
                ],
                "history": [],
                "info": {"exit_status": "submitted (exit_cost)", "submission": None},
            }
        ],
        [
            {
                "text": "Look:\nls\nLook:\nls",
                "finish": "length",
                "raw_finish": "submitted (exit_cost)",
                "field": "trajectory",
            }
        ],
    ),
    (
        [
            {
                "info": {"exit_status": "Submitted", "submission": "+hay"},
                "messages": [
                    {"role": "user", "content": "Mend it."},
                    {"role": "assistant", "content": "Mended."},
                ],
                "trajectory_format": "mini-swe-agent-1",
                "instance_id": "barn__barn-4",
            }
        ],
        [{"text": "Mended.", "finish": "stop", "id": "barn__barn-4", "field": "messages"}],
    ),
]

HELM: list[Example] = [
    (
        [
            {
                "adapter_spec": {"model": "farm/ewe", "max_tokens": 5},
                "request_states": [
                    {
                        "instance": {"id": "id4", "input": {"text": "Count."}},
                        "train_trial_index": 0,
                        "request": {"model": "farm/ewe", "prompt": "Count:", "max_tokens": 7},
                        "result": {
                            "success": True,
                            "completions": [
                                {
                                    "text": " one",
                                    "logprob": 0.0,
                                    "tokens": [],
                                    "finish_reason": {"reason": "length"},
                                },
                                {"text": " two", "logprob": 0.0, "tokens": []},
                            ],
                        },
                    },
                    {
                        "instance": {"id": "id5"},
                        "request": {},
                        "result": {"success": False, "error": "no quota", "completions": []},
                    },
                ],
            }
        ],
        [
            {
                "text": " one",
                "finish": "length",
                "id": "id4",
                "model": "farm/ewe",
                "prompt": "Count:",
                "budget": 7,
            },
            {"text": " two", "finish": "unknown", "repeat": 1},
            {"finish": "error", "error": "no quota", "id": "id5", "model": "farm/ewe"},
        ],
    )
]

OPENCOMPASS: list[Example] = [
    (
        [
            {
                "0": {
                    "origin_prompt": [{"role": "HUMAN", "prompt": "Plough?"}],
                    "prediction": "Yes.",
                    "gold": "yes",
                },
                "1": {"origin_prompt": "Dig?", "prediction": ["No.", "Never."], "gold": "no"},
            }
        ],
        [
            {"text": "Yes.", "id": "0", "prompt": "Plough?", "field": "['0'].prediction"},
            {"text": "No.", "id": "1", "prompt": "Dig?", "repeat": 0},
            {"text": "Never.", "id": "1", "prompt": "Dig?", "repeat": 1},
        ],
    ),
    (
        [{"success": True, "uuid": "5", "id": 3, "origin_prompt": "Dig?", "prediction": "No."}],
        [{"text": "No.", "id": "3", "prompt": "Dig?", "field": "prediction"}],
    ),
]

EXAMPLES: dict[str, list[Example]] = {
    "alpaca_eval": ALPACA_EVAL,
    "bfcl": BFCL,
    "helm": HELM,
    "human_eval": HUMAN_EVAL,
    "llama_server": LLAMA_SERVER,
    "mt_bench": MT_BENCH,
    "ollama": OLLAMA,
    "opencompass": OPENCOMPASS,
    "sglang": SGLANG,
    "swe_bench": SWE_BENCH,
    "tau_bench": TAU_BENCH,
    "tgi": TGI,
    "vllm": VLLM,
    "whisper": WHISPER,
}

PARTS: dict[str, list[Example]] = {
    "llama_server": LLAMA_SERVER_PARTS,
    "ollama": OLLAMA_PARTS,
    "sglang": SGLANG_PARTS,
    "tgi": TGI_PARTS,
    "whisper": WHISPER_PARTS,
}
"""Outputs that are spread over several rows."""

REFUSED: list[tuple[str, Any, str]] = [
    (
        "human_eval",
        {"task_id": "HumanEval/1", "passed": False, "result": "timed out"},
        "has no field 'completion'",
    ),
    ("human_eval", {"output_list": ["a", 5], "code_list": []}, r"'output_list\[1\]' holds no text"),
    ("bfcl", {"id": "simple_1", "result": 5, "latency": 0.1}, "neither text nor calls"),
    ("swe_bench", {"instance_id": "a", "model_patch": 5}, "'model_patch' holds no text"),
    (
        "mt_bench",
        {"question_id": 1, "choices": [{"turns": [5]}]},
        r"'choices\[0\]\.turns\[0\]' holds no text",
    ),
    (
        "tau_bench",
        {"task_id": "1", "termination_reason": "user_stop", "messages": None},
        "'messages' is no list of messages",
    ),
    (
        "vllm",
        {"request_id": "1", "outputs": [{"text": 5, "token_ids": [], "finish_reason": None}]},
        r"'outputs\[0\]' has neither text nor token_ids",
    ),
    ("vllm", {"generated_texts": [None], "errors": []}, r"'generated_texts\[0\]' holds no text"),
    ("whisper", {"segments": [{"text": 5, "start": 0}]}, r"'segments\[0\]\.text' holds no text"),
    (
        "helm",
        {"request_states": [{"result": {"completions": [{"text": None}]}}]},
        "'request_states.0..result.completions.0..text' holds no text",
    ),
    ("opencompass", {"origin_prompt": "Dig?", "prediction": [3]}, r"'prediction\[0\]' holds no"),
    (
        "tgi",
        {
            "generated_text": "x",
            "details": {"finish_reason": "length", "best_of_sequences": [{"generated_text": 3}]},
        },
        r"'details\.best_of_sequences\[0\]\.generated_text' holds no text",
    ),
]
"""Rows that a format knows and cannot read, with what it says."""

OTHERS: list[Any] = [
    # Questions, references and summaries: what these tools write beside outputs.
    {"question_id": 81, "category": "farm", "turns": ["Who?", "Why?"]},
    {"uid": "u1", "category": "farm", "prompt": "Who?"},
    {"task_id": "HumanEval/0", "prompt": "def f():", "canonical_solution": "1", "test": "f()"},
    {"date": "t", "hash": "0a", "eval": {"HumanEval/0": {"nfiles": 1, "base": [["failed", []]]}}},
    {"model_id": "rye-3b", "num_prompts": 8, "completed": 8, "mean_ttft_ms": 2.5},
    {"request_states": [], "adapter_spec": {}},
    {"instance_id": "barn__barn-1", "patch": "+hay", "problem_statement": "No hay."},
    {"start": 0.0, "end": 2.0},
]
"""Rows that are nobody's."""
