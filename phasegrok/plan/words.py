"""A plan in a few lines: size, what is known, packs, how it will run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasegrok import cells, sizing
from phasegrok.cells import Config
from phasegrok.words import counted, counted_range

if TYPE_CHECKING:
    from phasegrok.plan import Plan


def describe(planned: Plan) -> str:
    """The plan in a few lines: size, what is known, packs, how it will run."""
    config = planned.config
    seeds, missing = len(cells.seeds(config)), sum(len(p.runs) for p in planned.packs)
    lines = [f"{config['sweep']['name']}: {_axes_line(config)}, {counted(seeds, 'seed')}"]
    counts = f"{counted(len(planned.runs), 'run')}: {planned.done} done, "
    lines.append(counts + f"{sum(map(len, planned.reused.values()))} reused, {missing} to train")
    for source, rows in planned.reused.items():
        lines.append(f"  {counted(len(rows), 'row')} from {source}")
    if planned.continued:
        lines.append(f"  {counted(planned.continued, 'censored run')} continued from kept states")
    if planned.anew:
        lines.append(
            f"  {counted(planned.anew, 'censored run')} trained anew: no states were kept "
            "(train.keep_state=true keeps them)"
        )
    if planned.weightless:
        lines.append(
            f"  {counted(planned.weightless, 'run')} trained again: their weights were not kept"
        )
    if planned.given_up:
        times = f"{config['launch']['max_attempts']} times (launch.max_attempts)"
        lines.append(f"  {counted(planned.given_up, 'run')} failed {times}, not tried again")
    if planned.packs:
        widths = sorted({pack.width for pack in planned.packs})
        steps = sum(pack.run_steps for pack in planned.packs)
        lanes_text = counted_range(widths[0], widths[-1], "lane")
        most = "at most " if sizing.device_of(config) == "cuda" else ""
        lines.append(
            f"{counted(len(planned.packs), 'pack')} of {most}{lanes_text}, "
            f"at most {counted(f'{steps:,}', 'run-step')}; "
            f"{config['launch']['name']} on {sizing.device_of(config)}"
        )
        lines.append(_compiling_line(planned))
    lines.append(f"out: {planned.store.path}")
    return "\n".join(lines)


def _compiling_line(planned: Plan) -> str:
    """How it will run, and why, where `train.compile` leaves that open."""
    config, device = planned.config, sizing.device_of(planned.config)
    compiled = sum(pack.compiled for pack in planned.packs)
    if compiled:
        which = "" if compiled == len(planned.packs) else f" ({compiled} of the packs)"
        return f"compiled{which}: tens of seconds at first, cached for later"
    if not config["train"].get("vectorise", True):
        return "eager, one lane after another: train.vectorise=false"
    if not sizing.able_to_compile(config):
        needed = "C++ compiler (g++)" if device == "cpu" else "C++ compiler (g++) or no triton"
        return f"eager: there is no {needed} here; compiled, it would be several times faster"
    why = (
        "" if config["train"]["compile"] is False else ", since so few run-steps do not pay for it"
    )
    return f"eager: not compiled{why} (train.compile=true compiles)"


def _axes_line(config: Config) -> str:
    sweep, axes = config["sweep"], cells.axes(config["sweep"])
    groups = [[axes[name] for name in group] for group in cells.zipped(sweep)]
    return " x ".join(
        f"{' with '.join(axis['param'] for axis in group)} ({len(cells.axis_values(group[0]))})"
        for group in groups
    )
