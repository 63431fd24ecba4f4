"""One of a thing is told as one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from phasegrok.__main__ import main
from phasegrok.sweep import main as sweep
from phasegrok.words import counted, counted_range

# A rate keeps its unit: 1 run-steps/s.
ONE_OF_SEVERAL = re.compile(
    r"\b1 (\w+ )?(runs|cells|seeds|packs|lanes|steps|run-steps|jobs)\b(?!/)"
)


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 steps"), (1, "1 step"), (1.0, "1 step"), (2, "2 steps"), (0.5, "0.5 steps"),
     (1_000_000, "1000000 steps"), ("1,000", "1,000 steps")],
)  # fmt: skip
def test_a_number_stands_before_its_word_in_the_right_number(
    number: float | str, words: str
) -> None:
    assert counted(number, "step") == words


def test_a_range_of_one_number_is_that_number() -> None:
    assert [counted_range(1, n, "run") for n in (1, 2)] == ["1 run", "1 to 2 runs"]


def test_a_sweep_of_one_run_is_told_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = ["sweep.x.values=[0.5]", "sweep.y.values=[1]", "sweep.y.scale=linear"]
    spaced = [f"sweep.{axis}.{key}=null" for axis in "xy" for key in ("low", "high", "num")]
    little = ["seeds=1", "train.steps=2", "train.eval_every=1", "phase.gap=1", "launch=inline"]
    assert sweep(["+sweep=quick", *axes, *spaced, *little, f"out={tmp_path / 'one'}"]) == 0
    told = capsys.readouterr().out
    assert "1 run: 0 done" in told and "1 pack of 1 lane, at most 2 run-steps;" in told
    assert "1 of 1 run: " in told
    assert main(["status", str(tmp_path / "one")]) == 0
    told += capsys.readouterr().out
    assert "1 run: 1 done" in told and "1 pack: 1 done" in told
    with Image.open(tmp_path / "one" / "phase_diagram.png") as image:
        told += " ".join(map(str, image.info.values()))
    assert "1 cell, 1 run." in told and "1 step or more after fitting" in told
    assert not ONE_OF_SEVERAL.search(told), told
