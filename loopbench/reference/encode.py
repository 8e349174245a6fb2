"""Examples to token rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loopbench.reference.data import Example
from loopbench.reference.training import TrainingRow


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    """Return the ids of a prompt in the tokenizer's chat template."""
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
    )
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def rows(tokenizer: Any, examples: Sequence[Example], *, only_outputs: bool) -> list[TrainingRow]:
    """Encode examples; a prompt goes through the chat template, running text does not.

    Parameters
    ----------
    tokenizer
        Has a chat template, if an example has a prompt.
    examples
        Prompts and outputs.
    only_outputs
        Learn the outputs and their end only, not the prompts.
    """
    encoded = []
    for example in examples:
        if example.prompt:
            head = prompt_ids(tokenizer, example.prompt)
        else:
            head = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        body = tokenizer(example.output, add_special_tokens=False)["input_ids"]
        start = len(head) if only_outputs and example.prompt else 0
        encoded.append(TrainingRow([*head, *body, tokenizer.eos_token_id], start))
    return encoded
