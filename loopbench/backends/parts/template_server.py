"""The child process that renders chat templates: a template is hostile input.

Run as `python -m loopbench.backends.parts.template_server`. One JSON line in, one out. The
template runs in a sandbox of jinja; the process limits its time by a signal that ends it, since
no sandbox stops a loop, and its memory.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from loopbench.children.serving import Channel

MEMORY_BYTES = 1 << 30
"""What a template may use on top of the interpreter."""


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if pages and (hard == resource.RLIM_INFINITY or limit < hard):
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _by_library(message: dict[str, Any]) -> str:
    from transformers.utils.chat_template_utils import render_jinja_template

    rendered: Any = render_jinja_template(
        conversations=[message["messages"]],
        chat_template=message["template"],
        add_generation_prompt=True,
        **message["special"],
    )
    while not isinstance(rendered, str):
        # One text per conversation, beside spans in some versions.
        rendered = rendered[0]
    return rendered


@lru_cache(maxsize=1)
def _compiled(source: str) -> Any:
    """Return a template with the functions that those of chat models may call."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(reason: str) -> None:
        raise ValueError(reason)

    def as_json(value: Any, indent: int | None = None, **_: Any) -> str:
        # jinja's own filter escapes what HTML would misread.
        return json.dumps(value, ensure_ascii=False, indent=indent)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = as_json
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(source)


def _by_jinja(message: dict[str, Any]) -> str:
    template = _compiled(message["template"])
    return str(
        template.render(
            messages=message["messages"], add_generation_prompt=True, **message["special"]
        )
    )


def render(message: dict[str, Any]) -> dict[str, str]:
    """Render one conversation; whatever a template raises becomes an error reply."""
    try:
        rendered = (_by_library if message["library"] else _by_jinja)(message)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:400]}
    if len(rendered) > message["most"]:
        return {"error": f"it gives more than {message['most']:,} characters"}
    return {"text": rendered}


def main() -> int:
    """Serve until stdin ends."""
    channel = Channel()
    limited = False
    for message in channel:
        if not limited:
            # What it needs anyway is not the template's memory, nor its time.
            if message["library"]:
                import transformers.utils.chat_template_utils  # noqa: F401
            else:
                import jinja2.sandbox  # noqa: F401
            _limit_memory()
            limited = True
        # The default action of SIGALRM ends the process, even inside one endless call.
        signal.setitimer(signal.ITIMER_REAL, message["seconds"])
        reply = render(message)
        signal.setitimer(signal.ITIMER_REAL, 0)
        channel.reply(reply)
    return 0


if __name__ == "__main__":
    sys.exit(main())
