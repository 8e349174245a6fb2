"""Records of a run as rows like those of files: what was said about them stays as it is. Pure."""

from __future__ import annotations

from loopbench.files.outputs import FileOutput
from loopbench.files.reading import Item
from loopbench.judging.detection import Detection
from loopbench.judging.outcome import STUCK, stuck_level
from loopbench.outputs.judged import JudgedOutput, described
from loopbench.pieces import Pieces
from loopbench.results.header import Header
from loopbench.results.observations import shown_verdict
from loopbench.types import Record

GIVEN = "given"
"""The tokens are the model's own."""


def described_record(record: Record, row: int, run: str, header: Header) -> JudgedOutput:
    """Return the row of a record.

    Parameters
    ----------
    record
        The record, judged already.
    row
        Its place in the run, from 1 on.
    run, header
        What its run is called, and what it measured.
    """
    generation, outcome = record.generation, record.outcome
    shown = shown_verdict(record) if outcome in (*STUCK, "recovered") else None
    splits = {model.name: model.tokenization for model in header.models}
    split = splits.get(record.model, "model")
    detection = Detection(
        outcome=outcome,
        at_end=stuck_level(record.verdicts),
        level=shown.level if shown else None,
        detector=shown.detector if shown else None,
        period=shown.period if shown else None,
        repeats=shown.repeats if shown else None,
        onset=shown.onset if shown else None,
        tokens=len(generation.token_ids) or generation.output_tokens,
        tokenization=GIVEN if split == "model" else split,
        verdicts=record.verdicts,
    )
    output = FileOutput(
        text=generation.text,
        finish=generation.finish,
        raw_finish=generation.raw_finish,
        id=record.sample_id,
        repeat=record.repeat,
        prompt=record.prompt,
        model=record.model,
        task=record.task,
        budget=record.sampling.max_new_tokens,
        error=generation.error,
    )
    return described(Item(row=row, output=output), run, detection, shown, _pieces(record))


def _pieces(record: Record) -> Pieces | None:
    """Return the text of each token; None where the loops are not inside it."""
    pieces = record.generation.pieces
    spans = [span for verdict in record.verdicts for span in verdict.spans]
    inside = all(0 <= span.start < span.end <= len(pieces) for span in spans)
    return pieces if inside else None
