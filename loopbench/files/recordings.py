"""Recorded outputs and whose they are, wherever they were recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from loopbench.files.outputs import Skipped
from loopbench.types import Finish, ModelInfo, Output, Request, Rule, Sample, Sampling, Struct


class RecordingError(ValueError):
    """A recording cannot be used; its text is one sentence for the user."""


class RecordedOutput(Output, frozen=True):
    """One recorded output."""

    finish: Finish
    raw_finish: str
    prompt_tokens: int = 0
    error: str | None = None


Place = tuple[str, int, Sampling | None]
"""Whose output: identity of the prompt, which repeat, and how it was drawn if that is known."""


RECORDED = "recorded"
"""Level of the samples of a file, and their task where it names none."""


class Asked(NamedTuple):
    """One generation that is recorded."""

    sample: Sample
    sampling: Sampling
    repeat: int


_TOLD = 3
"""Rows that could not be read of which a message says why."""


class Recording(Struct, frozen=True):
    """An index of recorded outputs."""

    info: ModelInfo
    samples: list[Sample]
    samplings: list[Sampling]
    """How the outputs were drawn; for files that do not say, only the budget counts."""
    repeats: int
    streams: dict[Place, Callable[[], RecordedOutput]]
    generations: int | None = None
    """How many its own run asked for, where it may have been interrupted."""
    stop: list[Rule] = msgspec.field(default_factory=list)
    """Rules by which its own run ended streams early."""
    rows: int = 0
    """Rows of a file that were read."""
    skipped: list[Skipped] = msgspec.field(default_factory=list)
    """Rows of a file that could not be."""

    def asked(self, samples: Iterable[Sample]) -> list[Asked]:
        """Return which generations of these samples are recorded, the first repeats first."""
        places: dict[str, list[tuple[int, Sampling | None]]] = {}
        for who, repeat, sampling in self.streams:
            places.setdefault(who, []).append((repeat, sampling))
        found = [
            Asked(sample, sampling or self.samplings[0], repeat)
            for sample in samples
            for repeat, sampling in places.get(identity(sample.prompt, sample.id), ())
        ]
        return sorted(found, key=lambda one: one.repeat)

    def notes(self) -> list[str]:
        """Return what a reader of its rates must know about rows that are not in them."""
        if not self.skipped:
            return []
        told = "; ".join(f"row {one.number}: {one.problem}" for one in self.skipped[:_TOLD])
        more = f"; and {len(self.skipped) - _TOLD} more" if len(self.skipped) > _TOLD else ""
        return [
            f"{len(self.skipped)} of {self.rows + len(self.skipped)} rows of {self.info.path} "
            f"cannot be read and are in no rate: {told}{more}."
        ]

    def find(self, request: Request) -> RecordedOutput | None:
        """Return the recorded output of a request; None if there is none."""
        who = identity(request.prompt, request.sample_id)
        for sampling in (request.sampling, None):
            if found := self.streams.get((who, request.repeat, sampling)):
                return found()
        return None


def identity(prompt: str | None, sample_id: str, prompt_hash: str | None = None) -> str:
    """Return whose output this is: the hash of the prompt, or the sample's id without one.

    Parameters
    ----------
    prompt
        Its text, where it was recorded.
    sample_id
        Counts where neither the text nor its hash is known.
    prompt_hash
        SHA-256 of the text, in hexadecimal digits.
    """
    if prompt:
        return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
    return prompt_hash or f"id:{sample_id}"


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield every whole line with the place where it begins."""
    if not path.exists():
        return
    at = 0
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield at, line
            at += len(line)


def line_at(path: Path, at: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.readline()
