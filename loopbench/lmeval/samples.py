"""Loop columns for the files that lm-eval's `--log_samples` wrote, without a model."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from loopbench.errors import RunError
from loopbench.judging.outcome import STUCK
from loopbench.lmeval.judging import (
    LEAST_BUDGET,
    OUTCOMES_OF,
    RATES,
    Judgement,
    budget_of,
    counted,
    judge_response,
)
from loopbench.lmeval.output import Origin, Response
from loopbench.results.grid import Grid
from loopbench.results.summary import NO_RATE, Rate
from loopbench.results.table import percent, printable
from loopbench.statistics.intervals import clustered_rate
from loopbench.types import Finish, Struct

_NAME = re.compile(r"samples_(.+)_\d{4}-\d\d-\d\dT[\d.:-]+\.jsonl")


class InputError(ValueError):
    """A line cannot be judged; its text names the line and what is wrong."""


class Said(Struct, frozen=True):
    """What `loopbench lm-eval` wrote beside a response: its origin."""

    finish: Finish | None = None
    raw_finish: str = ""
    token_ids: list[int] | None = None
    token_chars: list[int] | None = None
    raw: str | None = None
    """The whole output, where the response is only a part of it."""


class LoggedSample(Struct, frozen=True):
    """What is read of one line; everything else in it is passed over."""

    doc_id: int
    resps: list[list[Any]]
    filter: str = "none"
    metrics: list[str] = msgspec.field(default_factory=list)
    arguments: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    loopbench: list[Said] = msgspec.field(default_factory=list)


class SampleRow(Struct, frozen=True):
    """Loop rates and scores of one file. Rates are fractions."""

    task: str
    file: str
    n: int
    """Responses, each document and repeat once, whatever filters it was scored under."""
    n_error: int
    budget: int | None
    """The largest budget among the requests; None where the file does not say it."""
    stuck_rate: Rate
    """Doom and circular, whether or not it is known why an output ended."""
    doom_rate: Rate
    circular_rate: Rate
    recovered_rate: Rate
    """Of the outputs of which it is known why they ended, as is truncated_rate."""
    truncated_rate: Rate
    tokenization: str
    """`given`, the name of the fallback, or both."""
    scores: dict[str, float]
    """Mean of each metric of the file, as `metric,filter`."""
    n_unknown: int = 0
    """Outputs that nobody knows why they ended, and that are in no loop at their end."""
    stuck_unknown: int = 0
    """Stuck outputs that nobody knows why they ended."""


def score_file(path: Path, target: Path | None = None) -> SampleRow:
    """Judge the responses of a file of logged samples.

    Parameters
    ----------
    target
        A new file for the lines with the verdicts in their field `loopbench`.

    Raises
    ------
    InputError
        For a line that holds no generated text, with its number.
    RunError
        If the target exists already.
    """
    judged: dict[int, list[Judgement]] = {}
    scores: dict[str, list[float]] = {}
    budgets: list[int] = []
    if target is not None and target.exists():
        raise RunError(f"{target} is there already; name another folder with --out.")
    lines = []
    for line, sample, found in _read(path, judged):
        judged[sample.doc_id] = found
        for name, value in _values(line, sample).items():
            scores.setdefault(name, []).append(value)
        budgets += _budgets(sample)
        if target is not None:
            lines.append(_with_verdicts(line, judged[sample.doc_id]))
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"".join(lines))
    return _row(path, judged, budgets, {k: statistics.fmean(v) for k, v in scores.items()})


def _read(
    path: Path, judged: Mapping[int, list[Judgement]]
) -> Iterator[tuple[bytes, LoggedSample, list[Judgement]]]:
    """Yield each line with what is said about its responses.

    A document has one line per filter; its responses are the same on each.
    """
    decoder = msgspec.json.Decoder(LoggedSample)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                sample = decoder.decode(line)
                _check(sample)
                found = judged.get(sample.doc_id) or [judge_response(r) for r in _responses(sample)]
            except (TypeError, ValueError, RecursionError) as error:
                raise InputError(
                    f"Line {number} of {path} cannot be judged: {error}. It must be a file "
                    "that lm-eval wrote with --log_samples for a generative task."
                ) from error
            yield line, sample, found


def _values(line: bytes, sample: LoggedSample) -> dict[str, float]:
    """Return the scores of a line under the names that lm-eval prints."""
    row = msgspec.json.decode(line)
    return {
        f"{name},{sample.filter}": float(value)
        for name in sample.metrics
        if name not in RATES and isinstance(value := row.get(name), int | float)
    }


def _check(sample: LoggedSample) -> None:
    if not all(isinstance(r, str) for responses in sample.resps for r in responses):
        raise ValueError("its responses are no texts")
    for arguments in sample.arguments.values():
        if not isinstance(arguments.get("arg_1", {}), dict):
            raise ValueError("it compares likelihoods and holds no generated text")


def _responses(sample: LoggedSample) -> Iterator[str]:
    """Yield the responses with what is known of their origin."""
    flat = [response for responses in sample.resps for response in responses]
    said: Sequence[Said | None] = sample.loopbench
    if len(said) != len(flat):
        said = [None] * len(flat)
    for response, beside in zip(flat, said, strict=True):
        finish: Finish = (beside and beside.finish) or "unknown"
        if beside is None or (finish == "unknown" and beside.token_ids is None):
            yield response
            continue
        text = response if beside.raw is None else beside.raw
        origin = Origin(
            text=text,
            finish=finish,
            raw_finish=beside.raw_finish,
            token_ids=beside.token_ids,
            token_chars=beside.token_chars,
        )
        yield Response(response, origin)


def _budgets(sample: LoggedSample) -> list[int]:
    kwargs = [arguments.get("arg_1") for arguments in sample.arguments.values()]
    found = (budget_of(k, 0) for k in kwargs if isinstance(k, dict))
    return [budget for budget in found if budget]


def _with_verdicts(line: bytes, judged: Sequence[Judgement]) -> bytes:
    row = msgspec.json.decode(line)
    before = row.get("loopbench") or [{}] * len(judged)
    verdicts = [msgspec.to_builtins(judgement) for judgement in judged]
    row["loopbench"] = [old | new for old, new in zip(before, verdicts, strict=True)]
    return msgspec.json.encode(row) + b"\n"


def _row(
    path: Path,
    judged: Mapping[int, Sequence[Judgement]],
    budgets: Sequence[int],
    scores: dict[str, float],
) -> SampleRow:
    everything = [j for found in judged.values() for j in found]

    def rate(name: str) -> Rate:
        documents = [counts for found in judged.values() if (counts := counted(name, found))]
        if not documents:
            return NO_RATE
        wanted = OUTCOMES_OF[name]
        interval = clustered_rate([[j.outcome in wanted for j in found] for found in documents])
        n = sum(map(len, documents))
        return Rate(value=interval.value, low=interval.low, high=interval.high, n=n)

    match = _NAME.fullmatch(path.name)
    return SampleRow(
        task=match[1] if match else path.stem,
        file=str(path),
        n=len(everything),
        n_error=sum(j.outcome == "error" for j in everything),
        n_unknown=sum(j.outcome == "unknown" for j in everything),
        stuck_unknown=sum(j.outcome in STUCK and j.finish == "unknown" for j in everything),
        budget=max(budgets, default=None),
        stuck_rate=rate("stuck_rate"),
        doom_rate=rate("doom_rate"),
        circular_rate=rate("circular_rate"),
        recovered_rate=rate("recovered_rate"),
        truncated_rate=rate("truncated_rate"),
        tokenization=", ".join(sorted({j.tokenization for j in everything})),
        scores=scores,
    )


def samples_grid(rows: Sequence[SampleRow]) -> Grid:
    """Return the rows as a table, intervals and further scores in lines of their own."""
    titles = (
        "task", "n", "stuck %", "doom %", "circ.", "recov.", "trunc.", "budget", "tokens", "scores",
    )  # fmt: skip
    cells = [
        (
            printable(row.task),
            str(row.n),
            _two_lines(row.stuck_rate),
            _two_lines(row.doom_rate),
            _point(row.circular_rate),
            _point(row.recovered_rate),
            _point(row.truncated_rate),
            "–" if row.budget is None else str(row.budget),
            row.tokenization,
            "\n".join(f"{printable(name)} {value:.4f}" for name, value in row.scores.items()),
        )
        for row in rows
    ]
    return Grid(titles, cells, "\n".join(samples_notes(rows)))


def _two_lines(rate: Rate) -> str:
    return percent(rate).replace(" [", "\n[")


def _point(rate: Rate) -> str:
    return percent(rate).split(" ")[0]


def samples_notes(rows: Sequence[SampleRow]) -> list[str]:
    """Return what a reader must know to quote the numbers."""
    notes = [
        "Rates in percent with 95 % intervals, of the raw responses, before any filter. stuck: "
        "doom and circular together; circular: at the budget, going round without saying "
        "anything new."
    ]
    stuck = sum(row.stuck_unknown for row in rows)
    untold = stuck + sum(row.n_unknown for row in rows)
    if untold:
        notes.append(
            f"Of {untold} of {sum(row.n for row in rows)} responses it is not known why they "
            f"ended: {stuck} of them loop at their end and count as stuck, though some may have "
            "ended by themselves; circular, recovered and truncated are rates of the others. "
            "'loopbench lm-eval' logs token ids and the finish."
        )
    low = [row.budget for row in rows if row.budget is not None and row.budget < LEAST_BUDGET]
    if low:
        notes.append(f"A budget of {min(low)} tokens hides most loops.")
    return notes
