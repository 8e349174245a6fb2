"""The real engine on the real SmolLM2 file, with few tokens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from loopbench.backends.llamacpp.backend import LlamaCppBackend, open_backend
from loopbench.models import catalog
from loopbench.types import Generation, Request, Sampling

pytestmark = pytest.mark.slow
EMOJI = "Write ten star emojis."
PROMPTS = ("Say hi.", EMOJI, "Count from 1 to 30.", "Name three colours.")


class Watcher:
    def __init__(self, stop_after: int = 1 << 30) -> None:
        self.left = stop_after

    def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
        self.left -= len(ids)
        return self.left <= 0


def model() -> Path:
    try:
        return catalog.resolve("smollm2-135m")[1]
    except catalog.ModelError as error:
        pytest.fail(f"These tests need the real model. {error}")


def opened(**settings: Any) -> LlamaCppBackend:
    return open_backend(model(), name="smollm2-135m", **{"threads": 1} | settings)


@pytest.fixture(scope="module")
def backend() -> Iterator[LlamaCppBackend]:
    with opened(slots=2, max_new_tokens=400) as engine:
        yield engine


def ask(prompts: Sequence[str], budget: int, **more: Any) -> list[Request]:
    sampling = Sampling(max_new_tokens=budget, temperature=more.pop("temperature", 0.0))
    return [Request(key=f"{i}", prompt=p, sampling=sampling, **more) for i, p in enumerate(prompts)]


def run(
    engine: LlamaCppBackend, requests: list[Request], stop_after: int = 1 << 30
) -> list[Generation]:
    done = {r.key: g for r, g in engine.generate(requests, lambda r: Watcher(stop_after))}
    return [done[r.key] for r in requests]


def address(engine: LlamaCppBackend) -> str:
    assert engine._session
    return str(engine._session._base_url).rstrip("/")


def post(engine: LlamaCppBackend, path: str, body: Any) -> Any:
    request = urllib.request.Request(
        f"{address(engine)}/{path}",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {engine._engine.secret}"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def gone(pid: int, timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_pieces_ids_and_text_agree(backend: LlamaCppBackend) -> None:
    for result in run(backend, ask(PROMPTS, 40)):
        assert result.finish in ("stop", "length")
        assert len(result.token_ids) == len(result.token_chars)
        # A budget that ends inside a character costs the ids of its first bytes.
        assert 0 <= result.output_tokens - len(result.token_ids) <= 3
        assert sum(result.token_chars) == len(result.text)
        result.text.encode()
        ids = result.token_ids[: -1 if result.finish == "stop" else None]
        assert post(backend, "detokenize", {"tokens": ids})["content"] == result.text


def test_the_server_refuses_strangers(backend: LlamaCppBackend) -> None:
    url = f"{address(backend)}/tokenize"
    request = urllib.request.Request(url, data=b'{"content": "x"}')
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.code == 401
    caught.value.close()


def test_deterministic_runs_repeat_and_continue_exactly() -> None:
    with opened(deterministic=True, max_new_tokens=64) as engine:
        assert engine.slots == 1
        first = run(engine, ask(PROMPTS[2:3], 48))[0]
        run(engine, ask(PROMPTS[:1], 8))
        assert run(engine, ask(PROMPTS[2:3], 48))[0].token_ids == first.token_ids
        prefix = tuple(first.token_ids[:20])
        rest = run(engine, ask(PROMPTS[2:3], 48, prefix_ids=prefix))[0]
        assert [*prefix, *rest.token_ids] == first.token_ids
        # The ids that the stream withholds are the ones that an unstreamed request gives.
        (stars,) = run(engine, ask([EMOJI], 30))
        ids = engine._call(engine._client.prompt_ids(EMOJI))
        body = {
            "prompt": ids, "n_predict": 30, "temperature": 0, "samplers": ["temperature"],
            "return_tokens": True, "cache_prompt": False,
        }  # fmt: skip
        whole = post(engine, "completion", body)["tokens"]
        assert 0 in stars.token_chars
        assert stars.token_ids == whole[: len(stars.token_ids)]
        assert len(stars.token_ids) >= len(whole) - 2


def test_flash_attention_reaches_the_engine() -> None:
    likeliest = []
    for choice in ("on", "off", None):
        with opened(slots=1, max_new_tokens=8, flash_attention=choice) as engine:
            assert ("no flash" in engine.info().engine_version) is (choice != "on")
            ids = engine._call(engine._client.prompt_ids(PROMPTS[0]))
            body = {"prompt": ids, "n_predict": 1, "temperature": 0, "n_probs": 5}
            likeliest.append(post(engine, "completion", body)["completion_probabilities"])
    flash, plain, default = likeliest
    assert flash != plain
    assert plain == default


def test_sampling_differs_by_key_and_repeats_by_seed() -> None:
    with opened(deterministic=True, max_new_tokens=64) as engine:
        requests = ask(PROMPTS[:1] * 2, 16, temperature=1.0)
        first, second = run(engine, requests)
        again, _ = run(engine, requests)
    assert first.token_ids != second.token_ids
    assert first.token_ids == again.token_ids


def test_an_early_stop_frees_the_slot_for_the_next_request(backend: LlamaCppBackend) -> None:
    story = ["Write a very long story."] * 6
    started = time.monotonic()
    results = run(backend, ask(story, 400), stop_after=6)
    seconds = time.monotonic() - started
    assert [r.finish for r in results] == ["loop"] * 6
    assert all(len(r.token_ids) == 6 for r in results)
    (whole,) = run(backend, ask(story[:1], 60))
    # Six streams of 400 tokens on two slots would take 20 times as long as this one.
    assert seconds < 8 * whole.seconds


def test_a_killed_engine_gives_errors_and_is_started_again() -> None:
    with opened(slots=2, max_new_tokens=300) as engine:
        pid = engine._engine.pid  # type: ignore[attr-defined]

        class Killer(Watcher):
            def push(self, ids: Sequence[int], pieces: Sequence[str]) -> bool:
                self.left -= len(ids)
                if self.left < -10 and not gone(pid, 0.001):
                    os.kill(pid, signal.SIGKILL)
                return False

        requests = ask(["Write a very long story."] * 2, 300) + ask([PROMPTS[0]] * 3, 5)
        results = [
            g
            for r, g in engine.generate(
                requests, lambda r: Killer(0 if r.sampling.max_new_tokens > 5 else 1 << 30)
            )
        ]
        assert engine._engine.pid != pid  # type: ignore[attr-defined]
    results.sort(key=lambda r: r.finish)
    assert [r.finish for r in results] == ["error"] * 2 + ["length"] * 3
    assert all(
        r.error == "The engine stopped (signal 9 (SIGKILL)); 2 streams were lost;"
        " resume with --resume."
        for r in results[:2]
    )


def test_no_orphan_when_the_parent_is_killed() -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from loopbench.backends.llamacpp.backend import open_backend\n"
        "b = open_backend(Path(sys.argv[1]), slots=1, threads=1)\n"
        "print(b._engine.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(model())], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert not gone(child, 0.01)
        parent.kill()
    assert gone(child)


def test_close_ends_the_child_even_with_streams_under_way() -> None:
    engine = opened(slots=2, max_new_tokens=2_000)
    pid = engine._engine.pid  # type: ignore[attr-defined]
    stream = engine.generate(
        ask([*PROMPTS[:1], "Write a very long story."], 2_000), lambda r: Watcher()
    )
    next(stream)
    started = time.monotonic()
    engine.close()
    assert time.monotonic() - started < 3
    assert gone(pid, 0.5)


def test_constrained_decoding_gives_valid_json(backend: LlamaCppBackend) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string", "maxLength": 12}, "count": {"type": "integer"}},
        "required": ["colour", "count"],
        "additionalProperties": False,
    }
    (made,) = run(backend, ask(["Say hi."], 120, json_schema=schema))
    (free,) = run(backend, ask(["Say hi."], 20))
    assert made.text.lstrip().startswith("{")
    assert not free.text.lstrip().startswith("{")
    if made.finish == "stop":
        assert set(json.loads(made.text)) == {"colour", "count"}


def test_a_conversation_is_rendered_by_the_models_own_template(backend: LlamaCppBackend) -> None:
    talk = [
        {"role": "user", "content": "Say hi."},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Count from 1 to 30."},
    ]
    one, all_turns = (
        backend._call(backend._client.prompt_ids("unused", messages))
        for messages in (talk[:1], talk)
    )
    assert one == backend._call(backend._client.prompt_ids("Say hi."))
    # The last three tokens open the assistant's turn; what comes before is a prefix.
    assert all_turns[: len(one) - 3] == one[:-3]
    assert all_turns[-3:] == one[-3:]
    assert len(all_turns) > len(one) + 10
