"""Final weights that are asked for are kept whole, once, and wherever a run's row goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import phasegrok
from phasegrok import InputError
from phasegrok.config import compose
from phasegrok.plan import describe, prepare
from tests.sweeping import finished
from tests.test_extend import TINY, trained

# 4 runs.
FEW = (*TINY, "sweep.x.num=2", "train.steps=40", "train.stop_when_decided=false")
KEPT = (*FEW, "store.weights=final")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sweeps") / "kept"
    assert finished([*KEPT, f"out={out}"]) == 0
    return out


def test_the_weights_of_every_run_are_those_it_was_measured_with(out: Path) -> None:
    frame = phasegrok.load(out).set_index("run_id")
    found = phasegrok.load_weights(out)
    assert found.keys() == set(frame.index)
    for run_id, arrays in found.items():
        assert {name: array.shape for name, array in arrays.items()} == {
            "left": (13, 64), "right": (13, 64), "readout": (64, 13)
        }  # fmt: skip
        assert all(array.dtype == np.float32 for array in arrays.values())
        norm = np.sqrt(sum((array.astype(float) ** 2).sum() for array in arrays.values()))
        assert norm == pytest.approx(frame.loc[run_id, "weight_norm"], rel=1e-5)
    last, first = list(found)[-1], next(iter(found))
    assert list(phasegrok.load_weights(out, [last, first])) == [last, first]
    assert not list((out / "weights").glob(".*")), "nothing is left of writing"


def test_a_sweep_asked_again_trains_nothing_and_keeps_its_weights(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted((out / "weights").iterdir())
    for arguments in (KEPT, FEW):
        assert trained([*arguments, f"out={out}"], monkeypatch) == (0, 0)
    assert sorted((out / "weights").iterdir()) == before


def test_runs_stored_without_weights_train_again_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "alone" / "bare"
    assert trained([*FEW, f"out={bare}"], monkeypatch)[0] == 4
    before = phasegrok.load(bare).set_index("run_id")
    with pytest.raises(InputError, match=r"no weights of 1 of 1 runs .*store\.weights=final"):
        phasegrok.load_weights(bare, before.index[:1])
    assert phasegrok.load_weights(bare) == {}
    asked = [*KEPT, f"out={bare}"]
    planned = prepare(compose([*asked, "dry_run=true"]))
    assert "4 runs trained again: their weights were not kept" in describe(planned)
    assert trained(asked, monkeypatch)[0] == 4
    again = phasegrok.load(bare).set_index("run_id")
    assert again["val_loss"].equals(before["val_loss"].loc[again.index])
    assert len(phasegrok.load_weights(bare)) == 4


def test_a_file_that_is_gone_is_told_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [*KEPT, f"out={tmp_path / 'alone' / 'hurt'}"]
    hurt = tmp_path / "alone" / "hurt"
    assert trained(asked, monkeypatch)[0] == 4
    for path in (hurt / "weights").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"gone or damaged .*ask the sweep again"):
        phasegrok.load_weights(hurt)
    for path in (hurt / "weights").iterdir():
        path.unlink()
    assert trained(asked, monkeypatch)[0] == 4
    assert len(phasegrok.load_weights(hurt)) == 4


def test_reused_runs_bring_their_weights_only_where_these_are_asked_for(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, arguments, kept in (("with", KEPT, 4), ("without", FEW, 0)):
        beside = out.parent / name
        assert trained([*arguments, f"out={beside}"], monkeypatch) == (0, 0)
        found = phasegrok.load_weights(beside)
        assert len(found) == kept
        original = phasegrok.load_weights(out, found)
        assert all(
            np.array_equal(array, original[run_id][key])
            for run_id, arrays in found.items()
            for key, array in arrays.items()
        )


def test_an_unknown_run_is_told_from_one_without_weights(out: Path) -> None:
    with pytest.raises(InputError, match="has no run 0000; ids are in the column run_id"):
        phasegrok.load_weights(out, ["0000"])


def test_what_is_kept_is_none_or_final(tmp_path: Path) -> None:
    from phasegrok.config import check

    with pytest.raises(InputError, match=r"store\.weights = all: must be none, or final"):
        check(compose(["+sweep=quick", "store.weights=all", f"out={tmp_path}"]))
