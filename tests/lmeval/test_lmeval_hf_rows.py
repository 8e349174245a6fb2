"""Ids and finish of the rows of a batch that lm-eval's `hf` model type generated."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from loopbench.lmeval.capture_hf import _by_prefixes, capture, origin_of, token_texts
from loopbench.lmeval.output import Response

EOS, PAD = 1, 2


class Letters:
    """A tokenizer without a fast backend: token 10 is `a`, 11 is `b`; two tokens make `é`."""

    eos_token_id = EOS

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        special = {EOS: b"</s>", PAD: b"<pad>", 3: b"\xc3", 4: b"\xa9"}
        parts = (special.get(i, bytes([87 + i])) for i in ids)
        return b"".join(parts).decode("utf-8", "replace")


def fake_lm(ends: Any = None, backend: str = "causal") -> SimpleNamespace:
    config = SimpleNamespace(eos_token_id=ends)
    return SimpleNamespace(
        model=SimpleNamespace(generation_config=config), tokenizer=Letters(), eot_token_id=EOS,
        backend=backend,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "stop", "finish", "raw", "ids", "text"),
    [
        ([10, 11, 10], [], "length", "length", [10, 11, 10], "aba"),
        ([10, EOS, PAD, PAD], [], "stop", "eos", [10, EOS], "a"),
        # Generation went on for the other rows of the batch.
        ([10, 11, 10, 11], ["b"], "stop", "until", [10, 11], "ab"),
        ([10, 11, EOS, PAD], ["b"], "stop", "until", [10, 11], "ab"),
        ([EOS, EOS], [], "stop", "eos", [EOS], ""),
        ([], [], "stop", "until", [], ""),
    ],
)
def test_rows_end_where_the_model_ended_them(row, stop, finish, raw, ids, text) -> None:
    origin = origin_of(fake_lm(), row, stop, budget=max(3, len(row)))
    assert (origin.finish, origin.raw_finish) == (finish, raw)
    assert (origin.token_ids, origin.text) == (ids, text)
    assert sum(origin.token_chars) == len(text)
    assert len(origin.token_chars) == len(ids)


def test_the_configuration_of_a_model_may_name_several_ends() -> None:
    assert origin_of(fake_lm([EOS, 11]), [10, 11, 10], [], 3).raw_finish == "eos"
    assert origin_of(fake_lm(10), [10, 11, 10], [], 3).token_ids == [10]


def test_a_row_that_is_shorter_than_the_budget_was_stopped() -> None:
    # By a stop string that the text of the single tokens does not show.
    assert origin_of(fake_lm(), [10, 11], ["zz"], 3).raw_finish == "until"


def test_characters_of_several_tokens_count_with_the_last() -> None:
    assert _by_prefixes(Letters(), [10, 3, 4, 11]) == ["a", "", "é", "b"]


def test_a_tokenizer_that_cannot_be_streamed_is_decoded_in_windows(monkeypatch) -> None:
    from tokenizers import decoders

    class Failing:
        def __init__(self, **settings: Any) -> None:
            pass

        def step(self, tokenizer: Any, token: int) -> str:
            raise Exception("Invalid prefix encountered")

    monkeypatch.setattr(decoders, "DecodeStream", Failing)
    tokenizer = Letters()
    tokenizer.backend_tokenizer = object()
    assert token_texts(tokenizer, [10, 3, 4, 11]) == ["a", "", "é", "b"]


class Rows(list):
    """What the code needs of a tensor."""

    def tolist(self) -> list[Any]:
        return list(self)


def test_each_decoded_row_gets_its_own_origin() -> None:
    lm = fake_lm()
    prompt = [10, 11]
    batch = Rows([[*prompt, 10, 10, 11], [*prompt, 11, EOS, PAD]])
    lm._model_generate = lambda context, max_length, stop, **more: batch
    lm.tok_decode = lambda tokens, skip_special_tokens=True: Letters().decode(
        tokens if isinstance(tokens, list) else [tokens]
    )
    before = dict(vars(lm))
    with ExitStack() as undo:
        capture(lm, undo)
        # The end-of-sequence string is decoded first of all.
        assert type(lm.tok_decode(EOS)) is str
        lm._model_generate(context=SimpleNamespace(shape=(2, 2)), max_length=5, stop=["</s>"])
        first = lm.tok_decode([10, 10, 11])
        # After thinking was cut off only the end of the row is decoded.
        second = lm.tok_decode([EOS, PAD])
        assert type(lm.tok_decode([10])) is str
        lm._model_generate(context=SimpleNamespace(shape=(2, 2)), max_length=5, stop=[])
        assert type(lm.tok_decode([11, 11])) is str, "not the end of this row"
    assert isinstance(first, Response) and isinstance(second, Response)
    assert (first.origin.token_ids, first.origin.finish) == ([10, 10, 11], "length")
    assert (second.origin.token_ids, second.origin.finish) == ([11, EOS], "stop")
    assert vars(lm) == before


def test_an_encoder_decoder_row_holds_no_prompt() -> None:
    lm = fake_lm(backend="seq2seq")
    lm._model_generate = lambda context, max_length, stop, **more: Rows([[PAD, 10, 11]])
    lm.tok_decode = lambda tokens: Letters().decode(tokens)
    with ExitStack() as undo:
        capture(lm, undo)
        lm._model_generate(context=SimpleNamespace(shape=(1, 50)), max_length=3, stop=[])
        response = lm.tok_decode([PAD, 10, 11])
    assert response.origin.token_ids == [10, 11]
    assert response.origin.finish == "length"
