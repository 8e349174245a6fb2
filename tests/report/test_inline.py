"""Data in a page cannot act: no tag, no line separator, no lone surrogate gets through."""

from __future__ import annotations

import base64
import hashlib
import json

from loopbench.report.inline import json_for_page, packaged, script_source


def test_json_in_a_page_is_harmless_and_comes_back_the_same() -> None:
    value = {"t": "</script><!-- & \u2028 \u2029 \ud800 \U0001f600 ]]>"}
    text = json_for_page(value)
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text) == value


def test_a_script_is_allowed_by_its_own_hash() -> None:
    script = packaged("viewer.js")
    name, _, digest = script_source(script).partition("-")
    assert name == "sha256"
    assert base64.b64decode(digest) == hashlib.sha256(script.encode()).digest()
    # A tag's end inside the script would end the script.
    assert "</" not in script
    assert "innerHTML" not in script
