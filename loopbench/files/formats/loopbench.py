"""LoopBench's own records: the lines of a run's `records.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from loopbench.files.outputs import FileOutput, Row, RowError
from loopbench.types import Count, Finish, Id, Sampling


class _Generation(msgspec.Struct, frozen=True):
    text: str
    token_ids: list[Id]
    token_chars: list[Count]
    finish: Finish
    raw_finish: str = ""
    output_tokens: int | None = None
    error: str | None = None


class _Line(msgspec.Struct, frozen=True):
    """What is read of a `loopbench.types.Record`; of an earlier version, too."""

    model: str
    task: str
    sample_id: str
    prompt: str
    sampling: Sampling
    generation: _Generation
    repeat: int = 0


class LoopBench:
    """Records of LoopBench's runs."""

    name = "loopbench"
    title = "`records.jsonl` of a run of LoopBench"
    finish = "always known"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        if not isinstance(value, dict) or "schema_version" not in value:
            return False
        generation = value.get("generation")
        return isinstance(generation, dict) and "token_chars" in generation

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = row.value
        if isinstance(value, dict) and "escaped" in value:
            raise RowError("it is an audit, the rest of an output; name records.jsonl instead")
        try:
            line = msgspec.convert(value, _Line)
        except (ValueError, RecursionError) as error:
            raise RowError(f"it is no record of a run: {error!s:.300}") from error
        made = line.generation
        failed = made.finish == "error"
        whole = len(made.token_ids) == len(made.token_chars)
        whole = (
            whole
            and sum(made.token_chars) == len(made.text)
            and min(made.token_chars, default=0) >= 0
        )
        yield FileOutput(
            text=None if failed and not made.text else made.text,
            token_ids=made.token_ids or None,
            token_chars=made.token_chars if whole and made.token_ids else None,
            finish=made.finish,
            raw_finish=made.raw_finish or None,
            id=line.sample_id,
            repeat=max(0, line.repeat),
            prompt=line.prompt or None,
            model=line.model,
            task=line.task,
            budget=line.sampling.max_new_tokens,
            output_tokens=made.output_tokens,
            error=(made.error or "the engine failed") if failed else None,
            field="generation.text",
        )


FORMAT = LoopBench()
