"""What `sweep.refine` may be, and the one sentence about what it may not."""

from __future__ import annotations

import pytest

from phasegrok import InputError
from phasegrok.config import check, compose
from phasegrok.lattice import Lattice

REFINE = ("+sweep=quick", "sweep.refine.method=dyadic")


def faults(*overrides: str) -> list[str]:
    arguments = [*REFINE, *overrides]
    try:
        check(compose(arguments), arguments)
    except InputError as error:
        return error.faults
    return []


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["sweep.y.values=[1,2,3]"], "sweep.y.values = [1, 2, 3]: a listed axis cannot be refined"),
        (
            ["sweep.x.param=model.name", "sweep.x.values=[mlp,quadratic_mlp]"],
            "sweep.x.values = [mlp, quadratic_mlp]: a listed axis cannot be refined",
        ),
        (["sweep.y.num=1", "sweep.y.high=0.2"], "sweep.y.num = 1: a refined map has two axes of 2"),
        (["sweep.y.zero=true"], "sweep.y.zero = true: nothing lies half way between 0"),
        (
            ["sweep.row={param: optim.lr, values: [0.01, 0.02]}"],
            "sweep.row: a refined map has the axes x and y alone",
        ),
        (["sweep.zip=[x,y]"], "sweep.zip: the axes of a refined map do not move together"),
        (["sweep.refine.start=4"], "sweep.refine.start = 4: must be 2, 3, 5, 9, 17, ..."),
        (["sweep.refine.start=[9,3]"], "start = [9, 3]: must not be above sweep.x.num = 4"),
        (["sweep.refine.first_seeds=3"], "first_seeds = 3: must not be above the number of seeds"),
        (
            ["sweep.refine.max_runs=17"],
            "max_runs = 17: the coarse lattice alone has 18 runs (3 x 3 cells, 2 seeds each)",
        ),
        (["sweep.refine.method=random"], "sweep.refine.method = random: must be dyadic"),
        (["sweep.refine.jump=1"], "sweep.refine.jump = 1: must be null or a number > 1"),
        (["sweep.refine.probes=5"], "sweep.refine.probes = 5: must be a number from 0 to 1"),
        (["sweep.refine.levels=0.5"], "sweep.refine.levels = 0.5: must be null (as num needs)"),
        (["sweep.refine.zigzag=3"], "sweep.refine.zigzag = 3: no such key; known here are method"),
        (["sweep.refine=true"], "sweep.refine = true: must be null or a mapping like"),
    ],
)
def test_one_sentence_says_what_is_wrong(overrides: list[str], words: str) -> None:
    found = faults(*overrides)
    assert len(found) == 1 and words in found[0], found


def test_all_faults_are_told_at_once() -> None:
    found = faults("sweep.y.values=[1,2]", "sweep.x.zero=true", "optim.lr=-1", "sweep.zip=[x,y]")
    assert len(found) >= 4


def test_every_key_left_out_has_its_default_written_and_the_axes_their_fine_size() -> None:
    config = compose([*REFINE, "sweep.x.num=20", "seeds=5"])
    check(config)
    assert config["sweep"]["x"]["num"] == 33 and config["sweep"]["y"]["num"] == 5
    assert config["sweep"]["refine"] == {
        "method": "dyadic", "start": [17, 3], "levels": None, "first_seeds": None, "jump": 10.0,
        "probes": 0.05, "max_runs": None,
    }  # fmt: skip
    assert Lattice.of(config["sweep"]) == Lattice((17, 3), (1, 1))


def test_a_sweep_that_says_nothing_of_it_is_not_refined() -> None:
    config = compose(["+sweep=quick"])
    assert "refine" not in config["sweep"] and config["sweep"]["x"]["num"] == 4
