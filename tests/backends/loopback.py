"""A server on loopback that can be ended at any moment without leaving a socket open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web


async def serve(
    app: web.Application, port: int, up: Callable[[int], None], ended: asyncio.Event
) -> None:
    """Serve until `ended`; `up` is told the port, which is free if 0 is given."""
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", port))
    await web.SockSite(runner, listener).start()
    up(listener.getsockname()[1])
    await ended.wait()
    # A connection that asyncio accepts while its server closes is never closed: so none is
    # accepted from here on, and those that were are let in first.
    asyncio.get_running_loop().remove_reader(listener.fileno())
    for _ in range(3):
        await asyncio.sleep(0)
    await runner.cleanup()
    # Connections that were just closed let their sockets go in the loop's next round.
    await asyncio.sleep(0)
