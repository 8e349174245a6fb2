"""What an output is worth to the trainer. Pure.

Repetition is measured by repeated n-grams, never by the detectors that report the rate: a
model trained against a detector learns to get past it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loopbench import tasks
from loopbench.types import Sample, Struct

NGRAM = 12
"""Tokens; a line of a search has about as many, and two different lines share fewer."""
LOOPING = 0.4
"""Share of repeated n-grams above which an output that did not end counts as looping."""


class Rollout(Struct, frozen=True):
    """An output of the model in training, judged."""

    sample: Sample
    prompt: tuple[int, ...]
    output: tuple[int, ...]
    text: str
    ended: bool
    score: float
    """The grader's, between 0 and 1."""
    answered: bool
    """The grader found an answer at all."""
    repeated: float
    """Share of repeated n-grams; see `repetition`."""

    @property
    def looping(self) -> bool:
        """It did not end and repeated itself."""
        return not self.ended and self.repeated > LOOPING


def repetition(ids: Sequence[int], n: int = NGRAM) -> float:
    """Return the share of n-grams that have occurred before; 0 for short outputs.

    The penalty of TRL's `get_repetition_penalty_reward` (open-r1) without its scale.
    """
    grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def graded_rollout(
    sample: Sample, prompt: Sequence[int], output: Sequence[int], text: str, end: int
) -> Rollout:
    """Grade an output with the benchmark's own grader.

    Parameters
    ----------
    sample
        What was asked.
    prompt, output
        Token ids.
    text
        The output without its end.
    end
        Id of the token that ends an output.
    """
    grade = tasks.get(sample.task).grade(sample, text)
    ended = bool(output) and output[-1] == end
    return Rollout(
        sample=sample,
        prompt=tuple(prompt),
        output=tuple(output),
        text=text,
        ended=ended,
        score=(grade.score or 0.0) if ended else 0.0,
        answered=ended and grade.problem != "no_answer",
        repeated=repetition(output),
    )


def reward(rollout: Rollout, *, repetition_weight: float = 0.5, wrong: float = 0.5) -> float:
    """Return the reward of GRPO.

    A right answer earns its score, an output without an answer 0, and repetition costs up to
    `repetition_weight`. A wrong answer costs `wrong`: were it free, the quickest way out of
    a penalised loop would be to answer anything, and outputs would collapse to that.

    Parameters
    ----------
    rollout
        The judged output.
    repetition_weight
        Cost of an output that is nothing but repetition.
    wrong
        Cost of a wrong answer.
    """
    penalty = repetition_weight * rollout.repeated
    if not rollout.answered:
        return -penalty
    return rollout.score - wrong * (1 - rollout.score) - penalty


Jury = Callable[[Sample, Sequence[Rollout]], Sequence[float]]
"""Scores candidates; replaces the verifier where there is none."""


def verifier(sample: Sample, candidates: Sequence[Rollout]) -> list[float]:
    """Score candidates by the grader; among equals less repetition, then the shorter one."""
    return [c.score - 0.1 * c.repeated - 1e-5 * len(c.output) for c in candidates]


def preference(
    candidates: Sequence[Rollout], jury: Jury = verifier, *, least: float = 0.7, gap: float = 0.1
) -> tuple[Rollout, Rollout] | None:
    """Return the chosen and the rejected of several outputs to one prompt.

    A looping candidate is the rejected one whatever its score; otherwise the worst. There is
    no pair where the jury gives the best less than `least`, or less than `gap` more than the
    rejected one.

    Parameters
    ----------
    candidates
        Outputs to one prompt, at least one.
    jury
        Scores them.
    least
        Smallest score of a chosen output.
    gap
        Smallest difference of the two scores.
    """
    scores = jury(candidates[0].sample, candidates)
    ranked = sorted(range(len(candidates)), key=lambda i: scores[i])
    best = ranked[-1]
    rejected = next((i for i in ranked if candidates[i].looping), ranked[0])
    if scores[best] < least or scores[best] - scores[rejected] < gap or candidates[best].looping:
        return None
    return candidates[best], candidates[rejected]
