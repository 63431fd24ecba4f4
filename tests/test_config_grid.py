"""Every fault of a sweep's axes and of the cells they span is named before anything runs."""

import pytest

from phasegrok import cells
from phasegrok.config import compose
from tests.config_cases import axis, changed, faults

LR = "optim.lr"


@pytest.mark.parametrize(
    "new, fault",
    [
        (axis("optim.weigth_decay", values=[1]), "sweep.x.param = optim.weigth_decay: no "
         "such key; did you mean optim.weight_decay?"),
        (axis("train.lr", values=[1]), "sweep.x.param = train.lr: no such key; did you mean opti"),
        (axis("zzz", values=[1]), "sweep.x.param = zzz: no such key; known are task.name, "),
        (axis("train.steps", values=[1]), "sweep.x.param = train.steps: the number of steps "
         "cannot be an axis, because a longer run contains the shorter"),
        (axis("seed", values=[1]), "sweep.x.param = seed: seeds are no axis"),
        (axis("split_seed", values=[0, 1]), "sweep.x.param = split_seed: splits are no axis: a "
         "map compares settings, not draws; every seed has a split of its own (split_seed=null), "
         "or all have the same (split_seed=0)"),
        (axis("model.width", scale="log", low=16, high=256, num=4), "sweep.x: model.width takes "
         "whole numbers, and not all of these 4 are; use sweep.x.values=[16,40,102,256]"),
        (axis("optim.warmup_steps", scale="log", low=1, high=8, num=3, zero=True), "sweep.x: "
         "optim.warmup_steps takes whole numbers, and not all of these 4 are; use "
         "sweep.x.values=[0,1,3,8]"),
        (axis("model.width", low=1, high=2, num=4), "sweep.x: model.width takes whole numbers, "
         "and not all of these 4 are; use sweep.x.values=[1,2]"),
        (axis("phase.gap", values=[1]), "sweep.x.param = phase.gap: does not change how a"),
        (axis("train.lanes", values=[1]), "sweep.x.param = train.lanes: does not change how a run"),
        (axis("train.vectorise", values=[True]), "sweep.x.param = train.vectorise: does not"),
        (axis("optim.betas", values=[1]), "sweep.x.param = optim.betas: holds several values; "
         "sweep one of optim.betas.0, optim.betas.1"),
        (axis("optim.betas.2", values=[1]), "sweep.x.param = optim.betas.2: no such key"),
        (axis("optim.weight_decay", values=[1]), "sweep.y.param = optim.weight_decay: is axis x"),
        (axis(LR), "sweep.x has no low, high, num: an axis needs values, or low, high and num"),
        (axis(LR, low=1, num=3), "sweep.x has no high: an axis needs"),
        (axis(LR, values=[1], low=1, num=3), "sweep.x has values and low, num: keep one"),
        (axis(LR, values=[]), "sweep.x.values = []: is empty"),
        (axis(LR, low=1, high=2, num=0), "sweep.x.num = 0: must be a whole number from 1"),
        (axis(LR, values=[0.1, 0.1000000000000001]), "sweep.x has the value 0.1 more than once"),
        (axis(LR, low=1, high=1, num=2), "sweep.x has the value 1 more than once"),
        (axis(LR, low=2, high=1, num=2), "sweep.x.low = 2: must not be above high = 1"),
        (axis(LR, low=0, high=1, num=2, scale="log"), "sweep.x.low = 0: must be > 0 on a log axis"),
        (axis(LR, low=-1, high=1, num=2, scale="log"), "sweep.x.low = -1: must be > 0 on a log"),
        (axis(LR, values=[-1], scale="log"), "sweep.x.values = [-1]: a log axis holds"),
        (axis("optim.momentum", values=[0, 0.0], scale="log"), "sweep.x.values = [0, 0.0]: a log "
         "axis cannot hold 0 alone; add a number > 0, or set sweep.x.scale=linear"),
        (axis(LR, low=1, high=2, num=2, zero=True), "sweep.x.zero = true: adds 0 to a log axis"),
        (axis(LR, low=1, high=2, num=2, scale="ln"), "sweep.x.scale = ln: must be linear or log"),
        (axis(LR, values=["a", 0.01]), "sweep.x: optim.lr = a: must be a number > 0"),
        (axis(LR, values=[0.1, 0]), "sweep.x: optim.lr = 0: must be a number > 0"),
        (axis("train.batch_size", values=[8, None]), "sweep.x.values = [8, null]: null has"),
        (axis("task.train_fraction", values=[0.5, 1.2]), "sweep.x: task.train_fraction = 1.2: "),
        (axis("task.train_fraction", values=[0.5, 0.999]), "sweep.x: task.train_fraction = 0.999: "
         "leaves no validation example of 169"),
        (axis("task.p", values=[13, 13.5]), "sweep.x: task.p = 13.5: must be a whole number"),
        (axis("task.operation", values=["x+y", "s5:xy"]), "sweep.x: task.operation = s5:xy: "),
        ({"values": [1]}, "sweep.x.param is missing: it must be a dotted key"),
        (3, "sweep.x = 3: must be an axis like"),
    ],
)  # fmt: skip
def test_an_unsound_axis_is_named(new, fault):
    found = faults(sweep__x=new)
    assert len(found) == 1 and found[0].startswith(fault), found


def test_the_name_of_the_data_is_no_axis_for_their_files_would_be_the_same():
    named = ["sweep.x={param: task.data, values: [mnist]}", "sweep.y.param=optim.weight_decay"]
    mnist = ["+sweep=quick", "task=mnist", "task.p=null", "model=vector_mlp", *named]
    (fault,) = faults(compose(mnist))
    assert fault.startswith("sweep.x.param = task.data: only names the files in task.path, which")


def test_values_that_mean_the_same_are_no_two_cells():
    fixed = axis("optim.fix_norm", values=[None, False, True])
    said = "sweep.row.values: null and false mean the same for optim.fix_norm; keep one of them"
    assert faults(sweep__row=fixed) == [said]
    for values in ([None, True], [False, True]):
        assert faults(sweep__row=axis("optim.fix_norm", values=values)) == []


def test_a_range_of_whole_numbers_suits_a_key_that_takes_only_those():
    for ends in ({"low": 16, "high": 128}, {"low": 16.0, "high": 128.0}):
        assert faults(sweep__x=axis("model.width", scale="log", num=4, **ends)) == []
    warmup = axis("optim.warmup_steps", scale="log", low=1, high=100, num=3, zero=True)
    assert faults(sweep__x=warmup) == []


def test_a_group_has_a_setting_as_soon_as_an_axis_sweeps_it():
    for more in ([], ["optim.groups.left.lr=0.01"]):
        swept = ["+sweep=quick", *more, "sweep.y.param=optim.groups.left.weight_decay"]
        config = compose(swept)
        assert faults(config, swept) == []
        groups = [run.config["optim"]["groups"]["left"] for run in cells.runs(config)]
        decays = cells.axis_values(config["sweep"]["y"])
        assert {group["weight_decay"] for group in groups} == set(decays)
        assert {group.get("lr") for group in groups} == {0.01 if more else None}
    wrong = compose(["+sweep=quick", "sweep.y.param=optim.groups.lefft.weight_decay"])
    assert faults(wrong) == [
        "optim.groups.lefft is no part of the model quadratic_mlp, whose parts are left, right, "
        "readout"
    ]


def test_the_value_that_a_swept_key_has_in_the_file_does_not_matter():
    assert faults(task__train_fraction=7, optim__weight_decay="nonsense") == []


def test_only_real_cells_are_judged():
    """p = 22 alone would be wrong, but no cell divides by it: the two axes move together."""
    config = changed(
        sweep__x=axis("task.p", values=[22, 23]),
        sweep__row=axis("task.operation", values=["x+y", "x/y"]),
    )
    assert faults(config) == [
        "sweep.x: task.p = 22: x/y divides, so p must be prime; nearest: 19 or 23"
    ]
    config["sweep"]["zip"] = ["x", "row"]
    assert faults(config) == []


def test_two_axes_that_are_wrong_only_together_are_found():
    config = changed(
        sweep__x=axis("task.p", values=[23, 22]),
        sweep__row=axis("task.operation", values=["x+y", "x/y"]),
    )
    assert len(faults(config)) == 1


def test_a_task_and_a_network_that_are_wrong_only_together_are_found():
    """torch's Identity stands for a network of one's own, which may read anything."""
    config = changed(
        task={"name": "liu2022_addition", "train_fraction": 0.5},
        model={"name": "mlp"},
        sweep__x=axis("task.name", values=["liu2022_addition", "gaussian_clusters"]),
        sweep__y=axis("model.name", values=["torch.nn:Identity", "mlp"]),
    )
    (fault,) = faults(config)
    assert fault.startswith(
        "sweep.y: model.name = mlp: reads pairs of symbols, but the inputs of gaussian_clusters "
    )


def test_of_many_wrong_values_the_first_are_named_and_the_rest_counted():
    found = faults(sweep__x=axis("task.train_fraction", low=0.5, high=3, num=11))
    assert [fault.split(": must")[0] for fault in found[:3]] == [
        f"sweep.x: task.train_fraction = {value}" for value in (1.0, 1.25, 1.5)
    ]
    assert found[3:] == ["sweep.x: and so on, for 6 more of its values"]


def test_a_grid_of_too_many_runs_is_refused_before_it_is_built():
    big = axis(LR, low=1e-4, high=1e-2, num=1000)
    assert faults(sweep__x=big, sweep__row=axis("optim.eps", low=1e-8, high=1e-6, num=1000)) == [
        "the sweep has 8,000,000 runs (1000 x 4 x 1000 cells, 2 seeds); at most 1,000,000"
    ]
    assert faults(seeds=10**9)[0].startswith("the sweep has 16,000,000,000 runs")


@pytest.mark.parametrize(
    "together, fault",
    [
        (["x"], "sweep.zip = [x]: must be null or a list of two or more different axes"),
        (["x", "x"], "sweep.zip = [x, x]: must be"),
        (["x", "z"], "sweep.zip = [x, z]: must be"),
        (["x", "row"], "sweep.zip = [x, row]: this sweep has no axis row"),
        (
            ["x", "y"],
            "sweep.zip = [x, y]: zipped axes need equally many values, but x has 2, y has 4",
        ),
    ],
)
def test_a_wrong_zip_is_named(together, fault):
    found = faults(sweep__zip=together, sweep__x=axis(LR, values=[0.01, 0.02]))
    assert len(found) == 1 and found[0].startswith(fault), found


def test_an_override_of_a_swept_key_is_refused():
    for override in ("optim.weight_decay=3", "+optim.weight_decay=3", "++optim.weight_decay=3"):
        assert faults(overrides=["seeds=2", override]) == [
            f"{override}: optim.weight_decay is axis y of this sweep; use sweep.y, "
            "e.g. sweep.y.values=[3]"
        ]


# ------------------------------------------------------------------------------------ overdecay


def test_overdecay_anywhere_in_the_grid_is_refused_with_its_extent():
    config = changed(sweep__y__high=100.0, optim__lr=0.02)
    assert [round(0.02 * wd, 3) for wd in cells.axis_values(config["sweep"]["y"])][-2:] == [
        0.252,
        2,
    ]
    (fault,) = faults(config)
    assert fault.startswith(
        "optim.lr * optim.weight_decay is 1 or more in 4 of 16 cells, at most 2 "
        "(optim.lr = 0.02, optim.weight_decay = 100): "
    )
    assert "optim.allow_overdecay=true" in fault


def test_the_published_s3_grid_has_three_cells_of_overdecay():
    (fault,) = faults(compose(["+sweep=liu2022_s3", "optim.allow_overdecay=false"]))
    assert "in 3 of 176 cells, at most 2 (optim.lr = 0.01, optim.weight_decay = 200)" in fault


def test_overdecay_at_exactly_one_is_refused_and_just_below_is_not():
    assert faults(optim__lr=0.01, sweep__y=axis("optim.weight_decay", values=[1, 99.9])) == []
    assert faults(optim__lr=0.01, sweep__y=axis("optim.weight_decay", values=[1, 100]))


def test_overdecay_is_allowed_on_request_and_does_not_exist_for_coupled_decay():
    assert faults(sweep__y__high=100.0, optim__allow_overdecay=True) == []
    assert faults(sweep__y__high=100.0, optim__name="adam") == []


def test_a_group_is_judged_by_its_own_settings():
    own = {"left": {"lr": 0.1, "weight_decay": None}, "right": {"lr": 10, "weight_decay": 0}}
    (fault,) = faults(optim__groups=own)
    assert fault.startswith(
        "optim.groups.left.lr * optim.weight_decay is 1 or more in 4 of 16 cells, at most 1.6 "
        "(optim.groups.left.lr = 0.1, optim.weight_decay = 16)"
    )
    swept = axis("optim.groups.left.lr", values=[0.01, 0.1])
    (fault,) = faults(optim__groups=own, sweep__x=swept)
    assert "in 1 of 8 cells" in fault


# ---------------------------------------------------------------------------------- minibatches


def test_a_batch_that_is_no_part_of_a_training_set_is_refused_with_its_extent():
    assert faults(train__batch_size=58) == []
    assert faults(train__batch_size=59) == [
        "train.batch_size = 59: the training set has 59 examples in 4 of 16 cells; use null for "
        "the full batch, or a batch below 59"
    ]
    assert faults(train__batch_size=100) == [
        "train.batch_size = 100: the training set has 59 to 93 examples in 8 of 16 cells; use null "
        "for the full batch, or a batch below 59"
    ]


def test_a_batch_size_on_an_axis_is_judged_with_the_training_set_of_its_cells():
    fractions = axis("task.train_fraction", values=[0.5, 0.9])
    batches = axis("train.batch_size", values=[32, 84, 512])
    assert faults(sweep__x=fractions, sweep__y=batches) == [
        "sweep.y: train.batch_size = 84: the training set has 84 examples in 1 of 6 cells; use "
        "null for the full batch, or a batch below 84",
        "sweep.y: train.batch_size = 512: the training set has 84 to 152 examples in 2 of 6 cells; "
        "use null for the full batch, or a batch below 84",
    ]


def test_the_shipped_minibatch_suits_the_shipped_maps_of_modular_addition():
    for name in ("quick", "wd_vs_frac", "lr_vs_wd", "lr_vs_frac", "init_scale_vs_wd"):
        assert faults(compose([f"+sweep={name}", "train=minibatch"])) == []


def test_an_axis_of_settings_that_the_model_does_not_read_is_refused():
    dims = axis("model.embedding_dim", values=[8, 16])
    onehot = compose(["+sweep=quick", "model=mlp"])
    found = faults({**onehot, "sweep": {**onehot["sweep"], "row": dims}})
    assert found and all("is read only with model.embedding=learned" in f for f in found)
    learned = compose(["+sweep=quick", "model=mlp", "model.embedding=learned"])
    assert faults({**learned, "sweep": {**learned["sweep"], "row": dims}}) == []
