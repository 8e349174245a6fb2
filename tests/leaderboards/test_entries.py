"""Entries follow from their records; whatever is edited by hand is refused."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from fakes import ANSWER, LOOP, install

from loopbench.cli.app import cli
from loopbench.errors import RunError
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.leaderboards import checking, entries
from loopbench.report.runs import load

SHIPPED = Path(__file__).parent.parent.parent / "leaderboards" / "entries"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run and its entry, which tests take copies of."""
    folder = tmp_path_factory.mktemp("made")
    turns = iter([True, False] * 50)
    settings = Settings(
        models=("a",), tasks=("chain_sum", "tool_call"), limit=6, max_new_tokens=900
    )
    with pytest.MonkeyPatch.context() as patched:
        install(patched, lambda request: (LOOP, "length") if next(turns) else (ANSWER, "stop"))
        run = execute(settings, folder / "run")
    entries.write(folder / "entries", entries.make(load(run), "a-t0", "a laptop"))
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


@pytest.fixture
def entry(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "entries", tmp_path / "entries")) / "a-t0"


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Edit an entry by hand."""
    data = json.loads((path / entries.ENTRY).read_text())
    change(data)
    (path / entries.ENTRY).write_text(json.dumps(data))


def edit_record(path: Path, change: Callable[[Any], None], file: str = entries.RECORDS) -> None:
    """Edit the first record by hand."""
    first, *rest = gzip.decompress((path / file).read_bytes()).splitlines(keepends=True)
    data = json.loads(first)
    change(data)
    lines = [json.dumps(data).encode() + b"\n", *rest]
    (path / file).write_bytes(gzip.compress(b"".join(lines)))


def call(*arguments: object) -> Any:
    return CliRunner().invoke(cli, ["leaderboard", *map(str, arguments)])


def test_an_entry_follows_from_its_records(entry: Path) -> None:
    assert checking.problems(entry) == []
    kept = entries.read(entry)
    assert kept.entry.rows[0].doom_rate.n == 6
    assert kept.entry.detectors.keys() == {"circular", "counter", "suffix", "toolcycle"}
    assert kept.run.audits


def test_it_holds_no_path_of_the_machine(run: Path, tmp_path: Path) -> None:
    entry = entries.write(tmp_path / "mine", entries.make(load(run), "a-t0", "a laptop"))
    assert "/" in load(run).header.models[0].path
    assert entries.read(entry).entry.header.models[0].path == "a.gguf"
    assert str(run.parent) not in (entry / entries.ENTRY).read_text()


def test_the_same_run_gives_the_same_bytes(run: Path, entry: Path, tmp_path: Path) -> None:
    again = entries.write(tmp_path / "again", entries.make(load(run), "a-t0", "a laptop"))
    for name in (entries.ENTRY, entries.RECORDS, entries.AUDITS):
        assert (entry / name).read_bytes() == (again / name).read_bytes()


EDITS: dict[str, tuple[Callable[[Any], None], str]] = {
    "a better rate": (
        lambda e: e["rows"][0]["doom_rate"].update(value=0.01),
        "rows[0].doom_rate.value is 0.01, its records say 0.5",
    ),
    "a narrower interval": (
        lambda e: e["rows"][0]["doom_rate"].update(high=0.5),
        "rows[0].doom_rate.high is 0.5",
    ),
    "a task's rate": (lambda e: e["by_task"][0]["accuracy"].update(low=0.9), "by_task[0].accuracy"),
    "a row less": (lambda e: e["by_task"].pop(), "length of by_task is 1, its records say 2"),
    "another command": (lambda e: e.update(command="rm -rf /"), "command is rm -rf /"),
    "another version": (lambda e: e["detectors"].update(suffix=99), "detectors.suffix is 99"),
    "another name": (lambda e: e.update(name="b"), "'b' is not that of its folder"),
    "another schema": (lambda e: e.update(entry_schema=1), "schema 1 is not 2"),
    "another model": (
        lambda e: e["header"]["models"][0].update(fingerprint="sha256:1"),
        "record 1 has a key that is not its own",
    ),
    "a path": (
        lambda e: e["header"]["models"][0].update(path="/home/me/a.gguf"),
        "is more than a file name",
    ),
    "a rule that does not exist": (
        lambda e: e["header"]["measure"][0].update(detector="sufix"),
        "its records cannot be judged: Unknown detector 'sufix'",
    ),
    "a rule that did not judge": (lambda e: e["detectors"].update(x=1), "detectors.x is 1"),
    "nothing sampled": (lambda e: e["header"].update(samplings=[]), "has 6 of 0 outputs"),
    "a field of its own": (lambda e: e.update(stars=5), "unknown field `stars`"),
    "a budget": (
        lambda e: e["header"]["samplings"][0].update(max_new_tokens=9),
        "record 1 is not one that the header asks for",
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_hand_edited_entries_are_refused(case: str, entry: Path) -> None:
    change, message = EDITS[case]
    edit(entry, change)
    assert any(message in problem for problem in checking.problems(entry))


def test_the_command_refuses_what_was_edited(entry: Path) -> None:
    edit(entry, EDITS["a better rate"][0])
    result = call("check", "--folder", entry.parent)
    assert isinstance(result.exception, RunError)


def test_edited_records_are_refused(entry: Path) -> None:
    # Even if hash and rows were made to fit: the tokens are judged again.
    edit_record(entry, lambda record: record.update(outcome="clean", verdicts=[]))
    kept = entries.read(entry)
    fitting = entries.computed(kept.run, "a-t0", "a laptop", "")
    lines = gzip.decompress((entry / entries.RECORDS).read_bytes())
    fitting = msgspec.structs.replace(fitting, records_sha256=hashlib.sha256(lines).hexdigest())
    (entry / entries.ENTRY).write_bytes(msgspec.json.encode(fitting))
    found = checking.problems(entry)
    assert any("judged doom, not clean" in problem for problem in found)
    assert not any("records say" in problem for problem in found)


def test_records_from_before_a_field_was_added_still_follow(entry: Path) -> None:
    lines = gzip.decompress((entry / entries.RECORDS).read_bytes()).splitlines()
    records = [json.loads(line) for line in lines]
    for record in records:
        del record["turns"]  # has a default
    older = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    (entry / entries.RECORDS).write_bytes(gzip.compress(older))
    assert any("records_sha256" in problem for problem in checking.problems(entry))
    edit(entry, lambda data: data.update(records_sha256=hashlib.sha256(older).hexdigest()))
    assert checking.problems(entry) == []


def test_edited_audits_and_grades_are_refused(entry: Path) -> None:
    edit_record(entry, lambda audit: audit.update(escaped=True), entries.AUDITS)
    assert any("audit 1 is judged otherwise" in p for p in checking.problems(entry))
    edit_record(entry, lambda record: record["grade"].update(correct=True, score=1.0))
    assert any("record 1 is graded otherwise" in p for p in checking.problems(entry))


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", gzip.compress(b"{}\n"), gzip.compress(b"x")],
    ids=["empty", "no gzip", "no record", "no JSON"],
)
def test_broken_records_are_one_problem(data: bytes, entry: Path) -> None:
    (entry / entries.RECORDS).write_bytes(data)
    (problem,) = checking.problems(entry)[:1]
    assert "no entry that can be read" in problem or "has 0 of 6 outputs" in problem


def test_records_that_unpack_to_too_much_are_refused(
    entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "LARGEST", 100)
    (problem,) = checking.problems(entry)
    assert "unpacks to more than" in problem


def test_an_unfinished_run_is_no_entry(run: Path) -> None:
    file = run / "records.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-2]))
    with pytest.raises(RunError, match="has 4 of 6 outputs"):
        entries.make(load(run), "a", "a laptop")


def test_records_of_older_rules_are_no_entry(run: Path) -> None:
    loaded = load(run)
    old = [
        msgspec.structs.replace(
            r, verdicts=[msgspec.structs.replace(v, version=0) for v in r.verdicts]
        )
        for r in loaded.records
    ]
    with pytest.raises(RunError, match="judged by circular v0"):
        entries.make(msgspec.structs.replace(loaded, records=old), "a", "a laptop")
    header = msgspec.structs.replace(loaded.header, judgement=1)
    with pytest.raises(RunError, match="named by version 1 of their rule"):
        entries.make(msgspec.structs.replace(loaded, header=header), "a", "a laptop")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "A", ".hidden", "x" * 99])
def test_a_name_cannot_leave_the_folder(name: str, run: Path) -> None:
    with pytest.raises(RunError, match="cannot name an entry"):
        entries.make(load(run), name, "a laptop")


def test_differences_forgive_rounding_only() -> None:
    assert list(checking.differences({"a": [0.5]}, {"a": [0.5 + 1e-9]})) == []
    assert list(checking.differences({"a": [0.5]}, {"a": [0.5001]})) == [("a[0]", 0.5, 0.5001)]
    assert list(checking.differences({"a": 1}, {})) == [("a", 1, None)]


def test_the_command_says_what_is_unusual(run: Path) -> None:
    header = load(run).header
    assert entries.command_of(header) == (
        "loopbench run a --tasks chain_sum,tool_call --limit 6 --temperature 0 --max-new-tokens 900"
    )
    unusual = msgspec.structs.replace(header, stop=[], repeats=2, deterministic=True)
    assert entries.command_of(unusual).endswith("--repeats 2 --no-early-stop --deterministic")


def test_the_command_makes_the_quantisations_of_a_grid(run: Path) -> None:
    header = load(run).header

    def command(*models: tuple[str, str, str]) -> str:
        found = [
            msgspec.structs.replace(header.models[0], name=name, path=path, quantization=quant)
            for name, path, quant in models
        ]
        return entries.command_of(msgspec.structs.replace(header, models=found))

    q8 = ("m-q8_0", "/cache/m.F16-Q8_0-0123456789abcdef.gguf", "Q8_0")
    q4 = ("m-q4_0", "m.F16-Q4_0-0123456789abcdef.gguf", "Q4_0")
    made = "loopbench run m --grid quant=q8_0,q4_0 --requantize --tasks"
    assert command(q8, q4).startswith(made)
    assert command(("m-q8_0", "m-q8_0.gguf", "Q8_0")).startswith("loopbench run m-q8_0 --tasks")
    mixed = command(q8, ("other", "other.gguf", "Q4_0"))
    assert mixed.startswith("loopbench run m-q8_0 other --tasks")


def test_refreshing_makes_an_old_or_edited_entry_follow_again(entry: Path) -> None:
    before = (entry / entries.ENTRY).read_bytes()
    edit(entry, lambda e: e["rows"][0].pop("doom_rate"))  # as before a column was added
    edit_record(entry, lambda record: record.update(outcome="clean", verdicts=[]))
    assert checking.problems(entry)
    assert call("refresh", "--folder", entry.parent).exit_code == 0
    assert checking.problems(entry) == []
    assert (entry / entries.ENTRY).read_bytes() == before


def rounds(turn: int) -> list[str]:
    """Return what goes round: few words, from another one on each time."""
    words = [f"{chr(97 + i)}{chr(97 + i * i % 26)}ff " for i in range(20)]
    dice = random.Random(turn)
    starts = (dice.randrange(len(words)) for _ in range(60))
    return [word for start in starts for word in words[start:] + words[: start - 3]]


@pytest.fixture
def circling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the entry of a run whose outputs loop, end and go round in turn."""
    turns = itertools.cycle([(LOOP, "length"), (ANSWER, "stop"), (rounds(0), "length")])
    install(monkeypatch, lambda request: next(turns))
    settings = Settings(models=("a",), tasks=("chain_sum",), limit=6, max_new_tokens=900)
    run = load(execute(settings, tmp_path / "run"))
    return entries.write(tmp_path / "entries", entries.make(run, "a-t0", "a laptop"))


def earlier(line: dict[str, Any]) -> dict[str, Any]:
    """Return a record or an audit as schema 1 had it: with a level `near`, and nothing circular."""
    line.pop("circled", None)
    gain = {
        "detector": "gain", "version": 3, "level": "near", "looped": True, "terminal": True,
        "onset": None, "period": None, "repeats": None, "spans": [], "score": 0.99,
        "template": None, "strides": None,
    }  # fmt: skip
    kept = [verdict for verdict in line["verdicts"] if verdict["level"] != "circular"]
    outcome = "truncated" if line["outcome"] == "circular" else line["outcome"]
    return line | {"schema_version": 1, "verdicts": [*kept, gain], "outcome": outcome}


def test_an_entry_of_the_earlier_schema_can_be_refreshed(circling: Path) -> None:
    files = (entries.ENTRY, entries.RECORDS, entries.AUDITS)
    today = {name: (circling / name).read_bytes() for name in files}
    outcomes = [record.outcome for record in entries.read(circling).run.records]
    assert sorted(outcomes) == ["circular", "circular", "clean", "clean", "doom", "doom"]
    for name in (entries.RECORDS, entries.AUDITS):
        lines = gzip.decompress(today[name]).splitlines()
        assert lines
        old = [json.dumps(earlier(json.loads(line)), separators=(",", ":")) for line in lines]
        assert all(line.startswith('{"schema_version":1,') for line in old)
        (circling / name).write_bytes(gzip.compress("".join(f"{one}\n" for one in old).encode()))

    def older(entry: dict[str, Any]) -> None:
        entry["entry_schema"] = entry["header"]["schema_version"] = 1
        entry["header"]["measure"][-1] = {"detector": "gain", "parameters": {"threshold": 0.98}}
        entry["detectors"] = {"counter": 2, "gain": 3, "suffix": 2}
        for row in (*entry["rows"], *entry["by_task"], *entry["by_level"]):
            row["near_rate"] = row.pop("circular_rate")
            for field in ("stuck_rate", "corrected_stuck_rate", "circled_rate"):
                del row[field]

    edit(circling, older)
    (problem,) = checking.problems(circling)
    assert "no entry that can be read" in problem
    result = call("check", "--folder", circling.parent)
    assert "'loopbench leaderboard refresh' makes them anew" in str(result.exception)
    assert call("refresh", "--folder", circling.parent).exit_code == 0
    assert checking.problems(circling) == []
    assert {name: (circling / name).read_bytes() for name in files} == today
    row = entries.read(circling).entry.rows[0]
    rates = (row.stuck_rate, row.doom_rate, row.circular_rate, row.truncated_rate)
    assert [rate.value for rate in rates] == pytest.approx([4 / 6, 2 / 6, 2 / 6, 0])


def test_a_measure_may_differ_in_its_last_digits_only(circling: Path) -> None:
    kept = gzip.decompress((circling / entries.RECORDS).read_bytes())

    def verdicts(factor: float) -> list[str]:
        records = list(map(json.loads, kept.splitlines()))
        for record in records:
            for verdict in record["verdicts"]:
                verdict["score"] = verdict["score"] and verdict["score"] * factor
        changed = "".join(f"{json.dumps(record)}\n" for record in records).encode()
        assert json.loads(changed.splitlines()[2]) != json.loads(kept.splitlines()[2])
        (circling / entries.RECORDS).write_bytes(gzip.compress(changed))
        return [found for found in checking.problems(circling) if "verdicts" in found]

    assert verdicts(1 + 1e-12) == []
    assert "record 3 has verdicts of its own" in verdicts(1 + 1e-3)


def test_add_and_check_from_the_command_line(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "board"
    assert call("add", run, "--folder", folder).exit_code == 0
    assert (folder / "a-f32-t0" / entries.ENTRY).exists()
    result = call("check", "--folder", folder)
    assert result.output.strip() == "1 entry: all numbers follow."


@pytest.mark.slow  # judges thousands of real outputs again
@pytest.mark.parametrize("path", entries.folders(SHIPPED), ids=lambda path: path.name)
def test_the_shipped_entries_follow_from_their_records(path: Path) -> None:
    assert checking.problems(path) == []
    assert not any("/" in m.path for m in entries.read(path).entry.header.models)


def test_there_are_shipped_entries() -> None:
    assert entries.folders(SHIPPED)
