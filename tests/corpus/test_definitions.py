"""The slow definitions that hold the labels, on small literals."""

from __future__ import annotations

import pytest
from definitions import counted_end, periodic_end
from tokenised import fallback


def pieces(text: str) -> list[str]:
    return [piece.decode() for piece in fallback(text)[1]]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([9] * 128, (0, 1)),
        ([9] * 127, None),
        ([7, *[1, 2] * 64], (1, 2)),
        ([7, *[1, 2] * 64, 1], (1, 2)),
        ([7, *[1, 2] * 64, 3], None),
        (list(range(40)) * 4, (0, 40)),
        (list(range(40)) * 3 + list(range(39)), None),
        ([50, *range(40), *list(range(40)) * 3, 0], (1, 40)),
        ([], None),
    ],
)
def test_periodic_end(ids: list[int], expected: tuple[int, int] | None) -> None:
    assert periodic_end(ids) == expected


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{n}, " for n in range(1, 80)),
        "".join(f"{n}. Lily lies.\n" for n in range(57, 99)),
        "".join(f"{n}. {('red', 'blue')[n % 2]}\n" for n in range(1, 60)),
        "".join(f"{n} x 7 = {7 * n}; tax 19\n" for n in range(1, 60)),
        "".join(f"{n}, " for n in range(40, -60, -2)),
        "".join(f"x = {n / 2}\n" for n in range(60)),
    ],
)
def test_counts(text: str) -> None:
    block = len(pieces(text)) // 19
    for end in (None, -1, -3):
        start = counted_end(pieces(text[:end]))
        assert start is not None and start <= block
    before = "It was 5 or 3 of them, she said: "
    start = counted_end(pieces(before + text))
    assert start is not None and 0 <= start - len(pieces(before)) <= block
    assert counted_end(pieces(text + "But then it went on.")) is None


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{n}, " for n in range(1, 20)),
        "".join(f"{n * n}, " for n in range(1, 80)),
        "".join(f"{n}: {n * n * 31 // 17 % 10}\n" for n in range(1, 60)),
        "0, " * 100,
        "so it goes, " * 60,
        "".join(f"{n}. {'word' + 'x' * n}\n" for n in range(1, 60)),
        "",
        "7",
    ],
)
def test_other_texts_do_not_count(text: str) -> None:
    assert counted_end(pieces(text)) is None
