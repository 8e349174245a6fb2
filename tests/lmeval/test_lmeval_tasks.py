"""LoopBench's tasks in lm-eval's format: the same prompts and grades as `loopbench run`."""

from __future__ import annotations

import msgspec
import pytest
import yaml
from lm_eval.tasks import TaskManager
from toy import CIRCULAR, LOOP, ScriptedLM, evaluate, spoken

from loopbench import tasks
from loopbench.lmeval import tasks_path
from loopbench.lmeval.manager import LoopbenchTaskManager
from loopbench.lmeval.tasks import docs, sample_of, target
from loopbench.lmeval.yaml_files import yaml_files
from loopbench.tasks.suites import content_hash, select

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def manager() -> TaskManager:
    """What plain `lm_eval --include_path` knows, without lm-eval's own tasks."""
    return TaskManager(include_path=str(tasks_path()), include_defaults=False)


@pytest.fixture(scope="module")
def edge(manager: TaskManager):
    return manager.load(["loopbench_edge"])


def test_the_files_are_those_of_the_suite() -> None:
    # scripts/lm_eval_tasks writes them.
    assert {f.name: f.read_text() for f in tasks_path().glob("*")} == yaml_files()


def test_there_is_a_group_for_each_family_and_one_for_all(manager: TaskManager) -> None:
    families = {"loopbench_extraction", "loopbench_reasoning", "loopbench_tools"}
    assert set(manager.all_groups) == families | {"loopbench_edge"}


def test_the_items_are_those_of_loopbench_run(edge) -> None:
    samples = [sample_of(doc) for task in edge["tasks"].values() for doc in task.eval_docs]
    wanted = select(["edge"], None, 0)
    assert len(samples) == len(wanted)
    assert content_hash(samples) == content_hash(wanted)


def test_prompts_reach_the_model_unchanged(edge) -> None:
    for task in edge["tasks"].values():
        task.build_all_requests(limit=3)
        for instance in task.instances:
            prompt, arguments = instance.args
            assert prompt == sample_of(instance.doc).prompt
            assert arguments["until"] == []
            assert arguments["max_gen_toks"] == 1024


def test_a_chat_model_gets_the_prompt_as_its_only_message(edge) -> None:
    task = edge["tasks"]["loopbench_countdown"]
    seen = []
    task.build_all_requests(
        limit=1, apply_chat_template=True,
        chat_template=lambda history, add_generation_prompt: seen.append(history) or "",
    )  # fmt: skip
    assert seen == [[{"role": "user", "content": sample_of(task.eval_docs[0]).prompt}]]


def test_references_grade_as_correct_and_anything_else_as_the_grader_says(edge) -> None:
    for task in edge["tasks"].values():
        doc = task.eval_docs[0]
        sample = sample_of(doc)
        assert task.process_results(doc, [target(doc)])["score"] == 1
        for text in ("Answer: 12", '{"name": "x"}', "", LOOP):
            grade = tasks.get(sample.task).grade(sample, text)
            assert task.process_results(doc, [text])["score"] == (grade.score or 0)


def test_plain_lm_eval_gets_the_rates_that_a_text_gives(edge) -> None:
    for task in edge["tasks"].values():
        doc = task.eval_docs[0]
        said = {text: task.process_results(doc, [text]) for text in (LOOP, f"{LOOP} no.", CIRCULAR)}
        assert all(found.keys() == task.aggregation().keys() for found in said.values())
        names = ("stuck_rate", "doom_rate")
        rates = [tuple(found[name] for name in names) for found in said.values()]
        assert rates == [(1, 1), (0, 0), (0, 0)]


def test_the_printed_table_fits_into_100_columns(manager: TaskManager) -> None:
    from lm_eval.utils import make_table

    lm = ScriptedLM(lambda prompt: spoken(LOOP if len(prompt) % 2 else "7", "length"))
    results = evaluate(lm, "loopbench_edge", limit=2, task_manager=manager)
    for part in ("results", "groups"):
        assert max(map(len, make_table(results, part).splitlines())) <= 100


def test_groups_pool_loops_and_scores(manager: TaskManager, edge) -> None:
    answers = {
        doc["prompt"]: target(doc) for task in edge["tasks"].values() for doc in task.eval_docs
    }
    looping = tasks.get("countdown").name

    def script(prompt: str) -> str:
        loops = prompt in {d["prompt"] for d in docs(loopbench_task=looping)["test"]}
        return spoken(LOOP, "length") if loops else spoken(answers[prompt], "stop", answers[prompt])

    results = evaluate(ScriptedLM(script), "loopbench_edge", limit=1, task_manager=manager)
    n = len(edge["tasks"])
    everything = results["results"]["loopbench_edge"]
    assert everything["doom_rate,none"] == pytest.approx(1 / n)
    assert everything["stuck_rate,none"] == pytest.approx(1 / n)
    assert everything["circular_rate,none"] == 0
    assert everything["truncated_rate,none"] == 0
    assert everything["score,none"] == pytest.approx(1 - 1 / n)
    assert results["groups"]["loopbench_reasoning"]["doom_rate,none"] == pytest.approx(1 / (n - 2))
    assert results["groups"]["loopbench_tools"]["doom_rate,none"] == 0


def test_seed_and_suite_are_metadata() -> None:
    other = docs(loopbench_task="countdown", loopbench_seed=1, pretrained="a model's argument")
    wanted = [s for s in select(["edge"], None, 1) if s.task == "countdown"]
    assert list(map(sample_of, other["test"])) == wanted
    quick = docs(loopbench_task="countdown", loopbench_suite="quick")["test"]
    assert len(quick) == 2
    with pytest.raises(ValueError, match="no samples of 'no_such'"):
        docs(loopbench_task="no_such")


def test_files_hold_no_more_than_lm_eval_needs_to_index() -> None:
    # lm-eval skips what it cannot read with a message that nobody sees.
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda loader, node: node.value)
    for file in tasks_path().glob("*.yaml"):
        config = yaml.load(file.read_text(), Loader)
        assert config.keys() & {"task", "group", "custom_dataset"}


def test_samples_survive_the_data_set() -> None:
    for sample in select(["quick"], None, 0):
        (found,) = (
            sample_of(doc)
            for doc in docs(loopbench_task=sample.task, loopbench_suite="quick")["test"]
            if doc["id"] == sample.id
        )
        assert msgspec.json.encode(found) == msgspec.json.encode(sample)


def test_lm_eval_reads_its_own_tasks_only_where_they_are_needed(monkeypatch) -> None:
    read = []
    monkeypatch.setattr(
        TaskManager, "__init__",
        _spied(TaskManager.__init__, read),
    )  # fmt: skip
    manager = LoopbenchTaskManager(include_defaults=False)
    assert manager.match_tasks(["loopbench_edge"]) == ["loopbench_edge"]
    manager = LoopbenchTaskManager()
    assert manager.match_tasks(["loopbench_tools"]) == ["loopbench_tools"]
    assert manager.load(["loopbench_tools"])["tasks"].keys() == {"loopbench_tool_call"}
    assert read == [False, False]
    manager.match_tasks(["loopbench_*"])
    assert read == [False, False, True]


def _spied(init, read):
    def spied(self, *args, include_defaults=True, **kwargs):
        read.append(include_defaults)
        init(self, *args, include_defaults=False, **kwargs)

    return spied


def test_a_task_of_the_user_comes_before_ours(tmp_path, logged) -> None:
    (tmp_path / "mine.yaml").write_text("task: loopbench_countdown\ndataset_path: mine\n")
    manager = LoopbenchTaskManager(include_path=str(tmp_path), include_defaults=False)
    assert manager.task_index["loopbench_countdown"].yaml_path.parent == tmp_path
    assert "overrides existing task" in logged.text
