"""The items of a whole output, gone back to any token, are those of the stream there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loopbench.detectors.parts.items import Items
from loopbench.detectors.parts.rewound import Rewound
from loopbench.detectors.parts.stamps import Stamps
from loopbench.pieces import Pieces

PIECES = [
    "7", "12", "-3", "5th", "5", "th", "1.", "5,", "00:", "59", "twenty", "-", "one", " hundred",
    " and ", "\n", "i", ". ", "ii) ", "so", " it goes", ", ", "9" * 20, "", "²",
]  # fmt: skip


def shown(items: Items, stamps: list[Stamps]) -> tuple[object, ...]:
    readings = [stamp.read() for stamp in stamps]
    return (
        [items.text_of(item) for item in range(len(items.literals))],
        items.literals.tolist(),
        items.numbers.tolist(),
        items.widths.tolist(),
        items.edges.tolist(),
        items.rest,
        items.tokens,
        items.recurring,
        [items.token_of(item) for item in range(len(items.literals))],
        [items.count_after_token(token) for token in range(-1, items.tokens)],
        [(reading.rows.tolist(), reading.finished) for reading in readings],
    )


@given(
    said=st.lists(st.sampled_from(PIECES), min_size=1, max_size=60),
    block=st.lists(st.sampled_from(PIECES), max_size=8),
    data=st.data(),
)
def test_an_output_gone_back_to_a_token_is_what_the_stream_was(
    said: list[str], block: list[str], data: st.DataObject
) -> None:
    said = [*said, *block * 40]
    whole = Rewound(Pieces.joined(said))
    stamps = [Stamps(whole, decimal_commas=commas) for commas in (False, True)]
    for _ in range(4):
        tokens = data.draw(st.integers(1, len(said)))
        stream = Items()
        own = [Stamps(stream, decimal_commas=commas) for commas in (False, True)]
        for piece in said[:tokens]:
            stream.extend([piece])
            stream.parse()
            if tokens % 2:  # Stamps follow, or read everything at once
                own[0].read()
        whole.rewind(tokens)
        assert shown(whole, stamps) == shown(stream, own)
