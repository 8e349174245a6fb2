"""The command line as a user meets it: bad input is one sentence and a code, never a trace."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from circling import ROUND
from click.testing import CliRunner, Result
from fakes import ANSWER, LOOP, install
from models.gguf_bytes import gguf

from loopbench.cli.app import cli, main
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.judging.rules import STOP_CIRCULAR
from loopbench.leaderboards.entries import command_of
from loopbench.results.store import read_header

PROGRAM = (sys.executable, "-c", "from loopbench.cli.app import main; main()")


def here(*arguments: str) -> Result:
    """Call a command that must succeed and whose streams matter, not its exit."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture
def run(tmp_path: Path) -> Path:
    turns = iter([True, False] * 50)
    settings = Settings(
        models=("a",), tasks=("chain_sum", "tool_call"), limit=4, early_stop=False,
        max_new_tokens=300,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        install(patch, lambda request: (LOOP, "length") if next(turns) else (ANSWER, "stop"))
        return execute(settings, tmp_path / "run")


BAD = {
    "no model": (["run"], "Missing argument 'MODEL...'"),
    "unknown model": (["run", "smolm2-135m"], "Did you mean 'smollm2-135m'?"),
    "not a GGUF": (["run", "zip.gguf"], "is not a GGUF file"),
    "truncated GGUF": (["run", "half.gguf"], "half.gguf is truncated: it should have"),
    "half a header": (["run", "head.gguf"], "head.gguf is truncated: it ends inside its header"),
    "a folder": (["run", "."], "is a folder. Give the path of a .gguf model file"),
    "no such file": (["run", "./hafl.gguf"], "Did you mean half.gguf?"),
    "an empty file": (["run", "empty.gguf"], "is not a GGUF file: it is empty"),
    "unknown task": (["run", "whole.gguf", "--tasks", "countdwn"], "Did you mean 'countdown'?"),
    "unknown level": (["run", "whole.gguf", "--tasks", "countdown:hrad"], "Did you mean 'hard'?"),
    "no tasks": (["run", "whole.gguf", "--tasks", ","], "no task or suite was named"),
    "same model": (["run", "whole.gguf", "copy.gguf"], "are the same model"),
    "same name": (["run", "whole.gguf", "sub/whole.gguf"], "would both be called 'whole'"),
    "impossible top-p": (["run", "whole.gguf", "--top-p", "nan"], "--top-p must be above 0"),
    "unknown form": (["table", "RUN", "--format", "xml"], "'xml' is not one of"),
    "unknown list": (["ls", "suites"], "'suites' is not one of"),
    "unknown command": (["rn"], "No such command 'rn'"),
    "zero budget": (["run", "smollm2-135m", "--max-new-tokens", "0"], "budget must be between"),
    "no number": (["run", "smollm2-135m", "--temperature", "cold"], "'cold' is not a list"),
    "negative": (["run", "smollm2-135m", "--temperature", "-1"], "between 0 and 10, got -1"),
    "no repeats": (["run", "smollm2-135m", "--repeats", "0"], "--repeats must be at least 1"),
    "resume of what": (["run", "smollm2-135m", "--resume"], "--resume needs --out"),
    "unknown option": (["run", "x", "--temprature", "1"], "Did you mean"),
    "page of what": (["score", "RUN", "--html", "x.html"], "--html needs --detectors"),
    "no such device": (["run", "whole.gguf", "--device", "cpu"], "--device is not for the llamac"),
    "no such attention": (
        ["run", "http://localhost:1/v1", "--flash-attention", "on"],
        "--flash-attention is not for the openai backend",
    ),
    "unlike again": (
        ["run", "whole.gguf", "--deterministic", "--flash-attention", "on"],
        "--deterministic and --flash-attention on exclude each other",
    ),
    "unknown backend": (["run", "whole.gguf", "--backend", "lamacpp"], "Did you mean 'llamacpp'?"),
    "no recording": (["run", "replay:nowhere"], "There is no recording nowhere"),
    "key in an address": (["run", "http://me:key@host/v1"], "An address must hold no key"),
    "pickled weights": (["run", "pickled"], "has only pytorch_model.bin: save the model as safe"),
    "stop and do not": (
        ["run", "whole.gguf", "--stop-circular", "--no-early-stop"],
        "--stop-circular and --no-early-stop exclude each other",
    ),
    "unknown detector": (["score", "RUN", "--detectors", "sufix"], "Did you mean 'suffix'?"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_code_2(
    case: str, loopbench, tmp_path: Path, run: Path, monkeypatch
) -> None:
    whole = gguf({"general.architecture": "llama"})
    (tmp_path / "sub").mkdir()
    (tmp_path / "pickled").mkdir()
    for name, content in {
        "zip.gguf": b"PK\x03\x04 something else",
        "empty.gguf": b"",
        "whole.gguf": whole,
        "copy.gguf": whole,
        "sub/whole.gguf": whole + bytes(32),
        "half.gguf": whole[:-20],
        "head.gguf": whole[:40],
        "pickled/config.json": b"{}",
        "pickled/pytorch_model.bin": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
    arguments, message = BAD[case]
    arguments = [str(run) if a == "RUN" else a for a in arguments]
    monkeypatch.chdir(tmp_path)
    said = loopbench(*arguments)
    assert message in said.err
    assert said.code == 2


def test_what_is_no_run_is_a_failure(tmp_path: Path, loopbench) -> None:
    sentence = f"loopbench: {tmp_path} is not a run folder"
    said = loopbench("score", tmp_path)
    assert (said.code, said.err.startswith(sentence)) == (4, True)
    # A process of its own says the same.
    done = subprocess.run(
        [*PROGRAM, "table", str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr.startswith(sentence)) == (4, True)


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf({"general.architecture": "llama"}))
    return str(path)


def test_a_run_folder_that_cannot_be_used_is_a_failure(
    tmp_path: Path, run: Path, model: str, loopbench, monkeypatch
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for arguments, message in (
        (["--out", str(run)], f"{run} holds a run already. Continue it with --resume"),
        (["--out", str(run), "--resume"], f"{run} was started with other settings: models"),
        (["--out", str(tmp_path / "file" / "run")], "Cannot write the run folder"),
        (["--out", str(tmp_path / ("x" * 300))], "File name too long"),
    ):
        said = loopbench("run", model, *arguments)
        assert message in said.err
        assert len(said.err.splitlines()) == 1
        assert said.code == 4
    assert not list((tmp_path / "here").iterdir())


def test_ctrl_c_prints_what_there_is_and_how_to_go_on(
    tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = iter(range(10))

    def script(request):
        if next(turns) == 2:
            raise KeyboardInterrupt
        return ANSWER, "stop"

    install(monkeypatch, script)
    out = tmp_path / "run"
    command = ["loopbench", "run", "a", "--tasks", "chain_sum", "--limit", "4", "--format", "json"]
    monkeypatch.setattr(sys, "argv", [*command, "--out", str(out)])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == 130
    printed = capsys.readouterr()
    assert json.loads(printed.out)[0]["n"] == 2
    assert f"--resume --out {out}" in printed.err

    install(monkeypatch, lambda request: (ANSWER, "stop"))
    monkeypatch.setattr(sys, "argv", [*command, "--out", str(out), "--resume"])
    main()
    assert json.loads(capsys.readouterr().out)[0]["n"] == 4


def test_a_run_without_one_success_is_a_failure(
    tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, lambda request: ([], "error"))
    out = str(tmp_path / "run")
    monkeypatch.setattr(sys, "argv", ["loopbench", "run", "a", "--limit", "2", "--out", out])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == 4
    assert "No generation succeeded. The first error: the engine stopped" in capsys.readouterr().err


def test_a_full_disk_is_one_sentence(
    tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, lambda request: (ANSWER, "stop"))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("loopbench.results.store.os.fsync", full)
    out = str(tmp_path / "run")
    monkeypatch.setattr(sys, "argv", ["loopbench", "run", "a", "--limit", "2", "--out", out])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == 4
    expected = f"loopbench: Cannot write the run folder {out}: No space left on device.\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("flags", [[], ["--stop-circular"], ["--no-early-stop"]])
def test_circular_streams_are_stopped_where_that_is_asked_for(
    tmp_path: Path, loopbench, monkeypatch, flags: list[str]
) -> None:
    factory = install(monkeypatch, lambda request: (ROUND, "length"))
    said = loopbench(
        "run", "a", "--tasks", "chain_sum", "--limit", "3", "--max-new-tokens", "1500",
        "--out", tmp_path / "run", "--format", "json", *flags,
    )  # fmt: skip
    stops = "--stop-circular" in flags
    (row,) = json.loads(said.out)
    assert (row["circular_rate"]["value"], row["doom_rate"]["value"]) == (1.0, 0.0)
    # All three were stopped, and run on to the budget afterwards.
    assert (row["early_stopped"], row["audited"]) == ((3, 3) if stops else (0, 0))
    assert (row["corrected_stuck_rate"]["value"], row["escaped"]) == (1.0, 0)
    assert len(factory.requests) == (6 if stops else 3)
    header = read_header(tmp_path / "run")
    assert (STOP_CIRCULAR in header.stop) == stops
    # What makes such a run is in an entry of the leaderboard, and makes such a run.
    command = shlex.split(command_of(header))
    assert set(flags) == {"--stop-circular", "--no-early-stop"} & set(command)
    assert loopbench(*command[1:], "--out", tmp_path / "again").code == 0
    assert read_header(tmp_path / "again").differences(header) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", ["run", "table", "score", "detect", "ls", "--version"]),
        ("run", ["--tasks", "--temperature", "--max-new-tokens", "--limit", "--seed", "--repeats",
                 "--slots", "--threads", "--no-early-stop", "--stop-circular", "ever confirmed",
                 "an audit of their own", "--out", "--resume",
                 "--deterministic", "--backend", "--device", "--dtype", "--api",
                 "--flash-attention", "--by", "--format"]),
        ("table", ["RUN", "--by", "--format"]),
        ("score", ["RUN", "--detectors", "--out"]),
        ("detect", ["FILE"]),
        ("ls", ["{models|tasks|detectors|backends|formats}"]),
    ],
)  # fmt: skip
def test_help_names_the_options(command: str, words: list[str]) -> None:
    said = " ".join(here(*command.split(), "--help").stdout.split())
    assert [word for word in words if word not in said] == []


def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"token_ids": [1, 2, 3]}\n' * 3000)
    code = "from loopbench.cli.app import main; main()"
    shell = f"{sys.executable} -c '{code}' detect {rows} | head -1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60)
    assert len(result.stdout.splitlines()) == 1
    assert (result.stderr, result.returncode) == ("", 0)


def test_formats_tell_the_same_numbers(run: Path) -> None:
    rows = json.loads(here("table", str(run), "--format", "json").stdout)
    assert [row["doom_rate"]["value"] for row in rows] == [0.5]
    csv = here("table", str(run), "--format", "csv").stdout.splitlines()
    assert dict(zip(csv[0].split(","), csv[1].split(","), strict=True))["doom_rate"] == "0.5"
    for form in ("md", "text"):
        assert "50.0" in here("table", str(run), "--format", form).stdout


def test_rows_by_task(run: Path) -> None:
    rows = json.loads(here("table", str(run), "--by", "task", "--format", "json").stdout)
    assert [(row["group"], row["n"]) for row in rows] == [("chain_sum", 2), ("tool_call", 2)]


def test_score_without_the_model_says_the_same(run: Path, tmp_path: Path) -> None:
    table = here("table", str(run), "--format", "json").stdout
    kept = tmp_path / "kept"
    scored = here("score", str(run), "--format", "json", "--out", str(kept))
    assert scored.stdout == table == here("table", str(kept), "--format", "json").stdout
    assert "4 records judged again: 0 outcomes and 0 grades changed" in scored.stderr


def test_agreement_of_detectors(run: Path) -> None:
    arguments = ("score", str(run), "--detectors", "suffix,counter")
    result = json.loads(here(*arguments, "--format", "json").stdout)
    assert [rate["doom_rate"]["value"] for rate in result["rates"]] == [0.5, 0.0]
    assert result["agreement"] == [[1.0, 0.5], [0.5, 1.0]]
    assert "Cohen's kappa" in here(*arguments).stdout


def test_agreement_as_a_page(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "agreement.html"
    said = here("score", str(run), "--detectors", "suffix,counter", "--html", str(page))
    assert str(page) in said.stderr
    assert "4 outputs" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("what", ["models", "tasks", "detectors", "backends", "formats"])
def test_ls_shows_names(what: str) -> None:
    known = {
        "models": "smollm2-135m", "tasks": "countdown", "detectors": "suffix",
        "backends": "llamacpp", "formats": "lm_eval",
    }  # fmt: skip
    assert known[what] in here("ls", what).stdout


def test_detect_reads_rows_and_text(tmp_path: Path, loopbench) -> None:
    rows = [
        {"id": "x", "token_ids": [1, 2] * 100, "finish": "length"},
        {"uid": "y", "token_ids": [1, 2] * 100, "finish": "stop"},
        {"text": "".join(f"{i}. Lily lies.\n" for i in range(90))},
    ]
    given = "\n".join(map(json.dumps, rows))
    verdicts = [json.loads(line) for line in loopbench("detect", stdin=given).out.splitlines()]
    assert [(v["id"], v["outcome"], v["level"]) for v in verdicts] == [
        ("x", "doom", "verbatim"),
        ("y", "recovered", "verbatim"),
        (3, "doom", "counter"),
    ]
    assert verdicts[0].keys() >= {"detector", "period", "repeats", "onset"}
    assert (verdicts[0]["period"], verdicts[0]["repeats"], verdicts[0]["onset"]) == (2, 100, 0)

    (tmp_path / "plain.txt").write_text("round and round we go, " * 60)
    plain = loopbench("detect", tmp_path / "plain.txt")
    assert json.loads(plain.out)["outcome"] == "doom"


UNREADABLE = [
    "{",
    "[1, 2]",
    '{"id": 1}',
    '{"token_ids": ["a"]}',
    '{"finish": "odd"}',
    '{"token_ids": [18446744073709551616]}',
    '{"deep": ' + "[" * 20_000,
]


@pytest.mark.parametrize("line", UNREADABLE, ids=range(len(UNREADABLE)))
def test_detect_names_the_line_that_it_cannot_read(line: str, loopbench) -> None:
    said = loopbench("detect", stdin='{"token_ids": [1]}\n' + line + '\n{"token_ids": [2]}\n')
    assert len(said.out.splitlines()) == 2
    assert said.err.startswith("loopbench: standard input row 2 is not read: ")
    assert said.code == 0


def test_a_byte_order_mark_does_not_turn_rows_into_a_text() -> None:
    given = '\ufeff{"id": "x", "token_ids": [1]}\n\n{"token_ids": []}'
    # In a process of its own: it decodes its input itself.
    done = subprocess.run(
        [*PROGRAM, "detect"], input=given, capture_output=True, text=True, timeout=60
    )
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(v["id"], v["tokens"]) for v in verdicts] == [("x", 1), (3, 0)]


def test_model_text_does_not_reach_the_terminal_as_control_codes(run: Path) -> None:
    header = run / "header.json"
    records = run / "records.jsonl"
    for file in (header, records):
        file.write_text(file.read_text().replace('"a"', '"a\\u001b[31mred\\u0007"'))
    for form in ("text", "md", "csv"):
        printed = here("table", str(run), "--format", form).stdout
        assert "red" in printed
        assert "\x1b" not in printed
        assert "\x07" not in printed


@pytest.mark.parametrize(
    ("models", "suite"),
    [
        (("reference",), "reference"),
        (("reference-sft",), "reference"),
        (("reference-sft", "reference-dpo"), "reference"),
        (("reference-sft", "a"), "edge"),
    ],
)
def test_stages_of_the_reference_model_have_their_own_suite(
    models: tuple[str, ...], suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, lambda request: (ANSWER, "stop"))
    here("run", *models, "--limit", "1", "--out", str(tmp_path / "out"))
    assert read_header(tmp_path / "out").selection == [suite]


def test_a_file_of_outputs_is_judged_as_it_is_unless_early_stops_are_tried(
    tmp_path: Path, loopbench
) -> None:
    file = tmp_path / "answers.jsonl"
    rows = [{"model": name, "prompt": "p", "text": "so it goes, " * 300, "finish_reason": "stop"}
            for name in ("small", "large")]  # fmt: skip
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    several = loopbench("run", file, "--out", tmp_path / "run")
    assert several.code == 2
    assert "has several models, small, large; name one as" in several.err
    for number, flags in enumerate(([], ["--no-early-stop"], ["--early-stop"])):
        said = loopbench(
            "run", f"{file}#large", *flags, "--format", "json", "--out", tmp_path / str(number)
        )
        (row,) = json.loads(said.out)
        assert (row["model"], row["n"]) == ("large", 1)
        ended = ("doom_rate", "recovered_rate")
        values = [row[name]["value"] for name in ended]
        assert values == ([1.0, 0.0] if flags == ["--early-stop"] else [0.0, 1.0])
