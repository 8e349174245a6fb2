from __future__ import annotations

from collections import Counter

import pytest

from loopbench.naming import UnknownNameError
from loopbench.tasks.suites import SUITES, content_hash, draw, select


@pytest.mark.parametrize(
    ("name", "size"), [("edge", 96), ("quick", 24), ("easy", 36), ("full", 560), ("agents", 48)]
)
def test_suites_have_their_size_and_repeat_nothing(name: str, size: int) -> None:
    samples = select([name], None, 0)
    assert len(samples) == size == sum(entry.count for entry in SUITES[name].entries)
    assert len({(s.task, s.id) for s in samples}) == size
    counts = Counter((s.task, s.level) for s in samples)
    assert counts == {(e.task, e.level): e.count for e in SUITES[name].entries}


def test_full_holds_every_family_and_the_whole_of_agents() -> None:
    samples = select(["full"], None, 0)
    assert {"reasoning", "extraction", "tools", "agents"} == {s.category for s in samples}
    assert sum(s.task == "instructions" for s in samples) == 32
    agents = {s.id: s for s in select(["agents"], None, 0)}
    assert {s.id: s for s in samples if s.category == "agents"} == agents
    first = select(["full"], 35, 0)
    assert {s.category for s in first} == {s.category for s in samples}


@pytest.mark.parametrize("limit", [1, 11, 24, 40, 95])
def test_a_limit_keeps_the_mixture(limit: int) -> None:
    whole, part = select(["edge"], None, 3), select(["edge"], limit, 3)
    assert part == whole[:limit]
    counts = Counter((s.task, s.level) for s in part)
    for entry in SUITES["edge"].entries:
        assert abs(counts[entry.task, entry.level] - limit * entry.count / 96) <= 1.5


def test_the_seed_decides_items_and_order() -> None:
    assert select(["quick"], None, 1) == select(["quick"], None, 1)
    one, two = ({s.prompt for s in select(["quick"], None, seed)} for seed in (1, 2))
    assert not one & two


def test_select_mixes_suites_tasks_and_levels() -> None:
    found = select(["quick", "countdown:easy", "chain_sum"], None, 0)
    counts = Counter((s.task, s.level) for s in found)
    assert counts["countdown", "easy"] == 16
    assert counts["chain_sum", "hard"] == 16
    assert counts["countdown", "hard"] == 2
    assert Counter(s.task for s in select(["countdown", "tool_call"], 50, 0)) == {
        "countdown": 25,
        "tool_call": 25,
    }
    assert len(select(["countdown"], 70, 0)) == 70


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["countdwon"], "Unknown task or suite 'countdwon'. Did you mean 'countdown'"),
        (["egde"], "Did you mean 'edge'"),
        (["countdown:hrad"], "Unknown level of countdown 'hrad'. Did you mean 'hard'"),
        (["answers"], "Unknown task or suite 'answers'"),
    ],
)
def test_unknown_names(names: list[str], message: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        select(names, None, 0)
    assert message in str(caught.value)


def test_bad_requests() -> None:
    with pytest.raises(ValueError, match="limit must be >= 1, got 0"):
        select(["edge"], 0, 0)
    with pytest.raises(ValueError, match="no task"):
        select([], None, 0)


def test_the_content_hash_sees_content_and_not_order() -> None:
    samples = select(["countdown:easy", "chain_sum:easy"], 6, 0)
    assert len(samples) == 6
    assert content_hash(samples) == content_hash(reversed(samples))
    assert content_hash(samples) != content_hash(samples[1:])
    assert content_hash([]).startswith("sha256:")


def test_draws_go_beyond_a_suite_and_repeat_nothing() -> None:
    drawn = draw(["quick"], 300, 0)
    assert len({(s.task, s.id) for s in drawn}) == 300
    counts = Counter((s.task, s.level) for s in drawn)
    for entry in SUITES["quick"].entries:
        expected = 300 * entry.count / 24
        assert abs(counts[entry.task, entry.level] - expected) <= 4 * expected**0.5


def test_the_first_draws_do_not_depend_on_how_many_follow() -> None:
    assert draw(["edge"], 60, 3)[:17] == draw(["edge"], 17, 3)
    assert content_hash(draw(["edge"], 17, 3)) != content_hash(draw(["edge"], 17, 4))


def test_draws_are_in_random_order() -> None:
    # Were the mixture balanced, two equal tasks could not differ by more than one.
    drawn = [s.task for s in draw(["chain_sum", "countdown"], 40, 0)]
    spread = [drawn[:n].count("chain_sum") - n / 2 for n in range(41)]
    assert max(map(abs, spread)) > 1


@pytest.mark.parametrize(("names", "n"), [([], 5), (["edge"], 0)])
def test_nothing_cannot_be_drawn(names: list[str], n: int) -> None:
    with pytest.raises(ValueError, match="positive number of samples"):
        draw(names, n, 0)
    with pytest.raises(UnknownNameError, match="Did you mean 'edge'"):
        draw(["edg"], 5, 0)
