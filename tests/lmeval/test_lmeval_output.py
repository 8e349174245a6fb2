"""A response keeps what the model really said through everything that lm-eval does to it."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from loopbench.lmeval.output import Origin, Response, end_of_stop

ORIGIN = Origin(text="abcSTOP", finish="stop", raw_finish="until", token_ids=[1, 2])


@pytest.mark.parametrize(
    "cut",
    [
        lambda s: s.split("STOP")[0],
        lambda s: s.split("</think>")[-1].lstrip(),
        lambda s: s.strip(),
        lambda s: s.rstrip("x"),
        lambda s: s.split("STOP")[0].split("b")[0].strip(),
        lambda s: copy.deepcopy(s),
        lambda s: pickle.loads(pickle.dumps(s, protocol=pickle.HIGHEST_PROTOCOL)),
    ],
)
def test_the_origin_survives(cut) -> None:
    text = " </think> abcSTOP "
    after = cut(Response(text, ORIGIN))
    assert after == cut(text)
    assert type(after) is Response
    assert after.origin == ORIGIN


def test_a_response_is_a_string_to_everything_else() -> None:
    response = Response("abc", ORIGIN)
    assert response == "abc"
    assert {response: 1}["abc"] == 1
    assert json.dumps([response]) == '["abc"]'
    assert type(str(response)) is str
    # lm-eval casts references to the type of the response.
    assert type(response)(7) == "7"
    assert Response("x").origin is None


def test_the_first_complete_stop_string_ends_an_output() -> None:
    assert end_of_stop("a\n\nb###", ["###", "\n\n"]) == 3
    assert end_of_stop("abc", ["", "x"]) is None
    assert end_of_stop("abc", []) is None
    # `bc` is complete at the same character as `abc`, and before `bcd`.
    assert end_of_stop("abcd", ["bcd", "bc"]) == 3
