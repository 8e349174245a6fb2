"""The axes of a grid, as a shell hands them over."""

from __future__ import annotations

import pytest

from loopbench.harness.axes import Axes, parse, split


def test_a_shell_hands_further_axes_over_as_models() -> None:
    words = ["m.gguf", "quant=q8_0,q4_0", "./a=b.gguf", "http://h/v1?x=1", "level=easy"]
    assert split(words) == (
        ["m.gguf", "./a=b.gguf", "http://h/v1?x=1"],
        ["quant=q8_0,q4_0", "level=easy"],
    )


def test_axes_are_read_from_one_word_or_several() -> None:
    expected = Axes(temperature=(0.0, 0.3), quant=("q8_0", "q4_0"), penalty=(1.0, 1.05))
    assert parse(["temperature=0,0.3 quant=Q8_0,q4_0", "penalty=1.0,1.05"]) == expected


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["0,0.3"], "takes axes such as temperature=0,0.3, not '0,0.3'"),
        (["temprature=0"], "Did you mean 'temperature'"),
        (["level=easy", "level=hard"], "level is given twice"),
        (["level=,"], "level has no values"),
        (["quant=q4_0,q4_0"], "has a value twice"),
        (["penalty=low"], "penalty takes numbers, got low"),
    ],
)
def test_what_is_no_axis_is_refused(words: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(words)
