"""A toy task and a model that follows a script, for lm-eval."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

from loopbench.lmeval import simple_evaluate
from loopbench.lmeval.output import Origin, Response

LOOP = "so it goes, " * 60
_THOUGHTS = (
    "The train leaves at noon, so it needs three hours to reach the coast.",
    "Wait, the train stops twice on the way, and each stop costs ten minutes.",
    "Let me read the question again, because the bus is slower than the train.",
    "Maybe the answer is the time at which both of them meet near the bridge.",
    "If the bus drives at forty miles an hour, it is still far behind by then.",
    "But nobody said how long the driver rests, and that changes everything.",
)
CIRCULAR = " ".join(
    thought for i in range(12) for thought in random.Random(i).sample(_THOUGHTS, len(_THOUGHTS))
)
"""A few thoughts in an order that never settles: no template repeats."""


def spoken(text: str, finish: Any, shown: str | None = None) -> Response:
    """Return a response with ids, one per word."""
    words = [f"{word} " for word in text.split()]
    ids = [sum(map(ord, word)) for word in words]
    origin = Origin(
        text="".join(words), finish=finish, raw_finish=str(finish), token_ids=ids,
        token_chars=list(map(len, words)),
    )  # fmt: skip
    return Response(text if shown is None else shown, origin)


class ScriptedLM(LM):
    """Answers by the prompt; counts how often it was asked."""

    def __init__(self, script: Callable[[str], str]) -> None:
        super().__init__()
        self.script, self.asked = script, 0

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        self.asked += len(requests)
        return [self.script(request.args[0]) for request in requests]

    def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
        return [(-1.0, True) for _ in requests]

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> Any:
        return [-1.0 for _ in requests]


def toy_task(prompts: Sequence[str], **config: Any) -> dict[str, Any]:
    """Return a task of lm-eval that asks these prompts; the answer to each is `7`."""
    from datasets import Dataset

    rows = [{"prompt": prompt, "answer": "7"} for prompt in prompts]
    return {
        "task": "toy",
        "custom_dataset": lambda **_: {"test": Dataset.from_list(rows)},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{answer}}",
        "target_delimiter": "",
        "generation_kwargs": {"until": [], "max_gen_toks": 1024},
        "metric_list": [{"metric": "exact_match"}],
        **config,
    }


def evaluate(lm: Any, task: Any, **options: Any) -> Any:
    """Evaluate without lm-eval's index of tasks, which takes half a minute."""
    options.setdefault("task_manager", TaskManager(include_defaults=False))
    return simple_evaluate(model=lm, tasks=[task], bootstrap_iters=0, **options)
