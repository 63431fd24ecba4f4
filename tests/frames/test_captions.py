"""What a figure says in words."""

from __future__ import annotations

from typing import Any

import pytest

from phasegrok.frames.captions import apart_text, caption, rule_text, second_rule_text
from phasegrok.frames.words import label
from phasegrok.phases import Rule
from tests.diagram.cases import X, Y, config_of, frame_of


def test_an_axis_has_the_words_of_the_field_or_its_own_key() -> None:
    assert label(X) == "training fraction" and label(Y) == "weight decay"
    assert label("model.init_scale") == "initialisation scale α"
    assert label("train.batch_size") == "batch size (examples)"
    assert label("optim.groups.embedding.lr") == "learning rate of embedding"
    assert label("model.options.knob") == "model.options.knob"


def test_the_caption_names_what_is_fixed_and_not_what_is_swept() -> None:
    config = config_of()
    config["optim"] = {**config["optim"], "groups": {"embedding": {"lr": 0.001}}}
    text = caption(frame_of(config), config, "0123456789ab")
    assert text.startswith(
        "little: x+y (modulus p = 23), quadratic_mlp (width = 128, initialisation scale α = 3), "
        "adamw (learning rate = 0.01, β = (0.9, 0.98), learning rate of embedding = 0.001), mse, "
        "full batch, float32. Budget 2000 steps, 24 runs; "
    )
    assert "training fraction" not in text and "weight decay" not in text
    assert "majority of seeds 0–1" in text and text.endswith("Data 0123456789ab.")


def test_the_caption_does_not_name_what_is_no_part_of_a_run() -> None:
    task = {"name": "qm9", "path": "/home/someone/qm9", "target": "mu", "train_fraction": 0.5}
    config = {**config_of(), "task": task}
    config["optim"] = {**config["optim"], "allow_overdecay": True}
    text = caption(frame_of(config), config)
    assert text.startswith("little: qm9 (target = mu), quadratic_mlp (")
    assert "overdecay" not in text


def test_a_norm_that_is_not_fixed_is_not_named() -> None:
    first, second = config_of(), config_of()
    frame = frame_of(first)
    second["optim"] = {**second["optim"], "fix_norm": False}
    assert caption(frame, second) == caption(frame, first)
    assert apart_text(frame, second, first).endswith("all else as in the first")
    first["optim"] = {**first["optim"], "fix_norm": True}
    assert "fixed weight norm = yes" in caption(frame, first)
    assert apart_text(frame, second, first).endswith("fixed weight norm = none")


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"name": "binary_operation", "operation": "x*y", "p": 23}, "x*y (modulus p = 23"),
        ({"name": "binary_operation", "operation": "mine:larger", "p": 23}, "mine:larger (p = 23"),
        ({"name": "liu2022_addition", "p": 10}, "liu2022_addition (p = 10"),
    ],
)
def test_p_is_called_a_modulus_only_where_it_is_one(task: dict[str, Any], words: str) -> None:
    config = {**config_of(), "task": {**task, "train_fraction": 0.5}}
    assert words in caption(frame_of(config), config)
    operations = {"param": "task.operation", "values": ["x+y", "mine:larger"]}
    config = config_of(row=operations)
    assert "modulus" not in caption(frame_of(config), config), "one of them may be no sum modulo p"


def test_the_caption_says_what_makes_each_phase_of_final_accuracies() -> None:
    text = rule_text(Rule(0.9, 0.95, name="final_accuracy"), 400)
    assert text.startswith("Final accuracies, at step 400: fitted at training accuracy ≥ 0.9, ")
    assert "validation accuracy ≥ 0.95. " in text and "below 1.05 − label noise, else" in text
    for word in ("Coexistence", "Inversion", "full", "partial", "Memorization", "Forgetting",
                 "Confusion", "diverged"):  # fmt: skip
        assert word in text
    assert "censored" not in text and "irst crossing" not in text
    varied = rule_text(Rule(name="final_accuracy"), 400, "accuracy")
    assert "at step 400: fitted and generalised at the accuracy above each map." in varied
    assert second_rule_text(Rule(name="final_accuracy"), 800) == "In the second: at step 800."
    gap = "In the second: 80 steps or more after fitting, within 800 steps."
    assert second_rule_text(Rule(gap=0.1), 800) == gap


def test_the_caption_states_the_rule_that_it_is_first_crossing_and_what_is_censored() -> None:
    text = rule_text(Rule(0.9, 0.95, 0.05), 2000)
    assert "First crossing" in text and "≥ 0.9," in text and "≥ 0.95." in text
    assert "100 steps or more after fitting" in text
    assert "not generalised within 2000 steps (censored)" in text


def test_the_caption_says_how_many_runs_failed_and_names_a_lone_seed() -> None:
    config = config_of()
    frame = frame_of(config)
    frame = frame.loc[frame["seed"] == 1].assign(status=["failed"] * 3 + ["finished"] * 9)
    assert "12 runs (3 failed); cells (counted in the legend) show seed 1." in caption(
        frame, config
    )


def test_the_caption_of_another_figure_says_what_it_shows_where_and_under_which_rule() -> None:
    config = config_of()
    shown = {"shows": "all of it.", "at": {Y: 0.01}, "judged": 70}
    text = caption(frame_of(config), config, **shown, rule=rule_text(Rule(), 70))
    assert (
        "Here weight decay = 0.01. Budget 2000 steps, judged as if it were 70, 24 runs of seeds "
        "0–1; all of it. First crossing: "
    ) in text
    assert "not generalised within 70 steps" in text and "majority" not in text
    text = caption(frame_of(config), config, "0123456789ab", **shown, rule="")
    assert text.endswith("Budget 2000 steps, 24 runs of seeds 0–1; all of it. Data 0123456789ab.")


def test_a_second_sweep_is_told_by_what_it_has_of_its_own() -> None:
    first, second = config_of(), config_of()
    frame = frame_of(first)
    same = "budget 2000 steps, 24 runs of seeds 0–1, all else as in the first"
    assert apart_text(frame, second, first) == same
    second["model"] = {**second["model"], "width": 64}
    second["train"] = {**second["train"], "steps": 4000, "batch_size": 512}
    text = apart_text(frame.loc[frame["seed"] == 1], second, first)
    assert text == ("budget 4000 steps, 12 runs of seed 1, width = 64, batch size = 512")


@pytest.mark.parametrize(
    ("varied", "words"),
    [
        ("budget", "not generalised within the budget above each map"),
        ("gap", "generalised the gap above each map or more after fitting"),
        ("accuracy", "First crossing: fitted and generalised at the accuracy above each map."),
    ],
)
def test_what_differs_from_map_to_map_is_said_above_each(varied: str, words: str) -> None:
    plain, text = rule_text(Rule(0.9, 0.9, 50), 700), rule_text(Rule(0.9, 0.9, 50), 700, varied)
    assert words in text and words not in plain
    assert text.count("above each map") == 1 and "above each map" not in plain
