"""Child processes: asked in lines, timed, ended, and told why they ended."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loopbench.children import driver
from loopbench.children.driver import Child, ChildEndedError, ChildSilentError, describe_exit

TESTS = Path(__file__).parent.parent


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    child = Child("children.echo", {"LOOPBENCH_ECHO": "here"})
    child.start()
    yield child
    child.stop()


def test_a_child_answers_line_by_line_whatever_it_prints(child: Child) -> None:
    assert json.loads(child.ask({"é\ud800": [1, None]})) == {"é\ud800": [1, None]}
    assert json.loads(child.ask("print")) == "print"
    assert json.loads(child.ask("variable", 60)) == "here"
    assert child.exit_reason(0) is None


def test_a_child_that_dies_is_told_with_its_last_words(child: Child) -> None:
    with pytest.raises(ChildEndedError):
        child.ask("die")
    assert child.exit_reason(60) == "exit code 3: first | why it died[2J"
    with pytest.raises(ChildEndedError):
        child.ask("again")


def test_half_an_answer_is_none(child: Child) -> None:
    with pytest.raises(ChildEndedError):
        child.ask("half")


def test_a_silent_child_is_not_waited_for_and_can_be_started_again(child: Child) -> None:
    with pytest.raises(ChildSilentError):
        child.ask("sleep", 0.2)
    assert child.exit_reason(60) == "signal 9 (SIGKILL)"
    child.start()
    assert json.loads(child.ask("alive")) == "alive"


def test_an_answer_that_was_not_waited_for_is_not_the_next_one(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(selectors.DefaultSelector):
        def unregister(self, fileobj: Any) -> Any:
            raise KeyboardInterrupt  # the question is written, its answer is not read

    monkeypatch.setattr(driver.selectors, "DefaultSelector", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        child.ask("first")
    monkeypatch.undo()
    assert child.pid is None
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    child.start()
    assert json.loads(child.ask("second")) == "second"


def test_a_question_larger_than_a_pipe_is_answered_and_a_deaf_child_is_not_waited_for(
    child: Child,
) -> None:
    long = "so it goes " * 100_000
    assert json.loads(child.ask(long)) == long
    with pytest.raises(ChildSilentError):
        # It sleeps over the first line, and the second one fills its pipe.
        child.ask("sleep", 0.1)
    child.start()
    os.kill(child.pid or 0, signal.SIGSTOP)
    with pytest.raises(ChildSilentError):
        child.ask(long, 0.1)


def test_a_stopped_child_is_gone(child: Child) -> None:
    child.stop()
    child.stop()
    assert (child.pid, child.exit_code(0), child.tail()) == (None, None, "")
    assert child.exit_reason(0) == "it was closed"
    with pytest.raises(ChildEndedError):
        child.ask("anyone?")


def test_a_child_ends_with_its_parent_though_a_sibling_holds_its_stdin() -> None:
    code = (
        "import os, subprocess, sys\n"
        "from loopbench.children.driver import Child\n"
        "child = Child('children.echo')\n"
        "child.start()\n"
        "child.ask('ready')\n"
        "pipe = child._process.stdin.fileno()\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], pass_fds=[pipe],\n"
        "                 stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pid = int(result.stdout)
    # It looks once a second; a busy machine may take longer to let it.
    for _ in range(1_200):
        if not _runs(pid):
            break
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_how_a_process_ended_in_words() -> None:
    assert describe_exit(-9, "") == "signal 9 (SIGKILL)"
    assert describe_exit(3, "bad magic") == "exit code 3: bad magic"
    assert describe_exit(-250, "") == "signal 250"
