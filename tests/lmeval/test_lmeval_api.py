"""lm-eval's OpenAI-style model types against a local server: what it says is not lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from toy import evaluate, toy_task

from loopbench.lmeval.capture_api import origin_of

pytestmark = pytest.mark.filterwarnings("ignore")

LOOP_IDS = [11, 12, 13] * 100


class Server:
    """Answers every request by a function, and keeps what it was asked."""

    def __init__(self) -> None:
        self.reply: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: {}
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                data = json.dumps(outer.reply(body)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1/completions"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def choice(text: str, finish: str | None, **more: Any) -> dict[str, Any]:
    return {"index": 0, "text": text, "finish_reason": finish, **more}


def run(server: Server, model: str, *, concurrent: int = 1, **options: Any) -> list[Any]:
    from lm_eval.api.registry import get_model

    lm = get_model(model)(
        base_url=server.url, model="m", tokenizer_backend=None, num_concurrent=concurrent
    )
    results = evaluate(lm, toy_task(["loop", "stop"]), **options)
    rows = sorted(results["samples"]["toy"], key=lambda row: row["doc_id"])
    assert "parse_generations" not in vars(lm)
    return [(row["loopbench"][0], row["resps"][0][0]) for row in rows]


@pytest.mark.parametrize("concurrent", [1, 2])
def test_ids_and_finish_reach_the_detectors(server: Server, concurrent: int) -> None:
    def reply(body: dict[str, Any]) -> dict[str, Any]:
        if body["prompt"] == "loop":
            return {"choices": [choice("so it goes " * 100, "length", token_ids=LOOP_IDS)]}
        return {"choices": [choice("7", "stop", token_ids=[9, 2])]}

    server.reply = reply
    loop, stop = run(server, "local-completions", concurrent=concurrent)
    assert (loop[0]["outcome"], loop[0]["period"], loop[0]["tokenization"]) == ("doom", 3, "given")
    assert (stop[0]["outcome"], stop[1]) == ("clean", "7")
    assert all(body["return_token_ids"] and body["return_tokens"] for body in server.asked)


def test_llama_cpp_tells_ids_and_stop_strings(server: Server) -> None:
    def reply(body: dict[str, Any]) -> dict[str, Any]:
        if body["prompt"] == "loop":
            verbose = {"tokens": LOOP_IDS, "stop_type": "limit", "stopping_word": ""}
            return {"choices": [choice("so it goes " * 100, "length")], "__verbose": verbose}
        verbose = {"tokens": [9], "stop_type": "word", "stopping_word": "\n\n"}
        return {"choices": [choice("7", "stop")], "__verbose": verbose}

    server.reply = reply
    (loop, _), (stop, _) = run(server, "local-completions")
    assert (loop["outcome"], loop["tokens"], loop["raw_finish"]) == ("doom", 300, "length")
    assert (stop["outcome"], stop["raw_finish"]) == ("clean", "until")


def test_without_ids_the_text_is_scored_and_the_finish_still_counts(server: Server) -> None:
    server.reply = lambda body: {
        "choices": [choice("so it goes " * 100, "stop" if body["prompt"] == "stop" else "length")]
    }
    (loop, _), (stop, _) = run(server, "local-completions")
    assert (loop["outcome"], loop["tokenization"], loop["level"]) == (
        "doom",
        "words-v2",
        "verbatim",
    )
    assert (stop["outcome"], stop["finish"]) == ("recovered", "stop")


def test_a_strict_server_is_spared_the_question(server: Server, monkeypatch) -> None:
    monkeypatch.setenv("LOOPBENCH_ASK_FOR_IDS", "0")
    server.reply = lambda body: {"choices": [choice("7", "stop")]}
    run(server, "local-completions")
    assert not {"return_token_ids", "return_tokens", "verbose"} & server.asked[0].keys()


def test_thinking_is_judged_whoever_cuts_it_off(server: Server) -> None:
    thinking = "so it goes " * 100

    def reply(body: dict[str, Any]) -> dict[str, Any]:
        looping = body["messages"][0]["content"] == "loop"
        # A server that splits the thinking off has no content if it never ended.
        message = {"reasoning_content": thinking, "content": None if looping else "7"}
        return {"choices": [{"index": 0, "message": message,
                             "finish_reason": "length" if looping else "stop"}]}  # fmt: skip

    server.reply = reply
    (loop, said), (stop, answer) = run(server, "local-chat-completions", apply_chat_template=True)
    assert (loop["outcome"], stop["outcome"], answer) == ("doom", "recovered", "7")
    assert loop["raw"] == thinking
    # What lm-eval puts in the place of an answer that is not there.
    assert said == ""


def test_strange_replies_are_taken_as_they_are() -> None:
    reply: dict[str, Any] = {"choices": [{}]}
    assert origin_of({"text": "a", "finish_reason": None}, reply).finish == "unknown"
    assert origin_of({"text": "a", "finish_reason": ["x"]}, reply).finish == "unknown"
    assert origin_of({"text": "a", "token_ids": ["x"]}, reply).token_ids is None
    assert origin_of({"text": "a", "token_ids": [True]}, reply).token_ids is None
    assert origin_of({"message": None}, reply).text == ""
    # Ids of a reply with several answers belong to none of them.
    two = {"choices": [{}, {}], "__verbose": {"tokens": [1]}}
    assert origin_of({"text": "a"}, two).token_ids is None


def test_openai_itself_is_asked_for_nothing_more(monkeypatch) -> None:
    from contextlib import ExitStack

    from lm_eval.api.registry import get_model

    from loopbench.lmeval.capture_api import capture

    lm = get_model("openai-chat-completions")(model="m")
    with ExitStack() as undo:
        capture(lm, undo)
        payload = lm._create_payload(
            [{"role": "user", "content": "a"}], generate=True, gen_kwargs={}
        )
    assert "return_token_ids" not in payload
