"""Data sets of the Hugging Face hub, by the presets of `presets.yaml`."""

from __future__ import annotations

import importlib.resources
import importlib.util
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import msgspec

from loopbench.tasks.answers import shown
from loopbench.tasks.base import Task
from loopbench.tasks.sources import SourceError, check_known
from loopbench.tasks.sources.answering import INSTRUCTIONS, Kind, grade_answer, oracle_answer
from loopbench.tasks.sources.fixed import ALL, FixedTask
from loopbench.tasks.sources.prompts import prompt_of
from loopbench.types import Category, Grade, Sample, Struct

INSTALL = "pip install 'loopbench-edge[tasks]'"
LETTERS = "ABCDEFGHIJ"
_COMMIT = re.compile(r"[/\\]([0-9a-f]{40})[/\\]")
_HASH = re.compile(r"[0-9a-f]{7,40}")
_FULL_HASH = 40


class Columns(Struct, frozen=True, forbid_unknown_fields=True):
    """Names of the columns; a prompt or messages is needed."""

    id: str | None = None
    prompt: str | None = None
    messages: str | None = None
    answer: str | None = None
    choices: tuple[str, ...] = ()
    """The right answer first."""
    level: str | None = None

    def named(self) -> list[str]:
        """Return every column that must be there."""
        single = (self.id, self.prompt, self.messages, self.answer, self.level)
        return [name for name in (*single, *self.choices) if name]


class Preset(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a data set is and how it is read."""

    dataset: str
    split: str
    columns: Columns
    match: Kind
    size: int
    licence: str
    description: str
    revision: str = "main"
    """A commit hash, of which seven digits are enough, or a branch: then nothing is pinned."""
    config: str | None = None
    category: Category = "reasoning"
    before: str = ""
    """Instruction in front of every prompt."""


@lru_cache(maxsize=1)
def presets() -> dict[str, Preset]:
    """Return every packaged preset by name."""
    try:
        import yaml
    except ImportError as error:
        raise SourceError(f"hf: needs PyYAML and datasets; install them with: {INSTALL}") from error
    text = importlib.resources.files(__package__).joinpath("presets.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), dict[str, Preset])


class Loaded(NamedTuple):
    """The rows of a data set and which they are."""

    rows: Iterable[Mapping[str, Any]]
    columns: Sequence[str]
    origin: str


def load(preset: Preset) -> Loaded:
    """Load a data set from the hub, or from its cache.

    Raises
    ------
    SourceError
        If `datasets` is missing, or the hub, the data set or its revision cannot be reached.
    """
    if importlib.util.find_spec("datasets") is None:
        raise SourceError(f"hf: needs datasets; install it with: {INSTALL}.")
    import datasets

    try:
        found = datasets.load_dataset(
            preset.dataset, preset.config, split=preset.split, revision=_full_hash(preset)
        )
    except Exception as error:
        # Whatever layer fails (HTTP, files, Arrow), it says in its own class that it cannot.
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise SourceError(
            f"{preset.dataset} cannot be loaded from the Hugging Face hub: {reason}. Check the "
            "connection (and HF_HUB_OFFLINE); a gated data set also needs 'hf auth login'."
        ) from error
    return Loaded(found, found.column_names, _origin(preset, found))


def pinned(revision: str) -> bool:
    """Return whether a revision is a commit hash and not a branch, which may move."""
    return _HASH.fullmatch(revision) is not None


def _full_hash(preset: Preset) -> str:
    """Return the commit that a few digits begin, as the hub answers to whole hashes only."""
    short = preset.revision
    if not pinned(short) or len(short) == _FULL_HASH:
        return short
    import huggingface_hub

    try:
        commits = huggingface_hub.HfApi().list_repo_commits(preset.dataset, repo_type="dataset")
    except Exception:
        # Out of reach, or not to be had: loading says so, or finds the data in the cache.
        return short
    return next((c.commit_id for c in commits if c.commit_id.startswith(short)), short)


def _origin(preset: Preset, found: Any) -> str:
    """Say which commit was loaded.

    Raises
    ------
    SourceError
        If it is another one than was asked for: without a connection, `datasets` takes what its
        cache holds, whatever the revision.
    """
    paths = [str(entry["filename"]) for entry in found.cache_files]
    commit = next((match[1] for match in map(_COMMIT.search, paths) if match), None)
    wanted, fingerprint = preset.revision, f"fingerprint {found._fingerprint}"
    if not pinned(wanted):
        which = f"{commit} ({wanted} when it was loaded" if commit else f"{wanted} (commit unknown"
        return f"{preset.dataset}@{which}, not pinned), {fingerprint}"
    if commit and not commit.startswith(wanted):
        raise SourceError(
            f"{preset.dataset} cannot be had at {wanted}: the hub is out of reach, and the cache "
            f"holds {commit}. Connect (and check HF_HUB_OFFLINE), or name that one: "
            f"hf:<preset>@{commit}."
        )
    return f"{preset.dataset}@{commit or wanted}, {fingerprint}"


class HubTask(FixedTask):
    """One preset, at its own revision or at the one that is asked for."""

    version = 1

    def __init__(self, name: str, preset: Preset) -> None:
        self.name = f"hf:{name}"
        self.category = preset.category
        self.description = preset.description
        self._preset = preset

    @cached_property
    def _loaded(self) -> Loaded:
        return load(self._preset)

    @property
    def origin(self) -> str:
        """Data set, the commit that was loaded, and the fingerprint that `datasets` reports."""
        return self._loaded.origin

    def read(self) -> Sequence[Sample]:
        """Load the rows and map their columns."""
        preset = self._preset
        lacking = sorted(set(preset.columns.named()) - set(self._loaded.columns))
        if lacking:
            raise SourceError(
                f"{preset.dataset} has no column {lacking[0]!r} (it has "
                f"{', '.join(self._loaded.columns)}); name another revision: {self.name}@<commit>."
            )
        found: dict[str, Sample] = {}
        for index, row in enumerate(self._loaded.rows):
            try:
                sample = self._sample(index, row)
            except ValueError as error:
                raise SourceError(f"{preset.dataset}, row {index}: {error}.") from error
            if sample.id in found:
                raise SourceError(f"{preset.dataset}, row {index}: id {sample.id!r} occurs twice.")
            found[sample.id] = sample
        return list(found.values())

    def _sample(self, index: int, row: Mapping[str, Any]) -> Sample:
        columns, kind = self._preset.columns, self._preset.match
        item = f"row-{index}" if columns.id is None else shown(str(row[columns.id]))
        talk = columns.messages
        prompt = prompt_of(row[talk]) if talk else row[columns.prompt or ""]
        if not isinstance(prompt, str) or not prompt.strip():
            raise ValueError("the prompt is empty")
        answer = None if columns.answer is None else str(row[columns.answer])
        if columns.choices:
            listed, answer = _choices(self.name, item, [str(row[c]) for c in columns.choices])
            prompt = f"{prompt.strip()}\n\n{listed}"
        parts = (self._preset.before, prompt.strip(), INSTRUCTIONS[kind])
        return Sample(
            task=self.name,
            task_version=self.version,
            id=item,
            level=ALL if columns.level is None else shown(str(row[columns.level])),
            category=self.category,
            prompt="\n\n".join(part for part in parts if part),
            reference={"answer": answer, "match": kind},
        )

    def grade(self, sample: Sample, text: str) -> Grade:
        """Compare the stated answer as the preset says."""
        return grade_answer(text, sample.reference["answer"] or "", sample.reference["match"])

    def oracle(self, sample: Sample) -> str:
        """State the answer."""
        return oracle_answer(sample.reference["answer"] or "", sample.reference["match"])


def _choices(task: str, item: str, texts: list[str]) -> tuple[str, str]:
    """Return the lettered choices in an order of the item's own, and the right letter."""
    order = list(range(len(texts)))
    random.Random(f"choices:{task.partition('@')[0]}:{item}").shuffle(order)
    lines = [f"{letter}. {texts[at].strip()}" for letter, at in zip(LETTERS, order, strict=False)]
    return "\n".join(lines), LETTERS[order.index(0)]


class _Hub:
    """The source."""

    prefix = "hf"
    origin = "huggingface.co"
    placeholder = "<preset>"
    description = "published data sets of the Hugging Face hub"
    licence = "see docs/tasks.md"

    def known(self) -> list[str]:
        return list(presets())

    def size(self) -> str:
        if any(importlib.util.find_spec(name) is None for name in ("yaml", "datasets")):
            return INSTALL
        loose = [name for name, preset in presets().items() if not pinned(preset.revision)]
        return f"{len(presets())} presets" + (f"; not pinned: {', '.join(loose)}" if loose else "")

    def levels(self) -> str:
        return "all, and those of the data"

    def split(self, rest: str) -> tuple[str, str]:
        name, _, level = rest.partition(":")
        return name, level

    def open(self, name: str) -> Task:
        check_known(self.prefix, name.partition("@")[0], presets())
        return _opened(name)


@lru_cache(maxsize=32)
def _opened(name: str) -> Task:
    preset, _, revision = name.partition("@")
    found = presets()[preset]
    if revision:
        found = msgspec.structs.replace(found, revision=revision)
    return HubTask(name, found)


SOURCE = _Hub()
