from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models.gguf_bytes import PLAIN, gguf, value

from loopbench.models import gguf as reading
from loopbench.models.gguf import GGUFError, fingerprint, read_arrays, read_header


def write(folder: Path, data: bytes) -> Path:
    path = folder / "x.gguf"
    path.write_bytes(data)
    return path


def problem(folder: Path, data: bytes) -> str:
    with pytest.raises(GGUFError) as caught:
        read_header(write(folder, data))
    return str(caught.value)


def test_reads_what_a_header_says(tmp_path: Path) -> None:
    header = read_header(write(tmp_path, PLAIN))
    assert header.architecture == "llama"
    assert header.context_length == 2048
    assert header.parameters == 128
    assert header.quantization == "Q4_1"
    assert header.size == len(PLAIN)
    expected = "sha256:" + hashlib.sha256(b"{{ messages }}").hexdigest()
    assert header.template_hash == expected
    assert header.metadata["tokenizer.ggml.tokens"] is None, "long arrays are skipped"


def test_reads_a_long_array_on_request(tmp_path: Path) -> None:
    keys = frozenset({"tokenizer.ggml.tokens"})
    arrays = read_arrays(write(tmp_path, PLAIN), keys)
    assert arrays == {"tokenizer.ggml.tokens": [b"a", b"b"] * 600}


def test_without_file_type_the_most_frequent_tensor_type_names_the_quantization(
    tmp_path: Path,
) -> None:
    tensors = [("norm", [8], 0, 0), ("w", [256], 12, 32)]
    header = read_header(write(tmp_path, gguf({}, tensors, data=176)))
    assert header.quantization == "Q4_K"
    assert header.parameters == 264
    assert header.template_hash is None


def test_fingerprint_is_the_hash_of_the_file(tmp_path: Path) -> None:
    expected = "sha256:" + hashlib.sha256(PLAIN).hexdigest()
    assert fingerprint(write(tmp_path, PLAIN)) == expected


def test_a_changed_file_is_hashed_and_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, PLAIN)
    before = fingerprint(path), read_header(path)
    assert (fingerprint(path), read_header(path)) == before
    other = gguf({"general.architecture": "gemma"})
    assert len(other) != len(PLAIN)
    write(tmp_path, other)
    assert fingerprint(path) == "sha256:" + hashlib.sha256(other).hexdigest()
    assert read_header(path).architecture == "gemma"


def test_an_unchanged_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, PLAIN)
    expected = fingerprint(path)
    monkeypatch.delattr(hashlib, "file_digest")
    assert fingerprint(path) == expected


@pytest.mark.parametrize("block", [8, 9, 16, 31, 1000])
def test_long_arrays_are_skipped_wherever_a_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", block)
    texts = ["x" * (i % 40) for i in range(1_100)]
    data = gguf({"texts": texts, "general.architecture": "llama"})
    assert read_header(write(tmp_path, data)).architecture == "llama"
    cut = data.index(b"general.architecture") - 12
    assert "is truncated" in problem(tmp_path, data[:cut])


def test_not_a_gguf(tmp_path: Path) -> None:
    assert problem(tmp_path, b"PK\x03\x04rest") == (
        f"{tmp_path}/x.gguf is not a GGUF file: it starts with b'PK\\x03\\x04'."
        " Give the path of a .gguf model file."
    )
    assert "it is empty" in problem(tmp_path, b"")


def test_truncated_weights(tmp_path: Path) -> None:
    assert problem(tmp_path, PLAIN[:-10]) == (
        f"{tmp_path}/x.gguf is truncated: it should have {len(PLAIN):,} bytes"
        f" and has {len(PLAIN) - 10:,}. Download it again."
    )


@pytest.mark.parametrize("length", [4, 7, 20, 30, 100, 9_000])
def test_truncated_header(tmp_path: Path, length: int) -> None:
    assert "is truncated" in problem(tmp_path, PLAIN[:length])


def test_other_versions(tmp_path: Path) -> None:
    assert "GGUF version 1" in problem(tmp_path, gguf({}, version=1))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(GGUFError, match="There is no file"):
        read_header(tmp_path / "none.gguf")
    with pytest.raises(GGUFError, match="is a folder"):
        read_header(tmp_path)


def test_a_part_of_a_split_model_and_a_file_without_weights(tmp_path: Path) -> None:
    assert "one of 3 parts" in problem(tmp_path, gguf({"split.count": 3}))
    assert "holds no weights" in problem(tmp_path, gguf({}, tensors=[]))


def test_hostile_counts_allocate_nothing(tmp_path: Path) -> None:
    head = b"GGUF" + struct.pack("<I", 3)
    huge = struct.pack("<Q", 1 << 60)
    assert "declares" in problem(tmp_path, head + huge + huge)
    one_entry = head + struct.pack("<QQ", 0, 1)
    assert "declares" in problem(tmp_path, one_entry + huge)
    key = one_entry + struct.pack("<Q", 1) + b"k"
    assert "declares" in problem(tmp_path, key + struct.pack("<II", 9, 8) + huge)
    nested: list[object] = [1]
    for _ in range(50):
        nested = [nested]
    assert "nested too deeply" in problem(tmp_path, key + value(nested))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=9)), max_size=4),
    cut=st.integers(0, len(PLAIN)),
)
def test_damage_never_raises_anything_but_gguf_error(
    tmp_path: Path, edits: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(PLAIN)
    for position, new in edits:
        data[position : position + len(new)] = new
    path = write(tmp_path, bytes(data[: cut or None]))
    for read in (read_header, lambda p: read_arrays(p, frozenset({"tokenizer.ggml.tokens"}))):
        try:
            read(path)
        except GGUFError as error:
            assert "\n" not in str(error).replace(str(path), "")
