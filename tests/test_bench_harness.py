"""The pure parts of `scripts/bench_harness`: outputs read, counted, compared and printed."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

import bench_harness_children as children  # noqa: E402
import bench_harness_contenders as contenders  # noqa: E402
import bench_harness_overhead as overhead  # noqa: E402
import bench_harness_results as results  # noqa: E402
from bench_harness_results import Measurement, Output  # noqa: E402

LOOP = "so it goes, " * 60


def words(text: str) -> int:
    return len(text.split())


def row(contender: str, number: int, cpu_s: float, own_s: float | None = None) -> Measurement:
    return Measurement("looping", contender, number, 64, cpu_s, 2 * cpu_s, 512.4, 7, 1400, 2, own_s)


def setting(folder: Path) -> contenders.Setting:
    return contenders.Setting(
        Path("m.gguf"), Path("hf"), Path("p.jsonl"), folder / "out", 64, 8, 1, {"lm_eval": "py3"}
    )


def test_what_a_contender_says_is_taken_before_its_text() -> None:
    outputs = [Output(LOOP, tokens=5, looped=True), Output("fine", tokens=64, looped=False)]
    assert results.totals(outputs, 64, words) == (2, 69, 1)


def test_a_text_that_repeats_is_a_loop_only_at_the_budget() -> None:
    assert results.totals([Output(LOOP)], words(LOOP), words) == (1, 180, 1)
    assert results.totals([Output(LOOP)], 4096, words) == (1, 180, 0)


def test_no_outputs_are_no_tokens() -> None:
    assert results.totals([], 64, words) == (0, 0, 0)


def test_ratios_are_taken_within_a_round() -> None:
    # The machine was four times slower in round 1; the ratio is 2 in both.
    rows = [row("a", 0, 1.0), row("b", 0, 2.0), row("a", 1, 4.0), row("b", 1, 8.0)]
    assert results.ratios(rows, "a") == {"a": 1.0, "b": 2.0}
    assert results.ratios([*rows, row("c", 2, 9.0)], "a") == {"a": 1.0, "b": 2.0}
    assert results.ratios(rows, "absent") == {}


def test_the_table_has_medians_and_a_dash_where_nothing_can_be_compared() -> None:
    rows = [row("a", 0, 1.0, 0.25), row("a", 1, 3.0, 0.75), row("b", 7, 20.0)]
    text = results.table(rows, {"b": "B", "a": "A", "c": "C"}, {"a": "× A", "c": "× C"})
    assert text.splitlines() == [
        "| contender | CPU s | own process | × A | wall s | peak MiB | tokens | loops | rounds |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| B | 20.0 | – | – | 40.0 | 512 | 1,400 | 2 of 7 | 1 |",
        "| A | 2.00 | 0.50 | 1.00 | 4.00 | 512 | 1,400 | 2 of 7 | 2 |",
    ]


def test_the_overhead_is_the_mean_of_the_rounds_ratios_with_its_interval() -> None:
    blocks = [overhead.Blocks(1.1 * cost, cost) for cost in (1.0, 4.0, 9.0)]
    assert overhead.interval(blocks) == pytest.approx((0.1, 0.1, 0.1))
    # 2 and 1/2 cancel out; Student's factor for two rounds is 12.706.
    mean, low, high = overhead.interval([overhead.Blocks(2.0, 1.0), overhead.Blocks(1.0, 2.0)])
    assert mean == pytest.approx(0.0)
    assert math.log1p(high) == pytest.approx(12.706 * math.log(2), rel=1e-4)
    assert math.log1p(low) == pytest.approx(-math.log1p(high))
    alone, *unknown = overhead.interval([overhead.Blocks(1.5, 1.0)])
    assert alone == pytest.approx(0.5) and all(map(math.isnan, unknown))


def test_what_is_added_to_a_token_is_a_difference() -> None:
    blocks = [overhead.Blocks(cost + 0.002, cost) for cost in (0.5, 0.9)]
    assert overhead.added_us(blocks, 10) == pytest.approx((200.0, 200.0, 200.0))


def test_the_overhead_is_measured_on_the_shortest_prompts(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    texts = ["a long prompt", "short", "middling"]
    file.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts), "utf-8")
    jobs = overhead.jobs({"prompts": str(file), "budget": 7}, 2)
    assert [job.request().prompt for job in jobs] == ["short", "middling"]
    assert {job.sampling.max_new_tokens for job in jobs} == {7}
    assert len({job.key for job in jobs}) == 2


def test_a_server_that_is_not_there_does_not_answer() -> None:
    assert not children.answers(children.free_port())


def test_what_was_measured_again_replaces_only_itself() -> None:
    old = {
        "start_up": {"help": [0.1]},
        "overhead": {"small": {"mean": 0.5}, "large": {"mean": 0.02}},
        "measurements": [{"prompts": "x"}, {"prompts": "y", "a": 1}],
    }
    new = {
        "overhead": {"large": {"mean": 0.01}},
        "measurements": [{"prompts": "y", "a": 2}],
    }
    assert results.merge(old, new) == {
        "start_up": {"help": [0.1]},
        "overhead": {"small": {"mean": 0.5}, "large": {"mean": 0.01}},
        "measurements": [{"prompts": "x"}, {"prompts": "y", "a": 2}],
    }


def test_a_table_goes_between_its_marks() -> None:
    page = "a\n<!-- t:begin -->\nold\n<!-- t:end -->\nb"
    assert results.insert(page, "t", "new") == "a\n<!-- t:begin -->\n\nnew\n\n<!-- t:end -->\nb"
    for broken in ("", "<!-- t:begin -->", "<!-- t:end --> <!-- t:begin -->"):
        with pytest.raises(ValueError, match="no marks"):
            results.insert(broken, "t", "new")


def test_the_outputs_of_every_harness_are_read(tmp_path: Path) -> None:
    record = {"generation": {"text": "x", "output_tokens": 3}, "outcome": "doom"}
    (tmp_path / "records.jsonl").write_text(json.dumps(record) + "\n")
    assert results.read_loopbench(tmp_path) == [Output("x", 3, True)]

    (tmp_path / "bench").mkdir()
    sample = json.dumps({"resps": [["line\u2028one"]]}, ensure_ascii=False)
    (tmp_path / "bench" / "samples_bench_1.jsonl").write_text(sample + "\n", "utf-8")
    assert results.read_lm_eval(tmp_path) == [Output("line\u2028one")]

    (tmp_path / "outputs.json").write_text('[{"text": "z", "tokens": 2}]')
    assert results.read_plain(tmp_path) == [Output("z", 2)]


def test_answers_of_inspect_come_whole_or_in_parts(tmp_path: Path) -> None:
    def sample(content: object, usage: object, reason: str = "stop") -> dict[str, object]:
        choice = {"message": {"content": content}, "stop_reason": reason}
        return {"output": {"choices": [choice], "usage": usage}}

    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    padded = sample("z", {"output_tokens": 2048}, "unknown")
    log = {"samples": [sample("y", {"output_tokens": 4}), sample(parts, None), padded]}
    (tmp_path / "log.json").write_text(json.dumps(log))
    assert results.read_inspect(tmp_path) == [
        Output("y", 4),
        Output("ab", None),
        Output("z", None),
    ]


def test_all_contenders_get_the_same_budget_and_prompts(tmp_path: Path) -> None:
    for name, contender in contenders.CONTENDERS.items():
        command = " ".join(contender.command(setting(tmp_path)))
        task = tmp_path / "out.yaml"
        said = command + (task.read_text() if task.is_file() else "")
        assert "64" in said and "p.jsonl" in said, name
        task.unlink(missing_ok=True)


def test_a_prompt_may_hold_any_separator(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    lines = [{"id": "a", "prompt": "one\u2028two\x85"}, {"id": "b", "prompt": "three"}]
    file.write_text("".join(json.dumps(x, ensure_ascii=False) + "\n" for x in lines), "utf-8")
    assert children.prompts({"prompts": str(file)}) == ["one\u2028two\x85", "three"]


def test_a_package_may_be_in_another_environment(tmp_path: Path) -> None:
    place = setting(tmp_path)
    assert contenders.CONTENDERS["lm-eval-hf"].command(place)[0] == "py3"
    assert contenders.CONTENDERS["inspect-hf"].command(place)[0] == sys.executable


def test_unknown_names_are_refused_with_those_that_exist() -> None:
    def call(*options: str) -> str:
        command = [sys.executable, str(SCRIPTS / "bench_harness"), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        return done.stderr

    assert "There is no prompt set 'x'; there are looping, plain, plain-16." in call("--sets", "x")
    assert "There is no contender 'x'; there are loopbench" in call("--only", "x")
