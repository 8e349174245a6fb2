"""The figure that charts are drawn on. Needs matplotlib."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

_DPI = 180


class Drawn(Figure):
    """A figure of matplotlib that a notebook shows by itself, without pyplot."""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        """Return the picture, twice as sharp as its size asks for, on white in every theme."""
        from loopbench.report.charts import png

        data = png(self, dpi=_DPI)
        width, height = self.get_size_inches() * _DPI / 2
        return data, {"width": round(width), "height": round(height)}
