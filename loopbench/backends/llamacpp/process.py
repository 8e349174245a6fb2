"""The engine's child process, and what the backend asks of one."""

from __future__ import annotations

import secrets
from typing import Any, Protocol

from loopbench.backends.parts.engine_child import EngineChild


class ServerProcess(Protocol):
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


class EngineProcess(EngineChild):
    """The child process that runs `server`.

    Parameters
    ----------
    settings
        What the child needs; see `server`.
    load_timeout_s
        Longest time that loading the model may take.
    """

    def __init__(self, settings: dict[str, Any], load_timeout_s: float) -> None:
        self.secret = secrets.token_hex(16)
        super().__init__(
            "loopbench.backends.llamacpp.server",
            settings | {"secret": self.secret},
            load_timeout_s,
        )

    def start(self) -> str:
        """Start the child and return the address once the model is loaded."""
        return str(self.load()["address"])
