"""The teacher-student task: a fixed random function to regress on, right within an error."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import phasegrok
from phasegrok import losses, streams, tasks


def teacher(**more):
    return {"name": "teacher_student", "train_fraction": 0.5, **more}


def test_a_teacher_is_one_function_of_all_its_examples():
    task = teacher(examples=50)
    data, more = tasks.dataset(task, 0), tasks.dataset(teacher(examples=80), 1)
    np.testing.assert_array_equal(more.inputs[:50], data.inputs)
    assert data.codebook is not None and more.codebook is not None
    # To rounding, for a product of matrices may depend on how many rows there are.
    np.testing.assert_allclose(more.codebook[:50], data.codebook, rtol=0, atol=1e-12)
    assert (data.classes, data.sizes) == (50, {"features": 5, "outputs": 5})
    other = tasks.dataset(teacher(examples=50, data_seed=1), 0)
    assert other.codebook is not None and not np.allclose(other.codebook, data.codebook)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_targets_are_what_the_described_network_says_of_the_examples(depth):
    """tanh after each hidden layer and none at the end, on examples that are N(0, I)."""
    options = {"features": 4, "width": 7, "outputs": 3, "depth": depth, "data_seed": 5}
    data = tasks.dataset(teacher(**options, examples=30), 0)
    draw = streams.generator(5, "teacher")
    layers = []
    for inputs, outputs in pairwise([4] + depth * [7] + [3]):
        layer = nn.Linear(inputs, outputs, dtype=torch.float64)
        drawn = 2 * draw.random((inputs + 1, outputs)) - 1  # the biases behind the weights
        layer.weight.data = torch.tensor(drawn[:-1].T / inputs**0.5)
        layer.bias.data = torch.tensor(drawn[-1] / inputs**0.5)
        layers += [layer, nn.Tanh()]
    says = nn.Sequential(*layers[:-1])(torch.tensor(data.inputs)).detach().numpy()
    assert data.codebook is not None
    np.testing.assert_allclose(data.codebook[data.labels], says, rtol=0, atol=1e-12)
    normal = streams.generator(5, "inputs").standard_normal((30, 4))
    np.testing.assert_array_equal(data.inputs, normal)


def test_a_teachers_weights_are_within_the_bounds_of_pytorchs_default():
    """The law above: uniform within 1 / sqrt(inputs), weights and biases."""
    torch.manual_seed(0)
    layer = nn.Linear(50, 2000)
    for drawn in (layer.weight.detach(), layer.bias.detach()):
        bound = 1 / 50**0.5
        assert 0.99 * bound < drawn.abs().max() <= bound
        assert drawn.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_the_error_threshold_changes_nothing_but_what_is_right():
    strict = tasks.dataset(teacher(error_threshold=1e-3), 0)
    loose = tasks.dataset(teacher(error_threshold=0.1), 0)
    assert (strict.within, loose.within) == (1e-3, 0.1)
    assert strict.inputs is loose.inputs and strict.codebook is loose.codebook


def test_an_answer_is_right_within_the_threshold_whatever_target_is_nearer():
    targets = torch.tensor([[0.0, 0.0], [0.1, 0.1], [3.0, 3.0]])
    outputs = torch.tensor([[0.09, 0.09], [0.1, 0.0], [float("nan"), 3.0]])
    labels = torch.arange(3)
    error = torch.tensor(0.0082, dtype=torch.float64)
    assert losses.correct(outputs, labels, targets, error).tolist() == [True, True, False]
    assert losses.correct(outputs, labels, targets, error / 2).tolist() == [False] * 3
    assert losses.correct(outputs, labels, targets).tolist() == [False, False, False]


def test_runs_that_differ_in_the_threshold_alone_differ_in_accuracy_alone():
    overrides = ["task=teacher_student", "model=vector_mlp", "model.activation=tanh"]
    overrides += ["sweep.x={param: task.error_threshold, values: [0.0005, 0.1]}", "seeds=1"]
    overrides += ["task.p=null", "task.examples=40", "model.width=20", "train.steps=50"]
    overrides += ["sweep.y={param: optim.weight_decay, values: [0.1]}"]
    runs = phasegrok.runs("quick", overrides=overrides)
    strict, loose = phasegrok.train(runs, stop_when_decided=False).to_dict("records")
    assert strict["train_loss"] == loose["train_loss"] and strict["val_loss"] == loose["val_loss"]
    assert strict["train_acc"] < loose["train_acc"]


def test_cross_entropy_of_a_regression_is_refused():
    overrides = ["task=teacher_student", "model=vector_mlp", "train.loss=cross_entropy"]
    overrides += ["task.p=null", "sweep.x={param: optim.lr, values: [0.01]}"]
    with pytest.raises(phasegrok.InputError, match="must be mse, because the targets of teacher_"):
        phasegrok.runs("quick", overrides=overrides)
