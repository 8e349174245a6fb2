"""The gate's shell: reads a run, or runs a model, and hands both to the pure parts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec

from loopbench import backends
from loopbench.backends import forms
from loopbench.backends.base import RecordingFactory
from loopbench.gate import looks
from loopbench.gate import policy as policies
from loopbench.gate.decision import Corrected, Decision, decide, refuse_other_settings
from loopbench.gate.policy import Policy
from loopbench.harness.api import rows_of, write_summary
from loopbench.harness.plan import Schedule, Settings
from loopbench.harness.runner import default_folder, execute
from loopbench.judging.progress import Progress
from loopbench.results.header import Header
from loopbench.results.observations import Observation, observation_of
from loopbench.results.observed import (
    BASELINE_SCHEMA,
    GateUnusable,
    NoDataYet,
    Observed,
    missing_generations,
    observe,
    sampling_differences,
)
from loopbench.results.store import HEADER, read_header, read_records, write_atomically
from loopbench.tasks.suites import content_hash, draw, select
from loopbench.types import Sample, Struct

GATE = "gate.json"
CONFIG = "config.json"
"""What a folder with a model holds."""


class GateRecord(Struct, frozen=True):
    """`gate.json` of a run that a gate made: how far it went, and what it said."""

    decision: Decision
    looked: int
    """Prompts that were run."""
    samples: int
    """The most that would have been run."""


class _Written(Struct, frozen=True):
    """What every baseline file says, whatever its schema."""

    baseline_schema: int


class Gated(NamedTuple):
    """A decision with what a reader of it wants to know."""

    decision: Decision
    observed: Observed
    path: Path
    looked: int
    samples: int
    """Prompts that a gate of a fixed size would have looked at."""


def is_run(target: Path) -> bool:
    """Whether what the user named is a run folder: any folder that is not a model's."""
    return target.is_dir() and ((target / HEADER).is_file() or not (target / CONFIG).is_file())


def is_recording(target: str) -> bool:
    """Whether what the user named is a file of outputs, or one model of a recorded run."""
    return forms.is_recording(target)


def observe_run(path: Path) -> Observed:
    """Return a run folder's observations.

    Raises
    ------
    loopbench.errors.RunError
        If it is none.
    """
    return observe(read_header(path), map(observation_of, read_records(path)))


def load_baseline(path: Path) -> Observed:
    """Return the observations of a run folder or of a baseline file.

    Raises
    ------
    GateUnusable
        If there is nothing, or it cannot be understood.
    """
    if path.is_dir():
        return observe_run(path)
    try:
        data = path.read_bytes()
        # First: a file of another schema may have other fields.
        schema = msgspec.json.decode(data, type=_Written).baseline_schema
        if schema == BASELINE_SCHEMA:
            return msgspec.json.decode(data, type=Observed)
    except OSError as error:
        raise GateUnusable(
            f"There is no baseline at {path}: {error.strerror}. Make one with --save-baseline."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GateUnusable(f"The baseline {path} cannot be understood: {error}.") from error
    if schema == 1:
        raise GateUnusable(
            f"The baseline {path} was made before circular ends were told apart from truncated "
            "ones; judge its run again with 'loopbench score RUN --out NEW' and save NEW with "
            "--save-baseline."
        )
    raise GateUnusable(
        f"The baseline {path} has schema {schema}, this LoopBench reads {BASELINE_SCHEMA}; make "
        "it again with --save-baseline."
    )


def read_policy(
    file: Path | None, baseline: Path | None, **given: Any
) -> tuple[Policy, Path | None]:
    """Put a policy file and given rules together, and find the baseline.

    Parameters
    ----------
    baseline
        As given; else the file's own, which lies beside it wherever the gate is started.
    **given
        As for `loopbench.gate.policy.merged`: they win over the file's.

    Raises
    ------
    ValueError
        If the file cannot be read, or the rules make no gate.
    """
    base = policies.Policy()
    if file:
        try:
            read = policies.parse(file.read_text(encoding="utf-8"), str(file))
        except OSError as error:
            raise ValueError(f"There is no policy file {file}: {error.strerror}.") from error
        base = read.policy
        if baseline is None and read.baseline:
            baseline = file.parent / read.baseline
    policy = policies.merged(base, **given)
    asked = [f"--{rule.name.replace('_', '-')}" for rule, _ in policy.increases()]
    if baseline and not asked:
        raise ValueError(
            "--baseline needs --max-increase or --max-stuck-increase, such as 0.5pp: no number of "
            "prompts shows that a rate has not risen at all."
        )
    if asked and not baseline:
        raise ValueError(f"{asked[0]} needs --baseline: a run folder or a baseline file.")
    policy.check()
    return policy, baseline


def save_baseline(observed: Observed, path: Path) -> None:
    """Write a baseline file; a run that is not complete is refused, since it could not serve."""
    missing = missing_generations(observed)
    if missing:
        raise GateUnusable(
            f"No baseline was written: {missing} of {observed.expected} generations of the run "
            "are missing. Run it to the end first."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, msgspec.json.format(msgspec.json.encode(observed)) + b"\n")


def gate_run(
    path: Path,
    policy: Policy,
    *,
    baseline: Observed | None = None,
    sequential: bool = False,
    seed: int = 0,
    batch: int = looks.BATCH,
) -> Gated:
    """Judge a recorded run.

    Parameters
    ----------
    path
        The run folder.
    policy
        Its rules.
    baseline
        What it is compared with, where a rule compares.
    sequential
        Look batch by batch, and stop when it is decided.
    seed
        Of the order of prompts in a sequential gate.
    batch
        Prompts between one look and the next.

    Raises
    ------
    ValueError
        If a sequential gate is asked for more than one row.
    GateUnusable, loopbench.errors.RunError
        If nothing can be decided on it.
    """
    observed = observe_run(path)
    stopped = missing_generations(observed) > 0 and _stopped_by_gate(path, observed)
    if stopped and not sequential:
        raise GateUnusable(
            f"{path} was stopped by a sequential gate: judge it with --sequential, whose limits "
            "allow for that."
        )
    if sequential:
        _one_row(observed.header)
        if not stopped:
            if missing_generations(observed):
                decide(observed, policy, baseline=baseline)  # says what is missing
            played = looks.replay(observed, policy, seed=seed, batch=batch, baseline=baseline)
            return Gated(played.decision, observed, path, played.looked, played.prompts)
    decision = decide(
        observed,
        policy,
        baseline=baseline,
        sequential=sequential,
        corrected=_corrected(path, policy),
    )
    return Gated(decision, observed, path, _prompts(observed), observed.header.samples)


def gate_recording(
    target: str,
    policy: Policy,
    *,
    out: Path | None = None,
    resume: bool = False,
    baseline: Observed | None = None,
    sequential: bool = False,
    seed: int = 0,
    batch: int = looks.BATCH,
    progress: Progress | None = None,
) -> Gated:
    """Judge the outputs of a file, as they are.

    Parameters
    ----------
    target
        `PATH`, or `PATH#MODEL`.
    policy
        Its rules.
    out, resume
        See `loopbench.harness.runner.execute`.
    baseline, sequential, seed, batch
        See `gate_run`.
    progress
        Told about every outcome.

    Raises
    ------
    ValueError
        If the file cannot be used.
    GateUnusable, loopbench.errors.RunError
        If nothing can be decided on it: too many rows cannot be read, for one.
    """
    place = forms.locate(target)
    factory = cast(RecordingFactory, backends.get(place.backend))
    recording = factory.recording(place.place)
    unread = len(recording.skipped)
    if unread > policy.max_errors * (recording.rows + unread):
        raise GateUnusable(f"{recording.notes()[0]} Mend them, or allow a share with --max-errors.")
    out = out or default_folder((target,))
    execute(Settings(models=(target,)), out, resume=resume, progress=progress)
    write_summary(out)
    return gate_run(out, policy, baseline=baseline, sequential=sequential, seed=seed, batch=batch)


def _stopped_by_gate(path: Path, observed: Observed) -> bool:
    """Whether the run ended where a sequential gate had seen enough, not by accident."""
    try:
        record = msgspec.json.decode((path / GATE).read_bytes(), type=GateRecord)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
    return record.decision.sequential and record.looked == _prompts(observed)


def gate_model(
    settings: Settings,
    policy: Policy,
    *,
    out: Path | None = None,
    resume: bool = False,
    baseline: Observed | None = None,
    sequential: bool = False,
    max_samples: int | None = None,
    batch: int = looks.BATCH,
    progress: Progress | None = None,
) -> Gated:
    """Run a model until the gate can decide, or to the end, and judge it.

    Parameters
    ----------
    settings
        Of the run.
    policy
        Its rules.
    out, resume
        See `loopbench.harness.runner.execute`.
    baseline
        What it is compared with, where a rule compares.
    sequential
        Look batch by batch, and stop when it is decided.
    max_samples
        Most prompts of a sequential gate.
    batch
        Prompts between one look and the next.
    progress
        Told about every token and outcome.

    Raises
    ------
    ValueError
        For settings that cannot be used.
    GateUnusable, loopbench.errors.RunError, loopbench.errors.BackendError
        If the run fails or nothing can be decided on it.
    """
    settings.check()
    if sequential and len(settings.temperatures) * len(settings.models) > 1:
        raise ValueError("--sequential judges one row: give one --temperature.")
    samples = _samples(settings, policy, baseline, sequential, max_samples)
    settings = msgspec.structs.replace(settings, limit=len(samples))
    schedule = Schedule(
        samples=samples,
        looks=looks.looks_at(len(samples), batch) if sequential else (batch,),
        enough=_enough(policy, baseline, sequential),
    )
    out = out or default_folder(settings.models)
    execute(settings, out, resume=resume, progress=progress, schedule=schedule)
    write_summary(out)
    observed = observe_run(out)
    decision = decide(
        observed,
        policy,
        baseline=baseline,
        sequential=sequential,
        corrected=_corrected(out, policy),
    )
    gated = Gated(decision, observed, out, _prompts(observed), len(samples))
    record = GateRecord(decision=decision, looked=gated.looked, samples=gated.samples)
    write_atomically(out / GATE, msgspec.json.format(msgspec.json.encode(record)))
    return gated


def _samples(
    settings: Settings,
    policy: Policy,
    baseline: Observed | None,
    sequential: bool,
    max_samples: int | None,
) -> list[Sample]:
    """Return the prompts: the baseline's, so that they pair, or fresh draws of the mixture."""
    if baseline is None:
        count = max_samples or looks.default_samples(policy, sequential=sequential)
        return draw(settings.tasks, count, settings.seed)
    header = baseline.header
    other = [d for d in sampling_differences(settings.samplings(), header.samplings) if d.differs]
    if other:
        raise GateUnusable(
            "The baseline was sampled otherwise (this run against the baseline): "
            f"{'; '.join(map(str, other))}. Give its settings."
        )
    if max_samples is not None and max_samples != header.samples:
        raise ValueError(
            f"The baseline has {header.samples} prompts, and the same ones are run: leave "
            "--max-samples out."
        )
    ways: tuple[Callable[[Sequence[str], int, int], list[Sample]], ...] = (select, draw)
    for way in ways:
        samples = way(header.selection, header.samples, header.seed)
        if content_hash(samples) == header.items_hash:
            random.Random(f"gate:{settings.seed}").shuffle(samples)
            return samples
    raise GateUnusable(
        "The prompts of the baseline cannot be made again: its tasks have other versions now. "
        "Measure the baseline again."
    )


def _enough(
    policy: Policy, baseline: Observed | None, sequential: bool
) -> Callable[[Header, Sequence[Observation]], bool]:
    def enough(header: Header, row: Sequence[Observation]) -> bool:
        observed = observe(header, row)
        failed = sum(one.outcome == "error" for one in observed.seen)
        if failed > policy.max_errors * len(observed.seen):
            return sequential  # the gate cannot be used; a whole run may want its other rows
        if not sequential:
            if baseline:
                refuse_other_settings(observed, baseline)
            return False
        try:
            decision = decide(observed, policy, baseline=baseline, sequential=True)
        except NoDataYet:
            return False
        return decision.verdict != "inconclusive"

    return enough


def _prompts(observed: Observed) -> int:
    return len({one.prompt for one in observed.seen})


def _one_row(header: Header) -> None:
    rows = len(header.models) * len(header.samplings)
    if rows != 1:
        raise ValueError(
            f"--sequential judges one row, this run has {rows} (models × temperatures)."
        )


def _corrected(path: Path, policy: Policy) -> Corrected:
    rows = [*rows_of(path), *(rows_of(path, "task") if policy.per_task else ())]
    # Where prompts repeat an unequal number of times, the mean of the prompts, which is judged, is
    # another than the rate: without an early stop the difference is no correction.
    equal = read_header(path).generations is None
    return {
        (rule, row.model, row.temperature, row.group): rate.value
        for row in rows
        if row.early_stopped or equal
        for rule, rate in (
            ("max_doom_rate", row.corrected_doom_rate),
            ("max_stuck_rate", row.corrected_stuck_rate),
        )
    }
