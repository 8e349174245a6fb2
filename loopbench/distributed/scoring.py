"""A run judged again in parallel: tasks of a cluster each read and judge a stretch of it."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from loopbench.distributed.cluster import Cluster
from loopbench.distributed.placing import free
from loopbench.distributed.waiting import TELL_EVERY_S, watched
from loopbench.judging.rules import MEASURE, detectors_of
from loopbench.results.rescoring import Again, again
from loopbench.results.store import RECORDS, decode_record

RANGE_BYTES = 4_000_000
"""Of `records.jsonl` that one task reads and judges."""


def ranges(file: Path, size: int = RANGE_BYTES) -> list[dict[str, Any]]:
    """Return the stretches of a file of lines; a line belongs to the one in which it begins."""
    length = file.stat().st_size if file.exists() else 0
    place = str(file.absolute())
    return [
        {"file": place, "start": start, "end": min(start + size, length)}
        for start in range(0, length, size)
    ]


def lines_of(file: Path, start: int, end: int) -> Iterator[bytes]:
    """Yield the whole lines that begin in a stretch of a file; a torn last one is none.

    Parameters
    ----------
    file
        Lines that each end in a newline.
    start, end
        Bytes; the second is the first of the next stretch.
    """
    with file.open("rb") as data:
        if start:
            # The line that begins at `start` is told from one that began before by the byte
            # in front of it.
            data.seek(start - 1)
            data.readline()
        while data.tell() < end:
            line = data.readline()
            if not line.endswith(b"\n"):
                return
            yield line


def judge_range(row: dict[str, Any], *, keep: bool) -> dict[str, Any]:
    """Judge the records of one stretch; the result is pickled, so that Ray copies bytes."""
    records = map(decode_record, lines_of(Path(row["file"]), row["start"], row["end"]))
    measure = detectors_of(MEASURE)
    return {"judged": pickle.dumps(list(again(records, measure, keep=keep)))}


def judged_again(
    cluster: Cluster,
    source: Path,
    *,
    keep: bool,
    tell: Callable[[str], None],
    size: int = RANGE_BYTES,
    every: float = TELL_EVERY_S,
) -> Iterator[Again]:
    """Yield the records of a run as they are judged now, in their order.

    Every machine must see the run folder at the same place. What a lost machine was judging
    is judged again.

    Parameters
    ----------
    cluster
        Where the records are judged.
    source
        The run folder.
    keep
        Whether the records themselves are wanted, and not only what a table needs of them.
    tell
        Told in one sentence whenever nothing was judged for `every` seconds.
    size
        Bytes of `records.jsonl` that one task judges.
    every
        Seconds.
    """
    ray = cluster.ray()
    importlib.import_module("ray.data")
    stretches = ranges(source / RECORDS, size)
    if not stretches:
        return
    ray.data.DataContext.get_current().enable_progress_bars = False
    # A key that occurs twice counts as it came last.
    ray.data.DataContext.get_current().execution_options.preserve_order = True
    dataset = ray.data.from_items(stretches, override_num_blocks=len(stretches))
    rows = dataset.map(judge_range, fn_kwargs={"keep": keep}).iter_rows()

    def lack() -> None:
        tell(f"Waiting for the cluster to judge; free are {free(ray.available_resources())}.")

    for row in watched(rows, lack, every):
        yield from pickle.loads(row["judged"])
