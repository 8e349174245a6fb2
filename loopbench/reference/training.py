"""The loop that every stage runs: steps, checkpoints, resume, metrics and a progress bar.

A stage gives a function that computes the gradients of one step from the step's number
alone. Everything random in it is derived from that number and the seed, so that a run that
was cut off and resumed ends with the weights of an uninterrupted one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import torch

from loopbench.reference import model as models
from loopbench.reference.config import StageConfig
from loopbench.reference.optim import Optimizers, schedule

STATE, METRICS, CONFIG, MODEL = "state.pt", "metrics.jsonl", "config.json", "model"

Metrics = dict[str, float]
StepFunction = Callable[[int], Metrics]
"""Compute the gradients of one step, and return what to log."""


def finished(out: Path | str) -> bool:
    """Return whether a stage has written its model."""
    return (Path(out) / MODEL / "config.json").is_file()


def train(
    config: StageConfig,
    model: Any,
    tokenizer: Any,
    step_function: StepFunction,
    *,
    stage: str,
    until: int | None = None,
) -> Path:
    """Run a stage to its end, or on from its last checkpoint, and save the model.

    Parameters
    ----------
    config
        Steps, rates and the folder, where everything is written.
    model, tokenizer
        What is trained, and saved with it.
    step_function
        Leaves gradients in the model. A metric `stop` above 0 ends the stage with that step.
    stage
        Its name in the log.
    until
        Stop before this step, after a checkpoint, as if the run had been cut off.

    Returns
    -------
    Path
        Folder of the trained model.
    """
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / CONFIG).write_bytes(msgspec.json.format(msgspec.json.encode(config)))
    optimizers = Optimizers(
        model, muon_lr=config.muon_lr, adam_lr=config.adam_lr, decay=config.decay
    )
    start = _restore(out, model, optimizers)
    last = config.steps if until is None else min(until, config.steps)
    log = _open_log(out, start)
    trained = [p for p in model.parameters() if p.requires_grad]
    stopped = False
    with log, _bar(stage, start, last) as advance:
        for step in range(start, last):
            began = time.perf_counter()
            model.train()
            metrics = step_function(step)
            norm = torch.nn.utils.clip_grad_norm_(trained, config.clip)
            optimizers.step(schedule(step, config.steps, cooldown=config.cooldown))
            stopped = metrics.pop("stop", 0.0) > 0
            metrics |= {"grad_norm": float(norm), "seconds": time.perf_counter() - began}
            advance(metrics)
            if rank():
                if stopped:
                    break
                continue
            log.write(json.dumps({"stage": stage, "step": step, **metrics}) + "\n")
            log.flush()
            if (step + 1) % config.checkpoint_every == 0 or step + 1 == last or stopped:
                _checkpoint(out, model, optimizers, step + 1)
            if stopped:
                break
    if (stopped or last == config.steps) and not rank():
        model.eval()
        models.save(model, tokenizer, out / MODEL)
        (out / STATE).unlink(missing_ok=True)
    return out / MODEL


def _checkpoint(out: Path, model: Any, optimizers: Optimizers, step: int) -> None:
    state = {
        "step": step,
        "model": {n: p for n, p in model.named_parameters() if p.requires_grad},
        "optimizers": optimizers.state_dict(),
    }
    partial = out / f"{STATE}.part"
    torch.save(state, partial)
    partial.replace(out / STATE)


def _restore(out: Path, model: Any, optimizers: Optimizers) -> int:
    path = out / STATE
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"], strict=False)
    optimizers.load_state_dict(state["optimizers"])
    return int(state["step"])


def _open_log(out: Path, start: int) -> Any:
    # Lines after the checkpoint are dropped: those steps are run again.
    path = out / METRICS
    if rank():
        return path.open("a")
    kept: list[str] = []
    if path.is_file() and start:
        kept = [line for line in path.read_text().splitlines() if json.loads(line)["step"] < start]
    path.write_text("".join(f"{line}\n" for line in kept))
    return path.open("a")


class _bar:  # noqa: N801
    """A progress bar on a terminal, and a line now and then elsewhere."""

    def __init__(self, stage: str, start: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[shown]}"))
        self._progress = Progress(
            *Progress.get_default_columns()[:2], *columns, console=console,
            disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task(stage, total=total, completed=start, shown="")

    def __enter__(self) -> Callable[[Metrics], None]:
        self._progress.start()
        return self._advance

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def _advance(self, metrics: Metrics) -> None:
        hidden = ("seconds", "grad_norm", "tokens")
        shown = " ".join(f"{k}={v:.3f}" for k, v in metrics.items() if k not in hidden)
        self._progress.update(self._task, advance=1, shown=shown)


def set_up(config: StageConfig) -> None:
    """Prepare torch for a reproducible run on the given number of threads."""
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.manual_seed(config.seed)
    if world() > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


# --- batches ------------------------------------------------------------------------------


class TrainingRow(msgspec.Struct, frozen=True):
    """Token ids, and from which one on they are learnt."""

    ids: list[int]
    learnt_from: int
    weight: float = 1.0

    @property
    def learnt(self) -> int:
        """Number of targets."""
        return len(self.ids) - max(1, self.learnt_from)


def micro_batches(rows: Sequence[TrainingRow], most: int) -> Iterator[list[TrainingRow]]:
    """Yield rows grouped by length, so that padding is small and no group exceeds `most`.

    Parameters
    ----------
    rows
        In any order.
    most
        Tokens of a group, padding included; a single row may be longer.
    """
    group: list[TrainingRow] = []
    for row in sorted(rows, key=lambda row: len(row.ids)):
        if group and len(row.ids) * (len(group) + 1) > most:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def padded(rows: Sequence[TrainingRow], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids padded on the right, and a mask of the positions that are targets.

    Both have shape (rows, longest). Models are causal, so padding on the right needs no
    attention mask: nothing that counts can see it.
    """
    longest = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), longest), pad)
    targets = torch.zeros((len(rows), longest), dtype=torch.bool)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        targets[i, max(1, row.learnt_from) : len(row.ids)] = True
    place = models.device()
    return ids.to(place), targets.to(place)


def token_logprobs(model: Any, ids: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Return log-probabilities of `ids[:, 1:]`, shape (rows, longest - 1).

    Parameters
    ----------
    model
        A causal language model.
    ids
        Token ids, shape (rows, longest).
    temperature
        Divides the logits.
    """
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1] / temperature
    flat = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
    )
    return -flat.view(ids.shape[0], -1)


def accumulate(
    model: Any,
    groups: Sequence[Sequence[Any]],
    loss_of: Callable[[Sequence[Any]], tuple[torch.Tensor, Metrics]],
    threads: int,
) -> Metrics:
    """Leave the gradient of the sum of the groups' losses in the model.

    Several processes (`accelerate launch`, `torchrun`) share the groups and add up what they
    found, so that the result is that of one process.

    Each thread works on groups of its own with one core: at these sizes the cores of one
    matrix product would mostly wait for each other. Gradients are added in the order of the
    groups, so the result does not depend on timing or on the number of threads.

    Parameters
    ----------
    model
        Its weights that require gradients get them.
    groups
        What `loss_of` takes, one group after another.
    loss_of
        Returns the loss of a group, a scalar that can be differentiated, and what to add up.
    threads
        Groups at the same time, one core each.

    Returns
    -------
    dict
        Sums of what `loss_of` returned, and of the losses.
    """
    params = [p for p in model.parameters() if p.requires_grad]

    def gradients(group: Sequence[Any]) -> tuple[Any, Metrics]:
        torch.set_num_threads(1)
        loss, metrics = loss_of(group)
        found = torch.autograd.grad(loss, params, allow_unused=True)
        return found, metrics | {"loss": float(loss.detach())}

    total: Metrics = {}
    with ThreadPoolExecutor(max(1, threads)) as pool:
        # The longest first, so that no thread is left with a long one at the end.
        for found, metrics in pool.map(gradients, list(groups)[::-1][rank() :: world()]):
            for p, g in zip(params, found, strict=True):
                if g is not None:
                    p.grad = g if p.grad is None else p.grad.add_(g)
            for key, value in metrics.items():
                total[key] = total.get(key, 0.0) + value
    return _add_up(params, total) if world() > 1 else total


def rank() -> int:
    """Return which of the processes this one is."""
    return int(os.environ.get("RANK", "0"))


def world() -> int:
    """Return the number of processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _add_up(params: Sequence[torch.Tensor], metrics: Metrics) -> Metrics:
    """Add gradients and metrics over the processes."""
    from torch import distributed

    gathered: list[Metrics] = [{} for _ in range(world())]
    distributed.all_gather_object(gathered, metrics)
    for p in params:
        p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        distributed.all_reduce(p.grad)
    keys = {key for found in gathered for key in found}
    return {key: sum(found.get(key, 0.0) for found in gathered) for key in sorted(keys)}


def weights_of(rows: Sequence[TrainingRow]) -> torch.Tensor:
    """Return the rows' weights, shape (rows, 1)."""
    return torch.tensor([row.weight for row in rows], device=models.device())[:, None]


def learn(model: Any, rows: Sequence[TrainingRow], pad: int, config: StageConfig) -> Metrics:
    """Leave the gradient of the mean cross-entropy of the rows' targets in the model.

    Parameters
    ----------
    model
        A causal language model.
    rows
        What is learnt in this step.
    pad
        Id that fills the ends of short rows.
    config
        Size of a group in tokens, and threads.
    """
    total = sum(row.learnt for row in rows)

    def loss_of(group: Sequence[TrainingRow]) -> tuple[torch.Tensor, Metrics]:
        ids, targets = padded(group, pad)
        logprobs = token_logprobs(model, ids)
        weights = weights_of(group) * targets[:, 1:]
        return -(logprobs * weights).sum() / total, {}

    groups = list(micro_batches(rows, config.micro_tokens))
    metrics = accumulate(model, groups, loss_of, config.threads)
    return metrics | {"tokens": float(sum(len(row.ids) for row in rows))}
