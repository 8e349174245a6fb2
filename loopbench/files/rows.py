"""Files of outputs as recordings: whatever the reader of this package understands.

Of JSON lines only an index is kept in memory; what cannot be read again at its place is held.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import loopbench
from loopbench.detectors.parts.tokens import FALLBACK, align, fallback_tokens, without_end
from loopbench.files.outputs import FileError, FileOutput, Skipped
from loopbench.files.reading import Item, Reading
from loopbench.files.recordings import (
    RECORDED,
    Place,
    RecordedOutput,
    Recording,
    RecordingError,
    identity,
    line_at,
)
from loopbench.pieces import cut
from loopbench.results.header import RECORDING
from loopbench.types import ModelInfo, Sample, Sampling

_SHOWN = 10
"""Models of a file that a message lists."""
_HALF = re.compile("[\ud800-\udfff]")


class _Entry(NamedTuple):
    """One output of the file, as far as the index needs it."""

    row: int
    model: str
    task: str
    name: str
    """Its own, or its number."""
    prompt: str
    who: str
    hashed: bool
    """Of its prompt only the hash is known."""
    again: Callable[[], FileOutput]
    size: int
    """Tokens: its own, or the words of its text."""
    wordy: bool
    """There are no ids."""
    budget: int
    """What the file says, in tokens of the model; 0 where it does not."""
    failed: bool
    """It is the failure of a request."""
    textless: bool


def load_file(path: Path, name: str | None) -> Recording:
    """Index a file of outputs; of a file of several models the one of this name.

    Raises
    ------
    RecordingError
        If it cannot be read, holds no outputs, or several models of which none is named.
    """
    try:
        with path.open("rb") as file:
            entries, skipped = _read(path, file)
    except OSError as error:
        raise RecordingError(f"{path} cannot be replayed: {error.strerror or error}.") from error
    except FileError as error:
        raise RecordingError(str(error)) from error
    models = list(dict.fromkeys(entry.model for entry in entries))
    named = [model for model in models if model]
    if len(named) == 1 and all(e.model or e.failed for e in entries):
        # A request that failed does not say whose answer it would have been.
        models, entries = named, [entry._replace(model=named[0]) for entry in entries]
    label = _chosen(path, models, name)
    entries = [entry for entry in entries if entry.model == (label if any(models) else "")]
    words = any(entry.wordy for entry in entries)
    if words:
        # Without a text there are no words, and ids of a vocabulary are no words either.
        skipped += [
            Skipped(entry.row, "it has token ids without a text, and other rows a text without ids")
            for entry in entries
            if entry.textless
        ]
        entries = [entry for entry in entries if not entry.textless]
    if not entries:
        first = f": row {skipped[0].number}: {skipped[0].problem}" if skipped else ""
        raise RecordingError(f"{path} holds no outputs that can be replayed{first}.")
    tokenization = FALLBACK if words else "model"
    info = _file_info(path, label, label if len(models) > 1 else "", tokenization)
    return _recording(info, entries, words, skipped)


def _read(path: Path, file: BinaryIO) -> tuple[list[_Entry], list[Skipped]]:
    reading = Reading(file, str(path))
    entries: list[_Entry] = []
    skipped: list[Skipped] = []
    last, index = 0, 0
    for item in reading:
        if isinstance(item, Skipped):
            skipped.append(item)
            continue
        index = index + 1 if item.row == last else 0
        last = item.row
        entries.append(_entry(path, reading, item, index))
    return entries, skipped


def _entry(path: Path, reading: Reading, item: Item, index: int) -> _Entry:
    """Return the place of an output in the index."""
    output = item.output
    ids = output.token_ids
    again: Callable[[], FileOutput] = lambda: output  # noqa: E731
    if item.at is not None:
        again = partial(_again, path, reading, (item.row, item.at, index))
    name = str(item.row if output.id is None else output.id)
    prompt = output.prompt or ""
    failed = output.finish == "error"
    wordy = ids is None and not failed
    return _Entry(
        row=item.row,
        model=output.model or "",
        task=output.task or RECORDED,
        name=name,
        prompt=prompt,
        who=identity(prompt, name, output.prompt_hash),
        hashed=bool(output.prompt_hash) and not prompt,
        again=again,
        size=len(_tokens(output, True)[0]) if wordy else len(ids or ()),
        wordy=wordy,
        budget=output.budget or 0,
        failed=failed,
        textless=not failed and output.text is None and output.pieces is None,
    )


def _again(path: Path, reading: Reading, place: tuple[int, int, int]) -> FileOutput:
    row, at, index = place
    return reading.again(row, index, line_at(path, at))


def _chosen(path: Path, models: Sequence[str], name: str | None) -> str:
    """Return which model is replayed, or how to call the only one."""
    if not any(models):
        return name or path.stem
    listed = ", ".join(model or "one without a name" for model in models[:_SHOWN])
    if len(models) > _SHOWN:
        listed += f" and {len(models) - _SHOWN} more"
    if name is None:
        if len(models) > 1:
            raise RecordingError(f"{path} has several models, {listed}; name one as {path}#MODEL.")
        return models[0]
    if name not in models:
        raise RecordingError(f"{path} has no model {name!r}, only {listed}.")
    return name


def _recording(
    info: ModelInfo, entries: Sequence[_Entry], words: bool, skipped: list[Skipped]
) -> Recording:
    samples: dict[tuple[str, str], Sample] = {}
    count: Counter[tuple[str, str]] = Counter()
    streams: dict[Place, Callable[[], RecordedOutput]] = {}
    owners: dict[str, tuple[str, str]] = {}
    taken: set[str] = set()
    budget = 1
    for entry in entries:
        whose = entry.task, entry.who
        if whose not in samples:
            # Ids may come from several tasks; prompts that share one are not one prompt.
            sample_id = f"{entry.name}@{entry.row}" if entry.name in taken else entry.name
            taken.add(entry.name)
            # Of two tasks with one prompt the second is asked for by its id.
            first = owners.setdefault(entry.who, whose) == whose
            samples[whose] = _sample(entry, sample_id, entry.prompt if first else "")
        sample = samples[whose]
        stream = partial(_stream, entry.again, words)
        recount = words and not entry.wordy
        size = len(stream().token_ids) if recount else entry.size
        # Words are no tokens of the model, in which the file counts.
        budget = max(budget, size, 0 if words else entry.budget)
        streams[identity(sample.prompt, sample.id), count[whose], None] = stream
        if entry.hashed and owners[entry.who] == whose:
            # A row with the hash of its prompt alone is asked for by its id, or by the prompt.
            streams[entry.who, count[whose], None] = stream
        count[whose] += 1
    return Recording(
        info=info,
        samples=list(samples.values()),
        samplings=[Sampling(max_new_tokens=budget)],
        repeats=max(count.values()),
        streams=streams,
        rows=len({entry.row for entry in entries}),
        skipped=skipped,
    )


def _stream(again: Callable[[], FileOutput], words: bool) -> RecordedOutput:
    """Return an output, its tokens words of the text where `words` says so."""
    output = again()
    ids, pieces = ([], []) if output.finish == "error" else _tokens(output, words)
    return RecordedOutput.of(
        ids,
        pieces,
        finish=output.finish,
        raw_finish=output.raw_finish or f"recorded {output.finish}",
        error=output.error,
    )


def _tokens(output: FileOutput, words: bool) -> tuple[Sequence[int], Sequence[str]]:
    # JSON may hold halves of characters, which no file of a run can.
    parts = output.pieces and [_HALF.sub("\ufffd", piece) for piece in output.pieces]
    text = (output.text or "") if parts is None else "".join(parts)
    if words or output.token_ids is None:
        return fallback_tokens(without_end(text))
    ids, chars = output.token_ids, output.token_chars
    if parts is not None and len(parts) == len(ids):
        return ids, parts
    if chars and len(chars) == len(ids) and min(chars) >= 0 and sum(chars) == len(text):
        return ids, cut(text, chars)
    return ids, align(len(ids), text)


def _sample(entry: _Entry, sample_id: str, prompt: str) -> Sample:
    fields: dict[str, Any] = {"task_version": 1, "level": RECORDED, "category": "ungraded"}
    return Sample(task=entry.task, id=sample_id, prompt=prompt, reference=None, **fields)


def _file_info(path: Path, name: str, part: str, tokenization: str) -> ModelInfo:
    """Return the provenance of a recorded model.

    Parameters
    ----------
    path
        The file.
    name
        Of the model, for tables.
    part
        The model again where the file has others too; else nothing.
    tokenization
        What its tokens are.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ModelInfo(
        name=name,
        path=f"{path}#{part}" if part else str(path),
        fingerprint=f"{RECORDING}{digest}" + (f"#{part}" if part else ""),
        architecture="unknown",
        parameters=0,
        quantization="unknown",
        context_length=0,
        template_hash="unknown",
        engine="replay",
        engine_version=loopbench.__version__,
        tokenization=tokenization,
    )
