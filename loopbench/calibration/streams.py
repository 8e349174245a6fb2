"""Outputs of runs as far as they were followed: with the audits of early-stopped ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from loopbench.pieces import Pieces
from loopbench.results.observations import Seen, seen_of
from loopbench.types import Audit, Finish, Outcome, Output, Record


class FollowedOutput(NamedTuple):
    """One output as far as it was followed."""

    seen: Seen
    """What its record says, without its continuation."""
    token_ids: list[int]
    pieces: Pieces
    outcome: Outcome
    """With its continuation."""
    finish: Finish
    """`loop`: stopped early, and no audit followed it."""


def streams_of(records: Iterable[Record], audits: Iterable[Audit] = ()) -> list[FollowedOutput]:
    """Return every output, together with its continuation where it has one.

    Failed generations are left out; a key that occurs twice counts as it came last.
    """
    rest = {audit.key: audit for audit in audits if audit.outcome != "error"}
    streams: dict[str, FollowedOutput] = {}
    for record in records:
        if record.outcome == "error":
            continue
        parts = [record.generation]
        outcome: Outcome = record.outcome
        if record.generation.finish == "loop" and record.key in rest:
            parts.append(rest[record.key].generation)
            outcome = rest[record.key].outcome
        whole = Output.joined(parts)
        streams[record.key] = FollowedOutput(
            seen=seen_of(record),
            token_ids=whole.token_ids,
            pieces=whole.pieces,
            outcome=outcome,
            finish=parts[-1].finish,
        )
    return list(streams.values())
