"""Recorded outputs and whose they are, wherever they were recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from loopbench.types import Finish, ModelInfo, Output, Request, Sample, Sampling, Struct


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


class Recording(Struct, frozen=True):
    """An index of recorded outputs."""

    info: ModelInfo
    samples: list[Sample]
    samplings: list[Sampling]
    """How the outputs were drawn; for files that do not say, only the budget counts."""
    repeats: int
    streams: dict[Place, Callable[[], RecordedOutput]]

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
