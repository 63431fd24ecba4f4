"""The configuration that is shipped is sound, and composing one keeps what the user wrote."""

from dataclasses import dataclass
from pathlib import Path

import hydra
import pytest
import yaml

from phasegrok import InputError, cells, models, tasks
from phasegrok._paths import CONF_DIR
from phasegrok.config import check, compose, runs, sweeps
from phasegrok.config.catalogue import GROUPS
from phasegrok.config.schema import Composed, Here, Optim, Phase, Slurm, Train
from phasegrok.phases import KINDS
from phasegrok.tasks import operations
from tests.config_cases import BASE, faults
from tests.data_files import WRITERS

SWEEPS = [name for name, _ in sweeps()]
YAMLS = sorted(CONF_DIR.rglob("*.yaml"))


def files_for(section, folder):
    """The override that a task needs whose examples are read from files, which are written here."""
    if section["name"] not in WRITERS:
        return []
    path = WRITERS[section["name"]](folder / "data", section["examples"])
    return [f"task.path='{path}'"]


def options(group):
    return sorted(path.stem for path in (CONF_DIR / group).glob("*.yaml"))


# ----------------------------------------------------------------------------- what is shipped


@pytest.mark.parametrize("name", SWEEPS)
def test_every_shipped_sweep_composes_and_is_sound(name, tmp_path):
    assert runs(name, files_for(compose([f"+sweep={name}"])["task"], tmp_path))


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_has_the_name_of_its_file(name):
    assert compose([f"+sweep={name}"])["sweep"]["name"] == name


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: str(path.relative_to(CONF_DIR)))
def test_every_file_of_conf_opens_with_a_comment_of_one_or_two_lines(path):
    lines = path.read_text().splitlines()
    if lines[0] == "# @package _global_":
        lines = lines[1:]
    comment = [line for line in lines[:3] if line.startswith("# ")]
    assert comment == lines[: len(comment)]
    assert 1 <= len(comment) <= 2
    assert len(path.read_text().splitlines()) <= 60


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_opens_with_a_question(name):
    assert "?" in dict(sweeps())[name]


def test_a_sweep_file_reads_as_the_caption_of_its_diagram():
    """It holds axes, fixed settings and seeds: what the figure says, and no machinery.

    One thing more may be asked for: that final weights are kept, of which some figures are made.
    """
    for name in SWEEPS:
        asked = yaml.safe_load((CONF_DIR / "sweep" / f"{name}.yaml").read_text())
        assert asked.pop("store", {"weights": "final"}) == {"weights": "final"}
        sections = {"defaults", "sweep", "seeds", "task", "model", "optim", "train", "phase"}
        assert asked.keys() <= sections


# By what a network reads: a task and a model, where the default ones do not fit.
FITTING = {
    "vectors": ("gaussian_clusters", "vector_mlp"),
    "tokens": ("planted_sentiment", "lstm"),
    "graphs": ("random_graphs", "message_passing"),
}
CHOICES = [(group, option) for group in GROUPS if group != "sweep" for option in options(group)]


@pytest.mark.parametrize("group, option", CHOICES, ids="=".join)
def test_every_option_of_every_group_is_sound_by_itself(group, option, tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "plain.yaml").write_text(
        "# @package _global_\n# Plain?\nsweep:\n  name: plain\n"
        "  x: {param: optim.lr, values: [1e-3, 1e-2]}\n"
        "  y: {param: task.train_fraction, values: [0.4, 0.7]}\n"
    )
    chosen = [f"{group}={option}"] + (["model.name=torch.nn:Identity"] * (option == "own"))
    section = yaml.safe_load((CONF_DIR / group / f"{option}.yaml").read_text())
    if group == "task" and (given := tasks.inputs(section)) in FITTING:
        chosen += [f"model={FITTING[given][1]}", *files_for(section, tmp_path)]
    if group == "model" and (read := models.reads(section)) in FITTING:
        chosen += [f"task={FITTING[read][0]}"]
    assert len(runs("plain", chosen, config_dir=tmp_path)) == 2 * 2 * 3


def test_conf_has_a_file_for_every_kind_of_task_and_model_and_every_optimiser():
    def named(group):
        return {yaml.safe_load((CONF_DIR / group / f"{o}.yaml").read_text())["name"]
                for o in options(group)}  # fmt: skip

    assert named("task") == set(tasks.KINDS)
    assert named("model") - {"???"} == set(models.KINDS)
    assert named("optim") == {"adamw", "adam", "sgd"}


def test_the_files_of_tasks_and_models_show_every_key_with_the_default_of_the_code():
    """So that --cfg job shows all there is to set, and an override of it is known."""
    for kinds, group, common in ((tasks.KINDS, "task", tasks.COMMON), (models.KINDS, "model", {})):
        for option in options(group):
            shown = yaml.safe_load((CONF_DIR / group / f"{option}.yaml").read_text())
            if shown["name"] in kinds:
                known = {**common, **kinds[shown["name"]].options}
                assert known.keys() <= shown.keys(), option


def test_the_files_of_the_other_groups_show_every_key():
    for section, schema in (
        ("optim", Optim),
        ("train", Train),
        ("launch", Here),
    ):
        for option in options(section):
            composed = compose(["+sweep=quick", f"{section}={option}"])
            expected = Slurm if option == "slurm" else schema
            assert composed[section].keys() == expected.model_fields.keys(), option
    assert BASE.keys() == Composed.model_fields.keys()


def test_the_files_of_rules_show_every_number_that_their_rule_reads():
    for option in options("phase"):
        shown = yaml.safe_load((CONF_DIR / "phase" / f"{option}.yaml").read_text())
        assert list(shown) == ["name", *KINDS[shown["name"]].numbers]
        assert shown.keys() <= Phase.model_fields.keys()


def test_wd_vs_frac_is_the_default_picture():
    run_list = runs("wd_vs_frac")
    config = run_list[0].config
    assert len(run_list) == 15 * 13 * 3
    assert config["task"]["p"] == 23 and config["model"]["width"] == 128
    assert config["train"]["steps"] == 2000


def test_the_liu2022_grids_are_the_published_ones():
    """Liu et al. 2022, Fig. 6b and 6d: 16 decoder rates (5 a decade) against 11 decays."""
    lrs = [1e-5, 1.58489319246e-5, 2.51188643151e-5, 3.98107170553e-5, 6.3095734448e-5, 1e-4]
    for name, decays in (
        ("liu2022_addition_regression", list(range(11))),
        ("liu2022_s3", [0, 1, 2, 3, 5, 10, 20, 30, 50, 100, 200]),
    ):
        config = compose([f"+sweep={name}"])
        assert cells.axis_values(config["sweep"]["x"])[:6] == pytest.approx(lrs, rel=1e-9)
        assert len(cells.axis_values(config["sweep"]["x"])) == 16
        assert cells.axis_values(config["sweep"]["y"]) == decays
        run_list = runs(name)
        assert len(run_list) == 176
        assert run_list[0].config["optim"]["groups"] == {
            "embedding": {"lr": 1e-3, "weight_decay": 0}
        }
        assert run_list[0].config["optim"]["betas"] == [0.9, 0.999]
        assert run_list[0].config["train"]["eval_every"] == 1
        train = {"liu2022_s3": 24}.get(name, 45)
        assert tasks.train_size(run_list[0].config["task"]) == train


def test_the_liu2022_grids_have_the_published_seeds_and_draws():
    for name, seed in (("liu2022_addition_regression", 58), ("liu2022_s3", 0)):
        config = compose([f"+sweep={name}"])
        assert config["seeds"] == [seed]
        assert config["task"]["draws"] == config["model"]["draws"] == "published"


# --------------------------------------------------------------------------------- composition


def test_runs_are_those_of_the_composed_config():
    assert runs("quick", ["seeds=1"]) == cells.runs(compose(["+sweep=quick", "seeds=1"]))


def test_numbers_keep_their_kind():
    config = compose(["+sweep=quick", "optim.lr=3e-3", "train.steps=500", "out=outputs/2024"])
    assert config["optim"]["lr"] == 0.003 and config["train"]["steps"] == 500
    assert config["out"] == "outputs/2024"


def test_a_group_of_parameters_needs_no_plus():
    config = compose(["+sweep=quick", "optim.groups.readout.lr=1e-3"])
    assert config["optim"]["groups"] == {"readout": {"lr": 1e-3}}
    assert not faults(config)


def test_an_item_of_a_list_can_be_set():
    assert compose(["+sweep=quick", "optim.betas.1=0.95"])["optim"]["betas"] == [0.9, 0.95]


def test_values_given_to_an_axis_take_the_place_of_its_range():
    config = compose(["+sweep=quick", "sweep.y.values=[0,1]"])
    assert config["sweep"]["y"] == {"param": "optim.weight_decay", "scale": "log", "values": [0, 1]}
    assert not faults(config)
    whole = compose(["+sweep=quick", "sweep.x={param: optim.lr, values: [0.01]}"])
    assert cells.axis_values(whole["sweep"]["x"]) == [0.01]


def test_a_range_given_to_an_axis_takes_the_place_of_its_values():
    config = compose(["+sweep=liu2022_s3", "sweep.y.low=0", "sweep.y.high=4", "sweep.y.num=3"])
    assert cells.axis_values(config["sweep"]["y"]) == [0, 2, 4]


def test_a_facet_can_be_added_on_the_command_line():
    config = compose(
        ["+sweep=quick", "sweep.row.param=task.operation", "sweep.row.values=[x+y,x*y]"]
    )
    check(config)
    assert len(cells.runs(config)) == 2 * 4 * 4 * 2


def test_composing_leaves_a_callers_own_hydra_alone():
    with hydra.initialize_config_dir(config_dir=str(CONF_DIR), version_base="1.3"):
        before = hydra.compose("config")
        assert runs("quick")
        assert hydra.compose("config") == before


# ----------------------------------------------------------------------------- files of a user


@dataclass(frozen=True)
class Mine:
    """A user's own config directory."""

    folder: Path

    def write(self, name, text, group="sweep"):
        path = self.folder / group / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine").mkdir()
    return Mine(tmp_path / "mine")


HEADER = "# @package _global_\n"
OWN = """# @package _global_
# Which batch?
defaults: [override /task: modular_division, override /model: own_net]
sweep:
  name: own
  x: {param: task.train_fraction, values: [0.3, 0.5]}
  y: {param: optim.weight_decay, values: [0, 1]}
seeds: [4, 6]
"""


def test_a_users_folder_adds_sweeps_and_options_of_any_group(mine):
    mine.write("own", OWN)
    mine.write("own_net", "# Mine.\nname: mlp\nwidth: 16\n", "model")
    assert sweeps(mine.folder)[-1] == ("own", "Which batch?")
    run_list = runs("own", config_dir=mine.folder)
    assert {run.seed for run in run_list} == {4, 6} and len(run_list) == 8
    assert run_list[0].config["model"] == {"name": "mlp", "width": 16}


def test_a_users_folder_may_be_called_anything(tmp_path, mine):
    mine.write("own", OWN.replace("own_net", "mlp"))
    strange = mine.folder.rename(tmp_path / "it's mine, {a=b} $c")
    assert len(runs("own", config_dir=strange)) == 8


def test_a_users_file_that_a_shipped_one_would_hide_is_refused(mine):
    mine.write("quick", OWN)
    mine.write("mlp", "name: mlp\n", "model")
    with pytest.raises(InputError, match=r"model/mlp.yaml, sweep/quick.yaml would be hidden"):
        compose(["+sweep=quick"], mine.folder)


def test_a_folder_that_is_not_there_is_a_fault(tmp_path):
    with pytest.raises(InputError, match=r"--config-dir .*nowhere: no such folder"):
        compose([], tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text, fault",
    [
        (f"{HEADER}sweep: {{name: own,\n  x: [1\n", r"own.yaml, line \d: is not valid YAML"),
        (f"{HEADER}seeds: 1\nseeds: 2\n", r"own.yaml, line 3: .* duplicate key seeds"),
        (f"{HEADER}sweep: {{x: *a}}\n", r"own.yaml, line 2: is not valid YAML"),
        (OWN.replace(HEADER, ""), r"must begin with the line '# @package _global_'"),
        ("sweep: {name: own}\nseeds: 2\n", r"must begin with the line '# @package _global_'"),
        (OWN.replace("/task", "/tsk"), r"'sweep/own': Could not override 'tsk'"),
        (OWN.replace("modular_division", "modular_div"), r"task=modular_div: there is no task "
         r"modular_div; did you mean modular_division\? there are .*modular_division"),
        (HEADER + "out: ${nowhere}\n", r"out: .* Interpolation key 'nowhere' not found"),
        ("- a\n- b\n", r"sweep = \[a, b\]: must be a sweep"),
        ("", r"sweep.name is missing"),
    ],
)  # fmt: skip
def test_a_broken_sweep_file_is_named(mine, text, fault):
    mine.write("own", text.replace("own_net", "mlp"))
    with pytest.raises(InputError, match=fault):
        runs("own", config_dir=mine.folder)


@pytest.mark.parametrize(
    "overrides, fault",
    [
        (
            ["+sweep=quik"],
            "+sweep=quik: there is no sweep quik; did you mean quick? there are doshi2023",
        ),
        (
            ["sweep=quick"],
            "sweep=quick: needs a plus, because no sweep is chosen by default: +sweep",
        ),
        (["quick"], "quick: is not of the form key=value; to ask that sweep, write +sweep=quick"),
        (["+sweep=quick", "+sweep=lr_vs_wd"], "+sweep=quick +sweep=lr_vs_wd: one sweep at a time"),
        (["+sweep=quick", "task=mod"], "task=mod: there is no task mod"),
        (["+sweep=quick", "model=cnn"], "model=cnn: there is no model cnn; there are liu2022_toy"),
        (["+sweep=quick", "seeds=1,2"], "seeds=1,2: several values are a list: seeds=[1,2]"),
        (
            ["+sweep=quick", "optim.betas=0.9,0.99"],
            "optim.betas=0.9,0.99: several values are a list: optim.betas=[0.9,0.99]",
        ),
        (
            ["+sweep=quick", "optim.lr=0.1,0.2"],
            "optim.lr=0.1,0.2: several values are an axis: "
            "sweep.x.param=optim.lr sweep.x.values=[0.1,0.2]",
        ),
        (
            ["+sweep=quick", "optim.lr=choice(0.1,0.2)"],
            "optim.lr=choice(0.1,0.2): several values "
            "are an axis: sweep.x.param=optim.lr sweep.x.values=[0.1,0.2]",
        ),
        (["+sweep=quick", "task=s3,s5"], "task=s3,s5: one task at a time"),
        (
            ["+sweep=quick", "sweep.x=[0.2,0.5]"],
            "sweep.x=[0.2,0.5]: is no axis; "
            "sweep.x.values=[0.2,0.5] sets its values, sweep.x.param=KEY what is swept",
        ),
        (
            ["+sweep=quick", "sweep.x=0.2,0.5"],
            "sweep.x=0.2,0.5: is no axis; sweep.x.values=[0.2,0.5] sets its values",
        ),
        (["+sweep=quick", "sweep.x=3"], "sweep.x=3: is no axis; sweep.x.values=[...] sets"),
        (["+sweep=quick", "out=a=b"], "out=a=b: cannot be read"),
        (["+sweep=quick", "seeds=[1"], "seeds=[1: cannot be read"),
        (["+sweep=quick", "hydra.mode=MULTIRUN"], "-m/--multirun is not needed"),
        (["+sweep=quick", "~nothing"], "the configuration cannot be composed: Could not delete"),
    ],
)
def test_an_override_that_is_none_is_named(overrides, fault):
    with pytest.raises(InputError) as caught:
        compose(overrides)
    assert len(caught.value.faults) == 1 and caught.value.faults[0].startswith(fault)


def test_a_config_without_a_sweep_is_told_how_to_choose_one():
    assert faults(compose()) == [
        "sweep is missing: it must be a sweep; choose one with +sweep=NAME"
    ]


BUILT_IN = [name for name in operations.names() if operations.find(name).built_in]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_operation_can_be_typed_plainly_or_in_quotes(name):
    assert len(BUILT_IN) == 14
    p = "null" if ":" in name else "13"
    for typed in (name, f"'{name}'", f'"{name}"'):
        run_list = runs("quick", [f"task.operation={typed}", f"task.p={p}", "seeds=1"])
        assert run_list[0].config["task"]["operation"] == name


def test_powers_can_be_typed_in_lists_and_mappings():
    names = ["x^2+y^2", "x+y", "x^3+xy"]
    facet = f"{{param: task.operation, values: [{', '.join(names)}]}}"
    for given in (
        ["sweep.row.param=task.operation", f"sweep.row.values=[{','.join(names)}]"],
        [f"sweep.row={facet}"],
        ["sweep.row.param=task.operation", "sweep.row.values=['x^2+y^2',x+y,\"x^3+xy\"]"],
    ):
        config = compose(["+sweep=quick", *given])
        assert config["sweep"]["row"]["values"] == names


def test_sgd_and_adam_can_be_chosen_for_every_shipped_map_of_modular_addition():
    for name in ("quick", "wd_vs_frac", "lr_vs_wd", "lr_vs_frac", "init_scale_vs_wd"):
        for optim in ("sgd", "adam"):
            assert runs(name, [f"optim={optim}"])[0].config["optim"]["name"] == optim


def test_a_sweep_with_betas_of_its_own_takes_sgd_without_them():
    with pytest.raises(InputError, match=r"set optim\.betas=null"):
        runs("liu2022_s3", ["optim=sgd"])
    assert runs("liu2022_s3", ["optim=sgd", "optim.betas=null"])


def test_one_override_may_stand_by_itself():
    assert runs("quick", "seeds=1") == runs("quick", ["seeds=1"])
