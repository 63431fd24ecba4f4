"""A network as it is asked for: a user's own by its import path, and every fault in a sentence."""

import subprocess
import sys

import pytest
from torch.func import stack_module_state, vmap

from phasegrok import InputError, models
from tests.models.cases import (
    FEATURES,
    OUTPUTS,
    PAIRS,
    VECTORS,
    all_pairs,
    gradient_of,
    labels,
    of_pairs,
)

THEIRS = """
import torch
from torch import nn

class Bilinear(nn.Module):
    def __init__(self, symbols, outputs, rank=2):
        super().__init__()
        self.table = nn.Parameter(torch.randn(symbols, rank))
        self.core = nn.Linear(rank, outputs)

    def forward(self, pairs):
        return self.core(self.table[pairs[:, 0]] * self.table[pairs[:, 1]])

class Linear(nn.Module):
    def __init__(self, features, outputs, bias=True):
        super().__init__()
        self.only = nn.Linear(features, outputs, bias=bias)

    def forward(self, vectors):
        return self.only(vectors)

def not_a_module(symbols, outputs):
    return 3
"""


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "their_models.py").write_text(THEIRS)


@pytest.mark.usefixtures("theirs")
def test_a_users_module_runs_by_its_import_path():
    section = {"name": "their_models:Bilinear", "init_scale": 2.0, "options": {"rank": 3}}
    assert models.faults(section) == []
    module = models.build(section, PAIRS)
    assert module(all_pairs()).shape == (25, OUTPUTS)
    assert models.parts(section) == () and models.module_parts(module) == ("table", "core")
    gradients = vmap(gradient_of(module, "mse"), in_dims=(0, 0, None, None))(
        *stack_module_state([module, models.build(section, PAIRS)]),
        all_pairs(),
        labels(),
    )
    assert all(value.norm() > 0 for value in gradients.values())


@pytest.mark.usefixtures("theirs")
def test_a_users_module_for_a_task_of_vectors_is_built_with_the_number_of_features():
    section = {"name": "their_models:Linear", "options": {"bias": False}}
    assert models.faults(section) == [] and models.reads(section) is None
    module = models.build(section, VECTORS)
    assert [list(p.shape) for p in module.parameters()] == [[OUTPUTS, FEATURES]]
    with pytest.raises(InputError, match=r"building it with symbols=5, outputs=7, bias=False ra"):
        models.build(section, PAIRS)


@pytest.mark.usefixtures("theirs")
@pytest.mark.parametrize(
    "section, words",
    [
        ({"name": "their_models:Bilinear", "options": {"rang": 3}}, "rang=3 raised TypeError"),
        ({"name": "their_models:Bilinear", "options": {"symbols": 3}}, "multiple values"),
        ({"name": "their_models:not_a_module"}, "gives a int, not an nn.Module"),
        ({"name": "their_models:Missing"}, "raised AttributeError"),
    ],
)
def test_a_users_module_that_cannot_be_built_is_refused_in_one_sentence(section, words):
    with pytest.raises(InputError, match=words):
        models.build(section, PAIRS)


@pytest.mark.usefixtures("theirs")
@pytest.mark.parametrize(
    "section, words",
    [
        ({}, ["model.name is missing", "quadratic_mlp", "package.module:Class"]),
        ({"name": "quadratic_mpl"}, ["model.name = quadratic_mpl", "mean quadratic_mlp?"]),
        ({"name": "quadratic_mlp", "width": 0}, ["model.width = 0", ">= 1"]),
        ({"name": "quadratic_mlp", "width": 8.0}, ["model.width = 8.0", "whole number"]),
        ({"name": "quadratic_mlp", "depth": 2}, ["model.depth = 2", "takes no such key"]),
        ({"name": "mlp", "activation": "relo"}, ["model.activation = relo", "relu, gelu"]),
        ({"name": "vector_mlp", "depth": 0}, ["model.depth = 0", ">= 1"]),
        ({"name": "vector_mlp", "embedding": "onehot"}, ["model.embedding", "no such key"]),
        ({"name": "mlp", "shared": "yes"}, ["model.shared = yes", "true or false"]),
        ({"name": "quadratic_mlp", "dropout": 1}, ["model.dropout = 1", "not including 1"]),
        ({"name": "transformer", "dropout": -0.1}, ["model.dropout = -0.1", "from 0 up"]),
        ({"name": "mlp", "norm": "post"}, ["model.norm = post", "batch, layer"]),
        ({"name": "lstm", "norm": "batch"}, ["model.norm = batch", "takes no such key"]),
        ({"name": "liu2022_toy", "dropout": 0.3}, ["model.dropout = 0.3", "takes no such key"]),
        ({"name": "mlp", "widht": 8}, ["model.widht = 8", "did you mean width?"]),
        ({"name": "mlp", "init_scale": 0}, ["model.init_scale = 0", "> 0"]),
        ({"name": "liu2022_toy", "embedding_scale": -1.0}, ["model.embedding_scale = -1.0"]),
        ({"name": "transformer", "heads": 3}, ["model.heads = 3", "model.width = 128"]),
        ({"name": "no_such_module:Net"}, ["no_such_module:Net", "there is no module"]),
        ({"name": "no.such.module:Net"}, ["no.such.module:Net", "No module named 'no'"]),
        ({"name": "their_models:Bilinaer"}, ["their_models has no Bilinaer"]),
        ({"name": "their_models:Bilinear", "width": 3}, ["model.width = 3", "init_scale, options"]),
        ({"name": "their_models:Bilinear", "options": 3}, ["model.options = 3", "mapping"]),
    ],
)
def test_a_fault_names_the_key_the_value_and_what_is_allowed(section, words):
    (fault,) = models.faults(section)
    for word in words:
        assert word in fault


def test_a_setting_that_the_network_does_not_read_is_a_fault():
    unread = {"name": "mlp", "embedding_dim": 8, "shared": False}
    assert models.faults(unread) == [
        "model.embedding_dim = 8: is read only with model.embedding=learned; "
        "set model.embedding_dim=null",
        "model.shared = False: is read only with model.embedding=learned; set model.shared=null",
    ]
    assert models.faults({**unread, "embedding": "learned"}) == []
    assert models.faults({**unread, "embedding_dim": None, "shared": None}) == []


def test_a_learned_embedding_of_null_settings_has_the_defaults():
    nulls = {"name": "mlp", "embedding": "learned", "embedding_dim": None, "shared": None}
    network = models.build(nulls, of_pairs(5, 5))
    assert network.get_parameter("embedding.weight").shape == (1, 5, 128)


def test_every_fault_of_a_model_is_reported_at_once():
    section = {"name": "transformer", "width": -1, "norm": "pre", "depth": 3, "init_scale": "big"}
    assert len(models.faults(section)) == 4


@pytest.mark.usefixtures("theirs")
def test_a_model_is_checked_without_torch(tmp_path):
    code = (
        "import sys; from phasegrok import models\n"
        "assert models.faults({'name': 'their_models:Bilinear'}) == []\n"
        "assert models.parts({'name': 'transformer'}) == ('embedding', 'blocks', 'readout')\n"
        "print('torch' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "False"
