"""What becomes of outputs that go round at some budget, if they are given two and four times it.

Every output is judged as if its budget had been 512, 1,024, 2,048, … tokens. Of those that are
circular there, it is followed how many have ended by two and by four times that budget, as far
as the run went. One run with a large budget answers for all smaller ones. Pure: records in,
numbers out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from loopbench.calibration.streams import FollowedOutput
from loopbench.detectors import Detector
from loopbench.judging.monitor import scan_all
from loopbench.judging.outcome import classify
from loopbench.judging.rules import MEASURE, detectors_of
from loopbench.results.summary import Rate
from loopbench.statistics.intervals import clustered_rate
from loopbench.types import Outcome, Struct

BUDGETS = tuple(512 << k for k in range(8))
LATER = (2, 4)
"""Multiples of the budget up to which a circular output is followed."""
NEARLY = 0.95
"""Part of a budget that will do for it: a context may end a few tokens before."""


class CircularFate(Struct, frozen=True):
    """What had become of the outputs circular at one budget by a multiple of it."""

    model: str
    temperature: float
    budget: int
    later: int
    """Tokens up to which they were followed."""
    n: int
    """Outputs circular at `budget`, every one of them followed to `later` or to its end."""
    reached: int
    """Outputs that were still going at `budget`."""
    ended: Rate
    """By themselves; interval clustered by prompt."""
    doom: int
    circular: int
    truncated: int
    """Cut while saying something new."""


def state_at(stream: FollowedOutput, budget: int, measure: Sequence[Detector]) -> Outcome | None:
    """Return the outcome that an output would have had at a budget; None if that is not known.

    A stream that was stopped in a loop and not continued is taken to stay in it.

    Parameters
    ----------
    stream
        As far as it was followed.
    budget
        In tokens.
    measure
        Detectors that decide about the outcome.
    """
    made = len(stream.token_ids)
    if stream.finish == "unknown" and made < budget:
        return None
    # What a stream that was stopped for going round would have done is not known.
    cut = stream.finish == "length" or stream.outcome == "circular"
    if cut and made < NEARLY * budget:
        return None
    if not cut and made < budget:
        return stream.outcome
    return classify("length", scan_all(measure, stream.token_ids[:budget], stream.pieces[:budget]))


def circular_fates(
    streams: Sequence[FollowedOutput], budgets: Sequence[int] = BUDGETS
) -> list[CircularFate]:
    """Return, by model, temperature and budget, what became of the circular outputs."""
    measure = detectors_of(MEASURE)
    cells: dict[tuple[str, float], list[dict[int, Outcome | None]]] = {}
    prompts: dict[tuple[str, float], list[tuple[str, str]]] = {}
    for stream in streams:
        row = stream.seen.model, stream.seen.temperature
        wanted = {b * times for b in budgets for times in (1, *LATER)}
        cells.setdefault(row, []).append({b: state_at(stream, b, measure) for b in wanted})
        prompts.setdefault(row, []).append(stream.seen.prompt)
    return [
        fate
        for row, states in cells.items()
        for budget in budgets
        for times in LATER
        if (fate := _fate(row, states, prompts[row], budget, budget * times))
    ]


def _fate(
    row: tuple[str, float],
    states: Sequence[dict[int, Outcome | None]],
    prompts: Sequence[tuple[str, str]],
    budget: int,
    later: int,
) -> CircularFate | None:
    clusters: dict[tuple[str, str], list[bool]] = {}
    fates: Counter[Outcome] = Counter()
    reached = 0
    for known, prompt in zip(states, prompts, strict=True):
        now, then = known[budget], known[later]
        reached += now in ("doom", "circular", "truncated")
        if now != "circular":
            continue
        if then is None:
            # Those that ended early are known in any case: without the others they would look many.
            return None
        fates[then] += 1
        clusters.setdefault(prompt, []).append(then in ("clean", "recovered"))
    n = fates.total()
    if not n:
        return None
    value, low, high = clustered_rate(list(clusters.values()))
    return CircularFate(
        model=row[0],
        temperature=row[1],
        budget=budget,
        later=later,
        n=n,
        reached=reached,
        ended=Rate(value=value, low=low, high=high, n=n),
        doom=fates["doom"],
        circular=fates["circular"],
        truncated=fates["truncated"],
    )
