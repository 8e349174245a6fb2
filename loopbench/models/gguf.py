"""Reading what a GGUF file says about itself, without loading the model.

The file is hostile input: every count and length is checked against a cap and against
the bytes that are left before anything is read, and long arrays are walked, not built.
Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import functools
import hashlib
import os
import struct
from collections import Counter
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from loopbench.models.gguf_types import FILE_TYPES, TENSOR_TYPES

MAGIC = b"GGUF"
MAX_ENTRIES = 65_536
"""Most metadata entries, and most tensors."""
MAX_KEY_BYTES = 65_535
MAX_STRING_BYTES = 16 << 20
MAX_ARRAY_ITEMS = 4 << 20
"""Most items of one array, and of all arrays together; the largest vocabularies have 0.3 M."""
KEPT_ARRAY_ITEMS = 1_024
"""Longer arrays are skipped: they are vocabularies, which only `read_arrays` reads."""
MAX_NESTING = 2
MAX_DIMENSIONS = 4
BLOCK_BYTES = 1 << 20
"""Read at once where strings are skipped: a vocabulary has a hundred thousand of them."""

_STRING, _ARRAY = 8, 9
_LENGTH = struct.Struct("<Q")
_SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}

Value = str | int | float | bool | list["Value"] | None
"""A metadata value; None stands for an array too long to keep."""


class GGUFError(ValueError):
    """A file that cannot be used as a model; its text is one sentence for the user."""


class GGUFHeader(NamedTuple):
    """What a GGUF file says about its model."""

    version: int
    metadata: dict[str, Value]
    parameters: int
    """Elements of all tensors."""
    quantization: str
    size: int
    """Bytes that the file should have, going by its tensors."""

    @property
    def architecture(self) -> str:
        """Name of the architecture, such as `llama`."""
        value = self.metadata.get("general.architecture")
        return value if isinstance(value, str) else "unknown"

    @property
    def context_length(self) -> int:
        """Longest context that the model was trained for; 0 if the file does not say."""
        value = self.metadata.get(f"{self.architecture}.context_length")
        return value if isinstance(value, int) and value > 0 else 0

    @property
    def chat_template(self) -> str | None:
        """Source of the chat template."""
        value = self.metadata.get("tokenizer.chat_template")
        return value if isinstance(value, str) and value.strip() else None

    @property
    def template_hash(self) -> str | None:
        """Hash of the chat template; None if there is none."""
        template = self.chat_template
        if template is None:
            return None
        return "sha256:" + hashlib.sha256(template.encode("utf-8", "surrogateescape")).hexdigest()


class _Reader:
    """Bounds-checked little-endian reads."""

    def __init__(self, file: BufferedReader, path: Path, size: int) -> None:
        self.file, self.path, self.size = file, path, size
        self.items_left = MAX_ARRAY_ITEMS

    def damaged(self, what: str) -> GGUFError:
        return GGUFError(f"{self.path} is not a valid GGUF file: {what}. Download it again.")

    def take(self, count: int) -> bytes:
        data = self.file.read(count)
        if len(data) != count:
            raise GGUFError(
                f"{self.path} is truncated: it ends inside its header, after {self.size:,} bytes."
                " Download it again."
            )
        return data

    def skip(self, count: int) -> None:
        if self.file.tell() + count > self.size:
            self.file.seek(self.size)
            self.take(1)
        self.file.seek(count, 1)

    def number(self, code: str) -> int | float | bool:
        value: int | float | bool
        (value,) = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))
        return value

    def count(self, limit: int, what: str, code: str = "Q") -> int:
        value = int(self.number(code))
        if value > limit:
            raise self.damaged(f"it declares {value:,} {what}")
        return value

    def raw_string(self, limit: int = MAX_STRING_BYTES) -> bytes:
        return self.take(self.count(limit, "bytes of text in one string"))

    def string(self, limit: int = MAX_STRING_BYTES) -> str:
        return self.raw_string(limit).decode("utf-8", "replace")

    def array_head(self) -> tuple[int, int]:
        kind = int(self.number("I"))
        length = self.count(self.items_left, "items in its arrays")
        self.items_left -= length
        return kind, length

    def array(self, depth: int) -> Value:
        if depth > MAX_NESTING:
            raise self.damaged("its arrays are nested too deeply")
        kind, length = self.array_head()
        if length <= KEPT_ARRAY_ITEMS:
            return [self.value(kind, depth) for _ in range(length)]
        if kind in _SCALARS:
            self.skip(length * struct.calcsize("<" + _SCALARS[kind]))
        elif kind == _STRING:
            self.skip_strings(length)
        else:
            raise self.damaged("it has a long array of arrays")
        return None

    def skip_strings(self, length: int) -> None:
        while length:
            start, at = self.file.tell(), 0
            data = self.file.read(BLOCK_BYTES)
            last = len(data) - _LENGTH.size
            while length and at <= last:
                (size,) = _LENGTH.unpack_from(data, at)
                if size > MAX_STRING_BYTES:
                    raise self.damaged(f"it declares {size:,} bytes of text in one string")
                at += _LENGTH.size + size
                length -= 1
            self.file.seek(start)
            # Past the end of the file, or not even the next length is there.
            self.skip(at or _LENGTH.size)

    def value(self, kind: int, depth: int = 0) -> Value:
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self.array(depth + 1)
        raise self.damaged(f"it has a metadata value of unknown type {kind}")


def _start(reader: _Reader) -> tuple[int, int, int]:
    """Read magic, version and counts: (version, tensors, metadata entries)."""
    magic = reader.file.read(4)
    if magic != MAGIC:
        found = f"it starts with {magic!r}" if magic else "it is empty"
        raise GGUFError(
            f"{reader.path} is not a GGUF file: {found}. Give the path of a .gguf model file."
        )
    version = int(reader.number("I"))
    if version not in (2, 3):
        raise GGUFError(
            f"{reader.path} has GGUF version {version}, and only 2 and 3 (little-endian) can be"
            " read. Convert the model again with a current llama.cpp."
        )
    tensors = reader.count(MAX_ENTRIES, "tensors")
    return version, tensors, reader.count(MAX_ENTRIES, "metadata entries")


def _tensors(reader: _Reader, count: int, alignment: int) -> tuple[int, Counter[str], int]:
    """Read the tensor table: elements in all, elements per type, bytes of the whole file."""
    per_type: Counter[str] = Counter()
    end = 0
    for _ in range(count):
        reader.string(MAX_KEY_BYTES)
        elements = 1
        for _ in range(reader.count(MAX_DIMENSIONS, "dimensions of a tensor", "I")):
            elements *= reader.count(1 << 40, "elements in one dimension of a tensor")
        number = int(reader.number("I"))
        offset = reader.count(1 << 62, "bytes before a tensor")
        kind = TENSOR_TYPES.get(number)
        per_type[kind.name if kind else f"type {number}"] += elements
        if kind:
            end = max(end, offset + -(-elements // kind.block) * kind.bytes)
    start = -(-reader.file.tell() // alignment) * alignment
    return per_type.total(), per_type, start + end if count else reader.file.tell()


def _quantization(metadata: dict[str, Value], per_type: Counter[str]) -> str:
    file_type = metadata.get("general.file_type")
    if isinstance(file_type, int) and file_type in FILE_TYPES:
        return FILE_TYPES[file_type]
    # The most frequent type by elements: norms and biases stay F32 in every file.
    return max(per_type, key=per_type.__getitem__, default="unknown")


def _parse(reader: _Reader) -> GGUFHeader:
    version, tensor_count, entries = _start(reader)
    metadata: dict[str, Value] = {}
    for _ in range(entries):
        key = reader.string(MAX_KEY_BYTES)
        metadata[key] = reader.value(int(reader.number("I")))
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20:
        raise reader.damaged(f"its alignment is {alignment!r}")
    parts = metadata.get("split.count")
    if isinstance(parts, int) and parts > 1:
        raise GGUFError(
            f"{reader.path} is one of {parts} parts of a model."
            " Merge them first with llama-gguf-split --merge."
        )
    parameters, per_type, size = _tensors(reader, tensor_count, alignment)
    return GGUFHeader(version, metadata, parameters, _quantization(metadata, per_type), size)


def _open(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except IsADirectoryError:
        raise GGUFError(f"{path} is a folder. Give the path of a .gguf model file.") from None
    except FileNotFoundError:
        raise GGUFError(f"There is no file {path}. Give the path of a .gguf file.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise GGUFError(f"{path} cannot be read: {reason}.") from None


class _Identity(NamedTuple):
    """What tells two states of a file apart without reading it."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int
    """Unlike the time before, no program can set it back."""


def _identity(path: Path) -> _Identity:
    with _open(path) as file:
        found = os.fstat(file.fileno())
    return _Identity(
        found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    )


def read_header(path: Path) -> GGUFHeader:
    """Read and check the header of a GGUF file; a file that did not change is read once.

    Raises
    ------
    GGUFError
        If the file cannot be read, is not GGUF, is damaged, has no tensors, or is
        shorter than its tensors.
    """
    return _header(path, _identity(path))


@functools.lru_cache(maxsize=32)
def _header(path: Path, identity: _Identity) -> GGUFHeader:
    with _open(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        header = _parse(_Reader(file, path, size))
    if header.parameters == 0:
        raise GGUFError(f"{path} holds no weights. Give the path of a complete .gguf model file.")
    if size < header.size:
        raise GGUFError(
            f"{path} is truncated: it should have {header.size:,} bytes and has {size:,}."
            " Download it again."
        )
    return header


def read_arrays(path: Path, keys: frozenset[str]) -> dict[str, list[bytes] | list[int]]:
    """Read the named metadata arrays of byte strings or integers, whatever their length.

    Raises
    ------
    GGUFError
        As `read_header`.
    """
    found: dict[str, list[bytes] | list[int]] = {}
    with _open(path) as file:
        reader = _Reader(file, path, file.seek(0, 2))
        file.seek(0)
        entries = _start(reader)[2]
        for _ in range(entries):
            key = reader.string(MAX_KEY_BYTES)
            kind = int(reader.number("I"))
            if key not in keys or kind != _ARRAY:
                reader.value(kind)
                continue
            item, length = reader.array_head()
            if item == _STRING:
                found[key] = [reader.raw_string() for _ in range(length)]
            elif item in _SCALARS:
                found[key] = [int(reader.number(_SCALARS[item])) for _ in range(length)]
            else:
                raise reader.damaged(f"{key} is an array of arrays")
    return found


def read_shapes(path: Path) -> dict[str, int]:
    """Return the number of elements of every tensor by its name.

    Raises
    ------
    GGUFError
        As `read_header`.
    """
    with _open(path) as file:
        reader = _Reader(file, path, file.seek(0, 2))
        file.seek(0)
        _, tensors, entries = _start(reader)
        for _ in range(entries):
            reader.string(MAX_KEY_BYTES)
            reader.value(int(reader.number("I")))
        sizes = {}
        for _ in range(tensors):
            name = reader.string(MAX_KEY_BYTES)
            sizes[name] = 1
            for _ in range(reader.count(MAX_DIMENSIONS, "dimensions of a tensor", "I")):
                sizes[name] *= reader.count(1 << 40, "elements in one dimension of a tensor")
            reader.take(4 + 8)
    return sizes


def fingerprint(path: Path) -> str:
    """Return `sha256:` and the hash of the file; a file that did not change is hashed once.

    Raises
    ------
    GGUFError
        If the file cannot be read.
    """
    return _fingerprint(path, _identity(path))


@functools.lru_cache(maxsize=32)
def _fingerprint(path: Path, identity: _Identity) -> str:
    with _open(path) as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
