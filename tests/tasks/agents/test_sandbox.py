"""What a program of a model can do, and above all what it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loopbench.tasks.agents.sandbox import MAX_CODE, MAX_PRINTED, Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox()
    yield made
    made.close()
    made.close()


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("print(6 * 7)", "42\n"),
        ("6 * 7", "42"),
        ("print('a')\n'b'", "a\nb"),
        ("x = 5", "(no output)"),
        ("print(sum(int(d) for d in str(17 ** 40)))", f"{sum(map(int, str(17**40)))}\n"),
        ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)\nf(20)", "2432902008176640000"),
        ("import math\nmath.gcd(84, 36)", "12"),
    ],
)
def test_programs_run(sandbox: Sandbox, code: str, output: str) -> None:
    assert sandbox.run(code) == output


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('/etc/passwd').read()", "PermissionError"),
        ("from pathlib import Path\nPath('/etc/passwd').read_text()", "PermissionError"),
        ("from pathlib import Path\nPath('/tmp/x').write_text('x')", "PermissionError"),
        ("import os\nos.listdir('/')", "PermissionError"),
        ("import os\nos.system('true')", "has no attribute 'system'"),
        ("import os\nos.environ['HOME']", "not supported"),
        ("import os\nos.getenv('HOME')", "not supported"),
        ("import socket", "ModuleNotFoundError"),
        ("import subprocess", "ModuleNotFoundError"),
        ("import ctypes", "ModuleNotFoundError"),
        ("import urllib.request", "ModuleNotFoundError"),
        ("__import__('os')", "NameError"),
        ("().__class__.__bases__[0].__subclasses__()", "AttributeError"),
        ("1 / 0", "ZeroDivisionError"),
        ("def", "Expected"),
        ("input()", "NameError"),
        ("'\ud800'", "not valid UTF-8"),
        ("import time\ntime.sleep(1000)", "TimeoutError"),
        # They wait for the sandbox's own limit.
        pytest.param("while True:\n    pass", "TimeoutError", marks=pytest.mark.slow),
        pytest.param(
            "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
            "TimeoutError",
            marks=pytest.mark.slow,
        ),
        ("def f(n):\n    return f(n + 1)\nf(0)", "RecursionError"),
        ("x = [0] * 10 ** 10", "MemoryError"),
        ("x = []\nwhile True:\n    x.append('a' * 10 ** 6)", "MemoryError"),
        ("9 ** 9 ** 9", "MemoryError"),
        ("'a' * 10 ** 11", "MemoryError"),
        ("list(range(10 ** 6))", "MemoryError"),
        ("'%1000000000d' % 3", "MemoryError"),
    ],
)
def test_nothing_gets_out_and_nothing_runs_away(sandbox: Sandbox, code: str, error: str) -> None:
    output = sandbox.run(code)
    assert output.startswith("Error: ")
    assert error in output
    assert "root:" not in output
    # The worker serves the next program as if nothing had been.
    assert sandbox.run("1 + 1") == "2"


def test_the_workers_memory_stays_bounded() -> None:
    # In a process of its own: the measure is of the largest child that has ended, and tests
    # before this one had larger children.
    program = (
        "import resource\n"
        "from loopbench.tasks.agents.sandbox import Sandbox\n"
        "box = Sandbox()\n"
        "for code in ('x = [0] * 10 ** 10', 'list(range(10 ** 6))',"
        " \"x = []\\nwhile 1: x += ['a'] * 999\"):\n"
        "    assert 'MemoryError' in box.run(code), code\n"
        "box.close()\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 1_000_000  # kilobytes: far from gigabytes


@pytest.mark.slow
def test_output_is_capped(sandbox: Sandbox) -> None:
    for code in ("while True:\n    print('a' * 1000)", "print('a' * 10 ** 7)"):
        output = sandbox.run(code)
        assert output.endswith("Error: the program printed too much.")
        assert len(output) < MAX_PRINTED + 100
    assert len(sandbox.run("'a' * 10 ** 7")) == MAX_PRINTED
    assert sandbox.run("10 ** 9000") == "(a number with too many digits to show)"


def test_a_program_may_only_be_so_long(sandbox: Sandbox) -> None:
    assert sandbox.run("#" * MAX_CODE) == "(no output)"
    assert sandbox.run("#" * (MAX_CODE + 1)).startswith("Error: the program is longer")


def test_programs_share_nothing_and_repeat_exactly(sandbox: Sandbox) -> None:
    assert sandbox.run("secret = 1") == "(no output)"
    assert "NameError" in sandbox.run("secret")
    draw = "import random\nrandom.random()"
    assert sandbox.run(draw) == sandbox.run(draw)
    assert sandbox.run("import datetime\ndatetime.date.today().year") == "2000"


def test_no_file_of_the_host_is_touched(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "made"
    for code in (
        f"open({str(target)!r}, 'w').write('x')",
        f"from pathlib import Path\nPath({str(target)!r}).touch()",
        f"import os\nos.mkdir({str(target)!r})",
    ):
        assert sandbox.run(code).startswith("Error: ")
    assert os.listdir(tmp_path) == []  # noqa: PTH208
