"""Asking the child process of the `llama-cpp-python` backend, step by step."""

from __future__ import annotations

import selectors
from typing import Any

import msgspec

from loopbench.backends.llamacpp.process import EngineProcess

EXIT_WAIT_S = 2.0


class StepError(Exception):
    """The engine did not answer a step; `raw` names how."""

    def __init__(self, message: str, raw: str) -> None:
        super().__init__(message)
        self.raw = raw


class Reply(msgspec.Struct, frozen=True):
    """What one step gave."""

    said: list[tuple[int, int, str, str]]
    """Sequence, token, the text it added, and how it ended the stream, if it did."""
    prompts: dict[int, int]
    """Tokens of the prompts that were started, by sequence."""
    refused: dict[int, str]


_decoder = msgspec.json.Decoder(Reply)


class SteppedProcess(EngineProcess):
    """The child process that runs `llama_cpp_python_server`."""

    module = "loopbench.backends.llama_cpp_python.server"

    def __init__(self, settings: dict[str, Any], load_timeout_s: float, stall_s: float) -> None:
        super().__init__(settings, load_timeout_s)
        self._stall_s = stall_s

    def step(self, add: list[dict[str, Any]], drop: list[int]) -> Reply:
        """Give streams up, start others, and decode once.

        Raises
        ------
        StepError
            If the process has ended, or is stuck and was ended.
        """
        process = self._process
        if process is None:
            raise StepError("it was closed", "engine_stopped")
        assert process.stdin and process.stdout
        try:
            process.stdin.write(msgspec.json.encode({"add": add, "drop": drop}) + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise StepError(self._why(), "engine_stopped") from None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(self._stall_s):
                self.kill()
                raise StepError(f"it was stuck for {self._stall_s:g} s and was ended", "stalled")
        line = process.stdout.readline()
        try:
            return _decoder.decode(line)
        except msgspec.MsgspecError:
            raise StepError(self._why(), "engine_stopped") from None

    def _why(self) -> str:
        reason = self.exit_reason(EXIT_WAIT_S)
        if reason is None:
            self.kill()
        return reason or "it answered nonsense"
