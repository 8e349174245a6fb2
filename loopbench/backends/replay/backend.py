"""Recorded outputs, watched as if they streamed: stopping rules without a model."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from loopbench.backends.base import Capabilities, StreamWatch, Watch, failed
from loopbench.backends.forms import split_name
from loopbench.backends.intake import LIMIT, End, Intake
from loopbench.closeable import Closeable
from loopbench.files.recordings import RecordedOutput, Recording, RecordingError
from loopbench.files.rows import load_file
from loopbench.files.runs import load_run
from loopbench.results.store import HEADER, RECORDS
from loopbench.types import Generation, ModelInfo, Request


class ReplayBackend(Closeable):
    """Recorded outputs as an engine."""

    slots = 1

    def __init__(self, recording: Recording, info: ModelInfo) -> None:
        self._recording, self._info = recording, info

    def info(self) -> ModelInfo:
        """Describe the recorded model."""
        return self._info

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Generator[tuple[Request, Generation], None, None]:
        """Replay the requests; see `loopbench.backends.base.Backend`."""
        for request in requests:
            stream = self._recording.find(request)
            if stream is None:
                yield request, failed("This prompt has no recorded output.", "not_recorded")
            else:
                yield request, replay(stream, request, watch(request))

    def close(self) -> None:
        """Do nothing: no file stays open."""


def replay(stream: RecordedOutput, request: Request, watch: StreamWatch) -> Generation:
    """Show a recorded output to a watch, token by token, and cut it where that asks to stop.

    Nothing was generated, so it took no time.

    Parameters
    ----------
    stream
        The recorded output.
    request
        What is asked: its prefix is skipped, its budget kept.
    watch
        Sees every token.
    """
    if stream.finish == "error":
        return failed(stream.error or "The recorded generation failed.", stream.raw_finish)
    start, budget = len(request.prefix_ids), request.sampling.max_new_tokens
    recorded = len(stream.token_ids)
    if start >= recorded and stream.finish == "loop":
        return failed("The recording ends where its own run stopped the stream.", "not_recorded")
    end = End(stream.finish, stream.raw_finish) if recorded <= budget else LIMIT
    ids, pieces = stream.token_ids[start:budget], stream.pieces[start:budget]
    intake = Intake(watch)
    # It ended with its last token, and may have been stopped before.
    ended = intake.take(ids[:-1], pieces[:-1]) or intake.take(ids[-1:], pieces[-1:], end)
    return intake.generation(ended or end, prompt_tokens=stream.prompt_tokens, seconds=0.0)


def load(place: str) -> Recording:
    """Index a recording: `PATH`, or `PATH#MODEL` for one of its several models.

    Raises
    ------
    RecordingError
        If it cannot be read.
    RunError
        If a run folder cannot be read.
    """
    path, name = Path(place), None
    if not path.exists():
        head, name = split_name(place)
        path = Path(head)
    path = path.absolute()
    if path.is_dir() and (path / HEADER).exists():
        return load_run(path, name)
    if not path.is_file():
        raise RecordingError(
            f"There is no recording {place}: give a run folder, or a file of outputs."
        )
    return load_file(path, name)


@lru_cache(maxsize=1)
def _cached(place: str, stamp: tuple[int, int]) -> Recording:
    return load(place)


def _load(place: str | Path) -> Recording:
    """Index a recording once, though a run asks for it several times."""
    path = Path(place) if Path(place).exists() else Path(split_name(str(place))[0])
    file = path / RECORDS if path.is_dir() else path
    state = file.stat() if file.exists() else None
    return _cached(str(place), (state.st_mtime_ns, state.st_size) if state else (0, 0))


class _Replay:
    """The backend as the registry sees it."""

    name = "replay"
    default_slots = 1
    capabilities = Capabilities(recorded=True)

    def describe(self, place: str | Path, *, name: str | None = None) -> ModelInfo:
        """Return the provenance of the recorded model.

        Raises
        ------
        ValueError
            If the recording cannot be used.
        """
        info = _load(place).info
        return info if name is None else msgspec.structs.replace(info, name=name)

    def recording(self, place: str | Path) -> Recording:
        """Return what was recorded: samples, samplings, and which repeats of each there are."""
        return _load(place)

    def open(self, place: str | Path, **settings: Any) -> ReplayBackend:
        """Index the recording; engines' settings mean nothing here."""
        return ReplayBackend(_load(place), self.describe(place, name=settings.get("name")))


BACKEND = _Replay()
