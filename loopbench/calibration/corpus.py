"""Labelled traces: outputs of which it is known whether, and where, they loop."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Literal, cast

import msgspec

from loopbench.pieces import Pieces, cut
from loopbench.types import Struct

Label = Literal["verbatim", "counter", "circular", "none"]
"""What the end of a trace is, by the definitions; `none` for everything else."""

LabelSource = Literal["constructed", "read"]
"""How a label came about: it follows from how the trace was made, or people read it."""


class CorpusError(ValueError):
    """A corpus file cannot be read or written; its text is one sentence for the user."""


class Trace(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a corpus file: an output, its tokens, and its label."""

    uid: str
    source: str
    """`constructed`, or where a real output comes from."""
    category: str
    """Kind of output, such as `markdown_table` or `recovered`."""
    prompt_id: str
    """Equal for outputs of one prompt, which are not independent of each other."""
    prompt: str
    finish: Literal["stop", "length"]
    """Ended by itself, or was cut at its budget."""
    label: Label
    onset: int | None
    """Token index where the looping stretch at the end begins; None without one."""
    token_ids: list[int]
    token_chars: list[int]
    """Characters of `text` that each token added, as in `Generation.token_chars`."""
    text: str
    label_source: LabelSource
    tokenizer: str
    model: str | None = None
    temperature: float | None = None
    budget: int | None = None
    """Most tokens that the output could have had."""
    task: str | None = None
    note: str | None = None
    """What a reader of the trace, or its maker, has to say about it."""

    @property
    def pieces(self) -> Pieces:
        """The text that each token added: one string per token, which join to `text`."""
        return cut(self.text, self.token_chars)

    def problem(self) -> str | None:
        """Say what contradicts itself in this trace; None if nothing does."""
        if len(self.token_ids) != len(self.token_chars):
            return f"has {len(self.token_ids)} token_ids but {len(self.token_chars)} token_chars"
        if min(self.token_chars, default=0) < 0 or sum(self.token_chars) != len(self.text):
            return f"has token_chars that do not add up to its {len(self.text)} characters"
        if (self.onset is None) != (self.label == "none"):
            return f"must have an onset if and only if it loops: {self.label}, {self.onset}"
        if self.onset is not None and not 0 <= self.onset < len(self.token_ids):
            return f"has its onset {self.onset} outside its {len(self.token_ids)} tokens"
        return None


def read_traces(path: str | Path) -> Iterator[Trace]:
    """Yield the traces of a `.jsonl` or `.jsonl.gz` file, in order.

    Raises
    ------
    CorpusError
        For a file of another name or a broken archive, for a line that is no consistent
        trace, and for a repeated uid. Earlier traces were yielded.
    OSError
        If the file cannot be read.
    """
    path = Path(path)
    decoder = msgspec.json.Decoder(Trace)
    seen: set[str] = set()
    with _open(path) as file:
        for number, line in enumerate(_lines(path, file), 1):
            if not line.strip():
                continue
            try:
                trace = decoder.decode(line)
            except (ValueError, RecursionError) as error:
                raise CorpusError(f"{path.name}, line {number} is no trace: {error}.") from error
            problem = trace.problem()
            if trace.uid in seen:
                problem = "has a uid that an earlier line has"
            if problem:
                raise CorpusError(f"{path.name}, line {number}: trace {trace.uid!r} {problem}.")
            seen.add(trace.uid)
            yield trace


def write_traces(path: str | Path, traces: Iterable[Trace]) -> int:
    """Write a `.jsonl` or `.jsonl.gz` file and return the number of traces.

    The same traces give the same bytes: the archive carries neither a time nor a name.

    Raises
    ------
    CorpusError
        For a file of another name, an inconsistent trace or a repeated uid; the file is
        then as it was before.
    """
    path = Path(path)
    packed = _packed(path)
    encoder = msgspec.json.Encoder()
    lines: dict[str, bytes] = {}
    for trace in traces:
        problem = "has a uid that an earlier one has" if trace.uid in lines else trace.problem()
        if problem:
            raise CorpusError(f"Trace {trace.uid!r} cannot be written: it {problem}.")
        lines[trace.uid] = encoder.encode(trace) + b"\n"
    data = b"".join(lines.values())
    path.write_bytes(_gzipped(data) if packed else data)
    return len(lines)


def _packed(path: Path) -> bool:
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return path.suffix == ".gz"
    raise CorpusError(f"{path.name} is no corpus file; its name must end in .jsonl or .jsonl.gz.")


def _gzipped(data: bytes) -> bytes:
    # gzip.compress leaves the header's system byte to the version of Python.
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, buffer, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def _open(path: Path) -> IO[bytes]:
    # gzip.open returns its own class, which reads like a binary file.
    return cast("IO[bytes]", gzip.open(path)) if _packed(path) else path.open("rb")


def _lines(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    try:
        yield from file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CorpusError(f"{path.name} is no complete gzip file; fetch it again.") from error
