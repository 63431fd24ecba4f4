"""Graphs as rows of numbers, and the task `random_graphs`.

An example of any task of graphs is one row: the features of its nodes, [nodes, node_features], and
behind them those of its edges, [nodes, nodes, edge_features], from the first node to the second.
A node whose features are all 0 is padding, and where all features of an edge are 0 there is none.
`pack` and `unpack` are the only places that know this.

`random_graphs` needs no file: connected graphs of 2 to `nodes` nodes, of which each has a kind, and
so has each edge. The target is a sum of fixed random weights, one for the kind of each node and one
for the kinds of each edge and its ends, standardised to mean 0 and variance 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from phasegrok import streams
from phasegrok.options import filled, integer
from phasegrok.tasks.tables import Dataset, FloatArray, Kind, Task, error_threshold, frozen

BoolArray = npt.NDArray[np.bool_]

OPTIONS = {
    "examples": integer(2, default=400),
    "nodes": integer(2, default=8),
    "node_kinds": integer(1, default=4),
    "edge_kinds": integer(1, default=2),
    "error_threshold": error_threshold(0.1),
    "data_seed": integer(0, default=0),
}

# Two nodes that a tree does not join are joined with this probability.
MORE_EDGES = 0.15
# Mean and deviation are those of so many graphs, so that more examples contain fewer.
STANDARD = 1000


def pack(nodes: FloatArray, edges: FloatArray) -> FloatArray:
    """[n, nodes, node_features] and [n, nodes, nodes, edge_features] as rows, [n, k]."""
    return np.concatenate([nodes.reshape(len(nodes), -1), edges.reshape(len(edges), -1)], axis=1)


def unpack(rows: Any, nodes: int, node_features: int, edge_features: int) -> tuple[Any, Any]:
    """The two arrays of `pack` again, of NumPy or torch as the rows are."""
    cut = nodes * node_features
    return (
        rows[:, :cut].reshape(-1, nodes, node_features),
        rows[:, cut:].reshape(-1, nodes, nodes, edge_features),
    )


def regression(nodes: FloatArray, edges: FloatArray, targets: FloatArray) -> Dataset:
    """The examples of a task of graphs, each with its own target; `targets` is [examples]."""
    labels = np.arange(len(targets), dtype=np.int64)
    _, most, of_node = nodes.shape
    reads = {"nodes": most, "node_features": of_node, "edge_features": edges.shape[-1]}
    inputs, codebook = frozen(pack(nodes, edges)), frozen(targets[:, None].copy())
    return Dataset(inputs, frozen(labels), len(labels), reads, codebook)


def table(task: Task) -> Dataset:
    values = filled(task, OPTIONS)
    return _table(**{key: value for key, value in values.items() if key != "error_threshold"})


def faults(task: Task) -> list[str]:
    """Standardising divides by the deviation of the targets, so graphs must differ."""
    values = filled(task, OPTIONS)
    if (values["nodes"], values["node_kinds"], values["edge_kinds"]) != (2, 1, 1):
        return []
    return [
        "task.nodes = 2: with task.node_kinds = 1 and task.edge_kinds = 1 all graphs are alike, so "
        "that there is nothing to learn; one of the three must be larger"
    ]


@lru_cache(maxsize=4)
def _table(examples: int, nodes: int, node_kinds: int, edge_kinds: int, data_seed: int) -> Dataset:
    count = max(examples, STANDARD)
    real, joined = _drawn(count, nodes, data_seed)
    node_kind = streams.generator(data_seed, "nodes").integers(node_kinds, size=real.shape)
    edge_kind = streams.generator(data_seed, "edges").integers(edge_kinds, size=joined.shape)
    edge_kind = np.tril(edge_kind) + np.tril(edge_kind, k=-1).swapaxes(1, 2)  # either way the same
    of_nodes = np.eye(node_kinds)[node_kind] * real[..., None]
    of_edges = np.eye(edge_kinds)[edge_kind] * joined[..., None]
    values = _values(of_nodes, of_edges, data_seed)
    targets = (values - values[:STANDARD].mean()) / values[:STANDARD].std()
    return regression(of_nodes[:examples], of_edges[:examples], targets[:examples])


def _drawn(count: int, nodes: int, seed: int) -> tuple[BoolArray, BoolArray]:
    """Which nodes are real, [count, nodes], and which are joined, [count, nodes, nodes].

    A node is joined to one before it, so the first few of a tree are a tree again; then further
    pairs are joined at random.
    """
    sizes = streams.generator(seed, "sizes").integers(2, nodes + 1, size=count)
    real = np.arange(nodes) < sizes[:, None]
    share = streams.generator(seed, "trees").random((count, nodes))
    before = np.floor(share * np.arange(nodes))
    more = streams.generator(seed, "cycles").random((count, nodes, nodes)) < MORE_EDGES
    joined = (before[..., None] == np.arange(nodes)) | more
    # Below the diagonal: no node is joined to itself, and the first has none before it.
    lower = joined & np.tri(nodes, k=-1, dtype=bool) & real[:, :, None] & real[:, None, :]
    return real, lower | lower.swapaxes(1, 2)


def _values(nodes: FloatArray, edges: FloatArray, seed: int) -> FloatArray:
    """The sum of N(0, 1) weights of each graph, [count]; an edge counts in both directions."""
    draw = streams.generator(seed, "targets")
    of_nodes = draw.standard_normal(nodes.shape[-1])
    of_edges = draw.standard_normal((edges.shape[-1], len(of_nodes), len(of_nodes)))
    both = np.einsum("guvk,gui,gvj,kij->g", edges, nodes, nodes, of_edges, optimize=True)
    return (nodes @ of_nodes).sum(axis=1) + both


RANDOM_GRAPHS = Kind(
    OPTIONS,
    size=lambda task: filled(task, OPTIONS)["examples"],
    table=table,
    faults=faults,
    inputs="graphs",
    regression=True,
)
