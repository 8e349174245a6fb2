"""When a sequential gate looks, and what it would have said about a recorded run. Pure."""

from __future__ import annotations

import random
from typing import NamedTuple

import msgspec

from loopbench.gate.decision import Decision, decide
from loopbench.gate.policy import Policy, Thresholds
from loopbench.results.observed import GateUnusable, NoDataYet, Observed
from loopbench.statistics.intervals import clean_needed, fixed_design

BATCH = 8
"""Prompts before the first look: one for every slot of the default engine."""
HOPED = 0.1
"""A checkpoint with this share of the allowed rate should pass."""
NO_RATE_SAMPLES = 400
"""Prompts where the policy has only scores, whose spread is not known in advance."""


def looks_at(samples: int, batch: int = BATCH) -> tuple[int, ...]:
    """Return the numbers of prompts at which a row is looked at, the last one included.

    Every look waits for the stragglers of its batch, so batches grow with a tenth of what is
    done: a checkpoint that needs many prompts waits seldom, a bad one is found at once.
    """
    looks, done = [], 0
    while done < samples:
        done = min(samples, done + max(batch, done // 10))
        looks.append(done)
    return tuple(looks)


def default_samples(policy: Policy, *, sequential: bool) -> int:
    """Return how many prompts a model gets, at most, where nobody says.

    Enough for a checkpoint with a tenth of the allowed rate to pass with probability 0.9 in the
    fixed design; twice as many for the sequential one, which hardly ever needs them.
    """
    thresholds = [policy.overall, *policy.per_task.values()]
    most = [value for one in thresholds for value in _rates(one)]
    if not most:
        return NO_RATE_SAMPLES
    size = fixed_design(min(most), min(most) * HOPED, policy.alpha)
    return 2 * size if sequential else size


def too_few(policy: Policy, samples: int) -> str | None:
    """Return a sentence if so many prompts could not show what is asked, even without a loop."""
    most = _rates(policy.overall)
    needed = clean_needed(min(most), policy.alpha) if most else 0
    if samples >= needed:
        return None
    return (
        f"{samples} prompts cannot show a rate of at most {100 * min(most):g} %: to exclude more "
        f"at {100 * policy.confidence:g} % you need {needed} prompts without one hit."
    )


def _rates(thresholds: Thresholds) -> list[float]:
    return [value for rule, value in thresholds.rules() if rule.most]


class Replay(NamedTuple):
    """How a sequential gate would have gone on recorded outputs."""

    decision: Decision
    looked: int
    """Prompts it would have needed."""
    prompts: int
    """Prompts of the recorded run."""


def replay(
    observed: Observed,
    policy: Policy,
    *,
    seed: int,
    batch: int = BATCH,
    baseline: Observed | None = None,
) -> Replay:
    """Judge a recorded row as if its prompts came in random order, batch by batch.

    Parameters
    ----------
    observed
        One row.
    policy
        Its rules.
    seed
        Of the order of prompts.
    batch
        Prompts between one look and the next.
    baseline
        What it is compared with, where a rule compares.

    Raises
    ------
    GateUnusable
        As `loopbench.gate.decision.decide` on the whole run.
    """
    prompts = sorted({one.prompt for one in observed.seen})
    random.Random(f"replay:{seed}").shuffle(prompts)
    position = {prompt: i for i, prompt in enumerate(prompts)}
    for look in looks_at(len(prompts), batch):
        part = msgspec.structs.replace(
            observed, seen=[one for one in observed.seen if position[one.prompt] < look]
        )
        try:
            decision = decide(part, policy, baseline=baseline, sequential=True)
        except NoDataYet:
            if look == len(prompts):
                raise
            continue
        if decision.verdict != "inconclusive" or look == len(prompts):
            return Replay(decision, look, len(prompts))
    raise GateUnusable("The run has no generations: there is nothing to decide on.")
