"""The table of networks: what options each takes, what its parts are and how much work it is.

Nothing here imports torch: a network's module is named, and imported when one is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from phasegrok.options import Option, choice, flag, integer, number

if TYPE_CHECKING:
    from phasegrok.tasks.tables import Inputs

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
    worth_compiling: bool = True
    """Whether `train.compile=auto` may compile it."""
    faults: Callable[[Values], list[str]] = lambda values: []
    """What two options together can get wrong."""
    unread: Callable[[Values], Mapping[str, str]] = lambda values: {}
    """Options without effect, given a value for every one, each with the setting that reads it."""


POSITIVE = number("> 0", lambda x: 0 < x < math.inf, default=1.0)
ACTIVATION = choice("relu", "gelu", "tanh", "quadratic", default="relu")
DROPOUT = number("from 0 up to but not including 1", lambda x: 0 <= x < 1, default=None)
NORM = choice("batch", "layer", default=None)


def _with_norm(values: Values, parts: tuple[str, ...]) -> tuple[str, ...]:
    return (*parts, "norm") if values["norm"] else parts


def _mlp_parts(values: Values) -> tuple[str, ...]:
    # A one-hot vector times a matrix is the first layer already; see mlp.py.
    hidden = values["depth"] - (values["embedding"] == "onehot")
    return _with_norm(values, ("embedding", *(("hidden",) if hidden else ()), "readout"))


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


def _lstm_products(values: Values, sizes: Sizes) -> Products:
    width, length = values["width"], sizes["length"]
    layers = [values["embedding_dim"]] + [width] * (values["layers"] - 1)
    # Each step has a product of its input and, but for the first, one of the state before it.
    steps = sum(4 * width * (inputs * length + width * (length - 1)) for inputs in layers)
    return Products(steps + width * sizes["outputs"])


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
        {
            "width": integer(1, default=128),
            "dropout": DROPOUT,
            "norm": NORM,
            "init": choice("analytic", default=None),  # None: drawn from a normal distribution
        },
        lambda values: _with_norm(values, ("left", "right", "readout")),
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
            "dropout": DROPOUT,
            "norm": NORM,
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
            "dropout": DROPOUT,
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
            "dropout": DROPOUT,
            "norm": NORM,
        },
        lambda values: _with_norm(values, ("hidden", "readout")),
        _vector_mlp_products,
        reads="vectors",
    ),
    "lstm": Kind(
        "lstm",
        "LSTM",
        {
            "embedding_dim": integer(1, default=64),
            "width": integer(1, default=128),
            "layers": integer(1, default=2),
        },
        lambda values: ("embedding", "recurrent", "readout"),
        _lstm_products,
        reads="tokens",
        # Its program holds every step of every layer: it takes minutes to make, with clipping
        # PyTorch 2.13 may fail on it (pytorch#196570), and eager its work is in large pieces.
        worth_compiling=False,
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
