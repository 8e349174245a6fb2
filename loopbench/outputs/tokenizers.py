"""Real token ids for texts without any: a model's tokenizer, by name or file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from loopbench.detectors.parts.tokens import complete_cut
from loopbench.errors import BackendError
from loopbench.models.catalog import models, resolve
from loopbench.outputs.judged import Tokenise

_FILE = "tokenizer.json"


@lru_cache(maxsize=2)
def tokeniser(name: str | None) -> Tokenise | None:
    """Return what splits texts into the tokens of a model; None without a name.

    Parameters
    ----------
    name
        A `tokenizer.json`, a folder with one, a GGUF file, or a model's name on the hub.

    Raises
    ------
    BackendError
        If it cannot be loaded, or its library is not installed.
    """
    if name is None:
        return None
    loaded = _load(name)
    loaded.no_truncation()
    loaded.no_padding()

    def tokenise(text: str) -> tuple[list[int], Sequence[str]]:
        encoding = loaded.encode(text, add_special_tokens=False)
        ids, pieces = list(encoding.ids), _pieces(text, encoding.offsets)
        complete_cut(text, ids, pieces)
        return ids, pieces

    return tokenise


def _load(name: str) -> Any:
    path = Path(name)
    try:
        import tokenizers
    except ImportError as error:
        raise BackendError(
            "--tokenizer needs the package tokenizers; install it with: "
            "pip install 'loopbench-edge[files]'"
        ) from error
    try:
        if path.is_file() and path.suffix.lower() == ".gguf":
            return _of_gguf(path)
        if path.is_dir():
            path = path / _FILE
        if path.is_file():
            return tokenizers.Tokenizer.from_file(str(path))
        if name in {model.name for model in models()}:
            return _of_gguf(resolve(name)[1])
        if path.exists() or path.suffix or name.startswith((".", "/")):
            raise BackendError(f"There is no tokenizer {name}: give a {_FILE}, or a GGUF file.")
        return tokenizers.Tokenizer.from_pretrained(name)
    except BackendError:
        raise
    except Exception as error:  # whatever the library raises, at whatever a file holds
        raise BackendError(f"The tokenizer {name} cannot be loaded: {error}.") from error


def _of_gguf(path: Path) -> Any:
    try:
        import gguf  # noqa: F401
        from transformers import AutoTokenizer
    except ImportError as error:
        raise BackendError(
            "The tokenizer of a GGUF file needs transformers and gguf; install them with: "
            "pip install transformers gguf"
        ) from error
    loaded = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    return loaded.backend_tokenizer


def _pieces(text: str, offsets: Sequence[tuple[int, int]]) -> list[str]:
    """Return the text that each token added; several that share a character add it once."""
    pieces, at = [], 0
    for _, end in offsets:
        end = max(at, min(end, len(text)))
        pieces.append(text[at:end])
        at = end
    if pieces:
        pieces[-1] += text[at:]
    return pieces
