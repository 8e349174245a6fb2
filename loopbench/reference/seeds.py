"""One row per stage over several training seeds, from the run folders of each.

Prompts are the same for every seed, and outputs of one training seed resemble each other: the
pooled interval treats them as independent and is too narrow. The values of the seeds stand
beside it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import msgspec

from loopbench.results.store import read_records
from loopbench.statistics.intervals import wilson
from loopbench.types import Record, Struct

SEARCHES = frozenset({"mini_pairs", "mini_countdown"})
AGAIN = 4
"""Times that a search must write one line to count as repeating it."""
HEADER = (
    "| | n | stuck %, pooled | by seed | doom % | by seed | circular % | recovered % "
    "| truncated % | same line ≥ 4× % | accuracy %, pooled | by seed | F1 | tools | tokens |"
)


class StageCounts(Struct, frozen=True):
    """What one model of one training seed did on a suite."""

    n: int
    doomed: int
    circular: int
    recovered: int
    truncated: int
    searches: int
    again: int
    """Searches that write one and the same line four times or more."""
    graded: int
    """Reasoning prompts: those that have one right answer."""
    correct: int
    tokens: float
    """Mean of generated tokens."""
    extraction: float | None = None
    """Mean F1 of extraction prompts; None without any."""
    tools: float | None = None
    """Mean score of tool prompts; None without any."""

    @property
    def stuck(self) -> int:
        """Outputs that were getting nowhere at their last token."""
        return self.doomed + self.circular


def main(argv: Sequence[str]) -> None:
    """Print the table; `--help` lists the settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="Run folders of one suite.")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--json", type=Path, help="Also write the counts, seed by seed, here.")
    given = parser.parse_args(list(argv))
    stages = counts_by_model(given.folders, given.temperature)
    print(HEADER, "|---" * HEADER.count(" |") + "|", sep="\n")
    for model, seeds in stages.items():
        print(row(model.removeprefix("reference-"), seeds))
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(stages), indent=1) + b"\n")


def counts_by_model(folders: Iterable[Path], temperature: float) -> dict[str, list[StageCounts]]:
    """Return what each model did in every folder that has records of it, folder by folder."""
    stages: dict[str, list[StageCounts]] = {}
    for folder in folders:
        for model, records in _by_model(folder, temperature).items():
            stages.setdefault(model, []).append(count(records))
    return stages


def _by_model(folder: Path, temperature: float) -> Mapping[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in read_records(folder):
        if record.sampling.temperature == temperature:
            found.setdefault(record.model, []).append(record)
    return found


def repeats_a_line(text: str, least: int = AGAIN) -> bool:
    """Return whether some line that is not blank occurs `least` times."""
    lines = (line.strip() for line in text.replace("<think>", "").split("\n"))
    common = Counter(line for line in lines if line).most_common(1)
    return bool(common) and common[0][1] >= least


def count(records: Iterable[Record]) -> StageCounts:
    """Count the outcomes of a model's records.

    Raises
    ------
    ValueError
        If there is none.
    """
    every = list(records)
    if not every:
        raise ValueError("There are no records to count.")
    outcomes = Counter(record.outcome for record in every)
    searches = [r for r in every if r.task in SEARCHES]
    graded = [r for r in every if r.category == "reasoning"]
    return StageCounts(
        n=len(every),
        doomed=outcomes["doom"],
        circular=outcomes["circular"],
        recovered=outcomes["recovered"],
        truncated=outcomes["truncated"],
        searches=len(searches),
        again=sum(repeats_a_line(r.generation.text) for r in searches),
        graded=len(graded),
        correct=sum(bool(r.grade.correct) for r in graded),
        tokens=fmean(r.generation.output_tokens for r in every),
        extraction=_score(every, "extraction"),
        tools=_score(every, "tools"),
    )


def _score(records: Iterable[Record], category: str) -> float | None:
    scores = [r.grade.score or 0.0 for r in records if r.category == category]
    return fmean(scores) if scores else None


def row(name: str, seeds: Sequence[StageCounts]) -> str:
    """Return a line of the table: pooled over seeds, and seed by seed."""
    n = sum(c.n for c in seeds)

    def share(part: str, whole: str = "n") -> str:
        total = sum(getattr(c, whole) for c in seeds)
        return f"{100 * sum(getattr(c, part) for c in seeds) / total:.1f}" if total else "–"

    def pooled(part: str, whole: str) -> str:
        total = sum(getattr(c, whole) for c in seeds)
        if not total:
            return "–"
        rate = wilson(sum(getattr(c, part) for c in seeds), total)
        return f"{100 * rate.value:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"

    def each(part: str, whole: str) -> str:
        pairs = ((getattr(c, part), getattr(c, whole)) for c in seeds)
        return ", ".join(f"{100 * k / m:.1f}" if m else "–" for k, m in pairs)

    def mean(part: str) -> str:
        scores = [score for c in seeds if (score := getattr(c, part)) is not None]
        return f"{100 * fmean(scores):.1f}" if scores else "–"

    cells = (
        name, str(n), pooled("stuck", "n"), each("stuck", "n"), pooled("doomed", "n"),
        each("doomed", "n"), share("circular"), share("recovered"), share("truncated"),
        share("again", "searches"), pooled("correct", "graded"), each("correct", "graded"),
        mean("extraction"), mean("tools"),
        f"{sum(c.tokens * c.n for c in seeds) / n:.0f}",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main(sys.argv[1:])
