"""Finding detectors, tasks and backends by name, lazily, built-in or third-party.

A built-in is a module of its package that exposes one object, or a folder one of whose modules
does; a third party registers the same kind of object under an entry-point group. Nothing is
imported to list names.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Collection, Iterable
from typing import Any


class UnknownNameError(ValueError):
    """A name that nothing is registered under; its text says what was probably meant.

    Parameters
    ----------
    kind
        The word for the message: `detector`, `task`, …
    name
        What was asked for.
    known
        What there is.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        import difflib

        known = sorted(known)
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known) or 'none'}."
        super().__init__(f"Unknown {kind} {name!r}. {hint}")


class PluginError(ValueError):
    """What a third party registered cannot be used; its text says what and why."""

    def __init__(self, kind: str, name: str, reason: str) -> None:
        super().__init__(
            f"The {kind} {name!r} of another package cannot be used: {reason.rstrip('.')}. "
            "Mend that package, or uninstall it."
        )


def _builtins(package: str, exclude: Collection[str], inner: str | None) -> list[str]:
    spec = importlib.util.find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    found = [m for m in pkgutil.iter_modules(locations) if m.name not in exclude]
    if inner is None:
        return [m.name for m in found]
    return [m.name for m in found if m.ispkg and _is_builtin(m.name, package, exclude, inner)]


def _is_builtin(name: str, package: str, exclude: Collection[str], inner: str | None) -> bool:
    # Not by listing the folder: a grade asks for its task, once per record.
    if name in exclude or name == "__init__" or not name.isidentifier():
        return False
    try:
        spec = importlib.util.find_spec(_module(name, package, inner))
    except ModuleNotFoundError:
        return False  # there is no such folder
    # Any folder is a namespace to Python, which has no origin.
    return spec is not None and spec.origin is not None


def _module(name: str, package: str, inner: str | None) -> str:
    return ".".join((package, name, *([inner] if inner else [])))


def _entry_points(**chosen: str) -> Iterable[Any]:
    # Imported here: it takes longer than everything that a built-in needs.
    from importlib.metadata import entry_points

    return entry_points(**chosen)


def names(package: str, exclude: Collection[str] = (), *, inner: str | None = None) -> list[str]:
    """Return every registered name, sorted.

    Parameters
    ----------
    package
        Dotted name of the package that holds the built-ins; also the entry-point group
        of third parties.
    exclude
        Helper modules of the package that are not built-ins.
    inner
        Built-ins are the folders of the package that have such a module; None: its modules.
    """
    external = {point.name for point in _entry_points(group=package)}
    return sorted(external | set(_builtins(package, exclude, inner)))


def resolve(
    kind: str,
    name: str,
    package: str,
    attribute: str,
    exclude: Collection[str] = (),
    *,
    inner: str | None = None,
) -> Any:
    """Import and return the object registered under `name`.

    Built-ins win over third parties, so that a plugin cannot change what a published
    name measures.

    Parameters
    ----------
    kind
        The word for the error message: `detector`, `task`, `backend`.
    attribute
        Name of the object in a built-in module.
    exclude, inner
        As for `names`.

    Raises
    ------
    UnknownNameError
        If nothing is registered under `name`.
    PluginError
        If a third party's object cannot be loaded.
    """
    if _is_builtin(name, package, exclude, inner):
        return getattr(importlib.import_module(_module(name, package, inner)), attribute)
    for point in _entry_points(group=package, name=name):
        try:
            return point.load()
        except Exception as error:
            # Anything at all: it is a stranger's code.
            raise PluginError(kind, name, f"{type(error).__name__}: {error}") from error
    raise UnknownNameError(kind, name, names(package, exclude, inner=inner))
