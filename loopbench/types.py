"""Every record that LoopBench passes around or writes to disk.

Records are frozen `msgspec` structs: they are validated when they are decoded and
fast on millions of lines. Only `pieces`, `naming`, `errors`, `closeable` and `children` lie below
this module; every other one may import it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import msgspec

if TYPE_CHECKING:
    from loopbench.pieces import Pieces

SCHEMA_VERSION = 2
"""Version of the files of a run; raised whenever an old reader could misread them.

1: circular ends were `truncated`, and their level was called `near`. A reader that does not know
`unknown` refuses a record with it and misreads none, so that did not raise it.
"""

Finish = Literal["stop", "length", "loop", "error", "unknown"]
"""Why a generation ended: by itself, at the budget, stopped by a watcher, or by a failure.

`unknown` is for outputs that someone else recorded without saying why they ended.
"""

Outcome = Literal["clean", "recovered", "doom", "circular", "truncated", "unknown", "error"]
"""How an output ended; see `loopbench.judging.outcome.classify`. Every output has exactly one."""

Level = Literal["verbatim", "counter", "circular"]
"""Kind of repetition a detector reports: L0, L1 and L2."""

Category = Literal["reasoning", "extraction", "tools", "agents", "ungraded"]
"""Family of a task; each but `ungraded` has its own score column."""


Id = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
"""A token's id. Files are hostile input, and arrays hold 64 bits."""

Count = Annotated[int, msgspec.Meta(ge=-(1 << 31), le=(1 << 31) - 1)]
"""A number of tokens, characters or blocks, or the place of one; millions of them add up."""


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the records: immutable and built by field name."""


class Rule(Struct, frozen=True):
    """A detector with its parameters, as written into a run's header."""

    detector: str
    parameters: dict[str, int | float] = msgspec.field(default_factory=dict)


class Sample(Struct, frozen=True):
    """One item of a task."""

    task: str
    task_version: int
    id: str
    """Unique within the task and its version; contains split, seed, level and index."""
    level: str
    """Difficulty, one of the task's `levels`."""
    category: Category
    prompt: str
    """What the model is asked, before any chat template."""
    reference: Any
    """What the grader needs: JSON-serialisable, never shown to the model."""


class Sampling(Struct, frozen=True):
    """How tokens are drawn. Nothing is hidden: every filter is off unless asked for."""

    temperature: float = 0.0
    max_new_tokens: Count = 1024
    """The budget: most tokens of one generation."""
    seed: int = 0
    top_k: int = 0
    """0 switches the filter off."""
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    constrained: bool = False
    """Only tokens that keep the output valid under its task's JSON schema."""
    think_budget: Count | None = None
    """Most tokens of thinking; an open block is then closed by force."""


class Message(Struct, frozen=True):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    """The two roles that every chat template has; a tool's result comes from the user."""
    content: str


class Request(Struct, frozen=True):
    """One generation asked of a backend."""

    key: str
    """Identity of the generation; comes back with its result."""
    prompt: str
    sampling: Sampling
    prefix_ids: tuple[int, ...] = ()
    """Output tokens that are already there: the generation goes on after them.

    They count against the budget, and they are not part of the returned generation.
    """
    prefix_text: str = ""
    """The text of `prefix_ids`, for engines whose ids are not the model's own."""
    prefix_tokens: int | None = None
    """What the prefix counts against the budget, where that is not the number of its ids."""
    sample_id: str = ""
    """Which sample is asked, where a backend looks recorded outputs up."""
    repeat: int = 0
    json_schema: dict[str, Any] | None = None
    """What the output must be valid under, where decoding is constrained."""
    messages: tuple[Message, ...] = ()
    """A conversation of several turns, for the model's chat template.

    `prompt` is then the same conversation in plain text, for models without a template.
    """

    def chat(self) -> list[dict[str, str]]:
        """Return what a chat template is given: the conversation, or the prompt as one message."""
        if not self.messages:
            return [{"role": "user", "content": self.prompt}]
        return [{"role": m.role, "content": m.content} for m in self.messages]


class Thinking(Struct, frozen=True):
    """The thinking of an output that had a budget of its own."""

    tokens: Count
    """Tokens inside thinking blocks up to the forced end, or in all."""
    finish: Literal["none", "closed", "open", "budget"]
    """No thinking; ended by the model; still open at the output's end; closed by force."""
    closed_at: Count | None = None
    """Index of the first token that closed the block by force."""
    closing_tokens: Count = 0
    """How many tokens closed it: part of the output, but not the model's."""


class Output(Struct, frozen=True):
    """The tokens of an output, and the text that each of them added."""

    text: str
    token_ids: list[Id]
    """Generated ids, the end-of-sequence id included where the engine reports it."""
    token_chars: list[Count]
    """Characters of `text` that each token added; same length as `token_ids`.

    Zero for control tokens and for the first bytes of a character split over tokens.
    """

    @classmethod
    def of(cls, ids: Sequence[int], pieces: Sequence[str], **fields: Any) -> Self:
        """Return an output of these tokens.

        Parameters
        ----------
        ids, pieces
            One id, and the text that it added, per token.
        **fields
            The other fields of the record.
        """
        return cls(
            text="".join(pieces), token_ids=list(ids), token_chars=list(map(len, pieces)), **fields
        )

    @classmethod
    def joined(cls, parts: Sequence[Output], **fields: Any) -> Self:
        """Return the parts of an output, one after another, as the whole that they make.

        Parameters
        ----------
        parts
            In their order.
        **fields
            The other fields of the record.
        """
        return cls(
            text="".join(part.text for part in parts),
            token_ids=[one for part in parts for one in part.token_ids],
            token_chars=[count for part in parts for count in part.token_chars],
            **fields,
        )

    @property
    def pieces(self) -> Pieces:
        """The text of every token, cut when it is asked for."""
        # Imported here: it brings numpy, and the command line has to start without.
        from loopbench.pieces import cut

        return cut(self.text, self.token_chars)


class Generation(Output, frozen=True):
    """What a backend returned for one request."""

    finish: Finish
    raw_finish: str
    """The engine's own word for why it stopped."""
    prompt_tokens: Count
    output_tokens: Count
    seconds: float
    """Wall time from submission to the last token."""
    error: str | None = None
    opened_thinking: bool = False
    """The chat template ended the prompt with `<think>`: the output begins inside it."""
    thinking: Thinking | None = None
    """What became of the thinking; None where it had no budget of its own."""


class LoopSpan(Struct, frozen=True):
    """A looping stretch of an output, in token indices.

    `start` is the onset, `end` is exclusive. `period` is the length in tokens of the
    smallest block that repeats; a counter loop whose numbers grow has blocks of unequal
    length, and `period` is then that of the last one. `repeats` counts whole blocks.
    """

    start: Count
    end: Count
    period: Count
    repeats: Count


class Verdict(Struct, frozen=True):
    """What one detector says about one output."""

    detector: str
    version: int
    level: Level
    looped: bool
    """A loop was found anywhere."""
    terminal: bool
    """The output was still in a loop at its last token."""
    onset: Count | None = None
    """First token of the reported loop: the terminal one, else the longest."""
    period: Count | None = None
    repeats: Count | None = None
    spans: list[LoopSpan] = msgspec.field(default_factory=list)
    score: float | None = None
    """The detector's own measure, where it has one."""
    template: str | None = None
    """Counter loops: one block with its numbers as `{}`."""
    strides: list[float] | None = None
    """Counter loops: the step of each `{}` from one block to the next; 0 for a constant."""


class Grade(Struct, frozen=True):
    """What a task's grader says about one output.

    Ungraded is a value: `correct` is None when no judgement was possible.
    """

    answer: str | None = None
    """The extracted answer, as found in the output."""
    correct: bool | None = None
    score: float | None = None
    """Between 0 and 1: field F1 for extraction, call score for tools, 0 or 1 for reasoning."""
    problem: str | None = None
    """Why there is no full score: `no_answer`, `invalid_json`, `schema_violation`, …"""
    parts: dict[str, float] = msgspec.field(default_factory=dict)
    """Named partial scores, such as `valid_json` or `schema_valid`."""


class ModelInfo(Struct, frozen=True):
    """Provenance of a model under test: a rate without it cannot be compared."""

    name: str
    path: str
    fingerprint: str
    """`sha256:` and the hash of the weights."""
    architecture: str
    parameters: int
    quantization: str
    context_length: int
    """Longest context the model was trained for, in tokens."""
    template_hash: str | None
    """Hash of the chat template; None for a model that has none and gets plain prompts."""
    engine: str
    engine_version: str
    tokenization: str = "model"
    """What the ids of its outputs are: the model's own, or a declared split of the text."""


class ToolUse(Struct, frozen=True):
    """One tool call of an episode."""

    name: str
    arguments: str
    """The arguments as JSON."""
    result: str
    """What the model was given back."""


class Turn(Struct, frozen=True):
    """One generation of an episode, with everything that a replay needs."""

    depth: Count
    """0 for the question itself, 1 for a sub-question, and so on."""
    messages: list[Message]
    """What the model saw."""
    text: str
    """What it said; the record's generation holds all turns one after another."""
    tokens: Count
    """Ids of this turn in the record's `token_ids`."""
    output_tokens: Count
    """What it counts against the budget, where that is not the number of its ids."""
    finish: Finish
    raw_finish: str
    prompt_tokens: Count
    calls: list[ToolUse] = msgspec.field(default_factory=list)
    problem: str | None = None
    """`unreadable_call` where something like a call could not be read."""
    thinking: Thinking | None = None


class EpisodeRule(Struct, frozen=True):
    """How agent tasks are run: a rate of episodes belongs to it."""

    closed_book: bool
    """The same questions in one turn, without tools."""
    max_turns: int
    """Most generations of an episode, those of sub-questions included."""
    context: int
    """Tokens of the longest prompt; older turns are dropped to keep to it."""
    max_depth: int
    """How deep sub-questions may nest."""
    tools: int
    """Version of the tools and of the wording around them."""


class Record(Struct, frozen=True):
    """One line of `records.jsonl`: one generation, judged."""

    schema_version: int
    key: str
    model: str
    task: str
    task_version: int
    sample_id: str
    level: str
    category: Category
    prompt: str
    reference: Any
    sampling: Sampling
    repeat: Count
    """Index of this generation among those of the same prompt and settings."""
    generation: Generation
    verdicts: list[Verdict]
    outcome: Outcome
    grade: Grade
    loop_in_thinking: bool | None = None
    """The loop begins inside a thinking block; None without a loop or without thinking."""
    turns: list[Turn] | None = None
    """The turns of an agent episode, whose texts and tokens `generation` joins."""
    circled: bool | None = None
    """It went round for a while and left that again; changes no outcome. None if no rule looked."""


class Audit(Struct, frozen=True):
    """One line of `audits.jsonl`: an early-stopped stream, run on to the budget."""

    schema_version: int
    key: str
    """Key of the record whose stream was continued."""
    generation: Generation
    """The continuation only; the record holds what came before."""
    verdicts: list[Verdict]
    """Verdicts on the whole output."""
    outcome: Outcome
    """Outcome of the whole output at the full budget."""
    escaped: bool
    """The stream left the loop it was flagged for."""
