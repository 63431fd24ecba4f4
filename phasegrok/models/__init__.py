"""The networks: which there are, what options they take, and how one is built.

`model` is everywhere the model section of a run's configuration, a plain mapping. Every model is
an ordinary nn.Module for one run: forward takes n inputs of a task, as `phasegrok.tasks.tables`
says of `Dataset.inputs`, real numbers in the run's dtype, and gives [n, outputs]. This module does
not import torch until one is built. `init_scale` is the engine's: models ignore it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from phasegrok import options
from phasegrok.models import own
from phasegrok.models.kinds import KINDS, POSITIVE, Kind, Products, Sizes
from phasegrok.options import suggestion

if TYPE_CHECKING:
    from torch import nn

Model = Mapping[str, Any]

COMMON = {"name": options.text(), "init_scale": POSITIVE}
"""The keys that every model has."""


def build(model: Model, sizes: Sizes) -> nn.Module:
    """A freshly initialised network, drawn from torch's global generator as it stands.

    Args:
        model: the section; `faults` has nothing to say about it.
        sizes: those of the task (`Dataset.sizes`), which go to the class as keywords: the sizes of
            an input (`Dataset.reads`) and `outputs`, the width of the output.

    Raises:
        InputError: a user's own module cannot be imported or constructed.
    """
    kind = KINDS.get(model["name"])
    if kind is None:
        return own.build(model, sizes)
    cls = getattr(import_module(f"phasegrok.models.{kind.module}"), kind.cls)
    return cls(**sizes, **options.filled(model, kind.options))


def plain_seed(model: Model) -> bool:
    """Whether torch's generator is to start from the run's seed itself, as its authors' did."""
    return model["name"] in KINDS and model.get("draws") == "published"


def parts(model: Model) -> tuple[str, ...]:
    """The top-level attributes that hold parameters: what `optim.groups` may name.

    A group holds every parameter whose dotted name is the part or starts with it and a dot.
    Empty for a user's own module, whose parts are known only once it is built: `module_parts`.
    """
    kind = KINDS.get(model["name"])
    return kind.parts(options.filled(model, kind.options)) if kind else ()


def products(model: Model, sizes: Sizes) -> Products | None:
    """The work of the network's matrix products; None for a user's own module.

    Args:
        sizes: those of the task (`Dataset.sizes`).
    """
    kind = KINDS.get(model["name"])
    return kind.products(options.filled(model, kind.options), sizes) if kind else None


def reads(model: Model) -> str | None:
    """What its inputs are, as "pairs"; None for a user's own module, which may read anything."""
    kind = KINDS.get(str(model.get("name")))
    return kind.reads if kind else None


def worth_compiling(model: Model) -> bool:
    """Whether `train.compile=auto` may compile it; so it may a user's own module."""
    kind = KINDS.get(model["name"])
    return kind is None or kind.worth_compiling


def module_parts(module: nn.Module) -> tuple[str, ...]:
    """The parts of a network that is built, in the order of its parameters."""
    names = (name.partition(".")[0] for name, _ in module.named_parameters())
    return tuple(dict.fromkeys(names))


def faults(model: Model) -> list[str]:
    """Everything wrong with the model section, one sentence each with the dotted key."""
    name = model.get("name")
    if isinstance(name, str) and name in KINDS:
        kind = KINDS[name]
        found = options.faults("model", model, {**COMMON, **kind.options}, name)
        values = options.filled(model, kind.options)
        set_ones = options.given(values).items()
        right = all(kind.options[key].allows(value) for key, value in set_ones)
        return found + ([*kind.faults(values), *_unread_faults(model, kind)] if right else [])
    if isinstance(name, str) and own.is_path(name):
        allowed = {**COMMON, "options": own.OPTIONS}
        return options.faults("model", model, allowed, name) + own.faults(name)
    known = f"one of {', '.join(KINDS)}, or your own as package.module:Class"
    if name is None:
        return [f"model.name is missing: it must be {known}"]
    return [f"model.name = {name}: must be {known}{suggestion(name, KINDS)}"]


def _unread_faults(model: Model, kind: Kind) -> list[str]:
    """A setting that the network does not read would change a run's id and nothing else."""
    given = options.given(model)
    return [
        f"model.{key} = {given[key]}: is read only with {reader}; set model.{key}=null"
        for key, reader in kind.unread(options.filled(model, kind.options)).items()
        if key in given
    ]
