"""What came of the contenders of `bench_harness`: outputs read, costs compared, a table."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

import loopbench
from loopbench.types import Finish

Count = Callable[[str], int]
"""Tokens of a text."""


class Output(msgspec.Struct, frozen=True):
    """One generation of a contender."""

    text: str
    tokens: int | None = None
    """As the contender reports them; None where it does not."""
    looped: bool | None = None
    """The contender's own word for it; None where it has none."""


class Measurement(msgspec.Struct, frozen=True):
    """One run of one contender, from its command to its table."""

    prompts: str
    """Name of the prompt set."""
    contender: str
    round: int
    budget: int
    cpu_s: float
    """User and system time of the command and of all its children."""
    wall_s: float
    peak_mib: float
    """Largest resident size of the command and its children together."""
    outputs: int
    tokens: int
    loops: int
    """Outputs that were still in a loop at their end."""
    own_s: float | None = None
    """Part of `cpu_s` that the command's own process took, and not its children."""


def json_lines(path: Path) -> list[Any]:
    """Return the rows of a file; a line separator inside a text is none between rows."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


def read_loopbench(folder: Path) -> list[Output]:
    """Read the records of a run of LoopBench."""
    return [
        Output(
            record["generation"]["text"],
            record["generation"]["output_tokens"],
            record["outcome"] == "doom",
        )
        for record in json_lines(folder / "records.jsonl")
    ]


def read_lm_eval(folder: Path) -> list[Output]:
    """Read the samples that lm-eval logged: texts only."""
    rows: list[Output] = []
    for path in sorted(folder.rglob("samples_*.jsonl")):
        rows += [Output(row["resps"][0][0]) for row in json_lines(path)]
    return rows


def read_inspect(folder: Path) -> list[Output]:
    """Read the JSON log of inspect_ai."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        for sample in json.loads(path.read_text("utf-8")).get("samples") or []:
            choice = sample["output"]["choices"][0]
            answer = choice["message"]["content"]
            if not isinstance(answer, str):
                answer = "".join(part.get("text", "") for part in answer)
            tokens = (sample["output"].get("usage") or {}).get("output_tokens")
            # `hf` cannot say why an output ended, and counts the tokens of the batch's longest.
            known = choice.get("stop_reason") != "unknown"
            rows.append(Output(answer, tokens if known else None))
    return rows


def read_plain(folder: Path) -> list[Output]:
    """Read what the contenders of `bench_harness_children` wrote."""
    return msgspec.json.decode((folder / "outputs.json").read_bytes(), type=list[Output])


def totals(outputs: Iterable[Output], budget: int, count: Count) -> tuple[int, int, int]:
    """Return outputs, generated tokens and terminal loops.

    An output whose contender says nothing about it is counted and judged by its text. It ended
    by itself if its tokens, with one that ended it, are fewer than the budget; two tokens of
    slack are left for what tokenising a text again may change.
    """
    number = tokens = loops = 0
    for output in outputs:
        size = output.tokens if output.tokens is not None else count(output.text)
        finish: Finish = "length" if size >= budget - 2 else "stop"
        looped = output.looped
        if looped is None:
            looped = loopbench.detect(output.text, finish=finish).outcome == "doom"
        number, tokens, loops = number + 1, tokens + size, loops + looped
    return number, tokens, loops


def ratios(rows: Sequence[Measurement], base: str) -> dict[str, float]:
    """Return CPU time against a contender's, the median over the rounds that have both."""
    costs = {(row.contender, row.round): row.cpu_s for row in rows}
    found: dict[str, list[float]] = {}
    for (contender, number), cost in costs.items():
        if reference := costs.get((base, number)):
            found.setdefault(contender, []).append(cost / reference)
    return {contender: statistics.median(values) for contender, values in found.items()}


def table(rows: Sequence[Measurement], titles: Mapping[str, str], bases: Mapping[str, str]) -> str:
    """Return a Markdown table, medians over rounds.

    Parameters
    ----------
    titles
        Contender to its words, in the order of the table.
    bases
        Contender to the head of the column that compares the others with it.
    """
    present = [name for name in titles if any(row.contender == name for row in rows)]
    heads = {base: head for base, head in bases.items() if base in present}
    compared = {base: ratios(rows, base) for base in heads}
    lines = [
        "| contender | CPU s | own process |" + "".join(f" {head} |" for head in heads.values())
        + " wall s | peak MiB | tokens | loops | rounds |",
        "| --- | ---: | ---: |" + " ---: |" * len(heads) + " ---: | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for name in present:
        mine = [row for row in rows if row.contender == name]
        own = [row.own_s for row in mine if row.own_s is not None]
        cells = [titles[name], _number(_median(mine, "cpu_s"))]
        cells.append(_number(statistics.median(own)) if own else "–")
        cells += [
            f"{compared[base][name]:.2f}" if name in compared[base] else "–" for base in heads
        ]
        cells += [_number(_median(mine, "wall_s")), f"{_median(mine, 'peak_mib'):,.0f}"]
        cells += [f"{_median(mine, 'tokens'):,.0f}"]
        cells += [f"{_median(mine, 'loops'):.0f} of {mine[0].outputs}", str(len(mine))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _median(rows: Sequence[Measurement], field: str) -> float:
    return statistics.median(getattr(row, field) for row in rows)


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the kept results with the prompt sets and overheads measured again replaced."""
    measured = {row["prompts"] for row in new["measurements"]}
    kept = [row for row in old.get("measurements", []) if row["prompts"] not in measured]
    overheads = {**old.get("overhead", {}), **new.get("overhead", {})}
    measurements = kept + list(new["measurements"])
    return {**old, **new, "overhead": overheads, "measurements": measurements}


def insert(page: str, name: str, text: str) -> str:
    """Put a table between its two marks in a page.

    Raises
    ------
    ValueError
        If the page lacks the marks.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no marks {begin} and {end}")
    return f"{head}{begin}\n\n{text}\n\n{end}{tail}"
