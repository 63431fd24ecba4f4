"""The functions behind the claims of the studies, on data with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import plain_cells
from tests import claim_values as values
from tests import claims

NAN = float("nan")

# Published (counted from 0, 99999 is never) and ours: learning rate, decay, train, val, phase.
PUBLISHED = [
    (1e-4, 0, 99, 199, "comprehension"),
    (1e-4, 5, 999, 4999, "grokking"),
    (1e-3, 0, 499, 99999, "memorization"),
    (1.584893192461e-3, 5, 99999, 99999, "confusion"),
]
OURS = [
    (1e-4, 0, 100, 200, "comprehension"),
    (1e-4, 5, 1010, 5200, "grokking"),  # the second step is 4 % late
    (1e-3, 0, 500, 90_000, "grokking"),  # the published never is reached
    (1.58489319246e-3, 5, NAN, NAN, "confusion"),
]


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    names = ["decoder_lr", "decoder_wd", "train_step", "test_step", "phase"]
    pd.DataFrame(PUBLISHED, columns=names).to_csv(tmp_path / "published.csv", index=False)
    names = ["optim.lr", "optim.weight_decay", "train_step", "val_step", "phase"]
    return tmp_path, pd.DataFrame(OURS, columns=names)


def replayed(folder: Path, *rows: tuple) -> None:
    names = ["optim.lr", "optim.weight_decay", "way", "train_step", "val_step", "steps", "phase"]
    pd.DataFrame(rows, columns=names).to_csv(folder / "replays.csv", index=False)


def test_agreement_is_of_all_cells_and_of_all_crossings(study) -> None:
    assert values.phase_agreement(*study) == 3 / 4
    # Six crossings on one side or both: one late, one that only we have.
    assert values.step_agreement(*study) == 4 / 6
    assert values.disagreements(*study).index.tolist() == ["0.0001/5", "0.001/0"]


@pytest.mark.parametrize("phase", [None, "failed", "undecided"])
def test_a_published_cell_without_a_result_of_ours_agrees_in_nothing(study, phase) -> None:
    folder, frame = study
    # The cell that neither side fits, and whose plain trainings would forgive anything.
    rows = ("one thread", 9, 99, 99, "grokking"), ("reversed", NAN, NAN, 100_000, "confusion")
    replayed(folder, *((1.584893192461e-3, 5, *row) for row in rows))
    frame = frame[:3] if phase is None else frame.assign(phase=[*frame["phase"][:3], phase])
    for forgiving in (False, True):
        assert values.phase_agreement(folder, frame, forgive_rounding=forgiving) == 2 / 4
        assert values.step_agreement(folder, frame, forgive_rounding=forgiving) == 4 / 8
    assert "0.00158489/5" in values.disagreements(folder, frame).index


def test_a_cell_of_ours_that_was_not_published_is_not_compared(study) -> None:
    folder, frame = study
    more = frame[:1].assign(**{"optim.lr": 0.5})
    assert values.phase_agreement(folder, pd.concat([frame, more])) == 3 / 4


def test_without_plain_trainings_no_disagreement_is_rounding(study) -> None:
    assert values.phase_agreement(*study, forgive_rounding=True) == 3 / 4
    assert values.step_agreement(*study, forgive_rounding=True) == 4 / 6


def test_a_cell_that_flips_with_rounding_alone_is_forgiven_and_no_other(study) -> None:
    folder, frame = study
    replayed(
        folder,
        (1e-4, 5, "one thread", 1000, 5000, 5000, "grokking"),
        (1e-4, 5, "reversed", 1000, 5050, 5050, "grokking"),
        (1e-3, 0, "one thread", 500, NAN, 100_000, "memorization"),
        (1e-3, 0, "reversed", 500, 80_000, 80_000, "grokking"),
    )
    assert values.phase_agreement(folder, frame, forgive_rounding=True) == 1
    assert values.step_agreement(folder, frame, forgive_rounding=True) == 5 / 6


def test_a_plain_training_that_was_stopped_once_it_had_fitted_tells_nothing_more(study) -> None:
    folder, frame = study
    replayed(
        folder,
        (1e-4, 5, "one thread", 1000, 5000, 5000, "grokking"),
        (1e-4, 5, "reversed", 1020.0, NAN, 1020, None),
        (1.584893192461e-3, 5, "one thread", NAN, NAN, 100_000, "confusion"),
    )
    # Whether it would have generalised is not known, and so does not forgive the late step.
    assert values.step_agreement(folder, frame, forgive_rounding=True) == 4 / 6
    words = [claims.rounding_words(claims.Study(folder), cell) for cell in
             ("0.0001/5", "0.00158489/5", "0.001/0")]  # fmt: skip
    assert words == [
        "one thread: grokking, 1000, 5000; reversed: fitted at 1020, not followed further",
        "one thread: confusion, never, never",
        "not yet",
    ]


def test_float64_is_told_and_forgives_nothing(study) -> None:
    folder, frame = study
    replayed(
        folder,
        (1e-3, 0, "one thread", 500, NAN, 100_000, "memorization"),
        (1e-3, 0, "reversed", 500, NAN, 100_000, "memorization"),
        (1e-3, 0, "float64", 500, 80_000, 80_000, "grokking"),
    )
    assert values.phase_agreement(folder, frame, forgive_rounding=True) == 3 / 4


def test_the_order_along_an_axis_tells_neighbours_once(study) -> None:
    folder, frame = study
    assert values.order_along(folder, frame, "optim.lr", {"optim.weight_decay": [0]}) == "CG"
    assert values.order_along(folder, frame, "optim.weight_decay", {"optim.lr": [1e-4]}) == "CG"


@pytest.mark.parametrize("phase", ["val_only", "inversion", "undecided", "failed", None])
def test_a_phase_that_is_none_of_the_four_has_a_place_in_the_order_and_agrees_with_none(
    study, phase
) -> None:
    folder, frame = study
    frame = frame.assign(phase=[*frame["phase"][:2], phase, "confusion"])
    assert values.order_along(folder, frame, "optim.lr", {"optim.weight_decay": [0]}) == "C?"


def law() -> pd.DataFrame:
    """Steps that go as lr^-1 decay^-0.5, and a fit at 10."""
    lr, decay = np.meshgrid([0.001, 0.01, 0.1], [0.1, 1.0, 10.0])
    steps = 10 / (lr.ravel() * decay.ravel() ** 0.5)
    frame = pd.DataFrame({"optim.lr": lr.ravel(), "optim.weight_decay": decay.ravel()})
    frame["model.init_scale"] = 3.0
    frame["train_step"], frame["val_step"] = 10.0, steps
    return frame


def test_exponents_are_those_of_a_power_law_that_the_budget_cuts_off() -> None:
    frame = pd.concat([law()] * 40)
    steps = frame["val_step"] * np.random.default_rng(0).lognormal(sigma=0.3, size=len(frame))
    # Decays of 10 follow no law, and what is not reached in 3000 steps is not seen.
    steps[frame["optim.weight_decay"] == 10] = 50.0
    seen = steps <= 3000
    frame = frame.assign(val_step=steps.where(seen), steps=steps.where(seen, 3000), budget=3000)
    frame["status"] = np.where(seen, "decided", "finished")
    names = ["optim.lr", "optim.weight_decay"]
    options = {"against": names, "where": "`optim.weight_decay` <= 2"}
    found = [values.exponent(Path(), frame, of=name, **options) for name in names]
    assert 0.2 < 1 - float(seen.to_numpy().mean()) < 0.4
    assert found == pytest.approx([-1, -0.5], abs=0.05)


def test_rank_correlation_within_a_column_forgets_what_differs_between_its_values() -> None:
    at = pd.Series(range(1, 11), dtype=float)
    easy = pd.DataFrame({"optim.weight_decay": at, "val_step": 100 - at, "fraction": 0.8})
    # Few data need more decay and more steps.
    hard = pd.DataFrame({"optim.weight_decay": at + 9, "val_step": 900 - at, "fraction": 0.4})
    runs = pd.concat([easy, hard]).assign(train_step=1.0)
    options = {"of": "optim.weight_decay", "against": "val_step"}
    assert values.rank_correlation(Path(), runs, **options) > 0
    assert values.rank_correlation(Path(), runs, **options, within="fraction") == pytest.approx(-1)


def test_a_fit_that_never_comes_is_later_than_any() -> None:
    runs = law()
    assert values.fit_ratio(Path(), runs) == 1
    never = (runs["optim.weight_decay"] == 1) & (runs["optim.lr"] < 0.1)
    unfitted = runs.assign(train_step=runs["train_step"].mask(never))
    assert values.fit_ratio(Path(), unfitted) == np.inf
    options = {"over": {"optim.weight_decay": [1.0]}, "under": {"optim.weight_decay": [10.0]}}
    assert values.median_ratio(Path(), unfitted, of="train_step", **options) == np.inf


def test_the_share_of_a_phase_is_among_the_phases_named_and_of_known_runs_alone() -> None:
    phases = ["comprehension", "grokking", "memorization", "confusion", "comprehension", "failed"]
    runs = pd.DataFrame({"phase": phases, "at": [1, 1, 1, 1, 2, 2]})
    options = {"phase": "comprehension", "among": ["comprehension", "grokking", "memorization"]}
    assert values.phase_share(Path(), runs, where="at == 1", **options) == pytest.approx(1 / 3)
    assert np.isnan(values.phase_share(Path(), runs, where="at == 2", **options))


def test_shares_and_medians_of_some_runs_against_others() -> None:
    runs = law().assign(task=["a", "b", "b"] * 3)
    runs.loc[runs["task"] == "a", "val_step"] = NAN
    assert values.generalising(Path(), runs, at={"task": ["b"]}) == 1
    assert (
        values.generalising(Path(), runs, at={"task": ["a"]}, less={"task": ["a", "b"]}) == -2 / 3
    )
    options = {"over": {"optim.lr": [0.001]}, "under": {"optim.lr": [0.1]}}
    assert values.median_ratio(Path(), law(), of="val_step", **options) == pytest.approx(100)


@pytest.mark.parametrize("rate", [0.001, 0.1])
@pytest.mark.parametrize("lost", [NAN, np.inf])
def test_a_run_that_diverged_leaves_a_ratio_of_losses_without_a_value(rate, lost) -> None:
    runs = law().assign(val_loss=law()["optim.lr"])
    options = {"over": {"optim.lr": [0.001]}, "under": {"optim.lr": [0.1]}}
    assert values.median_ratio(Path(), runs, of="val_loss", **options) == pytest.approx(0.01)
    diverged = (runs["optim.lr"] == rate) & (runs["optim.weight_decay"] == 1)
    runs.loc[diverged, "val_loss"] = lost
    assert np.isnan(values.median_ratio(Path(), runs, of="val_loss", **options))


def toy() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "task.train_fraction": [0.1818, 0.8182, 0.8182],
            "optim.lr": [1e-4, 1e-4, 1e-3],
            "train_acc": [1.0, 1.0, 0.0],
            "val_acc": [0.2, 0.9, 0.5],
            "ideal_val_acc": [0.2, 1.0, 0.4],
            "predicted_val_acc": [0.0, 0.8, 1.0],
            "rqi": [0.1, 0.96, 1.0],
        }
    )


@pytest.mark.parametrize(
    "null, value",
    [
        ("rqi", lambda runs: values.structured(Path(), runs, 1e-4)),
        ("ideal_val_acc", lambda runs: values.within_ideal(Path(), runs)),
        ("predicted_val_acc", lambda runs: values.predicted_correlation(Path(), runs, 1e-4)),
        ("predicted_val_acc", lambda runs: values.predicted_difference(Path(), runs, 1e-4)),
    ],
)
def test_a_run_without_the_value_that_a_claim_needs_leaves_it_without_one(null, value) -> None:
    assert not np.isnan(value(toy()))
    assert np.isnan(value(toy().assign(**{null: [NAN, *toy()[null][1:]]})))
    assert np.isnan(value(toy().assign(**{null: NAN})))


def test_structure_and_accuracies_of_the_toy() -> None:
    runs = toy()
    predicted, measured = values.accuracies(runs, 1e-4)
    assert predicted.tolist() == pytest.approx([10 / 55, (45 + 8) / 55])
    assert measured.tolist() == pytest.approx([(10 + 9) / 55, (45 + 9) / 55])
    assert values.predicted_difference(Path(), runs, 1e-4) == pytest.approx((9 + 1) / 2 / 55)
    assert values.predicted_correlation(Path(), runs, 1e-4) == pytest.approx(1)
    assert values.structured(Path(), runs, 1e-4, most=20) == 0
    assert values.structured(Path(), runs, 1e-4, least=45) == 1
    assert values.within_ideal(Path(), runs) == pytest.approx(2 / 3)


def test_plain_trainings_go_as_far_as_the_doubt_and_begin_with_the_shortest(study) -> None:
    folder, frame = study
    late = pd.DataFrame([(3e-3, 2, 70_000, 99_999, "memorization")])
    published = pd.read_csv(folder / "published.csv")
    late.columns = published.columns
    pd.concat([published, late]).to_csv(folder / "published.csv", index=False)
    ours = frame.iloc[:1].assign(
        **{"optim.lr": 3e-3, "optim.weight_decay": 2, "train_step": 60_000, "val_step": NAN},
        phase="memorization",
    )
    found = plain_cells.in_doubt(folder, pd.concat([frame, ours]))
    both = ("train", "val")
    assert list(found.items()) == [("0.0001/5", both), ("0.003/2", ("train",)), ("0.001/0", both)]
