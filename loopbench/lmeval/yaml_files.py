"""The task files of `tasks/lm_eval/`, made from the default suite."""

from __future__ import annotations

from pathlib import Path

from loopbench import tasks
from loopbench.lmeval.judging import TEXT_RATES
from loopbench.tasks.suites import DEFAULT_SUITE, SUITES

_COMMON = """\
custom_dataset: !function loopbench.lmeval.tasks.docs
test_split: test
output_type: generate_until
doc_to_text: !function loopbench.lmeval.tasks.prompt
doc_to_target: !function loopbench.lmeval.tasks.target
process_results: !function loopbench.lmeval.tasks.results
target_delimiter: ""
num_fewshot: 0
generation_kwargs:
  until: []
  max_gen_toks: 1024
  do_sample: false
  temperature: 0.0
metric_list:
  - metric: score
    aggregation: mean
    higher_is_better: true
  - metric: stuck_rate
    aggregation: mean
    higher_is_better: false
  - metric: doom_rate
    aggregation: mean
    higher_is_better: false
"""
_TASK = """\
include: _common.yaml
task: loopbench_{name}
dataset_kwargs:
  loopbench_task: {name}
metadata:
  version: {version}
"""
_GROUP = """\
group: {group}
task:
{members}
aggregate_metric_list:
{metrics}
metadata:
  version: {version}
"""
_METRIC = """\
  - metric: {metric}
    aggregation: mean
    weight_by_size: true"""


def yaml_files() -> dict[str, str]:
    """Return the content of every file by its name.

    One task per task of the default suite, a group for each category and one for all.
    """
    suite = SUITES[DEFAULT_SUITE]
    names = list(dict.fromkeys(entry.task for entry in suite.entries))
    files = {"_common.yaml": _COMMON}
    families: dict[str, list[str]] = {}
    for name in names:
        task = tasks.get(name)
        families.setdefault(task.category, []).append(f"loopbench_{name}")
        files[f"{name}.yaml"] = _TASK.format(name=name, version=task.version)
    for family, members in families.items():
        files[f"_{family}.yaml"] = _group(f"loopbench_{family}", members, suite.version)
    everything = [f"loopbench_{family}" for family in families]
    files["_edge.yaml"] = _group(f"loopbench_{DEFAULT_SUITE}", everything, suite.version)
    return files


def _group(group: str, members: list[str], version: int) -> str:
    metrics = ("score", *TEXT_RATES)
    return _GROUP.format(
        group=group,
        members="\n".join(f"  - {member}" for member in members),
        metrics="\n".join(_METRIC.format(metric=metric) for metric in metrics),
        version=version,
    )


def write(folder: Path) -> None:
    """Write the files and remove those of tasks that are gone."""
    files = yaml_files()
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.yaml"):
        if old.name not in files:
            old.unlink()
    for name, content in files.items():
        (folder / name).write_text(content)
