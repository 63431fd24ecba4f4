"""`python -m phasegrok.sweep` itself: bad input is one message and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from phasegrok import plan
from phasegrok.config import compose, sweeps
from phasegrok.sweep import main

ROOT = Path(__file__).resolve().parents[1]
QUICK = "+sweep=quick"


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str
    left: list[str]
    """What the folder holds afterwards that was not there before."""


def command(folder: Path, *arguments: str, program=("-m", "phasegrok.sweep"), **env: str) -> Answer:
    """Runs the command in a folder, as a user would."""
    before = set(folder.rglob("*"))
    done = subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    left = sorted(str(path.relative_to(folder)) for path in set(folder.rglob("*")) - before)
    return Answer(done.returncode, done.stdout, done.stderr, left)


# ----------------------------------------------------------------------------------- bad input

BAD_INPUT = {
    "a misspelt axis": (
        [QUICK, "sweep.x.param=task.train_fracton"],
        ["sweep.x.param = task.train_fracton: no such key; did you mean task.train_fraction?"],
    ),
    "an axis of the wrong type": (
        [QUICK, "sweep.x.param=model.width", "sweep.x.values=[16,1.5]"],
        ["sweep.x: model.width = 1.5: must be a whole number >= 1"],
    ),
    "a train fraction outside (0, 1)": (
        [QUICK, "sweep.x.values=[0.5,1.0]"],
        ["sweep.x: task.train_fraction = 1.0: must be a number between 0 and 1, both excluded"],
    ),
    "division modulo a number that is not prime": (
        [QUICK, "task.operation=x/y", "task.p=22"],
        ["task.p = 22: x/y divides, so p must be prime; nearest: 19 or 23"],
    ),
    "too much decay": (
        [QUICK, "sweep.y.high=100"],
        [
            "optim.lr * optim.weight_decay is 1 or more in 4 of 16 cells, at most 2 (optim.lr = "
            "0.02, optim.weight_decay = 100): AdamW multiplies the weights by 1 minus that in "
            "every step, which erases them or flips their signs; lower one of the two, or set "
            "optim.allow_overdecay=true to run it all the same"
        ],
    ),
    "a swept key overridden": (
        [QUICK, "optim.weight_decay=3"],
        [
            "optim.weight_decay=3: optim.weight_decay is axis y of this sweep; use sweep.y, "
            "e.g. sweep.y.values=[3]"
        ],
    ),
    "an empty axis": (
        [QUICK, "sweep.y.values=[]"],
        ["sweep.y.values = []: is empty; an axis needs at least one value"],
    ),
    "a value twice": (
        [QUICK, "sweep.y.values=[1,2,1.0]"],
        ["sweep.y has the value 1 more than once; every value of an axis must differ"],
    ),
    "an unknown task": (
        [QUICK, "task=modular_adition"],
        ["task=modular_adition: there is no task modular_adition; did you mean modular_addition?"],
    ),
    "an unknown model": (
        [QUICK, "model=resnet"],
        ["model=resnet: there is no model resnet; there are liu2022_toy, "],
    ),
    "an unknown sweep": (
        ["+sweep=wd_vs_fraction"],
        ["+sweep=wd_vs_fraction: there is no sweep wd_vs_fraction; did you mean wd_vs_frac?"],
    ),
    "a misspelt key": (
        [QUICK, "optim.lrr=0.1"],
        ["optim.lrr = 0.1: no such key; did you mean optim.lr?"],
    ),
    "sweep without its plus": (
        ["sweep=quick"],
        ["sweep=quick: needs a plus, because no sweep is chosen by default: +sweep=quick"],
    ),
    "a bare name": (
        ["quick"],
        ["quick: is not of the form key=value; to ask that sweep, write +sweep=quick"],
    ),
    "Hydra's multirun": (
        ["-m", QUICK, "seeds=1,2"],
        ["-m/--multirun is not needed: a sweep file holds the whole grid; choose one with "],
    ),
    "an unknown flag": (
        [QUICK, "--dry-run"],
        ["unrecognized arguments: --dry-run; settings are given as key=value, "],
    ),
    "a folder that is not there": (
        ["--config-dir", "nowhere", QUICK],
        ["--config-dir nowhere: no such folder"],
    ),
    "several at once": (
        [QUICK, "optim.lrr=1", "task.p=0", "train.loss=mae", "model.width=no"],
        [
            "task.p = 0: must be a whole number >= 2",
            "model.width = no: must be a whole number >= 1",
            "optim.lrr = 1: no such key; did you mean optim.lr?",
            "train.loss = mae: must be mse or cross_entropy",
        ],
    ),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_answered_by_its_faults_and_exit_code_2(case, tmp_path):
    arguments, faults = BAD_INPUT[case]
    answer = command(tmp_path, *arguments)
    lines = answer.err.splitlines()
    assert answer.code == 2
    assert answer.out == ""
    assert len(lines) == len(faults), answer.err
    for fault in faults:
        assert any(line.startswith(f"phasegrok: {fault}") for line in lines), answer.err
    assert answer.left == []


def test_a_yaml_with_a_syntax_error_is_named_with_its_line(tmp_path):
    own = tmp_path / "mine" / "sweep" / "own.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(
        "# @package _global_\n# Why?\nsweep:\n  name: own\n  x: {param: optim.lr\n  y: 3\n"
    )
    answer = command(tmp_path, "--config-dir", "mine", "+sweep=own")
    assert answer.code == 2 and answer.left == []
    assert answer.err.startswith(f"phasegrok: {own}, line 6: is not valid YAML: ")
    assert answer.err.count("\n") == 1


def test_a_directory_that_holds_another_sweep_is_refused_with_the_difference(tmp_path):
    plan.prepare({**compose([QUICK]), "out": str(tmp_path / "kept")})
    answer = command(tmp_path, QUICK, "out=kept", "optim.lr=0.01")
    assert answer.code == 2 and answer.left == []
    assert "optim.lr: 0.02 there, 0.01 asked" in answer.err
    assert answer.err.count("\n") == 1


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    answer = command(tmp_path, QUICK, "out=file/answer")
    assert answer.code == 2 and answer.left == []
    assert "out=file/answer" in answer.err
    assert answer.err.count("\n") == 1


def test_a_traceback_is_shown_when_asked_for(tmp_path):
    assert "Traceback" not in command(tmp_path, "sweep=quick").err
    answer = command(tmp_path, "sweep=quick", PHASEGROK_DEBUG="1")
    assert answer.code != 0
    assert "Traceback" in answer.err and "InputError: sweep=quick" in answer.err


# ----------------------------------------------------------------- what is shown without training

HEAVY = "torch", "submitit", "seaborn", "matplotlib", "optuna", "pandas"
LOADED = (
    "import sys; from phasegrok.sweep import main; code = main(sys.argv[1:]); "
    "print('loaded', *sorted(m for m in {names!r} if m in sys.modules)); sys.exit(code)"
)


def loaded(folder: Path, names: tuple[str, ...], *arguments: str) -> list[str]:
    """Which of the modules the command imports for these arguments."""
    answer = command(folder, *arguments, program=("-c", LOADED.format(names=names)))
    assert answer.code == 0, answer.err
    assert answer.left == []
    return answer.out.splitlines()[-1].split()[1:]


def test_the_list_of_sweeps_loads_nothing_heavy(tmp_path):
    assert loaded(tmp_path, (*HEAVY, "hydra", "omegaconf")) == []


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--cfg", "job", QUICK], [QUICK, "dry_run=true"]]
)
def test_what_does_not_train_does_not_load_torch(tmp_path, arguments):
    assert loaded(tmp_path, HEAVY, *arguments) == []


def test_without_a_sweep_they_are_listed_with_their_questions(tmp_path):
    answer = command(tmp_path, COLUMNS="400")
    assert answer.code == 0 and answer.err == "" and answer.left == []
    for name, question in sweeps():
        assert f"  {name} " in answer.out and question in answer.out


def test_a_users_own_sweeps_are_listed_too(tmp_path):
    (tmp_path / "mine" / "sweep").mkdir(parents=True)
    (tmp_path / "mine" / "sweep" / "own.yaml").write_text(
        "# @package _global_\n# Whose?\nseeds: 1\n"
    )
    answer = command(tmp_path, "--config-dir", "mine")
    assert answer.code == 0
    assert "Whose?" in answer.out and "wd_vs_frac" in answer.out


def test_help_is_short_and_names_groups_and_examples(tmp_path):
    answer = command(tmp_path, "--help")
    assert answer.code == 0 and answer.left == []
    assert answer.out.count("\n") < 35
    assert "+sweep=wd_vs_frac dry_run=true" in answer.out
    assert "optim: adam, adamw, sgd" in answer.out
    assert "$" not in answer.out and "Hydra" not in answer.out


def test_cfg_job_shows_the_composed_config_and_then_its_faults(tmp_path):
    sound = command(tmp_path, QUICK, "--cfg", "job", "optim.lr=0.011")
    assert sound.code == 0 and sound.err == "" and "lr: 0.011" in sound.out
    unsound = command(tmp_path, QUICK, "--cfg", "job", "optim.lrr=1")
    assert unsound.code == 2 and "name: quick" in unsound.out
    assert "optim.lrr = 1: no such key" in unsound.err


def test_a_dry_run_shows_the_plan_and_writes_nothing(tmp_path):
    answer = command(tmp_path, QUICK, "dry_run=true")
    assert answer.code == 0 and answer.err == "" and answer.left == []
    assert "32 runs" in answer.out


def test_flags_and_overrides_come_in_any_order(tmp_path):
    (tmp_path / "mine").mkdir()
    first = command(tmp_path, "seeds=1", "--config-dir", "mine", QUICK, "dry_run=true")
    last = command(tmp_path, QUICK, "dry_run=true", "seeds=1", "--config-dir", "mine")
    assert first.code == last.code == 0 and first.out == last.out
    assert "16 runs" in first.out


def test_a_users_modules_beside_the_command_are_found(tmp_path):
    """Also by the console script, which does not put the current directory on the path."""
    (tmp_path / "own_ops.py").write_text("def double(x, y, p):\n    return (2 * x + y) % p\n")
    arguments = [QUICK, "dry_run=true", "task.operation=own_ops:double"]
    script = ("-P", "-c", "import sys; from phasegrok.sweep import main; sys.exit(main())")
    for program in (("-m", "phasegrok.sweep"), script):
        answer = command(tmp_path, *arguments, program=program)
        assert answer.code == 0, answer.err


def test_the_version_is_our_own(tmp_path, capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("phasegrok ")


def test_the_command_leaves_its_caller_as_it_was(tmp_path, monkeypatch, capsys):
    """A test, a notebook or another command may call it: arguments and environment stay."""
    monkeypatch.chdir(tmp_path)
    before = sys.argv[:], dict(os.environ)
    assert main([QUICK, "dry_run=true"]) == 0
    assert main([QUICK, "optim.lrr=1"]) == 2
    assert (sys.argv, dict(os.environ)) == before
    assert (
        capsys.readouterr().err == "phasegrok: optim.lrr = 1: no such key; did you mean optim.lr?\n"
    )
