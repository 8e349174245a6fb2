"""Each rule says the same as its source's wording, restated literally and slowly."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbench import detectors

few = st.integers(0, 2)
loops = st.lists(
    st.tuples(st.lists(few, min_size=1, max_size=7), st.integers(1, 12)), max_size=5
).map(lambda parts: [i for block, times in parts for i in block * times][:160])
letters = st.sampled_from(["a", "b", " ", "\n", "\n\n", "ab ", "one two three\n", ".", "é", "_"])
texts = st.lists(
    st.tuples(st.lists(letters, min_size=1, max_size=6), st.integers(1, 6)), max_size=6
).map(lambda parts: "".join("".join(block) * times for block, times in parts)[:300])


def ends_in_pattern(t: list[int], low: int, high: int, count: int) -> bool:
    """`check_sequence_repetition` of `vllm/v1/core/sched/utils.py`, restated.

    Equal to the function of vLLM 0.33.0 in 3,000 random cases.
    """
    low = max(low, 1)
    return any(
        p * count <= len(t) and t[-p * count :] == t[-p:] * count for p in range(low, high + 1)
    )


@given(loops, st.integers(0, 9), st.integers(0, 14), st.integers(2, 9))
def test_vllm_stops_where_its_check_says_so(t: list[int], low: int, more: int, count: int) -> None:
    high = low + more
    rule = {"max_pattern_size": high, "min_pattern_size": low, "min_count": count}
    verdict = detectors.get("vllm", **rule).scan(t)
    assert verdict.terminal == ends_in_pattern(t, low, high, count)
    stops = [ends_in_pattern(t[:end], low, high, count) for end in range(1, len(t) + 1)]
    assert verdict.looped == any(stops)


long_loops = st.lists(
    st.tuples(st.lists(few, min_size=2, max_size=20), st.integers(3, 9)), min_size=1, max_size=4
).map(lambda parts: [i for block, times in parts for i in block * times][-300:])


@given(long_loops, st.integers(16, 40))
def test_llamacpp_restated(t: list[int], high: int) -> None:
    verdict = detectors.get("llamacpp", max_pattern_size=high).scan(t)
    assert verdict.terminal == ends_in_pattern(t, 16, high, 4)
    assert verdict.looped == any(ends_in_pattern(t[:i], 16, high, 4) for i in range(len(t) + 1))


def repeated_text(text: str, repeats: int, chars: int, unit: int) -> bool:
    for p in range(1, unit + 1):
        length = max(p * repeats, chars)
        tail = text[-length:]
        if len(tail) == length and tail[p:] == tail[:-p]:
            return True
    return False


@given(texts, st.integers(2, 5), st.integers(1, 60), st.integers(1, 30))
def test_antidoom_restated(text: str, repeats: int, chars: int, unit: int) -> None:
    rule = {"min_repeats": repeats, "min_chars": chars, "max_unit_chars": unit}
    verdict = detectors.get("antidoom", **rule).scan(list(range(len(text))), list(text))
    assert verdict.terminal == repeated_text(text, repeats, chars, unit)
    anywhere = any(
        repeated_text(text[:end], repeats, chars, unit) for end in range(1, len(text) + 1)
    )
    assert verdict.looped == anywhere


@given(loops, st.integers(1, 8), st.integers(2, 6))
def test_ngram_restated(t: list[int], n: int, k: int) -> None:
    grams = [tuple(t[i : i + n]) for i in range(len(t) - n + 1)]
    counts = Counter(grams)
    verdict = detectors.get("ngram", n=n, k=k).scan(t)
    assert verdict.looped == any(count >= k for count in counts.values())
    assert verdict.terminal == bool(grams and counts[grams[-1]] >= k)


@given(loops, st.integers(1, 8), st.integers(1, 8))
def test_cusum_restated(t: list[int], n: int, tau: int) -> None:
    grams = [tuple(t[i : i + n]) for i in range(len(t) - n + 1)]
    sums = [0.0]
    for i, gram in enumerate(grams):
        sums.append(sums[-1] + 1 if gram in grams[:i] else max(0.0, sums[-1] - 0.25))
    verdict = detectors.get("cusum", n=n, tau=tau).scan(t)
    assert verdict.score == sums[-1]
    assert verdict.terminal == (sums[-1] >= tau * n)
    assert verdict.looped == (max(sums) >= tau * n)


@given(loops, st.integers(1, 5), st.floats(-2, 0))
def test_trl_score_is_its_reward(t: list[int], n: int, penalty: float) -> None:
    grams = list(zip(*(t[i:] for i in range(n)), strict=False))
    expected = (1 - len(set(grams)) / len(grams)) * penalty if grams else 0.0
    verdict = detectors.get("trl", ngram_size=n, max_penalty=penalty).scan(t)
    assert verdict.score == pytest.approx(expected)
    assert verdict.terminal == (bool(t) and verdict.score <= -0.5)


@given(st.one_of(texts, st.text(max_size=200)), st.integers(0, 60))
def test_whisper_score_is_its_ratio(text: str, times: int) -> None:
    text *= times
    data = text.encode()
    verdict = detectors.get("whisper").scan(list(range(max(40, len(text) // 5))), text)
    expected = len(data) / len(zlib.compress(data)) if data else None
    assert verdict.score == expected
    assert verdict.terminal == (expected is not None and expected > 2.4)


def gopher_score(text: str) -> float:
    def units(parts: list[str]) -> tuple[float, float]:
        again = [part for i, part in enumerate(parts) if part in parts[:i]]
        return len(again) / len(parts), sum(map(len, again)) / len(text)

    shares = []
    count, chars = units(re.split(r"\n{2,}", text.strip()))
    shares += [count / 0.3, chars / 0.2]
    count, chars = units(re.split(r"\n+", text))
    shares += [count / 0.3, chars / 0.2]
    words = re.findall(r"\w+|[^\w\s]", text)
    for n, limit in ((2, 0.2), (3, 0.18), (4, 0.16)):
        grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
        if grams:
            gram, often = grams.most_common(1)[0]
            shares.append(len(gram) * often / len(text) / limit)
    for n, limit in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10)):
        seen, repeated, i = set(), 0, 0
        while i + n <= len(words):
            joined = "".join(words[i : i + n])
            repeated += len(joined) if joined in seen else 0
            i += n if joined in seen else 1
            seen.add(joined)
        shares.append(repeated / len(text) / limit)
    return max(shares)


@given(st.one_of(texts, st.text(" \nab.é1", max_size=200)))
def test_gopher_score_is_the_largest_share_over_its_limit(text: str) -> None:
    verdict = detectors.get("gopher", min_words=1).scan(list(range(len(text))), list(text))
    if text:
        assert verdict.score == pytest.approx(gopher_score(text))
    if re.search(r"\w+\W|[^\w\s]", text):
        assert verdict.terminal == (verdict.score > 1)


def chants(text: str, size: int, threshold: int) -> tuple[bool, bool]:
    """Say whether a chunk chants anywhere, and at the end, in text without any structure."""
    fired = []
    for at in range(len(text) - size + 1):
        chunk = text[at : at + size]
        before = [i for i in range(at + 1) if text[i : i + size] == chunk][-threshold:]
        near = before[-1] - before[0] <= 5 * size * (threshold - 1)
        between = {text[a:b] for a, b in pairwise(before)}
        fired.append(len(before) == threshold and near and len(between) <= threshold // 2)
    return any(fired), bool(fired) and fired[-1]


@given(st.lists(st.tuples(st.text("ab c", min_size=1, max_size=9), st.integers(1, 9)), max_size=6))
def test_gemini_restated_for_plain_prose(parts: list[tuple[str, int]]) -> None:
    text = "x" + "".join(block * times for block, times in parts)
    text = text[: len(text) // 6 * 6]  # whole pieces
    rule = {"content_chunk_size": 6, "content_loop_threshold": 4}
    verdict = detectors.get("gemini", **rule).scan(list(range(len(text))), list(text))
    assert (verdict.looped, verdict.terminal) == chants(text, 6, 4)
