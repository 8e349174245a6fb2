"""A model type of lm-eval that runs GGUF files through LoopBench's own backend."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from lm_eval.api.model import LM
from lm_eval.api.registry import model_registry
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text
from tqdm import tqdm

from loopbench import backends
from loopbench.errors import BackendError
from loopbench.judging.monitor import StreamMonitor
from loopbench.judging.rules import STOP, STOP_CIRCULAR, detectors_of
from loopbench.lmeval.output import Origin, Response, end_of_stop
from loopbench.models import catalog, gguf
from loopbench.types import Finish, Generation, Request, Sampling

logger = logging.getLogger("lm_eval.loopbench")

NAMES = ("loopbench", "loopbench-gguf")
"""Model types that this module adds."""

_BACKEND = "llamacpp"
_HANDLED = {
    "until", "max_gen_toks", "do_sample", "temperature", "top_k", "top_p", "min_p",
    "repetition_penalty",
}  # fmt: skip


def register() -> None:
    """Make the model types known by name, unless an entry point has done so."""
    for name in NAMES:
        if name not in model_registry:
            model_registry.register(name, target=LoopbenchLM)


class ChatPrompt(str):
    """A conversation as JSON, to be rendered by the model's own chat template."""

    __slots__ = ()


class Plan(NamedTuple):
    """One request of lm-eval, as it is asked of the backend."""

    prompt: str
    until: list[str]
    sampling: Sampling


class LoopbenchLM(LM):  # type: ignore[misc]
    """GGUF models with watched streams; generative tasks only.

    Parameters
    ----------
    pretrained, model
        A GGUF file, or a name that `loopbench ls models` shows.
    slots, threads
        Streams at the same time, CPU threads.
    max_length
        Context of one stream in tokens; by default what prompts and budget need.
    max_gen_toks
        Budget of tasks that name none.
    early_stop
        End streams that surely loop. They count as doomed; nothing is audited here.
    stop_circular
        End streams that have gone round for long, too. They count as circular, although some
        would have left that again.
    deterministic
        One slot and a fixed batch: the same ids again on the same machine.
    seed
        Of the sampling.
    think_end_token
        Text up to and including it is cut from the response; detectors see it.
    batch_size, max_batch_size, device
        Given by lm-eval's command line, and not looked at: `slots` takes their place.
    """

    def __init__(
        self,
        pretrained: str = "",
        *,
        model: str = "",
        slots: int | None = None,
        threads: int | None = None,
        max_length: int | None = None,
        max_gen_toks: int = 1024,
        early_stop: bool = True,
        stop_circular: bool = False,
        deterministic: bool = False,
        seed: int = 0,
        think_end_token: str | None = None,
        batch_size: Any = None,
        max_batch_size: Any = None,
        device: str | None = None,
    ) -> None:
        super().__init__()
        if not (pretrained or model):
            raise ValueError(
                "Name a model: --model_args pretrained=FILE.gguf, or one of 'loopbench ls models'."
            )
        if stop_circular and not early_stop:
            raise ValueError("stop_circular=True and early_stop=False exclude each other.")
        self._name, self._path = catalog.resolve(pretrained or model)
        self._header = gguf.read_header(self._path)
        self._slots, self._threads = slots, threads
        self._max_length = max_length
        stop = (*STOP, STOP_CIRCULAR) if stop_circular else STOP
        self._stop = stop if early_stop else ()
        self._deterministic = deterministic
        self._seed = seed
        self.max_gen_toks = max_gen_toks
        self.think_end_token = think_end_token

    @property
    def tokenizer_name(self) -> str:
        """Fingerprint of model and template, for lm-eval's cache of prompts."""
        return f"{self._name}-{self._header.template_hash}"

    def get_model_info(self) -> dict[str, Any]:
        """Return the provenance of the model, for lm-eval's results."""
        info = backends.get(_BACKEND).describe(Path(self._path), name=self._name)
        return {
            "model_fingerprint": info.fingerprint,
            "model_quantization": info.quantization,
            "model_num_parameters": info.parameters,
            "model_engine": f"{info.engine} {info.engine_version}",
        }

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """Return the model's chat template if it is to be used."""
        return self._header.chat_template if chat_template else None

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Return the conversation; it is rendered in the engine's process."""
        if self._header.chat_template is None:
            raise ValueError(
                f"{self._name} has no chat template; run without --apply_chat_template."
            )
        return ChatPrompt(json.dumps(chat_history, ensure_ascii=False))

    def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> NoReturn:
        """Refuse: this model type generates."""
        raise NotImplementedError(
            "The model type 'loopbench' runs generative tasks only; use 'hf' or 'gguf' for "
            "tasks that compare likelihoods."
        )

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> NoReturn:
        """Refuse: this model type generates."""
        self.loglikelihood(requests)

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Generate a response to each request.

        Raises
        ------
        BackendError
            If the engine cannot be used or every generation failed.
        """
        plans = [self._plan(*request.args[:2]) for request in requests]
        found: list[str] = [""] * len(plans)
        errors: list[str] = []
        with closing(self._open(plans)) as backend:
            progress = tqdm(total=len(plans), disable=disable_tqdm, desc="Running loopbench")
            for index, plan, generation in self._generate(backend, plans):
                origin, text = _result(generation, plan.until, self.think_end_token)
                found[index] = Response(text, origin)
                if generation.error:
                    errors.append(generation.error)
                else:
                    self.cache_hook.add_partial(
                        "generate_until", requests[index].args, found[index]
                    )
                progress.update()
            progress.close()
        if errors:
            if len(errors) == len(plans):
                raise BackendError(f"No generation succeeded. The first error: {errors[0]}")
            logger.warning("%d generations failed; the first error: %s", len(errors), errors[0])
        return found

    def _plan(self, prompt: str, gen_kwargs: Mapping[str, Any]) -> Plan:
        kwargs = normalize_gen_kwargs(dict(gen_kwargs), self.max_gen_toks)
        ignored = sorted(set(kwargs) - _HANDLED)
        if ignored:
            raise ValueError(
                f"The model type 'loopbench' does not know the generation argument {ignored[0]!r}."
            )
        temperature = float(kwargs.get("temperature", 1.0)) if kwargs.get("do_sample") else 0.0
        sampling = Sampling(
            temperature=temperature,
            max_new_tokens=kwargs["max_gen_toks"],
            seed=self._seed,
            top_k=int(kwargs.get("top_k") or 0),
            top_p=float(kwargs.get("top_p", 1.0)),
            min_p=float(kwargs.get("min_p", 0.0)),
            repetition_penalty=float(kwargs.get("repetition_penalty", 1.0)),
        )
        return Plan(prompt, [stop for stop in kwargs["until"] if stop], sampling)

    def _open(self, plans: Sequence[Plan]) -> Any:
        budget = max(plan.sampling.max_new_tokens for plan in plans)
        longest = max(len(plan.prompt.encode()) for plan in plans)
        settings: dict[str, Any] = {"max_new_tokens": budget}
        if self._max_length is not None:
            settings["context_per_slot"] = self._max_length
        # A token has at least one byte, and four in ordinary text: long prompts get half.
        settings["prompt_allowance"] = 256 + min(longest, max(4096, longest // 2))
        return backends.get(_BACKEND).open(
            Path(self._path),
            name=self._name,
            slots=self._slots,
            threads=self._threads,
            deterministic=self._deterministic,
            templated=False,
            **settings,
        )

    def _generate(
        self, backend: Any, plans: Sequence[Plan]
    ) -> Iterator[tuple[int, Plan, Generation]]:
        rules = detectors_of(self._stop)
        by_key = {_key(index, plan): (index, plan) for index, plan in enumerate(plans)}
        requests = (
            Request(key=key, prompt=_rendered(backend, plan.prompt), sampling=plan.sampling)
            for key, (_, plan) in by_key.items()
        )
        results = backend.generate(
            requests, lambda request: _Watch(rules, by_key[request.key][1].until)
        )
        with closing(results):
            for request, generation in results:
                yield *by_key[request.key], generation


class _Watch:
    """Ends a stream that loops, or that has written a stop string."""

    def __init__(self, rules: Sequence[Any], until: list[str]) -> None:
        self._monitor = StreamMonitor(rules)
        self._until = until
        self._keep = max(map(len, until), default=1) - 1
        self._tail = ""

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        seen = self._tail + "".join(pieces)
        self._tail = seen[len(seen) - self._keep :] if self._keep else ""
        looping = self._monitor.push(ids, pieces)
        return looping or any(stop in seen for stop in self._until)


def _key(index: int, plan: Plan) -> str:
    """Return an identity that differs between repeats and stays over runs."""
    content = json.dumps([index, str(plan.prompt), plan.until])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _rendered(backend: Any, prompt: str) -> str:
    if not isinstance(prompt, ChatPrompt):
        return prompt
    messages = json.loads(prompt)
    if messages[-1]["role"] != "assistant":
        return str(backend.render(messages))
    # A prefix of the answer: the model goes on where it ends.
    return str(backend.render(messages[:-1])) + str(messages[-1]["content"])


def _result(
    generation: Generation, until: list[str], think_end_token: str | None
) -> tuple[Origin, str]:
    """Return the origin of a generation and the text that lm-eval grades."""
    cut = end_of_stop(generation.text, until)
    finish: Finish = generation.finish
    raw = generation.raw_finish
    if cut is not None and finish != "error":
        finish, raw = "stop", "until"
    origin = Origin(
        text=generation.text,
        finish=finish,
        raw_finish=raw,
        token_ids=generation.token_ids,
        token_chars=generation.token_chars,
    )
    text = postprocess_generated_text(
        generation=generation.text, stop=until, think_end_token=think_end_token
    )
    return origin, str(text)
