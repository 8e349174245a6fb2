"""Starting, watching and ending the engine's child process."""

from __future__ import annotations

import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
from typing import IO, Any, Protocol

from loopbench.errors import BackendError

STOP_S = 5.0
TAIL_BYTES = 4_000
TAIL_LINES = 3


class Engine(Protocol):
    """A llama.cpp server that can be started again after it died."""

    secret: str
    """Key that the server asks for, so that no other local user can talk to it."""

    def start(self) -> str:
        """Start it and return its base address; raise `BackendError` if it does not start."""
        ...

    def exit_reason(self, wait_s: float) -> str | None:
        """Say why it ended, waiting for that at most `wait_s`; None while it runs."""
        ...

    def kill(self) -> None:
        """End it at once, from any thread; `stop` must still follow."""
        ...

    def stop(self) -> None:
        """End it and release what it holds; idempotent."""
        ...


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


class EngineProcess:
    """The child process that runs `llamacpp_server`.

    Parameters
    ----------
    settings
        What the child needs; see `llamacpp_server`.
    load_timeout_s
        Longest time that loading the model may take.
    """

    module = "loopbench.backends.llamacpp.server"

    def __init__(self, settings: dict[str, Any], load_timeout_s: float) -> None:
        self.secret = secrets.token_hex(16)
        self._settings = settings | {"secret": self.secret}
        self._load_timeout_s = load_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the child while there is one."""
        return self._process.pid if self._process else None

    def start(self) -> str:
        """Start the child and return the address once the model is loaded."""
        self.stop()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            # On abort, ggml would start a debugger whose output buries the reason.
            env=os.environ | {"GGML_NO_BACKTRACE": "1"},
            # Ctrl-C is for the parent, which then ends the child in its own order.
            start_new_session=True,
        )
        reply = self._first_line(self._process)
        if "address" in reply:
            return str(reply["address"])
        reason = reply.get("error") or self.exit_reason(STOP_S) or "it never answered"
        tail = self._tail()
        self.stop()
        name = self._settings["path"]
        raise BackendError(
            f"llama.cpp cannot load {name}: {reason}{f' ({tail})' if tail not in reason else ''}"
        )

    def _first_line(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps(self._settings).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return {}
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(self._load_timeout_s):
                return {"error": f"it was not loaded after {self._load_timeout_s:g} s"}
        line = process.stdout.readline()
        try:
            reply: dict[str, Any] = json.loads(line) if line else {}
        except ValueError:
            reply = {}
        return reply

    def exit_reason(self, wait_s: float) -> str | None:
        """Say why the child ended; None while it runs."""
        if self._process is None:
            return "it was closed"
        try:
            code = self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return None
        return describe_exit(code, self._tail())

    def _tail(self) -> str:
        if self._log is None:
            return ""
        size = self._log.seek(0, 2)
        self._log.seek(max(0, size - TAIL_BYTES))
        lines = self._log.read().decode("utf-8", "replace").split("\n")
        printable = ("".join(c for c in line if c.isprintable()).strip() for line in lines)
        return " | ".join([line for line in printable if line][-TAIL_LINES:])

    def kill(self) -> None:
        """Kill the child: it holds nothing that needs saving."""
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """Kill the child and close its pipes."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe
                pipe.close()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
