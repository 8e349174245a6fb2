"""Which files a user means: names, folders, patterns, standard input."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from loopbench.files.hub import PREFIX
from loopbench.files.outputs import FileError
from loopbench.results.store import HEADER, RECORDS

STDIN = "-"
_SUFFIXES = frozenset(
    (
        ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".eval", ".csv", ".tsv", ".gz", ".zst",
        ".txt", ".log",
    )
)  # fmt: skip
_SKIPPED_FOLDERS = frozenset(("__pycache__", "node_modules"))


class Source(NamedTuple):
    """One file, or what stands for it."""

    place: str
    """A path, `-`, or `hf:` and the name of a data set."""
    named: bool
    """It was named itself, not found in a folder: then it has to hold outputs."""


def sources(places: Sequence[str]) -> Iterator[Source]:
    """Yield the files that are meant, each once, in the order in which they are named.

    Of a run folder that is its records; of another folder every file in it, and in those
    inside it, whose suffix is one that outputs have.

    Raises
    ------
    FileError
        For what is not there, and for a folder or a pattern without such a file.
    """
    seen: set[str] = set()
    for place in places:
        for source in _of(place):
            if source.place not in seen:
                seen.add(source.place)
                yield source


def refuse_to_overwrite(found: Sequence[Source], out: Path | None) -> None:
    """Refuse to write over what is read.

    Raises
    ------
    FileError
        If the file to write is one of those to read.
    """
    if out is None or not out.exists():
        return
    for source in found:
        path = Path(source.place)
        if path.exists() and path.samefile(out):
            raise FileError(f"{out} is one of the files that are read; name another with --out.")


def _of(place: str) -> Iterator[Source]:
    path = Path(place)
    if place == STDIN or place.startswith(PREFIX) or path.is_file():
        yield Source(place, named=True)
    elif path.is_dir():
        yield from _inside(path)
    elif path.exists():
        yield Source(place, named=True)  # a pipe
    elif glob.has_magic(place):
        found = sorted(glob.glob(place, recursive=True))  # noqa: PTH207
        if not found:
            raise FileError(f"No file matches {place}.")
        for one in found:
            yield from _of(one) if Path(one).is_dir() else [Source(one, named=False)]
    else:
        raise FileError(f"There is no file {place}.")


def _inside(folder: Path) -> Iterator[Source]:
    if (folder / HEADER).is_file() and (folder / RECORDS).is_file():
        yield Source(str(folder / RECORDS), named=True)
        return
    found = False
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in _SKIPPED_FOLDERS for part in parts)
        if hidden or path.suffix.lower() not in _SUFFIXES or not path.is_file():
            continue
        found = True
        yield Source(str(path), named=False)
    if not found:
        raise FileError(
            f"There is no file in {folder} that may hold outputs ({', '.join(sorted(_SUFFIXES))})."
        )
