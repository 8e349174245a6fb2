"""An engine in a child process: a model file is hostile input, and native code may crash."""

from __future__ import annotations

from typing import Any

import msgspec

from loopbench.children.driver import Child, ChildEndedError, ChildSilentError
from loopbench.errors import BackendError

STOP_S = 5.0


class EngineChild:
    """A child process that loads a model.

    Its first message are the settings; it answers with an object, in which `error` says why
    it cannot.

    Parameters
    ----------
    module
        What the child runs.
    settings
        What it needs; `path` is the model file.
    load_timeout_s
        Longest time that loading the model may take.
    """

    def __init__(self, module: str, settings: dict[str, Any], load_timeout_s: float) -> None:
        # On abort, ggml would start a debugger whose output buries the reason.
        self.child = Child(module, {"GGML_NO_BACKTRACE": "1"})
        self._settings, self._load_timeout_s = settings, load_timeout_s

    @property
    def pid(self) -> int | None:
        """Process id of the child while there is one."""
        return self.child.pid

    def load(self) -> dict[str, Any]:
        """Start the child and return its answer once the model is loaded.

        Raises
        ------
        BackendError
            If it is not loaded.
        """
        self.child.start()
        problem = ""
        try:
            reply = _object(self.child.ask(self._settings, self._load_timeout_s))
            if reply and "error" not in reply:
                return reply
            problem = str(reply.get("error", ""))
        except ChildSilentError:
            problem = f"it was not loaded after {self._load_timeout_s:g} s"
        except ChildEndedError:
            pass
        reason = problem or self.exit_reason(STOP_S) or "it never answered"
        tail = self.child.tail()
        self.stop()
        raise BackendError(
            f"llama.cpp cannot load {self._settings['path']}: {reason}"
            f"{f' ({tail})' if tail not in reason else ''}"
        )

    def exit_reason(self, wait_s: float) -> str | None:
        """Say why it ended, waiting for that at most `wait_s`; None while it runs."""
        return self.child.exit_reason(wait_s)

    def kill(self) -> None:
        """End it at once, from any thread; `stop` must still follow."""
        self.child.kill()

    def stop(self) -> None:
        """End it and release what it holds; idempotent."""
        self.child.stop()


def _object(line: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}
