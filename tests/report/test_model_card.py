"""The model card is read by the Hub's own client, whatever the model is called."""

from __future__ import annotations

from pathlib import Path

import yaml
from going_round import circular
from huggingface_hub.repocard_data import model_index_to_eval_results
from looping_runs import few, said, write

from loopbench.report.model_card import model_card
from loopbench.report.runs import load, series_of


def front_matter(path: Path, *records) -> dict:
    runs = [load(write(path / "run", records))]
    card = model_card(runs, series_of(runs))
    assert card.count("\n---\n") == 1
    return yaml.safe_load(card.split("---\n")[1])


def test_the_hub_reads_the_results(tmp_path: Path) -> None:
    card = front_matter(tmp_path, *few())
    name, results = model_index_to_eval_results(card["model-index"])
    assert name == "a"
    rate = next(r for r in results if r.metric_type == "doom_loop_rate")
    assert (rate.metric_value, rate.dataset_name) == (40.0, "LoopBench chain_sum")
    assert rate.metric_args["n"] == 5
    assert rate.metric_args["interval_95"][0] < 40 < rate.metric_args["interval_95"][1]
    assert {r.dataset_config for r in results} == {"all", "chain_sum", "tool_call"}


def test_stuck_comes_with_doom_as_a_part_of_it(tmp_path: Path) -> None:
    card = front_matter(tmp_path, *few(), circular())
    _, results = model_index_to_eval_results(card["model-index"])
    found = [(r.metric_type, r.metric_value) for r in results if r.dataset_config == "all"]
    assert found[:3] == [("stuck_rate", 50.0), ("doom_loop_rate", 33.33), ("truncated_rate", 16.67)]


def test_a_name_cannot_break_out_of_its_place(tmp_path: Path) -> None:
    evil = '"]\n---\n# x: {}\u2028'
    card = front_matter(tmp_path, said("k", "hi", model=evil))
    assert card["model-index"][0]["name"] == '"]---# x: {}\u2028'
