"""`phasegrok plot` from the outside: every kind, its files, and what it says to bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from phasegrok import cells, diagram
from phasegrok.__main__ import main
from phasegrok.diagram.kinds import KINDS
from phasegrok.store import Store
from tests.diagram.cases import (
    LR,
    SCALES,
    X,
    Y,
    config_of,
    fixed_norms,
    frame_of,
    stored,
    weighed,
)

ROOT = Path(__file__).parents[2]

# What a kind cannot do without on the little sweep.
NEEDS = {
    "value": ["--column", "weight_norm"],
    "difference": ["--against", "DIR"],
    "scaling": ["--against", X, Y],
    "efficiency": ["--val-accuracy", "0.9"],
    "pruning": ["--at", f"{X}=0.3", "--at", f"{Y}=1"],
}

# Kinds made of the phases of all runs alone, as the sweep's rule has decided them.
PHASES_ALONE = ("phase", "probability", "entropy", "boundary", "difference")

# Kinds whose numbers no rule decides.
RULELESS = ("value", "weight_norm", "landscape", "rounds")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small sweep of 12 cells and 2 seeds. Tests write elsewhere."""
    config, frame = config_of(), frame_of(config_of())
    # Every second generalising run a little later, so that there is a scatter to fit.
    late = frame["val_step"] + 37 * frame["seed"] + 100 * (frame[X] * 10).round()
    phase = frame["phase"].mask(frame["val_step"] == 60, "grokking")
    frame = frame.assign(val_step=late, phase=phase, steps=late.fillna(2000))
    return stored(config, tmp_path_factory.mktemp("plot") / "little", frame)


@pytest.fixture(scope="module")
def sphere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small sweep at fixed weight norms."""
    config, frame = fixed_norms()
    return stored(config, tmp_path_factory.mktemp("plot") / "little", frame)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small sweep with final weights."""
    return weighed(tmp_path_factory.mktemp("plot") / "little")


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small sweep whose plan has rounds."""
    config = config_of()
    axes = {name: {**config["sweep"][name], "num": 3} for name in ("x", "y")}
    config["sweep"] |= {**axes, "refine": {"start": [2, 2]}}
    folder = stored(config, tmp_path_factory.mktemp("plot") / "little")
    rows = [{"run_id": run.run_id, "seed": run.seed, "config": json.dumps(run.config),
             "round": 1 + any(at % 2 for at in run.index.values())}
            for run in cells.runs(config)]  # fmt: skip
    Store(folder).write_plan(rows, config)
    return folder


def plot(directory: Path, *options: str) -> int:
    return main(["plot", str(directory), *options])


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_drawn_from_a_directory_and_says_what_it_is(
    name: str, sweep: Path, sphere: Path, kept: Path, refined: Path, tmp_path: Path
) -> None:
    stores = {"landscape": sphere, "ipr": kept, "pruning": kept, "rounds": refined}
    sweep = stores.get(name, sweep)
    options = [str(sweep) if word == "DIR" else word for word in NEEDS.get(name, [])]
    assert plot(sweep, "--kind", name, *options, "--out", str(tmp_path), "--format", "png") == 0
    (path,) = tmp_path.iterdir()
    assert path.name == ("phase_diagram.png" if name == "phase" else f"{name}.png")
    with Image.open(path) as image:
        about = image.info
    (data,) = {*about["Data hash"].split(" and ")}
    assert (data == diagram.data_hash(diagram_frame(sweep))) == (name in PHASES_ALONE)
    assert about["Kind"] == name and about["Sweep"] == "little" and about["Description"]
    assert about.get("Rule", "").startswith("" if name in RULELESS else "First crossing")
    assert ("Rule" in about) == (name not in RULELESS)
    assert about["Software"].startswith("phasegrok")
    assert about["Command"].startswith("phasegrok plot little")
    assert name == "phase" or f"--kind {name}" in about["Command"]


@pytest.mark.parametrize("name", ["ipr", "pruning"])
def test_neurons_are_drawn_of_chosen_cells_with_kept_weights_alone(
    name: str, sweep: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plot(sweep, "--kind", name, *NEEDS["pruning"]) == 2
    assert "store.weights=final" in capsys.readouterr().err
    assert plot(kept / "results.parquet", "--kind", name, *NEEDS["pruning"]) == 2
    assert "give the sweep's directory, which keeps them" in capsys.readouterr().err
    assert plot(kept, "--kind", "pruning") == 2
    assert f"choose one by --at {X}=VALUE --at {Y}=VALUE" in capsys.readouterr().err


def diagram_frame(directory: Path) -> pd.DataFrame:
    from phasegrok import load

    return load(directory)


def test_the_default_is_the_figure_of_the_sweep_itself(sweep: Path, tmp_path: Path) -> None:
    plain, same = tmp_path / "plain", tmp_path / "same"
    assert plot(sweep, "--out", str(plain)) == 0
    diagram.save(diagram_frame(sweep), config_of(), same)
    assert sorted(p.name for p in plain.iterdir()) == sorted(p.name for p in same.iterdir())
    for path in plain.iterdir():
        assert path.read_bytes() == (same / path.name).read_bytes()


def described(path: Path) -> str:
    with Image.open(path) as image:
        return image.info["Description"]


def test_runs_cut_off_before_the_sweeps_budget_grew_are_undecided_in_every_figure(
    tmp_path: Path,
) -> None:
    short = (frame := frame_of(config_of()))["phase"].eq("memorization")
    cut_off = {"steps": 1000, "budget": 1000, "phase": "undecided"}
    for name, value in cut_off.items():
        frame[name] = frame[name].mask(short, value)
    folder = stored(config_of(), tmp_path / "little", frame)
    out = ["--out", str(tmp_path), "--format", "png"]
    for options in ([], ["--gap", "200"]):
        assert plot(folder, *options, *out) == 0
        name = "phase.png" if options else "phase_diagram.png"
        assert "3 comprehension, 3 grokking, 3 confusion, 3 undecided" in described(tmp_path / name)
    assert plot(folder, "--kind", "gap", *out) == 0
    assert "gap 2.5 % of the budget: 0 % of 9 cells changed" in described(tmp_path / "gap.png")
    assert plot(folder, "--kind", "difference", "--against", str(folder), *out) == 0
    assert "9 of 9 cells are equal" in described(tmp_path / "difference.png")
    script = [sys.executable, ROOT / "analysis" / "phase_diagram.py", folder, tmp_path / "again"]
    subprocess.run(script, capture_output=True, check=True)
    assert "3 undecided" in described(tmp_path / "again" / "phase_diagram.png")


def test_the_same_command_gives_the_same_bytes_in_every_format(sweep: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        assert plot(sweep, "--kind", "val_steps", "--out", str(tmp_path / folder)) == 0
    for kind in ("png", "pdf", "svg"):
        one, two = (tmp_path / folder / f"val_steps.{kind}" for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_another_rule_axis_or_width_leaves_the_sweeps_own_figure_alone(
    sweep: Path, tmp_path: Path
) -> None:
    for options in (["--gap", "1500"], ["--x", Y], ["--width", "7"], ["--at", f"{Y}=1"]):
        assert plot(sweep, *options, "--out", str(tmp_path), "--format", "png") == 0
        assert [path.name for path in tmp_path.iterdir()] == ["phase.png"]
        with Image.open(tmp_path / "phase.png") as image:
            assert " ".join(options) in image.info["Command"]
            assert (image.size[0] == 2100) == (options == ["--width", "7"])


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--kind", "efficiency", "--val-accuracy", "0.9", "--train-accuracy", "0.8"],
         "First crossing: generalised at validation accuracy ≥ 0.9; what comes later than step "
         "2000 is censored."),
        (["--kind", "train_steps", "--budget", "800"],
         "First crossing: fitted at training accuracy ≥ 0.9; what comes later than step 800 is "
         "censored."),
        (["--kind", "scaling", "--of", "delay", "--against", X, Y],
         "First crossing: fitted at training accuracy ≥ 0.9, generalised at validation accuracy "
         "≥ 0.9; what comes later than step 2000 is censored."),
        (["--kind", "gap"],
         "First crossing: fitted at training accuracy ≥ 0.9, generalised at validation accuracy "
         "≥ 0.9. Grokking: generalised the gap above each map or more after fitting. Memorization: "
         "fitted, even if it collapsed later, and not generalised within 2000 steps (censored)."),
    ],
)  # fmt: skip
def test_a_figure_says_no_more_of_the_rule_than_it_is_made_by(
    options: list[str], rule: str, sweep: Path, tmp_path: Path
) -> None:
    assert plot(sweep, *options, "--out", str(tmp_path), "--format", "png") == 0
    with Image.open(tmp_path / f"{options[1]}.png") as image:
        assert image.info["Rule"] == rule


@pytest.mark.parametrize(
    ("options", "maps"),
    [
        (["--gap", "1"], ["gap 1 step: reference", "gap 2 steps: "]),
        (["--gap", "0.6", "--gaps", "0.9", "7"],
         ["gap 60 % of the budget: reference", "gap 90 % of the budget: ", "gap 7 steps: "]),
    ],
)  # fmt: skip
def test_gaps_are_compared_that_have_no_half_or_double(
    options: list[str], maps: list[str], sweep: Path, tmp_path: Path
) -> None:
    asked = ["--kind", "gap", *options]
    assert plot(sweep, *asked, "--out", str(tmp_path), "--format", "png") == 0
    with Image.open(tmp_path / "gap.png") as image:
        told, command = image.info["Description"], image.info["Command"]
    assert all(each in told for each in maps) and told.count("gap ") == len(maps)
    assert command.endswith(" ".join(asked))


@pytest.mark.parametrize(
    ("values", "text"),
    [([True, False], "true"), ([8, "auto"], "Auto"), ([8, "auto"], "8.0"), ([None, "a"], "null")],
)
def test_a_value_may_be_written_as_in_the_sweeps_file(
    values: list[object], text: str, tmp_path: Path
) -> None:
    key = "optim.clip_norm"
    folder = stored(config_of(y={"param": key, "values": values}), tmp_path / "little")
    assert plot(folder, "--at", f"{key}={text}", "--format", "png") == 0
    assert "3 cells, 6 runs" in described(folder / "phase.png")


def test_a_text_that_means_several_values_is_refused_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = stored(config_of(y={"param": Y, "values": [1, 1.004, 2]}), tmp_path / "little")
    assert plot(folder, "--at", f"{Y}=1.002") == 2
    assert "1.002: several values are meant by it: 1, 1.004" in capsys.readouterr().err


def test_a_results_file_alone_is_enough(sweep: Path, tmp_path: Path) -> None:
    alone = tmp_path / "results.parquet"
    alone.write_bytes((sweep / "results.parquet").read_bytes())
    for name in ("phase", "curves"):
        assert plot(alone, "--kind", name, "--format", "png") == 0
    assert (tmp_path / "phase_diagram.png").exists() and (tmp_path / "curves.png").exists()


def test_axes_are_chosen_by_key_and_the_rest_stay(tmp_path: Path, capsys: object) -> None:
    folder = stored(config_of(row=LR, col={**SCALES, "values": [1.0, 2.0]}), tmp_path / "four")
    about = []
    for options in (["--x", "optim.lr"], ["--facet", X, "--at", "optim.lr=0.001"]):
        assert plot(folder, *options, "--format", "png", "--out", str(tmp_path)) == 0
        with Image.open(tmp_path / "phase.png") as image:
            about.append(image.info["Description"])
    assert "over learning rate from 0.001 to 0.01; weight decay" in about[0]
    assert "96 runs" in about[0] and "48 runs" in about[1]


def test_a_folder_of_sweeps_makes_a_contact_sheet(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        stored(config_of(y=None), tmp_path / name)
    stored(config_of(row=LR), tmp_path / "three")
    empty(tmp_path / "none")
    assert plot(tmp_path) == 0
    said = capsys.readouterr()
    assert [Path(line).name for line in said.out.splitlines()] == [
        "contact_sheet.png", "contact_sheet.pdf", "contact_sheet.svg"
    ]  # fmt: skip
    assert "left out" in said.err and "none holds no finished run yet" in said.err
    with Image.open(tmp_path / "contact_sheet.png") as image:
        assert image.info["Sweep"] == "one, three, two"
        assert "3 sweeps" in image.info["Description"]
    out = tmp_path / "narrow"
    assert plot(tmp_path, "--width", "one", "--format", "png", "--out", str(out)) == 0
    (path,) = out.iterdir()
    with Image.open(path) as image:
        assert path.name == "contact_sheet.png" and image.size[0] == 1020
        assert image.info["Command"] == f"phasegrok plot {tmp_path.name} --width 3.4"
    assert plot(tmp_path, "--kind", "entropy") == 2
    assert "holds 4 sweeps" in capsys.readouterr().err


def empty(folder: Path) -> Path:
    """A sweep that has no result yet."""
    from phasegrok.store import Store

    folder.mkdir()
    Store(folder).write_config(config_of())
    return folder


def test_the_list_needs_no_directory(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plot", "--list"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) == len(KINDS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--kind", "heat"], "no such figure; there are phase, probability"),
        (["--kind", "value"], "needs --column NAME, one of seed, "),
        (["--kind", "value", "--column", "phase"], "phase holds no numbers; numbers are in "),
        (["--kind", "value", "--column", "loss"], "loss is no column of the frame; numbers"),
        (["--column", "weight_norm"], "--column says nothing to --kind phase; it is for value"),
        (["--x", "optim.wd"], "optim.wd is not swept here; swept are task.train_fraction, optim"),
        (["--x", Y, "--y", Y], "optim.weight_decay is asked for twice"),
        (["--at", f"{Y}=7"], "7: no such value; it has 0.01, 0.1, 1"),
        (["--kind", "value", "--column", "val_step"], "short: draw --kind val_steps (in Python"),
        (["--kind", "landscape"], "runs along model.init_scale, and this figure is over"),
        (["--kind", "gap", "--gap", "0.6"], "no share of the budget: name others, as in --gaps"),
        (["--gaps", "7"], "--gaps says nothing to --kind phase; it is for gap"),
        (["--at", Y], "expected KEY=VALUE"),
        (["--at", f"{Y}=1", "--at", f"{Y}=10"], "is given 2 times"),
        (["--at", f"{Y}=1", "--at", f"{X}=0.6"], "every swept key is fixed"),
        (["--kind", "cut", "--at", "optim.lr=1"], "optim.lr is no axis of this figure; there are"),
        (["--kind", "curves", "--at", "optim.wd=1"], "optim.wd is no axis of this figure; there"),
        (["--kind", "difference"], "needs --against DIR"),
        (["--kind", "difference", "--against", "nowhere"], "nowhere is not a sweep's directory"),
        (["--kind", "scaling", "--against", "optim.wd"], "no column optim.wd"),
        (["--val-accuracy", "1.5"], "accuracy 1.5: must be above 0 and at most 1"),
        (["--budget", "0"], "--budget 0: must be one step or more"),
        (["--facet", X, "--col", Y], "--facet is the same as --col"),
    ],
)
def test_bad_input_is_one_message_that_names_what_there_is(
    options: list[str], words: str, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(sweep.iterdir())
    assert plot(sweep, *options) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    assert said.count("phasegrok: ") == 1 and sorted(sweep.iterdir()) == before


def test_stores_that_cannot_be_drawn_say_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = pd.DataFrame({"a": [1], "b": [2]})
    (tmp_path / "empty").mkdir()
    foreign.to_parquet(tmp_path / "foreign.parquet")
    alien = empty(tmp_path / "alien")
    foreign.to_parquet(alien / "results.parquet")
    for path, words in {
        tmp_path / "empty": "is not a sweep's directory: it has no sweep.yaml",
        tmp_path / "foreign.parquet": "was not written by phasegrok: it lacks run_id, status",
        alien: "was not written by phasegrok: it lacks run_id, status",
        empty(tmp_path / "fresh"): "fresh holds no finished run yet",
        tmp_path / "nowhere": "is not a sweep's directory",
    }.items():
        assert plot(path) == 2
        assert words in capsys.readouterr().err


def test_a_sweep_that_still_runs_is_drawn_as_far_as_it_is_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from phasegrok import cells
    from phasegrok.store import Store

    config = config_of()
    folder = stored(config, tmp_path / "little", frame_of(config).iloc[:10])
    rows = [{"run_id": run.run_id, "seed": run.seed, **run.cell} for run in cells.runs(config)]
    Store(folder).write_plan(rows, config)
    assert plot(folder, "--format", "png") == 0
    assert "14 of 24 planned runs have no result yet" in capsys.readouterr().err
    with Image.open(folder / "phase_diagram.png") as image:
        assert "10 runs" in image.info["Description"] and "7 missing" in image.info["Description"]
