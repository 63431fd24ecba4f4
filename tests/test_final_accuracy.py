"""The rule of final accuracies (Doshi et al. 2023): every row of its table and every edge."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from phasegrok import InputError, Rule, classify
from phasegrok.phases import (
    CLASSIFY_COLUMNS,
    KINDS,
    PHASES,
    decide_final,
    full_below,
    needed,
    phase_of,
)
from phasegrok.store.schema import result_schema
from phasegrok.store.tables import labels

RULE = Rule(name="final_accuracy")
NAN = float("nan")


def ended(train: Any, val: Any, noise: Any = 0.35, **more: Any) -> dict[str, Any]:
    """A run that trained to the end of its budget, with the accuracies there."""
    best = max(val, 0.5) if val is not None else None
    return {"train_acc": train, "val_acc": val, "max_val_acc": best, "task.label_noise": noise,
            "status": "finished", "steps": 400, "budget": 400, **more}  # fmt: skip


def phase(*args: Any, **more: Any) -> str:
    """What one row says, and that a table of it says the same."""
    row = ended(*args, **more)
    rule = Rule(name="final_accuracy", budget=more.pop("by", None))
    found = phase_of(row, rule)
    assert classify(pd.DataFrame([row]), rule).tolist() == [found]
    return found


@pytest.mark.parametrize(
    ("train", "val", "best", "expected"),
    [
        (0.978, 0.983, 0.983, "coexistence"),  # weight decay 0, the published notebooks
        (0.786, 1.0, 1.0, "partial inversion"),  # 5
        (0.654, 1.0, 1.0, "full inversion"),  # 15
        (0.009, 0.011, 0.9996, "forgetting"),  # 20
        (1.0, 0.3, 0.3, "memorization"),
        (1.0, 0.3, 1.0, "memorization"),
        (0.5, 0.3, 0.8999, "confusion"),
    ],
)
def test_a_run_with_a_third_of_its_labels_wrong_is_in_the_published_phase(
    train: float, val: float, best: float, expected: str
) -> None:
    assert phase(train, val, max_val_acc=best) == expected


@pytest.mark.parametrize(
    ("noise", "of_80", "of_88", "of_90", "of_98"),
    [
        (0, "full inversion", "full inversion", "coexistence", "coexistence"),
        (None, "full inversion", "full inversion", "coexistence", "coexistence"),
        (0.05, "full inversion", "full inversion", "coexistence", "coexistence"),
        (0.1, "full inversion", "full inversion", "coexistence", "coexistence"),
        (0.15, "full inversion", "full inversion", "coexistence", "coexistence"),
        (0.17, "full inversion", "partial inversion", "coexistence", "coexistence"),
        (0.2, "full inversion", "partial inversion", "coexistence", "coexistence"),
        (0.25, "partial inversion", "partial inversion", "coexistence", "coexistence"),
    ],
)
def test_with_little_noise_coexistence_is_asked_first_and_nothing_is_partial(
    noise: float | None, of_80: str, of_88: str, of_90: str, of_98: str
) -> None:
    found = [phase(train, 1.0, noise) for train in (0.8, 0.88, 0.9, 0.98)]
    assert found == [of_80, of_88, of_90, of_98]


@pytest.mark.parametrize("total", [20, 100, 1849, 4704, 9409])
@pytest.mark.parametrize("noise", [0.1, 0.15, 0.2, 0.3, 0.35, 0.55, 0.7, 0.8])
def test_thresholds_are_exact_counts_of_right_answers(noise: float, total: int) -> None:
    enough = needed(0.9, total)
    below = phase((enough - 1) / total, 1.0, noise)
    assert below.endswith("inversion")
    assert phase(enough / total, 1.0, noise) == "coexistence"
    assert phase(enough / total, (enough - 1) / total, noise) == "memorization"
    partial = -(-total * (105 - round(100 * noise)) // 100)  # in whole numbers, rounded up
    if partial < enough:
        assert phase(partial / total, 1.0, noise) == "partial inversion"
    assert phase((min(partial, enough) - 1) / total, 1.0, noise) == "full inversion"


def test_the_limit_of_full_inversion_is_the_nearest_float_to_the_decimals() -> None:
    assert [full_below(noise, 0.05) for noise in (0.15, 0.35, 0.1 + 0.2)] == [0.9, 0.7, 0.75]
    assert 1.05 - 0.35 != 0.7  # as floats subtract


@pytest.mark.parametrize("best, expected", [(0.9, "forgetting"), (0.8999, "confusion")])
def test_forgetting_is_told_from_confusion_by_the_best_validation_accuracy(
    best: float, expected: str
) -> None:
    assert phase(0.5, 0.5, max_val_acc=best) == expected
    assert phase(0.5, 0.5, max_val_acc=None) == "undecided"
    assert phase(0.95, 0.5, max_val_acc=None) == "memorization"  # which does not ask


def test_a_run_that_diverged_has_lost_what_it_knew() -> None:
    early = {"status": "diverged", "steps": 30}
    assert phase(1.0, 1.0, max_val_acc=1.0, **early) == "forgetting"
    assert phase(1.0, 1.0, max_val_acc=0.2, **early) == "confusion"
    assert phase(NAN, None, max_val_acc=0.2, **early) == "confusion"
    assert phase(1.0, 1.0, max_val_acc=1.0, by=1000, **early) == "forgetting"
    assert phase(1.0, 1.0, max_val_acc=1.0, by=29, **early) == "undecided"


def test_a_run_that_does_not_end_with_the_budget_does_not_answer() -> None:
    stopped = {"status": "decided", "steps": 200}
    assert phase(1.0, 1.0, **stopped) == "undecided"
    assert phase(1.0, 1.0, by=200, **stopped) == "coexistence"
    assert phase(1.0, 1.0, status="decided") == "coexistence", "stopped at the very end"
    assert phase(1.0, 1.0, by=200) == "undecided", "what it was at step 200 is not kept"
    assert phase(1.0, 1.0, by=800) == "undecided"
    assert phase(1.0, 1.0, budget=None) == "coexistence"


@pytest.mark.parametrize(
    "unknown", [{"status": "failed"}, {"steps": None}, {"train_acc": NAN}, {"val_acc": None}]
)
def test_a_row_of_which_too_little_is_known_is_undecided(unknown: dict[str, Any]) -> None:
    assert phase(1.0, 1.0, **unknown) == "undecided"


def test_the_thresholds_and_the_slack_are_of_the_rule() -> None:
    row = ended(0.8, 0.7)
    assert phase_of(row, RULE) == "confusion"
    assert phase_of(row, Rule(0.8, 0.7, name="final_accuracy")) == "coexistence"
    assert phase_of(row, Rule(0.9, 0.7, name="final_accuracy")) == "partial inversion"
    assert phase_of(row, Rule(0.9, 0.7, name="final_accuracy", slack=0.2)) == "full inversion"
    assert phase_of(row, Rule(0.9, 0.8, name="final_accuracy")) == "confusion"


def test_each_rule_takes_only_the_numbers_that_it_reads() -> None:
    with pytest.raises(InputError, match="gap 20: the rule final_accuracy has no gap"):
        Rule(name="final_accuracy", gap=20)
    with pytest.raises(InputError, match=r"slack 0\.1: the rule first_crossing has no slack"):
        Rule(slack=0.1)
    with pytest.raises(InputError, match="there is first_crossing and final_accuracy"):
        Rule(name="last_crossing")


@pytest.mark.parametrize("rule", [Rule(0.8, 0.6, gap=7), Rule(0.8, 0.6, name="final_accuracy")])
def test_a_rule_survives_the_way_through_a_configuration(rule: Rule) -> None:
    assert Rule.from_config(rule.to_config()) == rule
    assert rule.to_config().keys() == {"name", *rule.kind.numbers}


def test_classify_names_the_columns_that_its_rule_lacks() -> None:
    crossings = pd.DataFrame({"train_step": [1], "val_step": [1], "steps": [9], "status": ["x"]})
    assert classify(crossings).tolist() == ["comprehension"]
    with pytest.raises(InputError, match="train_acc, val_acc, max_val_acc;"):
        classify(crossings, RULE)


# ------------------------------------------------------------------------------------- vocabulary


@pytest.mark.parametrize("name", KINDS)
def test_the_order_of_all_phases_keeps_that_of_each_rule(name: str) -> None:
    assert [phase for phase in PHASES if phase in KINDS[name].phases] == list(KINDS[name].phases)


def test_every_phase_is_of_a_rule_and_every_decision_one_of_its_phases() -> None:
    assert {phase for kind in KINDS.values() for phase in kind.phases} == set(PHASES)
    names = ("fitted", "generalised", "full", "before")
    cases = itertools.product((False, True), repeat=4)
    found = {decide_final(**dict(zip(names, case, strict=True))) for case in cases}
    assert found == set(KINDS["final_accuracy"].phases)


# ------------------------------------------------------------------------------------- many at once

ROWS = pa.schema([field for field in result_schema({}) if field.name in CLASSIFY_COLUMNS])


@pytest.fixture(scope="module")
def rows_of_every_kind() -> list[dict[str, Any]]:
    told = {
        "train_acc": (None, 0.3, 0.7, 0.85, 0.9, 1.0),
        "val_acc": (None, 0.2, 0.95),
        "max_val_acc": (None, 0.2, 0.95),
        "steps": (None, 200, 2000),
        "status": ("decided", "finished", "diverged", "failed"),
        "budget": (None, 2000),
        "task.label_noise": (None, 0.0, 0.15, 0.35),
    }
    rows = [dict(zip(told, values, strict=True)) for values in itertools.product(*told.values())]
    crossed = {"train_step": 100, "val_step": None, "train_steps": None, "val_steps": None}
    return [row | crossed for row in rows]


@pytest.mark.parametrize(
    "rule",
    [
        Rule(train, val, budget=budget, name="final_accuracy", slack=slack)
        for train, val in ((0.9, 0.9), (0.85, 0.95))
        for budget in (None, 200, 2000)
        for slack in (0.05, 0.2)
    ],
    ids=str,
)
def test_a_table_of_rows_gets_the_phases_that_its_rows_get(
    rows_of_every_kind: list[dict[str, Any]], rule: Rule
) -> None:
    one_by_one = [phase_of(row, rule) for row in rows_of_every_kind]
    assert set(one_by_one) > {"undecided", "forgetting", "coexistence", "memorization"}
    assert classify(pd.DataFrame(rows_of_every_kind), rule).tolist() == one_by_one
    table = pa.Table.from_pylist(rows_of_every_kind, schema=ROWS)
    assert labels(table, rule).to_pylist() == one_by_one
