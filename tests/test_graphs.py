"""Tasks of graphs: how they are laid out, the random ones, and molecules from QM9's files."""

import re
import sys

import numpy as np
import pytest
import torch

import phasegrok
from phasegrok import InputError, cells, tasks
from phasegrok.tasks.graphs import pack, unpack
from tests.data_files import write_qm9


def graphs(**more):
    return {"name": "random_graphs", "train_fraction": 0.5, **more}


def unpacked(data):
    return unpack(data.inputs, *data.reads.values())


def test_what_is_packed_is_unpacked_by_numpy_and_by_torch():
    draw = np.random.default_rng(0)
    nodes, edges = draw.random((3, 4, 2)), draw.random((3, 4, 4, 5))
    rows = pack(nodes, edges)
    for given in (rows, torch.tensor(rows)):
        for part, expected in zip(unpack(given, 4, 2, 5), (nodes, edges), strict=True):
            np.testing.assert_array_equal(np.asarray(part), expected)


# --------------------------------------------------------------------------------- random graphs


def test_random_graphs_are_connected_and_padded():
    data = tasks.dataset(graphs(nodes=6, node_kinds=3, edge_kinds=2), 0)
    assert data.sizes == {"nodes": 6, "node_features": 3, "edge_features": 2, "outputs": 1}
    nodes, edges = unpacked(data)
    sizes = nodes.sum(axis=(1, 2))
    assert set(sizes) == {2, 3, 4, 5, 6}
    np.testing.assert_array_equal(edges, edges.swapaxes(1, 2))
    for node, edge, size in zip(nodes, edges, sizes.astype(int), strict=True):
        assert set(node.sum(axis=1)[:size]) == {1} and not node[size:].any()
        joined = edge.sum(axis=-1)
        assert set(joined.flat) <= {0, 1} and not np.diag(joined).any()
        assert not joined[size:].any()
        reached = np.linalg.matrix_power(np.eye(size) + joined[:size, :size], size)
        assert (reached > 0).all()
    assert (edges.sum(axis=(1, 2, 3)) / 2 > sizes - 1).any()  # not all of them are trees


def test_the_target_is_a_sum_over_kinds_of_nodes_and_of_edges_with_their_ends():
    """Least squares on how often each occurs leave nothing; without the edges they leave much."""
    data = tasks.dataset(graphs(node_kinds=3, edge_kinds=2), 0)
    nodes, edges = unpacked(data)
    of_edges = np.einsum("guvk,gui,gvj->gkij", edges, nodes, nodes)
    counts = [np.ones((len(nodes), 1)), nodes.sum(axis=1)]
    targets = np.asarray(data.codebook)

    def left(features):
        told = np.concatenate(features, axis=1)
        answer = told @ np.linalg.lstsq(told, targets, rcond=None)[0]
        return np.abs(answer - targets).max()

    assert left([*counts, of_edges.reshape(len(edges), -1)]) < 1e-9
    assert left(counts) > 0.3


def test_more_random_graphs_contain_fewer():
    few, many = tasks.dataset(graphs(examples=50), 0), tasks.dataset(graphs(examples=1500), 1)
    np.testing.assert_array_equal(many.inputs[:50], few.inputs)
    assert few.codebook is not None and many.codebook is not None
    np.testing.assert_allclose(many.codebook[:50], few.codebook, rtol=0, atol=1e-12)
    assert many.codebook.mean() == pytest.approx(0, abs=0.1)
    assert many.codebook.std() == pytest.approx(1, abs=0.1)
    other = tasks.dataset(graphs(examples=50, data_seed=1), 0)
    assert not np.array_equal(other.inputs, few.inputs)


def test_the_error_threshold_of_graphs_changes_nothing_but_what_is_right():
    strict, loose = (tasks.dataset(graphs(error_threshold=x), 0) for x in (0.01, 0.5))
    assert (strict.within, loose.within) == (0.01, 0.5)
    assert strict.inputs is loose.inputs and strict.codebook is loose.codebook


def test_graphs_that_are_all_alike_are_refused():
    alike = {"nodes": 2, "node_kinds": 1, "edge_kinds": 1}
    (fault,) = tasks.faults(graphs(**alike))
    assert fault.startswith("task.nodes = 2: with task.node_kinds = 1 and task.edge_kinds = 1 all")
    for key, value in alike.items():
        larger = graphs(**{**alike, key: value + 1})
        assert tasks.faults(larger) == []
        targets = tasks.dataset(larger, 0).codebook
        assert targets is not None and np.ptp(targets) > 1


# ------------------------------------------------------------------------------------- molecules


@pytest.fixture
def folder(tmp_path):
    return write_qm9(tmp_path / "raw")


def qm9(folder, **more):
    task = {"name": "qm9", "path": str(folder), "train_fraction": 0.5, "examples": 6, **more}
    assert tasks.faults(task) == []
    return tasks.dataset(task, 0)


def test_molecules_have_the_features_of_pytorch_geometric(folder):
    """As its QM9 without sanitising, so that hybridisation and aromaticity stay 0."""
    data = qm9(folder)
    assert data.sizes == {"nodes": 5, "node_features": 11, "edge_features": 4, "outputs": 1}
    nodes, edges = unpacked(data)
    hydrogen = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    methane = [[0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 4]] + 4 * [hydrogen]
    assert nodes[0].tolist() == methane
    ammonia = [[0, 0, 1, 0, 0, 7, 0, 0, 0, 0, 3]] + 3 * [hydrogen] + [[0] * 11]
    assert nodes[1].tolist() == ammonia
    assert edges[0].sum() == 8 and (edges[0, 0, 1:] == [1, 0, 0, 0]).all()
    acetylene, formaldehyde = edges[3], edges[5]
    assert acetylene[0, 1].tolist() == acetylene[1, 0].tolist() == [0, 0, 1, 0]
    assert acetylene.sum() == 6 and not acetylene[0, 3].any()
    assert formaldehyde[0, 1].tolist() == [0, 1, 0, 0]


def test_targets_stand_as_in_the_table_in_the_order_of_the_file(folder):
    alpha, mu = qm9(folder), qm9(folder, target="mu", error_threshold=0.1)
    assert alpha.codebook is not None and mu.codebook is not None
    assert alpha.codebook.tolist() == [[13.21], [9.46], [6.31], [16.28], [12.99], [14.18]]
    assert mu.codebook[1:4].tolist() == [[1.6256], [1.8511], [0.0]]
    assert qm9(folder, examples=2).codebook.tolist() == [[13.21], [9.46]]  # type: ignore[union-attr]


def test_only_alpha_has_a_threshold_of_its_own(folder):
    assert qm9(folder).within == qm9(folder, target="alpha", examples=2).within == 10
    assert qm9(folder, error_threshold=3).within == 3
    assert qm9(folder, target="mu", error_threshold=0.1).within == 0.1


def rewritten(name, old, new):
    def spoil(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return spoil


def emptied(name):
    return lambda folder: (folder / name).write_text("")


def unreadable(name):
    def spoil(folder):
        (folder / name).unlink()
        (folder / name).symlink_to("/proc/self/mem")  # fails to be read, even by root

    return spoil


def shortened(folder):
    text = (folder / CSV).read_text()
    (folder / CSV).write_text(text[: text.index("gdb_6")])


SDF, CSV = "gdb9.sdf", "gdb9.sdf.csv"


@pytest.mark.parametrize(
    "spoil, more, words",
    [
        (lambda folder: (folder / SDF).unlink(), {}, "no file gdb9.sdf in it; unpack qm9.zip th"),
        (lambda folder: (folder / CSV).unlink(), {}, "no file gdb9.sdf.csv in it"),
        (
            unreadable(SDF),
            {},
            "raw: gdb9.sdf cannot be read: Input/output error; task=random_graphs",
        ),
        (unreadable(CSV), {}, "raw: gdb9.sdf.csv cannot be read: Input/output error; task=random_"),
        (emptied(SDF), {}, "gdb9.sdf cannot be read: it is empty or damaged"),
        (emptied(CSV), {}, "gdb9.sdf.csv is damaged: its first line names no column mol_id"),
        (lambda folder: (folder / CSV).write_bytes(b"\xff\xfe\x00"), {}, "csv is damaged: 'utf-8'"),
        (rewritten(SDF, "  4  3  0", "  9  3  0"), {}, "is damaged: molecule 2 cannot be read"),
        (rewritten(SDF, " N  ", " Cl "), {}, "molecule 2 has Cl, where QM9 has H, C, N, O, F and"),
        (rewritten(SDF, "  1  2  3", "  1  2  8"), {}, "molecule 4 has UNSPECIFIED, where QM9 has"),
        (rewritten(SDF, "gdb_3", "gdb_33"), {}, "molecule 3 is gdb_33 in gdb9.sdf and gdb_3 in"),
        (rewritten(CSV, "9.46", "much"), {}, "csv is damaged: in line 3 'much' is no number"),
        (rewritten(CSV, "9.46", "nan"), {}, "csv is damaged: in line 3 'nan' is no number"),
        (None, {"target": "alhpa"}, "task.target = alhpa: is no property in .*mean alpha?"),
        (None, {"target": "mol_id"}, "task.target = mol_id: is no property in .* are A, B, C, mu"),
        (None, {"target": "mu"}, "^task.error_threshold is missing: task.target = mu needs a numb"),
        (None, {"examples": 7}, "task.examples = 7: gdb9.sdf in .* has 6 molecules only"),
        (shortened, {}, "task.examples = 6: gdb9.sdf.csv .* has 5 mol"),
    ],
)
def test_what_is_wrong_with_the_files_is_said_in_one_sentence(folder, spoil, more, words):
    if spoil is not None:
        spoil(folder)
    task = {"name": "qm9", "path": str(folder), "train_fraction": 0.5, "examples": 6, **more}
    (fault,) = tasks.faults(task)
    assert re.search(words, fault), fault
    assert "task=random_graphs needs no file" in fault or not fault.startswith("task.path")


def test_without_rdkit_it_is_said_what_to_install_and_what_works_without(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    (fault,) = tasks.faults({"name": "qm9", "path": str(folder), "train_fraction": 0.5})
    assert fault == (
        "task.name = qm9: RDKit, which reads it, is not installed; pip install "
        "'phasegrok[molecules]' brings it; task=random_graphs needs no file"
    )


def test_a_sweep_of_molecules_needs_their_path_and_no_run_remembers_it(tmp_path):
    small = ["task.examples=6", "train.batch_size=2", "seeds=1"]
    with pytest.raises(InputError, match=r"^task\.path is missing: qm9 needs the folder of"):
        phasegrok.runs("omnigrok_qm9", overrides=small)
    one, other = (
        phasegrok.runs(
            "omnigrok_qm9", overrides=[f"task.path={write_qm9(tmp_path / name)}", *small]
        )
        for name in ("here", "there")
    )
    assert [run.run_id for run in one] == [run.run_id for run in other]
    assert one[0].config["task"]["path"] != other[0].config["task"]["path"]
    assert "path" not in cells.canonical(one[0].config)


@pytest.mark.parametrize("task", ["random_graphs", "qm9"])
def test_a_network_of_messages_learns_from_graphs(task, folder):
    """Three hundred steps take most of the error on the training set."""
    overrides = [f"task={task}", "model=message_passing", "task.p=null", "optim.lr=0.003"]
    overrides += ["task.nodes=5", "task.examples=40"] if task == "random_graphs" else []
    overrides += [f"task.path={folder}", "task.examples=6"] if task == "qm9" else []
    overrides += ["sweep.x={param: optim.weight_decay, values: [0]}", "train.steps=300", "seeds=1"]
    overrides += ["sweep.y={param: task.train_fraction, values: [0.5]}", "model.width=8"]
    (row,) = phasegrok.train(
        phasegrok.runs("quick", overrides=overrides), stop_when_decided=False
    ).to_dict("records")
    assert row["curve.train_loss"][0] > 5 * row["train_loss"]
