"""Which commit of a data set is loaded, by the real `datasets` against a hub of our own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_hub import FakeHub, fake_hub

OLD, NEW = "84dc6c8" + "0" * 33, "b" * 40
CARD = b"""---
configs:
  - config_name: default
    data_files:
      - split: test
        path: data/loophard.jsonl
---
"""
LOAD = """
import sys
from loopbench import tasks
from loopbench.tasks.sources import SourceError
for name in sys.argv[1:]:
    try:
        task = tasks.get(name)
        print(next(task.samples(1)).prompt, task.origin)
    except SourceError as error:
        print(error)
"""


def _commit(prompt: str) -> dict[str, bytes]:
    row = {"id": "a", "prompt": prompt, "domain": "Games", "claimed_count": 9}
    return {"README.md": CARD, "data/loophard.jsonl": json.dumps(row).encode() + b"\n"}


def _load(hub: FakeHub, home: Path, *names: str, offline: bool = False) -> list[str]:
    """Load tasks in a fresh interpreter: the hub's address is read when it is imported."""
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home)} | dict.fromkeys(
        ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"), str(int(offline))
    )
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *names],
        env=os.environ | settings, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.slow
def test_the_origin_names_the_commit_and_a_pin_holds(tmp_path: Path) -> None:
    commits = {OLD: _commit("first"), NEW: _commit("second")}
    with fake_hub("N8Programs/LoopHard", commits) as hub:
        moving, whole, short, unknown = _load(
            hub, tmp_path, "hf:loophard@main", f"hf:loophard@{NEW}", "hf:loophard",
            "hf:loophard@1234567",
        )  # fmt: skip
        assert moving.startswith(f"second N8Programs/LoopHard@{NEW} (main when it was loaded, not")
        assert whole.startswith(f"second N8Programs/LoopHard@{NEW}, fingerprint ")
        # The preset's own seven digits.
        assert short.startswith(f"first N8Programs/LoopHard@{OLD}, fingerprint ")
        assert "cannot be loaded" in unknown and "Revision '1234567' doesn't exist" in unknown

        # Without a connection `datasets` takes what it loaded last, whatever is asked for.
        pinned, other = _load(
            hub, tmp_path, "hf:loophard", f"hf:loophard@{NEW}", offline=True
        )  # fmt: skip
        assert pinned.startswith(f"first N8Programs/LoopHard@{OLD}, fingerprint ")
        assert f"cannot be had at {NEW}: the hub is out of reach, and the cache holds" in other
        assert f"hf:<preset>@{OLD}" in other
