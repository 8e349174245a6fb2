"""Recorded outputs from anywhere: run folders, JSON lines, parquet, lm-eval samples.

Only an index is kept in memory of files that can be read from the middle; parquet is held.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

import loopbench
from loopbench.backends.base import BackendError
from loopbench.backends.forms import split_name
from loopbench.detectors.tokens import FALLBACK, align, fallback_tokens, split_pieces
from loopbench.store import AUDITS, HEADER, RECORDS, read_header
from loopbench.types import (
    Audit,
    Category,
    Finish,
    Generation,
    ModelInfo,
    Record,
    Request,
    Sample,
    Sampling,
    Struct,
)


class RecordingError(ValueError):
    """A recording cannot be used; its text is one sentence for the user."""


class Stream(Struct, frozen=True):
    """One recorded output."""

    ids: list[int]
    pieces: list[str]
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
    streams: dict[Place, Callable[[], Stream]]

    def find(self, request: Request) -> Stream | None:
        """Return the recorded output of a request; None if there is none."""
        who = identity(request.prompt, request.sample_id)
        for sampling in (request.sampling, None):
            if found := self.streams.get((who, request.repeat, sampling)):
                return found()
        return None


def identity(prompt: str | None, sample_id: str, prompt_hash: str | None = None) -> str:
    """Return whose output this is: the hash of the prompt, or the sample's id without one."""
    if prompt:
        return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
    return prompt_hash or f"id:{sample_id}"


class _Row(msgspec.Struct, frozen=True):
    """A line of a JSON file or a row of a table; other fields are ignored."""

    id: str | int | None = None
    uid: str | int | None = None
    sample_id: str | int | None = None
    prompt: str | None = None
    prompt_hash: str | None = None
    token_ids: list[int] | None = None
    token_chars: list[int] | None = None
    text: str | list[str] | None = None
    finish: Finish = "length"
    # lm-eval's --log_samples:
    doc_id: int | None = None
    filter: str | None = None
    resps: list[Any] | None = None
    arguments: Any = None

    def name(self, number: int) -> str:
        ids = (self.sample_id, self.id, self.uid, self.doc_id, number)
        return str(next(value for value in ids if value is not None))

    def outputs(self) -> list[_Row]:
        """Return one row per output: lm-eval writes all responses to a prompt into one."""
        if self.resps is None:
            return [self]
        texts = list(_strings(self.resps))
        prompt = self.prompt if self.prompt is not None else _prompt_of(self.arguments)
        return [
            msgspec.structs.replace(self, text=text, resps=None, prompt=prompt) for text in texts
        ]

    def stream(self, words: bool) -> Stream:
        """Return the output, its tokens words of the text where `words` says so."""
        text = self.text if self.text is not None else ""
        if words or self.token_ids is None:
            ids, pieces = fallback_tokens("".join(text))
        else:
            ids = self.token_ids
            whole = isinstance(text, str) and self.token_chars and sum(self.token_chars) == len(text)
            if whole and self.token_chars and len(self.token_chars) == len(ids):
                pieces = split_pieces("".join(text), self.token_chars)
            else:
                pieces = align(len(ids), text)
        return Stream(ids=ids, pieces=pieces, finish=self.finish, raw_finish=f"recorded {self.finish}")


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts of nested lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _prompt_of(arguments: Any) -> str | None:
    """Return the first text of lm-eval's arguments, however that version nests them."""
    while not isinstance(arguments, str):
        values = list(arguments.values()) if isinstance(arguments, dict) else arguments
        if not isinstance(values, list) or not values:
            return None
        arguments = values[0]
    return arguments


def load(place: str) -> Recording:
    """Index a recording: `PATH`, or `PATH#MODEL` for one of several models of a run.

    Raises
    ------
    RecordingError
        If it cannot be read.
    RunError
        If a run folder cannot be read.
    BackendError
        If a parquet file is given and no reader for it is installed.
    """
    path, name = Path(place), None
    if not path.exists():
        head, name = split_name(place)
        path = Path(head)
    path = path.absolute()
    if path.is_dir() and (path / HEADER).exists():
        return _load_run(path, name)
    if not path.is_file():
        raise RecordingError(
            f"There is no recording {place}: give a run folder, or a .jsonl or .parquet file."
        )
    try:
        if path.suffix == ".parquet":
            return _load_rows(path, name, _parquet_rows(path))
        return _load_rows(path, name, _json_rows(path))
    except (TypeError, ValueError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"{path} cannot be replayed: {error}.") from error


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield every whole line with the place where it begins."""
    if not path.exists():
        return
    at = 0
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield at, line
            at += len(line)


def _line_at(path: Path, at: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.readline()


Item = tuple[int, _Row, Callable[[], _Row]]
"""Number of a row, its content, and how to read it again."""


def _json_rows(path: Path) -> Iterator[Item]:
    decoder = msgspec.json.Decoder(_Row)
    for number, (at, line) in enumerate(_lines(path), 1):
        try:
            rows = decoder.decode(line).outputs()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise RecordingError(
                f"{path} line {number} cannot be replayed: {error}. A row has token_ids and/or"
                " text, and optionally id, prompt and finish."
            ) from error
        for index, row in enumerate(rows):
            yield (
                number,
                row,
                lambda at=at, index=index: decoder.decode(_line_at(path, at)).outputs()[index],  # type: ignore[misc]
            )


def _parquet_rows(path: Path) -> Iterator[Item]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise BackendError(
            "Parquet files need pyarrow; install it with: pip install 'loopbench-edge[data]'"
        ) from error
    number = 0
    wanted = {field.name for field in msgspec.structs.fields(_Row)}
    with parquet.ParquetFile(path) as file:
        columns = [name for name in file.schema_arrow.names if name in wanted]
        for batch in file.iter_batches(columns=columns):
            for values in batch.to_pylist():
                number += 1
                filled = {key: value for key, value in values.items() if value is not None}
                for row in msgspec.convert(filled, _Row).outputs():
                    yield number, row, lambda row=row: row  # type: ignore[misc]


def _load_rows(path: Path, name: str | None, items: Iterator[Item]) -> Recording:
    samples: dict[str, Sample] = {}
    count: Counter[str] = Counter()
    found: list[tuple[Place, Callable[[], _Row], int | None]] = []
    filters: dict[str, str | None] = {}
    for number, row, again in items:
        if row.token_ids is None and row.text is None:
            raise RecordingError(f"{path} row {number} has neither token_ids nor text.")
        who = identity(row.prompt, row.name(number), row.prompt_hash)
        # lm-eval writes a line per filter, each with the same responses.
        if filters.setdefault(who, row.filter) != row.filter:
            continue
        samples.setdefault(who, _sample(row, number))
        found.append(
            ((who, count[who], None), again, None if row.token_ids is None else len(row.token_ids))
        )
        count[who] += 1
    if not found:
        raise RecordingError(f"{path} holds no outputs.")
    words = any(length is None for _, _, length in found)
    lengths = (len(again().stream(words).ids) if words else length for _, again, length in found)
    budget = max(length or 0 for length in lengths)
    return Recording(
        info=_file_info(path, name, FALLBACK if words else "model"),
        samples=list(samples.values()),
        samplings=[Sampling(max_new_tokens=max(1, budget))],
        repeats=max(count.values()),
        streams={
            place: lambda again=again: again().stream(words)  # type: ignore[misc]
            for place, again, _ in found
        },
    )


def _sample(row: _Row, number: int) -> Sample:
    return Sample(
        task="recorded",
        task_version=1,
        id=row.name(number),
        level="recorded",
        category="ungraded",
        prompt=row.prompt or "",
        reference=None,
    )


def _file_info(path: Path, name: str | None, tokenization: str) -> ModelInfo:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ModelInfo(
        name=name or path.stem,
        path=str(path),
        fingerprint=f"recording:{digest}",
        architecture="unknown",
        parameters=0,
        quantization="unknown",
        context_length=0,
        template_hash="unknown",
        engine="replay",
        engine_version=loopbench.__version__,
        tokenization=tokenization,
    )


class _RecordHead(msgspec.Struct, frozen=True):
    """What the index needs of a record."""

    key: str
    model: str
    task: str
    task_version: int
    sample_id: str
    level: str
    category: Category
    prompt: str
    reference: Any
    sampling: Sampling
    repeat: int


def _load_run(path: Path, name: str | None) -> Recording:
    header = read_header(path)
    models = {info.name: info for info in header.models}
    if name is None and len(models) > 1:
        raise RecordingError(
            f"{path} has several models, {', '.join(models)}; name one as {path}#NAME."
        )
    name = name or next(iter(models))
    if name not in models:
        raise RecordingError(f"{path} has no model {name!r}, only {', '.join(models)}.")
    audits = {
        audit.key: audit.generation
        for _, line in _lines(path / AUDITS)
        if line.endswith(b"\n")
        and (audit := msgspec.json.decode(line, type=Audit)).outcome != "error"
    }
    samples: dict[tuple[str, str], Sample] = {}
    streams: dict[Place, Callable[[], Stream]] = {}
    for head, again in _heads(path / RECORDS, audits):
        if head.model == name:
            samples.setdefault((head.task, head.sample_id), _recorded_sample(head))
            # A later line is a retry of an earlier failure.
            streams[identity(head.prompt, head.sample_id), head.repeat, head.sampling] = again
    if not streams:
        raise RecordingError(f"{path} holds no outputs of {name}.")
    info = models[name]
    return Recording(
        info=msgspec.structs.replace(
            info,
            path=f"{path}#{name}",
            engine=f"replay of {info.engine} {info.engine_version}",
            engine_version=loopbench.__version__,
        ),
        samples=list(samples.values()),
        samplings=header.samplings,
        repeats=header.repeats,
        streams=streams,
    )


def _heads(
    records: Path, audits: dict[str, Generation]
) -> Iterator[tuple[_RecordHead, Callable[[], Stream]]]:
    decoder = msgspec.json.Decoder(_RecordHead)
    for at, line in _lines(records):
        if not line.endswith(b"\n"):
            return  # torn: the run was killed while it wrote
        try:
            head = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RecordingError(f"{records} cannot be understood: {error}.") from error

        def again(at: int = at, rest: Generation | None = audits.get(head.key)) -> Stream:
            record = msgspec.json.decode(_line_at(records, at), type=Record)
            parts = [record.generation]
            if rest and record.generation.finish == "loop":
                parts.append(rest)
            return _joined(parts)

        yield head, again


def _recorded_sample(head: _RecordHead) -> Sample:
    return Sample(
        task=head.task,
        task_version=head.task_version,
        id=head.sample_id,
        level=head.level,
        category=head.category,
        prompt=head.prompt,
        reference=head.reference,
    )


def _joined(parts: Sequence[Generation]) -> Stream:
    """Join an output and its audit's continuation to the stream that they were."""
    last = parts[-1]
    return Stream(
        ids=[token for part in parts for token in part.token_ids],
        pieces=[p for part in parts for p in split_pieces(part.text, part.token_chars)],
        finish=last.finish,
        raw_finish=last.raw_finish,
        prompt_tokens=last.prompt_tokens,
        error=last.error,
    )
