"""Judging files of outputs, on every core that is idle."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO, NamedTuple

from loopbench.files.hub import PREFIX
from loopbench.files.outputs import FileError, Skipped
from loopbench.files.reading import How, Item, Reading, open_reading
from loopbench.judging.rules import MEASURE
from loopbench.outputs.judged import JudgedOutput, Tokenise, judge
from loopbench.outputs.sources import STDIN, Source
from loopbench.outputs.tokenizers import tokeniser
from loopbench.types import Rule, Struct

CHUNK = 1 << 18
"""Characters that a worker is given at once."""
ALONE = 1 << 20
"""Characters up to which no worker is worth its start."""
STDIN_NAME = "standard input"


class Opened(NamedTuple):
    """A file is understood; its outputs follow."""

    file: str
    format: str
    kind: str
    """What it is made of: `json`, `parquet`, `text`, …"""


class Unread(NamedTuple):
    """A row could not be read or judged; it is in no rate."""

    file: str
    row: int
    problem: str


class Refused(NamedTuple):
    """A file is not understood."""

    file: str
    problem: str
    named: bool
    """It was named itself, not found in a folder."""


Event = Opened | JudgedOutput | Unread | Refused


class Judging(Struct, frozen=True):
    """How outputs are judged."""

    rules: tuple[Rule, ...] = MEASURE
    tokenizer: str | None = None
    """Name or file of the tokenizer for texts without token ids; None for the declared split."""
    ends_only: bool = False
    workers: int | None = None
    """Processes; None for one for every idle core, where there is enough to do."""


def judge_files(
    sources: Iterable[Source],
    how: How,
    judging: Judging,
    *,
    progress: Callable[[int], None] = lambda read: None,
) -> Iterator[Event]:
    """Judge files one after another and tell what is found, in the order of the files.

    Parameters
    ----------
    sources
        The files.
    how
        What the user says about them.
    judging
        Rules, tokenizer, processes.
    progress
        Is told how many bytes were read since it was told last.
    """
    tokeniser(judging.tokenizer)  # a wrong name is told before anything is read
    with _Judges(judging) as judges:
        for source in sources:
            try:
                with _opened(source, how) as (reading, file):
                    if reading.kind == "text" and not source.named:
                        raise FileError(f"{source.place} is a text; name it to have it judged.")
                    yield Opened(_name(source), reading.format.name, reading.kind)
                    yield from judges.judge(_name(source), _counted(reading, file, progress))
            except FileError as error:
                yield Refused(_name(source), str(error), source.named)


def _name(source: Source) -> str:
    return STDIN_NAME if source.place == STDIN else source.place


@contextmanager
def _opened(source: Source, how: How) -> Iterator[tuple[Reading, BinaryIO | None]]:
    """Open what is read, and the file that tells how far it is."""
    if source.place == STDIN:
        # It stays open for whoever comes after.
        yield Reading(sys.stdin.buffer, _name(source), how), None
    elif source.place.startswith(PREFIX):
        with open_reading(Path(source.place), how) as reading:
            yield reading, None
    else:
        try:
            file = Path(source.place).open("rb")  # noqa: SIM115
        except OSError as error:
            raise FileError(f"{source.place} cannot be read: {error.strerror or error}.") from error
        with file:
            yield Reading(file, _name(source), how), file


def _counted(
    reading: Reading, file: BinaryIO | None, progress: Callable[[int], None]
) -> Iterator[Item | Skipped]:
    """Pass on what is read, and tell how far the file is."""
    told = 0
    for item in reading:
        yield item
        if file and file.seekable() and (at := file.tell()) != told:
            progress(at - told)
            told = at


Chunk = list[Item | Skipped]


class _Judges:
    """The processes that judge; this one alone until there is enough to do."""

    def __init__(self, judging: Judging) -> None:
        self._judging = judging
        self._pool: ProcessPoolExecutor | None = None
        self._workers = judging.workers
        self._seen = 0

    def __enter__(self) -> _Judges:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def judge(self, file: str, items: Iterable[Item | Skipped]) -> Iterator[JudgedOutput | Unread]:
        """Yield what is said about the outputs of a file, in their order."""
        waiting: deque[Future[list[JudgedOutput | Unread]]] = deque()
        for chunk, size in _chunks(items):
            self._seen += size
            if not self._wanted():
                yield from judge_chunk(file, chunk, self._judging)
                continue
            assert self._pool and self._workers
            waiting.append(self._pool.submit(judge_chunk, file, chunk, self._judging))
            # So many that nobody waits, and no more: what is read ahead takes memory.
            if len(waiting) > 2 * self._workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()

    def _wanted(self) -> bool:
        if self._pool is None and self._seen > ALONE:
            if self._workers is None:
                from loopbench.backends.parts.cores import default_threads

                self._workers = default_threads()
            if self._workers > 1:
                # Not forked: whoever calls this may have threads.
                self._pool = ProcessPoolExecutor(self._workers, get_context("spawn"))
        return self._pool is not None


def _chunks(items: Iterable[Item | Skipped]) -> Iterator[tuple[Chunk, int]]:
    chunk: Chunk = []
    size = 0
    for item in items:
        chunk.append(item)
        size += _size(item)
        if size >= CHUNK or len(chunk) >= 1024:
            yield chunk, size
            chunk, size = [], 0
    if chunk:
        yield chunk, size


def _size(item: Item | Skipped) -> int:
    if isinstance(item, Skipped):
        return 0
    return len(item.output.text or "") + 4 * len(item.output.token_ids or ())


def judge_chunk(
    file: str, chunk: Sequence[Item | Skipped], judging: Judging
) -> list[JudgedOutput | Unread]:
    """Judge some outputs; what cannot be judged is a row that was not read.

    Parameters
    ----------
    file
        What their file is called.
    chunk
        Outputs and rows that could not be read.
    judging
        How they are judged.
    """
    tokenise: Tokenise | None = tokeniser(judging.tokenizer)
    found: list[JudgedOutput | Unread] = []
    for item in chunk:
        if isinstance(item, Skipped):
            found.append(Unread(file, item.number, item.problem))
            continue
        try:
            found.append(
                judge(
                    item,
                    file,
                    judging.rules,
                    tokenise=tokenise,
                    tokenization=judging.tokenizer or "",
                    ends_only=judging.ends_only,
                )
            )
        except (TypeError, ValueError, RecursionError) as error:
            found.append(Unread(file, item.row, f"it cannot be judged: {error}"))
    return found
