from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from loopbench.tasks.decoys import DECOYS
from loopbench.tasks.functions import FUNCTIONS
from loopbench.tasks.tool_call import TASK, same_value
from loopbench.types import Sample

CALLS = [
    {"name": "book", "arguments": {"city": "Oslo", "nights": 2}},
    {"name": "invite", "arguments": {"who": ["Ada", "Ben"], "loud": False}},
]
RULES = {
    "book": {"defaults": {"breakfast": True}, "unordered": []},
    "invite": {"defaults": {}, "unordered": ["who"]},
}


def sample(calls: list[dict[str, object]]) -> Sample:
    return Sample(
        task="tool_call", task_version=1, id="x", level="easy", category="tools", prompt="",
        reference={"kind": "parallel", "calls": calls, "rules": RULES},
    )  # fmt: skip


BOOK, INVITE = (json.dumps(call) for call in CALLS)
STYLES = [
    f"[{BOOK}, {INVITE}]",
    f"[{INVITE}, {BOOK}]",
    f"Sure:\n```json\n[{BOOK}, {INVITE}]\n```\nAnything else?",
    f"{BOOK}\n{INVITE}",
    f"<tool_call>{BOOK}</tool_call>\n<tool_call>{INVITE}</tool_call>",
    f"<tool_call>\n[{BOOK}, {INVITE}]",
    '[book(city="Oslo", nights=2), invite(who=["Ada", "Ben"], loud=False)]',
    "<|tool_call_start|>[book(city='oslo', nights=2.0), invite(who=['Ben', 'Ada'], "
    "loud=false)]<|tool_call_end|>Done.",
    "book(city='Oslo', nights=2)\ninvite(who=('Ada', 'Ben'), loud=False)",
    "```python\nbook(city='Oslo', nights=2), invite(who=['Ada', 'Ben'], loud=False)\n```",
    json.dumps(
        {
            "tool_calls": [
                {"function": {"name": c["name"], "arguments": json.dumps(c["arguments"])}}
                for c in CALLS
            ]
        }
    ),
    BOOK.replace('"Oslo"', '" oslo "').replace("2}", '2, "breakfast": true}') + INVITE,
]


def test_python_calls_on_lines_may_hold_any_separator() -> None:
    city = "Os\u2028lo\x85"
    calls = [{"name": "book", "arguments": {"city": city, "nights": 2}}, CALLS[1]]
    text = f"book(city='{city}', nights=2)\ninvite(who=['Ada', 'Ben'], loud=False)"
    assert TASK.grade(sample(calls), text).correct


@pytest.mark.parametrize("text", STYLES)
def test_notations(text: str) -> None:
    grade = TASK.grade(sample(CALLS), text)
    assert (grade.correct, grade.score, grade.problem) == (True, 1.0, None)
    assert grade.parts == {"name": 1.0, "arguments": 1.0}


@pytest.mark.parametrize(
    ("text", "score", "name"),
    [
        (f"[{BOOK}]", 2 / 3, 2 / 3),
        (f"[{BOOK}, {BOOK}, {INVITE}]", 4 / 5, 4 / 5),
        (f"[{BOOK.replace('2', '3')}, {INVITE}]", 1 / 2, 1.0),
        (f"[{BOOK.replace('2', 'true')}, {INVITE}]", 1 / 2, 1.0),
        (BOOK.replace("2}", '2, "breakfast": false}') + INVITE, 1 / 2, 1.0),
        (BOOK.replace("2}", '2, "view": "sea"}') + INVITE, 1 / 2, 1.0),
        (f"[{BOOK.replace('book', 'look')}, {INVITE}]", 1 / 2, 1 / 2),
        ("[]", 0.0, 0.0),
    ],
)
def test_wrong_calls(text: str, score: float, name: float) -> None:
    grade = TASK.grade(sample(CALLS), text)
    assert (grade.correct, grade.problem) == (False, "wrong_call")
    assert grade.score == pytest.approx(score)
    assert grade.parts["name"] == pytest.approx(name)


@pytest.mark.parametrize(
    "text",
    ["I booked it.", '{"a": 1}',
     "[book('Oslo')]", "book(city=open('x'))", '[{"name": "book"', "[1]",
     "f(x={[]: 1})", "f(**{'a': 1e999})"],
)  # fmt: skip
def test_unreadable_calls(text: str) -> None:
    assert TASK.grade(sample(CALLS), text).problem == "unparsable_call"


@pytest.mark.parametrize(
    "text", ["[]", "```json\n[]\n```", "<tool_call>[]</tool_call>", "No call."]
)
def test_an_irrelevant_request_needs_an_explicit_refusal(text: str) -> None:
    assert TASK.grade(sample([]), text).correct is True


@pytest.mark.parametrize("text", ["", f"[{BOOK}]", "[f(x=[])]", "The weather is fine.", "{}"])
def test_an_irrelevant_request_answered_otherwise(text: str) -> None:
    assert TASK.grade(sample([]), text).correct is not True


def test_same_value() -> None:
    assert same_value(2.0, 2)
    assert same_value("Blue  Olive.", "blue olive")
    assert same_value(["b", "A"], ["a", "b"], unordered=True)
    assert not same_value(["b", "a"], ["a", "b"])
    assert not same_value("2", 2)
    assert not same_value(1, True)
    assert not same_value({}, ["a"])


def test_the_library_is_large_and_consistent() -> None:
    assert len({f.name for f in FUNCTIONS}) == len(FUNCTIONS) >= 24
    for function in FUNCTIONS:
        required = {p.name: "v" for p in function.params if not p.phrase}
        assert function.request.format(**required)
        for param in function.params:
            assert param.values
            assert not param.phrase or param.default not in param.values


@pytest.mark.parametrize(
    ("level", "kinds"),
    [
        ("easy", {"simple", "multiple", "irrelevant"}),
        ("medium", {"multiple", "parallel", "irrelevant"}),
        ("hard", {"multiple", "parallel", "irrelevant"}),
    ],
)
def test_kinds_and_number_of_functions(level: str, kinds: set[str]) -> None:
    drawn = list(TASK.samples(80, level=level))
    assert {s.reference["kind"] for s in drawn} == kinds
    assert all(1 <= len(s.reference["rules"]) <= 8 for s in drawn)
    for s in drawn:
        assert all(call["name"] in s.reference["rules"] for call in s.reference["calls"])
        assert (s.reference["kind"] == "irrelevant") == (not s.reference["calls"])


@pytest.mark.parametrize(("level", "count"), [("tools_1", 1), ("tools_10", 10), ("tools_40", 40)])
def test_a_level_lists_as_many_functions_as_it_says(level: str, count: int) -> None:
    kinds = set()
    for drawn in TASK.samples(40, level=level):
        listed = drawn.prompt.partition("\n\n")[0].split("\n")[1:]
        names = [json.loads(line)["name"] for line in listed]
        assert len(names) == len(set(names)) == count
        called = {call["name"] for call in drawn.reference["calls"]}
        assert called <= set(names)
        kinds.add(len(drawn.reference["calls"]))
    assert kinds >= {0, 2}


def test_a_decoy_is_no_function_that_is_asked_for() -> None:
    names = [function.name for function in FUNCTIONS] + [decoy["name"] for decoy in DECOYS]
    assert len(set(names)) == len(names) >= 41


@pytest.mark.parametrize("level", TASK.levels)
def test_the_schema_admits_the_answer_and_no_other_function(level: str) -> None:
    for drawn in TASK.samples(8, level=level):
        check = Draft202012Validator(TASK.json_schema(drawn))
        calls = json.loads(TASK.oracle(drawn))
        assert check.is_valid(calls)
        assert not check.is_valid([*calls, {"name": "other", "arguments": {}}])
        assert not check.is_valid({"name": "other"})
