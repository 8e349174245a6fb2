"""What the models of a run need: their engines' options, and what they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from loopbench import backends
from loopbench.backends.base import RecordingFactory
from loopbench.backends.forms import Target
from loopbench.files.recordings import Asked
from loopbench.harness.plan import Settings, every
from loopbench.models import quantising
from loopbench.tasks.agents.toolbox import check_packages
from loopbench.tasks.suites import DEFAULT_SUITE, at_levels, select
from loopbench.types import ModelInfo, Rule, Sample, Sampling

CONTEXT_RESERVE = 256
"""Tokens by which an episode's prompt may exceed its context."""


def options_for(target: Target, settings: Settings) -> dict[str, str]:
    """Return the engine options that were given and that this model's backend has."""
    known = backends.get(target.backend).capabilities.options
    return {name: v for name, v in settings.engine_options().items() if name in known}


def check_targets(targets: Sequence[Target], settings: Settings) -> None:
    """Refuse an option that no backend would look at, and a recording beside other models.

    Raises
    ------
    ValueError
        One sentence that says which.
    """
    if len(targets) > 1 and _recording(targets):
        raise ValueError("A recording is replayed alone: name one, and no other model with it.")
    if settings.think_budget is not None:
        if settings.ray:
            raise ValueError("--think-budget does not work with --ray: leave one of them out.")
        for target in targets:
            if not backends.get(target.backend).capabilities.ends_thinking:
                raise ValueError(
                    f"--think-budget does not work with the backend {target.backend}, which "
                    "cannot go on after a closed thinking block; use llamacpp or transformers."
                )
    used = {name for target in targets for name in options_for(target, settings)}
    for name in settings.engine_options():
        if name not in used:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} is not for the {targets[0].backend} backend.")


def check_agents(
    targets: Sequence[Target], models: Sequence[ModelInfo], settings: Settings
) -> None:
    """Refuse agent episodes that cannot be run: a recording, too little context, no tools.

    Parameters
    ----------
    targets
        Of the run.
    models
        What is known of each target.
    settings
        With the context and the budget of a turn.

    Raises
    ------
    ValueError
        One sentence that says what to do.
    """
    if _recording(targets):
        raise ValueError(
            "Recorded episodes cannot be replayed turn by turn: judge them again with "
            "'loopbench score', or replay with --closed-book."
        )
    for model in models:
        room = model.context_length - settings.max_new_tokens - CONTEXT_RESERVE
        if model.context_length and settings.agent_context > room:
            raise ValueError(
                f"{model.name} was trained for {model.context_length:,} tokens of context, which "
                f"agent prompts of {settings.agent_context:,} and replies of "
                f"{settings.max_new_tokens:,} do not fit: "
                "lower --agent-context or --max-new-tokens."
            )
    check_packages()


def _recording(targets: Sequence[Target]) -> Target | None:
    """Return the target whose backend knows what to ask, if there is one."""
    return next((t for t in targets if backends.get(t.backend).capabilities.recorded), None)


def quantised(
    targets: Sequence[Target], settings: Settings, tell: Callable[[str], None]
) -> list[Target]:
    """Return each target in every quantisation that is asked for, made where it is missing.

    Parameters
    ----------
    targets
        As they were named.
    settings
        With the quantisations.
    tell
        Told what is being made.

    Raises
    ------
    ValueError
        If a target is no GGUF file, or cannot be quantised.
    """
    if not settings.quants:
        return list(targets)
    variants = []
    for target in targets:
        source = Path(target.place)
        if source.suffix != ".gguf":
            raise ValueError(f"The quant axis is for GGUF files, and {target.place} is none.")
        for quant in settings.quants:
            tell(f"{target.name or source.stem} as {quant}")
            place = quantising.variant(
                source, quant, requantize=settings.requantize, threads=settings.threads or 1
            )
            name = f"{target.name or source.stem}-{quant.lower()}"
            variants.append(target.moved(str(place), name))
    return variants


def asked(settings: Settings) -> tuple[str, ...]:
    """Return the suites and tasks that are asked for, at the levels of the grid if it has any."""
    return tuple(at_levels(settings.tasks, settings.levels)) if settings.levels else settings.tasks


class Recorded(NamedTuple):
    """What a recording says of what is generated."""

    asked: list[Asked]
    """The generations that there are: not every sample need have the same number."""
    generations: int
    """How many there should be."""
    stop: list[Rule]
    """Rules by which its own run ended streams."""
    notes: list[str]
    """What a reader must know."""


class Selection(NamedTuple):
    """What is generated: every sample with every sampling, so many times."""

    samples: list[Sample]
    samplings: list[Sampling]
    repeats: int
    recorded: Recorded | None = None
    """Of a recording: what of these there is."""

    def asked(self) -> Iterable[Asked]:
        """Return the generations."""
        if self.recorded:
            return self.recorded.asked
        return every(self.samples, self.samplings, self.repeats)

    @property
    def generations(self) -> int | None:
        """How many there should be; None for every sample with every sampling and repeat."""
        product = len(self.samples) * len(self.samplings) * self.repeats
        if self.recorded is None or self.recorded.generations == product:
            return None
        return self.recorded.generations


def selection_of(targets: Sequence[Target], settings: Settings) -> Selection:
    """Return what is asked, and how: for a recording, what is recorded.

    Raises
    ------
    ValueError
        If a recording is asked for what it does not have.
    """
    target = _recording(targets)
    chosen = asked(settings), settings.limit, settings.seed
    if target is None:
        return Selection(select(*chosen), settings.samplings(), settings.repeats)
    if settings.penalties or settings.levels:
        raise ValueError("A recording has its own sampling and prompts: no --grid for it.")
    recording = cast(RecordingFactory, backends.get(target.backend)).recording(target.place)
    own = settings.tasks == (DEFAULT_SUITE,)
    samples = recording.samples[: settings.limit] if own else select(*chosen)
    found = recording.asked(samples)
    there = {(one.sample.task, one.sample.id) for one in found}
    notes = recording.notes()
    if left := len(samples) - len(there):
        notes.append(f"{left} of {len(samples)} prompts have no recorded output: left out.")
    if not there:
        names = ", ".join(settings.tasks)
        raise ValueError(f"No prompt of {names} has an output in {target.place}.")
    whole = own and len(samples) == len(recording.samples)
    return Selection(
        samples=[sample for sample in samples if (sample.task, sample.id) in there],
        samplings=recording.samplings,
        repeats=recording.repeats,
        recorded=Recorded(
            asked=found,
            generations=(whole and recording.generations) or len(found),
            stop=recording.stop,
            notes=notes,
        ),
    )
