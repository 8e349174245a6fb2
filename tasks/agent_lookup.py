"""Questions about an invented world, answered with tools or, closed book, without.

Each seed and split has an encyclopedia of its own (`tasks/agents/encyclopedia.py`), so that
neither training on other splits nor any other training can hold an answer. As a single turn
the prompt is the closed-book question; `loopbench.episodes.running` asks it with tools.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from loopbench.tasks.agents.encyclopedia import World, world
from loopbench.tasks.agents.questions import Asker
from loopbench.tasks.answers import (
    MAX_PAYLOAD,
    candidates,
    final_text,
    no_answer,
    parse_number,
    shown,
    verdict,
)
from loopbench.tasks.base import Draft, Procedural
from loopbench.types import Category, Grade, Sample

_INSTRUCTION = (
    "When you know the answer, end with one line of the form 'Answer: <answer>', "
    "which is a number in digits or a name. "
    "If you cannot know it, end with 'Answer: unknown'."
)
_LONGEST_REPLY = 300
"""A reply in one line of at most so many characters needs no mark to be an answer."""
_ABSTAINED = re.compile(
    r"\bunknown\b|\bnot (?:known|sure)\b"
    r"|\b(?:do not|don't|cannot|can't|can not) (?:know|find|answer|determine|provide|tell|say)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=[^\W_]\s)[A-Z]\w")
"""A capital that does not begin the text."""
_NOTHING = {"calls": 0.0, "searches": 0.0, "hallucinated": 0.0, "cycle": 0.0, "turns": 1.0}


class AgentLookup(Procedural):
    """Look up facts, follow references, and work out what follows from them."""

    name = "agent_lookup"
    category: Category = "agents"
    description = "multi-turn look-up in an invented encyclopedia, with arithmetic and programs"

    def __init__(self, world_name: str | None = None) -> None:
        self._world = world_name

    def _draw(self, n: int, level: str, seed: int, split: str) -> Iterator[Sample]:
        name = f"{split}-{seed}"
        if name != self._world:
            return AgentLookup(name)._draw(n, level, seed, split)
        return super()._draw(n, level, seed, split)

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw a question about this instance's world."""
        if self._world is None:
            raise ValueError("draw samples with `samples`: a question needs a world")
        about = world(self._world)
        question = Asker(about, rng).question(level)
        return Draft(self.sub_prompt(question.text), question.reference(about))

    def world(self, sample: Sample) -> str:
        """Return the name of the encyclopedia that the question is about."""
        return str(sample.reference["world"])

    def sub_prompt(self, question: str) -> str:
        """Return a question with the form of its answer."""
        return f"Question: {question}\n\n{_INSTRUCTION}"

    def grade(self, sample: Sample, text: str) -> Grade:
        """Judge a final reply; a stated answer that is wrong counts as made up.

        Whether something was looked up before is not in the text: an episode's grade
        corrects `parts`.
        """
        final = final_text(text)
        if final is None or not final.strip():
            return no_answer(dict(_NOTHING))
        # "The answer is" before a name is an answer, whether or not this world has the name;
        # before a number it also stands in running text.
        named = isinstance(sample.reference["answer"], str)
        # The instruction, quoted back, states nothing.
        found = [c for c in candidates(final) if "<answer>" not in c.line]
        stated = [(c.line, c.explicit or named) for c in found]
        whole = final.strip()
        if not stated and "\n" not in whole and len(whole) <= _LONGEST_REPLY:
            # "Let me see." names nothing, and a question is no answer.
            stated = [(whole, named and whole[-1] != "?" and bool(_NAME.search(whole)))]
        about = world(self.world(sample))
        for line, marked in stated:
            right = _is_right(line[:MAX_PAYLOAD], sample, about)
            if right is None and _ABSTAINED.search(line[:MAX_PAYLOAD]):
                return Grade(
                    answer=shown(line), correct=False, score=0.0, problem="abstained",
                    parts=dict(_NOTHING),
                )  # fmt: skip
            if right is not None or marked:
                parts = _NOTHING | {"hallucinated": float(not right)}
                return verdict(line, bool(right), parts)
        return no_answer(dict(_NOTHING))

    def oracle(self, sample: Sample) -> str:
        """State the answer."""
        return f"Answer: {sample.reference['answer']}"


def _is_right(line: str, sample: Sample, about: World) -> bool | None:
    # None: the line states nothing of the kind that was asked for.
    expected = sample.reference["answer"]
    if isinstance(expected, int):
        number = parse_number(line)
        if number is not None:
            return number == expected
        # A date, or several numbers: an answer, and not the right one.
        return False if any(c.isdigit() for c in line) else None
    # Two names are a hedge, and a name of the question is only repeated.
    named = about.titles_in(line) - about.titles_in(sample.prompt)
    return named == {expected} if named else None


TASK = AgentLookup()
