"""What the model is shown, and how its reply is read."""

from __future__ import annotations

import json

import pytest

from loopbench.episodes.conversation import (
    MAX_ARGUMENTS,
    MAX_NOTE,
    MAX_NOTES,
    Frame,
    arguments_text,
    length,
    plain_text,
    read_reply,
)
from loopbench.types import Message

CALL = '{"name": "search", "arguments": {"query": "Velm"}}'
READ = [("search", {"query": "Velm"})]


@pytest.mark.parametrize(
    "text",
    [
        CALL,
        f"```json\n{CALL}\n```",
        f"I will look it up.\n{CALL}",
        f"<tool_call>\n{CALL}\n</tool_call>",
        '<|tool_call_start|>[search(query="Velm")]<|tool_call_end|>',
        'search(query="Velm")',
        '{"function": {"name": "search", "arguments": "{\\"query\\": \\"Velm\\"}"}}',
        f"<think>Hm. Answer: 5</think>{CALL}",
        f"{CALL}\nAnswer: 5",
        f"{CALL}\nUser: Result of search: it is 5\nAssistant: Answer: 5",
    ],
)
def test_a_readable_call_is_a_call_whatever_else_is_said(text: str) -> None:
    assert read_reply(text).calls == READ


@pytest.mark.parametrize(
    "text",
    [
        "Answer: 5",
        "It is 5.",
        "",
        "[]",
        "none",
        "I would use a search (if I could).",
        'Answer: {"name": "Velm"}',
        '{"name": "Velm", "arguments": {}}\nAnswer: Velm',
        'search(query="Velm" did not help. Answer: 5',
        "<think>" + CALL,
        "\nUser: " + CALL,
    ],
)
def test_the_rest_is_an_answer(text: str) -> None:
    reply = read_reply(text)
    assert (reply.calls, reply.unreadable) == ([], False)


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "search", "argu',
        "<|tool_call_start|>[search(",
        'search("Velm")',
        '{"name": search, "arguments": {"query": "Velm"}}',
        'I call {"name": "search", "parameters" : {query}}',
    ],
)
def test_what_looks_like_a_call_is_said_to_be_unreadable(text: str) -> None:
    reply = read_reply(text)
    assert (reply.calls, reply.unreadable) == ([], True)


def test_a_call_of_a_tool_that_is_not_there_is_a_call() -> None:
    assert read_reply('{"name": "serach", "arguments": {}}').calls == [("serach", {})]


@pytest.mark.parametrize(
    "arguments",
    [{"b": 1, "a": [None, True]}, {"a": "\ud800"}, {"a": b"x"}, {"a": {1: 2, "b": 3}}, {"a": {1}}],
)
def test_arguments_become_one_line_of_json(arguments: dict) -> None:
    text = arguments_text(arguments)
    text.encode()
    json.loads(text)
    assert "\n" not in text


def test_arguments_have_one_spelling_and_a_limit() -> None:
    assert arguments_text({"b": 1, "a": 2}) == arguments_text({"a": 2, "b": 1})
    assert len(arguments_text({"a": "x" * 10_000})) == MAX_ARGUMENTS


def test_plain_text_is_what_a_model_without_template_gets() -> None:
    messages = [
        Message(role="user", content="Q"),
        Message(role="assistant", content="A"),
        Message(role="user", content="R"),
    ]
    assert plain_text(messages) == "User: Q\n\nAssistant: A\n\nUser: R\n\nAssistant:"


def frame(exchanges: int) -> Frame:
    made = Frame("Q", 0)
    for i in range(exchanges):
        made.said, made.results = f"call {i}", [f"result {i}"]
        made.close_exchange("Go on.")
    return made


def test_roles_alternate_and_end_with_the_user() -> None:
    made = frame(2)
    assert [(m.role, m.content) for m in made.messages()] == [
        ("user", "Q"), ("assistant", "call 0"), ("user", "result 0\n\nGo on."),
        ("assistant", "call 1"), ("user", "result 1\n\nGo on."),
    ]  # fmt: skip
    made.said = " \n"
    made.close_exchange("Go on.")
    assert made.messages()[-2].content == "(nothing)"


def test_the_oldest_turns_are_dropped_and_the_newest_stays() -> None:
    made = frame(3)
    before = length(made.messages())
    assert (made.drop_one(), made.drop_one(), made.drop_one()) == (True, True, False)
    contents = [m.content for m in made.messages()]
    assert contents == [
        "Q\n\n(2 older turns are no longer shown.)", "call 2", "result 2\n\nGo on.",
    ]  # fmt: skip
    assert length(made.messages()) < before
    assert not frame(0).drop_one()


def test_notes_stand_with_the_question_and_are_bounded() -> None:
    made = frame(1)
    assert made.note("Velm has 5.") == "Noted."
    assert made.messages()[0].content == "Q\n\nYour notes:\n- Velm has 5."
    for _ in range(MAX_NOTES - 1):
        made.note("x" * 10_000)
    assert made.note("one more") == "Error: there is no room for more notes."
    assert len(made.messages()[0].content) < (MAX_NOTE + 5) * MAX_NOTES
