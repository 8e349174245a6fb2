"""Whole runs with agent tasks: records, resume, audits, closed book, table, scoring again."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from fakes import ANSWER, LOOP, install
from oracle_agent import Oracle, call, in_turn, spoken

from loopbench import tasks
from loopbench.cli.app import cli
from loopbench.errors import RunError
from loopbench.harness.api import rows_of
from loopbench.harness.plan import Settings, episode_rule
from loopbench.harness.runner import execute
from loopbench.judging.jobs import job_key
from loopbench.results.rescoring import rescore_run
from loopbench.results.store import RECORDS, read_audits, read_header, read_records
from loopbench.results.table import columns_for, render
from loopbench.types import Request, Sampling

SAMPLES = list(tasks.get("agent_lookup").samples(6, level="easy"))


def settings(**changes: object) -> Settings:
    given = {"models": ("a",), "tasks": ("agent_lookup:easy",), "limit": 6, "max_new_tokens": 600}
    return Settings(**given | changes)  # type: ignore[arg-type]


def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the packages of the tools be missing."""
    there = importlib.util.find_spec
    absent = ("bm25s", "pydantic_monty")
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name in absent else there(name, *rest),
    )


def titles(rows) -> list[str]:
    return [column.title for column in columns_for(rows)]


def test_a_run_of_episodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, spoken(Oracle(SAMPLES)))
    run = execute(settings(), tmp_path / "run")
    records = list(read_records(run))
    assert [(r.outcome, r.grade.correct, len(r.turns or ())) for r in records] == [
        ("clean", True, 2)
    ] * 6
    assert [turn.calls[0].name for r in records for turn in (r.turns or ())[:1]] == ["search"] * 6
    (row,) = rows_of(run)
    assert (row.agent_score.value, row.hallucinated_rate.value) == (1.0, 0.0)
    assert (row.calls_per_episode, row.accuracy.n) == (1.0, 0)
    assert {"agents %", "halluc. %", "calls"} <= set(titles([row]))
    given = json.loads(render([row], "json"))[0]
    assert given["agent_score"]["n"] == 6
    rule = read_header(run).episodes
    assert rule
    assert (rule.closed_book, rule.max_turns, rule.context) == (False, 8, 3072)


def test_other_runs_show_and_write_nothing_of_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, lambda request: (ANSWER, "stop"))
    run = execute(settings(tasks=("chain_sum",)), tmp_path / "run")
    assert not {"agents %", "halluc. %", "calls"} & set(titles(rows_of(run)))
    assert read_header(run).episodes is None
    assert all(record.turns is None for record in read_records(run))


def test_closed_book_is_one_turn_with_the_bare_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_extra(monkeypatch)
    factory = install(monkeypatch, lambda request: (["Answer: ", "123456"], "stop"))
    run = execute(settings(closed_book=True), tmp_path / "run")
    assert [request.prompt for request in factory.requests] == [s.prompt for s in SAMPLES]
    assert all(request.messages == () for request in factory.requests)
    (row,) = rows_of(run)
    assert (row.agent_score.value, row.hallucinated_rate.value, row.calls_per_episode) == (0, 1, 0)
    (record, *_) = read_records(run)
    assert record.verdicts[-1].detector == "toolcycle"


def test_open_and_closed_book_have_the_same_questions_under_other_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, spoken(in_turn("Answer: unknown")))
    open_book = execute(settings(), tmp_path / "open")
    closed = execute(settings(closed_book=True), tmp_path / "closed")
    one, two = (list(read_records(run)) for run in (open_book, closed))
    assert [r.sample_id for r in one] == [r.sample_id for r in two]
    assert not {r.key for r in one} & {r.key for r in two}
    assert read_header(open_book).items_hash == read_header(closed).items_hash


def test_a_run_resumes_with_the_episodes_that_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = install(monkeypatch, spoken(Oracle(SAMPLES)))
    run = execute(settings(), tmp_path / "run")
    whole = (run / RECORDS).read_bytes()
    lines = whole.splitlines(keepends=True)
    (run / RECORDS).write_bytes(b"".join(lines[:2]) + lines[2][:100])
    factory.requests.clear()
    execute(settings(), run, resume=True)
    assert len(factory.requests) == 4 * 2
    assert (run / RECORDS).read_bytes() == whole
    factory.requests.clear()
    execute(settings(), run, resume=True)
    assert factory.requests == []


@pytest.mark.parametrize(
    "change", [{"max_turns": 4}, {"closed_book": True}, {"agent_context": 2048}]
)
def test_a_run_is_not_resumed_under_another_rule(
    change: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, spoken(Oracle(SAMPLES)))
    run = execute(settings(), tmp_path / "run")
    with pytest.raises(RunError, match="episodes"):
        execute(settings(**change), run, resume=True)


def test_a_stopped_turn_is_audited_from_its_own_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {0: call("search", query="river")}

    def script(request: Request) -> tuple[list[str], str]:
        turn = len(request.messages) // 2
        if turn in said:
            return [said[turn]], "stop"
        return ([*LOOP[:400], " enough."], "stop") if len(request.prefix_ids) else (LOOP, "length")

    factory = install(monkeypatch, script)
    run = execute(settings(limit=1), tmp_path / "run")
    (record,) = read_records(run)
    (audit,) = read_audits(run)
    assert (record.outcome, record.generation.finish) == ("doom", "loop")
    assert factory.requests[-1].messages == factory.requests[1].messages
    assert record.turns
    assert len(factory.requests[-1].prefix_ids) == record.turns[-1].tokens
    assert (audit.outcome, audit.escaped) == ("recovered", True)
    (row,) = rows_of(run)
    # The budget is that of the turn, so the first turn does not count as saved.
    assert row.tokens_saved == 600 - record.turns[-1].tokens - audit.generation.output_tokens


def test_agents_and_single_prompts_share_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = spoken(Oracle(tasks.get("agent_lookup").samples(40, level="easy")))

    def script(request: Request) -> tuple[list[str], str]:
        return oracle(request) if request.messages else (ANSWER, "stop")

    install(monkeypatch, script)
    run = execute(settings(tasks=("agent_lookup:easy", "chain_sum"), limit=8), tmp_path / "run")
    rows = {row.group: row for row in rows_of(run, "task")}
    assert rows["agent_lookup"].agent_score.value == 1.0
    assert rows["chain_sum"].agent_score.n == 0
    assert rows["chain_sum"].calls_per_episode is None
    assert [row.n for row in rows.values()] == [4, 4]
    assert "–" in render(list(rows.values()), "md")


def test_scoring_again_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = (
        call("search", query="x"), "Answer: 1", "Answer: 1", "LOOP", call("search", query="x"),
    )  # fmt: skip
    install(monkeypatch, spoken(in_turn(*texts)))
    run = execute(settings(audit_min=0, audit_share=0.0), tmp_path / "run")
    result = rescore_run(run, tmp_path / "again")
    assert (result.outcomes_changed, result.grades_changed, result.records) == (0, 0, 6)
    assert list(read_records(tmp_path / "again")) == list(read_records(run))
    assert {record.outcome for record in read_records(run)} == {"clean", "doom"}


def test_the_rule_is_part_of_the_key_of_agent_tasks_alone() -> None:
    from fakes import model_info

    model, sampling = model_info("a"), Sampling()
    (sum_,) = tasks.get("chain_sum").samples(1, level="easy")
    rules = [episode_rule(settings(**change), SAMPLES) for change in ({}, {"closed_book": True})]
    assert len({job_key(model, SAMPLES[0], sampling, 0, rule) for rule in (None, *rules)}) == 3
    assert len({job_key(model, sum_, sampling, 0, rule) for rule in (None, *rules)}) == 1
    assert episode_rule(settings(), [sum_]) is None


def test_headers_and_records_from_before_agents_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, lambda request: (ANSWER, "stop"))
    run = execute(settings(tasks=("chain_sum",)), tmp_path / "run")
    header = json.loads((run / "header.json").read_bytes())
    del header["episodes"]
    (run / "header.json").write_text(json.dumps(header))
    lines = [json.loads(line) for line in (run / RECORDS).read_bytes().splitlines()]
    for line in lines:
        del line["turns"]
    (run / RECORDS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    execute(settings(tasks=("chain_sum",)), run, resume=True)
    assert len(list(read_records(run))) == 6


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--max-turns", "0"], "--max-turns must be at least 1, got 0."),
        (["--agent-context", "4000"], "a was trained for 4,096 tokens of context, which agent"),
        (["--agent-context", "100"], "--agent-context must be at least 1024 tokens"),
    ],
)
def test_settings_that_cannot_work(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    install(monkeypatch, spoken(in_turn("Answer: 1")))
    result = CliRunner().invoke(cli, ["run", "a", "--tasks", "agent_lookup", *arguments])
    assert isinstance(result.exception, ValueError)
    assert sentence in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_one_sentence_before_anything_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = install(monkeypatch, spoken(in_turn("Answer: 1")))
    without_extra(monkeypatch)
    with pytest.raises(ValueError, match=r"^Agent tasks need bm25s and pydantic-monty\. Run: pip"):
        execute(settings(), tmp_path / "run")
    assert (factory.opened, (tmp_path / "run").exists()) == (0, False)


def test_a_record_with_turns_survives_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, spoken(Oracle(SAMPLES)))
    run = execute(settings(limit=1), tmp_path / "run")
    (record,) = read_records(run)
    assert record.turns
    first = record.turns[0]
    assert first.messages[0].content.endswith(record.prompt)
    assert json.loads(first.calls[0].arguments)["query"] in record.prompt
    assert record.turns[1].messages[-1].content.startswith("Result of search:\n[")
    assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record


def test_recorded_episodes_are_judged_again_and_not_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        install(patched, spoken(Oracle(SAMPLES)))
        run = execute(settings(), tmp_path / "run")
    with pytest.raises(ValueError, match=r"^Recorded episodes cannot be replayed turn by turn"):
        execute(Settings(models=(str(run),)), tmp_path / "replayed")
