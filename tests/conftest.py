from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

# Test modules share the helpers beside this file.
sys.path.insert(0, str(Path(__file__).parent))

# No test asserts a time, property tests neither: a busy machine would fail them.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


class Said(NamedTuple):
    """What a call of the program came to."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        return self.out.splitlines()[-1]


@pytest.fixture
def loopbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Call the program in this process, which starts in no time."""
    from loopbench.cli.app import main

    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    def call(*arguments: object, stdin: str = "") -> Said:
        monkeypatch.setattr(sys, "argv", ["loopbench", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Said(code, captured.out, captured.err)

    return call
