"""The one table of figures: what each kind shows, the frame it is made of and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from phasegrok.diagram import laws, lines, maps, neurons, sensitivity, values
from phasegrok.diagram.asked import LADDERS
from phasegrok.diagram.asked import Asked as Asked
from phasegrok.diagram.asked import Other as Other
from phasegrok.diagram.chosen import chosen_curves, chosen_cuts, chosen_runs
from phasegrok.diagram.files import data_hash
from phasegrok.diagram.landscape import landscape_picture
from phasegrok.diagram.layout import Picture
from phasegrok.errors import InputError
from phasegrok.frames import label, phase_map
from phasegrok.frames.boundary import ALL, REST, boundaries
from phasegrok.frames.captions import rule_text, second_rule_text, steps_rule_text
from phasegrok.frames.compare import agreement, common_axes, difference
from phasegrok.frames.efficiency import FRACTION, data_efficiency
from phasegrok.frames.landscape import ALPHA, SIDES, landscape
from phasegrok.frames.neurons import neuron_table, pruning
from phasegrok.frames.observable import number_columns, value_map
from phasegrok.frames.places import placed
from phasegrok.frames.power_laws import law_of, scaling_line, scaling_runs
from phasegrok.frames.probability import phase_probability
from phasegrok.frames.rounds import round_map
from phasegrok.frames.steps import steps_map


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
    return values.entropy_picture(phase_probability(asked.runs, asked.axes), asked.axes)


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
    picture = values.steps_picture(full, asked.axes, words, delay=of == "delay")
    return replace(picture, rule=steps_rule_text(of, asked.rule, asked.steps), reads=LADDERS)


def value(asked: Asked) -> Picture:
    if asked.column is None:
        there = ", ".join(number_columns(asked.runs))
        raise InputError(f"--kind value needs --column NAME, one of {there}")
    return _value(asked, asked.column, label(asked.column))


def weight_norm(asked: Asked) -> Picture:
    return _value(asked, "weight_norm", "weight norm where each run stopped")


def _value(asked: Asked, column: str, words: str) -> Picture:
    full = value_map(asked.runs, asked.axes, column)
    picture = values.value_picture(full, asked.axes, words, _taken(asked.runs))
    return replace(picture, rule="", reads=[column])


def _taken(runs: Any) -> str:
    """At which steps numbers are that are taken at the end of a run."""
    early = runs["steps"] < runs["budget"]
    decided = early & (runs["status"] == "decided")
    return (
        f"Taken where each run stopped: {early.sum()} of {len(runs)} did before their budget, "
        f"{decided.sum()} of them decided."
    )


def rounds(asked: Asked) -> Picture:
    full = round_map(asked.runs, asked.axes)
    picture = values.value_picture(full, asked.axes, "round that asked for the cell", "")
    shows = "the round of refinement in which each cell was asked for"
    return replace(picture, shows=shows, rule="", reads=["round"])


def landscapes(asked: Asked) -> Picture:
    along = next((axis for axis in asked.axes.values() if axis.key == ALPHA), None)
    if along is None:
        keys = ", ".join(axis.key for axis in asked.axes.values())
        raise InputError(f"a landscape runs along {ALPHA}, and this figure is over {keys}")
    by = [axis for axis in asked.axes.values() if axis is not along]
    table = landscape(asked.runs, [axis.key for axis in by])
    picture = landscape_picture(table, along, by, _taken(asked.runs))
    return replace(picture, rule="", reads=("weight_norm", *SIDES))


def cuts(asked: Asked) -> Picture:
    along, found, runs = chosen_cuts(asked.runs, asked.axes, asked.at, asked.rule)
    picture = lines.cuts_picture(found, asked.axes[along], along)
    return replace(picture, runs=runs, reads=LADDERS)


def curves(asked: Asked) -> Picture:
    assert asked.curves is not None
    found, without, runs = chosen_curves(asked.runs, asked.axes, asked.at, asked.curves)
    picture = lines.curves_picture(found, asked.rule, without)
    read = [name for name in runs if name not in asked.runs and runs[name].notna().to_numpy().any()]
    return replace(picture, runs=runs, reads=read)


def iprs(asked: Asked) -> Picture:
    assert asked.weights is not None
    found = chosen_runs(asked.runs, asked.axes, asked.at)
    runs = pd.concat([here for _, here in found])
    weights = asked.weights(runs["run_id"].tolist())
    picture = neurons.ipr_picture([(head, neuron_table(here, weights)) for head, here in found])
    return replace(picture, runs=runs, reads=["ipr"])


def prunings(asked: Asked) -> Picture:
    assert asked.weights is not None
    found = chosen_runs(asked.runs, asked.axes, asked.at)
    if len(found) > 1:
        raise InputError(
            f"--kind pruning shows one cell, and {len(found)} are left: choose one by "
            f"{' '.join(f'--at {axis.key}=VALUE' for axis in asked.axes.values())}"
        )
    ((head, runs),) = found
    table = pruning(runs, asked.weights(runs["run_id"].tolist()))
    return replace(neurons.pruning_picture(table, head), runs=runs, reads=["ipr"])


def boundary(asked: Asked) -> Picture:
    full = phase_map(asked.runs, asked.axes)
    pair = (*asked.against, REST) if len(asked.against) == 1 else tuple(asked.against)
    found = boundaries(asked.runs, asked.axes, pair or ALL)
    return maps.boundary_picture(full, asked.axes, found)


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
        judged += f" {second_rule_text(other.rule, budget)}"
    about = f"The second, {other.name}: {other.about(theirs)}"
    return replace(picture, shows=f"{picture.shows} {about}", rule=judged, runs=mine)


def efficiency(asked: Asked) -> Picture:
    by = [axis for axis in asked.axes.values() if axis.key != FRACTION]
    reached = 0.99 if asked.accuracy is None else asked.accuracy
    keys = [axis.key for axis in by]
    table = data_efficiency(asked.runs, reached, keys, asked.rule.budget)
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
    fit = law_of(runs, of)
    law = {key: scaling_line(fit, key) for key in keys}
    picture = laws.scaling_picture(runs, fit, law, _TIMED[of])
    return replace(picture, rule=steps_rule_text(of, asked.rule, asked.steps), reads=LADDERS)


KINDS: dict[str, Kind] = {
    "phase": Kind("the phase most seeds of each cell are in", phase),
    "probability": Kind("share of seeds in each phase, and how well it is known", probability),
    "entropy": Kind("how far the seeds of each cell disagree, in bits", entropy),
    "train_steps": Kind("median steps to fit; hatched where it was not reached", train_steps),
    "val_steps": Kind("median steps to generalise; hatched where it was not reached", val_steps),
    "delay": Kind("median steps from fitting to generalising, of seeds that fitted", delay),
    "value": Kind("median of any numeric column of the results", value, ("column",)),
    "weight_norm": Kind("weight norm where each run stopped", weight_norm),
    "rounds": Kind("of a refined map, the round in which each cell was asked for", rounds),
    "landscape": Kind("losses at each fixed weight norm: training an L, validation a U",
                      landscapes),
    "cut": Kind("phase shares, and steps with bands over seeds, along one axis", cuts, ("at",)),
    "curves": Kind("training curves of all seeds of chosen cells", curves, ("at",)),
    "ipr": Kind("how periodic the neurons of chosen cells are, from kept weights", iprs, ("at",)),
    "pruning": Kind("accuracies of one cell as neurons are removed by their IPR", prunings,
                    ("at",)),
    "budget": Kind("the phase map after a quarter, half and all of the budget", sensitivity.budget),
    "gap": Kind("the phase map under half, the rule's and twice the gap", sensitivity.gap,
                ("gaps",)),
    "accuracy": Kind("the phase map under the accuracies of the ladder", sensitivity.accuracy,
                     ("of",)),
    "boundary": Kind("where one phase gives way to another, with bootstrap bands", boundary,
                     ("against",)),
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
