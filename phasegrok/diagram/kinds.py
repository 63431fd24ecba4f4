"""The one table of figures: what each kind shows, the frame it is made of and how it is drawn."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from phasegrok.diagram import laws, lines, maps, sensitivity, values
from phasegrok.diagram.asked import LADDERS
from phasegrok.diagram.asked import Asked as Asked
from phasegrok.diagram.asked import Other as Other
from phasegrok.diagram.dress import facet_text
from phasegrok.diagram.files import data_hash
from phasegrok.diagram.layout import Picture
from phasegrok.errors import InputError
from phasegrok.frames import Axis, label, phase_map, value_text
from phasegrok.frames.boundary import boundaries
from phasegrok.frames.compare import agreement, common_axes, difference
from phasegrok.frames.curves import curve_table
from phasegrok.frames.cuts import cut
from phasegrok.frames.efficiency import FRACTION, data_efficiency
from phasegrok.frames.observable import number_columns, value_map
from phasegrok.frames.places import placed
from phasegrok.frames.power_laws import scaling, scaling_line, scaling_runs
from phasegrok.frames.probability import phase_probability
from phasegrok.frames.selection import example_cells, matching
from phasegrok.frames.steps import steps_map
from phasegrok.frames.values import plain
from phasegrok.frames.words import rule_text, steps_rule_text


@dataclass(frozen=True)
class Kind:
    """One kind of figure: a line that says what it is, how it is made, the options of its own."""

    summary: str
    picture: Callable[[Asked], Picture]
    takes: tuple[str, ...] = ()


def phase(asked: Asked) -> Picture:
    full = phase_map(asked.runs, asked.axes)
    return maps.phase_picture(full, asked.axes, len(asked.runs))


def probability(asked: Asked) -> Picture:
    return values.probability_picture(phase_probability(asked.runs, asked.axes), asked.axes)


def entropy(asked: Asked) -> Picture:
    return values.entropy_picture(phase_map(asked.runs, asked.axes), asked.axes)


def train_steps(asked: Asked) -> Picture:
    words = f"steps to fit (training accuracy ≥ {asked.rule.train_accuracy:g})"
    return _steps(asked, "train", words)


def val_steps(asked: Asked) -> Picture:
    words = f"steps to generalise (validation accuracy ≥ {asked.rule.val_accuracy:g})"
    return _steps(asked, "val", words)


def delay(asked: Asked) -> Picture:
    return _steps(asked, "delay", "delay (steps from fitting to generalising)")


def _steps(asked: Asked, of: str, words: str) -> Picture:
    full = steps_map(asked.runs, asked.axes, of, asked.rule)
    picture = values.steps_picture(full, asked.axes, words, "no seed fitted")
    return replace(picture, rule=steps_rule_text(of, asked.rule, asked.steps), reads=LADDERS)


def value(asked: Asked) -> Picture:
    if asked.column is None:
        there = ", ".join(number_columns(asked.runs))
        raise InputError(f"--kind value needs --column NAME, one of {there}")
    return _values(asked, asked.column, label(asked.column))


def weight_norm(asked: Asked) -> Picture:
    return _values(asked, "weight_norm", "weight norm at the last step")


def _values(asked: Asked, column: str, words: str) -> Picture:
    full = value_map(asked.runs, asked.axes, column)
    return replace(values.value_picture(full, asked.axes, words), rule="", reads=[column])


# Lines through a map side by side where none is chosen.
_CUTS = 3


def cuts(asked: Asked) -> Picture:
    chosen = _chosen(asked)
    if len(chosen) == len(asked.axes):
        raise InputError(f"a cut runs along an axis: fix fewer than {', '.join(chosen)}")
    along = next(name for name, axis in asked.axes.items() if axis.key not in chosen)
    places = []
    for name, axis in asked.axes.items():
        if name == along:
            continue
        if axis.key not in chosen and len(axis.values) > _CUTS and len(asked.axes) > 2:
            raise InputError(f"choose where to cut: --at {axis.key}=VALUE, of {_some(axis)}")
        few = _spread(axis.values) if len(axis.values) > _CUTS else axis.values
        places.append([(axis, one) for one in chosen.get(axis.key, few)])
    lines_at = {
        ", ".join(_at(axis, one) for axis, one in place): {axis.key: one for axis, one in place}
        for place in itertools.product(*places)
    }
    found = {
        head: cut(asked.runs, asked.axes, along, at, asked.rule) for head, at in lines_at.items()
    }
    runs = pd.concat([_at_values(asked, at) for at in lines_at.values()])
    return replace(lines.cuts_picture(found, asked.axes[along], along), runs=runs, reads=LADDERS)


def _chosen(asked: Asked) -> dict[str, list[Any]]:
    """The values of axes that were asked for by --at."""
    drawn = {axis.key: axis for axis in asked.axes.values()}
    return {key: [matching(drawn[key], text) for text in texts] for key, texts in asked.at.items()}


def _spread(of: Sequence[Any]) -> list[Any]:
    """A few of the values, as far from each other as from the ends."""
    return [of[(2 * i + 1) * len(of) // (2 * _CUTS)] for i in range(_CUTS)]


def _some(axis: Axis) -> str:
    return ", ".join(value_text(value, axis.key) for value in axis.values)


def _at(axis: Axis, one: Any) -> str:
    return facet_text(axis, axis.values.index(one))


def curves(asked: Asked) -> Picture:
    assert asked.curves is not None
    full = phase_map(asked.runs, asked.axes)
    for key, chosen in _chosen(asked).items():
        full = full.loc[full[key].isin(chosen)]
    fixed = {axis.key for axis in asked.axes.values()} <= set(asked.at)
    cells = full if fixed else example_cells(full)
    if cells.empty:
        raise InputError("none of these cells shows a phase: choose one by --at KEY=VALUE")
    runs = {
        f"{cell['shown']}: " + ", ".join(_at(axis, axis.values[cell[f"{name}.at"]])
                  for name, axis in asked.axes.items()): _at_values(asked, cell)
        for cell in cells.to_dict("records")
    }  # fmt: skip
    stored = asked.curves([run_id for part in runs.values() for run_id in part["run_id"]])
    if stored.empty or "curve.step" not in stored:
        raise InputError(f"the results of {asked.name} hold no curves of these cells")
    told = stored.set_index("run_id")
    runs = {head: part.join(told, on="run_id") for head, part in runs.items()}
    chosen_curves = {head: curve_table(part, asked.axes) for head, part in runs.items()}
    picture = lines.curves_picture(chosen_curves, asked.rule)
    return replace(picture, runs=pd.concat(runs.values()), reads=list(told))


def _at_values(asked: Asked, values: Mapping[Any, Any]) -> pd.DataFrame:
    """The runs at these values of axes, by dotted key."""
    inside = pd.Series(True, asked.runs.index)
    for axis in asked.axes.values():
        if axis.key in values:
            place = axis.values.index(plain(values[axis.key]))
            inside &= axis.positions(asked.runs.loc[:, axis.key]) == place
    return asked.runs.loc[inside]


def boundary(asked: Asked) -> Picture:
    full = phase_map(asked.runs, asked.axes)
    return maps.boundary_picture(full, asked.axes, boundaries(asked.runs, asked.axes, "all"))


def differences(asked: Asked) -> Picture:
    if len(asked.against) != 1:
        raise InputError("--kind difference needs --against DIR, the directory of another sweep")
    assert asked.other is not None
    other = asked.other(asked.against[0])
    axes = common_axes(asked.axes, other.axes)
    mine, theirs = placed(asked.runs, axes), placed(other.runs, axes)
    full = difference(mine, theirs, axes)
    found = agreement(full).to_dict()
    names = (asked.name, other.name if other.name != asked.name else f"the other {other.name}")
    picture = maps.difference_picture(full, axes, names, found, f" and {data_hash(theirs)}")
    judged, budget = rule_text(asked.rule, asked.steps), other.rule.budget or asked.steps
    if budget != asked.steps:
        gap = other.rule.gap_steps(budget)
        judged += f" In the second: {gap:g} steps or more after fitting, within {budget} steps."
    about = f"The second, {other.name}: {other.about(theirs)}"
    return replace(picture, shows=f"{picture.shows} {about}", rule=judged, runs=mine)


def efficiency(asked: Asked) -> Picture:
    by = [axis.key for axis in asked.axes.values() if axis.key != FRACTION]
    reached = 0.99 if asked.accuracy is None else asked.accuracy
    table = data_efficiency(asked.runs, reached, by, asked.rule.budget)
    judged = steps_rule_text("val", replace(asked.rule, val_accuracy=reached), asked.steps)
    return replace(laws.efficiency_picture(table, by, reached), rule=judged, reads=LADDERS)


_TIMED = {
    "val": "steps to generalise",
    "train": "steps to fit",
    "delay": "delay from fitting to generalising (steps)",
}


def scaling_laws(asked: Asked) -> Picture:
    numbers = [axis.key for axis in asked.axes.values() if axis.scale != "category"]
    keys, of = list(asked.against) or numbers, asked.of or "val"
    runs = scaling_runs(asked.runs, keys, of, asked.rule)
    fit = scaling(asked.runs, keys, of, asked.rule)
    law = {key: scaling_line(fit, key) for key in keys}
    picture = laws.scaling_picture(runs, fit, law, _TIMED[of])
    return replace(picture, rule=steps_rule_text(of, asked.rule, asked.steps), reads=LADDERS)


KINDS: dict[str, Kind] = {
    "phase": Kind("the phase most seeds of each cell are in", phase),
    "probability": Kind("share of seeds in each phase, and how well it is known", probability),
    "entropy": Kind("how far the seeds of each cell disagree, in bits", entropy),
    "train_steps": Kind("median steps to fit; censored cells hatched", train_steps),
    "val_steps": Kind("median steps to generalise; censored cells hatched", val_steps),
    "delay": Kind("median steps from fitting to generalising", delay),
    "value": Kind("median of any numeric column of the results", value, ("column",)),
    "weight_norm": Kind("weight norm at the last step", weight_norm),
    "cut": Kind("phase shares and steps along one axis, with bands over seeds", cuts, ("at",)),
    "curves": Kind("training curves of all seeds of chosen cells", curves, ("at",)),
    "budget": Kind("the phase map after a quarter, half and all of the budget", sensitivity.budget),
    "gap": Kind("the phase map under half, the rule's and twice the gap", sensitivity.gap,
                ("gaps",)),
    "accuracy": Kind("the phase map under the accuracies of the ladder", sensitivity.accuracy),
    "boundary": Kind("where one phase gives way to another, with bootstrap bands", boundary),
    "difference": Kind("two sweeps, where they differ, how far they agree", differences,
                       ("against",)),
    "efficiency": Kind("steps to an accuracy against the training fraction", efficiency),
    "scaling": Kind("power laws for the steps, fitted with censored runs as such", scaling_laws,
                    ("against", "of")),
}  # fmt: skip


def kind(name: str) -> Kind:
    """The kind of this name; InputError that names all there are."""
    if name not in KINDS:
        raise InputError(f"--kind {name}: there is no such figure; there are {', '.join(KINDS)}")
    return KINDS[name]


def described() -> str:
    """All kinds, a line each."""
    width = max(map(len, KINDS))
    return "\n".join(f"{name:{width}}  {kind.summary}" for name, kind in KINDS.items())
