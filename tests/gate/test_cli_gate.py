"""`gate` and `compare` as a user meets them: exit codes, last lines, files, bad input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from circling import ROUND
from fakes import ANSWER, LOOP, install
from runs import folder, mixed, records

from loopbench.cli.app import main
from loopbench.judging.rules import STOP_CIRCULAR
from loopbench.results.store import read_header, read_records


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return folder(tmp_path / "good", records(mixed(0, 300)))


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return folder(tmp_path / "bad", records(mixed(90, 300), model="b"))


def test_exit_codes(loopbench, good: Path, bad: Path, tmp_path: Path) -> None:
    passed = loopbench("gate", good, "--max-doom-rate", "1%")
    assert (passed.code, passed.last[:6]) == (0, "PASS: ")
    failed = loopbench("gate", bad, "--max-doom-rate", "1%")
    assert (failed.code, failed.last[:6]) == (1, "FAIL: ")
    open_end = loopbench("gate", bad, "--max-doom-rate", "30%")
    assert (open_end.code, open_end.last[:14]) == (3, "INCONCLUSIVE: ")
    assert loopbench("gate", bad, "--max-doom-rate", "30%", "--inconclusive", "pass").code == 0
    none = loopbench("gate", tmp_path, "--max-doom-rate", "1%")
    assert (none.code, none.last) == (
        4, f"UNUSABLE: {tmp_path} is not a run folder: it has no readable header.json.",
    )  # fmt: skip


def test_a_run_that_goes_round(loopbench, tmp_path: Path) -> None:
    run = folder(tmp_path / "run", records(["circular"] * 90 + ["clean"] * 210))
    assert loopbench("gate", run, "--max-doom-rate", "1%").code == 0
    assert loopbench("gate", run, "--max-truncated", "2%").code == 0
    said = loopbench("gate", run, "--max-doom-rate", "1%", "--max-stuck-rate", "2%")
    assert said.code == 1
    assert said.last.startswith("FAIL: a T=0: stuck rate 30.00 % [")
    assert loopbench("gate", run, "--max-stuck-rate", "40%").code == 0
    policy = tmp_path / "gate.toml"
    policy.write_text('[per_task]\nchain_sum = { max_stuck_rate = "2%" }\n')
    said = loopbench("gate", run, "--policy", policy)
    assert (said.code, "a T=0, chain_sum: stuck rate 30.00 %" in said.last) == (1, True)


def test_a_rise_of_the_stuck_rate(loopbench, good: Path, tmp_path: Path) -> None:
    run = folder(tmp_path / "run", records(["circular"] * 90 + ["clean"] * 210))
    against = ("gate", run, "--baseline", good)
    assert loopbench(*against, "--max-increase", "2pp").code == 0
    said = loopbench(*against, "--max-increase", "2pp", "--max-stuck-increase", "2pp")
    assert (said.code, "rise of the stuck rate +30.00 pp" in said.last) == (1, True)
    assert loopbench(*against, "--max-stuck-increase", "50pp").code == 0


def test_what_was_judged_before_circular_ends_had_a_name_is_refused(
    loopbench, good: Path, tmp_path: Path
) -> None:
    base = tmp_path / "m.json"
    loopbench("gate", good, "--max-doom-rate", "1%", "--save-baseline", base)
    base.write_text(base.read_text().replace('"baseline_schema": 2', '"baseline_schema": 1'))
    old = folder(tmp_path / "old", records(mixed(3, 300)), schema_version=1)
    lines = (old / "records.jsonl").read_text()
    (old / "records.jsonl").write_text(
        lines.replace('{"schema_version":2,', '{"schema_version":1,')
    )
    again = "judge it again with 'loopbench score"
    for run, baseline, advice in (
        (good, base, "judge its run again with 'loopbench score RUN --out NEW' and save NEW"),
        (good, old, again),
        (old, good, again),
    ):
        said = loopbench("gate", run, "--baseline", baseline, "--max-increase", "5pp")
        assert (said.code, said.last.startswith("UNUSABLE: ")) == (4, True)
        assert "before circular ends were told apart from truncated ones; " + advice in said.last
        said = loopbench("compare", run, baseline)
        assert (said.code, said.out, len(said.err.splitlines())) == (4, "", 1)
        assert "before circular ends were told apart from truncated ones; " + advice in said.err
    # The advice works.
    assert loopbench("score", old, "--out", tmp_path / "new").code == 0
    assert loopbench("gate", tmp_path / "new", "--max-stuck-rate", "50%").code == 0


def test_files_and_annotations(loopbench, bad: Path, tmp_path: Path, monkeypatch) -> None:
    files = [tmp_path / "ci" / name for name in ("j.xml", "s.md", "d.json")]
    command = ["gate", bad, "--max-doom-rate", "1%", "--junit", files[0], "--markdown", files[1],
               "--json", files[2]]  # fmt: skip
    assert "::error" not in loopbench(*command).out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    said = loopbench(*command)
    assert "::error title=LoopBench gate::b T=0: doom-loop rate 30.00 %25" in said.out
    assert said.last.startswith("FAIL: ")
    assert ElementTree.parse(files[0]).getroot()[0].get("failures") == "1"
    assert files[1].read_text().startswith("### LoopBench gate: fail\n")
    assert json.loads(files[2].read_text())["verdict"] == "fail"


def test_a_gate_that_cannot_decide_still_writes_its_files(loopbench, tmp_path: Path) -> None:
    junit, summary = tmp_path / "j.xml", tmp_path / "s.md"
    said = loopbench("gate", tmp_path, "--max-doom-rate", "1%", "--junit", junit, "--markdown",
                     summary, "--annotations")  # fmt: skip
    assert said.code == 4
    assert "::error title=LoopBench gate::UNUSABLE" in said.out
    assert ElementTree.parse(junit).getroot()[0].get("errors") == "1"
    assert "unusable" in summary.read_text()


def test_a_defect_is_never_taken_for_a_bad_checkpoint(
    good: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(*arguments, **options):
        raise RuntimeError("wheels came off")

    monkeypatch.setattr("loopbench.gate.running.gate_run", breaks)
    monkeypatch.setattr(sys, "argv", ["loopbench", "gate", str(good), "--max-doom-rate", "1%"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 4
    assert capsys.readouterr().out.splitlines()[-1] == "UNUSABLE: RuntimeError: wheels came off"


def test_a_policy_file_with_a_baseline(loopbench, good: Path, bad: Path, tmp_path: Path) -> None:
    saved = loopbench("gate", good, "--max-doom-rate", "1%", "--save-baseline", tmp_path / "m.json")
    assert saved.code == 0
    policy = tmp_path / "gate.toml"
    policy.write_text(
        'max_doom_rate = "50%"\n[per_task]\nchain_sum = "50%"\n'
        '[baseline]\npath = "m.json"\nmax_increase = "5pp"\n'
    )
    said = loopbench("gate", bad, "--policy", policy)
    assert said.code == 1
    assert "rise of the doom-loop rate +30.00 pp" in said.last
    assert "1 of 3 rules fail" in said.last
    assert loopbench("gate", bad, "--policy", policy, "--max-increase", "50pp").code == 0
    other = folder(tmp_path / "other", records(mixed(0, 300)), items_hash="sha256:7")
    said = loopbench("gate", other, "--policy", policy)
    assert (said.code, "items hash sha256:7 against sha256:0" in said.last) == (4, True)


def test_per_task_rates(loopbench, bad: Path) -> None:
    said = loopbench("gate", bad, "--per-task", "chain_sum=1%", "--per-task", "60%")
    assert (said.code, "b T=0, chain_sum: doom-loop rate" in said.last) == (1, True)


def test_sequential_on_a_recorded_run_and_on_a_model(
    loopbench, bad: Path, tmp_path: Path, monkeypatch
) -> None:
    said = loopbench("gate", bad, "--max-doom-rate", "1%", "--sequential", "--seed", "4")
    assert said.code == 1
    assert "of at most 300 prompts" in said.last
    install(monkeypatch, lambda request: (LOOP, "length"))
    said = loopbench(
        "gate", "a", "--max-doom-rate", "1%", "--sequential", "--tasks", "chain_sum",
        "--max-new-tokens", "300", "--out", tmp_path / "run", "--batch", "4",
    )  # fmt: skip
    assert said.code == 1
    assert "looked at 4 of at most 946 prompts" in said.last
    install(monkeypatch, lambda request: (ANSWER, "stop"))
    said = loopbench(
        "gate", "a", "--max-doom-rate", "10%", "--tasks", "chain_sum", "--max-new-tokens", "300",
        "--out", tmp_path / "fixed", "--max-samples", "29",
    )  # fmt: skip
    assert (said.code, "0.00 % [0.00, 9.81] of 29 prompts" in said.last) == (0, True)


@pytest.mark.parametrize("stops", [True, False])
def test_a_model_whose_circular_streams_are_stopped(
    loopbench, tmp_path: Path, monkeypatch, stops: bool
) -> None:
    install(monkeypatch, lambda request: (ROUND, "length"))
    said = loopbench(
        "gate", "a", "--max-stuck-rate", "10%", "--tasks", "chain_sum", "--max-new-tokens", "1500",
        "--out", tmp_path / "run", "--max-samples", "8", *["--stop-circular"] * stops,
    )  # fmt: skip
    assert (said.code, "stuck rate 100.00 %" in said.last) == (1, True)
    made = list(read_records(tmp_path / "run"))
    assert {(r.outcome, r.generation.finish) for r in made} == {
        ("circular", "loop" if stops else "length")
    }
    assert (STOP_CIRCULAR in read_header(tmp_path / "run").stop) == stops


def test_ctrl_c_decides_nothing(loopbench, tmp_path: Path, monkeypatch) -> None:
    def interrupts(request):
        raise KeyboardInterrupt

    install(monkeypatch, interrupts)
    said = loopbench("gate", "a", "--max-doom-rate", "1%", "--out", tmp_path / "run")
    assert said.code == 130
    assert "nothing was decided. Continue with --out and --resume" in said.err


BAD = {
    "no rule": (["RUN"], "A gate needs a rule"),
    "no target": (["--max-doom-rate", "1%"], "Missing argument 'MODEL|RUN|FILE'"),
    "no rate": (["RUN", "--max-doom-rate", "lots"], "'lots' is not a rate"),
    "bare percent": (["RUN", "--max-doom-rate", "5"], "did you mean 5%"),
    "zero": (["RUN", "--max-doom-rate", "0%"], "no number of samples could show it"),
    "per task": (["RUN", "--per-task", "=5%"], "names no task"),
    "per task rate": (["RUN", "--per-task", "countdown=x"], "'x' is not a rate"),
    "baseline alone": (["RUN", "--baseline", "x", "--max-doom-rate", "1%"],
                       "--baseline needs --max-increase"),
    "increase alone": (["RUN", "--max-increase", "1pp"], "--max-increase needs --baseline"),
    "stuck increase alone": (["RUN", "--max-stuck-increase", "1pp"],
                             "--max-stuck-increase needs --baseline"),
    "stuck rate": (["RUN", "--max-stuck-rate", "5"], "did you mean 5%"),
    "stop of a recorded run": (["RUN", "--max-stuck-rate", "5%", "--stop-circular"],
                               "--stop-circular says how a model is run"),
    "stop and do not": (["smollm2-135m", "--max-stuck-rate", "5%", "--stop-circular",
                         "--no-early-stop"], "exclude each other"),
    "percent increase": (["RUN", "--max-increase", "1%"], "percentage points"),
    "no policy": (["RUN", "--policy", "none.toml"], "There is no policy file"),
    "run option": (["RUN", "--max-doom-rate", "1%", "--max-new-tokens", "9"],
                   "--max-new-tokens says how a model is run; this is a recorded run"),
    "unknown model": (["smolm2-135m", "--max-doom-rate", "1%"], "Did you mean 'smollm2-135m'?"),
    "unknown task": (["smollm2-135m", "--max-doom-rate", "1%", "--tasks", "x"], "task or suite"),
    "resume of what": (["smollm2-135m", "--max-doom-rate", "1%", "--resume"],
                       "--resume needs --out"),
    "two rows": (["smollm2-135m", "--max-doom-rate", "1%", "--sequential", "--temperature",
                  "0,0.5"], "give one --temperature"),
    "temperature": (["RUN", "--max-doom-rate", "1%", "--temperature", "cold"], "'cold' is not"),
    "confidence": (["RUN", "--max-doom-rate", "1%", "--confidence", "20%"], "at least 50 %"),
    "no samples": (["RUN", "--max-doom-rate", "1%", "--max-samples", "0"], "0 is not in the range"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_code_2(case: str, loopbench, good: Path) -> None:
    arguments, message = BAD[case]
    said = loopbench("gate", *(str(good) if a == "RUN" else a for a in arguments))
    assert message in said.err
    assert said.code == 2


def test_compare_prints_its_sentence_last(loopbench, good: Path, bad: Path) -> None:
    said = loopbench("compare", good, bad)
    assert said.code == 0
    assert said.last.startswith("b loops more often than a at T=0: 0.0 → 30.0 %, +30.0 [")
    assert "; stuck (doom or circular) 0.0 → 30.0 %, +30.0 [" in said.last
    assert "stuck more often (90): chain_sum/103 (clean → doom), " in said.out
    assert "and 80 more (--all)" in said.out
    assert "--all" not in loopbench("compare", good, bad, "--all").out
    (read,) = json.loads(loopbench("compare", good, bad, "--format", "json").out)
    assert (read["word"], len(read["started"])) == ("more", 90)
    assert loopbench("compare", good, bad, "--format", "md").out.startswith("### a → b, T=0")


def test_compare_takes_baseline_files(loopbench, good: Path, bad: Path, tmp_path: Path) -> None:
    loopbench("gate", good, "--max-doom-rate", "1%", "--save-baseline", tmp_path / "m.json")
    assert loopbench("compare", tmp_path / "m.json", bad).last.startswith("b loops more often")


def test_what_cannot_be_compared_is_one_sentence(loopbench, good: Path, tmp_path: Path) -> None:
    other = folder(tmp_path / "o", records(mixed(0, 300), model="o", budget=9), tasks={"x": 1})
    said = loopbench("compare", good, other)
    assert (said.code, "measured different things: task chain_sum v1 against missing" in said.err,
            ) == (2, True)  # fmt: skip
    assert loopbench("compare", good).code == 2
    assert loopbench("compare").code == 2
    for path in (tmp_path, tmp_path / "nothing"):
        said = loopbench("compare", good, path)
        assert said.code == 4
        assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("gate", ["--max-doom-rate", "--max-stuck-rate", "--max-truncated", "--min-accuracy",
                  "--min-extraction-f1", "--min-tool-score", "--per-task", "--baseline",
                  "--max-increase", "--max-stuck-increase", "--policy", "--sequential",
                  "--stop-circular", "--max-samples", "--inconclusive", "--junit", "--markdown",
                  "Exit codes"]),
        ("compare", ["RUN...", "--all", "--format"]),
    ],
)  # fmt: skip
def test_help_tells_what_there_is(command: str, words: list[str], loopbench) -> None:
    text = loopbench(command, "--help").out
    assert [word for word in words if word not in text] == []
    assert command in loopbench("--help").out


def test_files_of_outputs(loopbench, tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    rows = [{"prompt": f"p{i}", "response": f"That was all of {i}."} for i in range(40)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"prompt": "p40", "resp')
    refused = loopbench("gate", file, "--max-stuck-rate", "10%", "--out", tmp_path / "run")
    assert (refused.code, "row 41: it is cut off" in refused.last) == (4, True)
    rules = ["--max-stuck-rate", "10%", "--max-errors", "3%", "--out", tmp_path / "run"]
    passed = loopbench("gate", file, *rules)
    assert (passed.code, passed.last[:6]) == (0, "PASS: ")
    assert "Of 40 outputs it is not known why they ended: 0 of them loop" in passed.out
    assert "1 of 41 rows" in passed.err
    untold = loopbench("gate", tmp_path / "run", "--max-truncated", "10%")
    assert (untold.code, untold.last.startswith("UNUSABLE: There is no data for max_tr")) == (
        4,
        True,
    )
    other = loopbench("gate", file, *rules, "--tasks", "edge")
    assert (other.code, "--tasks says how a model is run" in other.err) == (2, True)
