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
    keys: int = 1
    """Columns at the left that say which row it is."""

    def tables(self, width: int) -> list[Table]:
        """Return the table for a terminal of `width` columns, in parts if it is too narrow.

        Every part has the key columns; a cell is folded only where it does not fit beside them.
        """
        columns = [*zip(self.titles, *self.rows, strict=True)]
        keys, rest = columns[: self.keys], columns[self.keys :]
        parts = [[*keys]]
        for column in rest:
            if len(parts[-1]) > len(keys) and _width_of([*parts[-1], column]) > width:
                parts.append([*keys])
            parts[-1].append(column)
        return [_table(part, self.keys) for part in parts]

    def markdown(self) -> str:
        """Return the table in Markdown, without the note."""
        lines = [self.titles, ["---", *["---:"] * (len(self.titles) - 1)], *self.rows]
        return "".join("| " + " | ".join(_escaped(c) for c in line) + " |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _width_of(columns: Sequence[Sequence[str]]) -> int:
    from rich.cells import cell_len

    # Three between two columns, one at each edge.
    widths = (max(cell_len(x) for cell in column for x in cell.split("\n")) for column in columns)
    return sum(width + 3 for width in widths) - 1


def _table(columns: Sequence[Sequence[str]], keys: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for at, column in enumerate(columns):
        table.add_column(Text(column[0]), justify="left" if at < keys else "right", overflow="fold")
    for row in zip(*(column[1:] for column in columns), strict=True):
        # As text: what looks like markup in a name is a name.
        table.add_row(*map(Text, row))
    return table
