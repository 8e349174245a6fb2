"""Connecting to a Ray cluster, or starting one on this machine, and letting it go again."""

from __future__ import annotations

import importlib.util
import math
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from loopbench.closeable import Closeable
from loopbench.distributed.placing import Machine, Placement, described, machines, room
from loopbench.distributed.waiting import TELL_EVERY_S
from loopbench.errors import BackendError

LOCAL = "local"
OBJECT_STORE_BYTES = 100_000_000
"""Of a cluster on this machine: results are small, and Ray would take a third of the memory."""
PATIENCE_S = 600.0
"""How long a cluster without a machine for an actor may take to get one: a cloud needs minutes."""
LOOK_EVERY_S = 1.0
REACH_S = 20.0
LOWER = "Lower --ray-actors, --ray-cpus or --ray-gpus."
MISSING = "Ray is not installed; install it with: pip install 'loopbench-edge[ray]'"


class Cluster(Closeable):
    """A Ray cluster, connected to when it is first asked for; a context manager.

    Parameters
    ----------
    address
        `local` starts one on this machine, which ends with the context; otherwise what
        `ray.init` takes: `auto`, `HOST:PORT` or `ray://HOST:PORT`.
    cpus
        CPUs of a local cluster: those of all its actors, where the machine has as many.

    Notes
    -----
    A connection that the process already has is used as it is, and stays.
    """

    def __init__(self, address: str, cpus: int) -> None:
        self.address, self.cpus = address, cpus
        self._ours = False

    def prepare(self, placement: Placement, tell: Callable[[str], None]) -> None:
        """Connect, and see that the actors can be placed.

        On a cluster that was started for them, all must fit at once. Any other may be about to
        grow: it is waited for until there is a machine that can hold one actor; the other
        actors may follow later. Whether others use that machine now does not matter here.

        Parameters
        ----------
        tell
            Told in one sentence what is waited for, every now and then.

        Raises
        ------
        ValueError
            If the machines that there are cannot hold the actors, with what they have.
        BackendError
            As `ray` does.
        """
        if self.address == LOCAL:
            tell("Starting a Ray cluster on this machine.")
        ray = self.ray()
        if not (self._ours and self.address == LOCAL):
            _wait_for_room(ray, placement, tell)
            return
        (here,) = machines(ray.nodes())
        if room([here], placement) < placement.actors:
            # The cluster has no more CPUs than it was asked for; the machine may.
            has = Machine(_cpus(), here.gpus).has()
            raise ValueError(
                f"{placement.wish()} cannot be placed: this machine has {has}. {LOWER}"
            )

    def ray(self) -> Any:
        """Return the connected module.

        Raises
        ------
        BackendError
            If Ray is missing or there is no cluster at the address.
        """
        if importlib.util.find_spec("ray") is None:
            raise BackendError(MISSING)
        # Nothing is reported to anyone unless the user says so.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        if ray.is_initialized():
            return ray
        _reach(self.address)
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address == LOCAL:
            quiet |= {
                "num_cpus": min(self.cpus, _cpus()),
                "object_store_memory": OBJECT_STORE_BYTES,
                "include_dashboard": False,
            }
        try:
            ray.init(address=self.address, **quiet)
        # Ray raises the bare class where a daemon is too slow to start.
        except Exception as error:
            first = str(error).strip().partition("\n")[0]
            raise BackendError(f"No Ray cluster at {self.address}: {first.rstrip('.')}.") from error
        self._ours = True
        return ray

    def close(self) -> None:
        """Disconnect, and end a local cluster, if this object connected."""
        if self._ours:
            self.ray().shutdown()
            self._ours = False


def _wait_for_room(ray: Any, placement: Placement, tell: Callable[[str], None]) -> None:
    began, told = time.monotonic(), -math.inf
    while not room(found := machines(ray.nodes()), placement):
        lack = f"{placement.wish()} cannot be placed: the cluster has {described(found)}."
        now = time.monotonic()
        if now - began >= PATIENCE_S:
            raise ValueError(f"{lack} {LOWER}")
        if now - told >= TELL_EVERY_S:
            tell(f"{lack} Waiting for a machine that can hold one.")
            told = now
        time.sleep(LOOK_EVERY_S)


def _reach(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # such as `auto`
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()
    except (OSError, OverflowError) as error:
        what = getattr(error, "strerror", None) or error
        raise BackendError(f"No Ray cluster at {address}: {what}.") from error


def _cpus() -> int:
    return os.cpu_count() or 1
