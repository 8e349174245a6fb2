"""What a run has made so far: as little of it as going on needs, kept up with its folder."""

from __future__ import annotations

from collections.abc import Iterable

from loopbench.judging.outcome import stuck_level
from loopbench.results.header import Header
from loopbench.results.observations import Observation, observation_of
from loopbench.results.store import RunStore, read_audits, read_records, read_stopped
from loopbench.types import Audit, Level, Record


class Made:
    """The keys of a run folder's lines, and at which level its early-stopped streams were stuck.

    Parameters
    ----------
    observing
        Keep an observation of every record, too.
    """

    def __init__(self, store: RunStore, *, observing: bool) -> None:
        self.keys: set[str] = set()
        """Of the records that did not fail."""
        self._store, self._observing = store, observing
        self._stopped: dict[str, Level | None] = {}
        self._audited: set[str] = set()
        self._observations: dict[str, Observation] = {}
        for record in read_records(store.path):
            self._note(record)
        for audit in read_audits(store.path):
            self._note(audit)

    @property
    def header(self) -> Header:
        """Return the header of the run."""
        return self._store.header

    def append(self, line: Record | Audit) -> None:
        """Write one line to the folder; see `RunStore.append`."""
        self._store.append(line)
        self._note(line)

    def _note(self, line: Record | Audit) -> None:
        if isinstance(line, Record) and self._observing:
            self._observations[line.key] = observation_of(line)
        if line.outcome == "error":
            return
        if isinstance(line, Audit):
            self._audited.add(line.key)
            return
        self.keys.add(line.key)
        if line.generation.finish == "loop":
            self._stopped[line.key] = stuck_level(line.verdicts)

    def observations(self, keys: Iterable[str]) -> list[Observation]:
        """Return what is kept of these records, the failed ones among them."""
        return [self._observations[key] for key in keys]

    def stopped(self, keys: Iterable[str]) -> dict[str, Level | None]:
        """Return which of these streams were stopped early, each with its level."""
        return {key: self._stopped[key] for key in keys if key in self._stopped}

    def unaudited(self, keys: Iterable[str]) -> list[str]:
        """Return which of these streams no audit has followed yet."""
        return [key for key in keys if key not in self._audited]

    def read_stopped(self, keys: Iterable[str]) -> dict[str, Record]:
        """Read the records of early-stopped streams from the folder, in the order of the keys."""
        wanted = dict.fromkeys(keys)
        found = {record.key: record for record in read_stopped(self._store.path, wanted)}
        return {key: found[key] for key in wanted}
