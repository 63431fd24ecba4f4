"""Message passing: what it computes, and that padding and the order of nodes change nothing."""

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from phasegrok import models
from phasegrok.models.message_passing import EdgeConvolution

NODES, NODE_FEATURES, EDGE_FEATURES = 5, 3, 2
SECTION = {"name": "message_passing", "width": 6, "pooled_width": 4}


def sizes(nodes: int = NODES) -> dict[str, int]:
    return {"nodes": nodes, "node_features": NODE_FEATURES, "edge_features": EDGE_FEATURES,
            "outputs": 2}  # fmt: skip


def build(seed: int = 0, nodes: int = NODES, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(seed)
    return models.build(SECTION, sizes(nodes)).to(dtype)


def some_graphs(count: int = 7) -> tuple[Tensor, Tensor]:
    """Nodes and edges, [count, N, 3] and [count, N, N, 2], of which some are padding or absent."""
    draw = torch.Generator().manual_seed(1)
    nodes = torch.randn(count, NODES, NODE_FEATURES, generator=draw, dtype=torch.float64)
    edges = torch.randn(count, NODES, NODES, EDGE_FEATURES, generator=draw, dtype=torch.float64)
    real = torch.arange(NODES) < torch.arange(count)[:, None] % NODES + 1
    there = torch.rand(count, NODES, NODES, generator=draw) < 0.6
    there = there & real[:, :, None] & real[:, None, :] & ~torch.eye(NODES, dtype=torch.bool)
    return nodes * real[..., None], edges * there[..., None]


def rows(nodes: Tensor, edges: Tensor) -> Tensor:
    return torch.cat([nodes.flatten(1), edges.flatten(1)], dim=1)


def close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-11, atol=1e-11)


def test_a_convolution_is_a_loop_over_edges_with_a_matrix_for_each():
    torch.manual_seed(0)
    layer = EdgeConvolution(NODE_FEATURES, 4, EDGE_FEATURES, width=6).double()
    nodes, edges = some_graphs()
    joined = (edges != 0).any(dim=-1).double()
    expected = layer.root(nodes)
    for graph, one, other in joined.nonzero().tolist():
        hidden = layer.edge(edges[graph, one, other]).relu()
        matrix = layer.matrix(hidden).reshape(NODE_FEATURES, 4)
        expected[graph, other] += nodes[graph, one] @ matrix
    assert close(layer(nodes, edges, joined), expected)


def test_the_network_sums_its_nodes_and_reads_the_sum():
    network, (nodes, edges) = build(), some_graphs()
    first, second = network.get_submodule("convolutions.0"), network.get_submodule("convolutions.1")
    one, other = network.get_submodule("readout.0"), network.get_submodule("readout.1")
    for node, edge, answer in zip(nodes, edges, network(rows(nodes, edges)), strict=True):
        size = int((node != 0).any(dim=-1).sum())
        node, edge = node[None, :size], edge[None, :size, :size]  # without its padding
        joined = (edge != 0).any(dim=-1).double()
        x = second(first(node, edge, joined).relu(), edge, joined).relu().sum(dim=1)
        assert close(other(one(x).relu())[0], answer)


def test_padding_changes_no_answer():
    nodes, edges = some_graphs()
    wide_nodes = nn.functional.pad(nodes, (0, 0, 0, 3))
    wide_edges = nn.functional.pad(edges, (0, 0, 0, 3, 0, 3))
    network, wider = build(nodes=NODES), build(nodes=NODES + 3)
    assert close(wider(rows(wide_nodes, wide_edges)), network(rows(nodes, edges)))


def test_the_order_of_nodes_changes_no_answer():
    nodes, edges = some_graphs()
    order = torch.tensor([3, 0, 4, 2, 1])
    network = build()
    shuffled = rows(nodes[:, order], edges[:, order][:, :, order])
    assert close(network(shuffled), network(rows(nodes, edges)))


def test_for_molecules_it_has_the_published_sizes():
    sizes = {"nodes": 29, "node_features": 11, "edge_features": 4, "outputs": 1}
    network = models.build({"name": "message_passing"}, sizes)
    shapes = {name: list(p.shape) for name, p in network.named_parameters() if "weight" in name}
    assert list(shapes.values()) == [
        [32, 4], [11 * 32, 32], [32, 11], [32, 4], [32 * 16, 32], [16, 32], [32, 16], [1, 32]
    ]  # fmt: skip
    assert sum(p.numel() for p in network.parameters()) == 30_321


def gradients(network: nn.Module):
    def total(parameters: dict[str, Tensor], inputs: Tensor) -> Tensor:
        return functional_call(network, parameters, (inputs,)).square().mean()

    return grad(total)


def test_the_gradient_of_many_lanes_is_that_of_each_and_reaches_every_tensor():
    networks, inputs = [build(seed) for seed in range(3)], rows(*some_graphs(9))
    parameters, _ = stack_module_state(networks)
    batches = torch.stack([inputs[lane : lane + 6] for lane in range(3)])
    together = vmap(gradients(networks[0]))(parameters, batches)
    for lane, network in enumerate(networks):
        alone = gradients(network)(dict(network.named_parameters()), batches[lane])
        for name, value in alone.items():
            assert value.norm() > 1e-8 and close(together[name][lane], value), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_many_lanes_are_one_graph_without_a_break(dtype):
    networks = [build(seed, dtype=dtype) for seed in range(2)]
    parameters, _ = stack_module_state(networks)
    batches, lanes = torch.stack(2 * [rows(*some_graphs()).to(dtype)]), vmap(gradients(networks[0]))
    torch.compiler.reset()
    compiled = torch.compile(lanes, fullgraph=True, backend="eager")(parameters, batches)
    for name, value in lanes(parameters, batches).items():
        assert compiled[name].dtype == dtype and torch.allclose(compiled[name], value), name


def test_its_parts_and_its_faults_are_named():
    assert models.parts(SECTION) == models.module_parts(build()) == ("convolutions", "readout")
    assert models.reads(SECTION) == "graphs" and models.faults(SECTION) == []
    (fault,) = models.faults({**SECTION, "pooled_width": 0})
    assert fault == "model.pooled_width = 0: must be a whole number >= 1"
