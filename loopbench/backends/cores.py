"""How many threads an engine should use."""

from __future__ import annotations

import os


def free_cores(cpus: int, load: float) -> int:
    """Return how many of `cpus` are idle at a 1-minute load average of `load`; at least 1."""
    return max(1, cpus - round(load))


def default_threads() -> int:
    """Return the number of cores that this process may use and nobody else does now."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return free_cores(cpus, load)
