"""Single neurons of kept weights: their IPR, and the network without some of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from phasegrok import cells, models, tasks
from phasegrok.circuits import neuron_ipr
from phasegrok.errors import InputError
from phasegrok.frames.neurons import ORDERS, ipr_histogram, neuron_table, pruning
from tests.diagram.cases import config_of

P, WAVES, NOISE = 23, 96, 32


def example(noise: float = 0.35) -> tuple[pd.DataFrame, dict[str, dict[str, np.ndarray]]]:
    """One run whose network is closed-form waves and, beside them, small noise."""
    config = config_of()
    config["task"]["label_noise"] = noise
    run = cells.runs(config)[0]
    torch.manual_seed(0)
    sizes = {"symbols": P, "outputs": P}
    right = models.build({"name": "quadratic_mlp", "width": WAVES, "init": "analytic"}, sizes)
    other = models.build({"name": "quadratic_mlp", "width": NOISE}, sizes)
    both = zip(right.named_parameters(), other.parameters(), strict=True)
    params = {
        name: torch.cat([a, b], dim=0 if name == "readout" else 1).detach().numpy()
        for (name, a), b in both
    }
    row = {"run_id": run.run_id, "seed": run.seed, "config": json.dumps(run.config)}
    return pd.DataFrame([row]), {run.run_id: params}


def direct(config: Any, params: dict[str, np.ndarray], without: list[int]) -> dict[str, float]:
    """Accuracies of the module itself with the weights of these neurons zero."""
    module = models.build({"name": "quadratic_mlp", "width": WAVES + NOISE},
                          {"symbols": P, "outputs": P})  # fmt: skip
    module.load_state_dict({name: torch.tensor(array) for name, array in params.items()})
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            rows = parameter if name == "readout" else parameter.T
            rows[without] = 0
        task, seed = config["task"], config["seed"]
        data, train = tasks.dataset(task, seed), tasks.split(task, config["split_seed"])
        answers = module(torch.tensor(data.inputs)).argmax(dim=1).numpy()
    labels = tasks.noisy_labels(task, data, train, seed)
    right, noisy = answers == labels, int(task["label_noise"] * len(train))
    held_out = np.ones(len(labels), bool)
    held_out[train] = False
    return {
        "train_acc": right[train].mean(), "val_acc": right[held_out].mean(),
        "corrupted_acc": right[train[:noisy]].mean(), "clean_acc": right[train[noisy:]].mean(),
    }  # fmt: skip


def test_removing_neurons_is_zeroing_their_weights_and_evaluating_again() -> None:
    frame, weights = example()
    (params,), config = weights.values(), json.loads(str(frame.at[0, "config"]))
    table = pruning(frame, weights, shares=(0.0, 0.25, 0.6))
    lowest = (
        neuron_ipr({k: torch.tensor(v) for k, v in params.items()}).argsort(stable=True).tolist()
    )
    for order, neurons in (("lowest", lowest), ("highest", lowest[::-1])):
        rows = table.loc[table["order"] == order].to_dict("records")
        for row, count in zip(rows, (0, 32, 77), strict=True):
            assert row["neurons"] == count
            expected = direct(config, params, neurons[:count])
            assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert len(set(table.loc[table["removed"] == 0, "val_acc"])) == 1, "nothing is removed yet"
    again = pruning(frame, weights, shares=(0.0, 0.25, 0.6))
    pd.testing.assert_frame_equal(table, again)


def test_noise_goes_first_or_last_and_waves_alone_give_the_answers() -> None:
    frame, weights = example()
    table = pruning(frame, weights, shares=(0.0, 0.25, 0.75)).set_index(["order", "removed"])
    assert list(dict.fromkeys(order for order, _ in table.index)) == list(ORDERS)
    assert float(table.at[("lowest", 0.25), "val_acc"]) > 0.95, "the quarter that is noise"
    assert float(table.at[("highest", 0.75), "val_acc"]) < 0.2, "the waves"
    clean = 1 - 0.35 + 0.35 / P
    assert table.at[("lowest", 0.25), "train_acc"] == pytest.approx(clean, abs=0.06)


def test_without_label_noise_there_is_nothing_corrupted() -> None:
    frame, weights = example(noise=0.0)
    table = pruning(frame, weights, shares=(0.0,))
    assert table[["corrupted_acc", "clean_acc"]].isna().to_numpy().all()
    assert table["train_acc"].notna().to_numpy().all()


def test_every_neuron_has_its_ipr_and_the_histogram_counts_all_with_one() -> None:
    """One zero vector of the three is enough for a neuron to have none."""
    frame, weights = example()
    (params,) = weights.values()
    params["left"][:, 0] = 0
    table = neuron_table(frame, weights)
    assert table["why"].tolist() == ["faded"] + [""] * (WAVES + NOISE - 1)
    assert table["neuron"].tolist() == list(range(WAVES + NOISE))
    ipr = table["ipr"].to_numpy()
    assert np.isnan(ipr[0])
    assert np.allclose(ipr[1:WAVES], 1) and ipr[WAVES:].max() < 0.6
    bins = ipr_histogram(table, bins=10)
    counts = bins["neurons"].tolist()
    assert sum(counts) == WAVES + NOISE - 1 and counts[-1] == WAVES - 1
    assert sum(bins["share"]) == pytest.approx(1)
    assert (bins.at[0, "low"], bins.at[9, "high"]) == (0, 1)


def test_a_neuron_without_an_ipr_goes_first_in_lowest_and_last_in_highest() -> None:
    """Here it is the one that gives the answers: all others give none."""
    frame, weights = example()
    (params,) = weights.values()
    params["left"][:, 0] = 0
    params["readout"][1:] *= 1e-30
    shares = (0.0, 1 / (WAVES + NOISE), 1 - 1 / (WAVES + NOISE))
    table = pruning(frame, weights, shares=shares).set_index(["order", "removed"])
    config = json.loads(str(frame.at[0, "config"]))
    first = direct(config, params, [0])["train_acc"]
    alone = direct(config, params, list(range(1, WAVES + NOISE)))["train_acc"]
    assert first != alone
    assert table.at[("lowest", shares[1]), "train_acc"] == pytest.approx(first)
    assert table.at[("highest", shares[2]), "train_acc"] == pytest.approx(alone)


def test_a_run_that_diverged_has_no_ipr_and_no_accuracies() -> None:
    frame, weights = example()
    (params,) = weights.values()
    params["left"] *= np.nan
    table = neuron_table(frame, weights)
    assert table["ipr"].isna().to_numpy().all() and set(table["why"]) == {"diverged"}
    assert pruning(frame, weights)[["train_acc", "val_acc", "clean_acc"]].isna().to_numpy().all()


def test_neurons_are_not_removed_from_networks_with_a_norm() -> None:
    frame, weights = example()
    config = json.loads(str(frame.at[0, "config"]))
    config["model"]["norm"] = "batch"
    other = frame.assign(config=json.dumps(config))
    assert neuron_table(other, weights)["ipr"].notna().to_numpy().all()
    with pytest.raises(InputError, match=r"has model\.norm = batch, .* model\.norm=null alone"):
        pruning(other, weights)


def test_neurons_of_other_networks_are_refused_with_those_that_have_them() -> None:
    frame, weights = example()
    for section, key, value in (("model", "name", "mlp"), ("task", "operation", "x*y"),
                                ("task", "name", "liu2022_addition")):  # fmt: skip
        config = json.loads(str(frame.at[0, "config"]))
        config[section][key] = value
        other = frame.assign(config=json.dumps(config))
        for analysis in (neuron_table, pruning):
            with pytest.raises(InputError, match=r"model=quadratic_mlp on x\+y or x-y modulo") as e:
                analysis(other, weights)
            assert len(e.value.faults) == 1
