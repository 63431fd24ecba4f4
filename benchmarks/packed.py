"""phasegrok itself, through its public `phasegrok.train` on its ordinary nn.Module models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from benchmarks.cases import MEASURED, Curve, with_steps
from phasegrok.cells import Run
from phasegrok.engine import Given, Mode, Pack, Watch, cpu_numerics, fitted, outcomes

# `phasegrok.train` gives a DataFrame. A bare GPU machine has torch alone, and there the engine's
# own surface does the same work.
HAS_TABLES = bool(find_spec("pandas") and find_spec("pyarrow"))
WAY = "phasegrok.train" if HAS_TABLES else "phasegrok.engine.outcomes"
# A GPU's free memory differs a little between two calls; lanes that just fitted may not again.
SURE_TO_FIT = 0.98


class Packed:
    """Trains all its runs in one call, side by side, so that all lanes end together.

    Args:
        runs: on a GPU those that do not fit into its memory are left out.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        *,
        device: str = "cpu",
        compiled: bool = True,
        given: Mapping[str, Given] | None = None,
    ):
        self._runs = runs[: _fitting(Mode(len(runs), compiled, device), runs[0])]
        self.runs = len(self._runs)
        self._how: dict[str, Any] = {"lanes": self.runs, "device": device, "compiled": compiled,
                                     "given": given}  # fmt: skip
        self.told: dict[str, object] = {"through": WAY, "lanes": self.runs}

    def train(self, steps: int) -> list[Curve]:
        """Every run from its start, `steps` steps far."""
        rows = _rows(with_steps(self._runs, steps), **self._how)
        short = [row["steps"] for row in rows if row["steps"] != steps]
        if short:
            raise RuntimeError(f"{len(short)} runs ended early, the first at step {short[0]}")
        if rows[0]["width"] != self.runs:
            raise RuntimeError(f"{self.runs} runs trained in {rows[0]['width']} lanes")
        columns = ([row[f"curve.{name}"] for name in MEASURED] for row in rows)
        return [[list(point) for point in zip(*curve, strict=True)] for curve in columns]


def _fitting(mode: Mode, run: Run) -> int:
    """As many lanes as the mode has, or as surely fit into memory."""
    width = fitted(mode, run).width
    return width if width == mode.width else max(int(SURE_TO_FIT * width), 1)


def _rows(runs: Sequence[Run], **how: Any) -> list[dict[str, Any]]:
    """A result row for each run, every evaluation kept, none stopped before its budget."""
    if not HAS_TABLES:
        return _engine_rows(runs, **how)
    import phasegrok

    frame = phasegrok.train(runs, **how, stop_when_decided=False, curve_points_per_decade=0)
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _engine_rows(
    runs: Sequence[Run],
    *,
    lanes: int,
    device: str,
    compiled: bool,
    given: Mapping[str, Given] | None,
) -> list[dict[str, Any]]:
    """The same by the engine's own surface, for runs of equal shapes."""
    watch = Watch(stop_train=None, stop_val=None, points_per_decade=0)
    rows: dict[str, dict[str, Any]] = {}
    with cpu_numerics():
        pack = Pack(runs, Mode(lanes, compiled, device), watch, given=given)
        for outcome in outcomes(pack):
            if outcome.exception is not None:
                raise outcome.exception
            rows[outcome.run.run_id] = outcome.row | {"width": pack.mode.width}
    return [rows[run.run_id] for run in runs]
