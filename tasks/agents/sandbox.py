"""Python code that a model wrote, run where it can do no harm.

The interpreter is Monty (`pydantic-monty`): a Python of its own, without the operating
system, in a worker process. It has no files, no network, no other processes, and stops at
limits of time, memory and recursion; should the worker itself hang, it is killed.
"""

from __future__ import annotations

import datetime
import importlib.metadata
from contextlib import ExitStack
from pathlib import Path
from typing import Any

MAX_CODE = 8_000
"""Characters of a program."""
MAX_SECONDS = 2.0
MAX_MEMORY = 64 * 2**20
MAX_RECURSION = 200
KILLED_AFTER_S = 10.0
MAX_PRINTED = 4_000
"""Characters of output that are kept; printing more ends the program."""


class _TooMuchError(Exception):
    """Ends a program that prints without end."""


class _Printed:
    def __init__(self) -> None:
        self.text = ""

    def take(self, stream: str, text: str) -> None:
        self.text += text[: MAX_PRINTED - len(self.text)]
        if len(self.text) >= MAX_PRINTED:
            raise _TooMuchError


class Sandbox:
    """A worker that is started when it is first needed; a context manager."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._pool: Any = None

    def run(self, code: str) -> str:
        """Run a program with fresh state and return what it printed and its last value.

        Whatever goes wrong in the program is told in the returned text.
        """
        import pydantic_monty as monty

        if len(code) > MAX_CODE:
            return f"Error: the program is longer than {MAX_CODE} characters."
        if self._pool is None:
            pool = monty.Monty(
                binary_path=_binary(), max_processes=1, request_timeout=KILLED_AFTER_S
            )
            self._pool = self._open.enter_context(pool)
        printed = _Printed()
        try:
            with self._pool.checkout(
                limits={
                    "max_feed_duration_secs": MAX_SECONDS,
                    "max_total_sleep_secs": 0.0,
                    "max_memory": MAX_MEMORY,
                    "max_recursion_depth": MAX_RECURSION,
                },
                # The same program gives the same output on every run.
                os_policy={
                    "datetime": datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
                    "random_start": {"seed": 0},
                },
            ) as session:
                value = session.feed_run(code, print_callback=printed.take)
        except monty.MontyError as error:
            if len(printed.text) >= MAX_PRINTED:
                return f"{printed.text}\nError: the program printed too much."
            return f"{printed.text}Error: {_sentence(error)}"
        return printed.text + ("" if value is None else _shown(value)) or "(no output)"

    def close(self) -> None:
        """End the worker; idempotent."""
        self._open.close()
        self._pool = None


def _binary() -> str | None:
    # Monty looks beside the running interpreter; in an environment that sees the packages of
    # another one, its program is beside the other's. None leaves the search to Monty.
    try:
        files = importlib.metadata.files("pydantic-monty-runtime") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    places = (Path(str(file.locate())) for file in files if file.name in ("monty", "monty.exe"))
    return next((str(place.resolve()) for place in places if place.is_file()), None)


def _sentence(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["the program failed"])[-1][:300]


def _shown(value: object) -> str:
    try:
        return str(value)[:MAX_PRINTED]
    except ValueError:
        # Python refuses to write out an integer of more than 4,300 digits.
        return "(a number with too many digits to show)"
