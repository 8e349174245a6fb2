"""`loopbench.load`: a run, or any file of outputs, as something to look at."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loopbench.files.outputs import Fields, FileError
from loopbench.files.reading import How
from loopbench.naming import UnknownNameError
from loopbench.notebook.files import Opened, OutputsResult, in_python, stamp_of
from loopbench.notebook.runs import RUN_BY, Run, RunsResult
from loopbench.outputs.judged import JudgedOutput
from loopbench.outputs.judging import Judging, Refused, Unread, judge_files
from loopbench.outputs.sources import sources
from loopbench.outputs.summary import BY, By, Summary
from loopbench.report.runs import load as load_run
from loopbench.results.store import HEADER

Place = str | Path


def load(
    place: Place | Sequence[Place],
    *,
    by: str | None = None,
    format: str | None = None,
    text_field: str | None = None,
    finish_field: str | None = None,
    group_field: str | None = None,
    tokenizer: str | None = None,
    ends_only: bool = False,
    processes: int | None = None,
    progress: Callable[[int], Any] | None = None,
) -> RunsResult | OutputsResult:
    """Load a run, or judge the outputs of any file.

    Parameters
    ----------
    place
        A run folder; or a file of outputs, a folder of them, a pattern, `hf:OWNER/NAME`; or a
        list of these. What wrote a file is found out by what is in it. Runs are not judged again.
    by
        What `rows` are split by: of a run `model`, `task`, `level` or `category`; of files
        `all`, `file`, `model`, `task` or `group`, by default what there are several of.
    format
        What the files are; `loopbench ls formats` lists them.
    text_field, finish_field, group_field
        Fields of the files that hold the output, why it ended, and what to group by; dots lead
        into nested ones.
    tokenizer
        What splits texts without token ids: a `tokenizer.json`, a GGUF file or a model's name.
    ends_only
        Only how outputs ended, not what they recovered from: faster.
    processes
        That judge at once. By default all idle cores in a notebook or shell, and one in a script,
        where more need `if __name__ == "__main__":`.
    progress
        Is told how many bytes were read since it was told last, such as `tqdm(...).update`.

    Raises
    ------
    ValueError
        If a file is not understood, or holds no output.
    loopbench.errors.LoopbenchError
        If a run, a tokenizer or a package cannot be used.

    Examples
    --------
    >>> import loopbench
    >>> result = loopbench.load("outputs.jsonl")  # doctest: +SKIP
    >>> frame = result.to_pandas()  # doctest: +SKIP
    >>> frame[frame.outcome == "doom"]  # doctest: +SKIP
    """
    places = [place] if isinstance(place, str | Path) else list(place)
    if not places:
        raise ValueError("Name a run folder or a file of outputs.")
    how = How(format=format, fields=Fields(text=text_field, finish=finish_field, group=group_field))
    runs = [_runs(str(one)) for one in places]
    if any(runs):
        if not all(runs):
            raise ValueError(
                "Load run folders apart from files of outputs: runs are judged already."
            )
        if how != How() or tokenizer or ends_only:
            raise ValueError(
                "A run is judged already: format, fields, tokenizer and ends_only are for files; "
                "'loopbench score' judges a run again."
            )
        found = dict.fromkeys(path for some in runs for path in some)
        loaded = [Run(str(path), load_run(path)) for path in found]
        return RunsResult(loaded, _chosen(by, RUN_BY) or "model")
    judging = Judging(tokenizer=tokenizer, ends_only=ends_only, workers=_workers(processes))
    chosen: By | None = _chosen(by, BY)
    try:
        return _judged([*map(str, places)], how, judging, chosen, progress or (lambda read: None))
    except FileError as error:
        raise FileError(in_python(str(error))) from error


def _judged(
    places: Sequence[str],
    how: How,
    judging: Judging,
    by: By | None,
    progress: Callable[[int], Any],
) -> OutputsResult:
    """Judge files, and keep what is said about each output."""
    summary, outputs = Summary(), list[JudgedOutput]()
    files, unread, passed_over = dict[str, Opened](), list[Unread](), list[str]()
    for event in judge_files(sources(places), how, judging, progress=progress):
        if isinstance(event, JudgedOutput):
            summary.add(event)
            outputs.append(event)
        elif isinstance(event, Unread):
            summary.unread(event.file)
            unread.append(event)
        elif not isinstance(event, Refused):
            files[event.file] = Opened(event.format, stamp_of(event.file))
        elif event.named:
            raise FileError(event.problem)
        else:
            passed_over.append(event.file)
    if not outputs:
        problem = f": {unread[0].file} row {unread[0].row}: {unread[0].problem}" if unread else ""
        raise FileError(f"No output could be read{problem}.")
    return OutputsResult(outputs, summary, files, unread, passed_over, how, judging.ends_only, by)


def _chosen(by: str | None, known: Sequence[str]) -> Any:
    if by is not None and by not in known:
        raise UnknownNameError("by", by, known)
    return by


def _workers(processes: int | None) -> int | None:
    if processes is not None and processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}.")
    # A new process runs a script's main module once more, which would load once more, and so on.
    script = hasattr(sys.modules.get("__main__"), "__file__")
    return 1 if processes is None and script else processes


def _runs(place: str) -> list[Path]:
    """Return the run folders that a place is; a folder or a pattern may be of several."""
    path = Path(place)
    if glob.has_magic(place) and not path.exists():
        found = [Path(one) for one in sorted(glob.glob(place, recursive=True))]  # noqa: PTH207
    elif path.is_dir() and not (path / HEADER).is_file():
        found = sorted(path.iterdir())
    else:
        found = [path]
    return [one for one in found if (one / HEADER).is_file()]
