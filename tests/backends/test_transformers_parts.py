"""Text, sampling, batches and templates of the transformers backend, part by part."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_checkpoints import TEMPLATE, model, tokenizer

from loopbench.backends.parts.template import Renderer, TemplateError
from loopbench.backends.transformers.batch import Stepper, prefill, prefill_groups
from loopbench.backends.transformers.sampling import Draws, choose, penalise
from loopbench.backends.transformers.text import Detokenizer
from loopbench.types import Sampling

WORDS = tokenizer()


def decode(ids: list[int]) -> str:
    return str(WORDS.decode(ids, skip_special_tokens=True))


def pieces(ids: list[int], prefix: tuple[int, ...] = ()) -> list[str]:
    text = Detokenizer(decode, set(WORDS.all_special_ids), prefix)
    return [text.push(token) for token in ids]


def test_a_character_belongs_to_its_last_byte() -> None:
    assert pieces(WORDS("a⭐b")["input_ids"]) == ["a", "", "", "⭐", "b"]
    assert pieces(WORDS("👍")["input_ids"]) == ["", "", "", "👍"]


def test_control_tokens_have_no_text() -> None:
    (a,) = WORDS("a")["input_ids"]
    assert pieces([a, 256, a, 257]) == ["a", "", "a", ""]


@given(st.text(max_size=40))
def test_the_pieces_of_any_text_are_the_text(text: str) -> None:
    assert "".join(pieces(WORDS(text)["input_ids"])) == text


@given(st.lists(st.integers(0, 255), max_size=40))
def test_broken_bytes_never_hold_the_text_back(ids: list[int]) -> None:
    parts = pieces(ids)
    # A loop of such bytes must be seen by the watchers: at most three wait for a fourth.
    assert all(any(parts[i : i + 4]) for i in range(len(parts) - 3))


@given(st.text(min_size=1, max_size=20), st.integers(0, 60))
def test_a_continuation_adds_what_the_whole_did(text: str, cut: int) -> None:
    ids = WORDS(text)["input_ids"]
    whole = pieces(ids)
    cut = min(cut, len(ids))
    assert pieces(ids[cut:], tuple(ids[:cut])) == whole[cut:]


LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0]])


def draw(sampling: Sampling, count: int = 4000) -> Counter[int | None]:
    draws = Draws(sampling, "k", 0)
    return Counter(choose(LOGITS, [sampling], [draws], [None])[0] for _ in range(count))


def test_greedy_takes_the_largest_whatever_the_filters() -> None:
    for sampling in (Sampling(), Sampling(top_k=3, top_p=0.5, min_p=0.5)):
        assert draw(sampling, 5) == {0: 5}


def test_draws_have_the_probabilities_of_the_temperature() -> None:
    seen = draw(Sampling(temperature=2.0))
    mass = [math.exp(x / 2.0) for x in (2, 1, 0, -1)]
    for token, weight in enumerate(mass):
        expected = weight / sum(mass)
        # Five standard deviations; the draws are the same in every run.
        assert abs(seen[token] / 4000 - expected) < 5 * math.sqrt(expected / 4000)


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({}, {0, 1, 2, 3}),
        ({"top_k": 2}, {0, 1}),
        ({"top_p": 0.7}, {0, 1}),
        ({"min_p": 0.1}, {0, 1, 2}),
    ],
)
def test_each_filter_leaves_what_it_says(filters: dict[str, float], kept: set[int]) -> None:
    sampling = Sampling(temperature=1.0, **filters)  # type: ignore[arg-type]
    assert set(draw(sampling, 400)) == kept


def test_the_penalty_is_that_of_transformers() -> None:
    from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor

    seen = torch.tensor([[True, False, False, True]])
    theirs = RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([[0, 3]]), LOGITS.clone())
    assert torch.equal(penalise(LOGITS, seen, 1.3), theirs)


def test_a_seed_repeats_and_a_key_is_its_own() -> None:
    def first(seed: int, key: str, skip: int = 0) -> list[float]:
        draws = Draws(Sampling(temperature=1.0, seed=seed), key, skip)
        return [draws.next() for _ in range(3)]

    assert first(0, "a") == first(0, "a") != first(0, "b")
    assert first(0, "a") != first(1, "a")
    # Draw n belongs to token n, so that a continuation goes on.
    assert first(0, "a", 2)[0] == first(0, "a")[2]


def test_rows_without_numbers_are_told_apart() -> None:
    logits = torch.tensor([[1.0, float("nan")], [1.0, 2.0], [float("inf"), 0.0]])
    greedy = [Sampling()] * 3
    draws = [Draws(Sampling(), "k", 0)] * 3
    assert choose(logits, greedy, draws, [None] * 3) == [None, 1, None]


@given(st.lists(st.integers(1, 2000), max_size=12))
def test_prompts_of_one_prefill_are_of_similar_length(lengths: list[int]) -> None:
    groups = prefill_groups(lengths, 0.25)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        real = sum(lengths[index] for index in group)
        assert len(group) * max(lengths[index] for index in group) <= 1.25 * real


@settings(max_examples=8, deadline=None)
@given(
    kind=st.sampled_from(["llama", "lfm2", "gemma3"]),
    lengths=st.lists(st.integers(1, 24), min_size=2, max_size=4),
    steps=st.integers(1, 10),
)
def test_rows_joined_and_dropped_have_the_logits_of_rows_alone(
    kind: str, lengths: list[int], steps: int
) -> None:
    stepper = Stepper(model(kind).double())
    prompts = [[(7 * i + j) % 250 for j in range(n)] for i, n in enumerate(lengths)]
    alone = []
    for prompt in prompts:
        single = prefill(stepper, [prompt], "cpu")
        for token in range(steps):
            single.step(stepper, [token])
        alone.append(single.logits)
    batch = prefill(stepper, prompts[:1], "cpu")
    batch.join(prefill(stepper, prompts[1:], "cpu"))
    for token in range(steps):
        if token == steps // 2:
            batch.keep(range(1, len(prompts)))
        batch.step(stepper, [token] * batch.mask.shape[0])
    torch.testing.assert_close(batch.logits, torch.cat(alone[1:] if steps else alone))


@pytest.mark.slow
def test_templates_are_rendered_in_a_sandbox_with_limits() -> None:
    def render(template: str, seconds: float = 10.0) -> str:
        renderer = Renderer(template, {"bos_token": "<s>"}, seconds)
        try:
            return renderer.render("hi")
        finally:
            renderer.close()

    assert render(TEMPLATE) == "<|user|>hi<|assistant|>"
    assert render("{{ bos_token }}{{ messages[0].content }}") == "<s>hi"
    for hostile, complaint in {
        "{{ raise_exception('no') }}": "no",
        "{{ ''.__class__.__mro__ }}": "unsafe",
        "{{ messages.append(1) }}": "unsafe|immutable",
        "{% for": "TemplateSyntaxError",
        "{{ 'a' * 2000000 }}": "more than 1,000,000 characters",
        "{{ 'a' * 100000000000 }}": "MemoryError",
    }.items():
        with pytest.raises(TemplateError, match=complaint):
            render(hostile)
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match=r"it took longer than 0\.5 s"):
        render(endless, seconds=0.5)


@pytest.mark.slow
def test_a_template_that_hangs_once_does_not_stop_the_next_prompt() -> None:
    template = (
        "{% if messages[0].content == 'hang' %}{% for i in range(99999) %}"
        "{% for j in range(99999) %}{% endfor %}{% endfor %}{% endif %}ok"
    )
    renderer = Renderer(template, {}, 0.5)
    with pytest.raises(TemplateError, match="took longer"):
        renderer.render("hang")
    assert renderer.render("go") == "ok"
    renderer.close()
    renderer.close()


def test_a_conversation_is_rendered_message_by_message() -> None:
    renderer = Renderer("{% for m in messages %}{{ m.role }}: {{ m.content }};{% endfor %}", {})
    try:
        talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
        assert renderer.render(talk) == "user: q;assistant: a;"
        assert renderer.render("q") == "user: q;"
    finally:
        renderer.close()
