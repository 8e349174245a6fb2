"""Hugging Face causal language models through `transformers`, on CPU or GPU.

Rows are generated together, each is watched, and one that ends or loops leaves the batch
at once: the next request takes its place. Of a model's `generation_config` only the
tokens that end an output are used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopbench.backends.base import Capabilities, ThinkingEnd, Watch, failed, thinking_end
from loopbench.backends.intake import LIMIT
from loopbench.backends.parts.cores import default_threads
from loopbench.backends.parts.template import Renderer, TemplateError
from loopbench.backends.transformers.files import (
    find_folder,
    model_info,
    read_folder,
    require,
)
from loopbench.backends.transformers.load import (
    DTYPES,
    load_model,
    pick_device,
    pick_dtype,
    quiet,
)
from loopbench.closeable import Closeable
from loopbench.errors import BackendError
from loopbench.judging.thinking import opens_thinking, thinking_end_text
from loopbench.types import Generation, ModelInfo, Request

if TYPE_CHECKING:
    from loopbench.backends.transformers.batch import Stepper
    from loopbench.backends.transformers.engine import BatchRow

DEFAULT_SLOTS = 8
_SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token")


class TransformersBackend(Closeable):
    """A loaded model; see `open_backend`.

    Parameters
    ----------
    model, tokenizer
        As transformers gives them.
    slots
        Rows at the same time.
    context
        Most tokens of a prompt and its output; 0 for no limit.
    renderer
        Renders prompts; None for a model without a chat template.
    exact_prefix
        See `engine.BatchRow`.
    resources
        Closed with the backend.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        info: ModelInfo,
        *,
        slots: int,
        context: int = 0,
        renderer: Renderer | None = None,
        exact_prefix: bool = False,
        resources: ExitStack | None = None,
    ) -> None:
        from loopbench.backends.transformers.batch import Stepper

        self._model, self._tokenizer, self._info = model, tokenizer, info
        stepper = Stepper(model)
        self._stepper: Stepper | None = stepper
        self.slots = slots if stepper.takes_positions else 1
        self._context = context
        self._renderer = renderer
        self._exact_prefix = exact_prefix
        self._resources = resources or ExitStack()
        self._ends = end_ids(model, tokenizer)
        self._control = frozenset(tokenizer.all_special_ids) | self._ends
        self._decode = _decoder(tokenizer)
        self._vocabulary = int(model.get_input_embeddings().weight.shape[0])

    def info(self) -> ModelInfo:
        """Describe the loaded model and the engine."""
        return self._info

    def generate(
        self, requests: Iterable[Request], watch: Watch
    ) -> Generator[tuple[Request, Generation], None, None]:
        """Run the requests; see `loopbench.backends.base.Backend`.

        Everything happens in the caller's thread, between one result and the next.
        """
        from loopbench.backends.transformers.engine import RowEngine

        if self._stepper is None:
            raise BackendError("The backend is closed.")
        engine = RowEngine(self._stepper, self._ends, self._model.device)
        pending = iter(requests)
        more = True
        while True:
            fresh: list[BatchRow] = []
            while more and engine.accepts and len(engine.rows) + len(fresh) < self.slots:
                request = next(pending, None)
                if request is None:
                    more = False
                    break
                row = self._row(request, watch)
                if isinstance(row, Generation):
                    yield request, row
                else:
                    fresh.append(row)
            if not fresh and not engine.rows:
                return
            for row, generation in engine.turn(fresh):
                yield row.request, generation

    def _row(self, request: Request, watch: Watch) -> BatchRow | Generation:
        """Prepare a request, or return the generation of one that cannot be run."""
        from loopbench.backends.transformers.engine import BatchRow

        try:
            text = self._rendered(request.prompt, request.chat())
        except TemplateError as error:
            return failed(str(error), "template")
        prompt = self._ids(text)
        needed = len(prompt) + request.sampling.max_new_tokens
        if self._context and needed > self._context:
            return failed(
                f"The prompt has {len(prompt):,} tokens; with a budget of"
                f" {request.sampling.max_new_tokens:,} it needs {needed:,} of the model's"
                f" {self._context:,} tokens of context.",
                "context",
            )
        if not prompt:
            return failed("The prompt has no tokens.", "prompt")
        if max(chain(prompt, request.prefix_ids)) >= self._vocabulary:
            return failed("The prompt has tokens that the model does not know.", "prompt")
        row = BatchRow(
            request,
            watch(request),
            prompt,
            decode=self._decode,
            control=self._control,
            exact_prefix=self._exact_prefix,
            opened_thinking=self._renderer is not None and opens_thinking(text),
        )
        # A prefix may have used the budget up already.
        return row.generation(LIMIT) if row.used_up else row

    def prompt_ids(self, prompt: str, chat: Sequence[Mapping[str, str]] | None = None) -> list[int]:
        """Return the ids of a prompt, after the chat template where the model has one.

        Parameters
        ----------
        chat
            The conversation to render instead of `prompt`, if there is a template.

        Raises
        ------
        TemplateError
            If the template cannot be rendered.
        """
        return self._ids(self._rendered(prompt, chat))

    def _rendered(self, prompt: str, chat: Sequence[Mapping[str, str]] | None) -> str:
        return prompt if self._renderer is None else self._renderer.render(chat or prompt)

    def _ids(self, text: str) -> list[int]:
        # A template writes the special tokens itself.
        special = {} if self._renderer is None else {"add_special_tokens": False}
        return list(self._tokenizer(text, **special)["input_ids"])

    def thinking_end(self) -> ThinkingEnd:
        """Return what ends a thinking block of this model.

        Raises
        ------
        BackendError
            If the tokenizer has no tokens for it, or the template cannot be rendered.
        """
        template = getattr(self._tokenizer, "chat_template", None)
        text = thinking_end_text(template if isinstance(template, str) else None)
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        try:
            prompt = self._renderer.render("Hello.") if self._renderer else ""
        except TemplateError as error:
            raise BackendError(f"{self._info.path} cannot be used: {error}") from error
        return thinking_end(ids, text, opens_thinking(prompt))

    def close(self) -> None:
        """Release the model; idempotent."""
        self._model = None
        self._stepper = None
        if self._renderer:
            self._renderer.close()
        self._resources.close()


def end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the ids that end an output: those of the model and of its tokenizer."""
    ends: set[int] = set()
    settings = (getattr(model, "generation_config", None), model.config.get_text_config())
    for value in (*(getattr(s, "eos_token_id", None) for s in settings), tokenizer.eos_token_id):
        ends |= set(value) if isinstance(value, list | tuple) else {value}
    return frozenset(end for end in ends if isinstance(end, int))


def _decoder(tokenizer: Any) -> Callable[[list[int]], str]:
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is not None and hasattr(fast, "decode"):
        # Without the wrapper, which costs more than the decoding of a few tokens.
        return lambda ids: str(fast.decode(ids, skip_special_tokens=True))
    return lambda ids: str(
        tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    )


def open_backend(
    place: str | Path,
    *,
    name: str | None = None,
    slots: int | None = None,
    threads: int | None = None,
    max_new_tokens: int = 1024,
    prompt_allowance: int = 1024,
    deterministic: bool = False,
    seed: int = 0,
    template_s: float = 10.0,
    device: str | None = None,
    dtype: str | None = None,
) -> TransformersBackend:
    """Load a model folder, or a model of the Hugging Face hub.

    Parameters
    ----------
    name
        Short name for tables; the folder's name by default.
    slots
        Rows at the same time; `DEFAULT_SLOTS` by default.
    threads
        CPU threads; the cores that are free by default.
    max_new_tokens
        The largest budget of any request.
    deterministic
        One row at a time, and a continuation is fed token by token: the same request then
        gives the same ids on the same machine and thread count.
    seed, prompt_allowance
        Not used: each request has its seed, and a cache grows with its prompt.
    template_s
        Longest time that rendering the chat template may take.
    device
        `cpu`, `cuda`, `cuda:1`, `mps`, or a device map such as `auto`.
    dtype
        `float32`, `float16`, `bfloat16`, or `auto` for the checkpoint's own.

    Raises
    ------
    ValueError
        For folders that must not be loaded, and unknown devices and types.
    BackendError
        If the engine is missing or cannot load the model.
    """
    require()
    import torch

    folder = read_folder(find_folder(str(place)))
    context = folder.context_length
    if context and max_new_tokens >= context:
        raise BackendError(
            f"{folder.path} was trained for {context:,} tokens of context, and a budget of"
            f" {max_new_tokens:,} does not fit. Use a smaller --max-new-tokens."
        )
    device = pick_device(device)
    dtype = pick_dtype(dtype, device, folder)
    if device == "cpu":
        torch.set_num_threads(threads or default_threads())
    with ExitStack() as stack:
        stack.enter_context(quiet())
        model, tokenizer = load_model(folder, device, dtype)
        resources = stack.pop_all()
    special = {key: str(value) for key in _SPECIAL if (value := getattr(tokenizer, key, None))}
    renderer = None
    if folder.chat_template is not None:
        renderer = Renderer(folder.chat_template, special, template_s, library=True)
    return TransformersBackend(
        model,
        tokenizer,
        model_info(folder, name or _name(place), DTYPES[dtype]),
        slots=1 if deterministic else slots or DEFAULT_SLOTS,
        context=context,
        renderer=renderer,
        exact_prefix=deterministic,
        resources=resources,
    )


def _name(place: str | Path) -> str:
    return Path(place).resolve().name if Path(place).exists() else Path(place).name


class _Transformers:
    """The backend as the registry sees it."""

    name = "transformers"
    default_slots = DEFAULT_SLOTS
    capabilities = Capabilities(options=frozenset({"device", "dtype"}), ends_thinking=True)

    def describe(
        self,
        place: str | Path,
        *,
        name: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
    ) -> ModelInfo:
        """Return the provenance of a model without loading its weights.

        Raises
        ------
        ValueError
            For folders that must not be loaded, and unknown devices and types.
        BackendError
            If the engine is missing.
        """
        require()
        folder = read_folder(find_folder(str(place)))
        dtype = pick_dtype(dtype, pick_device(device), folder)
        return model_info(folder, name or _name(place), DTYPES[dtype])

    def open(self, place: str | Path, **settings: Any) -> TransformersBackend:
        """Load a model; see `open_backend`."""
        return open_backend(place, **settings)


BACKEND = _Transformers()
