"""The command `detect`: parse, call, print."""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
def detect(file: Any) -> None:
    """Judge outputs: JSON lines with token_ids and/or text, or a plain text.

    Prints one JSON verdict per line. An output without 'finish' counts as cut at its budget.
    """
    import msgspec

    from loopbench.judging.rows import judged

    for verdict in judged(file):
        click.echo(msgspec.json.encode(verdict))
