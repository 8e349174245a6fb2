"""How many threads an engine should use."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

SAMPLE_S = 0.3
"""How long the cores are watched before a model is loaded."""


def free_cores(cpus: int, busy: float) -> int:
    """Return how many of `cpus` are idle while `busy` cores' worth of work goes on; at least 1."""
    return max(1, cpus - round(busy))


def busy_time(stat: str, cpus: Collection[int]) -> float:
    """Return the ticks that these cores spent not idle, from the text of `/proc/stat`.

    Idle and waiting for the disk are not busy; time spent on guests is part of user time.
    """
    busy = 0
    for line in stat.splitlines():
        name, *fields = line.split()
        if name[:3] == "cpu" and name[3:].isdecimal() and int(name[3:]) in cpus:
            user, nice, system, _idle, _iowait, *more = map(int, fields)
            busy += user + nice + system + sum(more[:3])
    return busy


def _busy_cores(cpus: Collection[int]) -> float:
    """Watch the cores for a moment. The load average lags: it still counts what just ended."""
    stat = Path("/proc/stat")
    try:
        before = busy_time(stat.read_text(), cpus)
        time.sleep(SAMPLE_S)
        after = busy_time(stat.read_text(), cpus)
    except OSError:
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return (after - before) / os.sysconf("SC_CLK_TCK") / SAMPLE_S


def default_threads() -> int:
    """Return the number of cores that this process may use and nobody else does now."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = affinity(0) if affinity else set(range(os.cpu_count() or 1))
    return free_cores(len(cpus), _busy_cores(cpus))
