"""What a run measures: its header, and in what two of them differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from loopbench.types import EpisodeRule, ModelInfo, Rule, Sampling, Struct

RECORDING = "recording:"
"""How the fingerprint of a model begins of which there is only a file of outputs."""


class Header(Struct, frozen=True):
    """What a run measures, with everything that a rate depends on."""

    schema_version: int
    loopbench_version: str
    created: str
    """UTC, ISO 8601."""
    models: list[ModelInfo]
    tasks: dict[str, int]
    """Name and version of every task."""
    selection: list[str]
    """Suites and tasks as they were asked for."""
    items_hash: str
    """Hash of the content of all samples."""
    samples: int
    samplings: list[Sampling]
    repeats: int
    seed: int
    measure: list[Rule]
    stop: list[Rule]
    """Rules that end a stream early; empty without early stopping."""
    audit_share: float
    audit_min: int
    deterministic: bool
    engine: dict[str, int | str | None]
    """Slots and threads: they do not change what is measured, only how fast."""
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    """Tasks from elsewhere: the package and version, revision or file hash of their data."""
    episodes: EpisodeRule | None = None
    """How agent tasks are run; None where there are none."""
    precedence: int = 1
    """Version of the order in which it is decided how an output ends, where its model, a watch
    and the budget agree on its last token; 1: it depended on the engine."""
    judgement: int = 1
    """Version of the rule that names outcomes; see `loopbench.judging.outcome.JUDGEMENT`."""
    generations: int | None = None
    """Generations of each model, where prompts repeat an unequal number of times, as they may in
    a recording; None: every sample with every sampling, `repeats` times."""

    @property
    def of_file(self) -> bool:
        """Whether its outputs come from a file: the budget is then only their longest."""
        return all(model.fingerprint.startswith(RECORDING) for model in self.models)

    @property
    def expected(self) -> int:
        """Generations of the whole run."""
        product = self.samples * len(self.samplings) * self.repeats
        each = product if self.generations is None else self.generations
        return len(self.models) * each

    def differences(self, other: Header) -> list[str]:
        """Name every setting in which two headers measure different things."""
        free = {"created", "loopbench_version", "engine"}
        mine, theirs = msgspec.to_builtins(self), msgspec.to_builtins(other)
        return [
            f"{path} is {_short(new)} instead of {_short(old)}"
            for name in mine
            if name not in free
            for path, old, new in _unequal(name, mine[name], theirs[name])
            # A moved file is the same model: its fingerprint says so.
            if not path.endswith("].path")
        ]

    def widened(self, other: Header) -> Header:
        """Return this header with the other's models and samplings too."""
        known = {model.fingerprint for model in self.models}
        models = [model for model in other.models if model.fingerprint not in known]
        samplings = [s for s in other.samplings if s not in self.samplings]
        return msgspec.structs.replace(
            self, models=self.models + models, samplings=self.samplings + samplings
        )

    def within(self, wider: Header) -> Header:
        """Return this header with the models and samplings of a wider one, in its order.

        What both know of a model stays as it is here, so that it can be compared.
        """
        mine = {model.fingerprint: model for model in self.models}
        return msgspec.structs.replace(
            self,
            models=[mine.get(model.fingerprint, model) for model in wider.models],
            samplings=wider.samplings,
        )


def _unequal(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the innermost places in which two values differ."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for name in old:
            yield from _unequal(f"{path}.{name}", old[name], new[name])
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, pair in enumerate(zip(old, new, strict=True)):
            yield from _unequal(f"{path}[{i}]", *pair)
    elif old != new:
        yield path, old, new


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."
