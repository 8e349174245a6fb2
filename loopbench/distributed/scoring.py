"""Ray Data pipelines: a run judged again in parallel, rows of outputs, and prompts to outputs."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from loopbench import backends
from loopbench.backends.forms import locate
from loopbench.distributed.cluster import Cluster
from loopbench.distributed.placing import free
from loopbench.distributed.waiting import TELL_EVERY_S, watched
from loopbench.judging.detection import detect
from loopbench.judging.progress import Silent, Watching
from loopbench.judging.rows import OutputRow, judge_row
from loopbench.judging.rules import MEASURE, STOP, detectors_of
from loopbench.pieces import cut
from loopbench.results.rescoring import Again, again
from loopbench.results.store import RECORDS, decode_record
from loopbench.types import Request, Sampling

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
    """Yield the whole lines that begin in a stretch of a file; a torn last one is none."""
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
    keep
        Whether the records themselves are wanted, and not only what a table needs of them.
    tell
        Told in one sentence whenever nothing was judged for `every` seconds.
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


def judge_batch(batch: Any) -> Any:
    """Judge a batch of outputs, for `Dataset.map_batches(..., batch_format="pyarrow")`.

    Parameters
    ----------
    batch
        A table with the columns `token_ids` and/or `text`, and optionally `id`, `token_chars`
        and `finish`, as `loopbench detect` takes them. Other columns are not looked at.

    Returns
    -------
    pyarrow.Table
        The batch with two columns more, or in the place of those: `outcome`, and `verdict` as
        the JSON line that `loopbench detect` prints. Without an `id` the line has the row's
        number in its batch.

    Raises
    ------
    ValueError
        For a row that cannot be judged.
    """
    judged = []
    for number, row in enumerate(batch.to_pylist(), 1):
        given = {name: value for name, value in row.items() if value is not None}
        judged.append(judge_row(msgspec.convert(given, OutputRow), number))
    lines = [msgspec.json.encode(one).decode() for one in judged]
    return _with_columns(batch, outcome=[one["outcome"] for one in judged], verdict=lines)


def _with_columns(batch: Any, **columns: list[Any]) -> Any:
    """Return a table with these columns too, in the place of those of the same names."""
    import pyarrow

    for name, values in columns.items():
        if name in batch.column_names:
            batch = batch.drop_columns([name])
        batch = batch.append_column(name, pyarrow.array(values))
    return batch


class Generate:
    """Prompts to outputs, for `Dataset.map_batches(Generate, batch_format="pyarrow", ...)`.

    An actor of Ray Data holds the model. Streams are stopped and judged as in a run.

    Parameters
    ----------
    model
        What `loopbench run` takes, at the same place on every machine.
    sampling
        How tokens are drawn; with `max_new_tokens` the budget.
    settings
        Those of the backend's `open`: `slots`, `threads`, …
    """

    def __init__(self, model: str, sampling: Sampling, settings: dict[str, Any]) -> None:
        target = locate(model)
        self._sampling = sampling
        self._backend: Any = backends.get(target.backend).open(
            target.place,
            name=target.name,
            **{"max_new_tokens": sampling.max_new_tokens, **settings},
        )
        self._stop = detectors_of(STOP)

    def __call__(self, batch: Any) -> Any:
        """Return the batch with the output of every `prompt` in columns.

        They are `token_ids`, `token_chars`, `text`, `finish` and `outcome`.
        """
        prompts = batch.column("prompt").to_pylist()
        requests = [
            Request(key=str(index), prompt=prompt, sampling=self._sampling)
            for index, prompt in enumerate(prompts)
        ]
        made = {
            request.key: generation
            for request, generation in self._backend.generate(
                requests, Watching(self._stop, Silent())
            )
        }
        rows = [made[request.key] for request in requests]
        outcomes = [
            "error"
            if row.finish == "error"
            else detect(
                row.token_ids, text=cut(row.text, row.token_chars), finish=row.finish
            ).outcome
            for row in rows
        ]
        return _with_columns(
            batch,
            token_ids=[row.token_ids for row in rows],
            token_chars=[row.token_chars for row in rows],
            text=[row.text for row in rows],
            finish=[row.finish for row in rows],
            outcome=outcomes,
        )

    def __del__(self) -> None:
        """Release the engine with the actor."""
        if hasattr(self, "_backend"):
            self._backend.close()
