"""Which failures are expected, and how a shell tells them: usage, or the run itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def expected(
    usage: Callable[[str], Exception], failed: Callable[[str], Exception]
) -> Iterator[None]:
    """Turn the expected failures of a block into the shell's own exceptions.

    `ValueError` is the base of all complaints about what the user asked for; an unusable
    run folder, engine or disk is a failure of the run.
    """
    try:
        yield
    except ValueError as error:
        raise usage(str(error)) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise failed(f"{error.filename or 'input or output'}: {error.strerror or error}") from error
    except Exception as error:
        from loopbench.backends.base import BackendError
        from loopbench.results.store import RunError

        if isinstance(error, BackendError | RunError):
            raise failed(str(error)) from error
        raise
