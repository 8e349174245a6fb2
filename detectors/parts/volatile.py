"""What changes from call to call though the call is the same: request ids, nonces, time stamps.

An argument is volatile by its name where that says so (`request_id`, `nonce`, `timestamp`), and a
plain `id` or `time` where its value looks drawn or read off a clock. `user_id` names a thing:
calls about other things are other calls.
"""

from __future__ import annotations

import json
import re

_ONCE = frozenset(
    re.findall(
        r"\w+",
        "requestid xrequestid reqid clientrequestid callid toolcallid traceid spanid correlationid "
        "invocationid idempotencykey nonce salt timestamp ts requestedat sentat now currenttime",
    )
)
_ID, _TIME = {"id", "uuid", "guid", "uid"}, {"time", "datetime"}
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_MOMENT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_EPOCH = r"1\d{9}(?:\d{3})?(?:\.\d{1,9})?"
_DRAWN = re.compile(
    rf"(?:[A-Za-z]{{1,12}}[_-])?(?:{_UUID}|(?=[A-Za-z]{{0,40}}\d)[0-9a-fA-F]{{8,40}}"
    r"|(?=[A-Za-z]{0,40}\d)(?=\d{0,40}[A-Za-z])[0-9A-Za-z]{12,40})"
)
_CLOCK = re.compile(f"{_MOMENT}|{_EPOCH}")
_ANYWHERE = re.compile(
    rf"\b(?:{_UUID}|{_MOMENT}|{_EPOCH}|(?=[a-fA-F]{{0,40}}\d)(?=\d{{0,40}}[a-fA-F])"
    r"[0-9a-fA-F]{8,40})\b"
)
_NAMED = re.compile(
    r"(?:<parameter=(?P<tag>[\w.-]{1,40})>(?P<body>[^<]{0,200})</parameter>"
    r"|(?<![\w.-])(?P<key>[\w.-]{1,40})[\"']?\s{0,4}[=:]\s{0,4}"
    r"(?P<value>\"(?:[^\"\\]|\\.){0,200}\"|'(?:[^'\\]|\\.){0,200}'|[\w.:+-]{1,200}))"
)


def is_volatile(name: str, value: object) -> bool:
    """Return whether an argument of this name and value belongs to one call alone."""
    if isinstance(value, (dict, list)):
        return False
    key = re.sub(r"[^a-z0-9]", "", name.lower())
    text = str(value).strip()
    if key in _ONCE:
        return True
    return bool(
        (key in _ID and _DRAWN.fullmatch(text)) or (key in _TIME and _CLOCK.fullmatch(text))
    )


def without_volatile(call: str) -> str | None:
    """Return a call as `toolcycle` spells it, without what is volatile.

    None where no argument is left that says what was called for: two such calls may be about
    two things.

    Parameters
    ----------
    call
        ``["name", {"key": value}]`` as JSON, or a text with ``key=value`` in it.
    """
    try:
        name, arguments = json.loads(call)
        if isinstance(arguments, str):
            arguments = json.loads(arguments)
    except (ValueError, TypeError, RecursionError):
        return _text_without(call)
    if not isinstance(arguments, dict):
        return None
    kept = {key: value for key, value in arguments.items() if not is_volatile(key, value)}
    if not any(value not in (None, "") for value in kept.values()):
        return None
    return json.dumps([name, kept], sort_keys=True)


def _text_without(call: str) -> str | None:
    left = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal left
        value = match["body"] or (match["value"] or "").strip("\"'")
        if is_volatile(match["tag"] or match["key"], value.strip()):
            return ""
        left += 1
        return match[0]

    text = _NAMED.sub(replaced, call)
    return text if left else None


def masked(text: str) -> str:
    """Return a text with ids and moments replaced wherever they stand, and its spaces joined."""
    return " ".join(_ANYWHERE.sub("\0", text).split())
