"""Text to JSON under a given schema: copying, choosing and formatting."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

from loopbench.tasks.answers import final_text, json_values, no_answer, shown
from loopbench.tasks.base import Draft, Procedural
from loopbench.tasks.records import KINDS, Document, closed
from loopbench.types import Category, Grade, Sample

_MAX_LEAVES = 5_000
_MAX_DEPTH = 8
_MAX_ITEMS = 64
"""Predicted array items that are matched; the rest counts as surplus all the same."""

Leaf = tuple[tuple[str | int, ...], str, Any]


def _leaf(value: Any) -> tuple[str, Any]:
    # The kind is part of the leaf: True == 1 in Python, and "12" is not the number 12.
    if isinstance(value, bool) or value is None:
        return "constant", value
    if isinstance(value, int | float):
        return "number", value
    if isinstance(value, str):
        return "text", " ".join(value.split()).casefold()
    return "other", "[]" if isinstance(value, list) else "{}"


def flatten(value: Any) -> Counter[Leaf]:
    """Return the leaves of a JSON value: (path, kind, normalised value), at most 5,000.

    Empty and too deeply nested containers count as one leaf.
    """
    leaves: Counter[Leaf] = Counter()
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while stack and len(leaves) < _MAX_LEAVES:
        path, node = stack.pop()
        if isinstance(node, dict) and node and len(path) < _MAX_DEPTH:
            stack.extend(((*path, key), child) for key, child in node.items())
        elif isinstance(node, list) and node and len(path) < _MAX_DEPTH:
            stack.extend(((*path, i), child) for i, child in enumerate(node))
        else:
            leaves[(path, *_leaf(node))] += 1
    return leaves


def _f1(found: Counter[Leaf], expected: Counter[Leaf]) -> float:
    common = (found & expected).total()
    return 2 * common / (found.total() + expected.total())


def align(found: Any, expected: Any) -> Any:
    """Reorder the arrays of a found record so that items meet their best counterparts.

    Leaving out the first of five items would otherwise make all five wrong. Expected
    arrays are short, found ones are capped, so the matching is quick.
    """
    if not isinstance(found, dict):
        return found
    aligned = dict(found)
    for key, wanted in expected.items():
        have = found.get(key)
        if not isinstance(wanted, list) or not isinstance(have, list):
            continue
        leaves = {i: flatten(item) for i, item in enumerate(have[:_MAX_ITEMS])}
        filled: dict[int, Any] = {}
        for at, item in enumerate(wanted):
            target = flatten(item)
            best = max(leaves, key=lambda i: _f1(leaves[i], target), default=None)
            if best is not None and _f1(leaves[best], target) > 0:
                del leaves[best]
                filled[at] = have[best]
        # What matched nothing is wrong wherever it stands: first the gaps, then the end.
        surplus = [have[i] for i in leaves] + have[_MAX_ITEMS:]
        places = [at for at in range(len(wanted)) if at not in filled]
        places += range(len(wanted), len(wanted) + len(surplus))
        filled |= dict(zip(places, surplus, strict=False))
        aligned[key] = {str(at): item for at, item in filled.items()} or []
    return aligned


def _indexed(expected: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {str(i): item for i, item in enumerate(value)} if isinstance(value, list) else value
        for key, value in expected.items()
    }


def field_f1(found: Any, expected: dict[str, Any]) -> float:
    """Return the F1 over leaves of a found against an expected record."""
    return _f1(flatten(align(found, expected)), flatten(_indexed(expected)))


def schema_valid(value: Any, schema: dict[str, Any]) -> bool:
    """Return whether a value is valid under one of our own schemas."""
    # Imported here: listing tasks and drawing samples should not pay for it.
    from jsonschema import Draft202012Validator

    try:
        return bool(Draft202012Validator(schema).is_valid(value))
    except RecursionError:
        # The validator prints the offending value, which may be nested a thousand deep.
        return False


def _file(rng: random.Random) -> Document:
    """Draw one document of every kind and one schema over them all."""
    drawn = [kind(rng, 2) for kind in rng.sample(KINDS, len(KINDS))]
    texts, record, properties = [], {}, {}
    for number, document in enumerate(drawn, 1):
        texts.append(f"Document {number}: {document.kind}\n{document.text}")
        prefix = document.kind.partition(" (")[0].replace(" ", "_")
        for key, value in document.record.items():
            record[f"{prefix}_{key}"] = value
            properties[f"{prefix}_{key}"] = document.schema["properties"][key]
    return Document("file of documents", "\n\n".join(texts), record, closed(properties))


class ExtractRecords(Procedural):
    """Extract a record from an invoice, case report, job advertisement or log."""

    name = "extract_records"
    category: Category = "extraction"
    levels: tuple[str, ...] = ("easy", "medium", "hard", "long_schema")
    default_level = "hard"
    description = "invoices, case reports, job ads and logs to JSON under a schema"

    def draft(self, rng: random.Random, level: str) -> Draft:
        """Draw a document; the schema stands in the prompt."""
        if level == "long_schema":
            document = _file(rng)
        else:
            document = rng.choice(KINDS)(rng, self.levels.index(level))
        prompt = (
            f"Extract the data from this {document.kind} as JSON.\n\n"
            f"Text:\n{document.text}\n\n"
            f"JSON schema:\n{json.dumps(document.schema, separators=(',', ':'))}\n\n"
            "Dates are written YYYY-MM-DD, lists keep the order of the text. "
            "Reply with only one JSON object that is valid under the schema."
        )
        return Draft(prompt, {"record": document.record, "schema": document.schema})

    def grade(self, sample: Sample, text: str) -> Grade:
        """Score the first JSON object by its fields; `correct` also needs the lists' order."""
        nothing = {"valid_json": 0.0, "schema_valid": 0.0, "field_f1": 0.0}
        final = final_text(text)
        if final is None or not final.strip():
            return no_answer(nothing)
        values = list(json_values(final))
        chosen = next((v for v in values if isinstance(v.value, dict)), None)
        chosen = chosen or next(iter(values), None)
        if chosen is None:
            return Grade(correct=False, score=0.0, problem="invalid_json", parts=nothing)
        record = sample.reference["record"]
        valid = schema_valid(chosen.value, sample.reference["schema"])
        f1 = field_f1(chosen.value, record)
        exact = flatten(chosen.value) == flatten(record)
        problem = None if exact else "wrong"
        return Grade(
            answer=shown(final[chosen.start : chosen.end]),
            correct=valid and exact,
            score=f1,
            problem=problem if valid else "schema_violation",
            parts={"valid_json": 1.0, "schema_valid": float(valid), "field_f1": f1},
        )

    def json_schema(self, sample: Sample) -> dict[str, Any]:
        """Return the schema that the prompt shows."""
        schema: dict[str, Any] = sample.reference["schema"]
        return schema

    def oracle(self, sample: Sample) -> str:
        """Write the record."""
        return json.dumps(sample.reference["record"])


TASK = ExtractRecords()
