"""Models: what they compute, how they start, and that a thousand of them run as one program."""

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from phasegrok import InputError, losses, models
from phasegrok.models.mlp import MLP, PairTable, QuadraticMLP
from phasegrok.models.toy import Liu2022Toy
from phasegrok.models.transformer import Attention, Block, Transformer, sinusoids

NANDA = {
    "name": "transformer",
    "tokens": "nanda",
    "blocks": 1,
    "norm": "none",
    "positions": "learned",
    "bias": True,
    "init": "nanda",
}
SMALL = {"width": 8, "heads": 2, "mlp_width": 16}


def mlp(**options):
    dim = {"embedding_dim": 6} if options.get("embedding") == "learned" else {}
    return {"name": "mlp", "width": 8, **dim, "bias": True, **options}


CASES: dict[str, dict[str, Any]] = {
    "quadratic_mlp": {"name": "quadratic_mlp", "width": 8},
    "mlp": mlp(),
    "mlp onehot sum tanh deep": mlp(combine="sum", activation="tanh", depth=3),
    "mlp onehot quadratic unbiased": mlp(activation="quadratic", bias=False),
    "mlp learned gelu": mlp(embedding="learned", activation="gelu"),
    "mlp learned per slot sum deep": mlp(
        embedding="learned", shared=False, combine="sum", depth=2, activation="gelu"
    ),
    "mlp learned per slot concat": mlp(embedding="learned", shared=False, activation="tanh"),
    "mlp learned shared sum": mlp(embedding="learned", combine="sum", activation="quadratic"),
    "liu2022 vector": {"name": "liu2022_toy", "width": 8},
    "liu2022 matrix": {
        "name": "liu2022_toy",
        "embedding": "matrix",
        "embedding_dim": 3,
        "width": 8,
    },
    "transformer power": {"name": "transformer", **SMALL},
    "transformer nanda": {**NANDA, **SMALL},
    "transformer mixture": {"name": "transformer", **SMALL, "blocks": 1, "positions": "learned"},
    "vector_mlp": {"name": "vector_mlp", "width": 8, "depth": 1},
    "vector_mlp gelu unbiased deep": {
        "name": "vector_mlp", "width": 8, "depth": 3, "activation": "gelu", "bias": False
    },
}  # fmt: skip
SYMBOLS, FEATURES, OUTPUTS = 5, 6, 7
every_model = pytest.mark.parametrize("name", CASES)


def of_pairs(symbols: int, outputs: int) -> dict[str, int]:
    return {"symbols": symbols, "outputs": outputs}


PAIRS = of_pairs(SYMBOLS, OUTPUTS)
VECTORS = {"features": FEATURES, "outputs": OUTPUTS}


def sizes(name: str) -> dict[str, int]:
    return VECTORS if models.reads(CASES[name]) == "vectors" else PAIRS


def build(name: str, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(seed)
    module = models.build(CASES[name], sizes(name)).to(dtype)
    with torch.no_grad():
        for parameter in module.parameters():  # what starts at 0 or 1 shall matter too
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


def all_pairs(symbols: int = SYMBOLS) -> Tensor:
    return torch.tensor(list(itertools.product(range(symbols), repeat=2)))


def some_vectors(dtype: torch.dtype = torch.float64) -> Tensor:
    """As many as there are pairs."""
    drawn = torch.randn(25, FEATURES, generator=torch.Generator().manual_seed(0))
    return drawn.to(dtype)


def inputs(name: str, dtype: torch.dtype = torch.float64) -> Tensor:
    return some_vectors(dtype) if models.reads(CASES[name]) == "vectors" else all_pairs()


def labels() -> Tensor:
    return all_pairs().sum(dim=1) % OUTPUTS


def gradient_of(module: nn.Module, loss: str) -> Callable[..., dict[str, Tensor]]:
    """(parameters, buffers, inputs, labels) -> gradients, of one run."""

    def total(parameters: Any, buffers: Any, inputs: Tensor, targets: Tensor) -> Tensor:
        outputs = functional_call(module, (parameters, buffers), (inputs,))
        return losses.per_example(loss, outputs, targets, None).mean()

    return grad(total)


def close(a: Tensor, b: Tensor) -> bool:
    tolerance = 1e-12 if a.dtype == torch.float64 else 1e-5
    return torch.allclose(a, b, rtol=tolerance, atol=tolerance)


@every_model
def test_a_model_maps_its_inputs_to_outputs_in_either_precision(name):
    for dtype in (torch.float32, torch.float64):
        outputs = build(name, dtype=dtype)(inputs(name, dtype))
        assert outputs.shape == (25, OUTPUTS) and outputs.dtype == dtype
        assert outputs.isfinite().all() and (outputs.std(dim=0) > 0).all()


@every_model
@pytest.mark.parametrize("loss", losses.NAMES)
def test_the_gradient_of_many_lanes_is_that_of_each_in_a_loop(name, loss):
    modules = [build(name, seed) for seed in range(3)]
    gradient = gradient_of(modules[0], loss)
    parameters, buffers = stack_module_state(modules)
    # Each lane has its own minibatch, as in training.
    rows = torch.stack([torch.randperm(25)[:11] for _ in modules])
    given, targets = inputs(name)[rows], labels()[rows]
    together = vmap(gradient)(parameters, buffers, given, targets)
    for lane, module in enumerate(modules):
        own = dict(module.named_parameters()), dict(module.named_buffers())
        alone = gradient(*own, given[lane], targets[lane])
        assert together.keys() == alone.keys() == dict(module.named_parameters()).keys()
        for key, value in alone.items():
            assert close(together[key][lane], value), key


@every_model
def test_lanes_may_share_one_dataset(name):
    modules = [build(name, seed) for seed in range(3)]
    parameters, buffers = stack_module_state(modules)
    shared = inputs(name)

    def outputs(parameters: Any, buffers: Any) -> Tensor:
        return functional_call(modules[0], (parameters, buffers), (shared,))

    together = vmap(outputs)(parameters, buffers)
    for lane, module in enumerate(modules):
        assert close(together[lane], module(shared))


@every_model
def test_every_tensor_receives_gradient(name):
    module = build(name)
    own = dict(module.named_parameters()), dict(module.named_buffers())
    for loss in losses.NAMES:
        gradients = gradient_of(module, loss)(*own, inputs(name), labels())
        for key, value in gradients.items():
            assert value.isfinite().all() and value.norm() > 1e-8, key


def compiled_agrees(name: str, dtype: torch.dtype, backend: str) -> None:
    modules = [build(name, seed, dtype) for seed in range(2)]
    lanes = vmap(gradient_of(modules[0], "mse"))
    parameters, buffers = stack_module_state(modules)
    given, targets = torch.stack([inputs(name, dtype)] * 2), torch.stack([labels()] * 2)
    torch.compiler.reset()
    compiled = torch.compile(lanes, fullgraph=True, backend=backend)
    together = compiled(parameters, buffers, given, targets)
    for key, value in lanes(parameters, buffers, given, targets).items():
        assert together[key].dtype == dtype and close(together[key], value), key


@every_model
def test_many_lanes_are_one_graph_without_a_break(name):
    compiled_agrees(name, torch.float64, backend="eager")  # captured whole, then run as it is


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, dtype",
    [
        ("quadratic_mlp", torch.float32),
        ("mlp learned per slot sum deep", torch.float64),
        ("liu2022 matrix", torch.float32),
        ("transformer nanda", torch.float64),
    ],
)
def test_many_lanes_compile_to_machine_code(name, dtype):
    compiled_agrees(name, dtype, backend="inductor")


@every_model
def test_the_named_parts_are_the_top_level_names_of_the_parameters(name):
    assert models.parts(CASES[name]) == models.module_parts(build(name))


@every_model
def test_a_model_depends_on_nothing_but_torchs_generator(name):
    first, again, other = build(name, 1), build(name, 1), build(name, 2)
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
        assert not torch.equal(value, other.state_dict()[key])


@every_model
def test_the_cases_have_no_fault(name):
    assert models.faults(CASES[name]) == []


# --- quadratic MLP and MLP -----------------------------------------------------------------------


def onehots(symbols: int = SYMBOLS) -> tuple[Tensor, Tensor]:
    eye = torch.eye(symbols, dtype=torch.float64)
    return eye[all_pairs(symbols)[:, 0]], eye[all_pairs(symbols)[:, 1]]


def test_the_quadratic_mlp_is_the_published_formula_on_onehot_vectors():
    module = build("quadratic_mlp")
    assert isinstance(module, QuadraticMLP)
    left, right = onehots()
    expected = (left @ module.left + right @ module.right) ** 2 @ module.readout
    assert close(module(all_pairs()), expected)


def test_the_quadratic_mlp_starts_with_the_published_spread():
    torch.manual_seed(0)
    module = models.build({"name": "quadratic_mlp", "width": 500}, of_pairs(97, 97))
    for parameter in module.parameters():
        assert parameter.std().item() == pytest.approx(0.05, rel=0.02)
        assert parameter.mean().item() == pytest.approx(0, abs=1e-3)
    assert sum(parameter.numel() for parameter in module.parameters()) == 3 * 97 * 500


@pytest.mark.parametrize(
    "combine, bias", [("concat", True), ("concat", False), ("sum", True), ("sum", False)]
)
def test_a_onehot_mlp_is_a_dense_one_with_the_same_initial_numbers(combine, bias):
    section = mlp(combine=combine, bias=bias, depth=2)
    torch.manual_seed(3)
    module = models.build(section, PAIRS).double()
    torch.manual_seed(3)
    features = 2 * SYMBOLS if combine == "concat" else SYMBOLS
    dense = nn.Sequential(
        nn.Linear(features, 8, bias=bias),
        nn.ReLU(),
        nn.Linear(8, 8, bias=bias),
        nn.ReLU(),
        nn.Linear(8, OUTPUTS, bias=bias),
    ).double()
    left, right = onehots()
    inputs = torch.cat([left, right], dim=1) if combine == "concat" else left + right
    assert close(module(all_pairs()), dense(inputs))
    count = sum(parameter.numel() for parameter in dense.parameters())
    assert sum(parameter.numel() for parameter in module.parameters()) == count


@pytest.mark.parametrize(
    "shared, combine", [(True, "concat"), (True, "sum"), (False, "concat"), (False, "sum")]
)
def test_learned_embeddings_are_shared_or_per_slot_and_joined_as_asked(shared, combine):
    section = mlp(embedding="learned", shared=shared, combine=combine, activation="tanh", depth=2)
    torch.manual_seed(0)
    module = models.build(section, PAIRS).double()
    assert isinstance(module, MLP) and isinstance(module.embedding, PairTable)
    tables = module.embedding.weight
    assert tables.shape == (1 if shared else 2, SYMBOLS, 6)
    left, right = onehots()
    left, right = left @ tables[0], right @ tables[-1]
    x = torch.cat([left, right], dim=1) if combine == "concat" else left + right
    for layer in module.hidden:
        x = torch.tanh(layer(x))
    assert len(module.hidden) == 2 and close(module(all_pairs()), module.readout(x))


def test_learned_embeddings_start_as_standard_normal():
    torch.manual_seed(0)
    module = models.build(mlp(embedding="learned", embedding_dim=100), of_pairs(97, 97))
    assert isinstance(module, MLP)
    assert module.embedding.weight.std().item() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("bias", [True, False])
def test_the_vector_mlp_is_a_dense_one_with_the_same_initial_numbers(bias):
    section = {"name": "vector_mlp", "width": 8, "activation": "tanh", "bias": bias}
    torch.manual_seed(3)
    module = models.build(section, VECTORS).double()
    torch.manual_seed(3)
    dense = nn.Sequential(
        nn.Linear(FEATURES, 8, bias=bias),
        nn.Tanh(),
        nn.Linear(8, 8, bias=bias),
        nn.Tanh(),
        nn.Linear(8, OUTPUTS, bias=bias),
    ).double()
    assert close(module(some_vectors()), dense(some_vectors()))
    for ours, theirs in zip(module.parameters(), dense.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_vector_mlp_has_784_200_200_10_neurons_for_images_of_digits():
    module = models.build({"name": "vector_mlp"}, {"features": 784, "outputs": 10})
    shapes = [list(p.shape) for name, p in module.named_parameters() if name.endswith("weight")]
    assert shapes == [[200, 784], [200, 200], [10, 200]]


# --- the toy of Liu et al. 2022 ------------------------------------------------------------------


def test_the_toy_has_the_published_sizes_and_initial_range():
    torch.manual_seed(0)
    module = models.build({"name": "liu2022_toy", "embedding_scale": 0.4}, of_pairs(10, 30))
    assert isinstance(module, Liu2022Toy)
    assert module.embedding.shape == (10, 1) and module.embedding.abs().max() <= 0.2
    weights = sum(p.numel() for p in module.decoder.parameters() if p.dim() == 2)
    assert weights == 46_200
    s3 = models.build(
        {"name": "liu2022_toy", "embedding": "matrix", "embedding_dim": 3}, of_pairs(6, 30)
    )
    assert isinstance(s3, Liu2022Toy)
    first = next(iter(s3.decoder.parameters()))
    assert s3.embedding.shape == (6, 3, 3) and first.shape == (200, 9)


def test_the_toy_draws_its_numbers_in_the_order_of_the_authors_code():
    torch.manual_seed(58)
    module = models.build({"name": "liu2022_toy"}, of_pairs(10, 30))
    torch.manual_seed(58)
    decoder = [nn.Linear(1, 200), nn.Linear(200, 200), nn.Linear(200, 30)]
    embedding = torch.rand(10, 1) - 0.5
    drawn = [embedding] + [p for layer in decoder for p in (layer.weight, layer.bias)]
    for ours, theirs in zip(module.parameters(), drawn, strict=True):
        assert torch.equal(ours, theirs)


def test_the_toy_adds_vectors_and_multiplies_matrices():
    vectors, matrices = build("liu2022 vector"), build("liu2022 matrix")
    assert isinstance(vectors, Liu2022Toy) and isinstance(matrices, Liu2022Toy)
    for (a, b), got in zip(all_pairs().tolist(), matrices(all_pairs()), strict=True):
        product = matrices.embedding[a] @ matrices.embedding[b]
        assert close(got, matrices.decoder(product.reshape(9)))
    # A sum does not know which came first; a matrix product does.
    swapped = all_pairs().flip(1)
    assert close(vectors(all_pairs()), vectors(swapped))
    assert not torch.allclose(matrices(all_pairs()), matrices(swapped))


# --- transformer ---------------------------------------------------------------------------------


def numel(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_two_block_transformer_of_power_has_its_394240_parameters():
    module = models.build({"name": "transformer"}, of_pairs(97, 97))
    assert isinstance(module, Transformer)
    assert numel(module.blocks) == 394_240
    assert numel(module) == 394_240 + (97 + 2) * 128 + 97 * 128


def test_the_transformer_of_nanda_has_its_226816_parameters_where_it_scores_equals_too():
    assert numel(models.build(NANDA, of_pairs(113, 114))) == 226_816
    assert numel(models.build(NANDA, of_pairs(113, 113))) == 226_816 - 128


def test_the_transformer_of_nanda_starts_as_published():
    torch.manual_seed(0)
    module = models.build(NANDA, of_pairs(113, 113))
    for key, value in module.named_parameters():
        if key.endswith("bias"):
            assert not value.any()
        else:
            fan = 114 if key.startswith("readout") else 128
            assert value.std().item() == pytest.approx(1 / math.sqrt(fan), rel=0.06), key


def test_the_transformer_of_power_starts_as_published():
    torch.manual_seed(0)
    module = models.build({"name": "transformer"}, of_pairs(97, 97))
    assert isinstance(module, Transformer)
    assert module.embedding.std().item() == pytest.approx(1, rel=0.03)
    assert not isinstance(module.positions, nn.Parameter)
    for key, value in module.named_parameters():
        if value.dim() == 2 and key != "embedding":  # uniform in 1 / sqrt(fan in)
            assert value.abs().max().item() == pytest.approx(value.shape[1] ** -0.5, rel=0.01)


def test_sinusoidal_positions_alternate_sine_and_cosine():
    table = sinusoids(4, 6)
    for t, i in itertools.product(range(4), range(6)):
        angle = t / 10000 ** ((i - i % 2) / 6)
        expected = math.sin(angle) if i % 2 == 0 else math.cos(angle)
        assert table[t, i].item() == pytest.approx(expected, abs=1e-6)


def test_attention_agrees_with_torchs_own_under_a_causal_mask():
    torch.manual_seed(0)
    attention, x = Attention(8, 2).double(), torch.randn(3, 4, 8, dtype=torch.float64)
    oracle = nn.MultiheadAttention(8, 2, bias=False, batch_first=True).double()
    with torch.no_grad():
        joined = [attention.query.weight, attention.key.weight, attention.value.weight]
        oracle.in_proj_weight.copy_(torch.cat(joined))
        oracle.out_proj.weight.copy_(attention.out.weight)
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    expected, _ = oracle(x, x, x, attn_mask=mask, need_weights=False)
    assert close(attention(x, x), expected)
    assert close(attention(x[:, -1:], x), expected[:, -1:])


@pytest.mark.parametrize("name", ["transformer power", "transformer nanda"])
def test_the_transformer_is_a_plain_one_that_computes_every_position(name):
    """The shortcut of the last block against the model as it is usually written."""
    module = build(name)
    assert isinstance(module, Transformer)
    a, b = all_pairs().T
    equals, op = torch.full_like(a, SYMBOLS), torch.full_like(a, SYMBOLS + 1)
    row = [a, op, b, equals] if name == "transformer power" else [a, b, equals]
    x = module.embedding[torch.stack(row, dim=1)] + module.positions
    for block in module.blocks:
        assert isinstance(block, Block)
        x = block.attention_norm(x + block.attention(x, x))
        x = block.mlp_norm(x + block.mlp(x))
    assert close(module(all_pairs()), module.readout(x)[:, -1])


# --- a user's own, and faults --------------------------------------------------------------------

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
