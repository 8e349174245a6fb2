"""Putting data, scripts and pictures inside a page without letting their content act. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

_HARMLESS = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def json_for_page(value: Any) -> Markup:
    """Return JSON that may stand in a `<script type="application/json">`.

    It is ASCII: line separators and lone surrogates are escapes, and no tag can begin or end
    in it.
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.translate(_HARMLESS))


@cache
def packaged(name: str) -> Markup:
    """Return a packaged style sheet or script as it is."""
    return Markup((files("loopbench.report") / "templates" / name).read_text("utf-8"))


def script_source(script: str) -> str:
    """Return the source expression that allows exactly this script in a security policy."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
