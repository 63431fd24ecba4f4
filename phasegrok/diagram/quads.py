"""A mesh of cells that a vector file holds as one path for each colour, not one for each cell.

PDF and SVG are then several times smaller and sooner written; every cell keeps its own borders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import allow_rasterization
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.collections import QuadMesh
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform

# Once around a cell: from a corner over the three others, and back.
_AROUND = np.array([Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY], dtype=Path.code_type)


class Quads(QuadMesh):
    """matplotlib's mesh; `lines` between cells are of this colour, None: of each cell's own."""

    def __init__(self, edges_x: np.ndarray, edges_y: np.ndarray, lines: str | None, **look: Any):
        """`edges_x` and `edges_y` are [columns + 1] and [rows + 1]; `look` has `array`, the values,
        [rows, columns]."""
        coordinates = np.stack(np.meshgrid(edges_x, edges_y), axis=-1)
        super().__init__(coordinates, edgecolors=lines or "face", **look)
        self.lines = lines

    @allow_rasterization
    def draw(self, renderer: Any) -> None:
        if isinstance(renderer, RendererAgg):  # pixels, which are quicker cell by cell
            super().draw(renderer)
        elif self.get_visible():
            self._draw_by_colour(renderer)

    def _draw_by_colour(self, renderer: Any) -> None:
        self.update_scalarmappable()
        colours, of_cell = np.unique(self.get_facecolor(), axis=0, return_inverse=True)
        around = self._around()
        context = renderer.new_gc()
        self._set_gc_clip(context)  # pyright: ignore[reportAttributeAccessIssue]
        context.set_linewidth(np.ravel(self.get_linewidth())[0])
        renderer.open_group("QuadMesh")
        for i, colour in enumerate(colours):
            shown = colour[3] > 0
            if not shown and self.lines is None:
                continue
            cells = around[of_cell.ravel() == i]
            context.set_foreground(self.lines or tuple(colour))
            path = Path(cells.reshape(-1, 2), np.tile(_AROUND, len(cells)))
            renderer.draw_path(context, path, IdentityTransform(), tuple(colour) if shown else None)
        renderer.close_group("QuadMesh")
        context.restore()
        self.stale = False

    def _around(self) -> np.ndarray:
        """The corners of every cell on the page, [cells, 5, 2], the first one again at the end."""
        grid = np.asarray(self.get_coordinates())
        at = self.get_transform().transform(grid.reshape(-1, 2)).reshape(grid.shape)
        corners = at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1], at[:-1, :-1]
        return np.stack(corners, axis=2).reshape(-1, 5, 2)
