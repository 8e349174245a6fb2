"""Rendering a chat template in a child process that a hostile one may hang or bloat."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping, Sequence

from loopbench.children.driver import Child, ChildEndedError

MOST_CHARACTERS = 1_000_000
TEMPLATE_S = 10.0
EXIT_WAIT_S = 5.0


class TemplateError(ValueError):
    """The chat template cannot be rendered; its text says why."""


class Renderer:
    """Renders prompts with one template; the limits are the same for every engine.

    Parameters
    ----------
    template
        Source of the Jinja template.
    special
        Names and texts of special tokens that the template may use, such as `bos_token`.
    seconds
        Longest time that one rendering may take.
    library
        Whether transformers renders it, whose own way of doing so a checkpoint was tested with.
    """

    def __init__(
        self,
        template: str,
        special: Mapping[str, str],
        seconds: float = TEMPLATE_S,
        *,
        library: bool = False,
    ) -> None:
        self._fixed = {
            "template": template,
            "special": dict(special),
            "seconds": seconds,
            "most": MOST_CHARACTERS,
            "library": library,
        }
        self._seconds = seconds
        self._child = Child("loopbench.backends.parts.template_server")

    def render(self, prompt: str | Sequence[Mapping[str, str]]) -> str:
        """Return the text that the model is given for one user message, or a conversation.

        Raises
        ------
        TemplateError
            If the template fails, takes too long or gives too much.
        """
        chat = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        if self._child.pid is None or self._child.exit_code(0) is not None:
            self._child.start()
        try:
            # The child ends itself when its time is up.
            reply = json.loads(self._child.ask(self._fixed | {"messages": chat}))
        except ChildEndedError:
            raise TemplateError(f"The chat template cannot be rendered: {self._end()}.") from None
        if "error" in reply:
            raise TemplateError(f"The chat template cannot be rendered: {reply['error']}.")
        return str(reply["text"])

    def _end(self) -> str:
        """Say how the child ended; the next prompt gets a new one."""
        code = self._child.exit_code(EXIT_WAIT_S)
        self.close()
        if code == -signal.SIGALRM:
            return f"it took longer than {self._seconds:g} s"
        return f"its process ended with code {code}"

    def close(self) -> None:
        """End the child; idempotent."""
        self._child.stop()
