"""Which cells are trained next: on made-up maps that answer at once."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.refine import (
    SHAPES,
    FullMap,
    asked,
    island_row,
    recorded,
    refined,
    row,
    synthetic,
)
from phasegrok import InputError, cells, refine
from phasegrok.config import compose
from phasegrok.config.refinement import settled
from phasegrok.lattice import Lattice, Point, default_start
from phasegrok.refine import Settings, Told
from tests.diagram.cases import config_of as config_of_store
from tests.diagram.cases import frame_of, stored

LATTICE = Lattice((3, 3), (2, 2))
PLAIN = Settings("test", seeds=(0, 1, 2), first=2, jump=10.0, probes=0.0)


def config_of(*overrides: str) -> dict:
    return compose(["+sweep=quick", "sweep.refine.method=dyadic", *overrides])


def everywhere(points: list[Point], phase: str = "a", seeds: int = 2) -> dict:
    return {point: {seed: Told(phase, 100.0) for seed in range(seeds)} for point in points}


# ---------------------------------------------------------------------------------------- lattice


@pytest.mark.parametrize(
    ("num", "start"), [(2, 2), (3, 3), (8, 5), (9, 9), (16, 9), (17, 17), (65, 17), (1000, 17)]
)
def test_the_coarse_lattice_is_the_largest_up_to_17_and_up_to_num(num: int, start: int) -> None:
    assert default_start(num) == start


def test_runs_have_the_ids_that_they_have_in_a_plain_sweep_of_the_fine_size() -> None:
    size = ("sweep.x.num=17", "sweep.y.num=9")
    plain = {(r.index["x"], r.index["y"], r.seed): r.run_id
             for r in cells.runs(compose(["+sweep=quick", *size]))}  # fmt: skip
    halved = config_of("sweep.x.num=9", "sweep.y.num=5", "sweep.refine.levels=1")
    assert Lattice.of(halved["sweep"]) == Lattice((9, 5), (1, 1))
    assert {(r.index["x"], r.index["y"], r.seed): r.run_id for r in cells.runs(halved)} == plain
    coarse = compose(["+sweep=quick", "sweep.x.num=9", "sweep.y.num=5"])
    for run in cells.runs(coarse):  # every second value is one of the coarse lattice, to the bit
        assert plain[2 * run.index["x"], 2 * run.index["y"], run.seed] == run.run_id


def test_a_size_that_no_lattice_has_becomes_the_next_larger_one() -> None:
    config = config_of("sweep.x.num=15", "sweep.y.num=40")
    assert Lattice.of(config["sweep"]).size == (17, 65)
    assert Lattice.of(config["sweep"]).start == (9, 17)
    assert settled(config) == config


def test_axes_of_different_depth_are_halved_as_often_as_each_can_be() -> None:
    lattice = Lattice((3, 2), (2, 0))
    assert lattice.size == (9, 2) and [lattice.spacing(n) for n in range(3)] == [
        (4, 1), (2, 1), (1, 1)]  # fmt: skip
    assert sorted(lattice.children(((0, 0), 0))) == [((0, 0), 1), ((2, 0), 1)]
    assert lattice.level_of((6, 1)) == 1 and lattice.half((6, 1)) == (1.0, 0.5)


# -------------------------------------------------------------------------------------- decisions


def test_the_first_round_is_the_coarse_lattice_with_as_many_seeds_as_make_a_majority() -> None:
    asked_for = refine.next_round({}, LATTICE, PLAIN, 0)
    assert asked_for == [(p, seed) for p in LATTICE.points(0) for seed in (0, 1)]


def test_where_all_agree_nothing_is_trained() -> None:
    assert not refine.next_round(everywhere(LATTICE.points(0)), LATTICE, PLAIN, 1)


def test_only_boxes_in_which_phases_differ_are_split() -> None:
    known = everywhere(LATTICE.points(0)) | everywhere([(0, 0)], "b")
    new = {point for point, _ in refine.next_round(known, LATTICE, PLAIN, 1)}
    assert new == {(2, 0), (0, 2), (2, 2), (4, 2), (2, 4)}


def test_a_point_on_the_border_of_a_coarse_box_splits_it_too() -> None:
    known = everywhere(LATTICE.points(0)) | everywhere([(0, 0)], "b")
    known |= everywhere([(2, 0), (0, 2), (2, 2), (2, 4)]) | everywhere([(4, 2)], "c")
    new = {point for point, _ in refine.next_round(known, LATTICE, PLAIN, 2)}
    assert {(6, 0), (6, 2), (6, 4), (8, 2)} <= new  # of the box beside it


def test_a_jump_of_the_generalisation_step_splits_and_no_factor_asked_for_does_not() -> None:
    known = everywhere(LATTICE.points(0)) | {(0, 0): {seed: Told("a", 2000.0) for seed in (0, 1)}}
    new = {point for point, _ in refine.next_round(known, LATTICE, PLAIN, 1)}
    assert len(new) == 5 and max(map(max, new)) == 4
    assert not refine.next_round(known, LATTICE, replace(PLAIN, jump=None), 1)


def test_seeds_that_disagree_get_the_others_first_and_their_boxes_are_split() -> None:
    known = everywhere(LATTICE.points(0)) | {(8, 8): {0: Told("a"), 1: Told("b")}}
    runs = refine.next_round(known, LATTICE, PLAIN, 1)
    assert runs[0] == ((8, 8), 2)
    assert {point for point, _ in runs[1:]} == {(6, 8), (8, 6), (6, 6), (4, 6), (6, 4)}


def test_failed_seeds_are_made_up_for_and_never_asked_again() -> None:
    known = everywhere(LATTICE.points(0)) | {(8, 8): {0: Told("a"), 1: Told(None)}}
    assert refine.next_round(known, LATTICE, PLAIN, 1) == [((8, 8), 2)]
    known[8, 8][2] = Told(None)
    assert not refine.next_round(known, LATTICE, PLAIN, 2)


def test_a_cap_is_kept_to_the_run_and_a_larger_one_goes_on() -> None:
    full = synthetic("disc", 0.01, size=33)
    free = sum(refined(full)[1])
    for cap in (578, 579, 900, free - 1):
        assert sum(refined(full, max_runs=cap)[1]) == cap
    assert sum(refined(full, max_runs=free)[1]) == free
    known, _, lattice = refined(full, max_runs=579)
    half_done = [point for point, told in known.items() if len(told) == 1]
    assert len(half_done) == 1
    more = refine.next_round(known, lattice, asked(full, max_runs=700)[1], 2)
    assert more[0] == (half_done[0], 1) and len(more) == 700 - 579


def test_probes_are_a_share_of_what_is_new_and_drawn_by_sweep_and_round_alone() -> None:
    probing = replace(PLAIN, probes=0.5)
    random.seed(1)
    np.random.seed(1)
    first = refine.next_round({}, LATTICE, probing, 0)
    random.seed(2)
    np.random.seed(2)
    assert refine.next_round({}, LATTICE, probing, 0) == first
    assert len({point for point, _ in first}) == 9 + 5
    assert refine.next_round({}, LATTICE, probing, 1) != first
    assert refine.next_round({}, LATTICE, replace(probing, name="other"), 0) != first
    assert not refine.next_round(everywhere(LATTICE.points(0)), LATTICE, probing, 1)


def test_a_probe_that_finds_another_phase_splits_its_box() -> None:
    known = everywhere(LATTICE.points(0)) | everywhere([(1, 3)], "island")
    new = {point for point, _ in refine.next_round(known, LATTICE, PLAIN, 1)}
    assert new == {(2, 0), (0, 2), (2, 2), (4, 2), (2, 4)}


def test_the_order_in_which_results_are_known_decides_nothing() -> None:
    known, _, lattice = refined(synthetic("disc", 0.01, size=33), max_runs=700)
    settings = asked(synthetic("disc", 0.01, size=33))[1]
    shuffled = dict(random.Random(3).sample(list(known.items()), len(known)))
    one, other = (refine.next_round(k, lattice, settings, 5) for k in (known, shuffled))
    assert one == other and one


# ------------------------------------------------------------------------------- how good maps are


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("noise", [0.0, 0.015])
def test_a_quarter_of_the_runs_gives_the_map(name: str, noise: float) -> None:
    told = row(synthetic(name, noise))
    assert told["of_full"] <= 0.25 and told["sure"] >= 0.99 and told["all"] >= 0.97


def test_islands_are_found() -> None:
    assert island_row()["found"] >= 0.95


def test_a_rebuilt_map_has_the_phase_of_every_cell_that_was_trained() -> None:
    full = synthetic("lines", 0.015, size=33)
    known, _, lattice = refined(full)
    rebuilt = refine.fine(refine.shown(known), lattice)
    assert all(rebuilt[point] == phase for point, phase in refine.shown(known).items())
    assert (rebuilt != None).all()  # noqa: E711


def test_a_finished_full_grid_is_a_map_to_simulate_on(tmp_path: Path) -> None:
    config = config_of_store()
    axes = {name: {**config["sweep"][name], "num": num} for name, num in (("x", 3), ("y", 5))}
    config["sweep"] |= axes
    full = recorded(stored(config, tmp_path / "full"))
    frame = frame_of(config)
    assert full.size == (3, 5) and sorted(full.phases) == [0, 1]
    told = [full.told((x, y), seed) for x, y in np.ndindex(3, 5) for seed in (0, 1)]
    assert [each.phase for each in told] == frame["phase"].tolist()
    assert [each.val_step or np.nan for each in told] == pytest.approx(
        frame["val_step"].astype(float).tolist(), nan_ok=True
    )
    assert row(full)["of_full"] <= 1


def test_a_grid_that_no_lattice_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"3 x 4 cells; give a full grid with 2\^k \+ 1"):
        recorded(stored(config_of_store(), tmp_path / "full"))


def test_a_map_of_other_sides_is_refined_too() -> None:
    phases = np.full((9, 33), "a", dtype=object)
    phases[:, 20:] = "b"
    full = FullMap("flat", {0: phases}, {0: np.full((9, 33), 5.0)})
    known, _, lattice = refined(full)
    assert lattice == Lattice((9, 17), (0, 1))
    assert (refine.fine(refine.shown(known), lattice) == phases).all()
