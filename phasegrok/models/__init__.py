"""The networks: which there are, what options they take, and how one is built.

`model` is everywhere the model section of a run's configuration, a plain mapping. Every model is
an ordinary nn.Module for one run: forward takes inputs as `tasks.Dataset` describes them, reals in
the run's dtype, and gives [n, outputs]. This module does not import torch until one is built.
`init_scale` is the engine's: models ignore it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from phasegrok import options
from phasegrok.models import own
from phasegrok.options import Option, choice, flag, integer, number, suggestion

if TYPE_CHECKING:
    from torch import nn

    from phasegrok.tasks.tables import Inputs

Model = Mapping[str, Any]
Values = Mapping[str, Any]
Sizes = Mapping[str, int]


class Products(NamedTuple):
    """Multiply-adds of the matrix products of one forward pass, per example.

    `on_data` are those among `all` whose input is the data itself: no gradient goes there.
    """

    all: int
    on_data: int = 0


@dataclass(frozen=True)
class Kind:
    """What one `model.name` stands for."""

    module: str
    cls: str
    options: Mapping[str, Option]
    parts: Callable[[Values], tuple[str, ...]]
    """The top-level attributes that hold parameters, given a value for every option."""
    products: Callable[[Values, Sizes], Products]
    """The work of its matrix products, given a value for every option and the task's sizes."""
    reads: Inputs = "pairs"
    faults: Callable[[Values], list[str]] = lambda values: []
    """What two options together can get wrong."""
    unread: Callable[[Values], Mapping[str, str]] = lambda values: {}
    """Options without effect, given a value for every one, each with the setting that reads it."""


POSITIVE = number("> 0", lambda x: 0 < x < math.inf, default=1.0)
ACTIVATION = choice("relu", "gelu", "tanh", "quadratic", default="relu")


def _mlp_parts(values: Values) -> tuple[str, ...]:
    # A one-hot vector times a matrix is the first layer already; see mlp.py.
    hidden = values["depth"] - (values["embedding"] == "onehot")
    return ("embedding", "hidden", "readout") if hidden else ("embedding", "readout")


def _mlp_unread(values: Values) -> dict[str, str]:
    learned = values["embedding"] == "learned"
    return {} if learned else dict.fromkeys(("embedding_dim", "shared"), "model.embedding=learned")


def _mlp_products(values: Values, sizes: Sizes) -> Products:
    width, depth = values["width"], values["depth"]
    if values["embedding"] == "learned":
        joined = values["embedding_dim"] * (2 if values["combine"] == "concat" else 1)
        widths = [joined] + [width] * depth + [sizes["outputs"]]
    else:
        widths = [width] * depth + [sizes["outputs"]]
    return Products(_dense(widths))


def _dense(widths: Sequence[int]) -> int:
    """Multiply-adds of fully connected layers of these widths."""
    return sum(m * n for m, n in pairwise(widths))


def _toy_products(values: Values, sizes: Sizes) -> Products:
    dim, width = values["embedding_dim"], values["width"]
    matrices = values["embedding"] == "matrix"
    dense = _dense([dim**2 if matrices else dim, width, width, sizes["outputs"]])
    return Products(dense + (dim**3 if matrices else 0))


def _transformer_products(values: Values, sizes: Sizes) -> Products:
    tokens = 4 if values["tokens"] == "power" else 3
    width, total = values["width"], 0
    for block in range(values["blocks"]):
        asking = 1 if block == values["blocks"] - 1 else tokens
        total += 2 * (asking + tokens) * width**2  # query, out; key, value
        total += 2 * asking * tokens * width  # scores and what they mix
        total += 2 * asking * width * values["mlp_width"]
    return Products(total + width * sizes["outputs"])


def _vector_mlp_products(values: Values, sizes: Sizes) -> Products:
    width, features = values["width"], sizes["features"]
    widths = [features] + [width] * values["depth"] + [sizes["outputs"]]
    return Products(_dense(widths), on_data=features * width)


def _message_passing_products(values: Values, sizes: Sizes) -> Products:
    nodes, width = sizes["nodes"], values["width"]
    widths = [sizes["node_features"], width, values["pooled_width"]]
    summed = [nodes**2 * m * (width + 1) for m in widths[:2]]
    matrices = nodes * (width + 2) * _dense(widths)  # the root's is one more
    hidden = 2 * nodes**2 * sizes["edge_features"] * width
    every = hidden + sum(summed) + matrices + _dense([widths[-1], width, sizes["outputs"]])
    return Products(every, on_data=hidden + summed[0] + nodes * widths[0] * width)


def _transformer_parts(values: Values) -> tuple[str, ...]:
    learned = ("positions",) if values["positions"] == "learned" else ()
    return ("embedding", *learned, "blocks", "readout")


def _transformer_faults(values: Values) -> list[str]:
    width, heads = values["width"], values["heads"]
    if width % heads == 0:
        return []
    return [f"model.heads = {heads}: must divide model.width = {width}"]


KINDS: dict[str, Kind] = {
    "quadratic_mlp": Kind(
        "mlp",
        "QuadraticMLP",
        {"width": integer(1, default=128)},
        lambda values: ("left", "right", "readout"),
        lambda values, sizes: Products(values["width"] * sizes["outputs"]),
    ),
    "mlp": Kind(
        "mlp",
        "MLP",
        {
            "width": integer(1, default=128),
            "depth": integer(1, default=1),
            "activation": ACTIVATION,
            "embedding": choice("onehot", "learned", default="onehot"),
            "embedding_dim": integer(1, default=128),
            "shared": flag(default=True),
            "combine": choice("concat", "sum", default="concat"),
            "bias": flag(default=True),
        },
        _mlp_parts,
        _mlp_products,
        unread=_mlp_unread,
    ),
    "liu2022_toy": Kind(
        "toy",
        "Liu2022Toy",
        {
            "embedding": choice("vector", "matrix", default="vector"),
            "embedding_dim": integer(1, default=1),
            "embedding_scale": POSITIVE,
            "width": integer(1, default=200),
            "draws": choice("published", default=None),  # None: phasegrok's own streams
        },
        lambda values: ("embedding", "decoder"),
        _toy_products,
    ),
    "transformer": Kind(
        "transformer",
        "Transformer",
        {
            "tokens": choice("power", "nanda", default="power"),
            "blocks": integer(1, default=2),
            "width": integer(1, default=128),
            "heads": integer(1, default=4),
            "mlp_width": integer(1, default=512),
            "norm": choice("post", "none", default="post"),
            "positions": choice("sinusoidal", "learned", default="sinusoidal"),
            "bias": flag(default=False),
            "init": choice("power", "nanda", default="power"),
        },
        _transformer_parts,
        _transformer_products,
        faults=_transformer_faults,
    ),
    "vector_mlp": Kind(
        "mlp",
        "VectorMLP",
        {
            "width": integer(1, default=200),
            "depth": integer(1, default=2),
            "activation": ACTIVATION,
            "bias": flag(default=True),
        },
        lambda values: ("hidden", "readout"),
        _vector_mlp_products,
        reads="vectors",
    ),
    "message_passing": Kind(
        "message_passing",
        "MessagePassing",
        {"width": integer(1, default=32), "pooled_width": integer(1, default=16)},
        lambda values: ("convolutions", "readout"),
        _message_passing_products,
        reads="graphs",
    ),
}
"""What `model.name` may be, besides the import path of a user's own module."""

COMMON = {"name": options.text(), "init_scale": POSITIVE}
"""The keys that every model has."""


def build(model: Model, sizes: Sizes) -> nn.Module:
    """A freshly initialised network, drawn from torch's global generator as it stands.

    Args:
        model: the section; `faults` has nothing to say about it.
        sizes: those of the task (`Dataset.sizes`), which go to the class as keywords: those of an
            input (`Dataset.reads`), and `outputs`, the width of the output.

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
    """As "pairs" or "graphs"; None for a user's own module, which may read any."""
    kind = KINDS.get(str(model.get("name")))
    return kind.reads if kind else None


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
        right = all(option.allows(values[key]) for key, option in kind.options.items())
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
