"""Transcriptions of Whisper, by OpenAI's own code, whisper.cpp, faster-whisper and others.

After the writers `whisper/transcribe.py` of openai/whisper, `examples/cli/cli.cpp` of whisper.cpp,
`whisperx/schema.py`, and the speech pipeline of transformers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loopbench.files.chunks import Chunk, joined
from loopbench.files.formats.common import first_text, mappings, object_of
from loopbench.files.outputs import FileOutput, Row, RowError, Skipped

_LISTS = ("segments", "transcription", "chunks")
_MARKS = (
    "start", "end", "timestamps", "offsets", "timestamp", "avg_logprob", "no_speech_prob",
    "compression_ratio",
)  # fmt: skip
_SEGMENT = frozenset(
    (
        "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob",
        "compression_ratio", "no_speech_prob", "words", "chars", "speaker", "confidence",
        "language", "duration", "transient",
    )
)  # fmt: skip
"""All that segments without a document around them may have; else it is another kind of row."""
_NAMES = ("id", "audio", "audio_path", "audio_file", "file", "filename", "path", "source")


class Whisper:
    """One output per transcription: the texts of its segments, each on a line of its own."""

    name = "whisper"
    title = "transcriptions of Whisper, whisper.cpp, faster-whisper, WhisperX"
    finish = "not told"

    def recognises(self, row: Row) -> bool:
        """See `Format.recognises`."""
        value = row.value
        return _is_segment(value) or (isinstance(value, Mapping) and _list_in(value) is not None)

    def grouped(self, rows: Iterator[Row | Skipped]) -> Iterator[Row | Skipped]:
        """Join segments that have no document around them to one transcription."""
        return joined(rows, lambda value: Chunk("", False) if _is_segment(value) else None, _join)

    def outputs(self, row: Row) -> Iterator[FileOutput]:
        """See `Format.outputs`."""
        value = _join([row.value]) if _is_segment(row.value) else object_of(row)
        field = _list_in(value)
        if field is None:
            raise RowError(f"it has no list of segments ({', '.join(_LISTS)})")
        lines = []
        for place, segment in enumerate(mappings(value[field])):
            if not isinstance(text := segment.get("text"), str):
                raise RowError(f"its field '{field}[{place}].text' holds no text")
            lines.append(text)
        yield FileOutput(
            text="\n".join(lines),
            id=first_text(value, _NAMES),
            model=_model(value),
            field=field if lines else "text",
        )


def _list_in(value: Mapping[str, Any]) -> str | None:
    """Return the name of the list of segments."""
    for name in _LISTS:
        found = value.get(name)
        if not isinstance(found, list):
            continue
        if any(
            "text" in segment and any(mark in segment for mark in _MARKS)
            for segment in mappings(found)
        ):
            return name
        # Silence.
        if not found and "language" in value and isinstance(value.get("text", ""), str):
            return name
    return None


def _is_segment(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("text"), str)
        and all(_is_time(value.get(name)) for name in ("start", "end"))
        and value.keys() <= _SEGMENT
    )


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _join(parts: list[Any]) -> Any:
    # Only what is read is kept: words and tokens are many.
    return {"segments": [{"start": 0, "text": part["text"]} for part in parts]}


def _model(value: Mapping[str, Any]) -> str | None:
    for name, inner in (("params", "model"), ("model", "type")):
        if isinstance(place := value.get(name), Mapping):
            return first_text(place, (inner,))
    return first_text(value, ("model", "model_name"))


FORMAT = Whisper()
