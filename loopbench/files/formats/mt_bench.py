"""Answers and judgments of FastChat's MT-bench and of Arena-Hard.

After their writers: FastChat's `llm_judge/gen_model_answer.py` and `gen_judgment.py`, and
arena-hard-auto's `gen_answer.py` and `gen_judgment.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.formats.chats import answer_text
from loopbench.files.formats.common import count, first_text, mappings, model_of, object_of
from loopbench.files.outputs import FileOutput, Row, RowError

_JUDGMENTS = ("judgment", "g1_judgment", "g2_judgment")
_FAILED = ("$ERROR$", "ERROR")
_NAMES = ("question_id", "uid", "id")


class MtBench:
    """One output per turn of an answer, or per judgment."""

    name = "mt_bench"
    title = "answers and judgments of MT-bench (FastChat) and Arena-Hard"
    finish = "not told"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, Mapping) or first_text(value, _NAMES) is None:
            return False
        if isinstance(value.get("choices"), list):
            return any(isinstance(c.get("turns"), list) for c in mappings(value["choices"]))
        if "ans_id" in value:
            return isinstance(value.get("messages"), list)
        if "judge" not in value:
            return False
        return isinstance(value.get("games"), list) or any(name in value for name in _JUDGMENTS)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = object_of(row)
        name = first_text(value, _NAMES)
        if isinstance(value.get("choices"), list):
            for repeat, choice in enumerate(mappings(value["choices"])):
                turns = choice.get("turns")
                if not isinstance(turns, list):
                    raise RowError(f"its field 'choices[{repeat}].turns' is no list")
                at = f"choices[{repeat}].turns"
                yield from _turns(turns, name, at, model=model_of(value), repeat=repeat)
        elif isinstance(value.get("messages"), list):
            said = [
                message.get("content")
                for message in mappings(value["messages"])
                if message.get("role") == "assistant"
            ]
            yield from _turns(said, name, "messages", model=model_of(value))
        elif "judge" in value:
            yield from _judgments(value, name)
        else:
            raise RowError("it has neither a list 'choices' nor a field 'judge'")


def _turns(turns: list[Any], name: str | None, at: str, **common: Any) -> Iterator[FileOutput]:
    for place, turn in enumerate(turns):
        field = f"{at}[{place}]"
        text, tokens = _said(turn, field)
        common["id"] = f"{name}/{place + 1}" if name and len(turns) > 1 else name
        if text in _FAILED:
            yield FileOutput(finish="error", error="its generation failed", field=field, **common)
        else:
            yield FileOutput(text=text, output_tokens=tokens, field=field, **common)


def _said(turn: Any, field: str) -> tuple[str, int | None]:
    """Return the text of a turn, and how many tokens the file counts in it."""
    if isinstance(turn, str):
        return turn, None
    if isinstance(turn, Mapping):
        words = turn.get("answer", turn.get("content"))
        thoughts = turn.get("thought", turn.get("reasoning_content"))
        if isinstance(words, str) or isinstance(thoughts, str):
            return answer_text(thoughts, words), count(turn.get("token_len"))
    raise RowError(f"its field {field!r} holds no text")


def _judgments(value: Mapping[str, Any], name: str | None) -> Iterator[FileOutput]:
    judge = value["judge"]
    judge = judge[0] if isinstance(judge, list) and judge else judge
    whose = [value.get(one) for one in ("model", "model_1", "model_2", "turn")]
    parts = [name, *(one for one in whose if isinstance(one, str | int))]
    common: dict[str, Any] = {
        "id": "/".join(str(part) for part in parts if part is not None),
        "model": judge if isinstance(judge, str) else None,
    }
    games = value.get("games")
    places = (
        [
            (f"games[{number}].judgment", game.get("judgment"))
            for number, game in enumerate(games)
            if isinstance(game, Mapping)  # None where it could not be judged
        ]
        if isinstance(games, list)
        else [(field, value[field]) for field in _JUDGMENTS if field in value]
    )
    for repeat, (field, judgment) in enumerate(places):
        text, tokens = _said(judgment, field)
        if text in _FAILED:
            yield FileOutput(
                finish="error", error="its generation failed", repeat=repeat, field=field, **common
            )
        else:
            yield FileOutput(text=text, output_tokens=tokens, repeat=repeat, field=field, **common)


FORMAT = MtBench()
