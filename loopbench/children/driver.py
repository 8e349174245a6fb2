"""The parent's side: a child process is started, asked, timed and ended."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import IO, Any

TAIL_BYTES = 4_000
TAIL_LINES = 3
PIPE_BYTES = 1 << 16


class ChildSilentError(Exception):
    """The child runs, and has not answered in time."""


class ChildEndedError(Exception):
    """The child ended instead of answering."""


def describe_exit(code: int, tail: str) -> str:
    """Say in a few words how a process ended: `signal 9 (SIGKILL)`, `exit code 3: …`."""
    if code < 0:
        try:
            reason = f"signal {-code} ({signal.Signals(-code).name})"
        except ValueError:
            reason = f"signal {-code}"
    else:
        reason = f"exit code {code}"
    return f"{reason}: {tail}" if tail else reason


class Child:
    """A Python process that reads a line of JSON and answers with one; see `serving`.

    Parameters
    ----------
    module
        What it runs, as `python -m` takes it.
    environment
        Variables that it gets beside those of this process.
    """

    def __init__(self, module: str, environment: Mapping[str, str] | None = None) -> None:
        self._module, self._environment = module, environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the child while there is one."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it, in the place of one that runs."""
        self.stop()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ | self._environment,
            # Ctrl-C is for the parent, which then ends the child in its own order.
            start_new_session=True,
        )
        assert self._process.stdin
        # So that a child that does not read cannot hold up its parent.
        os.set_blocking(self._process.stdin.fileno(), False)

    def ask(self, message: Any, wait_s: float | None = None) -> bytes:
        """Send a message and return the line that answers it.

        A child that was not heard to the end is ended: what it still says would be taken for the
        answer to the next question.

        Parameters
        ----------
        message
            Anything that JSON can hold.
        wait_s
            Longest wait for the answer; None waits as long as the child runs.

        Raises
        ------
        ChildSilentError, ChildEndedError
            If there is no answer.
        """
        if self._process is None:
            raise ChildEndedError
        # Not msgspec, which refuses the lone surrogates that outputs may hold.
        data = json.dumps(message).encode() + b"\n"
        try:
            return _exchange(self._process, data, wait_s)
        except ChildEndedError:
            raise
        except ChildSilentError:
            self.kill()
            raise
        except BaseException:
            self.stop()
            raise

    def exit_code(self, wait_s: float) -> int | None:
        """Return the code that it ended with, waiting for that so long; None while it runs."""
        if self._process is None:
            return None
        try:
            return self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return None

    def exit_reason(self, wait_s: float) -> str | None:
        """Say why it ended, waiting for that at most `wait_s`; None while it runs."""
        if self._process is None:
            return "it was closed"
        code = self.exit_code(wait_s)
        return None if code is None else describe_exit(code, self.tail())

    def tail(self) -> str:
        """Return the last lines that it wrote to stderr, in one."""
        if self._log is None:
            return ""
        size = self._log.seek(0, 2)
        self._log.seek(max(0, size - TAIL_BYTES))
        lines = self._log.read().decode("utf-8", "replace").split("\n")
        printable = ("".join(c for c in line if c.isprintable()).strip() for line in lines)
        return " | ".join([line for line in printable if line][-TAIL_LINES:])

    def kill(self) -> None:
        """End it at once, from any thread: it holds nothing that needs saving."""
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """End it and close its pipes; idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe
                # It may hold what was not yet written to a child that is gone.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        if self._log is not None:
            self._log.close()
            self._log = None


def _exchange(process: subprocess.Popen[bytes], data: bytes, wait_s: float | None) -> bytes:
    """Write a message and read a line, both within the time, however large they are."""
    assert process.stdin and process.stdout
    source, sink = process.stdout.fileno(), process.stdin.fileno()
    end = None if wait_s is None else time.monotonic() + wait_s
    answer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        selector.register(sink, selectors.EVENT_WRITE)
        while not answer.endswith(b"\n"):
            ready = selector.select(None if end is None else max(0.0, end - time.monotonic()))
            if not ready:
                raise ChildSilentError
            for key, _ in ready:
                if key.fd == source:
                    answer += _read(source)
                    continue
                data = data[_write(sink, data) :]
                if not data:
                    selector.unregister(sink)
    return bytes(answer)


def _read(source: int) -> bytes:
    data = os.read(source, PIPE_BYTES)
    if not data:
        raise ChildEndedError
    return data


def _write(sink: int, data: bytes) -> int:
    try:
        return os.write(sink, data[:PIPE_BYTES])
    except BrokenPipeError:
        raise ChildEndedError from None
    except BlockingIOError:
        return 0
