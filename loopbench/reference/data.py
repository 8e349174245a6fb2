"""Training text from the project's own tasks, drawn afresh for every step.

An example is drawn from the generator of its task with a random generator of its own and
kept only if its identity hashes to the split `train`, as in `loopbench.tasks.base`: no
prompt of the benchmark is ever seen. A step's examples depend on seed, stage and step alone,
so a resumed run sees what an uninterrupted one would.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Literal

import msgspec

from loopbench import tasks
from loopbench.reference import traces
from loopbench.tasks.base import Draft, Procedural
from loopbench.tasks.rng import split_of
from loopbench.types import Sample, Struct

Form = Literal["plain", "chat"]

WEIGHTS = {
    "mini_pairs": 0.3,
    "mini_countdown": 0.3,
    "mini_sum": 0.14,
    "mini_records": 0.13,
    "mini_call": 0.13,
}
"""Search has the largest share: that is where loops are."""


class Mixture(Struct, frozen=True):
    """What a stage is trained on."""

    form: Form = "chat"
    """`plain`: prompt and output as running text; `chat`: in the chat template."""
    weights: dict[str, float] = msgspec.field(default_factory=lambda: dict(WEIGHTS))
    """Share of each task."""
    levels: dict[str, float] = msgspec.field(
        default_factory=lambda: {"easy": 0.3, "medium": 0.3, "hard": 0.4}
    )
    next_share: float = 0.35
    """Share of searches in the order of the prompt; the others are in random order."""
    facts: float = 0.0
    """Share of lines of arithmetic without any task."""


class Example(Struct, frozen=True):
    """A prompt with the output to learn; an empty prompt means running text."""

    prompt: str
    output: str


def rng_of(*parts: object) -> random.Random:
    """Return a generator that depends on all the parts; see `loopbench.tasks.rng`."""
    text = ":".join(map(str, parts))
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()))


def draw(rng: random.Random, name: str, level: str, split: str = "train") -> Draft:
    """Draw one draft of a task that belongs to a split.

    Parameters
    ----------
    rng
        Draws the draft.
    name
        A procedural task.
    level
        One of its levels.
    split
        Drafts of other splits are drawn again.
    """
    task = tasks.get(name)
    if not isinstance(task, Procedural):
        raise TypeError(f"{name} is no procedural task")
    while True:
        draft = task.draft(rng, level)
        if split_of(name, draft.key or draft.prompt) == split:
            return draft


def _pick(rng: random.Random, weights: dict[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def problem(rng: random.Random, mixture: Mixture, split: str = "train") -> tuple[Sample, Draft]:
    """Draw a prompt of the mixture, as a sample that the task's grader takes.

    Parameters
    ----------
    rng
        Draws task, level and draft.
    mixture
        Shares of tasks and levels.
    split
        To which the prompt belongs.
    """
    name, level = _pick(rng, mixture.weights), _pick(rng, mixture.levels)
    draft = draw(rng, name, level, split)
    task = tasks.get(name)
    sample = Sample(
        task=name,
        task_version=task.version,
        id=f"{split}-{hashlib.sha256(draft.prompt.encode()).hexdigest()[:12]}",
        level=level,
        category=task.category,
        prompt=draft.prompt,
        reference=draft.reference,
    )
    return sample, draft


def fact(rng: random.Random) -> str:
    """Return a few sums, with the running values of a trace."""
    lines = []
    for _ in range(rng.randint(3, 8)):
        numbers = [rng.randint(1, 60)] + [rng.randint(1, 40) for _ in range(rng.randint(1, 3))]
        text, value = traces.chain(numbers, [rng.choice((1, -1)) for _ in numbers[1:]])
        other = value if rng.random() < 0.5 else value + rng.choice((-10, -2, -1, 1, 2, 10))
        lines.append(f"{text}?{other} {'yes' if other == value else 'no'}")
    return "\n".join(lines)


def example(rng: random.Random, mixture: Mixture) -> Example:
    """Draw one training example."""
    if rng.random() < mixture.facts:
        return Example(prompt="", output=fact(rng))
    sample, draft = problem(rng, mixture)
    style: traces.Style = "Next" if rng.random() < mixture.next_share else "Try"
    output = traces.write(rng, sample.task, draft, style)
    if mixture.form == "plain":
        return Example(prompt="", output=f"{draft.prompt}\n{output}")
    return Example(prompt=draft.prompt, output=output)


def step_examples(
    mixture: Mixture, count: int, *, stage: str, seed: int, step: int
) -> Iterator[Example]:
    """Yield the examples of one training step.

    Parameters
    ----------
    mixture
        Of tasks, levels and forms.
    count
        Examples of the step.
    stage, seed, step
        The coordinates that, with its index, decide what an example is.
    """
    for index in range(count):
        yield example(rng_of("reference", stage, seed, step, index), mixture)
