"""Tasks: what the examples are, and how they are split and corrupted."""

import itertools

import numpy as np
import pytest

import phasegrok
from phasegrok import tasks
from phasegrok.tasks.operations import S3, S5, find, names
from tests.task_cases import addition, binary, clusters, s3


def divide(x, y, p):
    """The z with y z = x (mod p), found by trying all."""
    (z,) = [z for z in range(p) if y * z % p == x]
    return z


# The definitions of Power et al. 2022, A.1.1, written as they stand there.
MODULAR = {
    "x+y": lambda x, y, p: (x + y) % p,
    "x-y": lambda x, y, p: (x - y) % p,
    "x*y": lambda x, y, p: (x * y) % p,
    "x/y": divide,
    "mixed": lambda x, y, p: divide(x, y, p) if y % 2 == 1 else (x - y) % p,
    "x^2+y^2": lambda x, y, p: (x**2 + y**2) % p,
    "x^2+xy+y^2": lambda x, y, p: (x**2 + x * y + y**2) % p,
    "x^2+xy+y^2+x": lambda x, y, p: (x**2 + x * y + y**2 + x) % p,
    "x^3+xy": lambda x, y, p: (x**3 + x * y) % p,
    "x^3+xy^2+y": lambda x, y, p: (x**3 + x * y**2 + y) % p,
}


def after(x, y):
    """The permutation x first, then y, of two tuples: i -> y[x[i]]."""
    return tuple(y[i] for i in x)


def inverse(x):
    return tuple(x.index(i) for i in range(len(x)))


GROUPS = {
    "s5:xy": (5, after),
    "s5:xyx^-1": (5, lambda x, y: after(after(x, y), inverse(x))),
    "s5:xyx": (5, lambda x, y: after(after(x, y), x)),
    "s3:xy": (3, after),
}


def test_every_operation_is_tested_against_its_definition():
    assert set(MODULAR) | set(GROUPS) <= set(names())
    assert {name for name in names() if find(name).built_in} == set(MODULAR) | set(GROUPS)


@pytest.mark.parametrize("p", [2, 3, 7, 11])
@pytest.mark.parametrize("name", MODULAR)
def test_a_modular_operation_is_its_definition_in_a_major_order(name, p):
    data = tasks.dataset(binary(name, p), seed=0)
    ys = range(1, p) if name == "x/y" else range(p)
    pairs = list(itertools.product(range(p), ys))
    assert data.inputs.tolist() == [list(pair) for pair in pairs]
    assert data.labels.tolist() == [MODULAR[name](x, y, p) for x, y in pairs]
    assert (data.classes, data.outputs, data.codebook) == (p, p, None)
    assert data.sizes == {"symbols": p, "outputs": p}
    assert data.inputs.dtype == data.labels.dtype == np.int64


@pytest.mark.parametrize("name", ["x+y", "x-y", "x*y", "x^3+xy^2+y"])
def test_what_does_not_divide_needs_no_prime(name):
    data = tasks.dataset(binary(name, 6), seed=0)
    assert tasks.faults(binary(name, 6)) == []
    assert data.labels.tolist() == [MODULAR[name](x, y, 6) for x, y in data.inputs.tolist()]


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_operation_is_its_definition_on_tuples(name):
    n, definition = GROUPS[name]
    elements = list(itertools.permutations(range(n)))
    number = {element: k for k, element in enumerate(elements)}
    data = tasks.dataset(binary(name, None), seed=0)
    expected = [number[definition(x, y)] for x, y in itertools.product(elements, repeat=2)]
    assert data.labels.tolist() == expected
    assert data.reads["symbols"] == data.classes == len(elements)


@pytest.mark.parametrize("name", [*MODULAR, *GROUPS])
def test_unordered_pairs_are_allowed_for_the_symmetric_operations_alone(name):
    symmetric = {"x+y", "x*y", "x^2+y^2", "x^2+xy+y^2"}
    task = binary(name, None if name in GROUPS else 11, pairs="unordered")
    assert (tasks.faults(task) == []) == (name in symmetric)


@pytest.mark.parametrize("group", [S3, S5])
def test_the_permutations_obey_the_group_laws(group):
    everything = np.arange(len(group.images))
    x, y = (axis.ravel() for axis in np.meshgrid(everything, everything, indexing="ij"))
    z = np.random.default_rng(0).permutation(y)
    assert set(group.product(x, y)) == set(everything)  # closed, and nothing is missed
    assert (group.product(group.product(x, y), z) == group.product(x, group.product(y, z))).all()
    assert (group.product(everything, 0 * everything) == everything).all()  # 0 is the identity
    assert (group.product(group.inverse(x), x) == 0).all()
    assert (group.product(x, y) != group.product(y, x)).any()  # and the left factor matters


@pytest.mark.parametrize(
    "task, examples",
    [
        (binary("x+y", 97), 9409),
        (binary("x+y", 97, pairs="unordered"), 4753),
        (binary("x/y", 97), 9312),
        (binary("mixed", 97), 9409),
        (binary("s5:xyx", None), 14400),
        (binary("s3:xy", None), 36),
        (s3(), 36),
        (addition(), 55),
        (addition(p=3), 6),
        (clusters(), 2000),
        (clusters(classes=3, features=2, examples=50), 50),
    ],
)
def test_the_size_is_the_published_one_and_that_of_the_arrays(task, examples):
    assert tasks.size(task) == examples
    assert len(tasks.dataset(task, 0).inputs) == len(tasks.dataset(task, 0).labels) == examples


def test_unordered_pairs_come_once_each_in_combinations_order():
    data = tasks.dataset(binary("x*y", 7, pairs="unordered"), seed=0)
    pairs = list(itertools.combinations_with_replacement(range(7), 2))
    assert data.inputs.tolist() == [list(pair) for pair in pairs]
    assert data.labels.tolist() == [x * y % 7 for x, y in pairs]


def test_liu_addition_is_the_plain_sum_with_a_vector_for_each():
    data = tasks.dataset(addition(), seed=3)
    assert (data.inputs[:, 0] <= data.inputs[:, 1]).all()
    assert (data.labels == data.inputs.sum(axis=1)).all()
    assert (data.classes, data.sizes) == (19, {"symbols": 10, "outputs": 30})
    assert data.codebook is not None and data.codebook.shape == (19, 30)
    assert tasks.train_size(addition()) == 45
    assert tasks.dataset(addition(targets="classes"), 3).outputs == 19


def test_liu_s3_composes_as_b_of_a():
    data = tasks.dataset(s3(), seed=3)
    elements = list(itertools.permutations(range(3)))
    for (a, b), label in zip(data.inputs.tolist(), data.labels.tolist(), strict=True):
        assert elements[label] == tuple(elements[b][i] for i in elements[a])
    assert (data.classes, data.outputs, tasks.train_size(s3())) == (6, 30, 24)


def test_gaussian_clusters_are_means_of_about_unit_length_with_noise_around_them():
    task = clusters(classes=7, features=400, examples=3000, spread=0.3)
    data, exact = tasks.dataset(task, 0), tasks.dataset({**task, "spread": 0}, 0)
    assert data.inputs.dtype == np.float64 and data.inputs.shape == (3000, 400)
    assert data.labels.dtype == np.int64 and data.labels.tolist() == [i % 7 for i in range(3000)]
    means = exact.inputs[:7]
    assert (exact.inputs == means[data.labels]).all()  # without noise, an example is its mean
    assert np.linalg.norm(means, axis=1) == pytest.approx(np.ones(7), abs=0.2)
    noise = (data.inputs - exact.inputs) / 0.3
    # 1.2 million standard normal numbers: the bounds are 5 standard errors.
    assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
    assert abs(noise.std() - 1) < 5 / np.sqrt(2 * noise.size)
    assert abs((noise[:-1] * noise[1:]).mean()) < 5 / np.sqrt(noise.size)


def test_gaussian_clusters_are_the_same_for_all_runs_and_split_by_the_runs_seed():
    task = clusters(features=5, examples=60)
    data = tasks.dataset(task, 0)
    assert not tasks.differs_per_seed(task) and not tasks.has_codebook(task)
    assert tasks.dataset({**task, "train_fraction": 0.2, "label_noise": 0.5}, seed=9) is data
    other = tasks.dataset({**task, "data_seed": 1}, 0)
    assert (other.inputs != data.inputs).all() and (other.labels == data.labels).all()
    assert (tasks.split(task, 0) != tasks.split(task, 1)).any()
    with pytest.raises(ValueError, match="read-only"):
        data.inputs[0, 0] = 0


def test_more_gaussian_examples_contain_fewer():
    some = tasks.dataset(clusters(features=5, examples=60), 0)
    more = tasks.dataset(clusters(features=5, examples=90), 0)
    assert (more.inputs[:60] == some.inputs).all() and (more.labels[:60] == some.labels).all()


def test_the_labels_of_gaussian_clusters_are_corrupted_as_those_of_other_tasks():
    task = clusters(features=2, label_noise=0.3)
    data, train = tasks.dataset(task, 0), tasks.split(task, 0)
    changed = np.flatnonzero(tasks.noisy_labels(task, data, train, seed=5) != data.labels)
    # A drawn class is the true one once in ten times.
    assert set(changed) <= set(train[:300]) and 240 < len(changed) < 300


@pytest.mark.parametrize(
    "task", [binary(), addition(), s3(), clusters(), clusters(features=3, classes=4)]
)
def test_a_network_is_built_with_the_sizes_of_what_it_reads(task):
    data = tasks.dataset(task, 0)
    if tasks.inputs(task) == "vectors":
        assert data.sizes == {"features": data.inputs.shape[1], "outputs": data.outputs}
    else:
        assert tasks.inputs(task) == "pairs" and data.inputs.shape[1] == 2
        assert data.sizes == {"symbols": data.inputs.max() + 1, "outputs": data.outputs}


def test_networks_trained_on_a_small_task_of_clusters_generalise():
    chosen = ["task=gaussian_clusters", "model=vector_mlp", "train.loss=cross_entropy"]
    quick = ["task.p=null", "task.features=20", "task.examples=200", "model.init_scale=1"]
    axes = ["sweep.x.values=[0.3,0.6]", "sweep.y={param: task.spread, values: [0.05, 0.1]}"]
    runs = phasegrok.runs("quick", [*chosen, *quick, *axes, "seeds=2", "train.steps=100"])
    frame = phasegrok.train(runs)
    assert len(frame) == 8 and set(frame["task.name"]) == {"gaussian_clusters"}
    assert min(frame["max_val_acc"]) > 0.9 and not frame["val_step"].hasnans


def test_the_codebook_follows_the_runs_seed_unless_it_has_its_own():
    def book(task, seed):
        found = tasks.dataset(task, seed).codebook
        assert found is not None
        return found

    assert (book(s3(), 1) == book(s3(), 1)).all()
    assert (book(s3(), 1) != book(s3(), 2)).all()
    assert (book(s3(target_seed=1), 2) == book(s3(), 1)).all()
    assert tasks.differs_per_seed(s3()) and tasks.differs_per_seed(addition(target_seed=None))
    for task in (s3(target_seed=0), addition(targets="classes"), binary()):
        assert not tasks.differs_per_seed(task)
    assert tasks.has_codebook(s3(target_seed=0)) and not tasks.has_codebook(binary())


def test_a_dataset_is_built_once_and_cannot_be_changed():
    task = binary("s5:xy", None)
    assert tasks.dataset(task, 0) is tasks.dataset({**task, "train_fraction": 0.2}, 1)
    with pytest.raises(ValueError, match="read-only"):
        tasks.dataset(task, 0).labels[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        tasks.split(task, 0)[0] = 1


def test_splits_are_nested_over_the_train_fraction_and_differ_per_seed():
    small = tasks.split(binary(p=23, train_fraction=0.2), split_seed=1)
    large = tasks.split(binary(p=23, train_fraction=0.7), split_seed=1)
    assert len(small) == round(0.2 * 529) and len(large) == round(0.7 * 529)
    assert (large[: len(small)] == small).all()
    assert len(set(large.tolist())) == len(large) and large.min() >= 0 and large.max() < 529
    other = tasks.split(binary(p=23, train_fraction=0.7), split_seed=2)
    assert (large != other).any()


@pytest.mark.parametrize("noise, corrupted", [(0.0, 0), (0.1, 26), (0.35, 92), (0.9, 237)])
def test_label_noise_touches_exactly_its_share_of_the_training_labels(noise, corrupted):
    task = binary(p=23, label_noise=noise)
    data, train = tasks.dataset(task, 0), tasks.split(task, 0)
    assert int(noise * len(train)) == corrupted
    labels = tasks.noisy_labels(task, data, train, seed=5)
    spared = np.setdiff1d(np.arange(529), train[:corrupted])
    assert (labels[spared] == data.labels[spared]).all()
    # A drawn class is the true one once in 23 times.
    changed = np.count_nonzero(labels != data.labels)
    assert 0.8 * corrupted <= changed <= corrupted
    assert labels.min() >= 0 and labels.max() < 23


def test_numbers_that_are_one_in_the_id_of_a_run_are_one_in_its_data():
    """0.7 - 0.4 and 0.7 - 0.2 are a little less than 0.3 and 0.5, which would cost an example."""
    assert len(tasks.corrupted({"label_noise": 0.7 - 0.4}, np.arange(100))) == 30
    halves = [clusters(examples=11, train_fraction=fraction) for fraction in (0.7 - 0.2, 0.5)]
    assert [tasks.train_size(task) for task in halves] == [6, 6]


def test_more_label_noise_keeps_what_less_noise_changed():
    data, train = tasks.dataset(binary(p=23), 0), tasks.split(binary(p=23), 0)
    some = tasks.noisy_labels(binary(p=23, label_noise=0.2), data, train, seed=5)
    more = tasks.noisy_labels(binary(p=23, label_noise=0.6), data, train, seed=5)
    first = train[: int(0.2 * len(train))]
    assert (some[first] == more[first]).all()
    assert (more != tasks.noisy_labels(binary(p=23, label_noise=0.6), data, train, seed=6)).any()


def test_corrupted_classes_are_drawn_uniformly():
    task = binary(p=97, label_noise=0.99, train_fraction=0.99)
    data, train = tasks.dataset(task, 0), tasks.split(task, 0)
    drawn = tasks.noisy_labels(task, data, train, seed=0)[train[: int(0.99 * len(train))]]
    counts = np.bincount(drawn, minlength=97)
    assert abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())
