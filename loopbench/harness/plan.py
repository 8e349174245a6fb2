"""What a run has to do: settings in, identified generations out. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from loopbench.files.recordings import Asked
from loopbench.judging.jobs import Job, job_key
from loopbench.results.header import Header
from loopbench.results.observations import Observation
from loopbench.tasks.agents import toolbox
from loopbench.tasks.suites import DEFAULT_SUITE
from loopbench.types import EpisodeRule, Level, ModelInfo, Sample, Sampling, Struct

MAX_BUDGET = 1_000_000
MIN_AGENT_CONTEXT = 1_024
MAX_DEPTH = 2
"""Sub-questions of an agent may have sub-questions, and no more."""
ENGINE_OPTIONS = ("device", "dtype", "api", "flash_attention")
"""Settings that only some backends have."""


COUNTS = ("repeats", "slots", "threads", "limit", "max_turns", "ray_actors", "ray_cpus")
"""Settings that must be at least 1 where they are given."""


class Settings(Struct, frozen=True):
    """Everything that `loopbench run` can be asked, with its defaults."""

    models: tuple[str, ...]
    tasks: tuple[str, ...] = (DEFAULT_SUITE,)
    temperatures: tuple[float, ...] = (0.0,)
    max_new_tokens: int = 1024
    repeats: int = 1
    limit: int | None = None
    seed: int = 0
    slots: int | None = None
    threads: int | None = None
    early_stop: bool | None = None
    """None: for models, but not for a recording, which is judged as it is unless asked."""
    stop_circular: bool = False
    """Also end streams that go round; many of these would have left by themselves."""
    audit_share: float = 0.05
    audit_min: int = 20
    deterministic: bool = False
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    penalties: tuple[float, ...] = ()
    """Several repetition penalties, each with every temperature; instead of the one above."""
    quants: tuple[str, ...] = ()
    """Quantisations of every GGUF file, made on demand; without any, the files as they are."""
    levels: tuple[str, ...] = ()
    """Levels at which every task is run, instead of those that the selection names."""
    grid: bool = False
    """Cells of a grid: a run folder that is continued may get further models and samplings."""
    requantize: bool = False
    """Quantise files that are quantised already, too."""
    closed_book: bool = False
    """Agent tasks: the same questions in one turn, without tools."""
    max_turns: int = 8
    """Agent tasks: most generations of an episode."""
    agent_context: int = 3072
    """Agent tasks: tokens of the longest prompt."""
    backend: str | None = None
    """None picks by the form of each model."""
    device: str | None = None
    dtype: str | None = None
    api: str | None = None
    flash_attention: str | None = None
    """`on` or `off`; None leaves it to the backend."""
    constrained: bool = False
    think_budget: int | None = None
    """Most tokens of thinking, after which the answer is asked for; None for no such limit."""
    ray: str | None = None
    """Address of the Ray cluster whose actors generate, or `local`; None generates here."""
    ray_actors: int = 1
    ray_cpus: int = 1
    """CPUs of each actor, and its threads where `threads` is not given."""
    ray_gpus: float = 0.0

    def engine_options(self) -> dict[str, str]:
        """Return what was asked of the engines, by the names that backends list."""
        values = {name: getattr(self, name) for name in ENGINE_OPTIONS}
        return {name: value for name, value in values.items() if value is not None}

    def samplings(self) -> list[Sampling]:
        """Return one sampling per temperature and repetition penalty."""
        return [
            Sampling(
                temperature=temperature,
                max_new_tokens=self.max_new_tokens,
                seed=self.seed,
                top_k=self.top_k,
                top_p=self.top_p,
                min_p=self.min_p,
                repetition_penalty=penalty,
                constrained=self.constrained,
                think_budget=self.think_budget,
            )
            for temperature in self.temperatures
            for penalty in self.penalties or (self.repetition_penalty,)
        ]

    def check(self) -> None:
        """Refuse settings that cannot give a number.

        Raises
        ------
        ValueError
            One sentence with the value.
        """
        if not self.models:
            raise ValueError("Name at least one model; 'loopbench ls models' lists some.")
        if not 1 <= self.max_new_tokens <= MAX_BUDGET:
            raise ValueError(
                f"The budget must be between 1 and {MAX_BUDGET} tokens, "
                f"got --max-new-tokens {self.max_new_tokens}."
            )
        for name in COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be at least 1, got {value}.")
        if self.agent_context < MIN_AGENT_CONTEXT:
            raise ValueError(
                f"--agent-context must be at least {MIN_AGENT_CONTEXT} tokens, which a question "
                f"and its tools take, got {self.agent_context}."
            )
        if not self.temperatures:
            raise ValueError("Give at least one temperature.")
        for temperature in self.temperatures:
            if not (math.isfinite(temperature) and 0 <= temperature <= 10):
                raise ValueError(f"A temperature must be between 0 and 10, got {temperature}.")
        for values, what in (
            (self.models, "model"),
            (self.temperatures, "temperature"),
            (self.penalties, "repetition penalty"),
        ):
            if len(set(values)) < len(values):
                raise ValueError(f"A {what} is named twice; use --repeats to run it again.")
        if not 0 <= self.audit_share <= 1 or self.audit_min < 0:
            raise ValueError("--audit-share must be between 0 and 1, --audit-min at least 0.")
        if self.stop_circular and self.early_stop is False:
            raise ValueError("--stop-circular and --no-early-stop exclude each other.")
        if self.constrained and self.early_stop is not False:
            raise ValueError(
                "--constrained needs --no-early-stop: a stream that is continued for the audit "
                "would begin its grammar anew."
            )
        if self.deterministic and self.flash_attention == "on":
            raise ValueError("--deterministic and --flash-attention on exclude each other.")
        self._check_think_budget()
        self._check_filters()
        self._check_ray()

    def _check_ray(self) -> None:
        if not (math.isfinite(self.ray_gpus) and self.ray_gpus >= 0):
            raise ValueError(f"--ray-gpus must be at least 0, got {self.ray_gpus}.")
        # Ray counts in ten-thousandths, and shares one GPU, never several.
        if 0 < self.ray_gpus < 1e-4 or (self.ray_gpus > 1 and self.ray_gpus % 1):
            raise ValueError(
                f"--ray-gpus must be a whole number or a part of one GPU, got {self.ray_gpus}."
            )
        if self.ray is None and (self.ray_actors, self.ray_cpus, self.ray_gpus) != (1, 1, 0):
            raise ValueError("--ray-actors, --ray-cpus and --ray-gpus need --ray ADDRESS|local.")

    def _check_think_budget(self) -> None:
        if self.think_budget is None:
            return
        if not 1 <= self.think_budget < self.max_new_tokens:
            raise ValueError(
                f"--think-budget must be at least 1 and below --max-new-tokens "
                f"({self.max_new_tokens}), got {self.think_budget}."
            )
        if self.constrained:
            raise ValueError("--think-budget and --constrained exclude each other.")

    def _check_filters(self) -> None:
        # Not a number is refused too: JSON has none, so a header could not hold it.
        if self.top_k < 0:
            raise ValueError(f"--top-k must be at least 0, got {self.top_k}.")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"--top-p must be above 0 and at most 1, got {self.top_p}.")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"--min-p must be between 0 and 1, got {self.min_p}.")
        for penalty in (self.repetition_penalty, *self.penalties):
            if not 0 < penalty <= 10:
                raise ValueError(
                    f"--repetition-penalty must be above 0 and at most 10, got {penalty}."
                )


def episode_rule(settings: Settings, samples: Iterable[Sample]) -> EpisodeRule | None:
    """Return how the agent tasks among the samples are run; None if there are none."""
    if not any(sample.category == "agents" for sample in samples):
        return None
    if settings.closed_book:
        return EpisodeRule(closed_book=True, max_turns=1, context=0, max_depth=0, tools=0)
    return EpisodeRule(
        closed_book=False,
        max_turns=settings.max_turns,
        context=settings.agent_context,
        max_depth=MAX_DEPTH,
        tools=toolbox.VERSION,
    )


class Schedule(NamedTuple):
    """Samples of a run that may end early, and when it is looked at.

    A look sees whole batches only: outputs that have not ended yet are the long ones, so
    whatever is finished at some moment loops too rarely.
    """

    samples: list[Sample]
    """In the order in which they are run; their number is the most that is run."""
    looks: tuple[int, ...]
    """Numbers of samples, rising, after which a row is looked at."""
    enough: Callable[[Header, Sequence[Observation]], bool]
    """Told everything of a row so far; true ends the row."""


def settings_of(*models: str, **fields: Any) -> Settings:
    """Return settings from names and plain values.

    Raises
    ------
    ValueError
        For an unknown setting, or a value of the wrong kind.
    """
    unknown = set(fields) - {field.name for field in msgspec.structs.fields(Settings)}
    if unknown:
        raise ValueError(f"Unknown setting {min(unknown)!r}.")
    return msgspec.convert({"models": models, **fields}, Settings, strict=False)


def every(
    samples: Sequence[Sample], samplings: Iterable[Sampling], repeats: int
) -> Iterator[Asked]:
    """Yield every sample with every sampling, so many times; row by row, in order.

    Parameters
    ----------
    samples
        In the order in which they are run.
    samplings
        One per row of the table.
    repeats
        Generations of each sample.
    """
    for sampling in samplings:
        for repeat in range(repeats):
            for sample in samples:
                yield Asked(sample, sampling, repeat)


def jobs(
    model: ModelInfo, asked: Iterable[Asked], rule: EpisodeRule | None = None
) -> list[list[Job]]:
    """Return the generations of each row of the table that has any, in order.

    Parameters
    ----------
    model
        Its fingerprint is part of every key.
    asked
        What is generated.
    rule
        How agent tasks are run.
    """
    rows: dict[Sampling, list[Job]] = {}
    for one in asked:
        job = Job(key=job_key(model, *one, rule), **one._asdict())
        rows.setdefault(one.sampling, []).append(job)
    return list(rows.values())


def batches(cell: Sequence[Job], looks: Sequence[int]) -> Iterator[list[Job]]:
    """Yield the generations of one row between one look and the next, all repeats together."""
    position: dict[tuple[str, str], int] = {}
    for job in cell:
        position.setdefault((job.sample.task, job.sample.id), len(position))
    ends = sorted({*(look for look in looks if look < len(position)), len(position)})
    for low, high in pairwise((0, *ends)):
        yield [job for job in cell if low <= position[job.sample.task, job.sample.id] < high]


def audit_choice(
    stopped: Mapping[str, Level | None], share: float, least: int, seed: int
) -> list[str]:
    """Choose at random which early-stopped streams are run on to the budget.

    Per level, `share` of the stopped streams but at least `least`, or all where there are
    fewer. The choice depends on the keys and the seed alone, so a resumed run chooses
    the same ones.

    Parameters
    ----------
    stopped
        The level at which each was stuck, by its key.
    """

    def rank(key: str) -> str:
        return hashlib.sha256(f"audit:{seed}:{key}".encode()).hexdigest()

    levels: dict[Level | None, list[str]] = {}
    for key, level in stopped.items():
        levels.setdefault(level, []).append(key)
    chosen: list[str] = []
    for keys in levels.values():
        count = max(least, math.ceil(share * len(keys)))
        chosen += sorted(keys, key=rank)[:count]
    return chosen


def missing(all_jobs: Iterable[Job], done: Collection[str]) -> list[Job]:
    """Return the jobs that no earlier start of the run has finished."""
    return [job for job in all_jobs if job.key not in done]
