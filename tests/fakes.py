"""A backend that follows a script: the run loop without an engine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from loopbench.backends.base import Capabilities, ThinkingEnd, Watch
from loopbench.backends.forms import Target
from loopbench.judging.outcome import JUDGEMENT
from loopbench.judging.rules import MEASURE, STOP
from loopbench.results.header import Header
from loopbench.types import (
    SCHEMA_VERSION,
    Audit,
    Generation,
    Grade,
    ModelInfo,
    Record,
    Request,
    Sampling,
    Verdict,
)

Script = Callable[[Request], tuple[list[str], str]]
"""Request -> the pieces that the model says from its first token on, and the finish."""

LOOP = ["so ", "it ", "goes. "] * 400
ANSWER = ["The ", "answer ", "is ", "7."]
RAMBLE = [f"w{i * i}x " for i in range(2000)]


def generation(
    pieces: list[str], finish: Any, ids: list[int], error: str | None = None
) -> Generation:
    return Generation(
        text="".join(pieces),
        token_ids=ids,
        token_chars=[len(piece) for piece in pieces],
        finish=finish,
        raw_finish=finish,
        prompt_tokens=5,
        output_tokens=len(ids),
        seconds=1.0,
        error=error,
    )


def model_info(name: str, path: Path | None = None) -> ModelInfo:
    path = path or Path(f"/m/{name}.gguf")
    return ModelInfo(
        name=name,
        path=str(path),
        fingerprint=f"sha256:{path.stem}",
        architecture="fake",
        parameters=1,
        quantization="F32",
        context_length=4096,
        template_hash=None,
        engine="fake",
        engine_version="1",
    )


def header(*models: str, slots: int = 2) -> Header:
    return Header(
        schema_version=SCHEMA_VERSION,
        loopbench_version="0",
        created="2026-01-01T00:00:00+00:00",
        models=[model_info(name) for name in models or ("a",)],
        tasks={"chain_sum": 1},
        selection=["chain_sum"],
        items_hash="sha256:0",
        samples=1,
        samplings=[Sampling()],
        repeats=1,
        seed=0,
        measure=list(MEASURE),
        stop=list(STOP),
        audit_share=0.05,
        audit_min=20,
        deterministic=False,
        engine={"backend": "llamacpp", "slots": slots, "threads": None},
        judgement=JUDGEMENT,
    )


def record(
    key: str,
    outcome: Any = "clean",
    *,
    sample: str | None = None,
    model: str = "a",
    temperature: float = 0.0,
    task: str = "chain_sum",
    category: Any = "reasoning",
    level: Any = None,
    onset: int | None = None,
    finish: Any = None,
    tokens: int = 100,
    budget: int = 1000,
    repeat: int = 0,
    score: float | None = None,
) -> Record:
    """Return a record by its outcome; `level` is that of its loop."""
    looped = level is not None
    finish = finish or {"clean": "stop", "recovered": "stop", "error": "error"}.get(
        outcome, "length"
    )
    return Record(
        schema_version=SCHEMA_VERSION,
        key=key,
        model=model,
        task=task,
        task_version=1,
        sample_id=sample or key,
        level="hard",
        category=category,
        prompt="?",
        reference=None,
        sampling=Sampling(temperature=temperature, max_new_tokens=budget),
        repeat=repeat,
        generation=Generation(
            text="",
            token_ids=[],
            token_chars=[],
            finish=finish,
            raw_finish=finish,
            prompt_tokens=5,
            output_tokens=tokens,
            seconds=tokens / 10,
        ),
        verdicts=[
            Verdict(
                detector={"verbatim": "suffix"}.get(level, level),
                version=1,
                level=level,
                looped=True,
                terminal=outcome in ("doom", "circular"),
                onset=onset,
            )
        ]
        if looped
        else [],
        outcome=outcome,
        grade=Grade(correct=None if score is None else score == 1, score=score),
    )


def audit(key: str, outcome: Any = "doom", tokens: int = 50) -> Audit:
    return Audit(
        schema_version=SCHEMA_VERSION,
        key=key,
        generation=Generation(
            text="",
            token_ids=[],
            token_chars=[],
            finish="length",
            raw_finish="length",
            prompt_tokens=5,
            output_tokens=tokens,
            seconds=tokens / 10,
        ),
        verdicts=[],
        outcome=outcome,
        escaped=outcome not in ("doom", "error"),
    )


class FakeBackend:
    """Says what its script says, watched, within the budget, after any prefix."""

    def __init__(self, script: Script, seen: list[Request]) -> None:
        self.script, self.seen = script, seen

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Generator[tuple[Request, Generation], None, None]:
        for request in requests:
            self.seen.append(request)
            pieces, finish = self.script(request)
            if finish == "error":
                yield request, generation([], "error", [], "the engine stopped")
                continue
            budget = request.sampling.max_new_tokens
            if len(pieces) >= budget:
                finish = "length"
            monitor, said, ids = watch(request), [], []
            for piece in pieces[len(request.prefix_ids) : budget]:
                said.append(piece)
                ids.append(sum(map(ord, piece)))
                if monitor.push(ids[-1:], said[-1:]):
                    finish = "loop"
                    break
            yield request, generation(said, finish, ids)

    def thinking_end(self) -> ThinkingEnd:
        return ThinkingEnd((901, 902), ("\n</think>", "\n"), opened=False)

    def close(self) -> None:
        pass


class FakeFactory:
    """Stands in for `loopbench.backends`: models are names, `opened` counts loads."""

    name = "llamacpp"
    default_slots = 2
    capabilities = Capabilities(ends_thinking=True, constrains=True)

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.opened = 0
        self.settings: dict[str, Any] = {}

    def describe(self, place: str, *, name: str | None = None) -> ModelInfo:
        return model_info(name or Path(place).stem, Path(place))

    def open(self, place: str, **settings: Any) -> FakeBackend:
        self.opened += 1
        self.settings = settings
        return FakeBackend(self.script, self.requests)


def _locate(model: str, backend: str | None) -> Target:
    return Target(backend=backend or "llamacpp", place=f"/m/{model}.gguf", name=model)


def install(monkeypatch: Any, script: Script) -> FakeFactory:
    """Put a scripted backend in the place of the real one."""
    from loopbench.harness import engines, runner, targets

    factory = FakeFactory(script)
    for module in (engines, runner, targets):
        monkeypatch.setattr(module, "backends", SimpleNamespace(get=lambda name: factory))
    monkeypatch.setattr(runner, "forms", SimpleNamespace(locate=_locate))
    return factory


def by_task(**scripts: tuple[list[str], str]) -> Script:
    """Choose what is said by a word of the prompt; `other` for the rest."""

    def script(request: Request) -> tuple[list[str], str]:
        for word, said in scripts.items():
            if word in request.prompt:
                return said
        return scripts["other"]

    return script
