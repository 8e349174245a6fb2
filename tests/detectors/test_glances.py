"""Where `counter` looks in a whole output: a look anywhere else finds nothing."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loopbench.detectors.counter import Counter, _Stream
from loopbench.detectors.parts.glances import worth_a_look
from loopbench.detectors.parts.rewound import Rewound
from loopbench.detectors.parts.stamps import Stamps
from loopbench.detectors.parts.streaming import checkpoints, scan_tail
from loopbench.detectors.parts.tokens import fallback_tokens
from loopbench.pieces import Pieces

FORMS = ["{}. Ann sat.\n", "{}, ", "x = {} + 2\n", "on day {} of {}\n", "twenty-{} ", "({}) so\n"]
PROSE = "She went to the market, and bought nine apples there in 1994; it was late. "


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Counts that begin, stand still, slip, change their form and end."""
    said, value = [], draw(st.integers(0, 2_000))
    for _ in range(draw(st.integers(1, 4))):
        form = "".join(draw(st.lists(st.sampled_from(FORMS), min_size=1, max_size=3)))
        step = draw(st.sampled_from([-1, 0, 1, 1, 7]))
        slip = draw(st.integers(1, 40))
        for i in range(draw(st.integers(0, 60))):
            value += step + (i % slip == slip - 1)
            said.append(form.replace("{}", str(value)))
        said.append(PROSE[: draw(st.integers(0, len(PROSE)))])
    return "".join(said)


@pytest.mark.slow
@given(text=texts(), repeats=st.integers(3, 6), tokens=st.sampled_from([16, 128]))
@example(text=PROSE, repeats=4, tokens=128)
@example(text="so " * 300, repeats=4, tokens=128)
def test_a_look_elsewhere_finds_nothing(text: str, repeats: int, tokens: int) -> None:
    rule = Counter(min_repeats=repeats, min_tokens=tokens)
    ids, pieces = fallback_tokens(text)
    loops, terminal = scan_tail(_Stream(rule), ids, pieces)
    verdict = rule.scan(ids, pieces)
    assert verdict.spans == [loop.span for loop in loops]
    assert verdict.terminal == (terminal is not None)


def looks(text: str) -> int:
    items = Rewound(Pieces.joined(fallback_tokens(text)[1]))
    stamps = [Stamps(items, decimal_commas=commas) for commas in (False, True)]
    return len(worth_a_look(items, stamps, checkpoints(items.tokens), 4, 128))


def test_most_outputs_are_looked_at_nowhere() -> None:
    assert looks(PROSE.replace("1994", "then").replace("nine", "the") * 40) == 0
    # What stands still is no count, however often it is said.
    assert looks(PROSE * 40) < 8
    assert looks("".join(f"{i}. Ann sat.\n" for i in range(99))) > 10
