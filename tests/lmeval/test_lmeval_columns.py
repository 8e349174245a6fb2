"""Loop columns on a task of lm-eval's own kind: nothing that lm-eval cuts off is missed."""

from __future__ import annotations

import json

import pytest
from toy import CIRCULAR, LOOP, ScriptedLM, evaluate, spoken, toy_task

from loopbench.detectors.parts.tokens import FALLBACK

# lm-eval and what it imports warn about themselves.
pytestmark = pytest.mark.filterwarnings("ignore")

SCRIPT = {
    "loops": spoken(LOOP, "length", "cut"),
    "leaves": spoken(f"{LOOP} and so on. 7", "stop", "7"),
    "answers": spoken("7", "stop"),
    "rambles": spoken(" ".join(f"w{i * i}" for i in range(300)), "length"),
}


NAMES = ("stuck_rate", "doom_rate", "circular_rate", "recovered_rate", "truncated_rate")
RATES = dict(zip(NAMES, (0.25, 0.25, 0.0, 0.25, 0.25), strict=True))
"""What `SCRIPT` gives."""


def columns(results, task="toy") -> dict:
    row = results["results"][task]
    return {name: row[f"{name},none"] for name in NAMES}


def test_every_generative_task_gains_the_rates_with_their_errors() -> None:
    results = evaluate(ScriptedLM(SCRIPT.get), toy_task(list(SCRIPT)))
    assert columns(results) == RATES
    row = results["results"]["toy"]
    # Sample standard deviation of one in four, over the root of four.
    assert row["doom_rate_stderr,none"] == pytest.approx(0.25)
    assert row["exact_match,none"] == 0.5
    assert [results["higher_is_better"]["toy"][name] for name in NAMES] == [False] * 5


def test_what_goes_round_at_the_budget_is_stuck_without_being_doomed() -> None:
    script = {
        "round": spoken(CIRCULAR, "length"),
        "ends": spoken(f"{CIRCULAR} So it is 7.", "stop"),
        "loops": SCRIPT["loops"],
        "rambles": SCRIPT["rambles"],
    }
    results = evaluate(ScriptedLM(script.get), toy_task(list(script)))
    assert columns(results) == dict(zip(NAMES, (0.5, 0.25, 0.25, 0, 0.25), strict=True))
    # Two of four: the sample standard deviation is the root of a third.
    assert results["results"]["toy"]["stuck_rate_stderr,none"] == pytest.approx((1 / 12) ** 0.5)
    said, ends, *_ = (row["loopbench"][0] for row in results["samples"]["toy"])
    assert (said["outcome"], said["level"], said["detector"]) == (
        "circular",
        "circular",
        "circular",
    )
    assert (ends["outcome"], ends["level"]) == ("clean", None)


def test_the_table_shows_them() -> None:
    from lm_eval.utils import make_table

    table = make_table(evaluate(ScriptedLM(SCRIPT.get), toy_task(list(SCRIPT))))
    cells = [[c.strip() for c in line.split("|")] for line in table.splitlines()]
    assert [c[5] for c in cells if c[5:6] and c[5] in NAMES] == sorted(NAMES)
    (line,) = (c for c in cells if "doom_rate" in c)
    assert line[3:7] == ["none", "0", "doom_rate", "↓"]
    assert (float(line[7]), line[8], float(line[9])) == (0.25, "±", 0.25)


def test_answer_filters_hide_nothing(monkeypatch) -> None:
    from loopbench.lmeval import evaluation

    judged = []
    original = evaluation.judge_response
    monkeypatch.setattr(evaluation, "judge_response", lambda r: judged.append(r) or original(r))
    filters = [
        {"name": name, "filter": [{"function": "regex", "regex_pattern": pattern},
                                  {"function": "take_first"}]}
        for name, pattern in (("strict", r"Answer: (\d)"), ("loose", r"(\d)"))
    ]  # fmt: skip
    lm = ScriptedLM(SCRIPT.get)
    results = evaluate(lm, toy_task(list(SCRIPT), filter_list=filters))
    assert columns(results) == RATES
    assert {"exact_match,strict", "exact_match,loose"} <= results["results"]["toy"].keys()
    rows = results["samples"]["toy"]
    assert len(rows) == 8
    assert all(row["loopbench"][0]["outcome"] for row in rows)
    assert len(judged) == 4, "once each, though every filter logs them"


def test_logged_samples_carry_verdict_and_origin() -> None:
    results = evaluate(ScriptedLM(SCRIPT.get), toy_task(list(SCRIPT)))
    loops, leaves, *_ = (row["loopbench"][0] for row in results["samples"]["toy"])
    assert (loops["outcome"], loops["level"], loops["detector"]) == ("doom", "verbatim", "suffix")
    assert (loops["period"], loops["onset"], loops["finish"]) == (3, 0, "length")
    assert loops["raw"].split() == LOOP.split()
    assert len(loops["token_ids"]) == len(loops["token_chars"]) == 180
    assert leaves["outcome"] == "recovered"
    assert leaves["raw"].endswith("so it goes, and so on. 7 ")
    json.dumps(results["samples"])


def test_plain_texts_are_scored_and_what_is_unknown_is_said(logged) -> None:
    texts = {name: response.origin.text.strip() for name, response in SCRIPT.items()}
    results = evaluate(ScriptedLM(texts.get), toy_task(list(SCRIPT)))
    unknown = ("circular_rate", "recovered_rate", "truncated_rate")
    assert columns(results) == RATES | dict.fromkeys(unknown, "N/A")
    assert [results["results"]["toy"][f"{name}_stderr,none"] for name in unknown] == ["N/A"] * 3
    (loop, *_) = results["samples"]["toy"]
    assert (loop["loopbench"][0]["tokenization"], loop["loopbench"][0]["finish"]) == (
        FALLBACK,
        "unknown",
    )
    assert "How 4 responses ended is not known" in logged.text
    assert "recovered_rate and truncated_rate are those of the others" in logged.text


def test_repeats_of_a_prompt_are_averaged() -> None:
    said = iter([SCRIPT["loops"], SCRIPT["answers"]] * 2)
    task = toy_task(["a", "b"], repeats=2)
    results = evaluate(ScriptedLM(lambda prompt: next(said)), task)
    assert columns(results)["doom_rate"] == 0.5
    assert results["results"]["toy"]["doom_rate_stderr,none"] == 0
    assert [r["outcome"] for r in results["samples"]["toy"][0]["loopbench"]] == ["doom", "clean"]


def test_the_response_cache_keeps_the_origins(tmp_path) -> None:
    cache = str(tmp_path / "cache")
    first, second = (ScriptedLM(SCRIPT.get) for _ in range(2))
    before = evaluate(first, toy_task(list(SCRIPT)), use_cache=cache)
    after = evaluate(second, toy_task(list(SCRIPT)), use_cache=cache)
    assert (first.asked, second.asked) == (4, 0)
    assert columns(after) == columns(before)
    rows = [r["samples"]["toy"][1]["loopbench"] for r in (before, after)]
    assert rows[0] == rows[1]


def test_prompts_from_lm_evals_request_cache_are_judged_like_others(tmp_path, monkeypatch) -> None:
    import lm_eval.caching.cache

    monkeypatch.setattr(lm_eval.caching.cache, "PATH", str(tmp_path))
    first, second = (
        evaluate(ScriptedLM(SCRIPT.get), toy_task(list(SCRIPT)), cache_requests=True)
        for _ in range(2)
    )
    assert any(tmp_path.iterdir())
    assert columns(first) == columns(second)
    assert columns(second)["doom_rate"] == 0.25


def test_tasks_that_compare_likelihoods_stay_as_they_are() -> None:
    task = toy_task(
        ["a"], output_type="multiple_choice", doc_to_choice=["7", "8"], doc_to_target=0,
        generation_kwargs=None, metric_list=[{"metric": "acc"}],
    )  # fmt: skip
    results = evaluate(ScriptedLM(SCRIPT.get), task)
    assert "doom_rate,none" not in results["results"]["toy"]


def test_a_failed_generation_counts_nowhere() -> None:
    script = {"a": spoken("", "error"), "b": SCRIPT["loops"]}
    assert columns(evaluate(ScriptedLM(script.get), toy_task(["a", "b"])))["doom_rate"] == 1


@pytest.mark.parametrize(("budget", "warned"), [(256, True), (511, True), (512, False)])
def test_a_small_budget_is_warned_of_once(logged, budget: int, warned: bool) -> None:
    task = toy_task(["a", "b"], generation_kwargs={"until": [], "max_gen_toks": budget})
    evaluate(ScriptedLM(lambda prompt: SCRIPT["answers"]), task)
    warnings = [r.getMessage() for r in logged.records if "hides most loops" in r.getMessage()]
    assert len(warnings) == warned
    if warned:
        assert f"toy ({budget})" in warnings[0]


def test_lm_eval_is_left_as_it_was() -> None:
    import lm_eval.evaluator
    import lm_eval.tasks

    before = lm_eval.evaluator.evaluate, lm_eval.evaluator.TaskManager, lm_eval.tasks.TaskManager
    lm = ScriptedLM(SCRIPT.get)
    evaluate(lm, toy_task(["answers"]))
    assert before == (
        lm_eval.evaluator.evaluate,
        lm_eval.evaluator.TaskManager,
        lm_eval.tasks.TaskManager,
    )
    assert set(vars(lm)) == {"_rank", "_world_size", "_device", "cache_hook", "script", "asked"}


def test_the_results_say_what_the_rates_rest_on() -> None:
    import loopbench

    script = {**SCRIPT, "text": "7", "broken": spoken("", "error")}
    found = evaluate(ScriptedLM(script.get), toy_task(list(script)))["loopbench"]
    assert found["loopbench_version"] == loopbench.__version__
    assert [rule["detector"] for rule in found["rules"]][:2] == ["suffix", "counter"]
    counts = ("responses", "by_token_ids", "finish_unknown", "ended_by_until", "failed")
    assert [found[name] for name in counts] == [6, 5, 1, 0, 1]


def test_the_columns_do_not_depend_on_logged_samples() -> None:
    results = evaluate(ScriptedLM(SCRIPT.get), toy_task(list(SCRIPT)), log_samples=False)
    assert columns(results)["doom_rate"] == 0.25
    assert "samples" not in results


def test_predictions_without_metrics_are_judged_too() -> None:
    results = evaluate(ScriptedLM(SCRIPT.get), toy_task(list(SCRIPT)), predict_only=True)
    assert columns(results)["doom_rate"] == 0.25


def test_the_older_form_of_evaluate_gains_the_columns_too() -> None:
    import lm_eval.evaluator
    from lm_eval.tasks import TaskManager

    from loopbench.lmeval.evaluation import loop_columns

    loaded = TaskManager(include_defaults=False).load([toy_task(list(SCRIPT))])
    with loop_columns():
        results = lm_eval.evaluator.evaluate(ScriptedLM(SCRIPT.get), loaded["tasks"])
    assert columns(results)["doom_rate"] == 0.25


class RankLM(ScriptedLM):
    """One of two processes, the other of which judged a doomed response."""

    def gather_object(self, obj, dst=0):
        from loopbench.lmeval.judging import judge_response

        other = {name: [(1, judge_response(SCRIPT["loops"]))] for name in obj}
        return [obj, other] if self.rank == dst else None


@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_of_several_processes_counts_for_all(rank: int) -> None:
    from loopbench.lmeval.evaluation import _gathered
    from loopbench.lmeval.judging import judge_response, rates

    lm = RankLM(SCRIPT.get)
    lm._rank, lm._world_size = rank, 2
    gathered = _gathered(lm, {"toy": [(0, judge_response(SCRIPT["answers"]))]})
    if rank:
        assert gathered is None
    else:
        assert rates(gathered["toy"])["doom_rate"].value == 0.5
