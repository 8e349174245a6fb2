"""Which failures are expected, and how a shell tells them: usage, or the run itself.

Complaints about what the user asked for are `ValueError`s. What fails although the question was
right is a `LoopbenchError`. Both have one sentence for the user as their text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class LoopbenchError(Exception):
    """Something that a run needs cannot be used; its text is one sentence for the user."""


class BackendError(LoopbenchError):
    """An engine, or a package that it needs, cannot be used at all."""


class RunError(LoopbenchError):
    """A run folder cannot be used."""


@contextmanager
def expected(
    usage: Callable[[str], Exception], failed: Callable[[str], Exception]
) -> Iterator[None]:
    """Turn the expected failures of a block into the shell's own exceptions.

    An unusable disk is a failure of the run, too.

    Parameters
    ----------
    usage
        Makes the shell's exception for a complaint about what was asked for.
    failed
        Makes the one for a failure of the run.
    """
    try:
        yield
    except ValueError as error:
        raise usage(str(error)) from error
    except LoopbenchError as error:
        raise failed(str(error)) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise failed(f"{error.filename or 'input or output'}: {error.strerror or error}") from error
