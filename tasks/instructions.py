"""Follow several rules at once: instructions that a program verifies, as in IFEval.

The rules are about form alone (lines, words, letters), so that any text can follow them and none
needs knowledge. Those of an item never contradict each other: the oracle follows all of them.
Unlike IFEval's, the prompts are drawn and nothing is downloaded.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from loopbench.tasks.answers import final_text, no_answer
from loopbench.tasks.base import Draft, Procedural
from loopbench.tasks.enumeration import WORDS
from loopbench.types import Category, Grade, Sample

MAX_TEXT = 16_384
"""Characters of an output that are read; the longest that follows its rules has under 1,000."""

TOPICS = (
    "a harbour at night", "an old library", "a walk in the hills", "a market in spring",
    "a train journey", "a small garden", "the first snow", "a broken clock", "a quiet street",
    "a day by the sea", "a kitchen in the morning", "a lost letter", "a bridge in the fog",
    "a school concert", "an empty stage", "a long winter", "a visit to the dentist",
    "a new neighbour", "a summer storm", "a forgotten recipe",
)  # fmt: skip
_FIRST_LETTERS = ("amber", "brave", "cider", "ocean", "plant", "storm", "tiger", "beach", "dream",
                  "gold", "hero", "lamp", "moon", "nest", "pine", "rain", "salt", "time", "fern",
                  "planet", "silver", "garden", "forest", "candle", "basin")  # fmt: skip
_RARE = "bfgkpvw"
_MORE = {"easy": 1, "medium": 3, "hard": 5}
"""Rules beside the two that every item has."""

Instruction = dict[str, Any]
"""`kind`, and what the rule's check needs."""


def _words(line: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", line.lower())


def _has_lines(lines: Sequence[str], rule: Instruction) -> bool:
    return bool(len(lines) == rule["count"]) and all(line.strip() for line in lines)


def _ends_in_number(lines: Sequence[str], rule: Instruction) -> bool:
    return lines[-1].rstrip(" .!").split(" ")[-1] == str(rule["number"])


def _has_keyword(lines: Sequence[str], rule: Instruction) -> bool:
    return bool(sum(rule["word"] in _words(line) for line in lines) == rule["count"])


def _has_length(lines: Sequence[str], rule: Instruction) -> bool:
    return all(rule["low"] <= len(line.split()) <= rule["high"] for line in lines)


def _is_lower(lines: Sequence[str], rule: Instruction) -> bool:
    return all(line == line.lower() for line in lines)


def _lacks_letter(lines: Sequence[str], rule: Instruction) -> bool:
    return all(rule["letter"] not in line.lower() for line in lines)


def _spells(lines: Sequence[str], rule: Instruction) -> bool:
    return bool("".join(line.strip()[:1].lower() for line in lines) == rule["word"])


def _exclaims(lines: Sequence[str], rule: Instruction) -> bool:
    return all(line.rstrip().endswith("!") for line in lines)


CHECKS: dict[str, Callable[[Sequence[str], Instruction], bool]] = {
    "lines": _has_lines,
    "number": _ends_in_number,
    "keyword": _has_keyword,
    "length": _has_length,
    "lower": _is_lower,
    "letter": _lacks_letter,
    "first_letters": _spells,
    "exclamation": _exclaims,
}
SAID: dict[str, str] = {
    "lines": "Write exactly {count} lines, with no empty lines between them.",
    "number": "End the last line with the number {number}.",
    "keyword": "Use the word '{word}' in exactly {count} of the lines.",
    "length": "Every line has at least {low} and at most {high} words.",
    "lower": "Use no capital letters.",
    "letter": "Do not use the letter '{letter}' anywhere.",
    "first_letters": "The first letters of the lines, read from top to bottom, spell '{word}'.",
    "exclamation": "End every line with an exclamation mark.",
}
_OPTIONAL = tuple(kind for kind in CHECKS if kind not in ("lines", "number"))


def _free_of(letter: str, words: Sequence[str]) -> list[str]:
    return [word for word in words if not letter or letter not in word]


def _spellable(letter: str) -> list[str]:
    # Each letter must begin two words, as one of them may be the keyword of its own rule.
    begins = Counter(word[0] for word in _free_of(letter, WORDS))
    return [w for w in _free_of(letter, _FIRST_LETTERS) if all(begins[c] > 1 for c in w)]


def _draw_rules(rng: random.Random, level: str) -> list[Instruction]:
    kinds = ["lines", "number", *rng.sample(_OPTIONAL, _MORE[level])]
    letter = rng.choice(_RARE) if "letter" in kinds else ""
    spelt = rng.choice(_spellable(letter))
    count = len(spelt) if "first_letters" in kinds else rng.randint(3, 6)
    low = rng.randint(5, 8)
    drawn: dict[str, Instruction] = {
        "lines": {"count": count},
        "number": {"number": rng.randint(100, 9_999)},
        "keyword": {
            "word": rng.choice(_free_of(letter, WORDS)),
            "count": rng.randint(1, count - 1),
        },
        "length": {"low": low, "high": low + rng.randint(1, 3)},
        "letter": {"letter": letter},
        "first_letters": {"word": spelt},
    }
    return [{"kind": kind, **drawn.get(kind, {})} for kind in sorted(kinds, key=[*CHECKS].index)]


class Instructions(Procedural):
    """Write a few lines under rules of form."""

    name = "instructions"
    category: Category = "reasoning"
    description = "a few lines of text under three to seven rules of form, verified by program"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw a topic and rules that fit together."""
        rules = _draw_rules(rng, level)
        listed = "\n".join(
            f"{i}. {SAID[rule['kind']].format_map(rule)}" for i, rule in enumerate(rules, 1)
        )
        prompt = (
            f"Write a short text about {rng.choice(TOPICS)}. Follow all of these rules:\n\n"
            f"{listed}\n\nReply with the text alone."
        )
        return Draft(prompt, rules)

    def grade(self, sample: Sample, text: str) -> Grade:
        """Check every rule; correct if all are followed, the score is the share that is."""
        final = final_text(text)
        if final is None or not final.strip():
            return no_answer()
        lines = final.strip()[:MAX_TEXT].split("\n")
        followed = [CHECKS[rule["kind"]](lines, rule) for rule in sample.reference]
        return Grade(
            correct=all(followed),
            score=sum(followed) / len(followed),
            problem=None if all(followed) else "not_followed",
            parts={
                rule["kind"]: float(is_followed)
                for rule, is_followed in zip(sample.reference, followed, strict=True)
            },
        )

    def oracle(self, sample: Sample) -> str:
        """Write lines of words that follow the rules, and mean nothing."""
        rules: dict[str, Instruction] = {rule["kind"]: rule for rule in sample.reference}
        letter = rules.get("letter", {}).get("letter", "")
        keyword = rules.get("keyword", {})
        fillers = [word for word in _free_of(letter, WORDS) if word != keyword.get("word")]
        spelt = rules.get("first_letters", {}).get("word")
        low = rules.get("length", {}).get("low", 5)
        count = rules["lines"]["count"]
        lines = []
        for i in range(count):
            begin = next(w for w in fillers if not spelt or w.startswith(spelt[i]))
            # Every line leaves room for the keyword and the number.
            words = [begin, *fillers[i + 1 : i + low - 1]]
            words += [keyword["word"]] if i < keyword.get("count", 0) else fillers[:1]
            if i == count - 1:
                words[-1:] = [words[-1], str(rules["number"]["number"])]
                words = [words[0], *words[-(low - 1) :]]
            lines.append(" ".join(words) + ("!" if "exclamation" in rules else ""))
        return "\n".join(lines)


TASK = Instructions()
