"""The child process that renders chat templates: a template is hostile input.

Run as `python -m loopbench.backends.transformers.template_server`. One JSON line in, one
out. The template runs in transformers' own sandbox; the process limits its time by a
signal that ends it, since no sandbox stops a loop, and its memory.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

MEMORY_BYTES = 1 << 30
"""What a template may use on top of the interpreter."""


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if pages and (hard == resource.RLIM_INFINITY or limit < hard):
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def render(message: dict[str, Any]) -> dict[str, str]:
    """Render one conversation; whatever a template raises becomes an error reply."""
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        rendered: Any = render_jinja_template(
            conversations=[message["messages"]],
            chat_template=message["template"],
            add_generation_prompt=True,
            **message["special"],
        )
        while not isinstance(rendered, str):
            # One text per conversation, beside spans in some versions.
            rendered = rendered[0]
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:400]}
    if len(rendered) > message["most"]:
        return {"error": f"it gives more than {message['most']:,} characters"}
    return {"text": rendered}


def main() -> int:
    """Serve until stdin ends."""
    import transformers.utils.chat_template_utils  # noqa: F401  (before memory is limited)

    _limit_memory()
    for line in sys.stdin:
        message = json.loads(line)
        # The default action of SIGALRM ends the process, even inside one endless call.
        signal.setitimer(signal.ITIMER_REAL, message["seconds"])
        reply = render(message)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
