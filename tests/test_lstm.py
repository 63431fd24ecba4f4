"""The LSTM: PyTorch's numbers, made by a loop that many lanes and a compiler can take."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

import phasegrok
from phasegrok import cells, losses, models, sizing
from phasegrok.config import compose
from phasegrok.models.lstm import LSTM

SIZES = {"symbols": 9, "length": 5, "outputs": 2}


def network(seed=0, layers=2):
    torch.manual_seed(seed)
    return LSTM(**SIZES, embedding_dim=3, width=4, layers=layers).double()


def texts(*shape):
    return torch.randint(9, (*shape, 5), generator=torch.Generator().manual_seed(1))


def gradient(module):
    def loss(parameters, tokens, labels):
        outputs = functional_call(module, parameters, (tokens,))
        return losses.per_example("cross_entropy", outputs, labels, None).mean()

    return grad(loss)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_it_computes_what_pytorchs_lstm_computes_from_its_last_step(layers):
    module, theirs = network(layers=layers), nn.LSTM(3, 4, layers, batch_first=True).double()
    theirs.load_state_dict(dict(module.recurrent.items()))
    states, _ = theirs(module.embedding[texts(20)])
    torch.testing.assert_close(module(texts(20)), module.readout(states[:, -1]))


def test_it_starts_from_the_numbers_that_pytorchs_modules_draw():
    module = network()
    torch.manual_seed(0)
    theirs = nn.ModuleList([nn.Embedding(9, 3), nn.LSTM(3, 4, 2), nn.Linear(4, 2)]).double()
    for ours, drawn in zip(module.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(ours, drawn)


def test_the_gradient_of_many_lanes_is_that_of_each_in_a_loop():
    modules = [network(seed) for seed in range(3)]
    tokens, labels = texts(3, 11), texts(3, 11)[..., 0] % 2
    parameters, _ = stack_module_state(modules)
    together = vmap(gradient(modules[0]))(parameters, tokens, labels)
    for lane, module in enumerate(modules):
        alone = gradient(module)(dict(module.named_parameters()), tokens[lane], labels[lane])
        assert together.keys() == alone.keys()
        for key, value in alone.items():
            torch.testing.assert_close(together[key][lane], value)
            assert value.norm() > 0


def test_padding_is_a_token_whose_embedding_is_trained():
    module = network()
    padded = texts(6)
    padded[:, 0] = 0
    of_embedding = gradient(module)(dict(module.named_parameters()), padded, padded[:, 4] % 2)
    assert of_embedding["embedding"][0].norm() > 0


def test_one_program_serves_every_size_of_the_training_set():
    modules, graphs = [network(seed) for seed in range(3)], []
    parameters, _ = stack_module_state(modules)
    lanes = vmap(gradient(modules[0]))

    def captured(graph, example_inputs):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    compiled = torch.compile(lanes, fullgraph=True, dynamic=False, backend=captured)
    for examples in (12, 7, 20):
        tokens = texts(3, examples)
        labels = tokens[..., 0] % 2
        for given in (tokens, labels):
            torch._dynamo.maybe_mark_dynamic(given, 1)
        for key, value in compiled(parameters, tokens, labels).items():
            torch.testing.assert_close(value, lanes(parameters, tokens, labels)[key])
    assert len(graphs) == 1


def test_it_is_compiled_only_if_asked_for():
    """However long it trains: its program takes minutes to make, and more for longer texts."""
    overrides = ["+sweep=planted_sentiment", "train.steps=1000000", "launch.device=cpu"]
    config = compose(overrides)
    groups = [cells.runs(config)]
    assert sizing.compiling_pays(config, groups) and not sizing.compiles(config, groups)
    asked = compose([*overrides, "train.compile=true"])
    assert sizing.compiles(asked, groups) == sizing.able_to_compile(asked)


def test_its_parts_may_have_rates_of_their_own_and_others_are_refused():
    chosen = ["task=planted_sentiment", "task.p=null", "model=lstm", "seeds=1"]
    chosen += ["sweep.x={param: optim.groups.recurrent.lr, values: [0.01, 0.02]}"]
    assert phasegrok.runs("quick", overrides=chosen)
    with pytest.raises(phasegrok.InputError, match="parts are embedding, recurrent, readout"):
        phasegrok.runs("quick", overrides=[*chosen, "optim.groups.hidden.lr=0.01"])


def test_a_network_for_pairs_is_refused_for_texts_and_the_lstm_named():
    with pytest.raises(phasegrok.InputError, match="are texts; choose model=lstm"):
        phasegrok.runs("quick", overrides=["task=planted_sentiment", "task.p=null"])
    assert models.faults({"name": "lstm", "layers": 0}) == [
        "model.layers = 0: must be a whole number >= 1"
    ]
