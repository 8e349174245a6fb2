from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from loopbench.tasks.agents import sandbox
from loopbench.tasks.agents.toolbox import (
    MAX_RESULT,
    TOOLS,
    MissingPackageError,
    Toolbox,
    argument_of,
    capped,
    check_packages,
    introduction,
)


@pytest.fixture
def tools() -> Iterator[Toolbox]:
    made = Toolbox()
    yield made
    made.close()


def test_the_tools_are_described_as_they_are_called() -> None:
    lines = [line for line in introduction().splitlines() if line.startswith("{")]
    specs = [json.loads(line) for line in lines]
    assert [spec["name"] for spec in specs] == list(TOOLS)
    for spec in specs:
        (parameter,) = spec["parameters"]
        assert argument_of(spec["name"], {parameter: "x"}) == "x"


def test_results(tools: Toolbox) -> None:
    assert tools.use("test-0", "calculator", "6*7") == "42"
    assert tools.use("test-0", "calculator", "9**9**9") == "Error: A power is too large."
    assert tools.use("test-0", "python", "print(6 * 7)") == "42\n"
    assert tools.use("test-0", "search", "qwertz") == "No article matches."


def test_results_are_capped_and_say_so(tools: Toolbox) -> None:
    result = tools.use("test-0", "python", "print('a' * 3000)")
    assert result.endswith("… (cut: 3001 characters)")
    assert len(result) < MAX_RESULT + 40
    assert capped("a" * MAX_RESULT) == "a" * MAX_RESULT
    assert capped("\ud800") == "?"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("serach", {"query": "x"}),
        ("search", {}),
        ("search", {"query": None}),
        ("search", {"query": ["x"]}),
        ("search", {"query": "x", "limit": 3}),
        ("search", {"q": "x"}),
        ("", {}),
    ],
)
def test_wrong_calls_are_refused(name: str, arguments: dict) -> None:
    with pytest.raises(ValueError, match=r"^(There is no such tool|The tool search takes one)"):
        argument_of(name, arguments)


def test_numbers_are_taken_as_text() -> None:
    assert argument_of("calculator", {"expression": 12}) == "12"
    assert argument_of("search", {"query": "a\ud800"}) == "a?"


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    check_packages()
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "bm25s" else there(name)
    )
    with pytest.raises(MissingPackageError) as error:
        check_packages()
    assert str(error.value) == (
        "Agent tasks need bm25s. Run: pip install 'loopbench-edge[agents]', or use --closed-book."
    )


def test_a_sandbox_that_cannot_start_is_told_before_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_binary", lambda: "/nowhere/monty")
    with pytest.raises(MissingPackageError, match=r"^The Python sandbox .* --closed-book\.$"):
        check_packages()


def test_no_text_of_a_model_reaches_a_shell(
    tools: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"a process was started: {args}")

    assert tools.use("test-0", "python", "1") == "1"  # the sandbox's own worker is running
    for place, name in (
        (subprocess, "Popen"), (os, "system"), (os, "popen"), (os, "execv"), (os, "execve"),
        (os, "posix_spawn"), (os, "fork"),
    ):  # fmt: skip
        monkeypatch.setattr(place, name, forbidden)
    for text in ("$(touch /tmp/x)", "`id`", "; rm -rf ~", "1; import os; os.system('id')", "| sh"):
        for name in ("search", "calculator", "python"):
            assert "uid=" not in tools.use("test-0", name, text)
