"""A budget for the thinking: what is cut, what follows, and what the records say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import FakeBackend, FakeFactory, install, model_info

from loopbench import reference
from loopbench.backends.base import Capabilities, ThinkingEnd
from loopbench.errors import RunError
from loopbench.harness.api import rows_of
from loopbench.harness.plan import Settings
from loopbench.harness.runner import execute
from loopbench.harness.think_budget import ThinkBudget
from loopbench.judging.jobs import job_key
from loopbench.results.store import RECORDS, read_audits, read_records
from loopbench.results.table import render
from loopbench.tasks.suites import select
from loopbench.types import Generation, Request, Sampling, Thinking

ANSWER = ["The ", "answer ", "is ", "7."]
THOUGHT = [f"t{i * i} " for i in range(600)]
LOOP = ["so ", "it ", "goes. "] * 300


def say(first: list[str], after: list[str] = ANSWER) -> Any:
    """Return a script that thinks `first`, and `after` behind a block closed by force."""

    def script(request: Request) -> tuple[list[str], str]:
        if request.prefix_text.endswith("</think>\n") or request.key.endswith("/answer"):
            return [""] * len(request.prefix_ids) + after, "stop"
        return first, "stop"

    return script


def settings(**changes: Any) -> Settings:
    base: dict[str, Any] = {"models": ("a",), "tasks": ("chain_sum",), "limit": 3}
    return Settings(**{**base, "think_budget": 40, **changes})


class Silent:
    def push(self, ids: Any, pieces: Any) -> bool:
        return False


def one(script: Any, *, opened: bool = False, limit: int = 5, budget: int = 100) -> Generation:
    backend = FakeBackend(script, [])
    end = ThinkingEnd((901, 902), ("\n</think>", "\n"), opened)
    request = Request(key="k", prompt="?", sampling=Sampling(max_new_tokens=budget))
    ((asked, generation),) = ThinkBudget(backend, end, limit).generate(
        [request], lambda request: Silent()
    )
    assert asked == request
    return generation


def test_an_open_block_is_closed_and_the_answer_follows() -> None:
    said = one(say(["Hm. ", "<th", "ink>", *THOUGHT]))
    assert said.text == "Hm. <think>t0 t1 t4 t9 t16 \n</think>\nThe answer is 7."
    assert said.thinking == Thinking(tokens=5, finish="budget", closed_at=8, closing_tokens=2)
    assert said.token_ids[8:10] == [901, 902]
    assert len(said.token_ids) == len(said.token_chars) == said.output_tokens == 14
    assert sum(said.token_chars) == len(said.text)
    assert (said.finish, said.prompt_tokens, said.seconds) == ("stop", 5, 2.0)


def test_a_block_that_the_template_opened_counts_from_the_first_token() -> None:
    said = one(say(THOUGHT), opened=True, limit=3)
    assert said.text == "t0 t1 t4 \n</think>\nThe answer is 7."
    assert said.opened_thinking
    assert said.thinking == Thinking(tokens=3, finish="budget", closed_at=3, closing_tokens=2)


@pytest.mark.parametrize(
    ("pieces", "thinking"),
    [
        (ANSWER, Thinking(tokens=0, finish="none")),
        (["<think>", "a ", "b ", "</think>", "7."], Thinking(tokens=2, finish="closed")),
        (["<think>", "a ", "b "], Thinking(tokens=2, finish="open")),
        # The closing tag has begun where the budget ends: it is let come.
        (["<think>", *"abcd", "</", "think", ">", "7."], Thinking(tokens=6, finish="closed")),
    ],
)
def test_what_ends_by_itself_is_left_alone(pieces: list[str], thinking: Thinking) -> None:
    said = one(say(pieces))
    assert said.text == "".join(pieces)
    assert said.thinking == thinking


def test_a_block_that_is_opened_again_is_let_run() -> None:
    again = ["<think>", *THOUGHT[:20], "</think>", "7."]
    said = one(say(["<think>", *THOUGHT], again))
    assert said.text.endswith("</think>7.")
    assert said.text.count("\n</think>\n") == 1


def test_the_budget_of_the_whole_output_holds() -> None:
    said = one(say(["<think>", *THOUGHT], THOUGHT), limit=5, budget=20)
    assert (said.output_tokens, said.finish) == (20, "length")
    # No room for an answer: nothing is cut.
    said = one(say(["w "] * 17 + ["<think>", *THOUGHT]), limit=5, budget=20)
    assert said.thinking == Thinking(tokens=2, finish="open")


def test_an_engine_that_fails_after_the_cut_gives_a_failed_generation() -> None:
    def script(request: Request) -> tuple[list[str], str]:
        return ([], "error") if request.prefix_ids else (["<think>", *THOUGHT], "stop")

    said = one(script)
    assert (said.finish, said.error, said.thinking) == ("error", "the engine stopped", None)


def test_loops_inside_the_thinking_are_ended_by_the_budget_and_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, say(["<think>", *LOOP]))
    run = execute(settings(think_budget=700), tmp_path / "r")
    records = list(read_records(run))
    assert {r.outcome for r in records} == {"recovered"}
    assert all(r.loop_in_thinking for r in records)
    assert all("</think>" in r.generation.text for r in records)
    assert not list(read_audits(run))
    (row,) = rows_of(run)
    assert (row.think_budget, row.thinking_cut.value, row.thinking_cut.n) == (700, 1.0, 3)
    assert "think cut %" in render([row], "md")


def test_loops_in_the_answer_are_stopped_and_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = install(monkeypatch, say(["<think>", *LOOP], LOOP))
    run = execute(settings(think_budget=400, max_new_tokens=1200, audit_min=3), tmp_path / "r")
    records = list(read_records(run))
    assert {(r.outcome, r.generation.finish) for r in records} == {("doom", "loop")}
    assert all(r.generation.output_tokens < 800 for r in records)
    assert len(list(read_audits(run))) == 3
    continued = factory.requests[-1]
    assert 901 in continued.prefix_ids


def test_a_budget_for_thinking_is_refused_on_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, say(["<think>", *THOUGHT]))
    with pytest.raises(ValueError, match="--think-budget does not work with --ray"):
        execute(settings(ray="local"), tmp_path / "r")


def test_a_run_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factory = install(monkeypatch, say(["<think>", *THOUGHT]))
    run = execute(settings(), tmp_path / "r")
    whole = (run / RECORDS).read_bytes()
    (run / RECORDS).write_bytes(whole[: len(whole.splitlines(True)[0]) + 10])
    before = len(factory.requests)
    execute(settings(), run, resume=True)
    assert len(factory.requests) == before + 4
    assert sorted((run / RECORDS).read_bytes().splitlines()) == sorted(whole.splitlines())
    with pytest.raises(RunError, match="think_budget is 41 instead of 40"):
        execute(settings(think_budget=41), run, resume=True)


def test_keys_without_a_budget_stay_as_they_were() -> None:
    sample = select(["chain_sum"], 1, 0)[0]
    keys = [
        job_key(model_info("a"), sample, Sampling(think_budget=budget), 0)
        for budget in (None, 10, 20)
    ]
    assert len(set(keys)) == 3
    assert keys[0] == PINNED


PINNED = "de6855072dbb1720ee5cb698369acdb6"


@pytest.mark.parametrize("budget", [0, -1, 1024, 2000])
def test_budgets_that_make_no_sense_are_refused(budget: int) -> None:
    with pytest.raises(ValueError, match="must be at least 1 and below --max-new-tokens"):
        settings(think_budget=budget).check()


def test_a_grammar_or_a_backend_that_cannot_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="--think-budget and --constrained exclude each other"):
        settings(constrained=True, early_stop=False).check()
    install(monkeypatch, say(ANSWER))
    monkeypatch.setattr(FakeFactory, "capabilities", Capabilities())
    with pytest.raises(ValueError, match="--think-budget does not work with the backend"):
        execute(settings(), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_the_packaged_reference_model_answers_after_its_thinking_is_closed(tmp_path: Path) -> None:
    path = Path(reference.__file__).parent / "checkpoints" / "reference-sft.gguf"
    run = execute(
        settings(
            models=(str(path),),
            tasks=("mini_sum:hard", "mini_pairs:hard"),
            limit=8,
            think_budget=12,
            max_new_tokens=96,
            threads=1,
            slots=2,
        ),
        tmp_path / "r",
    )
    cut = [
        r for r in read_records(run)
        if r.generation.thinking and r.generation.thinking.finish == "budget"
    ]  # fmt: skip
    assert len(cut) >= 4
    for record in cut:
        thinking = record.generation.thinking
        assert thinking is not None and thinking.tokens == 12
        thought, _, answer = record.generation.text.partition("</think>")
        assert "<think>" in thought and "</think>" not in thought
        assert answer.strip()
        assert record.generation.token_ids[thinking.closed_at or 0] == 6
    assert any(r.generation.finish == "stop" for r in cut)
