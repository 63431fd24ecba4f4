"""A task as it is asked for: a user's own operation, and every fault in a sentence."""

import subprocess
import sys

import pytest

from phasegrok import InputError, tasks
from phasegrok.tasks.operations import Operation, find, operation
from tests.task_cases import addition, binary, clusters, s3


def test_every_fault_of_a_task_is_reported_at_once():
    faults = tasks.faults(binary("x/y", 22, pairs="unordered", train_fraction=1.5, label_noise=1))
    told = "\n".join(faults)
    assert len(faults) == 4
    assert "task.p = 22: x/y divides, so p must be prime; nearest: 19 or 23" in told
    assert "task.train_fraction = 1.5: must be a number between 0 and 1" in told
    assert "task.label_noise = 1: must be a number from 0 up to" in told
    assert "task.pairs = unordered: x/y is not symmetric" in told


@pytest.mark.parametrize(
    "task, words",
    [
        ({"train_fraction": 0.5}, ["task.name is missing", "liu2022_s3"]),
        (
            {**binary(), "name": "binary_op"},
            ["task.name = binary_op", "did you mean binary_operation"],
        ),
        (binary("x+z"), ["task.operation = x+z", "did you mean x+y?"]),
        (binary("qqq"), ["task.operation = qqq", "s5:xyx^-1", "module:function"]),
        (binary("s5:xyx-1", None), ["task.operation = s5:xyx-1", "did you mean s5:xyx^-1?"]),
        (binary("s5:xz", None), ["task.operation = s5:xz", "did you mean s5:xy?"]),
        (binary(p=1), ["task.p = 1", ">= 2"]),
        (binary(p=2.0), ["task.p = 2.0", "whole number"]),
        (binary(p=True), ["task.p = True", "whole number"]),
        (binary(p=None), ["task.p is missing", "x+y"]),
        (binary("mixed", 9), ["task.p = 9", "7 or 11"]),
        (binary("x/y", 4), ["task.p = 4", "3 or 5"]),
        (binary("s5:xy", 5), ["task.p = 5", "120 symbols", "set task.p=null"]),
        (binary("x-y", pairs="unordered"), ["not symmetric", "use ordered"]),
        (binary("s3:xy", None, pairs="unordered"), ["not symmetric", "use ordered"]),
        (binary(pairs="both"), ["task.pairs = both", "ordered, unordered"]),
        (binary(train_fraction=0), ["task.train_fraction = 0:", "between 0 and 1"]),
        (binary(train_fraction=float("nan")), ["task.train_fraction = nan"]),
        (binary(train_fraction=None), ["task.train_fraction is missing"]),
        (binary(train_fraction=0.001), ["leaves no training example of 49", "1 to 48"]),
        (binary(train_fraction=0.999), ["leaves no validation example of 49", "1 to 48"]),
        (binary(label_noise=-0.1), ["task.label_noise = -0.1"]),
        (binary(target_dim=3), ["task.target_dim = 3", "no such key", "task.target_dim=null"]),
        (s3(target_dim=0), ["task.target_dim = 0", ">= 1"]),
        (clusters(features=0), ["task.features = 0", ">= 1"]),
        (clusters(classes=1), ["task.classes = 1", ">= 2"]),
        (clusters(examples=20.0), ["task.examples = 20.0", "whole number"]),
        (clusters(examples=9), ["task.examples = 9: must be at least task.classes = 10"]),
        (clusters(spread=-0.1), ["task.spread = -0.1", ">= 0"]),
        (clusters(spread=float("inf")), ["task.spread = inf", ">= 0"]),
        (clusters(data_seed=-1), ["task.data_seed = -1", ">= 0"]),
        (clusters(p=3), ["task.p = 3", "no such key", "task.p=null"]),
        (clusters(train_fraction=1e-4), ["leaves no training example of 2000", "1 to 1999"]),
        (addition(targets="vector"), ["task.targets = vector", "vectors, classes"]),
        (binary("no_such_module:f"), ["no_such_module:f", "No module named"]),
        (binary("math:no_such"), ["math:no_such", "no attribute"]),
        (binary("math:pi"), ["math:pi", "float"]),
        (binary("operator:truediv"), ["operator:truediv", "raised TypeError"]),
    ],
)
def test_a_fault_names_the_key_the_value_and_what_is_allowed(task, words):
    (fault,) = tasks.faults(task)
    for word in words:
        assert word in fault


@pytest.mark.parametrize(
    "task", [binary(), binary("s5:xy", None), addition(), s3(p=None), clusters()]
)
def test_a_right_task_has_no_fault(task):
    assert tasks.faults(task) == []


def test_a_users_operation_runs_by_its_import_path(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "their_tasks.py").write_text(
        "import numpy as np\n"
        "import phasegrok\n"
        "def largest(x, y, p):\n    return np.maximum(x, y)\n"
        "@phasegrok.operation('halves', y_nonzero=True)\n"
        "def halves(x, y, p):\n    return x // y\n"
        "def too_large(x, y, p):\n    return x + y\n"
        "def too_few(x, y, p):\n    return x[1:]\n"
        "def fractions(x, y, p):\n    return x / 2\n"
    )
    data = tasks.dataset(binary("their_tasks:largest", 5, pairs="unordered"), seed=0)
    assert tasks.faults(binary("their_tasks:largest", 5, pairs="unordered")) == []
    assert data.labels.tolist() == data.inputs.max(axis=1).tolist()

    by_path, by_name = binary("their_tasks:halves", 5), binary("halves", 5)
    assert tasks.size(by_path) == tasks.size(by_name) == 20  # what its decorator said holds
    assert tasks.dataset(by_path, 0) is tasks.dataset(by_name, 0)

    for name, words in [
        ("too_large", "gives 5 for x = 1, y = 4; labels must be 0 to 4"),
        ("too_few", "must give 25 whole numbers for 25 pairs, gave int64 of shape [24]"),
        ("fractions", "gave float64"),
    ]:
        (fault,) = tasks.faults(binary(f"their_tasks:{name}", 5))
        assert fault.startswith(f"task.operation = their_tasks:{name}: ") and words in fault


def test_a_name_can_be_taken_once():
    with pytest.raises(InputError, match="'x\\+y' exists already"):
        operation("x+y")(lambda x, y, p: x)
    assert isinstance(find("x+y"), Operation) and find("x+y").built_in


def test_tasks_load_without_torch():
    code = "import sys, phasegrok.tasks; print('torch' in sys.modules, 'pandas' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "False"]
