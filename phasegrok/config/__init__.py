"""From YAML and overrides to one checked configuration; every fault is reported at once.

`compose` is Hydra, `check` is the schema and the sense, `runs` is both and then the grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from phasegrok import cells
from phasegrok.cells import Config, Run
from phasegrok.config import grid
from phasegrok.config.catalogue import sweeps
from phasegrok.config.composing import compose, override_key
from phasegrok.errors import InputError

__all__ = ["check", "compose", "runs", "sweeps"]


def runs(
    name: str, overrides: Sequence[str] | str = (), *, config_dir: str | Path | None = None
) -> list[Run]:
    """All runs of a sweep file, as the command would train them.

    Args:
        name: of the sweep, like "wd_vs_frac".
        overrides: as on the command line, like ["optim.lr=3e-3", "sweep.x.num=5"]; one may
            stand by itself.
        config_dir: a folder of one's own that holds sweep/NAME.yaml.

    Raises:
        InputError: with every fault of the configuration.
    """
    given = [overrides] if isinstance(overrides, str) else overrides
    arguments = [f"+sweep={name}", *given]
    config = compose(arguments, config_dir)
    check(config, arguments)
    return cells.runs(config)


def check(config: Config, overrides: Sequence[str] = ()) -> None:
    """Accepts a composed configuration, or says everything that is wrong with it.

    Args:
        config: as `compose` gives it.
        overrides: the user's, to refuse one that sets a swept key.

    Raises:
        InputError: every fault, each with the dotted key, the value, what is allowed.
    """
    faults = [*grid.faults(config), *_overridden_axes(config, overrides)]
    if faults:
        raise InputError(dict.fromkeys(faults))


def _overridden_axes(config: Config, overrides: Sequence[str]) -> Iterator[str]:
    """An override of a swept key would be silently without effect."""
    sweep = config.get("sweep")
    axes = cells.axes(sweep) if isinstance(sweep, dict) else {}
    params = {axis.get("param"): name for name, axis in axes.items() if isinstance(axis, dict)}
    for override in overrides:
        key, value = override_key(override), override.partition("=")[2]
        if key in params:
            name = params[key]
            yield (
                f"{override}: {key} is axis {name} of this sweep; use sweep.{name}, "
                f"e.g. sweep.{name}.values=[{value}]"
            )
