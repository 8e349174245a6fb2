"""Every data set of reasoning-gym: procedural problems with a scorer each.

Items are drawn by index under LoopBench's hashed seeds and kept apart by split as those of the
built-in tasks. Generating and scoring happen in `gym_worker`.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.metadata
import importlib.util
import json
import random
import re
import threading
from collections import deque
from functools import lru_cache
from typing import Any

from loopbench.children.driver import Child, ChildEndedError, ChildSilentError
from loopbench.tasks.answers import MAX_PAYLOAD, candidates, final_text, no_answer, shown
from loopbench.tasks.base import Draft, Procedural, Task
from loopbench.tasks.sources import SourceError, check_known
from loopbench.types import Category, Grade, Sample

CORRECT = 0.99
"""Least score of a correct answer; many scorers give a little for any answer at all."""
LIMIT_S = 60.0
"""Longest wait for one item or one score."""
START_S = 300.0
"""Longest wait for the package to be imported."""
INSTALL = "pip install 'loopbench-edge[tasks]'"

_TAGGED = re.compile(r"<answer>", re.IGNORECASE)
_END = re.compile(r"</answer>", re.IGNORECASE)


class GymProcess:
    """The process that runs reasoning-gym; started when first asked, restarted when stuck."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self.limit_s = limit_s
        self._lock = threading.Lock()
        # Some generators iterate over sets.
        environment = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        self._child = Child("loopbench.tasks.sources.gym_worker", environment)

    def ask(self, command: str, **request: Any) -> Any:
        """Return the reply to one request, or None if it took too long or too much memory.

        Raises
        ------
        SourceError
            If reasoning-gym is missing or fails.
        """
        with self._lock:
            if self._child.pid is None:
                self._start()
            reply = self._exchange({"command": command, **request}, self.limit_s)
        if reply is None:
            return None
        if "error" in reply:
            raise SourceError(f"reasoning-gym failed: {reply['error']}.")
        return reply["value"]

    def _start(self) -> None:
        if importlib.util.find_spec("reasoning_gym") is None:
            raise SourceError(f"reasoning_gym: needs reasoning-gym; install it with: {INSTALL}.")
        self._child.start()
        if self._exchange({"command": "ready"}, START_S) is None:
            raise SourceError(f"reasoning-gym does not start; install it again with: {INSTALL}.")

    def _exchange(self, message: dict[str, Any], limit_s: float) -> Any:
        """Return an answer; None, with the process ended, where there is none."""
        try:
            return json.loads(self._child.ask(message, limit_s))
        except (ChildSilentError, ChildEndedError):
            self._child.stop()
            return None

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._child.stop()


WORKER = GymProcess()
atexit.register(WORKER.close)


class GymTask(Procedural):
    """One data set."""

    version = 1
    category: Category = "reasoning"
    default_level = "default"

    def __init__(self, name: str) -> None:
        self.name = f"reasoning_gym:{name}"
        self.description = f"reasoning-gym, {name}"
        self.levels = tuple(WORKER.ask("levels", name=name) or (self.default_level,))
        self._name = name

    @property
    def origin(self) -> str:
        """The version of the package."""
        return f"reasoning-gym {importlib.metadata.version('reasoning-gym')}"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Ask for one problem under a seed of its own."""
        seed = rng.getrandbits(31)
        item = WORKER.ask("item", name=self._name, level=level, seed=seed)
        if item is None:
            raise SourceError(f"{self.name}:{level} took longer than {LIMIT_S:g} s for one item.")
        prompt = (
            f"{item['question'].rstrip()}\n\n"
            "Think it through, then give your final answer between <answer> and </answer>, and "
            "nothing else between them."
        )
        question = hashlib.sha256(item["question"].encode()).hexdigest()
        return Draft(
            prompt,
            {"seed": seed, "level": level, "question": question, "answer": item["answer"]},
            key=item["question"],
        )

    def grade(self, sample: Sample, text: str) -> Grade:
        """Score the answer with the data set's own scorer; correct from 0.99 on."""
        answer = find_answer(text)
        if answer is None:
            return no_answer()
        reply = WORKER.ask(
            "score",
            name=self._name,
            level=sample.reference["level"],
            seed=sample.reference["seed"],
            question=sample.reference["question"],
            answer=answer,
        )
        if reply is None:
            return Grade(answer=shown(answer), correct=False, score=0.0, problem="scorer_timeout")
        if "other" in reply:
            # Another version of the package makes another problem of this seed.
            return Grade(answer=shown(answer), problem="other_version")
        right = reply["score"] >= CORRECT
        return Grade(
            answer=shown(answer),
            correct=right,
            score=reply["score"],
            problem=None if right else "wrong",
        )

    def oracle(self, sample: Sample) -> str:
        """State the data set's answer.

        Raises
        ------
        ValueError
            If the data set has a scorer and no answer of its own.
        """
        answer = sample.reference["answer"]
        if answer is None:
            raise ValueError(f"{self.name} states no answers, it only scores them")
        return f"<answer>{answer}</answer>"


def find_answer(text: str) -> str | None:
    """Return the answer of an output: in its last `<answer>` tags, else after `Answer:` or boxed.

    An answer may have several lines, so what an `Answer:` line begins runs to a blank line where
    it stands alone on its line.
    """
    final = final_text(text)
    if final is None:
        return None
    tags = deque(_TAGGED.finditer(final), maxlen=1)
    if tags:
        opened = tags[0]
        closed = _END.search(final, opened.end())
        inner = final[opened.end() : closed.start() if closed else None]
        inner = inner[: 4 * MAX_PAYLOAD].strip("\r\n")
        return _clean(inner) if inner.strip() else None
    stated = next(iter(candidates(final)), None)
    if stated is None:
        return None
    return _clean(stated.block if stated.explicit else stated.line) or None


def _clean(answer: str) -> str:
    return answer.encode("utf-8", "replace").decode("utf-8").strip()


@lru_cache(maxsize=1)
def datasets() -> list[str]:
    """Return the names of all data sets."""
    found = WORKER.ask("names")
    if found is None:
        raise SourceError("reasoning-gym did not start; install it again with: " + INSTALL + ".")
    return list(found)


class _Gym:
    """The source."""

    prefix = "reasoning_gym"
    origin = "reasoning-gym"
    placeholder = "<data set>"
    description = "procedural reasoning problems of reasoning-gym"
    licence = "Apache-2.0"

    def known(self) -> list[str]:
        return datasets()

    def size(self) -> str:
        if importlib.util.find_spec("reasoning_gym") is None:
            return INSTALL
        return "about 100 data sets, without end"

    def levels(self) -> str:
        return "default; easy and hard where there is a curriculum"

    def split(self, rest: str) -> tuple[str, str]:
        name, _, level = rest.partition(":")
        return name, level

    def open(self, name: str) -> Task:
        check_known(self.prefix, name, datasets())
        return _opened(name)


@lru_cache(maxsize=256)
def _opened(name: str) -> Task:
    return GymTask(name)


SOURCE = _Gym()
