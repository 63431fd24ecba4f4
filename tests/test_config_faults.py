"""Every fault of a configuration is named by its key, with its value and what is allowed."""

import re

import pytest

from phasegrok import InputError
from phasegrok.config import check, compose
from tests.config_cases import BASE, faults


def composing_faults(*overrides):
    with pytest.raises(InputError) as caught:
        check(compose(["+sweep=quick", *overrides]), ["+sweep=quick", *overrides])
    return caught.value.faults


GOOD = {
    "optim__lr": [1e-3],
    "optim__clip_norm": [None, 1, 0.5],
    "optim__weight_decay": [0],
    "train__batch_size": [None, 32],
    "train__compile": ["auto", True, False],
    "train__lanes": ["auto", 64],
    "train__stop_accuracy": [None, 0.95, 1],
    "train__curve_points_per_decade": [0, 16],
    "phase__gap": [1, 399, 0.5],
    "launch__workers": ["auto", 2],
    "launch__threads": [1, 4],
    "launch__devices": [None, [0, 2], ["GPU-a"]],
    "launch__flush_s": [1, 0.5],
    "seeds": [1, [0, 5, 7]],
    "split_seed": [None, 0],
    "out": [None, "outputs/a"],
    "reuse": [[], ["outputs/a"]],
}
BAD = {
    "optim__lr": ["abc", "0.1", None, True, 0, -1, float("nan"), float("inf"), [0.1]],
    "optim__betas": [[0.9], [0.9, 1.0], 0.9, "adam", [0.9, True]],
    "optim__groups": [[], "embedding"],
    "train__batch_size": [0, 1.5, "full", True],
    "train__eval_every": [0, 2.5],
    "train__dtype": ["float16", 32],
    "train__loss": ["mae"],
    "train__compile": ["yes", 1],
    "train__lanes": [0, "many", True, 2.0],
    "train__stop_accuracy": [0, 1.5, True],
    "train__vectorise": ["true", 1],
    "train__curve_points_per_decade": [-1, 2.5],
    "phase__gap": [0, 1.0, 1.5, -5, True, "0.1"],
    "phase__train_accuracy": [0, 90],
    "phase__name": ["last_crossing"],
    "phase__slack": [1, -0.1, True],
    "launch__workers": [0, True],
    "launch__threads": [0, "auto", True, 1.5],
    "launch__devices": [[], 0, "0", [0, 0], [0.5]],
    "launch__device": ["gpu"],
    "launch__name": ["cluster"],
    "seeds": [0, -1, [], [1, 1], [0, -1], "3", 1.5, True, [0.5]],
    "split_seed": [-1, "a"],
    "out": [7, ""],
    "reuse": ["outputs/a", [1]],
    "dry_run": ["yes", 1],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_the_schema_accepts(name):
    for value in GOOD[name]:
        assert faults(**{name: value}) == [], value


@pytest.mark.parametrize("name", BAD)
def test_the_schema_names_key_value_and_what_is_allowed(name):
    key = name.replace("__", ".")
    for value in BAD[name]:
        found = faults(**{name: value})
        assert len(found) == 1, (value, found)
        assert re.match(rf"{key} = .+: must be .+", found[0]), found


def test_a_word_that_looks_like_a_number_is_shown_in_quotes():
    assert faults(optim__lr="3") == ['optim.lr = "3": must be a number > 0']


@pytest.mark.parametrize(
    "changes, fault",
    [
        ({"optim__lrr": 3}, "optim.lrr = 3: no such key; did you mean optim.lr?"),
        ({"lr": 3}, "lr = 3: no such key; did you mean optim.lr?"),
        ({"train__weight_decay": 3}, "train.weight_decay = 3: no such key; did you mean optim."),
        ({"phase__foo": 3}, "phase.foo = 3: no such key; known here are name, train_accuracy"),
        ({"model__widht": 3}, "model.widht = 3: quadratic_mlp takes no such key"),
        ({"optim__groups__left__lrr": 1}, "optim.groups.left.lrr = 1: no such key"),
        ({"sweep__x__valeus": [1]}, "sweep.x.valeus = [1]: no such key; did you mean sweep.x.v"),
        ({"sweep__z": {}}, "sweep.z = {}: no such key"),
        ({"task__operation": "x/y", "task__p": 22}, "task.p = 22: x/y divides, so p must be prime"),
        ({"task__name": "modular"}, "task.name = modular: must be one of binary_operation"),
        ({"model__name": "resnet"}, "model.name = resnet: must be one of quadratic_mlp"),
        ({"model__width": 1.5}, "model.width = 1.5: must be a whole number"),
        ({"model__width": "???"}, "model.width is missing: it has no default; give it as model.w"),
        ({"task__label_noise": 1}, "task.label_noise = 1: must be a number from 0 up to"),
        ({"train__steps": 401}, "train.steps = 401: must be a multiple of train.eval_every = 5"),
        ({"optim__groups__lefft__lr": 1}, "optim.groups.lefft is no part of the model"),
        ({"model__norm": "batch", "train__batch_size": 1}, "train.batch_size = 1: one example has "
         "no variance, which model.norm = batch needs"),
        ({"optim__momentum": 0.9}, "optim.momentum = 0.9: must be null, for adamw does not read"),
        ({"optim__name": "sgd"}, "optim.betas = [0.9, 0.98]: must be null, for sgd does not read "
         "it; set optim.betas=null (and choose sgd by optim=sgd)"),
        ({"phase__gap": 400}, "phase.gap = 400: must be below train.steps = 400, or no run could"),
        ({"phase__gap": 1000}, "phase.gap = 1000: must be below train.steps = 400"),
        ({"train__stop_accuracy": 0.89}, "train.stop_accuracy = 0.89: must not be below"),
        ({"train__stop_accuracy": 0.9, "phase__val_accuracy": 0.95}, "train.stop_accuracy = 0.9: "
         "must not be below phase.train_accuracy or phase.val_accuracy, at most 0.95 here"),
        ({"phase__gap": None}, "phase.gap is missing: it must be a whole number >= 1 (steps) or"),
        ({"model__init": "gromov"}, "model.init = gromov: must be one of null, analytic"),
        ({"model__norm": "group"}, "model.norm = group: must be one of null, batch, layer"),
        ({"phase__slack": 0.05}, "phase.slack = 0.05: must be null, for the rule first_crossing"),
    ],
)  # fmt: skip
def test_one_fault_in_one_sentence(changes, fault):
    found = faults(**changes)
    assert found and found[0].startswith(fault), found


def test_a_rule_of_final_accuracies_reads_no_gap_and_stops_no_run():
    final = ("phase=doshi2023", "phase.val_accuracy=0.8")
    check(compose(["+sweep=quick", *final, "train.stop_when_decided=true"]))
    phase = compose(["+sweep=quick", "phase=doshi2023"])["phase"]
    assert phase == compose(["phase=doshi2023"])["phase"], "the gap of the sweep's rule is none"
    assert compose(["+sweep=quick", "phase=liu2022"])["phase"]["gap"] == 0.1
    assert composing_faults(*final, "phase.gap=0.1", "train.stop_accuracy=0.95") == [
        "phase.gap = 0.1: must be null, for the rule final_accuracy does not read it; set "
        "phase.gap=null",
        "train.stop_accuracy = 0.95: must be null, for the rule final_accuracy reads the "
        "accuracies at the end of the budget, and no run may stop before it",
    ]
    assert composing_faults(*final, "phase.gap=null", "phase.slack=null") == [
        "phase.slack is missing: it must be a number from 0 to below 1"
    ]


def test_a_task_that_has_its_own_symbols_says_how_to_take_p_away():
    for task in ("s3", "s5", "liu2022_s3"):
        (fault,) = composing_faults(f"task={task}")
        assert fault.startswith("task.p = 13: ") and "task.p=null" in fault
        check(compose(["+sweep=quick", f"task={task}", "task.p=null"]))


def test_real_vectors_as_targets_need_mse():
    found = composing_faults("task=liu2022_addition", "~task.p", "train.loss=cross_entropy")
    assert found == [
        "train.loss = cross_entropy: must be mse, because the targets of liu2022_addition are real "
        "vectors (or set task.targets=classes)"
    ]


def test_the_closed_form_network_of_addition_is_for_no_other_operation():
    assert composing_faults("model.init=analytic", "task=modular_subtraction") == [
        "model.init = analytic: is the network of x+y modulo task.p, and task.operation is x-y; "
        "set model.init=null, or choose task=modular_addition"
    ]


@pytest.mark.parametrize("more", [[], ["task.targets=classes"]])
def test_nor_is_it_of_the_plain_addition_of_liu2022(more):
    assert composing_faults("model.init=analytic", "task=liu2022_addition", *more) == [
        "model.init = analytic: is the network of x+y modulo task.p, and the task is "
        "liu2022_addition; set model.init=null, or choose task=modular_addition"
    ]


def test_a_network_that_cannot_read_the_inputs_is_a_fault_that_names_those_that_can():
    of_vectors, reads_vectors = "task=gaussian_clusters", "model=vector_mlp"
    assert composing_faults(of_vectors, "task.p=null") == [
        "model.name = quadratic_mlp: reads pairs of symbols, but the inputs of gaussian_clusters "
        "are real vectors; choose model=vector_mlp, or your own (model=own)"
    ]
    assert composing_faults(reads_vectors) == [
        "model.name = vector_mlp: reads real vectors, but the inputs of binary_operation are pairs "
        "of symbols; choose model=quadratic_mlp or mlp or liu2022_toy or transformer, or your own "
        "(model=own)"
    ]
    for fitting in (
        [reads_vectors],
        ["model=own", "model.name=torch.nn:Identity", "model.width=null"],
    ):
        check(compose(["+sweep=quick", of_vectors, "task.p=null", *fitting]))


def test_a_network_that_cannot_read_the_inputs_is_named_together_with_all_other_faults():
    found = composing_faults(
        "task=gaussian_clusters", "task.spread=-1", "model=mlp", "model.depth=0", "train.loss=mae"
    )  # fmt: skip
    wrong = ("task.p = 13", "task.spread = -1", "model.depth = 0", "train.loss = mae",
             "model.name = mlp: reads pairs of symbols")  # fmt: skip
    assert [sum(fault.startswith(key) for fault in found) for key in wrong] == [1] * len(wrong)
    assert len(found) == len(wrong)


def test_all_faults_are_named_at_once():
    found = composing_faults(
        "optim.lrr=1", "train.loss=mae", "task.p=0", "model.width=a", "seeds=[]",
        "launch.workers=0", "sweep.row.param=optim.weigth_decay", "sweep.row.values=[1]",
        "optim.weight_decay=3",
        "sweep.x.values=[0.5,1.5]", "phase.gap=0", "foo=1",
    )  # fmt: skip
    wrong = ("optim.lrr", "train.loss", "task.p", "model.width", "seeds", "launch.workers",
             "sweep.row.param", "optim.weight_decay=3", "sweep.x: task.train_fraction = 1.5",
             "phase.gap", "foo")  # fmt: skip
    for key in wrong:
        assert sum(fault.startswith(key) for fault in found) == 1, (key, found)
    assert len(found) == len(wrong)


def test_dropout_and_norm_of_a_network_without_are_faults_among_all_others():
    found = composing_faults(
        "task=liu2022_addition", "~task.p", "model=liu2022_toy", "+model.norm=batch",
        "+sweep.row.param=model.dropout", "+sweep.row.values=[0,1.5]", "optim.lr=0",
    )  # fmt: skip
    for key in ("model.norm = batch: liu2022_toy takes no such key", "sweep.row", "optim.lr = 0"):
        assert sum(fault.startswith(key) for fault in found) == 1, (key, found)


def test_a_missing_section_is_a_fault_and_no_crash():
    for section in BASE:
        config = {key: value for key, value in BASE.items() if key != section}
        # Configs of before weights could be kept have no `store`.
        missing = any(fault.startswith(section) for fault in faults(config))
        assert missing == (section != "store"), section
        for nonsense in (3, "a", [], None):
            found = faults({**BASE, section: nonsense})
            allowed = section in ("split_seed", "out", "seeds", "reuse")
            assert allowed or any(f.startswith(section) for f in found), (section, nonsense)
