"""The words of pictures of neurons: whom they leave out, and why."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phasegrok.diagram import lay_out
from phasegrok.diagram.neurons import ipr_picture, pruning_picture


def neurons(*ratios: float, why: str = "") -> pd.DataFrame:
    return pd.DataFrame({"ipr": ratios, "why": np.where(np.isnan(ratios), why, "")})


def test_neurons_that_faded_are_told_from_those_of_runs_that_diverged() -> None:
    faded, diverged = neurons(0.5, np.nan, why="faded"), neurons(0.3, *[np.nan] * 9, why="diverged")
    shown = ipr_picture([("a", faded), ("b", diverged)]).shows
    assert shown.endswith(
        "mean 0.50, 0.30. Left out: 1 neuron of which a weight vector is zero and 9 neurons of "
        "runs that diverged"
    )
    assert ipr_picture([("a", neurons(0.5))]).shows.endswith("mean 0.50")


def test_a_cell_without_any_ratio_says_so_in_its_panel_and_in_words() -> None:
    picture = ipr_picture([("a", neurons(np.nan, why="diverged"))])
    assert picture.alt.endswith("Mean none (no neuron has a ratio).")
    assert "nan" not in picture.alt + picture.shows
    words = [text.get_text() for text in lay_out(picture, "Words.").subfigs[0].axes[0].texts]
    assert "no neuron" in words


def test_runs_that_diverged_are_counted_where_they_have_no_line() -> None:
    table = pd.DataFrame({"run_id": ["a", "b"], "order": "lowest", "removed": 0.0,
                          "train_acc": [1.0, np.nan], "val_acc": [0.5, np.nan],
                          "corrupted_acc": np.nan, "clean_acc": np.nan})  # fmt: skip
    assert pruning_picture(table, "x").shows.endswith("; 1 run diverged and has none")
    assert pruning_picture(table.iloc[:1], "x").shows.endswith("a line for each seed")
