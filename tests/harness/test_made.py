"""What a run that goes on keeps of its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fakes import audit, header, record

from loopbench.harness.made import Made
from loopbench.results.store import RunStore
from loopbench.types import Record


def stopped(key: str, level: Any) -> Record:
    return record(key, "doom", level=level, onset=3, finish="loop")


def test_it_knows_what_was_made_before_and_what_is_made_now(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run", header()) as store:
        for line in (
            stopped("a", "counter"),
            record("b"),
            record("c", "error"),
            audit("a", "doom"),
        ):
            store.append(line)
        made = Made(store, observing=True)
        assert made.keys == {"a", "b"}
        made.append(stopped("d", "verbatim"))
        made.append(audit("d", "error"))
        keys = ["d", "c", "b", "a"]
        assert made.stopped(keys) == {"d": "verbatim", "a": "counter"}
        assert made.unaudited(["d", "a"]) == ["d"]
        assert [one.seen.outcome for one in made.observations(keys)] == [
            "doom", "error", "clean", "doom",
        ]  # fmt: skip
        assert made.read_stopped(["d", "a"]) == {
            "d": stopped("d", "verbatim"), "a": stopped("a", "counter"),
        }  # fmt: skip
        assert list(made.read_stopped(["d", "a"])) == ["d", "a"]
        assert made.read_stopped([]) == {}
