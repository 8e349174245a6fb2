"""Connecting to a Ray cluster, or starting one on this machine, and letting it go again."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from loopbench.backends.base import BackendError
from loopbench.closing import Closing

LOCAL = "local"
OBJECT_STORE_BYTES = 100_000_000
"""Of a cluster on this machine: results are small, and Ray would take a third of the memory."""
MISSING = "Ray is not installed; install it with: pip install 'loopbench-edge[ray]'"


class Cluster(Closing):
    """A Ray cluster, connected to when it is first asked for; a context manager.

    Parameters
    ----------
    address
        `local` starts one on this machine, which ends with the context; otherwise what
        `ray.init` takes: `auto`, `HOST:PORT` or `ray://HOST:PORT`.
    cpus
        CPUs of a local cluster: those of all its actors.

    Notes
    -----
    A connection that the process already has is used as it is, and stays.
    """

    def __init__(self, address: str, cpus: int) -> None:
        self.address, self.cpus = address, cpus
        self._ours = False

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
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address == LOCAL:
            quiet |= {
                "num_cpus": self.cpus,
                "object_store_memory": OBJECT_STORE_BYTES,
                "include_dashboard": False,
            }
        try:
            ray.init(address=self.address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            first = str(error).strip().partition("\n")[0]
            raise BackendError(f"No Ray cluster at {self.address}: {first}") from error
        self._ours = True
        return ray

    def close(self) -> None:
        """Disconnect, and end a local cluster, if this object connected."""
        if self._ours:
            self.ray().shutdown()
            self._ours = False
