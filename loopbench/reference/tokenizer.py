"""A small byte-level BPE, the same in Hugging Face tokenizers and in llama.cpp.

The pre-tokenizer is the one that llama.cpp calls `qwen2`: digits stand alone. Think and
tool-call marks are tokens that are part of the text; only the marks of a turn are special,
which is what GGUF calls user-defined and control tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopbench.reference import data

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIAL = ("<|pad|>", "<|startoftext|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKS = ("<think>", "</think>", "<|tool_call_start|>", "<|tool_call_end|>")
PAD, BOS, EOS = "<|pad|>", "<|startoftext|>", "<|im_end|>"
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""llama.cpp's `qwen2`."""
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PACKAGED = Path(__file__).parent / "tokenizer"


def corpus(documents: int, seed: int = 0) -> Iterable[str]:
    """Yield the texts that the tokenizer is trained on: examples as the stages see them."""
    mixture = data.Mixture(facts=0.05)
    for index in range(documents):
        drawn = data.example(data.rng_of("tokenizer", seed, index), mixture)
        yield f"user\n{drawn.prompt}\nassistant\n{drawn.output}\n"


def train(documents: int = 6_000, size: int = 448, seed: int = 0) -> PreTrainedTokenizerFast:
    """Train the tokenizer; the same arguments give the same tokenizer.

    Parameters
    ----------
    documents
        Drawn examples that it is trained on.
    size
        Of the vocabulary in tokens, the special ones included.
    seed
        Of the examples.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[*SPECIAL, *MARKS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_without_marks(corpus(documents, seed)), trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in MARKS])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=BOS, eos_token=EOS
    )
    fast.chat_template = TEMPLATE
    return fast


def _without_marks(texts: Iterable[str]) -> Iterable[str]:
    # A mark is a token already; merges learnt across one could never be used.
    for text in texts:
        for mark in MARKS:
            text = text.replace(mark, "\n")
        yield text


def load(path: Path | str = PACKAGED) -> Any:
    """Load a tokenizer from a folder; the packaged one by default."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(path))


@cache
def packaged() -> Any:
    """Return the packaged tokenizer."""
    return load()


def chat(prompt: str) -> str:
    """Return a prompt in the chat template, up to where the model's output begins."""
    return f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"


def main() -> None:
    """Train and write the packaged tokenizer."""
    train().save_pretrained(str(PACKAGED))


if __name__ == "__main__":
    main()
