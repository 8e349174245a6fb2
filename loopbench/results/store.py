"""The folder of a run: a header and append-only lines, safe against a kill at any point.

`header.json` says what is measured; `records.jsonl` and `audits.jsonl` hold one fsynced
line per generation. A torn last line is dropped when the run is resumed: at most the
generations in flight are lost.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeVar

import msgspec

from loopbench.closeable import Closeable
from loopbench.errors import RunError
from loopbench.results.header import Header
from loopbench.types import (
    SCHEMA_VERSION,
    Audit,
    Finish,
    Record,
    Struct,
)

T = TypeVar("T")

_READ_BYTES = 1 << 20
"""Read at once: a long record takes many reads of the default size."""
HEADER, RECORDS, AUDITS, SUMMARY = "header.json", "records.jsonl", "audits.jsonl", "summary.json"


class _Written(Struct, frozen=True):
    """What every header says, whatever its schema."""

    schema_version: int
    loopbench_version: str


class RunStore(Closeable):
    """An open run folder; a context manager that holds its lock."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.header = header
        self._files: dict[str, BinaryIO] = {}

    @classmethod
    def create(cls, path: Path, header: Header) -> Self:
        """Start a new run.

        Raises
        ------
        RunError
            If the folder cannot be written or holds a run already.
        """
        if (path / HEADER).exists():
            raise RunError(
                f"{path} holds a run already. Continue it with --resume, "
                "or name another folder with --out."
            )
        for name in (RECORDS, AUDITS):
            if (path / name).exists():
                raise RunError(
                    f"{path} holds a {name} without its {HEADER}, which would be added to; "
                    "name another folder with --out."
                )
        store = cls(path, header)
        try:
            path.mkdir(parents=True, exist_ok=True)
            store._lock()
            write_atomically(path / HEADER, msgspec.json.format(msgspec.json.encode(header)))
        except OSError as error:
            store.close()
            raise RunError(f"Cannot write the run folder {path}: {error.strerror}.") from error
        return store

    @classmethod
    def resume(cls, path: Path, header: Header, *, widen: bool = False) -> Self:
        """Continue a run whose header asks for the same measurement.

        Parameters
        ----------
        widen
            Models and samplings may differ: those that are new join the folder's header.

        Raises
        ------
        RunError
            If there is no run, another process writes to it, or the settings differ.
        """
        before = read_header(path)
        if before.precedence != header.precedence:
            raise RunError(
                f"{path} was begun by an earlier LoopBench, which decided in another order how an "
                "output ends; see what there is with 'loopbench table', or start anew with "
                "another --out."
            )
        if before.judgement != header.judgement:
            raise RunError(
                f"{path} was begun by an earlier LoopBench, which named outcomes otherwise; judge "
                f"it again with 'loopbench score {path} --out NEW' and continue NEW."
            )
        wider = before.widened(header) if widen else before
        differences = wider.differences(header.within(wider) if widen else header)
        if differences:
            more = f"; and {len(differences) - 4} more" if len(differences) > 4 else ""
            raise RunError(
                f"{path} was started with other settings: {'; '.join(differences[:4])}{more}. "
                "Use the same settings, or a new --out folder."
            )
        store = cls(path, wider)
        store._lock()
        if wider != before:
            write_atomically(path / HEADER, msgspec.json.format(msgspec.json.encode(wider)))
        for name in (RECORDS, AUDITS):
            _drop_torn_line(path / name)
        return store

    def _lock(self) -> None:
        try:
            lock = (self.path / ".lock").open("wb")
        except OSError as error:
            raise RunError(f"Cannot write to {self.path}: {error.strerror}.") from error
        self._files[".lock"] = lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise RunError(f"Another process is writing to {self.path}; wait for it.") from error

    def append(self, line: Record | Audit) -> None:
        """Write one line and wait until it is on the disk.

        Raises
        ------
        RunError
            If the disk is full or the folder went away; earlier lines are safe.
        """
        name = RECORDS if isinstance(line, Record) else AUDITS
        try:
            if name not in self._files:
                self._files[name] = (self.path / name).open("ab", buffering=0)
            file = self._files[name]
            start = file.tell()
            data = msgspec.json.encode(line) + b"\n"
            if file.write(data) != len(data):
                file.truncate(start)
                raise OSError(28, os.strerror(28))
            os.fsync(file.fileno())
        except OSError as error:
            raise RunError(
                f"Cannot write {self.path / name}: {error.strerror}. What was written before "
                "is safe; make room and continue with --resume."
            ) from error

    def close(self) -> None:
        """Close the files and give the lock back."""
        for file in self._files.values():
            file.close()
        self._files.clear()


def read_header(path: Path, *, earlier: bool = False) -> Header:
    """Return the header of a run.

    Parameters
    ----------
    earlier
        Also that of a run whose outcomes are of an earlier schema, for who judges them again.

    Raises
    ------
    RunError
        If there is none, or it comes from another LoopBench.
    """
    try:
        data = (path / HEADER).read_bytes()
    except OSError as error:
        raise RunError(f"{path} is not a run folder: it has no readable {HEADER}.") from error
    try:
        # First: a header of another schema may have other fields.
        written = msgspec.json.decode(data, type=_Written)
        if written.schema_version == SCHEMA_VERSION or (earlier and written.schema_version == 1):
            header = msgspec.json.decode(data, type=Header)
            return msgspec.structs.replace(header, schema_version=SCHEMA_VERSION)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{path / HEADER} cannot be understood: {error}.") from error
    if written.schema_version == 1:
        raise RunError(
            f"{path} was judged before circular ends were told apart from truncated ones; "
            f"judge it again with 'loopbench score {path} --out NEW' and use NEW."
        )
    raise RunError(
        f"{path} has schema version {written.schema_version}, this LoopBench reads "
        f"{SCHEMA_VERSION}. Use the version that wrote it ({written.loopbench_version})."
    )


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a run one by one; see `decode_record` for those of an earlier schema."""
    return _read_lines(path / RECORDS, decode_record)


def read_audits(path: Path) -> Iterator[Audit]:
    """Yield the audits of a run one by one."""
    return _read_lines(path / AUDITS, decode_audit)


class _EarlierRecord(Record, frozen=True):
    """A record of schema 1, whose verdicts may have a level that is none today."""

    verdicts: Any


class _EarlierAudit(Audit, frozen=True):
    """An audit of schema 1."""

    verdicts: Any


def decode_record(line: bytes) -> Record:
    """Read one line of `records.jsonl`.

    A record of an earlier schema has no verdicts: they are to be made again.

    Raises
    ------
    msgspec.MsgspecError, UnicodeDecodeError
        If it is none.
    """
    if _EARLIER.match(line):
        return _unjudged(_EARLIER_RECORD.decode(line), Record)
    return _RECORD.decode(line)


def decode_audit(line: bytes) -> Audit:
    """Read one line of `audits.jsonl`, as `decode_record` does."""
    if _EARLIER.match(line):
        return _unjudged(_EARLIER_AUDIT.decode(line), Audit)
    return _AUDIT.decode(line)


def _unjudged(line: Record | Audit, kind: type[T]) -> T:
    fields = {name: getattr(line, name) for name in line.__struct_fields__}
    return kind(**fields | {"verdicts": []})


class _Ended(Struct, frozen=True):
    """Of a generation, how it ended."""

    finish: Finish


class _Brief(Struct, frozen=True):
    """Of a record, what tells whether it may have an audit; decoded in half the time."""

    key: str
    generation: _Ended


class _Keyed(Struct, frozen=True):
    """Of an audit, whose it is."""

    key: str


def read_stopped(path: Path, keys: Collection[str]) -> Iterator[Record]:
    """Yield the early-stopped records with such a key one by one; the others are not decoded."""
    file = path / RECORDS
    if not keys:
        return
    for number, line in enumerate(_whole_lines(file), 1):
        brief = _decoded(_BRIEF.decode, line, file, number)
        # A key may have an earlier record that failed: that one was not continued.
        if brief.generation.finish == "loop" and brief.key in keys:
            yield _decoded(decode_record, line, file, number)


def read_audited(path: Path) -> Iterator[tuple[Record, Audit]]:
    """Yield every early-stopped record that was audited, with its last audit, one by one.

    Holds a place in the file for each audit, and no more.
    """
    places: dict[str, tuple[int, int]] = {}
    audits, at = path / AUDITS, 0
    for number, line in enumerate(_whole_lines(audits), 1):
        places[_decoded(_AUDIT_KEY.decode, line, audits, number).key] = at, number
        at += len(line)
    if not places:
        return
    with audits.open("rb") as file:
        for record in read_stopped(path, places):
            at, of = places.pop(record.key)
            file.seek(at)
            yield record, _decoded(decode_audit, file.readline(), audits, of)


def _read_lines(file: Path, decode: Callable[[bytes], T]) -> Iterator[T]:
    for number, line in enumerate(_whole_lines(file), 1):
        yield _decoded(decode, line, file, number)


def _whole_lines(file: Path) -> Iterator[bytes]:
    if not file.exists():
        return
    with file.open("rb", buffering=_READ_BYTES) as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return  # torn: the run was killed while it wrote
            yield line


def _decoded(decode: Callable[[bytes], T], line: bytes, file: Path, number: int) -> T:
    try:
        return decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{file} line {number} cannot be understood: {error}.") from error


_RECORD, _AUDIT = msgspec.json.Decoder(Record), msgspec.json.Decoder(Audit)
# The first field of a line; a file that other programs wrote may have spaces in it.
_EARLIER = re.compile(rb'\s*\{\s*"schema_version"\s*:\s*1\s*,')
_EARLIER_RECORD = msgspec.json.Decoder(_EarlierRecord)
_EARLIER_AUDIT = msgspec.json.Decoder(_EarlierAudit)
_BRIEF, _AUDIT_KEY = msgspec.json.Decoder(_Brief), msgspec.json.Decoder(_Keyed)


def _drop_torn_line(file: Path) -> None:
    if not file.exists():
        return
    with file.open("r+b") as data:
        size = data.seek(0, os.SEEK_END)
        at = size
        while at > 0:
            begin = max(0, at - 65536)
            data.seek(begin)
            newline = data.read(at - begin).rfind(b"\n")
            if newline >= 0:
                data.truncate(begin + newline + 1)
                return
            at = begin
        data.truncate(0)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file in one step: a reader sees the old or the new content, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
