"""Quantised variants of a GGUF file, made by llama.cpp's own quantiser and kept in the cache.

The quantiser is the program `llama-quantize` where it is installed, else the one in the
library of llama-cpp-python. Either runs in a child process: a model file is hostile input.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from loopbench.models import gguf
from loopbench.models.catalog import ModelError, cache_folder
from loopbench.models.gguf_types import FILE_TYPES
from loopbench.naming import UnknownNameError

PROGRAM = "llama-quantize"
MODULE = "llama_cpp"
FULL_PRECISION = ("F32", "F16", "BF16")
TAIL = 300
"""Characters of the quantiser's last line that an error shows."""


def variant(source: Path, quant: str, *, requantize: bool = False, threads: int = 1) -> Path:
    """Return the file of `source` in another quantisation, making it on first use.

    Parameters
    ----------
    source
        A GGUF file.
    quant
        A name of llama.cpp, such as `q4_0`, `q4_k_m` or `f16`, in either case. The source's
        own gives the source.
    requantize
        Allow a source that is quantised already, whose error the variant keeps.
    threads
        Of the quantiser.

    Raises
    ------
    UnknownNameError
        If there is no such quantisation.
    ModelError
        If the source is quantised already, there is no quantiser, or it fails.
    """
    name = quant.upper()
    if name not in FILE_TYPES.values():
        raise UnknownNameError("quantisation", quant, [n.lower() for n in FILE_TYPES.values()])
    own = gguf.read_header(source).quantization
    if name == own:
        return source
    if own not in FULL_PRECISION and not requantize:
        raise ModelError(
            f"{source.name} is quantised already ({own}); start from its F16, BF16 or F32 file,"
            " or accept the error of both steps with --requantize."
        )
    digest = gguf.fingerprint(source).removeprefix("sha256:")[:16]
    target = cache_folder() / "quantised" / f"{source.stem}-{name}-{digest}.gguf"
    if not target.is_file():
        _make(source, target, name, threads)
    return target


def _make(source: Path, target: Path, name: str, threads: int) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder, so that the rename is atomic and half a file is never found.
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            whole = Path(scratch) / target.name
            _quantise(source, whole, name, threads)
            gguf.read_header(whole)
            whole.replace(target)
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error.strerror}.") from error


def _quantise(source: Path, target: Path, name: str, threads: int) -> None:
    program = shutil.which(PROGRAM)
    if program:
        words = [program, "--allow-requantize", str(source), str(target), name, str(threads)]
    elif importlib.util.find_spec(MODULE) is not None:
        words = [sys.executable, "-m", __spec__.name, str(source), str(target), name, str(threads)]
    else:
        raise ModelError(
            f"Quantising needs llama.cpp's quantiser: put {PROGRAM} on the PATH,"
            " or run pip install 'loopbench-edge[llama-cpp]'."
        )
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace")  # fmt: skip
    if done.returncode or not target.is_file():
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        last = "".join(c for c in lines[-1] if c.isprintable())[-TAIL:] if lines else "no message"
        raise ModelError(f"{source.name} could not be quantised to {name}: {last}")


def main(arguments: list[str]) -> int:
    """Quantise in this process: source, target, name, threads."""
    source, target, name, threads = arguments
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.nthread = int(threads)
    params.ftype = next(code for code, known in FILE_TYPES.items() if known == name)
    params.allow_requantize = True
    code = llama_cpp.llama_model_quantize(source.encode(), target.encode(), params)
    if code:
        print(json.dumps({"error": f"llama_model_quantize returned {code}"}), file=sys.stderr)
    return int(code != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
