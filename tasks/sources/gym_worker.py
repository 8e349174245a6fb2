"""The process in which reasoning-gym runs: one JSON request per line in, one reply per line out.

A process of its own for three reasons. Some generators iterate over sets, so that their items
depend on `PYTHONHASHSEED`, which is fixed here. Some scorers evaluate the answer, and an answer
is hostile text: `eval` is replaced, formulas are checked before sympy sees them, and an audit
hook refuses files, processes and sockets while an answer is scored. And any of them may hang:
the parent ends this process then.
"""

from __future__ import annotations

import ast
import hashlib
import os
import random
import re
import resource
import sys
import warnings
from collections.abc import Callable
from typing import Any

from loopbench.children.serving import Channel

MEMORY = 4 << 30
"""Address space of this process, in bytes."""
EASY_LEVEL, HARD_LEVEL = 0, 2
"""Steps up a data set's own curriculum that make its levels `easy` and `hard`."""

_EVALUATED = ("string_insertion", "spiral_matrix", "number_sorting", "binary_matrix")
_FORMULAS = frozenset(
    {"simple_integration", "intermediate_integration", "polynomial_multiplication",
     "puzzle24", "countdown"}
)  # fmt: skip
_FORMULA = re.compile(r"(?!.*\.[A-Za-z])[0-9A-Za-z\s+\-*/^().,=|]{1,4000}", re.DOTALL)
_EXACT = frozenset({"game_of_life_halting"})
"""Their scorers take whatever they cannot read for one of two answers."""
_REFUSED = (
    "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "tempfile.", "os.system", "os.exec",
    "os.fork", "os.posix_spawn", "os.spawn", "os.kill", "os.remove", "os.rename", "os.rmdir",
    "os.mkdir", "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate", "os.putenv",
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_guarded = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _guarded:
        return
    # Reading stays allowed: a scorer may import a module when it first needs it.
    if (event == "open" and arguments[2] & _WRITING) or event.startswith(_REFUSED):
        raise PermissionError(f"{event} is refused while an answer is scored")


def _prepare() -> None:
    """Import the package and take `eval` out of the hands of its scorers."""
    import importlib

    import reasoning_gym  # noqa: F401

    sys.dont_write_bytecode = True
    paths = [f"reasoning_gym.algorithmic.{name}" for name in _EVALUATED]
    for path in (*paths, "reasoning_gym.games.n_queens"):
        vars(importlib.import_module(path))["eval"] = ast.literal_eval
    sys.addaudithook(_audit)


def _configured(name: str, level: str) -> dict[str, Any]:
    """Return the settings of a level: the package's own defaults, or a step of its curriculum."""
    from reasoning_gym.factory import create_curriculum

    if level == "default":
        return {}
    curriculum = create_curriculum(name)
    step = EASY_LEVEL if level == "easy" else HARD_LEVEL
    for attribute, definition in curriculum.attributes.items():
        curriculum.set_attr_level(attribute, min(step, len(definition.levels) - 1))
    return dict(vars(curriculum.generate_configuration()))


def _dataset(name: str, level: str, seed: int) -> Any:
    import numpy as np
    from reasoning_gym.factory import create_dataset

    # A few generators also use the global states.
    random.seed(seed)
    np.random.seed(seed)
    settings = {**_configured(name, level), "seed": seed, "size": 1}
    return create_dataset(name, **settings)


def _names(_: dict[str, Any]) -> Any:
    from reasoning_gym.factory import DATASETS

    # `composite` mixes others and has nothing of its own.
    return [name for name in sorted(DATASETS) if name != "composite"]


def _levels(request: dict[str, Any]) -> Any:
    from reasoning_gym.factory import has_curriculum

    found = ["default"]
    if not has_curriculum(request["name"]):
        return found
    for level, place in (("easy", 0), ("hard", 2)):
        try:
            _dataset(request["name"], level, 0)
        except Exception:
            # A few curricula hold steps that their own data set refuses.
            continue
        found.insert(place, level)
    return found


def _item(request: dict[str, Any]) -> Any:
    entry = _dataset(request["name"], request["level"], request["seed"])[0]
    answer = entry["answer"]
    return {"question": entry["question"], "answer": None if answer is None else str(answer)}


def _score(request: dict[str, Any]) -> Any:
    global _guarded
    dataset = _dataset(request["name"], request["level"], request["seed"])
    entry, answer = dataset[0], request["answer"]
    if hashlib.sha256(entry["question"].encode()).hexdigest() != request["question"]:
        return {"other": True}
    if request["name"] in _FORMULAS and not _FORMULA.fullmatch(answer):
        return {"score": 0.0}
    if request["name"] in _EXACT:
        return {"score": float(answer.strip().lower() == str(entry["answer"]).lower())}
    _guarded = True
    try:
        score = float(dataset.score_answer(answer, entry))
    except Exception:
        # Many scorers parse without a net; what they cannot read is wrong.
        score = 0.0
    finally:
        _guarded = False
    return {"score": score if 0 <= score <= 1 else 0.0}


def main() -> None:
    """Serve requests until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    channel = Channel()
    # What the package prints is for nobody.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _prepare()
    commands: dict[str, Callable[[dict[str, Any]], Any]] = {
        "ready": bool,
        "names": _names,
        "levels": _levels,
        "item": _item,
        "score": _score,
    }
    for request in channel:
        try:
            reply = {"value": commands[request["command"]](request)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        channel.reply(reply)


if __name__ == "__main__":
    main()
