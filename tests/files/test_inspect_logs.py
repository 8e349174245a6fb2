"""inspect_ai's own logs, read with and without its reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from loopbench.files.reading import Item, open_reading

inspect_ai = pytest.importorskip("inspect_ai", reason="inspect_ai is not installed")


class Words:
    """Counts tokens without the vocabulary that would have to be fetched."""

    def encode(self, text: str, **_: object) -> list[int]:
        return [0] * len(text.split())


def test_both_readers_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tiktoken
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.log import read_eval_log
    from inspect_ai.model import GenerateConfig, ModelOutput, get_model

    monkeypatch.setattr(tiktoken, "get_encoding", lambda *_: Words())
    said = [
        ModelOutput.from_content("mockllm/model", "An oak.", stop_reason="stop"),
        ModelOutput.from_content("mockllm/model", "oak oak oak", stop_reason="max_tokens"),
    ]
    task = Task(
        dataset=[Sample(id=n, input=f"tree {n}", target="oak") for n in range(2)],
        epochs=2,
        config=GenerateConfig(max_tokens=64),
    )
    for kind in ("eval", "json"):
        model = get_model("mockllm/model", custom_outputs=said * 2)
        (log,) = eval(
            task, model=model, log_dir=str(tmp_path / kind), log_format=kind, display="none",
            max_samples=1, fail_on_error=False,
        )  # fmt: skip
        theirs = read_eval_log(log.location)
        path = Path(str(log.location).removeprefix("file://"))
        with open_reading(path) as reading:
            assert reading.format.name == "inspect_ai"
            found = [one.output for one in reading if isinstance(one, Item)]
        assert theirs.samples and len(theirs.samples) == len(found) == 4
        ours = {(one.id, one.repeat + 1): one for one in found}
        assert all(sample.error is None for sample in theirs.samples)
        for sample in theirs.samples:
            one = ours[str(sample.id), sample.epoch]
            assert one.model == theirs.eval.model and one.task == theirs.eval.task
            assert one.text == sample.output.completion
            assert one.raw_finish == sample.output.stop_reason
            assert one.budget == 64 and one.prompt == sample.input
