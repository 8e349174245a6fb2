from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Test modules share the helpers beside this file.
sys.path.insert(0, str(Path(__file__).parent))

from said import Said

# No test asserts a time, property tests neither: a busy machine would fail them. They draw the
# same examples every time, so that a failure belongs to the change; `--hypothesis-profile=many`
# looks for new ones, and what it finds becomes an @example.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("many", deadline=None, max_examples=2_000)
settings.load_profile("same")


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
