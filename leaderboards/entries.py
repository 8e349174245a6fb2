"""Entries of the leaderboard: a run's numbers with the records they are computed from.

An entry is a folder of `entry.json`, `records.jsonl.gz` and `audits.jsonl.gz`. Everything in
`entry.json` but the words of its author follows from the records; see `checking`.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import platform
import re
import shlex
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PureWindowsPath
from typing import TypeVar

import msgspec

from loopbench import detectors
from loopbench.errors import RunError
from loopbench.judging.again import rescored
from loopbench.judging.outcome import JUDGEMENT
from loopbench.judging.records import audit_of
from loopbench.judging.rules import MEASURE, STOP_CIRCULAR, detectors_of
from loopbench.report.runs import Loaded
from loopbench.results.header import Header
from loopbench.results.observations import Observation
from loopbench.results.store import decode_audit, decode_record, write_atomically
from loopbench.results.summary import Row
from loopbench.types import SCHEMA_VERSION, Audit, ModelInfo, Record, Struct

ENTRY_SCHEMA = 2
ENTRY, RECORDS, AUDITS = "entry.json", "records.jsonl.gz", "audits.jsonl.gz"
LARGEST = 1 << 30
"""Bytes that a file of records may unpack to: an entry comes from strangers."""
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")

Line = TypeVar("Line", Record, Audit)


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One run on the leaderboard."""

    entry_schema: int
    name: str
    machine: str
    """Class of machine, in the author's words: it decides speed, not rates."""
    note: str
    header: Header
    """Of the run; model paths are reduced to file names."""
    command: str
    """What makes such a run, from the header."""
    detectors: dict[str, int]
    """The rules that judged the records, and their versions."""
    records_sha256: str
    audits_sha256: str
    """Of the unpacked lines."""
    rows: list[Row]
    by_task: list[Row]
    by_level: list[Row]


class _Sources(Struct, frozen=True):
    """The parts of an entry that do not follow from its records."""

    name: str
    machine: str
    note: str
    header: Header


class Kept(Struct, frozen=True):
    """An entry with what it was computed from."""

    entry: Entry
    run: Loaded


Part = TypeVar("Part", Entry, _Sources)


def make(run: Loaded, name: str, machine: str, note: str = "") -> Kept:
    """Return the entry of a run.

    Parameters
    ----------
    run
        As it was read.
    name
        Of the entry.
    machine
        What it was made on.
    note
        Whatever else is to be said.

    Raises
    ------
    loopbench.errors.RunError
        If the run is incomplete, or was judged by other versions of the detectors.
    """
    if not NAME.fullmatch(name):
        raise RunError(
            f"{name!r} cannot name an entry: use lower-case letters, digits, dots, dashes."
        )
    run = _portable(run, name)
    problem = incomplete(run) or outdated(versions(run.observations), run.header.judgement)
    if problem:
        raise RunError(problem)
    return Kept(entry=computed(run, name, machine, note), run=run)


def computed(run: Loaded, name: str, machine: str, note: str) -> Entry:
    """Return what an entry says of a run.

    Parameters
    ----------
    run
        With the paths of no machine.
    name
        Of the entry.
    machine
        What it was made on.
    note
        Whatever else is to be said.
    """
    return Entry(
        entry_schema=ENTRY_SCHEMA,
        name=name,
        machine=machine,
        note=note,
        header=run.header,
        command=command_of(run.header),
        detectors=versions(run.observations),
        records_sha256=hashlib.sha256(_lines(run.records)).hexdigest(),
        audits_sha256=hashlib.sha256(_lines(run.audits)).hexdigest(),
        rows=run.rows(),
        by_task=run.rows("task"),
        by_level=run.rows("level"),
    )


def _portable(run: Loaded, name: str) -> Loaded:
    """Return the run without the paths of the machine it was made on."""
    folders = {str(Path(m.path).parent) + "/" for m in run.header.models} - {"./", "//"}

    def plain(record: Record) -> Record:
        error = record.generation.error
        for folder in folders if error else ():
            error = (error or "").replace(folder, "")
        if error == record.generation.error:
            return record
        generation = msgspec.structs.replace(record.generation, error=error)
        return msgspec.structs.replace(record, generation=generation)

    models = [
        msgspec.structs.replace(m, path=PureWindowsPath(m.path).name) for m in run.header.models
    ]
    return Loaded(
        name=name,
        header=msgspec.structs.replace(run.header, models=models),
        records=[plain(record) for record in run.records],
        audits=run.audits,
    )


def versions(observations: Iterable[Observation]) -> dict[str, int]:
    """Return the detectors that judged the records."""
    return dict(sorted({pair for one in observations for pair in one.detectors}))


def outdated(judged_by: dict[str, int], judgement: int) -> str | None:
    """Say which rules have another version today; None if none has.

    Parameters
    ----------
    judged_by
        The detectors, with their versions.
    judgement
        Version of the rule that named the outcomes.
    """
    if judgement != JUDGEMENT:
        return (
            f"The outcomes were named by version {judgement} of their rule, this is {JUDGEMENT}: "
            "judge the records again with 'loopbench score RUN --out NEW' and add that, or refresh "
            "the entry."
        )
    for name, version in judged_by.items():
        if name not in detectors.names():
            return f"The records were judged by {name}, which this LoopBench does not have."
        today = detectors.get(name).version
        if today != version:
            return (
                f"The records were judged by {name} v{version}, this is v{today}: judge them "
                "again with 'loopbench score RUN --out NEW' and add that, or refresh the entry."
            )
    return None


def incomplete(run: Loaded) -> str | None:
    """Say how much of a run is missing; None if nothing is."""
    wanted = run.header.expected
    made = sum(record.outcome != "error" for record in run.records)
    if made == wanted:
        return None
    return (
        f"{run.name} has {made} of {wanted} outputs; finish it with --resume, "
        "for what is missing are often the longest ones."
    )


def command_of(header: Header) -> str:
    """Return the command line of a run with this header."""
    sampling = header.samplings[0]
    bases, grid = _grid(header.models)
    words = ["loopbench", "run", *bases, *grid]
    words += ["--tasks", ",".join(header.selection), "--limit", str(header.samples)]
    words += ["--temperature", ",".join(f"{s.temperature:g}" for s in header.samplings)]
    words += ["--max-new-tokens", str(sampling.max_new_tokens)]
    for name, value, usual in (
        ("seed", header.seed, 0),
        ("repeats", header.repeats, 1),
        ("audit-share", header.audit_share, 0.05),
        ("audit-min", header.audit_min, 20),
        ("top-k", sampling.top_k, 0),
        ("top-p", sampling.top_p, 1.0),
        ("min-p", sampling.min_p, 0.0),
        ("repetition-penalty", sampling.repetition_penalty, 1.0),
    ):
        if value != usual:
            words += [f"--{name}", f"{value:g}"]
    words += ["--no-early-stop"] if not header.stop else []
    circular = any(rule.detector == STOP_CIRCULAR.detector for rule in header.stop)
    words += ["--stop-circular"] if circular else []
    words += ["--deterministic"] if header.deterministic else []
    return shlex.join(words)


def _grid(models: Sequence[ModelInfo]) -> tuple[list[str], list[str]]:
    """Return what to run, and the words that make its quantisations where the run made some.

    A run names a quantisation that it made NAME-QUANT, after no file of that name.
    """
    pairs = []
    for model in models:
        suffix = f"-{model.quantization.lower()}"
        file = PureWindowsPath(model.path).name
        made = model.name.endswith(suffix) and file != f"{model.name}.gguf"
        pairs.append((model.name.removesuffix(suffix), suffix[1:]) if made else (model.name, ""))
    bases, quants = (list(dict.fromkeys(part)) for part in zip(*pairs, strict=True))
    if "" in quants or len(bases) * len(quants) != len(pairs):
        return [model.name for model in models], []
    return bases, ["--grid", f"quant={','.join(quants)}", "--requantize"]


def _lines(lines: Iterable[Record | Audit]) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def write(folder: Path, kept: Kept) -> Path:
    """Write an entry below `folder`, over an older one of the same name; return its folder."""
    target = folder / kept.entry.name
    target.mkdir(parents=True, exist_ok=True)
    write_atomically(target / RECORDS, gzip.compress(_lines(kept.run.records), 9, mtime=0))
    write_atomically(target / AUDITS, gzip.compress(_lines(kept.run.audits), 9, mtime=0))
    data = msgspec.json.format(msgspec.json.encode(kept.entry)) + b"\n"
    write_atomically(target / ENTRY, data)
    return target


def folders(folder: Path) -> list[Path]:
    """Return the folders of all entries, sorted by name."""
    return sorted(path.parent for path in folder.glob(f"*/{ENTRY}"))


def read(path: Path) -> Kept:
    """Read an entry.

    Raises
    ------
    loopbench.errors.RunError
        If a file is missing, torn, too large, or not of this schema.
    """
    entry, run = _read(path, Entry)
    return Kept(entry=entry, run=run)


def refreshed(path: Path) -> Kept:
    """Return an entry as today's rules, graders and columns make it from its records.

    Raises
    ------
    loopbench.errors.RunError
        If the entry cannot be read.
    """
    sources, run = _read(path, _Sources)
    header = msgspec.structs.replace(
        sources.header,
        schema_version=SCHEMA_VERSION,
        measure=list(MEASURE),
        judgement=JUDGEMENT,
    )
    measure = detectors_of(header.measure)
    by_key = {record.key: record for record in run.records}
    run = Loaded(
        name=sources.name,
        header=header,
        records=[after for _, after, _ in rescored(iter(run.records), measure)],
        audits=[
            audit_of(by_key[audit.key], audit.generation, measure)
            for audit in run.audits
            if audit.key in by_key
        ],
    )
    return make(run, sources.name, sources.machine, sources.note)


def _read(path: Path, kind: type[Part]) -> tuple[Part, Loaded]:
    try:
        entry = msgspec.json.decode((path / ENTRY).read_bytes(), type=kind)
        records = _unpacked(path / RECORDS, decode_record)
        audits = _unpacked(path / AUDITS, decode_audit)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise RunError(f"{path} is no entry that can be read: {error}.") from error
    return entry, Loaded(name=entry.name, header=entry.header, records=records, audits=audits)


def _unpacked(file: Path, decode: Callable[[bytes], Line]) -> list[Line]:
    return [decode(line) for line in content(file).splitlines() if line]


def content(file: Path) -> bytes:
    """Return the unpacked lines of a file of an entry.

    Raises
    ------
    OSError, EOFError, zlib.error
        If it is missing, torn or larger than `LARGEST`.
    """
    with gzip.open(file) as packed:
        data = packed.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(f"{file.name} unpacks to more than {LARGEST >> 20} MiB")
    return data


def default_name(header: Header) -> str:
    """Return a name for the entry of a run: model, quantisation, temperatures."""
    model = header.models[0]
    heat = "-".join(f"t{s.temperature:g}" for s in header.samplings)
    more = f"-and-{len(header.models) - 1}-more" if len(header.models) > 1 else ""
    text = f"{model.name}-{model.quantization}{more}-{heat}".lower()
    return re.sub(r"[^a-z0-9._-]+", "-", text).strip("-._")[:80]


def this_machine() -> str:
    """Return the class of this machine: no name that tells which one."""
    return f"{os.cpu_count()} {platform.machine()} cores, {platform.system()}"
