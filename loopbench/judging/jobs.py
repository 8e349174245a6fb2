"""One generation to make, and its identity. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from loopbench.types import EpisodeRule, ModelInfo, Request, Sample, Sampling, Struct


class Job(Struct, frozen=True):
    """One generation to make: which sample, which settings, which repeat."""

    key: str
    sample: Sample
    sampling: Sampling
    repeat: int

    def request(self, json_schema: dict[str, Any] | None = None) -> Request:
        """Return what the backend is asked, under a schema where decoding is constrained."""
        return Request(
            key=self.key,
            prompt=self.sample.prompt,
            sampling=self.sampling,
            sample_id=self.sample.id,
            repeat=self.repeat,
            json_schema=json_schema,
        )


def job_key(
    model: ModelInfo,
    sample: Sample,
    sampling: Sampling,
    repeat: int,
    rule: EpisodeRule | None = None,
) -> str:
    """Return the identity of a generation: equal only if the same thing is measured.

    Parameters
    ----------
    model
        Its fingerprint counts, its name and place do not.
    sample
        Task, version, id and prompt count.
    sampling
        All of it.
    repeat
        Index among the generations of the same.
    rule
        How agent tasks are run; of no account for others.
    """
    drawn = msgspec.to_builtins(sampling)
    # Keys of runs from before there was a choice stay as they are.
    if not drawn["constrained"]:
        del drawn["constrained"]
    if drawn["think_budget"] is None:
        del drawn["think_budget"]
    content: tuple[Any, ...] = (
        model.fingerprint,
        sample.task,
        sample.task_version,
        sample.id,
        sample.prompt,
        msgspec.json.encode(drawn).decode(),
        repeat,
    )
    if rule and sample.category == "agents":
        content += (msgspec.json.encode(rule).decode(),)
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:32]
