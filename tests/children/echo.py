"""A child for the tests of the driver: does what it is told."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from loopbench.children.serving import Channel


def main() -> None:
    channel = Channel()
    for message in channel:
        answer: Any = message
        if message == "print":
            print("a library speaks")
        elif message == "die":
            sys.stderr.write("first\nwhy it died\x1b[2J\n")
            sys.exit(3)
        elif message == "half":
            os.write(channel._out.fileno(), b'{"half')
            os._exit(0)
        elif message == "sleep":
            time.sleep(60)
        elif message == "variable":
            answer = os.environ["LOOPBENCH_ECHO"]
        channel.reply(answer)


if __name__ == "__main__":
    main()
