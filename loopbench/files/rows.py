"""Recorded outputs in JSON lines, parquet tables and lm-eval's samples.

Of JSON lines only an index is kept in memory; a table is held.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

import loopbench
from loopbench.detectors.parts.tokens import FALLBACK, align, fallback_tokens
from loopbench.errors import BackendError
from loopbench.files.recordings import (
    Place,
    RecordedOutput,
    Recording,
    RecordingError,
    identity,
    line_at,
    lines_of,
)
from loopbench.pieces import cut
from loopbench.types import Count, Finish, Id, ModelInfo, Sample, Sampling


class _Row(msgspec.Struct, frozen=True):
    """A line of a JSON file or a row of a table; other fields are ignored."""

    id: str | int | None = None
    uid: str | int | None = None
    sample_id: str | int | None = None
    prompt: str | None = None
    prompt_hash: str | None = None
    token_ids: list[Id] | None = None
    token_chars: list[Count] | None = None
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

    def stream(self, words: bool) -> RecordedOutput:
        """Return the output, its tokens words of the text where `words` says so."""
        text = self.text if self.text is not None else ""
        if words or self.token_ids is None:
            return self._stream(*fallback_tokens("".join(text)))
        ids = self.token_ids
        whole = isinstance(text, str) and self.token_chars and sum(self.token_chars) == len(text)
        if whole and self.token_chars and len(self.token_chars) == len(ids):
            return self._stream(ids, cut("".join(text), self.token_chars))
        return self._stream(ids, align(len(ids), text))

    def _stream(self, ids: list[int], pieces: Sequence[str]) -> RecordedOutput:
        return RecordedOutput.of(
            ids, pieces, finish=self.finish, raw_finish=f"recorded {self.finish}"
        )


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


def load_file(path: Path, name: str | None) -> Recording:
    """Index a file of rows.

    Raises
    ------
    RecordingError
        If it cannot be read.
    BackendError
        If it is parquet and no reader for that is installed.
    """
    rows = _parquet_rows if path.suffix == ".parquet" else _json_rows
    try:
        return _load_rows(path, name, rows(path))
    except (TypeError, ValueError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"{path} cannot be replayed: {error}.") from error


Item = tuple[int, _Row, Callable[[], _Row]]
"""Number of a row, its content, and how to read it again."""


def _json_rows(path: Path) -> Iterator[Item]:
    decoder = msgspec.json.Decoder(_Row)
    for number, (at, line) in enumerate(lines_of(path), 1):
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
                lambda at=at, index=index: decoder.decode(line_at(path, at)).outputs()[index],  # type: ignore[misc]
            )


def _parquet_rows(path: Path) -> Iterator[Item]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise BackendError(
            "Parquet files need pyarrow; install it with: pip install 'loopbench-edge[parquet]'"
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
    taken: set[str] = set()
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
        if who not in samples:
            name_of = row.name(number)
            # Ids may come from several tasks; prompts that share one are not one prompt.
            sample_id = f"{name_of}@{number}" if name_of in taken else name_of
            taken.add(name_of)
            samples[who] = _sample(row, sample_id)
        found.append(
            ((who, count[who], None), again, None if row.token_ids is None else len(row.token_ids))
        )
        count[who] += 1
    if not found:
        raise RecordingError(f"{path} holds no outputs.")
    words = any(length is None for _, _, length in found)
    budget = max(
        len(again().stream(words).token_ids) if words else length or 0 for _, again, length in found
    )
    return Recording(
        info=_file_info(path, name, FALLBACK if words else "model"),
        samples=list(samples.values()),
        samplings=[Sampling(max_new_tokens=max(1, budget))],
        repeats=max(count.values()),
        streams={
            (alias, repeat, None): lambda again=again: again().stream(words)  # type: ignore[misc]
            for (who, repeat, _), again, _ in found
            # A row with the hash of its prompt alone is asked for by its id, or by the prompt.
            for alias in {who, who if samples[who].prompt else identity(None, samples[who].id)}
        },
    )


def _sample(row: _Row, sample_id: str) -> Sample:
    return Sample(
        task="recorded",
        task_version=1,
        id=sample_id,
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
