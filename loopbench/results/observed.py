"""A run reduced to what decisions about it need, and whether two runs can be compared. Pure.

The reduction is also the file of a baseline: small enough for a repository, and with the
whole header, so that a gate can refuse a baseline that measured something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from loopbench.errors import LoopbenchError
from loopbench.results.header import Header
from loopbench.results.observations import Observation, Seen
from loopbench.types import EpisodeRule, Sampling, Struct

BASELINE_SCHEMA = 2
"""1: circular ends were `truncated`."""


class GateUnusable(LoopbenchError):  # noqa: N818 - the word for a gate that cannot decide
    """There is nothing to decide on; its text is one sentence for the user."""


class NoDataYet(GateUnusable):
    """A rule has no data: final for a whole run, but more prompts may bring it some."""


class Observed(Struct, frozen=True):
    """A run, or a baseline file."""

    baseline_schema: int
    header: Header
    detectors: dict[str, int]
    """Version of every detector that judged the records."""
    seen: list[Seen]

    def cells(self) -> dict[tuple[str, float], list[Seen]]:
        """Return the generations by model and temperature, in the header's order."""
        samplings = self.header.samplings
        if len({sampling.temperature for sampling in samplings}) < len(samplings):
            raise GateUnusable(
                "This run varies the repetition penalty, and rows are told apart by model and "
                "temperature here; use a run with one penalty."
            )
        cells: dict[tuple[str, float], list[Seen]] = {
            (model.name, sampling.temperature): []
            for model in self.header.models
            for sampling in samplings
        }
        for one in self.seen:
            cells.setdefault((one.model, one.temperature), []).append(one)
        return cells

    @property
    def expected(self) -> int:
        """Generations of the whole run."""
        return self.header.expected


def observe(header: Header, observations: Iterable[Observation]) -> Observed:
    """Put a run together; a key that occurs twice counts as it came last."""
    seen: dict[str, Seen] = {}
    detectors: dict[str, int] = {}
    for one in observations:
        detectors.update(one.detectors)
        seen[one.key] = one.seen
    return Observed(
        baseline_schema=BASELINE_SCHEMA,
        header=header,
        detectors=dict(sorted(detectors.items())),
        seen=list(seen.values()),
    )


class Difference(NamedTuple):
    """One thing in which two runs measured differently."""

    what: str
    first: str
    second: str
    judged: bool = False
    """How outputs were judged, not what was asked: judging them again mends it."""

    @property
    def differs(self) -> bool:
        """Whether it is one."""
        return self.first != self.second

    def __str__(self) -> str:
        return f"{self.what} {self.first} against {self.second}"


def differences(first: Observed, second: Observed) -> list[Difference]:
    """Return everything that makes the rates of two runs incomparable.

    Tasks and their versions, items, budget, temperature and every other field of the
    sampling, repeats, measuring and stopping rules, versions of the detectors and of the rule that
    names outcomes. Of two files of outputs the budgets are not known, only the longest output. The
    model, its engine and its quantisation are what one compares.
    """
    return [difference for difference in _differences(first, second) if difference.differs]


def _differences(first: Observed, second: Observed) -> Iterator[Difference]:
    a, b = first.header, second.header
    names = sorted({*a.tasks, *b.tasks})
    for name in names:
        yield Difference(f"task {name}", _version(a.tasks, name), _version(b.tasks, name))
    yield Difference("samples", str(a.samples), str(b.samples))
    if a.tasks == b.tasks and a.samples == b.samples:
        yield Difference("items hash", _short(a.items_hash), _short(b.items_hash))
    for found in sampling_differences(a.samplings, b.samplings):
        if found.what != "budget" or not (a.of_file and b.of_file):
            yield found
    yield Difference("repeats", str(a.repeats), str(b.repeats))
    splits = [_splits(header) for header in (a, b)]
    if all(splits):
        yield Difference("split of texts", splits[0], splits[1])
    yield Difference("naming of outcomes", f"v{a.judgement}", f"v{b.judgement}", judged=True)
    yield Difference("measuring rules", _rules(a.measure), _rules(b.measure), judged=True)
    yield Difference("early stopping", _rules(a.stop), _rules(b.stop))
    if a.episodes and b.episodes and not (a.episodes.closed_book or b.episodes.closed_book):
        yield Difference("agent episodes", _episodes(a.episodes), _episodes(b.episodes))
    for name in sorted({*first.detectors, *second.detectors}):
        yield Difference(
            f"detector {name}",
            _version(first.detectors, name),
            _version(second.detectors, name),
            judged=True,
        )


def mending(found: Sequence[Difference], otherwise: str) -> str:
    """Return what to do about differences: to judge again, or what has to be done otherwise."""
    if all(difference.judged for difference in found):
        return "Judge the older one again with 'loopbench score RUN --out NEW'."
    return otherwise


def sampling_differences(
    first: Sequence[Sampling], second: Sequence[Sampling]
) -> Iterator[Difference]:
    """Yield every field of the samplings with its values on both sides, equal or not."""
    words = {"temperature": "temperature", "max_new_tokens": "budget"}
    for field in msgspec.structs.fields(Sampling):
        values = []
        for side in (first, second):
            found = {getattr(s, field.name) for s in side}
            numbers = [f"{value:g}" for value in sorted(found - {None})]
            values.append(", ".join(["none"] * (None in found) + numbers))
        yield Difference(words.get(field.name, field.name), values[0], values[1])


def _splits(header: Header) -> str:
    """Return what split texts without token ids; empty where every model's ids are its own."""
    found = {model.tokenization for model in header.models} - {"model", "unknown"}
    return ", ".join(sorted(found))


def _version(versions: Mapping[str, int], name: str) -> str:
    return f"v{versions[name]}" if name in versions else "missing"


def _rules(rules: Sequence[Any]) -> str:
    words = (
        f"{rule.detector}({', '.join(f'{k}={v}' for k, v in sorted(rule.parameters.items()))})"
        for rule in rules
    )
    return " + ".join(words) or "none"


def _short(digest: str) -> str:
    return digest[:19] + ("…" if len(digest) > 19 else "")


def template_difference(first: Observed, second: Observed) -> list[Difference]:
    """Return in which chat templates two runs differ, model by model."""
    mine, theirs = (
        sorted({model.template_hash or "none" for model in side.header.models})
        for side in (first, second)
    )
    if mine == theirs:
        return []
    shown = [", ".join(map(_short, side)) for side in (mine, theirs)]
    return [Difference("chat template", shown[0], shown[1])]


def book_difference(first: Observed, second: Observed) -> list[Difference]:
    """Return whether agent tasks had tools on one side alone.

    Apart from `differences`, because what tools give back is worth a comparison.
    """
    books = [
        "none" if rule is None else "closed" if rule.closed_book else "open"
        for rule in (first.header.episodes, second.header.episodes)
    ]
    mine, theirs = books
    return [Difference("book of the agent tasks", mine, theirs)] if mine != theirs else []


def _episodes(rule: EpisodeRule) -> str:
    return (
        f"{rule.max_turns} turns, context {rule.context}, depth {rule.max_depth}, "
        f"tools v{rule.tools}"
    )


def missing_generations(observed: Observed) -> int:
    """Return how many generations of the run are not there."""
    return max(0, observed.expected - len(observed.seen))
