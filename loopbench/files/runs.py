"""Recorded outputs in LoopBench's own run folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

import loopbench
from loopbench.files.recordings import (
    Place,
    RecordedOutput,
    Recording,
    RecordingError,
    identity,
    line_at,
    lines_of,
)
from loopbench.results.store import AUDITS, RECORDS, decode_audit, decode_record, read_header
from loopbench.types import Category, Generation, Sample, Sampling


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


def load_run(path: Path, name: str | None) -> Recording:
    """Index one model of a run; its audits complete the streams that were stopped early.

    Raises
    ------
    RecordingError
        If the model is not clear, or nothing of it is recorded.
    RunError
        If the header cannot be read.
    """
    header = read_header(path, earlier=True)
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
        for _, line in lines_of(path / AUDITS)
        if line.endswith(b"\n") and (audit := decode_audit(line)).outcome != "error"
    }
    samples: dict[tuple[str, str], Sample] = {}
    streams: dict[Place, Callable[[], RecordedOutput]] = {}
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
        generations=header.expected // len(header.models),
        stop=header.stop,
    )


def _heads(
    records: Path, audits: dict[str, Generation]
) -> Iterator[tuple[_RecordHead, Callable[[], RecordedOutput]]]:
    decoder = msgspec.json.Decoder(_RecordHead)
    for at, line in lines_of(records):
        if not line.endswith(b"\n"):
            return  # torn: the run was killed while it wrote
        try:
            head = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RecordingError(f"{records} cannot be understood: {error}.") from error

        rest = audits.get(head.key)

        def again(at: int = at, rest: Generation | None = rest) -> RecordedOutput:
            record = decode_record(line_at(records, at))
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


def _joined(parts: Sequence[Generation]) -> RecordedOutput:
    """Join an output and its audit's continuation to the stream that they were."""
    last = parts[-1]
    return RecordedOutput.joined(
        parts,
        finish=last.finish,
        raw_finish=last.raw_finish,
        prompt_tokens=last.prompt_tokens,
        error=last.error,
    )
