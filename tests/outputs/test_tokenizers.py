"""Tokens of a model's own for texts without ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from loopbench.detectors.suffix import Suffix, find_tail_loop
from loopbench.errors import BackendError
from loopbench.models.catalog import resolve
from loopbench.outputs.tokenizers import tokeniser

LOOP = "the opposite holds, and 我们 agree: "


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Tokenizer(BPE())
    made.pre_tokenizer = ByteLevel(add_prefix_space=False)
    made.train_from_iterator(
        [LOOP * 4, "all that the others hold"],
        BpeTrainer(vocab_size=400, initial_alphabet=ByteLevel.alphabet(), show_progress=False),
    )
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(path))
    return path


def test_pieces_are_the_text(file: Path) -> None:
    tokenise = tokeniser(str(file))
    assert tokenise
    for text in ("", "so", LOOP, "👍 我们 ä\n\n"):
        ids, pieces = tokenise(text)
        assert "".join(pieces) == text
        assert len(ids) == len(pieces)
    assert tokeniser(str(file.parent)) is not None
    assert tokeniser(None) is None


def test_a_loop_is_seen_wherever_the_text_is_cut(file: Path) -> None:
    tokenise = tokeniser(str(file))
    assert tokenise
    whole = "First " + LOOP * 40
    for cut in range(len(LOOP)):
        ids, pieces = tokenise(whole[: len(whole) - cut])
        assert find_tail_loop(ids, Suffix()), whole[-cut - 8 : len(whole) - cut]
        assert "".join(pieces) == whole[: len(whole) - cut]


def test_what_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    bad = tmp_path / "tokenizer.json"
    bad.write_text('{"version": 1}')
    with pytest.raises(BackendError, match="cannot be loaded"):
        tokeniser(str(bad))


@pytest.mark.slow
def test_a_gguf_file_gives_its_tokenizer(tmp_path: Path) -> None:
    tokenise = tokeniser(str(resolve("smollm2-135m")[1]))
    assert tokenise
    whole = "First " + LOOP * 40
    for text in (whole, whole[:-9], "👍 我们 ä\n\n"):
        ids, pieces = tokenise(text)
        assert "".join(pieces) == text
        assert (find_tail_loop(ids, Suffix()) is not None) is (len(text) > 99)
    (tmp_path / "x.gguf").write_bytes(b"GGUF but not")
    with pytest.raises(BackendError, match="cannot be loaded"):
        tokeniser(str(tmp_path / "x.gguf"))
