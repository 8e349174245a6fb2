"""Independent randomness per item, and the partition of items over splits."""

from __future__ import annotations

import hashlib
import random
from typing import Protocol

SPLITS = {"test": range(0, 5), "validation": range(5, 7), "train": range(7, 16)}
"""Each split owns some of the 16 buckets that item identities hash to."""

_BUCKETS = 16


class Versioned(Protocol):
    """The part of a task that its randomness depends on."""

    name: str
    version: int


def item_rng(task: Versioned, split: str, seed: int, level: str, index: int) -> random.Random:
    """Return the generator of one item.

    The seed is a hash of every coordinate, because `seed + index` would make item 1 of
    seed 42 the item 0 of seed 43, and the built-in `hash` differs between processes.

    Parameters
    ----------
    task
        Its name and version count.
    split, seed, level, index
        Coordinates of the item.
    """
    text = f"{task.name}:{task.version}:{split}:{seed}:{level}:{index}"
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()))


def split_of(task: str, key: str) -> str:
    """Return the only split that the item with this identity may appear in.

    Independent seeds make a collision between two splits unlikely, not impossible, and
    small levels collide often. Assigning items by the hash of what they ask keeps
    training data out of the test split by construction.
    """
    bucket = hashlib.sha256(f"{task}:{key}".encode()).digest()[0] % _BUCKETS
    return next(name for name, buckets in SPLITS.items() if bucket in buckets)
