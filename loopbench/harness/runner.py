"""The main loop: samples -> backend (watched) -> verdicts -> grade -> store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import combinations
from math import ceil
from pathlib import Path

import loopbench
from loopbench import backends, tasks
from loopbench.backends import forms
from loopbench.backends.base import Backend
from loopbench.backends.forms import Target
from loopbench.backends.intake import PRECEDENCE
from loopbench.episodes.running import continuation, run_episodes
from loopbench.errors import RunError
from loopbench.files.recordings import RECORDED
from loopbench.harness.engines import Engines, engine_of
from loopbench.harness.made import Made
from loopbench.harness.plan import (
    Schedule,
    Settings,
    audit_choice,
    batches,
    episode_rule,
    jobs,
    missing,
)
from loopbench.harness.targets import (
    CONTEXT_RESERVE,
    Selection,
    asked,
    check_agents,
    check_targets,
    options_for,
    quantised,
    selection_of,
)
from loopbench.judging.jobs import Job
from loopbench.judging.outcome import JUDGEMENT
from loopbench.judging.progress import Progress, Silent, Watching
from loopbench.judging.records import audit_of, record_of
from loopbench.judging.rules import MEASURE, STOP, STOP_CIRCULAR, detectors_of
from loopbench.naming import UnknownNameError
from loopbench.results.header import Header
from loopbench.results.store import RunStore
from loopbench.tasks.agents.toolbox import Toolbox
from loopbench.tasks.suites import content_hash
from loopbench.types import (
    SCHEMA_VERSION,
    Audit,
    EpisodeRule,
    ModelInfo,
    Record,
    Request,
    Rule,
    Sample,
)

PROMPT_ALLOWANCE = 1536
"""Context kept for a prompt, in tokens; the longest of the default suite has about 900."""
BYTES_PER_TOKEN = 1.5
"""Fewer than any tokeniser in use packs into a token of long prompts, JSON included: the
reference model's 448 tokens hold 1.6 bytes of a list of tools each."""


def default_folder(models: Sequence[str]) -> Path:
    """Return a new folder name under `runs/`, from the models and the time."""
    name = re.sub(r"[^\w.-]+", "-", "+".join(Path(model).stem for model in models))[:60]
    return Path("runs") / f"{name.strip('.-') or 'run'}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def execute(
    settings: Settings,
    out: Path | None = None,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    schedule: Schedule | None = None,
) -> Path:
    """Run a benchmark into a run folder and return it.

    Parameters
    ----------
    out
        The run folder; by default a new one under `runs/`.
    resume
        Continue the run in `out`: only missing and failed generations are made.
    schedule
        Samples in the place of those that the settings select, and when to stop early.

    Raises
    ------
    ValueError
        For settings, models, tasks or model files that cannot be used.
    RunError, BackendError
        If the folder or the engine cannot be used; what was written stays.
    """
    settings.check()
    progress = progress or Silent()
    if resume and out is None:
        raise RunError("Say with --out which run to resume.")
    out = out or default_folder(settings.models)
    targets = [forms.locate(model, settings.backend) for model in settings.models]
    check_targets(targets, settings)
    targets = quantised(targets, settings, lambda text: progress.phase(f"quantising {text}", 0))
    models = [
        backends.get(target.backend).describe(
            target.place, name=target.name, **options_for(target, settings)
        )
        for target in targets
    ]
    _check_distinct(models)
    selection = selection_of(targets, settings)
    for note in selection.recorded.notes if selection.recorded else ():
        progress.note(note)
    if schedule:
        selection = selection._replace(samples=schedule.samples)
    if settings.constrained:
        for target in targets:
            _check_schemas(target.backend, selection.samples)
    header = _header(settings, targets, models, selection)
    if header.episodes and not header.episodes.closed_book:
        check_agents(targets, models, settings)
    may_resume = resume and (out / "header.json").exists()
    with Engines(settings, progress.note) as engines:
        # A cluster that cannot hold the engines leaves no run folder behind.
        engines.prepare()
        store = (
            RunStore.resume(out, header, widen=settings.grid)
            if may_resume
            else RunStore.create(out, header)
        )
        with store:
            _check_distinct(store.header.models)
            made = Made(store, observing=schedule is not None)
            for target, model in zip(targets, models, strict=True):
                _run_model(made, engines, target, model, selection, settings, progress, schedule)
    return out


def _check_schemas(backend: str, samples: Iterable[Sample]) -> None:
    """Refuse what would be decoded freely under a header that says otherwise."""
    if not backends.get(backend).capabilities.constrains:
        raise ValueError(f"--constrained does not work with the backend {backend}; use llamacpp.")
    for sample in samples:
        tasks.json_schema(sample)


def _check_distinct(models: Sequence[ModelInfo]) -> None:
    """Refuse models whose rows or generations would be taken for each other's."""
    for first, second in combinations(models, 2):
        if first.fingerprint == second.fingerprint:
            raise ValueError(f"{first.path} and {second.path} are the same model.")
        if first.name == second.name:
            raise ValueError(
                f"{first.path} and {second.path} would both be called {first.name!r} in the "
                "table; rename one of them."
            )


def _header(
    settings: Settings,
    targets: Sequence[Target],
    models: list[ModelInfo],
    selection: Selection,
) -> Header:
    samples, recorded = selection.samples, selection.recorded
    return Header(
        schema_version=SCHEMA_VERSION,
        loopbench_version=loopbench.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        models=models,
        tasks={s.task: s.task_version for s in sorted(samples, key=lambda s: s.task)},
        selection=list(asked(settings)),
        items_hash=content_hash(samples),
        samples=len(samples),
        samplings=selection.samplings,
        repeats=selection.repeats,
        seed=settings.seed,
        measure=list(MEASURE),
        stop=_stop_rules(settings, selection) or list(recorded.stop if recorded else ()),
        audit_share=settings.audit_share,
        audit_min=settings.audit_min,
        deterministic=settings.deterministic,
        engine=engine_of(targets, settings),
        sources=_sources(sorted({s.task for s in samples if s.level != RECORDED})),
        episodes=episode_rule(settings, samples),
        precedence=PRECEDENCE,
        judgement=JUDGEMENT,
        generations=selection.generations,
    )


def _stop_rules(settings: Settings, selection: Selection) -> list[Rule]:
    """Return what ends streams here; a recording is judged as it is, unless it is asked for."""
    early = settings.early_stop
    if early is None:
        early = selection.recorded is None or settings.stop_circular
    if not early:
        return []
    return [*STOP, STOP_CIRCULAR] if settings.stop_circular else list(STOP)


def _sources(names: Sequence[str]) -> dict[str, str]:
    """Return which data the tasks of sources draw on: a package's version, a revision, a hash."""
    origins = {}
    for name in names:
        try:
            origins[name] = tasks.origin(tasks.get(name))
        except UnknownNameError:
            continue  # a recording may be of tasks that are not known here
    return {name: origin for name, origin in origins.items() if origin}


def _run_model(
    made: Made,
    engines: Engines,
    target: Target,
    model: ModelInfo,
    selection: Selection,
    settings: Settings,
    progress: Progress,
    schedule: Schedule | None,
) -> None:
    """Make every generation of one model that is not in the folder yet."""
    header = made.header
    cells = jobs(model, selection.asked(), header.episodes)
    stop = _stop_rules(settings, selection)
    if not any(
        missing(cell, made.keys) or (stop and _to_audit(made, (job.key for job in cell), settings))
        for cell in cells
    ):
        return
    allowance = prompt_allowance(selection.samples, header.episodes)
    most = max(map(len, cells))
    with closing(engines.open(target, model, allowance, most)) as backend:
        for cell in cells:
            row: list[str] = []
            for batch in batches(cell, schedule.looks if schedule else ()):
                row += [job.key for job in batch if job.key in made.keys]
                todo = missing(batch, made.keys)
                progress.phase(_title(model, cell[0], settings), len(todo))
                watch = Watching(detectors_of(stop), progress)
                for record in _generate(backend, model, todo, header, watch):
                    made.append(record)
                    row.append(record.key)
                    progress.done(record.outcome)
                if schedule and schedule.enough(header, made.observations(row)):
                    break
            # Of a recording that was stopped by its own run there is nothing more.
            chosen = made.read_stopped(_to_audit(made, row, settings) if stop else ())
            if chosen:
                progress.phase(f"audit of {len(chosen)} early stops", len(chosen))
            for audit in _audit(backend, chosen, header, progress):
                made.append(audit)
                progress.done("escaped" if audit.escaped else audit.outcome)


def _to_audit(made: Made, row: Iterable[str], settings: Settings) -> list[str]:
    chosen = audit_choice(
        made.stopped(row), settings.audit_share, settings.audit_min, settings.seed
    )
    return made.unaudited(chosen)


def _title(model: ModelInfo, job: Job, settings: Settings) -> str:
    penalty = f" penalty={job.sampling.repetition_penalty:g}" if settings.penalties else ""
    return f"{model.name} T={job.sampling.temperature:g}{penalty}"


def prompt_allowance(samples: Iterable[Sample], rule: EpisodeRule | None = None) -> int:
    """Return how many tokens of context the longest prompt may need, its template included."""
    # An episode's estimate of its prompt may be off by a little.
    episode = rule.context + CONTEXT_RESERVE if rule else 0
    longest = max((len(sample.prompt.encode()) for sample in samples), default=0)
    return max(PROMPT_ALLOWANCE, episode, ceil(longest / BYTES_PER_TOKEN))


def _request(job: Job) -> Request:
    schema = tasks.json_schema(job.sample) if job.sampling.constrained else None
    return job.request(schema)


def _generate(
    backend: Backend, model: ModelInfo, todo: Sequence[Job], header: Header, watch: Watching
) -> Iterator[Record]:
    measure = detectors_of(header.measure)
    rule = header.episodes
    open_book = rule is not None and not rule.closed_book
    single = {job.key: job for job in todo if not (open_book and job.sample.category == "agents")}
    results = backend.generate(map(_request, single.values()), watch)
    with closing(results):
        for request, generation in results:
            yield record_of(single[request.key], model.name, generation, measure)
    agents = [job for job in todo if job.key not in single]
    if rule and agents:
        with (
            closing(Toolbox()) as tools,
            closing(run_episodes(backend, agents, rule, tools, watch, measure)) as episodes,
        ):
            for ended in episodes:
                yield record_of(ended.job, model.name, ended.generation, measure, ended.turns)


def _audit(
    backend: Backend, chosen: dict[str, Record], header: Header, progress: Progress
) -> Iterator[Audit]:
    measure = detectors_of(header.measure)
    requests = map(continuation, chosen.values())
    results = backend.generate(requests, Watching((), progress))
    with closing(results):
        for request, generation in results:
            yield audit_of(chosen[request.key], generation, measure)
