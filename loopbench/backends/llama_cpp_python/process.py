"""Asking the child process of the `llama-cpp-python` backend, step by step."""

from __future__ import annotations

from typing import Any

import msgspec

from loopbench.backends.parts.engine_child import EngineChild
from loopbench.children.driver import ChildEndedError, ChildSilentError

EXIT_WAIT_S = 2.0


class NoAnswerError(Exception):
    """The engine did not answer a step; `raw` names how."""

    def __init__(self, message: str, raw: str) -> None:
        super().__init__(message)
        self.raw = raw


class StepReply(msgspec.Struct, frozen=True):
    """What one step gave."""

    said: list[tuple[int, int, str, str]]
    """Sequence, token, the text it added, and how it ended the stream, if it did."""
    prompts: dict[int, int]
    """Tokens of the prompts that were started, by sequence."""
    refused: dict[int, str]


_decoder = msgspec.json.Decoder(StepReply)


class SteppedProcess(EngineChild):
    """The child process that runs `server`.

    Parameters
    ----------
    settings
        What the child needs; see `server`.
    load_timeout_s
        Longest time that loading the model may take.
    stall_s
        Longest time that one step may take.
    """

    def __init__(self, settings: dict[str, Any], load_timeout_s: float, stall_s: float) -> None:
        super().__init__("loopbench.backends.llama_cpp_python.server", settings, load_timeout_s)
        self._stall_s = stall_s

    def start(self) -> dict[str, str]:
        """Start the child and return the texts of the model's special tokens."""
        return dict(self.load()["special"])

    def step(self, add: list[dict[str, Any]], drop: list[int]) -> StepReply:
        """Give streams up, start others, and decode once.

        Raises
        ------
        NoAnswerError
            If the process has ended, or is stuck and was ended.
        """
        try:
            return _decoder.decode(self.child.ask({"add": add, "drop": drop}, self._stall_s))
        except ChildSilentError:
            self.kill()
            raise NoAnswerError(
                f"it was stuck for {self._stall_s:g} s and was ended", "stalled"
            ) from None
        except (ChildEndedError, msgspec.MsgspecError):
            raise NoAnswerError(self._why(), "engine_stopped") from None

    def _why(self) -> str:
        reason = self.exit_reason(EXIT_WAIT_S)
        if reason is None:
            self.kill()
        return reason or "it answered nonsense"
