"""Rendering a chat template in a child process that a hostile one may hang or bloat."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

MOST_CHARACTERS = 1_000_000


class TemplateError(ValueError):
    """The chat template cannot be rendered; its text says why."""


class Renderer:
    """Renders prompts with one template.

    Parameters
    ----------
    template
        Source of the Jinja template.
    special
        Names and texts of special tokens that the template may use, such as `bos_token`.
    seconds
        Longest time that one rendering may take.
    """

    def __init__(self, template: str, special: dict[str, str], seconds: float = 10.0) -> None:
        self._fixed = {
            "template": template,
            "special": special,
            "seconds": seconds,
            "most": MOST_CHARACTERS,
        }
        self._seconds = seconds
        self._process: subprocess.Popen[str] | None = None

    def render(self, prompt: str | Sequence[Mapping[str, str]]) -> str:
        """Return the text that the model is given for one user message, or a conversation.

        Raises
        ------
        TemplateError
            If the template fails, takes too long or gives too much.
        """
        process = self._process = self._process or self._start()
        assert process.stdin and process.stdout
        chat = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        message = self._fixed | {"messages": chat}
        try:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise TemplateError(f"The chat template cannot be rendered: {self._end()}.")
        reply = json.loads(line)
        if "error" in reply:
            raise TemplateError(f"The chat template cannot be rendered: {reply['error']}.")
        return str(reply["text"])

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "loopbench.backends.transformers.template_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            # Ctrl-C is for the parent.
            start_new_session=True,
        )

    def _end(self) -> str:
        """Wait for the end of the child and say what it was; the next prompt gets a new one."""
        assert self._process
        code = self._process.wait()
        self.close()
        if code == -signal.SIGALRM:
            return f"it took longer than {self._seconds:g} s"
        return f"its process ended with code {code}"

    def close(self) -> None:
        """End the child; idempotent."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            # It may hold what was not yet written to a child that is gone.
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process = None
