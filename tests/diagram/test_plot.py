"""`phasegrok plot` from the outside: every kind, its files, and what it says to bad input."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from phasegrok import diagram
from phasegrok.__main__ import main
from phasegrok.diagram.kinds import KINDS
from tests.diagram.cases import LR, SCALES, X, Y, config_of, frame_of, stored

# What a kind cannot do without on the little sweep.
NEEDS = {
    "value": ["--column", "weight_norm"],
    "difference": ["--against", "DIR"],
    "scaling": ["--against", X, Y],
    "efficiency": ["--val-accuracy", "0.9"],
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small sweep of 12 cells and 2 seeds. Tests write elsewhere."""
    config, frame = config_of(), frame_of(config_of())
    # Every second generalising run a little later, so that there is a scatter to fit.
    late = frame["val_step"] + 37 * frame["seed"] + 100 * (frame[X] * 10).round()
    phase = frame["phase"].mask(frame["val_step"] == 60, "grokking")
    frame = frame.assign(val_step=late, phase=phase, steps=late.fillna(2000))
    return stored(config, tmp_path_factory.mktemp("plot") / "little", frame)


def plot(directory: Path, *options: str) -> int:
    return main(["plot", str(directory), *options])


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_drawn_from_a_directory_and_says_what_it_is(
    name: str, sweep: Path, tmp_path: Path
) -> None:
    options = [str(sweep) if word == "DIR" else word for word in NEEDS.get(name, [])]
    assert plot(sweep, "--kind", name, *options, "--out", str(tmp_path), "--format", "png") == 0
    (path,) = tmp_path.iterdir()
    assert path.name == ("phase_diagram.png" if name == "phase" else f"{name}.png")
    with Image.open(path) as image:
        about = image.info
    frame = diagram_frame(sweep)
    assert about["Data hash"].startswith(diagram.data_hash(frame))
    assert about["Kind"] == name and about["Sweep"] == "little" and about["Description"]
    assert about["Rule"].startswith("First crossing") and about["Software"].startswith("phasegrok")
    assert about["Command"].startswith("phasegrok plot little")
    assert name == "phase" or f"--kind {name}" in about["Command"]


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
        "contact_sheet.png", "contact_sheet.pdf"
    ]  # fmt: skip
    assert "left out" in said.err and "none holds no finished run yet" in said.err
    with Image.open(tmp_path / "contact_sheet.png") as image:
        assert image.info["Sweep"] == "one, three, two"
        assert "3 sweeps" in image.info["Description"]
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
