"""A table of text cells, for a terminal or a page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.table import Table


class Grid(NamedTuple):
    """Titles, rows of equal length, and a note that explains them."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def rich(self) -> Table:
        """Return the table for a terminal; the first column is aligned to the left."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for at, title in enumerate(self.titles):
            table.add_column(title, justify="right" if at else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """Return the table in Markdown, without the note."""
        lines = [self.titles, ["---", *["---:"] * (len(self.titles) - 1)], *self.rows]
        return "".join("| " + " | ".join(_escaped(c) for c in line) + " |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
